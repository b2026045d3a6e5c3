"""Counting attempts with a clock that the test sets (security.md, section 7)."""

import pytest

from ofh.domain.errors import Code, HubError
from ofh.services.rate_counters import MemoryCounters, Rate
from ofh.services.ratelimits import RateLimits, Rules, network_of


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_a_session_may_send_its_burst_at_once_and_then_its_rate(clock: Clock) -> None:
    limits = RateLimits(MemoryCounters(now=clock))
    for _ in range(200):
        await limits.request("session:1")
    with pytest.raises(HubError) as refusal:
        await limits.request("session:1")
    assert (refusal.value.code, refusal.value.retry_after_s) == (Code.RATE_LIMITED, 1)
    await limits.request("session:2")
    for number in range(20):  # one second's worth, as it comes: five in each two steps
        clock.now += 0.05
        for _ in range(2):
            await limits.request("session:1")
        if number % 2:
            await limits.request("session:1")
        with pytest.raises(HubError):
            await limits.request("session:1")
    clock.now += 100
    for _ in range(200):
        await limits.request("session:1")


async def test_anonymous_requests_and_file_requests_have_limits_of_their_own(clock: Clock) -> None:
    limits = RateLimits(MemoryCounters(now=clock))
    for _ in range(60):
        await limits.anonymous("2001:db8::1")
    with pytest.raises(HubError):
        await limits.anonymous("2001:db8::2")
    for _ in range(1_000):
        await limits.file_request("session:1")
    with pytest.raises(HubError):
        await limits.file_request("session:1")
    await limits.request("session:1")


async def test_rules_are_settings(clock: Clock) -> None:
    limits = RateLimits(MemoryCounters(now=clock), rules=Rules(session=Rate(per_second=1, burst=1)))
    await limits.request("session:1")
    with pytest.raises(HubError):
        await limits.request("session:1")


async def test_counts_begin_anew_after_their_window(clock: Clock) -> None:
    counters = MemoryCounters(now=clock)
    assert (await counters.add("a", 60)).hits == 1
    clock.now += 59
    assert (await counters.add("a", 60)).hits == 2
    assert (await counters.read("a")).left_s == 1
    clock.now += 1
    assert (await counters.read("a")).hits == 0
    assert (await counters.add("a", 60)).hits == 1


async def test_memory_stays_bounded_and_what_is_in_force_longest_is_kept(clock: Clock) -> None:
    counters = MemoryCounters(now=clock, max_keys=100)
    await counters.add("lock", 10_000)
    rate = Rate(per_second=1, burst=5)
    for _ in range(5):
        await counters.take("busy", rate)
    for number in range(1_000):
        await counters.add(f"key {number}", 60)
        await counters.take(f"key {number}", rate)
    assert len(counters._counts) <= 100
    assert len(counters._buckets) <= 100
    assert (await counters.read("lock")).hits == 1
    assert await counters.take("busy", rate) > 0
    clock.now += 1_000
    for number in range(101):
        await counters.add(f"later {number}", 60)
    assert "key 999" not in counters._counts


async def test_an_attempt_that_ends_in_an_error_counts_neither_way(clock: Clock) -> None:
    limits = RateLimits(MemoryCounters(now=clock), rules=Rules(failures_per_account=1))
    with pytest.raises(RuntimeError):
        async with limits.login("user", "ada", "192.0.2.1"):
            raise RuntimeError
    async with limits.login("user", "ada", "192.0.2.1") as attempt:
        assert await attempt.failed()
    with pytest.raises(HubError):
        async with limits.login("user", "ada", "192.0.2.1"):
            pass
    async with limits.login("connection", "ada", "192.0.2.1"):
        pass
    assert limits._gates == {}
