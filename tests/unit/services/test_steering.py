"""What users tell that which runs for them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ofh.backends.bus_memory import MemoryBus
from ofh.domain.errors import Code, HubError
from ofh.services.control import Control
from ofh.services.steering import Steering, steering_name


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_words_reach_all_that_runs_for_the_user_under_the_name_in_every_process() -> None:
    bus = MemoryBus()
    await bus.start()
    controls = [Control(bus), Control(bus)]
    here, there = (Steering(control) for control in controls)
    tasks = [asyncio.create_task(control.run()) for control in controls]
    await settle()
    heard: dict[str, list[Mapping[str, Any]]] = {name: [] for name in ("here", "there", "user", "name", "what")}
    with (
        here.hearing("replay", 7, "a", heard["here"].append),
        there.hearing("replay", 7, "a", heard["there"].append),
        here.hearing("replay", 8, "a", heard["user"].append),
        there.hearing("replay", 7, "b", heard["name"].append),
        there.hearing("view", 7, "a", heard["what"].append),
    ):
        await here.say("replay", 7, "a", {"speed": 2.0})
        assert heard["here"] == [{"speed": 2.0}]
        await settle()
    await here.say("replay", 7, "a", {"speed": 3.0})  # nobody is left
    await settle()
    assert heard == {"here": [{"speed": 2.0}], "there": [{"speed": 2.0}], "user": [], "name": [], "what": []}
    await bus.stop()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("name", ["", "n" * 65, "a\0b", "\ud800"])
def test_a_name_is_text_of_1_to_64_characters(name: str) -> None:
    with pytest.raises(HubError) as refused:
        steering_name(name)
    assert refused.value.code is Code.BAD_INPUT
    assert steering_name("n" * 64) == "n" * 64
