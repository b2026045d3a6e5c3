"""An MQTT broker inside the process: MQTT 3.1.1 and 5 over TCP and TLS, and over any listener that feeds it bytes.

It knows nothing of what messages mean. The path of a message: `Connection` reads it, `Router.accept` asks the policy,
`Router.route` hands it to the receivers whose filter matches; in-process subscribers are called right there, and the
publisher is answered once they all have acknowledged. Everything lives in memory and in one event loop; every drop is
counted.

Subscribers are granted QoS 1 at most (MQTT 5, 3.8.4 allows it): what is published with QoS 2 is taken in exactly once
and delivered at least once. Topic aliases and enhanced authentication are not offered.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from ssl import SSLContext
from typing import Any

from .connection import Connection
from .links import CallbackLink, Link, StreamProtocol, network_of
from .packets import Connect
from .policy import Counters, Handler, Limits, Policy, Publication, SessionEvent, SessionEventKind
from .properties import Reason
from .router import Router
from .sessions import Session
from .topics import is_filter, is_topic, split_share

log = logging.getLogger(__name__)


class MqttServer:
    """The broker."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        *,
        on_event: Callable[[SessionEvent], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_event` is called in the event loop, must be quick, and where it raises that is logged and no more.

        `clock` counts seconds and never runs backwards; every timeout and expiry goes by it.
        """
        self.policy, self.limits, self.clock = policy, limits, clock
        self.counters = Counters()
        self._on_event = on_event
        self._sessions: dict[tuple[str, str], Session] = {}
        self._accounts: dict[str, dict[str, Session]] = {}
        self._connections: set[Connection] = set()
        self._strangers: Counter[str] = Counter()
        """Connections that have not logged in, by network."""
        self.router = Router(policy, limits, self.counters, clock=clock, overflowed=self._overflowed)
        self._listeners: list[asyncio.Server] = []
        self._tasks: set[asyncio.Future[None]] = set()
        self._dirty: list[Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._revision = 0
        """Changes when an account's rights end: a login that was being checked meanwhile is checked again."""
        self._stopping = False
        self._empty = asyncio.Event()

    # For the house.

    async def listen(self, host: str, port: int, *, ssl: SSLContext | None = None) -> int:
        """Listen on one more address; port 0 picks one. Returns the port. Raises `OSError`."""
        listener = await asyncio.get_running_loop().create_server(
            lambda: StreamProtocol(self),
            host,
            port,
            ssl=ssl,
            ssl_handshake_timeout=self.limits.connect_timeout_s if ssl is not None else None,
        )
        self._listeners.append(listener)
        self._sweep_later()
        return int(listener.sockets[0].getsockname()[1])

    def attach(
        self,
        write: Callable[[bytes], None],
        close: Callable[[], None],
        address: str,
        *,
        waiting_bytes: Callable[[], int] = lambda: 0,
    ) -> Connection:
        """A connection for a listener elsewhere, such as a WebSocket route (subprotocol `mqtt`, binary frames).

        The listener awaits `ready()` before each receive, calls `data_received`, and at the end `connection_lost`.
        `waiting_bytes` tells how much of what was written has not left yet: without it a slow reader is not noticed.

        Raises:
            ConnectionRefusedError: there are too many connections, in all or of strangers from this address, or the
                broker is stopping.
        """
        connection = self.admit(CallbackLink(write, close, waiting_bytes), address)
        if connection is None:
            raise ConnectionRefusedError("the broker takes no more connections")
        return connection

    def subscribe(self, topic_filter: str, handler: Handler) -> Callable[[], None]:
        """Have `handler` called with every publication that matches; returns what ends it.

        The handler is called in the reading of the packet. Where it returns an awaitable, no further packet of that
        client is read until it is done. Where it or the awaitable raises, that is logged and counted, and the message
        stays unacknowledged. Retained messages are not replayed to it; `$share` means nothing here.

        Raises:
            ValueError: this is no topic filter.
        """
        if not is_filter(topic_filter) or split_share(topic_filter)[0] is not None:
            raise ValueError(f"{topic_filter!r} is no topic filter")
        return self.router.add_local(topic_filter, handler)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send as the hub itself, to clients and to in-process subscribers. With QoS 2 clients get QoS 1.

        Raises:
            ValueError: this is no topic name, the QoS is none, or the payload is larger than a client may send.
        """
        if len(payload) > self.limits.max_packet_bytes:
            raise ValueError(f"cannot publish {len(payload)} bytes")
        if not is_topic(topic) or len(topic.encode()) > 0xFFFF or qos not in (0, 1, 2):
            raise ValueError(f"cannot publish under {topic!r} with QoS {qos}")
        self.router.route(
            Publication(
                topic=topic, payload=payload, qos=qos, retain=retain, account=None, client_id="", properties=None
            )
        )

    def end_sessions(self, account: str) -> None:
        """Disconnect the account's clients and forget their sessions, wills included.

        A login of the account that is being checked at this moment is checked again before it succeeds.
        """
        self._revision += 1
        for session in list(self._accounts.get(account, {}).values()):
            session.will = None
            if session.connection is not None:
                session.connection.end(Reason.ADMINISTRATIVE, will=False)
            self._drop(session)

    async def stop(self) -> None:
        """Close listeners and clients, without wills; return when all is quiet, or made so after `stop_timeout_s`."""
        self._stopping = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.end(Reason.SHUTTING_DOWN, will=False)
        try:
            async with asyncio.timeout(self.limits.stop_timeout_s):
                if self._connections:
                    self._empty.clear()
                    await self._empty.wait()
                if tasks := self._tasks | self.router.unfinished:
                    await asyncio.wait(tasks)
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            late = self._tasks | self.router.unfinished
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for listener in self._listeners:
            await listener.wait_closed()
        self._listeners.clear()
        for session in list(self._sessions.values()):
            session.will = None
            self._drop(session)

    def sweep(self) -> None:
        """Apply every timeout and expiry that the clock has reached; happens by itself every `sweep_interval_s`."""
        now = self.clock()
        for connection in list(self._connections):
            connection.sweep(now)
        for session in list(self._sessions.values()):
            if session.will is not None and session.will_at <= now:
                will, session.will = session.will, None
                self.router.publish_will(session.account, will)
            if session.expires_at is not None and session.expires_at <= now:
                self._drop(session)

    @property
    def connected_clients(self) -> int:
        return sum(connection.session is not None for connection in self._connections)

    # For connections.

    def admit(self, link: Link, address: str) -> Connection | None:
        network = network_of(address)
        if (
            self._stopping
            or len(self._connections) >= self.limits.max_connections
            or self._strangers[network] >= self.limits.max_strangers_per_address
        ):
            self.counters.connections_refused += 1
            return None
        self._sweep_later()
        connection = Connection(self, link, address)
        self._connections.add(connection)
        self._strangers[network] += 1
        return connection

    def forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            if connection.session is None:
                self._stranger_less(connection)
        if not self._connections:
            self._empty.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def flush_later(self, connection: Connection) -> None:
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(connection)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()

    async def authenticate(self, connection: Connection, packet: Connect) -> str | None:
        while True:
            revision = self._revision
            account = await self.policy.authenticate(
                client_id=connection.client_id,
                username=packet.username,
                password=packet.password,
                address=connection.address,
            )
            if account is None or revision == self._revision:
                return account

    def emit(
        self,
        kind: SessionEventKind,
        connection: Connection,
        *,
        account: str | None = None,
        username: str | None = None,
        clean: bool = False,
        taken_over: bool = False,
    ) -> None:
        if self._on_event is None:
            return
        event = SessionEvent(
            kind=kind,
            account=account,
            client_id=connection.client_id,
            address=connection.address,
            username=username,
            clean=clean,
            taken_over=taken_over,
        )
        try:
            self._on_event(event)
        except Exception:
            log.exception("mqtt: the listener to session events failed")

    def open_session(
        self, account: str, client_id: str, *, clean_start: bool, expiry_s: int, connection: Connection
    ) -> tuple[Session, bool] | None:
        """The session to go on with and whether it was there before; None where the account has too many."""
        key = (account, client_id)
        session = self._sessions.get(key)
        if session is not None and session.connection is not None:
            session.connection.end(Reason.SESSION_TAKEN_OVER, taken_over=True)
        session = self._sessions.get(key)
        if session is not None and (
            clean_start or (session.expires_at is not None and session.expires_at <= self.clock())
        ):
            self._drop(session)
            session = None
        present = session is not None
        if session is None:
            mine = self._accounts.get(account, {})
            if len(mine) >= self.limits.max_sessions_per_account:
                absent = [other for other in mine.values() if other.connection is None]
                if not absent:
                    self.counters.sessions_refused += 1
                    return None
                self.counters.sessions_evicted += 1
                self._drop(min(absent, key=lambda other: other.expires_at or 0.0))
            session = self._sessions[key] = Session(account=account, client_id=client_id, expiry_s=expiry_s)
            self._accounts.setdefault(account, {})[client_id] = session
        self._stranger_less(connection)
        session.connection, session.expiry_s = connection, expiry_s
        session.expires_at = session.will = None
        return session, present

    def detach(self, connection: Connection, *, clean: bool, taken_over: bool, will: bool) -> None:
        """The connection has ended; its session waits or ends, and its will is published, now or later."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        now = self.clock()
        session.expires_at = now + session.expiry_s
        self.emit(
            SessionEventKind.DISCONNECTED, connection, account=session.account, clean=clean, taken_over=taken_over
        )
        if will and connection.will is not None:
            delay_s = min(connection.will_delay_s, session.expiry_s)
            if delay_s:
                session.will, session.will_at = connection.will, now + delay_s
            else:
                self.router.publish_will(session.account, connection.will)
        if not session.expiry_s:
            self._drop(session)

    # Inside.

    def _stranger_less(self, connection: Connection) -> None:
        network = network_of(connection.address)
        self._strangers[network] -= 1
        if not self._strangers[network]:
            del self._strangers[network]

    def _overflowed(self, session: Session) -> None:
        if session.connection is not None:
            session.connection.end(Reason.QUOTA_EXCEEDED)
        self._drop(session)

    def _drop(self, session: Session) -> None:
        """The session ends, and a will that waited with it is published."""
        if self._sessions.get((session.account, session.client_id)) is not session:
            return
        del self._sessions[session.account, session.client_id]
        mine = self._accounts[session.account]
        del mine[session.client_id]
        if not mine:
            del self._accounts[session.account]
        for topic_filter in list(session.subscriptions):
            self.router.unsubscribe(session, topic_filter)
        if session.will is not None:
            will, session.will = session.will, None
            self.router.publish_will(session.account, will)

    def _sweep_later(self) -> None:
        if self._sweeper is None and not self._stopping:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(self.limits.sweep_interval_s, self._sweep_and_go_on)

    def _sweep_and_go_on(self) -> None:
        self._sweeper = None
        try:
            self.sweep()
        finally:
            self._sweep_later()
