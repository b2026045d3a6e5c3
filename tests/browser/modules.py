"""Modules of the dashboard's page without a browser, by Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

from ofh.edges.dashboard.page import STATIC
from tests.support.services import program


def copied(folder: Path, *parts: str) -> None:
    """Lay folders of the page where tests may import them, as browsers take them."""
    for part in parts:
        shutil.copytree(STATIC / part, folder / part)
    (folder / "package.json").write_text('{"type": "module"}')


def run(folder: Path, claims: Path) -> None:
    """Run the tests of another folder (`*.test.mjs`) beside what was copied."""
    names = [shutil.copy(path, folder) for path in sorted(claims.glob("*.test.mjs"))]
    done = subprocess.run(
        [program("node"), "--test", *names], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
