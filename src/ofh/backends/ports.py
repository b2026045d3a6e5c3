"""What the services ask of the bus, the broker and their like; `hub.py` picks what fulfils it.

Ports are small and structural. Each has one set of tests that runs against every implementation
(`tests/integration/backends/`); a behaviour that only one of them has is not part of the port.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The line to the bus was lost for a while, or a reader was too slow: what was published meanwhile is missing.

    The reader fills the hole from the database.
    """

    reason: str


class Bus(Protocol):
    """Carries bytes between the processes of one hub. Order holds per channel and publisher."""

    @property
    def dropped(self) -> int:
        """Messages that slow readers missed, since the start."""

    async def start(self) -> None:
        """Connect. Returns once subscriptions can be made; reconnects by itself afterwards."""

    async def stop(self) -> None:
        """Let go of every connection and task."""

    async def publish(self, channel: str, data: bytes) -> None:
        """Hand the bytes to every subscriber of every process.

        Raises:
            HubError: UNAVAILABLE, the bus is away.
        """

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes | Interrupted]]:
        """Read a channel. On entry the subscription is in force: what is published from then on is seen."""

    async def check(self) -> None:
        """Raises HubError UNAVAILABLE where the bus is away; for readiness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message that a device published."""

    topic: str
    payload: bytes
    qos: int
    received_at: datetime
    """Our clock, UTC."""
    account: str | None
    """The account that published it, which is a connection's public id; None where the broker does not tell."""
    ack: Callable[[], None]
    """Call once the message is stored: only then does the broker learn that it was taken. Idempotent."""


class SessionChange(StrEnum):
    """What happened to an account's link to the broker."""

    CONNECTED = "connected"
    LOST = "lost"
    """Without notice: the device may come back."""
    LEFT = "left"
    """By a clean DISCONNECT."""
    REFUSED = "refused"
    """Wrong credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A change of an account's link to the broker."""

    account: str
    change: SessionChange
    at: datetime
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """What a connection may do at the broker."""

    name: str
    """The connection's public id: user name at the broker."""
    secret: str | None
    """In plain only when at hand (creation, rotation, link login); brokers that keep their own digest need it then."""
    secret_digest: bytes
    """SHA-256 of the secret."""
    serials: frozenset[str] = field(default_factory=frozenset)
    """Serial numbers of the controllers and aircraft that it speaks for."""


Handler = Callable[[Message], Awaitable[None] | None]
"""Takes a message. What it returns is awaited before the next message of the same client; None: it is done."""
SessionHandler = Callable[[Session], None]


class Broker(Protocol):
    """The MQTT side: devices' messages in, replies out, accounts kept in step with the connections."""

    async def start(self, handler: Handler, on_session: SessionHandler) -> None:
        """Begin to deliver. What `handler` returns for a message is awaited before the next one of the same client
        is delivered (so a topology is bound before the client's next packet); storing goes on behind it and ends in
        `Message.ack`. Reconnects by itself with back-off.
        """

    async def stop(self) -> None:
        """Stop delivering; unacknowledged messages stay with the broker or the device."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Send to devices.

        Raises:
            HubError: UNAVAILABLE, the broker is away.
        """

    async def put_account(self, account: BrokerAccount) -> None:
        """Make or change an account and its rights; holds at once, without a reconnect of the client."""

    async def delete_account(self, name: str) -> None:
        """End the account's sessions and its right to connect."""

    async def end_sessions(self, name: str) -> None:
        """Disconnect an account's clients; they may come back with valid credentials."""

    async def reconcile(self, accounts: list[BrokerAccount]) -> None:
        """Compare what the broker holds with the connections that exist, and mend the difference."""

    async def check(self) -> None:
        """Raises HubError UNAVAILABLE where the broker is away; for readiness."""

    def counts(self) -> Mapping[str, int]:
        """What has happened since the start, drops above all, by name; only ever grows."""
