"""The points of a track, and thinning it to what a map would show of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


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


class PathPoint(NamedTuple):
    """One fix of a track where nothing but the place counts, and of many tracks; a tuple is made fastest."""

    time: datetime
    """As that of a `TrackPoint`."""
    longitude: float
    """Degrees, WGS 84."""
    latitude: float
    """Degrees, WGS 84."""
    height: float
    """Metres above the WGS 84 ellipsoid."""


METRES_PER_DEGREE = 111_320.0
"""Of latitude; of longitude times the cosine of the latitude. Good enough to compare shapes by."""


def thin(points: Sequence[tuple[float, float, float]], limit: int) -> list[int]:
    """The indices of the points to keep, in order: at most `limit`, both ends among them.

    Kept are the ends; the extremes (the first of the highest, lowest, westernmost, easternmost, southernmost and
    northernmost points, in this order where the limit is too low for all of them); and the points that shape the
    track: it is cut into as many stretches as there is room left, and of each stays the point that spans the largest
    triangle with the one that stayed before it and the middle of the next stretch. Corners outlive points on a
    straight line. Each point is looked at a fixed number of times. Height counts like any other direction.

    Args:
        points: (longitude_deg, latitude_deg, height_m) in order of time.
        limit: at least 2.
    Source: S. Steinarsson, Downsampling time series for visual representation, 2013 (largest triangle, three buckets),
        here in three dimensions.
    """
    count = len(points)
    if count <= limit:
        return list(range(count))
    metres = _metres(points)
    kept = {0, count - 1}
    for extreme in _extremes(metres):
        if len(kept) < limit:
            kept.add(extreme)
    stretches = limit - len(kept)
    if stretches:
        kept.update(_corners(metres, stretches))
    return sorted(kept)


Point = tuple[float, float, float]


def _metres(points: Sequence[Point]) -> list[Point]:
    """Metres east, north and up of the first point; a step across the antimeridian is a short one."""
    longitude, latitude, _ = points[0]
    scale = METRES_PER_DEGREE * math.cos(math.radians(latitude))
    return [
        (((x - longitude + 180) % 360 - 180) * scale, (y - latitude) * METRES_PER_DEGREE, height)
        for x, y, height in points
    ]


def _extremes(metres: Sequence[Point]) -> list[int]:
    east, north, up = zip(*metres, strict=True)
    return [axis.index(most) for axis in (up, east, north) for most in (max(axis), min(axis))]


def _corners(metres: Sequence[Point], stretches: int) -> Iterator[int]:
    """One point of each stretch between the ends."""
    count = len(metres)
    bounds = [1 + stretch * (count - 2) // stretches for stretch in range(stretches + 1)]
    behind_x, behind_y, behind_z = metres[0]
    for first, last, after_last in zip(bounds[:-1], bounds[1:], [*bounds[2:], count], strict=True):
        ahead = metres[last:after_last]
        number = len(ahead)
        ux = sum([point[0] for point in ahead]) / number - behind_x
        uy = sum([point[1] for point in ahead]) / number - behind_y
        uz = sum([point[2] for point in ahead]) / number - behind_z
        best, best_area = first, -1.0
        for index, (x, y, z) in enumerate(metres[first:last], first):
            vx, vy, vz = x - behind_x, y - behind_y, z - behind_z
            cx, cy, cz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            area = cx * cx + cy * cy + cz * cz
            if area > best_area:
                best, best_area = index, area
        behind_x, behind_y, behind_z = metres[best]
        yield best
