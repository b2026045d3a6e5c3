"""Keeping parts of a process running: what fails is logged and begun again, a backend that is away is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from ofh.domain.errors import Code, HubError
from ofh.store.database import away

log = structlog.get_logger(__name__)

RESTART_S = 1.0
"""Pause before a part that failed is started again."""

Work = Callable[[], Awaitable[None]]


async def supervise(name: str, run: Work) -> None:
    """Keep a part running until it ends by itself or is cancelled."""
    while True:
        try:
            await run()
            return
        except Exception as error:
            if away(error) is None and not (isinstance(error, HubError) and error.code is Code.UNAVAILABLE):
                log.exception("a part failed and starts again", part=name)
            else:
                log.warning("a backend is away", part=name)
        await asyncio.sleep(RESTART_S)


def keep_running(stack: AsyncExitStack, name: str, run: Work) -> None:
    """Keep a part running until the stack is left."""
    task = asyncio.create_task(supervise(name, run), name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


class Errands:
    """What is done once, in the background, however long a backend is away: nobody will ask for it once more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, name: str, work: Work) -> None:
        """Begin one."""
        task = asyncio.create_task(supervise(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Leave undone what still waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
