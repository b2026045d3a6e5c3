"""The schema with all that the hub does to a document before and while it runs.

A document is parsed, measured (`limits.py`) and validated once and then remembered. Execution is graphql-core's, with
Strawberry's resolvers and no extension in between, so one path serves HTTP, websockets and shared subscriptions.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    get_named_type,
    is_leaf_type,
    parse,
    specified_rules,
    validate,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.execution import ExecutionResult as StrawberryResult

from ofh.domain.errors import Code, HubError
from ofh.edges.errors import to_graphql_error

from .limits import Limits, Scale, Shape

REMEMBERED_CHARACTERS = 256 * 1024
"""Of all remembered documents together; their trees take some hundred times as many bytes at worst."""

REMEMBERED_LONGEST = 32 * 1024
"""A longer document is read anew each time."""

ERRORS = 20
"""Of one document that are told: finding what a client may have meant takes a while for each."""

READ_BY_A_REQUEST = 500
"""Tokens of a document that reading it for the first time may have; each further ones count as one more request."""
CHARACTERS_OF_A_TOKEN = 200
COMPARING_OF_A_TOKEN = 40
"""So many take as long as one token does, some 14 microseconds."""

FIELDS_AT_ONCE = 1_000
"""Fields of a list that are made in one turn of the loop, some 10 milliseconds: others have theirs in between."""
LEAST_AT_ONCE, MOST_AT_ONCE = 5, 100
"""Items of a list in one turn; one that is no longer than the most is made in one."""
LISTS_AT_ONCE = 4
"""Pieces of lists that are made at the same time, however many operations are under way."""


class FanoutExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which makes long lists by the piece, and without the leak of 3.3.1 and 3.3.2.

    There all events of a subscription share the memo of collected fields, keyed by the identity of lists that are made
    anew for every event: it grows for ever (dependencies.md, 5.3).
    """

    at_once: int = MOST_AT_ONCE
    """Items of a list that are made in one turn of the loop."""
    turn: asyncio.Semaphore | None = None
    """Had for each piece of a list."""
    turns: int = 0
    """Those that this operation has at present."""

    def complete_iterable_value(
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Any,
        position_context: Any,
    ) -> Any:
        """As graphql-core does; a list of many objects in pieces, so that a fleet of 2,000 holds up nobody."""
        if (
            self.turn is None
            or not isinstance(items, list)
            or len(items) <= MOST_AT_ONCE
            or is_leaf_type(get_named_type(item_type))
        ):
            return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)
        return self._in_pieces(self.turn, item_type, field_details_list, info, path, items, position_context)

    async def _in_pieces(
        self,
        turn: asyncio.Semaphore,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: list[Any],
        position_context: Any,
    ) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(items), self.at_once):
            piece, place = items[start : start + self.at_once], cast(Any, _Behind(path, start))
            async with self._had(turn):
                await asyncio.sleep(0)
                made: Any = super().complete_iterable_value(
                    item_type, field_details_list, info, place, piece, position_context
                )
                found += await made if isawaitable(made) else made
        return found

    @asynccontextmanager
    async def _had(self, turn: asyncio.Semaphore) -> AsyncIterator[None]:
        """A turn, unless this operation has one: a list within a list must not wait for the one that is made of it."""
        if self.turns:
            yield
            return
        async with turn:
            self.turns += 1  # two lists beside each other may each have come to one
            try:
                yield
            finally:
                self.turns -= 1

    def build_per_event_executor(self, payload: Any) -> "FanoutExecutor":
        executor: FanoutExecutor = super().build_per_event_executor(payload)  # type: ignore[assignment]
        executor._relevant_sub_fields = {}
        executor.turns = 0
        return executor


class _Behind:
    """The path of a list whose items are made from a later one on."""

    __slots__ = ("_path", "_start", "key")

    def __init__(self, path: Any, start: int) -> None:
        self._path = path
        self._start = start
        self.key = path.key

    def add_key(self, key: int, typename: str | None = None) -> Any:
        """The path of an item of the piece."""
        return self._path.add_key(self._start + key, typename)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asks to run."""

    query: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None


class Document:
    """A document that was read, and what is known of it."""

    __slots__ = ("checked", "errors", "needed_below", "order", "personal", "reading", "shape", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Any = None
        self.shape: Shape | None = None
        self.order: list[str] = []
        self.errors: list[GraphQLError] = []
        self.reading = len(text) // CHARACTERS_OF_A_TOKEN
        """How much reading it took, in tokens."""
        self.checked: dict[str | None, GraphQLError | None] = {}
        """Operations that were weighed, where their weight does not hang on variables."""
        self.needed_below: dict[str | None, frozenset[str]] = {}
        """Of each subscription: the variables that count for how events are shown."""
        self.personal: set[str | None] = set()
        """Subscriptions that turned out to show something that depends on who reads."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, fit to run."""

    document: Document
    node: OperationDefinitionNode
    variables: Mapping[str, Any]

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @property
    def name(self) -> str | None:
        """The name in the document."""
        return self.node.name.value if self.node.name else None


class HubSchema(strawberry.Schema):
    """Strawberry's schema with the hub's limits and executor.

    Args:
        introspection: off also hides the 'did you mean' hints.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        types: Iterable[type] = (),
        config: StrawberryConfig | None = None,
        limits: Limits | None = None,
        introspection: bool = True,
    ) -> None:
        super().__init__(
            query,
            mutation,
            subscription,
            types=types,
            config=config,
            execution_context_class=FanoutExecutor,
        )
        self._limits = limits or Limits()
        self._scale = Scale(self._schema, self._limits)
        self._hide = not introspection
        self._rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0
        self._turn = asyncio.Semaphore(LISTS_AT_ONCE)

    # Reading

    def prepare(self, asked: Asked, owe: Callable[[int], None] | None = None) -> Operation | list[GraphQLError]:
        """An operation that may run, or why it may not.

        Args:
            owe: told how many requests more than one it counts as, where the document had to be read.
        """
        document = self._documents.get(asked.query)
        if document is None:
            document = self.document(asked.query)
            if owe is not None:
                owe(document.reading // READ_BY_A_REQUEST)
        else:
            self._documents.move_to_end(asked.query)
        if document.shape is None or document.errors:
            return document.errors
        node = _chosen(document.shape.operations, asked.operation_name)
        if isinstance(node, GraphQLError):
            return [node]
        variables = asked.variables or {}
        name = node.name.value if node.name else None
        if name in document.checked:
            error = document.checked[name]
        else:
            error, by_variables = self._scale.check(document.shape, document.order, node, variables)
            if not by_variables:
                document.checked[name] = error
        return [error] if error else Operation(document, node, variables)

    def document(self, text: str) -> Document:
        """A document of its text, from memory where it was read before."""
        known = self._documents.get(text)
        if known is not None:
            self._documents.move_to_end(text)
            return known
        document = self._read(text)
        if len(text) <= REMEMBERED_LONGEST:
            self._documents[text] = document
            self._characters += len(text)
            while self._characters > REMEMBERED_CHARACTERS:
                gone, _ = self._documents.popitem(last=False)
                self._characters -= len(gone)
        return document

    def _read(self, text: str) -> Document:
        document = Document(text)
        try:
            document.tree = parse(text, max_tokens=self._limits.tokens)
            document.reading += _tokens(document.tree)
            shape = Shape(document.tree, self._limits)
            order = shape.order()
            if order is None:
                document.errors = validate(self._schema, document.tree, [NoFragmentCyclesRule])
                return document
            document.reading += shape.comparing(self._limits.comparing) // COMPARING_OF_A_TOKEN
            for node in shape.operations:
                # By the defaults of variables; what a client sends instead is weighed when it comes.
                error, by_variables = self._scale.check(shape, order, node, {})
                if error is not None and not by_variables:
                    document.errors = [error]
                    return document
            document.errors = validate(
                self._schema, document.tree, self._rules, max_errors=ERRORS, hide_suggestions=self._hide
            )
            document.shape, document.order = shape, order
        except GraphQLSyntaxError as error:
            document.errors = [self._too_complex(error) or error]
        except HubError as error:
            document.errors = [to_graphql_error(error)]
        for found in document.errors:
            found.__traceback__ = None
        return document

    def _too_complex(self, error: GraphQLSyntaxError) -> GraphQLError | None:
        """The parser tells its two limits by words alone; a test guards them."""
        if "Document contains more than" in error.message:
            return to_graphql_error(
                HubError(Code.TOO_COMPLEX, f"This document has more than {self._limits.tokens} tokens.")
            )
        if "nested too deeply" in error.message:
            return to_graphql_error(HubError(Code.TOO_COMPLEX, "This document is nested too deeply."))
        return None

    # Running

    def executor(self, operation: Operation, context: Any) -> FanoutExecutor | list[GraphQLError]:
        """What runs the operation, or what is wrong with its variables."""
        found = FanoutExecutor.build(
            self._schema,
            operation.document.tree,
            context_value=context,
            raw_variable_values=dict(operation.variables),
            operation_name=operation.name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            hide_suggestions=self._hide,
        )
        if isinstance(found, FanoutExecutor):
            found.turn = self._turn
            found.at_once = at_once(operation.document, MOST_AT_ONCE)
        return found  # type: ignore[return-value]

    async def run(self, executor: FanoutExecutor) -> ExecutionResult:
        """Run a query or a mutation."""
        result = executor.execute_operation()
        return await result if isawaitable(result) else result  # type: ignore[return-value]

    async def open(self, executor: FanoutExecutor) -> AsyncIterable[Any] | ExecutionResult:
        """Run a subscription's resolver: its events, or the errors that refuse it."""
        found = create_source_event_stream(executor)
        return await found if isawaitable(found) else found

    # Strawberry's own ways in, for whoever has the schema and no socket

    async def execute(  # type: ignore[override]
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        **_: Any,
    ) -> StrawberryResult:
        """Run a query or a mutation as the edges do."""
        asked = Asked(query=query or "", variables=variable_values, operation_name=operation_name)
        operation = self.prepare(asked)
        if isinstance(operation, list):
            return StrawberryResult(data=None, errors=operation)
        executor = self.executor(operation, context_value)
        if isinstance(executor, list):
            return StrawberryResult(data=None, errors=executor)
        result = await self.run(executor)
        return StrawberryResult(data=result.data, errors=result.errors)

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: errors are logged where they are shown, by `errors.present`."""


def at_once(document: Document, most: int) -> int:
    """How many times all that a document selects may be made in one turn of the loop, up to the most."""
    fields = document.shape.fields if document.shape is not None else 1
    return min(max(FIELDS_AT_ONCE // max(fields, 1), LEAST_AT_ONCE), most)


def _tokens(tree: DocumentNode) -> int:
    token = tree.loc.start_token if tree.loc is not None else None
    found = 0
    while token is not None:
        found, token = found + 1, token.next
    return found


def _chosen(operations: list[OperationDefinitionNode], name: str | None) -> OperationDefinitionNode | GraphQLError:
    if name is None:
        if len(operations) == 1:
            return operations[0]
        if operations:
            return GraphQLError("Must provide operation name if query contains multiple operations.")
        return GraphQLError("Must provide an operation.")
    for node in operations:
        if node.name is not None and node.name.value == name:
            return node
    return GraphQLError(f"Unknown operation named '{name}'.")
