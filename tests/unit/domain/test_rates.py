"""How often something may happen, on a made-up clock."""

from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.rates import Allowance


def taken(allowance: Allowance, *times_s: float) -> list[bool]:
    return [allowance.take(time_s) for time_s in times_s]


def test_a_burst_is_allowed_at_once_and_nothing_more() -> None:
    assert taken(Allowance(per_s=1, burst=3), *[100.0] * 5) == [True, True, True, False, False]


def test_what_was_used_comes_back_with_time() -> None:
    allowance = Allowance(per_s=2, burst=2)
    assert taken(allowance, 0, 0, 0) == [True, True, False]
    assert taken(allowance, 0.25, 0.5, 0.75, 1.0) == [False, True, False, True]


def test_a_long_pause_brings_no_more_than_the_burst() -> None:
    allowance = Allowance(per_s=100, burst=2)
    taken(allowance, 0, 0)
    assert taken(allowance, 1e6, 1e6, 1e6) == [True, True, False]


def test_a_refusal_costs_nothing() -> None:
    allowance = Allowance(per_s=1, burst=1)
    assert taken(allowance, 0, 0.5, 0.9, 0.99, 1.0) == [True, False, False, False, True]


def test_several_are_taken_all_or_none() -> None:
    allowance = Allowance(per_s=1, burst=5)
    assert allowance.take(0, 4)
    assert not allowance.take(0, 2)
    assert allowance.take(0, 1)


def test_a_clock_that_steps_back_gives_nothing_and_breaks_nothing() -> None:
    allowance = Allowance(per_s=1, burst=1)
    assert taken(allowance, 100, 50, 100, 100.5, 101) == [True, False, False, False, True]


def test_the_first_use_is_full_whatever_the_clock_says() -> None:
    for start_s in (-1e9, 0.0, 1e9):
        assert taken(Allowance(per_s=1, burst=2), start_s, start_s, start_s) == [True, True, False]


@given(
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_in_any_span_no_more_than_burst_and_rate_are_allowed(per_s: float, burst: int, pauses_s: list[float]) -> None:
    allowance, now_s, allowed = Allowance(per_s=per_s, burst=burst), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        allowed += allowance.take(now_s)
    span_s = now_s - pauses_s[0]
    assert allowed <= burst + per_s * span_s + 1e-6
