"""The scalars of the API that GraphQL does not bring along, and enums of the domain with their descriptions.

A value that cannot be read is a `GraphQLError`: the operation is refused with BAD_INPUT before anything runs.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import EnumMeta
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ofh.domain.times import read_time

BIG_INT_LIMIT = 2**53
"""The greatest magnitude up to which every JSON reader keeps whole numbers exact."""

BigInt = NewType("BigInt", int)
Json = NewType("Json", object)


def read_datetime(value: object) -> datetime:
    """An aware UTC time of its text.

    Raises:
        GraphQLError: not a string, not ISO 8601, or without an offset.
    """
    if not isinstance(value, str):
        raise GraphQLError("A DateTime is a string in ISO 8601 with an offset.")
    time = read_time(value)
    if time is None:
        raise GraphQLError("A DateTime is in ISO 8601 with an offset from UTC, as in 2026-05-01T12:00:00+02:00.")
    return time


def write_datetime(value: datetime) -> str:
    """ISO 8601 in UTC, with microseconds where there are any."""
    return value.astimezone(UTC).isoformat()


def read_big_int(value: object) -> int:
    """A whole number up to 2^53.

    Raises:
        GraphQLError: no whole number, or too great.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise GraphQLError("A BigInt is a whole number.")
    if abs(value) > BIG_INT_LIMIT:
        raise GraphQLError("A BigInt is at most 2^53.")
    return int(value)


def read_uuid(value: object) -> UUID:
    """A UUID of its text.

    Raises:
        GraphQLError: no UUID.
    """
    try:
        return UUID(value) if isinstance(value, str) else _refuse_uuid()
    except ValueError:
        return _refuse_uuid()


def _refuse_uuid() -> UUID:
    raise GraphQLError("A UUID is a string of 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.")


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment, in ISO 8601 with an offset from UTC. The hub answers in UTC, to the microsecond "
        "where it knows it; it takes any offset, but not none.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=write_datetime,
        parse_value=read_datetime,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A universally unique identifier: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc9562",
        serialize=str,
        parse_value=read_uuid,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of a magnitude up to 2^53, written as a JSON number: for what Int cannot hold.",
        serialize=read_big_int,
        parse_value=read_big_int,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON: an object, a list, a text, a number, true, false or null.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc8259",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
}


def describe(enum: EnumMeta, name: str, description: str, values: Mapping[Any, str]) -> None:
    """Make an enum of the domain a GraphQL enum; `values` says what each member means."""
    strawberry.enum(enum, name=name, description=description)
    definition: Any = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[enum(value.value)]
