"""An operation that has a task of its own: while it is read or opened, and as long as it shares nothing with others."""

import asyncio
from typing import Any

from graphql import OperationType

from .context import Context
from .hub_schema import Asked, Operation
from .ways import Way


class Running:
    """An operation with a task of its own.

    Args:
        asked: what a client asks for, or what was fit to run before and begins anew.
    """

    __slots__ = ("asked", "context", "is_open", "place", "task", "way")

    def __init__(self, asked: Asked | Operation, context: Context, place: Any = None) -> None:
        self.asked = asked
        self.context = context
        self.place = place
        self.is_open = False
        """A subscription's first event has come."""
        self.way: Way | None = None
        """Of a subscription that shares nothing with others: the way in which it watches."""
        self.task: asyncio.Task[None] | None = None

    @property
    def operation(self) -> Operation | None:
        """None until it was read."""
        return self.asked if isinstance(self.asked, Operation) else None

    @property
    def name(self) -> str | None:
        """Its name in the document, as far as it is known."""
        return self.asked.name if isinstance(self.asked, Operation) else self.asked.operation_name

    @property
    def where(self) -> str:
        """What the log knows it by."""
        return self.name or ("operation" if self.operation is None else self.operation.kind.value)

    @property
    def is_subscription(self) -> bool:
        """Whether it was read, and is one."""
        return self.operation is not None and self.operation.kind is OperationType.SUBSCRIPTION

    @property
    def is_opening(self) -> bool:
        """A subscription whose rights may just be being looked at."""
        return self.is_subscription and not self.is_open

    def leave(self) -> None:
        """Stop it; a mutation that has begun runs on, with nobody to answer."""
        if self.task is not None:
            self.task.cancel()
