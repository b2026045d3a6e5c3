"""A drone whose controller can stream."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.streams.studio import Studio, opened


@pytest.fixture
async def studio(database: Database) -> AsyncIterator[Studio]:
    """Ready to stream."""
    async with opened(database) as ready:
        yield ready
