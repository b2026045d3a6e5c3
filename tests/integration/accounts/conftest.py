"""The account services on a fresh database of either kind."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.accounts.house import House


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    """Everything put together, with nobody in it."""
    built = House(database)
    await built.mail.start()
    yield built
    await built.mail.stop()
    await built.close()
