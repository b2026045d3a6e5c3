"""What a picture shows of ground that is not flat: a walk outwards on many bearings.

On one bearing M(s), the steepest slope of all ground up to the distance s, never falls. Ground is in sight where its
own slope is M, and in the picture while M is within an opening of the border: from where M comes to the lower end until
it passes the upper one. What lies between a crest and the ground that comes to the crest's slope again is a shadow.
Crossings are found between samples by bisection, crests by the golden section, and bearings are added where neighbours
differ.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .frame import Frame
from .ground import Ground
from .sectors import Sector, outside_of
from .sight import Sight

if TYPE_CHECKING:
    from .ground import Floats

_BEARINGS = 160
_BORDER_PER_SIDE, _BORDER_PER_SIDE_DISTORTED = 16, 64
"""Positions of each side of the border whose bearings are walked."""
_STEPS = 400
_LEAST_IN_VIEW = 160
"""Samples between the nearest and the farthest ground in view, of which a long lens gets few at first."""
_GROWTH = 1.03
"""From one distance to the next near the foot point."""
_BLOCK, _BLOCK_POSITIONS = 96, 24_000
"""Distances at a time, between which bearings that have seen all they can are left; more where bearings are few."""
_MOST_AT_ONCE = 40_000
"""Positions whose elevation is asked for at a time, so that memory stays small."""
_MOST_SAMPLES = 400_000
"""Slopes that are looked at together."""
_ROUNDS = 14
_CREST_ROUNDS = 12
_GOLDEN = (5**0.5 - 1) / 2
_REFINEMENTS, _PARTS = 3, 4
"""How often pairs of bearings that differ are looked at again, and into how many they are cut then."""
_MOST_CUT = 40
"""Pairs cut in one refinement."""
_EDGE_ROUNDS, _EDGE_PARTS = 2, 12
"""Afterwards, for pairs with an edge between them alone."""
_EDGE_WIDTH, _EDGE_M = 1e-4, 0.02
"""How well an edge is to be known: radians, or metres where that is more."""
_MATTERS = 2e-5
"""What share of the whole may be wrong between two bearings."""
_FOOT_M = 1e-3


class Terrain:
    """Ground around one camera, sampled outwards."""

    def __init__(self, sight: Sight, ground: Ground, max_range: float) -> None:
        self._sight, self._ground, self._range = sight, ground, max_range
        below = ground.elevations(np.array([sight.longitude]), np.array([sight.latitude]))
        self._distances = _distances(max(sight.altitude - float(below[0]), 0.5), ground.post_m, max_range)

    def slopes(self, bearings: "Floats", distances: "Floats") -> "Floats":
        """How steeply one looks up at the ground there."""
        longitudes, latitudes = self._sight.position(bearings, distances)
        return self._sight.slope(bearings, distances, self._ground.elevations(longitudes, latitudes))

    def reached(self, bearings: "Floats", slopes: "Floats") -> "Floats":
        """Where rays meet the ground, metres; inf where they meet none within the range."""
        found = np.full(len(bearings), np.inf)
        before = np.full(len(bearings), _FOOT_M)
        waiting = np.nonzero(np.isfinite(slopes))[0]
        found[slopes == -np.inf] = 0
        hits: list[tuple[Floats, Floats, Floats]] = []
        for block in _blocks(self._distances, len(bearings)):
            if not len(waiting):
                break
            seen = self._sampled(bearings[waiting], block)
            is_hit = seen >= slopes[waiting, None]
            first = is_hit.argmax(axis=1)
            has_hit = is_hit[np.arange(len(waiting)), first]
            rows, at = waiting[has_hit], first[has_hit]
            near = np.where(at > 0, block[at - 1], before[rows])
            hits.append((rows, near, block[at]))
            waiting = waiting[~has_hit]
            before[waiting] = block[-1]
        if hits:
            rows, near, far = (np.concatenate(parts) for parts in zip(*hits, strict=True))
            found[rows] = self._crossing(bearings[rows], near, far, slopes[rows])
        return found

    def sectors(self, frame: Frame, bearings: "Floats") -> list[Sector]:
        """What is seen on these bearings."""
        found: list[Sector] = []
        per_turn = max(1, _MOST_SAMPLES // len(self._distances))
        for start in range(0, len(bearings), per_turn):
            some = bearings[start : start + per_turn]
            found += self._sectors(some, *frame.openings(some))
        return found

    def look_closer(self, found: list[Sector]) -> bool:
        """Sample more densely where ground was found to be seen; whether that was needed."""
        nearest = min((sector.first for sector in found if sector.visible), default=0.0)
        farthest = max((sector.last for sector in found if sector.visible), default=0.0)
        known = self._distances
        low, high = known.searchsorted(nearest) - 2, known.searchsorted(farthest) + 2
        if high - low >= _LEAST_IN_VIEW or farthest <= nearest:
            return False
        start, end = known[max(int(low), 0)], known[min(int(high), len(known) - 1)]
        within = np.linspace(start, end, _LEAST_IN_VIEW)
        self._distances = np.unique(np.concatenate([known, within]))
        return True

    def _sampled(self, bearings: "Floats", distances: "Floats") -> "Floats":
        """Slopes at all distances on all bearings."""
        per_turn = max(1, _MOST_AT_ONCE // len(distances))
        parts = [
            self.slopes(bearings[start : start + per_turn, None], distances[None, :])
            for start in range(0, len(bearings), per_turn)
        ]
        return np.concatenate(parts)

    def _sectors(self, bearings: "Floats", lows: "Floats", highs: "Floats") -> list[Sector]:
        seen = self._walked(bearings, np.fmax.reduce(highs, axis=1, initial=-np.inf))
        distances = np.repeat(self._distances[None, :], len(bearings), axis=0)
        least = np.fmin.reduce(lows, axis=1, initial=np.inf)
        self._sharpen(bearings, distances, seen, least)
        steepest = np.maximum.accumulate(seen, axis=1)
        is_hidden = seen < steepest
        wanted = _Wanted()
        opened = self._openings(lows, highs, distances, steepest, is_hidden, wanted)
        shadows = _shadows(distances, steepest, is_hidden, least, wanted)
        wanted.solve(lambda rows, near, far, slopes: self._crossing(bearings[rows], near, far, slopes))
        found = []
        for row, bearing in enumerate(bearings.tolist()):
            hidden = [(crest, wanted.at(end)) for crest, end in shadows[row]]
            openings = [_visible(wanted.at(first), wanted.at(last), hidden) for first, last in opened[row]]
            visible = [part for opening in openings for part in opening]
            found.append(Sector(bearing=bearing, visible=visible, outside=outside_of(openings)))
        return found

    def _walked(self, bearings: "Floats", highest: "Floats") -> "Floats":
        """Slopes on all bearings, outwards until nothing more can be in the picture; -inf beyond that."""
        seen = np.full((len(bearings), len(self._distances)), -np.inf)
        active = np.nonzero(highest > -np.inf)[0]
        start = 0
        for block in _blocks(self._distances, len(active)):
            if not len(active):
                break
            sampled = self._sampled(bearings[active], block)
            seen[active, start : start + len(block)] = sampled
            active = active[~(sampled > highest[active, None]).any(axis=1)]
            start += len(block)
        return seen

    def _sharpen(self, bearings: "Floats", distances: "Floats", seen: "Floats", least: "Floats") -> None:
        """Put the samples next to crests onto them."""
        steepest = np.maximum.accumulate(seen, axis=1)
        is_crest = (seen[:, 1:-1] >= steepest[:, 1:-1]) & (seen[:, 2:] < seen[:, 1:-1])
        is_crest &= seen[:, 1:-1] >= least[:, None] - np.abs(least[:, None]) * 0.05 - 1e-3
        rows, columns = np.nonzero(is_crest)
        if not len(rows):
            return
        columns += 1
        aim = bearings[rows]
        near, far = distances[rows, columns - 1], distances[rows, columns + 1]
        one, other = far - _GOLDEN * (far - near), near + _GOLDEN * (far - near)
        at_one, at_other = self.slopes(aim, one), self.slopes(aim, other)
        for _ in range(_CREST_ROUNDS):
            is_nearer = at_one >= at_other
            near, far = np.where(is_nearer, near, one), np.where(is_nearer, other, far)
            fresh = np.where(is_nearer, far - _GOLDEN * (far - near), near + _GOLDEN * (far - near))
            at_fresh = self.slopes(aim, fresh)
            one, other = np.where(is_nearer, fresh, other), np.where(is_nearer, one, fresh)
            at_one, at_other = np.where(is_nearer, at_fresh, at_other), np.where(is_nearer, at_one, at_fresh)
        best, at_best = np.where(at_one >= at_other, one, other), np.maximum(at_one, at_other)
        is_better = at_best > seen[rows, columns]
        rows, columns = rows[is_better], columns[is_better]
        distances[rows, columns], seen[rows, columns] = best[is_better], at_best[is_better]

    def _openings(
        self,
        lows: "Floats",
        highs: "Floats",
        distances: "Floats",
        steepest: "Floats",
        is_hidden: "np.ndarray",
        wanted: "_Wanted",
    ) -> "list[list[tuple[int, int]]]":
        """The ends of what each opening lets through of the ground, as handles of `wanted`."""
        count, last = len(distances), distances.shape[1] - 1
        found: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        everyone = np.arange(count)
        # the last ground in sight: where M got to where it stays
        ends = last - (~is_hidden)[:, ::-1].argmax(axis=1)
        for opening in range(lows.shape[1]):
            low, high = lows[:, opening], highs[:, opening]
            is_above = steepest >= low[:, None]
            first = is_above.argmax(axis=1)
            is_open = is_above[everyone, first]
            is_past = steepest > high[:, None]
            past = is_past.argmax(axis=1)
            has_past = is_past[everyone, past]
            for row in np.nonzero(is_open)[0].tolist():
                at = int(first[row])
                if low[row] == -np.inf:
                    begin = wanted.known(0.0)
                else:
                    near = distances[row, at - 1] if at else _FOOT_M
                    begin = wanted.between(row, float(near), float(distances[row, at]), float(low[row]))
                if has_past[row]:
                    at = int(past[row])
                    near = distances[row, at - 1] if at else _FOOT_M
                    end = wanted.between(row, float(near), float(distances[row, at]), float(high[row]))
                else:
                    end = wanted.known(float(distances[row, ends[row]]))
                found[row].append((begin, end))
        return found

    def _crossing(self, bearings: "Floats", near: "Floats", far: "Floats", slopes: "Floats") -> "Floats":
        """Where the ground comes to a slope between two distances, the nearer of which is less steep."""
        near, far = near.copy(), far.copy()
        for _ in range(_ROUNDS):
            middle = (near + far) / 2
            is_reached = self.slopes(bearings, middle) >= slopes
            near, far = np.where(is_reached, near, middle), np.where(is_reached, middle, far)
        return (near + far) / 2


class _Wanted:
    """Distances that are known, or to be found all at once. A handle stands for each until then."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._open: list[tuple[int, int, float, float, float]] = []

    def known(self, distance: float) -> int:
        self._values.append(distance)
        return len(self._values) - 1

    def between(self, row: int, near: float, far: float, slope: float) -> int:
        """The distance between two at which a bearing's ground comes to a slope."""
        handle = self.known(far)
        self._open.append((handle, row, near, far, slope))
        return handle

    def solve(self, crossing: "Callable[[np.ndarray, Floats, Floats, Floats], Floats]") -> None:
        if not self._open:
            return
        handles, rows, near, far, slopes = zip(*self._open, strict=True)
        found = crossing(np.array(rows), np.array(near), np.array(far), np.array(slopes))
        for handle, distance in zip(handles, found.tolist(), strict=True):
            self._values[handle] = distance

    def at(self, handle: int) -> float:
        return self._values[handle]


def sectors(sight: Sight, frame: Frame, terrain: Terrain, max_range: float) -> list[Sector]:
    """The visible parts of the ground, on bearings dense enough for straight lines between."""
    low, high = frame.span()
    bearings = frame.nodes(
        np.linspace(low, high, _BEARINGS), stride=max(1, len(frame.bearings) // 4 // _BORDER_PER_SIDE)
    )
    found = terrain.sectors(frame, bearings)
    if terrain.look_closer(found):
        found = terrain.sectors(frame, bearings)
    differ = _Differences(max_range)
    for turn in range(_REFINEMENTS + _EDGE_ROUNDS):
        added = differ.between(found, only_edges=turn >= _REFINEMENTS)
        if not len(added):
            break
        found = sorted([*found, *terrain.sectors(frame, added)], key=lambda sector: sector.bearing)
    return found


class _Differences:
    """Where neighbours differ by so much that something between them is missed."""

    def __init__(self, max_range: float) -> None:
        self._range = max_range
        self._known: dict[tuple[float, float], tuple[float, bool]] = {}

    def between(self, found: list[Sector], *, only_edges: bool) -> "Floats":
        """Bearings between neighbours that differ by too much: those where most is at stake."""
        farthest = max((sector.last for sector in found if sector.visible), default=0.0)
        whole = farthest * farthest * max(found[-1].bearing - found[0].bearing, 1e-9) / 2
        wanted = []
        for one, other in pairwise(found):
            width = other.bearing - one.bearing
            if width < 1e-9 or not (one.visible or other.visible):
                continue
            pair = (one.bearing, other.bearing)
            known = self._known.get(pair)
            if known is None:
                known = self._known[pair] = _stake(one, other, self._range)
            stake, is_edge = known
            farther = max(sector.last for sector in (one, other) if sector.visible)
            # an edge is followed to where a vertex belongs, a difference only as far as it matters
            is_astray = is_edge and width > max(_EDGE_WIDTH, _EDGE_M / farther) and farther > 0.01 * farthest
            if is_astray or (not only_edges and stake * width > _MATTERS * whole):
                wanted.append((stake * width + (1e-4 * farther * farther * width if is_edge else 0), pair))
        wanted.sort(reverse=True)
        parts = _EDGE_PARTS if only_edges else _PARTS
        return np.array(
            sorted(
                one + (other - one) * part / parts for _, (one, other) in wanted[:_MOST_CUT] for part in range(1, parts)
            )
        )


def _stake(one: Sector, other: Sector, max_range: float) -> tuple[float, bool]:
    """How much ground may be wrongly told between two bearings, m2 per radian; whether an edge is between them."""
    if not (one.visible and other.visible):
        seen = one if one.visible else other
        return (seen.last**2 - seen.first**2) / 2, True
    stake = abs(one.last**2 - other.last**2) / 2 + abs(one.first**2 - other.first**2) / 2
    stake -= _along(one.last, other.last, other.bearing - one.bearing)
    stake -= _along(one.first, other.first, other.bearing - one.bearing)
    is_edge = (one.last >= max_range) != (other.last >= max_range)
    is_apart = one.last < other.first or other.last < one.first
    if len(one.gaps) == len(other.gaps):
        for (near, far), (near_2, far_2) in zip(one.gaps, other.gaps, strict=True):
            stake += abs(near**2 - near_2**2) / 2 + abs(far**2 - far_2**2) / 2
            stake -= _along(near, near_2, other.bearing - one.bearing)
            stake -= _along(far, far_2, other.bearing - one.bearing)
    else:
        stake += sum((far**2 - near**2) / 2 for near, far in (*one.gaps, *other.gaps))
    return stake, is_edge or is_apart


def _along(one: float, other: float, width: float) -> float:
    """What a line that is not steeper than 45 degrees to the bearing may differ by."""
    middle = (one + other) / 2
    return min(abs(one**2 - other**2) / 2, middle * middle * width)


def _distances(height: float, post_m: float | None, max_range: float) -> "Floats":
    """The distances to sample: close together at the foot point, then no farther apart than half a post."""
    longest = min(max_range / _STEPS, np.inf if post_m is None else post_m / 2)
    first = min(0.02 * height, longest)
    near = first * _GROWTH ** np.arange(max(1, int(np.log(max_range / first) / np.log(_GROWTH))))
    near = near[: int(np.searchsorted(near * (_GROWTH - 1), longest)) + 1]
    near = near[near < max_range - longest / 4]
    rest = max(1, int(np.ceil((max_range - near[-1]) / longest)))
    found: Floats = np.concatenate([near, near[-1] + (max_range - near[-1]) * np.arange(1, rest + 1) / rest])
    return found


def _blocks(distances: "Floats", bearings: int) -> "list[Floats]":
    length = max(_BLOCK, _BLOCK_POSITIONS // max(bearings, 1))
    return [distances[start : start + length] for start in range(0, len(distances), length)]


def _shadows(
    distances: "Floats", steepest: "Floats", is_hidden: "np.ndarray", least: "Floats", wanted: _Wanted
) -> "list[list[tuple[float, int]]]":
    """The shadows on each bearing that end within the range: the crest's distance, and a handle of the end."""
    found: list[list[tuple[float, int]]] = [[] for _ in range(len(distances))]
    is_end = is_hidden[:, :-1] & ~is_hidden[:, 1:] & (steepest[:, :-1] >= least[:, None])
    rows, columns = np.nonzero(is_end)
    if not len(rows):
        return found
    # the crest is the last sample in sight before: carry its column along
    carried = np.maximum.accumulate(np.where(is_hidden, 0, np.arange(is_hidden.shape[1])), axis=1)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        crest = distances[row, carried[row, column]]
        end = wanted.between(
            row, float(distances[row, column]), float(distances[row, column + 1]), float(steepest[row, column])
        )
        found[row].append((float(crest), end))
    return found


def _visible(first: float, last: float, shadows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """What is open and in no shadow, in order."""
    found: list[tuple[float, float]] = []
    start = first
    for crest, end in shadows:
        if end <= start or crest >= last:
            continue
        if crest > start:
            found.append((start, crest))
        start = max(start, end)
    if start <= last:
        found.append((start, last))
    return found
