"""Session state without any connection."""

from typing import Any

import pytest

from ofh.mqtt.login import agree, check
from ofh.mqtt.packets import V3, V5, Connect, Will
from ofh.mqtt.policy import Delivery, Limits, Publication
from ofh.mqtt.properties import ProtocolError, Reason
from ofh.mqtt.sessions import Outgoing, Receipt, Session, SharedGroup, Subscription, merge


def publication(payload: bytes = b"x", **changes: Any) -> Publication:
    values: dict[str, Any] = {
        "topic": "t", "payload": payload, "qos": 1, "retain": False, "account": "a", "client_id": "c",
        "properties": None,
    }  # fmt: skip
    return Publication(**values | changes)


def outgoing(payload: bytes = b"x") -> Outgoing:
    return Outgoing(publication=publication(payload), qos=1, retain=False)


def session(client_id: str = "c") -> Session:
    return Session(account="a", client_id=client_id, expiry_s=60)


class Wire:
    """Stands in for a connection: notes when it is told to look at its receipts."""

    def __init__(self) -> None:
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1


def receipt(wire: Wire, outstanding: int) -> Receipt:
    made = Receipt(wire, 1, 1, 10)  # type: ignore[arg-type]
    made.outstanding = outstanding
    return made


def test_messages_leave_in_the_order_they_came() -> None:
    here, limits = session(), Limits()
    for number in range(3):
        assert here.offer(outgoing(b"%d" % number), limits)
    taken = [here.take(), here.take(), here.take()]
    assert [message.publication.payload for message in taken if message] == [b"0", b"1", b"2"]
    assert here.take() is None


def test_the_queue_is_bounded_in_number_and_bytes_and_what_is_in_flight_counts() -> None:
    here, limits = session(), Limits(max_queued_messages=2)
    assert here.offer(outgoing(), limits)
    message = here.take()
    assert message
    packet_id = here.sent(message)
    assert here.offer(outgoing(), limits)
    assert not here.offer(outgoing(), limits)
    assert here.acknowledged(packet_id)
    assert here.offer(outgoing(), limits)

    there, limits = session(), Limits(max_queued_bytes=10)
    assert there.offer(outgoing(bytes(10)), limits)
    assert not there.offer(outgoing(), limits)
    message = there.take()
    assert message
    there.acknowledged(there.sent(message))
    assert there.offer(outgoing(bytes(10)), limits)


def test_packet_ids_are_unique_in_flight_and_never_zero() -> None:
    here = session()
    first = here.sent(outgoing())
    here._last_id = 0xFFFE
    assert [first, here.sent(outgoing()), here.sent(outgoing())] == [1, 0xFFFF, 2]
    assert not here.acknowledged(9)


def test_a_message_counts_as_safe_when_all_have_acknowledged() -> None:
    wire = Wire()
    both = receipt(wire, 2)
    first, second = Delivery(publication(), both.acknowledge), Delivery(publication(), both.acknowledge)
    first.ack()
    first.ack()
    assert not both.settled
    second.ack()
    assert both.settled
    assert wire.settled == 1


def test_a_message_that_failed_stays_unanswered_whatever_the_others_say() -> None:
    wire = Wire()
    both = receipt(wire, 2)
    both.fail()
    both.acknowledge()
    both.acknowledge()
    assert both.failed


def test_overlapping_subscriptions_are_one_delivery() -> None:
    here = session()
    low = Subscription(session=here, qos=0, no_local=True, identifier=3)
    high = Subscription(session=here, qos=1, retain_as_published=True, identifier=5)
    target = merge(here, [low, high])
    assert (target.qos, target.no_local, target.retain_as_published, target.identifiers) == (1, False, True, (3, 5))


def group(*members: Session, qos: int = 1) -> SharedGroup:
    made = SharedGroup("$share/g/t")
    made.members = {member: Subscription(session=member, qos=qos) for member in members}
    return made


def test_a_shared_group_takes_turns_among_the_connected() -> None:
    one, two, away = session("1"), session("2"), session("3")
    one.connection = two.connection = Wire()  # type: ignore[assignment]
    shared = group(one, two, away)
    picked = [target.session.client_id for _ in range(6) if (target := shared.pick(1, lambda _: True))]
    assert set(picked) == {"1", "2"}
    assert picked.count("1") >= 2
    assert picked.count("2") >= 2


def test_a_shared_group_without_anyone_there_keeps_what_can_be_kept() -> None:
    away = session()
    assert group(away).pick(0, lambda _: True) is None
    target = group(away).pick(1, lambda _: True)
    assert target
    assert target.session is away
    assert group(away, qos=0).pick(1, lambda _: True) is None


def test_a_shared_group_passes_over_who_may_not_read() -> None:
    one, two = session("1"), session("2")
    one.connection = two.connection = Wire()  # type: ignore[assignment]
    for _ in range(3):
        target = group(one, two).pick(1, lambda member: member is two)
        assert target
        assert target.session is two
    assert group(one, two).pick(1, lambda _: False) is None


def connect(**changes: Any) -> Connect:
    return Connect(**{"version": V5, "client_id": "c", "clean_start": True, "keep_alive_s": 60} | changes)


def terms(packet: Connect) -> Any:
    return agree(packet, account="a", client_id=packet.client_id or "auto-1", limits=Limits())


@pytest.mark.parametrize(("asked", "given_s"), [(1, 5), (5, 5), (60, 60), (1200, 1200), (3600, 1200), (0, 1200)])
def test_keep_alive_is_brought_into_range_and_told(asked: int, given_s: int) -> None:
    found = terms(connect(keep_alive_s=asked))
    assert found.keep_alive_s == given_s
    assert found.answer.get("server_keep_alive", asked) == given_s


@pytest.mark.parametrize(
    ("packet", "expiry_s"),
    [
        (connect(), 0),
        (connect(properties={"session_expiry_interval": 60}), 60),
        (connect(properties={"session_expiry_interval": 0xFFFFFFFF}), 24 * 3600),
        (connect(version=V3), 0),
        (connect(version=V3, clean_start=False), 24 * 3600),
    ],
)
def test_session_expiry(packet: Connect, expiry_s: int) -> None:
    assert terms(packet).expiry_s == expiry_s


def test_what_the_client_must_know_is_in_the_answer() -> None:
    found = terms(connect(client_id="", properties={"session_expiry_interval": 10**6, "receive_maximum": 3}))
    assert found.answer["assigned_client_identifier"] == "auto-1"
    assert found.answer["session_expiry_interval"] == 24 * 3600
    assert found.window == 3
    assert not terms(connect(version=V3)).answer


def test_the_will_delay_is_not_the_readers_business() -> None:
    will = Will(topic="w", payload=b"", properties={"will_delay_interval": 9, "content_type": "x"})
    found = terms(connect(will=will))
    assert found.will_delay_s == 9
    assert found.will.properties == {"content_type": "x"}


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (connect(version=V3, client_id="", clean_start=False), Reason.BAD_CLIENT_ID),
        (connect(client_id="ä" * 200), Reason.BAD_CLIENT_ID),
        (connect(properties={"authentication_method": "x"}), Reason.BAD_AUTHENTICATION_METHOD),
        (connect(will=Will(topic="a/#", payload=b"")), Reason.BAD_TOPIC),
        (connect(will=Will(topic="", payload=b"")), Reason.BAD_TOPIC),
    ],
)
def test_logins_that_no_credentials_can_heal(packet: Connect, reason: Reason) -> None:
    with pytest.raises(ProtocolError) as caught:
        check(packet, Limits())
    assert caught.value.reason == reason
