"""What one workspace's controllers are pushed in one process: read from the feed once, encoded once, paced once.

Everybody gets the same bytes, but for a controller's own position and that of its aircraft. Whoever does not read loses
nothing that counts: of what it missed it gets the newest position of each device, one notice to fetch the topologies,
and one to fetch the map.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed
from ofh.backends.ports import Interrupted
from ofh.domain.errors import HubError
from ofh.domain.events import (
    ControllerPositioned,
    ControllerPresenceChanged,
    DronePositioned,
    Event,
    MapElementChanged,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
)
from ofh.edges.outlet import JOIN_BYTES, Outlet, text_header
from ofh.services.awareness import Group

from . import frames
from .frames import Notice
from .pace import Pace, Turns

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

KINDS = (
    DronePositioned,
    ControllerPositioned,
    PresenceChanged,
    ControllerPresenceChanged,
    TopologyChanged,
    MapElementChanged,
    RowChanged,
)
POSITION_INTERVAL_S = 0.5
"""At most two positions a second of one device."""
NOTICE_INTERVAL_S = 1.0
"""At most one notice a second: each makes every controller fetch the list."""
TICK_S = 0.05
"""What comes within it goes out together."""
READ_INTERVAL_S = 0.25
"""Who is there is read no more often, whatever comes in; positions wait for it."""
RETRY_S = 1.0
"""Pause before the bus or the database is tried again."""

Positioned = DronePositioned | ControllerPositioned
Key = tuple[str, Hashable]
"""What a push is about: of two with the same key the newer one will do."""
_NOTICE: Key = ("notice", None)


class World(Protocol):
    """Where a room learns what happens; the services."""

    def events(self, workspace_id: int) -> AbstractAsyncContextManager[Mailbox[Event | Interrupted]]:
        """The events of `KINDS` from now on."""

    async def groups(self, workspace_id: int) -> list[Group]:
        """Who is there."""

    async def map_group_ids(self, workspace_id: int) -> list[str]:
        """The groups of the shared map."""


@dataclass(frozen=True, slots=True)
class Push:
    """One text frame."""

    key: Key
    text: bytes
    frame: bytes
    """With its header, for the raw way out."""
    owners: frozenset[int] = frozenset()
    """Connections that are not told: it is about themselves."""

    @classmethod
    def of(cls, key: Key, text: bytes, owners: frozenset[int] = frozenset()) -> "Push":
        """A text with its frame."""
        return cls(key, text, text_header(len(text)) + text, owners)


@dataclass(frozen=True, slots=True)
class Pack:
    """Pushes that are written together."""

    pushes: tuple[Push, ...]
    data: bytes
    owners: frozenset[int]


@dataclass(frozen=True, slots=True)
class Known:
    """A device of the workspace."""

    serial: str
    owners: frozenset[int]


class Member:
    """One socket in the room."""

    __slots__ = ("_missed", "_outlet", "_room", "connection_id")

    def __init__(self, room: "Room", connection_id: int, outlet: Outlet) -> None:
        self._room = room
        self._outlet = outlet
        self._missed: dict[Key, None] = {}
        """What it is to have once it reads again; no more than there are devices and groups."""
        self.connection_id = connection_id

    def take(self, packs: Iterable[Pack]) -> None:
        """Write what the reader has room for, and note the rest."""
        for pack in packs:
            if self._outlet.paused or self._missed:
                self._missed.update((push.key, None) for push in pack.pushes if self._may_have(push))
            elif self.connection_id not in pack.owners and self._outlet.raw:
                self._outlet.put(pack.data)
            else:
                self._write([push for push in pack.pushes if self._may_have(push)])

    def resumed(self) -> None:
        """The reader has caught up: it gets what it missed, as it is by now."""
        if self._outlet.paused or not self._missed:
            return
        missed, self._missed = self._missed, {}
        self.take(packs(push for push in self._room.newest(missed) if self._may_have(push)))

    def _may_have(self, push: Push) -> bool:
        return self.connection_id not in push.owners

    def _write(self, pushes: list[Push]) -> None:
        if self._outlet.raw:
            if pushes:
                self._outlet.put(b"".join(push.frame for push in pushes))
        else:
            for push in pushes:
                self._outlet.message(push.text)


class Room:
    """The members of one workspace.

    Args:
        clock: the hub's time, UTC.
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        world: World,
        workspace_id: int,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._workspace_id = workspace_id
        self._clock = clock
        self._monotonic = monotonic
        self._members: set[Member] = set()
        self._devices: dict[Key, Known] = {}
        self._is_stale = True
        """Who is there has to be read again."""
        self._next_read_s = 0.0
        self._arrived: dict[Key, Positioned] = {}
        """Positions of whose devices it is yet to be known whose they are."""
        self._newest_at: dict[Key, datetime] = {}
        self._positions: Pace[Key, Positioned] = Pace(POSITION_INTERVAL_S)
        self._shown: dict[Key, Push] = {}
        """The newest position of each device that was pushed."""
        self._notices: Turns[Notice] = Turns(NOTICE_INTERVAL_S)
        self._map: list[Push] = []
        self._lost_map = False
        """Changes of the map may have been missed."""
        self.listening = asyncio.Event()
        """What happens from now on is seen."""

    def __len__(self) -> int:
        return len(self._members)

    def join(self, connection_id: int, outlet: Outlet) -> Member:
        """Let a socket have what is pushed from now on."""
        member = Member(self, connection_id, outlet)
        self._members.add(member)
        return member

    def leave(self, member: Member) -> None:
        """Give a socket nothing more."""
        self._members.discard(member)

    def newest(self, keys: Iterable[Key]) -> Iterator[Push]:
        """For these keys what there is to be told now."""
        for key in keys:
            match key:
                case ("notice", _):
                    yield Push.of(key, frames.notice(Notice.TOPOLOGY, self._clock()))
                case ("map", str(group_id)):
                    yield self._refresh(group_id)
                case _ if key in self._shown:
                    yield self._shown[key]

    def _refresh(self, group_id: str) -> Push:
        return Push.of(("map", group_id), frames.map_refresh([group_id], self._clock()))

    async def run(self) -> None:
        """Push until cancelled."""
        while True:
            try:
                async with self._world.events(self._workspace_id) as mailbox:
                    if self._members:
                        self._lost()
                    self.listening.set()
                    await self._follow(mailbox)
            except (HubError, MailboxClosed) as error:
                log.info("pushes to controllers interrupted", workspace=self._workspace_id, why=str(error))
            self.listening.clear()
            self._is_stale = True
            await asyncio.sleep(RETRY_S)

    async def _follow(self, mailbox: Mailbox[Event | Interrupted]) -> None:
        while True:
            batch: list[Event | Interrupted | Lagged] = []
            try:
                async with asyncio.timeout(self._wait_s()):
                    batch = await mailbox.take()
            except TimeoutError:
                pass
            await self.take(batch)
            await asyncio.sleep(TICK_S)

    def _wait_s(self) -> float | None:
        now_s = self._monotonic()
        waits = [self._positions.wait_s(now_s), self._notices.wait_s(now_s)]
        if self._arrived:
            waits.append(max(0.0, self._next_read_s - now_s))
        if self._lost_map:
            waits.append(RETRY_S)
        return min((wait for wait in waits if wait is not None), default=None)

    async def take(self, batch: Iterable[Event | Interrupted | Lagged]) -> None:
        """Take events in, and push what is due."""
        for event in batch:
            match event:
                case Interrupted() | Lagged():
                    self._lost()
                case _ if event.workspace_id != self._workspace_id:
                    continue
                case PresenceChanged(online=online) | ControllerPresenceChanged(online=online):
                    self._notices.put(Notice.ONLINE if online else Notice.OFFLINE)
                case TopologyChanged() | RowChanged(table=Table.DRONE | Table.CONNECTION):
                    # Of a row: what it is called, or that it is no more. Pilot learns either from the list alone.
                    self._is_stale = True
                    self._notices.put(Notice.TOPOLOGY)
                case MapElementChanged():
                    self._map.append(Push.of(("map", event.group_id), frames.map_change(event, self._clock())))
                case DronePositioned() | ControllerPositioned():
                    self._take_position(event)
        await self._sort_out()
        if self._lost_map:
            await self._refresh_map()
        self._send()

    def _lost(self) -> None:
        """Something may have happened of which nothing was heard."""
        self._is_stale = True
        self._lost_map = True
        self._notices.put(Notice.TOPOLOGY)

    def _take_position(self, event: Positioned) -> None:
        key = _key(event)
        newest_at = self._newest_at.get(key)
        if newest_at is None or event.at >= newest_at:  # else it is of another process, whose word took longer
            self._newest_at[key] = event.at
            self._arrived[key] = event

    async def _sort_out(self) -> None:
        """Let those positions go on of whose devices it is known whose they are."""
        if not self._arrived:
            return
        if self._is_stale or not self._arrived.keys() <= self._devices.keys():
            now_s = self._monotonic()
            if now_s < self._next_read_s:
                return
            await self._read(now_s)
        for key, event in self._arrived.items():
            if key in self._devices:
                self._positions.put(key, event)
        self._arrived.clear()

    async def _read(self, now_s: float) -> None:
        try:
            groups = await self._world.groups(self._workspace_id)
        except HubError:  # what was known before serves meanwhile
            self._next_read_s = now_s + RETRY_S
            return
        self._next_read_s = now_s + READ_INTERVAL_S
        self._is_stale = False
        self._devices = _devices(groups)
        self._shown = {key: push for key, push in self._shown.items() if key in self._devices}
        self._newest_at = {key: at for key, at in self._newest_at.items() if key in self._devices}

    async def _refresh_map(self) -> None:
        try:
            group_ids = await self._world.map_group_ids(self._workspace_id)
        except HubError:
            return  # once more with the next tick
        self._lost_map = False
        self._map += [self._refresh(group_id) for group_id in group_ids]

    def _send(self) -> None:
        now_s = self._monotonic()
        pushes = [push for event in self._positions.due(now_s) if (push := self._position(event)) is not None]
        if (code := self._notices.due(now_s)) is not None:
            pushes.append(Push.of(_NOTICE, frames.notice(code, self._clock())))
        pushes += self._map
        self._map = []
        if pushes:
            packed = packs(pushes)
            for member in list(self._members):
                member.take(packed)

    def _position(self, event: Positioned) -> Push | None:
        """A position as it is pushed; None where its device has left meanwhile."""
        key = _key(event)
        known = self._devices.get(key)
        if known is None:
            return None
        if isinstance(event, DronePositioned):
            text = frames.aircraft_position(known.serial, event.fix, event.state, self._clock())
        else:
            text = frames.controller_position(known.serial, event.fix, self._clock())
        self._shown[key] = push = Push.of(key, text, known.owners)
        return push


def _key(event: Positioned) -> Key:
    if isinstance(event, DronePositioned):
        return ("drone", event.drone_id)
    return ("controller", event.remote_controller_id)


def _devices(groups: Iterable[Group]) -> dict[Key, Known]:
    """Every device and whose it is; an aircraft with two controllers is that of both."""
    found: dict[Key, Known] = {}
    for group in groups:
        own = frozenset({group.connection_id})
        found["controller", group.controller.id] = Known(group.controller.serial, own)
        for craft in group.aircraft:
            held = found.get(("drone", craft.id))
            found["drone", craft.id] = Known(craft.serial, own | held.owners if held else own)
    return found


def packs(pushes: Iterable[Push]) -> list[Pack]:
    """Pushes joined into pieces, so that a reader who lags is noticed between two of them."""
    found: list[Pack] = []
    held: list[Push] = []
    size = 0
    for push in pushes:
        held.append(push)
        size += len(push.frame)
        if size > JOIN_BYTES:
            found.append(_pack(held))
            held, size = [], 0
    if held:
        found.append(_pack(held))
    return found


def _pack(pushes: list[Push]) -> Pack:
    owners: frozenset[int] = frozenset().union(*(push.owners for push in pushes))
    return Pack(tuple(pushes), b"".join(push.frame for push in pushes), owners)
