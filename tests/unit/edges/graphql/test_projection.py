"""The short way gives what graphql-core gives, or steps aside."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest
import strawberry

from ofh.edges.graphql.context import Context, Services
from ofh.edges.graphql.hub_schema import Asked, FanoutExecutor, HubSchema
from ofh.edges.graphql.projection import NotPlain, project

AT = datetime(2026, 5, 1, tzinfo=UTC)


@strawberry.type
class Spot:
    longitude: float
    label: str | None
    seen: datetime
    tags: list[str]

    @strawberry.field
    def doubled(self) -> float:
        return self.longitude * 2

    @strawberry.field
    def told(self, times: int = 1) -> float:
        return self.longitude * times

    @strawberry.field
    async def later(self) -> float:
        return self.longitude

    @strawberry.field
    def reader(self, info: strawberry.Info[Context, None]) -> str:
        return str(info.context.actor)

    @strawberry.field
    def broken(self) -> float:
        raise RuntimeError("broken")

    @strawberry.field
    def level(self) -> int:
        return round(self.longitude)


@strawberry.type
class Event:
    spot: Spot
    maybe: Spot | None
    all: list[Spot]
    is_last: bool


@strawberry.type
class Query:
    ok: bool = True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def event(self, number: int = 1) -> AsyncGenerator[Event, None]:
        for _ in range(0):
            yield cast(Event, None)

    @strawberry.subscription
    async def events(self) -> AsyncGenerator[list[Event], None]:
        for _ in range(0):
            yield []


SKIPPING = "subscription ($no: Boolean!) { event { isLast @skip(if: $no) spot @include(if: $no) { label } } }"
SCHEMA = HubSchema(Query, subscription=Subscription)


def spot(longitude: Any = 1.5, label: Any = 'é"') -> Spot:
    return Spot(longitude=longitude, label=label, seen=AT, tags=["a", "b"])


def event(of: Spot, maybe: Spot | None = None) -> Event:
    return Event(spot=of, maybe=maybe, all=[of, of], is_last=True)


def executor(query: str, variables: dict[str, Any] | None = None) -> FanoutExecutor:
    operation = SCHEMA.prepare(Asked(query=query, variables=variables))
    assert not isinstance(operation, list)
    built = SCHEMA.executor(operation, Context(cast(Services, None), shared=True))
    assert not isinstance(built, list)
    return built


def as_read(data: Any) -> Any:
    """What a client gets of it."""
    return orjson.loads(orjson.dumps(data))


def ordinary(built: FanoutExecutor, root: Any) -> Any:
    return built.build_per_event_executor(root).execute_operation(False)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("subscription { event { spot { longitude doubled label seen tags level } isLast } }", None),
        ("subscription { e: event(number: 2) { a: spot { x: longitude } a: spot { y: label __typename } } }", None),
        (
            "subscription { event { ...F maybe { ...G } } } "
            "fragment F on Event { all { ...G } } fragment G on Spot { label }",
            None,
        ),
        (
            SKIPPING,
            {"no": True},
        ),
        (
            SKIPPING,
            {"no": False},
        ),
        ("subscription { event { __typename ... on Event { isLast ... { isLast } } } }", None),
    ],
)
@pytest.mark.parametrize("root", [event(spot()), event(spot(0.0, None), spot(-5, "x"))])
def test_the_same_data(query: str, variables: dict[str, Any] | None, root: Event) -> None:
    built = executor(query, variables)
    short = project(built)
    assert short is not None
    expected = ordinary(built, root)
    assert expected.errors is None
    assert as_read(short(root)) == expected.data
    assert list(short(root)) == list(expected.data)


def test_lists_of_events() -> None:
    built = executor("subscription { events { isLast all { label } } }")
    short = project(built)
    assert short is not None
    for root in ([], [event(spot()), event(spot())]):
        assert as_read(short(root)) == ordinary(built, root).data


@pytest.mark.parametrize("field", ["told(times: 2)", "told", "later", "reader"])
def test_what_is_not_plain_takes_the_ordinary_way(field: str) -> None:
    assert project(executor(f"subscription {{ event {{ isLast spot {{ {field} }} }} }}")) is None


@pytest.mark.parametrize(
    ("selection", "root"),
    [
        ("spot { broken }", event(spot())),
        ("spot { label }", event(cast(Spot, None))),
        ("spot { longitude }", event(spot(None))),
        ("spot { longitude }", event(spot(float("nan")))),
        ("spot { longitude }", event(spot("text"))),
        ("spot { level }", event(spot(1e12))),
        ("spot { label }", event(cast(Spot, RuntimeError("an error as a value")))),
        ("spot { label }", event(spot(1.0, RuntimeError("an error as a value")))),
        ("spot { seen }", event(Spot(longitude=1.0, label="", seen=cast(datetime, 5), tags=[]))),
        ("all { label }", Event(spot=spot(), maybe=None, all=cast(list[Spot], None), is_last=True)),
        ("all { label }", Event(spot=spot(), maybe=None, all=[cast(Spot, None)], is_last=True)),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_left_to_graphql_core(selection: str, root: Event) -> None:
    built = executor(f"subscription {{ event {{ {selection} }} }}")
    short = project(built)
    assert short is not None
    with pytest.raises(NotPlain):
        short(root)
    assert ordinary(built, root).errors
