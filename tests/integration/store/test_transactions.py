"""A transaction that is cancelled, or cannot begin, leaves the database usable."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import asyncpg
import pytest

from ofh.domain.errors import Code, HubError
from ofh.store import database as database_module
from ofh.store.database import Database, away
from ofh.store.models import User

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PATIENCE_S = 20


async def test_a_transaction_cancelled_at_any_turn_frees_the_connection(database: Database) -> None:
    async def work() -> None:
        async with database.transaction():
            await User.create(email=f"{asyncio.current_task()!r}"[:200], name="A", created_at=NOW)
            await asyncio.sleep(0)
            raise RuntimeError("never committed")

    for turns in range(25):
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            assert await User.all().count() == 0
    async with asyncio.timeout(PATIENCE_S), database.transaction():
        await User.create(email="a@example.org", name="A", created_at=NOW)
    assert await User.all().count() == 1


async def test_a_write_lock_held_by_another_process_passes(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database_module.SQLITE_PRAGMAS, "busy_timeout", 100)
    path = tmp_path_factory.mktemp("locked") / "hub.db"
    database = Database(f"sqlite://{path}")
    await database.migrate()
    await database.open()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(HubError) as refusal:
                async with database.transaction():
                    pass
            assert refusal.value.code is Code.UNAVAILABLE
            other.execute("ROLLBACK")
        async with asyncio.timeout(PATIENCE_S), database.transaction():
            await User.create(email="a@example.org", name="A", created_at=NOW)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("error", "is_away"),
    [
        (ConnectionResetError(), True),
        (OSError("Multiple exceptions: connect failed"), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.exceptions._base.InternalClientError("cannot switch to state 15"), True),
        (asyncpg.exceptions.DataError("value out of range"), False),
        (PermissionError(13, "denied"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_passes_counts_as_away(error: Exception, is_away: bool) -> None:
    assert (away(error) is not None) is is_away
