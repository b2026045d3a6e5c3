"""A small schema with everything that the edge has to carry, and services that answer from memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.edges.auth import Origins, ended_cookie, session_cookie
from ofh.edges.graphql.context import Context, Contexts, Services
from ofh.edges.graphql.fanout import Fanout, Join
from ofh.edges.graphql.gate import Gate
from ofh.edges.graphql.http import GraphQLHttp, HttpLimits
from ofh.edges.graphql.hub_schema import HubSchema
from ofh.edges.graphql.ide.page import Ide, IdeFiles
from ofh.edges.graphql.limits import Limits
from ofh.edges.graphql.socket import SocketLimits
from ofh.edges.graphql.websocket import Sockets
from ofh.services.sessions import Sessions

Info = strawberry.Info[Context, None]
START = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """What a watched drone says."""

    drone_id: int
    number: int
    text: str = ""

    @property
    def key(self) -> int:
        return self.drone_id

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.number)


class Topic:
    """A watch that tests speak through. `news` conflates nothing, so that tests see every batch."""

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.watchers: set[asyncio.Queue[list[Item] | BaseException | None]] = set()
        self.opened = 0

    def say(self, *batch: Item) -> None:
        """Tell a batch of newer items."""
        self.items.update((item.drone_id, item) for item in batch)
        for queue in self.watchers:
            queue.put_nowait(list(batch))

    def stop(self, error: BaseException | None = None) -> None:
        """End the watch."""
        for queue in self.watchers:
            queue.put_nowait(error)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Watching"]:
        self.opened += 1
        queue: asyncio.Queue[list[Item] | BaseException | None] = asyncio.Queue()
        self.watchers.add(queue)
        try:
            await asyncio.sleep(0)
            yield Watching(self, queue)
        finally:
            self.watchers.discard(queue)


@dataclass
class Watching:
    topic: Topic
    queue: asyncio.Queue[list[Item] | BaseException | None]

    def current(self) -> list[Item]:
        return list(self.topic.items.values())

    async def changes(self) -> AsyncIterator[list[Item]]:
        while (batch := await self.queue.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield batch


@dataclass
class Toy:
    """The state behind the toy schema, and what it has been asked."""

    topics: dict[int, Topic] = field(default_factory=dict)
    roles: dict[tuple[int, int], str] = field(
        default_factory=lambda: {(1, 1): "ADMIN", (2, 1): "ADMIN", (3, 1): "VIEWER"}
    )
    sessions: dict[str, Actor] = field(
        default_factory=lambda: {
            f"s{number}": Actor(user_id=number, credential="session", credential_id=number) for number in (1, 2, 3)
        }
    )
    executions: int = 0
    opened: int = 0
    ticks: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    finished: list[str] = field(default_factory=list)
    throttled: bool = False
    scope_gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Who asks for a role has it, but waits here before it is told."""
    scope_troubles: list[Exception] = field(default_factory=list)
    """Raised by the next questions for a role, one each."""
    changes: asyncio.Event = field(default_factory=asyncio.Event)
    """The mutation `change` waits for it between its commit and its effect."""

    def __post_init__(self) -> None:
        self.scope_gate.set()

    def topic(self, drone_id: int) -> Topic:
        return self.topics.setdefault(drone_id, Topic())

    async def authenticate_session(self, token: str, address: str = "") -> Actor | None:
        return self.sessions.get(token)

    async def authenticate_bearer(self, token: str, address: str = "") -> Actor | None:
        if token == "away":
            raise HubError(Code.UNAVAILABLE, "The database is away.")
        return self.sessions.get(token.removeprefix("t-"))

    async def still_valid(self, actor: Actor) -> bool:
        return actor in self.sessions.values()

    async def scope_of(self, actor: Actor, workspace_id: int) -> tuple[int, str] | None:
        if self.scope_troubles:
            raise self.scope_troubles.pop()
        role = self.roles.get((actor.user_id, workspace_id))
        await self.scope_gate.wait()
        return (workspace_id, role) if role else None

    async def throttle(self, actor: Actor | None, address: str, operations: int) -> None:
        if self.throttled:
            raise HubError(Code.RATE_LIMITED, "Slower, please.", retry_after_s=7)


def toy(info: Info) -> Toy:
    return cast(Toy, info.context.services)


@strawberry.type
class Reader:
    @strawberry.field
    def name(self, info: Info) -> str:
        return f"user {info.context.require_actor().user_id}"


@strawberry.type
class Place:
    longitude: float
    latitude: float
    height: float
    reported_at: datetime


@strawberry.type
class Position:
    drone_id: strawberry.ID
    number: int
    text: str
    at: datetime

    @strawberry.field
    def position(self) -> Place:
        return Place(longitude=8.5 + self.number / 1e6, latitude=47.25, height=512.5, reported_at=self.at)

    @strawberry.field
    def counted(self, info: Info) -> int:
        toy(info).executions += 1
        return self.number

    @strawberry.field
    async def slowly(self, info: Info) -> str:
        await asyncio.sleep(0)
        return f"slow {self.number}"

    @strawberry.field
    async def stuck(self) -> str | None:
        await asyncio.sleep(3_600)
        return None

    @strawberry.field
    def reader(self) -> Reader:
        return Reader()

    @strawberry.field
    def fault(self) -> str | None:
        raise RuntimeError("the secret inside")

    @strawberry.field
    def echo(self, word: str, times: int = 1) -> str:
        return word * times


def shown(item: Item) -> Position:
    return Position(drone_id=strawberry.ID(str(item.drone_id)), number=item.number, text=item.text, at=item.at)


@strawberry.type
class Node:
    id: strawberry.ID
    label: str | None = None

    @strawberry.field
    def children(self) -> "list[Node]":
        return [Node(id=strawberry.ID("1"))]

    @strawberry.field
    def parent(self) -> "Node | None":
        return None

    @strawberry.field
    def page(self, first: int | None = None, after: str | None = None) -> "NodeConnection":
        return NodeConnection(edges=[NodeEdge(node=Node(id=strawberry.ID("2")))])


@strawberry.type
class NodeEdge:
    node: Node


@strawberry.type
class NodeConnection:
    edges: list[NodeEdge]


@strawberry.input
class Box:
    west: float
    label: str = ""


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    def me(self, info: Info) -> str | None:
        actor = info.context.actor
        return str(actor.user_id) if actor else None

    @strawberry.field
    def needs_login(self, info: Info) -> str | None:
        return str(info.context.require_actor().user_id)

    @strawberry.field
    def node(self) -> Node:
        return Node(id=strawberry.ID("1"))

    @strawberry.field
    def area(self, box: Box) -> float:
        return box.west

    @strawberry.field
    def refuse(self, code: str) -> str | None:
        error = HubError(Code(code), f"refused with {code}", fields={"code": "bad"} if code == "BAD_INPUT" else None)
        raise error

    @strawberry.field
    def fault(self) -> str | None:
        raise RuntimeError("the secret inside")

    @strawberry.field
    def broken(self) -> float:
        return float("nan")

    @strawberry.field
    async def wait(self, info: Info, seconds: float) -> bool:
        toy(info).opened += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            toy(info).finished.append("wait")
        return True

    @strawberry.field
    def loaders(self, info: Info) -> str:
        return str(id(info.context.loaders))


@strawberry.type
class Mutation:
    @strawberry.mutation
    def login(self, info: Info) -> bool:
        info.context.require_http()
        info.context.set_cookie("fresh")
        return True

    @strawberry.mutation
    async def change(self, info: Info, breaks: bool = False) -> bool:
        state = toy(info)
        state.opened += 1
        await state.changes.wait()
        if breaks:
            raise RuntimeError("the secret inside")
        state.finished.append("change")
        return True

    @strawberry.mutation
    def logout(self, info: Info) -> bool:
        info.context.clear_cookie()
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def position(self, info: Info, drone_id: strawberry.ID) -> AsyncGenerator[Position, None]:
        yield cast(Position, await join_of(info, drone_id, per_item=True))

    @strawberry.subscription
    async def positions(self, info: Info, drone_id: strawberry.ID) -> AsyncGenerator[list[Position], None]:
        yield cast(list[Position], await join_of(info, drone_id, per_item=False))

    @strawberry.subscription
    async def count(self, info: Info, to: int = 3) -> AsyncGenerator[int, None]:
        info.context.require_actor()
        try:
            for number in range(to):
                yield number
                await asyncio.sleep(0)
        finally:
            toy(info).finished.append("count")

    @strawberry.subscription
    async def ticks(self, info: Info) -> AsyncGenerator[int, None]:
        try:
            while True:
                yield await toy(info).ticks.get()
        finally:
            toy(info).finished.append("ticks")

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError("the secret inside")

    @strawberry.subscription
    async def nothing(self) -> AsyncGenerator[int, None]:
        for number in range(0):
            yield number


async def join_of(info: Info, drone_id: str, *, per_item: bool) -> Join:
    """As the real resolvers do it: check who asks, then say what is watched."""
    state = toy(info)
    actor = info.context.require_actor()
    if not drone_id.isdecimal():
        raise bad_input("droneId", "An id is a number.")
    if drone_id == "503":
        raise HubError(Code.UNAVAILABLE, "The database is away.")
    scope = await state.scope_of(actor, 1)
    if scope is None or drone_id == "404":
        raise gone("drone")
    topic = state.topic(int(drone_id))
    return Join(key=("position", drone_id), open=topic.open, per_item=per_item, scope=scope, workspace_id=1, show=shown)


@dataclass
class Edge:
    """The websocket edge over a toy."""

    toy: Toy
    schema: HubSchema
    contexts: Contexts
    fanout: Fanout
    sockets: Sockets
    gate: Gate


def build(
    state: Toy | None = None,
    *,
    limits: Limits | None = None,
    sockets: SocketLimits | None = None,
    introspection: bool = True,
    operation_s: float = 10.0,
    public_url: str = "https://hub.example.org",
    address_of: Callable[[Mapping[str, Any]], str] = lambda scope: (scope.get("client") or ("test", 0))[0],
) -> Edge:
    state = state or Toy()
    schema = HubSchema(Query, Mutation, Subscription, limits=limits, introspection=introspection)
    contexts = Contexts(cast(Services, state))
    fanout = Fanout(contexts, operation_s=operation_s)
    gate = Gate(
        sessions=cast(Sessions, state),
        origins=Origins(public_url=public_url, port=8000),
        address_of=address_of,
        scope_of=state.scope_of,
        throttle=state.throttle,
    )
    return Edge(state, schema, contexts, fanout, Sockets(schema, contexts, fanout, gate, sockets), gate)


@asynccontextmanager
async def running(edge: Edge) -> AsyncIterator[Edge]:
    """The edge between start and stop."""
    await edge.sockets.start()
    try:
        yield edge
    finally:
        await edge.sockets.stop()
        await edge.fanout.stop()


def application(edge: Edge, *, ide: Ide | None = None, limits: HttpLimits | None = None) -> Starlette:
    """HTTP and websocket on one path, as the hub mounts them."""
    http = GraphQLHttp(edge.schema, edge.contexts, edge.gate, cookie=cookie, ide=ide, limits=limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running(edge):
            yield

    routes = [
        Route("/graphql", http),
        WebSocketRoute("/graphql", edge.sockets),
        Route("/graphql/ide/{name}", IdeFiles()),
    ]
    if ide is not None:
        routes.append(Route("/", ide))
    return Starlette(routes=routes, lifespan=lifespan)


def cookie(token: str | None) -> str:
    """As `edges/auth.py` makes it."""
    return session_cookie(token, lifetime=timedelta(days=1), secure=True) if token else ended_cookie(secure=True)
