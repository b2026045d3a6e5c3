"""Hub processes that go in the middle of a stream, in order or not: the others carry on, and nothing waits for them."""

import asyncio
import contextlib
import os
import signal
from contextlib import AsyncExitStack

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


async def test_processes_come_and_go_under_load(servers: Servers) -> None:
    """A hub of two workers stays. Of two others one is told to stop and one is killed, and neither comes back; then the
    workers are replaced one by one, and all that time somebody answers and is ready.
    """
    way, settings = servers.way, {"OFH_MQTT_INHERIT_S": "3"}
    async with AsyncExitStack() as stack:
        stays = await stack.enter_async_context(hub_process(way, OFH_WORKERS="2", **settings))
        stops = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="stops", **settings))
        dies = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="dies", **settings))
        team = await crew(way, stays, controllers=3)
        controllers = await stack.enter_async_context(flying(way, team, per_s=150))
        drones = await drone_ids(stays, team, controllers)
        board = await stack.enter_async_context(dashboard(stops, token=team.token))
        await board.subscribe(POSITIONS, workspace=team.workspace)
        await until(lambda: board.longitudes.keys() == set(drones), "the drones to be seen")

        dies.kill()
        await ended(stops)
        assert await until(lambda: board.close_code) == 1001
        for controller in controllers:
            await controller.reported(50)  # some for the process that was killed
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        await until(lambda: "nothing is left for the process that is gone" in stays.log.read_text())
        assert not await keeps_session(servers.mosquitto, "stops-0")
        assert not await keeps_session(servers.mosquitto, "dies-0")

        before = await two(stays.process.pid)
        asking = asyncio.create_task(always_ready(stays))
        for controller in controllers:
            controller.fly(150)
            await controller.reported(50)
        stays.process.send_signal(signal.SIGHUP)
        await until(lambda: "all hub processes are replaced" in stays.log.read_text())
        after = await two(stays.process.pid, but=frozenset(before))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        os.kill(min(after), signal.SIGKILL)  # it is started again
        await all_acknowledged(controllers)
        await all_stored_once(way, controllers)
        await ended(stays)


async def ended(hub: HubProcess) -> None:
    """Told to stop, it ends in order."""
    hub.process.terminate()
    async with asyncio.timeout(PATIENCE_S):
        assert await hub.process.wait() == 0
    assert not faults_in(hub), faults_in(hub)[0]


PATIENT = 10
"""Answers in a row by which whoever shares the load would take a machine out."""


async def always_ready(hub: HubProcess) -> None:
    """Ask by a new connection each time, as many clients would. A process that begins may not be ready for a moment."""
    unready: list[bytes] = []
    while len(unready) < PATIENT:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)  # never refused
        with contextlib.closing(writer):  # also where the test is done in the middle of an answer
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            # A process that stops may close a connection whose request comes very late.
            with contextlib.suppress(ConnectionError):
                answer = await reader.read()
                unready = [*unready, answer] if answer and not answer.startswith(b"HTTP/1.1 200 OK\r\n") else []
        await asyncio.sleep(0.05)
    raise AssertionError(unready)
