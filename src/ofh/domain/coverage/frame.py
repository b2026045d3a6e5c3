"""The picture's border as directions, and what it lets one see of each bearing.

On one bearing a ray is told by its slope. A border of pieces, each the plane of two neighbouring rays, crosses a
bearing at certain slopes; between them, in pairs, the picture is open: of a lens without distortion there is
one such interval, exactly. Straight down in the picture it reaches down to -inf, straight up to +inf.
"""

from typing import TYPE_CHECKING

import numpy as np

from .lens import Intrinsics
from .pose import rotation

if TYPE_CHECKING:
    from .ground import Floats

_NUDGE = 2e-9
"""Radians that the whole picture is turned by where its border runs through the very nadir or zenith."""
_ASIDE = 1e-9
"""Radians beside a bearing at which the border is asked again where it touches the bearing."""


class Rays:
    """Directions from the camera: bearings in radians from north, slopes, and the unit vectors east, north, up."""

    def __init__(self, lens: Intrinsics, turned: "Floats", u: "Floats", v: "Floats") -> None:
        x, y = lens.directions(u, v)
        vectors = np.stack([np.ones_like(x), x, y], axis=-1) @ turned.T
        self.vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    @property
    def bearings(self) -> "Floats":
        found: Floats = np.arctan2(self.vectors[..., 0], self.vectors[..., 1])
        return found

    @property
    def slopes(self) -> "Floats":
        with np.errstate(divide="ignore"):
            found: Floats = self.vectors[..., 2] / np.hypot(self.vectors[..., 0], self.vectors[..., 1])
        return found


def turned(yaw: float, pitch: float, roll: float) -> "Floats":
    """The matrix that makes a direction of the camera one of east, north, up."""
    north, east, down = rotation(yaw, pitch, roll)
    return np.array([east, north, [-part for part in down]])


def border(lens: Intrinsics, per_side: int) -> "tuple[Floats, Floats]":
    """Positions around the picture from the top left corner, as a clock goes; the corners are every `per_side`th."""
    along, none, all_ = np.arange(per_side) / per_side, np.zeros(per_side), np.ones(per_side)
    u = np.concatenate([along, all_, 1 - along, none]) * lens.width
    v = np.concatenate([none, along, all_, 1 - along]) * lens.height
    return u, v


class Frame:
    """The border of a picture as it stands in the world."""

    def __init__(self, lens: Intrinsics, turned: "Floats", per_side: int) -> None:
        rays = Rays(lens, turned, *border(lens, per_side))
        vectors = rays.vectors
        for _ in range(3):
            planes = np.cross(vectors, np.roll(vectors, -1, axis=0))
            bearings = np.arctan2(vectors[:, 0], vectors[:, 1])
            turns = np.angle(np.exp(1j * (np.roll(bearings, -1) - bearings)))
            steep = np.hypot(vectors[:, 0], vectors[:, 1])
            if steep.min() > _NUDGE / 4 and not (np.abs(turns) > np.pi - 1e-6).any():
                break
            vectors = _nudged(vectors)
        self.vectors, self._planes = vectors, planes
        self.bearings, self._turns = bearings, turns
        self.slopes = vectors[:, 2] / steep
        self.has_nadir, self.has_zenith = self._poles(lens, turned)
        self.is_round = self.has_nadir or self.has_zenith

    def span(self) -> tuple[float, float]:
        """The bearings between which the picture is, radians, the second one larger; a whole turn where it is round."""
        if self.is_round:
            return float(self.bearings[0]), float(self.bearings[0]) + 2 * np.pi
        unrolled = self.bearings[0] + np.concatenate([[0], np.cumsum(self._turns)[:-1]])
        return float(unrolled.min()), float(unrolled.max())

    def nodes(self, more: "Floats", *, stride: int = 1) -> "Floats":
        """The bearings of every so manieth of the border's positions and more, in order over the span, each once."""
        low, high = self.span()
        inside = low + np.mod(np.concatenate([self.bearings[::stride], more]) - low, 2 * np.pi)
        inside = inside[inside <= high]
        low, high = (low, high) if self.is_round else (low + _ASIDE, high - _ASIDE)
        nodes = np.unique(np.concatenate([np.clip(inside, low, high), [low, high]]))
        found: Floats = nodes[np.concatenate([[True], np.diff(nodes) > _ASIDE / 4])]
        return found

    def openings(self, bearings: "Floats") -> "tuple[Floats, Floats]":
        """The slopes between which the picture is open: lower and upper ends, shape (bearings, most openings).

        NaN where a bearing has fewer openings.
        """
        lows, highs, is_odd = self._openings(bearings)
        for aside in (_ASIDE, -_ASIDE, 16 * _ASIDE):
            if not is_odd.any():
                break
            again_low, again_high, still = self._openings(bearings[is_odd] + aside)
            lows, highs = _put(lows, is_odd, again_low), _put(highs, is_odd, again_high)
            is_odd[is_odd] = still
        return lows, highs

    def _openings(self, bearings: "Floats") -> "tuple[Floats, Floats, np.ndarray]":
        # each position of the border is on one side of a bearing, for both of the pieces that meet in it
        aside = np.mod(self.bearings - bearings[:, None] + np.pi, 2 * np.pi) - np.pi
        is_right = aside >= 0
        rows, edges = np.nonzero(is_right != np.roll(is_right, -1, axis=1))
        is_ahead = np.abs(aside[rows, edges] - aside[rows, (edges + 1) % len(self.bearings)]) < np.pi
        rows, edges = rows[is_ahead], edges[is_ahead]
        planes = self._planes[edges]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = -(planes[:, 0] * np.sin(bearings[rows]) + planes[:, 1] * np.cos(bearings[rows])) / planes[:, 2]
        is_sound = np.isfinite(slopes)
        rows, slopes = rows[is_sound], slopes[is_sound]
        everyone = np.arange(len(bearings))
        if self.has_nadir:
            rows, slopes = np.concatenate([rows, everyone]), np.concatenate([slopes, np.full(len(bearings), -np.inf)])
        if self.has_zenith:
            rows, slopes = np.concatenate([rows, everyone]), np.concatenate([slopes, np.full(len(bearings), np.inf)])
        order = np.lexsort((slopes, rows))
        rows, slopes = rows[order], slopes[order]
        counts = np.bincount(rows, minlength=len(bearings))
        ranks = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        most = max(2, int(counts.max(initial=0)) // 2 * 2 + 2)
        table = np.full((len(bearings), most), np.nan)
        table[rows, ranks] = slopes
        is_odd = counts % 2 == 1
        table[is_odd] = np.nan
        width = max(1, int((counts[~is_odd].max(initial=0) + 1) // 2))
        return table[:, 0::2][:, :width], table[:, 1::2][:, :width], is_odd

    def _poles(self, lens: Intrinsics, turned: "Floats") -> tuple[bool, bool]:
        """Whether straight down and straight up are in the picture: the border goes round them."""
        if abs(self._turns.sum()) < np.pi:
            return False, False
        # the axis is on the same side of the horizon as what is gone round, as no lens sees half of everything
        middle = Rays(lens, turned, np.array([lens.width / 2]), np.array([lens.height / 2])).vectors[0]
        centre = self.vectors.mean(axis=0) + middle
        return bool(centre[2] < 0), bool(centre[2] >= 0)


def _nudged(vectors: "Floats") -> "Floats":
    """All directions turned by next to nothing, about an axis that no border is likely to lie along."""
    axis = np.array([0.8, 0.6, 0.0])
    moved = vectors + _NUDGE * np.cross(axis, vectors)
    found: Floats = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return found


def _put(table: "Floats", where: "np.ndarray", rows: "Floats") -> "Floats":
    """The table with some rows replaced, as wide as either of the two."""
    width = max(table.shape[1], rows.shape[1])
    wide = np.full((len(table), width), np.nan)
    wide[:, : table.shape[1]] = table
    wide[where] = np.nan
    wide[np.nonzero(where)[0], : rows.shape[1]] = rows
    return wide
