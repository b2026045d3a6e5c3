"""The facts that the hub tells its listeners, their JSON form on the bus, and what may be conflated.

An event names its workspace: a listener never gets one of another. Position-like events have a key; of those with
the same key a slow reader needs the newest only.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from .devices import Battery, DeviceState, Fix, Property, from_micros, micros, value_from_json, value_to_json


class EventKind(StrEnum):
    """The kinds of what a workspace's journal keeps, as readers choose among them."""

    DRONE_ONLINE = "DRONE_ONLINE"
    DRONE_OFFLINE = "DRONE_OFFLINE"
    FLIGHT_STARTED = "FLIGHT_STARTED"
    FLIGHT_LANDED = "FLIGHT_LANDED"
    FLIGHT_ENDED = "FLIGHT_ENDED"
    ALERT_RAISED = "ALERT_RAISED"
    ALERT_CLEARED = "ALERT_CLEARED"
    MEDIA_UPLOADED = "MEDIA_UPLOADED"
    MEDIA_ANALYSED = "MEDIA_ANALYSED"
    COVERAGE_CHANGED = "COVERAGE_CHANGED"


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
    seq: int = 0
    """Its number in the workspace's journal; 0 until it has one. So with every event that is kept there."""

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.DRONE_ONLINE if self.online else EventKind.DRONE_OFFLINE

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("presence", self.drone_id, self.at, self.online)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightChanged:
    """A flight started, landed or ended."""

    workspace_id: int
    drone_id: int
    flight_id: int
    kind: EventKind
    at: datetime
    """When it did, by the time of the reports that show it."""
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("flight", self.flight_id, self.kind, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanged:
    """An alert was raised or cleared by itself."""

    workspace_id: int
    drone_id: int
    alert_id: int
    kind: EventKind
    at: datetime
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("alert", self.alert_id, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaUploaded:
    """A photo, a video or a side file of a drone is here."""

    workspace_id: int
    drone_id: int
    media_id: int
    flight_id: int | None
    """As far as it is known by now."""
    at: datetime
    """When the hub had it."""
    seq: int = 0

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.MEDIA_UPLOADED

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media", self.media_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAnalysed:
    """The hub has looked into a media item's file: what it says of itself is known, and whether it has a thumbnail."""

    workspace_id: int
    drone_id: int
    media_id: int
    at: datetime
    seq: int = 0

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.MEDIA_ANALYSED

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media_analysed", self.media_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageChanged:
    """What a media item shows of the ground is known now, or is not what it was."""

    workspace_id: int
    drone_id: int
    media_id: int
    at: datetime
    """When it was computed."""
    seq: int = 0

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.COVERAGE_CHANGED

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("coverage", self.media_id, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerPresenceChanged:
    """A remote controller came online or went offline."""

    workspace_id: int
    remote_controller_id: int
    at: datetime
    online: bool

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("controller presence", self.remote_controller_id, self.at, self.online)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyChanged:
    """Which aircraft report through a controller is not what it was, or by which connection the controller does."""

    workspace_id: int
    gateway_serial: str
    at: datetime

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs one: it reads the topology anew."""
        return ("topology", self.gateway_serial)


class MapChange(StrEnum):
    """What happened to an element of the shared map."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapElementChanged:
    """Somebody drew, changed or deleted an element of the map that a workspace's controllers share."""

    workspace_id: int
    element_id: str
    """As whoever drew it made it: a UUID."""
    group_id: str
    change: MapChange
    at: datetime
    element: Mapping[str, Any] | None
    """What it is now: `name`, `type`, `user_name`, `content`; None for one that is no more."""

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("map", self.element_id, self.change, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStepChanged:
    """A connection's steps are not what they were; whoever wants to know reads them."""

    workspace_id: int
    connection_id: int
    at: datetime

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs one: it reads the steps anew."""
        return ("link_step", self.connection_id)


class Table(StrEnum):
    """The kinds of rows that can be read by REST and of whose changes listeners can be told."""

    USER = "user"
    WORKSPACE = "workspace"
    CONNECTION = "connection"
    REMOTE_CONTROLLER = "remote_controller"
    DRONE = "drone"
    FLIGHT = "flight"
    MEDIA = "media"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChanged:
    """A row of a workspace is not what it was, or is no more; whoever wants to know reads it."""

    workspace_id: int
    table: Table
    row_id: int
    at: datetime

    @property
    def key(self) -> Hashable:
        """Which row it is; each change counts all the same."""
        return self.key_of(self.table, self.row_id)

    @staticmethod
    def key_of(table: Table, row_id: int) -> Hashable:
        """The key of a row's changes."""
        return ("row", table, row_id)


KeptEvent = PresenceChanged | FlightChanged | AlertChanged | MediaUploaded | MediaAnalysed | CoverageChanged
"""What stands in the workspace's journal."""
Event = (
    DronePositioned
    | BatteryReported
    | ControllerPositioned
    | ControllerPresenceChanged
    | TopologyChanged
    | MapElementChanged
    | LinkStepChanged
    | RowChanged
    | KeptEvent
)


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
        case ControllerPresenceChanged():
            controller = event.remote_controller_id
            return ["controller_presence", event.workspace_id, micros(event.at), controller, event.online]
        case TopologyChanged():
            return ["topology", event.workspace_id, micros(event.at), event.gateway_serial, None]
        case MapElementChanged():
            drawn = [event.group_id, event.change, event.element]
            return ["map", event.workspace_id, micros(event.at), event.element_id, drawn]
        case LinkStepChanged():
            return ["link_step", event.workspace_id, micros(event.at), event.connection_id, None]
        case RowChanged():
            return ["row", event.workspace_id, micros(event.at), event.row_id, event.table]
        case PresenceChanged():
            return ["presence", event.workspace_id, micros(event.at), event.drone_id, event.online, event.seq]
        case FlightChanged():
            body = [event.flight_id, event.kind]
            return ["flight", event.workspace_id, micros(event.at), event.drone_id, body, event.seq]
        case AlertChanged():
            body = [event.alert_id, event.kind]
            return ["alert", event.workspace_id, micros(event.at), event.drone_id, body, event.seq]
        case MediaUploaded():
            numbers = [event.media_id, event.flight_id]
            return ["media", event.workspace_id, micros(event.at), event.drone_id, numbers, event.seq]
        case MediaAnalysed():
            return ["analysed", event.workspace_id, micros(event.at), event.drone_id, event.media_id, event.seq]
        case CoverageChanged():
            return ["coverage", event.workspace_id, micros(event.at), event.drone_id, event.media_id, event.seq]


def _from_json(item: list[Any]) -> Event | None:
    if item[0] not in _KINDS:
        return None
    kind, workspace_id, at, device_id, body, *rest = item
    when = from_micros(at)
    if kind in _KEPT_KINDS:
        return _kept(kind, workspace_id, device_id, when, body, rest[0])
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
        case "link_step":
            return LinkStepChanged(workspace_id=workspace_id, connection_id=device_id, at=when)
        case "row":
            return RowChanged(workspace_id=workspace_id, table=Table(body), row_id=device_id, at=when)
        case "controller_presence":
            return ControllerPresenceChanged(
                workspace_id=workspace_id, remote_controller_id=device_id, at=when, online=body
            )
        case "topology":
            return TopologyChanged(workspace_id=workspace_id, gateway_serial=device_id, at=when)
        case "map":
            group_id, change, element = body
            return MapElementChanged(
                workspace_id=workspace_id,
                element_id=device_id,
                group_id=group_id,
                change=MapChange(change),
                at=when,
                element=element,
            )
        case _:
            return None


def _kept(name: str, workspace_id: int, drone_id: int, at: datetime, body: Any, seq: int) -> KeptEvent:
    match name:
        case "presence":
            return PresenceChanged(workspace_id=workspace_id, drone_id=drone_id, at=at, online=body, seq=seq)
        case "flight":
            number, kind = body
            return FlightChanged(
                workspace_id=workspace_id, drone_id=drone_id, flight_id=number, kind=EventKind(kind), at=at, seq=seq
            )
        case "media":
            number, flight_id = body
            return MediaUploaded(
                workspace_id=workspace_id, drone_id=drone_id, media_id=number, flight_id=flight_id, at=at, seq=seq
            )
        case "analysed":
            return MediaAnalysed(workspace_id=workspace_id, drone_id=drone_id, media_id=body, at=at, seq=seq)
        case "coverage":
            return CoverageChanged(workspace_id=workspace_id, drone_id=drone_id, media_id=body, at=at, seq=seq)
        case _:
            number, kind = body
            return AlertChanged(
                workspace_id=workspace_id, drone_id=drone_id, alert_id=number, kind=EventKind(kind), at=at, seq=seq
            )


_KEPT_KINDS = frozenset({"presence", "flight", "alert", "media", "analysed", "coverage"})
_KINDS = _KEPT_KINDS | {
    "position",
    "battery",
    "controller",
    "controller_presence",
    "topology",
    "map",
    "link_step",
    "row",
}
