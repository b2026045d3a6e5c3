"""The hand-written statements about coverages and the tiles that are made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from .database import Database
from .statements import fetch, run_many


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTile:
    """A tile as it is kept."""

    tile: str
    members: bytes
    shape: bytes


async def mark(database: Database, workspace_id: int, flight_id: int | None) -> tuple[int, int, int]:
    """The number, sum and greatest id of the coverages of a flight, or of a workspace, that show some ground.

    Since none is ever changed, what they are is changed only where this is.
    """
    (row,) = await fetch(
        database,
        database.connection,
        "SELECT count(*) AS number, coalesce(sum(c.id), 0) AS total, coalesce(max(c.id), 0) AS newest"  # noqa: S608, ours
        f" FROM coverages c {_OF_FLIGHT if flight_id is not None else ''} WHERE c.workspace_id = $1"
        " AND c.west IS NOT NULL",
        workspace_id,
        *(() if flight_id is None else (flight_id,)),
    )
    return int(row["number"]), int(row["total"]), int(row["newest"])


_OF_FLIGHT = "JOIN media m ON m.id = c.media_id AND m.flight_id = $2"


async def shapes(database: Database, ids: Sequence[int]) -> dict[int, bytes]:
    """The shapes of these coverages; those that are no more are left out."""
    if database.dialect == "postgresql":
        asked: Any = list(ids)
        among = "id = ANY($1::bigint[])"
    else:
        asked = orjson.dumps(list(ids)).decode()
        among = "id IN (SELECT value FROM json_each($1))"
    rows = await fetch(
        database,
        database.connection,
        f"SELECT id, shape FROM coverages WHERE {among} AND shape IS NOT NULL",  # noqa: S608, ours
        asked,
    )
    return {row["id"]: bytes(row["shape"]) for row in rows}


async def tiles(database: Database, scope: str) -> list[KeptTile]:
    """The tiles of a flight or a workspace."""
    rows = await fetch(
        database, database.connection, "SELECT tile, members, shape FROM covered_tiles WHERE scope = $1", scope
    )
    return [KeptTile(tile=row["tile"], members=bytes(row["members"]), shape=bytes(row["shape"])) for row in rows]


async def keep_tiles(
    database: Database,
    *,
    workspace_id: int,
    flight_id: int | None,
    scope: str,
    changed: Iterable[KeptTile],
    gone: Iterable[str],
) -> None:
    """Keep tiles in place of what was kept of them, and drop those where nothing is shown any more."""
    async with database.transaction() as client:
        await run_many(
            database,
            client,
            "INSERT INTO covered_tiles (workspace_id, flight_id, scope, tile, members, shape)"
            " VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (scope, tile) DO UPDATE SET members = excluded.members, shape = excluded.shape",
            [
                (workspace_id, flight_id, scope, kept.tile, kept.members, kept.shape)
                for kept in sorted(changed, key=lambda kept: kept.tile)  # in one order, so nobody waits in a circle
            ],
        )
        await run_many(
            database,
            client,
            "DELETE FROM covered_tiles WHERE scope = $1 AND tile = $2",
            [(scope, tile) for tile in sorted(gone)],
        )


async def replace(database: Database, client: Any, values: Mapping[str, Any], *, is_first: bool = False) -> bool:
    """Put a coverage in the place of what was known of its media item; False where that has been deleted.

    Args:
        values: by column, all but the id.
        is_first: not in the place of one of the same making, which may be of facts that were not known before; False
            where there is one.
    """
    lock = " FOR NO KEY UPDATE" if database.dialect == "postgresql" else ""
    media = await fetch(database, client, f"SELECT id FROM media WHERE id = $1{lock}", values["media_id"])  # noqa: S608, ours
    if not media:
        return False
    if is_first and await fetch(
        database,
        client,
        "SELECT id FROM coverages WHERE media_id = $1 AND version = $2 AND surface = $3",
        *(values[name] for name in ("media_id", "version", "surface")),
    ):
        return False
    await run_many(database, client, "DELETE FROM coverages WHERE media_id = $1", [(values["media_id"],)])
    columns = list(values)
    places = ", ".join(f"${number}" for number, _ in enumerate(columns, 1))
    await run_many(
        database,
        client,
        f"INSERT INTO coverages ({', '.join(columns)}) VALUES ({places})",  # noqa: S608, ours
        [tuple(values.values())],
    )
    return True


async def outdated(database: Database, kind: str, version: int, surface: str, now: datetime) -> int:
    """Have the coverage computed of all media that were looked into and have none, or one of another making."""
    rows = await fetch(
        database,
        database.connection,
        "INSERT INTO jobs (kind, workspace_id, subject_id, due_at, created_at, lease, attempts, wanted, problem)"
        " SELECT $1::varchar, m.workspace_id, m.id, $2::timestamptz, $2::timestamptz, '', 0, 1, '' FROM media m"
        " JOIN files f ON f.id = m.file_id WHERE f.analysed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM coverages c"
        " WHERE c.media_id = m.id AND c.version = $3 AND c.surface = $4) ORDER BY m.id"
        " ON CONFLICT (kind, subject_id) DO NOTHING RETURNING id",
        kind,
        now,
        version,
        surface,
    )
    return len(rows)
