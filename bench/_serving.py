"""The contenders in Python, each a process of its own: `python bench/_serving.py NAME LOOP [MQTT_PORT]`. No benchmark.

Prints its port, then does what standard input says: "run EVENTS PER_SECOND DRONES" publishes so many events, drone
after drone, and prints "done". With a port it publishes what a broker has at position/#.
"""

import asyncio
import gc
import itertools
import json
import math
import os
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._native import SLOT_S, clock, due_s  # noqa: E402

START = datetime(2026, 5, 1, microsecond=100_000, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MANY = 1_000_000
WORKSPACE = 0
"""The topic of all drones."""


@dataclass(slots=True)  # frozen ones take four times as long to make, and making them is counted
class Event:
    """One position."""

    at: datetime
    key: int
    sent: float


Publish = Callable[[Event], None]
Put = Callable[..., None]
"""Leaves an event, its key, and whether it may be taken `now`; see `Mailbox.put`."""
Contender = tuple[Any, Publish]


def schema_parts() -> tuple[type, type]:
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
            event = self.event
            return Position(longitude=8.540123, latitude=47.380123, height=event.sent, reported_at=event.at)

        @strawberry.field
        def telemetry(self) -> Telemetry | None:
            return Telemetry(heading=121.5, horizontal_speed=7.25, elevation=88.5)

    @strawberry.type
    class Query:
        ok: bool = True

    return Query, DronePosition


class Topics:
    """Topics in memory."""

    def __init__(self) -> None:
        self._of: dict[int, set[Put]] = defaultdict(set)

    def publish(self, event: Event) -> None:
        """Tell whoever listens to the drone, and whoever listens to all."""
        for put in self._of.get(event.key, ()):
            put(event, event.key, now=True)
        for put in self._of.get(WORKSPACE, ()):
            put(event, event.key, now=False)

    @contextmanager
    def listen(self, topic: int, put: Put) -> Iterator[None]:
        """Put in what is published from now on."""
        self._of[topic].add(put)
        try:
            yield
        finally:
            self._of[topic].discard(put)


def edge() -> Contender:
    """The hub's edge over a schema of the same shape as the hub's."""
    import strawberry

    from ofh.backends.mailbox import Mailbox, Policy
    from ofh.domain.actors import Actor
    from ofh.edges.auth import Origins
    from ofh.edges.graphql.context import Contexts
    from ofh.edges.graphql.fanout import Fanout, Join, as_it_is
    from ofh.edges.graphql.gate import Gate
    from ofh.edges.graphql.hub_schema import HubSchema
    from ofh.edges.graphql.socket import SocketLimits
    from ofh.edges.graphql.websocket import Sockets
    from ofh.services.watching import Watch

    Query, DronePosition = schema_parts()
    topics = Topics()
    actor = Actor(user_id=1, credential="session", credential_id=1)

    async def nothing() -> list[Event]:
        return []

    def show(event: Event) -> DronePosition:  # type: ignore[valid-type]
        return DronePosition(event=event)  # type: ignore[call-arg]

    def joined(name: str, topic: int, *, per_item: bool) -> Any:
        @asynccontextmanager
        async def watch() -> AsyncIterator[Watch[Event]]:
            mailbox: Mailbox[Any] = Mailbox(Policy.LATEST, MANY)
            with topics.listen(topic, mailbox.put):
                accept = cast(Any, as_it_is)
                yield Watch(mailbox, snapshot=nothing, accept=accept, interval=timedelta(0), known={})

        return Join(
            key=(name, topic),
            open=watch,
            per_item=per_item,
            scope=(1, "MEMBER"),
            workspace_id=1,
            show=show,
        )

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def drone_position(self, drone_id: strawberry.ID) -> AsyncGenerator[DronePosition, None]:  # type: ignore[valid-type]
            yield joined("dronePosition", int(drone_id), per_item=True)

        @strawberry.subscription
        async def workspace_positions(
            self, workspace_id: strawberry.ID, interval: int = 250
        ) -> AsyncGenerator[list[DronePosition], None]:  # type: ignore[valid-type]
            yield joined("workspacePositions", WORKSPACE, per_item=False)

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
    limits = SocketLimits(per_user=MANY, per_address=MANY)
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # as the hub does
    return Sockets(schema, contexts, fanout, gate, limits), topics.publish


def stock() -> Contender:
    """Strawberry as its documentation has it: a generator and an execution per subscriber."""
    import strawberry
    from strawberry.asgi import GraphQL

    Query, DronePosition = schema_parts()
    topics = Topics()

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def drone_position(self, drone_id: strawberry.ID) -> AsyncGenerator[DronePosition, None]:  # type: ignore[valid-type]
            queue: asyncio.Queue[Event] = asyncio.Queue()
            with topics.listen(int(drone_id), lambda event, *_, **__: queue.put_nowait(event)):
                while True:
                    yield DronePosition(event=await queue.get())

        @strawberry.subscription
        async def workspace_positions(
            self, workspace_id: strawberry.ID, interval: int = 250
        ) -> AsyncGenerator[list[DronePosition], None]:  # type: ignore[valid-type]
            queue: asyncio.Queue[Event] = asyncio.Queue()
            with topics.listen(WORKSPACE, lambda event, *_, **__: queue.put_nowait(event)):
                while True:
                    yield [DronePosition(event=await queue.get())]

    schema = strawberry.Schema(Query, subscription=Subscription)
    return GraphQL(schema, subscription_protocols=["graphql-transport-ws"]), topics.publish


def frames() -> Contender:
    """The hub's server and transport with a ready-made frame and no GraphQL: the most that this stack can do."""
    from ofh.edges.outlet import Flusher, RawOutlet, text_header
    from ofh.edges.ws_protocol import EXTENSION

    outlets: dict[int, list[RawOutlet]] = defaultdict(list)
    counter = itertools.count()
    flusher = Flusher()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        variables = json.loads((await receive())["text"])["payload"]["variables"]
        outlet = scope["extensions"][EXTENSION]
        outlet.open(flusher, lambda: None)
        outlets[int(variables.get("id", WORKSPACE))].append(outlet)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    def publish(event: Event) -> None:
        value = (
            f'{{"droneId":"{event.key}","position":{{"longitude":8.540123,"latitude":47.380123,"height":{event.sent},'
            f'"reportedAt":"2026-05-01T00:00:00.{next(counter) % MANY:06}+00:00"}},"telemetry":{{"heading":121.5,'
            '"horizontalSpeed":7.25,"elevation":88.5}}'
        )
        for topic, text in ((event.key, f'"dronePosition":{value}'), (WORKSPACE, f'"workspacePositions":[{value}]')):
            if watching := outlets.get(topic):
                body = f'{{"id":"s00000","type":"next","payload":{{"data":{{{text}}}}}}}'.encode()
                ready = text_header(len(body)) + body  # whoever broadcasts without GraphQL has the same bytes for all
                for outlet in watching:
                    outlet.put(ready)

    return app, publish


CONTENDERS: dict[str, Callable[[], Contender]] = {"edge": edge, "stock": stock, "frames": frames}


def serve(name: str, loop: Any, broker: int | None) -> None:
    """Serve one contender until standard input ends."""
    import uvicorn

    from ofh.edges.ws_protocol import HubWebSocketProtocol

    app, publish = CONTENDERS[name]()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    ours = name != "stock"
    config = uvicorn.Config(
        app,
        loop=loop if ours else "auto",
        ws=HubWebSocketProtocol if ours else "auto",
        log_level="error",
        lifespan="off",
        access_log=False,
        ws_per_message_deflate=not ours,
    )

    async def main() -> None:
        server = uvicorn.Server(config)
        tasks = [asyncio.create_task(server.serve(sockets=[listening]))]
        if broker:
            tasks.append(asyncio.create_task(_from_broker(broker, publish)))
        print(listening.getsockname()[1], flush=True)
        orders: asyncio.Queue[str] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(0, lambda: orders.put_nowait(sys.stdin.readline()))
        while order := await orders.get():
            _, events, rate, drones = order.split()
            await _run(publish, int(events), float(rate), int(drones))
            print("done", flush=True)
        os._exit(0)  # a thousand sockets are not worth a farewell

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())


_made = itertools.count()


async def _run(publish: Publish, events: int, rate: float, drones: int) -> None:
    began, number = time.monotonic(), 0
    while number < events:
        due = due_s(number, rate)
        await asyncio.sleep(max(0.0, began + due - time.monotonic()))
        upto = min(events, max(number + 1, math.ceil((due + SLOT_S) * rate)))
        for key in range(number, upto):
            at = START + TICK * next(_made)  # a watch shows none that is older than what it has shown
            publish(Event(at, key % drones + 1, clock()))
        number = upto


async def _from_broker(port: int, publish: Publish) -> None:
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("position/#")
        async for message in client.messages:
            value = json.loads(message.payload)
            position = value["position"]
            at = datetime.fromisoformat(position["reportedAt"])
            publish(Event(at, int(value["droneId"]), position["height"]))


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
