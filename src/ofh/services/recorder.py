"""Stores reports: each tick is one transaction, then one publish per workspace, then the acknowledgements.

A tick takes all that has come in since the last one. In its transaction the devices' rows are locked, so processes
that take turns with one drone each merge into what the other left; whoever commits first, the state is the same in
the end. History rows carry a natural key, so a message that comes twice changes nothing. Only after the commit are
events published and messages acknowledged: what was acknowledged is stored, whenever the process dies.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ofh.backends.ports import Bus
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.events import (
    BatteryReported,
    ControllerPositioned,
    ControllerPresenceChanged,
    DronePositioned,
    PresenceChanged,
    RowChanged,
    Table,
)
from ofh.domain.flights import sample_of
from ofh.store import bulk, journal
from ofh.store.bulk import DeviceRow
from ofh.store.database import Database, away
from ofh.store.history import HistoryRow, write_history

from .announcing import publish
from .bindings import Bound
from .counters import Counters
from .derivation import Derivation, Events, Heard

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One report on its way into the database."""

    bound: Bound
    report: Report
    received_at: datetime
    device_clock: datetime | None
    """What the device's own clock said."""
    digest: int
    """64 bits over the message's content."""
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderRules:
    """The recorder's numbers; each is a setting."""

    max_pending: int = 20_000
    """Reports that may wait; beyond it the broker has to."""
    tick: timedelta = timedelta(0)
    """From the beginning of one transaction to that of the next one, at least; zero: as they come."""
    max_batch: int = 5_000
    """Reports in one transaction at the most."""
    gateway_hold: timedelta = timedelta(seconds=10)
    """How long an aircraft's controller stays the one that counts while it is silent and another one reports."""


class Recorder:
    """Owns the reports between the broker and the database."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        derivation: Derivation,
        counters: Counters,
        rules: RecorderRules | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._derivation = derivation
        self._counters = counters
        self._rules = rules or RecorderRules()
        self._memory = bulk.Memory()
        self._pending: list[Incoming] = []
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._idle = asyncio.Event()
        self._idle.set()

    def add_now(self, incoming: Incoming) -> bool:
        """Take a report; False where too many wait already, and nothing is taken."""
        if len(self._pending) >= self._rules.max_pending:
            return False
        self._pending.append(incoming)
        self._idle.clear()
        self._arrived.set()
        return True

    async def add(self, incoming: Incoming) -> None:
        """Take a report; waits while too many wait already."""
        while not self.add_now(incoming):
            self._space.clear()
            await self._space.wait()

    async def settled(self) -> None:
        """Returns when everything that was added is stored, published and acknowledged."""
        await self._idle.wait()

    async def run(self) -> None:
        """Record until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._pending[: self._rules.max_batch]
            del self._pending[: len(batch)]
            if not self._pending:
                self._arrived.clear()
            self._space.set()
            began_s = loop.time()
            await self._record(batch)
            if not self._pending:
                self._idle.set()
            # What comes within this time is one transaction instead of many; what comes alone does not wait.
            if (left_s := self._rules.tick.total_seconds() - (loop.time() - began_s)) > 0:
                await asyncio.sleep(left_s)

    async def _record(self, batch: list[Incoming]) -> None:
        """Store, publish, acknowledge: in that order. A report that cannot be stored costs itself alone."""
        try:
            news = await self._store_patiently(batch)
        except Exception:
            if len(batch) > 1:
                for incoming in batch:
                    await self._record([incoming])
                return
            log.exception("report could not be stored", serial=batch[0].bound.serial_number)
            self._counters.dropped("not_storable")
            batch[0].ack()
            return
        self._counters.stored(len(batch))
        await publish(self._bus, news, self._counters)
        for incoming in batch:
            incoming.ack()

    async def _store_patiently(self, batch: list[Incoming]) -> journal.News:
        """Waits out a database that is away; nothing is acknowledged meanwhile."""
        delay = 0.1
        while True:
            try:
                news = await self._store(batch)
            except Exception as error:
                if away(error) is None:
                    raise
                log.warning("database away, reports wait", waiting=len(batch) + len(self._pending))
                self._counters.retried("database")
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5)
            else:
                self._database.took()
                return news

    async def _store(self, batch: list[Incoming]) -> journal.News:
        drone_ids = sorted({item.bound.device_id for item in batch if not item.bound.is_gateway})
        gateways = {item.bound.gateway_serial for item in batch}
        events: Events = defaultdict(list)
        history: list[HistoryRow] = []
        heard: dict[int, list[Heard]] = defaultdict(list)
        async with self._database.transaction() as client:
            controllers = await bulk.lock_controllers(self._database, client, gateways, self._memory)
            drones = await bulk.lock_devices(self._database, client, "drones", drone_ids, self._memory)
            for item in batch:
                controller = controllers.get(item.bound.gateway_serial)
                if controller is not None and controller.workspace_id == item.bound.workspace_id:
                    self._take_controller(controller, item, events)
                drone = None if item.bound.is_gateway else drones.get(item.bound.device_id)
                if drone is not None and drone.workspace_id == item.bound.workspace_id:
                    self._take_drone(drone, item, history, heard[drone.id], events)
            newest = max(item.received_at for item in batch)
            told = [drone for drone in drones.values() if drone.id in heard]
            await self._derivation.hear(client, told, heard, newest, events)
            await bulk.write_devices(self._database, client, "remote_controllers", list(controllers.values()))
            await bulk.write_devices(self._database, client, "drones", list(drones.values()))
            await write_history(self._database, client, history)
            news = await journal.append(self._database, client, events, newest)
        bulk.remember(self._memory, "remote_controllers", controllers.values())
        bulk.remember(self._memory, "drones", drones.values())
        return news

    def _take_controller(self, row: DeviceRow, item: Incoming, events: Events) -> None:
        """A controller's own report, or the sign of life that its aircraft's report is."""
        if _seen(row, item):
            events[row.workspace_id].append(
                ControllerPresenceChanged(
                    workspace_id=row.workspace_id, remote_controller_id=row.id, at=item.received_at, online=True
                )
            )
        if not item.bound.is_gateway:
            return
        before, row.state = row.state, row.state.merge(item.report)
        if (fix := _newer(before, row.state, Property.FIX)) and isinstance(fix, Fix):
            events[row.workspace_id].append(
                ControllerPositioned(
                    workspace_id=row.workspace_id,
                    remote_controller_id=row.id,
                    at=item.report.at,
                    fix=fix,
                    came_from=_fix(before),
                )
            )

    def _take_drone(
        self, row: DeviceRow, item: Incoming, history: list[HistoryRow], heard: list[Heard], events: Events
    ) -> None:
        if _seen(row, item):
            events[row.workspace_id].append(
                PresenceChanged(workspace_id=row.workspace_id, drone_id=row.id, at=item.received_at, online=True)
            )
        if not self._counts(row, item):
            self._counters.dropped("other_controller")
            return
        if row.connection_id != item.bound.connection_id:
            rows = [(Table.DRONE, row.id), (Table.CONNECTION, item.bound.connection_id)]
            rows += [] if row.connection_id is None else [(Table.CONNECTION, row.connection_id)]
            events[row.workspace_id] += [
                RowChanged(workspace_id=row.workspace_id, table=table, row_id=id, at=item.received_at)
                for table, id in rows
            ]
            row.connection_id = item.bound.connection_id
        before, row.state = row.state, row.state.merge(item.report)
        if (sample := sample_of(item.report, item.digest)) is not None:
            heard.append(Heard(gateway=item.bound.gateway_serial, sample=sample))
        if not item.report.values.keys().isdisjoint(_KEPT):
            history.append(_history(row, item))
        if (fix := _newer(before, row.state, Property.FIX)) and isinstance(fix, Fix):
            events[row.workspace_id].append(
                DronePositioned(
                    workspace_id=row.workspace_id,
                    drone_id=row.id,
                    at=item.report.at,
                    fix=fix,
                    state=row.state.live(),
                    came_from=_fix(before),
                )
            )
        if (battery := _newer(before, row.state, Property.BATTERY)) and isinstance(battery, Battery):
            events[row.workspace_id].append(
                BatteryReported(workspace_id=row.workspace_id, drone_id=row.id, at=item.report.at, battery=battery)
            )

    def _counts(self, row: DeviceRow, item: Incoming) -> bool:
        """Whether the report comes by the controller that counts: two may report one aircraft (dji-pilot-2.md 5.3).

        By the hub's clock, since the two controllers' clocks may differ.
        """
        gateway, at = item.bound.gateway_serial, item.received_at
        is_another = row.gateway_serial not in (None, gateway)
        if is_another and row.gateway_at is not None and at <= row.gateway_at + self._rules.gateway_hold:
            return False
        if is_another or row.gateway_at is None or at > row.gateway_at:
            row.gateway_serial, row.gateway_at = gateway, at
        return True


def _seen(row: DeviceRow, item: Incoming) -> bool:
    """Note a sign of life; True where it brings the device online. A report from before it left does not."""
    if row.seen_at is None or item.received_at > row.seen_at:
        row.seen_at = item.received_at
    if row.online or (row.left_at is not None and item.report.at <= row.left_at):
        return False
    row.online = True
    return True


def _newer(before: DeviceState, after: DeviceState, name: Property) -> object | None:
    """The value of a property where a merge brought a newer one."""
    held = after.get(name)
    return held.value if held is not None and held is not before.get(name) else None


def _fix(state: DeviceState) -> Fix | None:
    held = state.get(Property.FIX)
    return held.value if held is not None and isinstance(held.value, Fix) else None


_KEPT = frozenset(
    {
        Property.FIX,
        Property.BATTERY,
        Property.ELEVATION,
        Property.HEADING,
        Property.HORIZONTAL_SPEED,
        Property.VERTICAL_SPEED,
        Property.MODE_CODE,
    }
)
"""What the history has columns for; a report of anything else changes the state only."""


def _history(row: DeviceRow, item: Incoming) -> HistoryRow:
    values = item.report.values
    fix = values.get(Property.FIX)
    battery = values.get(Property.BATTERY)

    def number(name: Property) -> float | None:
        value = values.get(name)
        return value if isinstance(value, float | int) else None

    mode = values.get(Property.MODE_CODE)
    return HistoryRow(
        drone_id=row.id,
        reported_at=item.report.at,
        received_at=item.received_at,
        device_clock=item.device_clock,
        digest=item.digest,
        longitude=fix.longitude_deg if isinstance(fix, Fix) else None,
        latitude=fix.latitude_deg if isinstance(fix, Fix) else None,
        height=fix.height_m if isinstance(fix, Fix) else None,
        elevation=number(Property.ELEVATION),
        heading=number(Property.HEADING),
        horizontal_speed=number(Property.HORIZONTAL_SPEED),
        vertical_speed=number(Property.VERTICAL_SPEED),
        battery_percent=battery.capacity_percent if isinstance(battery, Battery) else None,
        mode_code=mode if isinstance(mode, int) else None,
    )
