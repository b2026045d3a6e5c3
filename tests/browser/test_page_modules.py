"""Pure parts of the dashboard's page outside of its larger views, by Node's own test runner (`page/*.test.mjs`)."""

import shutil
import subprocess
from pathlib import Path

from ofh.edges.dashboard.page import STATIC
from tests.support.services import program

CLAIMS = Path(__file__).parent / "page"


def test_one_tab_tells_of_an_alert_areas_are_drawn_as_meant_and_fields_say_what_is_wrong(tmp_path: Path) -> None:
    for folder in ("model", "map", "ui", "views/alerts"):
        shutil.copytree(STATIC / folder, tmp_path / folder)
    (tmp_path / "api").mkdir()
    shutil.copy(CLAIMS / "graphql.stub.mjs", tmp_path / "api/graphql.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')  # as browsers take them
    names = [shutil.copy(path, tmp_path) for path in sorted(CLAIMS.glob("*.test.mjs"))]
    done = subprocess.run(
        [program("node"), "--test", *names], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
