"""Bytes to control packets and back, for MQTT 3.1.1 and MQTT 5.

No I/O, no clock, no session state. Any bytes are parsed or refused with `ProtocolError`, and where the stream is cut
into reads makes no difference. Topic rules are `topics.py`'s; what a packet may do at which moment is
`connection.py`'s.
Source: OASIS MQTT 3.1.1 (2014) and MQTT 5.0 (2019), chapters 2 and 3.
"""

from collections.abc import Callable
from typing import Any, Final

from .packets import (
    V3,
    V5,
    Acknowledgement,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    Request,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
    Will,
)
from .properties import (
    NO_PROPERTIES,
    Buffer,
    Kind,
    Properties,
    ProtocolError,
    Reader,
    Reason,
    decode_text,
    encode_binary,
    encode_text,
    encode_varint,
    malformed,
    read_properties,
    write_properties,
)


class Parser:
    """Cuts a stream of bytes into packets, straight from what was received.

    After a `ProtocolError` the stream has no next packet: the connection must end.
    """

    def __init__(self, *, max_packet_bytes: int, version: int | None = None) -> None:
        self.max_packet_bytes = max_packet_bytes
        """Whole packet with its fixed header; may be changed between packets."""
        self.version = version
        """None until CONNECT says it; until then CONNECT is all that is accepted. A client's side sets it at once."""
        self._data: Buffer = b""
        self._at = 0

    @property
    def unread_bytes(self) -> int:
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        if self._at == len(self._data):
            self._data, self._at = data, 0
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data[self._at :])
        elif self._at:
            del self._data[: self._at]
        self._at = 0
        self._data += data

    def next(self) -> Packet | None:
        """The next whole packet, or None until more is fed. Raises `ProtocolError`."""
        data, at, end = self._data, self._at, len(self._data)
        if end - at < 2:
            return None
        first, position, size, shift = data[at], at + 1, 0, 0
        while True:
            if position == end:
                return None
            byte = data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                raise malformed("the remaining length has more than four bytes")
        if self.version is None and first != 0x10:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "the first packet is not CONNECT")
        if position - at + size > self.max_packet_bytes:
            raise ProtocolError(Reason.PACKET_TOO_LARGE, f"a packet of more than {self.max_packet_bytes} bytes")
        if end - position < size:
            return None
        self._at = position + size
        if first >> 4 == Kind.PUBLISH:
            return _decode_publish(first, data, position, self._at, self.version)
        reader = Reader(data, position, self._at)
        if first == 0x10:
            return self._connect(reader)
        return decode(first, reader, self.version or V3)

    def _connect(self, reader: Reader) -> Connect:
        name, level = reader.binary(), reader.number(1)
        if name not in (b"MQTT", b"MQIsdp"):
            raise ProtocolError(Reason.UNSUPPORTED_VERSION, "this is not MQTT")
        if self.version is None:
            # The nearest version we know is the language of the refusal.
            self.version = V5 if V5 <= level < 0x80 else V3
        if name != b"MQTT" or level not in (V3, V5):
            raise ProtocolError(Reason.UNSUPPORTED_VERSION, f"protocol level {level}")
        return _decode_connect(reader, level)


def decode(first: int, reader: Reader, version: int) -> Packet:
    """One packet after its fixed header, whose first byte is `first`; not CONNECT."""
    kind, flags = first >> 4, first & 0x0F
    if kind == Kind.PUBLISH:
        return _decode_publish(first, reader.data, reader.at, reader.end, version)
    if flags != (2 if kind in (Kind.PUBREL, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE) else 0):
        raise malformed("reserved flags are set")
    decoder = _DECODERS.get(kind)
    if decoder is None or (kind == Kind.AUTH and version < V5):
        raise malformed(f"packet type {kind}")
    packet: Packet = decoder(reader, version)
    reader.finish()
    return packet


def _decode_connect(reader: Reader, version: int) -> Connect:
    flags, keep_alive_s = reader.number(1), reader.number(2)
    has_will, will_qos, will_retain = bool(flags & 0x04), flags >> 3 & 3, bool(flags & 0x20)
    has_password, has_username = bool(flags & 0x40), bool(flags & 0x80)
    if flags & 1 or will_qos == 3 or (not has_will and (will_qos or will_retain)):
        raise malformed("impossible CONNECT flags")
    if version == V3 and has_password and not has_username:
        raise malformed("a password without a user name")
    properties = read_properties(reader, Kind.CONNECT) if version == V5 else NO_PROPERTIES
    if "authentication_data" in properties and "authentication_method" not in properties:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "authentication data without a method")
    client_id = reader.text()
    will = None
    if has_will:
        will_properties = read_properties(reader, Kind.WILL) if version == V5 else NO_PROPERTIES
        topic, payload = reader.text(), reader.binary()
        will = Will(topic=topic, payload=payload, qos=will_qos, retain=will_retain, properties=will_properties)
    username = reader.text() if has_username else None
    password = reader.binary() if has_password else None
    reader.finish()
    return Connect(
        version=version,
        client_id=client_id,
        clean_start=bool(flags & 0x02),
        keep_alive_s=keep_alive_s,
        username=username,
        password=password,
        will=will,
        properties=properties,
    )


def _decode_publish(first: int, data: Buffer, at: int, end: int, version: int | None) -> Publish:
    # By index rather than by Reader: nine packets of ten come this way.
    qos = first >> 1 & 3
    if qos == 3 or (qos == 0 and first & 0x08):
        raise malformed("impossible PUBLISH flags")
    start = at + 2
    at = start + (data[at] << 8 | data[at + 1] if start <= end else 0)
    payload_at = at + 2 if qos else at
    if payload_at > end or start > end:
        raise malformed("the packet is shorter than it says")
    topic = decode_text(data[start:at])
    packet_id, properties = None, NO_PROPERTIES
    if qos:
        packet_id = data[at] << 8 | data[at + 1]
        if packet_id == 0:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "packet identifier 0")
    if version == V5:
        if payload_at < end and data[payload_at] == 0:
            payload_at += 1
        else:
            reader = Reader(data, payload_at, end)
            properties = read_properties(reader, Kind.PUBLISH)
            payload_at = reader.at
    return Publish(
        topic=topic,
        payload=bytes(data[payload_at:end]),
        qos=qos,
        retain=bool(first & 1),
        duplicate=bool(first & 8),
        packet_id=packet_id,
        properties=properties,
    )


def _decode_connack(reader: Reader, version: int) -> ConnAck:
    flags, reason = reader.number(1), reader.number(1)
    if flags > 1:
        raise malformed("reserved flags are set")
    properties = read_properties(reader, Kind.CONNACK) if version == V5 else NO_PROPERTIES
    return ConnAck(session_present=bool(flags), reason=reason, properties=properties)


def _decode_acknowledgement(cls: type[Acknowledgement], place: Kind) -> Callable[[Reader, int], Any]:
    def decoder(reader: Reader, version: int) -> Acknowledgement:
        packet_id = reader.packet_id()
        if version != V5 or reader.at == reader.end:
            return cls(packet_id=packet_id)
        reason = reader.number(1)
        properties = read_properties(reader, place) if reader.at < reader.end else NO_PROPERTIES
        return cls(packet_id=packet_id, reason=reason, properties=properties)

    return decoder


def _decode_subscribe(reader: Reader, version: int) -> Subscribe:
    packet_id = reader.packet_id()
    properties = read_properties(reader, Kind.SUBSCRIBE) if version == V5 else NO_PROPERTIES
    requests = []
    while reader.at < reader.end:
        topic_filter, options = reader.text(), reader.number(1)
        qos, retain_handling = options & 3, options >> 4 & 3
        if qos == 3 or retain_handling == 3 or options & (0xC0 if version == V5 else 0xFC):
            raise malformed("impossible subscription options")
        requests.append(
            Request(
                topic_filter=topic_filter,
                qos=qos,
                no_local=bool(options & 0x04),
                retain_as_published=bool(options & 0x08),
                retain_handling=retain_handling,
            )
        )
    if not requests:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "SUBSCRIBE without a filter")
    return Subscribe(packet_id=packet_id, requests=tuple(requests), properties=properties)


def _decode_suback(reader: Reader, version: int) -> SubAck:
    packet_id = reader.packet_id()
    properties = read_properties(reader, Kind.SUBACK) if version == V5 else NO_PROPERTIES
    return SubAck(packet_id=packet_id, reasons=tuple(reader.rest()), properties=properties)


def _decode_unsubscribe(reader: Reader, version: int) -> Unsubscribe:
    packet_id = reader.packet_id()
    properties = read_properties(reader, Kind.UNSUBSCRIBE) if version == V5 else NO_PROPERTIES
    filters = []
    while reader.at < reader.end:
        filters.append(reader.text())
    if not filters:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "UNSUBSCRIBE without a filter")
    return Unsubscribe(packet_id=packet_id, topic_filters=tuple(filters), properties=properties)


def _decode_unsuback(reader: Reader, version: int) -> UnsubAck:
    packet_id = reader.packet_id()
    if version != V5:
        return UnsubAck(packet_id=packet_id)
    properties = read_properties(reader, Kind.UNSUBACK)
    return UnsubAck(packet_id=packet_id, reasons=tuple(reader.rest()), properties=properties)


def _decode_ending(cls: type[Disconnect] | type[Auth], place: Kind) -> Callable[[Reader, int], Any]:
    def decoder(reader: Reader, version: int) -> Disconnect | Auth:
        if version != V5 or reader.at == reader.end:
            return cls()
        reason = reader.number(1)
        properties = read_properties(reader, place) if reader.at < reader.end else NO_PROPERTIES
        return cls(reason=reason, properties=properties)

    return decoder


_DECODERS: Final[dict[int, Callable[[Reader, int], Any]]] = {
    Kind.CONNACK: _decode_connack,
    Kind.PUBACK: _decode_acknowledgement(PubAck, Kind.PUBACK),
    Kind.PUBREC: _decode_acknowledgement(PubRec, Kind.PUBREC),
    Kind.PUBREL: _decode_acknowledgement(PubRel, Kind.PUBREL),
    Kind.PUBCOMP: _decode_acknowledgement(PubComp, Kind.PUBCOMP),
    Kind.SUBSCRIBE: _decode_subscribe,
    Kind.SUBACK: _decode_suback,
    Kind.UNSUBSCRIBE: _decode_unsubscribe,
    Kind.UNSUBACK: _decode_unsuback,
    Kind.PINGREQ: lambda reader, version: PingReq(),
    Kind.PINGRESP: lambda reader, version: PingResp(),
    Kind.DISCONNECT: _decode_ending(Disconnect, Kind.DISCONNECT),
    Kind.AUTH: _decode_ending(Auth, Kind.AUTH),
}
_ACK_FIRST: Final[dict[type, int]] = {PubAck: 0x40, PubRec: 0x50, PubRel: 0x62, PubComp: 0x70}


def encode(packet: Packet, version: int) -> bytes:
    """Bytes of `packet` for a peer of `version`; what that version does not know is left out.

    Raises `ValueError`, `OverflowError` or `KeyError` where the values do not fit: our bug, never the peer's.
    """
    v5 = version == V5

    def properties(values: Properties) -> bytes:
        return write_properties(values) if v5 else b""

    match packet:
        case Publish():
            first = 0x30 | packet.duplicate << 3 | packet.qos << 1 | packet.retain
            packet_id = b"" if packet.packet_id is None else packet.packet_id.to_bytes(2, "big")
            return _frame(first, encode_text(packet.topic), packet_id, properties(packet.properties), packet.payload)
        case PubAck() | PubRec() | PubRel() | PubComp():
            body = packet.packet_id.to_bytes(2, "big")
            if v5 and packet.properties:
                body += bytes((packet.reason,)) + write_properties(packet.properties)
            elif v5 and packet.reason:
                body += bytes((packet.reason,))
            return _frame(_ACK_FIRST[type(packet)], body)
        case PingReq():
            return b"\xc0\0"
        case PingResp():
            return b"\xd0\0"
        case ConnAck():
            return _frame(0x20, bytes((packet.session_present, packet.reason)), properties(packet.properties))
        case SubAck() | UnsubAck():
            reasons = bytes(packet.reasons) if v5 or isinstance(packet, SubAck) else b""
            first = 0x90 if isinstance(packet, SubAck) else 0xB0
            return _frame(first, packet.packet_id.to_bytes(2, "big"), properties(packet.properties), reasons)
        case Disconnect() | Auth():
            first = 0xE0 if isinstance(packet, Disconnect) else 0xF0
            if not v5 or (not packet.reason and not packet.properties):
                return _frame(first)
            return _frame(first, bytes((packet.reason,)), properties(packet.properties))
        case Subscribe():
            filters = b"".join(_encode_request(request, v5) for request in packet.requests)
            return _frame(0x82, packet.packet_id.to_bytes(2, "big"), properties(packet.properties), filters)
        case Unsubscribe():
            filters = b"".join(map(encode_text, packet.topic_filters))
            return _frame(0xA2, packet.packet_id.to_bytes(2, "big"), properties(packet.properties), filters)
        case Connect():
            return _frame(0x10, *_encode_connect(packet))


def _frame(first: int, *parts: bytes) -> bytes:
    return b"".join((bytes((first,)), encode_varint(sum(map(len, parts))), *parts))


def _encode_request(request: Request, v5: bool) -> bytes:
    options = request.qos
    if v5:
        options |= request.no_local << 2 | request.retain_as_published << 3 | request.retain_handling << 4
    return encode_text(request.topic_filter) + bytes((options,))


def _encode_connect(packet: Connect) -> list[bytes]:
    v5, will = packet.version == V5, packet.will
    flags = packet.clean_start << 1 | (packet.password is not None) << 6 | (packet.username is not None) << 7
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
    parts = [b"\0\4MQTT", bytes((packet.version, flags)), packet.keep_alive_s.to_bytes(2, "big")]
    parts += [write_properties(packet.properties)] * v5 + [encode_text(packet.client_id)]
    if will is not None:
        parts += [write_properties(will.properties)] * v5 + [encode_text(will.topic), encode_binary(will.payload)]
    if packet.username is not None:
        parts.append(encode_text(packet.username))
    if packet.password is not None:
        parts.append(encode_binary(packet.password))
    return parts
