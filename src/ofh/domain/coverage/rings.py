"""From what is seen on many bearings to rings: in a plane with the camera's foot point in the middle.

The plane is azimuthal equidistant: (east, north) = distance * (sin, cos) of the bearing. Rings here are arrays of shape
(n, 2), not closed, until `closed` makes them what goes out.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .sectors import Sector

if TYPE_CHECKING:
    from shapely import Polygon  # type: ignore[import-untyped]

    from .ground import Floats

MOST_OUTER, MOST_HOLE = 256, 128
"""Points of a ring, the repeated one among them."""
LEAST_HOLE_SHARE, LEAST_HOLE_M2 = 0.001, 1.0
"""Shadows smaller than that are left out."""

_ARC_STEP_DEG = 1.95
_NEAR_M, _NEAR_SHARE = 0.05, 0.0002
"""How far thinning may move a line: metres, and of its distance."""
_SAME_M = 1e-6
_ON_CORNER_M = 0.05


class Rings(NamedTuple):
    """The outline of what is seen and the shadows inside, in the plane; empty where nothing is seen."""

    outer: "Floats"
    holes: "list[Floats]"


def rings_of(sectors: Sequence[Sector], *, is_round: bool, limit: float, corners: "Floats") -> Rings:
    """The rings of the largest connected part.

    Args:
        sectors: in order of their bearings; where the view is round, the last one repeats the first.
        is_round: whether it goes all the way round.
        limit: the range, metres; the outline along it is an arc.
        corners: where the picture's corners meet the ground, shape (n, 2); the outline gets a vertex there.
    """
    chains = _chains(sectors)
    if not chains:
        return Rings(np.empty((0, 2)), [])
    outlines = [_outline(chain, is_round=is_round and len(chain) == len(sectors)) for chain in chains]
    areas = [abs(area(outline)) for outline in outlines]
    best = max(range(len(chains)), key=areas.__getitem__)
    outline = _with_corners(_distinct(outlines[best]), corners)
    if len(outline) < 3 or areas[best] <= 0:
        return Rings(np.empty((0, 2)), [])
    if area(outline) < 0:
        outline = outline[::-1]
    outer = _thinned(outline, _fixed(outline, limit, corners), MOST_OUTER - 1)
    shadows = _shadows(chains[best], outer, max(LEAST_HOLE_M2, LEAST_HOLE_SHARE * areas[best]))
    return Rings(outer, shadows)


def area(ring: "Floats") -> float:
    """The area within, m2; negative where the ring goes as a clock does."""
    x, y = (ring - ring[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def _point(bearing: float, distance: float) -> tuple[float, float]:
    return distance * np.sin(bearing), distance * np.cos(bearing)


def _chains(sectors: Sequence[Sector]) -> list[list[Sector]]:
    """The runs of neighbouring bearings on which something is seen."""
    chains: list[list[Sector]] = [[]]
    for sector in sectors:
        if sector.visible:
            chains[-1].append(sector)
        elif chains[-1]:
            chains.append([])
    return [chain for chain in chains if chain]


def _outline(chain: Sequence[Sector], *, is_round: bool) -> "Floats":
    """The last distances in order of bearing, then the first ones back; the last ones alone all the way round."""
    lasts = [_point(sector.bearing, sector.last) for sector in chain]
    firsts = [_point(sector.bearing, sector.first) for sector in reversed(chain)]
    if is_round and all(sector.first == 0 for sector in chain):
        return np.array(lasts)
    return np.array(lasts + firsts)


def _distinct(ring: "Floats") -> "Floats":
    """The ring without points that repeat the one before."""
    apart = np.hypot(*(ring - np.roll(ring, 1, axis=0)).T) > _SAME_M
    found: Floats = ring[apart]
    return found


def _with_corners(ring: "Floats", corners: "Floats") -> "Floats":
    """The ring with its vertices next to the picture's corners put onto them."""
    if len(ring) == 0:
        return ring
    ring = ring.copy()
    for corner in corners:
        distances = np.hypot(*(ring - corner).T)
        nearest = int(distances.argmin())
        if distances[nearest] < _ON_CORNER_M:
            ring[nearest] = corner
    return _distinct(ring)


def _fixed(ring: "Floats", limit: float, corners: "Floats") -> "list[int]":
    """The vertices that thinning leaves alone: corners, both ends of each arc, and some of each arc between them."""
    fixed = {int(np.hypot(*(ring - corner).T).argmin()) for corner in corners}
    fixed = {index for index in fixed if np.hypot(*(corners - ring[index]).T).min() < _SAME_M}
    is_arc = np.hypot(*ring.T) > limit * (1 - 1e-7)
    bearings = np.degrees(np.arctan2(ring[:, 0], ring[:, 1]))
    count = len(ring)
    if is_arc.all():
        starts = [0]
    else:
        starts = [index for index in range(count) if is_arc[index] and not is_arc[index - 1]]
    for start in starts:
        fixed.add(start)
        since = start
        for step in range(1, count):
            index = (start + step) % count
            if not is_arc[index]:
                fixed.add((index - 1) % count)
                break
            after = (index + 1) % count
            if is_arc[after] and abs((bearings[after] - bearings[since] + 180) % 360 - 180) > _ARC_STEP_DEG:
                fixed.add(index)
                since = index
    return sorted(fixed)


def _thinned(ring: "Floats", fixed: "list[int]", most: int) -> "Floats":
    """The ring with fewer points, by Douglas and Peucker's method: as exact as promised, or as few as may be."""
    import shapely

    factor = 0.25
    if len(fixed) < 2:
        farthest = int(np.hypot(*(ring - ring[fixed[0] if fixed else 0]).T).argmax())
        fixed = sorted({fixed[0] if fixed else 0, farthest})
    for _ in range(24):
        kept = _kept(ring, fixed, factor)
        if len(kept) > most:
            factor *= 1.6
            continue
        thin = ring[kept]
        if len(kept) >= 3 and shapely.Polygon(thin).is_valid:
            return thin
        if factor <= 1 / 64:
            break
        factor /= 4
    return ring if len(ring) <= most else ring[_kept(ring, fixed, 1.0)]


def _kept(ring: "Floats", fixed: "list[int]", factor: float) -> "list[int]":
    """The indices of the points that a thinned ring needs."""
    count = len(ring)
    looped = np.concatenate([ring, ring[:1]])
    tolerance = factor * (_NEAR_M + _NEAR_SHARE * np.hypot(*looped.T))
    kept = set(fixed)
    turn = [*fixed, fixed[0] + count]
    waiting = []
    for one, other in pairwise(turn):
        if other > count and one < count:
            kept.add(0)
            waiting += [(one, count), (0, other - count)]
        else:
            waiting.append((one, other))
    while waiting:
        one, other = waiting.pop()
        if other - one < 2:
            continue
        points = looped[one + 1 : other]
        dx, dy = looped[other] - looped[one]
        x, y = (points - looped[one]).T
        squared = dx * dx + dy * dy
        if squared > 0:
            along = np.clip((x * dx + y * dy) / squared, 0, 1)
            off = np.hypot(x - along * dx, y - along * dy)
        else:
            off = np.hypot(x, y)
        excess = off / tolerance[one + 1 : other]
        worst = int(excess.argmax())
        if excess[worst] > 1:
            middle = one + 1 + worst
            kept.add(middle % count)
            waiting += [(one, middle), (middle, other)]
    return sorted(index % count for index in kept)


def _shadows(chain: Sequence[Sector], outer: "Floats", least: float) -> "list[Floats]":
    """One ring per connected shadow, each as a clock goes."""
    import shapely

    pieces: list[Polygon] = []
    for one, other in pairwise(chain):
        for near, far in one.gaps:
            for near_2, far_2 in other.gaps:
                if near < far_2 and near_2 < far:
                    pieces.append(
                        shapely.Polygon(
                            [
                                _point(one.bearing, near),
                                _point(one.bearing, far),
                                _point(other.bearing, far_2),
                                _point(other.bearing, near_2),
                            ]
                        )
                    )
    if not pieces:
        return []
    merged = shapely.unary_union(pieces)
    rings = []
    for polygon in shapely.get_parts(merged):
        if polygon.geom_type == "Polygon" and polygon.area >= least:
            ring = np.array(polygon.exterior.coords)[:-1]
            if area(ring) > 0:
                ring = ring[::-1]
            rings.append(_thinned(ring, [], MOST_HOLE - 1))
    return rings
