"""Drones, remote controllers, and what they last reported.

What a device reports is read from its row's `DeviceState`, for an event from the state that the event carries.
Whatever may never have been reported is nullable.
"""

from copy import copy
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import strawberry

from ofh.dji import products
from ofh.domain import devices, events, tracks
from ofh.domain.devices import DeviceState, Property
from ofh.domain.exports.about import ExportFormat
from ofh.domain.past import Then
from ofh.edges.graphql.arguments import chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import BigInt
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.services.flights import flight_key
from ofh.services.media import media_key
from ofh.services.pages import page_of, page_size
from ofh.services.streams import streamable
from ofh.store import models

from .flights import Flight, FlightConnection
from .media import MediaConnection
from .pages import After, First
from .streams import Stream

if TYPE_CHECKING:
    from .workspaces import Connection

T = TypeVar("T")

TRACK_POINTS = 2_000
"""Where `maxPoints` is left out."""


@strawberry.type(
    description="Where a device was at one moment. Never (0, 0): that is how devices say that they know nothing."
)
class Position:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")
    height: float = strawberry.field(description="Metres above the WGS 84 ellipsoid; 0 where `hasHeight` is false.")
    has_height: bool = strawberry.field(
        description="Whether the height is known. A drone's always is; most remote controllers do not know theirs."
    )
    reported_at: datetime = strawberry.field(
        description="The device's clock where it is within 5 minutes of the hub's, else the hub's."
    )


@strawberry.type(description="The charge of all batteries of a drone together.")
class Battery:
    capacity_percent_left: float = strawberry.field(description="Percent of the whole, 0 to 100.")
    reported_at: datetime = strawberry.field(
        description="The drone's clock where it is within 5 minutes of the hub's, else the hub's."
    )


@strawberry.type(
    description="What else a drone says about itself: the newest value of each quantity, null if it was never reported."
)
class Telemetry:
    heading: float | None = strawberry.field(
        description="Where the nose points: degrees clockwise from true north, 0 to 360 exclusive."
    )
    horizontal_speed: float | None = strawberry.field(description="Over ground, in metres per second.")
    vertical_speed: float | None = strawberry.field(description="Metres per second, positive when climbing.")
    elevation: float | None = strawberry.field(description="Metres above the take-off point.")
    gimbal_pitch: float | None = strawberry.field(
        description="Of the main gimbal, in degrees from the horizon; -90 looks straight down."
    )
    gimbal_roll: float | None = strawberry.field(description="Of the main gimbal, in degrees from the horizon.")
    gimbal_yaw: float | None = strawberry.field(
        description="Of the main gimbal, in degrees clockwise from true north, -180 to 180."
    )
    flight_mode: str | None = strawberry.field(
        description="The name of the flight mode; its number as text where it has no name."
    )
    satellites: int | None = strawberry.field(description="How many satellites the position is made from.")
    signal: int | None = strawberry.field(description="Quality of the radio link, 0 (none) to 5 (best).")
    home_distance: float | None = strawberry.field(description="Metres over ground to the home point.")
    wind_speed: float | None = strawberry.field(description="Metres per second, as the drone estimates it.")
    wind_direction: float | None = strawberry.field(
        description="Where the wind comes from: degrees clockwise from true north."
    )
    storage_used: BigInt | None = strawberry.field(description="Bytes in use on the drone's storage.")
    storage_total: BigInt | None = strawberry.field(description="Bytes that the drone's storage holds in all.")
    reported_at: datetime | None = strawberry.field(
        description="The time of the newest of these values; null if there is none."
    )


@strawberry.type(description="One point of a track.")
class TrackPoint:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")
    height: float = strawberry.field(description="Metres above the WGS 84 ellipsoid.")
    elevation: float | None = strawberry.field(description="Metres above the take-off point.")
    heading: float | None = strawberry.field(
        description="Where the nose pointed: degrees clockwise from true north, 0 to 360 exclusive."
    )
    horizontal_speed: float | None = strawberry.field(description="Over ground, in metres per second.")
    vertical_speed: float | None = strawberry.field(description="Metres per second, positive when climbing.")
    battery_percent: float | None = strawberry.field(
        description="What was left in all batteries together, as last told by then: percent, 0 to 100."
    )
    time: datetime = strawberry.field(
        description="When the drone was there, by its clock where that is within 5 minutes of the hub's."
    )


TELEMETRY = {
    "heading": Property.HEADING,
    "horizontal_speed": Property.HORIZONTAL_SPEED,
    "vertical_speed": Property.VERTICAL_SPEED,
    "elevation": Property.ELEVATION,
    "gimbal_pitch": Property.GIMBAL_PITCH,
    "gimbal_roll": Property.GIMBAL_ROLL,
    "gimbal_yaw": Property.GIMBAL_YAW,
    "flight_mode": Property.FLIGHT_MODE,
    "satellites": Property.SATELLITES,
    "signal": Property.SIGNAL,
    "home_distance": Property.HOME_DISTANCE,
    "wind_speed": Property.WIND_SPEED,
    "wind_direction": Property.WIND_DIRECTION,
    "storage_used": Property.STORAGE_USED,
    "storage_total": Property.STORAGE_TOTAL,
}
"""Field of `Telemetry` → the property that it shows."""
_TOLD = frozenset(TELEMETRY.values())


def position_of(fix: devices.Fix, at: datetime) -> Position:
    """A fix as the API shows it."""
    return Position(
        longitude=fix.longitude_deg,
        latitude=fix.latitude_deg,
        height=fix.height_m,
        has_height=fix.has_height,
        reported_at=at,
    )


def battery_of(battery: devices.Battery, at: datetime) -> Battery:
    """A charge as the API shows it."""
    return Battery(capacity_percent_left=battery.capacity_percent, reported_at=at)


def telemetry_of(state: DeviceState) -> Telemetry | None:
    """What else a state holds; None where it holds nothing of it."""
    return None if _TOLD.isdisjoint(state.properties) else cast(Telemetry, _Told(state))


class _Told:
    """A state as `Telemetry`, of which only that is looked up which somebody selects: it comes with every position."""

    __slots__ = ("_state",)

    def __init__(self, state: DeviceState) -> None:
        self._state = state

    @property
    def reported_at(self) -> datetime:
        return max(held.at for name in _TOLD if (held := self._state.get(name)) is not None)


def _told(name: Property) -> property:
    def value(told: _Told) -> Any:
        held = told._state.properties.get(name)
        return None if held is None else held.value

    return property(value)


for _field, _name in TELEMETRY.items():
    setattr(_Told, _field, _told(_name))


def last_position(state: DeviceState) -> Position | None:
    """The last known position of a state."""
    held = state.get(Property.FIX)
    return position_of(held.value, held.at) if held and isinstance(held.value, devices.Fix) else None


def last_battery(state: DeviceState) -> Battery | None:
    """The last known charge of a state."""
    held = state.get(Property.BATTERY)
    return battery_of(held.value, held.at) if held and isinstance(held.value, devices.Battery) else None


def track_point(point: tracks.TrackPoint) -> TrackPoint:
    """A fix as the API shows it."""
    return TrackPoint(
        longitude=point.longitude,
        latitude=point.latitude,
        height=point.height,
        elevation=point.elevation,
        heading=point.heading,
        horizontal_speed=point.horizontal_speed,
        vertical_speed=point.vertical_speed,
        battery_percent=point.battery_percent,
        time=point.time,
    )


@strawberry.type(
    description="An uncrewed aircraft that the hub knows. In the Snapshot of a past moment `online`, `position`, "
    "`battery`, `telemetry` and `currentFlight` are of that moment, and all else is as it is now."
)
class Drone(OfWorkspace):
    row: strawberry.Private[models.Drone]
    then: strawberry.Private[Then | None] = None
    """What is of a past moment; None: this is how it is now."""

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @cached_property
    def state(self) -> DeviceState:
        """Decoded once, however many fields ask."""
        return DeviceState.from_json(self.row.state) if self.then is None else self.then.state

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("As the aircraft reports it; unique within a workspace.")
    def serial_number(self) -> str:
        return self.row.serial_number

    @field("DJI's type number, such as 67; -1 until its controller has named it.")
    def type(self) -> int:
        return self.row.type

    @field("The name that type and sub-type give, such as 'Matrice 30T'; null if they give none.")
    def model(self) -> str | None:
        return products.model_name(products.AIRCRAFT, self.row.type, self.row.sub_type)

    @field("What people call it; its serial number until they have named it.")
    def name(self) -> str:
        return self.row.name or self.row.serial_number

    @field("Whether it is linked to the hub at present.")
    def online(self) -> bool:
        return self.row.online if self.then is None else self.then.online

    @field("The connection that it last came in by; null if that has been deleted.")
    async def last_connection(self, info: Info) -> Annotated["Connection", strawberry.lazy(".workspaces")] | None:
        from .workspaces import Connection

        if self.row.connection_id is None:
            return None
        row = await info.context.loaders.connections.load(self.row.connection_id)
        return Connection(row=row, sight=self.sight) if row else None

    @field("Its last known position; null if it never had one.")
    def position(self) -> Position | None:
        return last_position(self.state)

    @field("Its last known charge; null if it never reported one.")
    def battery(self) -> Battery | None:
        return last_battery(self.state)

    @field("What else it last said about itself; null if it said nothing of it.")
    def telemetry(self) -> Telemetry | None:
        return telemetry_of(self.state)

    @field("The flight that it is on; null on the ground.")
    async def current_flight(self, info: Info) -> Flight | None:
        loaders, then = info.context.loaders, self.then
        if then is None:
            row = await loaders.current_flight.load(self.row.id)
        else:  # one that was deleted since is null
            row = None if then.flight_id is None else await loaders.flights.load(then.flight_id)
            if row is not None:
                row = copy(row)
                row.landed_at = then.landed_at  # it may have gone on, or landed, since
        return Flight(row=row, sight=self.sight) if row else None

    @field("Its flights in this workspace, the newest first.")
    async def flights(
        self, info: Info, first: First = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> FlightConnection:
        actor = info.context.require_actor()
        size, behind = page_size(chosen(first, None)), chosen(after, None)
        if behind is not None:
            page = await info.context.services.flights.of_drone(actor, self.row.id, first=size, after=behind)
        else:  # of many drones in one statement
            loaders, drone_id = info.context.loaders, self.row.id
            found = await loaders.newest_flights.load((drone_id, size + 1))
            page = page_of(found, size, None, flight_key, lambda: loaders.flight_count_of_drone.load(drone_id))
        return FlightConnection(page=page, list_of=self.workspace_id, sight=self.sight)

    @field("What it took, what came last first.")
    async def media(
        self, info: Info, first: First = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> MediaConnection:
        actor = info.context.require_actor()
        size, behind = page_size(chosen(first, None)), chosen(after, None)
        if behind is not None:
            page = await info.context.services.media.of_drone(actor, self.row.id, first=size, after=behind)
        else:  # of many drones in one statement
            loaders, drone_id = info.context.loaders, self.row.id
            found = await loaders.newest_media.load((drone_id, size + 1))
            page = page_of(found, size, None, media_key, lambda: loaders.media_count_of_drone.load(drone_id))
        return MediaConnection(page=page, list_of=self.workspace_id, sight=self.sight)

    @field("Its cameras that can stream live video, and those that did.")
    async def streams(self, info: Info) -> list[Stream]:
        loaders = info.context.loaders
        rows = await loaders.streams_of_drone.load(self.row.id)
        offers = await loaders.stream_offers_of_drone.load(self.row.id)
        return [Stream(found=found, sight=self.sight) for found in streamable(self.row, offers, rows)]

    @field("Where it was in a span of time, in order of time, thinned to at most `maxPoints`.")
    async def track(
        self,
        info: Info,
        from_: Annotated[datetime, strawberry.argument(name="from", description="The beginning, inclusive.")],
        to: Annotated[datetime, strawberry.argument(description="The end, inclusive.")],
        max_points: Annotated[
            int | None,
            strawberry.argument(description="How many points at the most, 2 to 10,000; 2,000 if left out."),
        ] = strawberry.UNSET,
    ) -> list[TrackPoint]:
        actor = info.context.require_actor()
        most = chosen(max_points, TRACK_POINTS)
        points = await info.context.services.fleet.track(actor, self.row.id, from_, to, most)
        return [track_point(point) for point in points]

    @field(
        "Where to download its track over a span of time, with every report that has a fix, however many those are: "
        "with the session's cookie or the access token that the API takes."
    )
    def export_url(
        self,
        info: Info,
        from_: Annotated[datetime, strawberry.argument(name="from", description="The beginning, inclusive.")],
        to: Annotated[datetime, strawberry.argument(description="The end, inclusive.")],
        format: Annotated[ExportFormat, strawberry.argument(description="What to write it as.")],
    ) -> str:
        services = info.context.services
        services.fleet.check_span(from_, to)
        return services.export_links.drone(self.row.id, from_, to, format)


@strawberry.type(
    description="A pilot's handset, which links its aircraft to the hub. In the Snapshot of a past moment `online` and "
    "`position` are of that moment, and all else is as it is now."
)
class RemoteController(OfWorkspace):
    row: strawberry.Private[models.RemoteController]
    then: strawberry.Private[Then | None] = None
    """What is of a past moment; None: this is how it is now."""

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("As the controller reports it; unique within a workspace.")
    def serial_number(self) -> str:
        return self.row.serial_number

    @field("DJI's type number, such as 119; -1 until it has named itself.")
    def type(self) -> int:
        return self.row.type

    @field("The name that type and sub-type give, such as 'DJI RC Plus'; null if they give none.")
    def model(self) -> str | None:
        return products.model_name(products.CONTROLLER, self.row.type, self.row.sub_type)

    @field("Whether it is linked to the hub at present.")
    def online(self) -> bool:
        return self.row.online if self.then is None else self.then.online

    @field("Its last known position; null if it never had one.")
    def position(self) -> Position | None:
        return last_position(DeviceState.from_json(self.row.state) if self.then is None else self.then.state)


@strawberry.type(description="A drone's position as it came in, with what else was known of the drone at that moment.")
class DronePosition(OfWorkspace):
    event: strawberry.Private[events.DronePositioned]

    @property
    def workspace_id(self) -> int:
        return self.event.workspace_id

    @field("The drone's id.")
    def drone_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.drone_id))

    @field("The drone, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await drone_of(info, self, self.event.drone_id)

    @field("Where it was.")
    def position(self) -> Position:
        return position_of(self.event.fix, self.event.at)

    @field("What else it last said about itself by then; null if it said nothing of it.")
    def telemetry(self) -> Telemetry | None:
        return telemetry_of(self.event.state)


@strawberry.type(description="A drone's charge as it came in.")
class DroneBattery(OfWorkspace):
    event: strawberry.Private[events.BatteryReported]

    @property
    def workspace_id(self) -> int:
        return self.event.workspace_id

    @field("The drone's id.")
    def drone_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.drone_id))

    @field("The drone, as it is now.")
    async def drone(self, info: Info) -> Drone:
        return await drone_of(info, self, self.event.drone_id)

    @field("Its charge.")
    def battery(self) -> Battery:
        return battery_of(self.event.battery, self.event.at)


@strawberry.type(description="A remote controller's position as it came in.")
class RemoteControllerPosition(OfWorkspace):
    event: strawberry.Private[events.ControllerPositioned]

    @property
    def workspace_id(self) -> int:
        return self.event.workspace_id

    @field("The remote controller's id.")
    def remote_controller_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.remote_controller_id))

    @field("The remote controller, as it is now.")
    async def remote_controller(self, info: Info) -> RemoteController:
        row = await existing(
            info.context.loaders.remote_controllers, self.event.remote_controller_id, "remote controller"
        )
        return RemoteController(row=row, sight=self.sight)

    @field("Where it was.")
    def position(self) -> Position:
        return position_of(self.event.fix, self.event.at)


async def drone_of(info: Info, item: OfWorkspace, drone_id: int) -> Drone:
    """The drone that an event is about."""
    row = await existing(info.context.loaders.drones, drone_id, "drone")
    return Drone(row=row, sight=item.sight)
