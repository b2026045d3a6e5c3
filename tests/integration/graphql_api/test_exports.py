"""Links to tracks as files."""

from typing import Any

import pytest

from ofh.store.models import Flight
from tests.integration.graphql_api.world import NOW, Api, World

FLIGHT = "query ($id: ID!) { flight(id: $id) { exports { format url } } }"
DRONE = """query ($id: ID!, $from: DateTime!, $to: DateTime!, $format: ExportFormat!) {
    drone(id: $id) { exportUrl(from: $from, to: $to, format: $format) } }"""
SPAN: dict[str, Any] = {"from": "2026-05-01T10:00:00.5+02:00", "to": "2026-05-01T12:00:00Z", "format": "KML"}


async def test_a_flight_links_to_a_file_of_each_format(api: Api, world: World) -> None:
    flight = await Flight.create(
        workspace_id=world.workspace.id, drone_id=world.drone.id, phase="ended", started_at=NOW, last_at=NOW
    )
    answer = await api.ask(world.member, FLIGHT, id=str(flight.id))
    assert answer.errors == []
    assert answer.data["flight"]["exports"] == [
        {"format": format, "url": f"https://hub.example/export/flight/{flight.id}.{format.lower()}"}
        for format in ("GEOJSON", "GPX", "KML", "CSV")
    ]
    assert (await api.ask(world.stranger, FLIGHT, id=str(flight.id))).data == {"flight": None}


async def test_a_span_of_a_drone_has_a_link_that_needs_no_escaping(api: Api, world: World) -> None:
    answer = await api.ask(world.member, DRONE, id=str(world.drone.id), **SPAN)
    assert answer.errors == []
    assert answer.data["drone"]["exportUrl"] == (
        f"https://hub.example/export/drone/{world.drone.id}.kml"
        "?from=2026-05-01T08%3A00%3A00.500000Z&to=2026-05-01T12%3A00%3A00Z"
    )
    assert (await api.ask(world.stranger, DRONE, id=str(world.drone.id), **SPAN)).data == {"drone": None}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"to": "2026-05-01T07:59:59Z"}, "to"),
        ({"from": "1999-01-01T00:00:00Z"}, "from"),
        ({"to": "2099-01-01T00:00:00Z"}, "to"),
    ],
)
async def test_no_link_leads_to_a_span_that_is_refused(
    api: Api, world: World, given: dict[str, str], field: str
) -> None:
    answer = await api.ask(world.member, DRONE, id=str(world.drone.id), **{**SPAN, **given})
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {field})
