"""Whatever comes in, reports or a `DecodeError` come out, and nothing else."""

import contextlib
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.dji import envelope, events, properties, requests, topics, topology
from ofh.dji.envelope import Envelope
from ofh.dji.errors import DecodeError, Reason
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report, Value
from tests.captures.reader import capture, messages, names

AT = datetime(2025, 6, 14, tzinfo=UTC)


def check_values(values: dict[Property, Value]) -> None:
    """What the decoders promise of every value that they let through."""
    for name, value in values.items():
        match value:
            case Fix():
                assert -180 <= value.longitude_deg <= 180
                assert -90 <= value.latitude_deg <= 90
                assert -100_000 <= value.height_m <= 100_000
                assert (value.longitude_deg, value.latitude_deg) != (0, 0)
            case Battery():
                assert 0 <= value.capacity_percent <= 100
            case float():
                assert math.isfinite(value)
            case str():
                assert value
                assert "\0" not in value
                assert len(value.encode()) <= 255
            case int():
                assert abs(value) < 2**53
            case _:
                assert name in {Property.HOME, Property.LIVE_CAPACITY, Property.LIVE_STATUS}
    state = DeviceState().merge(Report(at=AT, values=values))
    stored = json.loads(json.dumps(state.to_json(), allow_nan=False))
    assert DeviceState.from_json(stored) == state


def swallow(topic: str, payload: bytes) -> Reason | None:
    """All that can be done with a message, as the ingest does it; the reason where it is refused."""
    refusal: DecodeError | None = None
    try:
        parsed = topics.parse(topic)
        message = envelope.decode(payload)
        check_envelope(message)
        match parsed.kind:
            case topics.TopicKind.STATUS:
                found = topology.decode_topology(message.data)
                assert all(topics.is_serial(device.serial) for device in found.sub_devices)
                json.loads(envelope.status_reply(message, AT))
            case topics.TopicKind.EVENTS:
                assert events.decode_event(message).wants_reply is message.need_reply
                json.loads(envelope.events_reply(message, AT))
            case topics.TopicKind.REQUESTS:
                result = requests.decode_request(message).result
                json.loads(envelope.requests_reply(message, AT, result=result))
            case topics.TopicKind.OSD | topics.TopicKind.STATE:
                for decode in (properties.decode_aircraft, properties.decode_controller):
                    check_values(decode(message.data))
            case _:
                pass
    except DecodeError as error:
        refusal = error
    if refusal is None:
        return None
    assert len(refusal.detail) < 300
    return refusal.reason


def check_envelope(message: Envelope) -> None:
    assert message.gateway is None or topics.is_serial(message.gateway)
    assert message.sent_at is None or datetime(2000, 1, 1, tzinfo=UTC) <= message.sent_at
    for text in (message.tid, message.bid, message.method or ""):
        assert "\0" not in text
        assert len(text.encode()) <= 255


MALFORMED = [
    Reason.NOT_JSON,
    Reason.NOT_AN_OBJECT,
    Reason.NOT_AN_OBJECT,
    Reason.BAD_ENVELOPE,
    Reason.NOT_JSON,
    Reason.EMPTY,
    Reason.BAD_TOPIC,
    Reason.BAD_VALUE,
]


@pytest.mark.parametrize("index", range(len(MALFORMED)))
def test_malformed_captures_are_refused_for_their_reason(index: int) -> None:
    listed = capture("mqtt-malformed")["messages"]
    assert len(listed) == len(MALFORMED)
    assert swallow(listed[index]["topic"], listed[index]["payload_text"].encode()) is MALFORMED[index]


SAMPLES = [
    (message["topic"], message["payload"])
    for name in names()
    if not name.startswith(("mqtt-sequence-", "mqtt-malformed"))
    for message in messages(name)
    if message["direction"] == "up"
]


@pytest.mark.parametrize(("topic", "payload"), SAMPLES)
def test_no_capture_is_refused(topic: str, payload: Any) -> None:
    assert swallow(topic, json.dumps(payload).encode()) is None


TOPICS = sorted({f"thing/product/A1/{kind}" for kind in topics.TopicKind} | {"sys/product/A1/status"})

_numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -0.0, 1, 90, 180, -180, 255, 65535, 2**31, 2**53, 2**63, 2**64, 1e-20, 1e308, -1]),
)
_texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["", "0", "-1.5", "true", "NaN", "1e400", " 7 ", "\0", "x" * 300, "53-0-0", "A", "_1"]),
)
_scalars = st.one_of(st.none(), st.booleans(), _numbers, _texts)
_known = sorted({key for _, payload in SAMPLES for key in payload["data"]})
_keys = st.one_of(st.sampled_from([*_known, "gps_number", "used", "4g_quality", "payload_index", "sn"]), _texts)
_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=6)),
    max_leaves=15,
)


@given(st.sampled_from(TOPICS), st.binary(max_size=200))
def test_any_bytes(topic: str, payload: bytes) -> None:
    swallow(topic, payload)


@given(st.sampled_from(TOPICS), _json)
def test_any_json(topic: str, payload: Any) -> None:
    swallow(topic, json.dumps(payload).encode())


@given(st.sampled_from(TOPICS), st.dictionaries(_keys, _json, max_size=12))
def test_any_data(topic: str, data: dict[str, Any]) -> None:
    swallow(topic, json.dumps({"data": data}).encode())


@given(st.dictionaries(_keys, _json, max_size=12))
def test_decoders_are_total_on_data_that_no_envelope_has_seen(data: dict[str, Any]) -> None:
    decoders: tuple[Callable[[Any], object], ...]
    decoders = (properties.decode_aircraft, properties.decode_controller, topology.decode_topology)
    for decode in decoders:
        with contextlib.suppress(DecodeError):
            decode(data)


@given(st.text(max_size=100), st.binary(max_size=50))
def test_any_topic(topic: str, payload: bytes) -> None:
    assert swallow(topic, payload) is not None


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something in a JSON value."""
    found = [here]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*here, index))
    return found


def mutate(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A copy with what stands at the path changed."""
    if not path:
        return change(value)
    copy = value.copy()
    copy[path[0]] = mutate(value[path[0]], path[1:], change)
    return copy


def nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def without_one(value: Any, index: int) -> Any:
    if isinstance(value, dict) and value:
        gone = list(value)[index % len(value)]
        return {key: inner for key, inner in value.items() if key != gone}
    if isinstance(value, list) and value:
        return [inner for at, inner in enumerate(value) if at != index % len(value)]
    return None


@given(st.data())
def test_captures_with_random_changes_at_random_places(data: st.DataObject) -> None:
    topic, payload = data.draw(st.sampled_from(SAMPLES))
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(paths(payload)))
        change = data.draw(
            st.one_of(
                _json.map(lambda new: lambda old: new),
                st.integers(0, 30).map(lambda index: lambda old: without_one(old, index)),
                st.integers(1, 80).map(lambda depth: lambda old: nested(old, depth)),
                st.just(lambda old: [old, old]),
                st.just(str),
            )
        )
        payload = mutate(payload, path, change)
    swallow(topic, json.dumps(payload).encode())


@given(st.data())
def test_captures_with_a_key_twice_are_refused(data: st.DataObject) -> None:
    topic, payload = data.draw(st.sampled_from(SAMPLES))
    places = [path for path in paths(payload) if path and isinstance(path[-1], str)]
    path = data.draw(st.sampled_from(places))
    marker = "doubled key comes here"
    while_marked = mutate(payload, path[:-1], lambda old: {**old, marker: 0})
    text = json.dumps(while_marked).replace(json.dumps(marker), json.dumps(path[-1]))
    assert swallow(topic, text.encode()) is Reason.DUPLICATE_KEY


@given(st.data())
def test_captures_cut_or_bent_at_any_byte(data: st.DataObject) -> None:
    topic, payload = data.draw(st.sampled_from(SAMPLES))
    raw = bytearray(json.dumps(payload).encode())
    for _ in range(data.draw(st.integers(0, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    swallow(topic, bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    swallow(topic, bytes(raw))
