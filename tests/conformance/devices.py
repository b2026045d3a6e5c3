"""What a device says, and clients that say it or worse."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho

from .conftest import PATIENCE_S, Party, Town


def now_ms() -> int:
    return int(time.time() * 1000)


def topology(controller: str, *aircraft: str) -> tuple[str, bytes]:
    data = {
        "domain": "2",
        "type": 119,
        "sub_type": 0,
        "sub_devices": [{"sn": sn, "domain": "0", "type": 67, "sub_type": 1, "index": "A"} for sn in aircraft],
    }
    message = {"tid": "t", "bid": "b", "timestamp": now_ms(), "method": "update_topo", "data": data}
    return f"sys/product/{controller}/status", json.dumps(message).encode()


def osd(
    aircraft: str, controller: str, longitude: float, *, at_ms: int | None = None, **more: Any
) -> tuple[str, bytes]:
    message = {
        "tid": "t",
        "bid": "b",
        "timestamp": now_ms() if at_ms is None else at_ms,
        "gateway": controller,
        "data": {
            "longitude": longitude,
            "latitude": 50.0,
            "height": 100.0,
            "battery": {"capacity_percent": 50},
            **more,
        },
    }
    return f"thing/product/{aircraft}/osd", json.dumps(message).encode()


class Device:
    """A connected MQTT client."""

    def __init__(self, client: paho.Client) -> None:
        self.client = client
        self.heard: list[paho.MQTTMessage] = []
        self.ended = threading.Event()
        self._answers: dict[int | None, list[Any]] = {}
        self._answered = threading.Condition()
        client.on_message = lambda _client, _data, message: self.heard.append(message)
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = lambda *_: self.ended.set()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        with self._answered:
            self._answers[mid] = reasons
            self._answered.notify_all()

    def say(self, message: tuple[str, bytes], *, qos: int = 1, retain: bool = False) -> None:
        """Publish, and with QoS 1 wait for the acknowledgement."""
        sent = self.client.publish(*message, qos=qos, retain=retain)
        if qos:
            sent.wait_for_publish(PATIENCE_S)
            assert sent.is_published()

    def subscribe(self, topic_filter: str) -> bool:
        """Whether the broker grants it."""
        _, mid = self.client.subscribe(topic_filter, qos=1)
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._answers, PATIENCE_S)
            return not self._answers[mid][0].is_failure


@contextmanager
def device(
    town: Town, who: Party, *, client_id: str = "", will: tuple[str, bytes] | None = None, v5: bool = True
) -> Iterator[Device]:
    """A controller that is connected by the party's connection."""
    version = paho.MQTTv5 if v5 else paho.MQTTv311
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
    client.username_pw_set(who.account, who.secret)
    if will is not None:
        client.will_set(*will, qos=1, retain=True)
    found = Device(client)
    connected = threading.Event()
    refused: list[Any] = []

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(reason)
        connected.set()

    client.on_connect = on_connect
    client.connect("127.0.0.1", town.mqtt_port)
    client.loop_start()
    try:
        assert connected.wait(PATIENCE_S)
        if refused:
            raise PermissionError(str(refused[0]))
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def raw(town: Town, data: bytes, *, patience_s: float = 5.0) -> bytes:
    """What the broker answers to these bytes until it hangs up; it has to."""
    with socket.create_connection(("127.0.0.1", town.mqtt_port)) as line:
        line.settimeout(patience_s)
        found = b""
        try:
            line.sendall(data)
            while chunk := line.recv(65_536):
                found += chunk
        except ConnectionError:
            pass
        return found


def text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    size, head = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        head += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + head + body


def connect_packet(who: Party, *, client_id: bytes = b"raw") -> bytes:
    body = (
        text(b"MQTT") + b"\x04\xc2\x00\x3c" + text(client_id) + text(who.account.encode()) + text(who.secret.encode())
    )
    return packet(0x10, body)
