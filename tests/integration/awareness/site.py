"""Controllers of two workspaces around the endpoints of awareness, on a real server in the test's own process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
import uvicorn
from starlette.routing import Router
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ofh.domain.errors import Code, HubError
from ofh.edges.auth import Origins
from ofh.edges.guard import Guard
from ofh.edges.pilot import map_elements, topologies, waylines
from ofh.edges.pilot.endpoint import PilotEndpoints
from ofh.edges.pilot.socket import PilotSockets, SocketLimits, World
from ofh.edges.ws_protocol import HubWebSocketProtocol
from ofh.services.awareness import Awareness
from ofh.services.link import Pilot
from ofh.services.map_elements import MapElements
from tests.integration.pilot.house import LinkHouse
from tests.support.fleet import FleetBench

PATIENCE_S = 30
QUIET_S = 1.5
"""Long enough for what is paced to have come."""


class Site:
    """The server and what stands behind it."""

    def __init__(self, house: LinkHouse, bench: FleetBench, limits: SocketLimits) -> None:
        self.house = house
        self.bench = bench
        self.limited = False
        self.throttled: list[Pilot | None] = []
        self.opened: list[str] = []
        awareness = Awareness(bench.database)
        self.elements = MapElements(bench.database, bench.bus, house.access, bench.counts)
        origins = Origins(public_url="https://hub.example.org", port=8000)
        shared = PilotEndpoints(house.links, address_of=_address, throttle=self._throttle)
        self.sockets = PilotSockets(
            house.links,
            World(feed=bench.feed, awareness=awareness, map_elements=self.elements),
            origins=origins,
            address_of=_address,
            throttle=self._throttle,
            opened=lambda pilot: self.opened.append(pilot.public_id),
            clock=lambda: datetime.now(UTC),
            limits=limits,
        )
        routes = [
            *topologies.routes(shared, awareness),
            *map_elements.routes(shared, self.elements),
            *waylines.routes(shared),
            self.sockets.route(),
        ]
        self.app = Guard(Router(routes=routes, redirect_slashes=False), proxies=(), is_tls=False)
        self.port = 0

    async def _throttle(self, pilot: Pilot | None, address: str, number: int) -> None:
        self.throttled.append(pilot)
        if self.limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def socket_url(self, query: str = "", path: str = "/ws") -> str:
        return f"ws://127.0.0.1:{self.port}{path}{query}"

    @asynccontextmanager
    async def socket(self, token: str, **more: Any) -> AsyncIterator["Listener"]:
        """A controller's websocket, and what came over it."""
        async with connect(self.socket_url(f"?x-auth-token={token}"), **more) as socket:
            yield Listener(socket)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Site"]:
        config = uvicorn.Config(
            self.app,
            port=0,
            log_config=None,
            lifespan="off",
            ws=HubWebSocketProtocol,
            ws_max_size=260 * 1024,
            ws_per_message_deflate=False,
        )
        server = uvicorn.Server(config)
        await self.sockets.start()
        end: Callable[[], None] = self.house.control.subscribe(self.sockets.told)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            end()
            await self.sockets.stop()
            server.should_exit = True
            await task

    async def ask(self, method: str, path: str, token: str | None, **more: Any) -> httpx2.Response:
        """A request as Pilot sends it."""
        headers = {} if token is None else {"X-Auth-Token": token}
        async with httpx2.AsyncClient(base_url=self.url) as client:
            return await client.request(method, path, headers=headers, timeout=PATIENCE_S, **more)


def _address(scope: Any) -> str:
    return str(scope["client"][0])


class Listener:
    """One websocket and what it was pushed."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        """The next frame; text, as all are."""
        async with asyncio.timeout(PATIENCE_S):
            text = await self.socket.recv()
        assert isinstance(text, str)
        found: dict[str, Any] = orjson.loads(text)
        assert list(found) == ["biz_code", "version", "timestamp", "data"]
        return found

    async def until(self, code: str) -> dict[str, Any]:
        """The next frame of a kind; others are passed over."""
        while True:
            found = await self.next()
            if found["biz_code"] == code:
                return found

    async def rest(self, quiet_s: float = QUIET_S) -> list[dict[str, Any]]:
        """All that comes until nothing has come for a while."""
        found = []
        while True:
            try:
                async with asyncio.timeout(quiet_s):
                    found.append(orjson.loads(await self.socket.recv()))
            except TimeoutError:
                return found

    async def end(self) -> int | None:
        """The code that the server closes with."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.socket.recv()
                except ConnectionClosed as closed:
                    return closed.rcvd.code if closed.rcvd else None
