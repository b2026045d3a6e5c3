"""From an event to the bytes that subscribers get: executed once and encoded once for all who asked for the same.

What is plain is read by a chain of Python calls (`projection.py`), everything else executed by graphql-core, in a
context that knows of no reader. Should a resolver ask for the reader after all, nothing of that execution is shown, and
`is_personal` says so from then on: the operation has to be rendered for each user alone.
"""

import asyncio
from collections.abc import Awaitable, Hashable, Iterable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

import orjson
from graphql import ExecutionResult

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.edges.errors import hub_error, internal, present, to_graphql_error

from .context import Context, Contexts
from .hub_schema import FanoutExecutor, Operation, at_once
from .projection import NotPlain, project

Faults = dict[str, dict[str, Any]]

RENDERED = 64
"""Events that are rendered in one turn of the loop, or fewer where each takes much."""
GONE = b""
"""The body of an event about something that is no more."""
TRIES = 3
"""So often an event may fail to be shown in time though the database answers; then readers are told that it cannot be
shown."""
NOT_SHOWN = 1_000
"""Such events that are remembered."""


class NotNow(HubError):
    """Some events cannot be shown now: a backend is away, or they take too long."""

    def __init__(self, refusal: HubError, events: Sequence[Any]) -> None:
        super().__init__(refusal.code, refusal.message, retry_after_s=refusal.retry_after_s)
        self.events = events


class Renderer:
    """Renders events for one operation.

    Args:
        executor: of a subscriber who has been let in; the operation and its variables come from it.
        reader: whom everything is rendered for; None: for nobody in particular.
        operation_s: how long one execution may take.
        is_feed: an event that cannot be shown since what it is about was deleted becomes `GONE`; one that cannot be
            shown now is an error, and whoever asked tries again (`tried`).
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
        self._tries: dict[Hashable, int] = {}
        self._not_shown: dict[Hashable, bytes] = {}

    @property
    def is_plain(self) -> bool:
        """Rendering takes a few calls of Python and no waiting, for most events at least."""
        return self._project is not None

    @property
    def at_once(self) -> int:
        """Events to render in one turn of the loop: others have theirs in between."""
        return RENDERED if self.is_plain else at_once(self.operation.document, RENDERED)

    @property
    def is_personal(self) -> bool:
        """What it renders depends on who reads, and it renders for nobody in particular."""
        return self.reader is None and self.operation.name in self.operation.document.personal

    def bodies(self, events: Sequence[Any]) -> list[bytes] | Awaitable[list[bytes]]:
        """The ends of messages that show these events, one each; none at all where the operation is personal.

        Raises:
            NotNow: for a feed.
        """
        bodies: list[bytes] = []
        slow: list[tuple[int, Any]] = []
        for event in events:
            body = self.plain(event)
            if body is None and self._not_shown:
                body = self._not_shown.get(_name(event))
            if body is None:
                slow.append((len(bodies), event))
                bodies.append(b"")
            else:
                bodies.append(body)
        if not slow:
            return bodies
        context = self._contexts.shared() if self.reader is None else self._contexts.of(self.reader)
        results = [self._execute(event, context) for _, event in slow]
        if any(isawaitable(result) for result in results):
            return self._finish(bodies, slow, results, context)
        return self._filled(bodies, slow, results, context)

    async def in_pieces(self, pieces: Iterable[Any], turn: asyncio.Semaphore) -> bytes | None:
        """The body of an event that comes by the piece, as if it had come whole: lists of the pieces stand behind each
        other, and all else is that of the first. Others have their turns in between.

        Args:
            turn: had for each piece, so that not all who come at once make theirs in the same turn of the loop.

        Returns:
            None where it has to be rendered whole: something of it cannot be shown.
        """
        context = self._contexts.shared() if self.reader is None else self._contexts.of(self.reader)
        whole: dict[str, Any] | None = None
        for piece in pieces:
            if whole is not None:
                await asyncio.sleep(0)
            async with turn:
                data = await self._data(piece, context)
            if data is None:
                return None
            if whole is None:
                whole = data
            else:
                _join(whole, data)
        try:
            return orjson.dumps({"data": whole}) + b"}"
        except TypeError:
            return None

    async def _data(self, event: Any, context: Context) -> dict[str, Any] | None:
        """What is shown of an event; None where that is not all of it."""
        if self._project is not None:
            try:
                plain: dict[str, Any] = self._project(event)
                return plain
            except NotPlain:
                pass
        result = await self._in_time(self._execute(event, context))
        data: dict[str, Any] | None = result.data
        return None if context.reader_needed or result.errors else data

    async def tried(self, events: Sequence[Any]) -> bool:
        """Note that events could not be shown. Those that could not `TRIES` times, though the database answered, are
        from then on told as ones that cannot be shown: nobody waits for them for ever, nor for what is behind them.

        Returns:
            Whether any of these is given up.
        """
        if not await self._contexts.database_answers():
            return False
        is_over = False
        for event in events:
            name = _name(event)
            tries = self._tries[name] = self._tries.get(name, 0) + 1
            if tries >= TRIES:
                is_over = True
                del self._tries[name]
                fault = internal(TimeoutError(f"{name} cannot be shown"), f"feed of {self.operation.name or 'fleet'}")
                self._not_shown[name] = orjson.dumps({"data": None, "errors": [fault]}) + b"}"
                while len(self._not_shown) > NOT_SHOWN:
                    del self._not_shown[next(iter(self._not_shown))]
        return is_over

    def plain(self, event: Any) -> bytes | None:
        """The end of a message that shows an event, where that takes no more than a few calls; else None."""
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
        self, bodies: list[bytes], slow: Sequence[tuple[int, Any]], results: Sequence[Any], context: Context
    ) -> list[bytes]:
        if len(results) == 1:
            done = [await self._in_time(results[0])]
        else:
            done = await asyncio.gather(*(self._in_time(result) for result in results))
        return self._filled(bodies, slow, done, context)

    async def _in_time(self, result: Any) -> ExecutionResult:
        """The result, or that it took too long: each by itself, so one that does spoils no other."""
        if not isawaitable(result):
            found: ExecutionResult = result
            return found
        try:
            async with asyncio.timeout(self._operation_s):
                done: ExecutionResult = await result
                return done
        except TimeoutError:
            return ExecutionResult(None, [to_graphql_error(HubError(Code.UNAVAILABLE, "This took too long."))])

    def _filled(
        self,
        bodies: list[bytes],
        slow: Sequence[tuple[int, Any]],
        results: Sequence[ExecutionResult],
        context: Context,
    ) -> list[bytes]:
        if context.reader_needed:
            self.operation.document.personal.add(self.operation.name)
            return []
        where = self.operation.name or "subscription"
        waiting: list[Any] = []
        last: HubError | None = None
        for (place, event), result in zip(slow, results, strict=True):
            refusal = _refusal(result) if self._is_feed else None
            if refusal is not None and refusal.code is Code.UNAVAILABLE:
                last = refusal
                waiting.append(event)
            elif refusal is not None and refusal.code is Code.GONE and result.data is None:
                bodies[place] = GONE
            else:
                bodies[place] = encode(result, where, self._faults) + b"}"
        if last is not None:
            raise NotNow(last, waiting)
        return bodies


def _join(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Put the lists of a piece behind those of what came before it: those of the event itself, none that is deeper."""
    for root, event in piece.items():
        for name, value in event.items():
            if isinstance(value, list):
                whole[root][name] += value


def _name(event: Any) -> Hashable:
    """What an event of a feed is known by: what kind of word it is, the workspace and the number."""
    told = getattr(event, "event", None)
    return type(event).__name__, getattr(told, "workspace_id", None), getattr(told, "seq", None)


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
        known: faults that were logged before, by place, and are shown again without another line in the log; also where
            the same went wrong with another device that is shown alike.
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
