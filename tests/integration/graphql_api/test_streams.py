"""Live video as members ask for it."""

import pytest

from ofh.domain.actors import Role
from ofh.domain.devices import DeviceState, Property, Report
from ofh.store.models import Binding, Stream
from tests.captures.reader import capture
from tests.integration.graphql_api.test_queries import MALFORMED, MISSING
from tests.integration.graphql_api.test_statements import statements
from tests.integration.graphql_api.world import NOW, Api, World, make_drone

STREAMS = (
    "query ($id: ID!) { drone(id: $id) { streams { camera cameraName canStart isLive liveSince whepUrl hlsUrl } } }"
)
ALL = "query ($id: ID!) { workspace(id: $id) { drones { streams { camera canStart } } } }"
START = """mutation ($id: ID!, $camera: String!, $quality: Int) {
    startStream(droneId: $id, camera: $camera, quality: $quality) { camera isLive } }"""
STOP = "mutation ($id: ID!, $camera: String!) { stopStream(droneId: $id, camera: $camera) { camera isLive } }"
CAMERA = "53-0-0/normal-0"


async def can_stream(world: World) -> None:
    """Let the world's controller tell its cameras."""
    capacity = capture("mqtt-state-rc-live-capacity")["payload"]["data"]["live_capacity"]
    capacity["device_list"][0]["sn"] = world.drone.serial_number
    state = DeviceState().merge(Report(at=NOW, values={Property.LIVE_CAPACITY: capacity}))
    world.controller.state = state.to_json()
    await world.controller.save()
    for serial, device in (("RC1", world.controller.id), (world.drone.serial_number, world.drone.id)):
        await Binding.create(
            serial_number=serial,
            gateway_serial="RC1",
            connection_id=world.connection.id,
            device_id=device,
            bound_at=NOW,
        )


async def test_a_drone_without_a_controller_that_streams_has_no_streams(api: Api, world: World) -> None:
    answer = await api.ask(world.member, STREAMS, id=str(world.drone.id))
    assert (answer.data, answer.errors) == ({"drone": {"streams": []}}, [])


async def test_cameras_can_be_started_and_what_is_live_can_be_watched(api: Api, world: World) -> None:
    await can_stream(world)
    await Stream.create(
        workspace_id=world.workspace.id,
        connection_id=world.connection.id,
        drone_id=world.drone.id,
        camera=CAMERA,
        stream_key="0123456789ab0123456789ab.SECRETKEY",
        is_live=True,
        live_since=NOW,
        created_at=NOW,
    )
    answer = await api.ask(world.people[Role.VIEWER], STREAMS, id=str(world.drone.id))
    assert answer.errors == []
    assert answer.data["drone"]["streams"] == [
        {
            "camera": CAMERA,
            "cameraName": "Matrice 30T camera",
            "canStart": True,
            "isLive": True,
            "liveSince": "2026-05-01T12:00:00+00:00",
            "whepUrl": "https://video.example/live/0123456789ab0123456789ab/whep",
            "hlsUrl": "https://video.example/live/0123456789ab0123456789ab/index.m3u8",
        },
        {
            "camera": "39-0-7/normal-0",
            "cameraName": "FPV camera",
            "canStart": True,
            "isLive": False,
            "liveSince": None,
            "whepUrl": None,
            "hlsUrl": None,
        },
    ]
    assert "SECRETKEY" not in str(answer.data), "whoever watches does not learn how to publish"
    await type(world.controller).filter(id=world.controller.id).update(online=False)
    answer = await api.ask(world.member, STREAMS, id=str(world.drone.id))
    assert [(item["camera"], item["canStart"]) for item in answer.data["drone"]["streams"]] == [(CAMERA, False)]


async def test_many_drones_take_the_statements_of_one(api: Api, world: World, caplog: pytest.LogCaptureFixture) -> None:
    await can_stream(world)
    few = await statements(api, world, caplog, ALL, id=str(world.workspace.id))
    for number in range(30):
        await make_drone(world.workspace, world.connection, f"MORE{number}")
    assert await statements(api, world, caplog, ALL, id=str(world.workspace.id)) == few


async def test_without_a_media_server_nothing_can_be_started(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await can_stream(world)
    monkeypatch.setattr(api.services.streams, "_rtmp_url", None)
    answer = await api.ask(world.member, ALL, id=str(world.workspace.id))
    assert {item["canStart"] for drone in answer.data["workspace"]["drones"] for item in drone["streams"]} == {False}


@pytest.mark.parametrize("document", [START, STOP])
async def test_who_may_not_is_told_so(api: Api, world: World, document: str) -> None:
    await can_stream(world)
    drone = str(world.drone.id)
    assert (await api.ask(None, document, id=drone, camera=CAMERA)).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(world.people[Role.VIEWER], document, id=drone, camera=CAMERA)).codes == ["FORBIDDEN"]
    hidden = await api.ask(world.stranger, document, id=drone, camera=CAMERA)
    missing = await api.ask(world.stranger, document, id=MISSING, camera=CAMERA)
    assert hidden.codes == ["GONE"]
    assert hidden.errors == missing.errors
    for text in MALFORMED:
        assert (await api.ask(world.member, document, id=text, camera=CAMERA)).codes == ["BAD_INPUT"]
    for camera in ("", "x", "53-0-0/normal-0\0", "a/" * 500):
        answer = await api.ask(world.member, document, id=drone, camera=camera)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"camera"})


async def test_a_quality_beyond_the_range_is_refused(api: Api, world: World) -> None:
    answer = await api.ask(world.member, START, id=str(world.drone.id), camera=CAMERA, quality=5)
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"quality"})


@pytest.mark.parametrize("document", [START, STOP])
async def test_a_controller_that_does_not_answer_is_unavailable(api: Api, world: World, document: str) -> None:
    await can_stream(world)
    answer = await api.ask(world.member, document, id=str(world.drone.id), camera=CAMERA)
    assert answer.codes == ["UNAVAILABLE"]
    assert "does not answer" in answer.errors[0]["message"]
