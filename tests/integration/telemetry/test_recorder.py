"""Stored, published, acknowledged: in that order, once, and by the right controller."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.devices import DeviceState, Fix, Property, Value
from ofh.domain.errors import Code, HubError
from ofh.domain.events import BatteryReported, DronePositioned, PresenceChanged
from ofh.domain.flight_watch import FlightWatch
from ofh.services import recorder as recorder_module
from ofh.store import bulk
from ofh.store.database import Database
from ofh.store.history import HistoryRow, write_history
from ofh.store.models import Connection, Drone, Flight
from tests.support.fleet import START, FleetBench, charge, position, seconds
from tests.support.history import history_of

GATEWAY, AIRCRAFT = "RC1", "AC1"


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


async def test_a_report_is_stored_published_and_acknowledged(bench: FleetBench, workspace_id: int) -> None:
    async with bench.listening(workspace_id) as heard:
        await bench.report(AIRCRAFT, {**position(), **charge(70)}, sent_at=START)
        await asyncio.sleep(0)
    assert bench.acks == [1]
    [row] = await bench.history(AIRCRAFT, workspace_id)
    assert (row.longitude, row.latitude, row.height, row.battery_percent) == (9.95, 50.49, 1000.0, 70)
    assert row.reported_at == START
    kinds = [type(event) for event in heard]
    assert kinds == [DronePositioned, BatteryReported]


async def test_a_redelivered_message_changes_nothing(bench: FleetBench, workspace_id: int) -> None:
    for _ in range(3):
        await bench.report(AIRCRAFT, position(), sent_at=START, digest=77)
    assert len(await bench.history(AIRCRAFT, workspace_id)) == 1
    assert len(bench.acks) == 3


async def test_a_redelivered_message_of_a_wrong_clock_changes_nothing(bench: FleetBench, workspace_id: int) -> None:
    for _ in range(3):
        await bench.report(AIRCRAFT, position(), sent_at=START - timedelta(days=400), digest=77)
        bench.now += seconds(1)
    [row] = await bench.history(AIRCRAFT, workspace_id)
    assert row.reported_at == START
    assert row.device_clock == START - timedelta(days=400)


async def test_a_stuck_clock_loses_no_report(bench: FleetBench, workspace_id: int) -> None:
    for n in range(3):
        await bench.report(AIRCRAFT, position(height=1000 + n), sent_at=START, digest=n)
    assert len(await bench.history(AIRCRAFT, workspace_id)) == 3


async def test_a_late_fix_goes_to_history_only(bench: FleetBench, workspace_id: int) -> None:
    await bench.report(AIRCRAFT, position(longitude=10.0), sent_at=START)
    async with bench.listening(workspace_id) as heard:
        await bench.report(AIRCRAFT, position(longitude=9.0), sent_at=START - seconds(30))
        await asyncio.sleep(0)
    assert heard == []
    assert [row.longitude for row in await bench.history(AIRCRAFT, workspace_id)] == [9.0, 10.0]
    held = DeviceState.from_json((await bench.drone(AIRCRAFT, workspace_id)).state).get(Property.FIX)
    assert held is not None
    assert isinstance(held.value, Fix)
    assert held.value.longitude_deg == 10.0


async def test_properties_of_different_messages_are_merged(bench: FleetBench, workspace_id: int) -> None:
    await bench.report(AIRCRAFT, charge(50), sent_at=START + seconds(2))
    await bench.report(AIRCRAFT, {**position(), Property.HEADING: 90.0}, sent_at=START)
    state = DeviceState.from_json((await bench.drone(AIRCRAFT, workspace_id)).state)
    assert set(state.properties) == {Property.BATTERY, Property.FIX, Property.HEADING}


async def test_two_processes_that_take_turns_end_in_one_state(database: Database) -> None:
    async with FleetBench(database).running() as one, FleetBench(database, one.bus).running() as other:
        workspace_id = await one.workspace()
        await one.connection(workspace_id, "c-1")
        await one.announce("c-1", GATEWAY, AIRCRAFT)
        await one.report(AIRCRAFT, {**position(longitude=1.0), **charge(90)}, sent_at=START)
        await other.report(AIRCRAFT, position(longitude=3.0), sent_at=START + seconds(2))
        await one.report(AIRCRAFT, {**position(longitude=2.0), **charge(89)}, sent_at=START + seconds(1))
        state = DeviceState.from_json((await one.drone(AIRCRAFT, workspace_id)).state)
    fix, battery = state.get(Property.FIX), state.get(Property.BATTERY)
    assert fix is not None
    assert battery is not None
    assert fix.at == START + seconds(2)
    assert battery.at == START + seconds(1)


async def test_the_controller_that_counts_stays_for_ten_seconds(bench: FleetBench, workspace_id: int) -> None:
    await bench.connection(workspace_id, "c-2")
    await bench.announce("c-2", "RC2", AIRCRAFT)
    await bench.report(AIRCRAFT, position(longitude=1.0), gateway=GATEWAY, sent_at=START)
    bench.now += seconds(5)
    await bench.report(AIRCRAFT, position(longitude=2.0), gateway="RC2", sent_at=bench.now)
    assert bench.counts.drops["other_controller"] == 1
    bench.now += seconds(6)
    await bench.report(AIRCRAFT, position(longitude=3.0), gateway="RC2", sent_at=bench.now)
    assert [row.longitude for row in await bench.history(AIRCRAFT, workspace_id)] == [1.0, 3.0]


async def test_a_report_brings_a_silent_drone_online_again(bench: FleetBench, workspace_id: int) -> None:
    bench.now += seconds(61)
    await bench.presence.sweep()
    assert not (await bench.drone(AIRCRAFT, workspace_id)).online
    async with bench.listening(workspace_id) as heard:
        await bench.report(AIRCRAFT, position(), sent_at=bench.now)
        await asyncio.sleep(0)
    assert (await bench.drone(AIRCRAFT, workspace_id)).online
    assert [event.online for event in heard if isinstance(event, PresenceChanged)] == [True]


async def test_a_report_from_before_it_left_does_not_bring_it_back(bench: FleetBench, workspace_id: int) -> None:
    await bench.announce("c-1", GATEWAY, at=START + seconds(10))
    await bench.report(AIRCRAFT, position(), sent_at=START + seconds(9))
    assert not (await bench.drone(AIRCRAFT, workspace_id)).online
    await bench.report(AIRCRAFT, position(), sent_at=START + seconds(11))
    assert (await bench.drone(AIRCRAFT, workspace_id)).online


async def test_nothing_is_acknowledged_before_the_database_has_it(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0
    real = write_history

    async def away_twice(*arguments: Any) -> None:
        nonlocal attempts
        attempts += 1
        assert bench.acks == []
        if attempts <= 2:
            raise ConnectionResetError
        await real(*arguments)

    monkeypatch.setattr(recorder_module, "write_history", away_twice)
    await bench.report(AIRCRAFT, position(), sent_at=START)
    assert attempts == 3
    assert bench.acks == [1]
    assert len(await history_of(bench.database)) == 1


async def test_what_is_remembered_of_a_row_is_not_believed_once_somebody_else_wrote_it(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    real = bulk._state

    def state(stored: Any) -> DeviceState:
        read.append(stored)
        return real(stored)

    monkeypatch.setattr(bulk, "_state", state)

    async def report(values: dict[Property, Value], after_s: float) -> int:
        """How many states were parsed for it."""
        read.clear()
        await bench.report(AIRCRAFT, {**values, Property.MODE_CODE: 5}, sent_at=START + seconds(after_s))
        return len(read)

    await report(position(), 0)
    assert await report(charge(90), 1) == 0
    await Drone.filter(serial_number=AIRCRAFT).update(state={}, flight_watch={})
    assert await report(charge(89), 2) == 1
    drone = await bench.drone(AIRCRAFT, workspace_id)
    assert Property.FIX not in DeviceState.from_json(drone.state).properties
    assert len(FlightWatch.from_json(drone.flight_watch).window) == 1


async def test_what_a_failed_transaction_did_is_not_remembered(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = write_history, [ConnectionResetError()]

    async def away_once(*arguments: Any) -> None:
        await real(*arguments)
        if failures:
            raise failures.pop()

    await bench.report(AIRCRAFT, {**position(), Property.MODE_CODE: 5}, sent_at=START)
    monkeypatch.setattr(recorder_module, "write_history", away_once)
    await bench.report(AIRCRAFT, {**charge(90), Property.MODE_CODE: 5}, sent_at=START + seconds(1))
    assert not failures
    drone = await bench.drone(AIRCRAFT, workspace_id)
    assert len(FlightWatch.from_json(drone.flight_watch).window) == 2
    assert await Flight.filter(drone_id=drone.id).count() == 1


async def test_one_report_that_cannot_be_stored_costs_itself_alone(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_history

    async def poisoned(database: Any, client: Any, rows: list[HistoryRow]) -> None:
        if any(row.height == 13 for row in rows):
            raise ValueError("poison")
        await real(database, client, rows)

    monkeypatch.setattr(recorder_module, "write_history", poisoned)
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    for n, height in enumerate([12.0, 13.0, 14.0]):
        bench.telemetry.take_now(
            bound,
            position(height=height),
            sent_at=START + seconds(n),
            received_at=bench.now,
            digest=n,
            ack=lambda: bench.acks.append(1),
        )
    await bench.recorder.settled()
    assert [row.height for row in await bench.history(AIRCRAFT, workspace_id)] == [12.0, 14.0]
    assert len(bench.acks) == 3
    assert bench.counts.drops["not_storable"] == 1


async def test_a_bus_that_is_away_keeps_nothing_from_being_stored(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_channel: str, _data: bytes) -> None:
        raise HubError(Code.UNAVAILABLE, "away")

    monkeypatch.setattr(bench.bus, "publish", away)
    await bench.report(AIRCRAFT, position(), sent_at=START)
    assert bench.acks == [1]
    assert bench.counts.drops["bus_away"] >= 1


async def test_many_reports_at_once_go_by_copy_and_are_kept_once(bench: FleetBench, workspace_id: int) -> None:
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    for _ in range(2):
        for n in range(200):
            bench.telemetry.take_now(
                bound,
                position(height=n),
                sent_at=START + seconds(n / 10),
                received_at=bench.now,
                digest=n,
                ack=lambda: bench.acks.append(1),
            )
    await bench.recorder.settled()
    assert len(await history_of(bench.database)) == 200
    assert len(bench.acks) == 400


async def test_a_connection_over_its_limit_keeps_its_newest_position(bench: FleetBench, workspace_id: int) -> None:
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    for n in range(600):
        bench.telemetry.take_now(
            bound,
            position(height=n),
            sent_at=START + seconds(n / 10),
            received_at=bench.now,
            digest=n,
            ack=lambda: bench.acks.append(1),
        )
    async with asyncio.timeout(20):
        while len(bench.acks) < 600:
            await asyncio.sleep(0.05)
    rows = await bench.history(AIRCRAFT, workspace_id)
    assert len(rows) == 501
    assert rows[-1].height == 599
    assert bench.counts.drops["shed"] == 99


async def test_a_drone_of_a_deleted_workspace_is_acknowledged_and_forgotten(
    bench: FleetBench, workspace_id: int
) -> None:
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    await Drone.filter(workspace_id=workspace_id).delete()
    bench.telemetry.take_now(
        bound, position(), sent_at=START, received_at=bench.now, digest=1, ack=lambda: bench.acks.append(1)
    )
    await bench.recorder.settled()
    assert bench.acks == [1]


async def test_a_late_report_of_a_deleted_connection_costs_nobody_else_anything(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await bench.workspace("X")
    await bench.connection(other, "c-2")
    await bench.announce("c-2", "RC2", "AC2")
    bounds = [await bench.telemetry.find(AIRCRAFT, None, "c-1"), await bench.telemetry.find("AC2", None, "c-2")]
    await Connection.filter(public_id="c-1").delete()
    stored: list[int] = []
    monkeypatch.setattr(bench.counts, "stored", stored.append)
    for n, bound in enumerate(bounds):
        assert bound is not None
        bench.telemetry.take_now(
            bound, position(), sent_at=START, received_at=bench.now, digest=n, ack=lambda: bench.acks.append(1)
        )
    await bench.recorder.settled()
    assert (stored, len(bench.acks), bench.counts.drops["not_storable"]) == ([2], 2, 0)


async def test_a_handover_between_controllers_loses_no_history(bench: FleetBench, workspace_id: int) -> None:
    """The clock of the controller that gives the aircraft up is four minutes ahead."""
    await bench.connection(workspace_id, "c-2")
    await bench.report(AIRCRAFT, position(longitude=1.0), sent_at=START + seconds(240), gateway=GATEWAY)
    bench.now += seconds(5)
    await bench.announce("c-1", GATEWAY, at=START + seconds(245))
    await bench.announce("c-2", "RC2", AIRCRAFT)
    for n in range(10):
        bench.now += seconds(2)
        await bench.report(AIRCRAFT, position(longitude=2.0 + n), sent_at=bench.now, gateway="RC2")
    assert len(await bench.history(AIRCRAFT, workspace_id)) == 11


async def test_shedding_keeps_the_position_whatever_comes_after_it(bench: FleetBench, workspace_id: int) -> None:
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    while bench.telemetry.allows("c-1"):
        pass
    for n, values in enumerate([position(longitude=7.0), {Property.FIRMWARE: "1.2"}]):
        bench.telemetry.take_now(
            bound,
            values,
            sent_at=START + seconds(n),
            received_at=bench.now,
            digest=n,
            ack=lambda: bench.acks.append(1),
        )
    async with asyncio.timeout(20):
        while len(bench.acks) < 2:
            await asyncio.sleep(0.05)
    state = DeviceState.from_json((await bench.drone(AIRCRAFT, workspace_id)).state)
    assert set(state.properties) == {Property.FIX, Property.FIRMWARE}


async def test_a_report_is_stored_only_in_the_workspace_it_came_in_by(bench: FleetBench, workspace_id: int) -> None:
    bound = await bench.telemetry.find(AIRCRAFT, None, "c-1")
    assert bound is not None
    bench.telemetry.take_now(
        replace(bound, workspace_id=workspace_id + 1),
        position(),
        sent_at=START,
        received_at=bench.now,
        digest=1,
        ack=lambda: bench.acks.append(1),
    )
    await bench.recorder.settled()
    assert bench.acks == [1]
    assert await bench.history(AIRCRAFT, workspace_id) == []


async def test_a_message_delivered_again_after_the_tolerance_counts_once(bench: FleetBench, workspace_id: int) -> None:
    """Its time was believed the first time, and is not any more."""
    await bench.report(AIRCRAFT, position(longitude=1.0), sent_at=START, digest=1)
    bench.now += timedelta(minutes=10)
    await bench.report(AIRCRAFT, position(longitude=1.0), sent_at=START, digest=1)
    assert [row.longitude for row in await bench.history(AIRCRAFT, workspace_id)] == [1.0]


async def test_a_clock_that_is_always_wrong_still_moves_the_drone(bench: FleetBench, workspace_id: int) -> None:
    wrong = START - timedelta(days=9000)
    for n in range(3):
        await bench.report(AIRCRAFT, position(longitude=float(n)), sent_at=wrong + seconds(n))
        bench.now += seconds(1)
    held = DeviceState.from_json((await bench.drone(AIRCRAFT, workspace_id)).state).get(Property.FIX)
    assert held is not None
    assert held.value == Fix(longitude_deg=2.0, latitude_deg=50.49, height_m=1000.0)
