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
MOST_POINTS = 420
"""Of all rings together."""
LEAST_HOLE_SHARE, LEAST_HOLE_M2 = 0.001, 1.0
"""Shadows smaller than that are left out."""

_ARC_STEP_DEG = 1.95
_NEAR_M, _NEAR_SHARE = 0.05, 0.0002
"""How far thinning may move a line: metres, and of its distance."""
_FINE, _FINE_SIZE, _COARSEST = 0.5, 1.5e-4, 1e6
"""Thinning begins with that part of it, or that part of the size of the whole where that is less, and is coarser only
where a ring would have too many points.
"""
_MOST_CUTS = 64
_SAME_M = 1e-6
_THIN = 1e-6
"""Where so little is seen on a bearing, over the distance, what is on both sides of it hangs together by nothing."""
_SLIVER, _BODY = 0.05, 0.01
"""Neighbours that see nothing at the same distance are apart where they are as close, over the distance between, as the
first, and each sees as much as the second.
"""
_ON_CORNER_M = 0.05


class Rings(NamedTuple):
    """The outline of what is seen and the shadows inside, in the plane; empty where nothing is seen."""

    outer: "Floats"
    holes: "list[Floats]"


def rings_of(sectors: Sequence[Sector], *, is_terrain: bool, is_round: bool, limit: float, corners: "Floats") -> Rings:
    """The rings of the largest connected part.

    Args:
        sectors: in order of their bearings; where the view is round, the last one repeats the first.
        is_terrain: whether one part of the ground may stand before another.
        is_round: whether it goes all the way round.
        limit: the range, metres; the outline along it is an arc.
        corners: where the picture's corners meet the ground, shape (n, 2); the outline gets a vertex there.
    """
    chains = _chains(sectors, is_terrain=is_terrain, is_round=is_round)
    if not chains:
        return Rings(np.empty((0, 2)), [])
    outlines = [_outline(chain, is_round=is_round and len(chain) == len(sectors)) for chain in chains]
    areas = [abs(area(outline)) for outline in outlines]
    best = max(range(len(chains)), key=areas.__getitem__)
    outline = _with_corners(_framed(_distinct(outlines[best]), chains[best]), corners)
    if len(outline) < 3 or areas[best] <= 0:
        return Rings(np.empty((0, 2)), [])
    if area(outline) < 0:
        outline = outline[::-1]
    size = _width(outline)
    outer = _thinned(outline, _fixed(outline, limit, corners), MOST_OUTER - 1, size)
    least = max(LEAST_HOLE_M2, LEAST_HOLE_SHARE * areas[best])
    shadows = sorted(_shadows(chains[best], outer, least), key=area)
    most = MOST_HOLE
    while len(outer) + sum(map(len, shadows)) > MOST_POINTS and most > 8:
        most = most * 3 // 4
        shadows = [_thinned(shadow, [], most, size) for shadow in shadows]
    # what was thinned to next to nothing may have been turned over
    shadows = [shadow if area(shadow) < 0 else shadow[::-1] for shadow in shadows if len(shadow) >= 3]
    return Rings(outer, shadows[: (MOST_POINTS - len(outer)) // 6])


def area(ring: "Floats") -> float:
    """The area within, m2; negative where the ring goes as a clock does."""
    x, y = (ring - ring[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def _width(ring: "Floats") -> float:
    """How wide a shape is on the whole: the side of a square, twice the width of a long strip; metres."""
    import shapely

    shape = shapely.Polygon(ring)
    return 4 * float(shape.area) / max(float(shape.convex_hull.length), 1e-9)


def _point(bearing: float, distance: float) -> tuple[float, float]:
    return distance * np.sin(bearing), distance * np.cos(bearing)


def _chains(sectors: Sequence[Sector], *, is_terrain: bool, is_round: bool = False) -> list[list[Sector]]:
    """The runs of neighbouring bearings on which something is seen."""
    chains: list[list[Sector]] = [[]]
    for sector in sectors:
        chain = chains[-1]
        if not sector.visible:
            chains.append([])
            continue
        if chain and is_terrain and _is_apart(chain[-1], sector):
            chains.append([])
        chains[-1].append(sector)
        if len(chains[-1]) > 1 and is_terrain and sector.last - sector.first < _THIN * sector.last:
            chains.append([sector])
    if is_round and len(chains) > 1:
        # what reaches the bearing of the seam from both sides is one
        chains[0] = chains.pop() + chains[0][1:]
    return [chain for chain in chains if len(chain) > 1]


def _is_apart(one: Sector, other: Sector) -> bool:
    """Whether neighbours show different parts of the ground, one behind the other."""
    gap = max(one.first, other.first) - min(one.last, other.last)
    if gap <= 0 or min(one.last - one.first, other.last - other.first) < _BODY * gap:
        return False
    return (other.bearing - one.bearing) * max(one.first, other.first) < _SLIVER * gap


def _outline(chain: Sequence[Sector], *, is_round: bool) -> "Floats":
    """The last distances in order of bearing, then the first ones back; the last ones alone all the way round."""
    lasts = [_point(sector.bearing, sector.last) for sector in chain]
    firsts = [_point(sector.bearing, sector.first) for sector in reversed(chain)]
    if is_round and all(sector.first == 0 for sector in chain):
        return np.array(lasts)
    if is_round:  # looked at from below, as it were: a ring, which is cut open by the width of one bearing
        lasts, firsts = lasts[:-1], firsts[1:]
    return np.array(lasts + firsts)


def _framed(outline: "Floats", chain: Sequence[Sector]) -> "Floats":
    """The outline without what is outside of the frame where its sides are bent inwards; the largest part of it."""
    import shapely

    if not any(sector.outside for sector in chain):
        return outline
    cells = _cells([(sector.bearing, sector.outside) for sector in chain], tapering=True)
    rest = shapely.make_valid(shapely.Polygon(outline)).difference(shapely.unary_union(cells))
    largest = max(_polygons(rest), key=lambda part: float(part.area), default=None)
    return outline[:0] if largest is None else np.array(largest.exterior.coords)[:-1]


def _cells(rows: "Sequence[tuple[float, list[tuple[float, float]]]]", *, tapering: bool) -> "list[Polygon]":
    """The quadrilaterals between gaps of neighbouring bearings that overlap in distance.

    Args:
        rows: bearings, each with its gaps.
        tapering: whether a gap that has no neighbour ends in a point there.
    """
    import shapely

    cells: list[Polygon] = []
    for (one, gaps), (other, gaps_2) in pairwise(rows):
        for near, far in gaps:
            beside = [(near_2, far_2) for near_2, far_2 in gaps_2 if near < far_2 and near_2 < far]
            for near_2, far_2 in beside:
                corners = [_point(one, near), _point(one, far), _point(other, far_2), _point(other, near_2)]
                cells.append(shapely.Polygon(corners))
            if tapering and not beside:
                corners = [_point(one, near), _point(one, far), _point(other, (near + far) / 2)]
                cells.append(shapely.Polygon(corners))
        if tapering:
            for near_2, far_2 in gaps_2:
                if not any(near < far_2 and near_2 < far for near, far in gaps):
                    corners = [_point(other, near_2), _point(other, far_2), _point(one, (near_2 + far_2) / 2)]
                    cells.append(shapely.Polygon(corners))
    return [cell for cell in cells if cell.is_valid and cell.area > 0]


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
            continue
        # next to a line: of a side that runs along a bearing the very end may be missing
        ends = np.roll(ring, -1, axis=0)
        sides = ends - ring
        along = np.clip(((corner - ring) * sides).sum(axis=1) / np.maximum((sides**2).sum(axis=1), 1e-12), 0, 1)
        away = np.hypot(*(ring + along[:, None] * sides - corner).T)
        side = int(away.argmin())
        if away[side] < _NEAR_M + _NEAR_SHARE * np.hypot(*corner):
            ring = np.insert(ring, side + 1, corner, axis=0)
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


def _thinned(ring: "Floats", fixed: "list[int]", most: int, size: float) -> "Floats":
    """The ring with fewer points, by Douglas and Peucker's method: as exact as promised, or as few as may be."""
    import shapely

    factor = 1.0
    if len(fixed) < 2:
        farthest = int(np.hypot(*(ring - ring[fixed[0] if fixed else 0]).T).argmax())
        fixed = sorted({fixed[0] if fixed else 0, farthest})
    if len(ring) <= 4:
        return ring
    while len(kept := _kept(ring, fixed, factor, size)) > most and factor < _COARSEST:
        factor *= 1.6
    thin = ring[kept]
    if 3 <= len(kept) <= most and shapely.Polygon(thin).is_valid:
        return thin
    return _mended(ring, factor, most, size)


def _mended(ring: "Floats", factor: float, most: int, size: float) -> "Floats":
    """The ring thinned so that it stays simple, where the ordinary way makes it touch itself."""
    import shapely

    whole = shapely.make_valid(shapely.Polygon(ring))
    tolerance = factor * float(_tolerance(ring, size).max())
    while True:
        parts = [part for part in shapely.get_parts(whole.simplify(tolerance)) if part.geom_type == "Polygon"]
        largest = max(parts, key=lambda part: float(part.area), default=None)
        if largest is None:
            return ring[:0]
        found = np.array(largest.exterior.coords)[:-1]
        if len(found) <= most:
            return found if area(found) * area(ring) > 0 else found[::-1]
        tolerance *= 1.6


def _tolerance(ring: "Floats", size: float) -> "Floats":
    """How far thinning may move the line at each point, metres."""
    found: Floats = np.minimum(_FINE * (_NEAR_M + _NEAR_SHARE * np.hypot(*ring.T)), _FINE_SIZE * size)
    return found


def _kept(ring: "Floats", fixed: "list[int]", factor: float, size: float) -> "list[int]":
    """The indices of the points that a thinned ring needs."""
    count = len(ring)
    looped = np.concatenate([ring, ring[:1]])
    tolerance = factor * _tolerance(looped, size)
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

    pieces = _cells([(sector.bearing, sector.gaps) for sector in chain], tapering=False)
    if not pieces:
        return []
    room = shapely.Polygon(outer)
    size = _width(outer)
    rings = []
    for shadow in _polygons(shapely.unary_union(pieces)):
        if shadow.area < least:
            continue
        for part in _without_islands(shadow, least):
            thin = shapely.Polygon(_thinned(np.array(part.exterior.coords)[:-1], [], MOST_HOLE - 1, size))
            # thinned by itself it may stick out of an outline that was thinned by itself
            inside = thin if room.covers(thin) else thin.intersection(room)
            for piece in _polygons(inside):
                if piece.area < least / 2:
                    continue
                ring = np.array(piece.exterior.coords)[:-1]
                if len(ring) > MOST_HOLE - 1:
                    ring = _thinned(ring, [], MOST_HOLE - 1, size)
                rings.append(ring[::-1] if area(ring) > 0 else ring)
    return rings


def _polygons(shape: "Polygon") -> "list[Polygon]":
    import shapely

    return [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]


def _without_islands(shadow: "Polygon", least: float) -> "list[Polygon]":
    """A shadow as polygons without holes of their own: what is seen in the middle of it is cut open along a bearing.

    Islands smaller than the least shadow are left out.
    """
    import shapely
    from shapely.ops import split  # type: ignore[import-untyped]

    waiting, found = [shadow], list["Polygon"]()
    while waiting:
        polygon = waiting.pop()
        island = max(
            (shapely.Polygon(ring) for ring in polygon.interiors), key=lambda ring: float(ring.area), default=None
        )
        if island is None or island.area < least or len(found) + len(waiting) > _MOST_CUTS:
            found.append(shapely.Polygon(polygon.exterior))
            continue
        middle = island.representative_point()
        far = 3 * float(np.abs(polygon.bounds).max()) / float(np.hypot(middle.x, middle.y))
        cut = shapely.LineString([(0, 0), (middle.x * far, middle.y * far)])
        parts = [part for part in split(polygon, cut).geoms if part.area > 0]
        if len(parts) < 2:
            found.append(shapely.Polygon(polygon.exterior))
        else:
            waiting += parts
    return found
