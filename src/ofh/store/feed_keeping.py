"""What keeping the feed reads and writes: its packs, its past states, and what of it goes.

Each function is one small step of `services/feed_keeping.py`. Steps that change rows run in a transaction that has
taken its turn, so of several processes one works; each looks again at what is there, and the next finds less.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from ofh.domain.past import PastState

from .database import Database
from .feed import Piece
from .history import execute
from .statements import fetch, lock_names

MOST_ROWS = 2_000
"""Rows that one pack is made of at the most."""
FEW = 200
"""Rows that one transaction deletes; packed, they are about 10 MB."""
_LOCK = "feed keeping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """An unpacked row, without its body."""

    last: int
    at_us: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """A past state, as it is kept."""

    seq: int
    """As of this event, itself included."""
    at_us: int
    """When that became visible, microseconds since 1970."""
    body: bytes


async def take_turn(database: Database, client: Any, workspace_id: int) -> bool:
    """Wait for another process's step, in a transaction; False where the workspace has been deleted.

    Its row is held before any of its feed, as whoever deletes it does.
    """
    await lock_names(database, client, [_LOCK])
    lock = " FOR KEY SHARE" if database.dialect == "postgresql" else ""
    sql = f"SELECT 1 AS one FROM workspaces WHERE id = $1 AND deleted_at IS NULL{lock}"  # noqa: S608, ours
    return bool(await fetch(database, client, sql, workspace_id))


# Packs


async def packed_until(database: Database, workspace_id: int) -> int:
    """The number of the last event that is packed; 0 where none is. Looks at what is not, from the newest on."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT last_seq FROM feed WHERE workspace_id = $1 AND is_packed ORDER BY last_seq DESC LIMIT 1",
        workspace_id,
    )
    return int(rows[0]["last_seq"]) if rows else 0


async def unpacked(database: Database, workspace_id: int, behind: int, before_us: int) -> list[Size]:
    """The oldest rows behind a number that are not packed and became visible before a time, in order."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT last_seq, ends_us, length(body) AS size FROM feed WHERE workspace_id = $1 AND last_seq > $2"
        " AND ends_us < $3 AND NOT is_packed ORDER BY last_seq LIMIT $4",
        workspace_id,
        behind,
        before_us,
        MOST_ROWS,
    )
    return [Size(last=row["last_seq"], at_us=row["ends_us"], bytes=row["size"]) for row in rows]


class Changed(Exception):
    """Rows are not there any more; what the transaction has done is to be undone."""


async def replace(database: Database, client: Any, workspace_id: int, pieces: list[Piece], body: bytes) -> None:
    """Put a pack in the place of the rows that it is made of.

    Raises:
        Changed: not all of them are there any more.
    """
    first, last = pieces[0], pieces[-1]
    gone = await execute(
        database,
        client,
        "DELETE FROM feed WHERE workspace_id = $1 AND last_seq >= $2 AND last_seq <= $3 AND NOT is_packed",
        workspace_id,
        first.last,
        last.last,
    )
    if gone != len(pieces):
        raise Changed
    await fetch(
        database,
        client,
        "INSERT INTO feed (workspace_id, last_seq, first_seq, begins_us, ends_us, is_packed, body)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        workspace_id,
        last.last,
        first.first,
        first.at_us,
        last.at_us,
        True,
        body,
    )


# Past states


def pack_state(state: PastState) -> bytes:
    """A state as the body of a row."""
    return zlib.compress(state.to_json(), 6)


def unpack_state(body: bytes) -> PastState:
    """The inverse of `pack_state`."""
    return PastState.from_json(zlib.decompress(body))


async def newest_state(database: Database, workspace_id: int, upto: int) -> StoredState | None:
    """The newest state that is as of a number or of one before it."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT seq, at_us, body FROM feed_states WHERE workspace_id = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1",
        workspace_id,
        upto,
    )
    return StoredState(**rows[0]) if rows else None


async def write_state(database: Database, client: Any, workspace_id: int, state: StoredState) -> None:
    """Keep a state, in a transaction; of one number all are the same."""
    await fetch(
        database,
        client,
        "INSERT INTO feed_states (workspace_id, seq, at_us, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        workspace_id,
        state.seq,
        state.at_us,
        state.body,
    )


# What goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where the past begins that can be told."""

    seq: int
    """The number of the last event whose own telling is not sure any more; 0: all are there."""
    at_us: int
    """When that one became visible; 0 where all are there."""


async def beginning(database: Database, workspace_id: int) -> Beginning | None:
    """From where on all events are kept and the state before them is; None where there is no such place."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT first_seq FROM feed WHERE workspace_id = $1 ORDER BY last_seq LIMIT 1",
        workspace_id,
    )
    first = int(rows[0]["first_seq"]) if rows else None
    if first == 1:
        return Beginning(seq=0, at_us=0)
    # Of a feed that is empty the newest state counts: that before it has lost its events.
    order = "DESC" if first is None else "ASC"
    rows = await fetch(
        database,
        database.connection,
        f"SELECT seq, at_us FROM feed_states WHERE workspace_id = $1 AND seq >= $2 ORDER BY seq {order} LIMIT 1",  # noqa: S608, ours
        workspace_id,
        (first or 1) - 1,
    )
    if rows:
        return Beginning(seq=rows[0]["seq"], at_us=rows[0]["at_us"])
    return Beginning(seq=0, at_us=0) if first is None else None


async def whole_rows(database: Database, workspace_id: int, upto: int) -> tuple[int, int] | None:
    """The first and the last number of the rows that hold nothing behind a number; None where there are none."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT min(first_seq) AS first, max(last_seq) AS last FROM feed WHERE workspace_id = $1 AND last_seq <= $2",
        workspace_id,
        upto,
    )
    return None if rows[0]["first"] is None else (int(rows[0]["first"]), int(rows[0]["last"]))


async def drop_states(database: Database, client: Any, workspace_id: int, before: int) -> None:
    """Delete the states as of numbers before one."""
    sql = "DELETE FROM feed_states WHERE workspace_id = $1 AND seq < $2"
    await execute(database, client, sql, workspace_id, before)


async def drop_some(database: Database, client: Any, workspace_id: int, upto: int) -> int:
    """Delete some of the oldest rows that hold nothing behind a number; how many, 0 once there are none."""
    oldest = f"SELECT last_seq FROM feed WHERE workspace_id = $1 AND last_seq <= $2 ORDER BY last_seq LIMIT {FEW}"  # noqa: S608, ours
    sql = f"DELETE FROM feed WHERE workspace_id = $1 AND last_seq IN ({oldest})"  # noqa: S608, ours
    return await execute(database, client, sql, workspace_id, upto)


async def delete_feed(database: Database, client: Any, workspace_id: int) -> None:
    """Delete what is left of the feed of a workspace, in the transaction that deletes its row."""
    while await drop_some(database, client, workspace_id, 2**62):
        pass
    while await drop_some_states(database, client, workspace_id):
        pass


async def drop_some_states(database: Database, client: Any, workspace_id: int) -> int:
    """Delete some of the oldest past states; how many, 0 once there are none."""
    return await execute(
        database,
        client,
        "DELETE FROM feed_states WHERE workspace_id = $1 AND seq IN"
        " (SELECT seq FROM feed_states WHERE workspace_id = $1 ORDER BY seq LIMIT $2)",
        workspace_id,
        FEW,
    )
