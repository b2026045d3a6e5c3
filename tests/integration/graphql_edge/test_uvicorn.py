"""The raw path: frames below ASGI, on a real uvicorn with a client of another make."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ofh.edges.graphql.socket import SocketLimits
from ofh.edges.ws_protocol import HubWebSocketProtocol
from tests.integration.graphql_edge.toy import Edge, Item, application, build

ONE = "subscription { position(droneId: 7) { number text } }"
PATIENCE_S = 15.0


class Served:
    """The edge behind uvicorn on a free port."""

    def __init__(self, edge: Edge, *, deflate: bool = False, loop_buffers: int | None = None) -> None:
        self.edge = edge
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            application(edge),
            ws=HubWebSocketProtocol,
            ws_max_size=260 * 1024,  # as MQTT needs it on the same port
            ws_per_message_deflate=deflate,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self.server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self.server.serve(sockets=[self._socket]))
        async with asyncio.timeout(PATIENCE_S):
            while not self.server.started:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.server.should_exit = True
        if self._task is not None:
            async with asyncio.timeout(PATIENCE_S):
                await self._task
        self._socket.close()

    @asynccontextmanager
    async def client(
        self, *, session: str | None = "s1", headers: Mapping[str, str] | None = None, init: bool = True, **more: Any
    ) -> AsyncIterator[ClientConnection]:
        cookie = {"Cookie": f"user-auth={session}"} if session else {}
        options = {"subprotocols": ["graphql-transport-ws"], "compression": None, **more}
        async with open_websocket(
            f"ws://127.0.0.1:{self.port}/graphql", additional_headers={**cookie, **(headers or {})}, **options
        ) as client:
            if init:
                await client.send('{"type": "connection_init"}')
                assert await receive(client) == {"type": "connection_ack"}
            yield client


async def receive(client: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await client.recv())


async def close_code(client: ClientConnection) -> int | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await client.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def subscribe(client: ClientConnection, id: str, query: str) -> None:
    await client.send(json.dumps({"id": id, "type": "subscribe", "payload": {"query": query}}))


@asynccontextmanager
async def served(edge: Edge | None = None, *, deflate: bool = False) -> AsyncIterator[Served]:
    hub = Served(edge or build(), deflate=deflate)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


@pytest.mark.parametrize("deflate", [False, True])
async def test_frames_of_every_length_arrive_whole_and_in_order(deflate: bool) -> None:
    """With compression agreed on, the raw way is not offered and the ordinary one does the same."""
    async with served(deflate=deflate) as hub:
        topic = hub.edge.toy.topic(7)
        async with hub.client(compression="deflate" if deflate else None) as client:
            await subscribe(client, "a", ONE)
            await subscribe(client, "é" * 100, ONE)
            await wait_for(lambda: len(topic.watchers) == 1)
            for value, size in enumerate((1, 2, 60, 125, 126, 1_000, 65_000, 65_536, 70_000)):
                topic.say(Item(7, value, "x" * size))
                for id in ("a", "é" * 100):
                    message = await receive(client)
                    assert message["id"] == id
                    position = message["payload"]["data"]["position"]
                    assert position == {"number": value, "text": "x" * size}
            await client.send('{"type": "ping"}')
            assert await receive(client) == {"type": "pong"}
            await (await client.ping())


async def wait_for(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_raw_way_is_taken() -> None:
    async with served() as hub, hub.client():
        assert [socket.outlet.raw for socket in hub.edge.sockets.crowd] == [True]


async def test_a_reader_that_stops_costs_at_most_the_mark_and_catches_up() -> None:
    """security.md, W1."""
    async with served() as hub:
        topic = hub.edge.toy.topic(7)
        async with hub.client(max_queue=1) as slow, hub.client(session="s2") as quick:
            for client in (slow, quick):
                await subscribe(client, "a", ONE)
            await wait_for(lambda: len(topic.watchers) == 1)
            outlet: Any = next(s for s in hub.edge.sockets.crowd if s.actor.user_id == 1).outlet
            slow.transport.pause_reading()
            value = 0
            async with asyncio.timeout(PATIENCE_S * 2):
                while not outlet.paused or value % 50:
                    value += 1
                    topic.say(Item(7, value, "x" * 10_000))
                    await receive(quick)
            assert outlet._line.buffered() <= 256 * 1024 + 10_100
            for _ in range(100):
                value += 1
                topic.say(Item(7, value, "x" * 10_000))
                await receive(quick)
            assert outlet._line.buffered() <= 256 * 1024 + 10_100
            slow.transport.resume_reading()
            seen = 0
            while seen < value:
                seen = (await receive(slow))["payload"]["data"]["position"]["number"]
            topic.say(Item(7, value + 1))
            assert (await receive(slow))["payload"]["data"]["position"]["number"] == value + 1


async def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    """security.md, W2."""
    edge = build(sockets=SocketLimits(unread_s=0.3))
    async with served(edge) as hub:
        topic = hub.edge.toy.topic(7)
        async with hub.client(max_queue=1, close_timeout=0.1) as slow:
            await subscribe(slow, "a", ONE)
            await wait_for(lambda: len(topic.watchers) == 1)
            protocol: Any = next(iter(hub.server.server_state.connections))
            protocol.close_timeout = 0.1
            slow.transport.pause_reading()
            value = 0
            async with asyncio.timeout(PATIENCE_S):
                while topic.watchers:
                    value += 1
                    topic.say(Item(7, value, "x" * 100_000))
                    await asyncio.sleep(0.005)
                while hub.server.server_state.connections:
                    await asyncio.sleep(0.01)
            assert len(hub.edge.sockets) == 0
            slow.transport.abort()


async def test_disconnect_in_every_way_leaves_nothing() -> None:
    """security.md, W4."""
    async with served() as hub:
        topic = hub.edge.toy.topic(7)
        for abort in (False, True):
            async with hub.client() as client:
                await subscribe(client, "a", ONE)
                await wait_for(lambda: len(topic.watchers) == 1)
                if abort:
                    client.transport.abort()
            await wait_for(lambda: not topic.watchers and not len(hub.edge.sockets))
            await wait_for(lambda: not hub.server.server_state.tasks)


async def test_shutdown_is_1001() -> None:
    async with served() as hub, hub.client() as client:
        await subscribe(client, "a", ONE)
        hub.server.should_exit = True
        assert await close_code(client) == 1001


async def test_a_long_message_is_1009() -> None:
    async with served() as hub, hub.client() as client:
        await client.send(json.dumps({"type": "ping", "payload": {"a": "x" * 65_536}}))
        assert await close_code(client) == 1009


async def test_text_that_is_no_text_closes_that_socket_only() -> None:
    async with served() as hub, hub.client() as client:
        await client.send(b"\xff\xfe", text=True)
        assert await close_code(client) == 1007


async def test_a_binary_frame_is_4400_and_the_end_of_a_session_4403() -> None:
    async with served() as hub, hub.client() as first, hub.client(session="s2") as second:
        await first.send(b"{}")
        assert await close_code(first) == 4400
        hub.edge.sockets.end_sessions(lambda actor: actor.user_id == 2)
        assert await close_code(second) == 4403


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"Origin": "https://evil.example"}}, 403),
        ({"subprotocols": ["graphql-ws"]}, 400),
        ({"subprotocols": None}, 400),
    ],
)
async def test_a_refused_handshake_is_an_http_status_and_no_error_in_the_log(
    options: dict[str, Any], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "error", lambda *words: said.append(words))
    async with served() as hub:
        with pytest.raises(InvalidStatus) as refused:
            async with hub.client(init=False, **options):
                pass
        assert refused.value.response.status_code == status
    assert said == []


async def test_too_many_sockets_are_429() -> None:
    async with served(build(sockets=SocketLimits(per_user=1))) as hub, hub.client():
        with pytest.raises(InvalidStatus) as refused:
            async with hub.client():
                pass
        assert refused.value.response.status_code == 429
        assert "Retry-After" in refused.value.response.headers


async def test_http_and_websocket_share_the_path() -> None:
    async with served() as hub, hub.client(), httpx2.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{hub.port}/graphql", json={"query": "{ hello }"})
        assert answer.json() == {"data": {"hello": "hello you"}}
