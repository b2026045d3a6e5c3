"""Times as people and programs write them."""

import re
from datetime import UTC, datetime

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""Checked first: Python's own reader takes a U+0000 behind a `Z`, and forms that nobody else reads."""


def read_time(text: str) -> datetime | None:
    """A time in ISO 8601 with an offset, in UTC; None for anything else.

    The form is that of RFC 3339, but that seconds may be left out. What is finer than a microsecond is cut off.
    """
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
