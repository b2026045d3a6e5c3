"""What a device last said about itself, merged so that the order of arrival does not matter.

A device reports groups of properties; each property keeps the newest value by the time of its report. The merge is
commutative, associative and idempotent, so messages that are late, doubled, or handled by another process give the
same state in the end (`tests/unit/domain/test_devices.py` proves it with any order).

Angles are degrees, lengths metres, speeds metres per second, times aware UTC datetimes. Heights are above the WGS 84
ellipsoid, elevations above the take-off point.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One position at one time. Never (0, 0): that is how devices say 'no fix'."""

    longitude_deg: float
    latitude_deg: float
    height_m: float
    """Above the WGS 84 ellipsoid; 0 where it is not known."""
    has_height: bool = True
    """False for most remote controllers, which do not know their height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """The charge of all batteries of a device together."""

    capacity_percent: float
    """0 to 100 of the whole, empty slots included."""
    remaining_flight_time_s: float | None = None


class Property(StrEnum):
    """A thing that a device says about itself, under one name whatever topic and firmware it comes from."""

    FIX = "fix"
    """`Fix`."""
    BATTERY = "battery"
    """`Battery`."""
    HEADING = "heading_deg"
    """The nose, clockwise from true north, 0 to 360 exclusive."""
    HORIZONTAL_SPEED = "horizontal_speed_mps"
    VERTICAL_SPEED = "vertical_speed_mps"
    """Positive when climbing."""
    ELEVATION = "elevation_m"
    """Above the take-off point."""
    PITCH = "pitch_deg"
    ROLL = "roll_deg"
    GIMBAL_PITCH = "gimbal_pitch_deg"
    """Of the main gimbal; -90 looks straight down."""
    GIMBAL_ROLL = "gimbal_roll_deg"
    GIMBAL_YAW = "gimbal_yaw_deg"
    """From true north, -180 to 180."""
    MODE_CODE = "mode_code"
    """DJI's flight mode number."""
    FLIGHT_MODE = "flight_mode"
    """The name of the mode as people say it; the number as text where it has no name."""
    SATELLITES = "satellites"
    SIGNAL = "signal"
    """Quality of the radio link, 0 to 5."""
    HOME_DISTANCE = "home_distance_m"
    WIND_SPEED = "wind_speed_mps"
    WIND_DIRECTION = "wind_direction_deg"
    """Where the wind comes from, clockwise from true north."""
    STORAGE_USED = "storage_used_bytes"
    STORAGE_TOTAL = "storage_total_bytes"
    TOTAL_FLIGHT_TIME = "total_flight_time_s"
    TOTAL_FLIGHT_SORTIES = "total_flight_sorties"
    HOME = "home"
    """`(longitude_deg, latitude_deg)` of the home point as a list of two."""
    FIRMWARE = "firmware_version"
    CONTROL_SOURCE = "control_source"
    MODE_REASON = "mode_code_reason"
    LIVE_CAPACITY = "live_capacity"
    """What can be streamed, as the controller says it (foreign JSON)."""
    LIVE_STATUS = "live_status"
    """What is being streamed (foreign JSON)."""


Value = Fix | Battery | float | int | str | list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one message of a device says: properties with values, all of one moment."""

    at: datetime
    """The device's clock where it is within tolerance of ours, else ours (design.md, 'time and place')."""
    values: Mapping[Property, Value]
    """Only what the message held. Absent means unchanged, never null."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A value and the time of the report that it came by."""

    at: datetime
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """The newest value of every property that a device has ever reported."""

    properties: Mapping[Property, Stamped] = field(default_factory=dict)

    def get(self, name: Property) -> Stamped | None:
        """The newest value of a property, None if it was never reported."""
        return self.properties.get(name)

    def merge(self, report: Report) -> "DeviceState":
        """This state with a report taken in; the same object where the report changes nothing."""
        changed: dict[Property, Stamped] = {}
        for name, value in report.values.items():
            held = self.properties.get(name)
            if held is None or _wins(report.at, value, held):
                changed[name] = Stamped(report.at, value)
        return DeviceState(properties={**self.properties, **changed}) if changed else self

    def live(self) -> "DeviceState":
        """The part that listeners are told with every position: all but what is long and seldom changes."""
        return DeviceState(
            properties={name: held for name, held in self.properties.items() if name not in _SELDOM},
        )

    def to_json(self) -> dict[str, list[Any]]:
        """The stored form: property → [epoch microseconds, value]."""
        return {name.value: [micros(held.at), value_to_json(held.value)] for name, held in self.properties.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DeviceState":
        """The state of its stored form. What this version does not know, or cannot read, is left out."""
        # Every event of every drone passes here, in each process that shows it: so most properties, which come by one
        # report, share its time, and most values are taken as they stand.
        properties: dict[Property, Stamped] = {}
        known_us, known_at = 0, _EPOCH
        for name, held in stored.items():
            known = _KNOWN.get(name)
            if known is None:
                continue
            try:
                at_us, value = held
                if at_us != known_us:
                    known_us, known_at = at_us, from_micros(at_us)
                properties[known] = Stamped(known_at, value_from_json(known, value) if known in _SHAPED else value)
            except (TypeError, ValueError, IndexError, OverflowError):
                known_us, known_at = 0, _EPOCH
        return cls(properties=properties)


def _wins(at: datetime, value: Value, held: Stamped) -> bool:
    """Newer wins; at the same moment the value that sorts higher, so that every order of arrival ends alike."""
    if at != held.at:
        return at > held.at
    return _order(value) > _order(held.value)


def _order(value: Value) -> bytes:
    """Any order will do that two values share only where their JSON is the same, whatever the order of its keys."""
    return orjson.dumps(value_to_json(value), option=orjson.OPT_SORT_KEYS)


def value_to_json(value: Value) -> Any:
    """A property's value as JSON."""
    if isinstance(value, Fix):
        return [value.longitude_deg, value.latitude_deg, value.height_m if value.has_height else None]
    if isinstance(value, Battery):
        return [value.capacity_percent, value.remaining_flight_time_s]
    return value


def value_from_json(name: Property, value: Any) -> Value:
    """The inverse of `value_to_json`."""
    if name is Property.FIX:
        longitude, latitude, height = value
        is_known = height is not None
        return Fix(
            longitude_deg=longitude,
            latitude_deg=latitude,
            height_m=height if is_known else 0.0,
            has_height=is_known,
        )
    if name is Property.BATTERY:
        return Battery(capacity_percent=value[0], remaining_flight_time_s=value[1])
    result: Value = value
    return result


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(value: int) -> datetime:
    """The inverse of `micros`."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SELDOM = frozenset({Property.LIVE_CAPACITY, Property.LIVE_STATUS, Property.FIRMWARE, Property.HOME})
_KNOWN = {name.value: name for name in Property}
_SHAPED = frozenset({Property.FIX, Property.BATTERY})
"""Whose values are not taken from JSON as they stand."""
