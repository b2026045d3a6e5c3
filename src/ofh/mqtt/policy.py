"""What the house gives the broker and gets from it: rights, limits, messages, events, counts. Plain values, no I/O."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .properties import PropertyValue


class Policy(Protocol):
    """Who may connect and do what. Asked every time and never remembered, so that a change holds at once.

    An answer that raises counts as a refusal and is logged. All but `authenticate` are called for every message: they
    must be quick, and must not block.
    """

    async def authenticate(
        self, *, client_id: str, username: str | None, password: bytes | None, address: str
    ) -> str | None:
        """The account that logs in, or None to refuse. Raising answers "server unavailable"."""

    def may_publish(self, account: str, topic: str) -> bool:
        """False: the message is dropped, but acknowledged as if it were not; wills follow the same rule."""

    def may_subscribe(self, account: str, topic_filter: str) -> bool:
        """False: this one filter fails, the connection lives. Of `$share/group/filter` the filter alone is asked."""

    def may_read(self, account: str, topic: str) -> bool:
        """Asked for each message before it is sent, however old the subscription or the queue it waited in."""

    def may_retain(self, account: str, topic: str) -> bool:
        """False: the message goes out as an ordinary one, and nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every number of the broker. Times in seconds, sizes in bytes."""

    max_packet_bytes: int = 256 * 1024 + 4096
    """Whole packet: a payload of 256 KiB, its topic and properties. More ends the connection."""
    max_connect_packet_bytes: int = 64 * 1024
    """The same, for what a stranger may send before the login."""
    max_client_id_bytes: int = 256
    max_topic_levels: int = 64
    """Of names and filters. Deeper filters are refused, deeper names dropped."""
    connect_timeout_s: float = 10.0
    """From the opened connection (with TLS: after the handshake, which has as long again) to the finished login."""
    min_keep_alive_s: int = 5
    max_keep_alive_s: int = 1200
    """A client that asks for more or for none gets this; MQTT 3.1.1 cannot be told, and is held to it all the same."""
    keep_alive_factor: float = 1.5
    """Silence is allowed for keep-alive times this (MQTT 5, 3.1.2.10)."""
    close_timeout_s: float = 5.0
    """A closed connection whose last bytes the client does not take is torn down after this."""
    sweep_interval_s: float = 1.0
    """How often timeouts and expiries are looked at."""
    stop_timeout_s: float = 2.0
    """How long a stop waits for clients to take their last bytes and for what is still being handled, all in all."""
    max_connections: int = 10_000
    """Logged in or not. Further ones are closed at once."""
    max_strangers_per_address: int = 100
    """Connections of one address (IPv6: of one /64) that have not logged in. Further ones are closed at once."""
    max_sessions_per_account: int = 32
    """Beyond it the account's longest absent session is dropped; if all are connected, the login is refused."""
    session_expiry_max_s: int = 24 * 3600
    """How long a session without its client is kept at most; of MQTT 3.1.1 every session that is to survive."""
    max_subscriptions: int = 100
    """Per session."""
    max_filters_per_packet: int = 100
    """Of one SUBSCRIBE; the rest is refused."""
    max_in_flight: int = 64
    """QoS 1 messages sent to one client and not yet acknowledged; a client's receive maximum lowers it."""
    max_queued_messages: int = 1000
    """Per session, in flight or waiting. Beyond it the session is dropped."""
    max_queued_bytes: int = 4 * 1024 * 1024
    """The same, in bytes of payload."""
    max_unacknowledged: int = 256
    """QoS 1 and 2 messages of one client that in-process subscribers hold; at the bound the client is not read.
    MQTT 5 clients are told it as receive maximum."""
    max_unacknowledged_bytes: int = 4 * 1024 * 1024
    max_unreleased: int = 1024
    """QoS 2 packet ids of one session between PUBLISH and PUBREL. Beyond it the connection ends."""
    max_write_buffer_bytes: int = 1024 * 1024
    """Bytes a client has not taken yet. Beyond it QoS 0 is skipped, QoS 1 waits, and over TCP the client is not read.
    Beyond four times as much, which only answers can fill, the connection is closed."""
    max_unread_bytes: int = 1024 * 1024
    """Bytes received while the client is not read; a listener that cannot pause is closed beyond it."""
    max_packets_per_turn: int = 500
    """Packets of one client handled in a row before the others have their turn."""
    max_retained_messages: int = 1000
    max_retained_bytes: int = 16 * 1024 * 1024
    """Topics and payloads. A retained message that does not fit is delivered, but not kept."""
    max_cached_topics: int = 4096
    """Topics whose receivers are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message, as it was published."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    """As asked for by the publisher and allowed by the policy."""
    account: str | None
    """None: published by the hub itself."""
    client_id: str
    """Empty for the hub itself."""
    properties: Mapping[str, PropertyValue] | None
    """Properties of MQTT 5 that travel with a message (`properties.py` names them); None without any."""


class Delivery:
    """A publication in the hands of one in-process subscriber."""

    __slots__ = ("_on_ack", "publication")

    def __init__(self, publication: Publication, on_ack: Callable[[], None] | None) -> None:
        self.publication = publication
        self._on_ack = on_ack

    def ack(self) -> None:
        """The message is safe. Idempotent; to be called in the broker's event loop.

        The publisher gets its PUBACK (QoS 2: PUBREC) once every in-process subscriber that the topic matched has called
        this, and, as MQTT wants it, after those of its earlier messages. Without effect for QoS 0, and for QoS 1 once
        the publisher's connection is gone: it sends the message again.
        """
        if self._on_ack is not None:
            on_ack, self._on_ack = self._on_ack, None
            on_ack()


Handler = Callable[[Delivery], Awaitable[None] | None]


class SessionEventKind(StrEnum):
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    AUTH_FAILED = "auth_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """A client came, went, or was not let in."""

    kind: SessionEventKind
    account: str | None
    """None where the login failed."""
    client_id: str
    address: str
    username: str | None = None
    """What a failed login claimed to be; proven by nothing."""
    clean: bool = False
    """DISCONNECTED: the client said goodbye."""
    taken_over: bool = False
    """DISCONNECTED: the same client came back on another connection, which is CONNECTED next."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """What happened since the start, by reason; only ever grows."""

    received: int = 0
    """PUBLISH packets from clients."""
    sent: int = 0
    """PUBLISH packets to clients."""
    auth_failed: int = 0
    auth_errors: int = 0
    """The policy raised instead of answering."""
    connections_refused: int = 0
    """Above `max_connections` or `max_strangers_per_address`."""
    sessions_refused: int = 0
    """Above `max_sessions_per_account`, all of them connected."""
    sessions_evicted: int = 0
    """Absent ones that made room for a new one."""
    protocol_errors: int = 0
    connect_timeouts: int = 0
    keep_alive_timeouts: int = 0
    internal_errors: int = 0
    """Bugs of ours that cost a client its connection."""
    publish_refused: int = 0
    subscribe_refused: int = 0
    read_refused: int = 0
    retain_refused: int = 0
    retain_overflow: int = 0
    handler_failures: int = 0
    """An in-process subscriber raised: the message stays unacknowledged."""
    qos0_skipped: int = 0
    """The receiver was too slow."""
    slow_clients_closed: int = 0
    """Beyond four times `max_write_buffer_bytes`."""
    too_large_skipped: int = 0
    """The receiver's maximum packet size was too small."""
    expired: int = 0
    """Messages that outlived their expiry interval in a queue."""
    duplicates: int = 0
    """QoS 2 messages that came twice and counted once."""
    sessions_overflowed: int = 0
    """Dropped at `max_queued_messages` or `max_queued_bytes`."""
    paused: int = 0
    """Times that a client was not read because in-process subscribers held too much of it."""
