"""Objects in a folder.

An object is a description, `{hash}.json`, and what it names beside it: a file `{hash}.{id}`, or of an upload in parts
a folder `{hash}.{id}` of files. `hash` is that of the key, so nothing of a key's text is ever part of a path. The
description is renamed into its place last: before, the object is not there; after, it is, whole. Each step is synced to
the disk before the next. What a crash leaves between two steps no description names, and `tidy` removes it a day later.

    {root}/{xx}/{hash}.json, {root}/{xx}/{hash}.{id}    xx: the first two letters of the hash
    {root}/uploads/{id}/about.json, {root}/uploads/{id}/{number}-{md5}-{size}

Files are opened without following links, and a folder that leads out of the root is refused. All work on files is done
in threads.
"""

import asyncio
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog

from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.objects import key_fault

from . import disk
from .ports import MAX_CHUNK_BYTES, ObjectInfo, PartInfo, Space, StoreFull, UploadInfo

T = TypeVar("T")

log = structlog.get_logger(__name__)

THREADS = 8
MAX_LISTED = 1_000
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PART = re.compile(r"(\d{5})-([0-9a-f]{32})-(\d{1,15})", re.ASCII)
_VERSION = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{32})", re.ASCII)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A description as it is on the disk."""

    info: ObjectInfo
    id: str
    pieces: tuple[tuple[str, int], ...]
    """Name and size of each file; of an object that is one file the name is empty."""


class LocalStore:
    """Fulfils `ObjectStore` with a folder, which several processes of one machine may share.

    Args:
        root: made where it is missing; on one file system.
        clock: aware UTC time.
    """

    def __init__(self, root: Path, clock: Callable[[], datetime]) -> None:
        self._root = root
        self._uploads = root / "uploads"
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    async def start(self) -> None:
        """See `ObjectStore`."""
        with suppress(HubError):  # said in the log, and by `check`
            await self._do(self._uploads.mkdir, parents=True, exist_ok=True)

    async def stop(self) -> None:
        """See `ObjectStore`."""
        self._threads.shutdown(wait=False)

    async def stat(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore`."""
        stored = await self._do(self._find, key)
        return stored.info if stored else None

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `ObjectStore`."""
        stored = await self._do(self._find, key)
        if stored is None:
            raise gone("object")
        left = min(stored.info.size_bytes if end is None else end, stored.info.size_bytes) - start
        for name, size in stored.pieces:
            if start >= size:
                start -= size
                continue
            if left <= 0:
                break
            opened = await self._do(self._open, self._version(key, stored.id) / name)
            try:
                while left > 0 and start < size:
                    piece = await self._do(os.pread, opened, min(MAX_CHUNK_BYTES, left, size - start), start)
                    if not piece:
                        raise HubError(Code.UNAVAILABLE, "A stored object is shorter than it should be.")
                    yield piece
                    start += len(piece)
                    left -= len(piece)
            finally:
                os.close(opened)
            start = 0

    async def put(self, key: str, source: Path, *, content_type: str, md5: bytes | None = None) -> ObjectInfo:
        """See `ObjectStore`."""
        return await self._do(self._put, key, source, content_type, md5)

    async def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        await self._do(self._delete, key)

    async def begin(self, key: str, *, content_type: str) -> str:
        """See `ObjectStore`."""
        return await self._do(self._begin, key, content_type)

    async def put_part(
        self, key: str, upload_id: str, number: int, source: Path, *, md5: bytes | None = None
    ) -> PartInfo:
        """See `ObjectStore`."""
        return await self._do(self._put_part, key, upload_id, number, source, md5)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """See `ObjectStore`."""
        return await self._do(self._list_parts, key, upload_id)

    async def list_uploads(self, prefix: str) -> list[UploadInfo]:
        """See `ObjectStore`."""
        return await self._do(self._list_uploads, prefix)

    async def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> ObjectInfo:
        """See `ObjectStore`."""
        return await self._do(self._complete, key, upload_id, tuple(parts))

    async def abort(self, key: str, upload_id: str) -> None:
        """See `ObjectStore`."""
        try:
            folder = await self._do(self._upload, key, upload_id)
        except HubError as error:
            if error.code is not Code.GONE:
                raise
        else:
            await self._do(shutil.rmtree, folder, ignore_errors=True)

    async def tidy(self, age: timedelta) -> int:
        """See `ObjectStore`."""
        return await self._do(self._tidy, (self._clock() - age).timestamp())

    async def check(self) -> None:
        """See `ObjectStore`."""
        await self._do(self._uploads.mkdir, parents=True, exist_ok=True)
        if not await self._do(os.access, self._uploads, os.R_OK | os.W_OK | os.X_OK):
            raise _away()

    async def space(self) -> Space | None:
        """See `ObjectStore`."""
        usage = await self._do(shutil.disk_usage, self._root)
        return Space(total_bytes=usage.total, free_bytes=usage.free)

    # From here on, what runs in threads

    async def _do(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run in a thread. Whoever is cancelled meanwhile still waits: the file must not be in use afterwards."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, lambda: _run(work, args, named))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _place(self, key: str) -> Path:
        """The path of a key's description, without its ending; never outside the root."""
        if (fault := key_fault(key)) is not None:
            raise bad_input("key", fault)
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._within(self._root / name[:2]) / name

    def _within(self, folder: Path) -> Path:
        """The folder, which is inside the root after all links have been followed."""
        if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(self._root)):
            log.error("a folder of the object store leads out of it", folder=str(folder))
            raise HubError(Code.UNAVAILABLE, "The object store is not as it should be.")
        return folder

    def _version(self, key: str, id: str) -> Path:
        return _beside(self._place(key), id)

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise gone("object") from None  # replaced or deleted meanwhile

    def _find(self, key: str) -> _Stored | None:
        return self._described(self._place(key), key)

    def _described(self, place: Path, key: str | None = None) -> _Stored | None:
        try:
            with open(_description(place), "rb", opener=disk.no_links) as file:
                text = file.read()
        except FileNotFoundError:
            return None
        try:
            stored = _read_description(orjson.loads(text))
        except (ValueError, TypeError, LookupError):  # written by somebody else, or the disk has lost it
            log.error("the description of an object is damaged", file=str(_description(place)))
            raise _Damaged from None
        return None if key is not None and stored.info.key != key else stored

    def _put(self, key: str, source: Path, content_type: str, md5: bytes | None) -> ObjectInfo:
        place, id = self._place(key), secrets.token_hex(16)
        size = source.stat().st_size
        etag = (md5 or disk.md5(source)).hex()
        disk.make(place.parent)
        disk.move(source, _beside(place, id))
        disk.sync(place.parent)
        return self._describe(place, key, content_type, etag, id, (("", size),))

    def _describe(
        self, place: Path, key: str, content_type: str, etag: str, id: str, pieces: tuple[tuple[str, int], ...]
    ) -> ObjectInfo:
        """Make a version the object, and drop the one before."""
        try:
            before = self._described(place)
        except _Damaged:
            before = None
        at = self._clock()
        disk.write(
            _description(place),
            {"key": key, "type": content_type, "etag": etag, "at": at.isoformat(), "id": id, "pieces": pieces},
        )
        if before is not None and before.id != id:
            disk.remove(_beside(place, before.id))
        size = sum(size for _, size in pieces)
        return ObjectInfo(key=key, size_bytes=size, content_type=content_type, etag=etag, modified_at=at)

    def _delete(self, key: str) -> None:
        place = self._place(key)
        try:
            stored = self._described(place, key)
        except _Damaged:
            stored = None
        else:
            if stored is None:
                return
        _description(place).unlink(missing_ok=True)
        disk.sync(place.parent)
        if stored is not None:  # else `tidy` finds what no description names
            disk.remove(_beside(place, stored.id))

    def _upload(self, key: str, upload_id: str) -> Path:
        """The folder of an upload under way.

        Raises:
            HubError: GONE.
        """
        about = self._about(upload_id)
        if about is None or about["key"] != key:
            raise gone("upload")
        return self._within(self._uploads) / upload_id

    def _about(self, upload_id: str) -> dict[str, Any] | None:
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            return None
        try:
            with open(self._within(self._uploads) / upload_id / "about.json", "rb", opener=disk.no_links) as file:
                about: dict[str, Any] = orjson.loads(file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return about

    def _begin(self, key: str, content_type: str) -> str:
        self._place(key)
        id = secrets.token_hex(16)
        uploads = self._within(self._uploads)
        disk.make(uploads)
        made = uploads / f".{id}"  # under another name first: an upload without a description would be no one's
        made.mkdir(mode=0o700)
        disk.write(made / "about.json", {"key": key, "type": content_type, "at": self._clock().isoformat()})
        made.rename(uploads / id)
        disk.sync(uploads)
        return id

    def _put_part(self, key: str, upload_id: str, number: int, source: Path, md5: bytes | None) -> PartInfo:
        folder = self._upload(key, upload_id)
        size = source.stat().st_size
        etag = (md5 or disk.md5(source)).hex()
        name = f"{number:05}-{etag}-{size}"
        try:
            disk.move(source, folder / name)
            disk.sync(folder)
            for other in list(os.scandir(folder)):
                if other.name.startswith(f"{number:05}-") and other.name != name:
                    with suppress(FileNotFoundError):
                        os.unlink(other.path)
        except FileNotFoundError:
            if folder.exists():
                raise
            raise gone("upload") from None  # dropped meanwhile
        return PartInfo(number=number, size_bytes=size, etag=etag, modified_at=self._clock())

    def _list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        newest: dict[int, PartInfo] = {}
        for part in _parts_in(self._upload(key, upload_id)):
            if part.number not in newest or newest[part.number].modified_at < part.modified_at:
                newest[part.number] = part
        return [newest[number] for number in sorted(newest)]

    def _list_uploads(self, prefix: str) -> list[UploadInfo]:
        found = []
        for entry in os.scandir(self._within(self._uploads)):
            about = self._about(entry.name)
            if about is not None and about["key"].startswith(prefix):
                at = datetime.fromisoformat(about["at"])
                found.append(UploadInfo(key=about["key"], upload_id=entry.name, begun_at=at))
        return sorted(found, key=lambda upload: (upload.key, upload.begun_at))[:MAX_LISTED]

    def _complete(self, key: str, upload_id: str, parts: tuple[tuple[int, str], ...]) -> ObjectInfo:
        place = self._place(key)
        etag = combined_etag([etag for _, etag in parts])
        try:
            folder = self._upload(key, upload_id)
        except HubError:
            return self._completed(place, key, upload_id, parts, etag)
        self._pieces(folder, parts)  # before anything is moved
        about = self._about(upload_id)
        disk.make(place.parent)
        target = _beside(place, upload_id)
        try:
            folder.rename(target)
        except FileNotFoundError:
            return self._completed(place, key, upload_id, parts, etag)  # somebody else is at it
        disk.sync(place.parent)
        disk.sync(self._uploads)
        return self._finish(place, key, upload_id, parts, etag, str(about["type"]) if about else "")

    def _finish(
        self, place: Path, key: str, id: str, parts: tuple[tuple[int, str], ...], etag: str, content_type: str
    ) -> ObjectInfo:
        """From an upload's folder, which stands where it belongs, to the object."""
        target = _beside(place, id)
        pieces = self._pieces(target, parts)
        kept = {name for name, _ in pieces}
        info = self._describe(place, key, content_type, etag, id, pieces)
        for entry in list(os.scandir(target)):
            if entry.name not in kept:
                with suppress(FileNotFoundError):
                    os.unlink(entry.path)
        return info

    def _completed(
        self, place: Path, key: str, upload_id: str, parts: tuple[tuple[int, str], ...], etag: str
    ) -> ObjectInfo:
        """The answer to a second completion: the object is there already, or the first one died on its way.

        Raises:
            HubError: GONE.
        """
        stored = self._described(place, key)
        if stored is not None and stored.info.etag == etag:
            return stored.info
        if _UPLOAD_ID.fullmatch(upload_id) is None or (stored is not None and stored.id == upload_id):
            raise gone("upload")
        try:
            with open(_beside(place, upload_id) / "about.json", "rb", opener=disk.no_links) as file:
                about = orjson.loads(file.read())
        except (FileNotFoundError, NotADirectoryError):
            stored = self._described(place, key)  # the first one may have ended just now
            if stored is not None and stored.info.etag == etag:
                return stored.info
            raise gone("upload") from None
        return self._finish(place, key, upload_id, parts, etag, about["type"])

    def _pieces(self, folder: Path, parts: tuple[tuple[int, str], ...]) -> tuple[tuple[str, int], ...]:
        """The files of these parts.

        Raises:
            HubError: CONFLICT, one is not there.
        """
        there = {(part.number, part.etag): part.size_bytes for part in _parts_in(folder)}
        pieces = []
        for number, etag in parts:
            size = there.get((number, etag))
            if size is None:
                raise HubError(Code.CONFLICT, f"Part {number} is not there, or it is another.")
            pieces.append((f"{number:05}-{etag}-{size}", size))
        return tuple(pieces)

    def _tidy(self, before: float) -> int:
        removed = 0
        for entry in list(os.scandir(self._uploads)):
            with suppress(FileNotFoundError):  # another process tidies as well
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    disk.remove(Path(entry.path))
                    removed += 1
        for folder in list(os.scandir(self._root)):
            if len(folder.name) != 2 or not folder.is_dir(follow_symlinks=False):
                continue
            for entry in list(os.scandir(folder)):
                if entry.name.endswith(".json"):
                    continue
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_ctime < before and not self._is_in_use(Path(entry.path)):
                        disk.remove(Path(entry.path))
                        removed += 1
        return removed

    def _is_in_use(self, version: Path) -> bool:
        match = _VERSION.fullmatch(version.name)
        if match is None:
            return False
        try:
            stored = self._described(version.with_name(match[1]))
        except _Damaged:
            return True  # somebody may mend the description
        return stored is not None and stored.id == match[2]


def _read_description(read: Any) -> _Stored:
    pieces = tuple((str(name), int(size)) for name, size in read["pieces"])
    info = ObjectInfo(
        key=read["key"],
        size_bytes=sum(size for _, size in pieces),
        content_type=read["type"],
        etag=read["etag"],
        modified_at=datetime.fromisoformat(read["at"]),
    )
    return _Stored(info=info, id=str(read["id"]), pieces=pieces)


def combined_etag(etags: Sequence[str]) -> str:
    """The ETag of an object in parts; empty where a part's is not an MD5."""
    try:
        digests = b"".join(bytes.fromhex(etag) for etag in etags)
    except ValueError:
        return ""
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(etags)}"


def _run(work: Callable[..., T], args: tuple[Any, ...], named: dict[str, Any]) -> T:
    with _told():
        return work(*args, **named)


@contextmanager
def _told() -> Iterator[None]:
    """What the system says, as a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull from error
        log.error("the object store's folder fails", reason=error.strerror, number=error.errno)
        raise _away() from error


class _Damaged(HubError):
    """A description that cannot be read."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "The description of a stored object is damaged.")


def _away() -> HubError:
    return HubError(Code.UNAVAILABLE, "The object store cannot be used.")


def _description(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _beside(place: Path, id: str) -> Path:
    return place.with_name(f"{place.name}.{id}")


def _parts_in(folder: Path) -> Iterator[PartInfo]:
    for entry in os.scandir(folder):
        match = _PART.fullmatch(entry.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):  # one that came again took its place just now
            at = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            yield PartInfo(number=int(match[1]), etag=match[2], size_bytes=int(match[3]), modified_at=at)
