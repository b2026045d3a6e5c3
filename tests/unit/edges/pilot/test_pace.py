"""How often something is pushed, by a clock of the test's own."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.pilot import pace
from ofh.edges.pilot.pace import Pace, Turns


def test_the_first_goes_out_at_once_and_of_those_that_follow_the_newest() -> None:
    positions: Pace[str, int] = Pace(0.5)
    positions.put("a", 1)
    assert positions.due(10.0) == [1]
    positions.put("a", 2)
    positions.put("a", 3)
    assert positions.due(10.4) == []
    assert positions.wait_s(10.25) == 0.25
    assert positions.due(10.5) == [3]
    assert positions.due(11.0) == []
    assert positions.wait_s(11.0) is None


def test_devices_do_not_wait_for_each_other() -> None:
    positions: Pace[str, int] = Pace(0.5)
    positions.put("a", 1)
    assert positions.due(0.0) == [1]
    positions.put("a", 2)
    positions.put("b", 3)
    assert positions.due(0.1) == [3]
    assert positions.due(0.5) == [2]


def test_devices_that_are_heard_no_more_are_forgotten() -> None:
    positions: Pace[int, int] = Pace(0.5)
    for number in range(10 * pace.FORGOTTEN_AT):
        positions.put(number, number)
        positions.due(number * 0.1)
    assert len(positions._sent_s) <= pace.FORGOTTEN_AT + 1


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=60))
def test_nothing_is_ever_pushed_more_often_and_the_newest_always_comes(arrivals: list[tuple[int, float]]) -> None:
    positions: Pace[int, int] = Pace(0.5)
    now, shown = 0.0, dict[int, list[tuple[float, int]]]()

    def push() -> None:
        for key, item in ((item % 10, item) for item in positions.due(now)):
            shown.setdefault(key, []).append((now, item))

    newest = {}
    for number, (key, pause) in enumerate(arrivals):
        now += pause
        newest[key] = number * 10 + key
        positions.put(key, newest[key])
        push()
    while (wait := positions.wait_s(now)) is not None:
        now += max(wait, 0.001)
        push()
    for key, pushes in shown.items():
        assert all(later[0] - earlier[0] >= 0.5 - 1e-9 for earlier, later in itertools.pairwise(pushes))
        assert pushes[-1][1] == newest[key]
    assert shown.keys() == newest.keys()


def test_of_all_notices_one_goes_out_in_an_interval_and_each_gets_its_turn_once() -> None:
    notices: Turns[str] = Turns(1.0)
    notices.put("online")
    assert notices.due(5.0) == "online"
    for code in ("offline", "topology", "offline", "online"):
        notices.put(code)
    assert notices.due(5.5) is None
    assert notices.wait_s(5.5) == 0.5
    assert [notices.due(now) for now in (6.0, 6.5, 7.0, 7.9, 8.0, 9.0)] == [
        "offline",
        None,
        "topology",
        None,
        "online",
        None,
    ]
    assert notices.wait_s(9.0) is None
