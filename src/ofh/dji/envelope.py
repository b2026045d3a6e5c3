"""What stands around every message: bytes to `Envelope`, and the answers back to bytes.

`decode` is total: whatever the bytes are, an `Envelope` or a `DecodeError` comes of them. The parser (orjson) refuses
by itself what is not UTF-8 or not JSON, NaN and Infinity, numbers beyond a double, and lone surrogates. It takes
nesting down to 1,024 levels and the last of doubled keys, so these two are looked at here. Answers are exact in their
types, because devices are strict about what they receive.

Source: DJI Cloud API 1.11.3, topic definition; captures of an M30T and an M3M for the older forms.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ofh.domain.devices import from_micros, micros

from .errors import DecodeError, Reason
from .readers import any_number, code, text
from .topics import is_serial

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64

_EARLIEST_MS = 946_684_800_000
"""The year 2000."""
_LATEST_MS = 4_102_444_800_000
"""The year 2100: far enough from the last year of a datetime that nobody's arithmetic fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message of a device."""

    tid: str
    """Transaction id; an answer repeats it. Often all zeros: then it identifies nothing. Empty where it is absent."""
    bid: str
    """Business id; an answer repeats it. As `tid`."""
    sent_at: datetime | None
    """The device's clock, UTC, 2000 to 2100; None where it is absent or cannot be a time. Not to be trusted."""
    method: str | None
    """What the message is about. Absent on osd, state and property; older Pilots put it inside `data`."""
    gateway: str | None
    """The serial number of the controller that the message says it came through."""
    need_reply: bool
    """Whether an event wants an answer."""
    data: Mapping[str, Any]
    """Foreign JSON, checked for depth, doubled keys and U+0000."""


def decode(payload: bytes) -> Envelope:
    """Read the bytes of one message.

    Raises:
        DecodeError: it is no message.
    """
    parsed = _parse(payload)
    data = parsed.get("data")
    if type(data) is not dict:
        raise DecodeError(Reason.BAD_ENVELOPE, "data is not an object")
    try:
        gateway = text(parsed, "gateway")
        method = text(parsed, "method") or _inner_method(data)
        tid, bid = text(parsed, "tid") or "", text(parsed, "bid") or ""
    except DecodeError as error:
        raise DecodeError(Reason.BAD_ENVELOPE, error.detail) from None
    if gateway is not None and not is_serial(gateway):
        raise DecodeError(Reason.BAD_ENVELOPE, "gateway is not a serial number")
    return Envelope(
        tid=tid,
        bid=bid,
        sent_at=_time(parsed),
        method=method,
        gateway=gateway,
        need_reply=_is_true(parsed, "need_reply"),
        data=data,
    )


def status_reply(asked: Envelope, at: datetime, *, result: int = 0) -> bytes:
    """The answer to a topology, without which the controller repeats it for ever; `at` is the hub's clock."""
    return _reply(asked, at, {"result": result})


def events_reply(asked: Envelope, at: datetime, *, result: int = 0) -> bytes:
    """The answer to an event that wants one; `at` is the hub's clock."""
    return _reply(asked, at, {"result": result})


def requests_reply(asked: Envelope, at: datetime, *, result: int, output: Mapping[str, Any] | None = None) -> bytes:
    """The answer to a question; `result` is 0 where it could be answered, `at` the hub's clock."""
    return _reply(asked, at, {"result": result} if output is None else {"result": result, "output": output})


def _reply(asked: Envelope, at: datetime, data: Mapping[str, Any]) -> bytes:
    body: dict[str, Any] = {"tid": asked.tid, "bid": asked.bid, "timestamp": micros(at) // 1000}
    if asked.method is not None:
        body["method"] = asked.method
    body["data"] = data
    return orjson.dumps(body)


def _parse(payload: bytes) -> dict[str, Any]:
    if not payload:
        raise DecodeError(Reason.EMPTY, "no bytes")
    if len(payload) > MAX_BYTES:
        raise DecodeError(Reason.TOO_LARGE, f"more than {MAX_BYTES} bytes")
    try:
        parsed = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise DecodeError(Reason.NOT_JSON, error.msg) from None
    if type(parsed) is not dict:
        raise DecodeError(Reason.NOT_AN_OBJECT, "the body is not an object")
    if payload.count(b":") != _count_keys(parsed):
        _refuse_doubled_keys(payload)
    if b"\\u0000" in payload and _holds_zero(parsed):
        raise DecodeError(Reason.BAD_TEXT, "a text holds U+0000")
    return parsed


def _count_keys(root: dict[str, Any]) -> int:
    """How many keys the parsed objects have together; level by level, so that depth costs no recursion."""
    keys = 0
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            if container.__class__ is dict:
                keys += len(container)
                container = container.values()
            for value in container:
                if value.__class__ is dict or value.__class__ is list:
                    below.append(value)
        if not below:
            return keys
        level = below
    raise DecodeError(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels")


def _refuse_doubled_keys(payload: bytes) -> None:
    """Read the keys of every object; the depth has been checked, numbers do not matter.

    Asked only where the text has more colons than the parsed objects have keys: each key is followed by one, so equal
    numbers mean that none was doubled, and colons within texts are rare. A parser that keeps pairs costs several times
    the fast one.
    """
    json.loads(payload, object_pairs_hook=_unique, parse_int=len, parse_float=len)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise DecodeError(Reason.DUPLICATE_KEY, "an object has a key twice")


def _holds_zero(root: Any) -> bool:
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            waiting.extend(value.keys())
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _inner_method(data: Mapping[str, Any]) -> str | None:
    """Where older Pilots put an event's name; on other topics a property that means nothing to us."""
    return text(data, "method") if type(data.get("method")) is str else None


def _time(parsed: Mapping[str, Any]) -> datetime | None:
    """`timestamp`, milliseconds since 1970; a clock that makes no sense is as good as none."""
    try:
        value = any_number(parsed, "timestamp")
    except DecodeError:
        return None
    if value is None or not _EARLIEST_MS <= value <= _LATEST_MS:
        return None
    return from_micros(round(value * 1000))


def _is_true(parsed: Mapping[str, Any], key: str) -> bool:
    """Whether it is 1; nonsense wants no answer."""
    try:
        return code(parsed, key) == 1
    except DecodeError:
        return False
