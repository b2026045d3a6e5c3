"""MQTT 3.1.1 and MQTT 5 control packets, as frozen objects; their bytes are `codec.py`'s.

Source: OASIS MQTT 3.1.1 (2014) and MQTT 5.0 (2019), chapter 3.
"""

from dataclasses import dataclass, field
from typing import Final

from .properties import Properties, Reason, no_properties

V3: Final = 4
"""Protocol level on the wire of MQTT 3.1.1."""
V5: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker publishes for a client that is lost without notice."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """The first packet of every connection."""

    version: int
    """`V3` or `V5`."""
    client_id: str
    """Empty: the broker shall choose one."""
    clean_start: bool
    """In MQTT 3.1.1 also: the session ends with the connection."""
    keep_alive_s: int
    """0: the client promises nothing."""
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnAck:
    """The answer to CONNECT."""

    session_present: bool
    reason: int
    """In MQTT 3.1.1 a return code of 0 to 5, in MQTT 5 a reason code."""
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """One message on one hop."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    packet_id: int | None = None
    """None exactly where `qos` is 0."""
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What PUBACK, PUBREC, PUBREL and PUBCOMP have in common. `reason` and `properties` exist in MQTT 5 alone."""

    packet_id: int
    reason: int = Reason.SUCCESS
    properties: Properties = field(default_factory=no_properties)


class PubAck(Acknowledgement):
    """QoS 1: taken."""

    __slots__ = ()


class PubRec(Acknowledgement):
    """QoS 2, first answer: taken, and the packet id is remembered."""

    __slots__ = ()


class PubRel(Acknowledgement):
    """QoS 2, second question: the packet id may be forgotten."""

    __slots__ = ()


class PubComp(Acknowledgement):
    """QoS 2, last answer: it is forgotten."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One topic filter of a SUBSCRIBE, with its options; all but `qos` exist in MQTT 5 alone."""

    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    """Retained messages: 0 send, 1 send if the subscription is new, 2 do not send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A request to receive; at least one filter."""

    packet_id: int
    requests: tuple[Request, ...]
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAck:
    """One granted QoS or failure per filter asked for."""

    packet_id: int
    reasons: tuple[int, ...]
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """At least one filter."""

    packet_id: int
    topic_filters: tuple[str, ...]
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubAck:
    """MQTT 3.1.1 has no `reasons`."""

    packet_id: int
    reasons: tuple[int, ...] = ()
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReq:
    """I am still here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResp:
    """So am I."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """Goodbye, without a will unless `reason` says so; MQTT 5 alone has a reason, and sends it from the broker too."""

    reason: int = Reason.SUCCESS
    properties: Properties = field(default_factory=no_properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Enhanced authentication of MQTT 5, which this broker does not offer."""

    reason: int = Reason.SUCCESS
    properties: Properties = field(default_factory=no_properties)


Packet = (
    Connect | ConnAck | Publish | PubAck | PubRec | PubRel | PubComp | Subscribe | SubAck | Unsubscribe | UnsubAck
    | PingReq | PingResp | Disconnect | Auth
)  # fmt: skip
