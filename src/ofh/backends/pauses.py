"""Pauses between attempts: each longer than the last, all shortened by chance, lest several processes come at once."""

import asyncio
import random


class Pauses:
    """The pauses of one who tries again.

    Args:
        first_s: at the most, after a success.
        longest_s: at the most, ever.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self.next_s = first_s
        """The next one, at the most; half of it at the least."""

    def succeeded(self) -> None:
        """Begin anew with the first."""
        self.next_s = self._first_s

    async def wait(self) -> None:
        """Pause."""
        await asyncio.sleep(self.next_s * random.uniform(0.5, 1))  # noqa: S311 - nothing secret
        self.next_s = min(self.next_s * 2, self._longest_s)
