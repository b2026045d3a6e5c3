"""How many SQL statements a query takes: a fixed number, however much there is (graphql.md, 'No N+1')."""

import logging
from datetime import timedelta

import pytest

from ofh.domain.events import EventKind, FlightChanged
from ofh.store.models import Connection, Drone, Flight, Workspace
from tests.integration.graphql_api.test_fleet import commit
from tests.integration.graphql_api.world import NOW, Api, World, later, make_connection, make_drone

FLEET = """query ($id: ID!) { workspace(id: $id) { name drones { id serialNumber name online
    position { longitude latitude height reportedAt } battery { capacityPercentLeft }
    telemetry { heading flightMode } lastConnection { id name remoteController { serialNumber } }
    currentFlight { id startedAt distance drone { name } } } } }"""

PAST = """query ($id: ID!, $at: DateTime!) { fleetAt(workspaceId: $id, at: $at) { drones { name online
    position { longitude } currentFlight { id drone { name } } } alerts { drone { name } } } }"""

FLIGHTS = """query ($id: ID!) { workspace(id: $id) { drones { name flights(first: 2) { totalCount
    pageInfo { hasNextPage } edges { node { startedAt duration drone { name } } } } } } }"""

EVERYTHING = """{ workspaces { name role members { user { name } email } connections { name drone { name } }
    remoteControllers { serialNumber } drones { lastConnection { workspace { name } } } } }"""


async def grow(workspace: Workspace, first: int, count: int) -> Connection:
    """Add drones, each with a connection of its own."""
    connection = await make_connection(workspace, f"Van {first}")
    for index in range(first, first + count):
        drone = await make_drone(workspace, await make_connection(workspace, f"Van {index}"), f"GROWN{index}")
        await Flight.create(
            workspace_id=workspace.id,
            drone_id=drone.id,
            open_drone_id=drone.id,
            phase="airborne",
            started_at=NOW,
            last_at=NOW,
        )
    return connection


async def statements(api: Api, world: World, caplog: pytest.LogCaptureFixture, document: str, **variables: str) -> int:
    """The number that a query takes."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        answer = await api.ask(world.member, document, **variables)
    assert answer.errors == []
    return sum(record.name == "tortoise.db_client" for record in caplog.records)


async def test_a_fleet_takes_the_same_statements_whatever_its_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    variables = {"id": str(world.workspace.id)}
    await grow(world.workspace, 0, 1)
    few = await statements(api, world, caplog, FLEET, **variables)
    await grow(world.workspace, 1, 40)
    assert await statements(api, world, caplog, FLEET, **variables) == few
    assert 0 < few < 10


async def test_the_last_flights_of_a_fleet_take_the_same_statements_whatever_its_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    variables = {"id": str(world.workspace.id)}
    await grow(world.workspace, 0, 1)
    few = await statements(api, world, caplog, FLIGHTS, **variables)
    await grow(world.workspace, 1, 40)
    assert await statements(api, world, caplog, FLIGHTS, **variables) == few
    assert 0 < few < 8


async def test_a_past_fleet_takes_the_same_statements_whatever_its_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    variables = {"id": str(world.workspace.id), "at": later(500).isoformat()}
    counted = []
    for first, number in ((0, 1), (1, 40)):
        await grow(world.workspace, first, number)
        flights = await Flight.filter(workspace_id=world.workspace.id)
        happened = [
            FlightChanged(
                workspace_id=flight.workspace_id,
                drone_id=flight.drone_id,
                flight_id=flight.id,
                kind=EventKind.FLIGHT_STARTED,
                at=NOW,
            )
            for flight in flights
        ]
        await commit(api, world, *happened)
        counted.append(await statements(api, world, caplog, PAST, **variables))
        answer = await api.ask(world.member, PAST, **variables)
        assert sum(drone["currentFlight"] is not None for drone in answer.data["fleetAt"]["drones"]) == len(flights)
    assert counted[0] == counted[1] < 20


async def test_the_last_flights_of_drones_are_each_ones_own_the_newest_first(api: Api, world: World) -> None:
    await grow(world.workspace, 0, 2)
    drones = await Drone.filter(serial_number__startswith="GROWN").order_by("id")
    expected: dict[str, list[str]] = {str(world.drone.id): []}
    for drone in drones:
        rows = [
            await Flight.create(
                workspace_id=drone.workspace_id,
                drone_id=drone.id,
                phase="ended",
                started_at=NOW + timedelta(minutes=minutes),
                last_at=NOW + timedelta(minutes=minutes),
            )
            for minutes in (2, 1, 2)
        ]
        expected[str(drone.id)] = [str(rows[2].id), str(rows[0].id)]
    document = """query ($id: ID!) { workspace(id: $id) { drones { id
        flights(first: 2) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } } } } }"""
    answer = await api.ask(world.member, document, id=str(world.workspace.id))
    assert answer.errors == []
    for shown in answer.data["workspace"]["drones"]:
        page = shown["flights"]
        assert [edge["node"]["id"] for edge in page["edges"]] == expected[shown["id"]]
        assert page["totalCount"] == (4 if expected[shown["id"]] else 0)
        assert page["pageInfo"]["hasNextPage"] is bool(expected[shown["id"]])
    more = "query ($id: ID!, $after: String) { drone(id: $id) { flights(after: $after) { edges { node { id } } } } }"
    rest = await api.ask(world.member, more, id=shown["id"], after=page["pageInfo"]["endCursor"])
    assert len(rest.data["drone"]["flights"]["edges"]) == 2


async def test_all_of_all_workspaces_takes_the_same_statements_whatever_their_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    few = await statements(api, world, caplog, EVERYTHING)
    await grow(world.workspace, 1, 40)
    assert await statements(api, world, caplog, EVERYTHING) == few
    assert 0 < few < 12


async def test_the_counter_counts(api: Api, world: World, caplog: pytest.LogCaptureFixture) -> None:
    id, other = str(world.drone.id), str(world.controller.id)
    one = await statements(api, world, caplog, "query ($id: ID!) { a: drone(id: $id) { id } }", id=id)
    document = "query ($id: ID!, $other: ID!) { a: drone(id: $id) { id } b: remoteController(id: $other) { id } }"
    assert await statements(api, world, caplog, document, id=id, other=other) > one > 0


async def test_who_asks_for_the_same_kind_of_thing_at_once_shares_a_statement(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    id = str(world.drone.id)
    one = await statements(api, world, caplog, "query ($id: ID!) { a: drone(id: $id) { id } }", id=id)
    document = "query ($id: ID!) { a: drone(id: $id) { id } b: drone(id: $id) { id } c: drone(id: 987654) { id } }"
    assert await statements(api, world, caplog, document, id=id) == one
