"""The frames of `/api/live`: any text has one consequence, and the published client understands what comes back."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ofh.edges.live import protocol
from ofh.edges.live.protocol import Fault, Subscribe, Unanswerable, read

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_members = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["subscribe", "answer", "error", "unsubscribe", ""]) | _json,
        "messageId": st.integers(0, 9) | _json,
        "data": st.fixed_dictionaries({}, optional={"event": st.text() | _json, "filter": st.text() | _json}) | _json,
    },
)
_texts = st.text(st.characters(codec="utf-8")) | _members.map(json.dumps) | _json.map(json.dumps)


@given(_texts)
@example("keep-alive")
@example('{"type":"subscribe","messageId":1e400}')
@example('{"type":"\\ud800","messageId":1}')
@example('{"messageId":1,"messageId":2,"type":"subscribe"}')
@example("[" * 100_000)
def test_any_text_is_silence_or_one_answer_or_one_error(text: str) -> None:
    reason = None
    try:
        asked = read(text)
    except Fault as fault:
        reason = str(fault)
    if reason is not None:
        assert json.loads(protocol.error(reason, 3)) == {"type": "error", "data": reason, "messageId": 3}
        return
    if asked is None:
        assert text == "keep-alive" or json.loads(text)["type"] in ("answer", "error")
        return
    answered = orjson.loads(protocol.answer(asked.message_id, success=False, result="no"))
    assert answered["messageId"] == orjson.loads(text)["messageId"]
    assert answered["data"] == {"success": False, "result": "no"}


@pytest.mark.parametrize(
    "said", ["keep-alive", '{"type":"answer","data":{},"messageId":1}', '{"type":"error","messageId":1}']
)
def test_what_wants_no_answer_gets_none(said: str) -> None:
    assert read(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "keep-alive ",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        '{"type":"subscribe"}',
        '{"type":"subscribe","messageId":"1"}',
        '{"type":"subscribe","messageId":true}',
        '{"type":"subscribe","messageId":null}',
        '{"messageId":1}',
        '{"messageId":1,"type":7}',
        '{"messageId":1,"type":"x","type":"x"}',
    ],
)
def test_what_is_no_message_is_an_error(said: str) -> None:
    with pytest.raises(Fault):
        read(said)


@pytest.mark.parametrize(
    "more",
    [
        {"type": "subscribe"},
        {"type": "subscribe", "data": None},
        {"type": "subscribe", "data": {"event": "drone_position"}},
        {"type": "subscribe", "data": {"event": "drone_position", "filter": 17}},
        {"type": "subscribe", "data": {"event": None, "filter": "17"}},
        {"type": "unsubscribe", "data": {"event": "drone_position", "filter": "17"}},
    ],
)
def test_a_message_with_an_id_is_answered_whatever_it_wants(more: dict[str, Any]) -> None:
    asked = read(json.dumps({"messageId": 5, **more}))
    assert isinstance(asked, Unanswerable)
    assert asked.message_id == 5


def test_an_event_is_the_same_bytes_for_all_but_for_its_number() -> None:
    part = protocol.event_data("drone_position", "17", {"id": 17})
    assert json.loads(protocol.numbered(part, 4)) == {
        "type": "event",
        "data": {"event": "drone_position", "filter": "17", "eventData": {"id": 17}},
        "messageId": 4,
    }


def test_a_subscription_is_read() -> None:
    said = '{"type":"subscribe","data":{"event":"traffic","filter":"1$2$3"},"messageId":2}'
    assert read(said) == Subscribe(message_id=2, event="traffic", filter="1$2$3")
