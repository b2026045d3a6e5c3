"""The facts that the hub tells its listeners, their JSON form on the bus, and what may be conflated.

An event names its workspace: a listener never gets one of another. Position-like events have a key; of those with
the same key a slow reader needs the newest only.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from .devices import Battery, DeviceState, Fix, Property, from_micros, micros, value_from_json, value_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class DronePositioned:
    """A drone has a newer position than before."""

    workspace_id: int
    drone_id: int
    at: datetime
    """Of the fix; UTC."""
    fix: Fix
    state: DeviceState
    """All that is known of the drone at that moment."""

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs the newest."""
        return ("position", self.drone_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReported:
    """A drone has told its battery's charge."""

    workspace_id: int
    drone_id: int
    at: datetime
    battery: Battery

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs the newest."""
        return ("battery", self.drone_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerPositioned:
    """A remote controller has a newer position than before."""

    workspace_id: int
    remote_controller_id: int
    at: datetime
    fix: Fix

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs the newest."""
        return ("controller", self.remote_controller_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged:
    """A drone came online or went offline."""

    workspace_id: int
    drone_id: int
    at: datetime
    online: bool

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("presence", self.drone_id, self.at, self.online)


Event = DronePositioned | BatteryReported | ControllerPositioned | PresenceChanged


def encode(events: Iterable[Event]) -> bytes:
    """The events of one tick and one workspace as they travel on the bus."""
    return orjson.dumps([_to_json(event) for event in events])


def decode(data: bytes) -> list[Event]:
    """The inverse of `encode`. Kinds that this version does not know are left out: processes may differ in version."""
    return [event for item in orjson.loads(data) if (event := _from_json(item)) is not None]


def _to_json(event: Event) -> list[Any]:
    match event:
        case DronePositioned():
            return ["position", event.workspace_id, micros(event.at), event.drone_id, event.state.to_json()]
        case BatteryReported():
            battery = value_to_json(event.battery)
            return ["battery", event.workspace_id, micros(event.at), event.drone_id, battery]
        case ControllerPositioned():
            fix = value_to_json(event.fix)
            return ["controller", event.workspace_id, micros(event.at), event.remote_controller_id, fix]
        case PresenceChanged():
            return ["presence", event.workspace_id, micros(event.at), event.drone_id, event.online]


def _from_json(item: list[Any]) -> Event | None:
    if item[0] not in _KINDS:
        return None
    kind, workspace_id, at, device_id, body, *_ = item
    when = from_micros(at)
    match kind:
        case "position":
            state = DeviceState.from_json(body)
            held = state.get(Property.FIX)
            if held is None or not isinstance(held.value, Fix):
                return None
            return DronePositioned(workspace_id=workspace_id, drone_id=device_id, at=when, fix=held.value, state=state)
        case "battery":
            battery = value_from_json(Property.BATTERY, body)
            assert isinstance(battery, Battery)
            return BatteryReported(workspace_id=workspace_id, drone_id=device_id, at=when, battery=battery)
        case "controller":
            fix = value_from_json(Property.FIX, body)
            assert isinstance(fix, Fix)
            return ControllerPositioned(workspace_id=workspace_id, remote_controller_id=device_id, at=when, fix=fix)
        case "presence":
            return PresenceChanged(workspace_id=workspace_id, drone_id=device_id, at=when, online=body)
        case _:
            return None


_KINDS = frozenset({"position", "battery", "controller", "presence"})
