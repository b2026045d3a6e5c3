"""What the services ask of the bus, the broker and their like; `choices.py` picks what fulfils it.

Ports are small and structural. Each has one set of tests that runs against every implementation
(`tests/integration/backends/`); a behaviour that only one of them has is not part of the port.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ofh.domain.errors import Code, HubError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What is known of a stored object."""

    key: str
    size_bytes: int
    content_type: str
    etag: str
    """Without quotes: the MD5 in hex; of an object in parts, the MD5 of its parts' MD5s, a dash and their number."""
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInfo:
    """One part of an upload under way."""

    number: int
    """From 1."""
    size_bytes: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadInfo:
    """An upload in parts that is under way."""

    key: str
    upload_id: str
    begun_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Room of a store."""

    total_bytes: int
    free_bytes: int


class StoreFull(HubError):
    """The store has no room left; reading goes on."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "The storage is full.", retry_after_s=300)


MAX_CHUNK_BYTES = 1024 * 1024
"""Of a piece that `ObjectStore.read` gives."""


class ObjectStore(Protocol):
    """Bytes under keys (`domain.objects.key_fault` says what one is). An object is there whole or not at all.

    Every method raises HubError UNAVAILABLE where the store is away, StoreFull where it has no room, and BAD_INPUT for
    what is no key.
    """

    async def start(self) -> None:
        """Get ready. A store that is away does not hinder it."""

    async def stop(self) -> None:
        """Let go of connections and threads."""

    async def stat(self, key: str) -> ObjectInfo | None:
        """What is known of an object; None where there is none."""

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to, not including, `end`, in pieces of at most MAX_CHUNK_BYTES.

        Raises:
            HubError: GONE, there is no such object.
        """

    async def put(self, key: str, source: Path, *, content_type: str, md5: bytes | None = None) -> ObjectInfo:
        """Store a complete local file, in place of what the key held. Once it is stored, the file is gone.

        Args:
            md5: of the file, where it is known; computed where not.
        """

    async def delete(self, key: str) -> None:
        """Remove an object; that there is none is fine."""

    async def begin(self, key: str, *, content_type: str) -> str:
        """Begin an upload in parts; its id."""

    async def put_part(
        self, key: str, upload_id: str, number: int, source: Path, *, md5: bytes | None = None
    ) -> PartInfo:
        """Store a part, in place of an earlier one of this number. Once it is stored, the file is gone.

        Raises:
            HubError: GONE, no such upload is under way.
        """

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """The parts that are there, by number.

        Raises:
            HubError: GONE, no such upload is under way.
        """

    async def list_uploads(self, prefix: str) -> list[UploadInfo]:
        """Uploads under way whose keys begin so, by key; at most a thousand."""

    async def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> ObjectInfo:
        """Make the object of these parts, given as number and ETag, in their order; others are dropped.

        Once more, because the answer was lost, it gives the same answer.

        Raises:
            HubError: GONE, no such upload is under way; CONFLICT, a part is not there or another than is said.
        """

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; that there is none is fine."""

    async def tidy(self, age: timedelta) -> int:
        """Remove what broken uploads left that long ago; how many things it was."""

    async def check(self) -> None:
        """Raises HubError UNAVAILABLE where the store is away; for readiness."""

    async def space(self) -> Space | None:
        """How much room there is; None where the store does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredentials:
    """Temporary credentials that a store itself issued."""

    access_key_id: str
    secret: str
    token: str
    expires_at: datetime


class StoreRoles(Protocol):
    """A store that issues temporary credentials itself (STS)."""

    async def issue(self, prefix: str, ttl: timedelta) -> StoreCredentials:
        """Credentials that can write below the prefix and do nothing else.

        Args:
            ttl: wished for; the store may grant less.
        Raises:
            HubError: UNAVAILABLE, the store is away or refuses.
        """
