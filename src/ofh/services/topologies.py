"""Topologies: which controller has which aircraft, and who may report for them.

A topology binds the serial numbers in it to the connection whose account published it (security.md, M2 and M3). A
claim never takes a device away while it is online through another workspace's connection; one that is merely known
there moves and leaves its history behind. All bindings of a serial number lie in one workspace: claims to the same
serial number wait for each other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from ofh.backends.ports import Broker, BrokerAccount, Bus
from ofh.dji.products import CONTROLLER
from ofh.dji.topology import UNKNOWN_TYPE, DeviceKind, Topology
from ofh.domain.devices import micros
from ofh.domain.errors import HubError
from ofh.domain.events import (
    ControllerPresenceChanged,
    Event,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
)
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import Binding, Connection, Drone, RemoteController
from ofh.store.statements import lock_names

from .announcing import publish
from .audit import Audit
from .bindings import Bindings
from .control import Control
from .counters import Counters
from .derivation import Derivation
from .doctor import Doctor
from .rate_counters import MemoryCounters, Rate

log = structlog.get_logger(__name__)

MAX_SERIALS = 1_000
"""Serial numbers that one connection may speak for; a real one has two or three."""
CONFLICTS = Rate(per_second=1 / 60, burst=60)
"""Of one connection and process that are recorded; all are counted."""


@dataclass(slots=True)
class _Outcome:
    """What a topology changed, to be told after the commit."""

    at: datetime
    """By the hub's clock."""
    accepted: bool = False
    serials: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    """Accounts whose rights changed."""
    conflicts: list[str] = field(default_factory=list)
    events: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    """By workspace."""
    news: journal.News = field(default_factory=dict)
    departed: list[int] = field(default_factory=list)
    """Drones that left."""
    workspace_id: int = 0
    is_full: bool = False
    """The connection speaks for too many serial numbers already."""

    def add(self, event: Event) -> None:
        self.events[event.workspace_id].append(event)

    def row_changed(self, workspace_id: int, table: Table, row_id: int) -> None:
        """What REST says of a row is not what it was."""
        event = RowChanged(workspace_id=workspace_id, table=table, row_id=row_id, at=self.at)
        if event not in self.events[workspace_id]:
            self.add(event)

    def topology_changed(self, workspace_id: int, gateway: str) -> None:
        """A controller has other aircraft, or another connection, than before."""
        event = TopologyChanged(workspace_id=workspace_id, gateway_serial=gateway, at=self.at)
        if event not in self.events[workspace_id]:
            self.add(event)


class _Kind(Protocol):
    @property
    def type(self) -> int: ...
    @property
    def sub_type(self) -> int: ...


DeviceModel = TypeVar("DeviceModel", RemoteController, Drone)

_NAMED_BY_NOBODY = DeviceKind(domain=CONTROLLER, type=UNKNOWN_TYPE, sub_type=0)
"""Of a controller that is known by its serial number alone."""


class Topologies:
    """Takes topologies in.

    Args:
        rights_wait: how long an answer waits for the broker to hold the new rights: DJI wants it within a second, and a
            controller that reports at once after it should not be refused.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        broker: Broker,
        derivation: Derivation,
        bindings: Bindings,
        control: Control,
        audit: Audit,
        doctor: Doctor,
        counters: Counters,
        *,
        rights_wait: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self._database = database
        self._bus = bus
        self._broker = broker
        self._derivation = derivation
        self._bindings = bindings
        self._control = control
        self._audit = audit
        self._doctor = doctor
        self._counters = counters
        self._conflicts = MemoryCounters()
        self._rights_wait = rights_wait
        self._telling: set[asyncio.Task[None]] = set()

    async def announce(
        self, account: str, gateway: str, topology: Topology, *, at: datetime, received_at: datetime
    ) -> bool:
        """A controller tells which aircraft are linked to it.

        Args:
            account: who published it, proven by the broker.
            at: the time of the message, by the device's clock where it is believed.
        Returns:
            Whether the controller may use this connection: it is to be answered then, and only then.
        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        try:
            outcome = await self._take(account, gateway, topology, at, received_at)
        except IntegrityError:  # another process made one of the rows a moment ago
            outcome = await self._take(account, gateway, topology, at, received_at)
        if outcome.accepted and not outcome.conflicts:
            self._doctor.announced(account, (gateway, frozenset(sub.serial for sub in topology.sub_devices)))
        return await self._settle(account, outcome)

    async def _settle(self, account: str, outcome: _Outcome) -> bool:
        """Tell of what was taken, or record why not."""
        for serial in outcome.conflicts:
            elsewhere = LinkProblem.AIRCRAFT_ELSEWHERE if outcome.accepted else LinkProblem.CONTROLLER_ELSEWHERE
            self._doctor.note(account, LinkStepName.TOPOLOGY, elsewhere, serial)
            self._counters.dropped("serial_conflict")
            if await self._conflicts.take(account, CONFLICTS):
                continue
            log.info("serial number is online in another workspace", serial=serial, account=account)
            await self._audit.record(
                "serial conflict",
                outcome="denied",
                workspace_id=outcome.workspace_id or None,
                object=f"device:{serial}",
            )
        if outcome.is_full:
            self._doctor.note(account, LinkStepName.TOPOLOGY, LinkProblem.TOO_MANY_SERIALS)
            self._counters.dropped("too_many_serials")
        if outcome.accepted:
            if outcome.accounts:
                await self._bindings.refresh(outcome.serials)
            telling = asyncio.create_task(self._tell(outcome))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
            await asyncio.wait([telling], timeout=self._rights_wait.total_seconds())
        return outcome.accepted

    async def claim(self, account: str, gateway: str, *, received_at: datetime) -> bool:
        """A controller's page told its serial number at log-in: it may report before its first topology.

        Who has it already keeps it until a topology says otherwise, where it is online; nothing becomes online.

        Returns:
            Whether the controller may use this connection.
        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        try:
            outcome = await self._take(account, gateway, None, received_at, received_at)
        except IntegrityError:  # another process made one of the rows a moment ago
            outcome = await self._take(account, gateway, None, received_at, received_at)
        return await self._settle(account, outcome)

    async def stop(self) -> None:
        """Wait until everybody has been told."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _tell(self, outcome: _Outcome) -> None:
        """Tell the broker, the other processes and the listeners, all at once: none waits for another that is away."""
        work = [publish(self._bus, outcome.news, self._counters)]
        if outcome.accounts:
            work.append(self._tell_broker(outcome.accounts))
            work.append(self._control.publish("bindings", serials=sorted(outcome.serials)))
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("a topology's consequences could not be told", exc_info=result)

    async def _tell_broker(self, accounts: set[str]) -> None:
        for connection in await Connection.filter(public_id__in=accounts):
            account = BrokerAccount(
                name=connection.public_id,
                secret=None,
                secret_digest=bytes.fromhex(connection.secret_digest),
                serials=self._bindings.serials(connection.public_id),
            )
            try:
                await self._broker.put_account(account)
            except HubError as error:  # `reconcile` mends it once the broker is back
                log.warning("broker away, rights not changed", account=account.name, reason=error.message)
                self._counters.retried("broker")

    async def _take(
        self, account: str, gateway: str, topology: Topology | None, at: datetime, received_at: datetime
    ) -> _Outcome:
        """Bind what a topology names; None: the controller alone."""
        outcome = _Outcome(at=received_at)
        async with self._database.transaction() as client:
            connection = await Connection.get_or_none(public_id=account)
            if connection is None:
                return outcome
            outcome.workspace_id = connection.workspace_id
            wanted = [gateway, *(sub.serial for sub in (topology.sub_devices if topology else ()))]
            await lock_names(self._database, client, wanted)
            held = await Binding.filter(Q(serial_number__in=wanted) | Q(gateway_serial=gateway)).order_by("id")
            owners = await Connection.in_bulk({binding.connection_id for binding in held}, "id")
            elsewhere = [
                binding for binding in held if owners[binding.connection_id].workspace_id != connection.workspace_id
            ]
            taken = {
                binding.serial_number
                for binding in elsewhere
                if binding.serial_number in wanted and await _is_online(binding)
            }
            outcome.conflicts = sorted(taken)
            if gateway in taken:
                return outcome
            ours = {binding.serial_number for binding in held} & set(wanted)
            spoken_for = await Binding.filter(connection_id=connection.id).count()
            if spoken_for + len(set(wanted) - ours) > MAX_SERIALS:
                outcome.is_full = True
                return outcome
            outcome.accepted = True
            for binding in elsewhere:
                if binding.serial_number not in taken or binding.gateway_serial == gateway:
                    await binding.delete()
                    outcome.serials.add(binding.serial_number)
                    outcome.accounts.add(owners[binding.connection_id].public_id)
                    outcome.topology_changed(owners[binding.connection_id].workspace_id, binding.gateway_serial)
            if topology is None:
                await self._bind_controller(connection, gateway, received_at, outcome)
            else:
                await self._bind(connection, gateway, topology, taken, at, received_at, outcome)
                await self._derivation.depart(client, outcome.departed, at, received_at, outcome.events)
            outcome.news = await journal.append(self._database, client, outcome.events, received_at)
        return outcome

    async def _bind_controller(
        self, connection: Connection, gateway: str, received_at: datetime, outcome: _Outcome
    ) -> None:
        """Bind a controller that nobody reports for at present; whether it is there is not known yet."""
        online = RemoteController.filter(workspace_id=connection.workspace_id, serial_number=gateway, online=True)
        if await online.exists():
            return
        controller = await _device(RemoteController, connection, gateway, _NAMED_BY_NOBODY, received_at, outcome)
        await controller.save(update_fields=["connection_id"])
        await _ensure_binding(connection, gateway, gateway, controller.id, received_at, outcome)

    async def _bind(
        self,
        connection: Connection,
        gateway: str,
        topology: Topology,
        taken: set[str],
        at: datetime,
        received_at: datetime,
        outcome: _Outcome,
    ) -> None:
        controller = await _device(RemoteController, connection, gateway, topology.gateway, received_at, outcome)
        await _ensure_binding(connection, gateway, gateway, controller.id, received_at, outcome)
        # By the device's clock, which may have been put right meanwhile: so an older one still binds what it names.
        is_newest = controller.topology_at is None or at >= controller.topology_at
        if is_newest:
            controller.topology_at = at
        if not controller.online:
            outcome.add(
                ControllerPresenceChanged(
                    workspace_id=connection.workspace_id,
                    remote_controller_id=controller.id,
                    at=received_at,
                    online=True,
                )
            )
        controller.online = True
        controller.seen_at = _latest(controller.seen_at, received_at)
        await controller.save()

        linked = [sub for sub in topology.sub_devices if sub.serial not in taken]
        for sub in sorted(linked, key=lambda sub: sub.serial):
            drone = await _device(Drone, connection, sub.serial, sub.kind, received_at, outcome)
            await _ensure_binding(connection, sub.serial, gateway, drone.id, received_at, outcome)
            if is_newest and not drone.online:
                outcome.add(_presence(drone, received_at, online=True))
                drone.online = True
            drone.seen_at = _latest(drone.seen_at, received_at)
            await drone.save(update_fields=["online", "seen_at", "connection_id"])
        if is_newest:
            await self._unlink(connection, gateway, [sub.serial for sub in linked], at, received_at, outcome)

    async def _unlink(
        self,
        connection: Connection,
        gateway: str,
        linked: Sequence[str],
        at: datetime,
        received_at: datetime,
        outcome: _Outcome,
    ) -> None:
        """Aircraft that are not in the topology have left this controller; they are offline unless another has them."""
        ours = Binding.filter(connection__workspace_id=connection.workspace_id, is_linked=True)
        gone = await ours.filter(gateway_serial=gateway).exclude(serial_number__in=[*linked, gateway])
        for binding in gone:
            binding.is_linked = False
            await binding.save(update_fields=["is_linked"])
            outcome.topology_changed(connection.workspace_id, gateway)
            # Whichever controller reports next is the one that counts.
            await Drone.filter(id=binding.device_id, gateway_serial=gateway).update(
                gateway_serial=None, gateway_at=None
            )
            others = await ours.filter(serial_number=binding.serial_number).values_list("gateway_serial", flat=True)
            if await RemoteController.filter(
                serial_number__in=list(others), workspace_id=connection.workspace_id, online=True
            ).exists():
                continue
            drone = await Drone.get(id=binding.device_id)
            if drone.online:
                outcome.add(_presence(drone, received_at, online=False))
            await Drone.filter(id=drone.id).update(online=False, left_at=at)
            outcome.departed.append(drone.id)


_TABLES: dict[type[RemoteController | Drone], Table] = {
    RemoteController: Table.REMOTE_CONTROLLER,
    Drone: Table.DRONE,
}


async def _device(
    model: type[DeviceModel], connection: Connection, serial: str, kind: _Kind, now: datetime, outcome: _Outcome
) -> DeviceModel:
    """The row of a device in the connection's workspace, locked, with what the topology says it is."""
    row = await model.filter(workspace_id=connection.workspace_id, serial_number=serial).select_for_update().first()
    if row is None:
        outcome.row_changed(connection.workspace_id, Table.CONNECTION, connection.id)
        return await model.create(
            workspace_id=connection.workspace_id,
            connection_id=connection.id,
            serial_number=serial,
            type=kind.type,
            sub_type=kind.sub_type,
            created_at=now,
        )
    if (row.type, row.sub_type) != (kind.type, kind.sub_type) and kind.type >= 0:
        row.type, row.sub_type = kind.type, kind.sub_type
        await row.save(update_fields=["type", "sub_type"])
        outcome.row_changed(connection.workspace_id, _TABLES[model], row.id)
    if row.connection_id != connection.id:
        outcome.row_changed(connection.workspace_id, _TABLES[model], row.id)
        for id in {row.connection_id, connection.id} - {None}:
            outcome.row_changed(connection.workspace_id, Table.CONNECTION, id)
    row.connection_id = connection.id
    return row


async def _ensure_binding(
    connection: Connection, serial: str, gateway: str, device_id: int, now: datetime, outcome: _Outcome
) -> None:
    binding = await Binding.get_or_none(serial_number=serial, gateway_serial=gateway).select_related("connection")
    if binding is None:
        await Binding.create(
            serial_number=serial,
            gateway_serial=gateway,
            connection_id=connection.id,
            device_id=device_id,
            bound_at=now,
        )
    elif binding.connection_id != connection.id:
        # The controller logged in by another connection of the same workspace: its aircraft come along.
        outcome.accounts.add(binding.connection.public_id)
        along = Binding.filter(gateway_serial=gateway, connection_id=binding.connection_id)
        outcome.serials.update(str(row) for row in await along.values_list("serial_number", flat=True))
        await along.update(connection_id=connection.id)
    elif binding.is_linked:
        return
    else:
        await Binding.filter(id=binding.id).update(is_linked=True)
        outcome.topology_changed(connection.workspace_id, gateway)
        return
    outcome.topology_changed(connection.workspace_id, gateway)
    outcome.serials.add(serial)
    outcome.accounts.add(connection.public_id)


async def _is_online(binding: Binding) -> bool:
    model = RemoteController if binding.serial_number == binding.gateway_serial else Drone
    return await model.filter(id=binding.device_id, online=True).exists()


def _presence(drone: Drone, at: datetime, *, online: bool) -> PresenceChanged:
    return PresenceChanged(workspace_id=drone.workspace_id, drone_id=drone.id, at=at, online=online)


def _latest(held: datetime | None, at: datetime) -> datetime:
    return at if held is None or micros(at) > micros(held) else held
