"""Snapshots on their way to their readers: made by the piece, so that nobody else waits for one of a large fleet."""

import asyncio
from collections.abc import Callable
from typing import Any

from ofh.domain.areas import Area
from ofh.domain.errors import Code, HubError
from ofh.services.snapshots import Snapshot

from .rendering import NotNow, Renderer

RETRY_S = 1.0
"""Between two tries to show one while a backend is away."""


async def shown_snapshot(
    turn: asyncio.Semaphore,
    renderer: Renderer,
    snapshot: Snapshot,
    area: Area | None,
    show: Callable[[Any], Any],
    *,
    is_wanted: Callable[[], bool],
) -> bytes:
    """The body of what of a Snapshot is in an area, made by the piece; empty where the operation depends on who reads.

    A backend that is away is waited for, as long as somebody wants it. One that cannot be shown though nothing is away
    is refused: without it there is nothing to go on from, and whoever waits comes back with the cursor that it has.

    Raises:
        HubError: UNAVAILABLE.
    """
    while True:
        body = await renderer.in_pieces((show(piece.within(area)) for piece in snapshot.pieces()), turn)
        if body is not None:
            return body
        try:
            bodies = renderer.bodies([show(snapshot.within(area))])
            found = bodies if isinstance(bodies, list) else await bodies
            return found[0] if found else b""
        except HubError as error:
            is_over = isinstance(error, NotNow) and await renderer.tried(error.events)
            if error.code is not Code.UNAVAILABLE or is_over or not is_wanted():
                raise
        await asyncio.sleep(RETRY_S)
