"""Bytes in, envelope or `DecodeError` out; answers exact to the type."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ofh.dji.envelope import MAX_BYTES, Envelope, decode, events_reply, requests_reply, status_reply
from ofh.dji.errors import DecodeError, Reason
from tests.captures.reader import messages, names


def decoded(**members: Any) -> Envelope:
    return decode(json.dumps({"data": {}, **members}).encode())


def refused(payload: bytes) -> Reason:
    with pytest.raises(DecodeError) as caught:
        decode(payload)
    return caught.value.reason


@pytest.mark.parametrize("name", [name for name in names() if name != "mqtt-malformed"])
def test_each_capture_has_its_envelope(name: str) -> None:
    for message in messages(name):
        payload = message["payload"]
        envelope = decode(json.dumps(payload, indent=1).encode())
        assert envelope.tid == payload["tid"]
        assert envelope.bid == payload["bid"]
        assert envelope.gateway == payload.get("gateway")
        assert envelope.data == payload["data"]
        assert envelope.sent_at is not None
        assert envelope.sent_at.timestamp() == pytest.approx(payload["timestamp"] / 1000, abs=1e-6)
        assert envelope.sent_at.utcoffset() == timedelta(0)
        assert envelope.method == payload.get("method", payload["data"].get("method"))
        assert envelope.need_reply == (payload.get("need_reply") == 1)


def test_the_least_that_is_a_message() -> None:
    assert decode(b'{"data":{}}') == Envelope(
        tid="", bid="", sent_at=None, method=None, gateway=None, need_reply=False, data={}
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" ", Reason.NOT_JSON),
        (b'{"tid":', Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_JSON),
        (b'{"data":{"a":"\xff"}}', Reason.NOT_JSON),
        (b'\xef\xbb\xbf{"data":{}}', Reason.NOT_JSON),
        (b'{"data":{"a":NaN}}', Reason.NOT_JSON),
        (b'{"data":{"a":-Infinity}}', Reason.NOT_JSON),
        (b'{"data":{"a":1e999}}', Reason.NOT_JSON),
        (b'{"data":{"a":' + b"9" * 5000 + b"}}", Reason.NOT_JSON),
        (b'{"data":{"a":"\\ud800"}}', Reason.NOT_JSON),
        (b'{"data":{}} {}', Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"1", Reason.NOT_AN_OBJECT),
        (b"{}", Reason.BAD_ENVELOPE),
        (b'{"data":null}', Reason.BAD_ENVELOPE),
        (b'{"data":[]}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"tid":{}}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"bid":[]}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"method":true}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"gateway":"a/b"}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"gateway":"+"}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"gateway":{}}', Reason.BAD_ENVELOPE),
        (b'{"data":{},"tid":"' + b"x" * 256 + b'"}', Reason.BAD_ENVELOPE),
        (b'{"data":{"a":"\\u0000"}}', Reason.BAD_TEXT),
        (b'{"data":{"a\\u0000":1}}', Reason.BAD_TEXT),
        (b'{"data":{"a":[["\\u0000"]]}}', Reason.BAD_TEXT),
    ],
)
def test_no_message(payload: bytes, reason: Reason) -> None:
    assert refused(payload) is reason


def test_an_escaped_backslash_before_u0000_is_no_zero() -> None:
    assert decode(b'{"data":{"a":"\\\\u0000"}}').data == {"a": "\\u0000"}


def test_size_has_a_limit() -> None:
    body = b'{"data":{"a":"' + b"x" * (MAX_BYTES - 17) + b'"}}'
    assert len(body) == MAX_BYTES
    assert decode(body).data["a"]
    assert refused(body + b" ") is Reason.TOO_LARGE


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_has_a_limit_and_never_escapes_the_parser(opening: str, closing: str) -> None:
    def nested(depth: int) -> bytes:
        within = opening * (depth - 2) + ("1" if opening != "[" else "") + closing * (depth - 2)
        return f'{{"data":{{"a":{within}}}}}'.encode()

    decode(nested(64))
    assert refused(nested(65)) is Reason.TOO_DEEP
    assert refused(nested(1000)) is Reason.TOO_DEEP
    assert refused(nested(20_000)) in {Reason.NOT_JSON, Reason.TOO_DEEP}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"data":{},"data":{}}',
        b'{"data":{"a":1,"a":2}}',
        b'{"data":{"a":1,"\\u0061":2}}',
        b'{"data":{"a" :1,"a"\n:2}}',
        b'{"data":{"a":[{"b":1,"b"\t\r :1}]}}',
        b'{"data":{"a":"x:y","b":1,"b":1}}',
    ],
)
def test_a_doubled_key_is_found_wherever_it_is(payload: bytes) -> None:
    assert refused(payload) is Reason.DUPLICATE_KEY


def test_colons_in_texts_are_no_keys() -> None:
    data = {"url": "rtmp://hub:1935/a", "b": ':"a":', "c": {"a": 1}, "d": [{"a": 1}, {"a": 2}]}
    assert decoded(data=data).data == data


# Members.


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1749888000123, datetime(2025, 6, 14, 8, 0, 0, 123_000, tzinfo=UTC)),
        ("1749888000123", datetime(2025, 6, 14, 8, 0, 0, 123_000, tzinfo=UTC)),
        (1749888000123.5, datetime(2025, 6, 14, 8, 0, 0, 123_500, tzinfo=UTC)),
        (946_684_800_000, datetime(2000, 1, 1, tzinfo=UTC)),
        (946_684_799_999, None),
        (4_102_444_800_000, datetime(2100, 1, 1, tzinfo=UTC)),
        (4_102_444_800_001, None),
        (-1, None),
        (0, None),
        (10**30, None),
        (1e300, None),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_a_clock_that_makes_no_sense_is_none(timestamp: Any, expected: datetime | None) -> None:
    assert decoded(timestamp=timestamp).sent_at == expected


@pytest.mark.parametrize(
    ("need_reply", "expected"),
    [
        (1, True),
        ("1", True),
        (True, True),
        (1.0, True),
        (0, False),
        (2, False),
        (None, False),
        ("x", False),
        ({}, False),
    ],
)
def test_only_one_wants_a_reply(need_reply: Any, expected: bool) -> None:
    assert decoded(need_reply=need_reply).need_reply is expected


def test_the_method_may_be_inside_but_the_one_outside_counts() -> None:
    assert decoded(data={"method": "hms"}).method == "hms"
    assert decoded(method="a", data={"method": "hms"}).method == "a"
    assert decoded(data={"method": {"a": 1}}).method is None
    assert decoded(method="").method is None


def test_ids_that_are_numbers_or_null() -> None:
    envelope = decoded(tid=5, bid=None, gateway=None)
    assert (envelope.tid, envelope.bid, envelope.gateway) == ("5", "", None)


# Answers.


def answered(name: str, reply_name: str) -> tuple[Envelope, dict[str, Any], datetime]:
    (asked,), (reply,) = messages(name), messages(reply_name)
    at = datetime.fromtimestamp(reply["payload"]["timestamp"] / 1000, UTC)
    return decode(json.dumps(asked["payload"]).encode()), reply["payload"], at


def test_the_answer_to_a_topology() -> None:
    asked, expected, at = answered("mqtt-status-online-rc-plus-m30t", "mqtt-status-reply")
    assert json.loads(status_reply(asked, at)) == expected


def test_the_answer_to_an_event() -> None:
    asked, expected, at = answered("mqtt-events-need-reply", "mqtt-events-reply")
    assert json.loads(events_reply(asked, at)) == expected


def test_the_answers_to_requests() -> None:
    asked, expected, at = answered("mqtt-requests-flight-areas-get", "mqtt-requests-reply-flight-areas-get")
    assert json.loads(requests_reply(asked, at, result=0)) == expected
    asked, expected, at = answered("mqtt-requests-storage-config-get", "mqtt-requests-reply-storage-config-get")
    assert json.loads(requests_reply(asked, at, result=0, output=expected["data"]["output"])) == expected


def test_answers_are_exact_in_their_types() -> None:
    at = datetime(2025, 6, 14, 10, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
    reply = status_reply(decoded(tid="t", bid="b", method="update_topo"), at)
    assert reply == b'{"tid":"t","bid":"b","timestamp":1749888000123,"method":"update_topo","data":{"result":0}}'


def test_an_answer_to_what_had_no_name_has_none() -> None:
    reply = events_reply(decoded(tid="t"), datetime(2025, 6, 14, tzinfo=UTC), result=3)
    assert reply == b'{"tid":"t","bid":"","timestamp":1749859200000,"data":{"result":3}}'
