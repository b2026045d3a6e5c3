"""Administration as a person does it: a connection is made and comes online; what the hub refuses is said in words."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.dashboard import LINK, Hub, Page, hub
from tests.support.npm import install

pytestmark = [pytest.mark.browser, pytest.mark.npm]

CLIENT = Path(__file__).parents[2] / "compat/clients/dashboard"
KEPT = "JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + location.href + document.cookie"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("admin")) as made:
        yield made


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    install(CLIENT)
    opened = Page(CLIENT, chromium)
    yield opened
    opened.close()


def shown(page: Page, name: str) -> str:
    """A value that is there to be typed elsewhere."""
    text = page.do("run", f"document.querySelector('[data-value={name}]').textContent")
    assert isinstance(text, str)
    return text


def test_a_connection_is_made_and_its_controller_comes_in_step_by_step(running: Hub, page: Page) -> None:
    page.do("open", running.says(LINK))
    page.do("fill", "Name of the workspace", "Mountain rescue")
    page.do("press", "Enter")
    page.do("click", "link", "Administration")
    page.do("see", ".nothing", "No connections yet")
    assert page.do("axe") == []
    page.do("fill", "Name of the controller", "RC Plus, team south")
    page.do("press", "Enter")
    page.do("see", "[data-step=MQTT_LOGIN]")
    assert shown(page, "url") == f"{running.url}/pilot/"
    page.do("see", ".qr-room")
    assert page.do("axe") == []
    id, secret = shown(page, "id"), shown(page, "secret")
    assert page.do("count", "[data-state=OK]") == 0

    running.fly(id, secret, drones=1)
    for step in ("CREDENTIALS", "MQTT_LOGIN", "TOPOLOGY", "FIRST_REPORT"):
        page.do("see", f"[data-step={step}][data-state=OK]", "done")

    page.do("press", "Escape")
    page.do("see", ".handing [role=alert]", "This is not shown again.")
    page.do("click", "button", "Done")
    page.do("miss", "dialog")
    assert secret not in page.do("run", f"document.documentElement.outerHTML + {KEPT}")
    page.do("see", ".badge-online", "Online")
    assert page.do("axe") == []
    page.do("click", "link", "1581")
    page.do("see", ".panel", "1581")


def test_a_rule_raises_an_alert_that_is_seen_and_clears_with_the_rule(page: Page) -> None:
    page.do("click", "link", "Alerts")
    page.do("see", ".calm", "no alert stands")
    assert page.do("axe") == []
    page.do("click", "link", "Rules")
    page.do("see", "[data-rule]", "warns above 120 m, clears at 115 m")
    assert page.do("axe") == []
    page.do("click", "link", "New rule")
    page.do("choose", "Kind", "LOW_BATTERY")
    page.do("fill", "Name", "Any battery")
    page.do("fill", "Warns at (%)", "99")
    page.do("fill", "Clears once charged by so much more (%)", "5")
    page.do("press", "Enter")
    page.do("see", ".problem", "No battery is ever charged to more than 100 %")
    page.do("fill", "Clears once charged by so much more (%)", "1")
    page.do("press", "Enter")
    page.do("see", "[data-rule]", "warns at 99 %, clears at 100 %")
    page.do("see", ".tab-count", "1")
    page.do("run", "document.querySelector('.admin-nav a').click()")
    page.do("see", "[data-stands=true] .card-name", "The battery of ")
    assert page.do("axe") == []
    page.do("click", "button", "Acknowledge")
    page.do("see", "[data-stands=true]", "seen by ")
    page.do("miss", ".tab-count")
    page.do("click", "link", "Rules")
    page.do("see", "[data-rule]", "Any battery")
    page.do("run", "document.querySelector('[role=switch][aria-label^=Any]').click()")
    page.do("run", "document.querySelector('.admin-nav a').click()")
    page.do("see", "[data-stands=false]", "seen by ")
    page.do("see", ".calm", "no alert stands")


def test_an_area_is_typed_corner_by_corner(page: Page) -> None:
    page.do("click", "link", "Rules")
    page.do("click", "link", "New rule")
    page.do("choose", "Kind", "AREA")
    page.do("fill", "Name", "Airport")
    page.do("see", ".area-map canvas")
    for number, (latitude, longitude) in enumerate([(50.5, 9.9), (50.5, 9.91), (50.51, 9.905)], start=1):
        page.do("click", "button", "Add a corner")
        page.do("fill", f"Latitude of corner {number}, in degrees", str(latitude))
        page.do("fill", f"Longitude of corner {number}, in degrees", str(longitude))
    page.do("until", "document.querySelectorAll('.area-map .corner').length === 3")
    assert page.do("axe") == []
    page.do("press", "Enter")
    page.do("see", "[data-rule]", "no-fly zone of 3 corners")


def test_a_new_secret_ends_the_old_one_and_is_shown_once(page: Page) -> None:
    page.do("click", "link", "Administration")
    page.do("click", "link", "RC Plus, team south")
    page.do("click", "button", "New secret")
    page.do("see", ".dialog", "cut off")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".handing")
    secret = shown(page, "secret")
    assert secret not in page.do("run", KEPT)
    page.do("click", "button", "Done")
    page.do("see", "[data-step=MQTT_LOGIN][data-state=FAILED]", "the secret is not")
    page.do("see", ".badge-problem", "Stuck")
    assert page.do("axe") == []


def test_the_last_owner_stays_and_is_told_why(page: Page) -> None:
    page.do("click", "link", "Members")
    page.do("fill", "E-mail address", "vera@example.org")
    page.do("press", "Enter")
    page.do("see", "td", "vera@example.org")
    page.do("run", "document.querySelector('[data-leave]').click()")
    page.do("see", ".dialog", "Leave Mountain rescue?")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".problem", "this is the last one")
    assert page.do("axe") == []


def test_a_token_is_shown_once_and_revoked(running: Hub, page: Page) -> None:
    page.do("click", "link", "Account")
    page.do("see", ".part", "None yet.")
    page.do("run", "document.querySelector('.part input[placeholder]').value = 'Export'")
    page.do("click", "button", "Make a token")
    page.do("see", "[data-value=token]")
    token = shown(page, "token")
    assert token not in page.do("run", KEPT)
    assert page.do("axe") == []
    page.do("click", "button", "Done")
    page.do("click", "button", "Revoke Export")
    page.do("see", ".dialog", "Revoke Export?")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".part", "None yet.")
    assert page.do("axe") == []


def test_nothing_went_wrong_and_nobody_but_the_hub_was_asked(running: Hub, page: Page) -> None:
    told = page.do("told")
    assert (told["console"], told["faults"], told["loads"]) == ([], [], 1)
    asked = [url for url in [*told["requests"], *told["sockets"]] if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(running.url).netloc}
