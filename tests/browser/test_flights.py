"""Flights and the past in a real Chromium: a flight's track and profiles, its files, and both kinds of replay."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.dashboard import LINK, Hub, Page, hub
from tests.support.npm import install

pytestmark = [pytest.mark.browser, pytest.mark.npm]

CLIENT = Path(__file__).parents[2] / "compat/clients/dashboard"
DRONES = 2
PLAYS = "document.querySelector('[data-play]').dataset.play"
PROFILES = "document.querySelector('.profiles')"
FASTER = "document.querySelector('.replay-speed select')"
SECONDS = "Date.parse(document.querySelector('.replay-now').dateTime) / 1000"
"""The moment that is shown."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("flights")) as made:
        yield made


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    install(CLIENT)
    opened = Page(CLIENT, chromium)
    yield opened
    opened.close()


def go(page: Page, *parts: str) -> None:
    page.do("run", f"location.hash = '#/w/1/{'/'.join(parts)}'")


def test_flights_are_listed_shown_downloaded_and_played_once_more(running: Hub, page: Page) -> None:
    page.do("open", running.says(LINK))
    page.do("fill", "Name of the workspace", "Mountain rescue")
    page.do("press", "Enter")
    page.do("see", ".fleet", "No aircraft yet")
    go(page, "flights")
    page.do("see", ".flight-list", "No flights yet")
    assert page.do("axe") == []

    made = page.ask('mutation { createConnection(workspaceId: 1, name: "RC") { connectionId secret } }')
    running.fly(made["createConnection"]["connectionId"], made["createConnection"]["secret"], drones=DRONES)
    page.do("see", "[data-flight]", "In the air")  # by itself
    page.do("run", "document.querySelector('[data-flight]').click()")
    flight = page.do("run", "document.querySelector('[data-flight]').dataset.flight")
    page.do("see", f"[data-flight-panel='{flight}']", "Highest point")
    for text in ("Above take-off", "Speed", "Battery"):
        page.do("see", ".profiles", text)
    page.do("see", ".past-sign", "Past")
    page.do("run", f"{PROFILES}.focus()")
    page.do("press", "End")
    page.do("see", ".track-mark")
    last = page.do("run", f"{PROFILES}.getAttribute('aria-valuetext')")
    assert last.count(",") == 3
    page.do("press", "ArrowLeft")
    page.do("until", f"{PROFILES}.getAttribute('aria-valuetext') !== {last!r}")
    assert page.do("axe") == []
    page.do("check", "Speed")
    page.do("see", ".ramp-ends", "m/s")
    gpx = "fetch(document.querySelector('[data-export$=GPX]').href).then((answer) => answer.text())"
    assert "<trkpt" in page.do("run", gpx)

    page.do("click", "button", "Play")
    page.do("until", f"{PLAYS} === 'playing'")
    begun = page.do("run", SECONDS)
    page.do("until", f"{SECONDS} > {begun}")
    page.do("click", "button", "Pause")
    page.do("until", f"{PLAYS} !== 'playing'")
    page.do("until", "/flights\\/\\d+\\/at\\/2/.test(location.hash)")
    stood = page.do("run", SECONDS)

    page.do("click", "button", "Past moment")
    page.do("until", "document.querySelectorAll('.fleet [data-drone]').length === " + str(DRONES))
    page.do("until", "document.querySelector('.lane')")
    assert abs(page.do("run", SECONDS) - stood) <= 1
    assert page.do("axe") == []
    page.do("run", f"{FASTER}.value = '10', {FASTER}.dispatchEvent(new Event('change'))")
    page.do("click", "button", "Play")
    page.do("until", f"{SECONDS} > {stood + 1}")
    page.do("run", "document.querySelector('.fleet [data-drone]').click()")
    page.do("see", ".row.selected")
    page.do("size", 390, 844)
    assert page.do("axe") == []
    assert page.do("run", "document.documentElement.scrollWidth") == 390
    page.do("press", "Escape")
    page.do("see", ".flight-list [data-flight]")
    go(page, "flights", "999999")
    page.do("see", ".past-room [role=alert]", "There is no such flight here")

    told = page.do("told")
    assert (told["console"], told["faults"]) == ([], [])
    asked = [url for url in [*told["requests"], *told["sockets"]] if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(running.url).netloc}
