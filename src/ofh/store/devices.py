"""Which of the devices that came in by a connection is the one to show for it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TypeVar

from .models import Drone, RemoteController

D = TypeVar("D", Drone, RemoteController)
NEVER = datetime.min.replace(tzinfo=UTC)


async def shown_of(model: type[D], connection_ids: Collection[int]) -> dict[int, D]:
    """Of the devices that last came in by each connection the one to show: online before offline, then the last seen.

    Returns:
        By the connection's id; those by which none came in are left out.
    """
    found: dict[int, D] = {}
    for row in await model.filter(connection_id__in=list(connection_ids)):
        assert row.connection_id is not None
        held = found.get(row.connection_id)
        if held is None or _rank(row) > _rank(held):
            found[row.connection_id] = row
    return found


async def shown_ids_of(model: type[D], connection_ids: Collection[int]) -> dict[int, int]:
    """As `shown_of`, the ids alone: what a device told of itself is long, and would be read of a whole fleet."""
    rows = await model.filter(connection_id__in=list(connection_ids)).values_list(
        "connection_id", "online", "seen_at", "id"
    )
    ranked = sorted(rows, key=lambda row: (row[1], row[2] or NEVER, row[3]))
    return {int(connection_id): int(id) for connection_id, _, _, id in ranked}


def _rank(row: Drone | RemoteController) -> tuple[bool, datetime, int]:
    return row.online, row.seen_at or NEVER, row.id
