"""A gallery of hundreds of photos, gone through as a person does it, while aircraft take some more."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from ofh.domain.times import read_time
from tests.browser.dashboard import Hub, Page

COPIES = 400
CELLS = "document.querySelectorAll('.media-cell').length"
AT = "document.activeElement.dataset.stop"
ROOM = "document.querySelector('.media-scroll')"
KIND = "document.querySelectorAll('.media-filters select')[2]"
SHOWN = "document.querySelector('[data-full]')?.dataset.full"
LOADED = "(document.querySelector('.full-picture')?.naturalWidth > 600)"
IN_SIGHT = f"""(() => {{
    const top = {ROOM}.getBoundingClientRect().top;
    const found = [...document.querySelectorAll('.media-link')].find((link) => link.getBoundingClientRect().top >= top);
    return found && [found.dataset.media, Math.round(found.getBoundingClientRect().top)].join();
}})()"""
"""Which photo is the first that is whole in sight, and where."""
KEPT = """const { click } = HTMLAnchorElement.prototype;
    HTMLAnchorElement.prototype.click = function () {
        window.taken = this.href;
        HTMLAnchorElement.prototype.click = click;
    }"""
"""Have the next thing that would be saved told."""
ENTRIES = """fetch(window.taken).then((answer) => answer.arrayBuffer()).then((buffer) => {
    const bytes = new Uint8Array(buffer);
    return bytes.filter((_, at) => [80, 75, 1, 2].every((byte, index) => bytes[at + index] === byte)).length;
})"""
"""How many files are in the ZIP."""
SWIPE = """(() => {
    const stage = document.querySelector('.full-stage');
    const more = { pointerType: 'touch', isPrimary: true, bubbles: true, clientY: 300 };
    stage.dispatchEvent(new PointerEvent('pointerdown', { ...more, clientX: 300 }));
    stage.dispatchEvent(new PointerEvent('pointerup', { ...more, clientX: 100 }));
})()"""


def copy(folder: Path) -> None:
    """Make the hub's photos many, days ago, each beside its file."""
    with sqlite3.connect(folder / "data" / "hub.db", timeout=30) as database:
        database.row_factory = sqlite3.Row
        media = [dict(row) for row in database.execute("SELECT * FROM media ORDER BY id")]
        files = {row["id"]: dict(row) for row in database.execute("SELECT * FROM files")}
        first = 1_000_000
        for number in range(COPIES):
            item = media[number % len(media)]
            back = timedelta(days=1 + number // 100, minutes=number % 100)
            for row in (item, files[item["file_id"]]):
                row["moved_at"] = (read_time(row["created_at"].replace(" ", "T")) - back).isoformat(" ")
            file = dict(files[item["file_id"]], id=first + number, object_key=f"copy/{number}")
            copied = dict(item, id=first + number, file_id=first + number, flight_id=None)
            for table, row in (("files", file), ("media", copied)):
                row["created_at"] = row.pop("moved_at")
                if table == "media":
                    row["captured_at"] = row["created_at"]
                names = ", ".join(row)
                database.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    database.close()


def is_clean(page: Page) -> None:
    assert page.do("axe") == []


def browse(hub: Hub, page: Page) -> None:
    """The whole way; the page is logged in, and photos come in."""
    page.do("run", "location.hash = '#/w/1/alerts'")
    page.do("miss", ".media")
    copy(hub.folder)
    page.do("run", "location.hash = '#/w/1/media'")
    page.do("see", ".media-cell img")
    page.do("until", f"parseInt(document.querySelector('.media-head .count').textContent) > {COPIES}")
    assert page.do("run", CELLS) < 150
    is_clean(page)

    # Far down, and at the end: only what is in sight is drawn, and nothing is lost on the way.
    for part in ("/ 2", ""):
        page.do("run", f"{ROOM}.scrollTop = {ROOM}.scrollHeight {part}")
        page.do(
            "until",
            f"{CELLS} > 8 && !document.querySelector('.media-reading') && document.querySelector('.media-cell img')",
        )
        assert page.do("run", CELLS) < 150
    page.do("run", f"{ROOM}.scrollTop = parseFloat(document.querySelectorAll('.media-cells')[1].style.top) + 5")
    page.do("see", ".media-where")  # whose name is above

    # What comes meanwhile moves nothing.
    before = page.do("run", IN_SIGHT)
    page.do("see", ".media-new", "new")
    assert page.do("run", IN_SIGHT) == before
    page.do("run", "document.querySelector('.media-new').click()")
    page.do("until", f"{ROOM}.scrollTop === 0 && {AT} === document.querySelector('.media-link').dataset.media")

    # The keyboard: one stop, arrow keys, stretches, all of a flight.
    first = page.do("run", AT)
    page.do("press", "End")
    page.do("until", f"{AT} && {AT} !== {first!r}")
    page.do("press", "Home")
    page.do("until", f"{AT} === {first!r}")
    assert page.do("run", "document.querySelectorAll('.media-room [tabindex=\"0\"]').length") == 1
    page.do("press", "ArrowUp")
    page.do("until", "document.activeElement.getAttribute('role') === 'checkbox'")
    page.do("press", "Space")
    page.do("until", "document.activeElement.ariaChecked === 'true' && document.querySelector('.media-bar')")
    page.do("press", "Escape", "ArrowDown")
    page.do("miss", ".media-bar")
    page.do("until", f"{AT} === {first!r}")
    page.do("run", "document.querySelectorAll('.media-link')[1].focus()")
    page.do("press", "Space")
    page.do("see", ".media-bar", "1 chosen")
    page.do("press", "Shift+ArrowRight", "Shift+ArrowRight")
    page.do("see", ".media-bar", "3 chosen")
    is_clean(page)
    page.do("run", KEPT)
    page.do("click", "button", "Download")
    page.do("until", "window.taken?.includes('media.zip')")
    assert page.do("run", ENTRIES) == 3 + 1  # and its list
    page.do("press", "Escape")
    page.do("run", f"document.activeElement.matches('.media-link') || {ROOM}.querySelector('[tabindex=\"0\"]').focus()")

    # One in full, the next one, its flight, and back to its cell.
    page.do("press", "Escape", "Home")
    page.do("until", f"{AT} === document.querySelector('.media-link').dataset.media")
    shown = page.do("run", AT)
    page.do("press", "Enter")
    page.do("until", f"{SHOWN} === {shown!r} && {LOADED}")
    for text in ("Above take-off", "Position", "Camera", "image/jpeg"):
        page.do("see", ".full-facts", text)
    page.do("see", ".media-place canvas")
    is_clean(page)
    page.do("press", "ArrowRight")
    page.do("until", f"{SHOWN} !== {shown!r} && {LOADED}")
    at = page.do("run", SHOWN)
    assert page.do("told")["address"].endswith(f"/media/{at}")
    page.do("click", "button", "Actual size")
    page.do("see", ".full-stage.real")
    page.do("press", "Escape")
    page.do("until", f"{AT} === {at!r}")

    # Deleted, after being asked.
    page.do("press", "Enter")
    page.do("until", f"document.querySelector('[data-full]') && {LOADED}")
    page.do("click", "button", "Delete")
    page.do("see", "dialog", "no controller sends them again")
    is_clean(page)
    page.do("run", "document.querySelector('dialog .danger').click()")
    page.do("until", f"document.querySelector('[data-full]') && {SHOWN} !== {at!r}")
    assert page.ask("query ($id: ID!) { media(id: $id) { id } }", id=at)["media"] is None
    page.do("press", "Escape")
    page.do("miss", "[data-full]")
    assert page.do("count", f"[data-media='{at}']") == 0

    # Filters are an address, also one that leaves nothing.
    page.do("run", f"{KIND}.value = 'VIDEO', {KIND}.dispatchEvent(new Event('change'))")
    page.do("see", ".media", "Nothing here fits the filter.")
    assert page.do("told")["address"].endswith("/media/type/VIDEO")
    is_clean(page)
    page.do("click", "button", "Show all")
    page.do("run", "location.hash = '#/w/1/media/999999999'")
    page.do("see", ".full [role=alert]", "There is no such photo here.")
    page.do("press", "Escape")
    page.do("miss", "[data-full]")
    page.do("see", ".media-cell img")

    # On a phone, by fingers.
    page.do("size", 390, 844)
    page.do("until", f"{CELLS} > 8")
    is_clean(page)
    page.do("run", "document.querySelector('.media-link').click()")
    page.do("until", f"document.querySelector('[data-full]') && {LOADED}")
    shown = page.do("run", SHOWN)
    page.do("run", SWIPE)
    page.do("until", f"{SHOWN} !== {shown!r} && {LOADED}")
    is_clean(page)
    assert page.do("run", "document.documentElement.scrollWidth") == 390
    page.do("size", 1440, 900)
    page.do("press", "Escape")
    page.do("miss", "[data-full]")
