"""Connections to PostgreSQL go back to their pool as they are: nothing of ours may be left on one."""

import asyncio
import re
from pathlib import Path

import ofh
from ofh.store.database import Database
from ofh.store.statements import lock_names

PATIENCE_S = 60
LOOK = (
    "SELECT current_setting('lock_timeout'), current_setting('enable_sort'),"
    " (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),"
    " (SELECT count(*) FROM pg_cursors WHERE name <> ''), (SELECT count(*) FROM numbers)"
)


async def test_of_a_transaction_that_is_cancelled_nothing_is_left_on_its_connection(postgres_url: str) -> None:
    database = Database(postgres_url, pool_size=1)
    await database.open()
    try:
        await database.connection.execute_query("CREATE TABLE numbers (number bigint)")

        async def work() -> None:
            async with database.transaction() as client:
                await client.execute_script("SET LOCAL enable_sort = off; SET LOCAL lock_timeout = 1234")
                await lock_names(database, client, ["one", "another"])
                rows = [(number,) for number in range(2_000)]
                await client._connection.copy_records_to_table("numbers", records=rows, columns=["number"])
                async for _ in client._connection.cursor("SELECT number FROM numbers", prefetch=100):
                    pass
                await client.execute_query("SELECT pg_sleep(60)")

        async with asyncio.timeout(PATIENCE_S):
            for turn in range(20):
                task = asyncio.create_task(work())
                await asyncio.sleep(turn / 1_000)  # wherever it has come by then
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                _, [row] = await database.connection.execute_query(LOOK)
                assert tuple(row) == ("0", "on", 0, 0, 0)
    finally:
        await database.close()


def test_no_statement_sets_or_holds_anything_beyond_its_transaction() -> None:
    lasting = re.compile(
        r'"\s*(SET (?!LOCAL\b)(SESSION )?\w+ (=|TO)|LISTEN|PREPARE|CREATE TEMP)|pg_advisory_lock|set_config\(', re.ASCII
    )
    found = {
        path.name: lasting.findall(path.read_text())
        for path in (Path(ofh.__file__).parent / "store").rglob("*.py")
        if lasting.search(path.read_text())
    }
    assert set(found) == {"migrate.py"}, "which has a connection of its own"
