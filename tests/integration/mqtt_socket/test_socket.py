"""MQTT over a websocket, by paho against a real server."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import paho.mqtt.client as paho
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from ofh.edges.mqtt.socket import MqttSocket
from ofh.mqtt.policy import Delivery
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


@asynccontextmanager
async def serving(broker: MqttServer) -> AsyncIterator[int]:
    app = Starlette(routes=[WebSocketRoute("/mqtt", MqttSocket(broker.attach))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
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
            published = client.publish("up/1", b"x" * 20_000, qos=1)
            async with asyncio.timeout(PATIENCE_S):
                while not heard:
                    await asyncio.sleep(0.01)
            assert (heard[0].publication.account, heard[0].publication.payload) == ("c-1", b"x" * 20_000)
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
