"""What every test may ask for: a fresh database of either kind."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

from ofh.store.database import Database
from ofh.store.migrate import migrate

if TYPE_CHECKING:
    from tests.support.services import PostgresServer

# Imported by pytest, which wants to be the first; hence imports below.
pytest_plugins = ["tests.support.services", "tests.support.s3"]

# How long an example takes says something about the machine alone.
hypothesis.settings.register_profile("ofh", deadline=None)
hypothesis.settings.load_profile("ofh")

BOTH_WAYS = ["embedded", pytest.param("services", marks=pytest.mark.services)]


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command run within the tests' process sets up logging; the next test must not notice."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating anew for every test would only cost time."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate(Database(f"sqlite://{path}")))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: "PostgresServer") -> Iterator[str]:
    """The same on PostgreSQL."""
    url = postgres_server.create_database()
    asyncio.run(migrate(Database(url)))
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def services_database_url(postgres_server: "PostgresServer", migrated_postgres: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    url = postgres_server.create_database(template=migrated_postgres)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=BOTH_WAYS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path) -> str:
    """Where a migrated, empty database of the test's own is."""
    if request.param == "services":
        url: str = request.getfixturevalue("services_database_url")
        return url
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


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """Other people's GraphQL clients: the packages of `compat/clients/graphql`, installed from its lock."""
    from tests.support.hubs import CLIENTS
    from tests.support.npm import install

    return install(CLIENTS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test wrote, in a form that can be sent from process to process: tests write lone surrogates on purpose."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names of tests that every terminal and every line between processes can carry."""
    return None if not isinstance(val, str) or val.isascii() else ascii(val)[1:-1]
