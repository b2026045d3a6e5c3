"""What is deleted of a deleted workspace: each function is a small step of `services/clearing.py`, in its transaction.

A step deletes some and says how many; there are none left once that is 0.
"""

from datetime import UTC, datetime
from typing import Any

from . import pruning
from .database import Database
from .feed_keeping import drop_some, drop_some_states
from .history import execute
from .media import discard
from .statements import fetch, lock_names

FEW = 500
"""Rows that one transaction deletes."""
TABLES = (
    "events",
    "alerts",
    "covered_tiles",
    "coverages",
    "fingerprints",
    "jobs",
    "map_elements",
)
"""Rows of a workspace that may be many, those first that refer to others."""
LAST_TABLES = ("media", "media_groups", "flights")
"""The same, behind the files, which take media along."""
_LOCK = "workspace clearing"
_EVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def take_turn(database: Database, client: Any) -> None:
    """Wait for another process's step; the turn lasts until the end of the transaction."""
    await lock_names(database, client, [_LOCK])


async def drop_rows(database: Database, client: Any, table: str, workspace_id: int) -> int:
    """Delete some rows of a table."""
    some = f"SELECT id FROM {table} WHERE workspace_id = $1 LIMIT {FEW}"  # noqa: S608, ours
    return await execute(database, client, f"DELETE FROM {table} WHERE id IN ({some})", workspace_id)  # noqa: S608, ours


async def drop_files(database: Database, client: Any, workspace_id: int, due_at: datetime) -> int:
    """Delete some files with their media, and have their objects deleted; the same of uploads that wait."""
    total = 0
    for table, columns in (("files", "object_key, thumbnail_key"), ("pending_uploads", "object_key")):
        some = f"SELECT id FROM {table} WHERE workspace_id = $1 LIMIT {FEW}"  # noqa: S608, ours
        sql = f"DELETE FROM {table} WHERE id IN ({some}) RETURNING {columns}"  # noqa: S608, ours
        rows = await fetch(database, client, sql, workspace_id)
        await discard(database, client, [key for row in rows for key in row.values() if key], due_at)
        total += len(rows)
    return total


async def drop_events_of_feed(database: Database, client: Any, workspace_id: int) -> int:
    """Delete some rows of its feed."""
    return await drop_some(database, client, workspace_id, 2**62)


async def drop_states_of_feed(database: Database, client: Any, workspace_id: int) -> int:
    """Delete some of its past states."""
    return await drop_some_states(database, client, workspace_id)


async def drop_history(database: Database, client: Any, drone_id: int) -> int:
    """Delete some of the history of one of its drones."""
    return await pruning.drop_some(database, client, drone_id, *_EVER)
