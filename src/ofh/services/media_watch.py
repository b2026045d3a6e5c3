"""What is uploaded in a workspace, as it comes, or as it has been looked into: each time once, whatever happens to the
line in between.

Both stand in the workspace's journal under numbers that only grow, so a watch knows what it has shown. Several
processes may tell theirs in another order than that of their numbers; after a break of the line the journal says what
was missed.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed
from ofh.backends.ports import Interrupted
from ofh.domain.errors import HubError, gone
from ofh.domain.events import Event, EventKind, MediaAnalysed, MediaUploaded
from ofh.store.models import Media, StoredEvent, Workspace

from .feed import Feed

REMEMBERED = 10_000
"""Uploads that a watch knows to have shown; also the most that it shows after a break."""
PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A media item that has come, or has been looked into."""

    row: Media
    at: datetime

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media", self.row.id)


MediaEvent = MediaUploaded | MediaAnalysed
_KINDS = {MediaUploaded: EventKind.MEDIA_UPLOADED, MediaAnalysed: EventKind.MEDIA_ANALYSED}


def uploads(feed: Feed, workspace_id: int, drone_id: int | None) -> AbstractAsyncContextManager["MediaWatch"]:
    """What comes in a workspace from now on; see `_watch`."""
    return _watch(feed, workspace_id, drone_id, MediaUploaded)


def analysed(feed: Feed, workspace_id: int, drone_id: int | None) -> AbstractAsyncContextManager["MediaWatch"]:
    """What is looked into from now on; see `_watch`."""
    return _watch(feed, workspace_id, drone_id, MediaAnalysed)


@asynccontextmanager
async def _watch(
    feed: Feed, workspace_id: int, drone_id: int | None, of: type[MediaEvent]
) -> AsyncIterator["MediaWatch"]:
    """What happens to the media of a workspace.

    Args:
        drone_id: only what this drone took; None: any of them.
    Raises:
        HubError: UNAVAILABLE, the bus or the database is away; GONE, there is no such workspace.
    """
    async with feed.events(workspace_id, kinds=[of]) as mailbox:
        workspace = await Workspace.living().get_or_none(id=workspace_id)
        if workspace is None:
            raise gone("workspace")
        yield MediaWatch(mailbox, workspace_id, drone_id, workspace.event_seq, of)


@dataclass(slots=True)
class MediaWatch:
    """One view of what happens to a workspace's media.

    Args:
        since: the number of the newest event that is none of its matter any more.
    """

    mailbox: Mailbox[Event | Interrupted]
    workspace_id: int
    drone_id: int | None
    since: int
    of: type[MediaEvent] = MediaUploaded
    _shown: set[int] = field(default_factory=set)

    def current(self) -> list[Uploaded]:
        """Nothing: what has come before is in the lists."""
        return []

    async def changes(self) -> AsyncIterator[list[Uploaded]]:
        """What comes, in the order in which it is told; ends when the feed does."""
        while True:
            try:
                batch = await self.mailbox.take()
            except MailboxClosed:
                return
            for uploaded in await self._patiently(batch):
                yield [uploaded]

    async def _patiently(self, batch: Sequence[Event | Interrupted | Lagged]) -> list[Uploaded]:
        """What is new, however long the database stays away."""
        while True:
            try:
                return await self._new(batch)
            except HubError:
                await asyncio.sleep(PATIENCE_S)

    async def _new(self, batch: Sequence[Event | Interrupted | Lagged]) -> list[Uploaded]:
        told = [(event.seq, event.media_id) for event in batch if isinstance(event, self.of)]
        if any(isinstance(event, Interrupted | Lagged) for event in batch):
            told = sorted(set(told) | set(await self._missed()))
        new = {seq: media_id for seq, media_id in told if seq > self.since and seq not in self._shown}
        rows = await Media.in_bulk(list(new.values()), "id")
        self._remember(new)
        found = (rows.get(media_id) for media_id in new.values())
        return [
            Uploaded(row=row, at=row.created_at)
            for row in found
            if row is not None and self.drone_id in (None, row.drone_id)
        ]

    async def _missed(self) -> list[tuple[int, int]]:
        events = StoredEvent.filter(workspace_id=self.workspace_id, kind=_KINDS[self.of].value, seq__gt=self.since)
        rows = await events.order_by("-seq").limit(REMEMBERED).values_list("seq", "media_id")
        return [(int(seq), int(media_id)) for seq, media_id in rows]

    def _remember(self, seqs: Iterable[int]) -> None:
        self._shown.update(seqs)
        if len(self._shown) > 2 * REMEMBERED:
            kept = sorted(self._shown)[-REMEMBERED:]
            self.since = kept[0] - 1
            self._shown = set(kept)
