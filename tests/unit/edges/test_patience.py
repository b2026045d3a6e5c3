"""A body moves, or its sender is left."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ofh.edges.patience import MOVES_BYTES, Patience


class Sender:
    """Sends pieces of these sizes, with a pause before each, and then nothing any more."""

    def __init__(self, sizes: Sequence[int], pause_s: float) -> None:
        self._sizes = list(sizes)
        self._pause_s = pause_s

    async def __call__(self) -> dict[str, Any]:
        if not self._sizes:
            await asyncio.Event().wait()
        await asyncio.sleep(self._pause_s)
        return {"type": "http.request", "body": b"x" * self._sizes.pop(0), "more_body": True}


async def taken(sender: Sender, stuck_s: float) -> int:
    """How many pieces come before its sender is left."""
    receive, pieces = Patience(sender, stuck_s), 0
    while True:
        try:
            await receive()
        except TimeoutError:
            return pieces
        pieces += 1


async def test_who_sends_nothing_is_left() -> None:
    assert await taken(Sender([], 0), 0.05) == 0


async def test_who_sends_a_byte_now_and_then_is_left_too() -> None:
    assert await taken(Sender([1] * 1_000, 0.02), 0.1) < 1_000


async def test_who_sends_a_kibibyte_in_time_may_go_on_for_as_long_as_it_takes() -> None:
    assert await taken(Sender([MOVES_BYTES] * 20, 0.02), 0.25) == 20


async def test_the_time_in_which_nobody_asks_does_not_count() -> None:
    receive = Patience(Sender([1, 1, 1], 0), 0.2)
    for _ in range(3):
        await receive()
        await asyncio.sleep(0.25)
