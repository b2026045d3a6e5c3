"""The merge of reports: every order of arrival, any doubling and any detour through the database end alike."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import (
    Battery,
    DeviceState,
    Fix,
    Property,
    Report,
    Stamped,
    Value,
    from_micros,
    micros,
)

START = datetime(2025, 6, 14, 8, tzinfo=UTC)

_floats = st.one_of(st.sampled_from([0.0, -0.0, 1.0, 1.5]), st.floats(allow_nan=False, allow_infinity=False))
_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        _floats,
        st.text(st.characters(codec="utf-8"), max_size=3),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=5,
)
_values: dict[Property, st.SearchStrategy[Value]] = {
    Property.FIX: st.builds(Fix, longitude_deg=_floats, latitude_deg=_floats, height_m=_floats),
    Property.BATTERY: st.builds(Battery, capacity_percent=_floats, remaining_flight_time_s=st.none() | _floats),
    Property.HEADING: _floats,
    Property.MODE_CODE: st.integers(0, 3),
    Property.FLIGHT_MODE: st.sampled_from(["standby", "wayline", "ä"]),
    Property.HOME: st.lists(_floats, min_size=2, max_size=2),
    Property.LIVE_STATUS: st.lists(_json, max_size=2),
    Property.LIVE_CAPACITY: st.dictionaries(st.sampled_from("abc"), _json, max_size=3),
}
_reports = st.builds(
    Report,
    at=st.integers(0, 3).map(lambda second: START + timedelta(seconds=second)),
    values=st.fixed_dictionaries({}, optional=_values),
)


def merged(reports: list[Report], state: DeviceState | None = None) -> DeviceState:
    state = state or DeviceState()
    for report in reports:
        state = state.merge(report)
    return state


def stored(state: DeviceState) -> str:
    """The stored form, to the byte; the order of keys is no part of JSON."""
    return json.dumps(state.to_json(), sort_keys=True, allow_nan=False)


def restored(state: DeviceState) -> DeviceState:
    return DeviceState.from_json(json.loads(stored(state)))


@given(st.lists(_reports, max_size=6), st.data())
def test_any_order_and_any_doubling_give_the_same_state(reports: list[Report], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(reports))
    again = data.draw(st.lists(st.sampled_from(reports), max_size=4)) if reports else []
    expected = merged(reports)
    assert merged([*shuffled, *again]) == expected
    assert stored(merged([*shuffled, *again])) == stored(expected)


@given(st.lists(_reports, max_size=5), st.lists(_reports, max_size=5))
def test_a_detour_through_the_database_changes_nothing(before: list[Report], after: list[Report]) -> None:
    held = merged(before)
    assert restored(held) == held
    assert stored(restored(held)) == stored(held)
    assert stored(merged(after, restored(held))) == stored(merged(after, held))
    assert merged(before, restored(held)) == held


@given(st.lists(_reports, min_size=1, max_size=6))
def test_a_report_that_says_nothing_newer_gives_back_the_same_object(reports: list[Report]) -> None:
    state = merged(reports)
    for report in reports:
        assert state.merge(report) is state


@given(st.lists(_reports, max_size=6))
def test_each_property_has_the_time_of_its_newest_report(reports: list[Report]) -> None:
    state = merged(reports)
    for name in Property:
        times = [report.at for report in reports if name in report.values]
        held = state.get(name)
        assert (held.at if held else None) == max(times, default=None)


def test_newer_wins_and_absent_is_unchanged() -> None:
    fix = Fix(longitude_deg=9.9, latitude_deg=50.4, height_m=1000)
    state = merged(
        [
            Report(at=START, values={Property.FIX: fix, Property.MODE_CODE: 3}),
            Report(at=START + timedelta(seconds=2), values={Property.MODE_CODE: 5}),
            Report(at=START + timedelta(seconds=1), values={Property.MODE_CODE: 4, Property.HEADING: 90.0}),
        ]
    )
    assert state.properties == {
        Property.FIX: Stamped(START, fix),
        Property.MODE_CODE: Stamped(START + timedelta(seconds=2), 5),
        Property.HEADING: Stamped(START + timedelta(seconds=1), 90.0),
    }


def test_merging_leaves_the_old_state_alone() -> None:
    old = merged([Report(at=START, values={Property.MODE_CODE: 3})])
    old.merge(Report(at=START + timedelta(seconds=1), values={Property.MODE_CODE: 5}))
    assert old.get(Property.MODE_CODE) == Stamped(START, 3)


def test_the_stored_form() -> None:
    state = merged(
        [
            Report(
                at=START.replace(microsecond=7),
                values={
                    Property.FIX: Fix(longitude_deg=9.9, latitude_deg=50.4, height_m=1000.5),
                    Property.BATTERY: Battery(capacity_percent=70.0),
                },
            )
        ]
    )
    at = 1_749_888_000_000_007
    assert state.to_json() == {"fix": [at, [9.9, 50.4, 1000.5]], "battery": [at, [70.0, None]]}


def test_properties_of_a_later_version_are_left_out() -> None:
    body: dict[str, Any] = {"mode_code": [0, 3], "colour": [0, "red"]}
    state = DeviceState.from_json(body)
    assert state.properties == {Property.MODE_CODE: Stamped(datetime(1970, 1, 1, tzinfo=UTC), 3)}


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))
def test_microseconds_are_exact(at: datetime) -> None:
    assert from_micros(micros(at)) == at


@pytest.mark.parametrize("value", [0, -1, 1, 1_749_888_000_123_456, -62_135_596_800_000_000])
def test_microseconds_and_back(value: int) -> None:
    assert micros(from_micros(value)) == value


@pytest.mark.parametrize(
    "stored", [{"fix": 5}, {"fix": [1]}, {"fix": [1, 2]}, {"battery": ["x", None]}, {"new": [1, 2]}]
)
def test_what_cannot_be_read_of_a_stored_state_is_left_out(stored: dict[str, object]) -> None:
    healthy = {"heading_deg": [1_780_300_800_000_000, 90.0]}
    assert DeviceState.from_json({**stored, **healthy}).to_json() == healthy
