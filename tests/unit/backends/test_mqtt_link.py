"""A connection to a broker, beside a listener that stands for one."""

import asyncio
import gc
import socket

import pytest

from ofh.backends.mqtt_link import Endpoint, Link

CONNACK = b"\x20\x03\x00\x00\x00"


def test_a_link_that_was_closed_with_something_unsent_may_outlive_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", faults.append)
    links: list[Link] = []

    async def use(port: int, listener: socket.socket) -> None:
        endpoint = Endpoint.parse(
            f"mqtt://hub:secret@127.0.0.1:{port}",
            ca_file=None,
            client_id="hub-0",
            session_expiry_s=0,
            window=10,
            queue=1_000,
            timeout_s=10,
        )
        links.append(link := Link(endpoint, lambda _link, _message: None))
        opening = asyncio.create_task(link.open())
        broker, _ = await asyncio.to_thread(listener.accept)
        with broker:  # which never reads
            broker.sendall(CONNACK)
            assert not await opening
            for _ in range(200):
                await link.publish("a", bytes(200_000), 0)
            link.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(use(listener.getsockname()[1], listener))
    links.clear()
    gc.collect()
    assert faults == []
