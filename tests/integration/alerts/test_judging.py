"""Raised once, cleared by itself, whatever restarts and however many judge."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofh.domain.actors import Role
from ofh.domain.alerts import DEFAULTS, AlertKind, Subject
from ofh.domain.devices import Fix
from ofh.domain.events import EventKind
from ofh.domain.flights import Phase
from ofh.services.alert_rules import give_defaults
from ofh.services.alerts import MOST_NEIGHBOURS
from ofh.store.models import Alert, AlertRule, StoredEvent
from tests.integration.alerts.site import HOME, Site, after, alerts_of, standing, subject, up
from tests.support.fleet import START

SQUARE = [(9.94, 50.48), (9.96, 50.48), (9.96, 50.50), (9.94, 50.50)]
OUTSIDE = Fix(longitude_deg=9.97, latitude_deg=50.49, height_m=400.0)
ON_THE_LINE = Fix(longitude_deg=9.9601, latitude_deg=50.49, height_m=400.0)
"""Seven metres beyond the square."""


@pytest.fixture
async def workspace_id(site: Site) -> int:
    """A workspace with the rules that every one begins with, and a no-fly zone."""
    found = await site.workspace()
    await give_defaults(found, START)
    await AlertRule.create(
        workspace_id=found, kind="AREA", name="Airport", area=SQUARE, on_enter=True, margin=10, created_at=START
    )
    return found


STORIES: dict[AlertKind, tuple[list[dict[str, Any]], str]] = {
    AlertKind.LOW_BATTERY: (
        [{"battery": charge} for charge in (30, 26, 25, 24, 27, 29.9, 30, 26, 25)],
        "..!..._.!",
    ),
    AlertKind.LINK_LOST: (
        [{"phase": phase} for phase in (Phase.AIRBORNE, Phase.LOST, Phase.LOST, Phase.AIRBORNE, Phase.LOST)],
        ".!._!",
    ),
    AlertKind.HEIGHT: ([{"elevation_m": height} for height in (0, 120, 121, 118, 130, 115, 119)], "..!.._."),
    AlertKind.AREA: (
        [{"fix": fix} for fix in (OUTSIDE, ON_THE_LINE, HOME, ON_THE_LINE, HOME, OUTSIDE, ON_THE_LINE)],
        "..!.._.",
    ),
}


@pytest.mark.parametrize("kind", STORIES)
async def test_an_alert_is_raised_once_stays_and_clears(site: Site, workspace_id: int, kind: AlertKind) -> None:
    drone = await site.drone(workspace_id)
    steps, told = STORIES[kind]
    start = {} if kind is AlertKind.AREA else {"fix": OUTSIDE}
    subjects = [subject(drone, workspace_id, n, **{**start, **step}) for n, step in enumerate(steps)]
    assert await site.story(subjects) == told
    first = (await alerts_of(workspace_id))[0]
    assert (first.kind, first.drone_id) == (kind.value, drone)
    assert first.raised_at == after(told.index("!"))
    assert first.cleared_at == after(told.index("_"))
    assert first.open_key is None
    assert first.message.startswith(("Falcon", "The "))
    assert first.evidence["rule"]["kind"] == kind.value
    assert first.evidence["at"] == after(told.index("!")).isoformat()


async def test_two_drones_too_close_are_one_alert_until_they_part(site: Site, workspace_id: int) -> None:
    one, two = [await site.drone(workspace_id, serial) for serial in ("A", "B")]
    far = Fix(longitude_deg=9.97, latitude_deg=50.49, height_m=400.0)

    def both(second: float, metres: float) -> tuple[Subject, Subject]:
        return (
            subject(one, workspace_id, second, fix=far),
            subject(two, workspace_id, second, fix=up(metres, far)),
        )

    told = [
        [event.kind for event in await site.judge(*both(second, metres))]
        for second, metres in enumerate((25, 19, 5, 25, 29, 31, 25))
    ]
    assert told == [[], [EventKind.ALERT_RAISED], [], [], [], [EventKind.ALERT_CLEARED], []]
    [alert] = await alerts_of(workspace_id)
    assert (alert.drone_id, alert.other_drone_id) == (one, two)
    assert alert.message == f"Falcon {one} and Falcon {two} are 19 m apart (limit 20 m)."
    assert alert.evidence["distance"] == pytest.approx(19)
    assert alert.evidence["otherDrone"]["position"]["height"] == 419


async def test_a_neighbour_is_found_where_another_tick_left_it(site: Site, workspace_id: int) -> None:
    far = Fix(longitude_deg=9.97, latitude_deg=50.49, height_m=400.0)
    one = await site.drone(workspace_id, "A")
    two = await site.drone(workspace_id, "B", name="Hawk")
    await site.park(two, subject(two, workspace_id, fix=up(10, far), battery=44))
    [raised] = await site.judge(subject(one, workspace_id, 3, fix=far))
    [alert] = await alerts_of(workspace_id)
    assert raised.drone_id == alert.drone_id == one
    assert alert.other_drone_id == two
    assert "Hawk" in alert.message
    assert alert.evidence["otherDrone"]["battery"]["capacityPercentLeft"] == 44
    # The other one's own report changes nothing, and its leaving clears: whoever of the two is judged.
    await site.park(one, subject(one, workspace_id, 3, fix=far))
    assert await site.judge(subject(two, workspace_id, 4, fix=up(10, far))) == []
    [cleared] = await site.judge(subject(two, workspace_id, 5, fix=up(100, far)))
    assert cleared.kind is EventKind.ALERT_CLEARED
    assert cleared.alert_id == raised.alert_id


NOT_NEAR: dict[str, dict[str, Any]] = {
    "on the ground": {"phase": Phase.GROUND},
    "landed": {"phase": Phase.LANDED},
    "link lost": {"phase": Phase.LOST},
    "of another time": {"second": -60},
    "far above": {"fix": up(25)},
    "without a fix": {"fix": None},
}


@pytest.mark.parametrize("values", NOT_NEAR.values(), ids=NOT_NEAR)
async def test_a_neighbour_that_is_not_near_in_the_air_is_none(site: Site, values: dict[str, Any]) -> None:
    found = await site.workspace()
    await give_defaults(found, START)
    one, two = [await site.drone(found, serial) for serial in ("A", "B")]
    await site.park(two, subject(two, found, **values))
    assert await site.judge(subject(one, found)) == []
    await site.park(two, subject(two, found))
    assert len(await site.judge(subject(one, found))) == 1


async def test_drones_of_another_workspace_are_no_neighbours(site: Site, workspace_id: int) -> None:
    elsewhere = await site.workspace()
    await give_defaults(elsewhere, START)
    far = Fix(longitude_deg=9.97, latitude_deg=50.49, height_m=400.0)
    one, two = await site.drone(workspace_id), await site.drone(elsewhere)
    await site.park(two, subject(two, elsewhere, fix=far))
    assert await site.judge(subject(one, workspace_id, fix=far)) == []
    assert await site.judge(subject(one, workspace_id, fix=far), subject(two, elsewhere, fix=far)) == []


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ((179.99999, 10.0), (-179.99999, 10.0)),
        ((-180.0, -45.0), (180.0, -45.0)),
        ((0.0, 89.9999), (180.0, 89.9999)),
        ((33.0, -90.0), (-120.0, -89.9999)),
    ],
)
async def test_neighbours_are_found_over_the_antimeridian_and_the_poles(
    site: Site, here: tuple[float, float], there: tuple[float, float]
) -> None:
    found = await site.workspace()
    await AlertRule.create(workspace_id=found, kind="PROXIMITY", name="Near", threshold=50, margin=10, created_at=START)
    one, two = [await site.drone(found, serial) for serial in ("A", "B")]
    place, other = (
        Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=0) for longitude, latitude in (here, there)
    )
    await site.park(two, subject(two, found, fix=other))
    assert len(await site.judge(subject(one, found, fix=place))) == 1
    assert await site.judge(subject(one, found, fix=place), subject(two, found, fix=other)) == []


async def test_what_stands_goes_on_after_a_restart(site: Site, workspace_id: int) -> None:
    drone = await site.drone(workspace_id)
    [raised] = await site.judge(subject(drone, workspace_id, 1, fix=None, battery=20))
    restarted = site.another()
    assert await restarted.judge(subject(drone, workspace_id, 2, fix=None, battery=27)) == []
    [cleared] = await restarted.judge(subject(drone, workspace_id, 3, fix=None, battery=80))
    assert cleared.alert_id == raised.alert_id


async def test_the_journal_has_what_was_raised_and_cleared_in_its_order(site: Site, workspace_id: int) -> None:
    drone = await site.drone(workspace_id)
    for second, charge in enumerate((20, 90, 20)):
        await site.judge(subject(drone, workspace_id, second, fix=None, battery=charge))
    rows = await StoredEvent.filter(workspace_id=workspace_id).order_by("seq")
    assert [(row.seq, row.kind, row.at, row.drone_id) for row in rows] == [
        (1, "ALERT_RAISED", after(0), drone),
        (2, "ALERT_CLEARED", after(1), drone),
        (3, "ALERT_RAISED", after(2), drone),
    ]
    assert [row.alert_id for row in rows] == [alert.id for alert in await alerts_of(workspace_id) for _ in (0, 1)][:3]


async def test_an_alert_never_cleared_before_it_was_raised(site: Site, workspace_id: int) -> None:
    drone = await site.drone(workspace_id)
    await site.judge(subject(drone, workspace_id, 10, fix=None, battery=20))
    [cleared] = await site.judge(subject(drone, workspace_id, 5, fix=None, battery=90))
    assert cleared.at == after(10)


async def test_one_tick_raises_and_clears_for_many(site: Site, workspace_id: int) -> None:
    drones = [await site.drone(workspace_id, f"SN{n}") for n in range(20)]
    low = [subject(drone, workspace_id, fix=None, battery=20) for drone in drones]
    assert len(await site.judge(*low)) == 20
    half = [subject(drone, workspace_id, 1, fix=None, battery=90) for drone in drones[::2]]
    high = [subject(drone, workspace_id, 1, fix=None, elevation_m=200) for drone in drones[1::2]]
    assert [event.kind for event in await site.judge(*half, *high)] == [EventKind.ALERT_RAISED] * 10 + [
        EventKind.ALERT_CLEARED
    ] * 10
    assert sorted(await standing(workspace_id)) == ["HEIGHT"] * 10 + ["LOW_BATTERY"] * 10


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(charges=st.lists(st.floats(0, 100, width=32) | st.integers(20, 35), min_size=1, max_size=12))
async def test_for_any_charges_what_stands_follows_the_definition(site: Site, charges: list[float]) -> None:
    found = await site.workspace()
    await give_defaults(found, START)
    drone = await site.drone(found)
    for second, charge in enumerate(charges):
        await site.judge(subject(drone, found, second, fix=None, battery=charge))
        decisive = [earlier for earlier in charges[: second + 1] if earlier <= 25 or earlier >= 30]
        stands = bool(decisive) and decisive[-1] <= 25
        assert await standing(found) == (["LOW_BATTERY"] if stands else [])


async def test_in_a_swarm_the_reports_of_a_drone_raise_so_many_alerts_and_no_more(
    site: Site, workspace_id: int
) -> None:
    """Every pair is close: without a bound a thousand drones would be half a million alerts."""
    drones = [await site.drone(workspace_id, f"SN{n}") for n in range(60)]
    swarm = [subject(drone, workspace_id, fix=OUTSIDE) for drone in drones]
    for seen in swarm:
        await site.park(seen.drone_id, seen)
    await site.judge(*swarm[:40])
    for seen in swarm:
        await site.judge(seen)
    assert await site.judge(*swarm) == []
    rows = await alerts_of(workspace_id)
    assert {drone for row in rows for drone in (row.drone_id, row.other_drone_id)} == set(drones)
    assert max(Counter(row.drone_id for row in rows).values()) <= MOST_NEIGHBOURS
    far = [
        subject(drone, workspace_id, 1, fix=Fix(longitude_deg=20.0 + n, latitude_deg=0, height_m=0))
        for n, drone in enumerate(drones)
    ]
    assert len(await site.judge(*far)) == len(rows)
    assert await standing(workspace_id) == []


async def counted(caplog: pytest.LogCaptureFixture, work: Callable[[], Any]) -> int:
    """The statements that some work takes."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        await work()
    return sum(record.name == "tortoise.db_client" for record in caplog.records)


async def test_judging_takes_few_statements_whatever_the_number_of_drones(
    site: Site, workspace_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    drones = [await site.drone(workspace_id, f"SN{n}") for n in range(40)]
    elsewhere = await site.workspace()
    idle = await site.drone(elsewhere)

    def fleet(second: float, count: int, **values: Any) -> list[Subject]:
        return [subject(drone, workspace_id, second, **values) for drone in drones[:count]]

    async with site.database.transaction() as client:

        async def judge(*subjects: Subject) -> None:
            await site.alerts.judge(client, subjects)

        apart = {"phase": Phase.GROUND, "battery": 90}
        assert await counted(caplog, lambda: judge(*fleet(0, 2, **apart))) == 2  # the rules, and what stands
        for count in (1, 40):
            assert await counted(caplog, lambda n=count: judge(*fleet(1, n, **apart))) == 1
        spread = [
            subject(drone, workspace_id, 2, fix=Fix(longitude_deg=1.0 * n, latitude_deg=0, height_m=0))
            for n, drone in enumerate(drones)
        ]
        assert await counted(caplog, lambda: judge(spread[0])) == 2  # and who is near
        assert await counted(caplog, lambda: judge(*spread)) == 2
        low = [subject(drone, workspace_id, 3, phase=Phase.GROUND, battery=5) for drone in drones]
        assert await counted(caplog, lambda: judge(*low)) == 2  # and what is raised
        assert await counted(caplog, lambda: judge(*low)) == 1
        assert await counted(caplog, lambda: judge(*fleet(4, 40, **apart))) == 2  # and what clears

        nothing = subject(idle, elsewhere, battery=5)
        assert await counted(caplog, lambda: judge(nothing)) == 1  # it is found out that there are no rules
        assert await counted(caplog, lambda: judge(nothing)) == 0
    assert await counted(caplog, lambda: site.alerts.judge(None, [])) == 0


# Several processes


async def test_two_processes_that_judge_at_once_make_one_alert_and_one_event(site: Site, workspace_id: int) -> None:
    """Each judges one drone of a pair; neither can know what the other is about to do."""
    other = site.another()
    random = Random(4)
    for turn in range(12):
        one, two = [await site.drone(workspace_id, f"{name}{turn}") for name in "AB"]
        place = Fix(longitude_deg=20.0 + turn, latitude_deg=50.0, height_m=400.0)
        pair = (subject(one, workspace_id, fix=place), subject(two, workspace_id, fix=up(random.uniform(0, 19), place)))
        for drone, seen in zip((one, two), pair, strict=True):
            await site.park(drone, seen)
        found = await asyncio.gather(site.judge(pair[0]), other.judge(pair[1]))
        assert sum(len(events) for events in found) == 1
        parted = (pair[0], subject(two, workspace_id, 1, fix=up(300, place)))
        await site.park(two, parted[1])
        found = await asyncio.gather(site.judge(parted[0]), other.judge(parted[1]))
        assert sum(len(events) for events in found) == 1
    rows = await alerts_of(workspace_id)
    assert len(rows) == 12
    assert all(row.cleared_at is not None for row in rows)
    assert await StoredEvent.filter(workspace_id=workspace_id).count() == 24


async def test_processes_that_judge_many_pairs_in_any_order_never_wait_in_a_circle(
    site: Site, workspace_id: int
) -> None:
    other = site.another()
    pairs = [(await site.drone(workspace_id, f"A{n}"), await site.drone(workspace_id, f"B{19 - n}")) for n in range(20)]

    def seen(second: float, which: int, metres: float) -> list[Subject]:
        return [
            subject(
                pair[which],
                workspace_id,
                second,
                fix=Fix(longitude_deg=20.0 + n, latitude_deg=50.0, height_m=metres * which),
            )
            for n, pair in enumerate(pairs)
        ]

    for turn in range(6):
        metres = 10 if turn % 2 == 0 else 500
        ones, twos = seen(turn, 0, metres), seen(turn, 1, metres)
        for each in (*ones, *twos):
            await site.park(each.drone_id, each)
        found = await asyncio.gather(site.judge(*ones), other.judge(*reversed(twos)))
        assert sum(len(events) for events in found) == 20
    assert await standing(workspace_id) == []


async def test_a_process_that_has_not_heard_of_a_changed_rule_raises_nothing_by_one_that_is_gone(
    site: Site, workspace_id: int
) -> None:
    other, admin = site.another(), await site.person(workspace_id, Role.ADMIN)
    drone = await site.drone(workspace_id)
    await other.judge(subject(drone, workspace_id, fix=None))  # it knows the rules now
    battery = await AlertRule.get(workspace_id=workspace_id, kind="LOW_BATTERY")
    height = await AlertRule.get(workspace_id=workspace_id, kind="HEIGHT")
    await site.rules.update(admin, battery.id, enabled=False)
    await site.rules.delete(admin, height.id)
    assert await other.judge(subject(drone, workspace_id, fix=None, battery=5, elevation_m=500)) == []
    # and knows the new rules at the latest after their age
    await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="New", threshold=50)
    other.monotonic = 29.0
    assert await other.judge(subject(drone, workspace_id, fix=None, elevation_m=500)) == []
    other.monotonic = 30.0
    assert len(await other.judge(subject(drone, workspace_id, fix=None, elevation_m=500))) == 1


@pytest.mark.parametrize("word", ["alert_rules", "interrupted"])
async def test_a_process_that_hears_of_a_change_judges_by_the_new_rules_at_once(
    site: Site, workspace_id: int, word: Any
) -> None:
    other, admin = site.another(), await site.person(workspace_id, Role.ADMIN)
    drone = await site.drone(workspace_id)
    assert await other.judge(subject(drone, workspace_id, fix=None, battery=40)) == []
    rule = await AlertRule.get(workspace_id=workspace_id, kind="LOW_BATTERY")
    await site.rules.update(admin, rule.id, threshold=50.0)
    assert await other.judge(subject(drone, workspace_id, fix=None, battery=40)) == []
    await other.control.publish(word, **({"workspace_id": workspace_id} if word == "alert_rules" else {}))
    assert len(await other.judge(subject(drone, workspace_id, fix=None, battery=40))) == 1


async def test_rules_that_change_while_they_are_read_are_not_kept(site: Site, workspace_id: int) -> None:
    """The word comes between the reading and the remembering."""
    drone = await site.drone(workspace_id)
    judging = asyncio.ensure_future(site.judge(subject(drone, workspace_id, fix=None, battery=40)))
    while not judging.done():
        await site.control.publish("alert_rules", workspace_id=workspace_id)
        await asyncio.sleep(0)
    await AlertRule.filter(workspace_id=workspace_id, kind="LOW_BATTERY").update(threshold=50)
    assert len(await site.judge(subject(drone, workspace_id, fix=None, battery=40))) == 1


async def test_a_rule_that_cannot_be_read_stops_no_report(site: Site, workspace_id: int) -> None:
    await AlertRule.create(workspace_id=workspace_id, kind="AREA", name="Broken", area=[1, 2], created_at=START)
    await AlertRule.create(workspace_id=workspace_id, kind="TOMORROWS", name="Unknown", created_at=START)
    await AlertRule.create(workspace_id=workspace_id, kind="HEIGHT", name="Odd", margin=-3, created_at=START)
    drone = await site.drone(workspace_id)
    assert len(await site.judge(subject(drone, workspace_id, fix=None, battery=5))) == 1


async def test_every_rule_that_a_workspace_begins_with_is_judged(site: Site, workspace_id: int) -> None:
    one, two = [await site.drone(workspace_id, serial) for serial in ("A", "B")]
    seen = {"battery": 5, "elevation_m": 300, "fix": OUTSIDE}
    await site.judge(subject(one, workspace_id, **seen), subject(two, workspace_id, **seen))
    await site.park(two, subject(two, workspace_id, **seen))
    await site.judge(subject(one, workspace_id, 5, phase=Phase.LOST, **seen))
    assert set(await standing(workspace_id)) == {kind.value for kind in DEFAULTS}


async def test_an_alert_about_a_drone_that_is_no_more_clears(site: Site, workspace_id: int) -> None:
    one, two = [await site.drone(workspace_id, serial) for serial in ("A", "B")]
    await site.judge(subject(one, workspace_id, fix=OUTSIDE), subject(two, workspace_id, fix=OUTSIDE))
    [alert] = await alerts_of(workspace_id)
    assert alert.drone_id == one
    await Alert.filter(id=alert.id).update(other_drone_id=two + 1000)
    [cleared] = await site.judge(subject(one, workspace_id, 1, fix=OUTSIDE))
    assert cleared.alert_id == alert.id
    assert cleared.at - START == timedelta(seconds=1)
