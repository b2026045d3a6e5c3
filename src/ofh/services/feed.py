"""What happens in a workspace, as it happens: one feed per workspace and process, from which every push edge reads.

A feed reads the workspace's channel on the bus, decodes each message once, and puts the events into the mailboxes of
those who joined. A `Watch` is one view of it: it joins first and reads the snapshot from the database second, so
nothing falls between, and passes on only what is newer than what it has shown. Whenever continuity breaks (the bus
was away, a mailbox overflowed) it reads the database again and shows what it missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import structlog

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed, Policy
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.areas import Area
from ofh.domain.devices import Battery, DeviceState, Fix, Property
from ofh.domain.errors import HubError, gone
from ofh.domain.event_json import decode
from ofh.domain.events import (
    BatteryReported,
    ControllerPositioned,
    DronePositioned,
    Event,
)
from ofh.store.models import Drone, RemoteController

log = structlog.get_logger(__name__)

MAILBOX_CAPACITY = 20_000
"""Events (for positions: drones) that may wait for one view before it reads the database instead."""


class Item(Protocol):
    """What a watch shows: the newest of its key counts."""

    @property
    def key(self) -> Hashable: ...
    @property
    def at(self) -> datetime: ...


T = TypeVar("T", bound=Item)
DeviceRow = TypeVar("DeviceRow", Drone, RemoteController)


def channel(workspace_id: int) -> str:
    """The bus's channel of a workspace's events."""
    return f"workspace:{workspace_id}"


class WorkspaceFeed:
    """The events of one workspace, as long as somebody listens in this process."""

    def __init__(self, bus: Bus, workspace_id: int) -> None:
        self._bus = bus
        self._workspace_id = workspace_id
        self._by_key: dict[Hashable, set[Mailbox[Event | Interrupted]]] = defaultdict(set)
        self._by_kind: dict[type, set[Mailbox[Event | Interrupted]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self.listeners = 0

    async def start(self) -> None:
        """Begin to listen; returns once the subscription is in force. Called for every listener, acts once.

        Raises:
            HubError: UNAVAILABLE, the bus is away.
        """
        if self._task is None or self._task.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._ready), name=f"feed {self._workspace_id}")
        assert self._ready is not None
        await asyncio.shield(self._ready)

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

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

    async def _run(self, ready: "asyncio.Future[None]") -> None:
        try:
            async with self._bus.subscribe(channel(self._workspace_id)) as messages:
                ready.set_result(None)
                async for message in messages:
                    if isinstance(message, Interrupted):
                        self.interrupt(message)
                    else:
                        self._deliver(message)
        except HubError as error:
            if not ready.done():
                ready.set_exception(error)
                ready.exception()  # whoever waits has it; nobody may be waiting any more
            self.interrupt(Interrupted(error.message))
        finally:
            if not ready.done():
                ready.cancel()

    def _deliver(self, message: bytes) -> None:
        try:
            events = decode(message).events
        except (ValueError, TypeError, KeyError, IndexError) as error:  # of a process of another version
            log.warning("a message of the bus is not readable", workspace=self._workspace_id, error=str(error))
            self.interrupt(Interrupted("a message was not readable"))
            return
        for event in events:
            boxes = self._by_key.get(event.key, ())
            for mailbox in boxes:
                mailbox.put(event, event.key)
            for mailbox in self._by_kind.get(type(event), ()):
                mailbox.put(event, event.key)

    def interrupt(self, interrupted: Interrupted) -> None:
        """Have every listener know that something may be missing."""
        log.info("feed interrupted", workspace=self._workspace_id, reason=interrupted.reason)
        boxes = {box for index in (self._by_key, self._by_kind) for held in index.values() for box in held}
        for mailbox in boxes:
            mailbox.put(interrupted, "interrupted")


Index = dict[Any, set[Mailbox[Event | Interrupted]]]


def _remove(index: Index, mailbox: Mailbox[Event | Interrupted]) -> None:
    for name in [name for name, boxes in index.items() if mailbox in boxes]:
        index[name].discard(mailbox)
        if not index[name]:
            del index[name]


@dataclass(slots=True)
class Watch(Generic[T]):
    """One view: the newest item of each device, and what is newer as it comes.

    Args:
        mailbox: joined to the feed already.
        snapshot: reads the newest items from the database.
        accept: which events this view shows, as its items; None leaves one out.
        interval: at most one batch in this time; zero: each item at once, in a list of one.
    """

    mailbox: Mailbox[Event | Interrupted]
    snapshot: Callable[[], Awaitable[list[T]]]
    accept: Callable[[Event], T | None]
    interval: timedelta
    known: dict[Hashable, T]
    left: dict[Hashable, datetime] = field(default_factory=dict)
    """When what is in this view no longer left it: an older event does not bring it back."""

    def current(self) -> list[T]:
        """The newest item of each device as far as `changes` has shown it."""
        return list(self.known.values())

    async def changes(self) -> AsyncIterator[list[T]]:
        """What is newer than what was shown before; ends when the feed does."""
        while True:
            try:
                batch = await self.mailbox.take()
            except MailboxClosed:
                return
            for shown in self._portions(await self._newer(batch)):
                yield shown
            if self.interval:
                await asyncio.sleep(self.interval.total_seconds())

    async def _newer(self, batch: Sequence[Event | Interrupted | Lagged]) -> list[T]:
        candidates: list[T] = []
        for event in batch:
            if isinstance(event, Interrupted | Lagged):
                candidates.extend(await self._patiently())
            elif (accepted := self.accept(event)) is not None:
                candidates.append(accepted)
            elif self._is_newer(event):
                self.known.pop(event.key, None)  # it was shown and has left the view
                self.left[event.key] = event.at
        newer: list[T] = []
        for item in candidates:
            if self._is_newer(item):
                self.known[item.key] = item
                self.left.pop(item.key, None)
                newer.append(item)
        return newer

    def _is_newer(self, item: Item) -> bool:
        held = self.known.get(item.key)
        at = held.at if held is not None else self.left.get(item.key)
        return at is None or item.at > at

    async def _patiently(self) -> list[T]:
        """The snapshot, however long the database stays away: the feed goes on when it is back."""
        while True:
            try:
                return await self.snapshot()
            except HubError:
                await asyncio.sleep(1)

    def _portions(self, newer: list[T]) -> list[list[T]]:
        if not newer:
            return []
        return [newer] if self.interval else [[item] for item in newer]


class Feed:
    """Every view of what happens; owns the feeds of this process."""

    def __init__(self, bus: Bus, *, capacity: int = MAILBOX_CAPACITY) -> None:
        self._bus = bus
        self._capacity = capacity
        self._feeds: dict[int, WorkspaceFeed] = {}

    async def stop(self) -> None:
        """Stop every feed."""
        for feed in list(self._feeds.values()):
            await feed.stop()
        self._feeds.clear()

    def interrupt(self, reason: str) -> None:
        """Have every view read the database again: something may have happened that no bus tells of."""
        for feed in self._feeds.values():
            feed.interrupt(Interrupted(reason))

    def drone_position(self, drone_id: int) -> AbstractAsyncContextManager[Watch[DronePositioned]]:
        """The position of one drone.

        Raises:
            HubError: GONE, there is no such drone.
        """
        return self._device(Drone, drone_id, DronePositioned, positions_of, ("position", drone_id))

    def drone_battery(self, drone_id: int) -> AbstractAsyncContextManager[Watch[BatteryReported]]:
        """The battery of one drone.

        Raises:
            HubError: GONE, there is no such drone.
        """
        return self._device(Drone, drone_id, BatteryReported, batteries_of, ("battery", drone_id))

    def remote_controller_position(
        self, controller_id: int
    ) -> AbstractAsyncContextManager[Watch[ControllerPositioned]]:
        """The position of one remote controller.

        Raises:
            HubError: GONE, there is no such controller.
        """
        key = ("controller", controller_id)
        return self._device(RemoteController, controller_id, ControllerPositioned, controllers_of, key)

    @asynccontextmanager
    async def workspace_positions(
        self, workspace_id: int, area: Area | None, interval: timedelta
    ) -> AsyncIterator[Watch[DronePositioned]]:
        """The positions of a workspace's drones, or of those inside an area."""

        def accept(event: Event) -> DronePositioned | None:
            if not isinstance(event, DronePositioned) or (area is not None and not area.contains(event.fix)):
                return None
            return event

        async def snapshot() -> list[DronePositioned]:
            found = positions_of(await Drone.filter(workspace_id=workspace_id))
            return [item for item in found if area is None or area.contains(item.fix)]

        async with self._watch(workspace_id, snapshot, accept, kinds=[DronePositioned], interval=interval) as watch:
            yield watch

    @asynccontextmanager
    async def workspace_batteries(
        self, workspace_id: int, interval: timedelta
    ) -> AsyncIterator[Watch[BatteryReported]]:
        """The batteries of a workspace's drones."""

        async def snapshot() -> list[BatteryReported]:
            return batteries_of(await Drone.filter(workspace_id=workspace_id))

        async with self._watch(
            workspace_id, snapshot, _only(BatteryReported), kinds=[BatteryReported], interval=interval
        ) as watch:
            yield watch

    @asynccontextmanager
    async def _device(
        self,
        model: type[DeviceRow],
        device_id: int,
        kind: type[T],
        shape: Callable[[Sequence[DeviceRow]], list[T]],
        key: Hashable,
    ) -> AsyncIterator[Watch[T]]:
        """One kind of event of one device."""
        found = await model.get_or_none(id=device_id)
        if found is None:
            raise gone("device")

        async def snapshot() -> list[T]:
            return shape(await model.filter(id=device_id))

        async with self._watch(found.workspace_id, snapshot, _only(kind), keys=[key]) as watch:
            yield watch

    @asynccontextmanager
    async def events(
        self,
        workspace_id: int,
        *,
        keys: Sequence[Hashable] = (),
        kinds: Sequence[type] = (),
        policy: Policy = Policy.LATEST,
    ) -> AsyncIterator[Mailbox[Event | Interrupted]]:
        """A mailbox with the events of these keys and kinds, from this moment on.

        Raises:
            HubError: UNAVAILABLE, the bus is away.
        """
        feed = self._feeds.setdefault(workspace_id, WorkspaceFeed(self._bus, workspace_id))
        feed.listeners += 1
        mailbox: Mailbox[Event | Interrupted] = Mailbox(policy, self._capacity)
        try:
            await feed.start()
            feed.join(mailbox, keys=keys, kinds=kinds)
            yield mailbox
        finally:
            feed.leave(mailbox)
            mailbox.close()
            feed.listeners -= 1
            if not feed.listeners and self._feeds.get(workspace_id) is feed:
                del self._feeds[workspace_id]
                await feed.stop()

    @asynccontextmanager
    async def _watch(
        self,
        workspace_id: int,
        snapshot: Callable[[], Awaitable[list[T]]],
        accept: Callable[[Event], T | None],
        *,
        keys: Sequence[Hashable] = (),
        kinds: Sequence[type] = (),
        interval: timedelta = timedelta(0),
    ) -> AsyncIterator[Watch[T]]:
        # Without an interval every report is shown, and only a view that cannot keep up gets the newest state instead.
        policy = Policy.LATEST if interval else Policy.ALL
        async with self.events(workspace_id, keys=keys, kinds=kinds, policy=policy) as mailbox:
            known = {item.key: item for item in await snapshot()}
            yield Watch(mailbox, snapshot, accept, interval, known)


def positions_of(drones: Sequence[Drone]) -> list[DronePositioned]:
    """The last known positions of drones; those that never had a fix are left out."""
    found = []
    for drone in drones:
        state = DeviceState.from_json(drone.state)
        held = state.get(Property.FIX)
        if held is not None and isinstance(held.value, Fix):
            found.append(
                DronePositioned(
                    workspace_id=drone.workspace_id, drone_id=drone.id, at=held.at, fix=held.value, state=state
                )
            )
    return found


def batteries_of(drones: Sequence[Drone]) -> list[BatteryReported]:
    """The last known charges of drones; those that never told one are left out."""
    found = []
    for drone in drones:
        held = DeviceState.from_json(drone.state).get(Property.BATTERY)
        if held is not None and isinstance(held.value, Battery):
            found.append(
                BatteryReported(workspace_id=drone.workspace_id, drone_id=drone.id, at=held.at, battery=held.value)
            )
    return found


def controllers_of(controllers: Sequence[RemoteController]) -> list[ControllerPositioned]:
    """The last known positions of controllers; those that never had a fix are left out."""
    found = []
    for controller in controllers:
        held = DeviceState.from_json(controller.state).get(Property.FIX)
        if held is not None and isinstance(held.value, Fix):
            found.append(
                ControllerPositioned(
                    workspace_id=controller.workspace_id,
                    remote_controller_id=controller.id,
                    at=held.at,
                    fix=held.value,
                )
            )
    return found


def _only(kind: type[T]) -> Callable[[Event], T | None]:
    return lambda event: event if isinstance(event, kind) else None
