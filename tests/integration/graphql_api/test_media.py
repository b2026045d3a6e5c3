"""Files and media, as members ask for them and strangers do."""

import asyncio
import logging
from datetime import datetime
from typing import Any

import pytest

from ofh.domain.actors import Action, Role, allows
from ofh.domain.events import MediaAnalysed, MediaUploaded
from ofh.services.announcing import publish
from ofh.store import journal
from ofh.store.models import Drone, File, Fingerprint, Flight, Media, MediaGroup, Workspace
from tests.integration.graphql_api.gallery import Gallery, opened, refusal, watch
from tests.integration.graphql_api.world import NOW, Api, World, later, make_connection, make_drone
from tests.support.fleet import Counts

MISSING = "987654321"
WATCH = """subscription ($id: ID!, $drone: ID) { mediaUploaded(workspaceId: $id, droneId: $drone) {
    id fileName drone { serialNumber } file { size } } }"""
LIST = """query ($id: ID!, $first: Int, $after: String, $filter: MediaFilter) { workspace(id: $id) {
    media(first: $first, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
    edges { cursor node { id } } } } }"""


async def make_file(workspace: Workspace, name: str = "notes.txt", **values: Any) -> File:
    given: dict[str, Any] = {
        "object_key": f"w/{workspace.id}/{name}",
        "size": 5_000_000_000,
        "content_type": "application/octet-stream",
        "etag": "abc",
        "created_at": NOW,
    }
    return await File.create(workspace_id=workspace.id, name=name, **{**given, **values})


async def make_media(drone: Drone, number: int = 0, **values: Any) -> Media:
    at = values.pop("created_at", later(number))
    file = await File.create(
        workspace_id=drone.workspace_id,
        name=f"DJI_{drone.id}_{number:04}_W.JPG",
        object_key=f"u/{drone.id}/{number}",
        size=1_000,
        content_type="image/jpeg",
        etag="abc",
        created_at=at,
    )
    given: dict[str, Any] = {"type": "PHOTO", "lens": "WIDE", "folder": "", "created_at": at}
    return await Media.create(
        workspace_id=drone.workspace_id, file_id=file.id, drone_id=drone.id, **{**given, **values}
    )


async def make_flight(drone: Drone, start: datetime = NOW) -> Flight:
    return await Flight.create(
        workspace_id=drone.workspace_id, drone_id=drone.id, phase="ground", started_at=start, last_at=later(60)
    )


async def listed(api: Api, world: World, **variables: Any) -> list[str]:
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), **variables)
    assert answer.errors == []
    return [edge["node"]["id"] for edge in answer.data["workspace"]["media"]["edges"]]


async def test_a_media_item_is_shown_with_all_that_is_known_of_it(api: Api, world: World) -> None:
    flight = await make_flight(world.drone)
    group = await MediaGroup.create(
        workspace_id=world.workspace.id, group_key="g", file_count=3, uploaded_count=2, created_at=NOW
    )
    row = await make_media(
        world.drone,
        flight_id=flight.id,
        group_id=group.id,
        captured_at=later(-60),
        payload_model_key="1-53-0",
        longitude=9.5,
        latitude=50.5,
        absolute_altitude=1053.4,
        relative_altitude=57.2,
        gimbal_yaw=-4.3,
        folder="DJI_202506141015_008_Waypoint1",
    )
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { media(id: $id) { id type lens fileName createdAt capturedAt isOriginal isPanorama folder
        payload meta camera { longitude latitude absoluteAltitude relativeAltitude gimbalYaw }
        drone { serialNumber } flight { id media { totalCount } } group { fileCount uploadedCount completedAt }
        file { name size contentType url thumbnailUrl uploadedBy { name } media { id } } } }""",
        id=str(row.id),
    )
    assert answer.errors == []
    file = await File.get(id=row.file_id)
    assert answer.data["media"] == {
        "id": str(row.id),
        "type": "PHOTO",
        "lens": "WIDE",
        "fileName": file.name,
        "createdAt": NOW.isoformat(),
        "capturedAt": later(-60).isoformat(),
        "isOriginal": True,
        "isPanorama": False,
        "folder": "DJI_202506141015_008_Waypoint1",
        "payload": "Matrice 30T camera",
        "meta": None,
        "camera": {
            "longitude": 9.5,
            "latitude": 50.5,
            "absoluteAltitude": 1053.4,
            "relativeAltitude": 57.2,
            "gimbalYaw": -4.3,
        },
        "drone": {"serialNumber": "SN1"},
        "flight": {"id": str(flight.id), "media": {"totalCount": 1}},
        "group": {"fileCount": 3, "uploadedCount": 2, "completedAt": None},
        "file": {
            "name": file.name,
            "size": 1_000,
            "contentType": "image/jpeg",
            "url": f"https://hub.example/api/file/data/{file.id}",
            "thumbnailUrl": None,
            "uploadedBy": None,
            "media": {"id": str(row.id)},
        },
    }


async def test_what_is_not_known_of_a_media_item_is_null(api: Api, world: World) -> None:
    row = await make_media(world.drone, lens=None, payload_model_key="9-9-9")
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { media(id: $id) { lens capturedAt camera { longitude } flight { id } group { id }
        payload } }""",
        id=str(row.id),
    )
    assert answer.data["media"] == {
        "lens": None,
        "capturedAt": None,
        "camera": None,
        "flight": None,
        "group": None,
        "payload": "9-9-9",
    }


async def test_a_members_file_is_shown_with_a_size_beyond_int(api: Api, world: World) -> None:
    row = await make_file(world.workspace, uploaded_by_id=world.owner.user_id)
    answer = await api.ask(
        world.member, "query ($id: ID!) { file(id: $id) { size uploadedBy { name } media { id } } }", id=str(row.id)
    )
    assert answer.data["file"] == {"size": 5_000_000_000, "uploadedBy": {"name": "Owner"}, "media": None}


async def test_several_files_come_in_the_order_asked_for_without_the_hidden_ones(api: Api, world: World) -> None:
    rows = [await make_file(world.workspace, f"{n}") for n in range(3)]
    hidden = await make_file(world.elsewhere, "hidden")
    ids = [str(row.id) for row in (rows[2], hidden, rows[0])]
    answer = await api.ask(world.member, "query ($ids: [ID!]!) { files(ids: $ids) { name } }", ids=[*ids, MISSING])
    assert answer.data == {"files": [{"name": "2"}, {"name": "0"}]}
    for wrong in (["x"], ["0"], [str(n) for n in range(1, 202)]):
        answer = await api.ask(world.member, "query ($ids: [ID!]!) { files(ids: $ids) { name } }", ids=wrong)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"ids"})


async def test_the_files_of_a_workspace_a_page_at_a_time(api: Api, world: World) -> None:
    for n in range(3):
        await make_file(world.workspace, f"{n}", created_at=later(n))
    document = """query ($id: ID!, $after: String) { workspace(id: $id) { files(first: 2, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } edges { cursor node { name } } } } }"""
    page = (await api.ask(world.member, document, id=str(world.workspace.id))).data["workspace"]["files"]
    assert [edge["node"]["name"] for edge in page["edges"]] == ["2", "1"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await api.ask(world.member, document, id=str(world.workspace.id), after=page["pageInfo"]["endCursor"])
    assert [edge["node"]["name"] for edge in rest.data["workspace"]["files"]["edges"]] == ["0"]


async def test_the_media_of_a_workspace_a_page_at_a_time(api: Api, world: World) -> None:
    rows = [await make_media(world.drone, n, created_at=later(n // 2)) for n in range(5)]
    ids = [str(row.id) for row in rows]
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), first=3)
    page = answer.data["workspace"]["media"]
    assert [edge["node"]["id"] for edge in page["edges"]] == ids[:1:-1]
    assert page["totalCount"] == 5
    await make_media(world.drone, 9)
    assert await listed(api, world, after=page["pageInfo"]["endCursor"]) == ids[1::-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {0, 1, 2, 3}),
        ({"type": "VIDEO"}, {1}),
        ({"lens": "THERMAL"}, {2}),
        ({"from": later(100).isoformat()}, {1, 3}),
        ({"to": later(99).isoformat()}, {0, 2}),
        ({"from": later(50).isoformat(), "to": later(150).isoformat()}, {1}),
        ({"area": {"west": 8, "south": 47, "east": 9, "north": 48}}, {0}),
        ({"area": {"west": 170, "south": -90, "east": 9, "north": 90}}, {0, 1}),
        ({"type": "PHOTO", "lens": "WIDE"}, {0, 3}),
        ({"type": None, "lens": None, "area": None, "from": None, "droneId": None}, {0, 1, 2, 3}),
    ],
)
async def test_a_filter_leaves_what_fits(api: Api, world: World, wanted: dict[str, Any], found: set[int]) -> None:
    rows = [
        await make_media(world.drone, 0, captured_at=later(0), longitude=8.5, latitude=47.5),
        await make_media(world.drone, 1, captured_at=later(100), type="VIDEO", longitude=175.0, latitude=0.0),
        await make_media(world.drone, 2, captured_at=later(20), lens="THERMAL"),
        await make_media(world.drone, 3, created_at=later(200)),
    ]
    numbers = {str(row.id): number for number, row in enumerate(rows)}
    assert {numbers[id] for id in await listed(api, world, filter=wanted)} == found


async def test_a_filter_by_drone_and_by_flight(api: Api, world: World) -> None:
    other = await make_drone(world.workspace, world.connection, "SN2")
    flight = await make_flight(other)
    mine, theirs = await make_media(world.drone), await make_media(other, flight_id=flight.id)
    assert await listed(api, world, filter={"droneId": str(world.drone.id)}) == [str(mine.id)]
    assert await listed(api, world, filter={"flightId": str(flight.id)}) == [str(theirs.id)]
    assert await listed(api, world, filter={"flightId": MISSING}) == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"droneId": "x"}, "filter.droneId"),
        ({"flightId": "0"}, "filter.flightId"),
        ({"lens": "FISHEYE"}, "filter.lens"),
        ({"area": {"west": 0, "south": 5, "east": 1, "north": 4}}, "filter.area.south"),
        ({"from": later(1).isoformat(), "to": later(0).isoformat()}, "to"),
    ],
)
async def test_a_filter_of_nonsense_is_refused(api: Api, world: World, wanted: dict[str, Any], field: str) -> None:
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), filter=wanted)
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {field})


@pytest.mark.parametrize("first", [0, -1, 201])
async def test_a_page_of_no_size_is_refused_also_on_a_drone(api: Api, world: World, first: int) -> None:
    for document in (
        "query ($id: ID!, $first: Int) { workspace(id: $id) { media(first: $first) { totalCount } } }",
        "query ($id: ID!, $first: Int) { workspace(id: $id) { drones { media(first: $first) { totalCount } } } }",
    ):
        answer = await api.ask(world.member, document, id=str(world.workspace.id), first=first)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"first"})


async def test_what_a_drone_took_a_page_at_a_time(api: Api, world: World) -> None:
    other = await make_drone(world.workspace, world.connection, "SN2")
    rows = [await make_media(world.drone, n) for n in range(5)]
    await make_media(other)
    document = """query ($id: ID!, $after: String) { drone(id: $id) { media(first: 2, after: $after) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { node { id } } } } }"""
    after, found = None, []
    for _ in range(3):
        page = (await api.ask(world.member, document, id=str(world.drone.id), after=after)).data["drone"]["media"]
        assert page["totalCount"] == 5
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert not page["pageInfo"]["hasNextPage"]
    assert found == [str(row.id) for row in reversed(rows)]


async def test_the_last_media_of_a_fleet_take_the_same_statements_whatever_its_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    document = """query ($id: ID!) { workspace(id: $id) { drones { position { longitude } battery { reportedAt }
        currentFlight { id } media(first: 1) { totalCount edges { node { fileName file { url } capturedAt
        flight { id } group { id } drone { name } } } } } } }"""

    async def count() -> int:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            answer = await api.ask(world.member, document, id=str(world.workspace.id))
        assert answer.errors == []
        newest = [drone["media"] for drone in answer.data["workspace"]["drones"]]
        assert all(media["totalCount"] == 3 for media in newest)
        assert all(media["edges"][0]["node"]["fileName"].endswith("0002_W.JPG") for media in newest)
        return sum(record.name == "tortoise.db_client" for record in caplog.records)

    async def grow(drone: Drone) -> None:
        flight = await make_flight(drone)
        for n in range(3):
            await make_media(drone, n, flight_id=flight.id)

    await grow(world.drone)
    few = await count()
    for n in range(20):
        await grow(await make_drone(world.workspace, await make_connection(world.workspace, f"V{n}"), f"GROWN{n}"))
    assert await count() == few
    assert 0 < few < 14


# Changes


async def test_a_file_is_renamed_and_its_media_item_shows_it(api: Api, world: World) -> None:
    row = await make_media(world.drone)
    answer = await api.ask(
        world.member,
        'mutation ($id: ID!) { renameFile(id: $id, name: " Ridge.jpg ") { name media { fileName } } }',
        id=str(row.file_id),
    )
    assert answer.data == {"renameFile": {"name": "Ridge.jpg", "media": {"fileName": "Ridge.jpg"}}}


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb", "x" * 256, "a\0b"])
async def test_u6_a_name_that_is_none_is_refused(api: Api, world: World, name: str) -> None:
    row = await make_file(world.workspace)
    answer = await api.ask(
        world.member,
        "mutation ($id: ID!, $name: String!) { renameFile(id: $id, name: $name) { id } }",
        id=str(row.id),
        name=name,
    )
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"name"})


@pytest.mark.parametrize("by_file", [True, False])
async def test_a_media_item_and_its_file_are_deleted_together(api: Api, world: World, by_file: bool) -> None:
    row = await make_media(world.drone)
    await Fingerprint.create(workspace_id=world.workspace.id, fingerprint="f", media_id=row.id, created_at=NOW)
    document = f"mutation ($id: ID!) {{ {'deleteFile' if by_file else 'deleteMedia'}(id: $id) }}"
    answer = await api.ask(world.member, document, id=str(row.file_id if by_file else row.id))
    assert answer.errors == []
    assert await Media.all().count() == await File.all().count() == 0
    assert (await Fingerprint.get()).deleted_at == NOW


CHANGES = {
    "renameFile": 'mutation ($id: ID!) { renameFile(id: $id, name: "x") { id } }',
    "deleteFile": "mutation ($id: ID!) { deleteFile(id: $id) }",
    "deleteMedia": "mutation ($id: ID!) { deleteMedia(id: $id) }",
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("role", list(Role))
async def test_who_may_change_files_and_media(api: Api, world: World, name: str, role: Role) -> None:
    row = await make_media(world.drone)
    id = str(row.id if name == "deleteMedia" else row.file_id)
    answer = await api.ask(world.people[role], CHANGES[name], id=id)
    assert answer.codes == ([] if allows(role, Action.EDIT_FILES) else ["FORBIDDEN"])


@pytest.mark.parametrize("name", CHANGES)
async def test_a_stranger_changes_nothing(api: Api, world: World, name: str) -> None:
    row = await make_media(world.drone)
    id = str(row.id if name == "deleteMedia" else row.file_id)
    told = [await api.ask(world.stranger, CHANGES[name], id=number) for number in (id, MISSING)]
    assert told[0].errors == told[1].errors
    assert told[0].codes == ["GONE"]
    assert (await api.ask(None, CHANGES[name], id=id)).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(world.member, CHANGES[name], id="x")).codes == ["BAD_INPUT"]
    assert await Media.all().count() == 1


async def test_a_stranger_sees_nothing(api: Api, world: World) -> None:
    row = await make_media(world.drone)
    for document, id in (
        ("query ($id: ID!) { media(id: $id) { id } }", row.id),
        ("query ($id: ID!) { file(id: $id) { id } }", row.file_id),
    ):
        assert (await api.ask(world.stranger, document, id=str(id))).data.popitem()[1] is None
        assert (await api.ask(None, document, id=str(id))).codes == ["UNAUTHENTICATED"]
        assert (await api.ask(world.member, document, id="0x1")).codes == ["BAD_INPUT"]


# As they come


async def upload(api: Api, world: World, drone: Drone, number: int) -> Media:
    """A media item as the hub would tell of it."""
    row = await make_media(drone, number)
    event = MediaUploaded(
        workspace_id=drone.workspace_id, drone_id=drone.id, media_id=row.id, flight_id=None, at=later(number)
    )
    events: Any = {drone.workspace_id: [event]}
    async with api.database.transaction() as client:
        news = await journal.append(api.database, client, events, later(9))
    await publish(api.services.feed._bus, news, Counts())
    return row


async def test_uploads_are_shown_as_they_come(api: Api, world: World, gallery: Gallery) -> None:
    other = await make_drone(world.workspace, world.connection, "SN2")
    everything = await watch(api, gallery, world.member, WATCH, id=str(world.workspace.id))
    of_one = await watch(api, gallery, world.owner, WATCH, id=str(world.workspace.id), drone=str(other.id))
    await asyncio.sleep(0)
    await gallery.stand()
    rows = [await upload(api, world, drone, n) for n, drone in enumerate((world.drone, other))]
    for row, serial in zip(rows, ("SN1", "SN2"), strict=True):
        shown = (await everything.next())["mediaUploaded"]
        assert (shown["id"], shown["drone"]["serialNumber"], shown["file"]["size"]) == (str(row.id), serial, 1_000)
    assert (await of_one.next())["mediaUploaded"]["id"] == str(rows[1].id)


async def test_the_upload_by_which_an_operation_turns_out_to_depend_on_its_reader_is_shown(
    api: Api, world: World, gallery: Gallery
) -> None:
    query = "subscription ($id: ID!) { mediaUploaded(workspaceId: $id) { id drone { flights { totalCount } } } }"
    readers = [
        await watch(api, gallery, actor, query, id=str(world.workspace.id)) for actor in (world.member, world.owner)
    ]
    await gallery.stand()
    rows = [await upload(api, world, world.drone, number) for number in range(3)]
    for reader in readers:
        assert [(await reader.next())["mediaUploaded"]["id"] for _ in rows] == [str(row.id) for row in rows]


async def test_who_may_not_watch_uploads(api: Api, world: World) -> None:
    theirs = await make_drone(world.elsewhere, None, "THEIRS")
    workspace = str(world.workspace.id)
    for actor, id, drone, code in (
        (None, workspace, None, "UNAUTHENTICATED"),
        (world.stranger, workspace, None, "GONE"),
        (world.member, MISSING, None, "GONE"),
        (world.member, "x", None, "BAD_INPUT"),
        (world.member, workspace, "x", "BAD_INPUT"),
        (world.member, workspace, MISSING, "GONE"),
        (world.member, workspace, str(theirs.id), "GONE"),
    ):
        assert (await refusal(api, actor, WATCH, id=id, drone=drone))["code"] == code


async def test_uploads_stand_among_the_events(api: Api, world: World) -> None:
    row = await upload(api, world, world.drone, 1)
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { workspace(id: $id) { events(kinds: [MEDIA_UPLOADED]) { totalCount edges { node {
        __typename at ... on MediaUploaded { media { id fileName } } } } } } }""",
        id=str(world.workspace.id),
    )
    assert answer.errors == []
    (edge,) = answer.data["workspace"]["events"]["edges"]
    assert edge["node"]["__typename"] == "MediaUploaded"
    assert edge["node"]["media"]["id"] == str(row.id)


async def test_what_was_looked_into_is_shown_with_its_thumbnail_as_it_is_told(
    api: Api, world: World, gallery: Gallery
) -> None:
    document = """subscription ($id: ID!) { mediaAnalysed(workspaceId: $id) {
        id thumbnailUrl cameraModel width height meta camera { gimbalPitch gimbalRoll }
        file { thumbnailUrl analysedAt } } }"""
    watching = await watch(api, gallery, world.member, document, id=str(world.workspace.id))
    row = await make_media(
        world.drone,
        longitude=9.5,
        latitude=50.5,
        gimbal_pitch=-24.5,
        gimbal_roll=1.0,
        camera_model="M30T",
        width=4000,
        height=3000,
        meta={"exif": {"Model": "M30T"}, "xmp": {}},
    )
    await File.filter(id=row.file_id).update(thumbnail_key="t/1/x", analysed_at=later(5))
    await gallery.stand()
    events: Any = {
        world.workspace.id: [
            MediaAnalysed(workspace_id=world.workspace.id, drone_id=world.drone.id, media_id=row.id, at=later(5))
        ]
    }
    async with api.database.transaction() as client:
        news = await journal.append(api.database, client, events, later(9))
    await publish(api.services.feed._bus, news, Counts())

    url = f"https://hub.example/api/file/thumbnail/{row.file_id}"
    assert (await watching.next())["mediaAnalysed"] == {
        "id": str(row.id),
        "thumbnailUrl": url,
        "cameraModel": "M30T",
        "width": 4000,
        "height": 3000,
        "meta": {"exif": {"Model": "M30T"}, "xmp": {}},
        "camera": {"gimbalPitch": -24.5, "gimbalRoll": 1.0},
        "file": {"thumbnailUrl": url, "analysedAt": later(5).isoformat()},
    }
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { workspace(id: $id) { events(kinds: [MEDIA_ANALYSED]) { edges { node {
        ... on MediaAnalysed { media { id } } } } } } }""",
        id=str(world.workspace.id),
    )
    assert [edge["node"]["media"]["id"] for edge in answer.data["workspace"]["events"]["edges"]] == [str(row.id)]


async def test_the_resolver_of_uploads_is_asked_once(api: Api, world: World) -> None:
    _, _, join = await opened(api, world.member, WATCH, id=str(world.workspace.id))
    _, _, same = await opened(api, world.member, WATCH, id=str(world.workspace.id), drone=None)
    assert join.key == same.key  # type: ignore[union-attr]
