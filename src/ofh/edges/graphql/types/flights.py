"""Flights: what the hub derived of the reports, and the track of each."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from ofh.domain.exports.about import ExportFormat
from ofh.edges.graphql.arguments import Area, chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.edges.ids import number
from ofh.services.flights import FlightFilter as Wanted
from ofh.services.flights import end_of_track
from ofh.services.media import MediaFilter as WantedMedia
from ofh.store import models

from .coverage import CoveredGround, MediaArchive
from .exports import Export
from .media import MediaConnection
from .pages import After, First, OfPage

if TYPE_CHECKING:
    from .fleet import Drone, TrackPoint


@strawberry.type(
    description="Take-off to landing of one drone, derived from its reports: nobody has to press a button. The figures "
    "of a flight that is under way are those up to its last report."
)
class Flight(OfWorkspace):
    row: strawberry.Private[models.Flight]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("The drone that flew it.")
    async def drone(self, info: Info) -> Annotated["Drone", strawberry.lazy(".fleet")]:
        from .fleet import Drone

        row = await existing(info.context.loaders.drones, self.row.drone_id, "drone")
        return Drone(row=row, sight=self.sight)

    @field("The take-off; for a hub that was started in mid-flight, the first report.")
    def started_at(self) -> datetime:
        return self.row.started_at

    @field("The landing; null in the air, and where nobody saw it.")
    def landed_at(self) -> datetime | None:
        return self.row.landed_at

    @field(
        "The end: a minute after the landing it is set to the landing's time, ten minutes after a loss to that of the "
        "last report. Null as long as the flight may go on."
    )
    def ended_at(self) -> datetime | None:
        return self.row.ended_at

    @field("The time of its newest report.")
    def last_report_at(self) -> datetime:
        return self.row.last_at

    @field("Whether it is in the air and has not been heard of for half a minute.")
    def lost(self) -> bool:
        found: bool = self.row.phase == "lost"
        return found

    @field("Seconds from the take-off to the landing, else to the newest report.")
    def duration(self) -> float:
        return (end_of_track(self.row) - self.row.started_at).total_seconds()

    @field("Metres over ground; null if it never had a fix.")
    def distance(self) -> float | None:
        return None if self.row.west is None else self.row.distance

    @field("The greatest height in metres above the WGS 84 ellipsoid; null if it never had a fix.")
    def max_height(self) -> float | None:
        return self.row.max_height

    @field("The greatest height in metres above the take-off point; null if it never told one.")
    def max_elevation(self) -> float | None:
        return self.row.max_elevation

    @field("Percent of all batteries together that it took; null if it never told a charge.")
    def battery_used(self) -> float | None:
        return self.row.battery_used

    @field("Where it took off; null if that is not known.")
    def take_off(self) -> "TakeOff | None":
        if self.row.take_off_longitude is None or self.row.take_off_latitude is None:
            return None
        return TakeOff(
            longitude=self.row.take_off_longitude,
            latitude=self.row.take_off_latitude,
            height=self.row.take_off_height,
        )

    @field("Where it went, in order of time, thinned to at most `maxPoints`: the ends and the extremes stay.")
    async def track(
        self,
        info: Info,
        max_points: Annotated[
            int | None,
            strawberry.argument(description="How many points at the most, 2 to 10,000; 2,000 if left out."),
        ] = strawberry.UNSET,
    ) -> list[Annotated["TrackPoint", strawberry.lazy(".fleet")]]:
        from .fleet import TRACK_POINTS, track_point

        actor = info.context.require_actor()
        most = chosen(max_points, TRACK_POINTS)
        points = await info.context.services.flights.track(actor, self.row.id, most)
        return [track_point(point) for point in points]

    @field("What was taken on it, what came last first.")
    async def media(
        self, info: Info, first: First = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> MediaConnection:
        actor = info.context.require_actor()
        page = await info.context.services.media.of_flight(
            actor, self.row.id, first=chosen(first, None), after=chosen(after, None)
        )
        return MediaConnection(page=page, list_of=self.workspace_id, sight=self.sight)

    @field("The ground that the photos and videos which were taken on it show together; it grows while they come.")
    async def coverage(self, info: Info) -> CoveredGround:
        services, actor = info.context.services, info.context.require_actor()
        return CoveredGround(ground=await services.covered_ground.of_flight(actor, self.row.id))

    @field("What was taken on it as one ZIP.")
    async def media_archive(self, info: Info) -> MediaArchive:
        services, actor = info.context.services, info.context.require_actor()
        wanted = WantedMedia(flight_id=self.row.id)
        return MediaArchive(
            address=services.export_links.media(self.workspace_id, wanted),
            measure=await services.archives.measure(actor, self.workspace_id, wanted),
        )

    @field("Its whole track as files: every report with a fix from take-off to landing, one for each format.")
    def exports(self, info: Info) -> list[Export]:
        links = info.context.services.export_links
        return [Export(format=format, url=links.flight(self.row.id, format)) for format in ExportFormat]


@strawberry.type(description="The place that a flight started from.")
class TakeOff:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")
    height: float | None = strawberry.field(
        description="Metres above the WGS 84 ellipsoid, the median of height less elevation over the first reports; "
        "null if these did not tell both."
    )


@strawberry.type(description="A flight at its place in a list.")
class FlightEdge:
    node: Flight = strawberry.field(description="The flight.")
    cursor: str = strawberry.field(description="Its place in the list, for `after`.")


@strawberry.type(description="A page of a list of flights, the newest first.")
class FlightConnection(OfPage):
    @field("The flights of this page.")
    def edges(self) -> list[FlightEdge]:
        return self.placed(FlightEdge, lambda row: Flight(row=row, sight=self.sight))


@strawberry.input(description="Which flights to list: those for which all that is given holds.")
class FlightFilter:
    drone_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Of this drone.")
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="Under way at this time or later."
    )
    to: datetime | None = strawberry.field(default=strawberry.UNSET, description="Started by this time.")
    area: Area | None = strawberry.field(default=strawberry.UNSET, description="With a position in this area.")

    def checked(self) -> Wanted:
        """The filter as the service takes it.

        Raises:
            HubError: BAD_INPUT.
        """
        drone_id, area = chosen(self.drone_id, None), chosen(self.area, None)
        return Wanted(
            drone_id=None if drone_id is None else number(drone_id, "filter.droneId"),
            start=chosen(self.from_, None),
            end=chosen(self.to, None),
            area=None if area is None else area.checked("filter.area"),
        )
