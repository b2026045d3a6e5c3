"""The flight model: the same seed flies the same way, and no way that an aircraft could not."""

from functools import cache
from itertools import pairwise
from math import hypot

import pytest

from ofh.domain.geodesy import bearing_deg, distance_m
from ofh.simulator import messages
from ofh.simulator.aircraft import (
    CLIMB_MPS,
    DESCENT_MPS,
    MAX_ACCELERATION_MPS2,
    STEP_S,
    Aircraft,
    Base,
    Phase,
    Reason,
)
from ofh.simulator.models import AIRCRAFT_MODELS

BASE = Base(longitude_deg=9.9539, latitude_deg=50.498, height_m=996.4)
LEGAL = {
    (0, 1),
    (1, 2),
    (2, 4),
    (4, 3),
    (4, 5),
    (3, 9),
    (5, 9),
    (9, 10),
    (10, 11),
    (11, 0),
}


def an_aircraft(index: int, seed: int = 1) -> Aircraft:
    return Aircraft(model=AIRCRAFT_MODELS[index % len(AIRCRAFT_MODELS)], serial="S", base=BASE, seed=seed, index=index)


@pytest.fixture(params=range(len(AIRCRAFT_MODELS)))
def aircraft(request: pytest.FixtureRequest) -> Aircraft:
    return an_aircraft(request.param)


def fly(aircraft: Aircraft, seconds: float) -> list[messages.Json]:
    """What it reports in that time, twice a second."""
    samples = []
    for _ in range(int(seconds * 2)):
        aircraft.advance(0.5)
        samples.append(messages.aircraft_osd(aircraft))
    return samples


def fly_once(aircraft: Aircraft) -> list[messages.Json]:
    """One whole sortie, with some time on the ground after it."""
    samples = []
    while aircraft.phase is not Phase.STOPPING:
        samples += fly(aircraft, 0.5)
        assert len(samples) < 10_000
    return samples + fly(aircraft, 20)


@cache
def flown(index: int) -> list[messages.Json]:
    """The first sortie of one aircraft of the fleet."""
    return fly_once(an_aircraft(index))


@pytest.fixture(params=range(len(AIRCRAFT_MODELS)))
def sortie(request: pytest.FixtureRequest) -> list[messages.Json]:
    return flown(request.param)


def test_same_seed_gives_the_same_messages() -> None:
    assert fly(an_aircraft(2), 900) == fly(an_aircraft(2), 900)


def test_other_seeds_and_indices_give_other_flights() -> None:
    first = fly(an_aircraft(0), 300)
    assert first != fly(an_aircraft(0, seed=2), 300)
    assert first[-1]["longitude"] != fly(an_aircraft(8), 300)[-1]["longitude"]


def test_how_time_is_sliced_makes_no_difference() -> None:
    fine, coarse = an_aircraft(0), an_aircraft(0)
    for _ in range(4800):
        fine.advance(0.0625)
    for _ in range(40):
        coarse.advance(7.5)
    assert messages.aircraft_osd(fine) == messages.aircraft_osd(coarse)


def test_speeds_and_accelerations_are_bounded(aircraft: Aircraft) -> None:
    before = (0.0, 0.0)
    for _ in range(int(400 / STEP_S)):
        phase = aircraft.phase
        aircraft.advance(STEP_S)
        now = (aircraft.east_mps, aircraft.north_mps)
        touched_down = phase is Phase.LANDING and aircraft.phase is Phase.STOPPING
        if not touched_down:
            assert hypot(now[0] - before[0], now[1] - before[1]) <= MAX_ACCELERATION_MPS2 * STEP_S + 1e-6
        assert aircraft.horizontal_speed_mps <= min(aircraft.model.max_speed_mps, 12.5)
        assert -DESCENT_MPS - 1e-9 <= aircraft.climb_mps <= CLIMB_MPS + 1e-9
        before = now


def test_positions_never_jump(sortie: list[messages.Json]) -> None:
    for one, other in pairwise(sortie):
        moved_m = distance_m(one["longitude"], one["latitude"], other["longitude"], other["latitude"])
        fastest_mps = max(one["horizontal_speed"], other["horizontal_speed"])
        assert moved_m <= fastest_mps * 0.5 * 1.5 + 0.1
        rise_m = abs(other["elevation"] - one["elevation"])
        assert rise_m <= max(abs(one["vertical_speed"]), abs(other["vertical_speed"])) * 0.5 * 1.5 + 0.25


def test_elevation_is_above_flat_ground_and_height_follows_it(sortie: list[messages.Json]) -> None:
    assert min(sample["elevation"] for sample in sortie) >= 0
    assert 20 < max(sample["elevation"] for sample in sortie) <= 120
    assert all(abs(sample["height"] - BASE.height_m - sample["elevation"]) < 0.11 for sample in sortie)


def test_modes_come_in_a_legal_order(sortie: list[messages.Json]) -> None:
    modes = [sample["mode_code"] for sample in sortie]
    changes = {(one, other) for one, other in pairwise(modes) if one != other}
    assert changes <= LEGAL
    assert {(0, 1), (2, 4), (9, 10), (11, 0)} <= changes


def test_a_sortie_ends_at_home_with_the_flight_time_standing_still(sortie: list[messages.Json]) -> None:
    last, rest = sortie[-1], sortie[-20:]
    assert last["mode_code"] == 0
    assert last["home_distance"] < 1
    assert last["elevation"] == 0
    assert {sample["total_flight_time"] for sample in rest} == {last["total_flight_time"]}
    assert {sample["wind_speed"] for sample in rest} == {0}
    assert last["battery"]["remain_flight_time"] == 0
    assert last["total_flight_sorties"] == sortie[0]["total_flight_sorties"] + 1
    assert last["total_flight_time"] > sortie[0]["total_flight_time"] + 60


def test_battery_only_falls_in_flight(aircraft: Aircraft) -> None:
    charge = None
    for _ in range(1200):
        aircraft.advance(1)
        if not aircraft.is_airborne:
            charge = None
            continue
        assert charge is None or aircraft.charge_percent < charge
        charge = aircraft.charge_percent
        assert charge > aircraft.model.landing_power_percent


def test_counters_never_fall(sortie: list[messages.Json]) -> None:
    for one, other in pairwise(sortie):
        for name in ("total_flight_time", "total_flight_distance", "total_flight_sorties"):
            assert other[name] >= one[name]


def test_the_nose_follows_the_course_on_a_survey() -> None:
    surveyor = next(index for index in range(20) if an_aircraft(index).mission.kind == "survey")
    along = 0
    for one, other in pairwise(flown(surveyor)):
        if one["mode_code"] == 5 and min(one["horizontal_speed"], other["horizontal_speed"]) > 5:
            course_deg = bearing_deg(one["longitude"], one["latitude"], other["longitude"], other["latitude"])
            assert abs((other["attitude_head"] - course_deg + 540) % 360 - 180) < 15
            along += 1
    assert along > 100


def test_low_battery_brings_it_home_and_is_exchanged_there() -> None:
    aircraft = an_aircraft(1)
    while aircraft.phase is not Phase.ON_MISSION:
        aircraft.advance(1)
    aircraft.advance(40)
    aircraft.charge_percent = 21.5
    aircraft.advance(0.2)
    assert (aircraft.mode_code, aircraft.mode_code_reason) == (9, Reason.LOW_BATTERY)
    while aircraft.phase is not Phase.STANDBY:
        aircraft.advance(1)
    assert aircraft.home_distance_m < 1
    before = aircraft.battery_set
    aircraft.advance(60)
    assert aircraft.battery_set == before + 1
    assert aircraft.charge_percent > 95


def test_a_lost_link_ends_the_mission_and_comes_back() -> None:
    aircraft = next(a for a in map(an_aircraft, range(9, 40)) if loses_link(a))
    assert (aircraft.mode_code, aircraft.mode_code_reason) == (9, Reason.SIGNAL_LOST)
    flight = aircraft.flights
    seconds = 0
    while not aircraft.is_linked:
        aircraft.advance(1)
        seconds += 1
    assert seconds <= 61
    assert aircraft.flights == flight


def loses_link(aircraft: Aircraft) -> bool:
    """Whether it loses the link on its first flight; stops at that moment."""
    while aircraft.is_linked and aircraft.time_s < 300:
        aircraft.advance(1)
    return not aircraft.is_linked
