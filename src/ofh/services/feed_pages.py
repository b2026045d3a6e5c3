"""Events of feeds in memory, in pages: what many readers catch up from is read from the database once.

A page holds the events of `PAGE` numbers of one workspace, whatever became visible with each other: so readers who are
at different places meet in the same pages. A whole page never changes. Those that were not read for the longest go
first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from ofh.domain.event_json import from_body
from ofh.domain.events import FeedEvent
from ofh.store import feed
from ofh.store.database import Database

PAGE = 512
"""Numbers of a page."""
SPARSE = 16
"""Who wants fewer than one in so many events searches, and does so more slowly."""


@dataclass(frozen=True, slots=True)
class Page:
    """The events of a page, or those of them that are still kept."""

    first: int
    """From this number on they are all there."""
    events: Sequence[FeedEvent]


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
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[Page]] = {}
        self.searching = asyncio.Lock()
        """See `searched`."""
        self.turn = asyncio.Lock()
        """Whoever reads what happened long ago does so in turns: what happens now does not wait for all of them."""
        self.loaded = 0
        """Pages that were read from the database, since the start."""

    def held(self, workspace_id: int, page: int) -> Page | None:
        """A page that is at hand; None where it is not."""
        found = self._pages.get((workspace_id, page))
        if found is not None:
            self._pages.move_to_end((workspace_id, page))
        return found

    def keep(self, workspace_id: int, number: int, page: Page) -> None:
        """Keep a page that nothing is added to any more."""
        self._pages[(workspace_id, number)] = page
        self._pages.move_to_end((workspace_id, number))
        while len(self._pages) > self._most:
            self._pages.popitem(last=False)

    def forget(self, workspace_id: int) -> None:
        """Let go of a feed that nobody reads."""
        for key in [key for key in self._pages if key[0] == workspace_id]:
            del self._pages[key]

    async def get(self, workspace_id: int, page: int) -> Page:
        """A page whose last event is stored; several who ask for one wait for the same statement.

        Raises:
            Missing: nothing of it is kept.
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

    @asynccontextmanager
    async def searched(self) -> AsyncIterator[None]:
        """A look through a page by somebody who finds next to nothing in what it looks through.

        All who do take turns, and each turn ends with a rest as long as it took: however much there is to look through,
        and however many do, it takes no more than half of the loop's time.
        """
        async with self.searching:
            begun_s = asyncio.get_running_loop().time()
            yield
            await rest(asyncio.get_running_loop().time() - begun_s)

    async def stop(self) -> None:
        """End what is being read."""
        for task in list(self._loading.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _load(self, key: Key) -> Page:
        workspace_id, number = key
        first = begins(number)
        async with self.turn:
            page = await read_page(self._database, workspace_id, first, first + PAGE - 1)
        self.loaded += 1
        self.keep(workspace_id, number, page)
        return page


async def rest(seconds: float) -> None:
    """Leave the loop to others."""
    await asyncio.sleep(seconds)


def is_sparse(found: int, numbers: int) -> bool:
    """Whether somebody finds next to nothing in so many events."""
    return found * SPARSE < numbers


async def read_page(database: Database, workspace_id: int, first: int, last: int) -> Page:
    """The events from one number to another, from the database; without the oldest where those are not kept.

    Raises:
        Missing: the last one is not there.
        HubError: UNAVAILABLE.
    """
    since, reached = first, first - 1
    events: list[FeedEvent] = []
    for piece in await feed.read(database, workspace_id, first, last):
        if piece.first > reached + 1:
            since, events = piece.first, []
        reached = piece.last
        events += from_body(piece.body, piece.first, first, last)
    if reached < last:
        raise Missing
    return Page(since, events)
