"""The hand-written statements about files and what drones took."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from .database import Database
from .statements import fetch, run_many

_IS_HERE = "(media_id IS NOT NULL OR deleted_at IS NOT NULL)"


async def known_tiny(database: Database, workspace_id: int, wanted: Sequence[str]) -> set[str]:
    """Those of these tiny fingerprints that an original in the workspace carries, or did until a member deleted it.

    A preview counts for nothing here: it carries the tiny fingerprint of its original, which may not be here.
    """
    if database.dialect == "postgresql":
        asked: Any = list(wanted)
        among = "tiny = ANY($2::text[])"
    else:
        asked = orjson.dumps(list(wanted)).decode()
        among = "tiny IN (SELECT value FROM json_each($2))"
    rows = await fetch(
        database,
        database.connection,
        f"SELECT DISTINCT tiny FROM fingerprints WHERE workspace_id = $1 AND {among} AND is_original AND {_IS_HERE}",  # noqa: S608, ours
        workspace_id,
        asked,
    )
    return {row["tiny"] for row in rows}


async def discard(database: Database, client: Any, keys: Sequence[str], due_at: datetime) -> None:
    """Have these objects deleted, by whoever sees to it first once the transaction is committed."""
    await run_many(
        database,
        client,
        "INSERT INTO discarded_objects (object_key, due_at) VALUES ($1, $2)"
        " ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at",
        [(key, due_at) for key in keys],
    )


async def expect(database: Database, client: Any, key: str, due_at: datetime) -> None:
    """Have an object deleted then that no file names, unless one does by then."""
    await fetch(
        database,
        client,
        "INSERT INTO discarded_objects (object_key, due_at)"
        " SELECT $1::varchar, $2::timestamptz WHERE NOT EXISTS (SELECT 1 FROM files WHERE object_key = $1)"
        " ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at RETURNING id",
        key,
        due_at,
    )


async def is_wanted(database: Database, key: str) -> bool:
    """Whether a file names an object, or a controller's word for it waits to be looked into."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT 1 FROM files WHERE object_key = $1 UNION ALL SELECT 1 FROM pending_uploads WHERE object_key = $1",
        key,
    )
    return bool(rows)


async def discard_all(database: Database, client: Any, workspace_id: int, due_at: datetime) -> None:
    """Have all objects of a workspace deleted, in the transaction that deletes the workspace."""
    for column, table in (("object_key", "files"), ("thumbnail_key", "files"), ("object_key", "pending_uploads")):
        await fetch(
            database,
            client,
            "INSERT INTO discarded_objects (object_key, due_at)"  # noqa: S608, ours
            f" SELECT {column}, $2::timestamptz FROM {table} WHERE workspace_id = $1 AND {column} IS NOT NULL"
            " ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at RETURNING id",
            workspace_id,
            due_at,
        )


async def without_flight(database: Database, since: datetime, limit: int) -> list[int]:
    """Media that came since then, belong to no flight and may belong to one by now: a flight of their drone was near
    the time that they were taken, or another file of their task has one. The caller looks closely.
    """
    if database.dialect == "postgresql":
        before, after = "m.captured_at + interval '3 minutes'", "m.captured_at - interval '3 minutes'"
    else:  # text, in which no offset stands behind the shorter one
        before = "strftime('%Y-%m-%d %H:%M:%S', m.captured_at, '+3 minutes')"
        after = "strftime('%Y-%m-%d %H:%M:%S', m.captured_at, '-3 minutes')"
    rows = await fetch(
        database,
        database.connection,
        "SELECT m.id FROM media m WHERE m.flight_id IS NULL AND m.created_at >= $1 AND ("  # noqa: S608, ours
        "EXISTS (SELECT 1 FROM flights f WHERE f.drone_id = m.drone_id"
        f" AND f.started_at <= {before} AND (f.ended_at IS NULL OR f.ended_at >= {after}))"
        " OR EXISTS (SELECT 1 FROM media o WHERE o.group_id = m.group_id AND o.drone_id = m.drone_id"
        " AND o.flight_id IS NOT NULL)) ORDER BY m.id LIMIT $2",
        since,
        limit,
    )
    return [row["id"] for row in rows]
