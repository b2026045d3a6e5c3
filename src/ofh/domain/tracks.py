"""The points of a track, and thinning it to what a map would show of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPoint:
    """One fix of a track, with what the drone said of itself in the same report."""

    time: datetime
    """Of the report: the device's clock where it is believed, else the hub's; UTC."""
    longitude: float
    """Degrees, WGS 84."""
    latitude: float
    """Degrees, WGS 84."""
    height: float
    """Metres above the WGS 84 ellipsoid."""
    elevation: float | None
    """Metres above the take-off point."""
    heading: float | None
    """Degrees clockwise from true north, of the nose."""
    horizontal_speed: float | None
    """Metres per second over ground."""
    vertical_speed: float | None
    """Metres per second, positive when climbing."""
    battery_percent: float | None
    """What is left in all batteries together, percent."""


METRES_PER_DEGREE = 111_320.0
"""Of latitude; of longitude times the cosine of the latitude. Good enough to compare shapes by."""


def thin(points: Sequence[tuple[float, float, float]], limit: int) -> list[int]:
    """The indices of the points to keep, in order: at most `limit`, both ends among them.

    The track is cut into as many stretches as points may stay between its ends. Of each, the point stays that spans
    the largest triangle with the point kept before it and the middle of the next stretch: corners and extremes
    outlive points on a straight line. One pass. Height counts like any other direction.

    Args:
        points: (longitude_deg, latitude_deg, height_m) in order of time.
        limit: at least 2.
    Source: S. Steinarsson, Downsampling time series for visual representation, 2013 (largest triangle, three buckets),
        here in three dimensions.
    """
    count = len(points)
    if count <= limit:
        return list(range(count))
    if limit == 2:
        return [0, count - 1]
    metres = _metres(points)
    stretches = limit - 2
    size = (count - 2) / stretches
    kept = [0]
    for stretch in range(stretches):
        first, last = 1 + int(stretch * size), 1 + int((stretch + 1) * size)
        after_last = min(1 + int((stretch + 2) * size), count)
        ahead = _middle(metres, last, after_last) if last < count - 1 else metres[-1]
        kept.append(_farthest(metres, first, last, metres[kept[-1]], ahead))
    kept.append(count - 1)
    return kept


Point = tuple[float, float, float]


def _metres(points: Sequence[Point]) -> list[Point]:
    """Metres east, north and up of the first point; a step across the antimeridian is a short one."""
    longitude, latitude, _ = points[0]
    scale = METRES_PER_DEGREE * math.cos(math.radians(latitude))
    return [
        (((x - longitude + 180) % 360 - 180) * scale, (y - latitude) * METRES_PER_DEGREE, height)
        for x, y, height in points
    ]


def _middle(points: Sequence[Point], first: int, last: int) -> Point:
    number = last - first
    x = y = z = 0.0
    for index in range(first, last):
        point = points[index]
        x += point[0]
        y += point[1]
        z += point[2]
    return x / number, y / number, z / number


def _farthest(points: Sequence[Point], first: int, last: int, behind: Point, ahead: Point) -> int:
    """The point of a stretch that spans the largest triangle with the two others."""
    best, best_area = first, -1.0
    ux, uy, uz = ahead[0] - behind[0], ahead[1] - behind[1], ahead[2] - behind[2]
    for index in range(first, last):
        x, y, z = points[index]
        vx, vy, vz = x - behind[0], y - behind[1], z - behind[2]
        cx, cy, cz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        area = cx * cx + cy * cy + cz * cz
        if area > best_area:
            best, best_area = index, area
    return best
