"""Telling every process what happened, after it was committed."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from ofh.backends.ports import Bus
from ofh.domain.errors import HubError
from ofh.domain.event_json import encode
from ofh.domain.events import Event, RowChanged, Table

from .counters import Counters
from .workspace_feed import channel


async def publish(bus: Bus, news: Mapping[int, bytes], counters: Counters) -> None:
    """One message per workspace, all at once.

    A bus that is away loses them. What is numbered is stored, and every feed reads it there (`feed.py`); of the rest
    every listener reads what it shows anew once the bus is back.
    """

    async def tell(workspace_id: int, message: bytes) -> None:
        try:
            await bus.publish(channel(workspace_id), message)
        except HubError:
            counters.dropped("bus_away")

    await asyncio.gather(*(tell(workspace_id, message) for workspace_id, message in news.items()))


class RowNews:
    """Tells that rows of a workspace are not what they were.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, bus: Bus, counters: Counters, clock: Callable[[], datetime]) -> None:
        self._bus = bus
        self._counters = counters
        self._clock = clock

    async def publish(self, news: Mapping[int, bytes]) -> None:
        """Tell what the journal has numbered, and that is committed."""
        await publish(self._bus, news, self._counters)

    async def changed(self, workspace_id: int, *rows: tuple[Table, int]) -> None:
        """These rows were changed or deleted, and that is committed."""
        at = self._clock()
        events: list[Event] = [
            RowChanged(workspace_id=workspace_id, table=table, row_id=row_id, at=at) for table, row_id in rows
        ]
        if events:
            await publish(self._bus, {workspace_id: encode(events)}, self._counters)
