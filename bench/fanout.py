"""One drone, many subscribers: deliveries per CPU second of the serving process, side by side.

    python bench/fanout.py [--subscribers 1000] [--events 150] [--rate 50] [--loop asyncio|uvloop]

Each contender is a process of its own on loopback; a further process receives and counts, and its CPU does not
count. A run is bounded by its number of events; nothing is asserted. See `bench/README.md` for what is compared.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

OPERATION = (
    "subscription Live($id: ID!) { dronePosition(droneId: $id) { droneId "
    "position { longitude latitude height reportedAt } telemetry { heading horizontalSpeed elevation } } }"
)
BODY = (
    '{"data":{"dronePosition":{"droneId":"17","position":{"longitude":8.540123,"latitude":47.380123,"height":512.25,'
    '"reportedAt":"2026-05-01T00:00:00.%06d+00:00"},"telemetry":{"heading":121.5,"horizontalSpeed":7.25,'
    '"elevation":88.5}}}}'
)
STEP = timedelta(microseconds=1)
START = datetime(2026, 5, 1, microsecond=100_000, tzinfo=UTC)
"""Every event is as long as the next: all times have six digits after the second."""


@dataclass(frozen=True, slots=True)
class Event:
    """One position."""

    at: datetime
    key: int = 17


EVENT = Event(START)


# The contenders. Each gives an ASGI application and a function that publishes the next event.

Contender = tuple[Any, Callable[[], None]]


def schema_parts() -> tuple[type, type, type]:
    """The types that both GraphQL contenders serve: resolvers as in the hub's schema."""
    import strawberry

    @strawberry.type
    class Position:
        longitude: float
        latitude: float
        height: float
        reported_at: datetime

    @strawberry.type
    class Telemetry:
        heading: float | None
        horizontal_speed: float | None
        elevation: float | None

    @strawberry.type
    class DronePosition:
        event: strawberry.Private[Event]

        @strawberry.field
        def drone_id(self) -> strawberry.ID:
            return strawberry.ID(str(self.event.key))

        @strawberry.field
        def position(self) -> Position:
            return Position(longitude=8.540123, latitude=47.380123, height=512.25, reported_at=self.event.at)

        @strawberry.field
        def telemetry(self) -> Telemetry | None:
            return Telemetry(heading=121.5, horizontal_speed=7.25, elevation=88.5)

    @strawberry.type
    class Query:
        ok: bool = True

    return Query, DronePosition, Position


class Queues:
    """A topic in memory: one queue per listener."""

    def __init__(self) -> None:
        self.all: set[asyncio.Queue[Event]] = set()
        self.event = EVENT

    def publish(self) -> None:
        self.event = replace(self.event, at=self.event.at + STEP)
        for queue in self.all:
            queue.put_nowait(self.event)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[Event]]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self.all.add(queue)
        try:
            yield queue
        finally:
            self.all.discard(queue)


def ours(subscribers: int) -> Contender:
    """The hub's edge over a schema of the same shape as the hub's."""
    import strawberry

    from ofh.domain.actors import Actor
    from ofh.edges.auth import Origins
    from ofh.edges.graphql.context import Contexts
    from ofh.edges.graphql.fanout import Fanout, Join
    from ofh.edges.graphql.gate import Gate
    from ofh.edges.graphql.hub_schema import HubSchema
    from ofh.edges.graphql.socket import SocketLimits, Sockets

    Query, DronePosition, _ = schema_parts()
    topic = Queues()
    actor = Actor(user_id=1, credential="session", credential_id=1)

    class Watching:
        def __init__(self, queue: asyncio.Queue[Event]) -> None:
            self._queue = queue

        def current(self) -> list[Event]:
            return [topic.event]

        async def changes(self) -> AsyncIterator[list[Event]]:
            while True:
                yield [await self._queue.get()]

    @asynccontextmanager
    async def watch() -> AsyncIterator[Watching]:
        async with topic.listen() as queue:
            yield Watching(queue)

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def drone_position(self, drone_id: strawberry.ID) -> AsyncGenerator[DronePosition, None]:  # type: ignore[valid-type]
            yield cast(
                Any,
                Join(
                    key=drone_id,
                    open=watch,
                    per_item=True,
                    scope=(1, "MEMBER"),
                    workspace_id=1,
                    show=lambda event: DronePosition(event=event),
                ),
            )

    class Everybody:
        async def authenticate_session(self, token: str, address: str = "") -> Actor:
            return actor

        async def still_valid(self, actor: Actor) -> bool:
            return True

    async def scope_of(actor: Actor, workspace_id: int) -> tuple[int, str]:
        return workspace_id, "MEMBER"

    async def throttle(actor: Actor | None, address: str, operations: int) -> None:
        pass

    schema = HubSchema(Query, subscription=Subscription)
    contexts = Contexts(cast(Any, None))
    fanout = Fanout(contexts)
    gate = Gate(
        sessions=cast(Any, Everybody()),
        origins=Origins(public_url=None, port=8000),
        address_of=lambda scope: "loopback",
        scope_of=scope_of,
        throttle=throttle,
    )
    limits = SocketLimits(per_user=subscribers, per_address=subscribers)
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # as the hub does
    return Sockets(schema, contexts, fanout, gate, limits), topic.publish


def stock(subscribers: int) -> Contender:
    """Strawberry as its documentation has it: a generator and an execution per subscriber."""
    import strawberry
    from strawberry.asgi import GraphQL

    Query, DronePosition, _ = schema_parts()
    topic = Queues()

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def drone_position(self, drone_id: strawberry.ID) -> AsyncGenerator[DronePosition, None]:  # type: ignore[valid-type]
            async with topic.listen() as queue:
                yield DronePosition(event=topic.event)
                while True:
                    yield DronePosition(event=await queue.get())

    schema = strawberry.Schema(Query, subscription=Subscription)
    return GraphQL(schema, subscription_protocols=["graphql-transport-ws"]), topic.publish


def bare(subscribers: int) -> Contender:
    """The same server and transport with a ready-made frame and no GraphQL: the most that this stack can do."""
    from ofh.edges.outlet import text_header
    from ofh.edges.ws_protocol import EXTENSION, Channel

    channels: list[tuple[Channel, str]] = []
    counter = itertools.count(100_001)

    def frame(id: str, number: int) -> bytes:
        body = (f'{{"id":"{id}","type":"next","payload":' + BODY % number + "}").encode()
        return text_header(len(body)) + body

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        id = json.loads((await receive())["text"])["id"]
        channel = scope["extensions"][EXTENSION]
        channel.write(frame(id, 100_000))
        channels.append((channel, id))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    shared: dict[int, bytes] = {}

    def publish() -> None:
        number = next(counter)
        shared.clear()
        ready = frame("s00000", number)  # whoever broadcasts without GraphQL has the same bytes for all
        for channel, _ in channels:
            channel.write(ready)

    return app, publish


CONTENDERS = {"ours": ours, "stock": stock, "bare": bare}


# The serving process


def serve(name: str, subscribers: int, events: int, rate: float, loop: str) -> None:
    """Serve one contender; publish when told to, then print the CPU that it took."""
    import uvicorn

    from ofh.edges.ws_protocol import HubWebSocketProtocol

    raise_files(subscribers)
    app, publish = CONTENDERS[name](subscribers)
    listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    config = uvicorn.Config(
        app,
        ws=HubWebSocketProtocol if name != "stock" else "websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_level="error",
        lifespan="off",
        access_log=False,
    )

    async def main() -> None:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        idle = rss_kib()
        print(listening.getsockname()[1], flush=True)
        orders: asyncio.Queue[str] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(0, lambda: orders.put_nowait(sys.stdin.readline()))
        await orders.get()
        gc.collect()
        memory = rss_kib() - idle
        before, started = cpu_s(), time.monotonic()
        for number in range(events):
            publish()
            await asyncio.sleep(max(0.0, started + (number + 1) / rate - time.monotonic()))
        await asyncio.sleep(0.3)
        print(json.dumps({"cpu_s": cpu_s() - before, "kib": memory}), flush=True)
        await orders.get()
        serving.cancel()
        os._exit(0)  # a thousand sockets are not worth a farewell

    run(main, loop)


def floor(subscribers: int, events: int, rate: float) -> None:
    """No server at all: one `send` per delivery on non-blocking sockets; what no writer of single messages can pass."""
    raise_files(subscribers)
    listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    print(listening.getsockname()[1], flush=True)
    peers = []
    body = (b'\x81\x7e\x00\x00{"id":"s00000","type":"next","payload":' + (BODY % 100_000).encode() + b"}",)
    for _ in range(subscribers):
        peer, _ = listening.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.send(body[0])
        peer.setblocking(False)
        peers.append(peer)
    sys.stdin.readline()
    before, started = cpu_s(), time.monotonic()
    for number in range(events):
        frame = body[0]
        for peer in peers:
            peer.send(frame)
        time.sleep(max(0.0, started + (number + 1) / rate - time.monotonic()))
    print(json.dumps({"cpu_s": cpu_s() - before, "kib": 0}), flush=True)
    sys.stdin.readline()


def run(main: Callable[[], Any], loop: str) -> None:
    """Run on the event loop of that name."""
    if loop == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


def cpu_s() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_kib() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def raise_files(sockets: int) -> None:
    """Allow this process enough open sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, sockets + 200), hard))


# The receiving process


def receive(port: int, subscribers: int, speaks: bool) -> None:
    """Subscribe with many sockets, then count bytes until told to stop."""
    raise_files(subscribers)
    selector = selectors.DefaultSelector()
    sizes = set()
    for number in range(subscribers):
        peer = socket.create_connection(("127.0.0.1", port), timeout=30)
        if speaks:
            sizes.add(subscribe(peer, f"s{number:05}"))
        else:
            sizes.add(len(peer.recv(4_096)))
        peer.setblocking(False)
        selector.register(peer, selectors.EVENT_READ)
    print(json.dumps(sorted(sizes)), flush=True)
    selector.register(sys.stdin, selectors.EVENT_READ)
    total = 0
    while True:
        for key, _ in selector.select(5):
            if key.fileobj is sys.stdin:
                print(json.dumps({"bytes": total}), flush=True)
                return
            total += len(cast(socket.socket, key.fileobj).recv(262_144))


def subscribe(peer: socket.socket, id: str) -> int:
    """Open a websocket, subscribe, and give the length of the first event's frame."""
    peer.sendall(
        b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nCookie: user-auth=x\r\n\r\n"
    )
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(4_096)
    payload = {"query": OPERATION, "variables": {"id": "17"}}
    peer.sendall(masked({"type": "connection_init"}))
    data = data.partition(b"\r\n\r\n")[2]
    while b"connection_ack" not in data:
        data += peer.recv(4_096)
    peer.sendall(masked({"id": id, "type": "subscribe", "payload": payload}))
    data = data[data.index(b"}") + 1 :]
    while not data.endswith(b"}}}}}"):
        data += peer.recv(4_096)
    return len(data)


def masked(message: Any) -> bytes:
    """A client's text frame; the mask is zero, which masks nothing and is allowed."""
    body = json.dumps(message, separators=(",", ":")).encode()
    head = bytes((0x81, 0x80 | len(body))) if len(body) < 126 else b"\x81\xfe" + len(body).to_bytes(2, "big")
    return head + bytes(4) + body


# The table


def measure(name: str, subscribers: int, events: int, rate: float, loop: str) -> dict[str, float]:
    """One contender, from start to end."""
    me = [sys.executable, str(Path(__file__).resolve())]
    shape = ["--subscribers", str(subscribers), "--events", str(events), "--rate", str(rate), "--loop", loop]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen([*me, "--serve", name, *shape], **pipes)  # type: ignore[call-overload]
    receiver = None
    try:
        port = server.stdout.readline().strip()
        receiver = subprocess.Popen([*me, "--receive", port, "--serve", name, *shape], **pipes)  # type: ignore[call-overload]
        sizes = json.loads(receiver.stdout.readline())
        tell(server)
        spent = json.loads(server.stdout.readline())
        tell(receiver)
        got = json.loads(receiver.stdout.readline())["bytes"]
        tell(server)
    finally:
        for process in (server, receiver):
            if process is not None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
                process.kill()
                process.wait()
    size = sizes[0] if len(sizes) == 1 else sum(sizes) / len(sizes)
    return {"size": size, "deliveries": got / size, "expected": subscribers * events, **spent}


def tell(process: Any) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def main() -> None:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=150, help="for all but stock, which gets a tenth")
    parser.add_argument("--rate", type=float, default=40.0, help="events a second; stock gets a fortieth")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--receive", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive is not None:
        receive(given.receive, given.subscribers, given.serve != "floor")
    elif given.serve == "floor":
        floor(given.subscribers, given.events, given.rate)
    elif given.serve:
        serve(given.serve, given.subscribers, given.events, given.rate, given.loop)
    else:
        table(given.subscribers, given.events, given.rate, given.loop)


def table(subscribers: int, events: int, rate: float, loop: str) -> None:
    """Measure all and print."""
    print(f"{subscribers} subscribers of one drone, {loop}, Python {sys.version.split()[0]}")
    print(f"raised for this: sockets per user and address to {subscribers} (20 and 100), open files to fit")
    print(
        f"{'':28}{'bytes':>7}{'deliveries':>12}{'lost':>7}{'CPU s':>8}{'per CPU s':>11}{'of bare':>9}{'KiB each':>10}"
    )
    lines = {
        "bare": "bare websocket broadcast",
        "floor": "send() in a loop, no server",
        "ours": "OpenFlightHub",
        "stock": "stock Strawberry",
    }
    found: dict[str, float] = {}
    for name, title in lines.items():
        few = name == "stock"
        count, pace = (max(events // 10, 3), rate / 40) if few else (events, rate)
        got = measure(name, subscribers, count, pace, loop)
        found[name] = got["deliveries"] / got["cpu_s"]
        lost = got["expected"] - got["deliveries"]
        print(
            f"{title:28}{got['size']:7.0f}{got['deliveries']:12.0f}{lost:7.0f}{got['cpu_s']:8.2f}{found[name]:11.0f}"
            f"{found[name] / found['bare']:9.0%}{got['kib'] / subscribers:10.1f}",
            flush=True,
        )
    print(f"ours is {found['ours'] / found['floor']:.0%} of the floor and {found['ours'] / found['stock']:.0f} × stock")


if __name__ == "__main__":
    main()
