"""Which part of a file a request wants, and whether it has it already (RFC 9110, sections 13 and 14). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_RANGE = re.compile(rb"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a file to send."""

    status: int
    """200: all of it; 206: a part; 304: nothing, it is held already; 416: there is no such part."""
    start: int = 0
    end: int = 0
    """Not included."""


def wanted(headers: Iterable[tuple[bytes, bytes]], *, etag: bytes, size: int, is_get: bool) -> Wanted:
    """What to answer to these headers.

    Several ranges at once get the whole file, which every client has to be ready for, and so does what cannot be read.

    Args:
        etag: with its quotes.
    """
    given: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in (b"range", b"if-range", b"if-none-match"):
            given.setdefault(name, []).append(value)
    if b"if-none-match" in given and _matches(b",".join(given[b"if-none-match"]), etag):
        return Wanted(status=304)
    whole = Wanted(status=200, end=size)
    ranges = given.get(b"range", [])
    if not is_get or len(ranges) != 1 or given.get(b"if-range", [etag]) != [etag]:
        return whole
    found = _RANGE.fullmatch(ranges[0])
    if found is None or not (found[1] or found[2]):
        return whole
    first, last = (int(text) if text else None for text in found.groups())
    if first is None:
        assert last is not None
        start, end = max(0, size - last), size
    elif last is not None and last < first:
        return whole
    else:
        start, end = first, size if last is None else min(last + 1, size)
    return Wanted(status=206, start=start, end=end) if start < end else Wanted(status=416)


def _matches(listed: bytes, etag: bytes) -> bool:
    """Whether `If-None-Match` names the ETag; weak comparison."""
    if listed.strip() == b"*":
        return True
    return any(item.strip().removeprefix(b"W/") == etag for item in listed.split(b","))
