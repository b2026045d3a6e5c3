"""One MQTT 5 connection, driven by the asyncio loop, with acknowledgement left to the caller.

paho does the protocol; the loop tells it when its socket can be read or written. aiomqtt does the same but acknowledges
on arrival. A link lives once: who wants another makes a new one, and the session at the broker carries on.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PACKETS_AT_ONCE = 64
"""Packets that are read before the loop turns to others."""
KEEP_ALIVE_S = 15

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect, as whom."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    username: str
    password: str
    client_id: str
    session_expiry_s: int
    """How long the broker keeps the session after a disconnect."""
    window: int
    """QoS 1 messages that may be unacknowledged, each way."""
    queue: int
    """Messages that may wait to be sent."""
    timeout_s: float
    """For connecting."""

    @classmethod
    def parse(cls, url: str, *, ca_file: str | None, **options: Any) -> "Endpoint":
        """From `mqtt://user:password@host:port` or `mqtts://…`.

        Raises:
            ValueError: the address is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or parts.hostname is None:
            raise ValueError("the MQTT address has to be mqtt://user:password@host:port or mqtts://…")
        tls = None
        if parts.scheme == "mqtts":
            tls = ssl.create_default_context()
            tls.sslsocket_class = _TlsSocket
            if ca_file is not None:
                tls.load_verify_locations(ca_file)
        return cls(
            host=parts.hostname,
            port=parts.port or (1883 if tls is None else 8883),
            tls=tls,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            **options,
        )


class LinkError(Exception):
    """The connection could not be made, or broke."""


class _TlsSocket(ssl.SSLSocket):
    """Closes itself where the handshake fails: paho lets go of it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Link:
    """One life of the MQTT connection: paho's protocol, the loop's readiness. Only connecting is in a thread."""

    def __init__(self, endpoint: Endpoint, on_message: Callable[["Link", paho.MQTTMessage], None]) -> None:
        self._endpoint = endpoint
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=endpoint.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.username_pw_set(endpoint.username, endpoint.password)
        client.max_inflight_messages_set(endpoint.window)
        client.max_queued_messages_set(endpoint.queue)
        client.connect_timeout = endpoint.timeout_s
        if endpoint.tls is not None:
            client.tls_set_context(endpoint.tls)
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._socket: Any = None
        self._fd = -1
        self._writing = False
        self._connack: asyncio.Future[bool] = self._loop.create_future()
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._misc: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()
        self.reason = ""
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_subscribe = self._acknowledged
        client.on_unsubscribe = self._acknowledged
        client.on_message = self._message
        client.on_socket_close = lambda *_: self._unwatch()
        client.on_socket_register_write = self._writing_changed
        client.on_socket_unregister_write = self._writing_changed

    async def open(self) -> bool:
        """Connect; tells whether the broker still had our session."""
        endpoint = self._endpoint
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = endpoint.session_expiry_s
        properties.ReceiveMaximum = endpoint.window
        connecting = asyncio.ensure_future(
            asyncio.to_thread(
                self._client.connect,
                endpoint.host,
                endpoint.port,
                keepalive=KEEP_ALIVE_S,
                clean_start=False,
                properties=properties,
            )
        )
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._discard)  # the thread goes on without us
            raise
        self._socket = self._client.socket()
        if self._socket is None:
            raise LinkError("the broker closed the connection")
        self._fd = self._socket.fileno()
        self._loop.add_reader(self._fd, self._readable)
        self._watch_writing()
        self._misc = asyncio.create_task(self._keep_alive(), name="mqtt keep-alive")
        async with asyncio.timeout(endpoint.timeout_s):
            return await self._connack

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Send; with QoS 1 returns once the broker has it."""
        info = self._client.publish(topic, payload, qos)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise LinkError(paho.error_string(info.rc))
        if qos:
            code = await self._ack_of(info.mid)
            if code.is_failure:
                log.error("the broker refused a message of the hub", topic=topic, reason=str(code))
                raise LinkError(str(code))

    async def subscribe(self, filters: Sequence[str], qos: int) -> None:
        """Subscribe, with QoS 1 to shared filters and with QoS 0 to others; every filter has to be granted."""
        # Not what we publish ourselves; with shared subscriptions the standard forbids to ask for that.
        options = SubscribeOptions(qos=qos, noLocal=qos == 0, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        rc, mid = self._client.subscribe([(name, options) for name in filters])
        if rc != paho.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError(paho.error_string(rc))
        refused = [name for name, code in zip(filters, await self._ack_of(mid), strict=True) if code.is_failure]
        if refused:
            raise LinkError(f"the broker refuses the subscription of {refused[0]}")

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Give the filters up."""
        rc, mid = self._client.unsubscribe(list(filters))
        if rc != paho.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError(paho.error_string(rc))
        await self._ack_of(mid)

    def ack(self, message_id: int) -> None:
        """Tell the broker that a message is taken. On a lost link it is delivered again instead."""
        if not self.lost.is_set():
            self._client.ack(message_id, 1)
            self._check_socket()

    def close(self, *, ends_session: bool = False) -> None:
        """Disconnect.

        Args:
            ends_session: the broker forgets it, and what it still holds for it; else it stays.
        """
        if not self.lost.is_set() and self._socket is not None:
            properties = None
            if ends_session:
                properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = 0
            self._client.disconnect(properties=properties)
            self._client.loop_write()
        self._lose("closed")

    def _discard(self, connecting: asyncio.Future[Any]) -> None:
        opened = self._client.socket() if connecting.exception() is None else None
        if opened is not None:
            opened.close()

    def _ack_of(self, mid: int) -> asyncio.Future[Any]:
        """Resolved by paho's callback: never before this, since those run in the loop's later turns."""
        waiting = self._loop.create_future()
        if self.lost.is_set():
            waiting.set_exception(LinkError(self.reason))
        else:
            self._acks[mid] = waiting
        return waiting

    def _acknowledged(self, _client: Any, _data: Any, mid: int, codes: Any, _properties: Any) -> None:
        waiting = self._acks.pop(mid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(codes)

    def _connected(self, _client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        if not self._connack.done():
            if code.is_failure:
                self._connack.set_exception(LinkError(f"the broker refuses us: {code}"))
            else:
                self._connack.set_result(bool(flags.session_present))

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._loop.call_soon_threadsafe(self._lose, str(code))

    def _message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_message(self, message)

    def _readable(self) -> None:
        """Read what is there, up to a bound: paho reads one packet at a time, and asking the selector before each costs
        more than the packet."""
        for _ in range(PACKETS_AT_ONCE):
            self._client.loop_read()
            if self._fd < 0 or not self._has_more():
                break
        else:
            if isinstance(self._socket, ssl.SSLSocket):
                self._loop.call_soon(self._readable_again)  # the selector does not know of decrypted bytes
        self._check_socket()

    def _readable_again(self) -> None:
        if self._fd >= 0:
            self._readable()

    def _has_more(self) -> bool:
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                return self._socket.pending() > 0
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, ValueError):
            return False
        except OSError:
            return True  # for paho to find, as is the end of the stream
        return True

    def _writable(self) -> None:
        self._client.loop_write()
        self._watch_writing()
        self._check_socket()

    def _check_socket(self) -> None:
        if self._client.socket() is None:
            self._lose(self.reason or "the connection broke")

    def _watch_writing(self) -> None:
        if self._fd < 0:
            return
        wanted = self._client.want_write()
        if wanted and not self._writing:
            self._loop.add_writer(self._fd, self._writable)
        elif not wanted and self._writing:
            self._loop.remove_writer(self._fd)
        self._writing = wanted

    def _writing_changed(self, *_: Any) -> None:
        if not self._loop.is_closed():  # paho says so once more when its client is collected, which may be after that
            self._loop.call_soon_threadsafe(self._watch_writing)

    def _unwatch(self) -> None:
        """Paho is about to close its socket, or we are: the loop must not go on watching the number."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1

    async def _keep_alive(self) -> None:
        while not self.lost.is_set():
            await asyncio.sleep(1)
            self._client.loop_misc()
            self._check_socket()

    def _lose(self, reason: str) -> None:
        if self.lost.is_set():
            return
        self.reason = reason
        self.lost.set()
        self._unwatch()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        if self._misc is not None:
            self._misc.cancel()
        error = LinkError(reason)
        for waiting in (self._connack, *self._acks.values()):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # nobody may be waiting any more
        self._acks.clear()
