"""The dashboard as a person uses it: in by a link, a fleet that comes by itself, a hub that dies, the keyboard."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.dashboard import LINK, Hub, Page, hub
from tests.browser.media_server import MediaServer, media_server
from tests.support.npm import install
from tests.support.services import program

pytestmark = [pytest.mark.browser, pytest.mark.npm]

CLIENT = Path(__file__).parents[2] / "compat/clients/dashboard"
WORKSPACE = "Mountain rescue"
PASSWORD = "seven-green-hills-and-a-lake"
DRONES = 4
ROW_NAMES = "[...document.querySelectorAll('.row-name')].map((name) => name.textContent)"


@pytest.fixture(scope="module")
def client() -> Path:
    """The packages that check and drive the dashboard."""
    install(CLIENT)
    return CLIENT


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    with media_server(tmp_path_factory.mktemp("video")) as made:
        yield made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, video: MediaServer) -> Iterator[Hub]:
    settings = {
        "OFH_RTMP_URL": "rtmp://127.0.0.1:1/live",
        "OFH_STREAM_VIEW_URL": f"{video.url}/live",
        "OFH_MEDIA_SERVER_SECRET": video.secret,
    }
    with hub(tmp_path_factory.mktemp("dashboard"), **settings) as made:
        video.hub_url = made.url
        yield made


@pytest.fixture(scope="module")
def page(client: Path, chromium: str) -> Iterator[Page]:
    opened = Page(client, chromium)
    yield opened
    opened.close()


def link(page: Page, state: str) -> None:
    """Wait until the header says how the line stands."""
    page.do("see", f".link[data-link='{state}']")


def is_clean(page: Page) -> None:
    """Nothing that axe knows keeps somebody out."""
    assert page.do("axe") == []


def test_the_modules_have_the_types_that_they_claim(client: Path) -> None:
    tsc = client / "node_modules/typescript/bin/tsc"
    done = subprocess.run([program("node"), tsc, "-p", "."], cwd=client, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_a_link_logs_in_once_and_leads_to_a_workspace_of_ones_own(running: Hub, page: Page) -> None:
    first = running.says(LINK)
    page.do("open", first)
    page.do("see", "h1", "Welcome")
    assert "login" not in page.do("told")["address"]
    is_clean(page)
    page.do("click", "link", "Set a password")
    page.do("fill", "New password", PASSWORD)
    is_clean(page)
    page.do("press", "Enter")
    page.do("see", ".toast", "Your password is set.")
    page.do("miss", ".notice")
    page.do("fill", "Name of the workspace", WORKSPACE)
    page.do("press", "Enter")
    page.do("see", ".fleet", "No aircraft yet")
    page.do("see", ".fleet", "Create a connection")
    link(page, "live")
    is_clean(page)
    page.do("run", "window.isTheSame = true")


def test_aircraft_appear_by_themselves(running: Hub, page: Page) -> None:
    (workspace,) = page.ask("{ workspaces { id } }")["workspaces"]
    made = page.ask(
        'mutation ($id: ID!) { createConnection(workspaceId: $id, name: "RC") { connectionId secret } }',
        id=workspace["id"],
    )["createConnection"]
    running.fly(made["connectionId"], made["secret"], drones=DRONES)
    page.do("until", f"document.querySelectorAll('[data-drone]').length === {DRONES}")
    page.do("until", f"document.querySelector('.rows').innerText.split('%').length === {DRONES + 1}")
    page.do("until", "document.querySelector('.maplibregl-canvas')")
    is_clean(page)


def test_the_keyboard_leads_everywhere(page: Page) -> None:
    page.do("run", "document.querySelector('a, button, input, select').focus()")
    assert page.do("run", "document.activeElement.textContent") == "Skip to the content"
    page.do("press", "Enter")
    assert page.do("run", "document.activeElement.id") == "main"
    page.do("run", "document.querySelector('.search input').focus()")
    page.do("press", *["Tab"] * 5)  # past the four filters, the list is one stop
    ids = page.do("run", "[...document.querySelectorAll('[data-drone]')].map((row) => row.dataset.drone)")
    at = "document.activeElement.dataset.drone"
    page.do("until", f"{at} === {ids[0]!r}")
    page.do("press", "ArrowDown")
    page.do("until", f"{at} === document.querySelectorAll('[data-drone]')[1].dataset.drone")
    page.do("press", "Home")
    page.do("until", f"{at} === document.querySelectorAll('[data-drone]')[0].dataset.drone")
    page.do("press", "Enter")
    page.do("see", ".panel")
    chosen = page.do("run", "document.querySelector('.panel').dataset.panel")
    assert page.do("told")["address"].endswith(f"/map/drone/{chosen}")
    for text in ("Above take-off", "Speed", "Battery", "Heading", "Last photos"):
        page.do("see", ".panel", text)
    is_clean(page)
    page.do("press", "Escape")
    page.do("miss", ".panel")
    page.do("until", f"{at} === {chosen!r}")


def test_search_order_and_states_choose_what_the_list_shows(page: Page) -> None:
    names = page.do("run", ROW_NAMES)
    page.do("fill", "Search name, serial, model", names[2].lower())
    page.do("until", "document.querySelectorAll('[data-drone]').length === 1")
    page.do("fill", "Search name, serial, model", "nothing is called so")
    page.do("click", "button", "Show all")
    page.do("choose", "Order by", "name")
    page.do("until", f"document.querySelectorAll('[data-drone]').length === {DRONES}")
    order = "new Intl.Collator('en', { numeric: true }).compare"
    page.do("until", f"{ROW_NAMES}.join() === {names}.sort({order}).join()")
    for name in ("Flying", "Lost", "Landed", "Offline"):
        page.do("run", f"document.querySelector('.filter[title={name}]').click()")
    page.do("see", ".empty", "No aircraft fits")
    page.do("click", "button", "Show all")
    page.do("until", f"document.querySelectorAll('[data-drone]').length === {DRONES}")


def test_units_language_and_theme_are_ones_own_and_stay(page: Page) -> None:
    page.do("run", "document.querySelector('[data-drone]').click()")
    page.do("see", ".panel", " m/s")
    page.do("click", "button", "Account and settings")
    page.do("check", "Imperial")
    page.do("check", "Deutsch")
    page.do("see", ".panel", " mph")
    page.do("see", ".panel", "Über Startpunkt")
    page.do("check", "Dunkel")
    assert page.do("run", "document.documentElement.dataset.theme + document.documentElement.lang") == "darkde"
    is_clean(page)
    for label in ("Metrisch", "English"):
        page.do("check", label)
    page.do("see", ".panel", " m/s")
    page.do("press", "Escape")
    page.do("size", 390, 844)
    is_clean(page)
    assert page.do("run", "document.documentElement.scrollWidth") == 390
    page.do("size", 1440, 900)


def test_video_is_shown_as_live_only_while_it_is(running: Hub, video: MediaServer, page: Page) -> None:
    state = "document.querySelector('[data-video]')?.dataset.video"
    way = "document.querySelector('[data-video]').dataset.way"
    picture = "document.querySelector('.video video')"
    grey = f"getComputedStyle({picture}.parentElement).filter"
    brightest = f"""(() => {{
        const pen = new OffscreenCanvas(32, 18).getContext('2d');
        pen.drawImage({picture}, 0, 0, 32, 18);
        return Math.max(...pen.getImageData(0, 0, 32, 18).data.filter((_, index) => index % 4 !== 3));
    }})()"""
    chosen = page.do("run", "document.querySelector('.panel').dataset.panel")
    video.begin()
    page.do("click", "button", "Start the stream")
    page.do("see", ".video", "Asking the controller")
    page.do("see", ".video [role=alert]", "The controller does not answer")  # a simulated one has no pictures

    # A pilot has it stream all the same.
    with sqlite3.connect(running.folder / "data/hub.db") as database:
        ((path, key),) = [row[0].split(".") for row in database.execute("SELECT stream_key FROM streams")]
    assert video.ask(action="publish", path=f"live/{path}", query=f"key={key}")
    page.do("run", "document.dispatchEvent(new Event('visibilitychange'))")  # as if one came back: it asks at once
    page.do("until", f"{state} === 'live' && {way} === 'hls' && {grey} === 'none'")
    assert page.do("run", f"{picture}.videoWidth") == 320
    page.do("until", f"{brightest} > 200")
    before = page.do("run", f"{picture}.currentTime")
    page.do("until", f"{picture}.currentTime > {before}")
    page.do("see", ".video-state", "s late")
    is_clean(page)

    video.signal(signal.SIGSTOP)
    page.do("until", f"{state} === 'stalled' && {grey}.includes('grayscale')")
    page.do("see", ".video-state", "s old")
    video.signal(signal.SIGCONT)
    page.do("until", f"{state} === 'live'")
    page.do("click", "button", "Pause")
    page.do("until", f"{state} === 'paused'")
    page.do("until", f"{picture}.readyState === 0")  # what is not watched is not loaded

    # By WebRTC where the server has it.
    page.do("press", "Escape")
    page.do("miss", ".panel")
    video.has_webrtc, video.has_hls = True, False
    page.do("beside", f"{video.url}/camera")
    page.do("run", f"document.querySelector('[data-drone=\"{chosen}\"]').click()")
    page.do("until", f"{state} === 'live' && {way} === 'whep' && {picture}.videoWidth === 320")
    page.do("until", f"{brightest} > 200")
    assert sum(video.sessions.values()) == 1
    page.do("press", "Escape")
    page.do("miss", ".panel")
    video.until(lambda: not any(video.sessions.values()))
    video.tell_end(f"live/{path}")
    page.do("run", f"document.querySelector('[data-drone=\"{chosen}\"]').click()")
    page.do("see", ".video", "does not stream at present")
    assert video.refusals == 0


def test_a_killed_hub_is_seen_and_its_return_needs_no_reload(running: Hub, page: Page) -> None:
    running.kill()
    link(page, "waiting")
    page.do("see", ".link", "No connection")
    assert page.do("count", "[data-drone]") == DRONES
    running.start()
    link(page, "live")
    page.do(
        "until", "document.querySelectorAll('.rows .age').length < document.querySelectorAll('[data-drone]').length"
    )
    assert page.do("count", "[data-drone]") == DRONES
    assert page.do("run", "window.isTheSame") is True


def test_a_session_that_ends_elsewhere_asks_to_log_in_and_goes_on_where_one_was(running: Hub, page: Page) -> None:
    page.ask("mutation { logout }")
    page.do("see", ".card", "Your session has ended.")
    is_clean(page)
    page.do("fill", "E-mail address", "admin@localhost")
    page.do("fill", "Password", "not-this-one-at-all")
    page.do("press", "Enter")
    page.do("see", "[role=alert]", "The e-mail address or the password is wrong.")
    page.do("fill", "Password", PASSWORD)
    page.do("press", "Enter")
    page.do("see", ".panel")
    link(page, "live")
    assert page.do("count", "[data-drone]") == DRONES


def test_a_reset_code_sets_a_new_password_and_too_many_wrong_ones_have_to_wait(running: Hub, page: Page) -> None:
    code = running.ofh("user", "reset-password", "admin@localhost")["reset_code"]
    page.do("click", "button", "Account and settings")
    page.do("click", "button", "Log out")
    page.do("click", "link", "Forgot the password, or never had one?")
    page.do("see", "h1", "A new password")
    is_clean(page)
    page.do("run", f"location.hash = 'reset={code}'")
    page.do("fill", "New password", f"{PASSWORD}-anew")
    assert code not in page.do("told")["address"]
    page.do("press", "Enter")
    page.do("see", ".toast", "Your new password holds.")
    page.do("fill", "E-mail address", "admin@localhost")
    page.do("fill", "Password", PASSWORD)
    for _ in range(12):
        page.send('mutation { login(username: "admin@localhost", password: "wrong-again") { user { id } } }')
    page.do("press", "Enter")
    page.do("see", ".problem", "Too many attempts. Try again after ")


def test_nothing_went_wrong_and_nobody_but_the_hub_and_its_media_server_was_asked(
    running: Hub, video: MediaServer, page: Page
) -> None:
    told = page.do("told")
    assert (told["console"], told["faults"]) == ([], [])
    assert told["loads"] == 1
    asked = [url for url in [*told["requests"], *told["sockets"]] if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(url).netloc for url in (running.url, video.url)}
