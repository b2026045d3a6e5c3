"""`fleet` under bad luck: whatever breaks, and whenever, each reader is told all that is stored, in order and once.

Two hub processes (each with a feed and a fanout of its own) on one database and one bus. A seed draws what happens:
events are committed; word of them goes out, late, in another order, or never, since the process died in between;
readers stop taking, are cut in the middle of what they are sent, and come back to any process with the cursor of the
last event that they have; processes die; Redis is killed and started again; old events are thrown away. In the end
what each reader was told is compared with what was stored.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.bus_redis import RedisBus
from ofh.backends.ports import Bus
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.errors import HubError
from ofh.domain.event_json import from_body
from ofh.domain.events import BatteryReported, DronePositioned, Event, FeedEvent, PresenceChanged
from ofh.edges.graphql import bodies, following, presenting
from ofh.edges.graphql.context import Contexts
from ofh.edges.graphql.fanout import Fanout
from ofh.edges.graphql.follows import Follow
from ofh.edges.graphql.members import Member
from ofh.edges.outlet import PlainOutlet
from ofh.services import feed_pages, workspace_feed
from ofh.services.feed import Feed
from ofh.services.workspace_feed import FeedRules, channel
from ofh.store import feed as store
from ofh.store import journal
from ofh.store.models import Drone
from tests.faults.watching import Follower
from tests.integration.graphql_api.gallery import opened
from tests.integration.graphql_api.world import Api, World, later, make_drone
from tests.support.services import run_redis, unique

SEEDS = [int(seed) for seed in os.environ.get("LUCK_SEEDS", "1 2").split()]
"""`make faults` tries more of them."""
STEPS = 150
PATIENCE_S = 30
DRONES = 3


class Hub:
    """What of a hub process counts here."""

    def __init__(self, api: Api, bus: Bus) -> None:
        self.bus = bus
        self.feed = Feed(
            bus,
            api.database,
            FeedRules(memory_events=100, check=timedelta(seconds=0.05), snapshot=timedelta(seconds=0.02)),
        )
        services = replace(api.services, feed=self.feed)
        self.api = replace(api, contexts=Contexts(services), services=services)
        self.fanout = Fanout(self.api.contexts, services.steering)
        self.readers: set[Reader] = set()

    async def die(self) -> None:
        """At once: nobody is told anything more."""
        for reader in list(self.readers):
            reader.cut()
        await self.fanout.stop()
        await self.feed.stop()


class Reader:
    """A client of `fleet` with one socket after the other."""

    def __init__(self, world: World, delivery: str) -> None:
        self.actor = world.member
        self.follower = Follower([], "", str(world.workspace.id), delivery=delivery)
        self.takes = asyncio.Event()
        self.takes.set()
        self.hub: Hub | None = None
        self._member: Member | None = None
        self._outlets: list[PlainOutlet] = []

    async def connect(self, hub: Hub) -> None:
        """Subscribe, as it stands."""
        try:
            operation, executor, join = await opened(
                hub.api, self.actor, self.follower.document, **self.follower.variables()
            )
        except HubError:
            return
        if not isinstance(join, Follow):
            return  # a backend is away
        outlet: PlainOutlet

        async def take(message: MutableMapping[str, Any]) -> None:
            await self.takes.wait()
            if self._member is None or self._member.outlet is not outlet:
                raise OSError("the socket is cut")
            if message["type"] == "websocket.send":
                self.follower.take(json.loads(message["text"])["payload"]["data"])
            await asyncio.sleep(0)

        outlet = PlainOutlet(take, lambda: None, high_water=1_500)
        self._outlets.append(outlet)
        self._member = Member(self, outlet, "1")
        self.hub = hub
        hub.readers.add(self)
        hub.fanout.enrol(self._member, join, operation, executor)

    def cut(self) -> None:
        """The socket breaks: what was not taken is lost."""
        member, self._member = self._member, None
        if member is not None:
            member.leave()
        self._gone()

    def member_ended(self, _member: Member, _error: Any) -> None:
        """The hub has ended the subscription."""
        self._member = None
        self._gone()

    def _gone(self) -> None:
        if self.hub is not None:
            self.hub.readers.discard(self)
            self.hub = None
        self.takes.set()  # whoever waits in an old socket finds it cut

    async def close(self) -> None:
        """No socket is left."""
        self.cut()
        for outlet in self._outlets:
            await outlet.close(1000, "")


@dataclass
class Luck:
    """One story."""

    random: Random
    api: Api
    world: World
    new_bus: Callable[[], Awaitable[Bus]]
    restart_bus: Callable[[], Awaitable[None]]
    drones: list[Drone]
    hubs: list[Hub] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    stored: dict[int, FeedEvent] = field(default_factory=dict)
    late: list[tuple[Hub, bytes]] = field(default_factory=list)
    """What a process has committed and not yet told."""
    seconds: int = 0

    async def begin(self) -> None:
        """Two processes, and readers of both kinds."""
        for _ in range(2):
            self.hubs.append(Hub(self.api, await self.new_bus()))
        for delivery in ("ALL", "ALL", "LATEST", "LATEST"):
            self.readers.append(Reader(self.world, delivery))

    def _happened(self) -> Event:
        self.seconds += 1
        drone, at = self.random.choice(self.drones), later(self.seconds)
        place = {"workspace_id": drone.workspace_id, "drone_id": drone.id, "at": at}
        match self.random.randrange(6):
            case 0:
                return PresenceChanged(**place, online=bool(self.seconds % 2))
            case 1:
                return BatteryReported(**place, battery=Battery(capacity_percent=self.seconds % 100))
            case _:
                fix = Fix(longitude_deg=8.5, latitude_deg=self.seconds / 1_000, height_m=500)
                state = DeviceState.from_json(drone.state).merge(Report(at=at, values={Property.FIX: fix}))
                drone.state = state.to_json()
                return DronePositioned(**place, fix=fix, state=state)

    async def commit(self, *, is_told: bool = True) -> None:
        """Something happens; word of it may be late, or never come."""
        events = [self._happened() for _ in range(self.random.choice((1, 1, 3, 20)))]
        workspace = self.world.workspace.id
        async with self.api.database.transaction() as client:
            for drone in self.drones:
                await Drone.filter(id=drone.id).update(state=drone.state)
            news = await journal.append(self.api.database, client, {workspace: events}, later(self.seconds))
        head = max(self.stored, default=0) + len(events)
        [piece] = await store.read(self.api.database, workspace, head, head)
        self.stored |= {event.seq: event for event in from_body(piece.body, piece.first)}
        hub = self.random.choice(self.hubs)
        luck = self.random.random() if is_told else 1.0
        if luck < 0.7:
            await self._tell(hub, news[workspace])
        elif luck < 0.9:
            self.late.append((hub, news[workspace]))

    async def _tell(self, hub: Hub, message: bytes) -> None:
        try:
            await hub.bus.publish(channel(self.world.workspace.id), message)
        except HubError:
            pass  # nobody hears of it by the bus

    async def tell_late(self) -> None:
        """In whatever order."""
        self.random.shuffle(self.late)
        late, self.late = self.late, []
        for hub, message in late:
            if hub in self.hubs:
                await self._tell(hub, message)

    async def connect(self) -> None:
        """Somebody who is away comes back, or begins."""
        for reader in self.readers:
            if reader.hub is None and self.random.random() < 0.5:
                await reader.connect(self.random.choice(self.hubs))

    async def forget(self) -> None:
        """What is old is thrown away."""
        last = max(self.stored, default=0) - self.random.randrange(60)
        await self.api.database.connection.execute_script(f"DELETE FROM feed WHERE last_seq < {last}")

    async def step(self) -> None:
        """Whatever happens next."""
        reader = self.random.choice(self.readers)
        draw = self.random.random()
        if draw < 0.5:
            await self.commit()
        elif draw < 0.65:
            await self.connect()
        elif draw < 0.73:
            reader.cut()
        elif draw < 0.79:
            reader.takes.clear()
        elif draw < 0.85:
            reader.takes.set()
        elif draw < 0.92:
            await self.tell_late()
        elif draw < 0.95:
            number = self.random.randrange(2)
            dead = self.hubs[number]
            self.hubs[number] = Hub(self.api, dead.bus)
            await dead.die()
        elif draw < 0.97:
            await self.restart_bus()
        elif draw < 0.985:
            await self.forget()
        await asyncio.sleep(self.random.choice((0, 0, 0, 0.005, 0.03)))

    async def end(self) -> None:
        """Everybody comes back, and is told the rest."""
        for reader in self.readers:
            reader.takes.set()
        await self.commit(is_told=False)
        head = max(self.stored)
        async with asyncio.timeout(PATIENCE_S):
            while any(reader.follower.last < head for reader in self.readers):
                for reader in self.readers:
                    if reader.hub is None:
                        await reader.connect(self.random.choice(self.hubs))
                await asyncio.sleep(0.02)

    def compare(self) -> None:
        """What each was told with what is stored."""
        newest = {
            str(drone.id): round(datetime.timestamp(held.at) * 1000)
            for drone in self.drones
            if (held := DeviceState.from_json(drone.state).get(Property.FIX)) is not None
        }
        for reader in self.readers:
            follower = reader.follower
            assert (follower.faults, follower.missing(self.stored), follower.strange(self.stored)) == ([], [], [])
            assert {str(drone.id): follower.newest[str(drone.id)] for drone in self.drones} == newest

    async def close(self) -> None:
        """Nothing is left."""
        for reader in self.readers:
            await reader.close()
        for hub in self.hubs:
            await hub.die()


@asynccontextmanager
async def in_memory() -> AsyncIterator[tuple[Callable[[], Awaitable[Bus]], Callable[[], Awaitable[None]]]]:
    """The bus of one process, for two; it never breaks."""
    bus = MemoryBus(capacity=20)
    await bus.start()

    async def same() -> Bus:
        return bus

    async def nothing() -> None:
        """It cannot be restarted."""

    yield same, nothing
    await bus.stop()


@asynccontextmanager
async def by_redis() -> AsyncIterator[tuple[Callable[[], Awaitable[Bus]], Callable[[], Awaitable[None]]]]:
    """A Redis of its own, killed and started again; a line for each process."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(run_redis())
        daemon = server.daemon
        assert daemon is not None
        prefix = unique("ofh-test-") + ":"

        async def new() -> Bus:
            bus = RedisBus(server.url, prefix=prefix)
            await bus.start()
            stack.push_async_callback(bus.stop)
            return bus

        async def restart() -> None:
            daemon.kill()
            await asyncio.sleep(0.02)
            daemon.start()

        yield new, restart


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.services)])
def bus_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_reader_is_told_all_that_is_stored_in_order_and_once(
    api: Api, world: World, bus_kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small, so that few events fill them.
    for module in (workspace_feed, feed_pages):
        monkeypatch.setattr(module, "PAGE", 16)
    monkeypatch.setattr(bodies, "PORTION_BYTES", 500)
    monkeypatch.setattr(following, "CONFLATED_EVENTS", 40)
    monkeypatch.setattr(following, "RETRY_S", 0.05)
    monkeypatch.setattr(presenting, "RETRY_S", 0.05)
    monkeypatch.setattr(workspace_feed, "RETRY_S", 0.05)
    drones = [world.drone, *[await make_drone(world.workspace, None, f"SN{n}") for n in range(7, 6 + DRONES)]]
    async with in_memory() if bus_kind == "memory" else by_redis() as (new_bus, restart_bus):
        luck = Luck(Random(seed), api, world, new_bus, restart_bus, drones)
        await luck.begin()
        try:
            for _ in range(STEPS):
                await luck.step()
            await luck.end()
            luck.compare()
        finally:
            await luck.close()
