"""`aircraft.json`: what a receiver's answers tell, and what they cannot do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.adsb.aircraft_json import NoAircraft, Reader

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)
CRAFT = {
    "hex": "3C6444",
    "flight": "DLH1    ",
    "alt_baro": 37000,
    "alt_geom": 38125,
    "lat": 50.5,
    "lon": 9.95,
    "seen_pos": 2.5,
    "seen": 0.1,
}
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_craft = st.fixed_dictionaries({}, optional={name: st.just(value) | _json for name, value in CRAFT.items()})


def answer(*aircraft: Any, now: Any = 1000.0) -> bytes:
    return orjson.dumps({"now": now, "messages": 1, "aircraft": list(aircraft)})


def test_a_position_has_the_time_at_which_it_was_received_and_its_geometric_height() -> None:
    [found] = Reader().read(answer(CRAFT), AT)
    assert (found.id, found.longitude_deg, found.latitude_deg) == ("3c6444", 9.95, 50.5)
    assert found.height_m == pytest.approx(11_620.5)
    assert found.at == AT - timedelta(seconds=2.5)


def test_a_pressure_altitude_is_no_height() -> None:
    [found] = Reader().read(answer({**CRAFT, "alt_geom": None}), AT)
    assert found.height_m is None
    [found] = Reader().read(answer({**CRAFT, "alt_baro": "ground", "alt_geom": "ground"}), AT)
    assert found.height_m is None


def test_an_answer_that_took_its_time_makes_nothing_look_newer() -> None:
    reader = Reader()
    [first] = reader.read(answer(CRAFT, now=1000.0), AT)
    [again] = reader.read(answer({**CRAFT, "seen_pos": 3.5}, now=1001.0), AT + timedelta(seconds=1.9))
    assert again.at == first.at


def test_a_receiver_whose_clock_was_put_right_is_believed_again() -> None:
    reader = Reader()
    reader.read(answer(CRAFT, now=1000.0), AT)
    [found] = reader.read(answer(CRAFT, now=5000.0), AT + timedelta(seconds=1))
    assert found.at == AT + timedelta(seconds=1) - timedelta(seconds=2.5)


def test_a_receiver_whose_clock_stands_still_tells_nothing_new() -> None:
    reader = Reader()
    assert len(reader.read(answer(CRAFT), AT)) == 1
    assert reader.read(answer(CRAFT), AT + timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"hex": "zz"},
        {"hex": 7},
        {"lat": "x"},
        {"lat": 91},
        {"lon": True},
        {"seen_pos": None},
        {"seen_pos": -1},
        {"lat": 0, "lon": 0},
    ],
)
def test_an_aircraft_without_a_sound_position_is_left_out(change: dict[str, Any]) -> None:
    assert [found.id for found in Reader().read(answer({**CRAFT, **change}, {**CRAFT, "hex": "~abc123"}, 7), AT)] == [
        "~abc123"
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"{}", b'{"now":1}', b'{"aircraft":[]}', b"[" * 100_000, answer(now="x"), answer(now=1e12)],
)
def test_what_is_none_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NoAircraft):
        Reader().read(data, AT)


@given(
    st.binary(max_size=200)
    | _json.map(orjson.dumps)
    | st.lists(_craft | _json, max_size=4).map(lambda some: answer(*some))
)
def test_any_answer_is_sightings_or_none(data: bytes) -> None:
    try:
        found = Reader().read(data, AT)
    except NoAircraft:
        return
    assert all(-90 <= item.latitude_deg <= 90 and item.at <= AT for item in found)
