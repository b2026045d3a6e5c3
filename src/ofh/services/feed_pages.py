"""Events of feeds in memory, in pages: what many readers catch up from is read from the database once.

A page holds the events of `PAGE` numbers of one workspace, whatever became visible with each other: so readers who are
at different places meet in the same pages. A whole page never changes. Those that were not read for the longest go
first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from ofh.domain.event_json import from_body
from ofh.domain.events import FeedEvent
from ofh.store import feed
from ofh.store.database import Database

PAGE = 512
"""Numbers of a page."""

Key = tuple[int, int]
"""A workspace, and how manieth page of its feed."""


class Missing(Exception):
    """Some of these events are not kept any longer, or never were."""


def page_of(seq: int) -> int:
    """The page that a number stands on; the first one has 1 to `PAGE`."""
    return (seq - 1) // PAGE


def begins(page: int) -> int:
    """The first number of a page."""
    return page * PAGE + 1


class Pages:
    """Whole pages of all feeds of this process.

    Args:
        capacity: events that are kept at the most.
    """

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._most = max(1, capacity // PAGE)
        self._pages: OrderedDict[Key, Sequence[FeedEvent]] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[Sequence[FeedEvent]]] = {}
        self.loaded = 0
        """Pages that were read from the database, since the start."""

    def held(self, workspace_id: int, page: int) -> Sequence[FeedEvent] | None:
        """A page that is at hand; None where it is not."""
        found = self._pages.get((workspace_id, page))
        if found is not None:
            self._pages.move_to_end((workspace_id, page))
        return found

    def keep(self, workspace_id: int, page: int, events: Sequence[FeedEvent]) -> None:
        """Keep a whole page."""
        self._pages[(workspace_id, page)] = events
        self._pages.move_to_end((workspace_id, page))
        while len(self._pages) > self._most:
            self._pages.popitem(last=False)

    def forget(self, workspace_id: int) -> None:
        """Let go of a feed that nobody reads."""
        for key in [key for key in self._pages if key[0] == workspace_id]:
            del self._pages[key]

    async def get(self, workspace_id: int, page: int) -> Sequence[FeedEvent]:
        """A whole page; several who ask for one wait for the same statement.

        Raises:
            Missing: not all of it is there.
            HubError: UNAVAILABLE.
        """
        found = self.held(workspace_id, page)
        if found is not None:
            return found
        key = (workspace_id, page)
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(key), name=f"feed {key}")
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        # Whoever is cancelled leaves the others their page.
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """End what is being read."""
        for task in list(self._loading.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _load(self, key: Key) -> Sequence[FeedEvent]:
        workspace_id, page = key
        first = begins(page)
        events = await read_events(self._database, workspace_id, first, first + PAGE - 1)
        self.loaded += 1
        self.keep(workspace_id, page, events)
        return events


async def read_events(database: Database, workspace_id: int, first: int, last: int) -> list[FeedEvent]:
    """The events from one number to another, from the database.

    Raises:
        Missing: not all of them are there.
    """
    pieces = await feed.read(database, workspace_id, first, last)
    reached = first - 1
    events: list[FeedEvent] = []
    for piece in pieces:
        if piece.first > reached + 1:
            raise Missing
        reached = piece.last
        events += from_body(piece.body, piece.first)
    if reached < last:
        raise Missing
    return [event for event in events if first <= event.seq <= last]
