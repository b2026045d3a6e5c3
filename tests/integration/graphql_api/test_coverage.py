"""What media show of the ground, one by one and together, and their archives, as members ask for them."""

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from ofh.domain.actors import Role
from ofh.domain.coverage.coverage import VERSION
from ofh.domain.covered_ground import shape_of
from ofh.domain.events import CoverageChanged
from ofh.store import journal
from ofh.store.models import Coverage, File, Media
from tests.integration.coverage.survey import ORIGIN, rectangle
from tests.integration.graphql_api.test_media import make_flight, make_media
from tests.integration.graphql_api.world import NOW, Api, World

GROUND = """query ($id: ID!) { media(id: $id) { groundCoverage { geoJson holes { elevation }
    all { position { longitude latitude } elevation debug directDistance ray { bearing imagePosition { x y } }
          meterSize { horizontal vertical } }
    outer { position { longitude } debug ray { pitch } } } } }"""


def point(x: float, y: float, **more: Any) -> dict[str, Any]:
    return {"position": {"longitude": x, "latitude": y}, "elevation": 12.5, **more}


async def show(row: Media, east_m: float = 0, *, size_m: float = 100) -> None:
    """What it shows is a square."""
    ring = rectangle(east_m, 0, size_m, size_m)
    shape, box = shape_of(ring) or (b"", (0, 0, 0, 0))
    outer = [point(x, y) for x, y in ring]
    outer[0]["debug"] = "flat ground"
    seen = point(
        *ORIGIN,
        ray={"bearing": 1.0, "pitch": -2.0, "imagePosition": {"x": 0.25, "y": 0.5}},
        directDistance=80.0,
        meterSize={"vertical": 0.2, "horizontal": 0.1},
    )
    await Coverage.create(
        workspace_id=row.workspace_id,
        media_id=row.id,
        version=VERSION,
        surface="flat",
        answer=orjson.dumps({"all": [seen], "outer": outer, "holes": []}).decode(),
        shape=shape,
        created_at=NOW,
        **dict(zip(("west", "south", "east", "north"), box, strict=True)),
    )


async def test_a_photo_shows_its_ground(api: Api, world: World) -> None:
    row = await make_media(world.drone)
    await show(row)
    shown = (await api.ask(world.people[Role.VIEWER], GROUND, id=str(row.id))).data["media"]["groundCoverage"]
    assert shown["all"] == [
        {
            "position": {"longitude": ORIGIN[0], "latitude": ORIGIN[1]},
            "elevation": 12.5,
            "debug": None,
            "directDistance": 80.0,
            "ray": {"bearing": 1.0, "imagePosition": {"x": 0.25, "y": 0.5}},
            "meterSize": {"horizontal": 0.1, "vertical": 0.2},
        }
    ]
    assert [found["debug"] for found in shown["outer"]] == ["flat ground", None, None, None, None]
    assert shown["outer"][0]["ray"] is None
    assert shown["geoJson"]["coordinates"] == [[[x, y] for x, y in rectangle(0, 0, 100, 100)]]


async def test_what_is_not_known_is_null_with_what_is_missing_and_no_error(api: Api, world: World) -> None:
    new, silent, shown = [await make_media(world.drone, number) for number in range(3)]
    await File.filter(id=silent.file_id).update(analysed_at=NOW)
    await show(shown)
    why = "query ($id: ID!) { media(id: $id) { groundCoverage { area: geoJson } coverageMissing { name reason } } }"
    missing = {}
    for row in (new, silent, shown):
        answer = await api.ask(world.member, why, id=str(row.id))
        assert answer.errors == []
        found = answer.data["media"]
        missing[row.id] = {line["name"] for line in found["coverageMissing"] if line["reason"]}
        assert (found["groundCoverage"] is None) == bool(missing[row.id])
    assert missing[new.id] == {"metadata"}
    assert {"position", "lens"} <= missing[silent.id]
    assert missing[shown.id] == set()


async def test_many_photos_take_the_statements_of_one(api: Api, world: World, caplog: pytest.LogCaptureFixture) -> None:
    document = """query ($id: ID!) { workspace(id: $id) { media(first: 50) { edges { node {
        groundCoverage { geoJson } } } } } }"""

    async def count() -> int:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            answer = await api.ask(world.member, document, id=str(world.workspace.id))
        edges = answer.data["workspace"]["media"]["edges"]
        assert all(edge["node"]["groundCoverage"]["geoJson"] for edge in edges)
        return sum(record.name == "tortoise.db_client" for record in caplog.records)

    await show(await make_media(world.drone))
    few = await count()
    for number in range(1, 20):
        await show(await make_media(world.drone, number))
    assert await count() == few


async def test_a_flight_and_a_workspace_show_what_their_photos_do(api: Api, world: World) -> None:
    flight = await make_flight(world.drone)
    await show(await make_media(world.drone, 1, flight_id=flight.id))
    await show(await make_media(world.drone, 2, lens="ZOOM"), 50)
    await make_media(world.drone, 3)
    document = """query ($w: ID!, $f: ID!, $filter: MediaFilter) {
        workspace(id: $w) { coverage(filter: $filter) { geoJson area mediaCount unknownCount pendingCount } }
        flight(id: $f) { coverage { area mediaCount } } }"""

    async def ask(**filter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        answer = await api.ask(
            world.people[Role.VIEWER], document, w=str(world.workspace.id), f=str(flight.id), filter=filter or None
        )
        assert answer.errors == []
        return answer.data["workspace"]["coverage"], answer.data["flight"]["coverage"]

    whole, flown = await ask()
    assert whole.pop("geoJson")["type"] == "MultiPolygon"
    assert whole == {"area": pytest.approx(15_000, rel=1e-3), "mediaCount": 2, "unknownCount": 0, "pendingCount": 1}
    assert flown == {"area": pytest.approx(10_000, rel=1e-3), "mediaCount": 1}
    zoomed, _ = await ask(lens="ZOOM")
    assert (zoomed["area"], zoomed["mediaCount"]) == (pytest.approx(10_000, rel=1e-3), 1)
    answer = await api.ask(world.member, document, w=str(world.workspace.id), f=str(flight.id), filter={"lens": "X"})
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"filter.lens"})


async def test_a_selection_has_a_link_to_its_archive(api: Api, world: World) -> None:
    flight = await make_flight(world.drone)
    one = await make_media(world.drone, 1, flight_id=flight.id)
    await make_media(world.drone, 2)
    document = """query ($w: ID!, $f: ID!, $filter: MediaFilter, $ids: [ID!]) {
        workspace(id: $w) { mediaArchive(filter: $filter, ids: $ids) { url fileCount size } }
        flight(id: $f) { mediaArchive { url fileCount } } }"""
    ids = {"w": str(world.workspace.id), "f": str(flight.id)}
    answer = await api.ask(world.people[Role.VIEWER], document, **ids)
    base = f"https://hub.example/export/workspace/{world.workspace.id}/media.zip"
    assert answer.data == {
        "workspace": {"mediaArchive": {"url": base, "fileCount": 2, "size": 2_000}},
        "flight": {"mediaArchive": {"url": f"{base}?flightId={flight.id}", "fileCount": 1}},
    }
    answer = await api.ask(world.member, document, **ids, filter={"type": "PHOTO"}, ids=[str(one.id)])
    shown = answer.data["workspace"]["mediaArchive"]
    assert (shown["fileCount"], shown["size"]) == (1, 1_000)
    assert parse_qs(urlsplit(shown["url"]).query) == {"type": ["PHOTO"], "ids": [str(one.id)]}
    for wrong in (["x"], [str(number) for number in range(1, 202)]):
        answer = await api.ask(world.member, document, **ids, ids=wrong)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"ids"})


async def test_a_coverage_stands_among_the_events(api: Api, world: World) -> None:
    row = await make_media(world.drone)
    await show(row)
    event = CoverageChanged(workspace_id=row.workspace_id, drone_id=row.drone_id, media_id=row.id, at=NOW)
    async with api.database.transaction() as client:
        await journal.append(api.database, client, {row.workspace_id: [event]}, NOW)
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { workspace(id: $id) { events(kinds: [COVERAGE_CHANGED]) { edges { node { __typename at
        ... on CoverageChanged { media { id groundCoverage { geoJson } } } } } } } }""",
        id=str(world.workspace.id),
    )
    (edge,) = answer.data["workspace"]["events"]["edges"]
    assert edge["node"]["__typename"] == "CoverageChanged"
    assert edge["node"]["media"]["id"] == str(row.id)
    assert edge["node"]["media"]["groundCoverage"]["geoJson"]["type"] == "Polygon"


@pytest.mark.parametrize(
    "query",
    [
        "{ workspace(id: 1) { media(first: 50) { edges { node { groundCoverage { all { elevation } } } } } } }",
        "{ workspace(id: 1) { flights(first: 150) { edges { node { coverage { area } } } } } }",
        "{ workspaces { coverage { area } mediaArchive { size } a: coverage { area } b: coverage { area } } }",
    ],
)
async def test_what_is_dear_is_bounded(api: Api, world: World, query: str) -> None:
    assert (await api.ask(world.member, query)).codes == ["TOO_COMPLEX"]
