"""Starting and ending live video: who may, what the controller is told, what its answers mean (dji-pilot-2.md, 7.1)."""

import asyncio
import json
import logging

import pytest

from ofh.dji import live
from ofh.domain.actors import Role
from ofh.domain.errors import Code
from ofh.domain.reasons import Reason
from ofh.services.streams import Streamable
from ofh.store.models import AuditEntry, Drone, RemoteController, Stream
from tests.captures.reader import capture
from tests.integration.streams.studio import ACCOUNT, CAMERA, GATEWAY, OTHER_CAMERA, RTMP, Studio, refusal
from tests.support.fleet import seconds


async def listed(studio: Studio) -> list[Streamable]:
    return await studio.streams.of_drone(await Drone.get(id=studio.drone_id))


async def test_the_cameras_are_those_that_the_controller_told(studio: Studio) -> None:
    found = await listed(studio)
    assert [item.camera for item in found] == [CAMERA, OTHER_CAMERA]
    assert all(item.offer is not None and item.row is None for item in found)


async def test_starting_tells_the_controller_where_to_publish(studio: Studio) -> None:
    found = await studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA)
    [command] = studio.commands
    assert command["method"] == "live_start_push"
    assert {key: command["data"][key] for key in ("url_type", "video_id", "video_quality")} == {
        "url_type": 1,
        "video_id": f"1581XTESTM30T0001/{CAMERA}",
        "video_quality": 0,
    }
    name, key = studio.address()
    assert command["data"]["url"] == f"{RTMP}/{name}?key={key}"
    assert (len(name), len(key)) == (24, 32)
    assert found.row is not None
    assert not found.row.is_live, "until the media server says so"


async def test_each_camera_has_its_own_key_and_keeps_it(studio: Studio) -> None:
    actor = await studio.member(Role.MEMBER)
    addresses = []
    for camera in (CAMERA, OTHER_CAMERA, CAMERA):
        await studio.streams.start(actor, studio.drone_id, camera)
        addresses.append(studio.address())
    assert addresses[0] == addresses[2]
    assert not set(addresses[0]) & set(addresses[1])
    assert await Stream.all().count() == 2


async def test_two_who_start_at_once_share_a_stream(studio: Studio) -> None:
    actor = await studio.member(Role.MEMBER)
    await asyncio.gather(*(studio.streams.start(actor, studio.drone_id, CAMERA) for _ in range(4)))
    assert await Stream.all().count() == 1


async def test_a_start_is_tried_again_with_growing_pauses(studio: Studio) -> None:
    studio.answers = [613099, 613010, 0]
    await studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA)
    assert len(studio.commands) == 3
    assert studio.pauses == [0.5, 1.0]
    assert len({command["tid"] for command in studio.commands}) == 3


async def test_a_start_that_keeps_failing_is_given_up_with_the_reason(studio: Studio) -> None:
    studio.answers = [613008] * 9
    error = await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    assert (error.code, error.message) == (Code.CONFLICT, live.WORDS[613008])
    assert len(studio.commands) == 4


@pytest.mark.parametrize("code", [613001, 613006, 613012, 613014, 999])
async def test_what_trying_again_does_not_mend_is_not_tried_again(studio: Studio, code: int) -> None:
    studio.answers = [code]
    error = await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    assert (error.code, error.message) == (Code.CONFLICT, live.words_of(code))
    assert (error.why, error.given) == (Reason.CONTROLLER_REFUSED, {"code": code})
    assert len(studio.commands) == 1


async def test_a_camera_that_streams_already_is_no_failure(studio: Studio) -> None:
    studio.answers = [613003]
    await studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA)


async def test_a_controller_that_does_not_answer(studio: Studio) -> None:
    studio.answers = [None]
    error = await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    assert error.code is Code.UNAVAILABLE
    assert "does not answer" in error.message


async def test_answers_of_others_and_to_other_commands_count_for_nothing(studio: Studio) -> None:
    studio.answers = [None]
    starting = asyncio.ensure_future(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    while not studio.commands:
        await asyncio.sleep(0.001)
    ids = {"tid": studio.commands[0]["tid"], "bid": studio.commands[0]["bid"]}
    await studio.bench.announce("x-1", "RC9")
    assert await studio.answer({**ids, "data": {"result": 0}}, account="x-1", serial="RC9")
    assert await studio.answer({**ids, "data": {"result": 0}}, account="x-1")
    assert await studio.answer({**ids, "tid": "other", "data": {"result": 0}})
    assert await studio.answer({**ids, "data": {"result": {}}})
    assert (await refusal(starting)).code is Code.UNAVAILABLE


async def test_an_answer_that_comes_to_another_process_is_passed_on(studio: Studio) -> None:
    studio.answers = [None]
    starting = asyncio.ensure_future(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    while not studio.commands:
        await asyncio.sleep(0.001)
    command = studio.commands[0]
    studio.bench.commands.told(
        {"kind": "answer", "gateway": GATEWAY, "tid": command["tid"], "bid": command["bid"], "result": 0}
    )
    await starting


async def test_a_controller_that_never_told_what_it_can_stream_is_never_commanded(studio: Studio) -> None:
    await RemoteController.filter(serial_number=GATEWAY).update(state={})
    error = await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    assert error.code is Code.CONFLICT
    assert studio.commands == []


async def test_a_controller_that_is_offline_is_not_commanded(studio: Studio) -> None:
    await RemoteController.filter(serial_number=GATEWAY).update(online=False)
    actor = await studio.member(Role.MEMBER)
    assert (await refusal(studio.streams.start(actor, studio.drone_id, CAMERA))).code is Code.CONFLICT
    assert (await refusal(studio.streams.stop(actor, studio.drone_id, CAMERA))).code is Code.CONFLICT
    assert studio.commands == []


async def test_without_a_media_server_nothing_is_started(studio: Studio) -> None:
    studio.streams._rtmp_url = None
    error = await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    assert "OFH_RTMP_URL" in error.message


async def test_stopping_tells_the_controller_and_ends_what_was_live(studio: Studio) -> None:
    actor = await studio.member(Role.MEMBER)
    await studio.streams.start(actor, studio.drone_id, CAMERA)
    assert await studio.streams.may_publish(*studio.address())
    found = await studio.streams.stop(actor, studio.drone_id, CAMERA)
    assert studio.commands[-1]["method"] == "live_stop_push"
    assert studio.commands[-1]["data"] == {"video_id": f"1581XTESTM30T0001/{CAMERA}"}
    assert found.row is not None
    assert not found.row.is_live


async def test_stopping_what_does_not_run_is_no_failure(studio: Studio) -> None:
    studio.answers = [613011]
    await studio.streams.stop(await studio.member(Role.MEMBER), studio.drone_id, CAMERA)


async def test_commands_to_aircraft_are_for_members_and_recorded(studio: Studio) -> None:
    """security.md, M11."""
    viewer, stranger = await studio.member(Role.VIEWER), await studio.member(Role.OWNER, workspace_id=studio.elsewhere)
    for work in (studio.streams.start, studio.streams.stop):
        assert (await refusal(work(viewer, studio.drone_id, CAMERA))).code is Code.FORBIDDEN
        assert (await refusal(work(stranger, studio.drone_id, CAMERA))).code is Code.GONE
        assert (await refusal(work(stranger, 10**17, CAMERA))).code is Code.GONE
    assert studio.commands == []
    actor = await studio.member(Role.MEMBER)
    studio.answers = [613099, 0]
    await studio.streams.start(actor, studio.drone_id, CAMERA)
    entries = await AuditEntry.filter(action="command sent to an aircraft").order_by("id")
    assert [(entry.user_id, entry.workspace_id, entry.outcome) for entry in entries] == [
        (actor.user_id, studio.workspace_id, "failed"),
        (actor.user_id, studio.workspace_id, "ok"),
    ]
    assert entries[0].object == f"drone:{studio.drone_id} live_start_push"


@pytest.mark.parametrize("camera", ["", "x", "../../x", "53-0-0/normal-0\0", "a" * 500, "\ud800/x"])
async def test_what_is_no_camera_is_refused(studio: Studio, camera: str) -> None:
    actor = await studio.member(Role.MEMBER)
    assert (await refusal(studio.streams.start(actor, studio.drone_id, camera))).code is Code.BAD_INPUT


async def test_quality_has_its_range(studio: Studio) -> None:
    actor = await studio.member(Role.MEMBER)
    for quality in (-1, 5):
        work = studio.streams.start(actor, studio.drone_id, CAMERA, quality=quality)
        assert (await refusal(work)).code is Code.BAD_INPUT


async def test_no_key_is_logged(
    studio: Studio, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        studio.answers = [None]
        await refusal(studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA))
    _, key = studio.address()
    assert key not in caplog.text + "".join(capsys.readouterr())


async def test_answers_are_a_sign_of_life_and_acknowledged(studio: Studio) -> None:
    await RemoteController.filter(serial_number=GATEWAY).update(online=False)
    assert await studio.answer({"tid": "a", "bid": "b", "data": {"result": 0}}, account=ACCOUNT)
    assert (await RemoteController.get(serial_number=GATEWAY)).online


async def test_a_stream_that_the_controller_says_has_ended_is_not_live(studio: Studio) -> None:
    await studio.streams.start(await studio.member(Role.MEMBER), studio.drone_id, CAMERA)
    assert await studio.streams.may_publish(*studio.address())
    assert (await listed(studio))[0].live_since == studio.bench.now
    studio.bench.now += seconds(5)
    sample = capture("mqtt-state-rc-live-status")
    [status] = sample["payload"]["data"]["live_status"]
    payload = {**sample["payload"], "timestamp": None, "data": {"live_status": [{**status, "status": 0}]}}
    await studio.bench.message(sample["topic"], json.dumps(payload).encode(), ACCOUNT)
    assert (await listed(studio))[0].live_since is None
    studio.bench.now += seconds(5)
    assert await studio.streams.may_publish(*studio.address()), "it comes back"
    assert (await listed(studio))[0].live_since == studio.bench.now
