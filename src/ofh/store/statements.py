"""What the two databases want written differently in a hand-written statement.

Statements are written in PostgreSQL's way, with `$1` for the first argument; `fetch` and `run_many` put them right
for SQLite, whose driver takes arguments in the order of their places alone and keeps times as text in Tortoise's form.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from .database import Database

_ARGUMENT = re.compile(r"\$(\d+)(::\w+(\[\])?)?")


def statement(database: Database, sql: str) -> str:
    """The statement in the words of the database."""
    return sql if database.dialect == "postgresql" else _in_places(sql)[0]


@lru_cache(maxsize=512)
def _in_places(sql: str) -> tuple[str, list[int]]:
    """A statement with its arguments told by their places alone, and which they are."""
    return _ARGUMENT.sub("?", sql), [int(found[1]) - 1 for found in _ARGUMENT.finditer(sql)]


def arguments(database: Database, sql: str, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The values of a statement, written in PostgreSQL's way, as the database's driver takes them, row by row."""
    if database.dialect == "postgresql":
        return [list(row) for row in rows]
    _, places = _in_places(sql)
    return [
        [value.isoformat(" ") if isinstance(value := row[place], datetime) else value for place in places]
        for row in rows
    ]


def time_of(value: Any) -> datetime | None:
    """A time as either driver gives it, aware UTC."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)


async def fetch(database: Database, client: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a query, or of a statement with RETURNING."""
    (row,) = arguments(database, sql, [values])
    rows: list[dict[str, Any]] = await client.execute_query_dict(statement(database, sql), row)
    return rows


async def run_many(database: Database, client: Any, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement for every row, in one trip."""
    if rows:
        await client.execute_many(statement(database, sql), arguments(database, sql, rows))


async def lock_names(database: Database, client: Any, names: Sequence[str]) -> None:
    """Make transactions that name one of these wait for each other; on SQLite they do anyway.

    For what has no row to lock yet. Taken in a fixed order, so that nobody waits in a circle.
    """
    if database.dialect == "postgresql":
        await client.execute_query(
            "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(name, 0) AS key"
            " FROM unnest($1::text[]) AS name ORDER BY 1) AS keys",
            [list(names)],
        )
