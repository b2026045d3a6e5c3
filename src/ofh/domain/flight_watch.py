"""An aircraft's flights while they may still change: from reports in any order of arrival.

A `FlightWatch` is all that is known of one aircraft's flights while they may still change. It takes samples and
departures in any order of arrival: what is not older than `reorder_us` before the newest is put in its place by time,
so that messages which are late, doubled, or handled by another process give the same flights in the end. Older samples
belong to the history alone.

Two views of it: the *outlook* takes everything heard so far as it stands, and is what people see; the *settled* part,
which no sample can change any more, is what events are told of. Nothing here knows a clock: times are arguments.
Inside, times are microseconds since 1970 by the aircraft's clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .devices import Fix, from_micros, micros
from .flight_course import Changes, Course, Evidence
from .flights import DEFAULT_RULES, Change, Departure, Entry, Flight, FlightRules, Phase, Sample

MAX_WINDOW = 200
"""Entries that may still be overtaken. Ten a second leave room to spare; a sender whose clock stands still, or who
floods, gets the oldest of more settled early, since all of them are played again in each tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What an aircraft's flights look like after an advance of its watch."""

    flights: list[Flight]
    """Those that were open before and those that are new, in order."""
    finished: int
    """How many of these, from the first, nothing can change any more."""
    settled: list[tuple[Change, datetime, int]]
    """What happened that no sample can undo, when, and to which of the flights."""
    phase: Phase
    """Where the aircraft is in its flight, `GROUND` without one."""
    due_at: datetime | None
    """When time alone will change something, by the hub's clock; None: never."""


@dataclass(slots=True)
class _Ahead:
    """The course once all of the window is taken in: what comes next is added to it, instead of all played again."""

    course: Course
    before: Flight | None
    """The flight that the settled course is in, as it goes on here."""
    started: list[Flight]
    """Flights that start in the window."""

    def flights(self, shown: Course) -> list[Flight]:
        """These flights, the one that goes on as it is in a copy of the course."""
        found = self.started if self.before is None else [self.before, *self.started]
        return [shown.flight if shown.flight and flight is self.course.flight else flight for flight in found]

    def take(self, entries: Iterable[Entry], rules: FlightRules) -> None:
        """Go on by these."""
        changes: Changes = []
        for entry in entries:
            self.course.take(entry, rules, changes)
        self.started += [flight for change, _, flight in changes if change is Change.STARTED]


@dataclass(slots=True, kw_only=True)
class FlightWatch:
    """Everything that is known of one aircraft's flights while they may change; it is kept with the aircraft."""

    course: Course = field(default_factory=Course)
    """Of all entries up to the horizon."""
    window: list[Entry] = field(default_factory=list)
    """The entries behind the horizon, in order of time."""
    gateway: str | None = None
    """The controller whose clock the times are by."""
    horizon_us: int | None = None
    """Of the newest entry that is settled: what is not newer comes too late."""
    newest_us: int | None = None
    """Of the newest sample."""
    heard_us: int = 0
    """When that came in, by the hub's clock."""
    flight_ids: list[int] = field(default_factory=list)
    """The numbers that whoever keeps the flights gave to those of the last outlook that had not finished."""
    ahead: _Ahead | None = field(default=None, compare=False, repr=False)
    """Not stored: it follows from the rest."""

    def advance(
        self, entries: Iterable[Entry], now: datetime, *, gateway: str | None = None, rules: FlightRules = DEFAULT_RULES
    ) -> Outlook:
        """Take in what was heard, and what time has done since.

        Args:
            entries: in any order; none where only time passes.
            now: by the hub's clock.
            gateway: the controller that they came by.
        """
        changes: Changes = []
        before = self.course.flight
        now_us = micros(now)
        if gateway is not None and gateway != self.gateway:
            self._change_clock(gateway, rules, changes)
        appended = self._hear(entries, now_us, rules)
        if self.ahead is not None:
            self.ahead.take(appended, rules)
        device_now_us = self._device_time(now_us)
        if device_now_us is not None:
            self._settle(device_now_us - rules.reorder_us, rules, changes)
        self._take(len(self.window) - MAX_WINDOW, rules, changes)
        return self._outlook(before, changes, device_now_us, rules)

    def depart(self, at: datetime | None, now: datetime, rules: FlightRules = DEFAULT_RULES) -> Outlook:
        """The aircraft left its controller, or is offline.

        Args:
            at: by the controller's clock; None where nobody told, and it is now.
        """
        device_now_us = self._device_time(micros(now))
        if device_now_us is None:  # never heard of it: there is nothing to leave
            return self.advance((), now, rules=rules)
        at_us = device_now_us if at is None else micros(at)
        if at_us > device_now_us + rules.reorder_us:  # another controller told, whose clock is ahead of this one's
            at_us = device_now_us
        return self.advance([Departure(at_us=at_us)], now, rules=rules)

    def _device_time(self, now_us: int) -> int | None:
        """What the controller's clock shows at a time of ours; None where nothing is known of it."""
        return None if self.newest_us is None else self.newest_us + max(0, now_us - self.heard_us)

    def _change_clock(self, gateway: str, rules: FlightRules, changes: Changes) -> None:
        """Another controller: what came by the last one is settled, and its clock means nothing any more."""
        self._take(len(self.window), rules, changes)
        self.course.change_clock()
        self.gateway, self.horizon_us, self.newest_us = gateway, None, None
        self.ahead = None

    def _hear(self, entries: Iterable[Entry], now_us: int, rules: FlightRules) -> list[Entry]:
        """Put entries in their places; those that came in order."""
        appended: list[Entry] = []
        for entry in entries:
            if self.horizon_us is not None and entry.at_us <= self.horizon_us:
                continue
            if self.newest_us is not None and entry.at_us < self.newest_us - rules.reorder_us:
                continue
            index = bisect_left(self.window, _place(entry), key=_place)
            if index < len(self.window) and _place(self.window[index]) == _place(entry):
                continue  # the same message again
            if index < len(self.window):
                self.ahead = None  # it was to be known before what has been taken in
            appended.append(entry)
            self.window.insert(index, entry)
            if isinstance(entry, Sample) and (self.newest_us is None or entry.at_us >= self.newest_us):
                self.newest_us, self.heard_us = entry.at_us, now_us
        return appended

    def _settle(self, until_us: int, rules: FlightRules, changes: Changes) -> None:
        """Settle what is older than that, and what time alone did until then.

        A line that stood still delivers all at once what it held up. That is newer than whatever is settled, so it
        counts, though the time for it has passed: a lost flight goes on then.
        """
        self._take(bisect_left(self.window, until_us, key=lambda entry: entry.at_us), rules, changes)
        self.course.pass_time(until_us, rules, changes)

    def _take(self, count: int, rules: FlightRules, changes: Changes) -> None:
        """Settle so many entries; none where it is not above zero."""
        if count <= 0:
            return
        for entry in self.window[:count]:
            self.course.take(entry, rules, changes)
        self.horizon_us = self.window[count - 1].at_us
        del self.window[:count]

    def _outlook(
        self,
        before: Flight | None,
        changes: Changes,
        device_now_us: int | None,
        rules: FlightRules,
    ) -> Outlook:
        known = [] if before is None else [before]
        known += [flight for change, _, flight in changes if change is Change.STARTED]
        finished = [flight for flight in known if flight.ended_us is not None]

        ahead = self._look_ahead(changes, rules)
        shown = ahead.course.copy()
        flights = [*finished, *ahead.flights(shown)]
        if device_now_us is not None:
            shown.pass_time(device_now_us, rules, [])
        return Outlook(
            flights=flights,
            finished=len(finished),
            settled=[
                (change, from_micros(at_us), next(n for n, one in enumerate(known) if one is flight))
                for change, at_us, flight in changes
            ],
            phase=shown.phase,
            due_at=self._due_at(shown, rules),
        )

    def _look_ahead(self, changes: Changes, rules: FlightRules) -> _Ahead:
        """What was settled without changing a flight was in there already, in the same order."""
        if not self.window or changes:  # time alone may have done something to the settled course
            self.ahead = None
        ahead = self.ahead
        if ahead is None:
            course = self.course.copy()
            ahead = _Ahead(course, course.flight, [])
            ahead.take(self.window, rules)
            self.ahead = ahead if self.window else None
        return ahead

    def _due_at(self, ahead: Course, rules: FlightRules) -> datetime | None:
        if self.newest_us is None:
            return None
        reorder_us = rules.reorder_us
        dues = [due_us for due_us in (ahead.due_us(rules),) if due_us is not None]
        if (due_us := self.course.due_us(rules)) is not None:
            dues.append(due_us + reorder_us)
        if self.window:
            dues.append(self.window[-1].at_us + reorder_us + 1)
        return from_micros(self.heard_us + min(dues) - self.newest_us) if dues else None

    # The stored form

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        course = _stored(self.course)
        if self.course.flight is not None:
            course["flight"] = _stored(self.course.flight)
        return {
            "course": course,
            "window": [_entry_to_json(entry) for entry in self.window],
            "gateway": self.gateway,
            "horizon_us": self.horizon_us,
            "newest_us": self.newest_us,
            "heard_us": self.heard_us,
            "flight_ids": self.flight_ids,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "FlightWatch":
        """The watch of its stored form; a new one where there is none or it cannot be read."""
        if not stored:
            return cls()
        try:
            held = dict(stored["course"])
            flight = held.pop("flight", None)
            course = Course(**_loaded(Course, held))
            course.flight = None if flight is None else Flight(**_loaded(Flight, flight))
            return cls(
                course=course,
                window=[_entry_from_json(entry) for entry in stored["window"]],
                gateway=stored["gateway"],
                horizon_us=stored["horizon_us"],
                newest_us=stored["newest_us"],
                heard_us=stored["heard_us"],
                flight_ids=list(stored["flight_ids"]),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return cls()


def _place(entry: Entry) -> tuple[int, bool, int]:
    """The order of entries: by time, departures first."""
    return entry.at_us, isinstance(entry, Sample), entry.digest


_KINDS: Mapping[str, Any] = {"phase": Phase, "run": Evidence}
"""The fields that JSON cannot tell from a text."""


def _stored(item: Course | Flight) -> dict[str, Any]:
    return {name: value for name in item.__slots__ if (value := getattr(item, name)) not in (None, ())}


def _loaded(kind: type[Course] | type[Flight], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that make the item; what another version knew more is left out."""
    return {
        name: _KINDS[name](value) if name in _KINDS else tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in kind.__slots__
    }


def _entry_to_json(entry: Entry) -> list[Any]:
    if isinstance(entry, Departure):
        return [entry.at_us, entry.digest]
    fix = entry.fix
    return [
        entry.at_us,
        entry.digest,
        entry.mode_code,
        entry.horizontal_speed_mps,
        entry.vertical_speed_mps,
        entry.elevation_m,
        entry.flight_time_s,
        entry.sorties,
        None if fix is None else [fix.longitude_deg, fix.latitude_deg, fix.height_m],
        entry.battery_percent,
    ]


def _entry_from_json(stored: list[Any]) -> Entry:
    if len(stored) == 2:
        return Departure(at_us=stored[0], digest=stored[1])
    at_us, digest, mode, across, up, elevation, flight_time, sorties, fix, battery = stored
    return Sample(
        at_us=at_us,
        digest=digest,
        mode_code=mode,
        horizontal_speed_mps=across,
        vertical_speed_mps=up,
        elevation_m=elevation,
        flight_time_s=flight_time,
        sorties=sorties,
        fix=None if fix is None else Fix(longitude_deg=fix[0], latitude_deg=fix[1], height_m=fix[2]),
        battery_percent=battery,
    )
