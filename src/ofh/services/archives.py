"""A selection of media as one ZIP, for who may see them.

What belongs to it is settled when it begins; the files are read one after the other while they go out, so of the files
no more than one piece is in memory however many gibibytes they are. A file that has gone meanwhile is left out, and the
list that stands last in the archive says so: whoever has that list has all that there was. Where a file breaks off in
the middle, or the store stays away, the whole download is broken off: nobody could tell it from a whole one.
"""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

import structlog

from ofh.backends.ports import ObjectStore
from ofh.domain.actors import Action, Actor
from ofh.domain.archives.names import Names, safe
from ofh.domain.archives.zip_stream import TooLong, ZipStream
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.reasons import Reason
from ofh.store.models import Media, Workspace

from . import shown_area
from .access import Access
from .media import MediaFilter, MediaItems
from .names import is_id

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/zip"
LIST: Final = "manifest.csv"
"""The last entry of every archive."""
PIECE: Final = 100
"""Media items that are looked up at once; so often the right to see them is looked at."""
MAX_IDS: Final = 200
"""Media items that can be named one by one."""
PAUSES_S: Final = (0.5, 2.0, 5.0)
"""How long to wait for a store that is away before it is asked again."""

_COLUMNS = (
    "path", "media_id", "file_id", "bytes", "taken_at_utc", "drone", "lens", "longitude", "latitude", "problem",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much a selection is."""

    files: int
    size: int
    """Bytes of them together, without what the archive adds."""


class Archive:
    """A ZIP in the making."""

    media_type = MEDIA_TYPE

    def __init__(self, archives: "Archives", actor: Actor, workspace: Workspace, media_ids: Sequence[int]) -> None:
        self._archives = archives
        self._actor = actor
        self._workspace = workspace
        self._media_ids = media_ids
        self.done = 0
        """How many files have gone out whole."""

    @property
    def file_name(self) -> str:
        """With the workspace's name, as far as file systems take it."""
        return f"{safe(self._workspace.name, 'workspace')}-media.zip"

    @property
    def plain_file_name(self) -> str:
        """Of letters and digits alone."""
        return f"workspace-{self._workspace.id}-media.zip"

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The file, in pieces, once.

        Raises:
            HubError: GONE or UNAUTHENTICATED, the right to see it has ended meanwhile; UNAVAILABLE, the database or the
                store is away, or a file broke off. What has been handed out by then is no whole file.
        """
        stream, names = ZipStream(), Names()
        names.once(LIST)
        text = io.StringIO()
        listed = csv.writer(text, lineterminator="\r\n")
        listed.writerow(_COLUMNS)
        for first in range(0, len(self._media_ids), PIECE):
            wanted = self._media_ids[first : first + PIECE]
            rows = await self._archives.rows(self._actor, self._workspace.id, wanted)
            for number in wanted:
                row = rows.get(number)
                if row is None:
                    listed.writerow(_line("", number, None, 0, "It was deleted before its turn."))
                    continue
                path, size = _path(row, number), 0
                async with aclosing(self._archives.content(row)) as content:
                    head = await anext(content, None)
                    if head is None:
                        listed.writerow(_line("", number, row, 0, "The file is not in the storage."))
                        continue
                    path = names.once(path)
                    yield stream.begin(path, row.captured_at or row.created_at, row.file.size)
                    size += len(head)
                    yield _added(stream, head)
                    async for piece in content:
                        size += len(piece)
                        yield _added(stream, piece)
                    yield stream.end()
                self.done += 1
                listed.writerow(_line(path, number, row, size, ""))
        content_of_list = text.getvalue().encode()
        yield stream.begin(LIST, self._archives.clock(), len(content_of_list))
        yield _added(stream, content_of_list)
        yield stream.end() + stream.finish()


class Archives:
    """Makes archives.

    Args:
        still_valid: whether an actor's session or token has not ended meanwhile.
        turn: one of the exports that may be under way; raises HubError RATE_LIMITED.
        clock: the hub's time, UTC.
        most: files of one archive.
    """

    def __init__(
        self,
        access: Access,
        media: MediaItems,
        store: ObjectStore,
        still_valid: Callable[[Actor], Awaitable[bool]],
        turn: Callable[[Actor], AbstractContextManager[None]],
        clock: Callable[[], datetime],
        *,
        most: int = 20_000,
    ) -> None:
        self._access = access
        self._media = media
        self._store = store
        self._still_valid = still_valid
        self._turn = turn
        self.clock = clock
        self._most = most

    @asynccontextmanager
    async def of_workspace(
        self, actor: Actor, workspace_id: int, wanted: MediaFilter, media_ids: Sequence[int] | None = None
    ) -> AsyncIterator[Archive]:
        """A selection of a workspace's media, in the order in which they came.

        Args:
            media_ids: of the selection only these; None: all of it.
        Raises:
            HubError: GONE; BAD_INPUT, an end before the start or too many ids; TOO_LARGE, too many files;
                RATE_LIMITED, too many exports are under way; UNAVAILABLE.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        found = await self._selected(workspace_id, wanted, media_ids)
        if len(found) > self._most:
            raise HubError(
                Code.TOO_LARGE, f"An archive has at most {self._most} files, and these are {len(found)}. Choose fewer."
            )
        workspace = await Workspace.living().get_or_none(id=workspace_id)
        if workspace is None:
            raise gone("workspace")
        with self._turn(actor):
            yield Archive(self, actor, workspace, found)

    async def measure(
        self, actor: Actor, workspace_id: int, wanted: MediaFilter, media_ids: Sequence[int] | None = None
    ) -> Measure:
        """How much a selection is at this moment.

        Raises:
            HubError: GONE; BAD_INPUT; UNAVAILABLE.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        found = await self._selected(workspace_id, wanted, media_ids)
        size = 0
        for first in range(0, len(found), PIECE * 5):
            sizes = await Media.filter(id__in=found[first : first + PIECE * 5]).values_list("file__size", flat=True)
            size += sum(int(one) for one in sizes)  # type: ignore[call-overload]
        return Measure(files=len(found), size=size)

    async def rows(self, actor: Actor, workspace_id: int, media_ids: Sequence[int]) -> dict[int, Media]:
        """The next media items, as long as the actor may see them.

        Raises:
            HubError: GONE, UNAUTHENTICATED, UNAVAILABLE.
        """
        if not await self._still_valid(actor):
            raise HubError(Code.UNAUTHENTICATED, "This session has ended.")
        await self._access.require(actor, Action.VIEW, workspace_id)
        rows = await Media.filter(id__in=list(media_ids)).select_related("file", "drone")
        return {row.id: row for row in rows}

    async def content(self, row: Media) -> AsyncGenerator[bytes, None]:
        """The bytes of a media item's file; none at all, not even an empty piece, where there is no such object.

        Raises:
            HubError: UNAVAILABLE, the store stays away, or the file is shorter than it is known to be.
        """
        size, read, failures = row.file.size, 0, 0
        while True:
            try:
                reading = cast("AsyncGenerator[bytes, None]", self._store.read(row.file.object_key, start=read))
                async with aclosing(reading) as pieces:
                    async for piece in pieces:
                        read += len(piece)
                        failures = 0
                        yield piece
                break
            except HubError as error:
                if error.code is Code.GONE and not read:
                    return
                if error.code is not Code.UNAVAILABLE or failures == len(PAUSES_S):
                    raise HubError(Code.UNAVAILABLE, "A file broke off.") from error
                await asyncio.sleep(PAUSES_S[failures])
                failures += 1
        if read < size:
            raise HubError(Code.UNAVAILABLE, "A file is shorter than it should be.")
        if not read:
            yield b""

    async def _selected(self, workspace_id: int, wanted: MediaFilter, media_ids: Sequence[int] | None) -> list[int]:
        """The ids, in the order in which they came."""
        media = self._media.matching(workspace_id, wanted)
        if media_ids is not None:
            if len(media_ids) > MAX_IDS:
                raise bad_input("ids", Reason.TOO_MANY, most=MAX_IDS)
            media = media.filter(id__in=[number for number in media_ids if is_id(number)])
        ordered = media.order_by("created_at", "id")
        if wanted.area is None:
            ordered = ordered.limit(self._most + 1)
        found = [int(number) for number in await ordered.values_list("id", flat=True)]  # type: ignore[call-overload]
        if wanted.area is not None:  # of those whose box meets it any number may show nothing of it
            showing = await shown_area.showing(found, wanted.area)
            found = [number for number in found if number in showing]
        return found


def _added(stream: ZipStream, content: bytes) -> bytes:
    try:
        return stream.data(content)
    except TooLong:
        raise HubError(Code.UNAVAILABLE, "A file is longer than it should be.") from None


def _path(row: Media, number: int) -> str:
    """As on the camera's card, below a folder for each aircraft."""
    parts = [safe(row.drone.serial_number, "unknown")]
    if row.folder:
        parts.append(safe(row.folder.replace("/", "_"), "folder"))
    return "/".join([*parts, safe(row.file.name, f"media-{number}")])


def _line(path: str, number: int, row: Media | None, size: int, problem: str) -> list[object]:
    """A line of the list: nothing in it is text that somebody could have made a formula of."""
    if row is None:
        return [path, number, "", "", "", "", "", "", "", problem]
    taken = "" if row.captured_at is None else row.captured_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    drone = safe(row.drone.serial_number, "unknown")
    place = ["" if part is None else part for part in (row.longitude, row.latitude)]
    return [path, number, row.file_id, size, taken, drone, row.lens or "", *place, problem]
