"""`ofh history prune` shows what would go, does what it showed, and gets along with a running hub."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ofh.store.database import Database
from ofh.store.models import Drone, Workspace
from tests.conftest import BOTH_WAYS
from tests.integration.cli.commands import Place
from tests.support.history import history_of, history_row, store


@pytest.fixture(params=BOTH_WAYS)
def here(request: pytest.FixtureRequest) -> Place:
    """Where the command is tried: embedded, and with PostgreSQL."""
    found: Place = request.getfixturevalue("services" if request.param == "services" else "migrated")
    return found


async def opened(place: Place) -> Database:
    """The place's database, with a drone that flew for a minute 95 and 20 days ago."""
    url = place.settings.get("OFH_DATABASE_URL", f"sqlite://{place.folder / 'data' / 'hub.db'}")
    database = Database(url)
    await database.open()
    now = datetime.now(UTC).replace(minute=10)  # so that a minute is all in one hour
    workspace = await Workspace.create(uuid=uuid4(), name="Lake", created_at=now, history_days=300)
    await Workspace.create(uuid=uuid4(), name="Hill", created_at=now)
    drone = await Drone.create(serial_number="AC", type=67, workspace_id=workspace.id, created_at=now)
    ages = [timedelta(days=days) for days in (301, 95, 20)]
    await store(
        database,
        [
            history_row(now - age + timedelta(seconds=second), drone_id=drone.id, latitude=50 + second / 1e5)
            for age in ages
            for second in range(60)
        ],
    )
    return database


async def test_what_the_dry_run_shows_is_what_goes(here: Place) -> None:
    database = await opened(here)
    shown = (await here.ofh("history", "prune", "--dry-run", "--json")).answer
    lake = {"id": 1, "name": "Lake", "days": 300, "drones": 1, "dropped": 60, "thinned": 52}
    lake |= {"flights": 0, "events": 0, "alerts": 0, "feed": 0}
    hill = {**lake, "id": 2, "name": "Hill", "days": 400, "drones": 0, "dropped": 0, "thinned": 0}
    assert shown == {"dry_run": True, "partitions": {}, "workspaces": [lake, hill]}
    assert len(await history_of(database)) == 180
    assert (await here.ofh("history", "prune", "--json")).answer == {**shown, "dry_run": False}
    assert len(await history_of(database)) == 68
    again = (await here.ofh("history", "prune", "--json")).answer
    assert again["workspaces"] == [{**lake, "drones": 0, "dropped": 0, "thinned": 0}, hill]
    await database.close()


async def test_people_read_a_table(migrated: Place) -> None:
    database = await opened(migrated)
    ended = await migrated.ofh("history", "prune", "--dry-run", OFH_HISTORY_DAYS="50", OFH_HISTORY_FULL_DAYS="10")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    columns = ["workspace", "name", "days", "drones", "dropped", "thinned", "flights", "events", "alerts"]
    columns += ["feed"]
    assert lines[1].split() == columns
    assert lines[2].split() == ["1", "Lake", "300", "1", "60", "104", "0", "0", "0", "0"]
    assert lines[3].split() == ["2", "Hill", "50", "0", "0", "0", "0", "0", "0", "0"]
    assert lines[-1].startswith("Nothing was changed.")
    await database.close()


async def test_a_running_hub_is_no_hindrance_and_prunes_by_itself(migrated: Place) -> None:
    database = await opened(migrated)
    async with migrated.running("serve") as hub:
        await hub.says("history pruned")
        again = await migrated.ofh("history", "prune", "--json")
        assert [row["dropped"] + row["thinned"] for row in again.answer["workspaces"]] == [0, 0]
    assert len(await history_of(database)) == 68
    await database.close()
