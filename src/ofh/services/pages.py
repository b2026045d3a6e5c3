"""Long lists, a page at a time: keyset pagination, stable while rows are being added (graphql.md, 'rules').

A cursor is opaque to clients: the sort key of the row that it stands behind.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import orjson
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ofh.domain.devices import from_micros, micros
from ofh.domain.errors import HubError, bad_input

T = TypeVar("T")
M = TypeVar("M", bound=Model)

PAGE = 50
"""Rows of a page where the caller names no number."""
MAX_PAGE = 200
PIECE = 500
"""Rows that one statement reads of a list that is wanted whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a list."""

    rows: Sequence[T]
    cursors: Sequence[str]
    """Of each row."""
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]]
    """Counts the whole list; asked only where somebody wants to know."""


def page_of(
    found: Sequence[T],
    size: int,
    after: Sequence[int] | None,
    key: Callable[[T], Sequence[int]],
    count: Callable[[], Awaitable[int]],
) -> Page[T]:
    """The page of a query that read one row more than the page holds.

    Args:
        after: the key that the query began behind.
        key: what the query sorted by, of one row.
    """
    rows = found[:size]
    return Page(
        rows=rows,
        cursors=[write_cursor(key(row)) for row in rows],
        has_next=len(found) > size,
        has_previous=after is not None,
        count=count,
    )


def page_size(first: int | None) -> int:
    """How many rows a page holds.

    Raises:
        HubError: BAD_INPUT.
    """
    if first is None:
        return PAGE
    if not 1 <= first <= MAX_PAGE:
        raise bad_input("first", f"This must be from 1 to {MAX_PAGE}.")
    return first


def write_cursor(key: Sequence[int]) -> str:
    """The cursor of a row with this sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def read_cursor(cursor: str | None, parts: int) -> list[int] | None:
    """The sort key of a cursor; None where there is no cursor.

    Raises:
        HubError: BAD_INPUT, this list never gave it out.
    """
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        key = None
    limit = 2**63
    if (
        not isinstance(key, list)
        or len(key) != parts
        or not all(type(part) is int and -limit <= part < limit for part in key)
    ):
        raise _no_cursor()
    return key


def write_feed_cursor(workspace_id: int, seq: int) -> str:
    """The cursor of a place in a workspace's feed: of the event with this number; 0: before the first one."""
    return write_cursor((workspace_id, seq))


def read_feed_cursor(cursor: str, workspace_id: int) -> int:
    """The number of the event that a cursor names.

    Raises:
        HubError: BAD_INPUT, the feed of this workspace never gave it out.
    """
    key = read_cursor(cursor, 2)
    if key is None or key[0] != workspace_id or key[1] < 0:
        raise _no_cursor()
    return key[1]


def cursor_time(part: int) -> datetime:
    """The time in a cursor, kept in it as `micros`.

    Raises:
        HubError: BAD_INPUT, before 1970 or after the calendar's end: no list ever gave it out.
    """
    if part < 0:
        raise _no_cursor()
    try:
        return from_micros(part)
    except (OverflowError, ValueError, OSError):
        raise _no_cursor() from None


def behind(key: Sequence[int] | None, column: str) -> Q:
    """What stands behind a cursor in a list with the newest first, by a column of times and the id.

    Raises:
        HubError: BAD_INPUT.
    """
    if key is None:
        return Q()
    at = cursor_time(key[0])
    # The first condition says no more than the second, but lets the index begin there.
    until, before = {f"{column}__lte": at}, {f"{column}__lt": at}
    return Q(Q(**until), Q(Q(**before), Q(id__lt=key[1]), join_type=Q.OR))  # type: ignore[arg-type]


async def pieces(rows: QuerySet[M], column: str, size: int = PIECE) -> AsyncIterator[list[M]]:
    """A whole list, the newest first by a column of times and the id, in pieces that are quickly read."""
    ordered = rows.order_by(f"-{column}", "-id").limit(size)
    found = await ordered
    while found:
        yield found
        last = found[-1]
        key = (micros(getattr(last, column)), last.pk)
        found = await ordered.filter(behind(key, column)) if len(found) == size else []


def _no_cursor() -> HubError:
    return bad_input("after", "This is no cursor of this list.")
