"""Positions on the ellipsoid WGS 84 as points in space, one at a time.

Points are earth-centred and earth-fixed (ECEF), in metres; directions at a camera are north, east and down of the
ellipsoid's normal there (NED).
"""

from math import cos, radians, sin, sqrt

from ofh.domain.geodesy import FLATTENING, SEMI_MAJOR_AXIS_M

ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)

Vector = tuple[float, float, float]


def ecef(longitude: float, latitude: float, height_m: float) -> Vector:
    """The point at a position, in degrees, and a height above the ellipsoid."""
    sine, cosine = sin(radians(latitude)), cos(radians(latitude))
    normal = SEMI_MAJOR_AXIS_M / sqrt(1 - ECCENTRICITY_SQUARED * sine * sine)
    return (
        (normal + height_m) * cosine * cos(radians(longitude)),
        (normal + height_m) * cosine * sin(radians(longitude)),
        (normal * (1 - ECCENTRICITY_SQUARED) + height_m) * sine,
    )


def ned(longitude: float, latitude: float, difference: Vector) -> Vector:
    """A difference of two points as seen at a position: north, east and down."""
    x, y, z = difference
    sin_lat, cos_lat = sin(radians(latitude)), cos(radians(latitude))
    sin_lon, cos_lon = sin(radians(longitude)), cos(radians(longitude))
    outward = cos_lon * x + sin_lon * y
    return (
        -sin_lat * outward + cos_lat * z,
        -sin_lon * x + cos_lon * y,
        -(cos_lat * outward + sin_lat * z),
    )


def radii_of_curvature(latitude: float) -> tuple[float, float]:
    """Of the ellipsoid northwards (meridian) and eastwards (prime vertical), metres."""
    sine = sin(radians(latitude))
    squared = 1 - ECCENTRICITY_SQUARED * sine * sine
    east = SEMI_MAJOR_AXIS_M / sqrt(squared)
    return east * (1 - ECCENTRICITY_SQUARED) / squared, east
