"""A controller's page tells its serial number at log-in: bound as by a topology, without weakening M3."""

from collections.abc import AsyncIterator

import pytest

from ofh.services.topologies import CONFLICTS
from ofh.store.database import Database
from ofh.store.models import AuditEntry, Binding, Drone, RemoteController
from tests.support.fleet import START, FleetBench


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def ours(bench: FleetBench) -> int:
    """A workspace with the connections c-1 and c-2."""
    found = await bench.workspace("ours")
    await bench.connection(found, "c-1")
    await bench.connection(found, "c-2")
    return found


@pytest.fixture
async def theirs(bench: FleetBench) -> int:
    """A stranger's workspace with the connection x-1."""
    found = await bench.workspace("theirs")
    await bench.connection(found, "x-1")
    return found


async def claim(bench: FleetBench, account: str, serial: str) -> bool:
    return await bench.topologies.claim(account, serial, received_at=START)


async def test_a_claimed_controller_is_bound_and_not_online_yet(bench: FleetBench, ours: int) -> None:
    assert await claim(bench, "c-1", "RC1")
    controller = await RemoteController.get(workspace_id=ours)
    assert (controller.serial_number, controller.type, controller.online) == ("RC1", -1, False)
    assert bench.bindings.serials("c-1") == {"RC1"}
    assert bench.broker.accounts["c-1"].serials == {"RC1"}


async def test_a_claim_leaves_aircraft_and_presence_as_they_are(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert await claim(bench, "c-1", "RC1")
    assert bench.bindings.serials("c-1") == {"RC1", "AC1"}
    assert (await bench.drone("AC1", ours)).online
    controller = await RemoteController.get(workspace_id=ours)
    assert (controller.type, controller.online) == (119, True)


async def test_a_claim_by_another_connection_waits_for_a_topology_while_the_controller_is_online(
    bench: FleetBench, ours: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert await claim(bench, "c-2", "RC1")
    assert bench.bindings.serials("c-1") == {"RC1", "AC1"}
    assert bench.bindings.serials("c-2") == frozenset()


async def test_a_claim_moves_a_controller_that_is_away_with_its_aircraft(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await RemoteController.all().update(online=False)
    assert await claim(bench, "c-2", "RC1")
    assert bench.bindings.serials("c-1") == frozenset()
    assert bench.bindings.serials("c-2") == {"RC1", "AC1"}


async def test_m3_a_stranger_claims_no_controller_that_is_online(bench: FleetBench, ours: int, theirs: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert not await claim(bench, "x-1", "RC1")
    assert bench.bindings.serials("c-1") == {"RC1", "AC1"}
    assert bench.bindings.serials("x-1") == frozenset()
    assert await AuditEntry.filter(action="serial conflict", workspace_id=theirs).count() == 1
    for _ in range(CONFLICTS.burst + 10):
        assert not await claim(bench, "x-1", "RC1")
    assert await AuditEntry.filter(action="serial conflict", workspace_id=theirs).count() == CONFLICTS.burst


async def test_m3_a_stranger_claims_no_aircraft_that_is_online(bench: FleetBench, ours: int, theirs: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert not await claim(bench, "x-1", "AC1")
    assert (await bench.drone("AC1", ours)).online


async def test_a_controller_that_is_merely_known_elsewhere_moves_and_leaves_its_history(
    bench: FleetBench, ours: int, theirs: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await RemoteController.all().update(online=False)
    await Drone.all().update(online=False)
    assert await claim(bench, "x-1", "RC1")
    assert bench.bindings.serials("c-1") == frozenset()
    assert bench.bindings.serials("x-1") == {"RC1"}
    assert await RemoteController.filter(workspace_id=ours, serial_number="RC1").exists()


async def test_an_unknown_account_claims_nothing(bench: FleetBench, ours: int) -> None:
    assert not await claim(bench, "nobody", "RC1")
    assert await Binding.all().count() == 0
