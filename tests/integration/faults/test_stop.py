"""SIGTERM under load: an orderly end that loses nothing."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.conftest import BOTH_WAYS
from tests.support.faults import (
    PATIENCE_S,
    POSITIONS,
    all_acknowledged,
    all_stored_once,
    crew,
    dashboard,
    drone_ids,
    faults_in,
    flying,
    history,
    until,
)
from tests.support.hubs import Way, hub_process


@pytest.fixture(params=BOTH_WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "embedded":
        found: Way = request.getfixturevalue("embedded")
        return found
    served: Way = request.getfixturevalue("servers").way
    return served


async def test_a_stop_under_load(way: Way) -> None:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_process(way))
        team = await crew(way, hub, controllers=2)
        controllers = await stack.enter_async_context(flying(way, team, per_s=150))
        drones = await drone_ids(hub, team, controllers)
        boards = [await stack.enter_async_context(dashboard(hub, token=team.token)) for _ in range(3)]
        for board in boards[:2]:
            await board.subscribe(POSITIONS, workspace=team.workspace)
            await until(lambda board=board: board.longitudes.keys() == set(drones), "both drones to be seen")
        for controller in controllers:
            await controller.reported(50)
        hub.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await hub.process.wait() == 0
        if way.name == "embedded":  # here the hub itself has acknowledged
            found = await history(way)
            for controller in controllers:
                assert controller.acknowledged <= found[controller.aircraft].keys()
        for board in boards:
            assert await until(lambda board=board: board.close_code) == 1001
        assert not faults_in(hub), faults_in(hub)[0]
        hub = await stack.enter_async_context(hub_process(way, port=hub.port))
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
