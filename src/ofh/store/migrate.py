"""Bringing the database's schema up to date, safely on both kinds.

Tortoise rebuilds a table on SQLite by copying and dropping it while foreign keys are on, which deletes the rows that
refer to it, and forgets the table's indexes. So on SQLite migrations run with foreign keys off, after a copy of the
file was made, and indexes are put back; then keys are checked and rows counted. On PostgreSQL one process migrates at
a time.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
from tortoise.connection import get_connections
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor

from .database import APP, Database

_LOCK = 0x0F1164B
"""Key of PostgreSQL's advisory lock under which a hub migrates."""


class MigrationRefused(Exception):
    """The database after the migration is not what it has to be; the copy made before it is intact."""


async def migrate(database: Database) -> list[str]:
    """Apply what is missing; the database must not be open in this process.

    Returns:
        The names of the migrations that were applied, in order.
    Raises:
        MigrationRefused: on SQLite, rows were lost or keys are broken afterwards.
    """
    if database.dialect == "sqlite":
        return await _migrate_sqlite(database)
    async with _only_one(database):
        return await _apply(database.config())


async def pending(database: Database) -> list[str]:
    """The names of the migrations that `migrate` would apply."""
    async with TortoiseContext() as context:
        await context.init(config=database.config())
        executor = _executor(database.config())
        return [step.migration.name for step in await executor.plan()]


def _executor(config: dict[str, Any]) -> MigrationExecutor:
    ours = config["apps"][APP]
    return MigrationExecutor(get_connections().get(ours["default_connection"]), {APP: ours})


async def _apply(config: dict[str, Any]) -> list[str]:
    applied: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    async with TortoiseContext() as context:
        await context.init(config=config)
        executor = _executor(config)
        await executor.migrate(direction="forward", progress=note)
    return applied


async def _migrate_sqlite(database: Database) -> list[str]:
    path = database.path
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _rows(path)
    names = await pending(database)
    if not names:
        return []
    if before:
        _copy(path, path.with_name(path.name + ".before-migration"))
    applied = await _apply(database.config(foreign_keys="OFF"))
    async with TortoiseContext() as context:
        await context.init(config=database.config(foreign_keys="OFF"))
        await context.generate_schemas(safe=True)  # only the indexes that a rebuild forgot are missing
    with closing(sqlite3.connect(path)) as connection:
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    lost = {table: count for table, count in before.items() if _rows(path).get(table, 0) < count}
    if broken or lost:
        raise MigrationRefused(
            f"After the migration {len(broken)} keys are broken and rows are missing in {sorted(lost) or 'no table'}; "
            f"the copy {path.name}.before-migration is intact."
        )
    return applied


def _rows(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608, from the catalogue
            for table in tables
            if not table.startswith(("sqlite_", "tortoise_"))
        }


def _copy(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


@asynccontextmanager
async def _only_one(database: Database) -> AsyncIterator[None]:
    """Hold the lock on a connection of its own: the pool's may change between statements."""
    connection = await asyncpg.connect(database.url.replace("postgres://", "postgresql://", 1), timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        yield
    finally:
        await connection.close()
