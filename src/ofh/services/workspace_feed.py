"""The feed of one workspace in one process: what happens there, in the order in which it became visible.

It reads the workspace's channel on the bus, decodes each message once, and puts its events in the order of their
numbers, whatever process made them. Where a number is missing (two processes told in another order than they
committed, the bus lost a message, a process died between its commit and its word) it reads the rest where it is
stored.

Mailboxes get what happens from now on; followers read from a place of their own, of the last moments or of the last
weeks.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from ofh.backends.mailbox import Mailbox
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.devices import from_micros
from ofh.domain.errors import Code, HubError
from ofh.domain.event_json import NEVER, Message, decode, from_body
from ofh.domain.events import Event, FeedEvent
from ofh.store import feed as store
from ofh.store.database import Database

from .feed_pages import PAGE, Missing, Page, Pages, begins, page_of, read_page
from .snapshots import Snapshot, read_snapshot

log = structlog.get_logger(__name__)

HOLE_S = 0.025
"""How long a message that is missing is waited for before its events are read from the database."""
FEW = 32
"""Events of one transaction up to which they are shown there and then; more are shown in turns."""
RETRY_S = 1.0
"""Between two tries to read them while the database is away, or after a fault."""
EARLY = 4 * PAGE
"""Messages that may wait for one that is missing; those behind them are read from the database as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRules:
    """The feed's numbers; each is a setting."""

    memory_events: int = 20_000
    """Events of all workspaces that are kept in memory for those who catch up."""
    check: timedelta = timedelta(seconds=1)
    """How often it is asked whether something was committed that nobody told of."""
    snapshot: timedelta = timedelta(seconds=1)
    """How long one Snapshot serves all who come."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events of a feed, in their order."""

    events: Sequence[FeedEvent]
    upto: int
    """The number up to which these are all."""


def channel(workspace_id: int) -> str:
    """The bus's channel of a workspace's events."""
    return f"workspace:{workspace_id}"


class WorkspaceFeed:
    """The events of one workspace, as long as somebody listens in this process."""

    def __init__(self, bus: Bus, database: Database, pages: Pages, workspace_id: int, rules: FeedRules) -> None:
        self._bus = bus
        self._database = database
        self._pages = pages
        self._workspace_id = workspace_id
        self._rules = rules
        self._by_key: dict[Hashable, set[Mailbox[Event | Interrupted]]] = defaultdict(set)
        self._by_kind: dict[type, set[Mailbox[Event | Interrupted]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._early: dict[int, Message] = {}
        self._filling: asyncio.Task[None] | None = None
        self._tail: list[FeedEvent] = []
        self._tail_begins = 1
        self._moved = asyncio.Event()
        self._snapshot: Snapshot | None = None
        self._reading = asyncio.Lock()
        self.listeners = 0
        self.head = 0
        """The number of the newest event that this feed has told."""
        self.head_at = NEVER
        """When that one became visible."""
        self.is_over = False
        """It has come to its end, and tells nothing more."""

    # Its life

    async def start(self) -> None:
        """Begin to listen; returns once nothing more can be missed. Called for every listener, acts once.

        Raises:
            HubError: UNAVAILABLE, the bus or the database is away.
        """
        if self._task is None or self._task.done():
            if self._filling is not None:
                self._filling.cancel()  # of the life before
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._ready), name=f"feed {self._workspace_id}")
        assert self._ready is not None
        await asyncio.shield(self._ready)

    async def stop(self) -> None:
        """Stop listening."""
        tasks = [task for task in (self._task, self._filling) if task is not None]
        self._task = self._filling = None
        self.is_over = True
        self._pages.forget(self._workspace_id)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, ready: "asyncio.Future[None]") -> None:
        try:
            async with self._bus.subscribe(channel(self._workspace_id)) as messages:
                await self._begin()
                ready.set_result(None)
                async for message in messages:
                    if isinstance(message, Interrupted):
                        self.interrupt(message)
                    else:
                        self._take(message)
        except HubError as error:
            if not ready.done():
                ready.set_exception(error)
                ready.exception()  # whoever waits has it; nobody may be waiting any more
            self.interrupt(Interrupted(error.message))
        except Exception as fault:
            log.exception("a feed has failed", workspace=self._workspace_id)
            if not ready.done():
                ready.set_exception(fault)
                ready.exception()
            self.interrupt(Interrupted("the feed has failed"))
        finally:
            if not ready.done():
                ready.cancel()
            self.is_over = True
            self._moved.set()

    async def _begin(self) -> None:
        """Find out where the feed stands; the bus is being listened to already."""
        self.is_over = False
        self._early.clear()
        found = await store.head(self._database, self._workspace_id)
        self.head, self.head_at = (0, NEVER) if found is None else (found[0], from_micros(found[1]))
        self._tail_begins = begins(page_of(self.head + 1))
        self._tail = []
        if self._tail_begins <= self.head:
            try:
                page = await read_page(self._database, self._workspace_id, self._tail_begins, self.head)
                self._tail, self._tail_begins = list(page.events), page.first
            except Missing:  # older than what is kept
                self._tail_begins = self.head + 1

    # Mailboxes

    def join(self, mailbox: "Mailbox[Event | Interrupted]", *, keys: Sequence[Hashable], kinds: Sequence[type]) -> None:
        """Let a mailbox have the events with one of these keys, and those of these kinds."""
        for key in keys:
            self._by_key[key].add(mailbox)
        for kind in kinds:
            self._by_kind[kind].add(mailbox)

    def leave(self, mailbox: "Mailbox[Event | Interrupted]") -> None:
        """Give a mailbox nothing more."""
        _remove(self._by_key, mailbox)
        _remove(self._by_kind, mailbox)

    def interrupt(self, interrupted: Interrupted) -> None:
        """Have every listener know that something may be missing."""
        log.info("feed interrupted", workspace=self._workspace_id, reason=interrupted.reason)
        boxes = {box for index in (self._by_key, self._by_kind) for held in index.values() for box in held}
        for mailbox in boxes:
            mailbox.put(interrupted, "interrupted")
        self._fill()

    def _deliver(self, events: Sequence[Event], *, late: bool = False) -> None:
        few = len(events) <= FEW and not late
        for event in events:
            key = event.key
            # Copied: whoever takes an event there and then may leave.
            for mailbox in tuple(self._by_key.get(key, ())):
                mailbox.put(event, key, now=not late)
            for mailbox in tuple(self._by_kind.get(type(event), ())):
                mailbox.put(event, key, now=few)

    # The order

    def _take(self, data: bytes) -> None:
        try:
            message = decode(data)
        except (ValueError, TypeError, KeyError, IndexError) as error:  # of a process of another version
            log.warning("a message of the bus is not readable", workspace=self._workspace_id, error=str(error))
            self.interrupt(Interrupted("a message was not readable"))
            return
        if not message.first:
            self._deliver(message.events)
            return
        self._deliver(message.others)
        if message.last <= self.head:
            return  # read where it is stored before it was told
        if message.first <= self.head + 1:
            self._accept(message)
            self._take_early()
        elif len(self._early) < EARLY:
            self._early[message.first] = message
        if self._early and self._filling is None:
            self._fill(after_s=HOLE_S)

    def _take_early(self) -> None:
        """Accept what came before its turn and whose turn it is now."""
        for first in sorted(self._early):
            if first > self.head + 1:
                return
            message = self._early.pop(first)
            if message.last > self.head:
                self._accept(message)

    def _accept(self, message: Message, *, late: bool = False) -> None:
        """Tell the events that come next.

        Args:
            late: one of many that are read where they are stored.
        """
        events = [event for event in message.numbered if event.seq > self.head]
        for event in events:
            if page_of(event.seq) != page_of(self._tail_begins):
                self._turn_page(event.seq)
            self._tail.append(event)
        self.head, self.head_at = message.last, message.at
        if page_of(self.head) != page_of(self._tail_begins):  # by events that this version does not know
            self._turn_page(self.head)
        self._wake()
        self._deliver(events, late=late)

    def _wake(self) -> None:
        """Have those look who wait for a higher number."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _turn_page(self, seq: int) -> None:
        """Nothing is added to the tail's page any more."""
        page = Page(self._tail_begins, self._tail)
        self._pages.keep(self._workspace_id, page_of(self._tail_begins), page)
        self._tail, self._tail_begins = [], begins(page_of(seq))

    def behind(self, head: int) -> None:
        """Somebody has seen an event of this number in the database."""
        if head > self.head:
            self._fill()

    def _fill(self, after_s: float = 0.0) -> None:
        """Have read from the database what was not told."""
        if self._filling is None and self._ready is not None and self._ready.done() and not self.is_over:
            self._filling = asyncio.create_task(self._read_on(after_s), name=f"feed {self._workspace_id} filling")
            self._filling.add_done_callback(self._filled)

    def _filled(self, task: "asyncio.Task[None]") -> None:
        if self._filling is not task:
            return
        self._filling = None
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("a feed could not be read on", workspace=self._workspace_id, exc_info=fault)
        if self._early:
            self._fill(after_s=HOLE_S if fault is None else RETRY_S)

    async def _read_on(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if after_s and not self._early:
            return  # it was only late
        while True:
            try:
                found = await store.head(self._database, self._workspace_id)
                if found is None or found[0] <= self.head:
                    return
                last = min(found[0], self.head + 4 * PAGE)
                pieces = await store.read(self._database, self._workspace_id, self.head + 1, last)
            except HubError:
                await asyncio.sleep(RETRY_S)
                continue
            for piece in pieces:
                await asyncio.sleep(0)  # others have their turns; what is told meanwhile is told once
                if piece.last <= self.head:
                    continue
                if piece.first > self.head + 1:
                    self._lose(piece.first - 1)
                numbered = from_body(piece.body, piece.first)
                message = Message(first=piece.first, last=piece.last, at=from_micros(piece.at_us), numbered=numbered)
                self._accept(message, late=True)
            self._take_early()
            if self.head < last and not pieces:
                self._lose(last)

    def _lose(self, upto: int) -> None:
        """What comes next was thrown away before it was read here: whoever follows is told of a gap."""
        log.warning("a feed has a hole", workspace=self._workspace_id, after=self.head, upto=upto)
        self._tail, self._tail_begins, self.head = [], upto + 1, upto
        self._wake()

    # Followers

    async def beyond(self, seq: int) -> None:
        """Wait until there is an event of a higher number.

        Raises:
            HubError: UNAVAILABLE, the feed has come to its end.
        """
        while self.head <= seq:
            if self.is_over:
                raise over()
            await self._moved.wait()

    async def read(self, after: int) -> Stretch:
        """The events behind a number, to the end of its page at the most; at least one number where there is one.

        Raises:
            Missing: they are not kept any longer.
            HubError: UNAVAILABLE, the database is away.
        """
        if after >= self.head:
            return Stretch((), after)
        number = page_of(after + 1)
        upto = min(begins(number) + PAGE - 1, self.head)
        if number == page_of(self._tail_begins):
            page = Page(self._tail_begins, self._tail)
        else:
            page = await self._pages.get(self._workspace_id, number)
        if after + 1 < page.first:
            raise Missing
        start = bisect_right(page.events, after, key=_seq)
        return Stretch(page.events[start : bisect_right(page.events, upto, key=_seq)], upto)

    async def search(self, after: int) -> Stretch:
        """As `read`, for somebody who has found next to nothing in the page before.

        Raises:
            Missing, HubError: as `read`.
        """
        async with self._pages.searched():
            return await self.read(after)

    async def newest(self) -> int:
        """The number of the newest event that is stored, told or not.

        Raises:
            HubError: UNAVAILABLE.
        """
        found = await store.head(self._database, self._workspace_id)
        return 0 if found is None else found[0]

    async def snapshot(self, least: int = 0) -> Snapshot:
        """How the workspace stands, as of an event of this number or a higher one; the same for all who come at once.

        Raises:
            HubError: GONE; UNAVAILABLE, the database is away.
        """
        async with self._reading:
            held = self._snapshot
            if held is None or held.seq < least:
                held = self._snapshot = await read_snapshot(self._database, self._workspace_id)
                asyncio.get_running_loop().call_later(self._rules.snapshot.total_seconds(), self._forget, held)
            return held

    def _forget(self, snapshot: Snapshot) -> None:
        if self._snapshot is snapshot:
            self._snapshot = None


def _seq(event: FeedEvent) -> int:
    return event.seq


def over() -> HubError:
    """The refusal of a feed that has come to its end."""
    return HubError(Code.UNAVAILABLE, "The feed has ended. Try again.", retry_after_s=1)


Index = dict[Any, set[Mailbox[Event | Interrupted]]]


def _remove(index: Index, mailbox: Mailbox[Event | Interrupted]) -> None:
    for name in [name for name, boxes in index.items() if mailbox in boxes]:
        index[name].discard(mailbox)
        if not index[name]:
            del index[name]
