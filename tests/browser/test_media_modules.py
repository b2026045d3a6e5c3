"""The pure parts of the dashboard's gallery, by Node's own test runner (`media/*.test.mjs`)."""

import shutil
from pathlib import Path

from tests.browser.modules import copied, run

CLAIMS = Path(__file__).parent / "media"


def test_galleries_of_thousands_draw_what_is_in_sight_and_lose_nothing(tmp_path: Path) -> None:
    copied(tmp_path, "model", "views/flights", "views/media")
    shutil.copy(CLAIMS / "support.mjs", tmp_path)
    run(tmp_path, CLAIMS)
