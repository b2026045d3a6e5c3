"""When events become visible: in order, and by one clock."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog

from ofh.domain.devices import micros
from ofh.domain.events import PresenceChanged
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import Drone, Workspace

HOUR = timedelta(hours=1)


async def happens(database: Database, drone: Drone, now: datetime) -> int:
    """Something happens by the clock of some process; when it became visible."""
    event = PresenceChanged(workspace_id=drone.workspace_id, drone_id=drone.id, at=now, online=True)
    async with database.transaction() as client:
        await journal.append(database, client, {drone.workspace_id: [event]}, now)
    return int((await Workspace.get(id=drone.workspace_id)).event_us)


@pytest.fixture
async def drone(database: Database) -> Drone:
    now = datetime.now(UTC)
    workspace = await Workspace.create(uuid=uuid4(), name="W", created_at=now)
    return await Drone.create(serial_number="AC", type=67, workspace_id=workspace.id, created_at=now)


async def test_a_process_whose_clock_is_ahead_holds_up_no_time(database: Database, drone: Drone) -> None:
    now = datetime.now(UTC)
    with structlog.testing.capture_logs() as said:
        first = await happens(database, drone, now + HOUR)
        second = await happens(database, drone, datetime.now(UTC))
        third = await happens(database, drone, now + HOUR)
    assert first <= second <= third
    words = [entry for entry in said if entry["event"].startswith("clocks differ")]
    assert len(words) == 1
    if database.dialect == "postgresql":
        assert micros(now) <= first
        assert third < micros(now + HOUR)
        assert words[0]["this_machine_ahead_of_the_database_s"] in (3599, 3600)
        assert await journal.time_of_feed(database, database.connection, now + HOUR) < micros(now + HOUR)
    else:  # one process, one clock: all that can be held is the order
        assert first == second == third == micros(now + HOUR)
        assert words[0]["feed_ahead_of_the_database_s"] >= 3590


async def test_a_process_whose_clock_is_behind_makes_no_time_go_back(database: Database, drone: Drone) -> None:
    now = datetime.now(UTC)
    first = await happens(database, drone, now)
    assert await happens(database, drone, now - HOUR) == first
    assert await happens(database, drone, now + timedelta(milliseconds=1)) > first
