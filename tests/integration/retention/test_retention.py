"""History is dropped and thinned by age, whatever happens meanwhile, and no more than that."""

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from ofh.services.retention import Pruning, Retention, RetentionRules, WorkspacePruning
from ofh.store import history, pruning, weeks
from ofh.store.database import Database
from ofh.store.history import HistoryRow
from ofh.store.models import Alert, Drone, Flight, StoredEvent, Workspace
from tests.support.history import history_of, history_row, store

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
RULES = RetentionRules(history=timedelta(days=40), full=timedelta(days=10))


def ago(days: float) -> datetime:
    """So many days before now."""
    return NOW - timedelta(days=days)


@dataclass
class Keeper:
    """Retention with a clock that tests set, and what it is tried on."""

    database: Database
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.retention = Retention(self.database, lambda: self.now, RULES, pause_s=0)
        self._serials = 0

    async def workspace(self, days: int | None = None) -> int:
        row = await Workspace.create(uuid=uuid4(), name="W", created_at=NOW, history_days=days)
        return int(row.id)

    async def drone(self, workspace_id: int) -> int:
        self._serials += 1
        row = await Drone.create(serial_number=f"AC{self._serials}", type=67, workspace_id=workspace_id, created_at=NOW)
        return int(row.id)

    async def flight(self, workspace_id: int, drone_id: int, start: datetime, end: datetime | None) -> int:
        row = await Flight.create(
            workspace_id=workspace_id,
            drone_id=drone_id,
            open_drone_id=drone_id if end is None else None,
            phase="ended" if end else "airborne",
            started_at=start,
            last_at=end or start,
            landed_at=end,
            ended_at=end,
        )
        return int(row.id)

    async def events(self, workspace_id: int, *times: datetime) -> None:
        for seq, at in enumerate(times, 1):
            await StoredEvent.create(workspace_id=workspace_id, seq=seq, kind="online", at=at)

    async def prune(self) -> Pruning:
        """For real; what the trial before it promised is what went."""
        promised = await self.retention.prune(is_trial=True)
        before = await history_of(self.database)
        assert before == await history_of(self.database)
        done = await self.retention.prune()
        assert done == promised
        return done

    async def seconds_of(self, drone_id: int, since: datetime) -> list[float]:
        return [(row.reported_at - since).total_seconds() for row in await history_of(self.database, drone_id)]


@pytest.fixture
def keeper(database: Database) -> Keeper:
    return Keeper(database)


def flown(drone_id: int, start: datetime, seconds: int, *, step: float = 1) -> list[HistoryRow]:
    """A flight in circles that grow, one fix a second."""
    return [
        history_row(
            start + timedelta(seconds=n * step),
            drone_id=drone_id,
            digest=n,
            longitude=9.0 + n * 1e-6 * math.sin(n / 40),
            latitude=50.0 + n * 1e-6 * math.cos(n / 40),
            height=500.0 + 20 * math.sin(n / 300),
        )
        for n in range(seconds)
    ]


async def test_each_workspace_keeps_its_history_for_its_own_time(keeper: Keeper) -> None:
    drones = {days or 40: await keeper.drone(await keeper.workspace(days)) for days in (None, 5, 300)}
    ages = (301, 299, 41, 39, 6, 4, 0.1)
    for drone_id in drones.values():
        await store(keeper.database, [history_row(ago(age), drone_id=drone_id) for age in ages])
    done = await keeper.prune()
    for days, drone_id in drones.items():
        kept = [row.reported_at for row in await history_of(keeper.database, drone_id)]
        assert kept == [ago(age) for age in ages if age <= days]
    assert [found.days for found in done.workspaces] == [40, 5, 300]
    assert [(found.drones, found.dropped) for found in done.workspaces] == [(1, 3), (1, 5), (1, 1)]


@pytest.mark.services
async def test_a_process_whose_clock_is_ahead_deletes_nothing(services_database_url: str) -> None:
    database = Database(services_database_url)
    await database.open()
    today = datetime.now(UTC)
    keeper = Keeper(database, now=today + timedelta(days=400))
    drone = await keeper.drone(await keeper.workspace())
    await store(database, [history_row(today - timedelta(days=age), drone_id=drone) for age in (39, 1)])
    assert (await keeper.prune()).partitions == {}
    assert len(await history_of(database, drone)) == 2
    await database.close()


@pytest.mark.services
async def test_partitions_go_once_no_workspace_wants_them(services_database_url: str) -> None:
    database = Database(services_database_url)
    await database.open()
    keeper = Keeper(database)
    drones = [await keeper.drone(await keeper.workspace(days)) for days in (None, 60)]
    ages = (100, 80, 45, 20)
    for drone_id in drones:
        await store(database, [history_row(ago(age), drone_id=drone_id) for age in ages])
    done = await keeper.prune()
    assert sorted(done.partitions) == [weeks.name_of(weeks.week_of(ago(age))) for age in (100, 80)]
    assert [found.dropped for found in done.workspaces] == [1, 0]
    left = await weeks.existing(database, database.connection)
    assert left == {weeks.week_of(ago(age)) for age in (45, 20)}
    assert [row.reported_at for row in await history_of(database, drones[0])] == [ago(20)]
    assert [row.reported_at for row in await history_of(database, drones[1])] == [ago(45), ago(20)]
    await database.close()


@pytest.mark.services
async def test_a_partition_that_is_being_read_stays_and_holds_up_nobody(services_database_url: str) -> None:
    database = Database(services_database_url)
    await database.open()
    keeper = Keeper(database)
    drone_id = await keeper.drone(await keeper.workspace())
    await store(database, [history_row(ago(100), drone_id=drone_id), history_row(ago(1), drone_id=drone_id)])
    reader = await asyncpg.connect(services_database_url)
    async with reader.transaction():
        await reader.execute("SELECT count(*) FROM telemetry")
        pruned, _ = await asyncio.gather(
            keeper.retention.prune(), store(database, [history_row(ago(0.5), drone_id=drone_id)])
        )
    await reader.close()
    assert pruned.partitions == {}
    assert len(await history_of(database, drone_id)) == 3
    assert set((await keeper.retention.prune()).partitions) == {weeks.name_of(weeks.week_of(ago(100)))}
    assert len(await history_of(database, drone_id)) == 2
    await database.close()


async def test_old_flights_and_events_go_and_open_flights_never(keeper: Keeper) -> None:
    workspace_id, other = await keeper.workspace(), await keeper.workspace(300)
    drones = [await keeper.drone(workspace_id) for _ in range(2)]
    old = await keeper.flight(workspace_id, drones[0], ago(50), ago(49))
    across = await keeper.flight(workspace_id, drones[0], ago(40.1), ago(39.9))
    still = await keeper.flight(workspace_id, drones[1], ago(60), None)
    theirs = await keeper.flight(other, await keeper.drone(other), ago(50), ago(49))
    await keeper.events(workspace_id, ago(90), ago(41), ago(39))
    await keeper.events(other, ago(90))
    done = await keeper.prune()
    assert {row.id for row in await Flight.all()} == {across, still, theirs}
    assert old not in {row.id for row in await Flight.all()}
    kept = [(row.workspace_id, row.seq) for row in await StoredEvent.all().order_by("workspace_id", "seq")]
    assert kept == [(workspace_id, 3), (other, 1)]
    assert [(found.flights, found.events) for found in done.workspaces] == [(1, 2), (0, 0)]


async def test_alerts_go_once_they_have_cleared_long_ago_and_open_ones_never(keeper: Keeper) -> None:
    workspace_id, other = await keeper.workspace(), await keeper.workspace(300)

    async def alert(workspace: int, raised: datetime, cleared: datetime | None) -> int:
        row = await Alert.create(
            workspace_id=workspace,
            kind="HEIGHT",
            message="Too high.",
            drone_id=await keeper.drone(workspace),
            open_key=None if cleared else "1",
            raised_at=raised,
            cleared_at=cleared,
        )
        return int(row.id)

    await alert(workspace_id, ago(50), ago(41))
    kept = {
        await alert(workspace_id, ago(50), ago(39)),
        await alert(workspace_id, ago(60), None),
        await alert(other, ago(50), ago(41)),
    }
    done = await keeper.prune()
    assert {row.id for row in await Alert.all()} == kept
    assert [found.alerts for found in done.workspaces] == [1, 0]


async def test_old_history_is_thinned_and_keeps_its_shape(keeper: Keeper) -> None:
    workspace_id = await keeper.workspace()
    old, new = await keeper.drone(workspace_id), await keeper.drone(workspace_id)
    start = ago(20).replace(minute=10)
    rows = flown(old, start, 2 * 3600)
    await store(keeper.database, rows)
    await store(keeper.database, flown(new, ago(9), 60))
    done = await keeper.prune()
    left = await history_of(keeper.database, old)
    assert 700 <= len(left) <= 740
    assert (done.workspaces[0].drones, done.workspaces[0].thinned) == (1, len(rows) - len(left))
    for values in ("longitude", "latitude", "height"):
        assert min(getattr(row, values) for row in left) == min(getattr(row, values) for row in rows)
        assert max(getattr(row, values) for row in left) == max(getattr(row, values) for row in rows)
    assert (left[0].reported_at, left[-1].reported_at) == (rows[0].reported_at, rows[-1].reported_at)
    assert max(b.reported_at - a.reported_at for a, b in pairwise(left)) < timedelta(seconds=40)
    assert len(await history_of(keeper.database, new)) == 60


async def test_what_was_thinned_is_not_thinned_again(keeper: Keeper) -> None:
    drone_id = await keeper.drone(await keeper.workspace())
    await store(keeper.database, flown(drone_id, ago(20), 5000))
    await keeper.prune()
    left = await history_of(keeper.database, drone_id)
    assert (await keeper.prune()).workspaces[0].thinned == 0
    await Drone.all().update(thinned_until=None)  # not even where it is looked at again
    assert (await keeper.prune()).workspaces[0].thinned == 0
    assert await history_of(keeper.database, drone_id) == left


async def test_thinned_history_has_the_first_and_last_fix_of_each_flight(keeper: Keeper) -> None:
    workspace_id = await keeper.workspace()
    drone_id = await keeper.drone(workspace_id)
    start = ago(20)
    await store(keeper.database, flown(drone_id, start, 3000))
    for first, last in ((303, 404), (717, 1213), (2001, 2002)):
        await keeper.flight(workspace_id, drone_id, start + timedelta(seconds=first), start + timedelta(seconds=last))
    await keeper.prune()
    assert {303, 404, 717, 1213, 2001, 2002} <= set(await keeper.seconds_of(drone_id, start))


async def test_sparse_history_loses_only_what_no_track_shows(keeper: Keeper) -> None:
    drone_id = await keeper.drone(await keeper.workspace())
    start = ago(20)
    rows = flown(drone_id, start, 100, step=15)
    rows.append(history_row(start + timedelta(seconds=7), drone_id=drone_id, longitude=None, battery_percent=50.0))
    await store(keeper.database, rows)
    assert (await keeper.prune()).workspaces[0].thinned == 1
    assert await keeper.seconds_of(drone_id, start) == [15 * n for n in range(100)]


async def test_history_is_thinned_on_as_it_grows_old(keeper: Keeper) -> None:
    drone_id = await keeper.drone(await keeper.workspace())
    for age in (20, 9.2, 8):
        await store(keeper.database, flown(drone_id, ago(age), 300))
    counts = []
    for _ in range(4):
        await keeper.prune()
        counts.append(len(await history_of(keeper.database, drone_id)))
        keeper.now += timedelta(days=1)
    assert counts == [630, 630, 360, 90]  # each from the midnight on that follows its tenth day


async def test_batches_may_be_small_and_moments_crowded(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 7)
    monkeypatch.setattr(pruning, "FEW", 2)
    workspace_id = await keeper.workspace(5)
    await keeper.workspace(300)  # so no partition goes
    drone_id = await keeper.drone(workspace_id)
    crowd = [history_row(ago(20), drone_id=drone_id, digest=n) for n in range(30)]
    await store(keeper.database, [*crowd, *flown(drone_id, ago(19), 40), *flown(drone_id, ago(1), 3)])
    for n in range(5):
        await keeper.flight(workspace_id, drone_id, ago(30 + n), ago(29 + n))
    await keeper.events(workspace_id, *(ago(9) for _ in range(5)), ago(1))
    found, _ = (await keeper.prune()).workspaces
    assert (found.dropped, found.flights, found.events) == (70, 5, 5)
    assert len(await history_of(keeper.database)) == 3


class Killed(Exception):
    """What a killed process feels."""


@pytest.mark.parametrize("step", ["thin_some", "drop_some"])
async def test_a_run_that_was_killed_is_finished_by_the_next(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 500)
    workspace_id = await keeper.workspace(30)
    await keeper.workspace(300)  # so no partition goes
    drones = [await keeper.drone(workspace_id) for _ in range(2)]
    for drone_id in drones:
        await store(keeper.database, [*flown(drone_id, ago(35), 1200), *flown(drone_id, ago(20), 5 * 3600, step=3)])
    real = getattr(pruning, step)
    calls = 0

    async def killed(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        done = await real(*arguments, **more)
        if calls == 3:
            raise Killed
        return done

    promised = await keeper.retention.prune(is_trial=True)
    before = len(await history_of(keeper.database))
    monkeypatch.setattr(pruning, step, killed)
    with pytest.raises(Killed):
        await keeper.retention.prune()
    between = len(await history_of(keeper.database))
    assert between < before
    await keeper.retention.prune()
    left = len(await history_of(keeper.database))
    assert left < between
    gone = sum(found.dropped + found.thinned for found in promised.workspaces)
    assert before - left == gone


async def test_two_processes_at_once_prune_what_one_would(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 300)
    drone_id = await keeper.drone(await keeper.workspace(30))
    await keeper.workspace(300)  # so no partition goes
    await store(keeper.database, [*flown(drone_id, ago(35), 1000), *flown(drone_id, ago(20), 4000)])
    promised, _ = (await keeper.retention.prune(is_trial=True)).workspaces
    other = Keeper(keeper.database)
    done = await asyncio.gather(keeper.retention.prune(), other.retention.prune())
    found = [both for pruned in done for both in pruned.workspaces]
    assert sum(each.dropped for each in found) == promised.dropped
    assert sum(each.thinned for each in found) == promised.thinned
    assert len(await history_of(keeper.database)) == 5000 - promised.dropped - promised.thinned


async def test_a_trial_changes_nothing(keeper: Keeper) -> None:
    workspace_id = await keeper.workspace(30)
    drone_id = await keeper.drone(workspace_id)
    await store(keeper.database, [*flown(drone_id, ago(100), 50), *flown(drone_id, ago(20), 500)])
    await keeper.flight(workspace_id, drone_id, ago(90), ago(89))
    await keeper.events(workspace_id, ago(90))
    before = await history_of(keeper.database)
    await keeper.retention.prune(is_trial=True)
    assert await history_of(keeper.database) == before
    assert (await Flight.all().count(), await StoredEvent.all().count()) == (1, 1)
    assert (await Drone.get(id=drone_id)).thinned_until is None


async def test_without_history_nothing_goes(keeper: Keeper) -> None:
    workspace_id = await keeper.workspace()
    await keeper.drone(workspace_id)
    assert await keeper.prune() == Pruning(workspaces=[WorkspacePruning(id=workspace_id, name="W", days=40)])


@pytest.mark.services
async def test_housekeeping_makes_the_partitions_of_this_week_and_the_next(services_database_url: str) -> None:
    database = Database(services_database_url)
    await database.open()
    await Retention(database, lambda: NOW).run()
    expected = {weeks.week_of(NOW), weeks.week_of(NOW + weeks.WEEK)}
    assert await weeks.existing(database, database.connection) == expected
    await database.close()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The lines that retention logs."""
    import ofh.services.retention as module

    lines: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def info(self, event: str, **fields: Any) -> None:
            lines.append((event, fields))

    monkeypatch.setattr(module, "log", Log())
    return lines


async def test_the_log_says_what_went_and_is_silent_otherwise(
    keeper: Keeper, logged: list[tuple[str, dict[str, Any]]]
) -> None:
    drone_id = await keeper.drone(await keeper.workspace())
    await store(keeper.database, flown(drone_id, ago(20), 50))
    await keeper.retention.run()
    await keeper.retention.run()
    [(event, fields)] = logged
    assert event == "history pruned"
    others = {"partitions": [], "dropped": 0, "flights": 0, "events": 0, "alerts": 0, "feed": 0}
    assert fields == {**others, "thinned": 42}


async def test_history_is_thinned_by_the_hour_whatever_the_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run that was interrupted anywhere leaves what an uninterrupted one would."""
    start = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
    kept = []
    for drone_id, batch in ((1, 10), (2, 100_000)):
        await store(database, flown(drone_id, start, 3 * 3600, step=1))
        end, until = start + timedelta(days=1), start
        while until < end:
            async with database.transaction() as client:
                monkeypatch.setattr(pruning, "BATCH", batch)
                _, until = await pruning.thin_some(database, client, drone_id, until, end)
        kept.append([row.reported_at for row in await history_of(database, drone_id)])
    assert kept[0] == kept[1]
    assert await history.count(database, 1, start, start + timedelta(hours=1)) < 370
