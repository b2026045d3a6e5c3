"""The listener that the hub serves on."""

import asyncio
import socket
from pathlib import Path

from ofh.cli.serve import listen
from ofh.settings import load
from tests.support.services import free_port


async def test_no_part_of_an_answer_waits_for_the_one_before_to_be_acknowledged(tmp_path: Path) -> None:
    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            option = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            seen.set_result(option)

    port = free_port()
    listener = listen(load(data=tmp_path, port=port))
    async with await asyncio.get_running_loop().create_server(Server, sock=listener):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await seen
        writer.close()
