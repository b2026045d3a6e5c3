"""The roster of processes, on Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from ofh.backends.roster import Roster
from ofh.domain.errors import Code, HubError
from tests.support.services import free_port

pytestmark = pytest.mark.services

Made = Callable[[str], Roster]


@pytest.fixture
async def made(redis_url: str, redis_prefix: str) -> AsyncIterator[Made]:
    async with AsyncExitStack() as stack:

        def make(name: str) -> Roster:
            roster = Roster(redis_url, prefix=redis_prefix, name=name, gone_s=60)
            stack.push_async_callback(roster.close)
            return roster

        yield make


async def test_of_all_who_leave_at_once_one_is_told_that_nobody_else_takes_messages(made: Made) -> None:
    processes = [made(f"p{number}") for number in range(5)]
    for process in processes:
        await process.note(is_taking=True)
    assert sorted(await asyncio.gather(*(process.leave() for process in processes))) == [False, True, True, True, True]


async def test_who_is_not_subscribed_is_not_counted_on(made: Made) -> None:
    one, other = made("one"), made("other")
    await one.note(is_taking=True)
    await other.note(is_taking=False)
    assert not await one.leave()


async def test_a_session_that_gives_no_sign_of_life_is_claimed_by_one(
    made: Made, redis_url: str, redis_prefix: str
) -> None:
    gone, *others = made("gone"), made("one"), made("two")
    for process in (gone, *others):
        await process.note(is_taking=True)
    assert await others[0].claim() is None, "it has just been heard of"
    async with Redis.from_url(redis_url) as redis:

        async def silence() -> None:
            await redis.zincrby(f"{redis_prefix}mqtt:sessions", -61, "gone")

        await silence()
        claimed = await asyncio.gather(*(other.claim() for other in others))
        assert sorted(claimed, key=str) == [None, "gone"]
        await silence()  # whoever claimed it has not done it
        assert await others[0].claim() == "gone"
        await others[0].forget("gone")
        assert await redis.zscore(f"{redis_prefix}mqtt:sessions", "gone") is None
    assert [await other.leave() for other in others] == [True, False], "nobody counts on the one that is gone"


async def test_without_redis_nobody_leaves_for_good_and_nobody_inherits() -> None:
    roster = Roster(f"redis://127.0.0.1:{free_port()}/0", prefix="p:", name="one", gone_s=60)
    assert not await roster.leave()
    for work in (roster.note(is_taking=True), roster.claim()):
        with pytest.raises(HubError) as refused:
            await work
        assert refused.value.code is Code.UNAVAILABLE
    await roster.forget()
    await roster.close()
