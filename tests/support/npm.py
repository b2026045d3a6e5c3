"""Other people's clients, from npm, in their folders of `compat/clients`; several processes may want them at once."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.services import missing, program


def install(folder: Path) -> Path:
    """The packages of a folder's lock, installed where they are missing or older than the lock: `node_modules`."""
    program("node")
    npm = program("npm")
    installed, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    with one_at_a_time(folder):
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, check=False)
            if done.returncode:
                missing(f"what npm would install for compat/clients/{folder.name}")
            installed.touch()
    return installed.parent


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes of the tests."""
    with (folder / ".installing.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
