"""The journal: the events of each workspace, numbered in the order in which they become visible.

A number is taken under the lock of the workspace's row, which is held until the commit: so whoever sees a number sees
all lower ones, whatever process wrote them. Therefore `append` is the last statement of its transaction. The feed keeps
every numbered event as it travels on the bus (`store/feed.py`); the table `events` keeps those that people look up.

When an event became visible is never before the one ahead of it. So a clock that is ahead must not be believed: time
would stand still for as long. On PostgreSQL no process is believed beyond the server's clock, of which there is one
(`docs/decisions/0010-feed-time.md`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from ofh.domain.devices import from_micros, micros
from ofh.domain.event_json import compose, encode, joined, to_body
from ofh.domain.events import (
    AlertChanged,
    CoverageChanged,
    DroneRenamed,
    Event,
    FeedEvent,
    FlightChanged,
    KeptEvent,
    MediaAnalysed,
    MediaUploaded,
    PresenceChanged,
)

from . import feed
from .database import Database
from .statements import fetch, run_many

log = structlog.get_logger(__name__)

PIECE = 512
"""Events of one piece of the feed at the most: whoever reads one of them reads all."""

News = dict[int, bytes]
"""What to tell on the bus once the transaction is committed, by workspace."""


CLOCK_TOLERANCE_US = 5_000_000
"""By so much clocks may differ without a word in the log."""
TELL_S = 600.0
"""How often that is said at the most."""
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_NUMBERED = {
    dialect: f"UPDATE workspaces SET event_seq = event_seq + $2, event_us = {greatest}(event_us, {time})"  # noqa: S608, ours
    f" WHERE id = $1 AND deleted_at IS NULL RETURNING event_seq, event_us, {clock} AS clock_us"
    for dialect, greatest, time, clock in (
        ("sqlite", "max", "$3", "$3"),
        ("postgresql", "greatest", f"least($3::bigint, {_CLOCK})", _CLOCK),
    )
}


async def append(database: Database, client: Any, events: Mapping[int, list[Event]], now: datetime) -> News:
    """Number the events that the feed keeps, and keep them.

    Args:
        events: by workspace, in their order.
        now: by the hub's clock, UTC.
    """
    news: News = {}
    rows: list[tuple[Any, ...]] = []
    for workspace_id in sorted(events):
        happened = events[workspace_id]
        numbered = [event for event in happened if isinstance(event, FeedEvent)]
        others = [event for event in happened if not isinstance(event, FeedEvent)]
        if not numbered:
            if others:
                news[workspace_id] = encode(others)
            continue
        counted = await fetch(
            database,
            client,
            _NUMBERED[database.dialect],
            workspace_id,
            len(numbered),
            micros(now),
        )
        if not counted:  # the workspace has been deleted
            continue
        last, at_us = counted[0]["event_seq"], counted[0]["event_us"]
        _compare(database, micros(now), counted[0]["clock_us"], at_us)
        first = last - len(numbered) + 1
        bodies = [to_body(numbered[begin : begin + PIECE]) for begin in range(0, len(numbered), PIECE)]
        for begin, body in zip(range(first, last + 1, PIECE), bodies, strict=True):
            piece = feed.Piece(first=begin, last=min(begin + PIECE - 1, last), at_us=at_us, body=body)
            await feed.append(database, client, workspace_id, piece)
        news[workspace_id] = compose(first, from_micros(at_us), joined(bodies), others, of=numbered)
        rows += [
            (workspace_id, seq, *_row(event))
            for seq, event in enumerate(numbered, first)
            if isinstance(event, KeptEvent)
        ]
    await run_many(
        database,
        client,
        "INSERT INTO events (workspace_id, seq, kind, at, drone_id, flight_id, alert_id, media_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        rows,
    )
    return news


async def time_of_feed(database: Database, client: Any, now: datetime) -> int:
    """What time it is, and an event would have that became visible now: microseconds since 1970.

    On PostgreSQL never beyond the server's clock: for whatever is done by time and cannot be undone.

    Args:
        now: by the hub's clock, UTC.
    """
    if database.dialect == "sqlite":
        return micros(now)
    rows = await fetch(database, client, f"SELECT least($1::bigint, {_CLOCK}) AS at_us", micros(now))
    return int(rows[0]["at_us"])


def _compare(database: Database, now_us: int, clock_us: int, at_us: int) -> None:
    """Say so where clocks differ by more than they may."""
    off_us = max(at_us, now_us) - clock_us
    if abs(now_us - clock_us) <= CLOCK_TOLERANCE_US and off_us <= CLOCK_TOLERANCE_US:
        return
    if database.is_time_to_tell("clocks", TELL_S):
        log.warning(
            "clocks differ: set them by NTP",
            this_machine_ahead_of_the_database_s=(now_us - clock_us) // 1_000_000,
            feed_ahead_of_the_database_s=max(0, at_us - clock_us) // 1_000_000,
        )


def _row(event: KeptEvent) -> tuple[Any, ...]:
    match event:
        case PresenceChanged() | DroneRenamed():
            return event.kind.value, event.at, event.drone_id, None, None, None
        case FlightChanged():
            return event.kind.value, event.at, event.drone_id, event.flight_id, None, None
        case AlertChanged():
            return event.kind.value, event.at, event.drone_id, None, event.alert_id, None
        case MediaUploaded() | MediaAnalysed() | CoverageChanged():
            # without its flight, which may become known later, or go before it
            return event.kind.value, event.at, event.drone_id, None, None, event.media_id
