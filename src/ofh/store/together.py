"""One statement for all who ask at the same time.

When thousands of clients come back at once, each needs the same looks at the database, about different rows. Whoever
asks while a statement is under way shares the next one; so there is one at a time, however many ask, and nobody is
answered by a statement that began before they asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 256
"""Keys of one statement."""


class Together(Generic[K, V]):
    """Gathers what is asked for.

    Args:
        read: the values of some keys, each different; a key without a value is left out.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._wanted: dict[K, asyncio.Future[V | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value of a key; None where there is none. Raises whatever the statement does."""
        future = self._wanted.get(key)
        if future is None:
            future = self._wanted[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="lookups")
        # Whoever is cancelled leaves the others their answer.
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            while self._wanted:
                keys = list(self._wanted)[:MOST]
                taken = {key: self._wanted.pop(key) for key in keys}
                try:
                    found = await self._read(keys)
                except BaseException as error:
                    for future in taken.values():
                        if not future.done():
                            future.set_exception(error)
                            future.exception()  # nobody may be waiting any more
                    if not isinstance(error, Exception):
                        raise
                else:
                    for key, future in taken.items():
                        if not future.done():
                            future.set_result(found.get(key))
        finally:
            self._task = None


def padded(keys: Sequence[K]) -> list[K]:
    """The keys, the last one again and again, so that there are a few lengths of statements only."""
    length = 1
    while length < len(keys):
        length *= 4
    return [*keys, *[keys[-1]] * (min(length, max(MOST, len(keys))) - len(keys))]
