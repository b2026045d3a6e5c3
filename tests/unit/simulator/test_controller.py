"""What a simulated controller does when two things of it happen at once."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from ofh.simulator.controller import _Session

REFUSED, GRANTED = 0x87, 1


async def test_two_who_subscribe_at_once_lose_nothing_and_ask_again_for_what_was_refused() -> None:
    asked: list[list[str]] = []

    async def subscribe(topics: list[tuple[str, Any]]) -> list[int]:
        asked.append([topic for topic, _ in topics])
        await asyncio.sleep(0.01 * len(asked))
        return [GRANTED if topic == "one" else REFUSED for topic, _ in topics]

    session = _Session.__new__(_Session)
    session._client = cast(Any, SimpleNamespace(subscribe=subscribe))
    session._wanted = ["one", "other"]
    await asyncio.gather(session._subscribe(), session._subscribe())
    await session._subscribe()
    assert asked == [["one", "other"], ["one", "other"], ["other"]]
