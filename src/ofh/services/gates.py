"""A gate lets so many attempts to log in through at a time; the others wait at it, in order and not for ever."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ofh.domain.errors import Code, HubError


class Gate:
    """Lets so many attempts on one account through at a time."""

    MAX_WAITING = 100
    PATIENCE_S = 5.0

    def __init__(self) -> None:
        self.users = 0
        self.is_set = False
        """Whether it has been told how many to let through."""
        self._allowed = 1
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def allow(self, count: int) -> None:
        """Let so many through at a time from now on."""
        self.is_set = True
        self._allowed = count
        self._wake()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it."""
        if self._running < self._allowed and not self._waiting:
            self._running += 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._running -= 1
            self._wake()

    async def _wait(self) -> None:
        if len(self._waiting) >= self.MAX_WAITING:
            raise busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.PATIENCE_S):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # the turn came at the very moment of giving up
                self._running -= 1
            else:
                self._waiting.remove(turn)
            self._wake()
            if isinstance(error, TimeoutError):
                raise busy() from None
            raise

    def _wake(self) -> None:
        while self._waiting and self._running < self._allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)


def busy() -> HubError:
    """The refusal where more log in at once than passwords can be checked."""
    return HubError(Code.UNAVAILABLE, "Too many are logging in at this moment. Try again soon.", retry_after_s=5)
