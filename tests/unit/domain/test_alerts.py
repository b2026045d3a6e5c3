"""When a warning stands: stories with made-up clocks, and the definition of hysteresis for any sequence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.alerts import (
    DEFAULTS,
    TERMS,
    AlertKind,
    Rule,
    Subject,
    Values,
    check_values,
    evidence,
    holds,
    holds_between,
    message,
    open_key,
)
from ofh.domain.devices import Battery, Fix
from ofh.domain.errors import Code, HubError
from ofh.domain.flights import Phase
from ofh.domain.geodesy import destination
from ofh.domain.outlines import Outline

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
HOME = Fix(longitude_deg=9.95, latitude_deg=50.49, height_m=400.0)
ZONE = Outline.of([(9.94, 50.48), (9.96, 50.48), (9.96, 50.50), (9.94, 50.50)])


def rule(kind: AlertKind, **values: Any) -> Rule:
    terms = TERMS[kind]
    numbers = {
        "threshold": terms.threshold.default if terms.threshold else None,
        "margin": terms.margin.default if terms.margin else None,
    }
    return Rule(id=7, workspace_id=1, kind=kind, **{"name": f"{kind} rule", **numbers, **values})


def drone(
    *,
    number: int = 1,
    phase: str = Phase.AIRBORNE,
    seconds: float = 0,
    fix: Fix | None = HOME,
    battery: float | None = None,
    **more: Any,
) -> Subject:
    at = START + timedelta(seconds=seconds)
    given: dict[str, Any] = {
        "drone_id": number,
        "workspace_id": 1,
        "name": f"Falcon {number}",
        "at": at,
        "fix": fix,
        "fix_at": at if fix else None,
        "elevation_m": None,
        "battery": None if battery is None else Battery(capacity_percent=battery),
        "phase": phase,
        "flight_id": None,
    }
    return Subject(**{**given, **more})


def moved(east_m: float, *, up_m: float = 0, start: Fix = HOME) -> Fix:
    longitude, latitude = destination(
        start.longitude_deg, start.latitude_deg, bearing_deg=90, distance_m=abs(east_m) or 1e-9
    )
    if east_m < 0:
        longitude = 2 * start.longitude_deg - longitude
    return Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=start.height_m + up_m)


def told(condition: Rule, subjects: list[Subject]) -> str:
    """The story of an alert: `!` where it stands."""
    stands, story = False, ""
    for subject in subjects:
        stands = holds(condition, subject, was_open=stands)
        story += "!" if stands else "."
    return story


# LOW_BATTERY


def test_a_battery_is_low_from_the_threshold_down_and_no_more_from_the_margin_above_it_up() -> None:
    charges = [30, 26, 25.1, 25, 24, 25.5, 29.9, 30, 29, 25.1, 25]
    assert told(rule(AlertKind.LOW_BATTERY), [drone(battery=charge) for charge in charges]) == "...!!!!...!"


@given(
    st.integers(1, 99),
    st.integers(0, 40),
    st.lists(st.none() | st.floats(0, 100) | st.integers(0, 100), max_size=50),
)
def test_for_any_charges_the_alert_follows_the_definition_of_hysteresis(
    threshold: int, margin: int, charges: list[float | None]
) -> None:
    """It stands if, of the charges at or outside the band, the last was a low one: said without a state."""
    low = rule(AlertKind.LOW_BATTERY, threshold=float(threshold), margin=float(margin))
    stands = False
    for index, charge in enumerate(charges):
        stands = holds(low, drone(battery=charge), was_open=stands)
        decisive = [c for c in charges[: index + 1] if c is not None and (c <= threshold or c >= threshold + margin)]
        assert stands == (bool(decisive) and decisive[-1] <= threshold)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_low_battery_is_told_on_the_ground_too(phase: Phase) -> None:
    assert holds(rule(AlertKind.LOW_BATTERY), drone(battery=20, phase=phase), was_open=False)


def test_a_drone_that_was_switched_off_has_no_low_battery() -> None:
    off = drone(battery=20, phase=Phase.GROUND, online=False)
    assert told(rule(AlertKind.LOW_BATTERY), [drone(battery=20), off]) == "!."


def test_a_low_battery_stands_while_the_link_is_lost_in_flight() -> None:
    lost = drone(battery=20, phase=Phase.LOST, online=False)
    assert told(rule(AlertKind.LOW_BATTERY), [drone(battery=20), lost]) == "!!"


def test_a_charge_of_long_ago_changes_nothing() -> None:
    stale = {"seconds": 61, "battery_at": START}
    low = rule(AlertKind.LOW_BATTERY)
    assert told(low, [drone(battery=20, **stale)]) == "."
    assert told(low, [drone(battery=20), drone(battery=90, **stale)]) == "!!"
    assert told(low, [drone(battery=20, seconds=60, battery_at=START)]) == "!"


def test_without_a_charge_nothing_is_low() -> None:
    assert told(rule(AlertKind.LOW_BATTERY), [drone(), drone()]) == ".."


# LINK_LOST


def test_a_lost_link_stands_until_the_drone_is_heard_of_again_or_given_up() -> None:
    phases = [
        Phase.AIRBORNE,
        Phase.LOST,
        Phase.LOST,
        Phase.AIRBORNE,
        Phase.LOST,
        Phase.LANDED,
        Phase.LOST,
        Phase.GROUND,
    ]
    assert told(rule(AlertKind.LINK_LOST), [drone(phase=phase) for phase in phases]) == ".!!.!.!."


# HEIGHT


def test_too_high_is_above_the_limit_and_ends_below_the_margin_under_it() -> None:
    heights = [0, 119, 120, 120.1, 119, 115.1, 115, 119, 121]
    assert told(rule(AlertKind.HEIGHT), [drone(elevation_m=height) for height in heights]) == "...!!!..!"


def test_height_is_judged_in_the_air_alone() -> None:
    high = rule(AlertKind.HEIGHT)
    for phase in (Phase.GROUND, Phase.LANDED):
        assert told(high, [drone(elevation_m=200, phase=phase)]) == "."
        assert told(high, [drone(elevation_m=200), drone(elevation_m=200, phase=phase)]) == "!."


def test_what_cannot_be_known_of_a_height_leaves_all_as_it_is() -> None:
    unknown, lost = drone(), drone(elevation_m=50, phase=Phase.LOST)
    high = rule(AlertKind.HEIGHT)
    assert told(high, [unknown, lost, drone(elevation_m=130), unknown, lost]) == "..!!!"
    assert told(high, [drone(elevation_m=130, phase=Phase.LOST)]) == "."


# AREA


def test_a_no_fly_zone_warns_of_those_inside_until_they_are_well_out_of_it() -> None:
    zone = rule(AlertKind.AREA, outline=ZONE, on_enter=True)
    east = Fix(longitude_deg=9.96, latitude_deg=50.49, height_m=0)
    steps = [50, 1, -1, -50, 1, 9, 11, 5, -1]
    assert told(zone, [drone(fix=moved(step, start=east)) for step in steps]) == "..!!!!..!"


def test_a_fence_warns_of_those_outside_until_they_are_well_back() -> None:
    fence = rule(AlertKind.AREA, outline=ZONE, on_enter=False)
    east = Fix(longitude_deg=9.96, latitude_deg=50.49, height_m=0)
    steps = [-50, -1, 1, 50, -1, -9, -11, -5, 1]
    assert told(fence, [drone(fix=moved(step, start=east)) for step in steps]) == "..!!!!..!"


def test_areas_are_judged_in_the_air_and_by_fresh_positions_alone() -> None:
    zone = rule(AlertKind.AREA, outline=ZONE, on_enter=True)
    outside = moved(20_000)
    for phase in (Phase.GROUND, Phase.LANDED):
        assert told(zone, [drone(phase=phase)]) == "."
        assert told(zone, [drone(), drone(phase=phase)]) == "!."
    assert told(zone, [drone(phase=Phase.LOST)]) == "."
    assert told(zone, [drone(), drone(fix=outside, phase=Phase.LOST), drone(fix=None)]) == "!!!"
    stale = {"seconds": 61, "fix_at": START}
    assert told(zone, [drone(**stale)]) == "."
    assert told(zone, [drone(), drone(fix=outside, **stale)]) == "!!"


# PROXIMITY


def together(condition: Rule, pairs: list[tuple[Subject, Subject]]) -> str:
    stands, story = False, ""
    for one, other in pairs:
        assert holds_between(condition, one, other, was_open=stands) == holds_between(
            condition, other, one, was_open=stands
        )
        stands = holds_between(condition, one, other, was_open=stands)
        story += "!" if stands else "."
    return story


def test_too_close_is_through_the_air_and_ends_beyond_the_margin() -> None:
    close = rule(AlertKind.PROXIMITY)
    steps = [100, 20.1, 19.9, 5, 25, 29.9, 30.1, 25, 19]
    assert together(close, [(drone(), drone(number=2, fix=moved(step))) for step in steps]) == "..!!!!..!"
    heights = [(12, 16.1), (12, 15.9), (0, 29.9), (0, 30.1)]  # 12 and 16 metres make 20
    assert together(close, [(drone(), drone(number=2, fix=moved(step, up_m=up))) for step, up in heights]) == ".!!."


def test_only_drones_in_the_air_are_too_close() -> None:
    close = rule(AlertKind.PROXIMITY)
    for phase in (Phase.GROUND, Phase.LANDED):
        assert together(close, [(drone(), drone(number=2, phase=phase))]) == "."
        assert together(close, [(drone(), drone(number=2)), (drone(), drone(number=2, phase=phase))]) == "!."


def test_fixes_of_different_moments_say_nothing_of_a_distance() -> None:
    close, far = rule(AlertKind.PROXIMITY), moved(500)
    assert together(close, [(drone(), drone(number=2, seconds=10))]) == "!"
    assert together(close, [(drone(), drone(number=2, seconds=10.1))]) == "."
    assert together(close, [(drone(), drone(number=2)), (drone(seconds=11), drone(number=2, fix=far))]) == "!!"
    assert together(close, [(drone(), drone(number=2)), (drone(), drone(number=2, fix=None))]) == "!!"


def test_a_drone_whose_link_is_lost_may_be_anywhere() -> None:
    close = rule(AlertKind.PROXIMITY)
    lost = drone(number=2, phase=Phase.LOST)
    assert together(close, [(drone(), lost)]) == "."
    assert together(close, [(drone(), drone(number=2)), (drone(fix=moved(500)), lost)]) == "!!"


# What is told


MESSAGES: list[tuple[Rule, Subject, Subject | None, str]] = [
    (
        rule(AlertKind.LOW_BATTERY),
        drone(battery=24),
        None,
        "The battery of Falcon 1 is down to 24 % (threshold 25 %).",
    ),
    (rule(AlertKind.LINK_LOST), drone(phase=Phase.LOST), None, "The link to Falcon 1 was lost in flight."),
    (
        rule(AlertKind.HEIGHT),
        drone(elevation_m=123.45),
        None,
        "Falcon 1 is 123.5 m above its take-off point (limit 120 m).",
    ),
    (
        rule(AlertKind.AREA, outline=ZONE, on_enter=True, name="Airport"),
        drone(),
        None,
        "Falcon 1 is inside the area Airport.",
    ),
    (rule(AlertKind.AREA, outline=ZONE, name="Site"), drone(), None, "Falcon 1 is outside the area Site."),
    (
        rule(AlertKind.PROXIMITY),
        drone(),
        drone(number=2, fix=moved(0, up_m=12.5)),
        "Falcon 1 and Falcon 2 are 12.5 m apart (limit 20 m).",
    ),
]


@pytest.mark.parametrize(("condition", "one", "other", "expected"), MESSAGES, ids=[row[3][:20] for row in MESSAGES])
def test_a_message_is_one_sentence_with_its_units(
    condition: Rule, one: Subject, other: Subject | None, expected: str
) -> None:
    assert message(condition, one, other) == expected


@pytest.mark.parametrize(("condition", "one", "other", "expected"), MESSAGES, ids=[row[3][:20] for row in MESSAGES])
def test_a_message_fits_whatever_people_call_things(
    condition: Rule, one: Subject, other: Subject | None, expected: str
) -> None:
    name = "é" * 127
    long = message(replace(condition, name=name), replace(one, name=name), other and replace(other, name=name))
    assert len(long) < 512
    assert "é…" in long


def test_evidence_holds_what_was_measured_and_what_the_rule_said() -> None:
    other = drone(number=2, fix=moved(0, up_m=12.5), seconds=3)
    found = evidence(rule(AlertKind.PROXIMITY), drone(battery=61, elevation_m=40.0, battery_at=START), other)
    assert found == {
        "at": "2026-06-01T08:00:00+00:00",
        "drone": {
            "id": "1",
            "name": "Falcon 1",
            "phase": "airborne",
            "position": {
                "longitude": 9.95,
                "latitude": 50.49,
                "height": 400.0,
                "reportedAt": "2026-06-01T08:00:00+00:00",
            },
            "elevation": 40.0,
            "battery": {"capacityPercentLeft": 61, "reportedAt": "2026-06-01T08:00:00+00:00"},
        },
        "otherDrone": found["otherDrone"],
        "distance": pytest.approx(12.5),
        "rule": {"id": "7", "kind": "PROXIMITY", "name": "PROXIMITY rule", "threshold": 20, "margin": 10},
    }
    assert found["otherDrone"]["position"]["reportedAt"] == "2026-06-01T08:00:03+00:00"
    assert found["otherDrone"]["battery"] is None


def test_evidence_of_an_area_holds_its_outline() -> None:
    found = evidence(rule(AlertKind.AREA, outline=ZONE, on_enter=True), drone())
    assert found["rule"]["onEnter"] is True
    assert found["rule"]["area"][0] == {"longitude": 9.94, "latitude": 50.48}
    assert len(found["rule"]["area"]) == 4


def test_a_pair_has_one_key_whoever_comes_first() -> None:
    assert open_key(7, 12, 3) == open_key(7, 3, 12) == "7:3:12"
    assert len(open_key(2**63 - 1, 2**63 - 1, 2**63 - 2)) <= 128


# What a rule may say


GIVEN: list[tuple[AlertKind, dict[str, Any], bool, str]] = [
    (AlertKind.LOW_BATTERY, {"threshold": 0.5}, False, "threshold"),
    (AlertKind.LOW_BATTERY, {"threshold": 100}, False, "threshold"),
    (AlertKind.LOW_BATTERY, {"threshold": float("nan")}, False, "threshold"),
    (AlertKind.LOW_BATTERY, {"threshold": 98}, False, "margin"),
    (AlertKind.LOW_BATTERY, {"margin": -1}, False, "margin"),
    (AlertKind.LOW_BATTERY, {"on_enter": True}, False, "on_enter"),
    (AlertKind.LOW_BATTERY, {}, True, "area"),
    (AlertKind.LINK_LOST, {"threshold": 5}, False, "threshold"),
    (AlertKind.LINK_LOST, {"margin": 5}, False, "margin"),
    (AlertKind.HEIGHT, {"threshold": 10_001}, False, "threshold"),
    (AlertKind.HEIGHT, {"threshold": 10, "margin": 11}, False, "margin"),
    (AlertKind.PROXIMITY, {"threshold": 1_001}, False, "threshold"),
    (AlertKind.PROXIMITY, {"margin": float("inf")}, False, "margin"),
    (AlertKind.AREA, {"on_enter": True}, False, "area"),
    (AlertKind.AREA, {}, True, "on_enter"),
    (AlertKind.AREA, {"on_enter": True, "threshold": 1}, True, "threshold"),
]


@pytest.mark.parametrize(("kind", "values", "has_area", "field"), GIVEN)
def test_what_makes_no_sense_in_a_rule_is_refused(
    kind: AlertKind, values: dict[str, Any], has_area: bool, field: str
) -> None:
    with pytest.raises(HubError) as refused:
        check_values(kind, Values(**{"threshold": None, "margin": None, "on_enter": None, **values}), has_area=has_area)
    assert refused.value.code is Code.BAD_INPUT
    assert set(refused.value.fields) == {field}


def test_numbers_that_are_left_out_are_those_of_the_kind() -> None:
    none = Values(threshold=None, margin=None, on_enter=None)
    made = {kind: check_values(kind, none, has_area=False) for kind in DEFAULTS}
    assert {kind: (values.threshold, values.margin) for kind, values in made.items()} == {
        AlertKind.LOW_BATTERY: (25, 5),
        AlertKind.LINK_LOST: (None, None),
        AlertKind.HEIGHT: (120, 5),
        AlertKind.PROXIMITY: (20, 10),
    }
