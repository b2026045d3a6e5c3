"""What a CONNECT asks for, and what it gets. Pure."""

from dataclasses import dataclass
from typing import Final

from .packets import V3, V5, Connect
from .policy import Limits, Publication
from .properties import NO_PROPERTIES, Properties, PropertyValue, ProtocolError, Reason
from .sessions import NEVER
from .topics import is_topic

RETURN_CODES: Final = {
    Reason.UNSUPPORTED_VERSION: 1,
    Reason.BAD_CLIENT_ID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.QUOTA_EXCEEDED: 3,
    Reason.BAD_CREDENTIALS: 4,
    Reason.NOT_AUTHORISED: 5,
}
"""Refusals in MQTT 3.1.1 (table 3.1). What is not here, it answers by closing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one connection."""

    expiry_s: int
    """How long the session outlives the connection."""
    keep_alive_s: int
    window: int
    """QoS 1 messages in flight to the client."""
    max_packet_bytes: int
    """What the client accepts."""
    will: Publication | None
    will_delay_s: int
    answer: Properties
    """Of CONNACK: what the client must know because it differs from what it asked for."""


def check(packet: Connect, limits: Limits) -> None:
    """Raises `ProtocolError` for what no credentials can heal."""
    if "authentication_method" in packet.properties:
        raise ProtocolError(Reason.BAD_AUTHENTICATION_METHOD, "enhanced authentication is not offered")
    if not packet.client_id and packet.version == V3 and not packet.clean_start:
        raise ProtocolError(Reason.BAD_CLIENT_ID, "a session that is to survive needs a client id")
    if len(packet.client_id.encode()) > limits.max_client_id_bytes:
        raise ProtocolError(Reason.BAD_CLIENT_ID, "the client id is too long")
    if packet.will is not None and not is_topic(packet.will.topic, max_levels=limits.max_topic_levels):
        raise ProtocolError(Reason.BAD_TOPIC, "the will's topic is empty, too deep or has wildcards")


def agree(packet: Connect, *, account: str, client_id: str, limits: Limits) -> Terms:
    v5 = packet.version == V5
    if v5:
        wanted_s = _number(packet.properties, "session_expiry_interval", 0)
    else:
        wanted_s = 0 if packet.clean_start else NEVER
    expiry_s = min(wanted_s, limits.session_expiry_max_s)
    keep_alive_s = packet.keep_alive_s or limits.max_keep_alive_s
    keep_alive_s = min(max(keep_alive_s, limits.min_keep_alive_s), limits.max_keep_alive_s)
    answer: dict[str, PropertyValue] = {}
    if v5:
        answer["receive_maximum"] = min(limits.max_unacknowledged, 0xFFFF)
        answer["maximum_packet_size"] = limits.max_packet_bytes
        if expiry_s != wanted_s:
            answer["session_expiry_interval"] = expiry_s
        if keep_alive_s != packet.keep_alive_s:
            answer["server_keep_alive"] = keep_alive_s
        if client_id != packet.client_id:
            answer["assigned_client_identifier"] = client_id
    will = packet.will
    return Terms(
        expiry_s=expiry_s,
        keep_alive_s=keep_alive_s,
        window=min(_number(packet.properties, "receive_maximum", 0xFFFF), limits.max_in_flight),
        max_packet_bytes=_number(packet.properties, "maximum_packet_size", NEVER),
        will=None
        if will is None
        else Publication(
            topic=will.topic,
            payload=will.payload,
            qos=will.qos,
            retain=will.retain,
            account=account,
            client_id=client_id,
            properties={name: value for name, value in will.properties.items() if name != "will_delay_interval"}
            or None,
        ),
        will_delay_s=0 if will is None else _number(will.properties, "will_delay_interval", 0),
        answer=answer or NO_PROPERTIES,
    )


def _number(properties: Properties, name: str, default: int) -> int:
    value = properties.get(name, default)
    return value if isinstance(value, int) else default
