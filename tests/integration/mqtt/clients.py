"""Clients and a policy for the broker's tests: one on bare packets, one on paho. Every wait is bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ofh.mqtt.codec import Parser, encode
from ofh.mqtt.packets import V3, V5, ConnAck, Connect, Packet, PingReq, PingResp, Request, SubAck, Subscribe
from ofh.mqtt.policy import Delivery, Limits, SessionEvent
from ofh.mqtt.server import MqttServer

PATIENCE_S = 10.0
"""How long a test waits for what must happen; nothing asserts that it took less."""
P = TypeVar("P", bound=Packet)
__all__ = ["V3", "V5", "SubscribeOptions"]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Book:
    """A policy that can be changed at any moment: everyone may do everything but what is listed."""

    passwords: dict[str, bytes] = field(default_factory=lambda: {"alice": b"a", "bob": b"b"})
    no_publish: set[tuple[str, str]] = field(default_factory=set)
    no_subscribe: set[tuple[str, str]] = field(default_factory=set)
    no_read: set[tuple[str, str]] = field(default_factory=set)
    no_retain: set[tuple[str, str]] = field(default_factory=set)
    gate: asyncio.Event | None = None
    """Logins wait for it."""
    logins: int = 0

    async def authenticate(
        self, *, client_id: str, username: str | None, password: bytes | None, address: str
    ) -> str | None:
        self.logins += 1
        known = username is not None and password is not None and self.passwords.get(username) == password
        if self.gate is not None:
            await self.gate.wait()
        if username == "broken":
            raise RuntimeError("the account table is away")
        return username if known else None

    def may_publish(self, account: str, topic: str) -> bool:
        if topic == "broken":
            raise RuntimeError("the policy is broken")
        return (account, topic) not in self.no_publish

    def may_subscribe(self, account: str, topic_filter: str) -> bool:
        return (account, topic_filter) not in self.no_subscribe

    def may_read(self, account: str, topic: str) -> bool:
        return (account, topic) not in self.no_read

    def may_retain(self, account: str, topic: str) -> bool:
        return (account, topic) not in self.no_retain


class Inbox:
    """An in-process subscriber that keeps its deliveries and acknowledges when told to."""

    def __init__(self, *, acks: bool = True) -> None:
        self.acks = acks
        self.deliveries: list[Delivery] = []
        self._arrived = asyncio.Event()

    def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self._arrived.set()
        if self.acks:
            delivery.ack()

    @property
    def payloads(self) -> list[bytes]:
        return [delivery.publication.payload for delivery in self.deliveries]

    async def count(self, wanted: int) -> None:
        await until(lambda: len(self.deliveries) >= wanted)


class House:
    """A broker with its surroundings."""

    def __init__(self, limits: Limits) -> None:
        self.policy = Book()
        self.clock = Clock()
        self.events: list[SessionEvent] = []
        self.server = MqttServer(self.policy, limits, on_event=self.events.append, clock=self.clock)
        self.port = 0

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.server.sweep()

    @property
    def story(self) -> list[str]:
        return [str(event.kind) for event in self.events]


@contextlib.asynccontextmanager
async def house(**limits: Any) -> AsyncIterator[House]:
    built = House(Limits(**{"close_timeout_s": 2.0} | limits))
    built.port = await built.server.listen("127.0.0.1", 0)
    try:
        yield built
    finally:
        await asyncio.wait_for(built.server.stop(), PATIENCE_S)
        assert not built.server._connections
        assert not built.server._tasks
        assert not built.server.router.unfinished


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


class Raw:
    """A client on bare packets: sends what it is told and shows what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int) -> None:
        self._reader, self._writer = reader, writer
        self.version = version
        self._parser = Parser(max_packet_bytes=10_000_000, version=version)
        self.next_id = 0

    @classmethod
    async def open(cls, port: int, version: int = V5, **options: Any) -> "Raw":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        return cls(reader, writer, version)

    async def send(self, *packets: Packet) -> None:
        await self.send_bytes(b"".join(encode(packet, self.version) for packet in packets))

    async def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), PATIENCE_S)

    async def next(self) -> Packet | None:
        """None: the broker closed."""
        async with asyncio.timeout(PATIENCE_S):
            while (packet := self._parser.next()) is None:
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._parser.feed(data)
        return packet

    async def expect(self, kind: type[P]) -> P:
        packet = await self.next()
        assert isinstance(packet, kind), packet
        return packet

    async def closed(self) -> None:
        assert await self.next() is None
        self.drop()

    async def silent(self) -> None:
        """Nothing but the answer to our ping comes: whatever was due earlier has been answered, or never will be."""
        await self.send(PingReq())
        await self.expect(PingResp)

    async def subscribe(self, *filters: str, qos: int = 1, **options: Any) -> tuple[int, ...]:
        self.next_id += 1
        requests = tuple(Request(topic_filter=topic_filter, qos=qos, **options) for topic_filter in filters)
        await self.send(Subscribe(packet_id=self.next_id, requests=requests))
        return (await self.expect(SubAck)).reasons

    def pause(self) -> None:
        """Take no more bytes off the socket."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def drop(self) -> None:
        """Vanish."""
        self._writer.transport.abort()


def connect_packet(version: int = V5, *, user: str | None = "alice", **changes: Any) -> Connect:
    return Connect(
        **{
            "version": version,
            "client_id": "c1",
            "clean_start": True,
            "keep_alive_s": 60,
            "username": user,
            "password": None if user is None else user[:1].encode(),
        }
        | changes
    )


async def login(port: int, version: int = V5, **changes: Any) -> tuple[Raw, ConnAck]:
    raw = await Raw.open(port, version)
    await raw.send(connect_packet(version, **changes))
    return raw, await raw.expect(ConnAck)


async def enter(port: int, version: int = V5, **changes: Any) -> Raw:
    raw, answer = await login(port, version, **changes)
    assert answer.reason == 0, answer
    return raw


class Paho:
    """paho on its own thread; what it is told comes out here."""

    def __init__(self, client_id: str, version: int, *, user: str | None = "alice", clean: bool = True) -> None:
        options: dict[str, Any] = {"client_id": client_id, "protocol": version}
        if version == V3:
            options["clean_session"] = clean
        self.version, self.clean = version, clean
        self.client = paho.Client(CallbackAPIVersion.VERSION2, **options)
        if user is not None:
            self.client.username_pw_set(user, user[:1])
        self.client.reconnect_on_failure = False  # type: ignore[attr-defined]
        self._loop = asyncio.get_running_loop()
        self.messages: list[paho.MQTTMessage] = []
        self.connected: list[Any] = []
        self.present: list[bool] = []
        self.disconnected: list[Any] = []
        self.published: set[int] = set()
        self.granted: dict[int, list[int]] = {}
        self.unsubscribed: set[int] = set()
        client = self.client
        client.on_message = lambda c, u, message: self._tell(self.messages.append, message)
        client.on_connect = lambda c, u, flags, reason, p: self._tell(self._connected, flags.session_present, reason)
        client.on_disconnect = lambda c, u, flags, reason, p: self._tell(self.disconnected.append, reason)
        client.on_publish = lambda c, u, mid, reason, p: self._tell(self.published.add, mid)
        client.on_subscribe = lambda c, u, mid, reasons, p: self._tell(
            self.granted.__setitem__, mid, [code.value for code in reasons]
        )
        client.on_unsubscribe = lambda c, u, mid, reasons, p: self._tell(self.unsubscribed.add, mid)

    def _tell(self, what: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the test is over
            self._loop.call_soon_threadsafe(what, *arguments)

    def _connected(self, present: bool, reason: Any) -> None:
        self.present.append(present)
        self.connected.append(reason)

    async def start(self, port: int, *, expiry_s: int = 0) -> "Paho":
        options: dict[str, Any] = {}
        if self.version == V5:
            properties = PahoProperties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry_s
            options = {"clean_start": self.clean, "properties": properties}
        await asyncio.to_thread(self.client.connect, "127.0.0.1", port, 60, **options)
        self.client.loop_start()
        await until(lambda: bool(self.connected))
        return self

    async def publish(self, topic: str, payload: bytes = b"x", qos: int = 1, **options: Any) -> None:
        """Returns once the broker has answered."""
        mid = self.client.publish(topic, payload, qos, **options).mid
        await until(lambda: mid in self.published)

    async def subscribe(self, topic_filter: str, qos: int = 1) -> list[int]:
        _, mid = self.client.subscribe(topic_filter, qos)
        assert mid is not None
        await until(lambda: mid in self.granted)
        return self.granted[mid]

    async def count(self, wanted: int) -> list[bytes]:
        await until(lambda: len(self.messages) >= wanted)
        return [message.payload for message in self.messages]

    async def stop(self) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)

    async def vanish(self) -> None:
        """Cut the connection without DISCONNECT."""
        sock = self.client.socket()
        assert sock is not None
        sock.shutdown(2)
        await asyncio.to_thread(self.client.loop_stop)


@contextlib.asynccontextmanager
async def with_paho(port: int, client_id: str, version: int, **options: Any) -> AsyncIterator[Paho]:
    expiry_s = options.pop("expiry_s", 0)
    client = Paho(client_id, version, **options)
    try:
        yield await client.start(port, expiry_s=expiry_s)
    finally:
        await client.stop()


async def run_program(*command: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a program that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), 2 * PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(), err.decode()


Work = Callable[[Delivery], Awaitable[None] | None]
