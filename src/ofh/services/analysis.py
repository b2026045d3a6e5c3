"""Looking into a file that has come: what it says of itself, and a thumbnail.

This is a job (`jobs.py`) about a file, done once after its upload, and once more where its object was replaced. A copy
of the object is made, of a video only of its beginning and its end; EXIF and XMP are read from it without touching the
pixels, and the pixels are decoded by a process that may do nothing else. Whatever a file holds, the job comes to its
end: a file of which nothing can be had has no thumbnail, and that is all (security.md, T5).
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from ofh.backends.ports import Bus, ObjectInfo, ObjectStore
from ofh.backends.thumbnails.pool import NoThumbnail, ThumbnailPool
from ofh.domain.coverage.cameras import Kind
from ofh.domain.coverage.inputs import PhotoFacts
from ofh.domain.coverage.pose import camera_of
from ofh.domain.errors import Code, HubError
from ofh.domain.events import Event, MediaAnalysed, RowChanged, Table
from ofh.domain.media import Lens
from ofh.domain.pictures.metadata import VIDEOS, PictureMetadata, read_metadata
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import File, Media

from .announcing import publish
from .counters import Counters
from .discarding import Discarding
from .incoming import Reception
from .jobs import JobQueue, Run

log = structlog.get_logger(__name__)

ANALYSIS = "analysis"
"""The kind of job; its subject is a file."""
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff", "image/x-adobe-dng"})
MOST_PICTURE_BYTES = 256 * 1024 * 1024
"""Of a file that is copied whole; larger pictures are not looked into."""
VIDEO_PART_BYTES = 16 * 1024 * 1024
"""Of a video's beginning, and of its end: the index stands in one of the two, and the first frame near the former."""
LATE_ATTEMPTS = 3
"""So often a thumbnail is tried that takes too long: the machine may only have been busy."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_LENSES = {Kind.WIDE: Lens.WIDE, Kind.ZOOM: Lens.ZOOM, Kind.THERMAL: Lens.THERMAL}


@dataclass(slots=True, kw_only=True)
class _Stored:
    """A thumbnail that is in the store already, and has no file yet."""

    key: str
    begun: datetime
    info: ObjectInfo


class Analysis:
    """Does the job.

    Args:
        reception: where copies are put while they are looked into.
        followed_by: the kinds of jobs about a media item that begin once it has been looked into.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        store: ObjectStore,
        reception: Reception,
        discarding: Discarding,
        thumbnails: ThumbnailPool,
        queue: JobQueue,
        counters: Counters,
        clock: Callable[[], datetime],
        *,
        followed_by: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._bus = bus
        self._store = store
        self._reception = reception
        self._discarding = discarding
        self._thumbnails = thumbnails
        self._queue = queue
        self._counters = counters
        self._clock = clock
        self._followed_by = tuple(followed_by)
        self.counts: Counter[str] = Counter()
        """What has come of files since the start: with a thumbnail, without one, or without one though it looked like
        a picture."""

    async def __call__(self, run: Run) -> None:
        """Look into the file of a job.

        Raises:
            HubError: UNAVAILABLE, the store or the database is away.
            LeaseLost: somebody else does it.
        """
        file = await File.get_or_none(id=run.subject_id)
        if file is None:
            return
        metadata, picture = PictureMetadata(), None
        async with self._copy(file) as path:
            if path is not None:
                metadata = await asyncio.to_thread(_read, path, file.size, file.content_type)
                picture = await self._thumbnail(path, file, metadata, run.attempt)
        stored = None if picture is None else await self._store_thumbnail(file, picture)
        try:
            await self._finish(run, file, metadata, stored)
        except BaseException:
            if stored is not None:
                await self._discarding.give_up(stored.key)
            raise

    @asynccontextmanager
    async def _copy(self, file: File) -> AsyncIterator[Path | None]:
        """A file of ours with what is needed of the object; None where there is nothing to look into."""
        is_video = file.content_type in VIDEOS
        is_picture = file.content_type in PICTURES and file.size <= MOST_PICTURE_BYTES
        if not (is_video or is_picture):
            yield None
            return
        whole = not is_video or file.size <= 2 * VIDEO_PART_BYTES
        end = file.size if whole else VIDEO_PART_BYTES
        async with self._reception.receive(limit_bytes=end) as incoming:
            try:
                if end:
                    async for piece in self._store.read(file.object_key, end=end):
                        await incoming.take(piece)
                path = (await incoming.finish()).path
                if not whole:
                    await self._add_end(path, file)
            except HubError as error:
                if error.code is not Code.GONE:
                    raise
                log.warning("a file's object is not there", file=file.id, workspace=file.workspace_id)
                yield None
                return
            yield path

    async def _add_end(self, path: Path, file: File) -> None:
        """The last part at its place; between the two is a hole, which takes no room."""
        at = file.size - VIDEO_PART_BYTES
        async for piece in self._store.read(file.object_key, start=at, end=file.size):
            await asyncio.to_thread(_write, path, at, piece)
            at += len(piece)

    async def _thumbnail(self, path: Path, file: File, metadata: PictureMetadata, attempt: int) -> bytes | None:
        """The JPEG; None where there is none to be had.

        Raises:
            HubError: RATE_LIMITED, it took too long, and may take less later.
        """
        if not self._thumbnails.can(file.content_type):
            self.counts["none"] += 1
            return None
        try:
            if file.content_type in VIDEOS:
                found = await self._thumbnails.of_video(path)
            elif file.content_type == "image/x-adobe-dng":
                if metadata.preview is None:
                    raise NoThumbnail("no preview in it")
                found = await self._thumbnails.of_picture(
                    path,
                    file.content_type,
                    orientation=metadata.orientation,
                    offset=metadata.preview.offset,
                    length=metadata.preview.length,
                )
            else:
                found = await self._thumbnails.of_picture(path, file.content_type)
        except NoThumbnail as error:
            if error.is_late and attempt < LATE_ATTEMPTS:
                raise HubError(Code.RATE_LIMITED, "The machine was too busy for a thumbnail.") from None
            self.counts["failed"] += 1
            log.info("no thumbnail", file=file.id, workspace=file.workspace_id, reason=str(error))
            return None
        self.counts["made"] += 1
        return found

    async def _store_thumbnail(self, file: File, picture: bytes) -> _Stored:
        """Put it where no grant reaches: below no workspace's uuid."""
        key = f"t/{file.workspace_id}/{uuid4()}"
        begun = await self._discarding.begin(key)
        try:
            async with self._reception.receive(limit_bytes=len(picture)) as incoming:
                await incoming.take(picture)
                received = await incoming.finish()
                info = await self._store.put(key, received.path, content_type="image/jpeg", md5=received.md5)
        except BaseException:
            await self._discarding.give_up(key)
            raise
        return _Stored(key=key, begun=begun, info=info)

    async def _finish(self, run: Run, file: File, metadata: PictureMetadata, stored: _Stored | None) -> None:
        """Write what was found, in one transaction, and tell of it."""
        events: dict[int, list[Event]] = defaultdict(list)
        discarded: list[str] = []
        now = self._clock()
        async with run.finishing() as client:
            # Locked, so that no other of its kind comes between; gone, where it was deleted or replaced meanwhile.
            held = await File.filter(id=file.id, object_key=file.object_key).select_for_update().first()
            if held is None:
                if stored is not None:
                    discarded.append(stored.key)
            else:
                await self._write(held, stored, now, discarded)
                events[held.workspace_id].append(_changed(held.workspace_id, Table.FILE, held.id, now))
                media = await Media.get_or_none(file_id=file.id)
                if media is not None:
                    await self._write_media(media, held, metadata, now)
                    for kind in self._followed_by:
                        await self._queue.add(client, kind, media.workspace_id, media.id)
                    events[media.workspace_id].append(
                        MediaAnalysed(
                            workspace_id=media.workspace_id, drone_id=media.drone_id, media_id=media.id, at=now
                        )
                    )
                    events[media.workspace_id].append(_changed(media.workspace_id, Table.MEDIA, media.id, now))
            await self._discarding.note(discarded)
            news = await journal.append(self._database, client, events, now)
        self._queue.wake()
        await publish(self._bus, news, self._counters)
        await self._discarding.now(discarded)

    async def _write(self, file: File, stored: _Stored | None, now: datetime, discarded: list[str]) -> None:
        if file.thumbnail_key is not None:
            discarded.append(file.thumbnail_key)
        values: dict[str, Any] = {"thumbnail_key": None, "thumbnail_etag": "", "thumbnail_size": 0}
        if stored is not None:
            await self._discarding.keep(stored.key, stored.begun)
            values = {
                "thumbnail_key": stored.key,
                "thumbnail_etag": stored.info.etag,
                "thumbnail_size": stored.info.size_bytes,
            }
        await File.filter(id=file.id).update(analysed_at=now, **values)

    async def _write_media(self, media: Media, file: File, metadata: PictureMetadata, now: datetime) -> None:
        """What the file says goes before what its controller said; what neither says stays as it is."""
        found = camera_of(
            PhotoFacts(
                exif=metadata.exif,
                xmp=metadata.xmp,
                callback=media.callback or None,
                file_name=file.name,
                width=metadata.width,
                height=metadata.height,
            )
        )
        values: dict[str, Any] = {
            "camera_model": None if found.model is None else found.model[:64],
            "longitude": found.longitude,
            "latitude": found.latitude,
            "absolute_altitude": found.absolute_altitude,
            "relative_altitude": found.relative_altitude,
            "gimbal_yaw": found.gimbal_yaw,
            "gimbal_pitch": found.gimbal_pitch,
            "gimbal_roll": found.gimbal_roll,
            "width": found.width,
            "height": found.height,
        }
        if media.lens is None and found.lens in _LENSES:
            values["lens"] = _LENSES[found.lens].value
        taken = found.captured_at
        if media.captured_at is None and taken is not None and EARLIEST <= taken <= now + timedelta(days=1):
            values["captured_at"] = taken
        known = {name: value for name, value in values.items() if value is not None}
        await Media.filter(id=media.id).update(meta=metadata.as_json(), **known)


def _changed(workspace_id: int, table: Table, row_id: int, at: datetime) -> Event:
    return RowChanged(workspace_id=workspace_id, table=table, row_id=row_id, at=at)


def _read(path: Path, size: int, content_type: str) -> PictureMetadata:
    with path.open("rb", buffering=0) as file:

        def read(offset: int, length: int) -> bytes:
            return os.pread(file.fileno(), length, offset) if offset < size else b""

        return read_metadata(read, size, content_type)


def _write(path: Path, offset: int, piece: bytes) -> None:
    with path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), piece, offset)
