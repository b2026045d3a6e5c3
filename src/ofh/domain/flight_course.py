"""The state machine of flights: entries go in by order of time.

How they come into that order is `flight_watch.py`'s matter. Nothing here knows a clock: times are arguments, in
microseconds since 1970 by the aircraft's clock.

Source: the evidence and the states are dji-pilot-2.md, chapter 6.1, rule by rule and row by row.
"""

from copy import copy
from dataclasses import dataclass
from enum import StrEnum

from .flights import Change, Departure, Entry, Flight, FlightRules, Phase, Sample

AIRBORNE_MODES = frozenset({*range(4, 13), *range(15, 22)})
MANUAL_MODE = 3
"""In the air, or on the ground with the motors running."""
GROUND_MODES = frozenset({0, 1, 2})
PREPARING_MODES = frozenset({1, 2})
UPGRADING_MODE = 13
NOT_CONNECTED_MODE = 14


class Evidence(StrEnum):
    """What one sample says."""

    AIRBORNE = "A"
    GROUND = "G"
    UNCLEAR = "?"


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
                    self._take_off_again(entry.at_us, changes)
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

    def _take_off_again(self, at_us: int, changes: Changes) -> None:
        assert self.flight is not None
        self.flight.landed_us = None
        changes.append((Change.RESUMED, at_us, self.flight))
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
