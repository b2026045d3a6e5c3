"""Who is there, from the tables: controllers, their aircraft, and nobody else's."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from ofh.services.awareness import Awareness, Group
from ofh.store.database import Database
from ofh.store.models import Binding, Connection, Drone, RemoteController
from tests.support.fleet import START, FleetBench, seconds


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


@pytest.fixture
def awareness(database: Database) -> Awareness:
    return Awareness(database)


def shown(groups: list[Group]) -> dict[str, list[str]]:
    """The aircraft of each controller, those that are offline in brackets."""
    return {
        group.controller.serial: [craft.serial if craft.online else f"({craft.serial})" for craft in group.aircraft]
        for group in groups
    }


async def test_nobody_is_an_empty_list(awareness: Awareness, ours: int) -> None:
    assert await awareness.groups(ours) == []


async def test_controllers_stand_with_their_aircraft_names_and_models(
    bench: FleetBench, awareness: Awareness, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1", "AC2")
    await Drone.filter(serial_number="AC1").update(name="Rescue 1")
    [group] = await awareness.groups(ours)
    connection = await Connection.get(public_id="c-1")
    assert (group.connection_id, group.connection_name) == (connection.id, "c-1")
    assert (group.controller.serial, group.controller.callsign) == ("RC1", "c-1")
    assert (group.controller.domain, group.controller.type, group.controller.sub_type) == (2, 119, 0)
    assert [(craft.serial, craft.callsign) for craft in group.aircraft] == [("AC1", "Rescue 1"), ("AC2", "AC2")]
    assert [(craft.domain, craft.type, craft.sub_type) for craft in group.aircraft] == [(0, 67, 1), (0, 67, 1)]
    assert group.controller.online is True
    assert all(craft.online is True for craft in group.aircraft)


async def test_who_is_offline_stays_on_the_list(bench: FleetBench, awareness: Awareness, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC2", "AC2")
    bench.now += seconds(61)
    await bench.announce("c-2", "RC2", "AC2")
    await bench.presence.sweep()
    groups = await awareness.groups(ours)
    assert shown(groups) == {"RC1": ["(AC1)"], "RC2": ["AC2"]}
    assert [group.controller.online for group in groups] == [False, True]


async def test_an_aircraft_that_left_stays_with_its_last_controller_offline(
    bench: FleetBench, awareness: Awareness, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-1", "RC1", at=START + seconds(1))
    assert shown(await awareness.groups(ours)) == {"RC1": ["(AC1)"]}


async def test_an_aircraft_that_changed_hands_stands_with_whoever_has_it(
    bench: FleetBench, awareness: Awareness, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-1", "RC1", at=START + seconds(1))
    await bench.announce("c-2", "RC2", "AC1", at=START + seconds(2))
    assert shown(await awareness.groups(ours)) == {"RC1": [], "RC2": ["AC1"]}


async def test_an_aircraft_with_two_controllers_stands_with_both(
    bench: FleetBench, awareness: Awareness, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC2", "AC1")
    assert shown(await awareness.groups(ours)) == {"RC1": ["AC1"], "RC2": ["AC1"]}


async def test_another_workspace_sees_nothing_of_it(bench: FleetBench, awareness: Awareness, ours: int) -> None:
    theirs = await bench.workspace("theirs")
    await bench.connection(theirs, "x-1")
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("x-1", "RC9", "AC9")
    assert shown(await awareness.groups(ours)) == {"RC1": ["AC1"]}
    assert shown(await awareness.groups(theirs)) == {"RC9": ["AC9"]}


async def test_a_deleted_connection_takes_its_devices_off_the_list(
    bench: FleetBench, awareness: Awareness, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC2")
    await Connection.filter(public_id="c-1").delete()
    assert shown(await awareness.groups(ours)) == {"RC2": []}


async def test_a_fleet_of_two_thousand_takes_two_statements(
    bench: FleetBench, awareness: Awareness, ours: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await Connection.get(public_id="c-1")
    about = {"workspace_id": ours, "connection_id": connection.id, "sub_type": 0, "online": True, "created_at": START}
    await RemoteController.bulk_create(
        [RemoteController(serial_number=f"RC{n}", type=119, **about) for n in range(100)]
    )
    await Drone.bulk_create([Drone(serial_number=f"AC{n}", type=67, **about) for n in range(2_000)])
    devices = [(row.serial_number, row.serial_number, row.id) for row in await RemoteController.all()]
    devices += [(row.serial_number, f"RC{int(row.serial_number[2:]) % 100}", row.id) for row in await Drone.all()]
    await Binding.bulk_create(
        [
            Binding(
                serial_number=serial, gateway_serial=gateway, connection_id=connection.id, device_id=id, bound_at=START
            )
            for serial, gateway, id in devices
        ]
    )
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        groups = await awareness.groups(ours)
    assert sum(record.name == "tortoise.db_client" for record in caplog.records) == 2
    assert [len(group.aircraft) for group in groups] == [20] * 100


async def test_who_asks_at_the_same_moment_shares_an_answer_that_is_new_enough(
    bench: FleetBench, awareness: Awareness, ours: int, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    first = asyncio.create_task(awareness.groups(ours))
    await asyncio.sleep(0)
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        answers = await asyncio.gather(first, *(awareness.groups(ours) for _ in range(50)))
    assert sum(record.name == "tortoise.db_client" for record in caplog.records) <= 4
    assert all(answer == answers[0] for answer in answers)
    await bench.announce("c-1", "RC1", "AC1", "AC2", at=START + seconds(1))
    assert shown(await awareness.groups(ours)) == {"RC1": ["AC1", "AC2"]}
