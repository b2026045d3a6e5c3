"""The pure parts of the dashboard's map, by Node's own test runner (`map/*.test.mjs`)."""

from pathlib import Path

from tests.browser.modules import copied, run

CLAIMS = Path(__file__).parent / "map"


def test_the_maps_pure_parts_keep_what_they_promise(tmp_path: Path) -> None:
    copied(tmp_path, "map")
    run(tmp_path, CLAIMS)
