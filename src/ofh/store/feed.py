"""The feed: every event of every workspace, by the piece, in the order in which they became visible.

Nobody but this module and `feed_keeping` writes statements about the tables `feed` and `feed_states`
(`migrations/0003_feed.py`). A row is what one transaction made happen, or a part of very much, as a body of
`domain/event_json.py`, until it is packed: then it is many of those, compressed as one. Numbers begin with 1 and have
no hole, within a row and from row to row, until the oldest rows go.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from .database import Database
from .statements import fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one transaction made happen, or a part of that."""

    first: int
    """The number of its first event."""
    last: int
    at_us: int
    """When it became visible: microseconds since 1970."""
    body: bytes
    """Its events (`domain/event_json.py`)."""


async def append(database: Database, client: Any, workspace_id: int, piece: Piece) -> None:
    """Keep a piece, in the transaction that gave its events their numbers."""
    await fetch(
        database,
        client,
        "INSERT INTO feed (workspace_id, last_seq, first_seq, begins_us, ends_us, is_packed, body)"
        " VALUES ($1, $2, $3, $4, $4, $5, $6)",
        workspace_id,
        piece.last,
        piece.first,
        piece.at_us,
        False,
        piece.body,
    )


async def head(database: Database, workspace_id: int) -> tuple[int, int] | None:
    """The number of the newest event of a workspace, and when it became visible; None where there is no workspace."""
    found = await heads(database, [workspace_id])
    return found.get(workspace_id)


async def heads(database: Database, workspace_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The numbers of the newest events of workspaces, and when they became visible."""
    places = ", ".join(f"${n}" for n in range(1, len(workspace_ids) + 1))
    rows = await fetch(
        database,
        database.connection,
        f"SELECT id, event_seq, event_us FROM workspaces WHERE id IN ({places})",  # noqa: S608, ours
        *workspace_ids,
    )
    return {row["id"]: (row["event_seq"], row["event_us"]) for row in rows}


async def read(database: Database, workspace_id: int, first: int, last: int) -> list[Piece]:
    """The pieces that hold the events from one number to another, in order; the outer ones may hold more than those."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT first_seq, last_seq, begins_us, is_packed, body FROM feed WHERE workspace_id = $1 AND last_seq >= $2"
        " AND last_seq <= coalesce((SELECT min(last_seq) FROM feed WHERE workspace_id = $1 AND last_seq >= $3), $3)"
        " ORDER BY last_seq",
        workspace_id,
        first,
        last,
    )
    pieces: list[Piece] = []
    for row in rows:
        if row["is_packed"]:
            pieces += [piece for piece in unpack(row["body"]) if piece.last >= first and piece.first <= last]
        else:
            pieces.append(Piece(first=row["first_seq"], last=row["last_seq"], at_us=row["begins_us"], body=row["body"]))
    return pieces


async def number_before(database: Database, workspace_id: int, at_us: int) -> int:
    """The number of the last event that became visible before a time; 0 where none is kept.

    Args:
        at_us: microseconds since 1970.
    """
    rows = await fetch(
        database,
        database.connection,
        "SELECT first_seq, is_packed, body FROM feed WHERE workspace_id = $1 AND ends_us >= $2"
        " ORDER BY ends_us, last_seq LIMIT 1",
        workspace_id,
        at_us,
    )
    for row in rows:
        if row["is_packed"]:
            return next(piece.first for piece in unpack(row["body"]) if piece.at_us >= at_us) - 1
        return int(row["first_seq"]) - 1
    rows = await fetch(
        database,
        database.connection,
        "SELECT last_seq FROM feed WHERE workspace_id = $1 AND ends_us < $2 ORDER BY ends_us DESC, last_seq DESC"
        " LIMIT 1",
        workspace_id,
        at_us,
    )
    return int(rows[0]["last_seq"]) if rows else 0


async def time_of(database: Database, workspace_id: int, seq: int) -> int | None:
    """When an event became visible, microseconds since 1970; None where it is not kept."""
    pieces = await read(database, workspace_id, seq, seq)
    return next((piece.at_us for piece in pieces if piece.first <= seq <= piece.last), None)


def pack(pieces: Sequence[Piece]) -> bytes:
    """Pieces as the body of one row: compressed, a line that says what follows, then the bodies as they were."""
    line = orjson.dumps([[piece.first, piece.last, piece.at_us, len(piece.body)] for piece in pieces])
    return zlib.compress(b"".join([line, b"\n", *(piece.body for piece in pieces)]), 6)


def unpack(body: bytes) -> list[Piece]:
    """The inverse of `pack`."""
    raw = zlib.decompress(body)
    begins = raw.index(b"\n") + 1
    pieces = []
    for first, last, at_us, size in orjson.loads(raw[:begins]):
        pieces.append(Piece(first=first, last=last, at_us=at_us, body=raw[begins : begins + size]))
        begins += size
    return pieces
