"""The frames of `/api/live`, pure: what a client may say, and the envelope that everything travels in.

Whatever comes is one of three: silence (a keep-alive, an answer or an error of the client's), a message that is to be
answered under its own id, or a fault that cannot be, since it has no id or is no message.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from ofh.edges.strict_json import BadJson, loads

KEEP_ALIVE = "keep-alive"
"""What the published client says every 5 s; it is no JSON."""
MAX_FILTER = 256
"""Characters of a filter; the longest that means anything has three numbers."""


class Fault(Exception):
    """What came cannot be answered; the words go out in an `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """The client wants to be told of an event."""

    message_id: int | float
    event: str
    filter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswerable:
    """The client wants what there is not; it is answered with the reason."""

    message_id: int | float
    reason: str


def read(text: str) -> Subscribe | Unanswerable | None:
    """What a text message asks for; None where it wants no answer.

    Raises:
        Fault: it is no JSON, no object, has no numeric `messageId` or no `type` that is a string.
    """
    if text == KEEP_ALIVE:
        return None
    try:
        message = loads(text.encode())
    except BadJson as error:
        raise Fault(str(error)) from None
    if not isinstance(message, dict):
        raise Fault("A message is a JSON object.")
    message_id, kind = message.get("messageId"), message.get("type")
    if isinstance(message_id, bool) or not isinstance(message_id, int | float):
        raise Fault("A message has a messageId, which is a number.")
    if not isinstance(kind, str):
        raise Fault("A message has a type, which is a string.")
    match kind:
        case "subscribe":
            return _subscribe(message_id, message.get("data"))
        case "answer" | "error":
            return None
        case _:
            return Unanswerable(message_id=message_id, reason="This type of message is unknown.")


def _subscribe(message_id: int | float, data: Any) -> Subscribe | Unanswerable:
    event, filter = (data.get("event"), data.get("filter")) if isinstance(data, dict) else (None, None)
    if not isinstance(event, str) or not isinstance(filter, str):
        return Unanswerable(
            message_id=message_id, reason="A subscription has an event and a filter, which are strings."
        )
    return Subscribe(message_id=message_id, event=event, filter=filter)


def answer(message_id: int | float, *, success: bool, result: Any = None) -> bytes:
    """The one answer to a message."""
    data = {"success": success, "result": result}
    return orjson.dumps({"type": "answer", "data": data, "messageId": message_id})


def error(reason: str, number: int) -> bytes:
    """What is said to something that cannot be answered."""
    return orjson.dumps({"type": "error", "data": reason, "messageId": number})


def event_data(event: str, filter: str, data: Any) -> bytes:
    """The part of an event that is the same for all who have subscribed to it, encoded once."""
    return b'{"type":"event","data":' + orjson.dumps({"event": event, "filter": filter, "eventData": data})


def numbered(part: bytes, number: int) -> bytes:
    """An event as it goes to one client."""
    return part + b',"messageId":%d}' % number
