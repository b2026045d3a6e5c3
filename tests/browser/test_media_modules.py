"""The pure parts of the dashboard's gallery, by Node's own test runner (`media/*.test.mjs`)."""

import shutil
import subprocess
from pathlib import Path

from ofh.edges.dashboard.page import STATIC
from tests.support.services import program

CLAIMS = Path(__file__).parent / "media"


def test_galleries_of_thousands_draw_what_is_in_sight_and_lose_nothing(tmp_path: Path) -> None:
    for folder in ("model", "views/flights", "views/media"):
        shutil.copytree(STATIC / folder, tmp_path / folder)
    (tmp_path / "package.json").write_text('{"type": "module"}')  # as browsers take them
    shutil.copy(CLAIMS / "support.mjs", tmp_path)
    names = [shutil.copy(path, tmp_path) for path in sorted(CLAIMS.glob("*.test.mjs"))]
    done = subprocess.run(
        [program("node"), "--test", *names], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
