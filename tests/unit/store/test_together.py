"""One statement for all who ask at the same time: each gets their own answer, none an old one."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.store.together import MOST, Together, padded


class Table:
    """What is asked, and when it may answer."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()
        self.rows = {n: f"row {n}" for n in range(1, 1_000)}

    async def read(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(list(keys))
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await self.open.wait()
        if -1 in keys:
            raise OSError("away")
        return found


async def test_those_who_ask_in_one_turn_share_a_statement_and_get_their_own() -> None:
    table = Table()
    table.open.set()
    together = Together(table.read)
    assert await asyncio.gather(*(together.get(n) for n in (1, 2, 1, 5_000))) == ["row 1", "row 2", "row 1", None]
    assert table.asked == [[1, 2, 5_000]]


async def test_who_asks_while_one_is_under_way_is_answered_by_the_next() -> None:
    table = Table()
    together = Together(table.read)
    first = asyncio.create_task(together.get(1))
    await asyncio.sleep(0.01)
    table.rows[1] = "changed"
    later = [asyncio.create_task(together.get(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    table.open.set()
    assert await asyncio.gather(first, *later) == ["row 1", "changed", "row 2"]
    assert table.asked == [[1], [1, 2]]


async def test_a_fault_is_everybodys_of_that_statement_alone() -> None:
    table = Table()
    together = Together(table.read)
    failing = [asyncio.create_task(together.get(n)) for n in (-1, 3)]
    await asyncio.sleep(0.01)
    table.open.set()
    for task in failing:
        with pytest.raises(OSError, match="away"):
            await task
    assert await together.get(3) == "row 3"


async def test_who_is_cancelled_leaves_the_others_their_answer() -> None:
    table = Table()
    together = Together(table.read)
    first, second = (asyncio.create_task(together.get(1)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    table.open.set()
    assert await second == "row 1"
    with pytest.raises(asyncio.CancelledError):
        await first


@given(st.lists(st.integers(), min_size=1, max_size=MOST, unique=True))
def test_statements_have_a_few_lengths_and_ask_for_the_same(keys: list[int]) -> None:
    found = padded(keys)
    assert set(found) == set(keys)
    assert len(found) in {1, 4, 16, 64, 256}
