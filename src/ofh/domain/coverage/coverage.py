"""Which part of the ground a photo shows: the answer, and how it is put together.

What is computed, by which definitions and how exactly is told in docs/coverage.md.
"""

from dataclasses import dataclass
from math import isfinite

from .ground import FlatGround, Ground, elevation_at
from .inputs import NoCoverage
from .pose import LEAST_HEIGHT_M, POLAR_DEG, CameraPose

VERSION = 1
"""Of the algorithm: a stored answer of another version is out of date."""
LEAST_RANGE_M, MOST_RANGE_M, RANGE_M = 100.0, 100_000.0, 5_000.0
COLUMNS, ROWS = 17, 13
"""Of the grid over the picture whose ground points are `Coverage.all`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageOptions:
    """What an operator may choose."""

    max_range_m: float = RANGE_M
    """Ground farther away is not counted as seen. Metres along the ellipsoid, 100 to 100,000."""
    refraction: float = 0.0
    """How much of the earth's curvature the bending of light makes up for; 0 is none, 0.13 the mean by day."""

    def __post_init__(self) -> None:
        if not LEAST_RANGE_M <= self.max_range_m <= MOST_RANGE_M:
            raise ValueError(f"the range must be {LEAST_RANGE_M:g} to {MOST_RANGE_M:g} m")
        if not -1 < self.refraction < 1:
            raise ValueError("refraction must be between -1 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """By which ray of the picture a point is seen."""

    bearing: float
    """Degrees from true north, 0 to 360."""
    pitch: float
    """Degrees, negative down."""
    x: float
    """Where in the picture: 0 at its left border, 1 at its right one."""
    y: float
    """0 at the top, 1 at the bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """A point of the ground."""

    longitude: float
    """Degrees, within 180 of the camera's: it may exceed ±180 beside the antimeridian. 8 decimals."""
    latitude: float
    elevation: float
    """Metres of the ground, in the datum of the photo's absolute altitude. 2 decimals."""
    debug: str | None = None
    """On the outline's first point: how the answer came about, in short notes."""
    ray: Ray | None = None
    """For the points of `all`."""
    direct_distance: float | None = None
    """Metres from the camera."""
    meter_horizontal: float | None = None
    """Metres on the ground that one pixel is wide there."""
    meter_vertical: float | None = None
    """Metres on the ground that one pixel is high there, along the ray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """The ground at the picture's corners and in its middle; None where a ray meets none in range."""

    top_left: CoveragePoint | None
    top_right: CoveragePoint | None
    bottom_right: CoveragePoint | None
    bottom_left: CoveragePoint | None
    center: CoveragePoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The ground that a photo shows: `outer` less `holes`. Empty where it shows none within the range."""

    all: list[CoveragePoint]
    """Ground points on a regular grid over the picture, row by row from the top left."""
    outer: list[CoveragePoint]
    """A closed ring, counter-clockwise; the shadows of terrain within it are filled in."""
    holes: list[list[CoveragePoint]]
    """The shadows: closed rings, clockwise."""
    corners: Corners


def coverage_of(pose: CameraPose, ground: Ground | None = None, options: CoverageOptions | None = None) -> Coverage:
    """Which part of the ground a camera sees.

    Takes milliseconds over flat ground and a tenth of a second with terrain: not for the event loop.

    Args:
        pose: the camera.
        ground: the surface, in the datum of the pose's absolute altitude; None for flat ground at the height of the
            take-off point.
        options: range and refraction.

    Raises:
        NoCoverage: the camera is not above the ground, or nearer than 0.1 degrees to a pole.
    """
    from .computing import compute

    options = options or CoverageOptions()
    if abs(pose.latitude) > POLAR_DEG:
        raise NoCoverage("The camera is too near to a pole.", {"position": "too near to a pole"})
    if ground is None:
        if pose.flat_ground is None:
            raise NoCoverage(
                "The height above the take-off point is not known, and no elevation model is in use.",
                {"relative_altitude": "neither the file nor the controller tells the height above the take-off point"},
            )
        ground = FlatGround(pose.flat_ground)
    below = elevation_at(ground, pose.longitude, pose.latitude)
    if not (isfinite(below) and pose.absolute_altitude - below >= LEAST_HEIGHT_M):
        raise NoCoverage("The camera is not above the ground.", {"height": "camera not above the ground"})
    return compute(pose, ground, options)
