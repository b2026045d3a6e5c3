"""What every test may ask for: a fresh database of either kind."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.store.database import Database
from ofh.store.migrate import migrate

pytest_plugins = ["tests.support.services"]

BOTH_WAYS = ["embedded", pytest.param("services", marks=pytest.mark.services)]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating anew for every test would only cost time."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate(Database(f"sqlite://{path}")))
    return path


@pytest.fixture(params=BOTH_WAYS)
async def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path) -> str:
    """Where a migrated, empty database of the test's own is."""
    if request.param == "services":
        database = Database(request.getfixturevalue("postgres_url"))
        await migrate(database)
        return database.url
    path = tmp_path / "hub.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite://{path}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database: SQLite in `embedded`, PostgreSQL in `services`."""
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()
