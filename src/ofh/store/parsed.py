"""What rows of devices say, parsed: remembered by the process that wrote them last, so that it need not read it again.

A row is known again by a mark that changes whenever anybody writes it: on PostgreSQL the transaction that did
(`xmin`), on SQLite the stored text itself. What a transaction takes out is its own; it goes back in once that is
committed, and is lost with a transaction that fails.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

REMEMBERED = 10_000
"""Rows; the ones that were longest not written are forgotten."""


class Parsed(Generic[T]):
    """A memory of rows, by table and id."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._rows: dict[Hashable, tuple[Hashable, T]] = {}

    def take(self, row: Hashable, mark: Hashable) -> T | None:
        """What a row with this mark says, if that is known; it is forgotten."""
        held = self._rows.pop(row, None)
        return held[1] if held is not None and held[0] == mark else None

    def keep(self, row: Hashable, mark: Hashable, value: T) -> None:
        """Remember what a row with this mark says."""
        self._rows.pop(row, None)
        self._rows[row] = (mark, value)
        if len(self._rows) > self._capacity:
            del self._rows[next(iter(self._rows))]
