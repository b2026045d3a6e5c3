"""The pure parts of the dashboard's map, by Node's own test runner (`map/*.test.mjs`)."""

import shutil
import subprocess
from pathlib import Path

from ofh.edges.dashboard.page import STATIC
from tests.support.services import program

CLAIMS = Path(__file__).parent / "map"


def test_the_maps_pure_parts_keep_what_they_promise(tmp_path: Path) -> None:
    shutil.copytree(STATIC / "map", tmp_path / "map")
    (tmp_path / "package.json").write_text('{"type": "module"}')  # as browsers take them
    names = [shutil.copy(path, tmp_path) for path in sorted(CLAIMS.glob("*.test.mjs"))]
    done = subprocess.run(
        [program("node"), "--test", *names], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
