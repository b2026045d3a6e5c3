"""Rendered events that are shared: none is lost or old, and nobody has to wait for all of them."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from ofh.domain.events import PresenceChanged
from ofh.edges.graphql import bodies
from ofh.edges.graphql.bodies import Bodies
from ofh.edges.graphql.rendering import GONE, RENDERED, Renderer

AT = datetime(2026, 5, 1, tzinfo=UTC)


def event(seq: int) -> PresenceChanged:
    return PresenceChanged(workspace_id=1, drone_id=1, at=AT, online=True, seq=seq)


class Painter:
    """Renders a hundred bytes for each event; later, while it is told to wait."""

    at_once = RENDERED

    def __init__(self) -> None:
        self.rendered: list[int] = []
        self.gone: set[int] = set()
        self.turn: asyncio.Event | None = None

    def bodies(self, events: Sequence[Any]) -> list[bytes] | Awaitable[list[bytes]]:
        self.rendered += [item.seq for item in events]
        made = [GONE if item.seq in self.gone else b"%100d" % item.seq for item in events]
        return made if self.turn is None else self._later(made, self.turn)

    async def _later(self, made: list[bytes], turn: asyncio.Event) -> list[bytes]:
        await turn.wait()
        return made


def shown(item: Any) -> Any:
    return item


async def numbers(kept: Bodies, *seqs: int) -> list[int]:
    return [seq for seq, _ in await kept.of([event(seq) for seq in seqs], shown)]


async def test_what_makes_room_for_others_is_not_lost_to_who_waits() -> None:
    painter = Painter()
    kept = Bodies(cast(Renderer, painter), capacity=300)
    assert await numbers(kept, 1, 2) == [1, 2]
    painter.turn = asyncio.Event()
    waiting = asyncio.ensure_future(numbers(kept, 1, 2, 3))
    await asyncio.sleep(0)
    turn, painter.turn = painter.turn, None
    assert await numbers(kept, 11, 12, 13, 14) == [11, 12, 13, 14]
    turn.set()
    assert await waiting == [1, 2, 3]


async def test_what_is_gone_is_left_out_and_the_rest_is_rendered_once() -> None:
    painter = Painter()
    painter.gone = {2}
    kept = Bodies(cast(Renderer, painter))
    assert await numbers(kept, 1, 2, 3) == await numbers(kept, 1, 2, 3) == [1, 3]
    assert painter.rendered == [1, 2, 3]


async def test_what_was_rendered_a_while_ago_is_rendered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "KEPT_S", 0)
    painter = Painter()
    kept = Bodies(cast(Renderer, painter))
    assert await numbers(kept, 1, 2) == [1, 2]
    await asyncio.sleep(0.001)
    painter.gone = {1}
    assert await numbers(kept, 1, 2) == [2]


async def test_others_have_their_turn_while_very_much_is_rendered() -> None:
    painter, seen = Painter(), []

    async def look() -> None:
        while True:
            seen.append(len(painter.rendered))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await numbers(Bodies(cast(Renderer, painter)), *range(10 * RENDERED))
    looking.cancel()
    assert {RENDERED * n for n in range(1, 9)} <= set(seen)
