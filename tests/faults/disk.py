"""A small disk that can be filled up: a file system in memory. Only root may mount it, and not in every container."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.services import is_alive

PREFIX = "ofh-disk-"


class NoDisk(Exception):
    """Mounting is not allowed here."""


class Disk:
    """A mounted file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def relieve(self) -> None:
        """As it was before."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def disk(size_mib: int) -> Iterator[Disk]:
    """A disk for as long as the block lasts.

    Raises:
        NoDisk: mounting is not allowed here.
    """
    _remove_left()
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "ofh-disk", str(path)]
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise NoDisk("there is no program to mount with") from error
        if done.returncode:
            raise NoDisk(done.stderr.strip())
        try:
            yield Disk(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)
    finally:
        path.rmdir()


def _remove_left() -> None:
    """What a killed run has left."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not is_alive(int(owner)):
            subprocess.run(["umount", "--lazy", str(left)], check=False, capture_output=True)
            left.rmdir()
