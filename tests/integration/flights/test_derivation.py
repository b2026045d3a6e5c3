"""Flights of real reports through the services, on either database, by one process and by two."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from ofh.domain.devices import Battery, Fix, Property, Value
from ofh.domain.event_json import from_body
from ofh.domain.events import EventKind, FlightChanged
from ofh.store import feed
from ofh.store.database import Database
from ofh.store.models import Drone, Flight, StoredEvent, Workspace
from tests.support.fleet import START, FleetBench, seconds

GATEWAY, AIRCRAFT = "RC1", "AC1"


def flying(**values: Value) -> dict[Property, Value]:
    """A report on a wayline."""
    return {
        Property.MODE_CODE: 5,
        Property.ELEVATION: 50.0,
        Property.HORIZONTAL_SPEED: 8.0,
        Property.FIX: Fix(longitude_deg=9.95, latitude_deg=50.49, height_m=1050.0),
        Property.BATTERY: Battery(capacity_percent=80),
        **{Property(name): value for name, value in values.items()},
    }


def standing() -> dict[Property, Value]:
    """A report on the ground."""
    return {
        Property.MODE_CODE: 0,
        Property.ELEVATION: 0.0,
        Property.HORIZONTAL_SPEED: 0.0,
        Property.FIX: Fix(longitude_deg=9.95, latitude_deg=50.49, height_m=1000.0),
    }


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def workspace_id(bench: FleetBench) -> int:
    """A workspace with one connection, whose controller has announced one aircraft."""
    found = await bench.workspace()
    await bench.connection(found, "c-1")
    assert await bench.announce("c-1", GATEWAY, AIRCRAFT)
    return found


async def fly(bench: FleetBench, *second: float, values: dict[Property, Value] | None = None, **where: Any) -> None:
    """Reports so many seconds after the start, each when it is due."""
    for each in second:
        bench.now = max(bench.now, START + seconds(each))
        await bench.report(AIRCRAFT, flying() if values is None else values, sent_at=START + seconds(each), **where)


async def stand(bench: FleetBench, *second: float) -> None:
    await fly(bench, *second, values=standing())


async def wait_until(bench: FleetBench, second: float) -> None:
    bench.now = START + seconds(second)
    await bench.derivation.sweep()


def after(when: datetime | None) -> float | None:
    return None if when is None else (when - START).total_seconds()


async def journal(workspace_id: int) -> list[tuple[int, str, float | None]]:
    rows = await StoredEvent.filter(workspace_id=workspace_id).order_by("seq")
    return [(row.seq, row.kind, after(row.at)) for row in rows]


async def test_a_flight_from_take_off_to_end(bench: FleetBench, workspace_id: int) -> None:
    await stand(bench, 0, 2)
    assert await Flight.all().count() == 0
    async with bench.listening(workspace_id) as heard:
        await fly(bench, 4, 6)
        drone = await bench.drone(AIRCRAFT, workspace_id)
        [flight] = await Flight.filter(drone_id=drone.id)
        assert (flight.phase, after(flight.started_at), flight.landed_at) == ("airborne", 4, None)
        assert (flight.open_drone_id, drone.phase) == (drone.id, "airborne")
        assert (flight.take_off_longitude, flight.take_off_height, flight.max_elevation) == (9.95, 1000.0, 50.0)
        await stand(bench, 8, 10)
        await wait_until(bench, 69)
        await wait_until(bench, 74)
    flight = await Flight.get(id=flight.id)
    assert (flight.phase, after(flight.landed_at), after(flight.ended_at)) == ("ended", 8, 8)
    assert flight.open_drone_id is None
    told = [event for event in heard if isinstance(event, FlightChanged)]
    assert [(event.kind, after(event.at)) for event in told] == [
        (EventKind.FLIGHT_STARTED, 4),
        (EventKind.FLIGHT_LANDED, 8),
        (EventKind.FLIGHT_ENDED, 8),
    ]
    entries = await journal(workspace_id)
    assert [(kind, at) for _, kind, at in entries] == [
        ("DRONE_ONLINE", 0),
        ("FLIGHT_STARTED", 4),
        ("FLIGHT_LANDED", 8),
        ("FLIGHT_ENDED", 8),
    ]
    assert [event.seq for event in told] == [seq for seq, _, _ in entries[1:]]


async def test_a_topology_without_it_loses_the_flight_and_its_return_goes_on(
    bench: FleetBench, workspace_id: int
) -> None:
    await fly(bench, 0, 2)
    await wait_until(bench, 8)
    bench.now = START + seconds(9)
    await bench.announce("c-1", GATEWAY)
    [flight] = await Flight.all()
    assert flight.phase == "lost"
    bench.now = START + seconds(95)
    await bench.announce("c-1", GATEWAY, AIRCRAFT)
    await fly(bench, 96, 98)
    [flight] = await Flight.all()
    assert (flight.phase, after(flight.started_at), flight.landed_at) == ("airborne", 0, None)
    assert [kind for _, kind, _ in await journal(workspace_id)] == [
        "DRONE_ONLINE",
        "FLIGHT_STARTED",
        "DRONE_OFFLINE",
        "DRONE_ONLINE",
    ]


async def test_silence_is_found_by_a_hub_that_was_started_meanwhile(database: Database, bench: FleetBench) -> None:
    workspace_id = await bench.workspace()
    await bench.connection(workspace_id, "c-1")
    await bench.announce("c-1", GATEWAY, AIRCRAFT)
    await fly(bench, 0, 2)
    later = FleetBench(database, bench.bus)
    await wait_until(later, 31)
    assert (await Flight.get()).phase == "airborne"
    await wait_until(later, 33)
    assert (await Flight.get()).phase == "lost"
    await wait_until(later, 60 + 2)
    await later.presence.sweep()
    assert not (await later.drone(AIRCRAFT, workspace_id)).online
    await wait_until(later, 607)
    flight = await Flight.get()
    assert (flight.phase, flight.landed_at, after(flight.ended_at)) == ("ended", None, 2)
    assert (await journal(workspace_id))[-1][1:] == ("FLIGHT_ENDED", 2)


async def test_a_landed_aircraft_that_goes_offline_has_ended_its_flight(bench: FleetBench, workspace_id: int) -> None:
    await fly(bench, 0, 2)
    await stand(bench, 4, 6)
    bench.now = START + seconds(8)
    await bench.announce("c-1", GATEWAY)
    assert (await Flight.get()).phase == "ended"


async def test_two_processes_take_turns(database: Database, bench: FleetBench, workspace_id: int) -> None:
    async with FleetBench(database, bench.bus).running() as other:
        turns = [bench, other]
        for n, second in enumerate(range(0, 40, 2)):
            await fly(turns[n % 2], second)
        for n, second in enumerate(range(40, 50, 2)):
            await stand(turns[n % 2], second)
        await asyncio.gather(wait_until(bench, 120), wait_until(other, 120))
    [flight] = await Flight.all()
    assert (after(flight.started_at), after(flight.landed_at), flight.phase) == (0, 40, "ended")
    assert [kind for _, kind, _ in await journal(workspace_id)][1:] == [
        "FLIGHT_STARTED",
        "FLIGHT_LANDED",
        "FLIGHT_ENDED",
    ]


async def test_late_and_doubled_messages_change_nothing(bench: FleetBench, workspace_id: int) -> None:
    bench.now = START + seconds(6)
    for second in (6, 2, 4, 2, 6):
        await bench.report(AIRCRAFT, flying(), sent_at=START + seconds(second), digest=second)
    await wait_until(bench, 12)
    [flight] = await Flight.all()
    assert after(flight.started_at) == 2
    assert [entry[1:] for entry in await journal(workspace_id)] == [("DRONE_ONLINE", 0), ("FLIGHT_STARTED", 2)]


async def test_a_flight_that_a_late_report_takes_back_was_never_told_of(bench: FleetBench, workspace_id: int) -> None:
    barely: dict[Property, Value] = {Property.MODE_CODE: 3, Property.ELEVATION: 0.6}
    await stand(bench, 0)
    await fly(bench, 2, 4, values=barely)
    assert await Flight.all().count() == 1
    await stand(bench, 3)
    assert await Flight.all().count() == 0
    assert (await bench.drone(AIRCRAFT, workspace_id)).phase == "ground"
    await wait_until(bench, 60)
    assert [kind for _, kind, _ in await journal(workspace_id)] == ["DRONE_ONLINE"]


async def test_only_the_chosen_controllers_reports_count(bench: FleetBench, workspace_id: int) -> None:
    await bench.connection(workspace_id, "c-2")
    await bench.announce("c-2", "RC2", AIRCRAFT)
    await fly(bench, 0, 2, gateway=GATEWAY)
    await fly(bench, 3, 5, values=standing(), gateway="RC2")
    assert (await Flight.get()).phase == "airborne"
    bench.now = START + seconds(20)
    await bench.report(AIRCRAFT, standing(), gateway="RC2", sent_at=START + seconds(20))
    await bench.report(AIRCRAFT, standing(), gateway="RC2", sent_at=START + seconds(22))
    flight = await Flight.get()
    assert (flight.phase, after(flight.landed_at)) == ("landed", 20)


async def test_the_database_holds_no_two_open_flights_of_a_drone(bench: FleetBench, workspace_id: int) -> None:
    await fly(bench, 0, 2)
    flight = await Flight.get()
    with pytest.raises(IntegrityError):
        await Flight.create(
            workspace_id=workspace_id,
            drone_id=flight.drone_id,
            open_drone_id=flight.drone_id,
            phase="airborne",
            started_at=START,
            last_at=START,
        )


async def test_numbers_of_the_journal_have_no_hole_whoever_writes(database: Database, bench: FleetBench) -> None:
    workspace_id = await bench.workspace()
    serials = [f"AC{n}" for n in range(8)]
    for n, serial in enumerate(serials):
        await bench.connection(workspace_id, f"c-{n}")
        await bench.announce(f"c-{n}", f"RC{n}", serial)
    async with FleetBench(database, bench.bus).running() as other:
        for process in (bench, other):
            process.now = START + seconds(20)

        async def work(process: FleetBench, mine: list[str]) -> None:
            for second in range(0, 16, 2):
                for serial in mine:
                    await process.report(serial, flying(), sent_at=START + seconds(second))

        await asyncio.gather(work(bench, serials[::2]), work(other, serials[1::2]))
    entries = await journal(workspace_id)
    assert [kind for _, kind, _ in entries].count("FLIGHT_STARTED") == 8
    last = (await Workspace.get(id=workspace_id)).event_seq
    pieces = await feed.read(bench.database, workspace_id, 1, last)
    assert [seq for piece in pieces for seq in range(piece.first, piece.last + 1)] == list(range(1, last + 1))
    assert sorted(piece.at_us for piece in pieces) == [piece.at_us for piece in pieces]
    numbered = {event.seq: event for piece in pieces for event in from_body(piece.body, piece.first)}
    assert list(numbered) == list(range(1, last + 1))
    assert [(seq, numbered[seq].kind, after(numbered[seq].at)) for seq, _, _ in entries] == entries


async def test_an_aircraft_that_moves_on_leaves_its_flights_behind(bench: FleetBench, workspace_id: int) -> None:
    await fly(bench, 0, 2)
    bench.now = START + seconds(100)
    await bench.presence.sweep()
    elsewhere = await bench.workspace("elsewhere")
    await bench.connection(elsewhere, "c-9")
    assert await bench.announce("c-9", "RC9", AIRCRAFT)
    await fly(bench, 100, 102, gateway="RC9")
    flights = await Flight.all().order_by("id")
    assert [flight.workspace_id for flight in flights] == [workspace_id, elsewhere]
    assert flights[0].drone_id != flights[1].drone_id


async def test_a_flight_that_cannot_be_kept_does_not_hold_up_the_others(
    database: Database, bench: FleetBench, workspace_id: int
) -> None:
    """What the row of one drone holds must not stop the sweep for all."""
    await bench.connection(workspace_id, "c-2")
    await bench.announce("c-2", "RC2", "AC2")
    await fly(bench, 0, 2)
    bench.now = START
    for second in (0, 2):
        await bench.report("AC2", flying(), sent_at=START + seconds(second))
    first, second_drone = await bench.drone(AIRCRAFT, workspace_id), await bench.drone("AC2", workspace_id)
    await Flight.filter(drone_id=first.id).delete()  # its start cannot be told any more
    await wait_until(bench, 8)
    assert [kind for _, kind, _ in await journal(workspace_id)][-1] == "FLIGHT_STARTED"
    await wait_until(bench, 700)
    assert (await Flight.get(drone_id=second_drone.id)).phase == "ended"


async def test_a_flight_that_nothing_is_known_of_any_more_ends_where_another_one_opens(
    database: Database, bench: FleetBench, workspace_id: int
) -> None:
    await fly(bench, 0, 2, 10)
    await bench.recorder.settled()
    drone = await bench.drone(AIRCRAFT, workspace_id)
    await Drone.filter(id=drone.id).update(flight_watch={"course": 7})  # as a later version may leave it
    await fly(bench, 20, 22, 30)
    flights = await Flight.all().order_by("id")
    assert [(after(flight.started_at), after(flight.ended_at)) for flight in flights] == [(0, 10), (20, None)]
    assert [(kind, at) for _, kind, at in (await journal(workspace_id))[1:]] == [
        ("FLIGHT_STARTED", 0),
        ("FLIGHT_ENDED", 10),
        ("FLIGHT_STARTED", 20),
    ]
    assert bench.counts.drops == {}


async def test_a_drone_whose_departure_cannot_be_kept_holds_up_no_other(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.announce("c-1", GATEWAY, AIRCRAFT, "AC2")
    broken = (await bench.drone(AIRCRAFT, workspace_id)).id
    depart = bench.derivation.depart

    async def fails_for_one(client: Any, drone_ids: list[int], *rest: Any) -> None:
        if broken in drone_ids:
            raise ValueError("a flight that no column holds")
        await depart(client, drone_ids, *rest)

    monkeypatch.setattr(bench.derivation, "depart", fails_for_one)
    bench.now = START + seconds(61)
    await bench.presence.sweep()
    assert (await bench.drone(AIRCRAFT, workspace_id)).online
    assert not (await bench.drone("AC2", workspace_id)).online
