"""A mailbox is bounded, and says what it dropped."""

import asyncio

import pytest

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed, Policy


async def test_latest_keeps_the_newest_of_each_key_in_order_of_first_arrival() -> None:
    box: Mailbox[str] = Mailbox(Policy.LATEST, 10)
    for key, item in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("b", "b2"), ("b", "b3")]:
        box.put(item, key)
    assert await box.take() == ["a2", "b3", "c1"]
    assert (box.conflated, box.dropped) == (3, 0)


async def test_all_keeps_every_item() -> None:
    box: Mailbox[int] = Mailbox(Policy.ALL, 10)
    for item in range(10):
        box.put(item, "same key")
    assert await box.take() == list(range(10))
    assert (box.conflated, box.dropped) == (0, 0)


@pytest.mark.parametrize("policy", Policy)
async def test_overflow_is_told_before_anything_newer(policy: Policy) -> None:
    box: Mailbox[int] = Mailbox(policy, 3)
    for item in range(8):
        box.put(item, item)
    assert await box.take() == [Lagged(6), 6, 7]
    assert box.dropped == 6
    box.put(9, 9)
    assert await box.take() == [9]


async def test_get_takes_one_at_a_time_and_the_lag_first() -> None:
    box: Mailbox[int] = Mailbox(Policy.ALL, 2)
    for item in range(3):
        box.put(item)
    assert [await box.get(), await box.get()] == [Lagged(2), 2]
    assert len(box) == 0


async def test_a_waiting_reader_is_woken() -> None:
    box: Mailbox[str] = Mailbox(Policy.ALL, 2)
    reader = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    assert not reader.done()
    box.put("now")
    assert await reader == ["now"]


async def test_a_reader_that_gave_up_loses_nothing() -> None:
    box: Mailbox[str] = Mailbox(Policy.ALL, 2)
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put("kept")
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert await box.get() == "kept"


async def test_what_waits_is_read_after_closing_and_nothing_more_taken() -> None:
    box: Mailbox[str] = Mailbox(Policy.ALL, 2)
    box.put("last")
    box.close()
    box.put("too late")
    assert await box.take() == ["last"]
    with pytest.raises(MailboxClosed):
        await box.take()
    with pytest.raises(MailboxClosed):
        await box.get()


async def test_closing_wakes_the_reader() -> None:
    box: Mailbox[str] = Mailbox(Policy.LATEST, 2)
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.close()
    with pytest.raises(MailboxClosed):
        await reader


async def test_what_may_be_taken_at_once_is_taken_only_while_the_reader_waits_and_nothing_else_does() -> None:
    box: Mailbox[int] = Mailbox(Policy.ALL, 10)
    taken: list[int] = []

    class Taker:
        def take(self, item: int) -> bool:
            taken.append(item)
            return item != 3

    box.taker = Taker()
    box.put(1, now=True)  # nobody waits yet
    assert await box.take() == [1]
    reader = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put(2, now=True)
    box.put(3, now=True)  # refused, so it is left, and what comes now comes behind it
    box.put(4, now=True)
    box.put(5)
    assert taken == [2, 3]
    assert await reader == [3, 4, 5]
