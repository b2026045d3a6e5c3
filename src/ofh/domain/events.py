"""The facts that the hub tells its listeners, and what may be conflated.

An event names its workspace: a listener never gets one of another. Position-like events have a key; of those with
the same key a slow reader needs the newest only. A `FeedEvent` has a number: its place in the order in which the events
of its workspace became visible.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from .devices import Battery, DeviceState, Fix


class EventKind(StrEnum):
    """The kinds of what happens in a workspace, as readers choose among them."""

    POSITION_REPORTED = "POSITION_REPORTED"
    BATTERY_REPORTED = "BATTERY_REPORTED"
    REMOTE_CONTROLLER_REPORTED = "REMOTE_CONTROLLER_REPORTED"
    REMOTE_CONTROLLER_ONLINE = "REMOTE_CONTROLLER_ONLINE"
    REMOTE_CONTROLLER_OFFLINE = "REMOTE_CONTROLLER_OFFLINE"
    DRONE_ONLINE = "DRONE_ONLINE"
    DRONE_OFFLINE = "DRONE_OFFLINE"
    DRONE_RENAMED = "DRONE_RENAMED"
    FLIGHT_STARTED = "FLIGHT_STARTED"
    FLIGHT_LANDED = "FLIGHT_LANDED"
    FLIGHT_RESUMED = "FLIGHT_RESUMED"
    FLIGHT_ENDED = "FLIGHT_ENDED"
    ALERT_RAISED = "ALERT_RAISED"
    ALERT_ACKNOWLEDGED = "ALERT_ACKNOWLEDGED"
    ALERT_CLEARED = "ALERT_CLEARED"
    ALERT_RULE_CHANGED = "ALERT_RULE_CHANGED"
    MEDIA_UPLOADED = "MEDIA_UPLOADED"
    MEDIA_ANALYSED = "MEDIA_ANALYSED"
    COVERAGE_CHANGED = "COVERAGE_CHANGED"
    MEDIA_DELETED = "MEDIA_DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DronePositioned:
    """A drone has a newer position than before."""

    kind: ClassVar[EventKind] = EventKind.POSITION_REPORTED
    workspace_id: int
    drone_id: int
    at: datetime
    """Of the fix; UTC."""
    fix: Fix
    state: DeviceState
    """All that is known of the drone at that moment."""
    came_from: Fix | None = None
    """Where it was before, if that is known: who watches an area wants to know that a drone left it."""
    seq: int = 0
    """Its number in the workspace's feed; 0 until it has one. So with every `FeedEvent`."""

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs the newest."""
        return ("position", self.drone_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReported:
    """A drone has told its battery's charge."""

    kind: ClassVar[EventKind] = EventKind.BATTERY_REPORTED
    workspace_id: int
    drone_id: int
    at: datetime
    battery: Battery
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs the newest."""
        return ("battery", self.drone_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerPositioned:
    """A remote controller has a newer position than before."""

    kind: ClassVar[EventKind] = EventKind.REMOTE_CONTROLLER_REPORTED
    workspace_id: int
    remote_controller_id: int
    at: datetime
    fix: Fix
    came_from: Fix | None = None
    """Where it was before, if that is known."""
    seq: int = 0

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

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.DRONE_ONLINE if self.online else EventKind.DRONE_OFFLINE

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("presence", self.drone_id, self.at, self.online)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroneRenamed:
    """A member gave a drone another name."""

    kind: ClassVar[EventKind] = EventKind.DRONE_RENAMED
    workspace_id: int
    drone_id: int
    at: datetime
    """By the hub's clock."""
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("renamed", self.drone_id, self.at)


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
    """An alert was raised, acknowledged by a member or cleared by itself."""

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

    kind: ClassVar[EventKind] = EventKind.MEDIA_UPLOADED
    workspace_id: int
    drone_id: int
    media_id: int
    flight_id: int | None
    """As far as it is known by now."""
    at: datetime
    """When the hub had it."""
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media", self.media_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAnalysed:
    """The hub has looked into a media item's file: what it says of itself is known, and whether it has a thumbnail."""

    kind: ClassVar[EventKind] = EventKind.MEDIA_ANALYSED
    workspace_id: int
    drone_id: int
    media_id: int
    at: datetime
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media_analysed", self.media_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDeleted:
    """A media item is no more, nor its file; what it alone showed of the ground is shown by none."""

    kind: ClassVar[EventKind] = EventKind.MEDIA_DELETED
    workspace_id: int
    drone_id: int
    media_id: int
    flight_id: int | None
    """That it belonged to."""
    at: datetime
    """By the hub's clock."""
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Each counts: none replaces another."""
        return ("media_deleted", self.media_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleChanged:
    """What a workspace wants to be warned of is not what it was: a rule was made, changed, switched or deleted."""

    kind: ClassVar[EventKind] = EventKind.ALERT_RULE_CHANGED
    workspace_id: int
    rule_id: int
    at: datetime
    """By the hub's clock."""
    seq: int = 0

    @property
    def key(self) -> Hashable:
        """Of several, a reader needs one: it reads the rule anew."""
        return ("alert_rule", self.rule_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageChanged:
    """What a media item shows of the ground is known now, or is not what it was."""

    kind: ClassVar[EventKind] = EventKind.COVERAGE_CHANGED
    workspace_id: int
    drone_id: int
    media_id: int
    at: datetime
    """When it was computed."""
    seq: int = 0

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
    seq: int = 0

    @property
    def kind(self) -> EventKind:
        """As listeners choose among them."""
        return EventKind.REMOTE_CONTROLLER_ONLINE if self.online else EventKind.REMOTE_CONTROLLER_OFFLINE

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


KeptEvent = (
    PresenceChanged | DroneRenamed | FlightChanged | AlertChanged | MediaUploaded | MediaAnalysed | CoverageChanged
)
"""What stands in the workspace's journal."""
FeedEvent = (
    DronePositioned
    | BatteryReported
    | ControllerPositioned
    | ControllerPresenceChanged
    | AlertRuleChanged
    | MediaDeleted
    | KeptEvent
)
"""What stands in the workspace's feed: numbered, and kept as long as the feed is."""
Event = FeedEvent | TopologyChanged | MapElementChanged | LinkStepChanged | RowChanged
