"""The ground that photos show: of one, and of many together."""

from functools import cached_property
from typing import Any

import orjson
import strawberry

from ofh.edges.graphql.fields import field
from ofh.edges.graphql.scalars import BigInt, Json
from ofh.services.archives import Measure
from ofh.services.covered_ground import Ground


@strawberry.type(description="Where a point of the ground is.")
class CoveragePosition:
    longitude: float = strawberry.field(
        description="Degrees east of Greenwich (WGS 84), within 180 of the camera's: beside the antimeridian it goes "
        "on beyond 180."
    )
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")


@strawberry.type(description="Where in the picture a point is.")
class ImagePosition:
    x: float = strawberry.field(description="0 at the left border, 1 at the right one.")
    y: float = strawberry.field(description="0 at the top, 1 at the bottom.")


@strawberry.type(description="By which ray of the picture a point is seen.")
class CoverageRay:
    bearing: float = strawberry.field(description="Degrees clockwise from true north, 0 to 360.")
    pitch: float = strawberry.field(description="Degrees from the horizon, negative downwards.")
    image_position: ImagePosition = strawberry.field(description="Where in the picture.")


@strawberry.type(description="How much ground one pixel of the picture is.")
class MeterSize:
    horizontal: float = strawberry.field(description="Metres across the ray.")
    vertical: float = strawberry.field(description="Metres along the ray.")


@strawberry.type(description="A point of the ground.")
class CoveragePoint:
    point: strawberry.Private[dict[str, Any]]

    @field("Where it is.")
    def position(self) -> CoveragePosition:
        return CoveragePosition(**self.point["position"])

    @field(
        "Metres of the ground there, in the datum of the photo's absolute altitude: of current aircraft above the "
        "WGS 84 ellipsoid."
    )
    def elevation(self) -> float:
        found: float = self.point["elevation"]
        return found

    @field("On the outline's first point: how the answer came about, in short notes; else null.")
    def debug(self) -> str | None:
        return self.point.get("debug")

    @field("By which ray it is seen; null but for the points of `all`.")
    def ray(self) -> CoverageRay | None:
        ray = self.point.get("ray")
        if ray is None:
            return None
        position = ImagePosition(**ray["imagePosition"])
        return CoverageRay(bearing=ray["bearing"], pitch=ray["pitch"], image_position=position)

    @field("Metres from the camera; null but for the points of `all`.")
    def direct_distance(self) -> float | None:
        return self.point.get("directDistance")

    @field("How much ground a pixel is there; null but for the points of `all`.")
    def meter_size(self) -> MeterSize | None:
        size = self.point.get("meterSize")
        return None if size is None else MeterSize(**size)


@strawberry.type(
    description="The ground that a photo, or the first frame of a video, shows: `outer` less `holes`. All lists are "
    "empty where it shows none within the range that the hub's operator has set."
)
class GroundCoverage:
    answer: strawberry.Private[str]

    @cached_property
    def parts(self) -> dict[str, Any]:
        """Decoded once, however many fields ask."""
        found: dict[str, Any] = orjson.loads(self.answer)
        return found

    @field("Ground points on a regular grid over the picture, row by row from its top left: at most 221.")
    def all(self) -> list[CoveragePoint]:
        return _points(self.parts["all"])

    @field("The outline, a closed ring, counter-clockwise; what is hidden within it is filled in. At most 256 points.")
    def outer(self) -> list[CoveragePoint]:
        return _points(self.parts["outer"])

    @field("What is hidden behind crests within the outline: closed rings, clockwise, of at most 128 points.")
    def holes(self) -> list[list[CoveragePoint]]:
        return [_points(hole) for hole in self.parts["holes"]]

    @field(
        "The outline with its holes as a GeoJSON `Polygon`, longitudes as they are in `outer`; null where it shows no "
        "ground. A fraction of the cost of the points one by one."
    )
    def geo_json(self) -> Json | None:
        if not self.parts["outer"]:
            return None
        rings = [self.parts["outer"], *self.parts["holes"]]
        return Json({"type": "Polygon", "coordinates": [[_pair(point) for point in ring] for ring in rings]})


def _points(found: list[dict[str, Any]]) -> list[CoveragePoint]:
    return [CoveragePoint(point=point) for point in found]


def _pair(point: dict[str, Any]) -> list[float]:
    return [point["position"]["longitude"], point["position"]["latitude"]]


@strawberry.type(description="What would have to be known of a photo or a video to say which ground it shows.")
class MissingFact:
    name: str = strawberry.field(
        description="Which quantity: `metadata` (the file has not been looked into yet), `file`, `position`, "
        "`relative_altitude`, `height`, `gimbal_yaw`, `gimbal_pitch`, `gimbal_roll`, `direction` or `lens`."
    )
    reason: str = strawberry.field(description="What is wrong with it, in words for people.")


@strawberry.type(
    description="The ground that photos and videos show together. It grows as they come: `COVERAGE_CHANGED` among the "
    "events tells when."
)
class CoveredGround:
    ground: strawberry.Private[Ground]

    @field(
        "A GeoJSON `MultiPolygon` (RFC 7946) of longitudes and latitudes to 11 mm: cut at the antimeridian, what "
        "nobody saw left out as holes, specks under a square metre dropped."
    )
    def geo_json(self) -> Json:
        return Json(self.ground.covered.geojson)

    @field("Square metres, on the WGS 84 ellipsoid.")
    def area(self) -> float:
        return self.ground.covered.area_m2

    @field("How many media items show some of it.")
    def media_count(self) -> int:
        return self.ground.shown

    @field("Of how many photos and videos it cannot be known what they show.")
    def unknown_count(self) -> int:
        return self.ground.unknown

    @field("How many photos and videos have not been looked at yet.")
    def pending_count(self) -> int:
        return self.ground.pending


@strawberry.type(description="Media as one ZIP, made while it is downloaded.")
class MediaArchive:
    address: strawberry.Private[str]
    measure: strawberry.Private[Measure]

    @field(
        "Where to download it, with the session's cookie or the access token that the API takes. Its last entry, "
        "`manifest.csv`, lists what is in it and what was missing."
    )
    def url(self) -> str:
        return self.address

    @field("How many files it would have now.")
    def file_count(self) -> int:
        return self.measure.files

    @field("Bytes of them together.")
    def size(self) -> BigInt:
        return BigInt(self.measure.size)
