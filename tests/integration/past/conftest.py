"""A workspace whose past is looked at, on both databases."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.past.site import Site, site_of
from tests.support.fleet import FleetBench


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    async with FleetBench(database).running() as bench:
        yield await site_of(bench)
