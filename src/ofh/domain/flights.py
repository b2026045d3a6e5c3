"""Flights, derived from what aircraft report: no message says 'took off' or 'landed'.

Here is what a flight is, what it is measured by, and the figures of the rules. The state machine that begins and ends
flights is `flight_course.py`; how entries come into the order of time is `flight_watch.py`'s matter. Times are
microseconds since 1970 by the aircraft's clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import hypot
from statistics import median

from .devices import Battery, Fix, Property, Report, from_micros, micros
from .geodesy import distance_m, local_offset


class Phase(StrEnum):
    """Where an aircraft is in its flight."""

    GROUND = "ground"
    """In no flight."""
    AIRBORNE = "airborne"
    LOST = "lost"
    """Silent, or gone from its controller, while airborne."""
    LANDED = "landed"
    """On the ground for so short a time that the flight may go on."""
    ENDED = "ended"
    """Of a flight, once nothing can change it."""


class Change(StrEnum):
    """What a flight did."""

    STARTED = "started"
    LANDED = "landed"
    RESUMED = "resumed"
    """It had landed, and took off again soon enough to be the same flight."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRules:
    """The thresholds of chapter 6.1; each is a setting. Microseconds.

    Times decide, not counts: they hold at 0.5 Hz and at 10 Hz.
    """

    reorder_us: int = 5_000_000
    """How much older than the newest a sample may be and still count."""
    lost_after_us: int = 30_000_000
    """Silence after which an airborne aircraft is lost."""
    ended_after_landing_us: int = 60_000_000
    """Time on the ground after which a flight has ended; going up before continues it."""
    ended_after_loss_us: int = 600_000_000
    """Time after which a lost flight has ended."""
    confirmed_after_us: int = 1_000_000
    """How far apart two samples that confirm each other have to be."""
    still_for_us: int = 10_000_000
    """Without a mode, an aircraft that shows no motion for this long is on the ground."""
    preparing_within_us: int = 10_000_000
    """A flight starts with the sample that shows the preparation of the take-off, if that is not older than this."""


DEFAULT_RULES = FlightRules()

STEP_M = 1.0
"""Shorter steps are gathered until they make up so much: what a hovering aircraft's fixes jitter is no distance."""
SHORT_DEG = 0.02
"""Up to which difference the plane is right to the decimetre."""
HEIGHT_SAMPLES = 5
"""How many samples the height of the take-off point is the median of."""

_SAMPLED = frozenset(
    {
        Property.MODE_CODE,
        Property.HORIZONTAL_SPEED,
        Property.VERTICAL_SPEED,
        Property.TOTAL_FLIGHT_TIME,
        Property.ELEVATION,
    }
)
"""A report of none of these says nothing about flying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one report says that flights are derived from. Absent is None; units as in `Property`."""

    at_us: int
    digest: int
    """Over the message's content: of two samples of one moment it makes the order, and the same one twice is one."""
    mode_code: int | None = None
    horizontal_speed_mps: float | None = None
    vertical_speed_mps: float | None = None
    elevation_m: float | None = None
    flight_time_s: float | None = None
    """`total_flight_time`: seconds in all the aircraft's life."""
    sorties: int | None = None
    """`total_flight_sorties`."""
    fix: Fix | None = None
    battery_percent: float | None = None

    @property
    def place(self) -> tuple[float, float] | None:
        """Longitude and latitude."""
        return None if self.fix is None else (self.fix.longitude_deg, self.fix.latitude_deg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """The aircraft left its controller, or is offline."""

    at_us: int
    digest: int = 0


Entry = Sample | Departure


def sample_of(report: Report, digest: int) -> Sample | None:
    """A report as a sample; None where it says nothing about flying."""
    values = report.values
    if _SAMPLED.isdisjoint(values):
        return None
    fix, battery = values.get(Property.FIX), values.get(Property.BATTERY)
    mode, sorties = values.get(Property.MODE_CODE), values.get(Property.TOTAL_FLIGHT_SORTIES)
    return Sample(
        at_us=micros(report.at),
        digest=digest,
        mode_code=mode if isinstance(mode, int) else None,
        horizontal_speed_mps=_number(values.get(Property.HORIZONTAL_SPEED)),
        vertical_speed_mps=_number(values.get(Property.VERTICAL_SPEED)),
        elevation_m=_number(values.get(Property.ELEVATION)),
        flight_time_s=_number(values.get(Property.TOTAL_FLIGHT_TIME)),
        sorties=sorties if isinstance(sorties, int) else None,
        fix=fix if isinstance(fix, Fix) else None,
        battery_percent=battery.capacity_percent if isinstance(battery, Battery) else None,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


@dataclass(slots=True, kw_only=True)
class Flight:
    """One flight as far as it is known."""

    started_us: int
    last_us: int
    """Of the newest sample in it."""
    phase: Phase = Phase.AIRBORNE
    landed_us: int | None = None
    ended_us: int | None = None
    take_off: tuple[float, float] | None = None
    """Longitude and latitude of the last fix on the ground, else of the first in the air."""
    ground_heights_m: tuple[float, ...] = ()
    """Height less elevation of the first samples: the ellipsoidal height of the take-off point, once each."""
    distance_m: float = 0.0
    """Over ground."""
    measured_to: tuple[float, float] | None = None
    """The fix up to which the distance is counted."""
    max_height_m: float | None = None
    max_elevation_m: float | None = None
    battery_percent: float | None = None
    """The newest charge."""
    battery_used_percent: float | None = None
    box: tuple[float, float, float, float] | None = None
    """West, south, east and north of its fixes; from -180 to 180 where it crossed the antimeridian."""

    @property
    def take_off_height_m(self) -> float | None:
        """Of the take-off point, above the WGS 84 ellipsoid."""
        return median(self.ground_heights_m) if self.ground_heights_m else None

    @property
    def started_at(self) -> datetime:
        """The take-off."""
        return from_micros(self.started_us)

    @property
    def last_at(self) -> datetime:
        """The newest report in it."""
        return from_micros(self.last_us)

    @property
    def landed_at(self) -> datetime | None:
        """The landing; None in the air, and where nobody saw it."""
        return None if self.landed_us is None else from_micros(self.landed_us)

    @property
    def ended_at(self) -> datetime | None:
        """The end; None as long as it may go on."""
        return None if self.ended_us is None else from_micros(self.ended_us)

    def measure(self, sample: Sample) -> None:
        """Take a sample into the figures."""
        self.last_us = sample.at_us
        if sample.battery_percent is not None:
            self._measure_battery(sample.battery_percent)
        if sample.elevation_m is not None:
            self.max_elevation_m = _greater(self.max_elevation_m, sample.elevation_m)
        fix = sample.fix
        if fix is None:
            return
        self.max_height_m = _greater(self.max_height_m, fix.height_m)
        if sample.elevation_m is not None and len(self.ground_heights_m) < HEIGHT_SAMPLES:
            self.ground_heights_m = (*self.ground_heights_m, fix.height_m - sample.elevation_m)
        self.measure_way((fix.longitude_deg, fix.latitude_deg))

    def measure_way(self, place: tuple[float, float]) -> None:
        """Go on to a place: longitude and latitude."""
        if self.measured_to is None:
            self.measured_to = place
            self.box = (*place, *place) if self.box is None else _around(self.box, place, self.box[0])
            return
        assert self.box is not None
        self.box = _around(self.box, place, self.measured_to[0])
        step_m = _step_m(self.measured_to, place)
        if step_m >= STEP_M:
            self.distance_m += step_m
            self.measured_to = place

    def _measure_battery(self, percent: float) -> None:
        if self.battery_percent is None:
            self.battery_used_percent = 0.0
        elif percent < self.battery_percent:
            assert self.battery_used_percent is not None
            self.battery_used_percent += self.battery_percent - percent
        self.battery_percent = percent


def _step_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way from one report to the next: short as a rule, and then it costs little."""
    if abs(other[0] - one[0]) < SHORT_DEG and abs(other[1] - one[1]) < SHORT_DEG and abs(one[1]) < 80:
        return hypot(*local_offset(*one, *other))
    return distance_m(*one, *other)


def _greater(held: float | None, value: float) -> float:
    return value if held is None or value > held else held


def _around(
    box: tuple[float, float, float, float], place: tuple[float, float], from_longitude: float
) -> tuple[float, float, float, float]:
    west, south, east, north = box
    longitude, latitude = place
    if abs(longitude - from_longitude) > 180:
        west, east = -180.0, 180.0
    return min(west, longitude), min(south, latitude), max(east, longitude), max(north, latitude)
