"""What events come to, however they are portioned."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import DeviceState, from_micros
from ofh.domain.past import PastState, Then

_ids = st.integers(1, 3)
_states = st.dictionaries(st.sampled_from(["fix", "heading_deg", "battery"]), st.tuples(st.integers(0, 9)), max_size=3)
_items = st.one_of(
    st.tuples(st.just("position"), st.just(1), st.integers(0, 9), _ids, st.tuples(_states, st.none()).map(list)),
    st.tuples(st.just("battery"), st.just(1), st.integers(0, 9), _ids, st.just([50.0, None])),
    st.tuples(st.sampled_from(["presence", "controller_presence"]), st.just(1), st.integers(0, 9), _ids, st.booleans()),
    st.tuples(
        st.just("flight"),
        st.just(1),
        st.integers(0, 9),
        _ids,
        st.tuples(_ids, st.sampled_from([f"FLIGHT_{name}" for name in ("STARTED", "LANDED", "RESUMED", "ENDED")])).map(
            list
        ),
    ),
    st.tuples(
        st.just("alert"),
        st.just(1),
        st.integers(0, 9),
        _ids,
        st.tuples(_ids, st.sampled_from(["ALERT_RAISED", "ALERT_ACKNOWLEDGED", "ALERT_CLEARED"])).map(list),
    ),
    st.tuples(st.just("controller"), st.just(1), st.integers(0, 9), _ids, st.just([[9.0, 50.0, None], None])),
    st.tuples(st.sampled_from(["media", "of_tomorrow"]), st.just(1), st.integers(0, 9), _ids, st.none()),
).map(list)


@given(items=st.lists(_items, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_any_portions_of_a_feed_come_to_the_same_as_the_whole(items: list[list[Any]], cuts: list[int]) -> None:
    whole = PastState()
    whole.take(items)
    portioned = PastState()
    ends = [*sorted(cuts), len(items)]
    for begin, end in zip([0, *ends], ends, strict=False):
        portioned.take_body(orjson.dumps(items), begin, end)
        portioned = PastState.from_json(portioned.to_json())  # kept, and gone on from by somebody else
    assert portioned.to_json() == whole.to_json()
    assert PastState.from_json(whole.to_json()).alerts == whole.alerts


def test_the_newest_of_each_kind_counts_and_an_end_ends() -> None:
    state = PastState()
    fix, later = [9.0, 50.0, 100.0], [9.1, 50.0, 101.0]
    state.take(
        [
            ["presence", 1, 10, 7, True],
            ["position", 1, 11, 7, [{"fix": [11, fix]}, None]],
            ["flight", 1, 11, 7, [70, "FLIGHT_STARTED"]],
            ["battery", 1, 12, 7, [80.0, 600.0]],
            ["controller_presence", 1, 12, 5, True],
            ["controller", 1, 13, 5, [fix, None]],
            ["alert", 1, 13, 7, [90, "ALERT_RAISED"]],
            ["alert", 1, 13, 7, [91, "ALERT_RAISED"]],
            ["media", 1, 14, 7, [3, 70]],
        ]
    )
    with_battery = DeviceState.from_json({"fix": [11, fix], "battery": [12, [80.0, 600.0]]})
    assert state.drone(7) == Then(state=with_battery, online=True, flight_id=70)
    assert state.controller(5) == Then(state=DeviceState.from_json({"fix": [13, fix]}), online=True)
    assert (state.drone(8), state.controller(6), state.alerts) == (None, None, {90: 7, 91: 7})
    state.take(
        [
            ["flight", 1, 15, 7, [70, "FLIGHT_LANDED"]],
            ["position", 1, 15, 7, [{"fix": [15, later], "battery": [12, [80.0, 600.0]]}, fix]],
            ["alert", 1, 14, 7, [91, "ALERT_ACKNOWLEDGED"]],
            ["renamed", 1, 14, 7, None],
            ["alert", 1, 15, 7, [90, "ALERT_CLEARED"]],
            ["controller_presence", 1, 15, 5, False],
        ]
    )
    moved = DeviceState.from_json({"fix": [15, later], "battery": [12, [80.0, 600.0]]})
    assert state.drone(7) == Then(state=moved, online=True, flight_id=70, landed_at=from_micros(15))
    assert state.controller(5) == Then(state=DeviceState.from_json({"fix": [13, fix]}), online=False)
    assert state.alerts == {91: 7}
    assert PastState.from_json(state.to_json()) == state
    state.take([["flight", 1, 16, 7, [70, "FLIGHT_RESUMED"]]])
    assert state.drone(7) == Then(state=moved, online=True, flight_id=70)
    state.take([["flight", 1, 75, 7, [70, "FLIGHT_ENDED"]], ["presence", 1, 80, 7, False]])
    assert state.drone(7) == Then(state=moved, online=False, flight_id=None)
