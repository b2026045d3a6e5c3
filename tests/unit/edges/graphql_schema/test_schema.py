"""The schema as clients see it: printed, described, and holding all that they rely on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    print_ast,
)

from ofh.edges.graphql.schema import print_sdl

ROOT = Path(__file__).resolve().parents[4]


def described(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Everything that has a description of its own, under the name to complain by."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{key}", value) for key, value in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{key}", value) for key, value in kind.fields.items())
        if isinstance(kind, GraphQLObjectType):
            for key, field in kind.fields.items():
                yield f"{name}.{key}", field
                yield from ((f"{name}.{key}({arg})", value) for arg, value in field.args.items())


def missing(core: GraphQLSchema, ours: GraphQLSchema) -> list[str]:
    """What of the first schema the second does not hold as it stands there."""
    found: list[str] = []
    for name, kind in core.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        other = ours.type_map.get(name)
        if type(other) is not type(kind):
            found.append(name)
        elif isinstance(kind, GraphQLEnumType) and isinstance(other, GraphQLEnumType):
            found += [f"{name}.{value}" for value in kind.values if value not in other.values]
        elif isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            found += list(missing_fields(kind, other))
    return found


def missing_fields(kind: Any, other: Any) -> Iterator[str]:
    for key, field in kind.fields.items():
        counterpart = other.fields.get(key)
        if counterpart is None or str(counterpart.type) != str(field.type):
            yield f"{kind.name}.{key}: {field.type}"
            continue
        for arg, value in getattr(field, "args", {}).items():
            taken = counterpart.args.get(arg)
            if taken is None or (str(taken.type), default(taken)) != (str(value.type), default(value)):
                yield f"{kind.name}.{key}({arg}: {value.type})"
        for arg, value in getattr(counterpart, "args", {}).items():
            if arg not in field.args and str(value.type).endswith("!"):
                yield f"{kind.name}.{key}({arg}) is required by us and unknown to clients"


def default(argument: GraphQLArgument) -> str | None:
    """The default value of an argument of a parsed schema, as it is written."""
    node: Any = argument.ast_node
    return print_ast(node.default_value) if node.default_value else None


def test_the_printed_schema_is_the_one_checked_in() -> None:
    assert (ROOT / "schema.graphql").read_text() == print_sdl(), (
        "run `ofh schema > schema.graphql` and review the change"
    )


def test_everything_has_a_description() -> None:
    ours = build_schema(print_sdl())
    assert [name for name, item in described(ours) if not (item.description or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    ours = build_schema(print_sdl())
    assert [name for name, item in described(ours) if not item.description.endswith(".")] == []


def test_all_that_clients_rely_on_is_there() -> None:
    core = build_schema((ROOT / "compat/graphql/core.graphql").read_text())
    assert missing(core, build_schema(print_sdl())) == []


def test_the_comparison_sees_what_is_missing() -> None:
    core = build_schema(
        "type Query { a(x: Int = 1): Int! b: [Int!]! c: E d: Int } enum E { ONE TWO } input I { x: Int! }"
    )
    ours = build_schema(
        "type Query { a(x: Int = 2): Int! b: [Int]! c: E d(y: Int!): Int } enum E { ONE } input I { x: Int }"
    )
    assert missing(core, ours) == [
        "Query.a(x: Int)",
        "Query.b: [Int!]!",
        "Query.d(y) is required by us and unknown to clients",
        "E.TWO",
        "I.x: Int!",
    ]
