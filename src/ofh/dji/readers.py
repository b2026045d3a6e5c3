"""How one member of a message is read: lenient in what devices are known to vary, strict in what cannot be.

Devices send integers for floats and the reverse, numbers and truth values as text, null and empty text for what they
do not know. A member that is null, empty text, or absent reads as None. A member of another type altogether makes the
whole message worthless (`DecodeError`), and so does a position outside the earth. A number that is merely out of range
reads as None: firmware says 'unknown' by numbers like 255 and 65535.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from .errors import DecodeError, Reason

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
_TEXT_BYTES = 255
_INT32 = 2**31


def bad_value(key: str, what: str) -> DecodeError:
    """The refusal of a known key."""
    return DecodeError(Reason.BAD_VALUE, f"{key[:64]} {what}")


def any_number(data: Mapping[str, Any], key: str) -> float | None:
    """A finite number of any size.

    Raises:
        DecodeError: neither a number nor the text of one.
    """
    value = data.get(key)
    if value is None:
        return None
    kind = type(value)
    if kind is str:
        if not value:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise bad_value(key, "is not a number")
    elif kind is not float and kind is not int:
        raise bad_value(key, "is not a number")
    try:
        result = float(value)
    except OverflowError:
        raise bad_value(key, "is beyond all numbers") from None
    if not isfinite(result):
        raise bad_value(key, "is not finite")
    return result


def number(data: Mapping[str, Any], key: str, low: float, high: float) -> float | None:
    """A number without which the rest is not to be trusted.

    Raises:
        DecodeError: not a number, or not from low to high.
    """
    value = data.get(key)
    if value.__class__ is float and low <= value <= high:
        return value
    result = any_number(data, key)
    if result is not None and not low <= result <= high:
        raise bad_value(key, "is impossible")
    return result


def plausible(data: Mapping[str, Any], key: str, low: float, high: float) -> float | None:
    """A number; None where it is not from low to high.

    Raises:
        DecodeError: not a number.
    """
    value = data.get(key)
    if value.__class__ is float and low <= value <= high:
        return value
    result = any_number(data, key)
    return result if result is not None and low <= result <= high else None


def count(data: Mapping[str, Any], key: str, high: int) -> int | None:
    """A whole number from 0 to high, rounded where a fraction came; None where it is out of range.

    Raises:
        DecodeError: not a number.
    """
    result = plausible(data, key, 0, high)
    return None if result is None else round(result)


def code(data: Mapping[str, Any], key: str) -> int | None:
    """A number that stands for something; what stands in no table is the caller's to accept.

    Truth values are 0 and 1. None where the number has a fraction or does not fit into 32 bits.

    Raises:
        DecodeError: neither a number nor a truth value.
    """
    value = data.get(key)
    if value.__class__ is int and -_INT32 <= value < _INT32:
        return value
    if value is True or value == "true":
        return 1
    if value is False or value == "false":
        return 0
    result = any_number(data, key)
    if result is None or not result.is_integer() or not -_INT32 <= result < _INT32:
        return None
    return int(result)


def text(data: Mapping[str, Any], key: str) -> str | None:
    """A text of at most 255 bytes; a number is taken as it is written.

    Raises:
        DecodeError: neither text nor a number, or too long.
    """
    value = data.get(key)
    if value is None or value == "":
        return None
    kind = type(value)
    if kind is int or kind is float:
        value = str(value)
    elif kind is not str:
        raise bad_value(key, "is not a text")
    result: str = value
    if len(result) > _TEXT_BYTES or (not result.isascii() and len(result.encode()) > _TEXT_BYTES):
        raise bad_value(key, "is too long")
    return result


def struct(data: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """A nested object.

    Raises:
        DecodeError: not an object.
    """
    value = data.get(key)
    if value is None:
        return None
    if type(value) is not dict:
        raise bad_value(key, "is not an object")
    result: Mapping[str, Any] = value
    return result
