"""Takes the pictures of the dashboard in docs/images anew, all but that of the video, in a headless Chromium.

    make pictures                                        # a quarter of an hour
    python scripts/dashboard_pictures.py --minutes 8 --out docs/images

Starts a demo with photos in a folder of its own, lets it fly, and goes through the views as a person would. Needs Node,
`npm ci` in compat/clients/dashboard, and Chromium. Look at what comes out before it is committed.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.dashboard import LINK, Page  # noqa: E402
from tests.support.ports import free_port  # noqa: E402

NAMES = ("Ridge 1", "Ridge 2", "Valley 1", "Valley 2", "Forest 1", "Forest 2", "Lake", "Bridge")
SPEED = 2
DRONES = "{ workspace(id: 1) { drones { id } } }"
FLIGHTS = """{ workspace(id: 1) { media(first: 200) { edges { node { flight { id endedAt } } } } } }"""
QUARRY = ((50.4995, 9.9505), (50.4995, 9.9555), (50.4975, 9.9575), (50.4965, 9.952))
"""Corners, latitude and longitude in degrees, beside where a demo flies."""
START_S = 60


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """A demo that flies; the link that logs in."""
    log = folder / "demo.log"
    words = ("demo", "--photos", "--drones", str(len(NAMES)), "--speed", str(SPEED))
    ports = ("--port", str(free_port()), "--mqtt-port", str(free_port()), "--data", str(folder / "data"))
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603, this very program
            [sys.executable, "-m", "ofh.cli.main", *words, *ports], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + START_S
        while (found := LINK.search(log.read_text())) is None:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The demo did not begin:\n{log.read_text()}")
            time.sleep(0.2)
        yield found[0]
    finally:
        process.terminate()
        process.wait(START_S)


@contextmanager
def browser() -> Iterator[Page]:
    """A page in Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium).")
    page = Page(ROOT / "compat" / "clients" / "dashboard", chromium)
    try:
        yield page
    finally:
        page.close()


def go(page: Page, *where: str) -> None:
    """Open a view of the workspace, as its link would."""
    page.do("run", f"location.hash = '#/w/1/{'/'.join(where)}'")


def click(page: Page, selector: str) -> None:
    """Click what has no name of its own."""
    page.do("see", selector)
    page.do("run", f"document.querySelector({selector!r}).click()")


def name_all(page: Page) -> None:
    """Wait for all aircraft, and name them."""
    while len(found := page.ask(DRONES)["workspace"]["drones"]) < len(NAMES):
        page.do("pause", 500)
    for drone, name in zip(found, NAMES, strict=False):
        page.ask(
            "mutation ($id: ID!, $name: String!) { renameDrone(id: $id, name: $name) { id } }",
            id=drone["id"],
            name=name,
        )


def watch(page: Page, take: Callable[[str], None]) -> None:
    """The live map: light, dark, on a phone."""
    go(page, "map")
    click(page, ".fleet [data-drone]")  # by state, so one that flies
    page.do("see", ".panel")
    page.do("click", "button", "All aircraft")
    page.do("pause", 4_000)
    take("dashboard")
    page.do("scheme", "dark")
    page.do("pause", 2_000)
    take("dashboard-dark")
    page.do("scheme", "light")
    page.do("size", 390, 844)
    page.do("click", "button", "All aircraft")
    page.do("pause", 4_000)
    take("dashboard-phone")
    page.do("size", 1440, 900)


def look_back(page: Page, take: Callable[[str], None]) -> None:
    """A flight with photos that has ended, with its profiles, and the ground that it has seen."""
    flights = [edge["node"]["flight"] for edge in page.ask(FLIGHTS)["workspace"]["media"]["edges"]]
    landed = [flight["id"] for flight in flights if flight and flight["endedAt"]]
    if not landed:
        raise SystemExit("No flight with photos has ended yet: more --minutes.")
    areas = {id: page.ask("query ($id: ID!) { flight(id: $id) { coverage { area } } }", id=id) for id in set(landed)}
    # Oblique photos see ground to the horizon, which is a circle of kilometres.
    flight = min(areas, key=lambda id: areas[id]["flight"]["coverage"]["area"])
    go(page, "flights", flight)
    page.do("see", f"[data-flight-panel='{flight}']", "Highest point")
    page.do("check", "Show all aircraft")
    page.do("pause", 4_000)
    page.do("click", "button", "Play")
    page.do("pause", 10_000)
    page.do("click", "button", "Pause")
    page.do("pause", 1_000)
    take("dashboard-flight")
    page.do(
        "run", "[...document.querySelectorAll('label')].find((one) => one.textContent.includes('Show all')).click()"
    )
    page.do("click", "button", "Covered ground")
    page.do("see", ".covered-note strong", "²")
    page.do("click", "button", "Show all of it")
    page.do("pause", 4_000)
    take("dashboard-coverage")


def look_at_photos(page: Page, take: Callable[[str], None]) -> None:
    """The gallery with three chosen, and one in full."""
    go(page, "media")
    page.do("see", ".media-cell img")
    page.do("run", "document.querySelectorAll('.media-link')[1].focus()")
    page.do("press", "Space", "Shift+ArrowRight", "Shift+ArrowRight")
    page.do("see", ".media-bar", "3 chosen")
    page.do("pause", 5_000)
    take("dashboard-media")
    page.do("press", "Escape", "Home", "ArrowRight", "Enter")
    page.do("see", ".media-place canvas")
    page.do("pause", 5_000)
    take("dashboard-media-full")
    page.do("press", "Escape")


def be_warned(page: Page, take: Callable[[str], None]) -> None:
    """What stands and what is past, and an area that is drawn where the aircraft fly."""
    warns = (
        'createAlertRule(workspaceId: 1, kind: LOW_BATTERY, name: "Time to come home", threshold: 70, margin: 5) { id }'
    )
    page.ask(f"mutation {{ {warns} }}")
    go(page, "alerts")
    page.do("see", "[data-stands=true]")
    page.do("pause", 1_000)
    take("dashboard-alerts")
    page.do("click", "link", "Rules")
    page.do("click", "link", "New rule")
    page.do("choose", "Kind", "AREA")
    page.do("fill", "Name", "Quarry")
    for number, (latitude, longitude) in enumerate(QUARRY, start=1):
        page.do("click", "button", "Add a corner")
        page.do("fill", f"Latitude of corner {number}, in degrees", str(latitude))
        page.do("fill", f"Longitude of corner {number}, in degrees", str(longitude))
    page.do("until", f"document.querySelectorAll('.area-map .corner').length === {len(QUARRY)}")
    page.do("pause", 3_000)
    take("dashboard-area")


def administer(page: Page, take: Callable[[str], None]) -> None:
    """A new connection, and the audit record."""
    page.do("click", "link", "Administration")
    page.do("fill", "Name of the controller", "RC Plus, team south")
    page.do("press", "Enter")
    page.do("see", "[data-step=MQTT_LOGIN]")
    page.do("see", ".qr-room")
    page.do("pause", 2_000)
    take("dashboard-connection")
    page.do("press", "Escape")
    page.do("click", "button", "Done")
    page.do("click", "link", "Audit record")
    page.do("see", "[data-action]")
    page.do("pause", 1_000)
    take("dashboard-audit")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--minutes", type=float, default=8, help="that the fleet flies before")
    asked = parser.parse_args()

    def take(name: str) -> None:
        page.do("screenshot", str(asked.out.resolve() / f"{name}.png"))
        print(f"  {name}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as link, browser() as page:
        page.do("open", link)
        page.do("see", ".fleet")
        page.do("click", "button", "Not now")  # of a password
        name_all(page)
        for minute in range(round(asked.minutes)):
            print(f"  {minute} of {asked.minutes:.0f} minutes flown", file=sys.stderr, flush=True)
            page.do("pause", 60_000)
        for part in (watch, look_back, look_at_photos, be_warned, administer):
            part(page, take)


if __name__ == "__main__":
    main()
