"""Connection links on a fresh database of either kind."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.pilot.house import LinkHouse


@pytest.fixture
async def house(database: Database) -> AsyncIterator[LinkHouse]:
    """A workspace with a connection, and nobody logged in to it."""
    built = LinkHouse(database)
    await built.mail.start()
    await built.settle()
    yield built
    await built.mail.stop()
    await built.close()
