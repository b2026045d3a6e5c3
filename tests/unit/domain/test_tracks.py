"""Thinning keeps what a map would show."""

from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.tracks import thin

Place = tuple[float, float, float]
POINT = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-500, 9000))
NEARBY = st.tuples(st.floats(5, 15), st.floats(45, 55), st.floats(-500, 9000))


@given(st.lists(POINT, max_size=300), st.integers(2, 100))
def test_keeps_the_ends_the_order_and_the_limit(points: list[Place], limit: int) -> None:
    kept = thin(points, limit)
    assert kept == sorted(set(kept))
    assert len(kept) <= limit
    if len(points) <= limit:
        assert kept == list(range(len(points)))
    if points:
        assert kept[0] == 0
        assert kept[-1] == len(points) - 1


@given(st.lists(NEARBY, min_size=1, max_size=300), st.integers(8, 100))
def test_keeps_the_extremes(points: list[Place], limit: int) -> None:
    kept = [points[index] for index in thin(points, limit)]
    for axis in range(3):
        assert min(place[axis] for place in kept) == min(place[axis] for place in points)
        assert max(place[axis] for place in kept) == max(place[axis] for place in points)


@given(st.lists(NEARBY, min_size=4, max_size=60))
def test_a_low_limit_keeps_the_highest_and_the_lowest_first(points: list[Place]) -> None:
    heights = [points[index][2] for index in thin(points, 4)]
    assert max(heights) == max(place[2] for place in points)
    assert min(heights) == min(place[2] for place in points)


@given(st.lists(POINT, max_size=200), st.integers(2, 60))
def test_what_was_thinned_stays_as_it_is(points: list[Place], limit: int) -> None:
    once = [points[index] for index in thin(points, limit)]
    assert thin(once, limit) == list(range(len(once)))
    assert thin(points, limit) == thin(points, limit)


@given(st.integers(20, 2_000), st.integers(2, 200))
def test_most_of_the_room_is_used(count: int, limit: int) -> None:
    kept = thin([(9 + n * 1e-5, 50.0, 100.0) for n in range(count)], limit)
    assert len(kept) >= min(count, limit) - 6


def test_a_corner_outlives_the_straight_line() -> None:
    east = [(0.0001 * n, 0.0, 100.0) for n in range(50)]
    north = [(0.0049, 0.0001 * n, 100.0) for n in range(1, 50)]
    kept = thin(east + north, 6)
    assert 49 in kept


def test_a_corner_that_is_no_extreme_stays() -> None:
    """East, then north-east more steeply: the bend is neither end nor extreme of anything."""
    flat = [(0.0001 * n, 0.00001 * n, 100.0 + n) for n in range(50)]
    steep = [(0.0049 + 0.00002 * n, 0.00049 + 0.0001 * n, 149.0 + n) for n in range(1, 50)]
    kept = thin(flat + steep, 12)
    assert any(47 <= index <= 51 for index in kept)


def test_the_highest_point_of_a_climb_stays() -> None:
    points = [(0.0001 * n, 0.0, 100.0 + (400.0 if n == 37 else 0.0)) for n in range(100)]
    assert 37 in thin(points, 10)


def test_a_track_across_the_antimeridian_is_not_torn() -> None:
    points = [((179.99 + 0.0004 * n + 180) % 360 - 180, 10.0, 50.0) for n in range(100)]
    points[60] = (points[60][0], 10.01, 50.0)
    points[70] = (points[99][0] + 0.001, 10.0, 50.0)
    kept = thin(points, 10)
    assert 60 in kept
    assert 70 in kept
