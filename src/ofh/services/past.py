"""How workspaces stood at past moments: the newest past state that is kept, and the events between it and the moment.

The order is the feed's: a moment stands for the last event that had become visible by then, and what the devices'
clocks say plays no part.
"""

import asyncio
from collections.abc import Callable, Container
from datetime import datetime

from ofh.domain.actors import Actor
from ofh.domain.devices import from_micros, micros
from ofh.domain.errors import HubError, bad_input, gone
from ofh.domain.past import NOTHING, PastState
from ofh.store import feed, feed_keeping
from ofh.store.database import Database
from ofh.store.feed_keeping import Beginning, unpack_state
from ofh.store.models import Drone, RemoteController, Workspace

from .access import Access
from .feed_pages import Missing
from .snapshots import Snapshot, all_devices

PORTION = 2_000
"""Events that are read at a time."""
AT_ONCE = 2
"""Past states that one process works out at the same time; others wait."""


class Past:
    """Looks back.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, database: Database, access: Access, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def at(self, actor: Actor, workspace_id: int, at: datetime) -> Snapshot | None:
        """How a workspace stood at a moment; None where it is not the actor's to see.

        Raises:
            HubError: BAD_INPUT, a moment in the future or before what is kept; UNAVAILABLE.
        """
        if await self._access.role(actor, workspace_id) is None:
            return None
        if at > self._clock():
            head = await feed.head(self._database, workspace_id)
            if head is None or micros_of(at) > head[1]:  # the feed has a clock of its own
                raise bad_input("at", "This must not be in the future.")
        beginning = await self.beginning(workspace_id)
        try:
            if beginning is None or micros_of(at) < beginning.at_us:
                raise Missing
            seq = await self.number_before(workspace_id, micros_of(at) + 1)
            return await self.snapshot(workspace_id, seq, at)
        except Missing:
            raise _too_old(await self.beginning(workspace_id)) from None

    async def beginning(self, workspace_id: int) -> Beginning | None:
        """From where on the past can be told; None where there is no such place."""
        return await feed_keeping.beginning(self._database, workspace_id)

    async def number_before(self, workspace_id: int, at_us: int) -> int:
        """The number of the last event that became visible before a time, kept or not.

        Args:
            at_us: microseconds since 1970.
        """
        seq = await feed.number_before(self._database, workspace_id, at_us)
        if seq == 0 and (beginning := await self.beginning(workspace_id)) is not None and beginning.at_us < at_us:
            return beginning.seq  # all that is behind it has gone
        return seq

    async def snapshot(self, workspace_id: int, seq: int, at: datetime) -> Snapshot:
        """How a workspace stood once the event of a number had become visible.

        Names and types are those of now, and devices that nobody had heard of by then are left out.

        Args:
            at: the moment that it is to show.
        Raises:
            Missing: what it takes is not kept any longer.
            HubError: GONE, there is no such workspace; UNAVAILABLE.
        """
        state = await self.state_at(workspace_id, seq)
        async with self._database.reading():
            if not await Workspace.living().filter(id=workspace_id).exists():
                raise gone("workspace")
            drones = await all_devices(Drone, workspace_id)
            controllers = await all_devices(RemoteController, workspace_id)
        drones_then = {row.id: state.drone(row.id) or NOTHING for row in drones if _was_known(row, state.drones, at)}
        controllers_then = {
            row.id: state.controller(row.id) or NOTHING for row in controllers if _was_known(row, state.controllers, at)
        }
        return Snapshot(
            workspace_id=workspace_id,
            seq=seq,
            at=at,
            drones=[row for row in drones if row.id in drones_then],
            remote_controllers=[row for row in controllers if row.id in controllers_then],
            alert_ids=sorted(state.alerts),
            drones_then=drones_then,
            controllers_then=controllers_then,
        )

    async def state_at(self, workspace_id: int, seq: int) -> PastState:
        """What the events up to a number come to.

        Raises:
            Missing: what it takes is not kept any longer.
            HubError: UNAVAILABLE.
        """
        async with self._turn:
            return await fold(self._database, workspace_id, seq)


async def fold(database: Database, workspace_id: int, seq: int) -> PastState:
    """As `Past.state_at`, whoever else does so at the same time."""
    stored = await feed_keeping.newest_state(database, workspace_id, seq)
    state, reached = PastState(), 0
    if stored is not None:
        state, reached = await asyncio.to_thread(unpack_state, stored.body), stored.seq
    while reached < seq:
        reached = await advance(database, workspace_id, state, reached, min(reached + PORTION, seq))
    return state


async def advance(database: Database, workspace_id: int, state: PastState, reached: int, upto: int) -> int:
    """Let the events behind one number happen, up to another, which is the answer.

    Raises:
        Missing: not all of them are kept any longer.
    """
    pieces = await feed.read(database, workspace_id, reached + 1, upto)
    if not pieces or pieces[0].first > reached + 1 or pieces[-1].last < upto:
        raise Missing
    await asyncio.to_thread(_take, state, pieces, reached, upto)
    return upto


def _take(state: PastState, pieces: list[feed.Piece], reached: int, upto: int) -> None:
    for piece in pieces:
        state.take_body(piece.body, reached + 1 - piece.first, upto + 1 - piece.first)
        reached = piece.last


def micros_of(at: datetime) -> int:
    """Microseconds since 1970, of a time that a client names; 0 for what is before."""
    return max(0, micros(at))


def _was_known(row: Drone | RemoteController, told_of: Container[int], at: datetime) -> bool:
    return row.id in told_of or row.created_at < at


def _too_old(beginning: Beginning | None) -> HubError:
    if beginning is None:
        return bad_input("at", "Nothing of that time is kept.")
    since = from_micros(beginning.at_us).isoformat()
    return bad_input("at", f"This is older than what is kept: the past begins at {since}.")
