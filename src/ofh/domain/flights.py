"""Flights, derived from what aircraft report: no message says 'took off' or 'landed'.

Here is the state machine: entries go in by order of time. How they come into that order is `flight_watch.py`'s matter.
Nothing here knows a clock: times are arguments, inside they are microseconds since 1970 by the aircraft's clock.

Source: the evidence and the states are dji-pilot-2.md, chapter 6.1, rule by rule and row by row.
"""

from copy import copy
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


class Evidence(StrEnum):
    """What one sample says."""

    AIRBORNE = "A"
    GROUND = "G"
    UNCLEAR = "?"


class Change(StrEnum):
    """What a flight did."""

    STARTED = "started"
    LANDED = "landed"
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

AIRBORNE_MODES = frozenset({*range(4, 13), *range(15, 22)})
MANUAL_MODE = 3
"""In the air, or on the ground with the motors running."""
GROUND_MODES = frozenset({0, 1, 2})
PREPARING_MODES = frozenset({1, 2})
UPGRADING_MODE = 13
NOT_CONNECTED_MODE = 14

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


Changes = list[tuple[Change, int, Flight]]
"""What happened, when, and to which flight."""


@dataclass(slots=True, kw_only=True)
class Course:
    """The state machine of one aircraft. Entries go in by `take` in order of time."""

    phase: Phase = Phase.GROUND
    flight: Flight | None = None
    """The one that has not ended."""
    last_us: int | None = None
    """Of the last sample."""
    last_mode: int | None = None
    flight_time_s: float | None = None
    flight_time_since_us: int = 0
    """Since when `total_flight_time` has stood at this value."""
    sorties: int | None = None
    """The last number that was told before the aircraft was lost."""
    run: Evidence | None = None
    """What the last samples said without exception."""
    run_since_us: int = 0
    lead_us: int = 0
    """When a flight started, if this run of airborne samples turns out to be one."""
    lead_place: tuple[float, float] | None = None
    """The first place of that run."""
    moved_us: int | None = None
    """When it last showed motion; at first, since when it has been watched."""
    ground_place: tuple[float, float] | None = None
    """The last fix on the ground."""

    def take(self, entry: Entry, rules: FlightRules, changes: Changes) -> None:
        """Go on by one entry, not older than the one before.

        Args:
            changes: what happened is appended.
        """
        self.pass_time(entry.at_us, rules, changes)
        if isinstance(entry, Departure):
            self._depart(changes)
            return
        evidence, is_certain = self._evidence(entry, rules)
        self._note_flight_time(entry)
        self._note_run(entry, evidence, rules)
        match self.phase:
            case Phase.GROUND:
                self._on_ground(entry, evidence, is_certain, rules, changes)
            case Phase.AIRBORNE:
                self._in_the_air(entry, evidence, rules, changes)
            case Phase.LANDED:
                if evidence is Evidence.AIRBORNE:
                    self._take_off_again()
            case Phase.LOST:
                self._while_lost(entry, evidence, changes)
        if evidence is Evidence.GROUND and entry.place is not None:
            self.ground_place = entry.place
        if self.phase is not Phase.LOST and entry.sorties is not None:
            self.sorties = entry.sorties
        if self.flight is not None and self.phase is not Phase.LOST:
            self.flight.measure(entry)
        self.last_us, self.last_mode = entry.at_us, entry.mode_code

    def change_clock(self) -> None:
        """Go on by another clock: by it nothing confirms, or is confirmed by, what came before."""
        self.run, self.last_mode, self.moved_us, self.flight_time_s = None, None, None, None

    def pass_time(self, now_us: int, rules: FlightRules, changes: Changes) -> None:
        """Whatever time alone does until then."""
        if self.last_us is not None and now_us - self.last_us >= rules.lost_after_us:
            self.run = None  # samples that far apart confirm nothing
        while (due_us := self.due_us(rules)) is not None and due_us <= now_us:
            assert self.flight is not None
            if self.phase is Phase.AIRBORNE:
                self._enter(Phase.LOST)
            else:
                self._end(self.flight.last_us if self.flight.landed_us is None else self.flight.landed_us, changes)

    def due_us(self, rules: FlightRules) -> int | None:
        """When time alone will change something; None: never."""
        flight = self.flight
        if flight is None:
            return None
        if self.phase is Phase.AIRBORNE:
            return flight.last_us + rules.lost_after_us
        if self.phase is Phase.LANDED:
            assert flight.landed_us is not None
            return flight.landed_us + rules.ended_after_landing_us
        return flight.last_us + rules.ended_after_loss_us

    # Evidence

    def _evidence(self, sample: Sample, rules: FlightRules) -> tuple[Evidence, bool]:
        """What the sample says, and whether it says so by the mode alone."""
        mode = sample.mode_code
        across = sample.horizontal_speed_mps or 0.0
        up = abs(sample.vertical_speed_mps or 0.0)
        elevation = sample.elevation_m or 0.0
        found, is_certain = Evidence.UNCLEAR, False
        if mode in AIRBORNE_MODES:
            found, is_certain = Evidence.AIRBORNE, True
        elif mode == MANUAL_MODE:
            if elevation > 0.5 or across > 0.5 or up > 0.3:
                found = Evidence.AIRBORNE
        elif mode in GROUND_MODES:
            if not (across > 2 and abs(elevation) > 2):
                found = Evidence.GROUND
        elif mode == UPGRADING_MODE:
            found = Evidence.GROUND
        elif mode != NOT_CONNECTED_MODE:
            found = self._without_mode(sample, across, up, rules)
        if found is Evidence.AIRBORNE:
            self.moved_us = sample.at_us
        return found, is_certain

    def _without_mode(self, sample: Sample, across: float, up: float, rules: FlightRules) -> Evidence:
        grew = (
            sample.flight_time_s is not None
            and self.flight_time_s is not None
            and sample.flight_time_s > self.flight_time_s
        )
        if across > 1 or up > 0.5 or grew:
            return Evidence.AIRBORNE
        if self.moved_us is None:
            self.moved_us = sample.at_us
        return Evidence.GROUND if sample.at_us - self.moved_us >= rules.still_for_us else Evidence.UNCLEAR

    def _note_flight_time(self, sample: Sample) -> None:
        if sample.flight_time_s is not None and sample.flight_time_s != self.flight_time_s:
            self.flight_time_s, self.flight_time_since_us = sample.flight_time_s, sample.at_us

    def _stands_still(self, sample: Sample, rules: FlightRules) -> bool:
        """Whether the counter of flight time stands; whole seconds at 10 Hz do, for less than a second."""
        return sample.flight_time_s is not None and sample.at_us - self.flight_time_since_us >= rules.confirmed_after_us

    def _note_run(self, sample: Sample, evidence: Evidence, rules: FlightRules) -> None:
        if evidence is self.run and evidence is not Evidence.UNCLEAR:
            return
        self.run, self.run_since_us = evidence, sample.at_us
        if evidence is not Evidence.AIRBORNE:
            return
        self.lead_us = sample.at_us
        self.lead_place = sample.place
        if (
            self.last_us is not None
            and self.last_mode in PREPARING_MODES
            and sample.at_us - self.last_us <= rules.preparing_within_us
        ):
            self.lead_us = self.last_us

    def _is_confirmed(self, sample: Sample, rules: FlightRules) -> bool:
        return sample.at_us - self.run_since_us >= rules.confirmed_after_us

    # The rows of the table of states

    def _on_ground(
        self,
        sample: Sample,
        evidence: Evidence,
        is_certain: bool,
        rules: FlightRules,
        changes: Changes,
    ) -> None:
        if evidence is not Evidence.AIRBORNE:
            return
        is_first = self.last_us is None  # a hub that starts in mid-flight
        if is_certain or is_first or self._is_confirmed(sample, rules):
            self._open(sample, changes)

    def _in_the_air(self, sample: Sample, evidence: Evidence, rules: FlightRules, changes: Changes) -> None:
        if evidence is Evidence.GROUND and (self._is_confirmed(sample, rules) or self._stands_still(sample, rules)):
            self._land(self.run_since_us, changes)

    def _while_lost(self, sample: Sample, evidence: Evidence, changes: Changes) -> None:
        assert self.flight is not None
        if evidence is Evidence.GROUND:
            self._land(sample.at_us, changes)
        elif evidence is Evidence.AIRBORNE:
            if sample.sorties is not None and self.sorties is not None and sample.sorties > self.sorties:
                self._end(self.flight.last_us, changes)  # it landed and took off unseen
                self._note_lead(sample)
                self._open(sample, changes)
            else:
                self._enter(Phase.AIRBORNE)

    def _depart(self, changes: Changes) -> None:
        self.run = None
        if self.phase is Phase.AIRBORNE:
            self._enter(Phase.LOST)
        elif self.phase is Phase.LANDED:
            assert self.flight is not None
            assert self.flight.landed_us is not None
            self._end(self.flight.landed_us, changes)

    def _note_lead(self, sample: Sample) -> None:
        self.run, self.run_since_us, self.lead_us = Evidence.AIRBORNE, sample.at_us, sample.at_us
        self.lead_place = sample.place
        self.ground_place = None

    def _open(self, sample: Sample, changes: Changes) -> None:
        self.flight = Flight(started_us=self.lead_us, last_us=sample.at_us)
        self.flight.take_off = self.ground_place or self.lead_place or sample.place
        if self.lead_place is not None:
            self.flight.measure_way(self.lead_place)
        changes.append((Change.STARTED, self.lead_us, self.flight))
        self._enter(Phase.AIRBORNE)

    def _land(self, at_us: int, changes: Changes) -> None:
        assert self.flight is not None
        self.flight.landed_us = at_us
        changes.append((Change.LANDED, at_us, self.flight))
        self._enter(Phase.LANDED)

    def _take_off_again(self) -> None:
        assert self.flight is not None
        self.flight.landed_us = None
        self._enter(Phase.AIRBORNE)

    def _end(self, at_us: int, changes: Changes) -> None:
        assert self.flight is not None
        self.flight.ended_us = at_us
        changes.append((Change.ENDED, at_us, self.flight))
        self._enter(Phase.ENDED)
        self.phase, self.flight, self.run = Phase.GROUND, None, None

    def _enter(self, phase: Phase) -> None:
        assert self.flight is not None
        self.phase = self.flight.phase = phase

    def copy(self) -> "Course":
        """A course that goes on without this one."""
        other = copy(self)
        if other.flight is not None:
            other.flight = copy(other.flight)
        return other
