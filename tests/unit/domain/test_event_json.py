"""Events as JSON: their way over the bus and back, their numbers, versions beside each other."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.event_json import Newest, compose, decode, encode, from_body, joined, to_body
from ofh.domain.events import (
    AlertRuleChanged,
    BatteryReported,
    ControllerPositioned,
    ControllerPresenceChanged,
    DronePositioned,
    Event,
    FeedEvent,
    MapChange,
    MapElementChanged,
    MediaDeleted,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
)
from ofh.domain.feed import conflated

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
    came_from = draw(st.none() | _fixes)
    return DronePositioned(
        workspace_id=draw(_ids), drone_id=draw(_ids), at=at, fix=fix, state=state, came_from=came_from
    )


_feed_events = st.one_of(
    _positions(),
    st.builds(BatteryReported, workspace_id=_ids, drone_id=_ids, at=_times, battery=_batteries),
    st.builds(
        ControllerPositioned,
        workspace_id=_ids,
        remote_controller_id=_ids,
        at=_times,
        fix=_fixes,
        came_from=st.none() | _fixes,
    ),
    st.builds(AlertRuleChanged, workspace_id=_ids, rule_id=_ids, at=_times),
    st.builds(MediaDeleted, workspace_id=_ids, drone_id=_ids, media_id=_ids, flight_id=st.none() | _ids, at=_times),
    st.builds(PresenceChanged, workspace_id=_ids, drone_id=_ids, at=_times, online=st.booleans()),
    st.builds(ControllerPresenceChanged, workspace_id=_ids, remote_controller_id=_ids, at=_times, online=st.booleans()),
)
_others = st.one_of(
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
_events = _feed_events | _others
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
KINDS = {"position", "battery", "controller", "controller_presence", "topology", "map", "presence", "row"}


def position() -> DronePositioned:
    fix = Fix(longitude_deg=9.95, latitude_deg=50.49, height_m=900.0)
    state = DeviceState().merge(Report(at=START, values={Property.FIX: fix}))
    return DronePositioned(workspace_id=7, drone_id=1, at=START, fix=fix, state=state)


def bodies(items: list[Any]) -> bytes:
    """A message with these as its events without a number."""
    return json.dumps([0, 0, [], items]).encode()


@given(st.lists(_events, max_size=6))
def test_what_is_encoded_is_decoded_to_the_same(events: list[Event]) -> None:
    assert decode(encode(events)).events == events


@given(st.lists(_feed_events, min_size=1, max_size=6), st.lists(_others, max_size=2), _ids, _times)
def test_numbered_events_get_their_numbers_one_after_the_other(
    events: list[FeedEvent], others: list[Event], first: int, at: datetime
) -> None:
    body = to_body(events)
    numbered = [replace(event, seq=seq) for seq, event in enumerate(events, first)]
    message = decode(compose(first, at, body, others))
    assert (message.first, message.last, message.at) == (first, first + len(events) - 1, at)
    assert (message.numbered, message.others) == (numbered, others)
    assert from_body(body, first) == numbered


@given(st.lists(_feed_events, min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 12), st.integers(0, 12))
def test_bodies_are_joined_and_read_in_part(events: list[FeedEvent], size: int, since: int, upto: int) -> None:
    body = to_body(events)
    assert joined([to_body(events[n : n + size]) for n in range(0, len(events), size)]) == body
    numbered = [replace(event, seq=seq) for seq, event in enumerate(events, 3)]
    assert from_body(body, 3, since, upto) == [event for event in numbered if since <= event.seq <= upto]


@given(st.lists(st.lists(_feed_events, min_size=1, max_size=4), max_size=4), st.integers(0, 9))
def test_the_newest_of_bodies_is_what_is_left_of_their_events(parts: list[list[FeedEvent]], since: int) -> None:
    newest, events, first = Newest(), list[FeedEvent](), 3
    for part in parts:
        body = to_body(part)
        newest.add(body, first, since)
        events += from_body(body, first, since)
        first += len(part)
    assert newest.events() == conflated(events)


@given(st.lists(_feed_events, min_size=1, max_size=4), st.lists(_others, max_size=2), _ids, _times)
def test_what_is_handed_on_within_the_process_says_what_its_bytes_say(
    events: list[FeedEvent], others: list[Event], first: int, at: datetime
) -> None:
    handed = compose(first, at, to_body(events), others, of=events)
    assert decode(handed) == decode(bytes(handed))


def test_a_kind_of_a_newer_version_keeps_its_number() -> None:
    came, went = (PresenceChanged(workspace_id=1, drone_id=2, at=START, online=online) for online in (True, False))
    body = json.dumps([json.loads(to_body([came]))[0], ["warp", 1], json.loads(to_body([went]))[0]]).encode()
    message = decode(compose(10, START, body))
    assert [event.seq for event in message.numbered] == [10, 12]
    assert message.last == 12


def test_times_keep_their_microsecond_and_are_utc() -> None:
    at = START + timedelta(microseconds=1)
    (event,) = decode(encode([PresenceChanged(workspace_id=1, drone_id=2, at=at, online=True)])).events
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
    known = json.loads(to_body(events))
    assert decode(bodies([[kind, *rest], *known, [kind, *rest]])).events == events


def test_what_a_newer_version_adds_to_a_known_kind_is_left_out() -> None:
    event = BatteryReported(workspace_id=1, drone_id=2, at=START, battery=Battery(capacity_percent=70))
    ((*item,),) = json.loads(to_body([event]))
    assert decode(bodies([[*item, {"cells": 4}]])).events == [event]


def test_a_property_of_a_newer_version_is_left_out_of_the_state() -> None:
    event = position()
    ((*item,),) = json.loads(to_body([event]))
    item[4][0]["warp_factor"] = [item[2], 9]
    assert decode(bodies([item])).events == [event]


def test_a_position_without_a_fix_is_no_position() -> None:
    ((*item,),) = json.loads(to_body([position()]))
    del item[4][0]["fix"]
    assert decode(bodies([item])).events == []


def test_nothing_is_decoded_to_nothing() -> None:
    assert decode(encode([])).events == []
