"""The history: what every drone reported, row by row, in the table `telemetry`.

The table is too large for the ORM, and each database wants it laid out in its own way (`migrations/0002_history.py`):
nobody but this module, `outlines` and `weeks` writes statements about it. On SQLite its times are microseconds since
1970.

A row's natural key is (drone, time, digest of the content), so a message that is delivered again changes nothing. The
time is the device's clock; where that is not believed it is ours, another one at each delivery, and then the device's
clock is kept beside it and takes the time's place in the key. That second key cannot be a constraint over partitions.
It is held by a look before the insert, which is safe since whoever writes holds the lock of the drone's row, and which
goes back as far as `DELIVERED_WITHIN`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from ofh.domain.devices import micros
from ofh.domain.tracks import PathPoint, TrackPoint, thin

from . import weeks
from .database import Database
from .statements import arguments, statement

DELIVERED_WITHIN = timedelta(days=7)
"""How long after its first delivery a message can come again; Mosquitto keeps ours for an hour."""
COPY_FROM = 50
"""Reports from which on a look for doubtful clocks and one COPY (SQLite: plain INSERTs) are cheaper than the one INSERT
that looks at each row."""
TRACK_ROWS = 40_000
"""Fixes that a track is thinned from at a time: 11 hours at one a second."""
TRACK_MOST = 250_000
"""Fixes that are all looked at for a track: 69 hours at one a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One report of a drone, for the history."""

    drone_id: int
    reported_at: datetime
    """The device's clock where it is believed, else ours."""
    received_at: datetime
    device_clock: datetime | None
    """What the device's own clock said, whether or not it was believed."""
    digest: int
    """64 bits over the message's content."""
    longitude: float | None
    """Degrees, WGS 84; without it the report had no fix."""
    latitude: float | None
    height: float | None
    """Metres above the WGS 84 ellipsoid."""
    elevation: float | None
    """Metres above the take-off point."""
    heading: float | None
    """Degrees clockwise from true north, of the nose."""
    horizontal_speed: float | None
    """Metres per second over ground."""
    vertical_speed: float | None
    """Metres per second, positive when climbing."""
    battery_percent: float | None
    mode_code: int | None
    """DJI's number of the flight mode."""


# Writing

Record = tuple[Any, ...]
"""A row as it is stored, in the order of `_COLUMNS`; `device_clock` is None where it was believed."""

_TYPES = {
    "drone_id": "bigint",
    "reported_at": "timestamptz",
    "received_at": "timestamptz",
    "device_clock": "timestamptz",
    "digest": "bigint",
    "longitude": "float8",
    "latitude": "float8",
    "height": "float8",
    "elevation": "float8",
    "heading": "float8",
    "horizontal_speed": "float8",
    "vertical_speed": "float8",
    "battery_percent": "float8",
    "mode_code": "int",
}
_COLUMNS = tuple(_TYPES)
_NAMES = ", ".join(_COLUMNS)


def _careful(source: str, span: str = "") -> str:
    """The INSERT that leaves out what came before with another time: once believed and once not, or never."""
    return (
        f"INSERT INTO telemetry ({_NAMES}) SELECT {_NAMES} FROM {source}"  # noqa: S608, ours
        " WHERE NOT EXISTS (SELECT 1 FROM telemetry t WHERE t.device_clock = coalesce(i.device_clock, i.reported_at)"
        f" AND t.drone_id = i.drone_id AND t.digest = i.digest{span})"
        " AND (i.device_clock IS NULL OR NOT EXISTS (SELECT 1 FROM telemetry t WHERE t.drone_id = i.drone_id"
        f" AND t.reported_at = i.device_clock AND t.digest = i.digest{span})) ON CONFLICT DO NOTHING"
    )


_ARRAYS = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES.values(), 1))
_CAREFUL_POSTGRESQL = _careful(f"unnest({_ARRAYS}) AS i ({_NAMES})", " AND t.reported_at BETWEEN $15 AND $16")
_CAREFUL_SQLITE = _careful(f"(SELECT {', '.join(f'? AS {name}' for name in _COLUMNS)}) AS i")
_PLAIN_SQLITE = f"INSERT INTO telemetry ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT DO NOTHING"  # noqa: S608, ours


async def write_history(database: Database, client: Any, rows: Sequence[HistoryRow]) -> None:
    """Append to the history, within the transaction that holds the drones' rows; what stands there already stays."""
    records = _distinct(rows)
    if not records:
        return
    first, last = min(record[1] for record in records), max(record[1] for record in records)
    plain: list[Record] = []
    careful = records
    if len(records) >= COPY_FROM:
        doubtful = await _doubtful(database, client, first, last)
        plain = [record for record in records if record[3] is None and record[0] not in doubtful]
        careful = [record for record in records if record[3] is not None or record[0] in doubtful]
    if database.dialect == "sqlite":
        for sql, some in ((_PLAIN_SQLITE, plain), (_CAREFUL_SQLITE, careful)):
            if some:
                await client.execute_many(sql, [_as_numbers(record) for record in some])
        return
    wanted = {weeks.week_of(first), weeks.week_of(last)}
    if last - first > weeks.WEEK:
        wanted = {weeks.week_of(record[1]) for record in records}
    await weeks.ensure(database, client, wanted)
    for tries_left in (2, 1, 0):
        try:
            async with client._connection.transaction():  # a savepoint
                await _insert(client._connection, plain, careful, first, last)
            return
        except asyncpg.UniqueViolationError:
            plain, careful = [], records  # some of it has been delivered before
        except asyncpg.CheckViolationError:
            if not tries_left:
                raise
            database.history_weeks = frozenset()  # a partition was dropped since we last looked
            await weeks.ensure(database, client, wanted)


def _distinct(rows: Sequence[HistoryRow]) -> list[Record]:
    """The rows to store, each message once: a batch may hold one twice."""
    records: dict[tuple[Any, ...], Record] = {}
    for row in rows:
        at, clock = row.reported_at, row.device_clock
        records.setdefault(
            (row.drone_id, clock or at, row.digest),
            (
                row.drone_id,
                at,
                row.received_at,
                None if clock == at else clock,
                row.digest,
                row.longitude,
                row.latitude,
                row.height,
                row.elevation,
                row.heading,
                row.horizontal_speed,
                row.vertical_speed,
                row.battery_percent,
                row.mode_code,
            ),
        )
    return list(records.values())


async def _doubtful(database: Database, client: Any, first: datetime, last: datetime) -> set[int]:
    """The drones of which a report may have come before, when its time was not believed yet: one range of the index."""
    rows = await rows_of(
        database,
        client,
        "SELECT DISTINCT drone_id FROM telemetry WHERE device_clock BETWEEN $1 AND $2"
        " AND reported_at BETWEEN $3 AND $2",
        first,
        last,
        first - DELIVERED_WITHIN,
    )
    return {row[0] for row in rows}


async def _insert(
    connection: Any, plain: Sequence[Record], careful: Sequence[Record], first: datetime, last: datetime
) -> None:
    if plain:
        await connection.copy_records_to_table("telemetry", records=plain, columns=_COLUMNS)
    if careful:
        columns = [list(column) for column in zip(*careful, strict=True)]
        await connection.execute(_CAREFUL_POSTGRESQL, *columns, first - DELIVERED_WITHIN, last)


def _as_numbers(record: Record) -> Record:
    clock = record[3]
    return (
        record[0],
        micros(record[1]),
        micros(record[2]),
        None if clock is None else micros(clock),
        *record[4:],
    )


async def delete_history(database: Database, client: Any, workspace_id: int) -> None:
    """Delete the history of a workspace's drones, in the transaction that deletes the workspace.

    The drones' rows are locked, so what comes in meanwhile waits, and then finds no drone. A week of a drone at a
    time, since a statement has a time limit.
    """
    lock = " FOR UPDATE" if database.dialect == "postgresql" else ""
    drones = await rows_of(
        database,
        client,
        f"SELECT id FROM drones WHERE workspace_id = $1 ORDER BY id{lock}",  # noqa: S608, ours
        workspace_id,
    )
    for (drone_id,) in drones:
        while (oldest := await oldest_of(database, client, drone_id)) is not None:
            await execute(
                database,
                client,
                "DELETE FROM telemetry WHERE drone_id = $1 AND reported_at < $2",
                drone_id,
                oldest + weeks.WEEK,
            )


async def oldest_of(database: Database, client: Any, drone_id: int, since: datetime | None = None) -> datetime | None:
    """The time of the oldest row of a drone, or of the oldest since then; None where there is none."""
    sql = "SELECT min(reported_at) FROM telemetry WHERE drone_id = $1"
    values: list[Any] = [drone_id]
    if since is not None:
        sql += " AND reported_at >= $2"
        values.append(since)
    ((found,),) = await rows_of(database, client, sql, *values)
    return moment(found)


# Reading

_POINT = (
    "reported_at, longitude, latitude, height, elevation, heading, horizontal_speed, vertical_speed, battery_percent"
)
_SPAN = "FROM telemetry WHERE drone_id = $1 AND reported_at >= $2 AND reported_at <= $3 AND longitude IS NOT NULL"
"""The fixes of a drone from one time to another, both included."""
_PATH = "reported_at, longitude, latitude, height"
"""What a point begins with; thinning looks at no more."""


async def count(database: Database, drone_id: int, start: datetime, end: datetime) -> int:
    """How many fixes a drone has from one time to another, both included."""
    ((found,),) = await rows_of(database, database.connection, f"SELECT count(*) {_SPAN}", drone_id, start, end)
    number: int = found
    return number


async def track(database: Database, drone_id: int, start: datetime, end: datetime, limit: int) -> list[TrackPoint]:
    """Where a drone was from one time to another, both included, thinned to so many points (`domain/tracks.py`).

    More than `TRACK_ROWS` fixes are thinned while they are read, a part at a time; the ends and the extremes of all of
    them stay. Of more than `TRACK_MOST` only as many as `TRACK_ROWS` are read, every so many from end to end; then an
    extreme between those is missed.
    """
    return [_point(row) for row in await _track(database, drone_id, start, end, limit, _POINT)]


async def path(database: Database, drone_id: int, start: datetime, end: datetime, limit: int) -> list[PathPoint]:
    """As `track`, the places alone: much less to read and to make."""
    rows = await _track(database, drone_id, start, end, limit, _PATH)
    return [PathPoint(known_moment(at), longitude, latitude, height) for at, longitude, latitude, height, *_ in rows]


async def _track(
    database: Database, drone_id: int, start: datetime, end: datetime, limit: int, columns: str
) -> list[Sequence[Any]]:
    if limit > TRACK_ROWS:
        raise ValueError(f"a track has at most {TRACK_ROWS} points")
    rows: list[Sequence[Any]] = []
    number = 0
    async for part in _parts(database, drone_id, start, end, TRACK_ROWS, columns):
        if not number and len(part) == TRACK_ROWS:
            number = await _reports(database, drone_id, start, end)
            if number > TRACK_MOST:
                rows = await _every_so_many(database, drone_id, start, end, number, columns)
                break
        if number:  # each part keeps its share of TRACK_ROWS, and at any rate its ends and extremes
            part = await asyncio.to_thread(_thinned, part, max(8, -(-len(part) * TRACK_ROWS // number)))
        rows += part
    return await asyncio.to_thread(_thinned, rows, limit) if len(rows) > limit else rows


def _thinned(rows: Sequence[Sequence[Any]], limit: int) -> list[Sequence[Any]]:
    return [rows[index] for index in thin([(row[1], row[2], row[3]) for row in rows], limit)]


_REPORTS = "FROM telemetry WHERE drone_id = $1 AND reported_at >= $2 AND reported_at <= $3"


async def _reports(database: Database, drone_id: int, start: datetime, end: datetime) -> int:
    """How many rows there are, with or without a fix: the key alone says."""
    sql = f"SELECT count(*) {_REPORTS}"
    ((found,),) = await rows_of(database, database.connection, sql, drone_id, start, end)
    return int(found)


async def _every_so_many(
    database: Database, drone_id: int, start: datetime, end: datetime, number: int, columns: str
) -> list[Sequence[Any]]:
    """About `TRACK_ROWS` of so many rows, the ends among them, chosen by their keys: the rows lie far apart."""
    found = await rows_in_order(
        database,
        f"SELECT {columns} FROM (SELECT drone_id, reported_at, digest, row_number() OVER (ORDER BY reported_at, digest)"  # noqa: S608, ours
        f" AS n {_REPORTS}) AS numbered JOIN telemetry USING (drone_id, reported_at, digest)"
        " WHERE ((n - 1) % $4 = 0 OR n = $5) AND longitude IS NOT NULL ORDER BY reported_at, digest",
        drone_id,
        start,
        end,
        -(-number // TRACK_ROWS),
        number,
    )
    return list(found)


async def chunks(
    database: Database, drone_id: int, start: datetime, end: datetime, *, size: int = 5_000
) -> AsyncIterator[list[TrackPoint]]:
    """The fixes of a drone from one time to another, both included, in order, at most so many at once.

    Each list is read when it is asked for: what is written meanwhile may or may not be in it, and no connection is
    held in between.
    """
    async for part in _parts(database, drone_id, start, end, size):
        yield [_point(row) for row in part]


async def _parts(
    database: Database, drone_id: int, start: datetime, end: datetime, size: int, columns: str = _POINT
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """The rows of `chunks`, these columns and the digest of each."""
    after: tuple[Any, int] | None = None
    while True:
        sql = f"SELECT {columns}, digest {_SPAN}"
        values = [drone_id, start, end]
        if after is not None:
            sql += " AND (reported_at, digest) > ($2, $4)"
            values = [drone_id, after[0], end, after[1]]
        sql += f" ORDER BY reported_at, digest LIMIT {size}"
        rows = await rows_in_order(database, sql, *values)
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = rows[-1][0], rows[-1][-1]


def _point(row: Sequence[Any]) -> TrackPoint:
    return TrackPoint(
        time=known_moment(row[0]),
        longitude=row[1],
        latitude=row[2],
        height=row[3],
        elevation=row[4],
        heading=row[5],
        horizontal_speed=row[6],
        vertical_speed=row[7],
        battery_percent=row[8],
    )


# What the two databases want written differently

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(stored: Any) -> datetime | None:
    """A time of the history as either database gives it."""
    if stored is None or isinstance(stored, datetime):
        return stored
    return _EPOCH + timedelta(microseconds=stored)


def known_moment(stored: Any) -> datetime:
    """As `moment`, of what is never null."""
    return stored if isinstance(stored, datetime) else _EPOCH + timedelta(microseconds=stored)


def stored_moment(database: Database, expression: str) -> str:
    """A time of another table, as a statement has to write it to compare it with one of the history."""
    if database.dialect == "postgresql":
        return expression
    # Rounded to milliseconds: the number of days is a float.
    return f"CAST(round((julianday({expression}) - 2440587.5) * 86400000) AS INTEGER) * 1000"


async def rows_of(database: Database, client: Any, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
    """Rows as the driver gives them: making a dict of each would cost more than reading them."""
    _, rows = await client.execute_query(statement(database, sql), _values(database, sql, values))
    found: Sequence[Sequence[Any]] = rows
    return found


async def rows_in_order(database: Database, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
    """Rows of a query that is ordered by the key and reads only the first of many.

    PostgreSQL takes a plan for all values where it expects few rows, reads all of them and sorts: of a long track once
    for each part. So it may do neither here. SQLite keeps the rows in this order.
    """
    if database.dialect == "sqlite":
        return await rows_of(database, database.connection, sql, *values)
    async with database.transaction() as client:
        await client.execute_script("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        return await rows_of(database, client, sql, *values)


async def execute(database: Database, client: Any, sql: str, *values: Any) -> int:
    """Run a statement about the history; how many rows it changed."""
    number, _ = await client.execute_query(statement(database, sql), _values(database, sql, values))
    found: int = number
    return found


def _values(database: Database, sql: str, values: Sequence[Any]) -> list[Any]:
    if database.dialect == "sqlite":
        values = [micros(value) if isinstance(value, datetime) else value for value in values]
    (row,) = arguments(database, sql, [values])
    return row
