"""When moments of the past are reached."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.pace import Pace

S = 1_000_000
"""A second of the past."""
DAY = 86_400 * S


def test_a_moment_is_reached_at_its_distance_over_the_speed() -> None:
    pace = Pace(100 * S, 50.0, 4.0)
    assert (pace.due(100 * S), pace.due(108 * S), pace.due(90 * S)) == (50.0, 52.0, 47.5)
    assert [pace.position(now) for now in (50.0, 51.5)] == [100 * S, 106 * S]


def test_no_wait_adds_to_another() -> None:
    pace = Pace(0, 1_000.0, 0.1)
    for moment in range(0, 90 * DAY, 7 * DAY):
        assert pace.due(moment) == pytest.approx(1_000.0 + moment / S / 0.1, abs=1e-6)
        pace.told(moment)


def test_while_it_is_paused_nothing_is_due_and_it_goes_on_from_where_it_stood() -> None:
    pace = Pace(0, 0.0, 2.0)
    pace.pause(10.0, is_paused=True)
    assert (pace.position(500.0), pace.due(0)) == (20 * S, inf)
    pace.pause(600.0, is_paused=True)  # said twice
    pace.go(5.0, 700.0)
    pace.pause(1_000.0, is_paused=False)
    assert (pace.position(1_002.0), pace.due(40 * S)) == (30 * S, 1_004.0)


def test_a_new_speed_counts_from_where_it_stands() -> None:
    pace = Pace(0, 0.0, 1.0)
    pace.go(10.0, 30.0)
    assert (pace.position(31.0), pace.due(130 * S)) == (40 * S, 40.0)


def test_where_no_moment_is_waited_for_it_is_where_it_has_told() -> None:
    pace = Pace(5 * S, 0.0, 0.0)
    assert (pace.due(DAY), pace.position(99.0)) == (-inf, 5 * S)
    pace.told(60 * S)
    pace.go(1.0, 100.0)
    assert (pace.position(100.0), pace.due(61 * S)) == (60 * S, 101.0)


def test_a_jump_goes_anywhere_and_pauses_or_not_as_before() -> None:
    pace = Pace(50 * S, 0.0, 1.0)
    pace.jump(10 * S, 7.0)
    assert (pace.position(8.0), pace.due(12 * S)) == (11 * S, 9.0)
    pace.pause(8.0, is_paused=True)
    pace.jump(40 * S, 9.0)
    assert (pace.position(100.0), pace.due(40 * S)) == (40 * S, inf)


@given(
    steps=st.lists(st.tuples(st.floats(0, 1e4), st.sampled_from([0.0, 0.5, 1.0, 60.0]), st.booleans()), max_size=8),
    moment=st.integers(0, 10**12),
)
def test_what_is_due_and_where_it_is_agree(steps: list[tuple[float, float, bool]], moment: int) -> None:
    pace, now = Pace(0, 0.0, 1.0), 0.0
    for after, speed, is_paused in steps:
        now += after
        before = pace.position(now)
        pace.go(speed, now)
        pace.pause(now, is_paused=is_paused)
        assert pace.position(now) == before  # whatever is said, it does not jump
    if pace.speed and not pace.is_paused:
        assert pace.position(pace.due(moment)) == pytest.approx(moment, abs=1_000)
