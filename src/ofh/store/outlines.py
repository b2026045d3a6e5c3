"""Tracks of many flights at once, with few points each.

Reading every fix of thousands of flights would take minutes. So each track is read only as far as its share of the
points goes; of one that has more, stay the first fix of each of so many stretches of equal length, and its last. That
is a look into the key per point, however long the tracks are.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from ofh.domain.devices import micros
from ofh.domain.tracks import PathPoint

from .database import Database
from .history import known_moment, rows_in_order

Span = tuple[datetime, datetime]
"""From one time to another, both included."""

_TICK = timedelta(microseconds=1)


async def outlines(database: Database, drone_id: int, spans: Sequence[Span], limit: int) -> list[list[PathPoint]]:
    """Where a drone was in each of these spans, in order of time, with at most so many points of each.

    Args:
        limit: at least 2.
    """
    tracks = await _first(database, drone_id, spans, limit + 1)
    long = [index for index, track in enumerate(tracks) if len(track) > limit]
    if not long:
        return tracks
    stretches = [list(_stretches(*spans[index], limit - 1)) for index in long]
    points = iter(await _first(database, drone_id, [span for some in stretches for span in some], 1))
    ends = await _first(database, drone_id, [spans[index] for index in long], 1, backwards=True)
    for index, some, end in zip(long, stretches, ends, strict=True):
        track = [point for _ in some for point in next(points)]
        tracks[index] = track + [point for point in end if point not in track[-1:]]
    return tracks


def _stretches(start: datetime, end: datetime, number: int) -> Iterator[Span]:
    bounds = [start + (end - start) * index / number for index in range(number)]
    for first, behind in zip(bounds, [*bounds[1:], end + _TICK], strict=True):
        if first < behind:
            yield first, behind - _TICK


async def _first(
    database: Database, drone_id: int, spans: Sequence[Span], limit: int, *, backwards: bool = False
) -> list[list[PathPoint]]:
    """The first fixes of each span, at most so many; backwards the last ones."""
    order = "DESC" if backwards else "ASC"
    if database.dialect == "postgresql":
        rows = await rows_in_order(
            database,
            "SELECT s.n - 1, t.*"  # noqa: S608, ours
            " FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS s (first, last, n)"
            " CROSS JOIN LATERAL (SELECT reported_at, longitude, latitude, height FROM telemetry WHERE drone_id = $1"
            " AND reported_at >= s.first AND reported_at <= s.last AND longitude IS NOT NULL"
            f" ORDER BY reported_at {order}, digest {order} LIMIT {limit:d}) AS t",
            drone_id,
            [first for first, _ in spans],
            [last for _, last in spans],
        )
    else:
        rows = await rows_in_order(
            database,
            _SQLITE_BACKWARDS if backwards else _SQLITE,
            drone_id,
            orjson.dumps([(micros(first), micros(last)) for first, last in spans]).decode(),
            limit - 1,
        )
    found: list[list[PathPoint]] = [[] for _ in spans]
    for number, at, longitude, latitude, height in rows:
        found[number].append(PathPoint(known_moment(at), longitude, latitude, height))
    for track in found:
        track.sort(key=_time)
        del track[limit:]  # SQLite: several reports of the last moment
    return found


def _time(point: PathPoint) -> Any:
    return point.time


def _sqlite(order: str) -> str:
    """SQLite has no lateral joins: the time of the last row that counts is looked up, and the rows read up to there."""
    first, last = "json_extract(s.value, '$[0]')", "json_extract(s.value, '$[1]')"
    bound = (
        f"(SELECT reported_at FROM telemetry WHERE drone_id = $1 AND reported_at >= {first} AND reported_at <= {last}"  # noqa: S608, ours
        f" AND longitude IS NOT NULL ORDER BY reported_at {order}, digest {order} LIMIT 1 OFFSET $3)"
    )
    between = f"{first} AND coalesce({bound}, {last})" if order == "ASC" else f"coalesce({bound}, {first}) AND {last}"
    return (
        "SELECT s.key, t.reported_at, t.longitude, t.latitude, t.height FROM json_each($2) AS s"  # noqa: S608, ours
        f" CROSS JOIN telemetry AS t WHERE t.drone_id = $1 AND t.reported_at BETWEEN {between}"
        " AND t.longitude IS NOT NULL"
    )


_SQLITE, _SQLITE_BACKWARDS = _sqlite("ASC"), _sqlite("DESC")
