"""A site on a fresh database of either kind."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.alerts.site import Site


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    """The services, and nobody there yet."""
    made = Site(database)
    await made.bus.start()
    yield made
    await made.bus.stop()
