"""The computation behind `coverage_of`; a module of its own as it needs numpy and shapely from its first line."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from . import flat, terrain
from .coverage import COLUMNS, ROWS, Corners, Coverage, CoverageOptions, CoveragePoint, Ray
from .frame import Frame, Rays, turned
from .ground import FlatGround, Ground
from .pose import CameraPose
from .rings import rings_of
from .sight import Sight

if TYPE_CHECKING:
    from .ground import Floats

MOST_BYTES = 59_000
"""Of an answer as JSON."""
_POSITION_BYTES, _RAY_BYTES, _FULL_BYTES = 92, 165, 235
"""What a point takes at most: by itself, with its ray, with all that there is."""
_PER_SIDE, _PER_SIDE_DISTORTED = 64, 128


def compute(pose: CameraPose, ground: Ground, options: CoverageOptions) -> Coverage:
    """The coverage of a camera that is above the ground."""
    sight = Sight(pose.longitude, pose.latitude, pose.absolute_altitude, options.refraction)
    matrix = turned(pose.yaw, pose.pitch, pose.roll)
    frame = Frame(pose.lens, matrix, _PER_SIDE if pose.lens.distortion is None else _PER_SIDE_DISTORTED)
    grid = _Grid(pose, sight, matrix)
    if isinstance(ground, FlatGround):
        distances = sight.distance(grid.bearings, grid.slopes, np.asarray(ground.elevation))
        distances[distances > options.max_range_m] = np.inf
        sectors = flat.sectors(sight, frame, ground.elevation, options.max_range_m)
    else:
        walked = terrain.Terrain(sight, ground, options.max_range_m)
        distances = walked.reached(grid.bearings, grid.slopes)
        sectors = terrain.sectors(sight, frame, walked, options.max_range_m)
    points = grid.points(ground, distances)
    corners = grid.corners(distances)
    is_terrain = not isinstance(ground, FlatGround)
    rings = rings_of(
        sectors, is_terrain=is_terrain, is_round=frame.is_round, limit=options.max_range_m, corners=corners
    )
    notes = [*pose.notes, *(["flat ground"] if isinstance(ground, FlatGround) else [])]
    outer, holes = _ring(sight, ground, rings.outer), [_ring(sight, ground, hole) for hole in rings.holes]
    if outer and notes:
        first = outer[0]
        outer[0] = CoveragePoint(
            longitude=first.longitude, latitude=first.latitude, elevation=first.elevation, debug="; ".join(notes)
        )
    return Coverage(
        all=_within_bounds([point for point in points if point is not None], sum(map(len, (outer, *holes)))),
        outer=outer,
        holes=holes,
        corners=Corners(
            top_left=points[0],
            top_right=points[COLUMNS - 1],
            bottom_right=points[-1],
            bottom_left=points[-COLUMNS],
            center=points[len(points) // 2],
        ),
    )


def _within_bounds(points: list[CoveragePoint], in_rings: int) -> list[CoveragePoint]:
    """The points of the grid with as much beside their position as an answer has room for."""
    room = MOST_BYTES - _POSITION_BYTES * in_rings
    if len(points) * _FULL_BYTES <= room:
        return points
    points = [replace(point, direct_distance=None, meter_horizontal=None, meter_vertical=None) for point in points]
    if len(points) * _RAY_BYTES <= room:
        return points
    return [replace(point, ray=None) for point in points]


class _Grid:
    """The regular grid of rays over the picture."""

    def __init__(self, pose: CameraPose, sight: Sight, matrix: "Floats") -> None:
        self._lens, self._sight = pose.lens, sight
        self._x = np.tile(np.arange(COLUMNS) / (COLUMNS - 1), ROWS)
        self._y = np.repeat(np.arange(ROWS) / (ROWS - 1), COLUMNS)
        rays = Rays(pose.lens, matrix, self._x * pose.lens.width, self._y * pose.lens.height)
        self.bearings, self.slopes = rays.bearings, rays.slopes

    def corners(self, distances: "Floats") -> "Floats":
        """Where the corners meet the ground, in the plane of the rings."""
        picked = [0, COLUMNS - 1, len(distances) - COLUMNS, len(distances) - 1]
        hits = [index for index in picked if np.isfinite(distances[index])]
        return np.stack(
            [distances[hits] * np.sin(self.bearings[hits]), distances[hits] * np.cos(self.bearings[hits])], axis=-1
        )

    def points(self, ground: Ground, distances: "Floats") -> list[CoveragePoint | None]:
        """The ground points; None where a ray meets none."""
        hits = np.nonzero(np.isfinite(distances))[0]
        bearings, reached = self.bearings[hits], distances[hits]
        longitudes, latitudes = self._sight.position(bearings, reached)
        elevations = ground.elevations(longitudes, latitudes)
        along, up = self._sight.place(bearings, reached, elevations)
        direct = np.hypot(along, up)
        rises = _rises(self._sight, ground, bearings, reached)
        # the angle between the ray, which the earth bends away from, and the ground
        grazing = np.arctan(rises) - np.arctan2(up, along) - reached / self._sight.radius(bearings)
        horizontal = direct / self._lens.fx
        vertical = direct / self._lens.fy / np.maximum(np.sin(np.abs(grazing)), 1e-3)
        found: list[CoveragePoint | None] = [None] * len(distances)
        for place, index in enumerate(hits):
            found[index] = CoveragePoint(
                longitude=round(float(longitudes[place]), 8),
                latitude=round(float(latitudes[place]), 8),
                elevation=round(float(elevations[place]), 2),
                ray=Ray(
                    bearing=round(float(np.degrees(bearings[place])) % 360, 3) % 360,
                    pitch=round(float(np.degrees(np.arctan(self.slopes[index]))), 3),
                    x=round(float(self._x[index]), 4),
                    y=round(float(self._y[index]), 4),
                ),
                direct_distance=round(float(direct[place]), 2),
                meter_horizontal=round(float(horizontal[place]), 4),
                meter_vertical=round(float(vertical[place]), 4),
            )
        return found


def _rises(sight: Sight, ground: Ground, bearings: "Floats", distances: "Floats") -> "Floats":
    """How the ground rises along the bearing."""
    step = (ground.post_m or 2.0) / 4
    if isinstance(ground, FlatGround):
        return np.zeros(len(distances))
    farther = ground.elevations(*sight.position(bearings, distances + step))
    nearer = ground.elevations(*sight.position(bearings, distances - step))
    return (farther - nearer) / (2 * step)


def _ring(sight: Sight, ground: Ground, ring: "Floats") -> list[CoveragePoint]:
    """A ring of the plane as points, closed, none of them repeated."""
    if len(ring) == 0:
        return []
    bearings, distances = np.arctan2(ring[:, 0], ring[:, 1]), np.hypot(*ring.T)
    longitudes, latitudes = sight.position(bearings, distances)
    elevations = ground.elevations(longitudes, latitudes)
    points: list[CoveragePoint] = []
    seen: set[tuple[float, float]] = set()
    for longitude, latitude, elevation in zip(
        np.round(longitudes, 8).tolist(), np.round(latitudes, 8).tolist(), np.round(elevations, 2).tolist(), strict=True
    ):
        if (longitude, latitude) not in seen:
            seen.add((longitude, latitude))
            points.append(CoveragePoint(longitude=longitude, latitude=latitude, elevation=elevation))
    return [*points, points[0]] if len(points) >= 3 else []
