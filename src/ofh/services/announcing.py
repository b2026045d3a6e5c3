"""Telling every process what happened, after it was committed."""

import asyncio
from collections.abc import Mapping

from ofh.backends.ports import Bus
from ofh.domain.errors import HubError
from ofh.domain.events import Event, encode

from .counters import Counters
from .feed import channel


async def publish(bus: Bus, events: Mapping[int, list[Event]], counters: Counters) -> None:
    """One message per workspace, all at once.

    A bus that is away loses them: they are stored, and every feed reads the database once the bus is back.
    """

    async def tell(workspace_id: int, happened: list[Event]) -> None:
        try:
            await bus.publish(channel(workspace_id), encode(happened))
        except HubError:
            counters.dropped("bus_away", len(happened))

    await asyncio.gather(*(tell(workspace_id, happened) for workspace_id, happened in events.items() if happened))
