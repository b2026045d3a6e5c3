"""The journal: the events of each workspace, numbered in the order in which they become visible.

A number is taken under the lock of the workspace's row, which is held until the commit: so whoever sees a number sees
all lower ones, whatever process wrote them. Therefore `append` is the last statement of its transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ofh.domain.events import (
    AlertChanged,
    CoverageChanged,
    Event,
    FlightChanged,
    KeptEvent,
    MediaAnalysed,
    MediaUploaded,
    PresenceChanged,
)

from .database import Database
from .statements import fetch, run_many


async def append(database: Database, client: Any, events: Mapping[int, list[Event]]) -> None:
    """Keep those events that the journal keeps; they get their numbers in the lists that were given.

    Args:
        events: by workspace, in their order.
    """
    rows: list[tuple[Any, ...]] = []
    for workspace_id in sorted(events):
        happened = events[workspace_id]
        kept = [(index, event) for index, event in enumerate(happened) if isinstance(event, KeptEvent)]
        if not kept:
            continue
        counted = await fetch(
            database,
            client,
            "UPDATE workspaces SET event_seq = event_seq + $2 WHERE id = $1 RETURNING event_seq",
            workspace_id,
            len(kept),
        )
        if not counted:  # the workspace has been deleted
            continue
        first = counted[0]["event_seq"] - len(kept) + 1
        for seq, (index, event) in enumerate(kept, first):
            happened[index] = replace(event, seq=seq)
            rows.append((workspace_id, seq, *_row(event)))
    await run_many(
        database,
        client,
        "INSERT INTO events (workspace_id, seq, kind, at, drone_id, flight_id, alert_id, media_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        rows,
    )


def _row(event: KeptEvent) -> tuple[Any, ...]:
    match event:
        case PresenceChanged():
            return event.kind.value, event.at, event.drone_id, None, None, None
        case FlightChanged():
            return event.kind.value, event.at, event.drone_id, event.flight_id, None, None
        case AlertChanged():
            return event.kind.value, event.at, event.drone_id, None, event.alert_id, None
        case MediaUploaded() | MediaAnalysed() | CoverageChanged():
            # without its flight, which may become known later, or go before it
            return event.kind.value, event.at, event.drone_id, None, None, event.media_id
