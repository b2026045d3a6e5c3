"""kill -9 in the middle of a stream: what was acknowledged is in the database once, and so is what was answered.

Of a hub that is one process, `test_under_load.py` says the same.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.integration.faults.conftest import Servers
from tests.support.faults import (
    POSITIONS,
    Controller,
    Crew,
    all_acknowledged,
    all_stored_once,
    answer,
    connection,
    crew,
    dashboard,
    drone_ids,
    flying,
    history,
    until,
)
from tests.support.hubs import HubProcess, Way, hub_process

MEMBERS = "query($id: ID!) { workspace(id: $id) { connections { id } } }"


async def make_connections(hub: HubProcess, team: Crew, made: list[str]) -> None:
    """Make one connection after the other until the hub is gone; each that was answered is noted."""
    while True:
        found = await connection(hub, team.token, team.workspace, f"made {len(made)}")
        made.append(found.id)


async def killed_while_busy(hub: HubProcess, team: Crew, controllers: list[Controller], made: list[str]) -> None:
    """Let some reports and changes through, and kill the hub between two of them."""
    changing = asyncio.create_task(make_connections(hub, team, made))
    for controller in controllers:
        await controller.reported(100)
    hub.kill()
    await hub.process.wait()
    await asyncio.gather(changing, return_exceptions=True)


@pytest.mark.services
async def test_one_of_two_processes(servers: Servers) -> None:
    way, made = servers.way, list[str]()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="one"))
        two = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="two"))
        team = await crew(way, one, controllers=2)
        controllers = await stack.enter_async_context(flying(way, team, per_s=150))
        drones = await drone_ids(one, team, controllers)
        board = await stack.enter_async_context(dashboard(two, token=team.token))
        await board.subscribe(POSITIONS, workspace=team.workspace)
        await until(lambda: board.longitudes.keys() == set(drones))
        await killed_while_busy(one, team, controllers, made)
        for controller in controllers:
            await controller.reported(200)  # the broker goes on taking them, some for the process that is gone
        one = await stack.enter_async_context(hub_process(way, port=one.port, OFH_MQTT_CLIENT_ID="one"))
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        for drone, controller in zip(drones, controllers, strict=True):
            await board.shows(drone, controller.sent[-1])
        found = await answer(one, team.token, MEMBERS, id=team.workspace)
        assert set(made) <= {each["id"] for each in found["workspace"]["connections"]}


async def test_a_report_that_comes_again_late_is_not_counted_twice(embedded: Way) -> None:
    """The hub was away for longer than it believes a device's clock: what it had stored already is sent again."""
    async with hub_process(embedded, OFH_CLOCK_TOLERANCE_S="1") as hub:
        team = await crew(embedded, hub)
        async with flying(embedded, team, per_s=20) as (controller,):
            await controller.reported(5)
            await all_acknowledged([controller])
            before = await history(embedded)
            await asyncio.sleep(1.5)  # longer than the tolerance
            for at in controller.sent[-5:]:
                controller.send_again(at)
            await until(lambda: controller.acknowledged_again == 5)
            assert await history(embedded) == before
