"""The downloads, on both databases."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.exports.place import Place, build


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    async with build(database) as built:
        yield built
