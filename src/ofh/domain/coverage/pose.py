"""Where a camera was and how it looked, from all that is known of a photo; or why that cannot be known.

Frames: yaw, pitch and roll turn the camera (x forward, y right, z down in the picture) into north, east, down by
Rz(yaw) Ry(pitch) Rx(roll), as DJI's manuals state for gimbals. Nothing is normalised: a roll of 180 straight down and a
pitch beyond -90 are ordinary turns.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from math import atan2, cos, degrees, hypot, radians, sin

from . import readings
from .cameras import Kind, model_key
from .earth import Vector, ecef, ned
from .ground import FlatGround, Ground, elevation_at
from .inputs import NoCoverage, PhotoFacts, Xmp
from .lens import Intrinsics, kind_of, lens_of
from .readings import Attitude, Place

LEAST_HEIGHT_M = 0.5
"""A camera has to be so far above the ground below it."""
POLAR_DEG = 89.9
"""No coverage nearer to a pole than that latitude."""

_MOST_TURNED_DEG = 35
_MOST_ASTRAY_DEG = 20
_TARGET_OFF_DEG = 3
_PICTURES = {"jpg", "jpeg", "dng", "tif", "tiff", "png", "heic", "webp", "mp4", "mov"}
_PANORAMA_TAGS = {"ProjectionType", "UsePanoramaViewer", "FullPanoWidthPixels", "CroppedAreaImageWidthPixels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPose:
    """Where a camera was, how it looked, and through what."""

    latitude: float
    """Degrees, WGS 84."""
    longitude: float
    absolute_altitude: float
    """Metres, in the datum of the ground that goes with the pose."""
    relative_altitude: float | None
    """Metres above the take-off point."""
    yaw: float
    """Degrees clockwise from true north."""
    pitch: float
    """Degrees; 0 is level, -90 straight down."""
    roll: float
    """Degrees; positive is clockwise as the camera sees."""
    lens: Intrinsics
    notes: tuple[str, ...] = ()
    """What a reader of the coverage should know of how it came about, in short."""

    @property
    def flat_ground(self) -> float | None:
        """The elevation of the ground where it is taken to be flat: that of the take-off point."""
        return None if self.relative_altitude is None else self.absolute_altitude - self.relative_altitude


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReadings:
    """What can be read of a photo, each quantity for itself; None for what cannot."""

    captured_at: datetime | None
    """UTC."""
    model: str | None
    lens: Kind | None
    longitude: float | None
    latitude: float | None
    absolute_altitude: float | None
    relative_altitude: float | None
    gimbal_yaw: float | None
    gimbal_pitch: float | None
    gimbal_roll: float | None
    width: int | None
    height: int | None


def camera_of(facts: PhotoFacts) -> CameraReadings:
    """What the sources say of a photo, for showing; how they are taken together is `pose_of`. Never fails."""
    place, size, attitude = readings.place_of(facts), readings.size_of(facts), readings.attitude_of(facts)
    return CameraReadings(
        captured_at=readings.captured_at_of(facts),
        model=readings.model_of(facts),
        lens=kind_of(facts),
        longitude=place.longitude if place else None,
        latitude=place.latitude if place else None,
        absolute_altitude=readings.absolute_altitude_of(facts),
        relative_altitude=readings.relative_altitude_of(facts),
        gimbal_yaw=readings.told_yaw_of(facts) if attitude.yaw is None else attitude.yaw,
        gimbal_pitch=attitude.pitch,
        gimbal_roll=attitude.roll,
        width=size[0] if size else None,
        height=size[1] if size else None,
    )


def pose_of(
    facts: PhotoFacts, ground: Ground | None = None, *, altitude: float | None = None, notes: tuple[str, ...] = ()
) -> CameraPose:
    """The pose of a photo's camera.

    Args:
        facts: all that is known of the photo.
        ground: the surface in use, in the datum of the absolute altitude; None for flat ground at the take-off point's
            height, which needs the height above it.
        altitude: the camera's, metres, in the datum of the ground; None for the absolute altitude that the photo tells.
        notes: what is to be said of the ground.

    Raises:
        NoCoverage: position, height, direction or lens cannot be had, or the file is no picture of one place.
    """
    _check_is_picture(facts)
    missing: dict[str, str] = {}
    place = readings.place_of(facts)
    if place is None:
        missing["position"] = "neither the file nor the controller tells where the camera was"
    elif abs(place.latitude) > POLAR_DEG:
        missing["position"] = "too near to a pole"
    absolute, relative, said = _heights(facts, ground)
    if altitude is not None:
        absolute, said = altitude, ()
    notes = (*notes, *said)
    if relative is None and (ground is None or absolute is None):
        missing["relative_altitude"] = "neither the file nor the controller tells the height above the take-off point"
    attitude: Attitude | None = None
    if place is not None and absolute is not None and not missing:
        surface = ground or FlatGround(absolute - (relative or 0))
        attitude, more = _direction(facts, place, absolute, surface)
        notes += more
    else:
        attitude = readings.attitude_of(facts)
        if readings.aim_of(facts, place or Place(longitude=0, latitude=0)) is not None:
            attitude = Attitude(yaw=attitude.yaw or 0, pitch=attitude.pitch or 0, roll=attitude.roll or 0)
    missing |= _missing_angles(attitude)
    lens = lens_of(facts)
    if lens is None:
        missing["lens"] = (
            "nothing tells the lens' focal length" if readings.size_of(facts) else "nothing tells the picture's size"
        )
    if missing or place is None or absolute is None or lens is None:
        words = ", ".join(name.replace("_", " ") for name in missing)
        raise NoCoverage(f"It cannot be known what this shows; missing: {words}.", missing)
    assert attitude.yaw is not None
    assert attitude.pitch is not None
    assert attitude.roll is not None
    roll = attitude.roll
    if lens.height > lens.width and 80 <= abs(roll) <= 100:
        roll = 0.0  # turned for an upright picture, which is stored upright
        notes += ("upright picture",)
    notes = (lens.source, *notes)
    if readings.is_video(facts):
        notes += ("first frame",)
    pose = CameraPose(
        latitude=place.latitude,
        longitude=place.longitude,
        absolute_altitude=absolute,
        relative_altitude=relative,
        yaw=attitude.yaw,
        pitch=attitude.pitch,
        roll=roll,
        lens=lens,
        notes=notes,
    )
    return replace(pose, notes=(*pose.notes, *_target_notes(facts, pose)))


def rotation(yaw: float, pitch: float, roll: float) -> tuple[Vector, Vector, Vector]:
    """Rz(yaw) Ry(pitch) Rx(roll), degrees: the columns are the camera's axes as north, east, down; by rows."""
    sy, cy = sin(radians(yaw)), cos(radians(yaw))
    sp, cp = sin(radians(pitch)), cos(radians(pitch))
    sr, cr = sin(radians(roll)), cos(radians(roll))
    return (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )


def direction_to(place: Place, altitude: float, target: Place, elevation: float) -> tuple[float, float]:
    """Yaw and pitch, degrees, of the straight line from the camera to a point."""
    here = ecef(place.longitude, place.latitude, altitude)
    there = ecef(target.longitude, target.latitude, elevation)
    north, east, down = ned(
        place.longitude, place.latitude, (there[0] - here[0], there[1] - here[1], there[2] - here[2])
    )
    return degrees(atan2(east, north)), degrees(atan2(-down, hypot(north, east)))


def turn(one: float, other: float) -> float:
    """The angle between two directions on the compass, 0 to 180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def _check_is_picture(facts: PhotoFacts) -> None:
    """Refuse panoramas, and what is no picture at all."""
    name = readings.file_name_of(facts)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending and ending not in _PICTURES:
        raise NoCoverage("This file is no picture.", {"file": "no picture or video"})
    sub_type = (facts.callback or {}).get("sub_file_type")
    names = Xmp(facts.xmp).names
    if str(sub_type).strip() == "1" or any(
        name.lower().startswith("gpano") or name in _PANORAMA_TAGS for name in names
    ):
        raise NoCoverage("A panorama shows more than one view.", {"file": "a panorama"})


def _heights(facts: PhotoFacts, ground: Ground | None) -> tuple[float | None, float | None, tuple[str, ...]]:
    """The camera's absolute and relative altitude, and what is to be said of them.

    Without an absolute altitude elevations count from the take-off point, or from what a flat ground says of itself.
    """
    absolute, relative = readings.absolute_altitude_of(facts), readings.relative_altitude_of(facts)
    if absolute is None and relative is not None:
        base = ground.elevation if isinstance(ground, FlatGround) else 0.0
        return base + relative, relative, ("no absolute altitude: elevations count from the take-off point",)
    return absolute, relative, ()


def _direction(facts: PhotoFacts, place: Place, altitude: float, ground: Ground) -> tuple[Attitude, tuple[str, ...]]:
    """The gimbal's angles from the file, from what the controller says was photographed, or from telemetry."""
    own = readings.attitude_of(replace(facts, telemetry=None))
    aim = readings.aim_of(facts, place)
    notes: tuple[str, ...] = ()
    if aim is not None and None in (own.yaw, own.pitch, own.roll):
        yaw, pitch = direction_to(place, altitude, aim, elevation_at(ground, aim.longitude, aim.latitude))
        told = readings.told_yaw_of(facts)
        if told is not None and turn(told, yaw) > _MOST_ASTRAY_DEG:
            raise NoCoverage(
                "The controller contradicts itself: the gimbal does not point at the position photographed.",
                {"direction": "gimbal yaw and photographed position differ by more than 20 degrees"},
            )
        own = Attitude(
            yaw=yaw if own.yaw is None else own.yaw,
            pitch=pitch if own.pitch is None else own.pitch,
            roll=0.0 if own.roll is None else own.roll,
        )
        notes += ("direction from the position photographed",)
    elif None in (own.yaw, own.pitch, own.roll):
        own = readings.attitude_of(facts)
        if None not in (own.yaw, own.pitch, own.roll):
            notes += ("direction from telemetry",)
    return _unturned(facts, own, notes)


def _unturned(facts: PhotoFacts, attitude: Attitude, notes: tuple[str, ...]) -> tuple[Attitude, tuple[str, ...]]:
    """The attitude with the aircraft's yaw, where a model that errs about the gimbal's has erred."""
    flight_yaw = Xmp(facts.xmp).number("FlightYawDegree")
    if (
        model_key(readings.model_of(facts) or "") not in readings.TURNED_YAW
        or flight_yaw is None
        or attitude.yaw is None
        or attitude.pitch is None
    ):
        return attitude, notes
    # straight down a roll is a turn of the picture like a yaw
    extra = (attitude.roll or 0) if attitude.pitch < -80 else 0
    if turn(attitude.yaw + extra, flight_yaw) <= _MOST_TURNED_DEG:
        return attitude, notes
    return replace(attitude, yaw=flight_yaw - extra), (*notes, "yaw of the aircraft: the gimbal's is known to err")


def _missing_angles(attitude: Attitude) -> dict[str, str]:
    """A line for each angle that is not known."""
    return {
        f"gimbal_{name}": f"neither the file nor the controller tells the gimbal's {name}"
        for name in ("yaw", "pitch", "roll")
        if getattr(attitude, name) is None
    }


def _target_notes(facts: PhotoFacts, pose: CameraPose) -> tuple[str, ...]:
    """A note where the photo's laser target is not where the gimbal points."""
    target = laser_target_of(facts)
    if target is None:
        return ()
    at, elevation = target
    here = Place(longitude=pose.longitude, latitude=pose.latitude)
    yaw, pitch = (radians(angle) for angle in direction_to(here, pose.absolute_altitude, at, elevation))
    axis = [row[0] for row in rotation(pose.yaw, pose.pitch, pose.roll)]
    seen = (cos(pitch) * cos(yaw), cos(pitch) * sin(yaw), -sin(pitch))
    along = sum(a * b for a, b in zip(axis, seen, strict=True))
    across = hypot(
        axis[1] * seen[2] - axis[2] * seen[1],
        axis[2] * seen[0] - axis[0] * seen[2],
        axis[0] * seen[1] - axis[1] * seen[0],
    )
    off = degrees(atan2(across, along))
    return (f"laser target {off:.1f}° off the gimbal's direction",) if off > _TARGET_OFF_DEG else ()


def laser_target_of(facts: PhotoFacts) -> tuple[Place, float] | None:
    """What the laser hit: its position, and its elevation in the datum of the absolute altitude."""
    xmp = Xmp(facts.xmp)
    longitude, latitude = xmp.number("LRFTargetLon", -180, 180), xmp.number("LRFTargetLat", -90, 90)
    elevation = xmp.number("LRFTargetAbsAlt", -readings.MOST_ALTITUDE_M, readings.MOST_ALTITUDE_M)
    if (xmp.text("LRFStatus") or "").lower() != "normal" or longitude is None or latitude is None or elevation is None:
        return None
    return (Place(longitude=longitude, latitude=latitude), elevation) if (longitude, latitude) != (0, 0) else None
