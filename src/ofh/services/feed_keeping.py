"""How the feed is kept: packed once it is a minute old, with past states in between, for as long as it is to be kept.

Packing changes no event and no number: readers see the rows as they were or the pack that is in their place. A past
state is written every so many events, so that how things stood at any moment is quickly worked out (`past.py`). What is
too old goes together with the states before it; the state at which the kept feed begins is written first.

Every process does this at intervals, one at a time: all of it goes in small transactions, and whatever a killed one
has left over the next one finds.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from ofh.domain.devices import micros
from ofh.domain.past import PastState
from ofh.store import feed, feed_keeping
from ofh.store.database import Database
from ofh.store.feed_keeping import Size, StoredState
from ofh.store.models import Workspace

from .feed_pages import Missing
from .past import PORTION, advance, fold

log = structlog.get_logger(__name__)

PACK_BYTES = 256 * 1024
"""Of a pack, before it is compressed: about as many events as a reader takes at a time."""
PACK_AFTER = timedelta(minutes=1)
"""How old a row is when it is packed."""
PACK_LATEST = timedelta(hours=1)
"""How old it is when it is packed even if that makes a small pack."""
STATE_EVENTS = 5_000
"""Events between two past states, at least."""
STATE_EVENTS_PER_DEVICE = 10
"""The same for each device, since a state holds all of them."""
PAUSE_S = 0.01
"""Between two transactions."""


@dataclass(slots=True)
class _Looked:
    """What the last look at a workspace found."""

    seq: int = -1
    """Its newest number then."""
    due_us: int | None = None
    """When to look again though there is nothing new; None: all is packed."""
    state_events: int = field(default_factory=lambda: STATE_EVENTS)
    """How many events lie between two of its past states."""


class FeedKeeping:
    """Packs feeds and writes past states.

    Args:
        clock: the hub's time, UTC.
        every_s: how often, in seconds.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime], *, every_s: float = 60.0, pause_s: float = PAUSE_S
    ) -> None:
        self._database = database
        self._clock = clock
        self._every_s = every_s
        self._pause_s = pause_s
        self._looked: dict[int, _Looked] = {}

    async def run(self) -> None:
        """Pack until cancelled."""
        while True:
            await self.pack()
            await asyncio.sleep(self._every_s)

    async def pack(self) -> int:
        """Pack what is old enough in every workspace, and write the past states that are due; how many packs."""
        now_us = micros(self._clock())
        rows = await Workspace.living().order_by("id").only("id", "event_seq")
        self._looked = {row.id: self._looked.get(row.id, _Looked()) for row in rows}
        packs = 0
        for row in rows:
            looked = self._looked[row.id]
            if looked.seq == row.event_seq and (looked.due_us is None or looked.due_us > now_us):
                continue
            made, looked.due_us = await self._pack(row.id, row.event_seq, now_us)
            packs += made
            await self._write_states(row.id, looked)
            looked.seq = row.event_seq
        return packs

    async def _pack(self, workspace_id: int, head: int, now_us: int) -> tuple[int, int | None]:
        """Pack what is old enough; how many packs that makes, and when to look again in any case."""
        packs = 0
        while True:
            packed = await feed_keeping.packed_until(self._database, workspace_id)
            if packed >= head:
                return packs, None
            sizes = await feed_keeping.unpacked(self._database, workspace_id, packed, now_us - _us(PACK_AFTER))
            if not sizes:
                return packs, now_us
            chosen, is_full = _chosen(sizes)
            latest_us = chosen[0].at_us + _us(PACK_LATEST)
            if not is_full and latest_us > now_us:
                return packs, latest_us
            packs += await self._replace(workspace_id, chosen)

    async def _replace(self, workspace_id: int, chosen: list[Size]) -> bool:
        """Put one pack in the place of rows; False where another process has been faster."""
        pieces = await feed.read(self._database, workspace_id, chosen[0].last, chosen[-1].last)
        if not pieces:
            return False
        body = await asyncio.to_thread(feed.pack, pieces)
        try:
            async with self._database.transaction() as client:
                if not await feed_keeping.take_turn(self._database, client, workspace_id):
                    return False
                await feed_keeping.replace(self._database, client, workspace_id, pieces, body)
        except feed_keeping.Changed:
            return False
        finally:
            await asyncio.sleep(self._pause_s)
        return True

    async def _write_states(self, workspace_id: int, looked: _Looked) -> None:
        """Write the past states that are due. Every process would write them as of the same numbers."""
        packed = await feed_keeping.packed_until(self._database, workspace_id)
        newest = await feed_keeping.newest_state(self._database, workspace_id, packed)
        reached = written = 0 if newest is None else newest.seq
        if packed - reached < looked.state_events:
            return
        state = PastState() if newest is None else await asyncio.to_thread(feed_keeping.unpack_state, newest.body)
        try:
            while packed - reached >= PORTION:
                reached = await advance(self._database, workspace_id, state, reached, reached + PORTION)
                devices = len(state.drones) + len(state.controllers)
                looked.state_events = max(STATE_EVENTS, STATE_EVENTS_PER_DEVICE * devices)
                if reached - written >= looked.state_events:
                    await self._write_state(workspace_id, reached, state)
                    written = reached
        except Missing:
            log.info("the feed is being pruned, no past state is written", workspace=workspace_id)

    async def _write_state(self, workspace_id: int, seq: int, state: PastState) -> None:
        at_us = await feed.time_of(self._database, workspace_id, seq)
        if at_us is None:
            raise Missing
        body = await asyncio.to_thread(feed_keeping.pack_state, state)
        async with self._database.transaction() as client:
            if await feed_keeping.take_turn(self._database, client, workspace_id):
                stored = StoredState(seq=seq, at_us=at_us, body=body)
                await feed_keeping.write_state(self._database, client, workspace_id, stored)
        await asyncio.sleep(self._pause_s)


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _chosen(sizes: list[Size]) -> tuple[list[Size], bool]:
    """The first rows of a list that make a pack, and whether that is full."""
    total = 0
    for index, size in enumerate(sizes):
        total += size.bytes
        if total >= PACK_BYTES:
            return sizes[: index + 1], True
    return sizes, len(sizes) >= feed_keeping.MOST_ROWS


Turn = Callable[[], AbstractAsyncContextManager[Any]]
"""A small transaction, and a pause behind it."""


async def drop_old(
    database: Database, workspace_id: int, before: datetime, turn: Turn, *, is_trial: bool = False
) -> int:
    """Delete the rows of a feed all of whose events became visible before a time; how many events that is.

    Args:
        is_trial: only say how many that would be.
    """
    upto = await feed.number_before(database, workspace_id, micros(before))
    rows = await feed_keeping.whole_rows(database, workspace_id, upto)
    if rows is None:
        return 0
    first, last = rows
    if is_trial:
        return last + 1 - first
    try:
        state = await fold(database, workspace_id, last)
    except Missing:
        state = None  # what is too old goes all the same; the past begins at the next state that is kept
    at_us = await feed.time_of(database, workspace_id, last)
    if state is not None and at_us is not None:
        body = await asyncio.to_thread(feed_keeping.pack_state, state)
        async with turn() as client:
            if not await feed_keeping.take_turn(database, client, workspace_id):
                return 0
            stored = StoredState(seq=last, at_us=at_us, body=body)
            await feed_keeping.write_state(database, client, workspace_id, stored)
            await feed_keeping.drop_states(database, client, workspace_id, last)
    while True:
        async with turn() as client:
            is_there = await feed_keeping.take_turn(database, client, workspace_id)
            if not is_there or not await feed_keeping.drop_some(database, client, workspace_id, last):
                return last + 1 - first
