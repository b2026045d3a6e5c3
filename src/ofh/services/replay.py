"""One replay: it reads the feed a part at a time and waits for the moment at which each event had become visible,
then for its reader.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import Any, TypeVar

from ofh.domain.devices import from_micros
from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.event_json import Newest, from_body
from ofh.domain.events import FeedEvent
from ofh.domain.feed import Choice, Gap, Passed, conflated
from ofh.domain.pace import Pace
from ofh.store import feed
from ofh.store.database import Database
from ofh.store.feed import Piece

from .feed_pages import PAGE, Missing, is_sparse, rest
from .past import Past
from .snapshots import Snapshot

T = TypeVar("T")

BATCH = 64
"""Events that are told at once where no moment is waited for."""
SLICE = 4_096
"""Events that a conflated replay reads at once, and so many it looks at, at the most, before it tells what it has."""
FASTEST = 100_000.0
"""Whoever wants it faster says 0."""
RETRY_S = 1.0
"""Between two tries to read on while the database is away."""
NOT_KEPT = "The feed of that time is not kept any longer."

Item = Snapshot | Gap | Passed | FeedEvent
"""What a replay tells."""
Wait = Callable[[asyncio.Event, float | None], Awaitable[None]]
"""Waits for something to happen, so many seconds at the most; None: however long that takes."""


async def wait(event: asyncio.Event, seconds: float | None) -> None:
    """See `Wait`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is to be replayed."""

    workspace_id: int
    start_us: int
    """The first moment, microseconds since 1970."""
    end_us: int
    """The first moment that is not."""
    speed: float
    """Seconds of the past in one of now; 0: as fast as it can be read."""
    choice: Choice
    interval_s: float = 0.0
    """Above zero: it is told once in so many seconds of now, conflated, and with how far it is (`Passed`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay has come."""

    seq: int | None
    """It has told all up to this number; None: it is to go on with a Snapshot."""
    at_us: int
    end_us: int
    """Its end, as it was when it began."""
    speed: float
    is_paused: bool


@dataclass(frozen=True, slots=True)
class _Moment:
    """What became visible together."""

    at_us: int
    last: int
    """The number of the last event of it, told or not."""
    events: Sequence[FeedEvent]
    """What of it is wanted."""


class _Chosen:
    """What is wanted of some pieces of the feed, conflated."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._newest = Newest()
        self._inside: list[FeedEvent] = []
        self.looked_at = 0
        """Events that were there."""

    def add(self, piece: Piece, since: int) -> None:
        """Take a piece, from a number on."""
        if self._choice.area is None:
            self._newest.add(piece.body, piece.first, since)
            return
        # The newest position that is wanted is not the newest one.
        events = from_body(piece.body, piece.first, since)
        self.looked_at += len(events)
        self._inside += [event for event in events if self._choice.wants(event)]

    def events(self) -> list[FeedEvent]:
        """It, in its order."""
        if self._choice.area is not None:
            return conflated(self._inside)
        events = self._newest.events()
        self.looked_at += len(events)
        return [event for event in events if self._choice.wants(event)]


class Replay:
    """One replay: `items` tells it, in portions; whoever reads takes the next one when it wants more."""

    def __init__(
        self,
        database: Database,
        past: Past,
        span: Span,
        monotonic: Callable[[], float],
        wait: Wait,
        turn: asyncio.Lock,
        progress: Progress | None,
    ) -> None:
        self._database = database
        self._past = past
        self._span = span if progress is None else replace(span, end_us=progress.end_us)
        self._monotonic = monotonic
        self._wait = wait
        self._turn = turn
        self._said = asyncio.Event()
        begun = progress or Progress(
            seq=None, at_us=span.start_us, end_us=span.end_us, speed=span.speed, is_paused=False
        )
        self._told = begun.seq or 0
        self._jump_us = begun.at_us if begun.seq is None else None
        """Where it is to go on with a Snapshot; None: it goes on behind what was told."""
        self._pace = Pace(begun.at_us, monotonic(), begun.speed, is_paused=begun.is_paused)

    def progress(self) -> Progress:
        """How far it has come: a portion counts once the next one is asked for."""
        return Progress(
            seq=self._told if self._jump_us is None else None,
            at_us=self._pace.position(self._monotonic()) if self._jump_us is None else self._jump_us,
            end_us=self._span.end_us,
            speed=self._pace.speed,
            is_paused=self._pace.is_paused,
        )

    def hear(self, words: Mapping[str, Any]) -> None:
        """Do what its user says (`Replays.control`)."""
        now_s = self._monotonic()
        position_us, speed, is_paused = words.get("position_us"), words.get("speed"), words.get("paused")
        if isinstance(position_us, int):
            self._jump_us = min(max(position_us, self._span.start_us), self._span.end_us)
        if isinstance(speed, int | float) and 0 <= speed <= FASTEST:
            self._pace.go(float(speed), now_s)
        if isinstance(is_paused, bool):
            self._pace.pause(now_s, is_paused=is_paused)
        self._said.set()

    async def items(self) -> AsyncGenerator[Sequence[Item], None]:
        """What it tells; ends when it has come to its end.

        Raises:
            HubError: GONE, the workspace was deleted; BAD_INPUT, nothing of it is kept.
        """
        is_over = False
        while not is_over:
            if self._jump_us is not None:
                at_us, self._jump_us = self._jump_us, None
                async for greeting in self._greet(at_us):
                    yield greeting
            async for batch in self._slices() if self._span.interval_s else self._events():
                yield batch
            is_over = await self._until(self._span.end_us)

    async def _greet(self, at_us: int, missing_behind: int | None = None) -> AsyncIterator[list[Item]]:
        """As `_greeting`. The clock goes on once the reader has it, however long that took."""
        moment_us, items = await self._greeting(at_us, missing_behind)
        self._pace.jump(moment_us, self._monotonic())
        yield items
        if self._jump_us is None:
            self._pace.jump(moment_us, self._monotonic())

    async def _greeting(self, at_us: int, missing_behind: int | None) -> tuple[int, list[Item]]:
        """The state at a moment; where that is not kept any more, a Gap and the state at which what is kept begins.

        Args:
            missing_behind: the number up to which all was told, where what comes next is not kept any more.
        Returns:
            The moment, microseconds since 1970, and what is told of it.
        """
        workspace_id, known = self._span.workspace_id, missing_behind
        while True:
            beginning = await self._patiently(lambda: self._past.beginning(workspace_id))
            if beginning is None:
                raise bad_input("from", NOT_KEPT)
            if known is not None and beginning.seq <= known:  # nothing went, so what is missing should be there
                raise LookupError(f"the feed of workspace {workspace_id} has a hole")
            is_gap = missing_behind is not None or (beginning.seq > 0 and at_us <= beginning.at_us)
            shown_us = beginning.at_us if is_gap else at_us
            try:
                seq = beginning.seq if is_gap else await self._number_before(at_us)
                snapshot = await self._snapshot(seq, from_micros(shown_us))
            except Missing:
                known = beginning.seq  # it went meanwhile
                continue
            self._told = seq
            moment_us = max(at_us, shown_us)
            shown = snapshot.within(self._span.choice.area)
            if not is_gap:
                return moment_us, [shown]
            gap = Gap(workspace_id=workspace_id, seq=missing_behind or 0, upto=seq, at=shown.at, reason=NOT_KEPT)
            return moment_us, [gap, shown]

    async def _events(self) -> AsyncIterator[Sequence[Item]]:
        """The events behind what was told, each once its moment has come; until the end, or until it is to jump."""
        while self._jump_us is None:
            moments = await self._page(self._told + 1)
            if moments is None:
                async for greeting in self._greet(self._pace.position(self._monotonic()), self._told):
                    yield greeting
                continue
            batch: list[FeedEvent] = []
            reached = self._told
            for moment in moments:
                if moment.at_us >= self._span.end_us:
                    break
                if batch and (len(batch) >= BATCH or self._pace.due(moment.at_us) > self._monotonic()):
                    yield batch
                    batch, self._told = [], reached
                if not await self._until(moment.at_us):
                    return
                batch += moment.events
                reached = moment.last
            if batch:
                yield batch
            self._told = reached
            if not moments or moments[-1].at_us >= self._span.end_us:
                return

    async def _slices(self) -> AsyncIterator[Sequence[Item]]:
        """The events behind what was told, conflated, a slice of time at once; until the end, or until it is to jump.

        However late a slice is, the next one reaches up to where time is by then: who cannot keep up gets fewer events.
        """
        ahead: deque[Piece] = deque()
        reached, is_late = self._told, False
        while self._jump_us is None:
            if not self._pace.speed:  # no moment is waited for, so none stands for another
                async for batch in self._events():
                    yield batch
                return
            wait_s = 0.0 if is_late else self._span.interval_s
            upto_us = min(self._pace.position(self._monotonic() + wait_s), self._span.end_us)
            if not await self._until(upto_us):
                return
            begun_s, before = asyncio.get_running_loop().time(), reached
            chosen, is_missing, is_late = _Chosen(self._span.choice), False, False
            while not is_late:
                if not ahead:
                    pieces = await self._pieces(reached + 1)
                    is_missing = pieces is None
                    ahead.extend(pieces or ())
                if not ahead or ahead[0].at_us > upto_us or ahead[0].at_us >= self._span.end_us:
                    break
                piece = ahead.popleft()
                chosen.add(piece, reached + 1)
                reached = piece.last
                is_late = reached - before > SLICE
            if is_late:
                upto_us = piece.at_us
            events = chosen.events()
            if is_sparse(len(events), chosen.looked_at):
                async with self._turn:
                    await rest(asyncio.get_running_loop().time() - begun_s)
            yield [*events, Passed(workspace_id=self._span.workspace_id, seq=reached, at=from_micros(upto_us))]
            self._told = reached
            if is_missing:
                async for greeting in self._greet(upto_us, reached):
                    yield greeting
                reached = self._told
            elif upto_us >= self._span.end_us:
                return

    async def _pieces(self, first: int) -> list[Piece] | None:
        """As `_page`, more of it, and not looked into."""
        async with self._turn:
            pieces = await self._patiently(
                lambda: feed.read(self._database, self._span.workspace_id, first, first + SLICE - 1)
            )
        if pieces:
            return None if pieces[0].first > first else pieces
        return [] if await self._is_end(first) else None

    async def _page(self, first: int) -> list[_Moment] | None:
        """What comes from a number on, nothing at the end of the feed; None where that is not kept any more.

        Who finds next to nothing in it searches, at half the pace: however many do, others have half of the loop.
        """
        async with self._turn:
            begun_s = asyncio.get_running_loop().time()
            pieces = await self._patiently(
                lambda: feed.read(self._database, self._span.workspace_id, first, first + PAGE - 1)
            )
            if pieces:
                if pieces[0].first > first:
                    return None
                moments = [self._moment(piece, first) for piece in pieces]
                if is_sparse(sum(len(moment.events) for moment in moments), pieces[-1].last + 1 - first):
                    await rest(asyncio.get_running_loop().time() - begun_s)
                return moments
        return [] if await self._is_end(first) else None

    async def _is_end(self, first: int) -> bool:
        """Whether there is nothing from a number on because nothing has happened; else it is not kept."""
        beginning = await self._patiently(lambda: self._past.beginning(self._span.workspace_id))
        return beginning is None or beginning.seq < first

    def _moment(self, piece: Piece, since: int) -> _Moment:
        events = from_body(piece.body, piece.first, since)
        return _Moment(piece.at_us, piece.last, [event for event in events if self._span.choice.wants(event)])

    async def _until(self, at_us: int) -> bool:
        """Wait until a moment is reached; False where it is to jump before that."""
        while self._jump_us is None:
            self._said.clear()
            left_s = self._pace.due(at_us) - self._monotonic()
            if left_s <= 0:
                self._pace.told(at_us)
                return True
            await self._wait(self._said, left_s if isfinite(left_s) else None)
        return False

    async def _number_before(self, at_us: int) -> int:
        return await self._patiently(lambda: self._past.number_before(self._span.workspace_id, at_us))

    async def _snapshot(self, seq: int, at: datetime) -> Snapshot:
        return await self._patiently(lambda: self._past.snapshot(self._span.workspace_id, seq, at))

    async def _patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """What is read, however long the database stays away."""
        while True:
            try:
                return await read()
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
                await asyncio.sleep(RETRY_S)
