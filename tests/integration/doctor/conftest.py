"""A connection on its way in, with everything between the broker and the bus."""

from collections.abc import AsyncIterator

import pytest

from ofh.store.database import Database
from tests.integration.doctor.patient import Patient
from tests.support.fleet import FleetBench


@pytest.fixture
async def patient(database: Database) -> AsyncIterator[Patient]:
    """A connection that nobody has used."""
    async with FleetBench(database).running() as bench:
        workspace = await bench.workspace("ours")
        yield Patient(bench, await bench.connection(workspace, "c-AbCdEfGh12345678"))
