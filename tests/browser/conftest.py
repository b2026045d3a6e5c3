"""A Chromium that is installed, and the npm package that drives it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.services import missing, program

CLIENT = Path(__file__).resolve().parents[2] / "compat" / "clients" / "browser"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program; it comes from the system, never from npm."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found if found is not None else missing("chromium")


@pytest.fixture(scope="session")
def browser_client() -> Path:
    """`compat/clients/browser`, its packages installed from its lock."""
    program("node")
    npm = program("npm")
    installed, lock = CLIENT / "node_modules" / ".package-lock.json", CLIENT / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=CLIENT, capture_output=True, timeout=300, check=False
        )
        if done.returncode:
            missing("what npm would install for compat/clients/browser")
    return CLIENT
