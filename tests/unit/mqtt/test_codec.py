"""The codec: what is written is read back, and any bytes are packets or `ProtocolError`, wherever the reads are cut."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofh.mqtt.codec import Parser, encode
from ofh.mqtt.packets import (
    V3,
    V5,
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
)  # fmt: skip
from ofh.mqtt.properties import (
    _PROPERTIES,
    Kind,
    ProtocolError,
    Reader,
    Reason,
    encode_varint,
    read_properties,
    write_properties,
)  # fmt: skip

LIMIT = 100_000
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
TOPIC = TEXT.filter(lambda text: text and "+" not in text and "#" not in text)
BINARY = st.binary(max_size=40)
IDS = st.integers(1, 0xFFFF)
QOS = st.integers(0, 2)
FORMS: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.integers(0, 1),
    "u16": st.integers(1, 0xFFFF),
    "u32": st.integers(1, 0xFFFFFFFF),
    "varint": st.lists(st.integers(1, 0x0FFFFFFF), min_size=1, max_size=3).map(tuple),
    "text": TOPIC,
    "binary": BINARY,
    "pair": st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3).map(tuple),
}


def properties(place: Kind, version: int = V5) -> st.SearchStrategy[dict[str, Any]]:
    if version != V5:
        return st.just({})
    allowed = {entry.name: FORMS[entry.form] for entry in _PROPERTIES if place in entry.places}
    if place is Kind.SUBSCRIBE:
        allowed["subscription_identifier"] = st.tuples(st.integers(1, 0x0FFFFFFF))
    if place is Kind.CONNECT:
        del allowed["authentication_data"]  # stands with a method only
    return st.fixed_dictionaries({}, optional=allowed)


def packets(version: int) -> st.SearchStrategy[Packet]:
    v5 = version == V5
    will = st.builds(
        Will, topic=TOPIC, payload=BINARY, qos=QOS, retain=st.booleans(), properties=properties(Kind.WILL, version)
    )
    connect = st.builds(
        Connect,
        version=st.just(version),
        client_id=TEXT,
        clean_start=st.booleans(),
        keep_alive_s=st.integers(0, 0xFFFF),
        username=st.none() | TEXT,
        password=st.none() | BINARY,
        will=st.none() | will,
        properties=properties(Kind.CONNECT, version),
    ).filter(lambda packet: v5 or packet.password is None or packet.username is not None)
    publish = QOS.flatmap(
        lambda qos: st.builds(
            Publish,
            topic=TOPIC,
            payload=BINARY,
            qos=st.just(qos),
            retain=st.booleans(),
            duplicate=st.booleans() if qos else st.just(False),
            packet_id=IDS if qos else st.none(),
            properties=properties(Kind.PUBLISH, version),
        )
    )
    reasons = st.integers(0, 0xFF) if v5 else st.just(0)
    request = st.builds(
        Request,
        topic_filter=TEXT,
        qos=QOS,
        no_local=st.booleans() if v5 else st.just(False),
        retain_as_published=st.booleans() if v5 else st.just(False),
        retain_handling=QOS if v5 else st.just(0),
    )
    codes = st.lists(st.integers(0, 0xFF), min_size=1, max_size=4).map(tuple)
    endings = [Disconnect, Auth] if v5 else [Disconnect]
    return st.one_of(
        connect,
        publish,
        st.builds(ConnAck, session_present=st.booleans(), reason=QOS, properties=properties(Kind.CONNACK, version)),
        *(
            st.builds(cls, packet_id=IDS, reason=reasons, properties=properties(place, version))
            for cls, place in (
                (PubAck, Kind.PUBACK), (PubRec, Kind.PUBREC), (PubRel, Kind.PUBREL), (PubComp, Kind.PUBCOMP),
            )
        ),
        st.builds(
            Subscribe,
            packet_id=IDS,
            requests=st.lists(request, min_size=1, max_size=4).map(tuple),
            properties=properties(Kind.SUBSCRIBE, version),
        ),
        st.builds(SubAck, packet_id=IDS, reasons=codes, properties=properties(Kind.SUBACK, version)),
        st.builds(
            Unsubscribe,
            packet_id=IDS,
            topic_filters=st.lists(TEXT, min_size=1, max_size=4).map(tuple),
            properties=properties(Kind.UNSUBSCRIBE, version),
        ),
        st.builds(
            UnsubAck, packet_id=IDS, reasons=codes if v5 else st.just(()), properties=properties(Kind.UNSUBACK, version)
        ),
        st.just(PingReq()),
        st.just(PingResp()),
        *(
            st.builds(cls, reason=reasons, properties=properties(getattr(Kind, cls.__name__.upper()), version))
            for cls in endings
        ),
    )  # fmt: skip


def parse(chunks: list[bytes], version: int | None, limit: int = LIMIT) -> tuple[list[Packet], Reason | None]:
    parser, found = Parser(max_packet_bytes=limit, version=version), []
    try:
        for chunk in chunks:
            parser.feed(chunk)
            while (packet := parser.next()) is not None:
                found.append(packet)
    except ProtocolError as error:
        return found, error.reason
    return found, None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


VERSIONED = st.sampled_from([V3, V5]).flatmap(
    lambda version: st.tuples(st.just(version), st.lists(packets(version), max_size=4))
)
CUTS = st.lists(st.integers(0, 10_000), max_size=6)


@given(case=VERSIONED, cuts=CUTS)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back(case: tuple[int, list[Packet]], cuts: list[int]) -> None:
    version, sent = case
    data = b"".join(encode(packet, version) for packet in sent)
    assert parse(cut(data, cuts), version) == (sent, None)


@given(version=st.sampled_from([None, V3, V5]), data=st.binary(max_size=200), cuts=CUTS)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_packets_or_a_protocol_error(version: int | None, data: bytes, cuts: list[int]) -> None:
    assert parse(cut(data, cuts), version) == parse([data], version)


@given(case=VERSIONED, edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5), cuts=CUTS)
@settings(max_examples=200, deadline=None)
def test_damaged_packets_are_packets_or_a_protocol_error(
    case: tuple[int, list[Packet]], edits: list[tuple[int, int]], cuts: list[int]
) -> None:
    version, sent = case
    data = bytearray(b"".join(encode(packet, version) for packet in sent))
    for place, value in edits:
        if data:
            data[place % len(data)] = value
    whole = parse([bytes(data)], version, 5000)
    assert parse(cut(bytes(data), cuts), version, 5000) == whole


@given(kind=st.sampled_from([0x20, 0x30, 0x32, 0x40, 0x82, 0x90, 0xA2, 0xB0, 0xE0, 0xF0]), body=st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_body_is_a_packet_or_a_protocol_error(kind: int, body: bytes) -> None:
    data = bytes((kind,)) + encode_varint(len(body)) + body
    for version in (V3, V5):
        found, reason = parse([data], version)
        assert len(found) == (reason is None)


CONNECT_V5 = bytes.fromhex("100d 0004 4d515454 05 02 003c 00 0000".replace(" ", ""))


def test_a_connect_by_hand() -> None:
    data = bytes.fromhex("10 16 0004 4d515454 04 c2 000a 0002 6331 0001 75 0003 707764 00".replace(" ", ""))[:-1]
    expected = Connect(version=V3, client_id="c1", clean_start=True, keep_alive_s=10, username="u", password=b"pwd")
    assert parse([data], None) == ([expected], None)
    assert encode(expected, V3) == data


def test_a_publish_by_hand() -> None:
    data = bytes.fromhex("3d 0b 0003 612f62 0007 00 68 69 21".replace(" ", ""))
    expected = Publish(topic="a/b", payload=b"hi!", qos=2, retain=True, duplicate=True, packet_id=7)
    assert parse([data], V5) == ([expected], None)
    assert encode(expected, V5) == data


@pytest.mark.parametrize(
    ("data", "version", "reason"),
    [
        ("c000", None, Reason.PROTOCOL_ERROR),  # not CONNECT first
        ("1006 0004 48545450", None, Reason.MALFORMED),
        ("1007 0004 48545450 04", None, Reason.UNSUPPORTED_VERSION),  # "HTTP"
        ("1007 0004 4d515454 03", None, Reason.UNSUPPORTED_VERSION),
        ("1007 0004 4d515454 06", None, Reason.UNSUPPORTED_VERSION),
        ("1009 0006 4d5149736470 03", None, Reason.UNSUPPORTED_VERSION),  # MQTT 3.1
        ("100c 0004 4d515454 04 03 003c 0000", None, Reason.MALFORMED),  # reserved flag
        ("100c 0004 4d515454 04 0a 003c 0000", None, Reason.MALFORMED),  # will QoS without will
        ("100e 0004 4d515454 04 42 003c 0000 0000", None, Reason.MALFORMED),  # password without user name
        ("100d 0004 4d515454 04 02 003c 0000 00", None, Reason.MALFORMED),  # left over
        ("36 05 0001 61 0001", V3, Reason.MALFORMED),  # QoS 3
        ("38 03 0001 61", V3, Reason.MALFORMED),  # DUP with QoS 0
        ("30 02 0005", V3, Reason.MALFORMED),
        ("30 00", V3, Reason.MALFORMED),
        ("32 03 0001 61", V3, Reason.MALFORMED),
        ("32 05 0001 61 0000", V3, Reason.PROTOCOL_ERROR),  # packet id 0
        ("30 04 0001 00 78", V3, Reason.MALFORMED),  # U+0000
        ("30 05 0003 eda080", V3, Reason.MALFORMED),  # surrogate
        ("80 06 0001 0001 61 00", V3, Reason.MALFORMED),  # flags
        ("82 02 0001", V3, Reason.PROTOCOL_ERROR),
        ("82 06 0001 0001 61 03", V3, Reason.MALFORMED),
        ("82 06 0001 0001 61 04", V3, Reason.MALFORMED),
        ("82 07 0001 00 0001 61 30", V5, Reason.MALFORMED),
        ("a2 02 0001", V3, Reason.PROTOCOL_ERROR),
        ("f0 00", V3, Reason.MALFORMED),
        ("00 00", V5, Reason.MALFORMED),
        ("e0 01 00", V3, Reason.MALFORMED),
        ("c0 01 00", V5, Reason.MALFORMED),
        ("30 ff ff ff ff 01", V5, Reason.MALFORMED),
        ("30 ff ff ff 7f", V5, Reason.PACKET_TOO_LARGE),
        ("30 06 0001 61 09 01 00", V5, Reason.MALFORMED),  # properties beyond their end
        ("30 08 0001 61 04 01000100", V5, Reason.PROTOCOL_ERROR),  # twice
        ("30 06 0001 61 02 0102", V5, Reason.PROTOCOL_ERROR),  # a flag of 2
        ("30 05 0001 61 01 7f", V5, Reason.MALFORMED),  # unknown
        ("30 06 0001 61 02 1901", V5, Reason.PROTOCOL_ERROR),  # not here
        ("30 07 0001 61 03 230000", V5, Reason.PROTOCOL_ERROR),  # alias 0
        ("30 09 0001 61 05 08 0002 6123", V5, Reason.PROTOCOL_ERROR),  # response topic a#
        ("30 05 0001 61 80 00", V5, Reason.MALFORMED),  # length longer than needed
    ],
)
def test_what_is_refused(data: str, version: int | None, reason: Reason) -> None:
    assert parse([bytes.fromhex(data.replace(" ", ""))], version) == ([], reason)


def test_the_largest_packet_and_one_byte_more() -> None:
    data = encode(Publish(topic="t", payload=bytes(500)), V3)
    assert parse([data], V3, len(data))[1] is None
    assert parse([data[:4]], V3, len(data) - 1) == ([], Reason.PACKET_TOO_LARGE)  # known before the body comes


def test_the_version_of_a_refusal_is_known() -> None:
    for data, version in (("06", V5), ("03", V3), ("85", V3)):
        parser = Parser(max_packet_bytes=LIMIT)
        parser.feed(bytes.fromhex("1007 0004 4d515454".replace(" ", "") + data))
        with pytest.raises(ProtocolError):
            parser.next()
        assert parser.version == version


def test_one_byte_at_a_time() -> None:
    sent: list[Packet] = [Publish(topic="t", payload=bytes(range(256))), PingReq(), Publish(topic="u", payload=b"x")]
    data = b"".join(encode(packet, V5) for packet in sent)
    assert parse([bytes((byte,)) for byte in data], V5) == (sent, None)


def test_payloads_are_bytes_even_when_put_together() -> None:
    data = encode(Publish(topic="t", payload=b"abc"), V3)
    (packet,), _ = parse([data[:5], data[5:]], V3)
    assert isinstance(packet, Publish)
    assert type(packet.payload) is bytes


def test_own_mistakes_are_not_the_peers() -> None:
    with pytest.raises(ValueError, match="variable byte"):
        encode_varint(0x10000000)
    with pytest.raises(ValueError, match="do not fit"):
        encode(Publish(topic="t" * 70_000, payload=b""), V3)
    with pytest.raises(KeyError):
        write_properties({"no such": 1})


def test_properties_keep_their_order_and_repeats() -> None:
    pairs = (("b", "1"), ("a", "2"), ("b", "3"))
    data = write_properties({"user_property": pairs, "subscription_identifier": (300, 1)})
    found = read_properties(Reader(data, 0, len(data)), Kind.PUBLISH)
    assert found == {"user_property": pairs, "subscription_identifier": (300, 1)}
    with pytest.raises(ProtocolError):
        read_properties(Reader(data, 0, len(data)), Kind.SUBSCRIBE)
