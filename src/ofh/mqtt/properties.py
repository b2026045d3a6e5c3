"""The alphabet of MQTT: reason codes, the one error of the codec, primitive values, and the properties of MQTT 5.

Bytes in, values out: no I/O, no clock. Whatever a peer may send wrongly ends in `ProtocolError` and in nothing else.
Source: OASIS MQTT 3.1.1 and MQTT 5.0, sections 1.5 (data), 2.2.2 (properties), 2.4 (reason codes).
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

Buffer = bytes | bytearray
PropertyValue = int | str | bytes | tuple[int, ...] | tuple[tuple[str, str], ...]
Properties = Mapping[str, PropertyValue]
"""Property name in snake case (MQTT 5, table 2-4) -> value. `user_property` is a tuple of (name, value) pairs in the
order received, `subscription_identifier` a tuple of numbers. Everything else stands once."""

NO_PROPERTIES: Final[Properties] = MappingProxyType({})


def no_properties() -> Properties:
    """The shared empty mapping, as a dataclass wants its default."""
    return NO_PROPERTIES


class Reason(IntEnum):
    """Reason codes of MQTT 5 that this broker sends or looks at."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED = 0x80
    MALFORMED = 0x81
    PROTOCOL_ERROR = 0x82
    NOT_ACCEPTED = 0x83
    UNSUPPORTED_VERSION = 0x84
    BAD_CLIENT_ID = 0x85
    BAD_CREDENTIALS = 0x86
    NOT_AUTHORISED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    BAD_FILTER = 0x8F
    BAD_TOPIC = 0x90
    PACKET_ID_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    BAD_TOPIC_ALIAS = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE = 0x98


class ProtocolError(Exception):
    """The peer broke the protocol; its connection ends with `reason`, where its version lets us say so."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def malformed(message: str) -> ProtocolError:
    return ProtocolError(Reason.MALFORMED, message)


class Reader:
    """Takes values off a part of a buffer, from the front; no value reaches beyond `end`."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: Buffer, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, size: int) -> bytes:
        start = self.at
        if size > self.end - start:
            raise malformed("the packet is shorter than it says")
        self.at = start + size
        return bytes(self.data[start : self.at])

    def rest(self) -> bytes:
        return self.take(self.end - self.at)

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def varint(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    raise malformed("a variable byte integer is longer than it needs to be")
                return value
        raise malformed("a variable byte integer has more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return decode_text(self.binary())

    def packet_id(self) -> int:
        if (packet_id := self.number(2)) == 0:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "packet identifier 0")
        return packet_id

    def finish(self) -> None:
        if self.at != self.end:
            raise malformed("bytes are left over at the end of the packet")


def decode_text(data: Buffer) -> str:
    """UTF-8 without U+0000 and surrogates (MQTT 5, 1.5.4)."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise malformed("text is not valid UTF-8") from None
    if "\0" in text:
        raise malformed("text contains U+0000")
    return text


def encode_varint(value: int) -> bytes:
    """Raises `ValueError` above 268,435,455."""
    if value < 0x80:
        return bytes((value,))
    if value > 0x0FFFFFFF:
        raise ValueError(f"{value} does not fit a variable byte integer")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_binary(data: bytes) -> bytes:
    """Raises `ValueError` above 65,535 bytes."""
    if len(data) > 0xFFFF:
        raise ValueError(f"{len(data)} bytes do not fit a field of 65535")
    return len(data).to_bytes(2, "big") + data


def encode_text(text: str) -> bytes:
    return encode_binary(text.encode())


class Kind(IntEnum):
    """Packet types by number, and `WILL` for the second set of properties within CONNECT."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15
    WILL = 16


class _Property(NamedTuple):
    code: int
    name: str
    form: str
    """`flag` (0 or 1), `u16`, `u32`, `varint`, `text`, `binary` or `pair`."""
    places: frozenset[Kind]


def _property(code: int, name: str, form: str, *places: Kind) -> _Property:
    return _Property(code, name, form, frozenset(places))


_MESSAGE = (Kind.PUBLISH, Kind.WILL)
_OPENING = (Kind.CONNECT, Kind.CONNACK)
_ANSWERS = (Kind.CONNACK, Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.SUBACK, Kind.UNSUBACK)
_PROPERTIES = (
    _property(0x01, "payload_format_indicator", "flag", *_MESSAGE),
    _property(0x02, "message_expiry_interval", "u32", *_MESSAGE),
    _property(0x03, "content_type", "text", *_MESSAGE),
    _property(0x08, "response_topic", "text", *_MESSAGE),
    _property(0x09, "correlation_data", "binary", *_MESSAGE),
    _property(0x0B, "subscription_identifier", "varint", Kind.PUBLISH, Kind.SUBSCRIBE),
    _property(0x11, "session_expiry_interval", "u32", *_OPENING, Kind.DISCONNECT),
    _property(0x12, "assigned_client_identifier", "text", Kind.CONNACK),
    _property(0x13, "server_keep_alive", "u16", Kind.CONNACK),
    _property(0x15, "authentication_method", "text", *_OPENING, Kind.AUTH),
    _property(0x16, "authentication_data", "binary", *_OPENING, Kind.AUTH),
    _property(0x17, "request_problem_information", "flag", Kind.CONNECT),
    _property(0x18, "will_delay_interval", "u32", Kind.WILL),
    _property(0x19, "request_response_information", "flag", Kind.CONNECT),
    _property(0x1A, "response_information", "text", Kind.CONNACK),
    _property(0x1C, "server_reference", "text", Kind.CONNACK, Kind.DISCONNECT),
    _property(0x1F, "reason_string", "text", *_ANSWERS, Kind.DISCONNECT, Kind.AUTH),
    _property(0x21, "receive_maximum", "u16", *_OPENING),
    _property(0x22, "topic_alias_maximum", "u16", *_OPENING),
    _property(0x23, "topic_alias", "u16", Kind.PUBLISH),
    _property(0x24, "maximum_qos", "flag", Kind.CONNACK),
    _property(0x25, "retain_available", "flag", Kind.CONNACK),
    _property(0x26, "user_property", "pair", *(kind for kind in Kind if kind not in (Kind.PINGREQ, Kind.PINGRESP))),
    _property(0x27, "maximum_packet_size", "u32", *_OPENING),
    _property(0x28, "wildcard_subscription_available", "flag", Kind.CONNACK),
    _property(0x29, "subscription_identifier_available", "flag", Kind.CONNACK),
    _property(0x2A, "shared_subscription_available", "flag", Kind.CONNACK),
)
_BY_CODE: Final = {entry.code: entry for entry in _PROPERTIES}
_BY_NAME: Final = {entry.name: entry for entry in _PROPERTIES}
_NEVER_ZERO: Final = frozenset({"receive_maximum", "maximum_packet_size", "topic_alias", "subscription_identifier"})
_SIZES: Final = {"flag": 1, "u16": 2, "u32": 4}


def read_properties(reader: Reader, place: Kind) -> Properties:
    """The properties at the reader's place: known, allowed in `place`, in range, and once unless they may repeat."""
    size = reader.varint()
    if size == 0:
        return NO_PROPERTIES
    if size > reader.end - reader.at:
        raise malformed("the properties are longer than the packet")
    part = Reader(reader.data, reader.at, reader.at + size)
    reader.at += size
    found: dict[str, PropertyValue] = {}
    pairs: list[tuple[str, str]] = []
    identifiers: list[int] = []
    while part.at < part.end:
        entry = _BY_CODE.get(part.varint())
        if entry is None:
            raise malformed("unknown property")
        name = entry.name
        if place not in entry.places:
            raise ProtocolError(Reason.PROTOCOL_ERROR, f"{name} has no place here")
        if entry.form == "pair":
            pairs.append((part.text(), part.text()))
            continue
        value = _read_value(part, entry)
        if name == "subscription_identifier" and isinstance(value, int):
            if identifiers and place is not Kind.PUBLISH:
                raise ProtocolError(Reason.PROTOCOL_ERROR, f"{name} stands twice")
            identifiers.append(value)
        elif name in found:
            raise ProtocolError(Reason.PROTOCOL_ERROR, f"{name} stands twice")
        else:
            found[name] = value
    if pairs:
        found["user_property"] = tuple(pairs)
    if identifiers:
        found["subscription_identifier"] = tuple(identifiers)
    return found


def _read_value(part: Reader, entry: _Property) -> int | str | bytes:
    if entry.form == "text":
        text = part.text()
        if entry.name == "response_topic" and (not text or "+" in text or "#" in text):
            raise ProtocolError(Reason.PROTOCOL_ERROR, "the response topic is not a topic name")
        return text
    if entry.form == "binary":
        return part.binary()
    value = part.varint() if entry.form == "varint" else part.number(_SIZES[entry.form])
    if (entry.form == "flag" and value > 1) or (value == 0 and entry.name in _NEVER_ZERO):
        raise ProtocolError(Reason.PROTOCOL_ERROR, f"{entry.name} cannot be {value}")
    return value


def write_properties(properties: Properties) -> bytes:
    """With their length in front. Raises `ValueError` or `KeyError` where the caller's values do not fit."""
    if not properties:
        return b"\0"
    out = bytearray()
    for name, value in properties.items():
        entry = _BY_NAME[name]
        for single in value if isinstance(value, tuple) else (value,):
            out.append(entry.code)
            if isinstance(single, tuple):
                out += encode_text(single[0]) + encode_text(single[1])
            elif isinstance(single, str):
                out += encode_text(single)
            elif isinstance(single, bytes):
                out += encode_binary(single)
            elif entry.form == "varint":
                out += encode_varint(single)
            else:
                out += single.to_bytes(_SIZES[entry.form], "big")
    return encode_varint(len(out)) + bytes(out)
