"""What becomes of a process's share of the messages when it goes.

A process that is told to stop finishes what it has taken. Where others take messages it leaves the rest to them, and
nothing waits for it at the broker; the last one stays subscribed, and what comes waits for the hub's return. What a
process could not finish, since it was killed say, waits for its return as well, and where it does not come back, for
whichever process finds that it is gone.
"""

import asyncio
from typing import Protocol

import structlog

from ofh.domain.errors import HubError

log = structlog.get_logger(__name__)


class SharedBroker(Protocol):
    """A broker that shares the messages out among processes, and keeps a session for each."""

    async def check(self) -> None:
        """See `Broker.check`."""

    async def leave(self, *, for_good: bool, within_s: float) -> bool:
        """Take no more, finish what was taken; whether nothing is left for this process at the broker."""

    async def inherit(self, client_id: str, *, within_s: float) -> bool:
        """Take what is left for another process; whether that was all."""


class Roster(Protocol):
    """See `backends/roster.py`."""

    every_s: float

    async def note(self, *, is_taking: bool) -> None:
        """Give a sign of life."""

    async def leave(self) -> bool:
        """No longer be counted on; whether others take messages."""

    async def claim(self) -> str | None:
        """The session of a process that is gone."""

    async def forget(self, name: str | None = None) -> None:
        """A session has ended; without a name, this process's own."""


class Handover:
    """Hands this process's messages over, and takes over those of processes that are gone.

    Args:
        roster: None where this process is the only one.
        leave_s: how long what was taken may take to be finished.
        inherit_s: the same for what was another's.
    """

    def __init__(self, broker: SharedBroker, roster: Roster | None, *, leave_s: float, inherit_s: float) -> None:
        self._broker = broker
        self._roster = roster
        self._leave_s = leave_s
        self._inherit_s = inherit_s
        self._is_leaving = False

    async def run(self) -> None:
        """Give signs of life, and look for processes that give none, until cancelled."""
        roster = self._roster
        if roster is None:
            return
        async with asyncio.TaskGroup() as tasks:
            taking_over: asyncio.Task[None] | None = None
            while True:
                try:
                    await roster.note(is_taking=not self._is_leaving and await self._is_up())
                    if (taking_over is None or taking_over.done()) and not self._is_leaving:
                        gone = await roster.claim()
                        taking_over = None if gone is None else tasks.create_task(self._take_over(roster, gone))
                except HubError:
                    log.debug("no sign of life can be given")  # the bus itself says loud enough that it is away
                await asyncio.sleep(roster.every_s)

    async def leave(self) -> None:
        """Finish what was taken; what comes from now on is for others, or waits."""
        self._is_leaving = True
        for_good = self._roster is not None and await self._roster.leave()
        is_empty = await self._broker.leave(for_good=for_good, within_s=self._leave_s)
        if is_empty and self._roster is not None:
            await self._roster.forget()
        log.info("mqtt messages are left to others" if for_good else "mqtt messages wait for the return")

    async def _is_up(self) -> bool:
        try:
            await self._broker.check()
        except HubError:
            return False
        return True

    async def _take_over(self, roster: Roster, gone: str) -> None:
        log.warning("a process is gone, and what the broker holds for it is taken over")
        if await self._broker.inherit(gone, within_s=self._inherit_s):
            await roster.forget(gone)
            log.info("nothing is left for the process that is gone")
