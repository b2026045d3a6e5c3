"""Runs queries and mutations within their time.

A query is cancelled when its time is up or nobody waits for it any more. A mutation is not: cut off between its commit
and what follows from that, it would leave the broker, sockets and other processes untold. It runs to its end, whether
or not anybody is left to answer.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable
from functools import partial

import structlog
from graphql import ExecutionResult, OperationType

from ofh.domain.errors import Code, HubError
from ofh.domain.tallies import give_back
from ofh.edges.errors import note, present, report, to_graphql_error

from .hub_schema import FanoutExecutor, HubSchema, Operation

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LEFT_BEHIND = 20
"""Mutations of one session that may run on without anybody who waits for them."""
STOP_S = 1.0
"""How long a stop waits for mutations under way."""


class Runner:
    """Owned by an edge."""

    def __init__(self, schema: HubSchema) -> None:
        self._schema = schema
        self._mutations: set[asyncio.Task[ExecutionResult]] = set()
        self._left_behind: Counter[Hashable] = Counter()

    async def run(
        self, operation: Operation, executor: FanoutExecutor, *, whose: Hashable, within_s: float
    ) -> ExecutionResult:
        """The result, or the refusal that it took too long.

        Args:
            whose: the session or address that asks.
        """
        changes = operation.kind is OperationType.MUTATION
        if changes and self._left_behind[whose] >= LEFT_BEHIND:
            return _refused(Code.RATE_LIMITED, "Too many changes are still under way.")
        try:
            async with asyncio.timeout(within_s):
                return await (self._change(operation, executor, whose) if changes else self._schema.run(executor))
        except TimeoutError:
            more = " It may still come to pass: look before you try again." if changes else ""
            return _refused(Code.UNAVAILABLE, f"This took too long.{more}")

    async def stop(self) -> None:
        """Wait for mutations under way, but not for ever. Calling it twice does no harm."""
        if self._mutations:
            _, late = await asyncio.wait(self._mutations, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _change(self, operation: Operation, executor: FanoutExecutor, whose: Hashable) -> ExecutionResult:
        task = asyncio.create_task(self._schema.run(executor))
        self._mutations.add(task)
        task.add_done_callback(self._mutations.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                return _refused(Code.UNAVAILABLE, "The hub is shutting down.")
            self._left_behind[whose] += 1
            task.add_done_callback(partial(self._ended, operation.name or "mutation", whose))
            raise

    def _ended(self, where: str, whose: Hashable, task: asyncio.Task[ExecutionResult]) -> None:
        """What nobody waited for has ended; the log alone is told."""
        give_back(self._left_behind, whose)
        if task.cancelled():
            log.warning("mutation cut off by the stop", operation=where)
        elif (fault := task.exception()) is not None:
            report(fault, where)
        else:
            errors = task.result().errors or []
            note(errors, where)
            for error in errors:
                present(error, where)


def _refused(code: Code, message: str) -> ExecutionResult:
    return ExecutionResult(None, [to_graphql_error(HubError(code, message))])
