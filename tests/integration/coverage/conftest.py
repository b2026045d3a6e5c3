"""Coverages and what is made of them, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.store.database import Database
from tests.integration.coverage.survey import Survey
from tests.support.media import MediaBench


@pytest.fixture
async def survey(database: Database, tmp_path: Path) -> AsyncIterator[Survey]:
    async with MediaBench(database, tmp_path).running() as bench:
        yield await Survey.of(bench)
