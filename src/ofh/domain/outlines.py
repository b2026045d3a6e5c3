"""Areas of any shape on the map: which outlines are sound, what lies inside, and how far the outline is.

An outline is a ring of corners, longitude first, in degrees (WGS 84), not closed. Its sides are straight on a map that
shows degrees as they are (as in GeoJSON, RFC 7946), and go the shorter way round the globe, so that an outline may
cross the antimeridian. It may not go round a pole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite

from .devices import Fix
from .errors import bad_input
from .geodesy import local_offset
from .reasons import Reason

Corner = tuple[float, float]
"""`(longitude_deg, latitude_deg)`."""
Side = tuple[float, float, float, float]
"""From one corner to the next: x, y, x, y; the longitudes unrolled, so that they may leave -180 to 180."""

LEAST_CORNERS = 3
MOST_CORNERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A sound outline, made ready for many questions. Made by `of`."""

    corners: tuple[Corner, ...]
    sides: tuple[Side, ...]
    west: float
    """The box around it, in unrolled longitudes."""
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, corners: Sequence[Corner]) -> "Outline":
        """The outline with these corners, as `check_corners` gave them."""
        sides = tuple(_sides(corners))
        xs, ys = [side[0] for side in sides], [side[1] for side in sides]
        return cls(corners=tuple(corners), sides=sides, west=min(xs), south=min(ys), east=max(xs), north=max(ys))

    def contains(self, fix: Fix) -> bool:
        """Whether a position lies inside; one on the outline itself may count as either."""
        x, y = self._unrolled(fix.longitude_deg), fix.latitude_deg
        if x > self.east or not self.south <= y <= self.north:
            return False
        is_inside = False
        for x1, y1, x2, y2 in self.sides:
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                is_inside = not is_inside
        return is_inside

    def distance_m(self, fix: Fix) -> float:
        """How far the outline is from a position inside or outside of it, over ground.

        Right to about 1 % within some ten kilometres; farther away it only tells that it is far.
        """
        longitude, latitude = fix.longitude_deg, fix.latitude_deg
        east_m = local_offset(longitude, latitude, longitude + _STEP_DEG, latitude)[0] / _STEP_DEG
        north_m = local_offset(longitude, latitude, longitude, latitude + _STEP_DEG)[1] / _STEP_DEG
        at = self._unrolled(longitude)
        turns = (0,) if at <= self.east else (0, 360)  # seen from the west, or from the east
        nearest = inf
        for x1, y1, x2, y2 in self.sides:
            for turn in turns:
                across, up = (x1 + turn - at) * east_m, (y1 - latitude) * north_m
                nearest = min(nearest, _from_origin(across, up, (x2 - x1) * east_m, (y2 - y1) * north_m))
        return nearest

    def _unrolled(self, longitude: float) -> float:
        """A longitude in the turn that begins with the western end of the box."""
        return self.west + (longitude - self.west) % 360


def check_corners(corners: Iterable[Corner], *, field: str = "area") -> tuple[Corner, ...]:
    """The corners of an outline that areas may have; a last corner that repeats the first one is left out.

    Takes up to some tenths of a second for the most tangled outlines of `MOST_CORNERS`: not for the event loop.

    Raises:
        HubError: BAD_INPUT: too few or too many corners, one that is not on the globe or comes twice in a row, sides
            that touch or cross, or an outline around a pole.
    """
    found = list(corners)
    if len(found) > 1 and found[0] == found[-1]:
        found.pop()
    if not LEAST_CORNERS <= len(found) <= MOST_CORNERS:
        raise bad_input(field, Reason.AREA_CORNERS, least=LEAST_CORNERS, most=MOST_CORNERS)
    for longitude, latitude in found:
        if not (isfinite(longitude) and isfinite(latitude) and abs(longitude) <= 180 and abs(latitude) <= 90):
            raise bad_input(field, Reason.AREA_OFF_THE_GLOBE)
    sides = list(_sides(found))
    if any((x1, y1) == (x2, y2) for x1, y1, x2, y2 in sides):
        raise bad_input(field, Reason.AREA_SAME_PLACE)
    if any(abs(x2 - x1) >= 180 for x1, _, x2, _ in sides):
        raise bad_input(field, Reason.AREA_LONG_SIDE)
    xs = [side[0] for side in sides]
    if sides[-1][2] != sides[0][0] or max(xs) - min(xs) >= 360:
        raise bad_input(field, Reason.AREA_AROUND_POLE)
    if _is_tangled(sides):
        raise bad_input(field, Reason.AREA_TANGLED)
    return tuple(found)


_STEP_DEG = 0.001


def _sides(corners: Sequence[Corner]) -> Iterator[Side]:
    """The sides, each going the shorter way round; the last one ends where the first began, or a turn beside it."""
    x, y = corners[0]
    turn = 0
    for longitude, latitude in (*corners[1:], corners[0]):
        if longitude + turn - x > 180:
            turn -= 360
        elif longitude + turn - x < -180:
            turn += 360
        yield x, y, longitude + turn, latitude
        x, y = longitude + turn, latitude


def _from_origin(x: float, y: float, dx: float, dy: float) -> float:
    """The distance of the origin from the segment that begins at (x, y) and goes (dx, dy)."""
    squared = dx * dx + dy * dy
    along = min(max(-(x * dx + y * dy) / squared, 0.0), 1.0) if squared else 0.0
    return hypot(x + along * dx, y + along * dy)


def _is_tangled(sides: Sequence[Side]) -> bool:
    """Whether any two sides meet elsewhere than in the corner that they share."""
    number = len(sides)
    order = sorted(range(number), key=lambda index: min(sides[index][0], sides[index][2]))
    for place, one in enumerate(order):
        end = max(sides[one][0], sides[one][2])
        for other in order[place + 1 :]:
            if min(sides[other][0], sides[other][2]) > end:
                break
            if (one + 1) % number == other:
                meet = _folds_back(sides[one], sides[other])
            elif (other + 1) % number == one:
                meet = _folds_back(sides[other], sides[one])
            else:
                meet = _meet(sides[one], sides[other])
            if meet:
                return True
    return False


def _folds_back(one: Side, following: Side) -> bool:
    """Whether a side runs back along the one before it."""
    dx, dy = one[0] - one[2], one[1] - one[3]
    ex, ey = following[2] - following[0], following[3] - following[1]
    return dx * ey == dy * ex and dx * ex + dy * ey > 0


def _meet(one: Side, other: Side) -> bool:
    """Whether two segments have a point in common."""
    x1, y1, x2, y2 = one
    x3, y3, x4, y4 = other
    if min(y1, y2) > max(y3, y4) or min(y3, y4) > max(y1, y2):
        return False
    if min(x1, x2) > max(x3, x4) or min(x3, x4) > max(x1, x2):
        return False
    before = (x4 - x3) * (y1 - y3) - (y4 - y3) * (x1 - x3)
    after = (x4 - x3) * (y2 - y3) - (y4 - y3) * (x2 - x3)
    if (before > 0 and after > 0) or (before < 0 and after < 0):
        return False
    before = (x2 - x1) * (y3 - y1) - (y2 - y1) * (x3 - x1)
    after = (x2 - x1) * (y4 - y1) - (y2 - y1) * (x4 - x1)
    return not ((before > 0 and after > 0) or (before < 0 and after < 0))
