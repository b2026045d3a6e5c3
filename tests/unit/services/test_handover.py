"""Whose messages are whose when a process goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ofh.domain.errors import Code, HubError
from ofh.services.handover import Handover


class Broker:
    def __init__(self, *, empties: bool = True) -> None:
        self.empties = empties
        self.is_up = True
        self.left: list[bool] = []
        self.inherited: list[str] = []

    async def check(self) -> None:
        if not self.is_up:
            raise HubError(Code.UNAVAILABLE, "away")

    async def leave(self, *, for_good: bool, within_s: float) -> bool:
        self.left.append(for_good)
        return for_good and self.empties

    async def inherit(self, client_id: str, *, within_s: float) -> bool:
        self.inherited.append(client_id)
        return self.empties


class Roster:
    every_s = 0.001

    def __init__(self, *gone: str, others: bool = True) -> None:
        self.gone = list(gone)
        self.others = others
        self.is_away = False
        self.refused = 0
        self.counted_on: list[bool] = []
        self.forgotten: list[str | None] = []

    async def note(self, *, is_taking: bool) -> None:
        if self.is_away:
            self.refused += 1
            raise HubError(Code.UNAVAILABLE, "away")
        self.counted_on.append(is_taking)

    async def leave(self) -> bool:
        return self.others

    async def claim(self) -> str | None:
        return self.gone.pop() if self.gone else None

    async def forget(self, name: str | None = None) -> None:
        self.forgotten.append(name)


@asynccontextmanager
async def running(broker: Broker, roster: Roster) -> AsyncIterator[Handover]:
    made = Handover(broker, roster, leave_s=1, inherit_s=1)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def turns(roster: Roster, number: int = 3) -> None:
    """Until it has given so many more signs of life."""
    wanted = len(roster.counted_on) + number
    async with asyncio.timeout(30):
        while len(roster.counted_on) < wanted:
            await asyncio.sleep(0.001)


async def test_who_leaves_others_behind_leaves_for_good_and_is_forgotten() -> None:
    broker, roster = Broker(), Roster()
    await Handover(broker, roster, leave_s=1, inherit_s=1).leave()
    assert (broker.left, roster.forgotten) == ([True], [None])


async def test_what_could_not_be_finished_stays_on_the_roster() -> None:
    broker, roster = Broker(empties=False), Roster()
    await Handover(broker, roster, leave_s=1, inherit_s=1).leave()
    assert (broker.left, roster.forgotten) == ([True], [])


async def test_the_last_one_stays_subscribed() -> None:
    for roster in (Roster(others=False), None):
        broker = Broker()
        await Handover(broker, roster, leave_s=1, inherit_s=1).leave()
        assert broker.left == [False]
        assert roster is None or roster.forgotten == []


async def test_what_is_gone_is_inherited_one_after_the_other() -> None:
    broker, roster = Broker(), Roster("a", "b")
    async with running(broker, roster):
        await turns(roster, 6)
    assert broker.inherited == ["b", "a"]
    assert roster.forgotten == ["b", "a"]


async def test_a_session_that_could_not_be_emptied_is_looked_at_again() -> None:
    broker, roster = Broker(empties=False), Roster("a")
    async with running(broker, roster):
        await turns(roster)
    assert (broker.inherited, roster.forgotten) == (["a"], [])


async def test_who_is_not_subscribed_or_leaves_is_not_counted_on_and_inherits_nothing() -> None:
    broker, roster = Broker(), Roster()
    async with running(broker, roster) as handover:
        await turns(roster)
        assert roster.counted_on[-1]
        broker.is_up = False
        await turns(roster)
        assert not roster.counted_on[-1]
        broker.is_up = True
        await turns(roster)
        assert roster.counted_on[-1]
        await handover.leave()
        roster.gone.append("a")
        await turns(roster)
        assert not roster.counted_on[-1]
    assert broker.inherited == []


async def test_it_goes_on_once_the_roster_is_back() -> None:
    broker, roster = Broker(), Roster()
    async with running(broker, roster):
        await turns(roster)
        roster.is_away = True
        async with asyncio.timeout(30):
            while roster.refused < 2:
                await asyncio.sleep(0.001)
        roster.is_away = False
        await turns(roster)
