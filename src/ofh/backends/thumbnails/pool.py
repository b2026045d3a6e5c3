"""Makes thumbnails, each in a process of its own that may do next to nothing else (`worker.py`).

A process that dies costs one thumbnail: the next has its own. At most so many run at a time as are allowed, and only
so many may wait; nothing a picture holds is ever decoded in the hub's process.
"""

import asyncio
import importlib.util
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO

from ofh.domain.errors import Code, HubError

from . import worker
from .worker import Exit

MIB = 1024 * 1024
MOST_BYTES = 2 * MIB
"""Of what a process gives out: a frame of at most a thousand pixels a side, or a thumbnail."""
MOST_WORDS = 1_024
"""Bytes of what it says of its reasons."""
FORMATS = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
    "image/tiff": "tiff",
    "image/x-adobe-dng": "jpeg",  # its preview
}
"""Media type → the one decoder that is used for it (security.md, T1)."""
VIDEOS = frozenset({"video/mp4", "video/quicktime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailLimits:
    """What one picture may cost (security.md, T3)."""

    at_once: int = 1
    """Processes at a time."""
    waiting: int = 1_000
    memory_bytes: int = 512 * MIB
    """Address space of one."""
    cpu_s: int = 10
    wall_s: int = 20


class NoThumbnail(Exception):
    """Of this file there is none; the text says why.

    Args:
        is_late: it took too long by the clock, which a busy machine may be the cause of.
    """

    def __init__(self, reason: str, *, is_late: bool = False) -> None:
        super().__init__(reason)
        self.is_late = is_late


class ThumbnailPool:
    """Runs the processes.

    Args:
        ffmpeg: the program for videos; None: videos have no thumbnail.
        python: what runs `worker.py`.
    """

    def __init__(
        self, limits: ThumbnailLimits | None = None, *, ffmpeg: str | None = None, python: str = sys.executable
    ) -> None:
        self._limits = limits or ThumbnailLimits()
        self._ffmpeg = ffmpeg
        self._python = python
        self._room = asyncio.Semaphore(self._limits.at_once)
        self._waiting = 0

    def can(self, content_type: str) -> bool:
        """Whether there may be a thumbnail of such a file."""
        return content_type in FORMATS or (content_type in VIDEOS and self._ffmpeg is not None)

    async def of_picture(
        self, path: Path, content_type: str, *, orientation: int = 0, offset: int = 0, length: int = -1
    ) -> bytes:
        """A JPEG of at most 512 pixels, upright, with nothing in it but the picture.

        Args:
            orientation: EXIF's 1 to 8; 0: as the picture itself says.
            offset: where in the file it begins: a DNG holds a preview.
            length: its bytes; -1: up to the end.
        Raises:
            NoThumbnail: it is none of the formats, too large, broken, or takes too long.
            HubError: UNAVAILABLE, too many wait.
        """
        if content_type not in FORMATS:
            raise NoThumbnail("no format that is decoded")
        what = ["picture", FORMATS[content_type], str(orientation), str(length)]
        with path.open("rb", buffering=0) as content:
            content.seek(offset)
            return await self._run(what, content, _packages())

    async def of_video(self, path: Path) -> bytes:
        """The same of a video's first frame, as it is to be shown.

        Args:
            path: of the file; only its beginning and its end have to be there.
        Raises:
            NoThumbnail, HubError: as `of_picture`.
        """
        if self._ffmpeg is None:
            raise NoThumbnail("ffmpeg is not installed")
        frame = await self._run(["video", self._ffmpeg, str(path), "-"], asyncio.subprocess.DEVNULL, "")
        if not frame:
            raise NoThumbnail("no frame")
        with tempfile.TemporaryFile(buffering=0) as content:
            content.write(frame)
            content.seek(0)
            return await self._run(["picture", "jpeg", "1", "-1"], content, _packages())

    async def _run(self, what: list[str], content: IO[bytes] | FileIO | int, packages: str) -> bytes:
        if self._waiting >= self._limits.waiting:
            raise HubError(Code.UNAVAILABLE, "Too many thumbnails wait to be made.")
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._one(what, content, packages)
        finally:
            self._room.release()

    async def _one(self, what: list[str], content: IO[bytes] | FileIO | int, packages: str) -> bytes:
        # Files rather than pipes: how much is written is bounded by the kernel, and nobody has to read on to the end.
        with tempfile.TemporaryFile(buffering=0) as given, tempfile.TemporaryFile(buffering=0) as words:
            code = await self._until_it_ends(what, content, packages, given, words)
            given.seek(0)
            words.seek(0)
            match code:
                case Exit.DONE:
                    return given.read(MOST_BYTES)
                case Exit.NOT_CONFINED:
                    raise NoThumbnail("this system cannot cut a program off from the network")
                case _ if code < 0:
                    raise NoThumbnail(f"ended by {signal.Signals(-code).name}", is_late=code == -signal.SIGALRM)
                case _:
                    raise NoThumbnail(_line(words.read(MOST_WORDS)))

    async def _until_it_ends(
        self, what: list[str], content: IO[bytes] | FileIO | int, packages: str, given: FileIO, words: FileIO
    ) -> int:
        """Run a process; what it came to.

        Raises:
            NoThumbnail: it takes too long.
        """
        limits = self._limits
        process = await asyncio.create_subprocess_exec(
            self._python,
            *("-I", "-S", "-B", worker.__file__, packages, *what),
            *(str(limits.memory_bytes), str(limits.cpu_s), str(limits.wall_s), str(MOST_BYTES)),
            stdin=content,
            stdout=given,
            stderr=words,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},  # no key of the hub's
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limits.wall_s + 1):  # by then it has ended itself, if it still can
                return await process.wait()
        except TimeoutError:
            raise NoThumbnail("it takes too long", is_late=True) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it may have begun
            await process.wait()


def _line(words: bytes) -> str:
    text = words.decode("utf-8", "replace").strip().splitlines()
    return "".join(character for character in text[-1] if character.isprintable())[:200] if text else "no reason given"


def _packages() -> str:
    """The folder that Pillow is imported from: the process looks for it nowhere else."""
    found = importlib.util.find_spec("PIL")
    if found is None or not found.submodule_search_locations:
        raise NoThumbnail("Pillow is not installed")
    return str(Path(found.submodule_search_locations[0]).parent)
