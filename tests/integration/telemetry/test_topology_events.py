"""What listeners are told of who is there: controllers that come and go, and aircraft that change hands."""

from collections.abc import AsyncIterator

import pytest

from ofh.backends.ports import Session, SessionChange
from ofh.domain.events import ControllerPresenceChanged, Event, TopologyChanged
from ofh.store.database import Database
from tests.support.fleet import START, FleetBench, charge, seconds


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def ours(bench: FleetBench) -> int:
    found = await bench.workspace("ours")
    await bench.connection(found, "c-1")
    await bench.connection(found, "c-2")
    return found


def presence(heard: list[Event]) -> list[bool]:
    return [event.online for event in heard if isinstance(event, ControllerPresenceChanged)]


def gateways(heard: list[Event]) -> list[str]:
    return [event.gateway_serial for event in heard if isinstance(event, TopologyChanged)]


async def test_a_controller_that_announces_itself_comes_online_once(bench: FleetBench, ours: int) -> None:
    async with bench.listening(ours) as heard:
        await bench.announce("c-1", "RC1", "AC1", "AC2")
        await bench.announce("c-1", "RC1", "AC1", "AC2")
    assert presence(heard) == [True]
    assert gateways(heard) == ["RC1"], "one word for both aircraft, and none for a repetition"


async def test_aircraft_that_leave_and_come_back_change_the_topology(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    for number, aircraft in enumerate([[], ["AC1"], ["AC1", "AC2"]], 1):
        async with bench.listening(ours) as heard:
            await bench.announce("c-1", "RC1", *aircraft, at=START + seconds(number))
        assert gateways(heard) == ["RC1"], aircraft
        assert presence(heard) == []


async def test_a_controller_that_logs_in_by_another_connection_changes_the_topology(
    bench: FleetBench, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    async with bench.listening(ours) as heard:
        await bench.announce("c-2", "RC1", "AC1")
    assert gateways(heard) == ["RC1"]


async def test_who_loses_an_aircraft_to_another_workspace_is_told(bench: FleetBench, ours: int) -> None:
    theirs = await bench.workspace("theirs")
    await bench.connection(theirs, "x-1")
    await bench.announce("c-1", "RC1", "AC1")
    bench.now += seconds(61)
    await bench.presence.sweep()
    async with bench.listening(ours) as lost, bench.listening(theirs) as won:
        await bench.announce("x-1", "RC9", "AC1")
    assert gateways(lost) == ["RC1"]
    assert gateways(won) == ["RC9"]


async def test_silence_and_a_report_after_it_take_a_controller_off_and_on(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1")
    bench.now += seconds(61)
    async with bench.listening(ours) as heard:
        await bench.presence.sweep()
        await bench.report("RC1", charge(50), sent_at=bench.now)
        await bench.report("RC1", charge(49), sent_at=bench.now)
    assert presence(heard) == [False, True]


async def test_a_controller_that_says_goodbye_is_offline(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    async with bench.listening(ours) as heard:
        bench.presence.session_changed(Session(account="c-1", change=SessionChange.LEFT, at=bench.now))
        await bench.presence.sweep()
    assert presence(heard) == [False]
