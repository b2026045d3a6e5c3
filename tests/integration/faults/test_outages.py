"""A backend goes and comes back under load: the hub stays, says so, recovers by itself, and nothing is lost."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
import websockets
from redis.asyncio import Redis

from ofh.store.database import Database
from tests.integration.faults.conftest import Servers
from tests.support.faults import (
    PATIENCE_S,
    POSITIONS,
    Controller,
    Crew,
    Dashboard,
    all_acknowledged,
    all_stored_once,
    answer,
    crew,
    dashboard,
    drone_ids,
    faults_in,
    flying,
    held,
    says_away,
    says_ready,
    until,
)
from tests.support.hubs import HubProcess, Way, hub_process
from tests.support.services import PostgresServer

OPERATIONS = {
    "me": "{ me { id } }",
    "everything": "{ workspaces { name members { role user { name } } connections { name drone { online } }"
    " drones { position { longitude } battery { capacityPercentLeft } } } }",
    "track": "query($drone: ID!, $workspace: ID!) { drone(id: $drone)"
    ' { track(from: "2024-01-01T00:00:00Z", to: "2024-01-02T00:00:00Z") { longitude } }'
    " workspace(id: $workspace) { name } }",
    "rename": 'mutation($drone: ID!) { renameDrone(id: $drone, name: "Rio") { name } }',
    "connect": 'mutation($workspace: ID!) { createConnection(workspaceId: $workspace, name: "RC") { secret } }',
}


@dataclass
class Scene:
    """Two aircraft in the air, and two dashboards that show them in different ways."""

    hub: HubProcess
    team: Crew
    controllers: list[Controller]
    drones: list[str]
    boards: list[Dashboard]

    async def show_the_newest(self) -> None:
        for board in self.boards:
            for drone, controller in zip(self.drones, self.controllers, strict=True):
                await board.shows(drone, controller.sent[-1])
            assert board.close_code is None
            assert board.errors == []


@asynccontextmanager
async def scene(way: Way, **settings: str) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_process(way, **settings))
        team = await crew(way, hub, controllers=2)
        controllers = await stack.enter_async_context(flying(way, team, per_s=50))
        drones = await drone_ids(hub, team, controllers)
        boards = [await stack.enter_async_context(dashboard(hub, token=team.token)) for _ in range(2)]
        await boards[0].subscribe(POSITIONS, workspace=team.workspace)
        for drone in drones:
            await boards[1].subscribe(
                "subscription($id: ID!) { dronePosition(droneId: $id) { droneId position { longitude } } }", id=drone
            )
        for board in boards:
            await until(lambda board=board: board.longitudes.keys() == set(drones), "the dashboards to show both")
        yield Scene(hub, team, controllers, drones, boards)
        assert hub.process.returncode is None
        assert not faults_in(hub), faults_in(hub)[0]


async def refused_as_unavailable(hub: HubProcess, team: Crew, drone: str) -> None:
    """Whatever is asked for is answered with UNAVAILABLE, in words that give nothing away."""
    async with httpx2.AsyncClient() as client:
        for name, query in OPERATIONS.items():
            found = await client.post(
                f"{hub.url}/graphql",
                json={"query": query, "variables": {"drone": drone, "workspace": team.workspace}},
                headers={"authorization": f"Bearer {team.token}"},
                timeout=60,
            )
            assert found.status_code == 503, (name, found.text)
            assert found.headers["retry-after"]
            assert {error["extensions"]["code"] for error in found.json()["errors"]} == {"UNAVAILABLE"}, name
            assert "Traceback" not in found.text
        login = await client.post(
            f"{hub.url}/graphql",
            json={"query": 'mutation { login(username: "anna@example.org", password: "wrong-one") { user { id } } }'},
            timeout=60,
        )
        assert login.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with dashboard(hub, token=team.token):
            pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with dashboard(hub, cookie="user-auth=whoever"):
            pass
    assert refused.value.response.status_code == 503


@pytest.mark.services
async def test_the_database_is_away(servers: Servers) -> None:
    daemon = servers.daemon("database")
    async with scene(servers.way) as now:
        daemon.stop()
        try:
            await says_away(now.hub, "database")
            await refused_as_unavailable(now.hub, now.team, now.drones[0])
            for controller in now.controllers:
                await controller.reported(20)  # the broker keeps what the hub cannot store
            for board in now.boards:
                await board.subscribe(POSITIONS, workspace=now.team.workspace)
                await until(lambda board=board: board.close_code == 1013 or board.codes() == ["UNAVAILABLE"])
        finally:
            daemon.start()
        await says_ready(now.hub)
        await all_acknowledged(now.controllers)
        await all_stored_once(servers.way, now.controllers)
        await answer(now.hub, now.team.token, "{ me { id } }")


@pytest.mark.services
@pytest.mark.parametrize("backend", ["database", "bus", "broker"])
async def test_dashboards_stay_and_show_the_newest(servers: Servers, backend: str) -> None:
    daemon = servers.daemon(backend)
    async with scene(servers.way) as now:
        if backend == "broker":
            # Mosquitto 2.0.11 forgets shared subscriptions when it restarts, so what it takes before the hub has
            # subscribed again goes to nobody: the devices report on, but come back after the hub.
            for controller in now.controllers:
                controller.hold()
        daemon.stop()
        try:
            await says_away(now.hub, backend)
            if backend == "bus":
                # Reports are stored and nobody hears of them: the last ones of all are sent now.
                for controller in now.controllers:
                    await controller.reported(20)
                await all_acknowledged(now.controllers)
                await all_stored_once(servers.way, now.controllers)
                await answer(now.hub, now.team.token, "{ workspaces { drones { position { longitude } } } }")
            elif backend == "broker":
                await answer(now.hub, now.team.token, "{ workspaces { drones { position { longitude } } } }")
        finally:
            daemon.start()
        await says_ready(now.hub)
        if backend == "broker":
            for controller in now.controllers:
                controller.resume()
        await all_acknowledged(now.controllers)
        await all_stored_once(servers.way, now.controllers)
        await now.show_the_newest()
        for controller in now.controllers:
            controller.report()
        await now.show_the_newest()


async def test_another_process_holds_the_lock_of_the_embedded_database(embedded: Way) -> None:
    async with scene(embedded) as now:
        with contextlib.closing(sqlite3.connect(embedded.data / "hub.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            found = await now.hub.graphql(now.team.token, OPERATIONS["rename"], drone=now.drones[0])
            assert [error["extensions"]["code"] for error in found["errors"]] == ["UNAVAILABLE"]
            other.execute("ROLLBACK")
        await answer(now.hub, now.team.token, OPERATIONS["rename"], drone=now.drones[0])
        await all_acknowledged(now.controllers)
        await all_stored_once(embedded, now.controllers)
        await now.show_the_newest()


@pytest.mark.services
async def test_a_topology_that_comes_while_the_database_is_away_is_taken_later(servers: Servers) -> None:
    """The broker has acknowledged it, so the controller has no reason to say it again."""
    daemon = servers.daemon("database")
    async with hub_process(servers.way) as hub:
        team = await crew(servers.way, hub)
        controller = Controller(servers.way, team.accounts[0], 0)
        controller.start()
        try:
            await until(lambda: controller.links)
            daemon.stop()
            try:
                await says_away(hub, "database")
                controller.say_topology()
                await asyncio.sleep(5)
            finally:
                daemon.start()
            await until(lambda: controller.answered, "the topology to be answered")
        finally:
            await controller.stop()


@pytest.mark.services
async def test_a_bus_that_is_too_slow_to_publish_by(servers: Servers) -> None:
    """The reports are stored while nobody can be told, and no subscription breaks that could tell of the hole."""
    async with scene(servers.way) as now:
        await all_acknowledged(now.controllers)
        await now.show_the_newest()
        redis = Redis.from_url(servers.redis.url)
        try:
            await redis.execute_command("CLIENT", "PAUSE", "120000", "WRITE")
            for controller in now.controllers:
                controller.report()
            await all_stored_once(servers.way, now.controllers)
            await until(lambda: "bus publish failed" in now.hub.log.read_text(), "the hub to give up publishing")
            await redis.execute_command("CLIENT", "UNPAUSE")
        finally:
            await redis.aclose()
        await now.show_the_newest()


@pytest.mark.services
async def test_a_database_that_hangs(servers: Servers) -> None:
    """Operations give up on it; what they held is given back, and all goes on when it does."""
    async with scene(servers.way, OFH_OPERATION_S="1", OFH_DATABASE_POOL="4") as now:
        with held(servers.daemon("database")):
            answers = await asyncio.gather(
                *(
                    now.hub.graphql(now.team.token, OPERATIONS[name], drone=now.drones[0], workspace=now.team.workspace)
                    for name in ("connect", "rename", "everything", "connect")
                )
            )
            assert {error["extensions"]["code"] for found in answers for error in found["errors"]} == {"UNAVAILABLE"}
            await says_away(now.hub, "database")
        await says_ready(now.hub)

        async def answers() -> bool:
            found = await now.hub.graphql(now.team.token, OPERATIONS["connect"], workspace=now.team.workspace)
            return "errors" not in found

        await until(answers, "the hub to answer again")
        await all_acknowledged(now.controllers)
        await all_stored_once(servers.way, now.controllers)
        await now.show_the_newest()


@pytest.mark.services
async def test_who_gives_up_on_a_database_that_hangs_is_not_held_by_it(own_postgres: PostgresServer) -> None:
    """Neither by a statement, nor by the transaction around it."""
    assert own_postgres.daemon is not None
    url = own_postgres.create_database()
    database = Database(url)
    await database.open()
    try:

        async def alone() -> None:
            await database.connection.execute_query("SELECT 1")

        async def within() -> None:
            async with database.transaction() as client:
                await client.execute_query("SELECT 1")
                has_begun.set()
                await is_held.wait()
                await client.execute_query("SELECT 1")

        has_begun, is_held = asyncio.Event(), asyncio.Event()
        await alone()  # there is a connection, idle, which the next one takes
        tasks = [asyncio.create_task(within())]
        await has_begun.wait()
        await alone()
        with held(own_postgres.daemon):
            is_held.set()
            tasks.append(asyncio.create_task(alone()))
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            async with asyncio.timeout(PATIENCE_S / 4):  # a statement itself may take 30 s
                found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in found), found
        await alone()
    finally:
        await database.close()
        own_postgres.drop_database(url)
