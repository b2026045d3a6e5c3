"""What a picture shows of flat ground, in closed form: on each bearing what its border lets through."""

from typing import TYPE_CHECKING

import numpy as np

from .frame import Frame
from .sectors import Sector, outside_of
from .sight import Sight

if TYPE_CHECKING:
    from .ground import Floats

_ARC_STEP = np.radians(1.5)
_ROUNDS = 44
_TOUCHING = 1e-9


def sectors(sight: Sight, frame: Frame, elevation: float, max_range: float) -> list[Sector]:
    """The visible parts of a surface parallel to the ellipsoid, on bearings dense enough for straight lines."""
    more = _passing(sight, frame, elevation, max_range)
    if len(more):
        low, high = frame.span()
        more = np.concatenate([more, np.arange(low, high, _ARC_STEP)])
    bearings = frame.nodes(more)
    lows, highs = frame.openings(bearings)
    limit, limit_slope = _limits(sight, bearings, elevation, max_range)
    column = bearings[:, None]
    starts = sight.distance(column, lows, np.asarray(elevation))
    ends = sight.distance(column, np.fmin(highs, limit_slope[:, None]), np.asarray(elevation))
    # at the very bearing where the border passes the range both ends are there
    is_seen = lows <= limit_slope[:, None] + _TOUCHING
    starts, ends = np.minimum(starts, limit[:, None]), np.minimum(ends, limit[:, None])
    found = []
    for row, bearing in enumerate(bearings.tolist()):
        visible = [
            (float(starts[row, opening]), float(max(starts[row, opening], ends[row, opening])))
            for opening in np.nonzero(is_seen[row])[0]
        ]
        outside = outside_of([[part] for part in visible]) if len(visible) > 1 else []
        found.append(Sector(bearing=bearing, visible=visible, outside=outside))
    return found


def _limits(sight: Sight, bearings: "Floats", elevation: float, max_range: float) -> "tuple[Floats, Floats]":
    """How far one sees, by the range or by the horizon, and the slope there."""
    limit = np.minimum(max_range, sight.horizon(bearings, elevation))
    return limit, sight.slope(bearings, limit, np.asarray(elevation))


def _passing(sight: Sight, frame: Frame, elevation: float, max_range: float) -> "Floats":
    """The bearings at which the border passes what is as far as one sees."""
    one, other = frame.vectors, np.roll(frame.vectors, -1, axis=0)

    def is_near(vectors: "Floats") -> "np.ndarray":
        bearings = np.arctan2(vectors[:, 0], vectors[:, 1])
        _, limit_slope = _limits(sight, bearings, elevation, max_range)
        return vectors[:, 2] <= limit_slope * np.hypot(vectors[:, 0], vectors[:, 1])

    near_one, near_other = is_near(one), is_near(other)
    crossing = near_one != near_other
    if not crossing.any():
        return np.empty(0)
    near = np.where(near_one[crossing, None], one[crossing], other[crossing])
    far = np.where(near_one[crossing, None], other[crossing], one[crossing])
    for _ in range(_ROUNDS):
        middle = (near + far) / 2
        inside = is_near(middle)[:, None]
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    found: Floats = np.arctan2(near[:, 0], near[:, 1])
    return found
