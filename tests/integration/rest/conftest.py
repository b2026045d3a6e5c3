"""The REST operations, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.store.database import Database
from tests.integration.rest.door import Door, opened
from tests.support.media import MediaBench


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[MediaBench]:
    async with MediaBench(database, tmp_path).running() as running:
        yield running


@pytest.fixture
async def door(bench: MediaBench) -> AsyncIterator[Door]:
    async with opened(bench) as made:
        yield made
