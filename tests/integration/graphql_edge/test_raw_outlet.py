"""Frames written past the transport: in one order with all else that is written, and never to another's descriptor."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import uvicorn

from ofh.edges.outlet import Flusher, RawOutlet, text_header
from ofh.edges.ws_protocol import EXTENSION, HubWebSocketProtocol

PATIENCE_S = 15.0
PING = b"\x89\x82\0\0\0\0hi"
PONG = b"hi"


@asynccontextmanager
async def outlet_of_a_slow_client() -> AsyncIterator[tuple[RawOutlet, socket.socket, asyncio.Event]]:
    """The server's side, the client's side with hardly any buffer, and what tells that the socket has ended."""
    opened: asyncio.Future[RawOutlet] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        outlet: RawOutlet = scope["extensions"][EXTENSION]
        outlet.open(Flusher(), lambda: None)
        opened.set_result(outlet)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        config = uvicorn.Config(
            app, ws=HubWebSocketProtocol, ws_per_message_deflate=False, lifespan="off", log_level="critical"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, listening.getsockname())
        await loop.sock_sendall(
            client,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        async with asyncio.timeout(PATIENCE_S):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await loop.sock_recv(client, 1)
            yield await opened, client, ended
        server.should_exit = True
        await asyncio.wait_for(serving, PATIENCE_S)


def write(outlet: RawOutlet, frames: bytes) -> None:
    outlet.put(frames)
    outlet.flush()


def frame(number: int) -> bytes:
    body = f"{number:06}".encode() * 500
    return text_header(len(body)) + body


async def frames(client: socket.socket, number: int) -> list[bytes]:
    """The payloads of so many unmasked frames."""
    loop, data, found = asyncio.get_running_loop(), b"", []
    while len(found) < number:
        data += await loop.sock_recv(client, 2**20)
        while len(data) >= 4:
            size, head = (int.from_bytes(data[2:4], "big"), 4) if data[1] == 126 else (data[1], 2)
            if len(data) < head + size:
                break
            found.append(data[head : head + size])
            data = data[head + size :]
    assert not data
    return found


async def test_frames_and_the_servers_own_keep_their_order_however_full_the_socket_was() -> None:
    async with outlet_of_a_slow_client() as (outlet, client, _):
        number = 0
        while not outlet._line.buffered():
            write(outlet, frame(number))
            number += 1
        before = outlet._line.buffered()
        await asyncio.get_running_loop().sock_sendall(client, PING)
        while outlet._line.buffered() == before:
            await asyncio.sleep(0)
        write(outlet, frame(number))
        found = await frames(client, number + 2)
        assert found == [frame(n)[4:] for n in range(number)] + [PONG, frame(number)[4:]]

        assert not outlet._line.buffered()
        handed = outlet.handed
        for more in range(3):
            write(outlet, frame(more))
        assert await frames(client, 3) == [frame(n)[4:] for n in range(3)]
        assert outlet.handed == handed + len(frame(0))  # the first by the transport, the others past it


async def test_a_descriptor_that_has_become_anothers_gets_nothing() -> None:
    async with outlet_of_a_slow_client() as (outlet, client, ended):
        write(outlet, frame(0))
        await frames(client, 1)
        client.close()
        await ended.wait()
        pipes = [os.pipe() for _ in range(20)]
        try:
            write(outlet, frame(1))
            for read, end in pipes:
                os.close(end)
                assert os.read(read, 1) == b""
        finally:
            for read, _write in pipes:
                os.close(read)


async def test_a_peer_that_takes_nothing_and_is_being_closed_does_not_hold_up_the_servers_end() -> None:
    async with outlet_of_a_slow_client() as (outlet, _, ended):
        cast(HubWebSocketProtocol, outlet._line).close_timeout = 0.1
        while not outlet.paused:
            write(outlet, frame(0))
        await outlet.close(1001, "")
        handed = outlet.handed
        write(outlet, frame(1))
        assert outlet._line.buffered()
        assert outlet.handed == handed + len(frame(1))  # and it was dropped
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
