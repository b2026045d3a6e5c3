"""Steps on files, so made that a crash between two of them leaves a file whole or not there.

All of them block, so they belong into threads; what the system says comes through as OSError.
"""

import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import orjson


def md5(path: Path) -> bytes:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()


def make(folder: Path) -> None:
    """Make a folder that is missing."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder.parent)


def move(source: Path, target: Path) -> None:
    """Sync a file and give it another name, also on another file system. The folder is still to be synced."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = target.with_name(f".{target.name}")
        shutil.copyfile(source, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.rename(target)
        source.unlink()


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a small file that is there whole or not at all, and sync it and its folder."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(made, "xb", opener=_private) as file:
            file.write(orjson.dumps(content))
            file.flush()
            os.fsync(file.fileno())
        made.rename(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Have the disk hold which files a folder has."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what is not there is as well."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def no_links(path: str, flags: int) -> int:
    """An opener for `open` that follows no link at the end of a path."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
