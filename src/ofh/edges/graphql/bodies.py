"""Rendered events, shared by all who want the same of them, and in parts that a socket takes at once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ofh.domain.events import FeedEvent

from .rendering import GONE, Renderer

PORTION_BYTES = 64 * 1024
"""Bodies that are handed to a socket at once."""
KEPT_BYTES = 4 * 1024 * 1024
"""Bodies that are kept for those who come next, of each operation."""
KEPT_S = 1.0
"""For how long: what an event is about is shown as it is when it is rendered, and may be deleted."""


class Bodies:
    """Renders events, and keeps them for those who come next."""

    def __init__(self, renderer: Renderer, capacity: int = KEPT_BYTES) -> None:
        self.renderer = renderer
        self._capacity = capacity
        self._kept: dict[int, bytes] = {}
        self._size = 0

    async def of(self, events: Sequence[FeedEvent], show: Callable[[Any], Any]) -> list[tuple[int, bytes]]:
        """The bodies of events with their numbers, without those about what is no more; none at all where the operation
        depends on who reads.

        Raises:
            HubError: UNAVAILABLE.
        """
        found: list[tuple[int, bytes]] = []
        step = self.renderer.at_once
        for start in range(0, len(events), step):
            if start:
                await asyncio.sleep(0)
            part = events[start : start + step]
            known = {event.seq: body for event in part if (body := self._kept.get(event.seq)) is not None}
            missing = [event for event in part if event.seq not in known]
            rendering = self.renderer.bodies([show(event) for event in missing])
            rendered = rendering if isinstance(rendering, list) else await rendering
            if len(rendered) != len(missing):
                return []
            for event, body in zip(missing, rendered, strict=True):
                known[event.seq] = body
                self._keep(event.seq, body)
            found += [(event.seq, known[event.seq]) for event in part if known[event.seq] != GONE]
        return found

    def _keep(self, seq: int, body: bytes) -> None:
        if seq in self._kept:
            return
        if not self._kept:
            asyncio.get_running_loop().call_later(KEPT_S, self._forget)
        self._kept[seq] = body
        self._size += len(body)
        while self._size > self._capacity:
            self._size -= len(self._kept.pop(next(iter(self._kept))))

    def _forget(self) -> None:
        self._kept.clear()
        self._size = 0


def portions(found: Sequence[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Bodies in parts of about `PORTION_BYTES`."""
    part: list[tuple[int, bytes]] = []
    size = 0
    for item in found:
        part.append(item)
        size += len(item[1])
        if size >= PORTION_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
