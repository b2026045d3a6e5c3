"""The people, their workspaces and the server that they call."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.edges.live.socket import SocketLimits
from ofh.store.database import Database
from tests.integration.accounts.house import House
from tests.integration.live.site import Site
from tests.support.fleet import START, FleetBench
from tests.support.media import MediaBench


@pytest.fixture
def database_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """One kind of database will do: what reads and writes it is tried on both elsewhere."""
    path = tmp_path / "hub.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite://{path}"


@pytest.fixture
def limits() -> SocketLimits:
    """What a test overrides where it wants other ones."""
    return SocketLimits()


@pytest.fixture
async def site(database: Database, tmp_path: Path, limits: SocketLimits) -> AsyncIterator[Site]:
    house = House(database)
    house.clock.now = START
    media = MediaBench(database, tmp_path)
    async with FleetBench(database, media.bus).running() as bench:
        made = Site(house, bench, media, limits)
        await made.settle()
        async with made.serving() as serving:
            yield serving
    media.reception.stop()
    await house.close()
