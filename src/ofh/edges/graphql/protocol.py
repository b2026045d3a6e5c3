"""The messages of graphql-transport-ws, pure: what a client may say, and what the hub answers."""

from collections.abc import Mapping
from typing import Any

import orjson

from .hub_schema import Asked

SUBPROTOCOL = "graphql-transport-ws"
ID_CHARACTERS = 128

ACK = b'{"type":"connection_ack"}'
PONG = b'{"type":"pong"}'


class Malformed(Exception):
    """The client broke the protocol; the words go out as the reason of 4400."""


def object_of(payload: Any) -> dict[str, Any]:
    """The members of a payload that may be left out.

    Raises:
        Malformed: it is no object.
    """
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise Malformed("a payload is an object or null")
    return payload


def id_of(message: Mapping[str, Any]) -> str:
    """Which operation a message is about.

    Raises:
        Malformed: it does not say so.
    """
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= ID_CHARACTERS:
        raise Malformed(f"an id is a string of 1 to {ID_CHARACTERS} characters")
    return id


def asked_of(payload: Any) -> Asked:
    """What a `subscribe` asks for.

    Raises:
        Malformed: of a wrong shape.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise Malformed("a subscribe payload has a query, which is a string")
    name, variables = payload.get("operationName"), payload.get("variables")
    if not isinstance(name, str | None):
        raise Malformed("operationName is a string or null")
    if not isinstance(variables, dict | None) or not isinstance(payload.get("extensions"), dict | None):
        raise Malformed("variables and extensions are objects or null")
    return Asked(query=payload["query"], variables=variables, operation_name=name)


def next_prefix(id: str) -> bytes:
    """What stands before the body of a `next`; a brace ends the message."""
    return b'{"id":' + orjson.dumps(id) + b',"type":"next","payload":'


def complete(id: str) -> bytes:
    """An operation is over."""
    return b'{"id":' + orjson.dumps(id) + b',"type":"complete"}'


def error(id: str, errors: list[dict[str, Any]]) -> bytes:
    """An operation does not begin, or does not go on."""
    return orjson.dumps({"id": id, "type": "error", "payload": errors})
