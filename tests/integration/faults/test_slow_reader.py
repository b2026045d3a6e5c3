"""A subscriber that stops reading costs the hub a bounded amount, and resumes with the newest of each drone."""

import socket
from contextlib import AsyncExitStack

from tests.support.faults import (
    Controller,
    all_acknowledged,
    all_stored_once,
    crew,
    dashboard,
    drone_ids,
    resident_bytes,
    until,
)
from tests.support.hubs import Way, hub_process

READERS = 4
ROUNDS = 800
WIDE = "".join(
    f" a{number}: telemetry {{ heading horizontalSpeed verticalSpeed elevation gimbalPitch gimbalRoll gimbalYaw"
    " flightMode satellites signal homeDistance windSpeed reportedAt }"
    for number in range(25)
)
"""So that what would wait for a reader is large beside what is allowed to."""
QUERY = (
    "subscription($workspace: ID!) { workspacePositions(workspaceId: $workspace, interval: 0)"
    f" {{ droneId position {{ longitude }}{WIDE} }} }}"
)


async def test_readers_that_stop_reading(embedded: Way) -> None:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_process(embedded, OFH_SOCKET_STUCK_S="600"))
        team = await crew(embedded, hub, controllers=3)
        controllers = [Controller(embedded, account, number) for number, account in enumerate(team.accounts)]
        for controller in controllers:
            controller.start()
            stack.push_async_callback(controller.stop)
            await controller.announce()
            controller.report()
        drones = await drone_ids(hub, team, controllers)
        quick = await stack.enter_async_context(dashboard(hub, token=team.token))
        slow = []
        for _ in range(READERS):
            link = socket.socket()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            link.connect(("127.0.0.1", hub.port))
            slow.append(await stack.enter_async_context(dashboard(hub, token=team.token, sock=link, max_queue=1)))
        for board in (quick, *slow):
            await board.subscribe(QUERY, workspace=team.workspace)
            await until(lambda board=board: board.longitudes.keys() == set(drones), "all drones to be seen")

        for board in slow:
            board.is_reading.clear()
        before = resident_bytes(hub)
        for number in range(ROUNDS):
            for controller in controllers:
                controller.report()
            if number % 10 == 9:  # the stream waits for the quick one, so that next to nothing is conflated for it
                for drone, controller in zip(drones, controllers, strict=True):
                    await quick.shows(drone, controller.sent[-1])
        grown = resident_bytes(hub) - before
        assert len(quick.results) > ROUNDS
        assert quick.received_bytes > 12 * 2**20
        assert grown < READERS * quick.received_bytes / 2, "what waits for slow readers is kept"

        for board in slow:
            board.is_reading.set()
        for board in slow:
            for drone, controller in zip(drones, controllers, strict=True):
                await board.shows(drone, controller.sent[-1])
            assert board.received_bytes < quick.received_bytes / 2
            assert (board.close_code, board.errors) == (None, [])
        last = [controller.report() for controller in controllers]
        for board in (quick, *slow):
            for drone, at in zip(drones, last, strict=True):
                await board.shows(drone, at)
        await all_acknowledged(controllers)
        await all_stored_once(embedded, controllers)
