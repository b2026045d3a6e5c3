"""The broker inside the hub, behind the port: joins `mqtt/`, which knows nothing of drones, to who may do what.

Rights are asked for every message, so a change of bindings holds at once. A device's QoS 1 message is acknowledged
to it only when the hub has stored it.
"""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from ssl import SSLContext

from ofh.dji import topics
from ofh.mqtt.policy import Delivery, Limits, SessionEvent, SessionEventKind
from ofh.mqtt.server import MqttServer

from .ports import BrokerAccount, Handler, Message, Session, SessionChange, SessionHandler

Authenticate = Callable[[str, str], Awaitable[bool]]
"""Whether a connection's public id and secret are right."""


class _Rights:
    """Topic rights by account (security.md, M1 and M2)."""

    def __init__(
        self,
        authenticate: Authenticate,
        serials: Callable[[str], frozenset[str]],
        on_refused: Callable[[str, str], None],
    ) -> None:
        self._authenticate = authenticate
        self._serials = serials
        self._on_refused = on_refused

    async def authenticate(
        self, *, client_id: str, username: str | None, password: bytes | None, address: str
    ) -> str | None:
        if not username or not password:
            return None
        try:
            secret = password.decode()
        except UnicodeDecodeError:
            return None
        return username if await self._authenticate(username, secret) else None

    def may_publish(self, account: str, topic: str) -> bool:
        if topics.may_publish(topic, self._serials(account)):
            return True
        self._on_refused(account, topic)
        return False

    def may_subscribe(self, account: str, topic_filter: str) -> bool:
        return topics.may_subscribe(topic_filter, self._serials(account))

    def may_read(self, account: str, topic: str) -> bool:
        return topics.may_read(topic, self._serials(account))

    def may_retain(self, account: str, topic: str) -> bool:
        return False  # an old command, played back when a controller returns, would be executed


class EmbeddedBroker:
    """`Broker` within the hub's process.

    Args:
        listeners: host, port and TLS of each listener.
        authenticate: asked at each CONNECT.
        serials: the serial numbers that an account speaks for, asked for every message.
        on_refused: told the account and the topic of each message that was not let through; must not block.
    """

    def __init__(
        self,
        listeners: list[tuple[str, int, SSLContext | None]],
        authenticate: Authenticate,
        serials: Callable[[str], frozenset[str]],
        on_refused: Callable[[str, str], None] = lambda _account, _topic: None,
        limits: Limits | None = None,
    ) -> None:
        self._listeners = listeners
        self._on_session: SessionHandler = lambda _session: None
        self._links: Counter[str] = Counter()
        self._digests: dict[str, bytes] = {}
        """Of the secrets that connected accounts have shown."""
        self.server = MqttServer(
            _Rights(self._check(authenticate), serials, on_refused),
            limits or Limits(),
            on_event=self._session_event,
            clock=time.monotonic,
        )
        self.attach = self.server.attach
        """The door for the websocket listener, which is the HTTP server's."""
        self.ports: list[int] = []
        """Where it listens, once started."""

    def _check(self, authenticate: Authenticate) -> Authenticate:
        """`authenticate`, which remembers what was right: a secret that changes later ends the sessions it opened."""

        async def check(name: str, secret: str) -> bool:
            is_right = await authenticate(name, secret)
            if is_right:
                self._digests[name] = hashlib.sha256(secret.encode()).digest()
            return is_right

        return check

    async def start(self, handler: Handler, on_session: SessionHandler) -> None:
        """See `Broker.start`."""
        self._on_session = on_session

        def deliver(delivery: Delivery) -> Awaitable[None] | None:
            publication = delivery.publication
            return handler(
                Message(
                    topic=publication.topic,
                    payload=publication.payload,
                    qos=publication.qos,
                    received_at=datetime.now(UTC),
                    account=publication.account,
                    ack=delivery.ack,
                )
            )

        for topic_filter in topics.SUBSCRIPTIONS:
            self.server.subscribe(topic_filter, deliver)
        for host, port, ssl in self._listeners:
            self.ports.append(await self.server.listen(host, port, ssl=ssl))

    async def stop(self) -> None:
        """See `Broker.stop`."""
        await self.server.stop()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """See `Broker.publish`; never away."""
        self.server.publish(topic, payload, qos=qos)
        await asyncio.sleep(0)

    async def put_account(self, account: BrokerAccount) -> None:
        """Nothing to keep: credentials and rights are asked for when they are needed."""

    async def delete_account(self, name: str) -> None:
        """See `Broker.delete_account`."""
        self.server.end_sessions(name)

    async def end_sessions(self, name: str) -> None:
        """See `Broker.end_sessions`."""
        self.server.end_sessions(name)

    async def reconcile(self, accounts: list[BrokerAccount]) -> None:
        """End the sessions of accounts that are gone or have another secret: the command line may have done it."""
        digests = {account.name: account.secret_digest for account in accounts}
        for name in [name for name in self._links if digests.get(name) != self._digests.get(name)]:
            self.server.end_sessions(name)

    async def check(self) -> None:
        """Always there."""

    def counts(self) -> Mapping[str, int]:
        """See `Broker.counts`."""
        return asdict(self.server.counters)

    def _session_event(self, event: SessionEvent) -> None:
        """Tell of an account's first link and of the end of its last one: it may have several."""
        account = event.account or event.username
        if account is None:
            return
        match event.kind:
            case SessionEventKind.CONNECTED:
                change = SessionChange.CONNECTED
                self._links[account] += 1
            case SessionEventKind.AUTH_FAILED:
                change = SessionChange.REFUSED
            case SessionEventKind.DISCONNECTED:
                self._links[account] -= 1
                if self._links[account] > 0:
                    return
                del self._links[account]
                self._digests.pop(account, None)
                if event.taken_over:
                    return
                change = SessionChange.LEFT if event.clean else SessionChange.LOST
        self._on_session(Session(account=account, change=change, at=datetime.now(UTC), address=event.address))
