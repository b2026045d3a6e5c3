"""The MQTT side with Mosquitto as the broker: `Broker` over one MQTT 5 connection per hub process.

Each process has a session of its own, which stays while it is away, and takes its part of what devices publish by a
shared subscription. A message is acknowledged when its `ack` is called, not on arrival; what was not is delivered again
after a reconnect. aiomqtt acknowledges on arrival, so paho itself is driven here by the loop's readiness callbacks.
Control answers, log lines and the processes' notices to each other come by ordinary subscriptions with QoS 0, which the
window of unacknowledged messages cannot hold back.
"""

import asyncio
import contextlib
import json
import random
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ofh.backends.mosquitto_dynsec import RESPONSE_TOPIC, DynamicSecurity, DynamicSecurityError
from ofh.backends.mosquitto_log import NOTICE_TOPIC, SUBSCRIBE_TOPIC, LogWatch
from ofh.backends.ports import BrokerAccount, Handler, Message, Session, SessionChange, SessionHandler
from ofh.domain.errors import Code, HubError

BINDINGS_TOPIC = "ofh/bindings"
"""Where a process tells the others which serial numbers an account has; closed to everybody but the hub."""
PAYLOAD_LIMIT = 262_144
"""Bytes that the broker takes (security.md, M7)."""
QUEUE_LIMIT = 10_000
"""Messages that may wait for the handler. QoS 1 stops at the receive maximum; of QoS 0 the rest is dropped."""
KEEP_ALIVE_S = 15
RETRY_S = (0.2, 10.0)
"""First and longest pause between attempts to connect."""

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


def _away() -> HubError:
    return HubError(Code.UNAVAILABLE, "The MQTT broker is away. Try again in a moment.", retry_after_s=5)


class LinkError(Exception):
    """The connection could not be made, or broke."""


class _Link:
    """One life of the MQTT connection: paho's protocol, the loop's readiness. Only connecting is in a thread."""

    def __init__(self, client: paho.Client, on_message: Callable[["_Link", paho.MQTTMessage], None]) -> None:
        self._client = client
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

    async def open(self, host: str, port: int, *, expiry_s: int, window: int, timeout_s: float) -> bool:
        """Connect; tells whether the broker still had our session."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expiry_s
        properties.ReceiveMaximum = window
        self._client.connect_timeout = timeout_s
        await asyncio.to_thread(
            self._client.connect, host, port, keepalive=KEEP_ALIVE_S, clean_start=False, properties=properties
        )
        self._socket = self._client.socket()
        if self._socket is None:
            raise LinkError("the broker closed the connection")
        self._fd = self._socket.fileno()
        self._loop.add_reader(self._fd, self._readable)
        self._watch_writing()
        self._misc = asyncio.create_task(self._keep_alive(), name="mqtt keep-alive")
        async with asyncio.timeout(timeout_s):
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

    def close(self) -> None:
        """Disconnect; the session stays at the broker."""
        if not self.lost.is_set() and self._socket is not None:
            self._client.disconnect()
            self._client.loop_write()
        self._lose("closed")

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
        self._client.loop_read()
        # TLS may hold decrypted bytes that the selector does not know of.
        while isinstance(self._socket, ssl.SSLSocket) and not self.lost.is_set() and self._pending():
            self._client.loop_read()
        self._check_socket()

    def _pending(self) -> bool:
        with contextlib.suppress(ValueError, OSError):
            return bool(self._socket.pending())
        return False

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


class RemoteBroker:
    """`Broker` with Mosquitto.

    Args:
        url: `mqtt://` or `mqtts://`, with the hub's account: the listener for the hub, not the one for controllers.
        client_id: of this process; the same after its restart, never shared with another process, secret.
        filters: what devices publish, without `$share`.
        group: of the shared subscription; the same in all processes of one hub.
        window: QoS 1 messages that may be unacknowledged.
        session_expiry_s: how long the broker keeps messages for this process while it is away.
        ca_file: an authority besides the system's, for `mqtts://`.
        on_up: awaited after each (re)connect, to call `reconcile` with what the database holds.
        timeout_s: for connecting and for an answer of the broker.
        connected_window_s: an account that left this long ago may still have published what arrives now.
        evidence_s: how long a status message of an unbound serial number waits for evidence of its publisher.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        filters: Sequence[str],
        group: str = "ofh",
        window: int = 1000,
        session_expiry_s: int = 3600,
        ca_file: str | None = None,
        on_up: Callable[[], Awaitable[None]] | None = None,
        timeout_s: float = 10.0,
        connected_window_s: float = 2.0,
        evidence_s: float = 1.0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or parts.hostname is None:
            raise ValueError("the MQTT address has to be mqtt://user:password@host:port or mqtts://…")
        self._tls = ssl.create_default_context() if parts.scheme == "mqtts" else None
        if self._tls is not None and ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._host = parts.hostname
        self._port = parts.port or (8883 if self._tls is not None else 1883)
        self._username = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._client_id = client_id
        self._shared = [f"$share/{group}/{name}" for name in filters]
        self._window = window
        self._session_expiry_s = session_expiry_s
        self._on_up = on_up
        self._timeout_s = timeout_s
        self._evidence_s = evidence_s
        self._watch = LogWatch(window_s=connected_window_s)
        self._watch_changed = asyncio.Event()
        self._security = DynamicSecurity(self._send_control, username=self._username, timeout_s=timeout_s)
        self._link: _Link | None = None
        self._up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._parked: dict[str, deque[Message]] = {}
        self._parking: set[asyncio.Task[None]] = set()
        self._unacknowledged: set[tuple[_Link, int]] = set()
        self._settled = asyncio.Event()
        self._serials: dict[str, str] = {}
        self._handler: Handler = _not_started
        self._on_session: SessionHandler = _nothing
        self.locked_out: frozenset[str] = frozenset()
        """Accounts that the broker does not have or has with an older secret, as of the last `reconcile`."""
        self.dropped = 0
        """QoS 0 messages that did not fit into the queue."""
        self.unattributed = 0
        """Status messages of unbound serial numbers whose publisher was not proven."""
        self.failed = 0
        """Messages whose handler failed; acknowledged, so that they do not come for ever."""
        self.refused_logins = 0
        """Attempts to connect with wrong credentials; Mosquitto does not say whose."""

    async def start(self, handler: Handler, on_session: SessionHandler) -> None:
        """See `Broker.start`. Waits for the broker for `timeout_s` at most and goes on without it."""
        self._handler, self._on_session = handler, on_session
        self._tasks = [
            asyncio.create_task(self._supervise(), name="mqtt link"),
            asyncio.create_task(self._dispatch(), name="mqtt dispatch"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await self._up.wait()

    async def stop(self, *, unsubscribe: bool = False) -> None:
        """See `Broker.stop`.

        Args:
            unsubscribe: this process will not come back: leave the shared subscription, and acknowledge what it
                still holds (within `timeout_s`), so that nothing waits for it at the broker.
        """
        link = self._link
        if unsubscribe and link is not None and self._up.is_set():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await link.unsubscribe(self._shared)
                    while any(held is link for held, _ in self._unacknowledged):
                        self._settled.clear()
                        await self._settled.wait()
            except (LinkError, TimeoutError) as error:
                log.warning("mqtt could not leave in order", error=str(error) or "timeout")
        tasks, self._tasks = [*self._tasks, *self._parking], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()
        self._parked.clear()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """See `Broker.publish`."""
        if len(payload) > PAYLOAD_LIMIT:
            raise HubError(Code.TOO_LARGE, "The message is longer than the MQTT broker takes.")
        link = self._link
        if link is None or not self._up.is_set():
            raise _away()
        try:
            async with asyncio.timeout(self._timeout_s):
                await link.publish(topic, payload, qos)
        except (LinkError, TimeoutError) as error:
            raise _away() from error

    async def put_account(self, account: BrokerAccount) -> None:
        """See `Broker.put_account`.

        Raises:
            HubError: UNAVAILABLE, the broker is away or refuses; `reconcile` mends it, with the secret if it was given.
        """
        await self._administer(self._security.put(account))
        self._bind(account.name, account.serials)
        await self._tell_others(account.name, account.serials)

    async def delete_account(self, name: str) -> None:
        """See `Broker.delete_account`. Its serial numbers can be claimed again after the next `reconcile`.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        await self._administer(self._security.delete(name))
        self._bind(name, frozenset())
        self._watch.forget(name)
        await self._tell_others(name, frozenset())

    async def end_sessions(self, name: str) -> None:
        """See `Broker.end_sessions`.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        await self._administer(self._security.end_sessions(name))

    async def reconcile(self, accounts: list[BrokerAccount]) -> None:
        """See `Broker.reconcile`. What needs a secret that is not at hand stands in `locked_out` afterwards.

        To be called by `on_up` and then at intervals. An account which was changed since the last time (or since the
        connect) and differs from these is left for the next time: these may have been read before that change.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        repairs = await self._administer(self._security.reconcile(accounts))
        self._serials = {serial: account.name for account in accounts for serial in account.serials}
        self._watch.expect(account.name for account in accounts)
        self._watch_changed.set()
        if repairs.changed:
            log.info("mqtt accounts mended", changed=len(repairs.changed), first=repairs.changed[:10])
        if repairs.spared:
            log.info("mqtt accounts changed meanwhile are left for the next comparison", accounts=len(repairs.spared))
        if repairs.locked_out - self.locked_out:
            log.warning("mqtt accounts need their secret again", accounts=sorted(repairs.locked_out)[:10])
        self.locked_out = repairs.locked_out

    async def check(self) -> None:
        """See `Broker.check`."""
        if not self._up.is_set():
            raise _away()

    async def _administer(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return await work
        except DynamicSecurityError as error:
            log.error("mqtt administration failed", error=str(error))
            raise HubError(Code.UNAVAILABLE, "The MQTT broker refused a change of its accounts.") from error

    async def _send_control(self, topic: str, payload: bytes) -> None:
        """Not `publish`: the link is being made ready when the first commands are sent."""
        link = self._link
        if link is None:
            raise _away()
        try:
            await link.publish(topic, payload, 1)
        except LinkError as error:
            raise _away() from error

    def _bind(self, name: str, serials: frozenset[str]) -> None:
        self._serials = {serial: account for serial, account in self._serials.items() if account != name}
        self._serials.update(dict.fromkeys(serials, name))
        self._watch_changed.set()

    async def _tell_others(self, name: str, serials: frozenset[str]) -> None:
        notice = json.dumps({"account": name, "serials": sorted(serials)}).encode()
        with contextlib.suppress(HubError):
            await self.publish(BINDINGS_TOPIC, notice)

    async def _supervise(self) -> None:
        """Keep one connection up for as long as the broker runs."""
        delay_s = RETRY_S[0]
        while True:
            client = paho.Client(
                CallbackAPIVersion.VERSION2,
                client_id=self._client_id,
                protocol=paho.MQTTv5,
                reconnect_on_failure=False,
                manual_ack=True,
            )
            client.username_pw_set(self._username, self._password)
            client.max_inflight_messages_set(self._window)
            client.max_queued_messages_set(QUEUE_LIMIT)
            if self._tls is not None:
                client.tls_set_context(self._tls)
            link = self._link = _Link(client, self._on_message)
            ready: asyncio.Task[None] | None = None
            try:
                resumed = await link.open(
                    self._host,
                    self._port,
                    expiry_s=self._session_expiry_s,
                    window=self._window,
                    timeout_s=self._timeout_s,
                )
                await link.subscribe([RESPONSE_TOPIC, NOTICE_TOPIC, SUBSCRIBE_TOPIC, BINDINGS_TOPIC], 0)
                await self._security.prepare()
                await link.subscribe(self._shared, 1)
                log.info("mqtt link up", resumed=resumed)
                self._up.set()
                delay_s = RETRY_S[0]
                ready = asyncio.create_task(self._ready(), name="mqtt reconcile")
                await link.lost.wait()
                log.warning("mqtt link lost", reason=link.reason)
            except (OSError, LinkError, HubError, DynamicSecurityError) as error:
                log.warning("mqtt broker is away", error=str(error) or type(error).__name__)
            except Exception:
                log.exception("mqtt link failed")
            finally:
                self._up.clear()
                self._link = None
                link.close()
                self._watch.interrupted()
                self._unacknowledged = {held for held in self._unacknowledged if held[0] is not link}
                if ready is not None:
                    ready.cancel()
                    await asyncio.gather(ready, return_exceptions=True)
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311 - jitter
            delay_s = min(delay_s * 2, RETRY_S[1])

    async def _ready(self) -> None:
        if self._on_up is None:
            return
        try:
            await self._on_up()
        except HubError as error:
            log.warning("mqtt accounts were not compared", error=error.message)
        except Exception:
            log.exception("mqtt accounts were not compared")

    def _on_message(self, link: _Link, message: paho.MQTTMessage) -> None:
        """Sort what arrives; the hub's own topics are taken in at once, those of devices wait for the handler."""
        topic, payload = message.topic, bytes(message.payload)
        if topic == RESPONSE_TOPIC:
            self._security.on_response(payload)
        elif topic in {NOTICE_TOPIC, SUBSCRIBE_TOPIC}:
            self._on_log(topic, payload)
        elif topic == BINDINGS_TOPIC:
            self._on_notice(payload)
        elif message.qos == 0 and len(self._waiting) >= QUEUE_LIMIT:
            self.dropped += 1
            if self.dropped % 1000 == 1:
                log.warning("mqtt messages dropped, the handler is too slow", dropped=self.dropped)
        else:
            self._waiting.append(
                Message(
                    topic=topic,
                    payload=payload,
                    qos=message.qos,
                    received_at=datetime.now(UTC),
                    account=None,
                    ack=self._acknowledgement(link, message.mid) if message.qos else _nothing,
                )
            )
            self._arrived.set()

    def _acknowledgement(self, link: _Link, message_id: int) -> Callable[[], None]:
        held = (link, message_id)
        self._unacknowledged.add(held)

        def ack() -> None:
            if held in self._unacknowledged:
                self._unacknowledged.discard(held)
                self._settled.set()
                link.ack(message_id)

        return ack

    def _on_log(self, topic: str, payload: bytes) -> None:
        event = self._watch.line(topic, payload.decode(errors="replace"), time.monotonic())
        self._watch_changed.set()
        if event is None:
            return
        if event.change is SessionChange.REFUSED:
            self.refused_logins += 1
            return
        if event.account != self._username:
            self._on_session(
                Session(account=event.account, change=event.change, at=datetime.now(UTC), address=event.address)
            )

    def _on_notice(self, payload: bytes) -> None:
        try:
            notice = json.loads(payload)
            self._bind(notice["account"], frozenset(notice["serials"]))
        except (ValueError, KeyError, TypeError):
            log.warning("mqtt notice of bindings is not readable")

    async def _dispatch(self) -> None:
        """Hand messages to the handler one after the other, except that those of a serial number whose first status
        message still waits for evidence stand aside until it has gone first."""
        handled = 0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                handled += 1
                if handled % 50 == 0:
                    await asyncio.sleep(0)  # a handler that never waits must not keep the loop from everybody else
                message = self._waiting.popleft()
                serial = _serial(message.topic)
                if serial in self._parked:
                    self._parked[serial].append(message)
                    continue
                account = self._serials.get(serial)
                if account is None and message.topic.endswith("/status"):
                    self._park(serial, message)
                else:
                    await self._handle(message, account)

    def _park(self, serial: str, message: Message) -> None:
        self._parked[serial] = deque([message])
        task = asyncio.create_task(self._release(serial), name="mqtt evidence")
        self._parking.add(task)
        task.add_done_callback(self._parking.discard)

    async def _release(self, serial: str) -> None:
        """Wait for evidence of who published, then hand on what stands aside for this serial number."""
        account = await self._evidence(serial)
        while self._parked[serial]:
            message = self._parked[serial].popleft()
            bound = self._serials.get(serial)
            status = message.topic.endswith("/status")
            if status and bound is None and account is None:
                self.unattributed += 1
                log.info("mqtt status message of an unknown publisher", serial=serial)
            await self._handle(message, bound or (account if status else None))
        del self._parked[serial]

    async def _evidence(self, serial: str) -> str | None:
        deadline = time.monotonic() + self._evidence_s
        while True:
            account = self._serials.get(serial) or self._watch.publisher(serial, time.monotonic())
            left_s = deadline - time.monotonic()
            if account is not None or left_s <= 0:
                return account
            self._watch_changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._watch_changed.wait()

    async def _handle(self, message: Message, account: str | None) -> None:
        """Await the handler; while a backend is away, try again rather than lose the message."""
        delay_s = RETRY_S[0]
        while True:
            try:
                await self._handler(replace(message, account=account))
                return
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    log.warning("mqtt message refused", topic=message.topic, error=error.message)
                    message.ack()
                    return
                log.warning("mqtt message waits for a backend", topic=message.topic, error=error.message)
            except Exception:
                self.failed += 1
                log.exception("mqtt message could not be handled", topic=message.topic)
                message.ack()
                return
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311 - jitter
            delay_s = min(delay_s * 2, RETRY_S[1])


def _nothing(*_: Any) -> None:
    """With QoS 0 there is nothing to acknowledge; before the start nobody to tell of sessions."""


async def _not_started(message: Message) -> None:
    raise RuntimeError("the broker was not started")


def _serial(topic: str) -> str:
    levels = topic.split("/", 3)
    return levels[2] if len(levels) > 2 else ""
