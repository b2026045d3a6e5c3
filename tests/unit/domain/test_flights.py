"""Flights of made-up reports with made-up clocks: every row of the table of states, and any order of arrival."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.dji.envelope import decode
from ofh.dji.properties import decode_aircraft
from ofh.domain.devices import Fix, Property, Report, from_micros, micros
from ofh.domain.flight_watch import MAX_WINDOW, FlightWatch, Outlook
from ofh.domain.flights import Change, Departure, Entry, Flight, FlightRules, Phase, Sample, sample_of
from tests.captures.reader import capture, messages, names

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
STANDBY, PREPARING, MANUAL, TAKING_OFF, WAYLINE, LANDING, NOT_CONNECTED = 0, 1, 3, 4, 5, 11, 14


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(seconds: float, mode: int | None = None, **values: Any) -> Sample:
    """A sample so many seconds after the start; each has a digest of its own."""
    at_us = micros(at(seconds))
    return Sample(at_us=at_us, digest=values.pop("digest", at_us), mode_code=mode, **values)


def flying(seconds: float, **values: Any) -> Sample:
    return sample(seconds, WAYLINE, **{"elevation_m": 50.0, "horizontal_speed_mps": 8.0, **values})


def standing(seconds: float, **values: Any) -> Sample:
    return sample(seconds, STANDBY, **{"elevation_m": 0.0, "horizontal_speed_mps": 0.0, **values})


def every(step: float, first: float, last: float) -> Iterable[float]:
    """Times from the first to the last, both included."""
    return (first + step * n for n in range(int((last - first) / step + 1e-9) + 1))


class Story:
    """One aircraft whose entries are told one by one, by a clock that shows the same as ours."""

    def __init__(self, rules: FlightRules | None = None) -> None:
        self.watch = FlightWatch()
        self.rules = rules or FlightRules()
        self.told: list[tuple[str, float]] = []
        self.ended: list[Flight] = []
        self.outlook: Outlook | None = None

    def hear(self, *entries: Entry, gateway: str = "RC1") -> "Story":
        for entry in entries:
            now = max(START, datetime.fromtimestamp(entry.at_us / 1e6, UTC))
            self._note(self.watch.advance([entry], now, gateway=gateway, rules=self.rules))
        return self

    def wait_until(self, seconds: float) -> "Story":
        self._note(self.watch.advance((), at(seconds), rules=self.rules))
        return self

    def advance(self, *entries: Entry, at_seconds: float) -> None:
        """Entries that come in at a time of the hub's own."""
        self._note(self.watch.advance(entries, at(at_seconds), gateway="RC1", rules=self.rules))

    def _note(self, outlook: Outlook) -> None:
        self.outlook = outlook
        self.told += [(change.value, (when - START).total_seconds()) for change, when, _ in outlook.settled]
        self.ended += outlook.flights[: outlook.finished]
        self.watch = FlightWatch.from_json(orjson.loads(orjson.dumps(self.watch.to_json())))  # as the database does

    @property
    def current(self) -> Flight:
        assert self.outlook is not None
        assert self.outlook.phase is not Phase.GROUND
        return self.outlook.flights[-1]

    @property
    def phase(self) -> Phase:
        assert self.outlook is not None
        return self.outlook.phase


def seconds_of(when: datetime | None) -> float | None:
    return None if when is None else (when - START).total_seconds()


# Ground → airborne


def test_a_flying_mode_opens_a_flight_at_once() -> None:
    story = Story().hear(standing(0), standing(2), flying(4))
    assert story.phase is Phase.AIRBORNE
    assert seconds_of(story.current.started_at) == 4


def test_it_starts_with_the_preparation_that_came_just_before() -> None:
    story = Story().hear(standing(0), sample(2, PREPARING), sample(4, TAKING_OFF, elevation_m=0.8))
    assert seconds_of(story.current.started_at) == 2


def test_a_preparation_that_is_long_ago_does_not_count() -> None:
    story = Story().hear(sample(2, PREPARING), sample(12.1, TAKING_OFF, elevation_m=0.8))
    assert seconds_of(story.current.started_at) == 12.1


def test_by_hand_it_takes_two_samples_and_the_first_is_the_start() -> None:
    story = Story().hear(standing(0), sample(2, MANUAL, elevation_m=0.6))
    assert story.phase is Phase.GROUND
    story.hear(sample(4, MANUAL, elevation_m=3.0))
    assert story.phase is Phase.AIRBORNE
    assert seconds_of(story.current.started_at) == 2


def test_two_samples_that_confirm_each_other_are_a_second_apart() -> None:
    story = Story().hear(standing(0), *(sample(1 + n / 10, MANUAL, elevation_m=0.6) for n in range(10)))
    assert story.phase is Phase.GROUND
    story.hear(sample(2, MANUAL, elevation_m=0.6))
    assert story.phase is Phase.AIRBORNE
    assert seconds_of(story.current.started_at) == 1


def test_an_unclear_sample_between_them_confirms_nothing() -> None:
    story = Story().hear(
        standing(0),
        sample(2, MANUAL, elevation_m=0.6),
        sample(4, MANUAL, elevation_m=0.2),
        sample(6, MANUAL, elevation_m=0.6),
    )
    assert story.phase is Phase.GROUND


def test_running_motors_on_the_ground_are_no_flight() -> None:
    story = Story().hear(standing(0), *(sample(2 * n, MANUAL, elevation_m=0.1) for n in range(1, 20)), standing(40))
    story.wait_until(200)
    assert story.told == []


def test_a_hub_that_starts_in_mid_flight_opens_one_at_the_first_sample() -> None:
    story = Story().hear(sample(0, MANUAL, elevation_m=30.0))
    assert story.phase is Phase.AIRBORNE
    assert seconds_of(story.current.started_at) == 0


def test_one_stale_field_on_the_ground_is_unclear() -> None:
    story = Story().hear(flying(0), *(standing(n, horizontal_speed_mps=3.0, elevation_m=20.0) for n in (2, 4, 6)))
    assert story.phase is Phase.AIRBORNE


def test_an_upgrade_is_on_the_ground_and_a_missing_link_says_nothing() -> None:
    assert Story().hear(flying(0), sample(2, 13), sample(4, 13)).phase is Phase.LANDED
    assert Story().hear(flying(0), sample(2, NOT_CONNECTED), sample(4, NOT_CONNECTED)).phase is Phase.AIRBORNE


# Without a mode


@pytest.mark.parametrize(
    "values",
    [
        [{"horizontal_speed_mps": 1.1}, {"horizontal_speed_mps": 1.1}],
        [{"vertical_speed_mps": -0.6}, {"vertical_speed_mps": -0.6}],
        [{"flight_time_s": 12.0}, {"flight_time_s": 14.0}],
    ],
    ids=["across", "down", "counter"],
)
@pytest.mark.parametrize("mode", [None, 99])
def test_without_a_known_mode_motion_tells(values: Sequence[dict[str, Any]], mode: int | None) -> None:
    story = Story().hear(standing(0, flight_time_s=10.0), sample(2, mode, **values[0]), sample(4, mode, **values[1]))
    assert story.phase is Phase.AIRBORNE
    assert seconds_of(story.current.started_at) == 2


def test_without_a_known_mode_ten_seconds_of_stillness_are_the_ground() -> None:
    story = Story().hear(sample(0, horizontal_speed_mps=5.0), *(sample(n, horizontal_speed_mps=0.0) for n in (2, 8)))
    assert story.phase is Phase.AIRBORNE
    story.hear(sample(10, horizontal_speed_mps=0.0), sample(12, horizontal_speed_mps=0.0))
    assert story.phase is Phase.LANDED
    assert seconds_of(story.current.landed_at) == 10


# Airborne → landed


def test_two_samples_on_the_ground_are_a_landing_at_the_first() -> None:
    story = Story().hear(flying(0), flying(2), standing(4))
    assert story.phase is Phase.AIRBORNE
    story.hear(standing(6))
    assert story.phase is Phase.LANDED
    assert seconds_of(story.current.landed_at) == 4


def test_one_sample_is_enough_where_the_counter_stands_still() -> None:
    story = Story().hear(
        flying(0, flight_time_s=100.0), flying(2, flight_time_s=102.0), standing(4, flight_time_s=102.0)
    )
    assert story.phase is Phase.LANDED
    assert seconds_of(story.current.landed_at) == 4


def test_a_counter_of_whole_seconds_does_not_stand_still_at_ten_hertz() -> None:
    story = Story().hear(*(flying(n / 10, flight_time_s=float(100 + n // 10)) for n in range(30)))
    story.hear(standing(2.95, flight_time_s=102.0))
    assert story.phase is Phase.AIRBORNE


def test_mode_eleven_belongs_to_the_landing() -> None:
    story = Story().hear(flying(0), sample(2, LANDING, elevation_m=0.0), sample(4, LANDING, elevation_m=0.0))
    assert story.phase is Phase.AIRBORNE


# Airborne → lost


def test_silence_loses_it_and_its_return_finds_the_same_flight() -> None:
    story = Story().hear(flying(0, sorties=7), flying(2, sorties=7)).wait_until(31.9)
    assert story.phase is Phase.AIRBORNE
    story.wait_until(32)
    assert story.phase is Phase.LOST
    assert story.current.landed_at is None
    story.hear(flying(95, sorties=7), flying(97, sorties=7))
    assert story.phase is Phase.AIRBORNE
    story.wait_until(103)
    assert story.told == [("started", 0)]


def test_a_topology_without_it_loses_it_at_once() -> None:
    story = Story().hear(flying(0), Departure(at_us=micros(at(1))))
    assert story.phase is Phase.LOST


def test_found_on_the_ground_it_has_landed_there_and_then() -> None:
    story = Story().hear(flying(0), flying(2), standing(200))
    assert story.phase is Phase.LANDED
    assert seconds_of(story.current.landed_at) == 200
    story.wait_until(400)
    assert story.told == [("started", 0), ("landed", 200), ("ended", 200)]


def test_a_new_sortie_ends_the_lost_flight_and_begins_another() -> None:
    story = Story().hear(flying(0, sorties=7), flying(2, sorties=7), flying(95, sorties=8), flying(101, sorties=8))
    assert story.told == [("started", 0), ("ended", 2), ("started", 95)]
    [ended] = story.ended
    assert ended.landed_at is None
    assert seconds_of(ended.ended_at) == 2


def test_a_growing_counter_of_sorties_means_nothing_while_it_is_heard() -> None:
    story = Story().hear(flying(0, sorties=7), flying(2, sorties=8), flying(4, sorties=8), flying(10, sorties=8))
    assert story.told == [("started", 0)]


def test_a_flight_that_is_lost_for_ten_minutes_has_ended_with_its_last_sample() -> None:
    story = Story().hear(flying(0), flying(2)).wait_until(601.9)
    assert story.phase is Phase.LOST
    story.wait_until(602)
    assert story.phase is Phase.GROUND
    story.wait_until(607)
    assert story.told == [("started", 0), ("ended", 2)]


def test_a_return_after_that_is_another_flight() -> None:
    story = Story().hear(flying(0), flying(2), flying(603), flying(609))
    assert story.told == [("started", 0), ("ended", 2), ("started", 603)]


# Landed →


def test_going_up_within_a_minute_goes_on_with_the_flight() -> None:
    story = Story().hear(flying(0), standing(4), standing(6))
    assert story.phase is Phase.LANDED
    story.hear(*(standing(n) for n in every(2, 8, 60)), flying(62))
    assert story.phase is Phase.AIRBORNE
    assert story.current.landed_at is None
    story.hear(flying(68))
    assert story.told == [("started", 0), ("landed", 4), ("resumed", 62)]


def test_after_a_minute_on_the_ground_the_flight_has_ended_with_its_landing() -> None:
    story = Story().hear(flying(0), *(standing(n) for n in every(2, 4, 64)))
    assert story.phase is Phase.GROUND
    story.hear(flying(66), flying(72))
    assert story.told == [("started", 0), ("landed", 4), ("ended", 4), ("started", 66)]


def test_an_aircraft_that_is_switched_off_after_landing_has_ended_its_flight() -> None:
    story = Story().hear(flying(0), standing(4), standing(6), Departure(at_us=micros(at(8))))
    assert story.phase is Phase.GROUND
    story.wait_until(13.1)
    assert story.told == [("started", 0), ("landed", 4), ("ended", 4)]


def test_silence_after_landing_ends_it_too() -> None:
    story = Story().hear(flying(0), standing(4), standing(6)).wait_until(70)
    assert story.told == [("started", 0), ("landed", 4), ("ended", 4)]


# What comes late, twice, or by another controller


def test_what_was_held_up_on_its_way_counts_in_its_order() -> None:
    """A line that stood still for ten seconds: nothing is older than what was heard before."""
    story = Story().hear(flying(0), flying(2)).wait_until(14)
    for entry in (flying(4), standing(6), standing(8), standing(10), standing(12)):
        story.advance(entry, at_seconds=14)
    assert story.phase is Phase.LANDED
    assert seconds_of(story.current.landed_at) == 6


def test_after_a_longer_hold_up_a_lost_flight_goes_on() -> None:
    story = Story().hear(flying(0), flying(2)).wait_until(50)
    assert story.phase is Phase.LOST
    for second in every(2, 4, 50):
        story.advance(flying(second), at_seconds=50)
    assert story.phase is Phase.AIRBORNE
    story.wait_until(56)
    assert story.told == [("started", 0)]


def test_a_clock_that_stands_still_does_not_fill_the_window() -> None:
    """A sender may put any number of messages into one moment; all of them are played again in each tick."""
    story = Story().hear(standing(0))
    for n in range(3 * MAX_WINDOW):
        story.hear(flying(1, digest=n))
    assert len(story.watch.window) == MAX_WINDOW
    assert story.told == [("started", 1)]


def test_the_new_controllers_clock_confirms_nothing_of_the_old_ones() -> None:
    story = Story().hear(standing(298), sample(300, PREPARING))
    story.hear(sample(60, TAKING_OFF, elevation_m=0.8), gateway="RC2")
    assert seconds_of(story.current.started_at) == 60
    story = Story().hear(standing(0), sample(2, MANUAL, elevation_m=0.6))
    story.hear(sample(60, MANUAL, elevation_m=0.6), gateway="RC2")
    assert story.phase is Phase.GROUND


def test_a_departure_by_a_clock_that_is_far_ahead_is_now() -> None:
    """Of a controller that is not the one whose reports count: its clock may show something else."""
    watch = FlightWatch()
    watch.advance([flying(0)], at(0), gateway="RC1")
    watch.depart(at(200), at(1))
    assert watch.window[-1] == Departure(at_us=micros(at(1)))
    watch.depart(at(5.5), at(2))
    assert watch.window[-1] == Departure(at_us=micros(at(5.5)))


def test_what_is_more_than_five_seconds_late_changes_nothing() -> None:
    story = Story().hear(standing(0), standing(10), flying(4.9))
    story.wait_until(60)
    assert story.told == []
    story = Story().hear(standing(0), standing(10), flying(5))
    story.wait_until(60)
    assert story.told == [("started", 5)]


def test_a_late_sample_takes_back_what_was_only_expected() -> None:
    story = Story().hear(standing(0), sample(2, MANUAL, elevation_m=0.6), sample(5, MANUAL, elevation_m=0.6))
    assert story.phase is Phase.AIRBORNE
    story.hear(standing(3))
    assert story.phase is Phase.GROUND
    story.wait_until(60)
    assert story.told == []


def test_nothing_is_told_before_it_is_settled() -> None:
    story = Story().hear(standing(0), flying(2), flying(4), flying(6))
    assert story.told == []
    story.hear(flying(7.1))
    assert story.told == [("started", 2)]


def test_another_controllers_clock_may_be_behind() -> None:
    story = Story().hear(flying(100), flying(102))
    story.hear(flying(60), flying(62), standing(64), standing(66), gateway="RC2")
    assert story.phase is Phase.LANDED
    assert story.told == [("started", 100)]


def test_time_goes_on_by_the_controllers_clock() -> None:
    """The controller's clock is two minutes behind: silence is counted from when it was heard."""
    watch = FlightWatch()
    watch.advance([flying(0)], at(120), gateway="RC1")
    assert watch.advance((), at(149.9)).phase is Phase.AIRBORNE
    assert watch.advance((), at(150)).phase is Phase.LOST


def test_it_says_when_to_look_again() -> None:
    watch = FlightWatch()
    outlook = watch.advance([flying(0)], at(120), gateway="RC1")
    assert outlook.due_at == at(125) + timedelta(microseconds=1)
    for expected in (at(150), at(155), at(720), at(725)):
        assert outlook.due_at is not None
        outlook = watch.advance((), outlook.due_at)
        assert outlook.due_at == expected
    assert outlook.due_at is not None
    assert watch.advance((), outlook.due_at).due_at is None


def test_on_the_ground_nothing_is_due() -> None:
    watch = FlightWatch()
    watch.advance([standing(0)], at(0), gateway="RC1")
    outlook = watch.advance((), at(6))
    assert outlook.due_at is None
    assert outlook.flights == []


# Figures


def fix(east_deg: float, height: float = 1000.0) -> Fix:
    return Fix(longitude_deg=east_deg, latitude_deg=0.0, height_m=height)


DEGREE_M = 111_319.49
"""Of longitude on the equator."""


def test_distance_heights_and_battery() -> None:
    story = Story().hear(
        standing(0, fix=fix(0.0, 996.0), battery_percent=91.0),
        flying(2, fix=fix(0.0, 1000.0), elevation_m=4.0, battery_percent=90.0),
        flying(4, fix=fix(0.001, 1046.0), elevation_m=50.0, battery_percent=88.0),
        flying(6, fix=None, elevation_m=60.0, battery_percent=85.0),
        flying(8, fix=fix(0.003, 1030.0), elevation_m=34.0, battery_percent=84.0),
    )
    flight = story.current
    assert flight.distance_m == pytest.approx(0.003 * DEGREE_M, rel=1e-5)
    assert flight.max_height_m == 1046.0
    assert flight.max_elevation_m == 60.0
    assert flight.battery_used_percent == 6.0
    assert flight.take_off == (0.0, 0.0)
    assert flight.take_off_height_m == 996.0
    assert flight.box == (0.0, 0.0, 0.003, 0.0)


def test_take_off_without_a_fix_on_the_ground_is_the_first_in_the_air() -> None:
    story = Story().hear(standing(0), flying(2), flying(4, fix=fix(0.5)))
    assert story.current.take_off is None
    story = Story().hear(flying(2, fix=fix(0.5)), flying(4, fix=fix(0.6)))
    assert story.current.take_off == (0.5, 0.0)


def test_hovering_is_no_distance() -> None:
    jitter = [fix(0.1 + (n % 2) * 2e-6) for n in range(100)]  # 0.2 m to and fro
    story = Story().hear(*(flying(n, fix=one) for n, one in enumerate(jitter)))
    assert story.current.distance_m == 0.0


def test_a_flight_across_the_antimeridian_has_a_box_around_the_globe() -> None:
    story = Story().hear(flying(0, fix=fix(179.999)), flying(2, fix=fix(-179.999)))
    assert story.current.box == (-180.0, 0.0, 180.0, 0.0)
    assert story.current.distance_m == pytest.approx(0.002 * DEGREE_M, rel=1e-4)


def test_exchanged_batteries_add_up() -> None:
    story = Story().hear(flying(0, battery_percent=50.0), standing(2, battery_percent=40.0), standing(4))
    story.hear(flying(30, battery_percent=100.0), flying(32, battery_percent=70.0))
    assert story.current.battery_used_percent == 40.0


def test_a_report_that_says_nothing_about_flying_is_no_sample() -> None:
    assert sample_of(Report(at=START, values={Property.FIX: fix(1.0)}), 1) is None
    found = sample_of(Report(at=START, values={Property.MODE_CODE: 5, Property.FIX: fix(1.0)}), 7)
    assert found == Sample(at_us=micros(START), digest=7, mode_code=5, fix=fix(1.0))


# Any order


@st.composite
def flights(draw: st.DrawFn) -> list[Entry]:
    """Some minutes of an aircraft's life at a steady rate, with stretches of every kind."""
    entries: list[Entry] = []
    now, step = 0.0, draw(st.sampled_from([0.5, 2.0]))
    sorties = 5
    for kind in draw(st.lists(st.sampled_from(["ground", "air", "hand", "still", "silence", "gone"]), max_size=9)):
        if kind == "silence":
            now += draw(st.sampled_from([20.0, 29.0, 31.0, 61.0, 601.0]))
            sorties += draw(st.integers(0, 1))
            continue
        if kind == "gone":
            entries.append(Departure(at_us=micros(at(now))))
            now += step
            continue
        for _ in range(draw(st.integers(1, 8))):
            place = fix(now / 10_000, 1000 + now)
            values: dict[str, Any] = {"sorties": sorties, "fix": place, "battery_percent": 100 - now / 20}
            mode = {"ground": STANDBY, "air": WAYLINE, "hand": MANUAL, "still": None}[kind]
            if kind != "still":
                values["elevation_m"] = 0.0 if kind == "ground" else 0.7
            entries.append(sample(now, mode, **values))
            now += step
    return entries


def told(batches: Iterable[Sequence[Entry]], *, end: datetime) -> tuple[list[tuple[str, datetime]], list[Any]]:
    """What is told of an aircraft, and its flights, once all is heard and settled."""
    watch, changes, ended = FlightWatch(), [], []
    newest = START
    for batch in batches:
        newest = max([newest, *(datetime.fromtimestamp(entry.at_us / 1e6, UTC) for entry in batch)])
        outlook = watch.advance(batch, newest, gateway="RC1")
        changes += [(change.value, when) for change, when, _ in outlook.settled]
        ended += outlook.flights[: outlook.finished]
    outlook = watch.advance((), end)
    changes += [(change.value, when) for change, when, _ in outlook.settled]
    ended += outlook.flights
    return changes, [dataclasses.asdict(flight) for flight in ended]


@given(flights(), st.data())
def test_any_order_within_the_tolerance_and_any_doubling_gives_the_same_flights(
    entries: list[Entry], data: st.DataObject
) -> None:
    end = at(100_000)
    expected = told([[entry] for entry in entries], end=end)
    late = [data.draw(st.floats(0, 4.999)) for _ in entries]
    arrivals = [(entry.at_us + delay * 1e6, entry) for entry, delay in zip(entries, late, strict=True)]
    arrivals += [
        (entry.at_us + data.draw(st.floats(0, 4.999)) * 1e6, entry)
        for entry in entries
        if data.draw(st.booleans(), label="twice")
    ]
    order = [entry for _, entry in sorted(arrivals, key=lambda arrival: arrival[0])]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=5)))
    batches = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    assert told(batches, end=end) == expected
    assert told([[entry] for entry in order], end=end) == expected


@given(flights(), st.lists(st.floats(0, 1), max_size=8), st.data())
def test_looking_at_any_time_changes_nothing(entries: list[Entry], looks: list[float], data: st.DataObject) -> None:
    """Two processes take turns with one stored watch, each message comes within the tolerance, and both look now and
    then for what time alone does."""
    expected = told([[entry] for entry in entries], end=at(100_000))
    arrivals = sorted(
        [(from_micros(entry.at_us) + timedelta(seconds=data.draw(st.floats(0, 4.999))), [entry]) for entry in entries],
        key=lambda arrival: arrival[0],
    )
    last = arrivals[-1][0] if arrivals else START
    visits = [*arrivals, *((START + look * (last - START), []) for look in looks)]
    stored: dict[str, Any] = {}
    changes, found = [], []
    for now, batch in [*sorted(visits, key=lambda visit: visit[0]), (at(100_000), [])]:
        watch = FlightWatch.from_json(stored)
        outlook = watch.advance(batch, now, gateway="RC1" if batch else None)
        stored = orjson.loads(orjson.dumps(watch.to_json()))
        changes += [(change.value, when) for change, when, _ in outlook.settled]
        found += outlook.flights[: outlook.finished]
        assert outlook.due_at is None or outlook.due_at > now
    assert (changes, [dataclasses.asdict(flight) for flight in found]) == expected


@given(flights(), st.data())
def test_a_watch_that_is_kept_says_what_a_stored_one_says(entries: list[Entry], data: st.DataObject) -> None:
    """What a kept one has played already it does not play again: late, held up, doubled or by another controller."""
    delays = st.one_of(st.just(0.0), st.floats(0, 4.999), st.floats(5, 700))
    gateways = st.sampled_from([*["RC1"] * 8, "RC2", None])
    visits = [(from_micros(entry.at_us) + timedelta(seconds=data.draw(delays)), [entry]) for entry in entries]
    visits += [
        (visit[0] + timedelta(seconds=data.draw(delays)), visit[1] * data.draw(st.integers(0, 1))) for visit in visits
    ]
    kept, stored = FlightWatch(), FlightWatch().to_json()
    for now, batch in sorted(visits, key=lambda visit: visit[0]):
        gateway = data.draw(gateways)
        read = FlightWatch.from_json(orjson.loads(orjson.dumps(stored)))
        assert kept.advance(batch, now, gateway=gateway) == read.advance(batch, now, gateway=gateway)
        stored = read.to_json()
        assert kept.to_json() == stored


@given(flights())
def test_events_are_told_in_a_sound_order(entries: list[Entry]) -> None:
    changes, found = told([entries], end=at(100_000))
    kinds = [change for change, _ in changes]
    assert kinds.count("started") == kinds.count("ended") == len(found)
    is_open = False
    for kind in kinds:
        assert is_open is (kind != Change.STARTED)
        is_open = kind != Change.ENDED
    for flight in found:
        assert flight["started_us"] <= flight["ended_us"]


@given(flights())
def test_who_hears_the_events_alone_knows_whether_it_flies(entries: list[Entry]) -> None:
    """Of what is settled: an event is all that a dashboard gets."""
    after = {
        Change.STARTED: {Phase.AIRBORNE, Phase.LOST},
        Change.LANDED: {Phase.LANDED},
        Change.RESUMED: {Phase.AIRBORNE, Phase.LOST},
        Change.ENDED: {Phase.GROUND},
    }
    watch, heard = FlightWatch(), {Phase.GROUND}
    for entry in [*entries, None]:
        now = at(100_000) if entry is None else max(START, from_micros(entry.at_us))
        outlook = watch.advance([] if entry is None else [entry], now, gateway=None if entry is None else "RC1")
        for change, _, _ in outlook.settled:
            heard = after[change]
        assert watch.course.phase in heard


def test_a_stored_form_that_cannot_be_read_begins_anew() -> None:
    watch = FlightWatch()
    watch.advance([standing(0), flying(2), flying(4)], at(4), gateway="RC1")
    stored = json.loads(orjson.dumps(watch.to_json()))
    assert FlightWatch.from_json(stored) == watch
    assert FlightWatch.from_json({"course": 7}) == FlightWatch()
    assert FlightWatch.from_json({**stored, "course": {**stored["course"], "of_a_later_version": 1}}) == watch


# The sequences of dji-samples, as their README states


def sequence(name: str) -> list[Flight]:
    """The flights of a capture, heard by a clock that shows the same as the aircraft's."""
    watch, found = FlightWatch(), []
    now = START
    for n, message in enumerate(messages(name)):
        envelope = decode(json.dumps(message["payload"]).encode())
        assert envelope.sent_at is not None
        now = envelope.sent_at
        entry: Entry | None = Departure(at_us=micros(now))
        if message["topic"].endswith("/osd"):
            entry = sample_of(Report(at=now, values=decode_aircraft(envelope.data)), n)
        elif envelope.data["sub_devices"]:
            continue
        assert entry is not None
        outlook = watch.advance([entry], now, gateway="RC1")
        found += outlook.flights[: outlook.finished]
    return found + watch.advance((), now).flights


@pytest.mark.parametrize("name", names("mqtt-sequence-"))
def test_a_captured_sequence_gives_what_is_expected_of_it(name: str) -> None:
    expected = capture(name)["expect"]
    found = sequence(name)
    assert len(found) == expected.get("flights", 1)
    if "started_at_ms" in expected:
        assert found[0].started_us == expected["started_at_ms"] * 1000
    if "landed_at_ms" in expected:
        landed_ms = expected["landed_at_ms"]
        assert found[0].landed_us == (None if landed_ms is None else landed_ms * 1000)
