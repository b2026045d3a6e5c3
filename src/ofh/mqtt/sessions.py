"""What the broker remembers of a client beyond its connection: subscriptions, and messages on their way in and out.

Pure state: no I/O; times are numbers of the server's clock, passed in. Everything lives in memory.
Source: OASIS MQTT 5.0, sections 4.1 (session state), 4.3 (QoS), 4.6 (order), 3.1.2.11.2 (expiry).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .policy import Limits, Publication

if TYPE_CHECKING:
    from .connection import Connection

NEVER: Final = 0xFFFFFFFF
"""Session expiry interval that means "does not expire" (MQTT 5, 3.1.2.11.2)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subscription:
    """A client's own (not shared) subscription; of two equal ones each is itself."""

    session: "Session"
    qos: int
    """Granted: 0 or 1."""
    no_local: bool = False
    retain_as_published: bool = False
    identifier: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message for one client."""

    publication: Publication
    qos: int
    retain: bool
    identifiers: tuple[int, ...] = ()
    """Subscription identifiers (MQTT 5)."""
    expires_at: float | None = None


class Receipt:
    """A QoS 1 or 2 message received from a client, until it is answered."""

    __slots__ = ("connection", "failed", "outstanding", "packet_id", "qos", "size")

    def __init__(self, connection: "Connection", packet_id: int, qos: int, size: int) -> None:
        self.connection = connection
        """Where the answer goes."""
        self.packet_id, self.qos, self.size = packet_id, qos, size
        self.outstanding = 0
        """In-process subscribers that have not acknowledged."""
        self.failed = False
        """One of them raised: no answer will be sent, and the client may send it again."""

    @property
    def settled(self) -> bool:
        return self.failed or self.outstanding <= 0

    def acknowledge(self) -> None:
        self.outstanding -= 1
        if self.settled:
            self.connection.settle()

    def fail(self) -> None:
        if not self.settled:
            self.failed = True
            self.connection.settle()


class Session:
    """One client of one account. The key is (account, client id): nobody takes over another account's session."""

    __slots__ = (
        "_bytes", "_last_id", "account", "client_id", "connection", "expires_at", "expiry_s", "in_flight", "incoming",
        "queue", "subscriptions", "will", "will_at",
    )  # fmt: skip

    def __init__(self, *, account: str, client_id: str, expiry_s: int) -> None:
        self.account, self.client_id = account, client_id
        self.expiry_s = expiry_s
        """How long it outlives its connection; 0: not at all."""
        self.connection: Connection | None = None
        self.expires_at: float | None = None
        """While the client is away."""
        self.subscriptions: dict[str, Subscription | SharedGroup] = {}
        self.incoming: dict[int, Receipt] = {}
        """QoS 2 packet ids that came and were not released: the same id again is the same message."""
        self.in_flight: dict[int, Outgoing] = {}
        """Sent with QoS 1 and not acknowledged, oldest first."""
        self.queue: deque[Outgoing] = deque()
        """QoS 1 messages that were not sent yet."""
        self.will: Publication | None = None
        self.will_at = 0.0
        """A will that waits (MQTT 5 will delay) while the client is away."""
        self._bytes = 0
        self._last_id = 0

    def offer(self, message: Outgoing, limits: Limits) -> bool:
        """Queue a QoS 1 message. False, and nothing queued, where a bound is reached."""
        size = len(message.publication.payload)
        if (
            len(self.queue) + len(self.in_flight) >= limits.max_queued_messages
            or self._bytes + size > limits.max_queued_bytes
        ):
            return False
        self.queue.append(message)
        self._bytes += size
        return True

    def take(self) -> Outgoing | None:
        """The oldest waiting message, off the queue; `sent` or `forget` says what became of it."""
        return self.queue.popleft() if self.queue else None

    def sent(self, message: Outgoing) -> int:
        """Put it in flight; the packet id to send it with."""
        packet_id = self._last_id
        while True:
            packet_id = packet_id % 0xFFFF + 1
            if packet_id not in self.in_flight:
                break
        self._last_id = packet_id
        self.in_flight[packet_id] = message
        return packet_id

    def forget(self, message: Outgoing) -> None:
        """It leaves the session, delivered or not."""
        self._bytes -= len(message.publication.payload)

    def acknowledged(self, packet_id: int) -> bool:
        """False: no message of that id was in flight."""
        message = self.in_flight.pop(packet_id, None)
        if message is None:
            return False
        self.forget(message)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One client that gets a topic, all its overlapping subscriptions together."""

    session: Session
    qos: int
    no_local: bool
    retain_as_published: bool
    identifiers: tuple[int, ...]


class SharedGroup:
    """The members of one `$share/group/filter`: each message goes to one of them, in turn."""

    __slots__ = ("_turn", "members", "topic_filter")

    def __init__(self, topic_filter: str) -> None:
        self.topic_filter = topic_filter
        """The whole, with `$share/group/`."""
        self.members: dict[Session, Subscription] = {}
        self._turn = 0

    def pick(self, qos: int, may_read: Callable[[Session], bool]) -> Target | None:
        """The next member that may read it, one with a live connection if there is any.

        A message of QoS 0 is not for an absent member: it would be lost there.
        """
        members = list(self.members.values())
        self._turn = (self._turn + 1) % max(len(members), 1)
        turn = members[self._turn :] + members[: self._turn]
        absent: Subscription | None = None
        for member in turn:
            if not may_read(member.session):
                continue
            if member.session.connection is not None:
                return merge(member.session, (member,))
            if absent is None and qos and member.qos:
                absent = member
        return merge(absent.session, (absent,)) if absent is not None else None


def merge(session: Session, subscriptions: Iterable[Subscription]) -> Target:
    """Overlapping subscriptions deliver once, with the highest QoS and every identifier (MQTT 5, 3.3.4)."""
    found = list(subscriptions)
    return Target(
        session=session,
        qos=max(subscription.qos for subscription in found),
        no_local=all(subscription.no_local for subscription in found),
        retain_as_published=any(subscription.retain_as_published for subscription in found),
        identifiers=tuple(subscription.identifier for subscription in found if subscription.identifier is not None),
    )
