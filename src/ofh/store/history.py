"""The history: what every drone reported, row by row, in the table `telemetry`.

The table is too large for the ORM, and each database wants it laid out in its own way; so nobody but this module
writes statements about it.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from ofh.domain.tracks import TrackPoint

from .database import Database
from .statements import arguments, statement, time_of

_POINT = (
    "reported_at, longitude, latitude, height, elevation, heading, horizontal_speed, vertical_speed, battery_percent"
)
_SPAN = "FROM telemetry WHERE drone_id = $1 AND reported_at >= $2 AND reported_at <= $3 AND longitude IS NOT NULL"
"""The fixes of a drone from one time to another, both included."""


async def count(database: Database, drone_id: int, start: datetime, end: datetime) -> int:
    """How many fixes a drone has from one time to another, both included."""
    (row,) = await _rows(database, f"SELECT count(*) {_SPAN}", drone_id, start, end)
    found: int = row[0]
    return found


async def chunks(
    database: Database, drone_id: int, start: datetime, end: datetime, *, size: int = 5_000
) -> AsyncIterator[list[TrackPoint]]:
    """The fixes of a drone from one time to another, both included, in order, at most so many at once.

    Each list is read when it is asked for: what is written meanwhile may or may not be in it, and no connection is
    held in between.
    """
    after: tuple[Any, int] | None = None
    while True:
        sql = f"SELECT {_POINT}, digest {_SPAN}"
        values = [drone_id, start, end]
        if after is not None:
            sql += " AND (reported_at, digest) > ($4, $5)"
            values += after
        rows = await _rows(database, f"{sql} ORDER BY reported_at, digest LIMIT {size}", *values)
        if rows:
            yield [_point(row) for row in rows]
        if len(rows) < size:
            return
        after = rows[-1][0], rows[-1][-1]


async def _rows(database: Database, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
    """Rows as the driver gives them: making a dict of each would cost more than reading them."""
    (row,) = arguments(database, sql, [values])
    _, rows = await database.connection.execute_query(statement(database, sql), row)
    found: Sequence[Sequence[Any]] = rows
    return found


def _point(row: Sequence[Any]) -> TrackPoint:
    time = time_of(row[0])
    assert time is not None
    return TrackPoint(
        time=time,
        longitude=row[1],
        latitude=row[2],
        height=row[3],
        elevation=row[4],
        heading=row[5],
        horizontal_speed=row[6],
        vertical_speed=row[7],
        battery_percent=row[8],
    )
