"""Live video in DJI's words."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.dji import live
from ofh.dji.envelope import decode
from tests.captures.reader import capture

AT = datetime(2025, 6, 7, 14, 35, 0, 200_000, tzinfo=UTC)


def capacity() -> Any:
    return capture("mqtt-state-rc-live-capacity")["payload"]["data"]["live_capacity"]


def test_the_cameras_are_those_of_the_sample() -> None:
    assert live.cameras_of(capacity()) == [
        live.Camera(serial="1581XTESTM30T0001", name="53-0-0/normal-0", lenses=("wide", "zoom", "ir")),
        live.Camera(serial="1581XTESTM30T0001", name="39-0-7/normal-0"),
    ]


def test_the_command_is_that_of_the_sample() -> None:
    sample = capture("mqtt-services-live-start-push")
    payload = sample["payload"]
    camera = live.cameras_of(capacity())[0]
    made = live.command(
        live.START,
        live.start(camera, "rtmp://hub.example.org/live/k7c2", 0),
        tid=payload["tid"],
        bid=payload["bid"],
        at=datetime.fromtimestamp(payload["timestamp"] / 1000, UTC),
    )
    assert orjson.loads(made) == payload
    assert live.services_topic("5XTESTRCP00001") == sample["topic"]


@pytest.mark.parametrize(("data", "result"), [({"result": 0}, 0), ({"result": "613006"}, 613006), ({}, 613099)])
def test_an_answer_tells_a_code(data: dict[str, Any], result: int) -> None:
    assert live.result_of(decode(orjson.dumps({"tid": "t", "bid": "b", "data": data}))) == result


@pytest.mark.parametrize(
    ("sample", "result"), [("mqtt-services-reply-ok", 0), ("mqtt-services-reply-not-in-camera-view", 613006)]
)
def test_the_answers_of_the_samples_are_read(sample: str, result: int) -> None:
    assert live.result_of(decode(orjson.dumps(capture(sample)["payload"]))) == result


def test_what_does_not_stream_is_told_by_the_controller() -> None:
    status = capture("mqtt-state-rc-live-status")["payload"]["data"]["live_status"]
    serial = "1581XTESTM30T0001"
    assert not live.is_off(status, serial, "53-0-0/normal-0")
    assert live.is_off([{**status[0], "status": 0}], serial, "53-0-0/normal-0")
    assert not live.is_off([{**status[0], "status": 0}], serial, "39-0-7/normal-0"), "it says nothing of that one"


def test_every_code_of_the_list_has_words() -> None:
    assert set(live.WORDS) == {*range(613001, 613015), 613099}
    assert live.TRY_AGAIN | live.ALREADY | {live.NOT_STREAMING} <= set(live.WORDS)
    assert "513001" in live.words_of(513001)


@pytest.mark.parametrize(
    "name", ["", "53-0-0", "53-0-0/normal-0/x", "../normal-0", "53-0-0/", "a b/c", "53-0-0/normal\0"]
)
def test_what_is_no_camera(name: str) -> None:
    assert not live.is_camera(name)


FOREIGN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["device_list", "camera_list", "video_list", "sn", "camera_index", "video_index", "x"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(FOREIGN)
def test_any_json_gives_cameras_or_none(value: Any) -> None:
    assert all(live.is_camera(camera.name) for camera in live.cameras_of(value))
    assert live.is_off(value, "AC1", "53-0-0/normal-0") in (True, False)
