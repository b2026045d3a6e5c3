"""What the two databases want written differently in a hand-written statement.

Statements are written in PostgreSQL's way, with `$1` for the first argument; `fetch` and `run_many` put them right
for SQLite, which numbers arguments `?1` and keeps times as text in Tortoise's form.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .database import Database

_ARGUMENT = re.compile(r"\$(\d+)(::\w+(\[\])?)?")


def statement(database: Database, sql: str) -> str:
    """The statement in the words of the database."""
    return sql if database.dialect == "postgresql" else _ARGUMENT.sub(r"?\1", sql)


def argument(database: Database, value: Any) -> Any:
    """A value as the database's driver takes it."""
    if database.dialect == "sqlite" and isinstance(value, datetime):
        return value.isoformat(" ")
    return value


def time_of(value: Any) -> datetime | None:
    """A time as either driver gives it, aware UTC."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)


async def fetch(database: Database, client: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a query, or of a statement with RETURNING."""
    rows: list[dict[str, Any]] = await client.execute_query_dict(
        statement(database, sql), [argument(database, value) for value in values]
    )
    return rows


async def run_many(database: Database, client: Any, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement for every row, in one trip."""
    if rows:
        await client.execute_many(
            statement(database, sql), [[argument(database, value) for value in row] for row in rows]
        )


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
