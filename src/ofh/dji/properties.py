"""The properties of aircraft and controllers: the `data` of osd and of state, by property name.

The two topics are read alike, because which property comes by which of them differs between firmwares. Absent means
unchanged. Properties that this hub has no use for are skipped, `dongle_infos` (SIM cards: personal data) on purpose.

| of DJI | taken as |
|---|---|
| `longitude`, `latitude`, `height` | one fix; (0, 0) is none, and for an aircraft one without height neither |
| a controller's `height` 0 | not known |
| `attitude_head` -180 to 180 | heading 0 to 360 |
| `wind_speed` in 0.1 m/s | m/s |
| `wind_direction` 1 north to 8 north-west, 0 none | degrees |
| `storage` in KB | bytes, 1,024 to the KB |
| `battery.capacity_percent`, a controller's `capacity_percent` | the charge of all batteries together |
| payload block `53-0-0` or `type_subtype_gimbalindex` | the main gimbal: lowest gimbal index, then lowest type |
| `wireless_link`, `transmission_signal_quality` of 2022 | signal |

Source: DJI Cloud API 1.11.3, Pilot to Cloud, MQTT, properties of aircraft, m3-series, rc-plus and rc-pro, with later
and earlier editions; captures of M30T, M300 with H20N, M3E and M3M.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ofh.domain.devices import Battery, Fix, Property, Value

from .products import FIXED_CAMERA_TYPES
from .readers import bad_value, code, count, number, plausible, struct, text

MAX_FOREIGN_BYTES = 64 * 1024
"""Of a property that is kept as foreign JSON; live capacities of about 20 KB are known."""

_HEIGHT_M = 100_000.0
_NUMBERS = (
    ("horizontal_speed", Property.HORIZONTAL_SPEED, 0.0, 1_000.0),
    ("vertical_speed", Property.VERTICAL_SPEED, -1_000.0, 1_000.0),
    ("attitude_pitch", Property.PITCH, -180.0, 180.0),
    ("attitude_roll", Property.ROLL, -180.0, 180.0),
    ("home_distance", Property.HOME_DISTANCE, 0.0, 50_000_000.0),
    ("total_flight_time", Property.TOTAL_FLIGHT_TIME, 0.0, 1e10),
)
_TEXTS = (("firmware_version", Property.FIRMWARE), ("control_source", Property.CONTROL_SOURCE))
_COUNT = 2**31 - 1
_STORAGE_KB = 2**52 // 1024
_PAYLOAD_INDEX = re.compile(r"([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})")
_LITERAL_BLOCK = "type_subtype_gimbalindex"
"""The name that newer editions of the documentation print for the payload block."""
_4G_FUSION = 1

MODE_NAMES: Mapping[int, str] = {
    0: "standby",
    1: "take-off preparation",
    2: "take-off preparation done",
    3: "manual flight",
    4: "automatic take-off",
    5: "wayline",
    6: "panorama",
    7: "intelligent tracking",
    8: "ADS-B avoidance",
    9: "return to home",
    10: "automatic landing",
    11: "forced landing",
    12: "three-propeller landing",
    13: "upgrading",
    14: "not connected",
    15: "APAS",
    16: "virtual stick",
    17: "live flight control",
    18: "airborne RTK fixing",
    19: "dock site evaluation",
    20: "point of interest",
    21: "on the way to or from a mission",
}
"""By `mode_code`. Mode 11 is also the last metres of an ordinary landing by hand."""


def mode_name(mode: int) -> str:
    """What people call the flight mode; the number as text where it stands in no table."""
    return MODE_NAMES.get(mode) or str(mode)


def decode_aircraft(data: Mapping[str, Any]) -> dict[Property, Value]:
    """Read the `data` of an aircraft's osd or state.

    Args:
        data: parsed JSON; keys that this hub does not know are skipped.
    Returns:
        What the message says; often an empty dict.
    Raises:
        DecodeError: a known key has the wrong type, or a position or height is impossible.
    """
    values: dict[Property, Value] = {}
    longitude, latitude = _coordinates(data, "longitude", "latitude")
    height = number(data, "height", -_HEIGHT_M, _HEIGHT_M)
    if longitude is not None and latitude is not None and height is not None:
        values[Property.FIX] = Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=height)
    elevation = number(data, "elevation", -_HEIGHT_M, _HEIGHT_M)
    if elevation is not None:
        values[Property.ELEVATION] = elevation
    for key, name, low, high in _NUMBERS:
        value = plausible(data, key, low, high)
        if value is not None:
            values[name] = value
    heading = plausible(data, "attitude_head", -360, 360)
    if heading is not None:
        values[Property.HEADING] = _around(heading)
    mode = code(data, "mode_code")
    if mode is not None:
        values[Property.MODE_CODE] = mode
        values[Property.FLIGHT_MODE] = mode_name(mode)
    battery = struct(data, "battery")
    if battery is not None:
        _battery(battery, values)
    _wind(data, values)
    _gimbal(data, values)
    position_state = struct(data, "position_state")
    if position_state is not None:
        satellites = count(position_state, "gps_number", 1_000)
        if satellites is not None:
            values[Property.SATELLITES] = satellites
    storage = struct(data, "storage")
    if storage is not None:
        _storage(storage, values)
    _signal(data, values)
    sorties = count(data, "total_flight_sorties", _COUNT)
    if sorties is not None:
        values[Property.TOTAL_FLIGHT_SORTIES] = sorties
    _state_of_aircraft(data, values)
    return values


def decode_controller(data: Mapping[str, Any]) -> dict[Property, Value]:
    """Read the `data` of a controller's osd or state.

    A controller says 0 where it does not know its height, which is the usual case; its fix then has none.

    Args:
        data: parsed JSON; keys that this hub does not know are skipped.
    Returns:
        What the message says; often an empty dict.
    Raises:
        DecodeError: a known key has the wrong type, or a position or height is impossible.
    """
    values: dict[Property, Value] = {}
    longitude, latitude = _coordinates(data, "longitude", "latitude")
    height = number(data, "height", -_HEIGHT_M, _HEIGHT_M)
    if longitude is not None and latitude is not None:
        values[Property.FIX] = Fix(
            longitude_deg=longitude, latitude_deg=latitude, height_m=height or 0.0, has_height=bool(height)
        )
    _battery(data, values)
    _signal(data, values)
    firmware = text(data, "firmware_version")
    if firmware is not None:
        values[Property.FIRMWARE] = firmware
    _foreign(data, "live_capacity", Property.LIVE_CAPACITY, values)
    _foreign(data, "live_status", Property.LIVE_STATUS, values)
    return values


def _state_of_aircraft(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    """What usually comes by state."""
    for key, name in _TEXTS:
        value = text(data, key)
        if value is not None:
            values[name] = value
    longitude, latitude = _coordinates(data, "home_longitude", "home_latitude")
    if longitude is not None and latitude is not None:
        values[Property.HOME] = [longitude, latitude]
    reason = code(data, "mode_code_reason")
    if reason is not None:
        values[Property.MODE_REASON] = reason


def _coordinates(
    data: Mapping[str, Any], longitude_key: str, latitude_key: str
) -> tuple[float, float] | tuple[None, None]:
    """Degrees; nothing where one is absent, and nothing for (0, 0), which is how 'no fix' looks."""
    longitude, latitude = number(data, longitude_key, -180, 180), number(data, latitude_key, -90, 90)
    if longitude is None or latitude is None or longitude == latitude == 0:
        return None, None
    return longitude, latitude


def _around(angle_deg: float) -> float:
    """The same direction from 0 to 360 exclusive. (`-1e-20 % 360` is 360.0.)"""
    angle_deg %= 360.0
    return angle_deg if angle_deg < 360.0 else 0.0


def _battery(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    charge = plausible(data, "capacity_percent", 0, 100)
    if charge is not None:
        remaining = plausible(data, "remain_flight_time", 0, 1e6)
        values[Property.BATTERY] = Battery(capacity_percent=charge, remaining_flight_time_s=remaining)


def _wind(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    speed = plausible(data, "wind_speed", 0, 2_000)
    if speed is not None:
        values[Property.WIND_SPEED] = speed / 10
    direction = code(data, "wind_direction")
    if direction is not None and 1 <= direction <= 8:
        values[Property.WIND_DIRECTION] = (direction - 1) * 45.0


def _storage(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    used, total = count(data, "used", _STORAGE_KB), count(data, "total", _STORAGE_KB)
    if used is not None:
        values[Property.STORAGE_USED] = used * 1024
    if total is not None:
        values[Property.STORAGE_TOTAL] = total * 1024


def _signal(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    """The quality of the link in use, 0 to 5."""
    link = struct(data, "wireless_link")
    quality: int | None = None
    if link is None:
        quality = count(data, "transmission_signal_quality", 5)
    else:
        if code(link, "link_workmode") == _4G_FUSION:
            quality = count(link, "4g_quality", 5)
        if quality is None:
            quality = count(link, "sdr_quality", 5)
    if quality is not None:
        values[Property.SIGNAL] = quality


def _gimbal(data: Mapping[str, Any], values: dict[Property, Value]) -> None:
    """The angles of the main gimbal."""
    block = _main_block(data)
    if block is None:
        return
    pitch = plausible(block, "gimbal_pitch", -180, 180)
    if pitch is not None:
        values[Property.GIMBAL_PITCH] = pitch
    roll = plausible(block, "gimbal_roll", -180, 180)
    if roll is not None:
        values[Property.GIMBAL_ROLL] = roll
    yaw = plausible(block, "gimbal_yaw", -360, 360)
    if yaw is not None:
        values[Property.GIMBAL_YAW] = yaw if -180 <= yaw <= 180 else _around(yaw + 180) - 180


def _main_block(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The block of the payload whose gimbal matters: lowest gimbal index, then lowest type; no fixed cameras."""
    best: tuple[int, int, int] | None = None
    main: Mapping[str, Any] | None = None
    for key, block in data.items():
        if type(block) is not dict or not (key == _LITERAL_BLOCK or "0" <= key[:1] <= "9"):
            continue
        match = _PAYLOAD_INDEX.fullmatch(key)
        if match is None and key == _LITERAL_BLOCK:
            named = block.get("payload_index")
            match = _PAYLOAD_INDEX.fullmatch(named) if type(named) is str else None
        if match is None:
            continue
        type_, sub_type, gimbal = map(int, match.groups())
        rank = (gimbal, type_, sub_type)
        if type_ not in FIXED_CAMERA_TYPES and (best is None or rank < best):
            best, main = rank, block
    return main


def _foreign(data: Mapping[str, Any], key: str, name: Property, values: dict[Property, Value]) -> None:
    """JSON that is kept as it came, within bounds."""
    value = data.get(key)
    if value is None:
        return
    if type(value) is not dict and type(value) is not list:
        raise bad_value(key, "is neither an object nor a list")
    try:
        size = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise bad_value(key, "cannot be stored") from None
    if size > MAX_FOREIGN_BYTES:
        raise bad_value(key, "is too large")
    values[name] = value
