"""How long a body is waited for: it moves, or its sender is left (security.md, H3).

A sender of a byte now and then would else hold a connection, and one of the uploads at once, for ever. Only waiting
counts: a disk that is slow to take what came is no fault of the sender's.
"""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import Receive

MOVES_BYTES = 1_024
"""Of a body that is not yet complete, within its time."""
SMALL_BODY_S = 20.0
"""The time for bodies that are read into memory."""


class Patience:
    """An ASGI `receive` for one body.

    Args:
        stuck_s: seconds of waiting within which `MOVES_BYTES` have to come.
    """

    def __init__(self, receive: Receive, stuck_s: float) -> None:
        self._receive = receive
        self._stuck_s = stuck_s
        self._waited_s = 0.0
        self._moved = 0

    async def __call__(self) -> MutableMapping[str, Any]:
        """The next message.

        Raises:
            TimeoutError: too little came for too long.
        """
        begun = time.monotonic()
        async with asyncio.timeout(max(0.0, self._stuck_s - self._waited_s)):
            message = await self._receive()
        self._waited_s += time.monotonic() - begun
        self._moved += len(message.get("body", b""))
        if self._moved >= MOVES_BYTES:
            self._waited_s, self._moved = 0.0, 0
        return message
