"""A view of what happens: the newest item of each device, and what is newer as it comes.

A `Watch` joins the feed first and reads its snapshot from the database second, so nothing falls between, and passes on
only what is newer than what it has shown. Whenever continuity breaks (the bus was away, a mailbox overflowed) it reads
the database again and shows what it missed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Generic, Protocol, TypeVar

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed
from ofh.backends.ports import Interrupted
from ofh.domain.devices import Battery, DeviceState, Fix, Property
from ofh.domain.errors import HubError
from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, Event
from ofh.store.models import Drone, RemoteController


class Item(Protocol):
    """What a watch shows: the newest of its key counts."""

    @property
    def key(self) -> Hashable: ...
    @property
    def at(self) -> datetime: ...


T = TypeVar("T", bound=Item)
T_contra = TypeVar("T_contra", contravariant=True)


class Viewer(Protocol[T_contra]):
    """Who can be shown something there and then."""

    def is_ready(self) -> bool:
        """Whether it can be shown something now."""

    def show(self, item: T_contra) -> None:
        """Show it an item, where it is ready."""


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
    viewer: "Viewer[T] | None" = None
    """See `show_at_once`."""

    def current(self) -> list[T]:
        """The newest item of each device as far as `changes` has shown it."""
        return list(self.known.values())

    def show_at_once(self, viewer: "Viewer[T]") -> None:
        """Have items shown there and then instead of by `changes`, as long as nothing waits there, and nothing is to
        be conflated: so an event costs no turn of a task.
        """
        if not self.interval:
            self.viewer, self.mailbox.taker = viewer, self

    def take(self, item: Event | Interrupted) -> bool:
        """Show an event to the viewer, if it is ready: once for each report of each device that is watched."""
        viewer = self.viewer
        if viewer is None or isinstance(item, Interrupted) or not viewer.is_ready():
            return False
        accepted = self.accept(item)
        if accepted is None:
            self._left(item)
        elif self._note(accepted):
            viewer.show(accepted)
        return True

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
        newer: list[T] = []
        for event in batch:
            if isinstance(event, Interrupted | Lagged):
                newer += [item for item in await self._patiently() if self._note(item)]
            elif (item := self._sift(event)) is not None:
                newer.append(item)
        return newer

    def _sift(self, event: Event) -> T | None:
        """What an event shows that was not shown yet."""
        accepted = self.accept(event)
        if accepted is None:
            self._left(event)
            return None
        return accepted if self._note(accepted) else None

    def _left(self, event: Event) -> None:
        """What an event is about may have been shown, and has left the view."""
        key = event.key
        if self._is_newer(event, key):
            self.known.pop(key, None)
            self.left[key] = event.at

    def _note(self, item: T) -> bool:
        """Whether an item is newer than what was shown; from now on it is what was."""
        key = item.key
        if not self._is_newer(item, key):
            return False
        self.known[key] = item
        if self.left:
            self.left.pop(key, None)
        return True

    def _is_newer(self, item: Item, key: Hashable) -> bool:
        held = self.known.get(key)
        at = held.at if held is not None else self.left.get(key)
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


@cache
def only(kind: type[T]) -> Callable[[Event], T | None]:
    """Events of one kind."""
    return lambda event: event if isinstance(event, kind) else None
