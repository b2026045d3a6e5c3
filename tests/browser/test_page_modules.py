"""Pure parts of the dashboard's page outside of its larger views, by Node's own test runner (`page/*.test.mjs`)."""

import shutil
from pathlib import Path

from tests.browser.modules import copied, run

CLAIMS = Path(__file__).parent / "page"


def test_one_tab_tells_of_an_alert_areas_are_drawn_as_meant_and_fields_say_what_is_wrong(tmp_path: Path) -> None:
    copied(tmp_path, "model", "map", "ui", "views/alerts")
    (tmp_path / "api").mkdir()
    shutil.copy(CLAIMS / "graphql.stub.mjs", tmp_path / "api/graphql.js")
    run(tmp_path, CLAIMS)
