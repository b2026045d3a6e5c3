"""Small distances and directions on the WGS 84 ellipsoid.

Everything here is of the ground plan: heights play no part. Longitudes are -180 to 180, latitudes -90 to 90.
"""

from math import asin, atan, atan2, cos, degrees, hypot, radians, sin, sqrt, tan

SEMI_MAJOR_AXIS_M = 6_378_137.0
"""WGS 84, defining parameter a."""
FLATTENING = 1 / 298.257223563
"""WGS 84, defining parameter f."""

_ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)


def offset(longitude_deg: float, latitude_deg: float, *, east_m: float, north_m: float) -> tuple[float, float]:
    """The point that lies so far east and north: `(longitude_deg, latitude_deg)`.

    For offsets up to some ten kilometres, where it is right to the decimetre; not at the poles. It takes the two radii
    of curvature of the ellipsoid halfway between the points.
    """
    longitude, latitude = longitude_deg, latitude_deg
    for _ in range(3):
        north_radius, east_radius = _metres_per_radian((latitude_deg + latitude) / 2)
        latitude = latitude_deg + degrees(north_m / north_radius)
    longitude = longitude_deg + degrees(east_m / east_radius)
    return (longitude + 540) % 360 - 180, latitude


def destination(
    longitude_deg: float, latitude_deg: float, *, bearing_deg: float, distance_m: float
) -> tuple[float, float]:
    """The point so far away in a direction, clockwise from true north; as exact as `offset`."""
    angle = radians(bearing_deg)
    return offset(longitude_deg, latitude_deg, east_m=distance_m * sin(angle), north_m=distance_m * cos(angle))


def local_offset(
    longitude_deg: float, latitude_deg: float, to_longitude_deg: float, to_latitude_deg: float
) -> tuple[float, float]:
    """How far east and north the second point lies of the first: `(east_m, north_m)`. The inverse of `offset`."""
    north_radius, east_radius = _metres_per_radian((latitude_deg + to_latitude_deg) / 2)
    difference = (to_longitude_deg - longitude_deg + 540) % 360 - 180
    return radians(difference) * east_radius, radians(to_latitude_deg - latitude_deg) * north_radius


def distance_m(longitude_deg: float, latitude_deg: float, to_longitude_deg: float, to_latitude_deg: float) -> float:
    """The length of the shortest way along the ellipsoid, by Lambert's formula.

    Right to about one part in 100,000 (a centimetre in a kilometre), except for points that are nearly opposite on the
    globe.
    """
    first, second = _reduced(latitude_deg), _reduced(to_latitude_deg)
    half = _half_angle(first, second, radians(to_longitude_deg - longitude_deg))
    angle = 2 * half
    if half < 1e-12:  # micrometres: the terms below would divide zero by zero
        return SEMI_MAJOR_AXIS_M * angle
    mean, difference = (first + second) / 2, (second - first) / 2
    x = (angle - sin(angle)) * (sin(mean) * cos(difference)) ** 2 / max(cos(half) ** 2, 1e-12)
    y = (angle + sin(angle)) * (cos(mean) * sin(difference)) ** 2 / sin(half) ** 2
    return SEMI_MAJOR_AXIS_M * (angle - FLATTENING / 2 * (x + y))


def bearing_deg(longitude_deg: float, latitude_deg: float, to_longitude_deg: float, to_latitude_deg: float) -> float:
    """Where the shortest way to the second point begins to lead: clockwise from true north, 0 to 360 exclusive.

    Right to about 0.2°; 0 where both points are the same.
    """
    first, second = _reduced(latitude_deg), _reduced(to_latitude_deg)
    turn = radians(to_longitude_deg - longitude_deg)
    east = sin(turn) * cos(second)
    north = cos(first) * sin(second) - sin(first) * cos(second) * cos(turn)
    return degrees(atan2(east, north)) % 360


def _metres_per_radian(latitude_deg: float) -> tuple[float, float]:
    """Of latitude (meridian radius) and of longitude (radius of the parallel)."""
    sine = sin(radians(latitude_deg))
    denominator = 1 - _ECCENTRICITY_SQUARED * sine * sine
    meridian = SEMI_MAJOR_AXIS_M * (1 - _ECCENTRICITY_SQUARED) / denominator**1.5
    parallel = SEMI_MAJOR_AXIS_M / sqrt(denominator) * cos(radians(latitude_deg))
    return meridian, parallel


def _reduced(latitude_deg: float) -> float:
    """The latitude on the auxiliary sphere, radians."""
    if abs(latitude_deg) >= 90:
        return radians(latitude_deg)
    return atan((1 - FLATTENING) * tan(radians(latitude_deg)))


def _half_angle(first: float, second: float, turn: float) -> float:
    """Half the angle at the centre of the auxiliary sphere between two points; stable for small angles (haversine)."""
    chord = hypot(sin((second - first) / 2), sqrt(cos(first) * cos(second)) * sin(turn / 2))
    return asin(min(chord, 1.0))
