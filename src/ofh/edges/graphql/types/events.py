"""What happens in a workspace, as its journal keeps it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry

from ofh.domain.events import EventKind
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import describe
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.services.pages import write_cursor
from ofh.store import models

from .alerts import Alert
from .fleet import Drone
from .flights import Flight
from .media import Media
from .pages import OfPage

describe(
    EventKind,
    "FleetEventKind",
    "The kinds of events, to choose among them.",
    {
        EventKind.DRONE_ONLINE: "A drone came online.",
        EventKind.DRONE_OFFLINE: "A drone went offline.",
        EventKind.FLIGHT_STARTED: "A drone took off.",
        EventKind.FLIGHT_LANDED: "A drone landed; its flight goes on if it takes off again within a minute.",
        EventKind.FLIGHT_ENDED: "A flight ended.",
        EventKind.ALERT_RAISED: "There is something to look at.",
        EventKind.ALERT_CLEARED: "What an alert was raised for has passed.",
        EventKind.MEDIA_UPLOADED: "A photo, a video or a side file of a drone is here.",
        EventKind.COVERAGE_CHANGED: "What one of them shows of the ground is known, or is not what it was.",
        EventKind.MEDIA_ANALYSED: "The hub has looked into one of them: its thumbnail and what it says are known.",
    },
)


@strawberry.interface(
    description="Something that happened in a workspace. Events stand in the order in which they became visible, "
    "whatever the devices' clocks say; a flight's are told once no late report can undo them."
)
class FleetEvent(OfWorkspace):
    row: strawberry.Private[models.StoredEvent]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("Its place in the order of the workspace's events.")
    def cursor(self) -> str:
        return write_cursor((self.row.seq,))

    @field("When it happened, by the reports that show it.")
    def at(self) -> datetime:
        return self.row.at


async def _drone(info: Info, event: FleetEvent) -> Drone:
    assert event.row.drone_id is not None
    row = await existing(info.context.loaders.drones, event.row.drone_id, "drone")
    return Drone(row=row, sight=event.sight)


async def _flight(info: Info, event: FleetEvent) -> Flight:
    assert event.row.flight_id is not None
    row = await existing(info.context.loaders.flights, event.row.flight_id, "flight")
    return Flight(row=row, sight=event.sight)


async def _alert(info: Info, event: FleetEvent) -> Alert:
    assert event.row.alert_id is not None
    row = await existing(info.context.loaders.alerts, event.row.alert_id, "alert")
    return Alert(row=row, sight=event.sight)


async def _media(info: Info, event: FleetEvent) -> Media:
    assert event.row.media_id is not None
    row = await existing(info.context.loaders.media, event.row.media_id, "media item")
    return Media(row=row, sight=event.sight)


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
    description="What a photo or a video shows of the ground is known now, or is not what it was. The ground that its "
    "flight and its workspace show may have changed with it."
)
class CoverageChanged(FleetEvent):
    @field("The media item, as it is now.")
    async def media(self, info: Info) -> Media:
        return await _media(info, self)


KINDS: dict[EventKind, Callable[..., Any]] = {
    EventKind.DRONE_ONLINE: DroneOnline,
    EventKind.DRONE_OFFLINE: DroneOffline,
    EventKind.FLIGHT_STARTED: FlightStarted,
    EventKind.FLIGHT_LANDED: FlightLanded,
    EventKind.FLIGHT_ENDED: FlightEnded,
    EventKind.ALERT_RAISED: AlertRaised,
    EventKind.ALERT_CLEARED: AlertCleared,
    EventKind.MEDIA_UPLOADED: MediaUploaded,
    EventKind.MEDIA_ANALYSED: MediaAnalysed,
    EventKind.COVERAGE_CHANGED: CoverageChanged,
}
"""The type that shows each kind; the schema names them, since nothing but the interface refers to them."""


@strawberry.type(description="An event at its place in the order.")
class FleetEventEdge:
    node: FleetEvent = strawberry.field(description="The event.")
    cursor: str = strawberry.field(description="Its place in the order, for `after`.")


@strawberry.type(description="A page of a workspace's events, the oldest first.")
class FleetEventConnection(OfPage):
    @field("The events of this page.")
    def edges(self) -> list[FleetEventEdge]:
        return [
            FleetEventEdge(node=KINDS[EventKind(row.kind)](row=row, sight=self.sight), cursor=cursor)
            for row, cursor in zip(self.page.rows, self.page.cursors, strict=True)
        ]
