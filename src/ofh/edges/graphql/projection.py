"""An operation over plain fields as one Python function, for events that come by the thousand.

graphql-core makes a path, an info and a bundle of arguments for each field of each event. Where every selected field
is an attribute, or a method that takes nothing but its object, none of that can matter, so the selection is written
once as a function that reads one after the other. Whatever is not plain keeps the ordinary way, as a whole; and
whenever a value is not what it should be, the event is executed the ordinary way, which also makes the errors.

The function's text holds names of ours alone: what a client wrote is handed to it as values.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
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

Complete = Callable[[Any], Any]
"""From a value to what stands in the answer, as orjson takes it: a time in UTC may stand for its text."""

INT_LIMIT = 2**31


class NotPlain(Exception):
    """This operation, or this event, takes the ordinary way."""


def project(executor: FanoutExecutor) -> Complete | None:
    """A function from an event to `data`, which raises `NotPlain`; None where the operation is not plain."""
    root = executor.schema.subscription_type
    if root is None:
        return None
    selected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    ).grouped_field_set
    writer = _Writer(executor)
    try:
        # A subscription's root field is the event itself; its arguments were its resolver's matter.
        fields = {
            key: (VALUE, root.fields[details[0].node.name.value].type, details) for key, details in selected.items()
        }
        writer.object(VALUE, fields, 2)
    except (NotPlain, KeyError):
        return None
    return writer.function()


VALUE = "value"
"""What the function is given, and gives back."""


class _Writer:
    """Writes one function, a statement after the other.

    Its methods complete a variable in place: from what was read to what stands in the answer.
    """

    def __init__(self, executor: FanoutExecutor) -> None:
        self._executor = executor
        self._lines: list[str] = []
        self._held: dict[str, Any] = {"NotPlain": NotPlain, "isfinite": isfinite, "datetime": datetime, "UTC": UTC}

    def function(self) -> Complete:
        """What was written, as a function."""
        lines = [f"def project({VALUE}):", " try:", *self._lines, f"  return {VALUE}"]
        lines += [" except Exception as error:", "  raise NotPlain from error"]
        exec("\n".join(lines), self._held)  # noqa: S102, the text is ours
        made: Complete = self._held["project"]
        return made

    def object(
        self, target: str, fields: Mapping[str, tuple[str, GraphQLOutputType, FieldDetailsList]], depth: int
    ) -> None:
        """Read fields one after the other: by key, what to read, the type and what is selected below."""
        parts = []
        for key, (read, kind, details) in fields.items():
            name = self._new()
            self._write(depth, f"{name} = {read}")
            self._complete(name, kind, details, depth)
            parts.append(f"{self._hold(key)}: {name}")
        self._write(depth, f"{target} = {{{', '.join(parts)}}}")

    def _complete(self, target: str, kind: GraphQLOutputType, details: FieldDetailsList, depth: int) -> None:
        if is_non_null_type(kind):
            self._present(target, kind.of_type, details, depth)
        else:
            self._write(depth, f"if {target} is not None:")
            self._present(target, kind, details, depth + 1)

    def _present(self, target: str, kind: Any, details: FieldDetailsList, depth: int) -> None:
        """Complete what has to be there."""
        if is_leaf_type(kind):
            is_right = LEAVES.get(kind.name, "False").format(target)
            self._write(depth, f"if not ({is_right}): {target} = {self._hold(_slowly(kind))}({target})")
        elif is_object_type(kind):
            self._write(depth, f"if {target} is None or isinstance({target}, Exception): raise NotPlain")
            self.object(target, self._fields(target, kind, details), depth)
        elif is_abstract_type(kind):
            self._write(depth, f"{target} = {self._hold(self._abstract(kind, details))}({target})")
        elif is_list_type(kind):
            each = _Writer(self._executor)
            each._complete(VALUE, kind.of_type, details, 2)
            self._write(depth, f"if type({target}) is not list: raise NotPlain")
            self._write(depth, f"{target} = [{self._hold(each.function())}(item) for item in {target}]")
        else:
            raise NotPlain

    def _fields(
        self, target: str, kind: GraphQLObjectType, details: FieldDetailsList
    ) -> dict[str, tuple[str, GraphQLOutputType, FieldDetailsList]]:
        if kind.is_type_of is not None and not _by_class(kind):
            raise NotPlain
        found = {}
        for key, below in self._executor.collect_subfields(kind, details).grouped_field_set.items():
            field = _field(self._executor, kind, below)
            is_name = below[0].node.name.value == "__typename"
            found[key] = (self._hold(kind.name) if is_name else self._read(target, field), field.type, below)
        return found

    def _read(self, target: str, field: GraphQLField) -> str:
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
            return f"{target}.{definition.python_name}"
        method: Any = resolver.wrapped_func
        takes_itself_alone = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
        if resolver.is_async or not takes_itself_alone or not callable(method):
            raise NotPlain
        return f"{self._hold(method)}({target})"

    def _abstract(self, kind: GraphQLAbstractType, details: FieldDetailsList) -> Complete:
        """By the class of the object; what is selected of some types may be plain and of others not."""
        plain: dict[str, Complete] = {}
        for possible in self._executor.schema.get_possible_types(kind):
            writer = _Writer(self._executor)
            try:
                writer.object(VALUE, writer._fields(VALUE, possible, details), 2)
            except NotPlain:
                continue
            plain[possible.name] = writer.function()
        if not plain:
            raise NotPlain

        def complete(value: Any) -> Any:
            # Strawberry tells the types of an interface apart by their classes, and none descends from another.
            definition = getattr(type(value), "__strawberry_definition__", None)
            if definition is None or definition.name not in plain:
                raise NotPlain
            return plain[definition.name](value)

        return complete

    def _write(self, depth: int, line: str) -> None:
        self._lines.append(" " * depth + line)

    def _hold(self, value: Any) -> str:
        """A name for a value in the function's text."""
        name = f"held{len(self._held)}"
        self._held[name] = value
        return name

    def _new(self) -> str:
        """A name for a variable."""
        return f"read{len(self._lines)}"


def _by_class(kind: GraphQLObjectType) -> bool:
    """Whether a type asks its objects for nothing but their class, as all do that an interface stands for: `_abstract`
    has looked at it by then.
    """
    definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition is not None and definition.is_type_of is None


def _field(executor: FanoutExecutor, parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
    field = executor.schema.get_field(parent, details[0].node.name.value)
    if field is None or field.args:
        raise NotPlain
    return field


LEAVES = {
    "Float": "type({0}) is float and isfinite({0})",
    "String": "type({0}) is str",
    "ID": "type({0}) is str",
    "Int": f"type({{0}}) is int and {-INT_LIMIT} <= {{0}} < {INT_LIMIT}",
    "Boolean": "type({0}) is bool",
    "DateTime": "type({0}) is datetime and {0}.tzinfo is UTC",
}
"""Which values need no conversion."""


def _slowly(kind: GraphQLLeafType) -> Complete:
    coerce = kind.coerce_output_value

    def convert(value: Any) -> Any:
        found = None if value is None or isinstance(value, Exception) else coerce(value)
        if found is None or found is Undefined:
            raise NotPlain
        return found

    return convert
