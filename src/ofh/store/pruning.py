"""What retention reads and deletes: each function is one small step of `services/retention.py`, in its transaction.

Steps that delete take one lock first, so two processes that prune at once take turns; each step looks again at what is
there, and the second finds less.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ofh.domain.tracks import thin

from .database import Database
from .history import execute, moment, oldest_of, rows_in_order, rows_of
from .statements import fetch, lock_names, time_of

BATCH = 5_000
"""Rows of the history that one transaction deletes or looks at, about."""
FEW = 500
"""Rows of other tables that one transaction deletes."""
HOUR = timedelta(hours=1)
SPACING = timedelta(seconds=10)
"""Thinned history has one fix in this time, on average."""
LEAST = 8
"""Fixes that a thinned stretch has at least, if it had them: its ends and its extremes."""
_LOCK = "history retention"
_BETWEEN = "FROM telemetry WHERE drone_id = $1 AND reported_at >= $2 AND reported_at < $3"


async def take_turn(database: Database, client: Any) -> None:
    """Wait for another process's step; the turn lasts until the end of the transaction."""
    await lock_names(database, client, [_LOCK])


async def drop_some(database: Database, client: Any, drone_id: int, since: datetime, before: datetime) -> int:
    """Delete the oldest of a drone's rows from one time, included, to another; how many, 0 once there are none."""
    last = await rows_in_order(
        database,
        f"SELECT reported_at {_BETWEEN} ORDER BY reported_at, digest LIMIT 1 OFFSET {BATCH}",
        drone_id,
        since,
        before,
    )
    if last:  # more than a batch
        found, oldest = moment(last[0][0]), await oldest_of(database, client, drone_id, since)
        assert found is not None
        assert oldest is not None
        before = max(found, oldest + timedelta(microseconds=1))
    return await execute(database, client, f"DELETE {_BETWEEN}", drone_id, since, before)


async def count_between(database: Database, drone_id: int, since: datetime, before: datetime) -> int:
    """How many rows `drop_some` would delete in the end."""
    ((found,),) = await rows_of(database, database.connection, f"SELECT count(*) {_BETWEEN}", drone_id, since, before)
    return int(found)


async def thin_some(
    database: Database, client: Any, drone_id: int, start: datetime, end: datetime, *, is_trial: bool = False
) -> tuple[int, datetime]:
    """Thin the history of a drone, hour by hour, until a batch of rows has been looked at or the end is reached.

    Fixes are cut into stretches where an hour begins and where a flight starts, lands or ends. Of each stretch `thin`
    keeps one fix in 10 s, and 8 at least, so its ends and extremes are among them; what was thinned stays as it is.
    Reports without a fix go: no track shows them.

    Args:
        is_trial: count only.
    Returns:
        How many rows went, and until when it is thinned now.
    """
    gone = seen = 0
    while start < end and seen < BATCH:
        first = await oldest_of(database, client, drone_id, since=start)
        if first is None or first >= end:
            return gone, end
        hour = first.replace(minute=0, second=0, microsecond=0)
        start = min(hour + HOUR, end)
        rows = await rows_of(
            database,
            client,
            f"SELECT reported_at, digest, longitude, latitude, height {_BETWEEN} ORDER BY reported_at, digest",
            drone_id,
            first,
            start,
        )
        seen += len(rows)
        cuts = await _cuts(database, client, drone_id, first, start)
        kept = {key for stretch in _stretches(rows, cuts) for key in _thinned(stretch)}
        superfluous = [(row[0], row[1]) for row in rows if (row[0], row[1]) not in kept]
        gone += len(superfluous)
        if superfluous and not is_trial:
            await _delete(database, client, drone_id, superfluous)
    return gone, start


async def _cuts(database: Database, client: Any, drone_id: int, start: datetime, end: datetime) -> list[datetime]:
    """The moments at which a flight of the drone starts, lands or ends."""
    rows = await fetch(
        database,
        client,
        "SELECT started_at, landed_at, ended_at FROM flights WHERE drone_id = $1 AND started_at < $3"
        " AND (ended_at IS NULL OR ended_at >= $2)",
        drone_id,
        start,
        end,
    )
    times = [time_of(value) for row in rows for value in row.values()]
    return sorted(time for time in times if time is not None)


def _stretches(rows: Sequence[Sequence[Any]], cuts: Sequence[datetime]) -> list[list[Sequence[Any]]]:
    """The fixes of these rows, cut before the first and behind the last fix of a flight."""
    stretches: list[list[Sequence[Any]]] = []
    ahead = list(cuts)
    current: list[Sequence[Any]] = []
    for row in rows:
        if row[2] is None:
            continue
        time = moment(row[0])
        assert time is not None
        if ahead and time >= ahead[0]:
            stretches.append(current)
            current = []
            while ahead and time >= ahead[0]:
                del ahead[0]
        current.append(row)
    return [stretch for stretch in [*stretches, current] if stretch]


def _thinned(stretch: Sequence[Sequence[Any]]) -> list[tuple[Any, Any]]:
    """The keys of the rows that stay."""
    first, last = moment(stretch[0][0]), moment(stretch[-1][0])
    assert first is not None
    assert last is not None
    limit = max(LEAST, -((first - last) // SPACING))
    return [
        (stretch[index][0], stretch[index][1]) for index in thin([(row[2], row[3], row[4]) for row in stretch], limit)
    ]


async def _delete(database: Database, client: Any, drone_id: int, keys: Sequence[tuple[Any, Any]]) -> None:
    if database.dialect == "postgresql":
        await execute(
            database,
            client,
            "DELETE FROM telemetry t USING unnest($2::timestamptz[], $3::bigint[]) AS gone (reported_at, digest)"
            " WHERE t.drone_id = $1 AND t.reported_at = gone.reported_at AND t.digest = gone.digest"
            " AND t.reported_at BETWEEN $4 AND $5",
            drone_id,
            [key[0] for key in keys],
            [key[1] for key in keys],
            keys[0][0],
            keys[-1][0],
        )
        return
    await client.execute_many(
        "DELETE FROM telemetry WHERE drone_id = ? AND reported_at = ? AND digest = ?",
        [(drone_id, *key) for key in keys],
    )


_FLIGHTS = "FROM flights WHERE workspace_id = $1 AND started_at < $2 AND ended_at < $2 AND open_drone_id IS NULL"
_ALERTS = "FROM alerts WHERE workspace_id = $1 AND cleared_at < $2"
_EVENTS = "FROM events WHERE workspace_id = $1 AND at < $2"


async def drop_flights(database: Database, client: Any, workspace_id: int, before: datetime) -> int:
    """Delete some of a workspace's flights that had ended before a time, with their events; how many flights."""
    sql = f"DELETE FROM flights WHERE id IN (SELECT id {_FLIGHTS} ORDER BY started_at LIMIT {FEW}) RETURNING id"  # noqa: S608, ours
    return len(await fetch(database, client, sql, workspace_id, before))


async def drop_alerts(database: Database, client: Any, workspace_id: int, before: datetime) -> int:
    """Delete some of a workspace's alerts that had cleared before a time; how many."""
    sql = f"DELETE FROM alerts WHERE id IN (SELECT id {_ALERTS} ORDER BY cleared_at LIMIT {FEW}) RETURNING id"  # noqa: S608, ours
    return len(await fetch(database, client, sql, workspace_id, before))


async def drop_events(database: Database, client: Any, workspace_id: int, before: datetime) -> int:
    """Delete some of a workspace's events that are from before a time; how many."""
    oldest = f"SELECT id, at FROM events WHERE workspace_id = $1 ORDER BY seq LIMIT {FEW}"  # noqa: S608, ours
    sql = f"DELETE FROM events WHERE id IN (SELECT id FROM ({oldest}) AS oldest WHERE at < $2) RETURNING id"  # noqa: S608, ours
    return len(await fetch(database, client, sql, workspace_id, before))


async def count_flights(database: Database, workspace_id: int, before: datetime) -> int:
    """How many flights `drop_flights` would delete in the end."""
    rows = await fetch(database, database.connection, f"SELECT count(*) AS n {_FLIGHTS}", workspace_id, before)
    return int(rows[0]["n"])


async def count_alerts(database: Database, workspace_id: int, before: datetime) -> int:
    """How many alerts `drop_alerts` would delete in the end."""
    rows = await fetch(database, database.connection, f"SELECT count(*) AS n {_ALERTS}", workspace_id, before)
    return int(rows[0]["n"])


async def count_events(database: Database, workspace_id: int, before: datetime) -> int:
    """How many events `drop_events` would delete in the end."""
    rows = await fetch(database, database.connection, f"SELECT count(*) AS n {_EVENTS}", workspace_id, before)
    return int(rows[0]["n"])
