"""Files and media, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.store.database import Database
from tests.support.media import UUID_OF_CAPTURES, MediaBench, Place


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[MediaBench]:
    async with MediaBench(database, tmp_path).running() as running:
        yield running


@pytest.fixture
async def place(bench: MediaBench) -> Place:
    """The workspace of the captures."""
    return await bench.place("Captures", UUID_OF_CAPTURES)
