"""Which ground goes with a photo: terrain brought into the datum of the camera's altitude, or flat ground.

An elevation model counts from the geoid and a camera mostly from the ellipsoid, up to 100 m apart. They are never
compared without a tie between them: the take-off point, a geoid, a laser target, or at least that they agree.
"""

from dataclasses import dataclass
from math import isfinite

from . import readings
from .ground import ElevationModel, Geoid, Ground, RaisedGround
from .inputs import PhotoFacts, number
from .pose import LEAST_HEIGHT_M, laser_target_of

MOST_APART_M = 60
"""Between the height above the model and the height above the take-off point, where nothing ties the two datums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The ground of a photo."""

    ground: Ground | None
    """In the datum of the camera's altitude; None for flat ground."""
    altitude: float | None
    """The camera's, where the photo itself tells none that counts."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tie:
    """The camera's altitude in the datum of the model, and what tied the two."""

    altitude: float
    by: str


FLAT = Surroundings(ground=None, altitude=None, notes=())


def surroundings_of(
    facts: PhotoFacts, model: ElevationModel | None, geoid: Geoid | None, radius_m: float
) -> Surroundings:
    """The ground to use for a photo.

    Args:
        facts: all that is known of the photo.
        model: elevations of the terrain; None for flat ground.
        geoid: what ties the model to the ellipsoid, where it is configured.
        radius_m: how far the ground matters.
    """
    place = readings.place_of(facts)
    if model is None or place is None:
        return FLAT
    below = model.elevation(place.longitude, place.latitude)
    surface = model.around(place.longitude, place.latitude, radius_m) if below is not None else None
    if below is None or surface is None:
        return Surroundings(ground=None, altitude=None, notes=("no elevation model here",))
    absolute = None if readings.writes_relative_only(facts) else readings.absolute_altitude_of(facts)
    tie = (
        _by_take_off(facts, model)
        or _by_geoid(facts, geoid, absolute)
        or _by_target(facts, model, absolute, below)
        or _as_it_is(facts, absolute, below)
    )
    if tie is None:
        return Surroundings(ground=None, altitude=None, notes=("elevation model not used: nothing ties its datum",))
    if absolute is None:
        notes = ("no absolute altitude: elevations are the model's", f"elevation model, datum by {tie.by}")
        return Surroundings(ground=surface, altitude=tie.altitude, notes=notes)
    return Surroundings(
        ground=RaisedGround(surface, absolute - tie.altitude),
        altitude=absolute,
        notes=(f"elevation model, datum by {tie.by}",),
    )


def _by_take_off(facts: PhotoFacts, model: ElevationModel) -> _Tie | None:
    """The terrain where the flight began has the height above take-off 0; needs no geoid."""
    relative, start = readings.relative_altitude_of(facts), facts.take_off
    if relative is None or start is None or (start.longitude, start.latitude) == (0, 0):
        return None
    longitude, latitude = number(start.longitude), number(start.latitude)
    if longitude is None or latitude is None or not (abs(longitude) <= 180 and abs(latitude) <= 90):
        return None
    elevation = model.elevation(longitude, latitude)
    return None if elevation is None else _Tie(altitude=elevation + relative, by="take-off point")


def _by_geoid(facts: PhotoFacts, geoid: Geoid | None, absolute: float | None) -> _Tie | None:
    """The altitude above the geoid."""
    place = readings.place_of(facts)
    if geoid is None or absolute is None or place is None:
        return None
    undulation = geoid.undulation(place.longitude, place.latitude) if readings.is_ellipsoidal(facts) else 0.0
    return _Tie(altitude=absolute - undulation, by="geoid") if isfinite(undulation) else None


def _by_target(facts: PhotoFacts, model: ElevationModel, absolute: float | None, below: float) -> _Tie | None:
    """What the laser hit is taken to be the terrain, if that leaves the camera above ground."""
    target = laser_target_of(facts)
    if target is None or absolute is None:
        return None
    at, height = target
    elevation = model.elevation(at.longitude, at.latitude)
    if elevation is None or absolute - (height - elevation) - below < LEAST_HEIGHT_M:
        return None
    return _Tie(altitude=absolute - (height - elevation), by="laser target")


def _as_it_is(facts: PhotoFacts, absolute: float | None, below: float) -> _Tie | None:
    """The altitude untouched, where the heights above the terrain and above the take-off point agree.

    Without the latter it serves only if both count from the geoid anyway.
    """
    relative = readings.relative_altitude_of(facts)
    if absolute is None:
        return None
    if relative is None:
        is_alike = not readings.is_ellipsoidal(facts)
    else:
        is_alike = abs(absolute - below - relative) <= MOST_APART_M
    return _Tie(altitude=absolute, by="altitude as it is") if is_alike else None
