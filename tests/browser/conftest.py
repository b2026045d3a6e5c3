"""A Chromium that is installed, and the npm package that drives it."""

import shutil
from pathlib import Path

import pytest

from tests.support.npm import install
from tests.support.services import missing

CLIENT = Path(__file__).resolve().parents[2] / "compat" / "clients" / "browser"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program; it comes from the system, never from npm."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found if found is not None else missing("chromium")


@pytest.fixture(scope="session")
def browser_client() -> Path:
    """`compat/clients/browser`, its packages installed from its lock."""
    install(CLIENT)
    return CLIENT
