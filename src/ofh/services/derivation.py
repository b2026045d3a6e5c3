"""What follows from the devices' news: their flights and the alerts about them.

Runs in the transaction of whoever has the news (the recorder, a topology, the sweep of presence), with the drones'
rows locked: so of several processes one after the other advances a flight, each from where the last one left it. What
time alone does is looked for here, and as the time when it will is kept with the drone, it survives a restart.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog

from ofh.backends.ports import Bus
from ofh.domain.alerts import Subject
from ofh.domain.devices import Battery, Fix, Property
from ofh.domain.events import Event, EventKind, FlightChanged
from ofh.domain.flight_watch import Outlook
from ofh.domain.flights import Change, FlightRules, Phase, Sample
from ofh.store import bulk, flights, journal
from ofh.store.bulk import DeviceRow
from ofh.store.database import Database, away

from .alerts import Alerts
from .announcing import publish
from .counters import Counters

log = structlog.get_logger(__name__)

MAX_DUE = 500
"""Drones that one transaction of the sweep takes."""

_KINDS = {
    Change.STARTED: EventKind.FLIGHT_STARTED,
    Change.LANDED: EventKind.FLIGHT_LANDED,
    Change.RESUMED: EventKind.FLIGHT_RESUMED,
    Change.ENDED: EventKind.FLIGHT_ENDED,
}

Events = dict[int, list[Event]]
"""What happened, by workspace, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One sample, and the controller that it came by."""

    gateway: str
    sample: Sample


class Derivation:
    """Derives, and looks for what time alone does.

    Args:
        sweep: how often it looks.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        alerts: Alerts,
        counters: Counters,
        clock: Callable[[], datetime],
        rules: FlightRules | None = None,
        *,
        sweep: timedelta = timedelta(seconds=1),
    ) -> None:
        self._database = database
        self._bus = bus
        self._alerts = alerts
        self._counters = counters
        self._clock = clock
        self._rules = rules or FlightRules()
        self._sweep = sweep

    async def hear(
        self,
        client: Any,
        rows: Iterable[DeviceRow],
        heard: Mapping[int, Sequence[Heard]],
        now: datetime,
        events: Events,
    ) -> None:
        """Take news of drones in.

        Args:
            rows: the drones, locked; they are changed, and the caller writes them.
            heard: their samples in order of arrival, by drone.
            now: by the hub's clock.
            events: what follows is appended; the caller journals it.
        """
        news = []
        for row in rows:
            watch = row.flight_watch
            outlooks = [
                watch.advance([item.sample for item in items], now, gateway=gateway, rules=self._rules)
                for gateway, items in groupby(heard.get(row.id, ()), key=lambda item: item.gateway)
            ]
            outlooks = outlooks or [watch.advance((), now, rules=self._rules)]
            news.append(_News(row=row, outlooks=outlooks))
        await self._take(client, news, now, events)

    async def depart(
        self, client: Any, drone_ids: Collection[int], at: datetime | None, now: datetime, events: Events
    ) -> None:
        """Drones left their controller, or are offline.

        Args:
            at: by the controller's clock; None where nobody told.
        """
        rows = await bulk.lock_devices(self._database, client, "drones", sorted(drone_ids))
        news = [_News(row=row, outlooks=[row.flight_watch.depart(at, now, self._rules)]) for row in rows.values()]
        await self._take(client, news, now, events)
        await bulk.write_devices(self._database, client, "drones", list(rows.values()))

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception as error:
                if away(error) is None:
                    log.exception("sweep of flights failed")
                self._counters.retried("database")
            await asyncio.sleep(self._sweep.total_seconds())

    async def sweep(self) -> None:
        """Do what time alone does."""
        while True:
            now = self._clock()
            ids = await flights.due(self._database, now, MAX_DUE)
            try:
                await self._pass_time(ids, now)
            except Exception as error:
                if away(error) is not None:
                    raise
                await self._pass_time_singly(ids, now)
                return
            if len(ids) < MAX_DUE:
                return

    async def _pass_time(self, drone_ids: Collection[int], now: datetime) -> None:
        if not drone_ids:
            return
        events: Events = defaultdict(list)
        async with self._database.transaction() as client:
            rows = await bulk.lock_devices(self._database, client, "drones", sorted(drone_ids))
            await self.hear(client, rows.values(), {}, now, events)
            await bulk.write_devices(self._database, client, "drones", list(rows.values()))
            news = await journal.append(self._database, client, events, now)
        await publish(self._bus, news, self._counters)

    async def _pass_time_singly(self, drone_ids: Collection[int], now: datetime) -> None:
        """A drone whose flights cannot be kept costs itself alone; it stays due, and is tried again."""
        for drone_id in drone_ids:
            try:
                await self._pass_time([drone_id], now)
            except Exception as error:
                if away(error) is not None:
                    raise
                log.exception("flights of a drone could not be kept", drone=drone_id)

    async def _take(self, client: Any, news: Sequence["_News"], now: datetime, events: Events) -> None:
        for turn in range(max((len(item.outlooks) for item in news), default=0)):
            await self._keep(client, [item for item in news if turn < len(item.outlooks)], turn, events)
        for item in news:
            last = item.outlooks[-1]
            item.row.flight_due_at, item.row.phase = last.due_at, last.phase.value
        for event in await self._alerts.judge(client, [_subject(item, now) for item in news]):
            events[event.workspace_id].append(event)

    async def _keep(self, client: Any, news: Sequence["_News"], turn: int, events: Events) -> None:
        """Bring the flights' rows to what outlooks say; those that one no longer expects were never told of."""
        kept, gone = [], []
        for item in news:
            expected, numbers = item.outlooks[turn].flights, item.row.flight_watch.flight_ids
            kept += [(number, item.row.id, flight) for number, flight in zip(numbers, expected, strict=False)]
            gone += numbers[len(expected) :]
        await flights.delete(self._database, client, gone)
        await flights.update(self._database, client, kept)
        for item in news:
            outlook, row = item.outlooks[turn], item.row
            numbers = item.row.flight_watch.flight_ids[: len(outlook.flights)]
            for flight in outlook.flights[len(numbers) :]:
                if flight.ended_us is None:
                    events[row.workspace_id] += await self._end_forgotten(client, row)
                numbers.append(await flights.insert(self._database, client, row.workspace_id, row.id, flight))
            for change, at, index in outlook.settled:
                events[row.workspace_id].append(
                    FlightChanged(
                        workspace_id=row.workspace_id,
                        drone_id=row.id,
                        flight_id=numbers[index],
                        kind=_KINDS[change],
                        at=at,
                    )
                )
            item.row.flight_watch.flight_ids = numbers[outlook.finished :]

    async def _end_forgotten(self, client: Any, row: DeviceRow) -> list[FlightChanged]:
        """End a flight that the drone's watch does not know: another version wrote a watch that cannot be read."""
        return [
            FlightChanged(
                workspace_id=row.workspace_id,
                drone_id=row.id,
                flight_id=number,
                kind=EventKind.FLIGHT_ENDED,
                at=at,
            )
            for number, at in await flights.end_open(self._database, client, row.id)
        ]


@dataclass(slots=True, kw_only=True)
class _News:
    """What there is to tell of one drone."""

    row: DeviceRow
    outlooks: list[Outlook]
    """One for each controller in turn."""


def _subject(item: _News, now: datetime) -> Subject:
    row, phase = item.row, item.outlooks[-1].phase
    fix, battery = row.state.get(Property.FIX), row.state.get(Property.BATTERY)
    elevation = row.state.get(Property.ELEVATION)
    newest = max((held.at for held in (fix, battery, elevation) if held is not None), default=now)
    return Subject(
        drone_id=row.id,
        workspace_id=row.workspace_id,
        name=row.name or row.serial_number,
        at=newest,
        fix=fix.value if fix is not None and isinstance(fix.value, Fix) else None,
        fix_at=None if fix is None else fix.at,
        elevation_m=float(elevation.value) if elevation and isinstance(elevation.value, float | int) else None,
        battery=battery.value if battery is not None and isinstance(battery.value, Battery) else None,
        battery_at=None if battery is None else battery.at,
        online=row.online,
        phase=phase,
        flight_id=item.row.flight_watch.flight_ids[-1] if phase is not Phase.GROUND else None,
    )
