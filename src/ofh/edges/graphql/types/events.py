"""What happens in a workspace: as its feed tells it, and as its journal keeps it.

Every type here shows an event of `domain/events.py` or `domain/feed.py`, or its row in the journal: they have the same
numbers under the same names.
"""

from datetime import datetime
from typing import Any

import strawberry

from ofh.domain import feed
from ofh.domain.events import EventKind
from ofh.domain.feed import Delivery
from ofh.edges.graphql.arguments import Bounds
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import describe
from ofh.edges.graphql.visibility import Info, OfWorkspace, Sight
from ofh.services.pages import write_feed_cursor
from ofh.services.snapshots import Snapshot as SnapshotRows

from .alerts import Alert, AlertRule
from .fleet import Drone, DroneBattery, DronePosition, RemoteController, RemoteControllerPosition
from .flights import Flight
from .media import Media
from .pages import OfPage

describe(
    EventKind,
    "FleetEventKind",
    "The kinds of events, to choose among them.",
    {
        EventKind.POSITION_REPORTED: "A drone told where it is.",
        EventKind.BATTERY_REPORTED: "A drone told its charge.",
        EventKind.REMOTE_CONTROLLER_REPORTED: "A remote controller told where it is.",
        EventKind.REMOTE_CONTROLLER_ONLINE: "A remote controller came online.",
        EventKind.REMOTE_CONTROLLER_OFFLINE: "A remote controller went offline.",
        EventKind.DRONE_ONLINE: "A drone came online.",
        EventKind.DRONE_OFFLINE: "A drone went offline.",
        EventKind.DRONE_RENAMED: "A member gave a drone another name.",
        EventKind.FLIGHT_STARTED: "A drone took off.",
        EventKind.FLIGHT_LANDED: "A drone landed; its flight goes on if it takes off again within a minute.",
        EventKind.FLIGHT_RESUMED: "A drone that had landed took off again; its flight goes on.",
        EventKind.FLIGHT_ENDED: "A flight ended.",
        EventKind.ALERT_RAISED: "There is something to look at.",
        EventKind.ALERT_ACKNOWLEDGED: "A member was the first to say that they had seen an alert.",
        EventKind.ALERT_CLEARED: "What an alert was raised for has passed.",
        EventKind.ALERT_RULE_CHANGED: "An alert rule was made, changed, switched or deleted.",
        EventKind.MEDIA_UPLOADED: "A photo, a video or a side file of a drone is here.",
        EventKind.COVERAGE_CHANGED: "What one of them shows of the ground is known, or is not what it was.",
        EventKind.MEDIA_DELETED: "A member deleted one of them.",
        EventKind.MEDIA_ANALYSED: "The hub has looked into one of them: its thumbnail and what it says are known.",
    },
)


describe(
    Delivery,
    "Delivery",
    "What a subscriber of `fleet` gets.",
    {
        Delivery.LATEST: "Of positions and charges the newest of each device, at most every `interval` milliseconds; "
        "everything else whole.",
        Delivery.ALL: "Everything; nothing is left out without being told.",
    },
)


@strawberry.interface(
    description="Something that happened in a workspace. Events stand in the order in which they became visible, "
    "whatever the devices' clocks say; a flight's are told once no late report can undo them."
)
class FleetEvent(OfWorkspace):
    event: strawberry.Private[Any]
    """Of `domain/events.py` or `domain/feed.py`, or a row of the journal: has `workspace_id`, `seq` and `at`."""

    @property
    def workspace_id(self) -> int:
        found: int = self.event.workspace_id
        return found

    @field("Its place in the order of the workspace's events.")
    def cursor(self) -> str:
        return write_feed_cursor(self.event.workspace_id, self.event.seq)

    @field("When it happened, by the reports that show it.")
    def at(self) -> datetime:
        found: datetime = self.event.at
        return found


async def _drone(info: Info, event: FleetEvent) -> Drone:
    row = await existing(info.context.loaders.drones, event.event.drone_id, "drone")
    return Drone(row=row, sight=event.sight)


async def _remote_controller(info: Info, event: FleetEvent) -> RemoteController:
    row = await existing(info.context.loaders.remote_controllers, event.event.remote_controller_id, "remote controller")
    return RemoteController(row=row, sight=event.sight)


async def _flight(info: Info, event: FleetEvent) -> Flight:
    row = await existing(info.context.loaders.flights, event.event.flight_id, "flight")
    return Flight(row=row, sight=event.sight)


async def _alert(info: Info, event: FleetEvent) -> Alert:
    row = await existing(info.context.loaders.alerts, event.event.alert_id, "alert")
    return Alert(row=row, sight=event.sight)


async def _media(info: Info, event: FleetEvent) -> Media:
    row = await existing(info.context.loaders.media, event.event.media_id, "media item")
    return Media(row=row, sight=event.sight)


@strawberry.type(description="A drone told where it is.")
class PositionReported(FleetEvent):
    @field("Where it was, and what else it had told by then.")
    def position(self) -> DronePosition:
        return DronePosition(event=self.event, sight=self.sight)


@strawberry.type(description="A drone told its charge.")
class BatteryReported(FleetEvent):
    @field("What it told.")
    def battery(self) -> DroneBattery:
        return DroneBattery(event=self.event, sight=self.sight)


@strawberry.type(description="A remote controller told where it is.")
class RemoteControllerReported(FleetEvent):
    @field("Where it was.")
    def position(self) -> RemoteControllerPosition:
        return RemoteControllerPosition(event=self.event, sight=self.sight)


@strawberry.type(description="A remote controller came online.")
class RemoteControllerOnline(FleetEvent):
    @field("The remote controller, as it is now.")
    async def remote_controller(self, info: Info) -> RemoteController:
        return await _remote_controller(info, self)


@strawberry.type(description="A remote controller went offline.")
class RemoteControllerOffline(FleetEvent):
    @field("The remote controller, as it is now.")
    async def remote_controller(self, info: Info) -> RemoteController:
        return await _remote_controller(info, self)


@strawberry.type(description="A drone came online.")
class DroneOnline(FleetEvent):
    @field("The drone, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await _drone(info, self)


@strawberry.type(description="A drone went offline.")
class DroneOffline(FleetEvent):
    @field("The drone, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await _drone(info, self)


@strawberry.type(description="A member gave a drone another name.")
class DroneRenamed(FleetEvent):
    @field("The drone, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await _drone(info, self)


@strawberry.type(description="A drone took off.")
class FlightStarted(FleetEvent):
    @field("The flight, as it is now.")
    async def flight(self, info: Info) -> Flight:
        return await _flight(info, self)


@strawberry.type(description="A drone landed. The flight goes on if it takes off again within a minute.")
class FlightLanded(FleetEvent):
    @field("The flight, as it is now.")
    async def flight(self, info: Info) -> Flight:
        return await _flight(info, self)


@strawberry.type(
    description="A drone that had landed took off again within a minute: it is the same flight, and has not landed yet."
)
class FlightResumed(FleetEvent):
    @field("The flight, as it is now.")
    async def flight(self, info: Info) -> Flight:
        return await _flight(info, self)


@strawberry.type(description="A flight ended.")
class FlightEnded(FleetEvent):
    @field("The flight, as it is now.")
    async def flight(self, info: Info) -> Flight:
        return await _flight(info, self)


@strawberry.type(description="An alert was raised.")
class AlertRaised(FleetEvent):
    @field("The alert, as it is now.")
    async def alert(self, info: Info) -> Alert:
        return await _alert(info, self)


@strawberry.type(description="A member said that they had seen an alert, before anybody else had. It stands as before.")
class AlertAcknowledged(FleetEvent):
    @field("The alert, as it is now.")
    async def alert(self, info: Info) -> Alert:
        return await _alert(info, self)


@strawberry.type(description="What an alert was raised for has passed.")
class AlertCleared(FleetEvent):
    @field("The alert, as it is now.")
    async def alert(self, info: Info) -> Alert:
        return await _alert(info, self)


@strawberry.type(description="A photo, a video or a side file of a drone is here.")
class MediaUploaded(FleetEvent):
    @field("The media item, as it is now.")
    async def media(self, info: Info) -> Media:
        return await _media(info, self)


@strawberry.type(
    description="The hub has looked into a photo, a video or a side file: whether it has a thumbnail and what its file "
    "says of itself are known. Comes once after each upload, and again if a file's bytes were replaced."
)
class MediaAnalysed(FleetEvent):
    @field("The media item, as it is now.")
    async def media(self, info: Info) -> Media:
        return await _media(info, self)


@strawberry.type(
    description="An alert rule was made, changed, switched on or off, or deleted. Told by `fleet` and by replays; the "
    "audit record says who it was."
)
class AlertRuleChanged(FleetEvent):
    @field("The rule's id.")
    def rule_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.rule_id))

    @field("The rule, as it is now; null if it is no more.")
    async def rule(self, info: Info) -> AlertRule | None:
        row = await info.context.loaders.alert_rules.load(self.event.rule_id)
        return AlertRule(row=row, sight=self.sight) if row else None


@strawberry.type(
    description="A member deleted a photo, a video or a side file. The ground that its flight and its workspace show "
    "may have changed with it. Told by `fleet` and by replays; the audit record says who it was."
)
class MediaDeleted(FleetEvent):
    @field("What the media item's id was.")
    def media_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.media_id))

    @field("The id of the flight that it belonged to; null where none was known.")
    def flight_id(self) -> strawberry.ID | None:
        id = self.event.flight_id
        return None if id is None else strawberry.ID(str(id))

    @field("The drone that it came from, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await _drone(info, self)


@strawberry.type(
    description="What a photo or a video shows of the ground is known now, or is not what it was. The ground that its "
    "flight and its workspace show may have changed with it."
)
class CoverageChanged(FleetEvent):
    @field("The media item, as it is now.")
    async def media(self, info: Info) -> Media:
        return await _media(info, self)


@strawberry.type(
    description="How a workspace stood at one moment: the state that the events up to its cursor come to, and that "
    "those behind it change."
)
class Snapshot(FleetEvent):
    @field("All drones of the workspace, in the order of their ids; with an area, those whose last position is in it.")
    def drones(self) -> list[Drone]:
        then = self.event.drones_then or {}
        return [Drone(row=row, sight=self.sight, then=then.get(row.id)) for row in self.event.drones]

    @field("All its remote controllers, in the order of their ids; with an area, those whose last position is in it.")
    def remote_controllers(self) -> list[RemoteController]:
        then = self.event.controllers_then or {}
        rows = self.event.remote_controllers
        return [RemoteController(row=row, sight=self.sight, then=then.get(row.id)) for row in rows]

    @field("The alerts that stood, in the order of their ids; wherever their drones are.")
    async def alerts(self, info: Info) -> list[Alert]:
        rows = await info.context.loaders.alerts.load_many(self.event.alert_ids)
        return [Alert(row=row, sight=self.sight) for row in rows if row is not None]

    @field("The area that it shows; null: everywhere.")
    def area(self) -> Bounds | None:
        return None if self.event.area is None else Bounds.of(self.event.area)


@strawberry.type(
    description="What lies between these two cursors may be missing: told, not hidden. A fresh Snapshot follows; who "
    "is cut off before that asks again with the cursor of the Gap, which is its `from`."
)
class Gap(FleetEvent):
    @field("The last that is known to have come.", name="from")
    def from_(self) -> str:
        return write_feed_cursor(self.event.workspace_id, self.event.seq)

    @field("Where it goes on: the cursor of the Snapshot.")
    def to(self) -> str:
        return write_feed_cursor(self.event.workspace_id, self.event.upto)

    @field("Why, in words for people.")
    def reason(self) -> str:
        found: str = self.event.reason
        return found


@strawberry.type(description="All that came since the cursor of `after` has been told; what follows happens now.")
class CaughtUp(FleetEvent):
    pass


@strawberry.type(
    description="Very much has happened up to here of which nothing was asked for. Who is cut off comes back with this "
    "cursor, and nobody has to look through all of that once more. In a replay with an `interval`: all up to `at` has "
    "been told."
)
class Passed(FleetEvent):
    pass


KINDS: dict[EventKind, type[FleetEvent]] = {
    EventKind.POSITION_REPORTED: PositionReported,
    EventKind.BATTERY_REPORTED: BatteryReported,
    EventKind.REMOTE_CONTROLLER_REPORTED: RemoteControllerReported,
    EventKind.REMOTE_CONTROLLER_ONLINE: RemoteControllerOnline,
    EventKind.REMOTE_CONTROLLER_OFFLINE: RemoteControllerOffline,
    EventKind.DRONE_ONLINE: DroneOnline,
    EventKind.DRONE_OFFLINE: DroneOffline,
    EventKind.DRONE_RENAMED: DroneRenamed,
    EventKind.FLIGHT_STARTED: FlightStarted,
    EventKind.FLIGHT_LANDED: FlightLanded,
    EventKind.FLIGHT_RESUMED: FlightResumed,
    EventKind.FLIGHT_ENDED: FlightEnded,
    EventKind.ALERT_RAISED: AlertRaised,
    EventKind.ALERT_ACKNOWLEDGED: AlertAcknowledged,
    EventKind.ALERT_CLEARED: AlertCleared,
    EventKind.MEDIA_UPLOADED: MediaUploaded,
    EventKind.MEDIA_ANALYSED: MediaAnalysed,
    EventKind.COVERAGE_CHANGED: CoverageChanged,
    EventKind.ALERT_RULE_CHANGED: AlertRuleChanged,
    EventKind.MEDIA_DELETED: MediaDeleted,
}
"""The type that shows each kind."""
TYPES: tuple[type, ...] = (*KINDS.values(), Snapshot, Gap, CaughtUp, Passed)
"""All of them; the schema names them, since nothing but the interface refers to them."""


def shown_event(event: Any, sight: Sight) -> FleetEvent:
    """An event of the feed as the type that shows it."""
    match event:
        case SnapshotRows():
            return Snapshot(event=event, sight=sight)
        case feed.Gap():
            return Gap(event=event, sight=sight)
        case feed.CaughtUp():
            return CaughtUp(event=event, sight=sight)
        case feed.Passed():
            return Passed(event=event, sight=sight)
    return KINDS[event.kind](event=event, sight=sight)


@strawberry.type(description="An event at its place in the order.")
class FleetEventEdge:
    node: FleetEvent = strawberry.field(description="The event.")
    cursor: str = strawberry.field(description="Its place in the order, for `after`.")


@strawberry.type(description="A page of a workspace's events, the oldest first.")
class FleetEventConnection(OfPage):
    @field("The events of this page.")
    def edges(self) -> list[FleetEventEdge]:
        return self.placed(FleetEventEdge, lambda row: KINDS[EventKind(row.kind)](event=row, sight=self.sight))
