"""A subscriber's inbox: bounded, never blocking the sender, never losing anything in silence.

Two policies. `LATEST` keeps the newest item of each key in the order in which the keys first came: for values of which
only the newest counts. `ALL` keeps everything. When one item more does not fit, all that waits is dropped, and the
reader is told by a `Lagged` before it gets anything newer, so that it can read the rest where it is stored. One reader,
one loop.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Policy(Enum):
    """What happens to items that wait."""

    LATEST = auto()
    """A newer item takes the place of an older one with the same key."""
    ALL = auto()
    """Every item is kept until it is read."""


@dataclass(frozen=True, slots=True)
class Lagged:
    """The reader was too slow: this many items before the next one are missing."""

    dropped: int


class MailboxClosed(Exception):
    """Nothing is left and nothing will come."""


class Taker(Protocol[T_contra]):
    """Who takes items there and then."""

    def take(self, item: T_contra) -> bool:
        """Take an item, if that can be done now; else it is left for the reader."""


class Mailbox(Generic[T]):
    """A bounded inbox of one reader.

    Args:
        policy: what happens to items that wait.
        capacity: items that may wait (with LATEST: keys). One more drops all that wait.
    """

    __slots__ = (
        "_capacity",
        "_closed",
        "_items",
        "_missing",
        "_policy",
        "_serial",
        "_waiter",
        "conflated",
        "dropped",
        "taker",
    )

    def __init__(self, policy: Policy, capacity: int) -> None:
        self._policy = policy
        self._capacity = capacity
        self._items: dict[Hashable, T] = {}
        self._serial = 0
        self._missing = 0
        self._waiter: asyncio.Future[None] | None = None
        """Of a reader that waits, for whom nothing is here yet."""
        self._closed = False
        self.taker: Taker[T] | None = None
        """Asked first, where the reader waits for an item."""
        self.conflated = 0
        """Items that a newer one of the same key replaced."""
        self.dropped = 0
        """Items that were thrown away because the reader was too slow."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, key: Hashable = None, *, now: bool = False) -> None:
        """Leave an item; returns at once. `key` counts with LATEST only. A closed mailbox takes nothing.

        Args:
            now: one of few: it may be taken there and then (`taker`).
        """
        if self._closed:
            return
        if now and self._waiter is not None and self.taker is not None and self.taker.take(item):
            return
        if self._policy is Policy.ALL:
            self._serial += 1
            key = self._serial
        if key in self._items:
            self.conflated += 1
        elif len(self._items) >= self._capacity:
            self._missing += len(self._items)
            self.dropped += len(self._items)
            self._items.clear()
        self._items[key] = item
        self._wake()

    def close(self) -> None:
        """Take nothing more; the reader still gets what waits."""
        self._closed = True
        self._wake()

    async def get(self) -> T | Lagged:
        """The oldest item; waits for one.

        Raises:
            MailboxClosed: it is closed and empty.
        """
        await self._filled()
        if self._missing:
            return self._take_missing()
        return self._items.pop(next(iter(self._items)))

    async def take(self) -> list[T | Lagged]:
        """All that waits, oldest first, at least one item.

        Raises:
            MailboxClosed: it is closed and empty.
        """
        await self._filled()
        batch: list[T | Lagged] = [self._take_missing()] if self._missing else []
        batch.extend(self._items.values())
        self._items.clear()
        return batch

    def _take_missing(self) -> Lagged:
        lagged, self._missing = Lagged(self._missing), 0
        return lagged

    async def _filled(self) -> None:
        while not self._items:
            if self._closed:
                raise MailboxClosed
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
