"""Files of a workspace: taken in, listed, given out, renamed, deleted.

A file is seen once its last byte is stored and has a row. A row and its objects, the thumbnail's among them, go
together: see `discarding.py`; that it is looked into begins with its row (`analysis.py`). A photo's file is a file like
any other; deleted here, its media item goes with it, and what its controller calls it stays known, or it would be sent
again for ever.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from tortoise.exceptions import IntegrityError

from ofh.backends.ports import ObjectStore
from ofh.domain.actors import Action, Actor
from ofh.domain.devices import micros
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.events import MediaDeleted, Table
from ofh.domain.media import SNIFFED_BYTES, content_type_of, is_file_name
from ofh.domain.reasons import Reason
from ofh.domain.tallies import one_more
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import File, Fingerprint, Media

from .access import Access
from .analysis import ANALYSIS
from .announcing import RowNews
from .audit import Audit, Event
from .discarding import Discarding
from .incoming import Incoming, Reception
from .jobs import JobQueue
from .names import UNSET, UnsetType, check_name, is_id
from .pages import MAX_PAGE, PIECE, Page, behind, page_of, page_size, pieces, read_cursor

MAX_FILE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """The numbers; each is a setting."""

    max_bytes: int = MAX_FILE_BYTES
    """Of a file that a member uploads."""
    in_all: int = 32
    """Uploads at a time."""
    per_session: int = 4


class NewFile:
    """A file on its way from a member into a workspace."""

    def __init__(self, files: "Files", actor: Actor, workspace_id: int, incoming: Incoming) -> None:
        self._files = files
        self._actor = actor
        self._workspace_id = workspace_id
        self._incoming = incoming

    async def take(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            HubError: TOO_LARGE; UNAVAILABLE.
        """
        await self._incoming.take(data)

    async def keep(self, name: str) -> File:
        """All bytes are here: make it a file of the workspace.

        Raises:
            HubError: BAD_INPUT, no such name; GONE, FORBIDDEN, the right to it has ended meanwhile; UNAVAILABLE.
        """
        return await self._files.keep(self._actor, self._workspace_id, name, self._incoming)


class Files:
    """What members may know and do about the files of their workspaces.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        access: Access,
        audit: Audit,
        store: ObjectStore,
        reception: Reception,
        discarding: Discarding,
        jobs: JobQueue,
        clock: Callable[[], datetime],
        rules: FileRules | None = None,
        news: RowNews | None = None,
    ) -> None:
        self._database = database
        self._access = access
        self._audit = audit
        self._store = store
        self._reception = reception
        self._discarding = discarding
        self._jobs = jobs
        self._clock = clock
        self._rules = rules or FileRules()
        self._news = news
        self._running: Counter[str] = Counter()
        """Session or token → uploads under way."""

    @property
    def under_way(self) -> int:
        """Uploads at this moment."""
        return self._running.total()

    async def file(self, actor: Actor, file_id: int) -> File | None:
        """A file that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, File, file_id)

    async def files(self, actor: Actor, file_ids: Sequence[int], *, most: int = MAX_PAGE) -> list[File]:
        """Those of these files that the actor may see, in the order asked for.

        Args:
            most: so many may be asked for.
        Raises:
            HubError: BAD_INPUT, too many at once.
        """
        if len(file_ids) > most:
            raise bad_input("ids", Reason.TOO_MANY, most=most)
        wanted = list(dict.fromkeys(number for number in file_ids if is_id(number)))
        seen = set(await self._access.workspace_ids(actor))
        found: list[File] = []
        for first in range(0, len(wanted), PIECE):
            asked = wanted[first : first + PIECE]
            rows = await File.in_bulk(asked, "id")
            found += (rows[number] for number in asked if number in rows and rows[number].workspace_id in seen)
        return found

    async def of_workspace(
        self, actor: Actor, workspace_id: int, *, first: int | None, after: str | None
    ) -> Page[File]:
        """A page of a workspace's files, the newest first.

        Raises:
            HubError: GONE; BAD_INPUT, no page of such a size or no such cursor.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        size, key = page_size(first), read_cursor(after, 2)
        files = File.filter(workspace_id=workspace_id)
        found = await files.filter(behind(key, "created_at")).order_by("-created_at", "-id").limit(size + 1)

        async def count() -> int:
            return await files.count()

        return page_of(found, size, key, lambda row: (micros(row.created_at), row.id), count)

    async def all_of_workspace(self, actor: Actor, workspace_id: int) -> AsyncIterator[list[File]]:
        """All files of a workspace, the newest first, in pieces that are quickly read.

        Raises:
            HubError: GONE; before the first piece.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        async for piece in pieces(File.filter(workspace_id=workspace_id), "created_at"):
            yield piece

    def content(self, row: File, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to, not including, `end`, in pieces of at most a mebibyte.

        Raises:
            HubError: GONE, it has been deleted meanwhile; UNAVAILABLE, the store is away.
        """
        return self._store.read(row.object_key, start=start, end=end)

    def thumbnail(self, row: File) -> AsyncIterator[bytes]:
        """Its thumbnail, a JPEG.

        Raises:
            HubError: GONE, it has none, or has been deleted meanwhile; UNAVAILABLE, the store is away.
        """
        if row.thumbnail_key is None:
            raise gone("thumbnail")
        return self._store.read(row.thumbnail_key)

    @asynccontextmanager
    async def receive(self, actor: Actor, workspace_id: int) -> AsyncIterator[NewFile]:
        """Take a file in. Whatever ends it before it is kept leaves nothing.

        Raises:
            HubError: GONE, FORBIDDEN; RATE_LIMITED, too many uploads at once.
        """
        await self._access.require(actor, Action.EDIT_FILES, workspace_id)
        session = actor.session
        if self._running[session] >= self._rules.per_session or self._running.total() >= self._rules.in_all:
            raise HubError(Code.RATE_LIMITED, "Too many uploads at once. Try again when one of them is done.")
        with one_more(self._running, session):
            async with self._reception.receive(limit_bytes=self._rules.max_bytes) as incoming:
                yield NewFile(self, actor, workspace_id, incoming)

    async def keep(self, actor: Actor, workspace_id: int, name: str, incoming: Incoming) -> File:
        """See `NewFile.keep`."""
        name = check_file_name(name)
        received = await incoming.finish()
        content_type = content_type_of(await asyncio.to_thread(_head, received.path))
        key = f"w/{workspace_id}/{uuid4()}"
        begun = await self._discarding.begin(key)
        try:
            info = await self._store.put(key, received.path, content_type=content_type, md5=received.md5)
            if info.size_bytes != received.size_bytes:
                raise HubError(Code.UNAVAILABLE, "The file was not stored whole. Try again.")
            await self._access.require(actor, Action.EDIT_FILES, workspace_id)
            async with self._database.transaction() as client:
                await self._discarding.keep(key, begun)
                row = await File.create(
                    workspace_id=workspace_id,
                    name=name,
                    object_key=key,
                    size=info.size_bytes,
                    content_type=content_type,
                    etag=info.etag,
                    uploaded_by_id=actor.user_id or None,
                    created_at=self._clock(),
                )
                await self._audit.by(actor, Event.FILE_UPLOADED, workspace_id=workspace_id, object=f"file:{row.id}")
                await self._jobs.add(client, ANALYSIS, workspace_id, row.id)
        except BaseException as error:
            await self._discarding.give_up(key)
            if isinstance(error, IntegrityError):  # the workspace was deleted at this very moment
                raise gone("workspace") from error
            raise
        self._jobs.wake()
        return row

    async def rename(
        self, actor: Actor, file_id: int, name: str | UnsetType, *, workspace_id: int | None = None
    ) -> File:
        """Give a file another name.

        Args:
            name: UNSET changes nothing.
            workspace_id: where it has to be; None: wherever it is.
        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN.
        """
        if name is not UNSET:
            name = check_file_name(name, field="name")
        row = await self._editable(actor, file_id, "file", workspace_id)
        if name is UNSET:
            return row
        if not await File.filter(id=row.id).update(name=name):
            raise gone("file")
        row.name = name
        await self._tell(row, await Media.get_or_none(file_id=row.id))
        return row

    async def delete(self, actor: Actor, file_id: int, *, workspace_id: int | None = None) -> None:
        """Delete a file, and the media item that it belongs to.

        Args:
            workspace_id: where it has to be; None: wherever it is.
        Raises:
            HubError: GONE, FORBIDDEN.
        """
        row = await self._editable(actor, file_id, "file", workspace_id)
        await self._delete(actor, row, "file")

    async def delete_media(self, actor: Actor, media_id: int) -> None:
        """Delete a media item with its file.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        media = await Media.get_or_none(id=media_id) if is_id(media_id) else None
        if media is None:
            raise gone("media item")
        row = await self._editable(actor, media.file_id, "media item")
        await self._delete(actor, row, "media item")

    async def _editable(self, actor: Actor, file_id: int, what: str, workspace_id: int | None = None) -> File:
        row = await self.file(actor, file_id)
        if row is None or workspace_id not in (None, row.workspace_id):
            raise gone(what)
        await self._access.require(actor, Action.EDIT_FILES, row.workspace_id, what=what)
        return row

    async def _delete(self, actor: Actor, row: File, what: str) -> None:
        now = self._clock()
        news: journal.News = {}
        async with self._database.transaction() as client:
            media = await Media.get_or_none(file_id=row.id)
            if media is not None:
                await Fingerprint.filter(media_id=media.id).update(deleted_at=now, media_id=None)
            # Locked: its thumbnail may be made at this very moment.
            held = await File.filter(id=row.id).select_for_update().first()
            if held is None or not await File.filter(id=row.id).delete():
                raise gone(what)
            objects = objects_of(held)
            await self._discarding.note(objects)
            await self._audit.by(
                actor, Event.FILE_DELETED, workspace_id=row.workspace_id, object=f"file:{row.id} {row.name}"
            )
            if media is not None:
                gone_item = MediaDeleted(
                    workspace_id=row.workspace_id,
                    drone_id=media.drone_id,
                    media_id=media.id,
                    flight_id=media.flight_id,
                    at=now,
                )
                news = await journal.append(self._database, client, {row.workspace_id: [gone_item]}, now)
        if self._news is not None:
            await self._news.publish(news)
        await self._tell(row, media)
        await self._discarding.now(objects)

    async def _tell(self, row: File, media: Media | None) -> None:
        """The file has changed or is no more, and so has the media item that shows its name."""
        if self._news is not None:
            item = [] if media is None else [(Table.MEDIA, int(media.id))]
            await self._news.changed(row.workspace_id, (Table.FILE, row.id), *item)


def objects_of(row: File) -> list[str]:
    """The keys of all objects that go with a file."""
    return [row.object_key, *([] if row.thumbnail_key is None else [row.thumbnail_key])]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFFED_BYTES)


def check_file_name(value: str | None, *, field: str = "filename") -> str:
    """A file's name (security.md, U6).

    Raises:
        HubError: BAD_INPUT.
    """
    name = check_name(value, field=field)
    if not is_file_name(name):
        raise bad_input(field, Reason.FILE_NAME)
    return name
