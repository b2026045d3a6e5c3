"""What the fault tests are made of: devices that send again what was not acknowledged, dashboards that stay, counts.

A `Controller` is a paho client as a careful device would use it: a session that is kept, QoS 1, a report sent again
until its acknowledgement has come. A `Dashboard` is one websocket that reads as long as it is open. `history` counts
what is in the database by a connection of its own, beside the hub.
"""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import paho.mqtt.client as paho
import websockets
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from websockets.asyncio.client import ClientConnection

from ofh.domain.devices import from_micros
from tests.captures.reader import capture
from tests.support.hubs import HubProcess, Way
from tests.support.services import Daemon, free_port

PATIENCE_S = 90
"""A bound for broken hubs and slow machines, not an expectation."""

POSITIONS = """
subscription Positions($workspace: ID!) {
  workspacePositions(workspaceId: $workspace, interval: 0) { droneId position { longitude reportedAt } }
}
"""
"""Every report at once, each in a message of its own unless the reader lags."""


async def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Wait until the condition, a function or a coroutine function, gives something true, and return that."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = condition()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited in vain: {what or condition}") from None


# People and devices


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a controller logs in with."""

    id: str
    public_id: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Crew:
    """An owner of a workspace, and its connections."""

    email: str
    token: str
    workspace: str
    accounts: tuple[Account, ...]


async def crew(way: Way, hub: HubProcess, email: str = "anna@example.org", *, controllers: int = 1) -> Crew:
    """An owner made by the command line; the rest by the hub's own API, which is quicker than a process for each."""
    await way.ofh("user", "create", email)
    token = (await way.ofh("token", "create", email, "test"))["token"]
    made = await answer(hub, token, 'mutation { createWorkspace(name: "Field") { id } }')
    workspace = made["createWorkspace"]["id"]
    accounts = []
    for number in range(controllers):
        accounts.append(await connection(hub, token, workspace, f"RC {number}"))
    return Crew(email=email, token=token, workspace=workspace, accounts=tuple(accounts))


async def connection(hub: HubProcess, token: str, workspace: str, name: str) -> Account:
    """One more connection."""
    made = await answer(
        hub,
        token,
        "mutation($workspace: ID!, $name: String!) { createConnection(workspaceId: $workspace, name: $name)"
        " { secret connectionId connection { id } } }",
        workspace=workspace,
        name=name,
    )
    found = made["createConnection"]
    return Account(id=found["connection"]["id"], public_id=found["connectionId"], secret=found["secret"])


async def answer(hub: HubProcess, token: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data of an operation that is expected to succeed."""
    found = await hub.graphql(token, query, **variables)
    assert "errors" not in found, found
    data: dict[str, Any] = found["data"]
    return data


class Controller:
    """A controller with one aircraft.

    Args:
        number: makes its serial numbers.
        version: MQTT 3.1.1 or 5.
    """

    def __init__(self, way: Way, account: Account, number: int, *, version: int = paho.MQTTv5) -> None:
        self.account = account
        self.gateway = f"5XFAULTRC{number:05}"
        self.aircraft = f"1581XFAULT{number:07}"
        self.sent: list[int] = []
        """The times of all reports, milliseconds of the epoch, each once."""
        self.answered = 0
        """Topologies that the hub has answered."""
        self.links = 0
        """How often the broker has let it in."""
        self.refused = 0
        """How often the broker did not."""
        self._port = way.mqtt_port
        self._mids: dict[int, int] = {}
        self._acknowledged: list[int] = []
        self._again: set[int] = set()
        self.acknowledged_again = 0
        """Reports that were sent a second time and acknowledged."""
        self._flight: asyncio.Task[None] | None = None
        self._is_v5 = version == paho.MQTTv5
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=account.public_id,
            protocol=MQTTProtocolVersion(version),
            clean_session=None if self._is_v5 else False,
        )
        client.username_pw_set(account.public_id, account.secret)
        client.max_inflight_messages_set(200)
        client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        client.on_connect = self._connected
        client.on_publish = self._published
        client.on_message = self._message

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self.refused += 1
            return
        client.subscribe(f"sys/product/{self.gateway}/status_reply", 1)
        self.links += 1

    def _published(self, _client: Any, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        if code.is_failure:
            return
        if mid in self._again:
            self.acknowledged_again += 1
        else:
            self._acknowledged.append(mid)

    def _message(self, _client: Any, _data: Any, _message: Any) -> None:
        self.answered += 1

    @property
    def acknowledged(self) -> set[int]:
        """The times of the reports whose acknowledgement has come."""
        return {self._mids[mid] for mid in list(self._acknowledged) if mid in self._mids}

    @property
    def waiting(self) -> int:
        """Reports whose acknowledgement has not come."""
        return len(self.sent) - len(self.acknowledged)

    def start(self) -> None:
        """Connect, and again whenever the link breaks."""
        self._aim(self._port)
        self._client.loop_start()

    def _aim(self, port: int) -> None:
        """Where to connect the next time."""
        if self._is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 3600
            self._client.connect_async("127.0.0.1", port, clean_start=False, properties=properties)
        else:
            self._client.connect_async("127.0.0.1", port)

    def hold(self) -> None:
        """Stay away from the broker once the link is broken; what is reported waits here."""
        self._aim(free_port())

    def resume(self) -> None:
        """Come back."""
        self._aim(self._port)

    async def stop(self) -> None:
        """Land, and leave in order."""
        await self.land()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def announce(self) -> None:
        """Tell the topology until the hub answers, as Pilot does."""
        before = self.answered
        for _ in range(PATIENCE_S):
            self.say_topology()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    while self.answered == before:
                        await asyncio.sleep(0.01)
                    return
        raise AssertionError("the topology was never answered")

    def say_topology(self) -> None:
        """Send the topology once."""
        message = capture("mqtt-status-online-rc-plus-m30t")["payload"]
        message["data"]["sub_devices"][0]["sn"] = self.aircraft
        message["timestamp"] = _now_ms()
        self._client.publish(f"sys/product/{self.gateway}/status", json.dumps(message), qos=1)

    def report(self) -> int:
        """Send one report of the aircraft; its time, which no other has."""
        at_ms = max(_now_ms(), self.sent[-1] + 1 if self.sent else 0)
        self.sent.append(at_ms)
        self._mids[self._say(at_ms)] = at_ms
        return at_ms

    def send_again(self, at_ms: int) -> None:
        """Send a report once more, as a device does that has missed the acknowledgement."""
        self._again.add(self._say(at_ms))

    def _say(self, at_ms: int) -> int:
        message = {
            "tid": "00000000-0000-0000-0000-000000000000",
            "bid": "00000000-0000-0000-0000-000000000000",
            "timestamp": at_ms,
            "gateway": self.gateway,
            "data": {
                "longitude": longitude_of(at_ms),
                "latitude": 50.5,
                "height": 812.25,
                "elevation": 57.2,
                "attitude_head": 138,
                "horizontal_speed": 7.9,
                "vertical_speed": 0.1,
                "mode_code": 5,
                "battery": {"capacity_percent": 70},
            },
        }
        return self._client.publish(f"thing/product/{self.aircraft}/osd", json.dumps(message), qos=1).mid

    def fly(self, per_s: float = 100) -> None:
        """Report so often, until `land`."""

        async def report() -> None:
            while True:
                self.report()
                await asyncio.sleep(1 / per_s)

        self._flight = asyncio.create_task(report())

    async def land(self) -> None:
        """Report no more."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
            self._flight = None

    async def reported(self, number: int) -> None:
        """Wait until so many more reports are acknowledged."""
        wanted = len(self.acknowledged) + number
        await until(lambda: len(self.acknowledged) >= wanted, f"{number} more acknowledgements")


def longitude_of(at_ms: int) -> float:
    """Where the aircraft is at that time: each report has a place of its own, so a sight names a report."""
    return round(8 + at_ms % 1_000_000 / 1e6, 6)


def _now_ms() -> int:
    return int(time.time() * 1000)


@asynccontextmanager
async def flying(way: Way, team: Crew, *, per_s: float = 100) -> AsyncIterator[list[Controller]]:
    """Every connection's controller in the air, in turn with MQTT 5 and 3.1.1."""
    controllers = [
        Controller(way, account, number, version=paho.MQTTv5 if number % 2 == 0 else paho.MQTTv311)
        for number, account in enumerate(team.accounts)
    ]
    try:
        for controller in controllers:
            controller.start()
        await asyncio.gather(*(controller.announce() for controller in controllers))
        for controller in controllers:
            controller.fly(per_s)
        yield controllers
    finally:
        for controller in controllers:
            await controller.stop()


async def all_acknowledged(controllers: list[Controller]) -> None:
    """Land everybody, and wait until nothing waits for its acknowledgement."""
    for controller in controllers:
        await controller.land()
    await until(lambda: not any(controller.waiting for controller in controllers), "every acknowledgement")


# The database


async def history(way: Way) -> dict[str, Counter[int]]:
    """How often each report is in the database: aircraft → time in milliseconds → rows."""
    sql = "SELECT d.serial_number, t.reported_at FROM telemetry t JOIN drones d ON d.id = t.drone_id"
    found: dict[str, Counter[int]] = {}
    if url := way.environment.get("OFH_DATABASE_URL"):
        connection = await asyncpg.connect(url)
        try:
            rows = [(row[0], row[1]) for row in await connection.fetch(sql)]
        finally:
            await connection.close()
    else:
        with contextlib.closing(sqlite3.connect(f"file:{way.data / 'hub.db'}?mode=ro", uri=True)) as file:
            rows = [(serial, from_micros(at)) for serial, at in file.execute(sql)]
    for serial, at in rows:
        found.setdefault(serial, Counter())[round(at.timestamp() * 1000)] += 1
    return found


async def all_stored_once(way: Way, controllers: list[Controller]) -> None:
    """What was sent and acknowledged is in the database, each report once; nothing else is.

    With an outside broker the hub may still be taking in what the broker has acknowledged.
    """

    async def stored() -> bool:
        found = await history(way)
        return all(
            set(controller.sent) <= found.get(controller.aircraft, Counter()).keys() for controller in controllers
        )

    with contextlib.suppress(AssertionError):
        await until(stored)
    found = await history(way)
    for controller in controllers:
        rows = found.get(controller.aircraft, Counter())
        lost = sorted(controller.acknowledged - rows.keys())
        twice = sorted(at for at, count in rows.items() if count > 1)
        assert (lost, twice) == ([], []), (
            f"{controller.aircraft}: of {len(controller.sent)} reports {len(lost)} acknowledged ones are lost, first"
            f" number {controller.sent.index(lost[0]) if lost else '-'}; {len(twice)} are there twice"
        )
        assert rows.keys() == set(controller.sent)


# Dashboards


@dataclass
class Dashboard:
    """One websocket with subscriptions, read until it is closed."""

    socket: ClientConnection
    longitudes: dict[str, float] = field(default_factory=dict)
    """Drone → where it was last seen."""
    results: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    received_bytes: int = 0
    close_code: int | None = None
    """Set once it is closed."""
    is_reading: asyncio.Event = field(default_factory=asyncio.Event)

    async def subscribe(self, query: str, **variables: Any) -> None:
        """One more operation."""
        id = f"operation {len(self.results)} {time.monotonic_ns()}"
        message = {"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}}
        await self.socket.send(json.dumps(message))

    async def read(self) -> None:
        """Take everything in until the end; while `is_reading` is not set, nothing."""
        try:
            while True:
                await self.is_reading.wait()
                self._take(await self.socket.recv())
        except websockets.ConnectionClosed as end:
            self.close_code = end.rcvd.code if end.rcvd else 1006

    def _take(self, text: str | bytes) -> None:
        self.received_bytes += len(text)
        message = json.loads(text)
        if message["type"] == "error":
            self.errors += message["payload"]
        elif message["type"] == "next":
            self.errors += message["payload"].get("errors", [])
            data = message["payload"]["data"]
            self.results.append(data)
            for value in (data or {}).values():
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, dict) and "droneId" in item:
                        self.longitudes[item["droneId"]] = item["position"]["longitude"]

    def codes(self) -> list[str]:
        """The codes of all errors so far."""
        return [error["extensions"]["code"] for error in self.errors]

    async def shows(self, drone: str, at_ms: int) -> None:
        """Wait until it shows this report as the drone's newest."""
        await until(
            lambda: self.longitudes.get(drone) == longitude_of(at_ms), f"the dashboard to show the report of {at_ms}"
        )


@asynccontextmanager
async def dashboard(
    hub: HubProcess, *, token: str | None = None, cookie: str | None = None, **options: Any
) -> AsyncIterator[Dashboard]:
    """A websocket that is let in, by a token in its first message or by a cookie."""
    headers = {"cookie": cookie} if cookie else {}
    async with websockets.connect(
        hub.socket_url,
        subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
        max_size=None,
        ping_interval=None,
        **options,
    ) as socket:
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        async with asyncio.timeout(PATIENCE_S):
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        board = Dashboard(socket)
        board.is_reading.set()
        reading = asyncio.create_task(board.read())
        try:
            yield board
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def drone_ids(hub: HubProcess, team: Crew, controllers: list[Controller]) -> list[str]:
    """The hub's ids of the controllers' aircraft, once it knows them all."""

    async def known() -> list[str] | None:
        found = await answer(
            hub,
            team.token,
            "query($id: ID!) { workspace(id: $id) { drones { id serialNumber } } }",
            id=team.workspace,
        )
        ids = {drone["serialNumber"]: drone["id"] for drone in found["workspace"]["drones"]}
        serials = [controller.aircraft for controller in controllers]
        return [ids[serial] for serial in serials] if all(serial in ids for serial in serials) else None

    return list(await until(known, "the hub to know the aircraft"))


# What the hub says of itself


async def get(hub: HubProcess, path: str) -> httpx2.Response:
    """One request."""
    async with httpx2.AsyncClient() as client:
        return await client.get(f"{hub.url}{path}", timeout=PATIENCE_S)


async def says_away(hub: HubProcess, backend: str) -> None:
    """Wait until `/readyz` names this backend, and it alone; `/healthz` is not concerned."""

    async def named() -> bool:
        ready = await get(hub, "/readyz")
        return bool(ready.status_code == 503 and ready.json()["backends"][backend] == "away")

    await until(named, f"/readyz to name {backend}")
    ready = await get(hub, "/readyz")
    others = {name: state for name, state in ready.json()["backends"].items() if name != backend}
    assert ready.json()["ready"] is False
    assert set(others.values()) == {"ok"}
    assert ready.headers["retry-after"]
    assert (await get(hub, "/healthz")).status_code == 200


async def says_ready(hub: HubProcess) -> None:
    """Wait until `/readyz` is content."""

    async def content() -> bool:
        assert (await get(hub, "/healthz")).status_code == 200
        return bool((await get(hub, "/readyz")).status_code == 200)

    await until(content, "/readyz to be content")


def family(daemon: Daemon) -> list[int]:
    """A server's process and those that it has started."""
    assert daemon.process is not None
    parent = daemon.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


@contextlib.contextmanager
def held(daemon: Daemon) -> Iterator[None]:
    """A server that neither answers nor goes away, for as long as the block lasts."""
    processes = family(daemon)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def kill_all(daemon: Daemon) -> None:
    """kill -9 of a server and of all that it has started: a power cut, but that the disk keeps what it was given."""
    assert daemon.process is not None
    os.kill(daemon.process.pid, signal.SIGSTOP)  # it shall start no more of them
    for process in family(daemon)[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    daemon.kill()


def resident_bytes(hub: HubProcess) -> int:
    """Memory of the hub's process that is in use."""
    with open(f"/proc/{hub.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def faults_in(hub: HubProcess) -> list[str]:
    """What the hub's log says of faults of its own, with what stands around it."""
    lines = hub.log.read_text().splitlines()
    marks = [number for number, line in enumerate(lines) if "Traceback" in line]
    return ["\n".join(lines[max(0, number - 3) : number + 60]) for number in marks]
