"""Controllers of two workspaces and the server that they call."""

from collections.abc import AsyncIterator

import pytest

from ofh.edges.pilot.socket import SocketLimits
from ofh.store.database import Database
from tests.integration.awareness.site import Site
from tests.integration.pilot.house import LinkHouse
from tests.support.fleet import FleetBench


@pytest.fixture
def limits() -> SocketLimits:
    """What a test overrides where it wants other ones."""
    return SocketLimits()


@pytest.fixture
async def site(database: Database, limits: SocketLimits) -> AsyncIterator[Site]:
    house = LinkHouse(database)
    await house.mail.start()
    await house.settle()
    async with FleetBench(database).running() as bench, Site(house, bench, limits).serving() as serving:
        yield serving
    await house.mail.stop()
    await house.close()
