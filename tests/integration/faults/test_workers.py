"""Hub processes that go in the middle of a stream, in order or not: the others carry on, and nothing waits for them."""

import asyncio
import contextlib
import os
import signal
from contextlib import AsyncExitStack

import httpx2
import pytest

from tests.integration.faults.conftest import Servers
from tests.support.faults import (
    POSITIONS,
    all_acknowledged,
    all_stored_once,
    crew,
    dashboard,
    drone_ids,
    faults_in,
    flying,
    until,
)
from tests.support.hubs import PATIENCE_S, HubProcess, hub_process
from tests.support.workers import keeps_session, two

pytestmark = pytest.mark.services


async def ended(hub: HubProcess) -> None:
    """Told to stop, it ends in order."""
    hub.process.terminate()
    async with asyncio.timeout(PATIENCE_S):
        assert await hub.process.wait() == 0
    assert not faults_in(hub), faults_in(hub)[0]


async def test_one_is_taken_away_and_one_is_killed_and_neither_comes_back(servers: Servers) -> None:
    way, settings = servers.way, {"OFH_MQTT_INHERIT_S": "3"}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="one", **settings))
        two = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="two", **settings))
        team = await crew(way, two, controllers=3)
        controllers = await stack.enter_async_context(flying(way, team, per_s=150))
        drones = await drone_ids(two, team, controllers)
        boards = [await stack.enter_async_context(dashboard(hub, token=team.token)) for hub in (one, two)]
        for board in boards:
            await board.subscribe(POSITIONS, workspace=team.workspace)
            await until(lambda board=board: board.longitudes.keys() == set(drones), "the drones to be seen")

        await ended(one)
        assert await until(lambda: boards[0].close_code) == 1001
        for controller in controllers:
            await controller.reported(50)
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        assert not await keeps_session(servers.mosquitto, "one-0")

        three = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="three", **settings))
        for controller in controllers:
            controller.fly(150)
            await controller.reported(50)
        two.kill()
        for controller in controllers:
            await controller.reported(50)  # some for the process that is gone
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        assert not await keeps_session(servers.mosquitto, "two-0")

        await ended(three)  # the last: what comes now waits for it
        for controller in controllers:
            controller.fly(150)
            await controller.reported(50)
        three = await stack.enter_async_context(
            hub_process(way, port=three.port, OFH_MQTT_CLIENT_ID="three", **settings)
        )
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        assert not faults_in(three), faults_in(three)[0]


async def test_workers_are_replaced_one_by_one_under_load(servers: Servers) -> None:
    """Somebody always answers, and says that the hub is ready. Then one is killed."""
    way = servers.way
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_process(way, OFH_WORKERS="2"))
        team = await crew(way, hub, controllers=2)
        before = await two(hub.process.pid)
        controllers = await stack.enter_async_context(flying(way, team, per_s=150))
        asking = asyncio.create_task(always_ready(hub))
        for controller in controllers:
            await controller.reported(50)
        hub.process.send_signal(signal.SIGHUP)
        await until(lambda: "all hub processes are replaced" in hub.log.read_text())
        after = await two(hub.process.pid, but=frozenset(before))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        os.kill(min(after), signal.SIGKILL)
        await two(hub.process.pid, but=frozenset(before | {min(after)}))
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        await ended(hub)


async def always_ready(hub: HubProcess) -> None:
    """Ask by a new connection each time, as many clients would."""
    while True:
        # A process that stops may close a connection whose request comes very late; none is ever refused.
        with contextlib.suppress(httpx2.ReadError, httpx2.RemoteProtocolError):
            async with httpx2.AsyncClient() as client:
                assert (await client.get(f"{hub.url}/readyz")).status_code == 200
        await asyncio.sleep(0.02)
