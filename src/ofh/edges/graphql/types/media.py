"""Files of a workspace, and the photos and videos among them that drones took."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from ofh.dji import products
from ofh.domain.errors import bad_input
from ofh.domain.media import Lens, MediaType
from ofh.edges.graphql.arguments import Area, chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import BigInt, Json, describe
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.edges.ids import number
from ofh.services.media import MediaFilter as Wanted
from ofh.store import models

from .accounts import User
from .coverage import GroundCoverage, MissingFact
from .pages import OfPage

if TYPE_CHECKING:
    from .fleet import Drone
    from .flights import Flight

LENSES = ", ".join(f"`{lens.value}`" for lens in Lens)

describe(
    MediaType,
    "MediaType",
    "What a drone took.",
    {
        MediaType.PHOTO: "A picture, of any kind of camera.",
        MediaType.VIDEO: "A video.",
        MediaType.OTHER: "A side file: subtitles, records of the satellite receiver, and whatever else comes.",
    },
)


@strawberry.type(description="A named file of a workspace: uploaded by a member, or belonging to a media item.")
class File(OfWorkspace):
    row: strawberry.Private[models.File]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What people call it.")
    def name(self) -> str:
        return self.row.name

    @field("When it was here, all of it.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @field("Bytes.")
    def size(self) -> BigInt:
        return BigInt(self.row.size)

    @field("Its media type as its content tells it, such as `image/jpeg`; `application/octet-stream` for what is not.")
    def content_type(self) -> str:
        return self.row.content_type

    @field(
        "Where to download it, whole or in ranges: with the session's cookie or the access token that the API takes."
    )
    def url(self, info: Info) -> str:
        return info.context.services.file_links.data(self.row.id)

    @field(
        "Where to download a small JPEG of it, upright and at most 512 pixels a side, as `url` is downloaded; null if "
        "there is none, or none yet."
    )
    def thumbnail_url(self, info: Info) -> str | None:
        if self.row.thumbnail_key is None:
            return None
        return info.context.services.file_links.thumbnail(self.row.id)

    @field("When the hub had looked into it: after that its thumbnail is there, or there is none; null before.")
    def analysed_at(self) -> datetime | None:
        return self.row.analysed_at

    @field("The member who uploaded it; null for what a controller did, and if their account is gone.")
    async def uploaded_by(self, info: Info) -> User | None:
        if self.row.uploaded_by_id is None:
            return None
        row = await info.context.loaders.users.load(self.row.uploaded_by_id)
        return User(row=row) if row else None

    @field("The media item that it belongs to; null if it belongs to none.")
    async def media(self, info: Info) -> "Media | None":
        row = await info.context.loaders.media_of_file.load(self.row.id)
        return Media(row=row, sight=self.sight) if row else None


@strawberry.type(
    description="Where a camera was and looked, as the file says, and where that says nothing its controller."
)
class CameraPlace:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")
    absolute_altitude: float | None = strawberry.field(
        description="Metres, of a datum that DJI does not name and that differs by model: not a height of this API."
    )
    relative_altitude: float | None = strawberry.field(description="Metres above the take-off point.")
    gimbal_yaw: float | None = strawberry.field(description="Degrees clockwise from true north, -180 to 180.")
    gimbal_pitch: float | None = strawberry.field(description="Degrees; 0 is level, -90 straight down.")
    gimbal_roll: float | None = strawberry.field(description="Degrees, positive clockwise as the camera looks.")


@strawberry.type(description="The files of one task, as its controller counts them.")
class MediaGroup(OfWorkspace):
    row: strawberry.Private[models.MediaGroup]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The number of this group.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("How many files the task has, as the controller last said; null if it has not.")
    def file_count(self) -> int | None:
        return self.row.file_count

    @field("How many of them the controller says that it has uploaded; null if it has not said.")
    def uploaded_count(self) -> int | None:
        return self.row.uploaded_count

    @field("When all of them were here; null if they were never.")
    def completed_at(self) -> datetime | None:
        return self.row.completed_at


@strawberry.type(description="A photo, a video or a side file that a drone took. It goes with its file.")
class Media(OfWorkspace):
    row: strawberry.Private[models.Media]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field(
        "The drone that took it. Where the controller names none, the one that took the rest of the task, else the one "
        "that last came in by the connection, else one with the serial number `unknown`."
    )
    async def drone(self, info: Info) -> Annotated["Drone", strawberry.lazy(".fleet")]:
        from .fleet import Drone

        row = await existing(info.context.loaders.drones, self.row.drone_id, "drone")
        return Drone(row=row, sight=self.sight)

    @field(
        "The flight that it was taken on, with two minutes' tolerance, else that of the rest of its task; null if none "
        "is known. A flight that becomes known up to a day later is found."
    )
    async def flight(self, info: Info) -> Annotated["Flight", strawberry.lazy(".flights")] | None:
        from .flights import Flight

        if self.row.flight_id is None:
            return None
        row = await info.context.loaders.flights.load(self.row.flight_id)
        return Flight(row=row, sight=self.sight) if row else None

    @field("By its file's name when it came, and where that tells nothing by its content.")
    def type(self) -> MediaType:
        return MediaType(self.row.type)

    @field(f"What it was taken through, or which band it shows, where its name or its file tells: {LENSES}; else null.")
    def lens(self) -> str | None:
        return self.row.lens

    @field("Its file.")
    async def file(self, info: Info) -> File:
        row = await existing(info.context.loaders.files, self.row.file_id, "file")
        return File(row=row, sight=self.sight)

    @field("Where to download a small JPEG of it; that of its file. Null if there is none, or none yet.")
    async def thumbnail_url(self, info: Info) -> str | None:
        row = await existing(info.context.loaders.files, self.row.file_id, "file")
        return File(row=row, sight=self.sight).thumbnail_url(info)

    @field("Its file's name.")
    async def file_name(self, info: Info) -> str:
        row = await existing(info.context.loaders.files, self.row.file_id, "file")
        name: str = row.name
        return name

    @field("When the hub had it.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @field("When it was taken; null if neither controller nor file says more than a local time without an offset.")
    def captured_at(self) -> datetime | None:
        return self.row.captured_at

    @field("Where its camera was; null if that had no fix.")
    def camera(self) -> CameraPlace | None:
        if self.row.longitude is None or self.row.latitude is None:
            return None
        return CameraPlace(
            longitude=self.row.longitude,
            latitude=self.row.latitude,
            absolute_altitude=self.row.absolute_altitude,
            relative_altitude=self.row.relative_altitude,
            gimbal_yaw=self.row.gimbal_yaw,
            gimbal_pitch=self.row.gimbal_pitch,
            gimbal_roll=self.row.gimbal_roll,
        )

    @field("The camera's model as the file names it, such as 'M30T'; null if it names none, or has not been read.")
    def camera_model(self) -> str | None:
        return self.row.camera_model or None

    @field("Pixels of the picture as it is stored, before it is turned upright; null if not known.")
    def width(self) -> int | None:
        return self.row.width

    @field("The same, from its top to its bottom.")
    def height(self) -> int | None:
        return self.row.height

    @field("What took it: the name that its key gives, such as 'Matrice 30T camera', else the key; null if not told.")
    def payload(self) -> str | None:
        return products.payload_of(self.row.payload_model_key) or self.row.payload_model_key or None

    @field("False for a preview that was sent in the original's place.")
    def is_original(self) -> bool:
        return self.row.is_original

    @field("Whether it is a panorama or a frame of one.")
    def is_panorama(self) -> bool:
        return self.row.is_panorama

    @field("The wayline's folder on the camera; empty for what was taken by hand.")
    def folder(self) -> str:
        return self.row.folder

    @field("The task that it belongs to; null if it was taken by hand.")
    async def group(self, info: Info) -> MediaGroup | None:
        if self.row.group_id is None:
            return None
        row = await info.context.loaders.media_groups.load(self.row.group_id)
        return MediaGroup(row=row, sight=self.sight) if row else None

    @field(
        "What the file says of itself: `exif` by the names of EXIF, `xmp` by DJI's own names, others behind a prefix; "
        "null if it has not been read."
    )
    def meta(self) -> Json | None:
        return None if self.row.meta is None else Json(self.row.meta)

    @field(
        "The ground that it shows, of a video its first frame; null where that cannot be known, or not yet: nothing is "
        "guessed. `coverageMissing` says why."
    )
    async def ground_coverage(self, info: Info) -> GroundCoverage | None:
        answer = await info.context.loaders.coverage_of_media.load(self.row.id)
        return GroundCoverage(answer=answer) if isinstance(answer, str) else None

    @field("What is missing to know which ground it shows, a line for each thing; empty where that is known.")
    async def coverage_missing(self, info: Info) -> list[MissingFact]:
        answer = await info.context.loaders.coverage_of_media.load(self.row.id)
        lines = answer if isinstance(answer, Mapping) else {}
        return [MissingFact(name=name, reason=reason) for name, reason in lines.items()]


@strawberry.type(description="A media item at its place in a list.")
class MediaEdge:
    node: Media = strawberry.field(description="The media item.")
    cursor: str = strawberry.field(description="Its place in the list, for `after`.")


@strawberry.type(description="A page of a list of media, what came last first.")
class MediaConnection(OfPage):
    @field("The media of this page.")
    def edges(self) -> list[MediaEdge]:
        return self.placed(MediaEdge, lambda row: Media(row=row, sight=self.sight))


@strawberry.type(description="A file at its place in a list.")
class FileEdge:
    node: File = strawberry.field(description="The file.")
    cursor: str = strawberry.field(description="Its place in the list, for `after`.")


@strawberry.type(description="A page of a list of files, the newest first.")
class FileConnection(OfPage):
    @field("The files of this page.")
    def edges(self) -> list[FileEdge]:
        return self.placed(FileEdge, lambda row: File(row=row, sight=self.sight))


@strawberry.input(description="Which media to list: those for which all that is given holds.")
class MediaFilter:
    drone_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Taken by this drone.")
    flight_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Taken on this flight.")
    type: MediaType | None = strawberry.field(default=strawberry.UNSET, description="Of this type.")
    from_: datetime | None = strawberry.field(
        name="from",
        default=strawberry.UNSET,
        description="Taken at this time or later; where that is not known, the time that it came counts.",
    )
    to: datetime | None = strawberry.field(default=strawberry.UNSET, description="Taken by this time.")
    area: Area | None = strawberry.field(
        default=strawberry.UNSET,
        description="Showing some of this area; where it cannot be known what it shows, with its camera in it.",
    )
    lens: str | None = strawberry.field(default=strawberry.UNSET, description=f"Taken through this lens: {LENSES}.")

    def checked(self) -> Wanted:
        """The filter as the service takes it.

        Raises:
            HubError: BAD_INPUT.
        """
        drone_id, flight_id = chosen(self.drone_id, None), chosen(self.flight_id, None)
        area, lens = chosen(self.area, None), chosen(self.lens, None)
        if lens is not None and lens not in {known.value for known in Lens}:
            raise bad_input("filter.lens", f"There is no such lens. Choose one of {LENSES}.")
        return Wanted(
            drone_id=None if drone_id is None else number(drone_id, "filter.droneId"),
            flight_id=None if flight_id is None else number(flight_id, "filter.flightId"),
            type=chosen(self.type, None),
            start=chosen(self.from_, None),
            end=chosen(self.to, None),
            area=None if area is None else area.checked("filter.area"),
            lens=None if lens is None else Lens(lens),
        )
