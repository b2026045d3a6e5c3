"""PostgreSQL: the history's partitions, one per week from Monday 00:00 UTC, so that old weeks go by dropping a table.

A partition is made before the first report of its week: ahead of time by housekeeping, else by the transaction that
wants to write. It is attached rather than created in place, since that lets others go on writing.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from .database import Database
from .statements import lock_names

WEEK = timedelta(weeks=1)
LOCK_MS = 300
"""How long dropping a partition waits for its lock: all writers of the history wait behind it."""
_LOCK = "history partitions"
_PREFIX = "telemetry_"


def week_of(at: datetime) -> date:
    """The Monday that its week begins with; of an aware UTC time."""
    return at.date() - timedelta(days=at.weekday())


def name_of(week: date) -> str:
    """The table of a week, such as `telemetry_2026w09`."""
    year, number, _ = week.isocalendar()
    return f"{_PREFIX}{year:04}w{number:02}"


def begins(week: date) -> datetime:
    """The first moment of a week."""
    return datetime(week.year, week.month, week.day, tzinfo=UTC)


async def ensure(database: Database, client: Any, weeks: Collection[date]) -> None:
    """Within a transaction: see to the partitions of these weeks. Costs nothing for weeks known to be there."""
    if database.history_weeks.issuperset(weeks):
        return
    missing = set(weeks) - await existing(database, client)
    if not missing:
        return
    await lock_names(database, client, [_LOCK])
    for week in sorted(missing - await existing(database, client)):
        name, first, last = name_of(week), begins(week), begins(week) + WEEK
        await client.execute_script(
            f"CREATE TABLE {name} (LIKE telemetry INCLUDING DEFAULTS);"
            f" ALTER TABLE telemetry ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{last}')"
        )


async def existing(database: Database, client: Any) -> set[date]:
    """The weeks that have a partition; the process remembers them.

    Those made in this very transaction are remembered when they are next asked for: it may not be committed.
    """
    _, rows = await client.execute_query(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'telemetry'::regclass"
    )
    found = {_week(row[0]) for row in rows}
    database.history_weeks = frozenset(found)
    return found


async def drop(database: Database, weeks: Iterable[date]) -> list[date]:
    """Drop the partitions of these weeks, one by one; those that are in use for longer than a moment stay.

    Returns:
        The weeks that went.
    """
    gone = []
    for week in weeks:
        try:
            async with database.transaction() as client:
                await client._connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                await client._connection.execute(f"DROP TABLE {name_of(week)}")
        except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError):
            continue  # somebody is reading, or another process was faster
        gone.append(week)
    database.history_weeks -= frozenset(gone)
    return gone


async def rows_in(database: Database, week: date) -> int:
    """About how many rows a week has, as the database last counted them."""
    _, rows = await database.connection.execute_query(
        "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)", [name_of(week)]
    )
    return int(rows[0][0]) if rows else 0


def _week(name: str) -> date:
    year, _, number = name.removeprefix(_PREFIX).partition("w")
    return date.fromisocalendar(int(year), int(number), 1)
