"""Thinning keeps what a map would show."""

from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.tracks import thin

POINT = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-500, 9000))


@given(st.lists(POINT, max_size=300), st.integers(2, 100))
def test_keeps_the_ends_the_order_and_the_limit(points: list[tuple[float, float, float]], limit: int) -> None:
    kept = thin(points, limit)
    assert kept == sorted(set(kept))
    assert len(kept) == min(len(points), limit)
    if points:
        assert kept[0] == 0
        assert kept[-1] == len(points) - 1


def test_a_corner_outlives_the_straight_line() -> None:
    east = [(0.0001 * n, 0.0, 100.0) for n in range(50)]
    north = [(0.0049, 0.0001 * n, 100.0) for n in range(1, 50)]
    kept = thin(east + north, 6)
    assert 49 in kept


def test_the_highest_point_of_a_climb_stays() -> None:
    points = [(0.0001 * n, 0.0, 100.0 + (400.0 if n == 37 else 0.0)) for n in range(100)]
    assert 37 in thin(points, 10)


def test_a_track_across_the_antimeridian_is_not_torn() -> None:
    points = [((179.99 + 0.0004 * n + 180) % 360 - 180, 10.0, 50.0) for n in range(100)]
    points[60] = (points[60][0], 10.01, 50.0)
    assert 60 in thin(points, 8)
