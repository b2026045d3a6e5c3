"""JSON as security.md, A5, wants it: UTF-8, no NaN, no duplicate keys, not nested too deeply; one kind of error."""

import json
from typing import Any

import orjson

DEPTH = 64


class BadJson(ValueError):
    """No JSON, or JSON that the hub does not take; the message says which and may be shown."""


def loads(data: bytes, *, depth: int = DEPTH) -> Any:
    """Read a JSON text.

    Raises:
        BadJson: not UTF-8, no JSON, a lone surrogate, a duplicate key, or nested deeper than `depth`.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BadJson("This is not valid JSON.") from None
    openings = data.count(b"{") + data.count(b"[")
    if openings > depth and isinstance(value, dict | list) and _deeper(value, depth):
        raise BadJson(f"This JSON is nested deeper than {depth}.")
    if data.count(b":") > 1:
        json.loads(data, object_pairs_hook=_unique)
    return value


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        children = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for group in children for child in group if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("A key stands twice in one object of this JSON.")
    return found
