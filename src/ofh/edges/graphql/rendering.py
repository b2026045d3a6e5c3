"""From an event to the bytes that subscribers get: executed once and encoded once for all who asked for the same.

What is plain is read by a chain of Python calls (`projection.py`), everything else executed by graphql-core, in a
context that knows of no reader. Should a resolver ask for the reader after all, nothing of that execution is shown, and
`is_personal` says so from then on: the operation has to be rendered for each user alone.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

import orjson
from graphql import ExecutionResult

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.edges.errors import hub_error, internal, present, to_graphql_error

from .context import Context, Contexts
from .hub_schema import FanoutExecutor, Operation
from .projection import NotPlain, project

Faults = dict[str, dict[str, Any]]

GONE = b""
"""The body of an event about something that is no more."""


class Renderer:
    """Renders events for one operation.

    Args:
        executor: of a subscriber who has been let in; the operation and its variables come from it.
        reader: whom everything is rendered for; None: for nobody in particular.
        operation_s: how long one execution may take.
        is_feed: an event that cannot be shown since what it is about was deleted becomes `GONE`; one that cannot be
            shown now since a backend is away is an error, and whoever asked tries again.
    """

    def __init__(
        self,
        contexts: Contexts,
        operation: Operation,
        executor: FanoutExecutor,
        reader: Actor | None,
        *,
        operation_s: float,
        is_feed: bool = False,
    ) -> None:
        self.operation = operation
        self.executor = executor
        self.reader = reader
        self._contexts = contexts
        self._operation_s = operation_s
        self._is_feed = is_feed
        self._project = project(executor)
        self._faults: Faults = {}

    @property
    def is_plain(self) -> bool:
        """Rendering takes a few calls of Python and no waiting, for most events at least."""
        return self._project is not None

    @property
    def is_personal(self) -> bool:
        """What it renders depends on who reads, and it renders for nobody in particular."""
        return self.reader is None and self.operation.name in self.operation.document.personal

    def bodies(self, events: Sequence[Any]) -> list[bytes] | Awaitable[list[bytes]]:
        """The ends of messages that show these events, one each; none at all where the operation is personal.

        Raises:
            HubError: UNAVAILABLE, for a feed.
        """
        bodies: list[bytes] = []
        slow: list[tuple[int, Any]] = []
        for event in events:
            body = self._plain(event)
            if body is None:
                slow.append((len(bodies), event))
                bodies.append(b"")
            else:
                bodies.append(body)
        if not slow:
            return bodies
        context = self._contexts.shared() if self.reader is None else self._contexts.of(self.reader)
        results = [self._execute(event, context) for _, event in slow]
        places = [place for place, _ in slow]
        if any(isawaitable(result) for result in results):
            return self._finish(bodies, places, results, context)
        return self._filled(bodies, places, results, context)

    def _plain(self, event: Any) -> bytes | None:
        if self._project is None:
            return None
        try:
            return orjson.dumps({"data": self._project(event)}) + b"}"
        except (NotPlain, TypeError):
            return None

    def _execute(self, event: Any, context: Context) -> Any:
        executor = self.executor.build_per_event_executor(event)
        executor.context_value = context
        return executor.execute_operation(False)

    async def _finish(
        self, bodies: list[bytes], places: Sequence[int], results: Sequence[Any], context: Context
    ) -> list[bytes]:
        try:
            async with asyncio.timeout(self._operation_s):
                if len(results) == 1:
                    done = [await _settled(results[0])]
                else:
                    done = await asyncio.gather(*(_settled(result) for result in results))
        except TimeoutError:
            late = HubError(Code.UNAVAILABLE, "This took too long.")
            done = [ExecutionResult(None, [to_graphql_error(late)])] * len(results)
        return self._filled(bodies, places, done, context)

    def _filled(
        self, bodies: list[bytes], places: Sequence[int], results: Sequence[ExecutionResult], context: Context
    ) -> list[bytes]:
        if context.reader_needed:
            self.operation.document.personal.add(self.operation.name)
            return []
        where = self.operation.name or "subscription"
        for place, result in zip(places, results, strict=True):
            refusal = _refusal(result) if self._is_feed else None
            if refusal is not None and refusal.code is Code.UNAVAILABLE:
                raise refusal
            if refusal is not None and refusal.code is Code.GONE and result.data is None:
                bodies[place] = GONE
            else:
                bodies[place] = encode(result, where, self._faults) + b"}"
        return bodies


async def _settled(result: Any) -> ExecutionResult:
    found: ExecutionResult = await result if isawaitable(result) else result
    return found


def _refusal(result: ExecutionResult) -> HubError | None:
    """What a result was refused with, if by nothing but refusals; a backend that is away comes first."""
    refusals = [hub_error(error) for error in result.errors or ()]
    known = [refusal for refusal in refusals if refusal is not None]
    if not known or len(known) < len(refusals):
        return None
    return next((refusal for refusal in known if refusal.code is Code.UNAVAILABLE), known[0])


def encode(result: ExecutionResult, where: str, known: Faults | None = None) -> bytes:
    """A result as JSON.

    Args:
        known: faults that were logged before, by place, and are shown again without another line in the log.
    """
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_presented(error, where, known) for error in result.errors]
    try:
        return orjson.dumps(body)
    except TypeError as fault:  # a number beyond 64 bits in foreign JSON
        return orjson.dumps({"data": None, "errors": [internal(fault, where)]})


def _presented(error: Any, where: str, known: Faults | None) -> dict[str, Any]:
    if known is None:
        return present(error, where)
    place = f"{type(error.original_error).__name__} {error.path}"
    shown: Mapping[str, Any] | None = known.get(place)
    if shown is None:
        shown = present(error, where)
        if "id" in shown["extensions"]:
            if len(known) >= 100:
                known.clear()
            known[place] = dict(shown)
    return dict(shown)
