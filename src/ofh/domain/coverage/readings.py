"""What a photo's sources say, quantity by quantity, the best source first: a later one fills what earlier ones lack.

The order of the sources and what they are refused for is that of docs/coverage.md. Nothing here fails: what cannot be
had is None.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, hypot, radians

from ofh.domain.times import read_time

from .cameras import model_key
from .inputs import PhotoFacts, Xmp, bounded, degrees_of, number, struct, text

MOST_ALTITUDE_M = 100_000
MOST_PIXELS = 1_000_000
RELATIVE_ONLY = frozenset({"fc230", "fc330", "fc200", "fc7203", "fc7303", "fc3682", "fc3170", "fc3411", "fc1102"})
"""Models that write the height above take-off where others write the absolute altitude."""
TURNED_YAW = frozenset({"fc8282", "fc8284", "l1d-20c", "fc3411"})
"""Models whose gimbal yaw is known to be wrong by 40 to 55 degrees at times, which their gimbals cannot turn."""

_EXIF_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)(\.\d{1,9})?", re.ASCII)
_OFFSET = re.compile(r"([+-]\d\d):?(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the camera was."""

    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attitude:
    """Where the camera looked, each angle by its best source. Degrees, as the gimbal reports them."""

    yaw: float | None
    """Clockwise from true north."""
    pitch: float | None
    """0 is level, -90 straight down."""
    roll: float | None


def place_of(facts: PhotoFacts) -> Place | None:
    """The camera's position. (0, 0) is how a camera without a fix says so."""
    xmp = Xmp(facts.xmp)
    if (xmp.text("GpsStatus") or "").lower() == "invalid":
        return None
    candidates = [
        (xmp.number(longitude, -180, 180), xmp.number(latitude, -90, 90))
        for longitude, latitude in (
            ("GpsLongitude", "GpsLatitude"),
            ("GpsLongtitude", "GpsLatitude"),
            ("Longitude", "Latitude"),
        )
    ]
    candidates.append(
        (
            degrees_of(facts.exif.get("GPSLongitude"), facts.exif.get("GPSLongitudeRef"), 180),
            degrees_of(facts.exif.get("GPSLatitude"), facts.exif.get("GPSLatitudeRef"), 90),
        )
    )
    shot = struct(struct(facts.callback, "metadata"), "shoot_position")
    candidates.append((bounded(shot.get("lng"), -180, 180), bounded(shot.get("lat"), -90, 90)))
    for longitude, latitude in candidates:
        if longitude is not None and latitude is not None and (longitude, latitude) != (0, 0):
            return Place(longitude=longitude, latitude=latitude)
    return None


def relative_altitude_of(facts: PhotoFacts) -> float | None:
    """Metres above the take-off point."""
    found = _altitude(Xmp(facts.xmp).number("RelativeAltitude"))
    if found is None:
        found = _altitude(struct(facts.callback, "metadata").get("relative_altitude"))
    if found is None and facts.telemetry is not None:
        found = _altitude(facts.telemetry.elevation)
    return found


def absolute_altitude_of(facts: PhotoFacts) -> float | None:
    """Metres above the ellipsoid or, of older aircraft, above the geoid: `is_ellipsoidal` tells."""
    found = _altitude(Xmp(facts.xmp).number("AbsoluteAltitude"))
    if found is None:
        found = _altitude(struct(facts.callback, "metadata").get("absolute_altitude"))
    if found is None:
        found = _altitude(facts.exif.get("GPSAltitude"))
        if found is not None and found >= 0 and _byte(facts.exif.get("GPSAltitudeRef")) in {1, 3}:
            found = -found
    return found


def is_ellipsoidal(facts: PhotoFacts) -> bool:
    """Whether the absolute altitude is above the ellipsoid WGS 84; before version 1.5 of DJI's XMP it is above EGM96.

    A statement of a controller alone is of an aircraft new enough to know one.
    """
    xmp = Xmp(facts.xmp)
    version = xmp.number("Version")
    if xmp.text("RtkFlag") is not None or (version is not None and version >= 1.5):
        return True
    return xmp.number("AbsoluteAltitude") is None and facts.callback is not None


def model_of(facts: PhotoFacts) -> str | None:
    """The camera's model as EXIF names it, else as XMP does."""
    return text(facts.exif.get("Model")) or Xmp(facts.xmp).text("Model")


def writes_relative_only(facts: PhotoFacts) -> bool:
    """Whether the absolute altitude of this model's photos is none."""
    return model_key(model_of(facts) or "") in RELATIVE_ONLY


def size_of(facts: PhotoFacts) -> tuple[int, int] | None:
    """Width and height of the stored picture in pixels."""
    exif, video = facts.exif, struct(facts.callback, "video")
    candidates: tuple[tuple[object, object], ...] = (
        (facts.width, facts.height),
        (exif.get("ExifImageWidth"), exif.get("ExifImageHeight")),
        (exif.get("PixelXDimension"), exif.get("PixelYDimension")),
        (exif.get("ImageWidth"), exif.get("ImageLength")),
        (video.get("width"), video.get("height")),
    )
    for width, height in candidates:
        wide, high = bounded(width, 1, MOST_PIXELS), bounded(height, 1, MOST_PIXELS)
        if wide is not None and high is not None:
            return int(wide), int(high)
    return None


def attitude_of(facts: PhotoFacts) -> Attitude:
    """The gimbal's angles: the file's, and what the aircraft reported for those that it lacks.

    All three exactly 0 near the ground is how a file says that they were never set.
    """
    xmp = Xmp(facts.xmp)
    yaw, roll = xmp.number("GimbalYawDegree"), xmp.number("GimbalRollDegree")
    pitch = xmp.number("GimbalPitchDegree", -180, 180)
    height = relative_altitude_of(facts)
    if yaw == pitch == roll == 0 and height is not None and height < 2:
        yaw = pitch = roll = None
    told = facts.telemetry
    if told is not None:
        yaw = number(told.gimbal_yaw) if yaw is None else yaw
        pitch = bounded(told.gimbal_pitch, -180, 180) if pitch is None else pitch
        roll = number(told.gimbal_roll) if roll is None else roll
    return Attitude(yaw=yaw, pitch=pitch, roll=roll)


def aim_of(facts: PhotoFacts, place: Place) -> Place | None:
    """The position that the controller says was photographed; None where it says none, or the camera's own."""
    said = struct(struct(facts.callback, "metadata"), "photoed_position")
    longitude, latitude = bounded(said.get("lng"), -180, 180), bounded(said.get("lat"), -90, 90)
    if longitude is None or latitude is None or (longitude, latitude) == (0, 0):
        return None
    shot = struct(struct(facts.callback, "metadata"), "shoot_position")
    for lng, lat in ((shot.get("lng"), shot.get("lat")), (place.longitude, place.latitude)):
        from_longitude, from_latitude = bounded(lng, -180, 180), bounded(lat, -90, 90)
        if from_longitude is None or from_latitude is None:
            continue
        east = (longitude - from_longitude + 540) % 360 - 180
        if 111_200 * hypot(east * cos(radians(latitude)), latitude - from_latitude) < 1:
            return None
    return Place(longitude=longitude, latitude=latitude)


def told_yaw_of(facts: PhotoFacts) -> float | None:
    """The gimbal's yaw in the controller's statement."""
    return number(struct(facts.callback, "metadata").get("gimbal_yaw_degree"))


def captured_at_of(facts: PhotoFacts) -> datetime | None:
    """When the picture was taken, UTC; None where no source says an offset: a local time somewhere is no moment."""
    xmp = Xmp(facts.xmp)
    offset = _OFFSET.fullmatch(text(facts.exif.get("OffsetTimeOriginal")) or text(facts.exif.get("OffsetTime")) or "")
    local = text(facts.exif.get("DateTimeOriginal")) or text(facts.exif.get("DateTime"))
    candidates = [
        _exif_time(local, f"{offset[1]}:{offset[2]}") if offset is not None else None,
        _exif_time(xmp.text("UTCAtExposure"), "+00:00"),
        read_time(xmp.text("CreateDate") or ""),
    ]
    said = struct(facts.callback, "metadata")
    candidates += [read_time((text(said.get(name)) or "").upper()) for name in ("created_time", "create_time")]
    return next((found for found in candidates if found is not None), None)


def is_video(facts: PhotoFacts) -> bool:
    """Whether the file is a video, by its name; a statement that tells a video's size is of one as well."""
    ending = file_name_of(facts).rpartition(".")[2].lower()
    return ending in {"mp4", "mov"} or bool(struct(facts.callback, "video"))


def file_name_of(facts: PhotoFacts) -> str:
    """The file's name, else what the controller calls it; empty where neither is known."""
    return facts.file_name or text((facts.callback or {}).get("name")) or ""


def _altitude(value: object) -> float | None:
    return bounded(value, -MOST_ALTITUDE_M, MOST_ALTITUDE_M)


def _byte(value: object) -> int | None:
    """A BYTE of EXIF: as a number, or as the bytes themselves."""
    if isinstance(value, bytes):
        return value[0] if len(value) == 1 else None
    found = number(value)
    return None if found is None else int(found)


def _exif_time(local: str | None, offset: str) -> datetime | None:
    found = _EXIF_TIME.fullmatch((local or "").replace("-", ":"))
    if found is None:
        return None
    year, month, day, clock, fraction = found.groups()
    read = read_time(f"{year}-{month}-{day}T{clock}{fraction or ''}{offset}")
    return read.astimezone(UTC) if read is not None else None
