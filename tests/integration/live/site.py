"""People of two workspaces around `/api/live`, on a real server in the test's own process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import uvicorn
from starlette.routing import Router
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.domain.events import MediaUploaded
from ofh.edges.auth import Origins
from ofh.edges.guard import Guard
from ofh.edges.live.socket import LiveSockets, SocketLimits
from ofh.edges.live.topics import Topics
from ofh.edges.ws_protocol import protocol_with
from ofh.services.announcing import RowNews, publish
from ofh.services.flights import Flights
from ofh.services.media import MediaItems
from ofh.services.rows import Rows
from ofh.services.traffic import Traffic, TrafficRules
from ofh.store import journal
from ofh.store.models import Drone, File, Flight, Media
from tests.integration.accounts.house import House
from tests.support.fleet import START, FleetBench
from tests.support.media import MediaBench

PATIENCE_S = 30
QUIET_S = 0.4
SMALL_MARK_BYTES = 16 * 1024
"""Of what waits for a reader before it lags: a test of slow ones need not send megabytes."""


class Site:
    """The server and what stands behind it."""

    def __init__(self, house: House, bench: FleetBench, media: MediaBench, limits: SocketLimits) -> None:
        self.house = house
        self.bench = bench
        self.limited = False
        fleet = media.fleet
        self.news = RowNews(bench.bus, bench.counts, lambda: bench.now)
        self.traffic = Traffic(
            bench.bus,
            bench.feed,
            bench.counts,
            lambda: bench.now,
            key=b"k" * 32,
            rules=TrafficRules(interval_s=0.05),
        )
        self.sockets = LiveSockets(
            house.sessions,
            Topics(
                house.access,
                fleet,
                bench.feed,
                Rows(
                    bench.feed,
                    house.control,
                    accounts=house.accounts,
                    workspaces=house.workspaces,
                    connections=house.connections,
                    fleet=fleet,
                    flights=Flights(bench.database, house.access, fleet),
                    media=MediaItems(house.access, fleet),
                    files=media.files,
                ),
                self.traffic,
            ),
            origins=Origins(public_url="https://hub.example.org", port=8000),
            address_of=lambda scope: str(scope["client"][0]),
            throttle=self._throttle,
            limits=limits,
        )
        self.app = Guard(Router(routes=[self.sockets.route()], redirect_slashes=False), proxies=(), is_tls=False)
        self.port = 0

    async def _throttle(self, actor: Actor | None, address: str, number: int) -> None:
        if self.limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/live"

    async def settle(self) -> None:
        """Two people with a workspace each; in the first one a controller, a drone, a flight, a file and a photo."""
        self.olga, self.olgas_cookie = await self.person("olga")
        self.mallory, self.mallorys_cookie = await self.person("mallory")
        self.workspace = await self.house.workspaces.create(self.olga, "Mountain rescue")
        self.elsewhere = await self.house.workspaces.create(self.mallory, "Elsewhere")
        connection = await self.bench.connection(self.workspace.id, "c-1")
        await self.bench.announce("c-1", "RC1", "AC1")
        self.drone = await self.bench.drone("AC1", self.workspace.id)
        self.flight = await Flight.create(
            workspace_id=self.workspace.id, drone_id=self.drone.id, phase="ground", started_at=START, last_at=START
        )
        self.photo = await self.media(self.drone, 1)
        self.ids = {
            "user": self.olga.user_id,
            "workspace": self.workspace.id,
            "connection": connection.id,
            "remote_controller": (await connection.remote_controllers.all().first()).id,  # type: ignore[attr-defined]
            "drone": self.drone.id,
            "flight": self.flight.id,
            "media": self.photo.id,
            "file": self.photo.file_id,
        }

    async def person(self, name: str) -> tuple[Actor, str]:
        """A new user, and the cookie of a session of theirs."""
        return await self.login((await self.house.user(name, None)).id)

    async def login(self, user_id: int) -> tuple[Actor, str]:
        login = await self.house.sessions.login_with_token(await self.house.sessions.issue_login_token(user_id))
        actor = await self.house.sessions.authenticate_session(login.token, "127.0.0.1")
        assert actor is not None
        return actor, login.token

    async def media(self, drone: Drone, number: int, flight_id: int | None = None) -> Media:
        """A photo."""
        file = await File.create(
            workspace_id=drone.workspace_id,
            name=f"{number}.JPG",
            object_key=f"w/{number}",
            size=1,
            content_type="image/jpeg",
            etag="x",
            created_at=START,
        )
        return await Media.create(
            workspace_id=drone.workspace_id,
            file_id=file.id,
            drone_id=drone.id,
            flight_id=flight_id,
            type="PHOTO",
            created_at=START,
        )

    async def uploaded(self, *items: Media) -> None:
        """Tell of photos."""
        for item in items:
            event = MediaUploaded(
                workspace_id=item.workspace_id,
                drone_id=item.drone_id,
                media_id=item.id,
                flight_id=item.flight_id,
                at=START,
            )
            async with self.bench.database.transaction() as client:
                news = await journal.append(self.bench.database, client, {item.workspace_id: [event]}, START)
            await publish(self.bench.bus, news, self.bench.counts)

    @asynccontextmanager
    async def socket(self, cookie: str | None, **more: Any) -> AsyncIterator["Dashboard"]:
        """A websocket of the published client."""
        headers = {"cookie": f"user-auth={cookie}"} if cookie else {}
        async with connect(self.url, additional_headers=headers, **more) as socket:
            yield Dashboard(socket)

    async def refused(self, cookie: str | None, **more: Any) -> int:
        """The status of a handshake that is not let in."""
        try:
            async with self.socket(cookie, **more):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Site"]:
        config = uvicorn.Config(
            self.app,
            port=0,
            log_config=None,
            lifespan="off",
            ws=protocol_with(SMALL_MARK_BYTES),
            ws_max_size=260 * 1024,
            ws_per_message_deflate=False,
        )
        server = uvicorn.Server(config)
        await self.sockets.start()
        control = self.house.control
        ends: list[Callable[[], None]] = [
            control.subscribe(self.sockets.told),
            control.subscribe(self.traffic.told),
            self.house.sessions.on_end(self.sockets.end_sessions),
        ]
        tasks = [asyncio.create_task(server.serve()), asyncio.create_task(self.traffic.run())]
        while not server.started:
            await asyncio.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            for end in ends:
                end()
            await self.sockets.stop()
            await self.traffic.stop()
            server.should_exit = True
            await tasks[0]
            tasks[1].cancel()
            with suppress(asyncio.CancelledError):
                await tasks[1]

    async def nothing_left(self) -> None:
        """Returns once no socket, channel or feed is there any more."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.sockets) or len(self.sockets.channels) or self.bench.feed._feeds:
                await asyncio.sleep(0.01)


class Dashboard:
    """One websocket, as the published client uses it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        """Those that came while an answer was waited for."""
        self._number = 0

    async def subscribe(self, event: Any, filter: Any) -> dict[str, Any]:
        """The `data` of the answer."""
        self._number += 1
        await self.say({"type": "subscribe", "data": {"event": event, "filter": filter}, "messageId": self._number})
        while True:
            found = await self.hear()
            if found["type"] == "answer":
                assert found["messageId"] == self._number
                data: dict[str, Any] = found["data"]
                assert list(data) == ["success", "result"]
                return data
            self.events.append(found)

    async def follow(self, *topics: tuple[str, object]) -> None:
        """Subscribe to what is there."""
        for event, filter in topics:
            assert await self.subscribe(event, str(filter)) == {"success": True, "result": None}

    async def say(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(PATIENCE_S):
            text = await self.socket.recv()
        assert isinstance(text, str)
        found: dict[str, Any] = json.loads(text)
        assert list(found) == ["type", "data", "messageId"]
        return found

    async def event(self) -> dict[str, Any]:
        """The `data` of the next event."""
        found = self.events.pop(0) if self.events else await self.hear()
        assert found["type"] == "event", found
        data: dict[str, Any] = found["data"]
        assert list(data) == ["event", "filter", "eventData"]
        return data

    async def exactly(self, count: int) -> list[dict[str, Any]]:
        """So many events, and no more."""
        found = [await self.event() for _ in range(count)]
        assert await self.rest() == []
        return found

    async def rest(self, quiet_s: float = QUIET_S) -> list[dict[str, Any]]:
        """All events that come until nothing has come for a while."""
        found, self.events = [item["data"] for item in self.events], []
        while True:
            try:
                async with asyncio.timeout(quiet_s):
                    found.append(json.loads(await self.socket.recv())["data"])
            except TimeoutError:
                return found

    async def end(self) -> tuple[int, str]:
        """The code and the reason that the server closes with."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.socket.recv()
                except ConnectionClosed as closed:
                    return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "cut off")


def later(seconds: float) -> Any:
    """So long after the beginning."""
    return START + timedelta(seconds=seconds)
