"""What a reader of a feed is told beside the events: where it stands, and what it may have missed.

A feed has one more word, the Snapshot, which is made of rows (`services/snapshots.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from .areas import Area
from .events import BatteryReported, ControllerPositioned, DronePositioned, EventKind, FeedEvent

T = TypeVar("T", bound=FeedEvent)


class Delivery(StrEnum):
    """What a reader of a feed gets."""

    LATEST = "LATEST"
    """Of positions and charges the newest of each device, all else whole."""
    ALL = "ALL"
    """Everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """All up to here has been told; what follows happens now."""

    workspace_id: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Of all up to here the reader wanted nothing since it was last told something."""

    workspace_id: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What lies between two numbers may be missing."""

    workspace_id: int
    seq: int
    """The last event that the reader is known to have: who is cut off before the Snapshot comes back with that."""
    upto: int
    """Where it goes on: the number of the Snapshot which follows."""
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which events a reader wants."""

    kinds: frozenset[EventKind] | None = None
    """None: all."""
    area: Area | None = None
    """Positions inside of it, and those by which something left it. What has no place always comes."""

    def wants(self, event: FeedEvent) -> bool:
        """Whether the reader wants it."""
        if self.kinds is not None and event.kind not in self.kinds:
            return False
        if self.area is None or not isinstance(event, DronePositioned | ControllerPositioned):
            return True
        if self.area.contains(event.fix):
            return True
        return event.came_from is not None and self.area.contains(event.came_from)


def conflated(events: Iterable[T]) -> list[T]:
    """The events in their order, of each device's positions and charges only the newest that came."""
    newest: dict[object, T] = {}
    for event in events:
        key = event.key if isinstance(event, _POSITION_LIKE) else event.seq
        newest.pop(key, None)
        newest[key] = event
    return list(newest.values())


_POSITION_LIKE = (DronePositioned, BatteryReported, ControllerPositioned)
