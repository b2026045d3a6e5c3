"""A body on its way in: into a temporary file, its checksums taken as it passes (security.md, U2 and U3).

Decoding, checksums and writing are done in a thread, a mebibyte at a time, while the next one comes in: so at most two
of them are in memory. Whatever ends the block, the file is gone, unless a store has taken it.
"""

import asyncio
import errno
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ofh.backends.ports import Space, StoreFull
from ofh.domain.errors import Code, HubError

from .checksums import MD5, digest

BATCH_BYTES = 1024 * 1024
THREADS = 8
LEFT_OVER_S = 3_600.0
"""Seconds without a byte after which no living process can be writing a file."""

Decode = Callable[[bytes], Iterable[memoryview]]
"""Bytes of the wire → bytes of the content among them; runs in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A body that is here."""

    path: Path
    size_bytes: int
    digests: dict[str, bytes]
    """By name; the MD5 is always among them."""

    @property
    def md5(self) -> bytes:
        return self.digests[MD5]


class Incoming:
    """One body.

    Args:
        limit_bytes: of the content; one byte more is TOO_LARGE.
        reserve_bytes: that stay free on the disk.
        digests: names of the checksums to take, beside the MD5.
    """

    def __init__(
        self,
        file: BinaryIO,
        path: Path,
        threads: ThreadPoolExecutor,
        *,
        limit_bytes: int,
        reserve_bytes: int,
        digests: Iterable[str],
        decode: Decode | None,
    ) -> None:
        self._file = file
        self._path = path
        self._threads = threads
        self._limit = limit_bytes
        self._reserve = reserve_bytes
        self._digests = {name: digest(name) for name in {MD5, *digests}}
        self._decode = decode
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Future[None] | None = None
        self._size = 0

    async def take(self, data: bytes) -> None:
        """The next bytes. Waits where the disk does not keep up.

        Raises:
            HubError: TOO_LARGE; StoreFull.
        """
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= BATCH_BYTES:
            await self._write_waiting()

    async def finish(self) -> Received:
        """All bytes are here: the file, complete but not yet synced.

        Raises:
            HubError: as `take`.
        """
        await self._write_waiting()
        await self.settle()
        digests = {name: taken.digest() for name, taken in self._digests.items()}
        return Received(path=self._path, size_bytes=self._size, digests=digests)

    async def settle(self) -> None:
        """Wait until no thread works on it."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            writing.exception()
            raise

    async def _write_waiting(self) -> None:
        await self.settle()
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if batch:
            self._writing = asyncio.get_running_loop().run_in_executor(self._threads, self._write, batch)

    def _write(self, pieces: list[bytes]) -> None:
        batch = b"".join(pieces)
        pieces.clear()
        if _free(self._path.parent) < self._reserve:
            raise StoreFull
        for piece in self._decode(batch) if self._decode is not None else (memoryview(batch),):
            self._size += len(piece)
            if self._size > self._limit:
                raise HubError(Code.TOO_LARGE, f"At most {self._limit} bytes may be sent here.")
            for taken in self._digests.values():
                taken.update(piece)
            try:
                self._file.write(piece)
            except OSError as error:
                raise _full(error) from error


class Reception:
    """Where bodies come in.

    Args:
        folder: made where it is missing; best on the file system of the objects.
        reserve_bytes: that stay free on its disk, where the database may be as well.
    """

    def __init__(self, folder: Path, *, reserve_bytes: int = 0) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="uploads")

    def stop(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False)

    @asynccontextmanager
    async def receive(
        self, *, limit_bytes: int, digests: Iterable[str] = (), decode: Decode | None = None
    ) -> AsyncIterator[Incoming]:
        """Take in a body.

        Args:
            decode: from the bytes of the wire to the content's.
        Raises:
            HubError: UNAVAILABLE, the folder cannot be used or is full.
        """
        path = self._folder / secrets.token_hex(16)
        run = asyncio.get_running_loop().run_in_executor
        opening = run(self._threads, self._open, path)
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            with suppress(HubError):
                await run(self._threads, _end, opening.result(), path)
            raise
        incoming = Incoming(
            file,
            path,
            self._threads,
            limit_bytes=limit_bytes,
            reserve_bytes=self._reserve,
            digests=digests,
            decode=decode,
        )
        try:
            yield incoming
        finally:
            try:
                with suppress(Exception):
                    await incoming.settle()
            finally:
                await asyncio.shield(run(self._threads, _end, file, path))

    async def space(self) -> Space:
        """Room of the disk, without the reserve."""
        usage = await asyncio.get_running_loop().run_in_executor(self._threads, self._usage)
        return Space(total_bytes=usage.total, free_bytes=max(0, usage.free - self._reserve))

    async def tidy(self) -> int:
        """Remove what killed processes left behind; how many files it was."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._tidy)

    def _open(self, path: Path) -> BinaryIO:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return open(path, "xb", buffering=0, opener=_private)
        except OSError as error:
            raise _full(error) from error

    def _usage(self) -> Any:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self._folder)
        except OSError as error:
            raise _full(error) from error

    def _tidy(self) -> int:
        removed = 0
        before = time.time() - LEFT_OVER_S
        for entry in list(os.scandir(self._folder)) if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)
                    removed += 1
        return removed


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _end(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


def _full(error: OSError) -> HubError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreFull()
    return HubError(Code.UNAVAILABLE, "Uploads cannot be taken in: the data folder cannot be written to.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
