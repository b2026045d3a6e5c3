"""What every `Bus` does, and what Redis adds: losses that are healed and told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.bus_redis import RedisBus
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.errors import Code, HubError
from tests.support.services import RedisServer, unique

PATIENCE_S = 30.0
"""A bound for broken code, not an expectation."""

Reading = AsyncIterator[bytes | Interrupted]


async def soon(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return await work


async def take(reader: Reading, count: int) -> list[bytes | Interrupted]:
    return [await soon(anext(reader)) for _ in range(count)]


async def until_interrupted(reader: Reading) -> list[bytes | Interrupted]:
    """What comes before the interruption."""
    before: list[bytes | Interrupted] = []
    while not isinstance(item := await soon(anext(reader)), Interrupted):
        before.append(item)
    return before


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def published(bus: Bus, data: bytes) -> bool:
    try:
        await bus.publish("a", data)
    except HubError:
        return False
    return True


class TestEveryBus:
    @pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.services)])
    async def bus(self, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
        made: Bus
        if request.param == "memory":
            made = MemoryBus(capacity=100)
        else:
            made = RedisBus(request.getfixturevalue("redis_url"), prefix=unique() + ":", capacity=100)
        await made.start()
        yield made
        await made.stop()

    async def test_what_is_published_after_entry_is_seen(self, bus: Bus) -> None:
        async with bus.subscribe("a") as reader:
            await bus.publish("a", b"1")
            await bus.publish("a", b"2")
            assert await take(reader, 2) == [b"1", b"2"]

    async def test_any_bytes_pass_unchanged(self, bus: Bus) -> None:
        samples = [b"", b"\xff\xfe\x00\r\n", bytes(range(256)) * 50]
        async with bus.subscribe("a") as reader:
            for sample in samples:
                await bus.publish("a", sample)
            assert await take(reader, 3) == samples

    async def test_every_reader_of_a_channel_sees_all_and_no_other_channel(self, bus: Bus) -> None:
        async with bus.subscribe("a") as one, bus.subscribe("a") as two, bus.subscribe("b") as other:
            await bus.publish("a", b"for a")
            await bus.publish("b", b"for b")
            assert await take(one, 1) == await take(two, 1) == [b"for a"]
            assert await take(other, 1) == [b"for b"]

    async def test_readers_who_join_at_the_same_moment_all_see_the_next_message(self, bus: Bus) -> None:
        async with AsyncExitStack() as stack:
            readers = await asyncio.gather(
                *(stack.enter_async_context(bus.subscribe(f"c{number % 5}")) for number in range(50))
            )
            for number in range(5):
                await bus.publish(f"c{number}", b"x%d" % number)
            for number, reader in enumerate(readers):
                assert await take(reader, 1) == [b"x%d" % (number % 5)]

    async def test_leaving_and_coming_back_misses_nothing_while_inside(self, bus: Bus) -> None:
        for number in range(30):
            async with bus.subscribe("a") as reader:
                await bus.publish("a", b"%d" % number)
                assert await take(reader, 1) == [b"%d" % number]

    async def test_one_who_leaves_takes_nothing_from_those_who_stay(self, bus: Bus) -> None:
        async with bus.subscribe("a") as stays:
            async with bus.subscribe("a"):
                pass
            await bus.publish("a", b"1")
            assert await take(stays, 1) == [b"1"]

    async def test_order_holds_per_publisher(self, bus: Bus) -> None:
        sent = [b"%d" % number for number in range(90)]
        async with bus.subscribe("a") as reader:
            await asyncio.gather(*(bus.publish("a", item) for item in sent))
            assert await take(reader, 90) == sent

    async def test_a_slow_reader_is_interrupted_and_goes_on_and_others_lose_nothing(self, bus: Bus) -> None:
        async with bus.subscribe("a") as slow, bus.subscribe("a") as quick:
            for number in range(150):
                await bus.publish("a", b"%d" % number)
                assert await take(quick, 1) == [b"%d" % number]
            first = await soon(anext(slow))
            assert isinstance(first, Interrupted)
            rest = await take(slow, 50)
            assert rest == [b"%d" % number for number in range(100, 150)]
            await bus.publish("a", b"next")
            assert await take(slow, 1) == [b"next"]

    async def test_publishing_without_readers_is_fine(self, bus: Bus) -> None:
        await bus.publish("nobody", b"1")
        await bus.check()

    async def test_stopping_ends_readers_and_refuses_what_follows(self, bus: Bus) -> None:
        async with bus.subscribe("a") as reader:
            waiting = asyncio.ensure_future(anext(reader))
            await asyncio.sleep(0)
            await bus.stop()
            with pytest.raises(StopAsyncIteration):
                await soon(waiting)
        with pytest.raises(HubError) as refused:
            await bus.publish("a", b"1")
        assert refused.value.code is Code.UNAVAILABLE
        with pytest.raises(HubError):
            await bus.check()
        with pytest.raises(HubError):
            async with bus.subscribe("a"):
                pass

    async def test_a_cancelled_reader_leaves_the_bus_whole(self, bus: Bus) -> None:
        async def read() -> None:
            async with bus.subscribe("a") as reader:
                await anext(reader)

        tasks = [asyncio.create_task(read()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with bus.subscribe("a") as reader:
            await bus.publish("a", b"1")
            assert await take(reader, 1) == [b"1"]


@pytest.mark.services
class TestRedisBus:
    @pytest.fixture
    async def bus(self, redis_url: str, redis_prefix: str) -> AsyncIterator[RedisBus]:
        made = RedisBus(redis_url, prefix=redis_prefix, timeout_s=10)
        await made.start()
        yield made
        await made.stop()

    async def test_processes_hear_each_other_and_installations_do_not(self, redis_url: str, bus: RedisBus) -> None:
        prefix = unique() + ":"
        one, two = RedisBus(redis_url, prefix=prefix), RedisBus(redis_url, prefix=prefix)
        await one.start()
        await two.start()
        try:
            async with one.subscribe("a") as first, two.subscribe("a") as second, bus.subscribe("a") as stranger:
                await one.publish("a", b"1")
                await two.publish("a", b"2")
                assert set(await take(first, 2)) == set(await take(second, 2)) == {b"1", b"2"}
                await bus.publish("a", b"of another hub")
                assert await take(stranger, 1) == [b"of another hub"]
        finally:
            await one.stop()
            await two.stop()

    async def test_one_subscription_per_channel_and_process(
        self, redis_url: str, redis_prefix: str, bus: RedisBus
    ) -> None:
        async with Redis.from_url(redis_url) as client:
            channel = f"{redis_prefix}a"
            async with bus.subscribe("a"), bus.subscribe("a"), bus.subscribe("a"):
                assert await client.pubsub_numsub(channel) == [(channel.encode(), 1)]
            async with asyncio.timeout(PATIENCE_S):
                while await client.pubsub_numsub(channel) != [(channel.encode(), 0)]:
                    await asyncio.sleep(0.01)

    async def test_killed_connections_are_made_again_and_every_reader_is_told(self, private_redis: RedisServer) -> None:
        bus = RedisBus(private_redis.url, timeout_s=10)
        await bus.start()
        try:
            async with (
                Redis.from_url(private_redis.url) as client,
                bus.subscribe("a") as one,
                bus.subscribe("a") as two,
                bus.subscribe("b") as other,
            ):
                for round_number in range(3):
                    await bus.publish("a", b"before")
                    assert await take(one, 1) == await take(two, 1) == [b"before"]
                    await client.client_kill_filter(_type="pubsub", skipme=True)
                    for reader in (one, two, other):
                        assert await until_interrupted(reader) == []
                    await bus.publish("a", b"after")
                    assert await take(one, 1) == await take(two, 1) == [b"after"]
                    await eventually(lambda wanted=round_number + 1: bus.losses == wanted)  # type: ignore[misc]
        finally:
            await bus.stop()

    async def test_a_killed_publisher_connection_is_replaced(self, private_redis: RedisServer) -> None:
        bus = RedisBus(private_redis.url, timeout_s=10)
        await bus.start()
        try:
            async with Redis.from_url(private_redis.url) as client, bus.subscribe("a") as reader:
                await bus.publish("a", b"1")
                await client.client_kill_filter(_type="normal", skipme=True)
                async with asyncio.timeout(PATIENCE_S):
                    while not await published(bus, b"2"):
                        pass
                assert await take(reader, 2) == [b"1", b"2"]
        finally:
            await bus.stop()

    async def test_a_restarted_server_is_found_again(self, private_redis: RedisServer) -> None:
        assert private_redis.daemon is not None
        bus = RedisBus(private_redis.url, timeout_s=1)
        await bus.start()
        try:
            async with bus.subscribe("a") as reader:
                await bus.publish("a", b"1")
                assert await take(reader, 1) == [b"1"]
                private_redis.daemon.kill()
                await eventually(lambda: bus.losses == 1)
                for attempt in (bus.publish("a", b"lost"), bus.check()):
                    with pytest.raises(HubError) as refused:
                        await soon(attempt)
                    assert refused.value.code is Code.UNAVAILABLE
                with pytest.raises(HubError):
                    async with bus.subscribe("b"):
                        pass
                private_redis.daemon.start()
                assert await until_interrupted(reader) == []
                await bus.check()
                async with bus.subscribe("b") as other:
                    await bus.publish("a", b"2")
                    await bus.publish("b", b"3")
                    # What could not be published on this channel is told as a further gap, sooner or later.
                    while (item := (await take(reader, 1))[0]) != b"2":
                        assert isinstance(item, Interrupted)
                    assert await take(other, 1) == [b"3"]
        finally:
            await bus.stop()

    async def test_strange_bytes_of_others_harm_nobody(self, redis_url: str, redis_prefix: str, bus: RedisBus) -> None:
        async with Redis.from_url(redis_url) as client, bus.subscribe("a") as reader:
            await client.publish(f"{redis_prefix}a", b"\xc3\x28\xff")
            await client.publish(f"{redis_prefix}a", "plain")
            assert await take(reader, 2) == [b"\xc3\x28\xff", b"plain"]

    async def test_a_server_that_is_not_there_is_an_error_at_start(self) -> None:
        bus = RedisBus("redis://127.0.0.1:1/0", timeout_s=1, start_timeout_s=0.3)
        with pytest.raises(HubError) as refused:
            await bus.start()
        assert refused.value.code is Code.UNAVAILABLE
