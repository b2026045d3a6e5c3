"""The one error of this folder: what a device sent makes no sense."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a message was refused; few enough to label a metric."""

    EMPTY = "empty"
    """No bytes at all: what a retained message leaves behind when it is cleared. Not worth a line in the log."""
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    """Not UTF-8, not JSON, a number beyond a double, NaN, Infinity, a lone surrogate."""
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    BAD_TEXT = "bad_text"
    """A text holds U+0000."""
    BAD_TOPIC = "bad_topic"
    """Not a topic that devices publish on, or its serial number is none."""
    BAD_ENVELOPE = "bad_envelope"
    """`data` is no object, or one of tid, bid, method, gateway is not what it must be."""
    BAD_VALUE = "bad_value"
    """A known key has the wrong type or an impossible value."""


class DecodeError(Exception):
    """A message that tells nothing: to be acknowledged, counted by its reason, and dropped.

    Args:
        reason: the kind of nonsense.
        detail: the key and what is wrong with it; never a value, since those may be secret or huge.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
