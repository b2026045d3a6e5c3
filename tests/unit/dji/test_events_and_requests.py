"""Events and requests: what they are called, and whether and how they are answered."""

import json
from typing import Any

import pytest

from ofh.dji.envelope import Envelope, decode
from ofh.dji.events import DeviceEvent, decode_event
from ofh.dji.requests import RequestKind, decode_request
from tests.captures.reader import messages


def envelope_of(name: str) -> Envelope:
    (message,) = messages(name)
    return decode(json.dumps(message["payload"]).encode())


def envelope(**members: Any) -> Envelope:
    return decode(json.dumps({"data": {}, **members}).encode())


EVENTS = {
    "mqtt-events-hms-2023": DeviceEvent(name="hms", body={"codes": []}, wants_reply=False),
    "mqtt-events-status-code-2023": DeviceEvent(
        name="status_code", body={"codes": [{"id": 521142273}]}, wants_reply=False
    ),
    "mqtt-events-need-reply": DeviceEvent(
        name="cloud_control_auth_notify", body={"output": {"status": "ok"}, "result": 0}, wants_reply=True
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_event_capture_says_exactly_this(name: str) -> None:
    assert decode_event(envelope_of(name)) == EVENTS[name]


def test_the_health_list_of_today() -> None:
    event = decode_event(envelope_of("mqtt-events-hms"))
    assert (event.name, event.wants_reply) == ("hms", False)
    assert event.body["list"][0]["code"] == "0x16100083"


def test_an_event_without_a_name_is_an_event() -> None:
    assert decode_event(envelope(data={"a": 1})) == DeviceEvent(name=None, body={"a": 1}, wants_reply=False)
    old = envelope(need_reply=1, data={"event": "hms", "output": {}})
    assert decode_event(old) == DeviceEvent(name="hms", body={}, wants_reply=True)
    odd = envelope(method="hms", data={"event": 5, "output": {}})
    assert decode_event(odd) == DeviceEvent(name="hms", body={"event": 5, "output": {}}, wants_reply=False)


def test_request_captures() -> None:
    assert decode_request(envelope_of("mqtt-requests-storage-config-get")).kind is RequestKind.STORAGE_CONFIG
    asked = decode_request(envelope_of("mqtt-requests-flight-areas-get"))
    assert (asked.kind, asked.result) == (RequestKind.NOTHING_TO_GIVE, 0)


@pytest.mark.parametrize(
    ("method", "kind", "succeeds"),
    [
        ("flight_areas_get", RequestKind.NOTHING_TO_GIVE, True),
        ("offline_map_get", RequestKind.NOTHING_TO_GIVE, True),
        ("storage_config_get", RequestKind.STORAGE_CONFIG, False),
        ("airport_bind_status", RequestKind.UNKNOWN, False),
        ("config", RequestKind.UNKNOWN, False),
        ("make_coffee", RequestKind.UNKNOWN, False),
        (None, RequestKind.UNKNOWN, False),
    ],
)
def test_each_request_has_a_result(method: str | None, kind: RequestKind, succeeds: bool) -> None:
    request = decode_request(envelope(method=method))
    assert request.kind is kind
    assert (request.result == 0) is succeeds
