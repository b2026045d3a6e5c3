"""Flights and the past in a real Chromium: a flight's track and profiles, its files, both kinds of replay, and the
ground that its photos show while it grows."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.dashboard import LINK, Hub, Page, hub
from tests.browser.gallery import browse
from tests.support.npm import install

pytestmark = [pytest.mark.browser, pytest.mark.npm]

CLIENT = Path(__file__).parents[2] / "compat/clients/dashboard"
DRONES = 2
SPEED = 3
"""Take-off and the first photos come so much the sooner."""
PLAYS = "document.querySelector('[data-play]').dataset.play"
PROFILES = "document.querySelector('.profiles')"
FASTER = "document.querySelector('.replay-speed select')"
SECONDS = "Date.parse(document.querySelector('.replay-now').dateTime) / 1000"
"""The moment that is shown."""
WATCH = """import("maplibre-gl").then(({ Map: Shown }) => {
    const add = Shown.prototype.addSource;
    Shown.prototype.addSource = function (...given) { window.shownMap = this; return add.apply(this, given); };
})"""
"""From now on `shownMap` is the newest map of the page."""
COUNT = "Number(document.querySelector('.covered-note').dataset.covered)"
"""How many photos the ground is of that is shown."""
CHOOSE = """shownMap.getSource("footprints").getData().then(({ features }) => {
    const { x, y } = shownMap.project(features.find(({ geometry }) => geometry.type === "Point").geometry.coordinates);
    const { left, top } = shownMap.getCanvas().getBoundingClientRect();
    shownMap.getCanvas().dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: left + x, clientY: top + y }));
})"""
"""Click where a photo was taken."""


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


def drawn(source: str, query: str, *path: str) -> str:
    """A script: whether the map shows just that ground that the hub answers with now."""
    asked = json.dumps({"query": query})
    wanted = "".join(f".{name}" for name in ("data", *path))
    return f"""(async () => {{
        const {{ features }} = await shownMap.getSource({source!r}).getData();
        const shown = features.find(({{ geometry }}) => geometry.type.endsWith("Polygon"))?.geometry;
        const sent = {{ method: "POST", headers: {{ "content-type": "application/json" }}, body: {json.dumps(asked)} }};
        const answer = await (await fetch("/graphql", sent)).json();
        return JSON.stringify(shown) === JSON.stringify(answer{wanted});
    }})()"""


def test_flights_are_listed_shown_downloaded_and_played_once_more(running: Hub, page: Page) -> None:
    page.do("open", running.says(LINK))
    page.do("fill", "Name of the workspace", "Mountain rescue")
    page.do("press", "Enter")
    page.do("see", ".fleet", "No aircraft yet")
    page.do("run", WATCH)
    go(page, "flights")
    page.do("see", ".flight-list", "No flights yet")
    assert page.do("axe") == []
    go(page, "media")
    page.do("see", ".media", "No photos yet")
    assert page.do("axe") == []
    go(page, "flights")

    made = page.ask('mutation { createConnection(workspaceId: 1, name: "RC") { connectionId secret } }')
    running.fly(
        made["createConnection"]["connectionId"],
        made["createConnection"]["secret"],
        drones=DRONES,
        photos=True,
        speed=SPEED,
    )
    page.do("see", "[data-flight]", "In the air")  # by itself
    page.do("run", "document.querySelector('[data-flight]').click()")
    flight = page.do("run", "document.querySelector('[data-flight]').dataset.flight")
    page.do("see", f"[data-flight-panel='{flight}']", "Highest point")
    for text in ("Above take-off", "Speed", "Battery"):
        page.do("see", ".profiles", text)
    page.do("see", ".past-sign", "Past")
    page.do("until", f"{PROFILES}.ariaValueMax > 4")
    page.do("run", f"{PROFILES}.focus()")
    page.do("press", "End")
    page.do("see", ".track-mark")
    last = page.do("run", f"{PROFILES}.getAttribute('aria-valuetext')")
    assert last.count(",") == 3
    page.do("press", "ArrowLeft", "ArrowLeft", "ArrowLeft")  # two of the same second may say the same
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

    page.do("size", 1440, 900)
    newest = "{ workspace(id: 1) { media(first: 1) { edges { node { flight { id } } } } } }"
    while not (photos := page.ask(newest)["workspace"]["media"]["edges"]):
        page.do("pause", 500)  # the first one comes half a minute after take-off, which it is by now or soon
    go(page, "flights", flight := photos[0]["node"]["flight"]["id"])
    page.do("see", f"[data-flight-panel='{flight}']", "Highest point")
    page.do("click", "button", "Covered ground")
    page.do("until", f"{COUNT} > 0")
    whole = drawn(
        "covered", f"{{ flight(id: {flight}) {{ coverage {{ geoJson }} }} }}", "flight", "coverage", "geoJson"
    )
    page.do("until", whole)
    page.do("until", f"{COUNT} > {page.do('run', COUNT)}")  # it grows by itself
    page.do("until", whole)
    page.do("see", ".covered-note strong", "m²")
    page.do("until", "shownMap.queryRenderedFeatures({ layers: ['covered-fill'] }).length > 0")
    page.do("run", CHOOSE)
    page.do("see", ".photo-card", "this place")
    assert page.do("axe") == []
    item = page.do("run", "document.querySelector('.photo-card [data-photo]').dataset.photo")
    page.do("run", "document.querySelector('.photo-card [data-photo]').click()")
    page.do("see", f"[data-place='{item}'] .place-words", "above take-off")
    one = drawn(
        "place", f"{{ media(id: {item}) {{ groundCoverage {{ geoJson }} }} }}", "media", "groundCoverage", "geoJson"
    )
    page.do("until", f"shownMap.getSource('place') && {one}")


def test_hundreds_of_photos_are_looked_through_chosen_taken_away_and_deleted(running: Hub, page: Page) -> None:
    browse(running, page)


def test_nothing_went_wrong_and_nobody_but_the_hub_was_asked(running: Hub, page: Page) -> None:
    told = page.do("told")
    assert (told["console"], told["faults"]) == ([], [])
    asked = [url for url in [*told["requests"], *told["sockets"]] if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(running.url).netloc}
