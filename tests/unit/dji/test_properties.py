"""Osd and state: what the captures say, and what devices are known to vary."""

import json
from typing import Any

import pytest

from ofh.dji import envelope, topics
from ofh.dji.errors import DecodeError, Reason
from ofh.dji.properties import MAX_FOREIGN_BYTES, decode_aircraft, decode_controller, mode_name
from ofh.domain.devices import Battery, Fix, Property, Value
from tests.captures.reader import messages, names

KIB = 1024
STORAGE = {Property.STORAGE_USED: 70_648_000 * KIB, Property.STORAGE_TOTAL: 121_610_000 * KIB}


def data_of(name: str) -> dict[str, Any]:
    """The `data` of a capture, by way of bytes as it comes from the broker."""
    (message,) = messages(name)
    return dict(envelope.decode(json.dumps(message["payload"]).encode()).data)


def fix(longitude_deg: float, latitude_deg: float, height_m: float | None) -> Fix:
    return Fix(
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        height_m=height_m or 0.0,
        has_height=height_m is not None,
    )


def battery(percent: float, remaining_s: float | None = None) -> Battery:
    return Battery(capacity_percent=percent, remaining_flight_time_s=remaining_s)


def motion(
    horizontal: float, vertical: float, heading: float, pitch: float, roll: float, elevation: float, home: float
) -> dict[Property, Value]:
    return {
        Property.HORIZONTAL_SPEED: horizontal,
        Property.VERTICAL_SPEED: vertical,
        Property.HEADING: heading,
        Property.PITCH: pitch,
        Property.ROLL: roll,
        Property.ELEVATION: elevation,
        Property.HOME_DISTANCE: home,
    }


def mode(code: int, name: str) -> dict[Property, Value]:
    return {Property.MODE_CODE: code, Property.FLIGHT_MODE: name}


def wind(speed: float, direction: float | None) -> dict[Property, Value]:
    calm: dict[Property, Value] = {Property.WIND_SPEED: speed}
    return calm if direction is None else {**calm, Property.WIND_DIRECTION: direction}


def gimbal(pitch: float, roll: float, yaw: float) -> dict[Property, Value]:
    return {Property.GIMBAL_PITCH: pitch, Property.GIMBAL_ROLL: roll, Property.GIMBAL_YAW: yaw}


def flown(seconds: float, sorties: int | None) -> dict[Property, Value]:
    time: dict[Property, Value] = {Property.TOTAL_FLIGHT_TIME: seconds}
    return time if sorties is None else {**time, Property.TOTAL_FLIGHT_SORTIES: sorties}


M4: dict[Property, Value] = {
    Property.FIX: fix(9.9540027, 50.4969921, 1040.5),
    Property.BATTERY: battery(77, 1822),
    Property.SATELLITES: 21,
    Property.FIRMWARE: "12.00.0106",
    **STORAGE,
    **motion(7.9, 0.1, 12.7, 0.9, -4.3, 44.1, 182.44),
    **mode(3, "manual flight"),
    **wind(3.3, 0),
    **gimbal(-35, 0, 12.7),
    **flown(7211.4, 195),
}
M30T: dict[Property, Value] = {
    Property.FIX: fix(9.9542218, 50.4983121, 1053.6),
    Property.BATTERY: battery(70, 1260),
    Property.SATELLITES: 21,
    Property.FIRMWARE: "10.01.0504",
    **STORAGE,
    **motion(7.9, 0.1, 138, 0.9, -4.3, 57.2, 182.44),
    **mode(5, "wayline"),
    **wind(6.2, 0),
    **gimbal(-26.1, 0, 105.8),
    **flown(123016.65725036338, 195),
}
M3: dict[Property, Value] = {
    Property.SATELLITES: 21,
    Property.FIRMWARE: "07.01.1019",
    **STORAGE,
    **wind(4.1, 270),
    **flown(41233, 88),
}

AIRCRAFT: dict[str, dict[Property, Value]] = {
    "mqtt-osd-m30t-wayline": M30T,
    "mqtt-osd-m30t-laser-target": {
        **M30T,
        Property.FIX: fix(9.9542218, 50.4983121, 1027.8),
        Property.BATTERY: battery(62, 1260),
        **motion(0, 0, 138, 0.9, -4.3, 31.4, 182.44),
        **mode(3, "manual flight"),
        **gimbal(-48.3, 0, 105.8),
    },
    "mqtt-osd-m30-recording": {
        **{name: value for name, value in M30T.items() if name is not Property.FIRMWARE},
        Property.FIX: fix(9.9533102, 50.4990011, 1076.7),
        **motion(7.9, 0.1, 138, 0.9, -4.3, 80.3, 182.44),
        **flown(123016, 195),
    },
    "mqtt-osd-m3e-mapping": {
        **M3,
        Property.FIX: fix(9.9521112, 50.5001234, 1096.3),
        Property.BATTERY: battery(64, 1384),
        **motion(7.9, 0.1, 266.6, -7.1, 1.2, 99.9, 182.44),
        **mode(5, "wayline"),
        **gimbal(-90, 0, -93.4),
    },
    "mqtt-osd-m3t-return-home": {
        **M3,
        Property.FIX: fix(9.9521112, 50.5001234, 1057.6),
        Property.BATTERY: battery(24, 1384),
        Property.MODE_REASON: 1,
        **motion(7.9, 0.1, 266.6, -7.1, 1.2, 61.2, 182.44),
        **mode(9, "return to home"),
        **gimbal(-26.1, 0, 105.8),
    },
    "mqtt-osd-m3m-manual": {
        Property.FIX: fix(9.9530092, 50.5012001, 1021.2),
        Property.BATTERY: battery(64, 1260),
        Property.SATELLITES: 21,
        Property.SIGNAL: 5,
        **STORAGE,
        **motion(7.9, 0.1, 138, 0.9, -4.3, 24.8, 182.44),
        **mode(3, "manual flight"),
        **wind(6.2, 0),
        **gimbal(-89.9, 0, 105.8),
        **flown(9120, 31),
    },
    "mqtt-osd-m300-h20n-no-fix": {  # no position, whatever the height says
        Property.BATTERY: battery(0, 0),
        Property.SATELLITES: 0,
        Property.FIRMWARE: "03.31.0000",
        Property.STORAGE_USED: 7_723_000 * KIB,
        Property.STORAGE_TOTAL: 24_434_700 * KIB,
        **motion(0, 0, 10.4, -0.4, 0.2, 0, 0),
        **mode(0, "standby"),
        **wind(0, None),
        **gimbal(0, 0, 117.8),
        **flown(0, None),
    },
    "mqtt-osd-m300-h20t-2022": {  # one of two batteries, 90 %: the whole is 45 %
        Property.FIX: fix(9.954, 50.498, 996.420332),
        Property.BATTERY: battery(45, 0),
        Property.SATELLITES: 15,
        Property.FIRMWARE: "04.00.0014",
        **motion(0, 0, 0, -0.5, -0.1, 0, 0),
        **mode(0, "standby"),
        **wind(0, None),
        **gimbal(0, 0, -103.7),
        **flown(0, None),
    },
    "mqtt-osd-m350-two-payloads": {  # the left one is the main gimbal; the right one looks straight down
        **M30T,
        Property.FIX: fix(9.9561123, 50.4975511, 1109.1),
        Property.BATTERY: battery(80, 2011),
        Property.SATELLITES: 29,
        Property.FIRMWARE: "10.01.0042",
        **motion(7.9, 0.1, 138, 0.9, -4.3, 112.7, 611.9),
        **flown(288012, 195),
    },
    "mqtt-osd-m4e-manual": M4,
    "mqtt-osd-m4e-literal-block-name": M4,
    "mqtt-osd-m4t-virtual-stick": {**M4, Property.HORIZONTAL_SPEED: 3.2, **mode(16, "virtual stick")},
    "mqtt-osd-m400-unknown-mode": {**M4, **mode(27, "27")},
    "mqtt-osd-types-off": {**M30T, Property.HEADING: 266.6},
    "mqtt-osd-partial": {
        Property.FIX: M30T[Property.FIX],
        Property.FIRMWARE: "10.01.0504",
        **motion(7.9, 0.1, 138, 0.9, -4.3, 57.2, 182.44),
        **mode(5, "wayline"),
        **wind(6.2, 0),
        **flown(123016.65725036338, 195),
    },
    "mqtt-state-aircraft-initial": {
        Property.FIRMWARE: "10.01.0504",
        Property.CONTROL_SOURCE: "A",
        Property.HOME: [9.9539114, 50.497987],
        Property.MODE_REASON: 0,
    },
    "mqtt-state-aircraft-home": {Property.HOME: [9.9539112, 50.4979871]},
    "mqtt-state-aircraft-mode-reason": {Property.MODE_REASON: 4},
    "mqtt-state-aircraft-control-browser": {Property.CONTROL_SOURCE: "2f5a6f52-9d5c-4dbb-8d80-6a0d9d0f0a11"},
    "mqtt-state-aircraft-payload-firmware": {},
    "mqtt-state-aircraft-watermark": {},
    "mqtt-state-empty": {},
}

CONTROLLERS: dict[str, dict[Property, Value]] = {
    "mqtt-osd-rc-plus": {
        Property.FIX: fix(9.9539114, 50.497987, None),
        Property.BATTERY: battery(90),
        Property.SIGNAL: 5,
    },
    "mqtt-osd-rc-plus-minimal": {
        Property.FIX: fix(9.95391333333332, 50.49798483333333, None),
        Property.BATTERY: battery(78),
    },
    "mqtt-osd-rc-pro": {Property.FIX: fix(9.952, 50.5001, None), Property.BATTERY: battery(63), Property.SIGNAL: 4},
    "mqtt-osd-rc-plus-2-4g": {  # 4G fusion: 4, although the radio alone would be 5
        Property.FIX: fix(9.9541, 50.4969, 1001.3),
        Property.BATTERY: battery(55),
        Property.SIGNAL: 4,
    },
    "mqtt-osd-rc-no-fix": {Property.BATTERY: battery(41)},
    "mqtt-osd-rc-2022": {
        Property.FIX: fix(9.954, 50.498, None),
        Property.BATTERY: battery(88),
        Property.SIGNAL: 4,
        Property.LIVE_STATUS: {"live_time": 0, "live_trendline": 0, "video_id": "", "video_quality": 65535},
    },
    "mqtt-state-rc-firmware": {Property.FIRMWARE: "05.02.1106"},
    "mqtt-state-rc-live-status": {
        Property.LIVE_STATUS: [
            {
                "error_status": 0,
                "status": 1,
                "video_id": "1581XTESTM30T0001/53-0-0/normal-0",
                "video_quality": 0,
                "video_type": "normal",
            }
        ]
    },
    "mqtt-state-rc-live-capacity": {
        Property.LIVE_CAPACITY: messages("mqtt-state-rc-live-capacity")[0]["payload"]["data"]["live_capacity"]
    },
}


@pytest.mark.parametrize("name", AIRCRAFT)
def test_aircraft_capture_says_exactly_this(name: str) -> None:
    assert decode_aircraft(data_of(name)) == AIRCRAFT[name]


@pytest.mark.parametrize("name", CONTROLLERS)
def test_controller_capture_says_exactly_this(name: str) -> None:
    assert decode_controller(data_of(name)) == CONTROLLERS[name]


def test_every_capture_of_osd_and_state_is_claimed_here() -> None:
    assert sorted(AIRCRAFT | CONTROLLERS) == sorted(names("mqtt-osd-") + names("mqtt-state-"))


@pytest.mark.parametrize("name", names("mqtt-sequence-"))
def test_each_osd_of_a_sequence_has_position_mode_and_battery(name: str) -> None:
    for message in messages(name):
        data = message["payload"]["data"]
        if topics.parse(message["topic"]).kind is not topics.TopicKind.OSD:
            continue
        values = decode_aircraft(data)
        assert values[Property.FIX] == fix(data["longitude"], data["latitude"], data["height"])
        assert values[Property.MODE_CODE] == data["mode_code"]
        assert values[Property.ELEVATION] == data["elevation"]
        assert Property.BATTERY in values


# Position.


def test_zero_zero_is_no_position_but_each_zero_alone_is_one() -> None:
    assert decode_aircraft({"longitude": 0, "latitude": 0.0, "height": 10}) == {}
    assert decode_aircraft({"longitude": "0", "latitude": -0.0, "height": 10}) == {}
    assert decode_aircraft({"longitude": 0, "latitude": 1, "height": 10}) == {Property.FIX: fix(0, 1, 10)}
    assert decode_aircraft({"longitude": 1, "latitude": 0, "height": 10}) == {Property.FIX: fix(1, 0, 10)}


@pytest.mark.parametrize("missing", ["longitude", "latitude", "height"])
@pytest.mark.parametrize("absent", [False, True])
def test_an_aircraft_position_needs_all_three(missing: str, absent: bool) -> None:
    data: dict[str, Any] = {"longitude": 9.9, "latitude": 50.4, "height": 1000, missing: None}
    if absent:
        del data[missing]
    assert decode_aircraft(data) == {}


@pytest.mark.parametrize("told", [{}, {"height": 0}, {"height": "0"}, {"height": None}])
def test_a_controller_that_does_not_know_its_height_has_none(told: dict[str, Any]) -> None:
    """0 in every capture: dji-pilot-2.md, 5.6."""
    found = decode_controller({"longitude": 9.9, "latitude": 50.4, **told})
    assert found == {Property.FIX: fix(9.9, 50.4, None)}
    known = decode_controller({"longitude": 9.9, "latitude": 50.4, "height": 996.4})
    assert known == {Property.FIX: fix(9.9, 50.4, 996.4)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("latitude", 90.0000001),
        ("latitude", -91),
        ("latitude", 123),
        ("longitude", 180.5),
        ("longitude", "-999"),
        ("height", 100_001),
        ("latitude", "abc"),
        ("latitude", "nan"),
        ("latitude", "1_0"),
        ("latitude", "Infinity"),
        ("latitude", "9" * 400),
        ("latitude", "1e999"),
        ("latitude", "１２"),  # digits, but not of this alphabet
        ("latitude", True),
        ("latitude", []),
        ("latitude", {}),
        ("latitude", 10**400),
        ("latitude", float("nan")),
    ],
)
@pytest.mark.parametrize("decode", [decode_aircraft, decode_controller])
def test_an_impossible_position_makes_the_message_worthless(decode: Any, key: str, value: Any) -> None:
    data = {"longitude": 9.9, "latitude": 50.4, "height": 1000, "firmware_version": "1", key: value}
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.reason is Reason.BAD_VALUE
    assert caught.value.detail.startswith(key)


def test_the_edges_of_the_world_are_positions() -> None:
    data = {"longitude": -180, "latitude": 90, "height": -100_000}
    assert decode_aircraft(data) == {Property.FIX: fix(-180, 90, -100_000)}


# Angles and wind.


@pytest.mark.parametrize(
    ("head", "heading"),
    [(-180, 180), (-90, 270), (0, 0), (180, 180), (-0.0, 0), (-1e-20, 0), (360, 0), (359.9, 359.9), (-360, 0)],
)
def test_heading_runs_from_0_to_360_exclusive(head: float, heading: float) -> None:
    (value,) = decode_aircraft({"attitude_head": head}).values()
    assert value == pytest.approx(heading)
    assert isinstance(value, float)
    assert 0 <= value < 360


@pytest.mark.parametrize(("yaw", "expected"), [(-180, -180), (180, 180), (190, -170), (-190, 170), (359, -1)])
def test_gimbal_yaw_runs_from_minus_180_to_180(yaw: float, expected: float) -> None:
    assert decode_aircraft({"53-0-0": {"gimbal_yaw": yaw}}) == {Property.GIMBAL_YAW: pytest.approx(expected)}


@pytest.mark.parametrize(("code", "direction"), [(1, 0), (2, 45), (3, 90), (5, 180), (8, 315), ("7", 270), (4.0, 135)])
def test_wind_direction_is_where_it_comes_from(code: Any, direction: float) -> None:
    assert decode_aircraft({"wind_direction": code}) == {Property.WIND_DIRECTION: direction}


@pytest.mark.parametrize("code", [0, 9, -1, 255, 1.5, None, ""])
def test_no_wind_direction_is_left_out(code: Any) -> None:
    assert decode_aircraft({"wind_direction": code}) == {}


# Gimbals.


def test_the_main_gimbal_is_the_lowest_in_any_order() -> None:
    blocks = {
        "42-0-2": {"gimbal_pitch": -1},
        "82-0-1": {"gimbal_pitch": -2},
        "83-0-0": {"gimbal_pitch": -3},
        "176-0-0": {"gimbal_pitch": -4},
        "39-0-7": {"gimbal_pitch": -5},
    }
    assert decode_aircraft(blocks) == {Property.GIMBAL_PITCH: -3}
    assert decode_aircraft(dict(reversed(blocks.items()))) == {Property.GIMBAL_PITCH: -3}
    del blocks["83-0-0"]
    assert decode_aircraft(blocks) == {Property.GIMBAL_PITCH: -2}


def test_a_fixed_camera_is_no_gimbal() -> None:
    assert decode_aircraft({"39-0-7": {"gimbal_pitch": 0}, "176-0-0": {"gimbal_pitch": 0}}) == {}


@pytest.mark.parametrize(
    "block",
    [
        {"type_subtype_gimbalindex": {"gimbal_pitch": 1}},
        {"type_subtype_gimbalindex": {"gimbal_pitch": 1, "payload_index": 5}},
        {"type_subtype_gimbalindex": {"gimbal_pitch": 1, "payload_index": "main"}},
        {"53-0-0": "nothing"},
        {"53-0-0": None},
        {"53-0": {"gimbal_pitch": 1}},
        {"53-0-0-0": {"gimbal_pitch": 1}},
        {"53-0-" + "9" * 5000: {"gimbal_pitch": 1}},
        {"٥٣-0-0": {"gimbal_pitch": 1}},
        {"": {"gimbal_pitch": 1}},
    ],
)
def test_what_is_no_payload_block_is_skipped(block: dict[str, Any]) -> None:
    assert decode_aircraft(block) == {}


# Modes, signal, counts.


def test_modes_have_the_names_people_say() -> None:
    assert mode_name(3) == "manual flight"
    assert mode_name(0) == "standby"
    assert mode_name(99) == "99"
    assert mode_name(-1) == "-1"


def test_a_mode_that_is_no_whole_number_says_nothing() -> None:
    assert decode_aircraft({"mode_code": 5.5}) == {}
    assert decode_aircraft({"mode_code": 5.0}) == {Property.MODE_CODE: 5, Property.FLIGHT_MODE: "wayline"}


@pytest.mark.parametrize(
    ("link", "signal"),
    [
        ({"sdr_quality": 3}, 3),
        ({"link_workmode": 0, "sdr_quality": 3, "4g_quality": 5}, 3),
        ({"link_workmode": 1, "sdr_quality": 3, "4g_quality": 5}, 5),
        ({"link_workmode": "1", "sdr_quality": 3, "4g_quality": "2"}, 2),
        ({"link_workmode": True, "sdr_quality": 3, "4g_quality": 5}, 5),
        ({"link_workmode": 1, "sdr_quality": 3}, 3),
        ({"link_workmode": 7, "sdr_quality": 0}, 0),
        ({"sdr_quality": 255}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("decode", [decode_aircraft, decode_controller])
def test_signal_is_that_of_the_link_in_use(decode: Any, link: dict[str, Any], signal: int | None) -> None:
    assert decode({"wireless_link": link}) == ({} if signal is None else {Property.SIGNAL: signal})


@pytest.mark.parametrize(
    "data",
    [
        {"battery": {"capacity_percent": 255}},
        {"battery": {"remain_flight_time": 100}},
        {"battery": None},
        {"position_state": {"gps_number": 65535}},
        {"storage": {"total": -1, "used": None}},
        {"horizontal_speed": -1, "vertical_speed": 65535, "wind_speed": 65535},
        {"home_distance": 1e38, "total_flight_time": -1, "total_flight_sorties": 2**31},
        {"attitude_head": 65535, "attitude_pitch": 999, "attitude_roll": -999},
        {"firmware_version": "", "control_source": None, "mode_code": None},
        {"home_longitude": 0, "home_latitude": 0},
        {"home_longitude": 9.9},
    ],
)
def test_what_a_device_does_not_know_is_left_out(data: dict[str, Any]) -> None:
    assert decode_aircraft(data) == {}


@pytest.mark.parametrize(
    "data",
    [
        {"battery": []},
        {"battery": {"capacity_percent": "full"}},
        {"storage": 5},
        {"position_state": "good"},
        {"wireless_link": [1]},
        {"horizontal_speed": {}},
        {"mode_code": "manual"},
        {"firmware_version": {}},
        {"firmware_version": "x" * 256},
        {"control_source": "ä" * 128},
        {"home_longitude": 9.9, "home_latitude": 95},
        {"elevation": -100_001},
    ],
)
def test_a_known_key_of_another_type_makes_the_message_worthless(data: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_aircraft(data)
    assert caught.value.reason is Reason.BAD_VALUE


def test_numbers_that_should_be_whole_are_rounded() -> None:
    data = {"position_state": {"gps_number": "20.6"}, "total_flight_sorties": 12.0, "firmware_version": 5}
    assert decode_aircraft(data) == {
        Property.SATELLITES: 21,
        Property.TOTAL_FLIGHT_SORTIES: 12,
        Property.FIRMWARE: "5",
    }


# What is not kept.


@pytest.mark.parametrize("decode", [decode_aircraft, decode_controller])
def test_sim_cards_are_nobodys_business(decode: Any) -> None:
    assert decode({"dongle_infos": [{"imei": "490154203237518", "sim_info": {"sim_type": 1}}]}) == {}


def test_an_aircraft_has_no_live_capacity() -> None:
    assert decode_aircraft({"live_capacity": {"a": 1}, "live_status": []}) == {}


@pytest.mark.parametrize("value", ["x", 5, True, {"a": "x" * MAX_FOREIGN_BYTES}, [10**30]])
def test_foreign_json_has_bounds(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode_controller({"live_status": value})
