"""Events: their way over the bus and back, versions beside each other, and what may replace what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.events import (
    BatteryReported,
    ControllerPositioned,
    ControllerPresenceChanged,
    DronePositioned,
    Event,
    MapChange,
    MapElementChanged,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
    decode,
    encode,
)

START = datetime(2026, 6, 1, 8, tzinfo=UTC)

_numbers = st.floats(allow_nan=False, allow_infinity=False)
_ids = st.integers(1, 2**53)
_times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
_fixes = st.one_of(
    st.builds(Fix, longitude_deg=_numbers, latitude_deg=_numbers, height_m=_numbers),
    st.builds(Fix, longitude_deg=_numbers, latitude_deg=_numbers, height_m=st.just(0.0), has_height=st.just(False)),
)
_batteries = st.builds(Battery, capacity_percent=_numbers, remaining_flight_time_s=st.none() | _numbers)
_texts = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def _positions(draw: st.DrawFn) -> DronePositioned:
    at, fix = draw(_times), draw(_fixes)
    values: dict[Property, Any] = {Property.FIX: fix}
    for name, kind in ((Property.HEADING, _numbers), (Property.FLIGHT_MODE, _texts), (Property.BATTERY, _batteries)):
        if draw(st.booleans()):
            values[name] = draw(kind)
    state = DeviceState().merge(Report(at=at, values=values))
    return DronePositioned(workspace_id=draw(_ids), drone_id=draw(_ids), at=at, fix=fix, state=state)


_events = st.one_of(
    _positions(),
    st.builds(BatteryReported, workspace_id=_ids, drone_id=_ids, at=_times, battery=_batteries),
    st.builds(ControllerPositioned, workspace_id=_ids, remote_controller_id=_ids, at=_times, fix=_fixes),
    st.builds(PresenceChanged, workspace_id=_ids, drone_id=_ids, at=_times, online=st.booleans()),
    st.builds(ControllerPresenceChanged, workspace_id=_ids, remote_controller_id=_ids, at=_times, online=st.booleans()),
    st.builds(TopologyChanged, workspace_id=_ids, gateway_serial=_texts, at=_times),
    st.builds(
        MapElementChanged,
        workspace_id=_ids,
        element_id=_texts,
        group_id=_texts,
        change=st.sampled_from(MapChange),
        at=_times,
        element=st.none() | st.dictionaries(_texts, _texts, max_size=3),
    ),
    st.builds(RowChanged, workspace_id=_ids, table=st.sampled_from(Table), row_id=_ids, at=_times),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
KINDS = {"position", "battery", "controller", "controller_presence", "topology", "map", "presence", "row"}


def position(drone_id: int = 1, seconds: int = 0, longitude: float = 9.95) -> DronePositioned:
    at = START + timedelta(seconds=seconds)
    fix = Fix(longitude_deg=longitude, latitude_deg=50.49, height_m=900.0)
    state = DeviceState().merge(Report(at=at, values={Property.FIX: fix}))
    return DronePositioned(workspace_id=7, drone_id=drone_id, at=at, fix=fix, state=state)


@given(st.lists(_events, max_size=6))
def test_what_is_encoded_is_decoded_to_the_same(events: list[Event]) -> None:
    assert decode(encode(events)) == events


def test_times_keep_their_microsecond_and_are_utc() -> None:
    at = START + timedelta(microseconds=1)
    (event,) = decode(encode([PresenceChanged(workspace_id=1, drone_id=2, at=at, online=True)]))
    assert event.at == at
    assert event.at.tzinfo is UTC


@given(
    kind=_texts.filter(lambda text: text not in KINDS),
    rest=st.lists(_json, max_size=7),
    events=st.lists(_events, min_size=1, max_size=3),
)
def test_a_kind_of_a_newer_version_is_left_out_whatever_its_shape_is(
    kind: str, rest: list[Any], events: list[Event]
) -> None:
    known = json.loads(encode(events))
    mixed = json.dumps([[kind, *rest], *known, [kind, *rest]]).encode()
    assert decode(mixed) == events


def test_what_a_newer_version_adds_to_a_known_kind_is_left_out() -> None:
    event = BatteryReported(workspace_id=1, drone_id=2, at=START, battery=Battery(capacity_percent=70))
    ((*item,),) = json.loads(encode([event]))
    assert decode(json.dumps([[*item, {"cells": 4}]]).encode()) == [event]


def test_a_property_of_a_newer_version_is_left_out_of_the_state() -> None:
    event = position()
    ((*item,),) = json.loads(encode([event]))
    item[4]["warp_factor"] = [item[2], 9]
    assert decode(json.dumps([item]).encode()) == [event]


def test_a_position_without_a_fix_is_no_position() -> None:
    ((*item,),) = json.loads(encode([position()]))
    del item[4]["fix"]
    assert decode(json.dumps([item]).encode()) == []


def test_nothing_is_encoded_as_an_empty_list() -> None:
    assert encode([]) == b"[]"
    assert decode(b"[]") == []


# What may replace what


def test_of_one_drones_positions_the_newest_will_do() -> None:
    assert position(1, 0).key == position(1, 5, longitude=10.0).key
    assert position(1).key != position(2).key


def test_of_one_controllers_changed_topologies_one_will_do() -> None:
    def changed(serial: str, seconds: int) -> TopologyChanged:
        return TopologyChanged(workspace_id=7, gateway_serial=serial, at=START + timedelta(seconds=seconds))

    assert changed("RC1", 0).key == changed("RC1", 1).key
    assert changed("RC1", 0).key != changed("RC2", 0).key


@pytest.mark.parametrize("online", [True, False])
def test_coming_and_going_is_never_conflated(online: bool) -> None:
    def change(seconds: int, now_online: bool) -> PresenceChanged:
        at = START + timedelta(seconds=seconds)
        return PresenceChanged(workspace_id=7, drone_id=1, at=at, online=now_online)

    assert change(0, online).key != change(1, online).key
    assert change(0, online).key != change(0, not online).key


def test_events_of_different_kinds_never_replace_each_other() -> None:
    fix = position().fix
    events: list[Event] = [
        position(1),
        BatteryReported(workspace_id=7, drone_id=1, at=START, battery=Battery(capacity_percent=70)),
        ControllerPositioned(workspace_id=7, remote_controller_id=1, at=START, fix=fix),
        PresenceChanged(workspace_id=7, drone_id=1, at=START, online=True),
    ]
    assert len({event.key for event in events}) == len(events)
