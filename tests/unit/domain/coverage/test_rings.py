"""Rings from what is seen on each bearing: parts, shadows, islands in shadows, and how many points they have."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely

from ofh.domain.coverage.rings import MOST_HOLE, MOST_OUTER, MOST_POINTS, Rings, area, rings_of
from ofh.domain.coverage.sectors import Sector

NONE = np.empty((0, 2))
Visible = Callable[[float], list[tuple[float, float]]]


def rings(visible: Visible, low: float = -30, high: float = 30, *, step: float = 0.25, **more: Any) -> Rings:
    """The rings of what is seen on bearings between two, in degrees."""
    sectors = [Sector(bearing=np.radians(at), visible=visible(at)) for at in np.arange(low, high + step / 2, step)]
    said = {"is_terrain": True, "is_round": False, "limit": 1_000.0, "corners": NONE}
    return rings_of(sectors, **{**said, **more})


def share(low: float, high: float, near: float, far: float) -> float:
    """The area of a part of a ring, m2."""
    return float(np.radians(high - low) * (far**2 - near**2) / 2)


def test_the_outline_goes_out_along_the_last_and_back_along_the_first() -> None:
    found = rings(lambda at: [(100.0, 1_000.0)])
    assert area(found.outer) == pytest.approx(share(-30, 30, 100, 1_000), rel=1e-3)
    assert found.holes == []


def test_an_arc_has_a_vertex_every_two_degrees() -> None:
    outer = rings(lambda at: [(100.0, 1_000.0)]).outer
    bearings = np.sort(np.degrees(np.arctan2(*outer[np.hypot(*outer.T) > 999].T)))
    assert (bearings[0], bearings[-1]) == pytest.approx((-30, 30))
    assert np.diff(bearings).max() <= 2


def test_of_several_parts_the_largest_counts() -> None:
    found = rings(lambda at: [] if 5 < at < 6 else [(100.0, 500.0 if at > 0 else 1_000.0)])
    assert area(found.outer) == pytest.approx(share(-30, 0, 100, 1_000) + share(0, 5, 100, 500), rel=0.01)


def test_what_lies_behind_one_bearing_alone_is_another_part() -> None:
    found = rings(lambda at: [(100.0, 200.0)] if at < 0 else [(600.0, 900.0)], step=0.01)
    assert area(found.outer) == pytest.approx(share(0, 30, 600, 900), rel=1e-2)


def test_a_shadow_is_a_hole_and_a_small_one_is_not() -> None:
    def visible(at: float) -> list[tuple[float, float]]:
        if 0 <= at <= 10:
            return [(100.0, 300.0), (400.0, 1_000.0)]
        return [(100.0, 600.0), (603.0, 1_000.0)] if -4 < at < -3 else [(100.0, 1_000.0)]

    found = rings(visible)
    assert len(found.holes) == 1
    assert area(found.holes[0]) == pytest.approx(-share(0, 10, 300, 400), rel=0.01)


def test_a_shadow_from_side_to_side_keeps_within_the_outline() -> None:
    found = rings(lambda at: [(100.0, 300.0 + 20 * np.sin(at)), (500.0, 1_000.0)])
    outer, hole = shapely.Polygon(found.outer), shapely.Polygon(found.holes[0])
    assert len(found.holes) == 1
    assert hole.difference(outer).area < 1e-6 * outer.area
    assert hole.area == pytest.approx(share(-30, 30, 300, 500), rel=0.01)


def test_what_is_seen_in_the_middle_of_a_shadow_is_no_shadow() -> None:
    def visible(at: float) -> list[tuple[float, float]]:
        if abs(at) <= 20:
            island = [(500.0, 600.0)] if abs(at) <= 5 else []
            return [(100.0, 300.0), *island, (800.0, 1_000.0)]
        return [(100.0, 1_000.0)]

    found = rings(visible)
    holes = [shapely.Polygon(hole) for hole in found.holes]
    expected = share(-20, 20, 300, 800) - share(-5, 5, 500, 600)
    assert sum(hole.area for hole in holes) == pytest.approx(expected, rel=0.01)
    assert shapely.unary_union(holes).area == pytest.approx(expected, rel=0.01)
    assert not any(hole.contains(shapely.Point(0, 550)) for hole in holes)


@pytest.mark.parametrize("seed", range(3))
def test_there_are_never_too_many_points(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def visible(at: float) -> list[tuple[float, float]]:
        edges = np.sort(generator.uniform(50, 1_000, 8))
        return [(float(edges[i]), float(edges[i + 1])) for i in range(0, 8, 2)]

    found = rings(visible, -60, 60, step=0.4)
    assert len(found.outer) < MOST_OUTER
    assert all(len(hole) < MOST_HOLE for hole in found.holes)
    assert len(found.outer) + sum(map(len, found.holes)) <= MOST_POINTS
    assert shapely.Polygon(found.outer).is_valid
    assert all(shapely.Polygon(hole).is_valid for hole in found.holes)
    assert area(found.outer) > 0
    assert all(area(hole) < 0 for hole in found.holes)


def test_all_the_way_round_the_outline_is_one_ring() -> None:
    found = rings(lambda at: [(0.0, 500.0 + 50 * np.cos(np.radians(3 * at)))], 20, 380, is_round=True)
    assert area(found.outer) == pytest.approx(np.pi * (500**2 + 50**2 / 2), rel=1e-3)
    seam = rings(lambda at: [] if 100 < at < 200 else [(300.0, 500.0)], 20, 380, is_round=True)
    assert area(seam.outer) == pytest.approx(share(0, 260, 300, 500), rel=1e-2)
    below = rings(lambda at: [(300.0, 500.0)], 20, 380, is_round=True)
    assert shapely.Polygon(below.outer).is_valid
    assert area(below.outer) == pytest.approx(share(0, 360, 300, 500), rel=1e-2)


def test_a_corner_of_the_picture_is_a_vertex() -> None:
    corner = np.array([[100.02 * np.sin(np.radians(10)), 100.02 * np.cos(np.radians(10))]])
    found = rings(lambda at: [(100.0, 1_000.0)], corners=corner)
    assert np.hypot(*(found.outer - corner[0]).T).min() == 0


def test_nothing_seen_is_no_ring() -> None:
    assert len(rings(lambda at: []).outer) == 0
    assert len(rings(lambda at: [(500.0, 500.0)]).outer) == 0
