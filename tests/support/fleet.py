"""The telemetry services on a real database, with a bus in memory, a clock that tests set, and a listening broker."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.ports import BrokerAccount, Handler, Message, SessionHandler
from ofh.dji.topology import decode_topology
from ofh.domain.devices import Battery, Fix, Property, Value
from ofh.domain.event_json import decode
from ofh.domain.events import Event
from ofh.edges.ingest.consumer import Consumer
from ofh.services.access import Access
from ofh.services.alerts import Alerts
from ofh.services.audit import Audit
from ofh.services.bindings import Bindings
from ofh.services.commands import Commands
from ofh.services.control import Control
from ofh.services.derivation import Derivation
from ofh.services.doctor import Doctor
from ofh.services.feed import Feed
from ofh.services.grantees import Grantees
from ofh.services.grants import BUCKET, REGION, Endpoint, Grants
from ofh.services.handed import Handed
from ofh.services.presence import Presence
from ofh.services.recorder import Recorder
from ofh.services.telemetry import Telemetry
from ofh.services.topologies import Topologies
from ofh.services.workspace_feed import channel
from ofh.store.database import Database
from ofh.store.history import HistoryRow
from ofh.store.models import Connection, Drone, Workspace
from tests.support.history import history_of

START = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)


@dataclass
class Counts:
    """Counters that tests read."""

    drops: Counter[str] = field(default_factory=Counter)

    def received(self, kind: str) -> None: ...

    def stored(self, number: int) -> None: ...

    def dropped(self, reason: str, number: int = 1) -> None:
        self.drops[reason] += number

    def retried(self, backend: str) -> None: ...


@dataclass
class ListeningBroker:
    """Keeps what the hub asks of a broker."""

    published: list[tuple[str, bytes]] = field(default_factory=list)
    accounts: dict[str, BrokerAccount] = field(default_factory=dict)

    async def start(self, handler: Handler, on_session: SessionHandler) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        self.published.append((topic, payload))

    async def put_account(self, account: BrokerAccount) -> None:
        self.accounts[account.name] = account

    async def delete_account(self, name: str) -> None: ...

    async def end_sessions(self, name: str) -> None: ...

    async def reconcile(self, accounts: list[BrokerAccount]) -> None: ...

    async def check(self) -> None: ...

    def counts(self) -> dict[str, int]:
        return {}


class FleetBench:
    """Everything between the broker and the bus."""

    def __init__(self, database: Database, bus: MemoryBus | None = None) -> None:
        self.now = START
        self.ticks = 0.0
        """Seconds of a clock that only ever grows; here it stands until a test moves it."""
        self.database = database
        self.bus = bus or MemoryBus()
        self.counts = Counts()
        self.broker = ListeningBroker()
        self.bindings = Bindings(lambda: 0.0)
        self.audit = Audit(clock=lambda: self.now)
        self.control = Control(self.bus)
        self.alerts = Alerts(
            database,
            self.bus,
            Access(self.audit),
            self.control,
            self.counts,
            clock=lambda: self.now,
            monotonic=lambda: self.ticks,
        )
        self.derivation = Derivation(database, self.bus, self.alerts, self.counts, lambda: self.now)
        self.recorder = Recorder(database, self.bus, self.derivation, self.counts)
        self.telemetry = Telemetry(self.bindings, self.recorder, self.counts, lambda: 0.0)
        self.feed = Feed(self.bus, database)
        self.doctor = Doctor(
            database,
            self.bus,
            Access(self.audit),
            self.feed,
            self.counts,
            Handed(
                public_url="https://hub.example.org",
                mqtt_url="ssl://hub.example.org:8883",
                mqtt_url_setting="OFH_PUBLIC_MQTT_URL",
                has_licence=True,
            ),
            clock=lambda: self.now,
            monotonic=lambda: self.ticks,
        )
        self.topologies = Topologies(
            database,
            self.bus,
            self.broker,
            self.derivation,
            self.bindings,
            self.control,
            self.audit,
            self.doctor,
            self.counts,
        )
        self.presence = Presence(database, self.bus, self.derivation, self.counts, lambda: self.now)
        grants = Grants(
            key=b"k" * 32,
            endpoint=Endpoint(url="https://hub.example.org", bucket=BUCKET, region=REGION, provider="minio"),
            roles=None,
            clock=lambda: self.now,
        )
        self.grantees = Grantees(grants, lambda: self.ticks)
        self.commands = Commands(self.broker, self.control, self.counts, lambda: self.now)
        self.consumer = Consumer(
            self.broker,
            self.topologies,
            self.telemetry,
            self.presence,
            self.audit,
            self.doctor,
            self.commands,
            self.grantees,
            self.counts,
            lambda: self.now,
            lambda: 0.0,
        )
        self.acks: list[int] = []
        self.events: list[Event] = []
        self._digests = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FleetBench"]:
        """With the recorder at work."""
        await self.bus.start()
        tasks = [asyncio.create_task(self.recorder.run()), asyncio.create_task(self.telemetry.run())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.feed.stop()
            await self.bus.stop()

    async def workspace(self, name: str = "W") -> int:
        row = await Workspace.create(uuid=uuid.uuid4(), name=name, created_at=self.now)
        found: int = row.id
        return found

    async def connection(self, workspace_id: int, name: str) -> Connection:
        return await Connection.create(
            public_id=name, workspace_id=workspace_id, name=name, secret_digest="0" * 64, created_at=self.now
        )

    async def announce(self, account: str, gateway: str, *aircraft: str, at: datetime | None = None) -> bool:
        """A controller's topology."""
        topology = decode_topology(
            {
                "domain": 2,
                "type": 119,
                "sub_type": 0,
                "sub_devices": [{"sn": sn, "domain": 0, "type": 67, "sub_type": 1, "index": "A"} for sn in aircraft],
            }
        )
        return await self.topologies.announce(account, gateway, topology, at=at or self.now, received_at=self.now)

    async def report(
        self,
        serial: str,
        values: Mapping[Property, Value],
        *,
        gateway: str | None = None,
        account: str | None = None,
        sent_at: datetime | None = None,
        digest: int | None = None,
    ) -> None:
        """One report, stored when this returns."""
        bound = await self.telemetry.find(serial, gateway, account)
        assert bound is not None
        self._digests += 1
        number = self._digests
        waiting = self.telemetry.take_now(
            bound,
            values,
            sent_at=sent_at,
            received_at=self.now,
            digest=number if digest is None else digest,
            ack=lambda: self.acks.append(number),
        )
        assert waiting is None
        await self.recorder.settled()

    async def message(self, topic: str, payload: bytes, account: str | None) -> bool:
        """One message of a device through the consumer; whether it was acknowledged."""
        acked: list[bool] = []
        work = self.consumer.handle(
            Message(
                topic=topic,
                payload=payload,
                qos=1,
                received_at=self.now,
                account=account,
                ack=lambda: acked.append(True),
            )
        )
        if work is not None:
            await work
        await self.recorder.settled()
        return bool(acked)

    @contextlib.asynccontextmanager
    async def listening(self, workspace_id: int) -> AsyncIterator[list[Event]]:
        """What is published for a workspace."""
        heard: list[Event] = []

        async def read(messages: Any) -> None:
            async for message in messages:
                heard.extend(decode(message).events)

        async with self.bus.subscribe(channel(workspace_id)) as messages:
            task = asyncio.create_task(read(messages))
            try:
                yield heard
                await asyncio.sleep(0.01)  # what was published has a turn to arrive in
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def drone(self, serial: str, workspace_id: int) -> Drone:
        return await Drone.get(serial_number=serial, workspace_id=workspace_id)

    async def history(self, serial: str, workspace_id: int) -> list[HistoryRow]:
        drone = await self.drone(serial, workspace_id)
        return await history_of(self.database, drone.id)


def position(longitude: float = 9.95, latitude: float = 50.49, height: float = 1000.0) -> dict[Property, Value]:
    """The values of a report with a position."""
    return {Property.FIX: Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=height)}


def charge(percent: float) -> dict[Property, Value]:
    """The values of a report with a battery."""
    return {Property.BATTERY: Battery(capacity_percent=percent)}


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)
