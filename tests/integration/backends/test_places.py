"""Places are counted together by all processes, and by each alone while Redis is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ofh.backends.places import MemoryPlaces, Places, RedisPlaces
from tests.conftest import BOTH_WAYS


@pytest.fixture(params=BOTH_WAYS)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Places, Places]]:
    """Two processes, which are one where there is no Redis."""
    if request.param == "embedded":
        places = MemoryPlaces()
        yield places, places
        return
    url, prefix = request.getfixturevalue("redis_url"), request.getfixturevalue("redis_prefix")
    both = RedisPlaces(url, prefix=prefix), RedisPlaces(url, prefix=prefix)
    yield both
    for places in both:
        await places.close()


async def test_there_are_only_so_many_in_all_processes(pair: tuple[Places, Places]) -> None:
    here, there = pair
    assert [await here.take("u", "a", 2), await there.take("u", "b", 2), await here.take("u", "c", 2)] == [1, 1, 0]
    assert await there.take("v", "c", 2)
    assert await here.take("u", "a", 2)  # again
    await here.leave("u", "a")
    await here.leave("u", "never taken")
    assert await there.take("u", "c", 2)
    assert not await here.take("u", "a", 2)


@pytest.mark.services
async def test_a_place_of_a_process_that_died_is_free_after_a_while(redis_url: str, redis_prefix: str) -> None:
    dead = RedisPlaces(redis_url, prefix=redis_prefix, kept_s=1)
    alive = RedisPlaces(redis_url, prefix=redis_prefix, kept_s=1)
    assert await dead.take("u", "a", 1)
    await dead.close()
    async with asyncio.timeout(60):
        while not await alive.take("u", "b", 1):
            await asyncio.sleep(0.1)
    await alive.close()


async def test_while_redis_is_away_each_process_counts_by_itself() -> None:
    places = RedisPlaces("redis://127.0.0.1:1/0", prefix="x:")
    assert [await places.take("u", name, 2) for name in "abc"] == [True, True, False]
    await places.leave("u", "a")
    assert await places.take("u", "c", 2)
    await places.close()
