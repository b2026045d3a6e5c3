"""Long lists are made by the piece, so that nobody else waits for one (security.md, section 1: availability)."""

import asyncio
from typing import Any

import strawberry
from graphql import ExecutionResult

from ofh.domain.errors import Code, HubError
from ofh.edges.graphql.hub_schema import (
    LEAST_AT_ONCE,
    LISTS_AT_ONCE,
    MOST_AT_ONCE,
    Asked,
    HubSchema,
    Operation,
    at_once,
)

ITEMS = 3 * MOST_AT_ONCE + 50
BESIDE_EACH_OTHER = "{ few: things { number } things { others { later } } more: things { odd others { number } } }"


@strawberry.type
class Thing:
    number: int

    @strawberry.field
    async def later(self) -> int:
        await asyncio.sleep(0)
        return self.number

    @strawberry.field
    async def others(self) -> list["Thing"]:
        return [Thing(number=number) for number in range(MOST_AT_ONCE + 1)] if self.number % 150 == 0 else []

    @strawberry.field
    def odd(self) -> bool | None:
        if self.number % 100 == 99:
            raise HubError(Code.GONE, "There is no such thing.")
        return bool(self.number % 2)


@strawberry.type
class Query:
    @strawberry.field
    def things(self) -> list[Thing]:
        return [Thing(number=number) for number in range(ITEMS)]

    @strawberry.field
    def numbers(self) -> list[int]:
        return list(range(ITEMS))


async def run(query: str) -> tuple[ExecutionResult, int]:
    """What comes of a query, and how often others had a turn meanwhile."""
    schema, turns = HubSchema(Query), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    operation = schema.prepare(Asked(query=query))
    assert isinstance(operation, Operation)
    executor: Any = schema.executor(operation, None)
    task = asyncio.create_task(others())
    try:
        return await schema.run(executor), turns
    finally:
        task.cancel()


async def test_others_have_turns_between_the_pieces_of_a_long_list() -> None:
    result, turns = await run("{ things { number later } }")
    assert result.errors is None
    assert result.data == {"things": [{"number": number, "later": number} for number in range(ITEMS)]}
    assert turns >= 4


async def test_what_is_wrong_in_a_later_piece_stands_in_its_own_place() -> None:
    result, _ = await run("{ things { odd } }")
    assert [error.path for error in result.errors or ()] == [
        ["things", 99, "odd"],
        ["things", 199, "odd"],
        ["things", 299, "odd"],
    ]
    assert result.data is not None
    assert [thing["odd"] for thing in result.data["things"][97:102]] == [True, False, None, False, True]


async def test_long_lists_within_long_lists_wait_for_nobody_however_many_ask_at_once() -> None:
    schema = HubSchema(Query)
    operation = schema.prepare(Asked(query=BESIDE_EACH_OTHER))
    assert isinstance(operation, Operation)
    executors: list[Any] = [schema.executor(operation, None) for _ in range(2 * LISTS_AT_ONCE)]
    async with asyncio.timeout(30):
        results = await asyncio.gather(*(schema.run(executor) for executor in executors))
    for result in results:
        assert result.data is not None
        assert [len(thing["others"]) for thing in result.data["things"]].count(MOST_AT_ONCE + 1) == 3


async def test_a_list_of_plain_values_takes_no_pieces() -> None:
    result, turns = await run("{ numbers }")
    assert result.data == {"numbers": list(range(ITEMS))}
    assert turns == 0


def test_the_more_a_document_selects_the_less_of_it_is_made_in_one_turn() -> None:
    schema = HubSchema(Query)
    one, many = (schema.document("{ things {" + " number odd" * times + "} }") for times in (1, 50))
    assert at_once(one, MOST_AT_ONCE) == MOST_AT_ONCE
    assert LEAST_AT_ONCE < at_once(many, MOST_AT_ONCE) < 20
