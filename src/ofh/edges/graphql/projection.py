"""An operation over plain fields as a chain of Python calls, for events that come by the thousand.

graphql-core makes a path, an info and a bundle of arguments for each field of each event. Where every selected field
is an attribute, or a method that takes nothing but its object, none of that can matter, so the selection is put
together once and then only read. Whatever is not plain keeps the ordinary way, as a whole; and whenever a value is not
what it should be, the event is executed the ordinary way, which also makes the errors.
"""

from collections.abc import Callable
from math import isfinite
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, collect_fields
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from .hub_schema import FanoutExecutor

Read = Callable[[Any], Any]
"""From an object to a field's value."""
Complete = Callable[[Any], Any]
"""From a field's value to what stands in the answer."""

INT_LIMIT = 2**31


class NotPlain(Exception):
    """This operation, or this event, takes the ordinary way."""


def project(executor: FanoutExecutor) -> Callable[[Any], dict[str, Any]] | None:
    """A function from an event to `data`, which raises `NotPlain`; None where the operation is not plain."""
    root = executor.schema.subscription_type
    if root is None:
        return None
    selected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    ).grouped_field_set
    try:
        # A subscription's root field is the event itself; its arguments were its resolver's matter.
        fields = [
            (name, _complete(executor, root.fields[details[0].node.name.value].type, details))
            for name, details in selected.items()
        ]
    except (NotPlain, KeyError):
        return None

    def data(event: Any) -> dict[str, Any]:
        try:
            return {name: complete(event) for name, complete in fields}
        except Exception as error:
            raise NotPlain from error

    return data


def _field(executor: FanoutExecutor, parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
    field = executor.schema.get_field(parent, details[0].node.name.value)
    if field is None or field.args:
        raise NotPlain
    return field


def _object(executor: FanoutExecutor, kind: GraphQLObjectType, details: FieldDetailsList) -> Complete:
    if kind.is_type_of is not None:
        raise NotPlain
    return _fields(executor, kind, details)


def _abstract(executor: FanoutExecutor, kind: GraphQLAbstractType, details: FieldDetailsList) -> Complete:
    """By the class of the object; what is selected of some types may be plain and of others not."""
    plain: dict[str, Complete] = {}
    for possible in executor.schema.get_possible_types(kind):
        try:
            plain[possible.name] = _fields(executor, possible, details)
        except NotPlain:
            continue
    if not plain:
        raise NotPlain

    def complete(value: Any) -> Any:
        # Strawberry tells the types of an interface apart by their classes, and none descends from another.
        definition = getattr(type(value), "__strawberry_definition__", None)
        if definition is None or definition.name not in plain:
            raise NotPlain
        return plain[definition.name](value)

    return complete


def _fields(executor: FanoutExecutor, kind: GraphQLObjectType, details: FieldDetailsList) -> Complete:
    steps: list[tuple[str, Read, Complete]] = []
    for name, below in executor.collect_subfields(kind, details).grouped_field_set.items():
        field = _field(executor, kind, below)
        if below[0].node.name.value == "__typename":
            steps.append((name, _always(kind.name), as_it_is))
        else:
            steps.append((name, _read(field), _complete(executor, field.type, below)))

    def complete(value: Any) -> dict[str, Any]:
        return {name: finish(read(value)) for name, read, finish in steps}

    return complete


def as_it_is(value: Any) -> Any:
    """The value itself."""
    return value


def _always(value: str) -> Read:
    return lambda _: value


def _read(field: GraphQLField) -> Read:
    """How Strawberry would come by the field's value, without what it does for other kinds of fields."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if (
        not isinstance(definition, StrawberryField)
        or definition.extensions
        or definition.default_resolver is not getattr
    ):
        raise NotPlain
    resolver = definition.base_resolver
    if resolver is None:
        return attrgetter(definition.python_name)
    method: Any = resolver.wrapped_func
    takes_itself_alone = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    if resolver.is_async or not takes_itself_alone or not callable(method):
        raise NotPlain
    found: Read = method
    return found


def _complete(executor: FanoutExecutor, kind: GraphQLOutputType, details: FieldDetailsList) -> Complete:
    if is_non_null_type(kind):
        return _present(executor, kind.of_type, details)
    finish = _present(executor, kind, details)
    return lambda value: None if value is None else finish(value)


def _present(executor: FanoutExecutor, kind: Any, details: FieldDetailsList) -> Complete:
    """How to complete a value that has to be there."""
    if is_leaf_type(kind):
        return _leaf(kind)
    if is_object_type(kind):
        finish = _object(executor, kind, details)

        def complete(value: Any) -> Any:
            if value is None or isinstance(value, Exception):
                raise NotPlain
            return finish(value)

        return complete
    if is_abstract_type(kind):
        return _abstract(executor, kind, details)
    if is_list_type(kind):
        each = _complete(executor, kind.of_type, details)

        def complete_all(values: Any) -> list[Any]:
            if type(values) is not list:
                raise NotPlain
            return [each(value) for value in values]

        return complete_all
    raise NotPlain


def _leaf(kind: GraphQLLeafType) -> Complete:
    coerce = kind.coerce_output_value

    def slowly(value: Any) -> Any:
        found = None if value is None or isinstance(value, Exception) else coerce(value)
        if found is None or found is Undefined:
            raise NotPlain
        return found

    match kind.name:
        case "Float":
            return lambda value: value if type(value) is float and isfinite(value) else slowly(value)
        case "String" | "ID":
            return lambda value: value if type(value) is str else slowly(value)
        case "Int":
            return lambda value: value if type(value) is int and -INT_LIMIT <= value < INT_LIMIT else slowly(value)
        case "Boolean":
            return lambda value: value if type(value) is bool else slowly(value)
        case _:
            return slowly
