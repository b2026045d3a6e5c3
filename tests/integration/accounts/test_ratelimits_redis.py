"""The same counters in Redis, shared by processes, and what holds while it is away (security.md, section 7)."""

from collections.abc import AsyncIterator

import pytest

from ofh.domain.errors import Code, HubError
from ofh.services.rate_counters import MemoryCounters, Rate, RedisCounters
from ofh.services.ratelimits import RateLimits, Rules

pytestmark = pytest.mark.services


@pytest.fixture
async def pair(redis_url: str, redis_prefix: str) -> AsyncIterator[tuple[RateLimits, RateLimits]]:
    """Two processes of one hub."""
    rules = Rules(failures_per_account=3, session=Rate(per_second=1, burst=5))
    both = [RateLimits(RedisCounters(redis_url, prefix=redis_prefix), rules=rules) for _ in range(2)]
    yield both[0], both[1]
    for limits in both:
        await limits.close()


async def fail(limits: RateLimits, account: str = "ada") -> bool:
    async with limits.login("user", account, "192.0.2.1") as attempt:
        return await attempt.failed()


async def test_processes_count_failures_together(pair: tuple[RateLimits, RateLimits]) -> None:
    here, there = pair
    assert [await fail(here), await fail(there), await fail(here)] == [False, False, True]
    for limits in pair:
        with pytest.raises(HubError) as refusal:
            await fail(limits)
        assert refusal.value.code is Code.RATE_LIMITED
        assert refusal.value.retry_after_s in (29, 30, 31)
    assert not await fail(there, "bob")


async def test_a_success_begins_anew(pair: tuple[RateLimits, RateLimits]) -> None:
    here, there = pair
    await fail(here)
    await fail(here)
    async with there.login("user", "ada", "192.0.2.1") as attempt:
        await attempt.succeeded()
    assert not await fail(here)


async def test_processes_count_requests_together(pair: tuple[RateLimits, RateLimits]) -> None:
    here, there = pair
    for limits in (here, there, here, there, here):
        await limits.request("session:1")
    with pytest.raises(HubError) as refusal:
        await there.request("session:1")
    assert refusal.value.code is Code.RATE_LIMITED


async def test_while_redis_is_away_logins_are_refused_and_all_else_is_let_through() -> None:
    limits = RateLimits(RedisCounters("redis://127.0.0.1:1/0"))
    with pytest.raises(HubError) as refusal:
        await fail(limits)
    assert refusal.value.code is Code.UNAVAILABLE
    with pytest.raises(HubError) as refusal:
        await limits.check_code("192.0.2.1", is_login=True)
    assert refusal.value.code is Code.UNAVAILABLE
    await limits.check_code("192.0.2.1", is_login=False)
    await limits.code_failed("192.0.2.1")
    await limits.request("session:1")
    await limits.anonymous("192.0.2.1")
    await limits.invitation(1)
    assert await limits.may_reset("ada", "192.0.2.1")
    await limits.close()


async def test_both_kinds_of_counters_count_alike(redis_url: str, redis_prefix: str) -> None:
    for counters in (MemoryCounters(), RedisCounters(redis_url, prefix=redis_prefix)):
        assert (await counters.read("a")).hits == 0
        assert [(await counters.add("a", 60)).hits for _ in range(3)] == [1, 2, 3]
        assert (await counters.read("a")).hits == 3
        assert 58 <= (await counters.read("a")).left_s <= 61
        await counters.clear("a")
        assert (await counters.add("a", 60, 7)).hits == 7
        assert [await counters.take("b", Rate(per_second=1, burst=2)) > 0 for _ in range(3)] == [False, False, True]
        await counters.close()
