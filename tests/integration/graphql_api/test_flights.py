"""Flights and the journal's events, as members ask for them and strangers do."""

from datetime import datetime
from typing import Any

import pytest

from ofh.domain.events import Event, EventKind, FlightChanged, PresenceChanged
from ofh.services.pages import write_cursor
from ofh.store import journal
from ofh.store.models import Drone, Flight
from tests.integration.graphql_api.world import NOW, Api, World, later, make_drone
from tests.support.history import history_row, store

FLIGHT = """query ($id: ID!) { flight(id: $id) { id drone { serialNumber } startedAt landedAt endedAt lastReportAt lost
    duration distance maxHeight maxElevation batteryUsed takeOff { longitude latitude height }
    track(maxPoints: 3) { longitude time batteryPercent } } }"""

LIST = """query ($id: ID!, $first: Int, $after: String, $filter: FlightFilter) { workspace(id: $id) {
    flights(first: $first, after: $after, filter: $filter) { totalCount edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

EVENTS = """query ($id: ID!, $first: Int, $after: String, $kinds: [FleetEventKind!]) { workspace(id: $id) {
    events(first: $first, after: $after, kinds: $kinds) { totalCount pageInfo { hasNextPage endCursor }
    edges { cursor node { __typename cursor at ... on DroneOnline { drone { id } } ... on DroneOffline { drone { id } }
    ... on FlightStarted { flight { id } } ... on FlightEnded { flight { id startedAt } } } } } } }"""


async def make_flight(drone: Drone, start: float, end: float | None = None, **values: Any) -> Flight:
    """A flight so many seconds after now; one without an end is under way."""
    ended = None if end is None else later(end)
    box = {"west": 8.0, "south": 47.0, "east": 8.1, "north": 47.1}
    return await Flight.create(
        workspace_id=drone.workspace_id,
        drone_id=drone.id,
        open_drone_id=drone.id if end is None else None,
        phase="airborne" if end is None else "ended",
        started_at=later(start),
        last_at=ended or later(start + 10),
        landed_at=ended,
        ended_at=ended,
        **{**box, **values},
    )


async def listed(api: Api, world: World, **variables: Any) -> tuple[list[int], dict[str, Any]]:
    """The flights of a page, and the page."""
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), **variables)
    assert answer.errors == []
    page = answer.data["workspace"]["flights"]
    return [int(edge["node"]["id"]) for edge in page["edges"]], page


async def test_a_flight_is_shown_to_members_alone(api: Api, world: World) -> None:
    flight = await make_flight(
        world.drone,
        0,
        30,
        distance=120.5,
        max_height=550.0,
        max_elevation=48.0,
        battery_used=3.5,
        take_off_longitude=8.0,
        take_off_latitude=47.0,
        take_off_height=502.0,
    )
    drone_id = world.drone.id
    rows = [
        history_row(later(second), drone_id=drone_id, longitude=8 + second / 1000, battery_percent=90 - second / 10)
        for second in range(-5, 60, 5)
    ]
    await store(api.database, rows)
    answer = await api.ask(world.member, FLIGHT, id=str(flight.id))
    assert answer.errors == []
    track = answer.data["flight"].pop("track")
    assert answer.data["flight"] == {
        "id": str(flight.id),
        "drone": {"serialNumber": world.drone.serial_number},
        "startedAt": NOW.isoformat(),
        "landedAt": later(30).isoformat(),
        "endedAt": later(30).isoformat(),
        "lastReportAt": later(30).isoformat(),
        "lost": False,
        "duration": 30.0,
        "distance": 120.5,
        "maxHeight": 550.0,
        "maxElevation": 48.0,
        "batteryUsed": 3.5,
        "takeOff": {"longitude": 8.0, "latitude": 47.0, "height": 502.0},
    }
    assert [track[0], track[-1]] == [
        {"longitude": 8.0, "time": NOW.isoformat(), "batteryPercent": 90.0},
        {"longitude": 8.03, "time": later(30).isoformat(), "batteryPercent": 87.0},
    ]
    for somebody, number in ((world.stranger, flight.id), (world.member, flight.id + 1)):
        assert (await api.ask(somebody, FLIGHT, id=str(number))).data == {"flight": None}


async def test_a_flight_that_another_controllers_clock_ended_before_its_start_has_a_track(
    api: Api, world: World
) -> None:
    flight = await make_flight(world.drone, 0, -30)
    await store(api.database, [history_row(NOW, drone_id=world.drone.id, longitude=8.0)])
    answer = await api.ask(world.member, FLIGHT, id=str(flight.id))
    assert answer.errors == []
    assert answer.data["flight"]["track"] == [{"longitude": 8.0, "time": NOW.isoformat(), "batteryPercent": None}]
    assert answer.data["flight"]["duration"] == 0.0


async def test_a_drone_shows_the_flight_that_it_is_on(api: Api, world: World) -> None:
    document = """query ($id: ID!) { drone(id: $id) { currentFlight { id endedAt }
        flights(first: 1) { totalCount edges { node { id } } } } }"""
    await make_flight(world.drone, -100, -50)
    answer = await api.ask(world.member, document, id=str(world.drone.id))
    assert answer.data["drone"]["currentFlight"] is None
    flight = await make_flight(world.drone, 0)
    answer = await api.ask(world.member, document, id=str(world.drone.id))
    assert answer.data["drone"] == {
        "currentFlight": {"id": str(flight.id), "endedAt": None},
        "flights": {"totalCount": 2, "edges": [{"node": {"id": str(flight.id)}}]},
    }


async def test_flights_come_page_by_page_while_new_ones_are_added(api: Api, world: World) -> None:
    flights = [await make_flight(world.drone, start, start + 5) for start in (0, 10, 10, 20, 30)]
    newest_first = [flight.id for flight in sorted(flights, key=lambda one: (one.started_at, one.id), reverse=True)]
    found, page = await listed(api, world, first=2)
    assert found == newest_first[:2]
    assert page["totalCount"] == 5
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][1]["cursor"],
    }
    await make_flight(world.drone, 40, 45)
    found, page = await listed(api, world, first=2, after=page["pageInfo"]["endCursor"])
    assert found == newest_first[2:4]
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (True, True)
    found, page = await listed(api, world, first=2, after=page["pageInfo"]["endCursor"])
    assert found == newest_first[4:]
    assert page["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, {0, 1, 2}), (later(15), None, {1, 2}), (None, later(9), {0}), (later(11), later(19), {1})],
)
async def test_flights_are_found_by_when_they_were_under_way(
    api: Api, world: World, start: datetime | None, end: datetime | None, expected: set[int]
) -> None:
    flights = [
        await make_flight(world.drone, 0, 5),
        await make_flight(world.drone, 10, 20),
        await make_flight(world.drone, 30),
    ]
    filter = {"from": start and start.isoformat(), "to": end and end.isoformat()}
    found, page = await listed(api, world, filter=filter)
    assert set(found) == {flights[index].id for index in expected}
    assert page["totalCount"] == len(expected)


async def test_flights_are_found_by_drone_and_by_the_area_that_they_were_in(api: Api, world: World) -> None:
    other = await make_drone(world.workspace, None, "OTHER1")
    one, two = await make_flight(world.drone, 0, 10), await make_flight(other, 0, 10)
    far = await make_flight(other, 20, 30, west=-180.0, east=180.0)  # across the antimeridian
    rows = [
        history_row(later(5), drone_id=world.drone.id, longitude=8.01, latitude=47.01),
        history_row(later(5), drone_id=other.id, longitude=8.09, latitude=47.09),
        history_row(later(25), drone_id=other.id, longitude=179.9, latitude=47.05),
    ]
    await store(api.database, rows)

    async def within(west: float, south: float, east: float, north: float, **more: Any) -> list[int]:
        area = {"west": west, "south": south, "east": east, "north": north}
        found, page = await listed(api, world, filter={"area": area, **more})
        assert page["totalCount"] == len(found)
        return found

    assert await within(8.0, 47.0, 8.05, 47.05) == [one.id], "the other's box is there, but it never was"
    assert await within(8.0, 47.0, 8.2, 47.2) == [two.id, one.id]
    assert await within(8.0, 47.0, 8.2, 47.2, droneId=str(other.id)) == [two.id]
    assert await within(179.0, 47.0, -179.0, 48.0) == [far.id]
    assert await within(9.0, 47.0, 10.0, 48.0) == []


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": 201}, "first"),
        ({"after": "nonsense"}, "after"),
        ({"after": "WzFd"}, "after"),  # a cursor of another list
        ({"after": "WzEsMWUzMDBd"}, "after"),
        ({"filter": {"droneId": "x"}}, "filter.droneId"),
        ({"filter": {"area": {"west": 0, "south": 2, "east": 1, "north": 1}}}, "filter.area.south"),
        ({"filter": {"from": later(1).isoformat(), "to": NOW.isoformat()}}, "to"),
    ],
)
async def test_what_makes_no_sense_is_bad_input(api: Api, world: World, variables: dict[str, Any], field: str) -> None:
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), **variables)
    assert answer.codes == ["BAD_INPUT"]
    assert answer.fields == {field}


@pytest.mark.parametrize("micros", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize("what", ["flights", "alerts", "media", "files"])
async def test_a_cursor_whose_time_no_calendar_has_is_bad_input(api: Api, world: World, what: str, micros: int) -> None:
    document = f"query ($id: ID!, $after: String) {{ workspace(id: $id) {{ {what}(after: $after) {{ totalCount }} }} }}"
    answer = await api.ask(world.member, document, id=str(world.workspace.id), after=write_cursor((micros, 1)))
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"after"})


async def test_the_journal_is_read_in_its_order(api: Api, world: World) -> None:
    flight = await make_flight(world.drone, 0, 30)
    numbers = {"workspace_id": world.workspace.id, "drone_id": world.drone.id}
    happened: list[Event] = [
        PresenceChanged(**numbers, at=later(50), online=True),
        FlightChanged(**numbers, flight_id=flight.id, kind=EventKind.FLIGHT_STARTED, at=later(0)),
        FlightChanged(**numbers, flight_id=flight.id, kind=EventKind.FLIGHT_ENDED, at=later(30)),
        PresenceChanged(**numbers, at=later(60), online=False),
    ]
    async with api.database.transaction() as client:
        await journal.append(api.database, client, {world.workspace.id: happened}, later(60))

    async def read(**variables: Any) -> dict[str, Any]:
        answer = await api.ask(world.member, EVENTS, id=str(world.workspace.id), **variables)
        assert answer.errors == []
        found: dict[str, Any] = answer.data["workspace"]["events"]
        return found

    page = await read(first=3)
    assert page["totalCount"] == 4
    drone, told = {"id": str(world.drone.id)}, {"id": str(flight.id)}
    assert [{**edge["node"], "cursor": None} for edge in page["edges"]] == [
        {"__typename": "DroneOnline", "cursor": None, "at": later(50).isoformat(), "drone": drone},
        {"__typename": "FlightStarted", "cursor": None, "at": NOW.isoformat(), "flight": told},
        {
            "__typename": "FlightEnded",
            "cursor": None,
            "at": later(30).isoformat(),
            "flight": {**told, "startedAt": NOW.isoformat()},
        },
    ]
    assert all(edge["cursor"] == edge["node"]["cursor"] for edge in page["edges"])
    page = await read(first=3, after=page["pageInfo"]["endCursor"])
    assert [edge["node"]["__typename"] for edge in page["edges"]] == ["DroneOffline"]
    assert page["pageInfo"]["hasNextPage"] is False
    page = await read(kinds=["FLIGHT_STARTED", "FLIGHT_LANDED"])
    assert [edge["node"]["__typename"] for edge in page["edges"]] == ["FlightStarted"]
    assert (await read(kinds=[]))["edges"] == []


async def test_a_stranger_reads_no_events(api: Api, world: World) -> None:
    answer = await api.ask(world.stranger, EVENTS, id=str(world.workspace.id))
    assert answer.data == {"workspace": None}
