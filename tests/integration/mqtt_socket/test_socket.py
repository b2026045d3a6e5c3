"""MQTT over a websocket, by paho against a real server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import paho.mqtt.client as paho
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import InvalidStatus

from ofh.domain.errors import Code, HubError
from ofh.edges.auth import Origins
from ofh.edges.mqtt.socket import MqttSocket
from ofh.edges.ws_protocol import HubWebSocketProtocol
from ofh.mqtt.policy import Delivery, Limits
from ofh.mqtt.server import MqttServer

PATIENCE_S = 20


class Everybody:
    """Who says `secret` may do all."""

    async def authenticate(
        self, *, client_id: str, username: str | None, password: bytes | None, address: str
    ) -> str | None:
        return username if password == b"secret" else None

    def may_publish(self, account: str, topic: str) -> bool:
        return True

    def may_subscribe(self, account: str, topic_filter: str) -> bool:
        return True

    def may_read(self, account: str, topic: str) -> bool:
        return True

    def may_retain(self, account: str, topic: str) -> bool:
        return False


async def anybody(_scope: Mapping[str, Any]) -> None:
    """Every handshake may go on."""


@asynccontextmanager
async def serving(broker: MqttServer, check: Any = anybody) -> AsyncIterator[int]:
    app = Starlette(routes=[WebSocketRoute("/mqtt", MqttSocket(broker.attach, check))])
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        lifespan="off",
        ws=HubWebSocketProtocol,
        ws_max_size=broker.limits.max_packet_bytes,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
        await broker.stop()


@pytest.mark.parametrize("version", [paho.MQTTv311, paho.MQTTv5])
async def test_publish_and_subscribe_over_a_websocket(version: int) -> None:
    broker = MqttServer(Everybody())
    heard: list[Delivery] = []
    broker.subscribe("up/#", heard.append)
    answered = threading.Event()
    got: list[bytes] = []

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        got.append(message.payload)
        answered.set()

    async with serving(broker) as port:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, transport="websockets", protocol=version)
        client.username_pw_set("c-1", "secret")
        client.ws_set_options(path="/mqtt")
        client.on_message = on_message
        await asyncio.to_thread(client.connect, "127.0.0.1", port)
        client.loop_start()
        try:
            client.subscribe("down/#", qos=1)
            payload = b"x" * 256 * 1024  # as much as there may be
            published = client.publish("up/1", payload, qos=1)
            async with asyncio.timeout(PATIENCE_S):
                while not heard:
                    await asyncio.sleep(0.01)
            assert (heard[0].publication.account, heard[0].publication.payload) == ("c-1", payload)
            assert not published.is_published()
            heard[0].ack()
            await asyncio.to_thread(published.wait_for_publish, PATIENCE_S)
            assert published.is_published()
            broker.publish("down/1", b"y" * 30_000, qos=1)
            assert await asyncio.to_thread(answered.wait, PATIENCE_S)
            assert got == [b"y" * 30_000]
        finally:
            await asyncio.to_thread(client.disconnect)
            await asyncio.to_thread(client.loop_stop)
        async with asyncio.timeout(PATIENCE_S):
            while broker.connected_clients:
                await asyncio.sleep(0.01)


async def test_wrong_credentials_are_refused() -> None:
    broker = MqttServer(Everybody())
    refused = threading.Event()
    codes: list[str] = []

    def on_connect(_client: object, _data: object, _flags: object, code: object, _properties: object) -> None:
        codes.append(str(code))
        refused.set()

    async with serving(broker) as port:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, transport="websockets", reconnect_on_failure=False)
        client.username_pw_set("c-1", "wrong")
        client.ws_set_options(path="/mqtt")
        client.on_connect = on_connect
        await asyncio.to_thread(client.connect, "127.0.0.1", port)
        client.loop_start()
        assert await asyncio.to_thread(refused.wait, PATIENCE_S)
        await asyncio.to_thread(client.loop_stop)
    assert codes != ["Success"]


async def refused(port: int, **options: Any) -> tuple[int, str | None]:
    """Status and `Retry-After` of a handshake that is not let in."""
    with pytest.raises(InvalidStatus) as caught:
        async with open_websocket(f"ws://127.0.0.1:{port}/mqtt", **{"subprotocols": ["mqtt"], **options}):
            pass
    response = caught.value.response
    return response.status_code, response.headers.get("retry-after")


async def test_a_page_of_another_origin_is_refused() -> None:
    origins = Origins(public_url="https://hub.example.org", port=8000)

    async def check(scope: Mapping[str, Any]) -> None:
        origins.check_headers(scope["headers"])

    async with serving(MqttServer(Everybody()), check) as port:
        assert await refused(port, origin="https://evil.example") == (403, None)
        async with open_websocket(
            f"ws://127.0.0.1:{port}/mqtt", subprotocols=["mqtt"], origin="https://hub.example.org"
        ):
            pass


async def test_a_stranger_who_comes_too_often_is_refused() -> None:
    async def check(_scope: Mapping[str, Any]) -> None:
        raise HubError(Code.RATE_LIMITED, "Slower, please.", retry_after_s=7)

    broker = MqttServer(Everybody())
    async with serving(broker, check) as port:
        assert await refused(port) == (429, "7")
        assert not broker._connections


async def test_another_subprotocol_is_refused() -> None:
    async with serving(MqttServer(Everybody())) as port:
        assert await refused(port, subprotocols=["graphql-transport-ws"]) == (400, None)


async def test_a_full_broker_refuses_the_handshake() -> None:
    broker = MqttServer(Everybody(), Limits(max_strangers_per_address=1))
    async with serving(broker) as port, open_websocket(f"ws://127.0.0.1:{port}/mqtt", subprotocols=["mqtt"]):
        assert await refused(port) == (503, "5")
