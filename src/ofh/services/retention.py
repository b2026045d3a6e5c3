"""How long the history is kept: at first whole, then thinned, then not at all.

Housekeeping runs this once an hour in every process, and the command line when somebody wants to. All of it goes in
small transactions with pauses in between, so that reports are stored meanwhile; whatever a killed run has left over
the next one finds. Once more changes nothing more.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from ofh.domain.devices import from_micros
from ofh.store import pruning, weeks
from ofh.store.database import Database
from ofh.store.history import oldest_of
from ofh.store.journal import time_of_feed
from ofh.store.models import Drone, Workspace

from .feed_keeping import drop_old

log = structlog.get_logger(__name__)

PAUSE_S = 0.01
"""Between two transactions."""
DAY = timedelta(days=1)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """The numbers; each is a setting."""

    history: timedelta = timedelta(days=400)
    """How long history is kept, where a workspace does not say otherwise."""
    full: timedelta = timedelta(days=90)
    """How long all of it is kept; then it is thinned."""
    feed: timedelta = timedelta(days=90)
    """How long the feed is kept, where a workspace does not keep its history for less."""


@dataclass(slots=True, kw_only=True)
class WorkspacePruning:
    """What of a workspace's history went, or would go."""

    id: int
    name: str
    days: int
    """How long its history is kept."""
    drones: int = 0
    """Drones that lost points."""
    dropped: int = 0
    """Points that are too old, beside those in whole partitions."""
    thinned: int = 0
    """Points that are old enough to be thinned."""
    flights: int = 0
    events: int = 0
    """Events that are too old, beside those of the flights."""
    alerts: int = 0
    """Alerts that have cleared, too long ago."""
    feed: int = 0
    """Events of the feed that are too old: those that could be replayed."""


@dataclass(slots=True, kw_only=True)
class Pruning:
    """What went, or would go."""

    partitions: dict[str, int] = field(default_factory=dict)
    """Partitions that are too old for every workspace, with about as many points as each had; PostgreSQL only."""
    workspaces: list[WorkspacePruning] = field(default_factory=list)


class Retention:
    """Prunes the history.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        rules: RetentionRules | None = None,
        *,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules or RetentionRules()
        self._pause_s = pause_s

    async def run(self) -> None:
        """Make room for the reports to come, prune once, and log what went."""
        await self._look_ahead()
        done = await self.prune()
        of_all = {
            name: sum(getattr(found, name) for found in done.workspaces)
            for name in ("dropped", "thinned", "flights", "events", "alerts", "feed")
        }
        if done.partitions or any(of_all.values()):
            log.info("history pruned", partitions=sorted(done.partitions), **of_all)

    async def prune(self, *, is_trial: bool = False) -> Pruning:
        """Drop what is too old and thin what is old.

        Args:
            is_trial: only say what would go.
        """
        # By no clock that is ahead of the database's: what goes by mistake never comes back.
        now = from_micros(await time_of_feed(self._database, self._database.connection, self._clock()))
        done = Pruning()
        rows = await Workspace.living().order_by("id")
        ages = {row.id: DAY * row.history_days if row.history_days else self._rules.history for row in rows}
        oldest = max(ages.values(), default=self._rules.history)
        done.partitions, since = await self._drop_weeks(now - oldest, is_trial=is_trial)
        until = (now - self._rules.full).replace(hour=0, minute=0, second=0, microsecond=0)
        for row in rows:
            found = WorkspacePruning(id=row.id, name=row.name, days=ages[row.id] // DAY)
            before = now - ages[row.id]
            if is_trial:
                found.flights = await pruning.count_flights(self._database, row.id, before)
                found.events = await pruning.count_events(self._database, row.id, before)
                found.alerts = await pruning.count_alerts(self._database, row.id, before)
            else:
                found.events = await self._repeat(pruning.drop_events, row.id, before)
                found.alerts = await self._repeat(pruning.drop_alerts, row.id, before)
                found.flights = await self._repeat(pruning.drop_flights, row.id, before)
            feed_before = now - min(ages[row.id], self._rules.feed)
            found.feed = await drop_old(self._database, row.id, feed_before, self._turn, is_trial=is_trial)
            for drone in await Drone.filter(workspace_id=row.id).order_by("id").only("id"):
                dropped = await self._drop(drone.id, since, before, is_trial=is_trial)
                thinned = await self._thin(drone.id, before, until, is_trial=is_trial)
                found.drones += bool(dropped or thinned)
                found.dropped += dropped
                found.thinned += thinned
            done.workspaces.append(found)
        return done

    async def _look_ahead(self) -> None:
        """Make the partitions of this week and the next, so that storing reports makes none."""
        if self._database.dialect == "postgresql":
            now = self._clock()
            async with self._database.transaction() as client:
                await weeks.ensure(self._database, client, {weeks.week_of(now), weeks.week_of(now + weeks.WEEK)})

    async def _drop_weeks(self, before: datetime, *, is_trial: bool) -> tuple[dict[str, int], datetime]:
        """Drop the partitions that end before a time.

        Returns:
            About how many points each had, by its name; and where the first one begins that may stay. One that was in
            use is left to the next run: deleting its rows one by one would be the harder work.
        """
        if self._database.dialect == "sqlite":
            return {}, EARLIEST
        there = await weeks.existing(self._database, self._database.connection)
        old = sorted(week for week in there if weeks.begins(week) + weeks.WEEK <= before)
        sizes = {week: await weeks.rows_in(self._database, week) for week in old}
        gone = old if is_trial else await weeks.drop(self._database, old)
        return {weeks.name_of(week): sizes[week] for week in gone}, weeks.begins(weeks.week_of(before))

    async def _drop(self, drone_id: int, since: datetime, before: datetime, *, is_trial: bool) -> int:
        """Delete a drone's history between two times; how many points."""
        oldest = await oldest_of(self._database, self._database.connection, drone_id, since)
        if oldest is None or oldest >= before:
            return 0
        if is_trial:
            return await pruning.count_between(self._database, drone_id, since, before)
        return await self._repeat(pruning.drop_some, drone_id, since, before)

    async def _repeat(self, step: Callable[..., Awaitable[int]], *arguments: Any) -> int:
        """A step that deletes some, until there are none; how many that were."""
        total = 0
        while True:
            async with self._turn() as client:
                number = await step(self._database, client, *arguments)
            if not number:
                return total
            total += number

    async def _thin(self, drone_id: int, since: datetime, until: datetime, *, is_trial: bool) -> int:
        """Thin a drone's history between two times, from where it was left; how many points went."""
        total = 0
        while True:
            if is_trial:
                start = max(since, await self._thinned_until(drone_id))
                if start >= until:
                    return total
                gone, since = await pruning.thin_some(
                    self._database, self._database.connection, drone_id, start, until, is_trial=True
                )
            else:
                async with self._turn() as client:
                    start = max(since, await self._thinned_until(drone_id))
                    if start >= until:
                        return total
                    gone, since = await pruning.thin_some(self._database, client, drone_id, start, until)
                    await Drone.filter(id=drone_id).update(thinned_until=since)
            total += gone

    async def _thinned_until(self, drone_id: int) -> datetime:
        row = await Drone.get_or_none(id=drone_id).only("thinned_until")
        return EARLIEST if row is None or row.thinned_until is None else row.thinned_until

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Any]:
        """A small transaction, one process at a time, and a pause behind it."""
        async with self._database.transaction() as client:
            await pruning.take_turn(self._database, client)
            yield client
        await asyncio.sleep(self._pause_s)
