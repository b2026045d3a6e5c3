"""The schema with all that the hub does to a document before and while it runs.

A document is parsed, measured (`limits.py`) and validated once and then remembered. Execution is graphql-core's, with
Strawberry's resolvers and no extension in between, so one path serves HTTP, websockets and shared subscriptions.
"""

from collections import OrderedDict
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
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


class FanoutExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor without the leak of 3.3.1 and 3.3.2.

    There all events of a subscription share the memo of collected fields, keyed by the identity of lists that are made
    anew for every event: it grows for ever (dependencies.md, 5.3).
    """

    def build_per_event_executor(self, payload: Any) -> "FanoutExecutor":
        executor: FanoutExecutor = super().build_per_event_executor(payload)  # type: ignore[assignment]
        executor._relevant_sub_fields = {}
        return executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asks to run."""

    query: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None


class Document:
    """A document that was read, and what is known of it."""

    __slots__ = ("checked", "errors", "needed_below", "order", "personal", "shape", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Any = None
        self.shape: Shape | None = None
        self.order: list[str] = []
        self.errors: list[GraphQLError] = []
        self.checked: dict[str | None, GraphQLError | None] = {}
        """Operations that were weighed, where their weight does not hang on variables."""
        self.needed_below: dict[str | None, frozenset[str]] = {}
        """Of each subscription that follows a feed: the variables that count for how events are shown."""
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

    # Reading

    def prepare(self, asked: Asked) -> Operation | list[GraphQLError]:
        """An operation that may run, or why it may not."""
        document = self.document(asked.query)
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
            shape = Shape(document.tree, self._limits)
            order = shape.order()
            if order is None:
                document.errors = validate(self._schema, document.tree, [NoFragmentCyclesRule])
                return document
            for node in shape.operations:
                # By the defaults of variables; what a client sends instead is weighed when it comes.
                error, by_variables = self._scale.check(shape, order, node, {})
                if error is not None and not by_variables:
                    document.errors = [error]
                    return document
            document.errors = validate(self._schema, document.tree, self._rules, hide_suggestions=self._hide)
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
        return FanoutExecutor.build(  # type: ignore[return-value]
            self._schema,
            operation.document.tree,
            context_value=context,
            raw_variable_values=dict(operation.variables),
            operation_name=operation.name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            hide_suggestions=self._hide,
        )

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
