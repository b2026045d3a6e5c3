"""Word of changes, within a process and between processes."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ofh.backends.bus_memory import MemoryBus
from ofh.services.control import CHANNEL, Control

Told = list[dict[str, Any]]


def listen(control: Control) -> Told:
    told: Told = []
    control.subscribe(lambda message: told.append(dict(message)))
    return told


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_every_process_is_told_once() -> None:
    bus = MemoryBus()
    await bus.start()
    here, there = Control(bus), Control(bus)
    told_here, told_there = listen(here), listen(there)
    tasks = [asyncio.create_task(control.run()) for control in (here, there)]
    await settle()
    await here.publish("workspace", workspace_id=7, deleted=True)
    assert told_here == [{"kind": "workspace", "workspace_id": 7, "deleted": True}]
    await settle()
    assert told_here == told_there
    await bus.stop()
    await asyncio.gather(*tasks)


async def test_a_bus_that_is_away_does_not_fail_the_caller() -> None:
    control = Control(MemoryBus())
    told = listen(control)
    await control.publish("session", user_id=1)
    assert told == [{"kind": "session", "user_id": 1}]


async def test_who_cannot_join_the_bus_is_told_to_look_again_and_joins_later() -> None:
    bus = MemoryBus()
    control, other = Control(bus, retry_s=0), Control(bus)
    told = listen(control)
    task = asyncio.create_task(control.run())
    await settle()
    assert {"kind": "interrupted"} in told
    await bus.start()
    await settle()
    await other.publish("membership", workspace_id=1, user_id=2)
    await settle()
    assert told[-1] == {"kind": "membership", "workspace_id": 1, "user_id": 2}
    await bus.stop()
    await task


async def test_what_is_no_message_changes_nothing() -> None:
    bus = MemoryBus()
    await bus.start()
    control = Control(bus)
    told = listen(control)
    task = asyncio.create_task(control.run())
    await settle()
    for junk in (b"", b"\xff", b"[]", b"1", b'{"kind": 1}', b"{}"):
        await bus.publish(CHANNEL, junk)
    await settle()
    assert told == []
    assert not task.done()
    await bus.stop()
    await task


async def test_a_reader_that_was_too_slow_is_told_to_look_again() -> None:
    bus = MemoryBus(capacity=2)
    await bus.start()
    control, other = Control(bus), Control(bus)
    told = listen(control)
    task = asyncio.create_task(control.run())
    await settle()
    for number in range(10):
        await other.publish("session", user_id=number)
    await settle()
    assert {"kind": "interrupted"} in told
    await bus.stop()
    await task


async def test_one_listeners_fault_does_not_keep_word_from_the_others() -> None:
    control = Control(None)

    def fails(message: Mapping[str, Any]) -> None:
        raise RuntimeError

    stop = control.subscribe(fails)
    told = listen(control)
    await control.publish("session", user_id=1)
    assert len(told) == 1
    stop()
    stop()
    await control.run()  # without a bus there is nothing to listen to
