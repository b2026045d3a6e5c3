"""Every way in asks who is there first, and reads ids before it asks any service (security.md, A1, A3).

The walk takes the fields from the schema, so a new one is tried without being named here.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLArgument, GraphQLField, get_named_type, is_leaf_type, is_required_argument

from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.edges.errors import present, to_graphql_error
from ofh.edges.graphql.context import Context
from ofh.edges.graphql.hub_schema import Asked, Operation
from ofh.edges.graphql.schema import build_schema

OPEN_TO_ALL = {
    "server",
    "me",
    "login",
    "loginWithToken",
    "requestPasswordReset",
    "setNewPassword",
    "confirmEmail",
}
"""What works without a session. Whoever adds one here says why it is safe."""

SOMEBODY = Actor(user_id=1, credential="session", credential_id=1)
SCHEMA = build_schema()
CORE = SCHEMA._schema
ROOTS = {"query": CORE.query_type, "mutation": CORE.mutation_type, "subscription": CORE.subscription_type}
EXAMPLES = {
    "ID": '"1"',
    "String": '"a"',
    "WorkspaceRole": "MEMBER",
    "AlertKind": "HEIGHT",
    "DateTime": '"2026-05-01T12:00:00Z"',
    "Int": "1",
    "UUID": '"3fa85f64-5717-4562-b3fc-2c963f66afa6"',
    "JSON": "{}",
    "Area": "{west: 9, south: 50, east: 10, north: 51}",
}
MALFORMED = ("", "0", "-1", "01", "1.0", "x", "9" * 19)


class Untouched:
    """Services that nobody may ask."""

    def __getattr__(self, name: str) -> "Untouched":
        return self

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        raise AssertionError("a service was asked")


def fields() -> Iterator[tuple[str, str, GraphQLField]]:
    """Every field of the three roots."""
    for kind, root in ROOTS.items():
        assert root is not None
        for name, field in root.fields.items():
            yield kind, name, field


def document(kind: str, name: str, field: GraphQLField, **values: str) -> str:
    """An operation on one root field; arguments are examples but for `values`."""
    given = {
        argument: values.get(argument) or EXAMPLES[get_named_type(definition.type).name]
        for argument, definition in field.args.items()
        if argument in values or is_required_argument(definition)
    }
    arguments = ", ".join(f"{argument}: {value}" for argument, value in given.items())
    selection = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{kind} {{ {name}{f'({arguments})' if arguments else ''}{selection} }}"


async def ask(kind: str, text: str, actor: Actor | None) -> list[dict[str, Any]]:
    """The errors of running an operation over no services at all."""
    context = Context(Untouched(), actor=actor, cookies=[])  # type: ignore[arg-type]
    operation = SCHEMA.prepare(Asked(query=text))
    assert isinstance(operation, Operation), text
    executor = SCHEMA.executor(operation, context)
    assert not isinstance(executor, list), text
    if kind != "subscription":
        result = await SCHEMA.run(executor)
        return [present(error, "test") for error in result.errors or []]
    stream: Any = await SCHEMA.open(executor)
    with pytest.raises(HubError) as caught:
        await anext(aiter(stream))
    return [present(to_graphql_error(caught.value), "test")]


def is_id(argument: GraphQLArgument) -> bool:
    """Whether the argument is an id."""
    return get_named_type(argument.type).name == "ID"


CLOSED = [(kind, name, field) for kind, name, field in fields() if name not in OPEN_TO_ALL]


@pytest.mark.parametrize(("kind", "name", "field"), CLOSED, ids=[name for _, name, _ in CLOSED])
async def test_without_a_session_nothing_is_read_nor_asked(kind: str, name: str, field: GraphQLField) -> None:
    malformed = {argument: '"x"' for argument, definition in field.args.items() if is_id(definition)}
    for values in ({}, malformed):
        [error] = await ask(kind, document(kind, name, field, **values), None)
        assert error["extensions"]["code"] == "UNAUTHENTICATED"


BY_ID = [
    (kind, name, field, argument)
    for kind, name, field in fields()
    for argument, definition in field.args.items()
    if is_id(definition)
]


@pytest.mark.parametrize(
    ("kind", "name", "field", "argument"), BY_ID, ids=[f"{name}-{argument}" for _, name, _, argument in BY_ID]
)
async def test_a_malformed_id_reaches_no_service(kind: str, name: str, field: GraphQLField, argument: str) -> None:
    for value in MALFORMED:
        [error] = await ask(kind, document(kind, name, field, **{argument: f'"{value}"'}), SOMEBODY)
        assert error["extensions"]["code"] == "BAD_INPUT"
        assert set(error["extensions"]["fields"]) == {argument}


def test_what_is_open_to_all_is_there() -> None:
    assert {name for _, name, _ in fields()} >= OPEN_TO_ALL
