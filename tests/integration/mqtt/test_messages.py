"""What becomes of messages, on bare packets over real sockets: rights, acknowledgements, order, bounds."""

import asyncio
import random
import socket
from typing import Any

import pytest

from ofh.mqtt.codec import encode
from ofh.mqtt.connection import _WRITE
from ofh.mqtt.packets import (
    Auth,
    ConnAck,
    Disconnect,
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
)  # fmt: skip
from ofh.mqtt.policy import Delivery
from ofh.mqtt.properties import Reason
from tests.integration.mqtt.clients import V3, V5, Inbox, connect_packet, enter, house, login, until

VERSIONS = pytest.mark.parametrize("version", [V3, V5])
KEEP: dict[str, Any] = {"clean_start": False, "properties": {"session_expiry_interval": 600}}


def message(packet_id: int | None = 1, topic: str = "t", payload: bytes = b"x", **changes: Any) -> Publish:
    return Publish(
        **{"topic": topic, "payload": payload, "qos": (packet_id and 1) or 0, "packet_id": packet_id} | changes
    )


@VERSIONS
async def test_what_may_not_be_published_is_dropped_without_a_word(version: int) -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("#", inbox)
        here.policy.no_publish.add(("alice", "secret"))
        raw = await enter(here.port, version)
        for topic in ("secret", "broken", "/".join("x" * 100)):
            await raw.send(message(None, topic), message(1, topic), message(2, topic, qos=2))
            assert await raw.expect(PubAck) == PubAck(packet_id=1)
            assert await raw.expect(PubRec) == PubRec(packet_id=2)
            await raw.send(PubRel(packet_id=2))
            assert await raw.expect(PubComp) == PubComp(packet_id=2)
        await raw.silent()
        assert inbox.payloads == []
        assert here.server.counters.publish_refused == 9
        here.policy.no_publish.clear()  # rights hold at once, both ways
        await raw.send(message(3, "secret"))
        await raw.expect(PubAck)
        assert inbox.payloads == [b"x"]
        raw.drop()


@VERSIONS
async def test_a_refused_filter_fails_alone(version: int) -> None:
    async with house(max_subscriptions=3, max_topic_levels=4) as here:
        here.policy.no_subscribe |= {("alice", "secret/#"), ("alice", "#")}
        raw = await enter(here.port, version)
        v5 = version == V5
        reasons = await raw.subscribe(
            "a", "secret/#", "$share/g/#", "a/#/b", "", "a/b/c/d/e", "$share/g", "b", "$share/g/c", "d", "a", qos=2
        )
        refused = (0x87, 0x87, 0x8F, 0x8F, 0x8F, 0x8F) if v5 else (0x80,) * 6
        assert reasons == (1, *refused, 1, 1, 0x97 if v5 else 0x80, 1)
        here.server.publish("a", b"x")
        assert (await raw.expect(Publish)).payload == b"x"
        await raw.silent()
        raw.drop()


async def test_a_lost_right_to_read_ends_at_once() -> None:
    async with house() as here:
        raw = await enter(here.port, **KEEP)
        await raw.subscribe("t", "u")
        here.server.publish("t", b"1", qos=1)
        await raw.expect(Publish)  # not acknowledged
        here.policy.no_read.add(("alice", "t"))
        here.server.publish("t", b"2")
        here.server.publish("t", b"3", qos=1)
        await raw.silent()
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        here.policy.no_read.clear()
        here.server.publish("t", b"4", qos=1)
        here.server.publish("u", b"5", qos=1)
        here.policy.no_read.add(("alice", "t"))
        raw, answer = await login(here.port, **KEEP)
        assert answer.session_present
        assert (await raw.expect(Publish)).payload == b"5"
        await raw.silent()
        assert here.server.counters.read_refused == 4
        raw.drop()


async def test_what_may_not_be_retained_goes_out_and_is_forgotten() -> None:
    async with house() as here:
        here.policy.no_retain.add(("alice", "thing"))
        inbox = Inbox()
        here.server.subscribe("thing", inbox)
        raw = await enter(here.port)
        await raw.send(message(1, "thing", retain=True))
        await raw.expect(PubAck)
        assert not inbox.deliveries[0].publication.retain
        await raw.subscribe("thing")
        await raw.silent()
        raw.drop()


async def test_retained_messages_are_bounded() -> None:
    async with house(max_retained_messages=2, max_retained_bytes=100) as here:
        here.server.publish("a", bytes(10), retain=True)
        here.server.publish("b", bytes(200), retain=True)
        here.server.publish("c", bytes(10), retain=True)
        here.server.publish("d", bytes(10), retain=True)
        assert here.server.counters.retain_overflow == 2
        here.server.publish("a", b"", retain=True)
        here.server.publish("d", bytes(10), retain=True)
        raw = await enter(here.port)
        await raw.subscribe("#")
        assert {(await raw.expect(Publish)).topic, (await raw.expect(Publish)).topic} == {"c", "d"}
        await raw.silent()
        raw.drop()


@VERSIONS
@pytest.mark.parametrize(("qos", "kind"), [(1, PubAck), (2, PubRec)])
async def test_the_answer_waits_for_every_subscriber_in_the_house(version: int, qos: int, kind: Any) -> None:
    async with house() as here:
        first, second = Inbox(acks=False), Inbox(acks=False)
        here.server.subscribe("t", first)
        here.server.subscribe("#", second)
        raw = await enter(here.port, version)
        await raw.send(message(7, qos=qos))
        await raw.silent()
        first.deliveries[0].ack()
        first.deliveries[0].ack()
        await raw.silent()
        second.deliveries[0].ack()
        assert (await raw.expect(kind)).packet_id == 7
        raw.drop()


async def test_answers_keep_the_order_of_the_messages() -> None:
    async with house() as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port)
        await raw.send(message(1), message(2), message(3, "nobody"))
        await raw.silent()
        inbox.deliveries[1].ack()
        await raw.silent()
        inbox.deliveries[0].ack()
        assert [(await raw.expect(PubAck)).packet_id for _ in range(3)] == [1, 2, 3]
        raw.drop()


async def test_a_flood_of_filters_in_one_packet_is_cut() -> None:
    async with house(max_filters_per_packet=5) as here:
        here.server.publish("t", b"kept", retain=True)
        raw = await enter(here.port)
        assert await raw.subscribe(*["t"] * 8, qos=0) == (0,) * 5 + (Reason.QUOTA_EXCEEDED,) * 3
        for _ in range(5):
            await raw.expect(Publish)
        await raw.silent()
        raw.drop()


async def test_qos_0_needs_no_answer() -> None:
    async with house(max_unacknowledged=2) as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port)
        await raw.send(*[message(None)] * 10)
        await raw.silent()
        assert len(inbox.deliveries) == 10
        inbox.deliveries[0].ack()
        raw.drop()


async def test_an_unsubscribed_handler_is_left_alone() -> None:
    async with house() as here:
        inbox = Inbox()
        stop = here.server.subscribe("t", inbox)
        here.server.publish("t", b"1")
        stop()
        stop()
        here.server.publish("t", b"2")
        assert inbox.payloads == [b"1"]
        for bad in ("a/#/b", "", "$share/g/t"):
            with pytest.raises(ValueError, match="filter"):
                here.server.subscribe(bad, inbox)
        for bad in ("a/#", "", "t" * 70_000):
            with pytest.raises(ValueError, match="publish"):
                here.server.publish(bad, b"")
        with pytest.raises(ValueError, match="publish"):
            here.server.publish("t", bytes(1_000_000))


@VERSIONS
async def test_qos_2_comes_in_exactly_once(version: int) -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("t", inbox)
        keep = KEEP if version == V5 else {"clean_start": False}
        raw = await enter(here.port, version, **keep)
        await raw.send(message(5, qos=2), message(5, qos=2, duplicate=True))
        assert (await raw.expect(PubRec)).packet_id == 5
        assert (await raw.expect(PubRec)).packet_id == 5
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port, version, **keep)
        await raw.send(message(5, qos=2, duplicate=True))
        await raw.expect(PubRec)
        assert inbox.payloads == [b"x"]
        await raw.send(PubRel(packet_id=5), PubRel(packet_id=5))
        assert (await raw.expect(PubComp)).reason == 0
        assert (await raw.expect(PubComp)).reason == (Reason.PACKET_ID_NOT_FOUND if version == V5 else 0)
        await raw.send(message(5, qos=2, payload=b"next"))
        await raw.expect(PubRec)
        assert inbox.payloads == [b"x", b"next"]
        raw.drop()


async def test_qos_2_that_was_not_safe_yet_is_answered_on_the_next_connection() -> None:
    async with house() as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port, **KEEP)
        await raw.send(message(5, qos=2))
        await inbox.count(1)
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port, **KEEP)
        await raw.send(message(5, qos=2, duplicate=True), message(5, qos=2, duplicate=True))
        await raw.silent()
        inbox.deliveries[0].ack()
        assert (await raw.expect(PubRec)).packet_id == 5
        await raw.silent()
        assert len(inbox.deliveries) == 1
        raw.drop()


async def test_qos_1_of_a_lost_connection_is_answered_there_or_nowhere() -> None:
    async with house() as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port, **KEEP)
        await raw.send(message(5))
        await inbox.count(1)
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port, **KEEP)
        inbox.deliveries[0].ack()
        await raw.silent()
        await raw.send(message(5, duplicate=True))
        await inbox.count(2)
        inbox.deliveries[1].ack()
        assert (await raw.expect(PubAck)).packet_id == 5
        raw.drop()


async def test_unreleased_packet_ids_are_bounded() -> None:
    async with house(max_unreleased=2) as here:
        raw = await enter(here.port)
        await raw.send(*(message(number, qos=2) for number in (1, 2, 3)))
        await raw.expect(PubRec)
        await raw.expect(PubRec)
        assert (await raw.expect(Disconnect)).reason == Reason.RECEIVE_MAXIMUM_EXCEEDED
        await raw.closed()


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("qos", [1, 2])
async def test_a_handler_that_fails_leaves_its_message_unanswered(
    later: bool, qos: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(max_unacknowledged=2) as here:
        good = Inbox()

        async def work(delivery: Delivery) -> None:
            await asyncio.sleep(0)
            raise RuntimeError("no")

        def handler(delivery: Delivery) -> Any:
            if delivery.publication.payload == b"good":
                return delivery.ack()
            if later:
                return work(delivery)
            raise RuntimeError("no")

        here.server.subscribe("t", handler)
        here.server.subscribe("t", good)
        raw = await enter(here.port, **KEEP)
        for number in range(1, 6):  # more than the bound: nobody holds what failed
            await raw.send(message(number, qos=qos))
        await raw.silent()
        await raw.send(message(9, payload=b"good"))
        assert (await raw.expect(PubAck)).packet_id == 9
        assert here.server.counters.handler_failures == 5
        assert caplog.text.count("RuntimeError: no") == 5
        await raw.send(message(1, qos=qos, payload=b"good", duplicate=True))
        assert (await raw.next()) == (PubAck if qos == 1 else PubRec)(packet_id=1)
        raw.drop()


async def test_no_further_packet_is_read_while_a_handler_works() -> None:
    async with house() as here:
        gate, story = asyncio.Event(), []

        async def bind(delivery: Delivery) -> None:
            story.append("begin")
            await gate.wait()
            here.policy.no_publish.clear()  # as a topology binds an aircraft
            story.append("end")
            delivery.ack()

        def take(delivery: Delivery) -> None:
            story.append(delivery.publication.payload.decode())
            delivery.ack()

        here.server.subscribe("status", bind)
        here.server.subscribe("osd", take)
        here.policy.no_publish.add(("alice", "osd"))
        raw = await enter(here.port)
        await raw.send(message(1, "status"), message(2, "osd", b"position"), PingReq())
        await until(lambda: story == ["begin"])
        here.pass_time(3000)  # nobody is blamed for a silence that is ours
        other = await enter(here.port, user="bob")
        await other.send(message(1, "osd", b"another"))
        await until(lambda: len(story) == 2)
        assert story == ["begin", "another"]
        gate.set()
        assert [(await raw.expect(PubAck)).packet_id for _ in range(2)] == [1, 2]
        await raw.expect(PingResp)
        assert story == ["begin", "another", "end", "position"]
        raw.drop()
        other.drop()


async def test_what_was_received_before_the_loss_is_still_read() -> None:
    async with house() as here:
        gate, inbox = asyncio.Event(), Inbox()

        async def work(delivery: Delivery) -> None:
            await gate.wait()

        here.server.subscribe("slow", work)
        here.server.subscribe("t", inbox)
        connection = here.server.attach(lambda _: None, lambda: None, "")
        connection.data_received(encode(connect_packet(V3), V3))
        await connection.ready()
        connection.data_received(
            encode(message(None, "slow"), V3) + encode(message(None), V3) + encode(Disconnect(), V3)
        )
        connection.connection_lost(None)
        assert here.story == ["connected"]
        gate.set()
        await until(lambda: here.story == ["connected", "disconnected"])
        assert inbox.payloads == [b"x"]
        assert here.events[-1].clean


async def test_what_a_client_sends_while_a_handler_works_stays_outside() -> None:
    async with house() as here:
        gate, inbox = asyncio.Event(), Inbox()

        async def work(delivery: Delivery) -> None:
            await gate.wait()

        here.server.subscribe("slow", work)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port)
        sending = asyncio.create_task(raw.send(message(None, "slow"), *[message(None, payload=bytes(10_000))] * 1000))
        (connection,) = here.server._connections
        await until(lambda: connection._paused)
        other = await enter(here.port, user="bob")
        await other.silent()
        assert connection._parser.unread_bytes < 1_000_000
        assert inbox.payloads == []
        gate.set()
        await inbox.count(1000)
        await sending
        await raw.silent()
        raw.drop()
        other.drop()


async def test_a_lost_client_does_not_stay_because_it_is_unanswered() -> None:
    async with house(max_unacknowledged=1) as here:
        gate = asyncio.Event()

        async def work(delivery: Delivery) -> None:
            await gate.wait()  # and never acknowledges

        here.server.subscribe("t", work)
        connection = here.server.attach(lambda _: None, lambda: None, "")
        connection.data_received(encode(connect_packet(V3), V3))
        await connection.ready()
        connection.data_received(encode(message(1), V3) + encode(message(2), V3))
        connection.connection_lost(None)
        gate.set()
        await until(lambda: here.story == ["connected", "disconnected"])
        assert not here.server._connections


async def test_a_client_is_not_read_while_too_much_of_it_is_held() -> None:
    async with house(max_unacknowledged=3) as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port)
        other = await enter(here.port, user="bob")
        await raw.send(*(message(number) for number in range(1, 11)), PingReq())
        await inbox.count(3)
        await other.silent()
        assert len(inbox.deliveries) == 3
        assert here.server.counters.paused == 1
        done = 0
        while done < 10:
            await inbox.count(done + 1)
            inbox.deliveries[done].ack()
            done += 1
            assert len(inbox.deliveries) <= done + 3
        answers = [await raw.next() for _ in range(11)]
        assert [a.packet_id for a in answers if isinstance(a, PubAck)] == list(range(1, 11))
        assert PingResp() in answers
        raw.drop()
        other.drop()


async def test_bytes_held_are_bounded_too() -> None:
    async with house(max_unacknowledged_bytes=1000) as here:
        inbox = Inbox(acks=False)
        here.server.subscribe("t", inbox)
        raw = await enter(here.port)
        other = await enter(here.port, user="bob")
        await raw.send(message(1, payload=bytes(5000)), message(2, payload=bytes(5000)))
        await inbox.count(1)
        await other.silent()
        assert len(inbox.deliveries) == 1
        inbox.deliveries[0].ack()
        await inbox.count(2)
        raw.drop()
        other.drop()


async def test_one_clients_flood_waits_for_the_others_turn() -> None:
    async with house(max_packets_per_turn=10) as here:
        connection = here.server.attach(lambda _: None, lambda: None, "")
        connection.data_received(encode(connect_packet(V3), V3))
        await connection.ready()
        inbox = Inbox()
        here.server.subscribe("t", inbox)
        connection.data_received(encode(message(None), V3) * 35)
        assert len(inbox.deliveries) == 10
        await inbox.count(35)
        connection.connection_lost(None)


@VERSIONS
async def test_what_was_not_acknowledged_comes_again(version: int) -> None:
    async with house(max_in_flight=2) as here:
        keep = KEEP if version == V5 else {"clean_start": False}
        raw = await enter(here.port, version, **keep)
        await raw.subscribe("t")
        for number in range(4):
            here.server.publish("t", b"%d" % number, qos=1)
        first, second = await raw.expect(Publish), await raw.expect(Publish)
        await raw.silent()  # the window is full
        assert (first.payload, second.payload, first.duplicate) == (b"0", b"1", False)
        assert first.packet_id
        await raw.send(PubAck(packet_id=first.packet_id))
        assert (await raw.expect(Publish)).payload == b"2"
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port, version, **keep)
        again = [await raw.expect(Publish), await raw.expect(Publish)]
        assert [(packet.payload, packet.duplicate) for packet in again] == [(b"1", True), (b"2", True)]
        assert again[0].packet_id == second.packet_id
        for packet in again:
            await raw.send(PubAck(packet_id=packet.packet_id or 0))
        last = await raw.expect(Publish)
        assert (last.payload, last.duplicate) == (b"3", False)
        await raw.send(PubAck(packet_id=last.packet_id or 0), PubAck(packet_id=999))
        await raw.silent()
        raw.drop()


async def test_a_smaller_receive_maximum_holds_for_what_comes_again() -> None:
    async with house() as here:
        raw = await enter(here.port, **KEEP)
        await raw.subscribe("t")
        for number in range(3):
            here.server.publish("t", b"%d" % number, qos=1)
        for _ in range(3):
            await raw.expect(Publish)
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port, clean_start=False, properties={"session_expiry_interval": 9, "receive_maximum": 1})
        for number in range(3):
            packet = await raw.expect(Publish)
            assert (packet.payload, packet.duplicate) == (b"%d" % number, True)
            await raw.silent()
            await raw.send(PubAck(packet_id=packet.packet_id or 0))
        raw.drop()


async def test_a_session_with_too_much_waiting_is_dropped() -> None:
    async with house(max_queued_messages=3) as here:
        raw = await enter(here.port, **KEEP)
        other = await enter(here.port, user="bob")
        await raw.subscribe("t")
        await other.subscribe("t")
        for _ in range(3):
            here.server.publish("t", b"x", qos=1)
            await other.send(PubAck(packet_id=(await other.expect(Publish)).packet_id or 0))
            await other.silent()
            await raw.expect(Publish)
        here.server.publish("t", b"y", qos=1)
        assert (await raw.expect(Disconnect)).reason == Reason.QUOTA_EXCEEDED
        await raw.closed()
        assert (await other.expect(Publish)).payload == b"y"
        assert here.server.counters.sessions_overflowed == 1
        other.drop()
        raw, answer = await login(here.port, **KEEP)
        assert not answer.session_present
        await raw.subscribe("t")
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        for _ in range(4):
            here.server.publish("t", b"x", qos=1)
        assert here.server.counters.sessions_overflowed == 2


async def test_a_client_that_does_not_read_misses_qos_0_and_keeps_qos_1() -> None:
    async with house(max_write_buffer_bytes=2000, max_in_flight=5) as here:
        written: list[bytes] = []
        waiting = 0
        connection = here.server.attach(written.append, lambda: None, "", waiting_bytes=lambda: waiting)
        request = Subscribe(packet_id=1, requests=(Request(topic_filter="t", qos=1),))
        connection.data_received(encode(connect_packet(V3), V3) + encode(request, V3))
        await until(lambda: len(b"".join(written)) == 9)
        waiting = 3000
        here.server.publish("t", b"skipped")
        here.server.publish("t", b"kept", qos=1)
        assert here.server.counters.qos0_skipped == 1
        await asyncio.sleep(0)
        assert b"kept" not in b"".join(written)
        waiting = 0
        here.server.publish("t", b"seen")
        here.pass_time(1)
        await until(lambda: b"kept" in b"".join(written))
        assert b"seen" in b"".join(written)
        assert b"skipped" not in b"".join(written)
        connection.connection_lost(None)


async def test_a_client_that_asks_and_never_listens_is_not_read_on() -> None:
    async with house(max_write_buffer_bytes=10_000) as here:
        raw = await enter(here.port)
        raw.pause()
        (connection,) = here.server._connections
        for transport, option in (
            (raw._writer.transport, socket.SO_RCVBUF),
            (connection._link._transport, socket.SO_SNDBUF),
        ):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, 4096)
        sending = asyncio.create_task(raw.send_bytes(encode(PingReq(), V5) * 2_000_000))
        await until(lambda: connection.is_slow and connection._holds == _WRITE)
        held = connection._out_bytes + connection._link.buffered_bytes()
        assert held < 1_000_000
        here.pass_time(91)  # and its keep-alive goes on
        await until(lambda: here.server.counters.keep_alive_timeouts == 1)
        here.pass_time(10)  # it does not take the goodbye either
        await until(lambda: not here.server._connections)
        sending.cancel()
        await asyncio.wait([sending])
        raw.drop()


async def test_a_listener_that_cannot_say_stop_loses_a_client_that_never_listens() -> None:
    async with house(max_write_buffer_bytes=1000) as here:
        waiting, closed = 0, []
        connection = here.server.attach(lambda _: None, lambda: closed.append(True), "", waiting_bytes=lambda: waiting)
        connection.data_received(encode(connect_packet(V3), V3))
        await connection.ready()
        waiting = 3000
        here.pass_time(1)
        assert not closed
        waiting = 5000
        here.pass_time(1)
        assert closed
        assert here.server.counters.slow_clients_closed == 1
        connection.connection_lost(None)


async def test_sharing_skips_who_is_away() -> None:
    async with house() as here:
        one = await enter(here.port, **KEEP)
        two = await enter(here.port, user="bob", **KEEP)
        await one.subscribe("$share/g/t")
        await two.subscribe("$share/g/t")
        one.drop()
        await until(lambda: here.server.connected_clients == 1)
        for number in range(3):
            here.server.publish("t", b"%d" % number, qos=1)
        assert [(await two.expect(Publish)).payload for _ in range(3)] == [b"0", b"1", b"2"]
        await two.send(Unsubscribe(packet_id=9, topic_filters=("$share/g/t", "$share/g/t")))
        assert (await two.expect(UnsubAck)).reasons == (0, Reason.NO_SUBSCRIPTION_EXISTED)
        here.server.publish("t", b"kept", qos=1)
        one = await enter(here.port, **KEEP)
        assert (await one.expect(Publish)).payload == b"kept"
        one.drop()
        two.drop()


async def test_subscription_options_of_version_5() -> None:
    async with house() as here:
        here.server.publish("r", b"kept", retain=True)
        raw = await enter(here.port)
        await raw.subscribe("r", retain_handling=2)
        await raw.silent()
        await raw.subscribe("r", retain_handling=1)  # not new
        await raw.silent()
        await raw.subscribe("r", retain_as_published=True, no_local=True)
        assert (await raw.expect(Publish)).retain
        here.server.publish("r", b"again", retain=True)
        assert (await raw.expect(Publish)).retain
        await raw.send(message(None, "r"))
        await raw.silent()
        for identifier, topic_filter in ((300, "i/+"), (7, "i/#")):
            await raw.send(
                Subscribe(
                    packet_id=identifier,
                    requests=(Request(topic_filter=topic_filter, qos=0),),
                    properties={"subscription_identifier": (identifier,)},
                )
            )
            await raw.expect(SubAck)
        here.server.publish("i/x", b"once")
        packet = await raw.expect(Publish)
        assert sorted(packet.properties["subscription_identifier"]) == [7, 300]  # type: ignore[arg-type]
        await raw.silent()
        raw.drop()


async def test_a_message_expires_in_the_queue() -> None:
    async with house() as here:
        raw = await enter(here.port, **KEEP)
        await raw.subscribe("t")
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        sender = await enter(here.port, user="bob")
        for number, expiry_s in ((1, 10), (2, 100)):
            await sender.send(
                message(number, payload=b"%d" % expiry_s, properties={"message_expiry_interval": expiry_s})
            )
            await sender.expect(PubAck)
        here.pass_time(50)
        raw = await enter(here.port, **KEEP)
        packet = await raw.expect(Publish)
        assert packet.payload == b"100"
        assert packet.properties["message_expiry_interval"] == 51
        await raw.silent()
        assert here.server.counters.expired == 1
        raw.drop()
        sender.drop()


async def test_a_small_client_is_not_sent_large_packets() -> None:
    async with house() as here:
        raw = await enter(here.port, properties={"maximum_packet_size": 50})
        await raw.subscribe("t")
        for qos in (0, 1):
            here.server.publish("t", bytes(100), qos=qos)
            here.server.publish("t", b"small", qos=qos)
            assert (await raw.expect(Publish)).payload == b"small"
        assert here.server.counters.too_large_skipped == 2
        raw.drop()


@VERSIONS
async def test_old_and_new_clients_understand_each_other(version: int) -> None:
    async with house() as here:
        reader = await enter(here.port, version)
        await reader.subscribe("t", qos=0)
        sender = await enter(here.port, V5, user="bob")
        properties = {"user_property": (("k", "v"),), "content_type": "x", "response_topic": "back"}
        await sender.send(message(None, properties=properties))
        packet = await reader.expect(Publish)
        assert packet.payload == b"x"
        assert packet.properties == (properties if version == V5 else {})
        reader.drop()
        sender.drop()


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (message(None, "a/+"), Reason.BAD_TOPIC),
        (message(None, ""), Reason.BAD_TOPIC),
        (message(None, "", properties={"topic_alias": 1}), Reason.BAD_TOPIC_ALIAS),
        (message(None, properties={"subscription_identifier": (1,)}), Reason.PROTOCOL_ERROR),
        (connect_packet(), Reason.PROTOCOL_ERROR),
        (ConnAck(session_present=False, reason=0), Reason.PROTOCOL_ERROR),
        (PingResp(), Reason.PROTOCOL_ERROR),
        (Auth(), Reason.PROTOCOL_ERROR),
        (
            Subscribe(packet_id=1, requests=(Request(topic_filter="$share/g/t", qos=1, no_local=True),)),
            Reason.PROTOCOL_ERROR,
        ),
        (message(1, payload=bytes(300_000)), Reason.PACKET_TOO_LARGE),
    ],
)
async def test_a_bad_packet_ends_this_connection_only(packet: Any, reason: Reason) -> None:
    async with house() as here:
        raw = await enter(here.port)
        other = await enter(here.port, user="bob")
        await raw.send(packet)
        assert (await raw.expect(Disconnect)).reason == reason
        await raw.closed()
        await other.silent()
        assert here.server.counters.protocol_errors == 1
        other.drop()


async def test_a_bug_of_ours_ends_one_connection_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with house() as here:
        raw = await enter(here.port)
        other = await enter(here.port, user="bob")

        def broken(*_: object) -> Any:
            raise KeyError("bug")

        monkeypatch.setattr(here.server.router, "accept", broken)
        await raw.send(message())
        assert (await raw.expect(Disconnect)).reason == Reason.UNSPECIFIED
        await raw.closed()
        await other.silent()
        assert here.server.counters.internal_errors == 1
        assert "KeyError" in caplog.text
        other.drop()


async def test_noise_ends_the_noisy_alone() -> None:
    noise = random.Random(7)
    async with house() as here:
        other = await enter(here.port, user="bob")
        for _ in range(40):
            raw = await enter(here.port, noise.choice([V3, V5]))
            data = bytearray(encode(message(1), raw.version) + encode(PingReq(), raw.version)) * 3
            for _ in range(noise.randrange(1, 6)):
                data[noise.randrange(len(data))] = noise.randrange(256)
            await raw.send_bytes(bytes(data) + noise.randbytes(50))
            await other.silent()
            raw.drop()
        await until(lambda: here.server.connected_clients == 1)
        assert here.server.counters.internal_errors == 0
        other.drop()


async def test_a_stop_waits_for_work_and_then_ends_it() -> None:
    async with house(close_timeout_s=0.05) as here:
        begun: list[bool] = []
        ended: list[bool] = []

        async def forever(delivery: Delivery) -> None:
            begun.append(True)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        here.server.subscribe("t", forever)
        raw = await enter(here.port)
        await raw.send(message())
        here.server.publish("t", b"from the hub itself")
        await until(lambda: len(begun) == 2)
        raw.drop()
        assert not ended, "the client's going is no reason"
    assert ended == begun


def test_the_same_under_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def story() -> None:
        async with house(max_unacknowledged=2, max_write_buffer_bytes=10_000) as here:
            inbox = Inbox(acks=False)
            here.server.subscribe("t", inbox)
            raw = await enter(here.port)
            assert here.events[0].address == "127.0.0.1"
            await raw.subscribe("t", "big")
            await raw.send(*(message(number) for number in range(1, 5)))
            for number in range(4):
                await inbox.count(number + 1)
                inbox.deliveries[number].ack()
            packets = [await raw.next() for _ in range(8)]
            assert [p.packet_id for p in packets if isinstance(p, PubAck)] == [1, 2, 3, 4]
            for packet in packets:
                if isinstance(packet, Publish):
                    await raw.send(PubAck(packet_id=packet.packet_id or 0))
            for _ in range(20):  # more than the write buffer holds: the rest waits its turn
                here.server.publish("big", bytes(200_000), qos=1)
            for _ in range(20):
                packet = await raw.expect(Publish)
                await raw.send(PubAck(packet_id=packet.packet_id or 0))
            await raw.silent()
            await raw.send(message(None, "a/+"))
            assert (await raw.expect(Disconnect)).reason == Reason.BAD_TOPIC
            await raw.closed()

    uvloop.run(story())
