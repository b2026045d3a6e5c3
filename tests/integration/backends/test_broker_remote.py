"""The hub with a Mosquitto that runs: rights, who published, acknowledgement, losses, repairs."""

import asyncio
import hashlib
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ofh.backends.broker_remote import RemoteBroker
from ofh.backends.ports import BrokerAccount, Message, Session, SessionChange
from ofh.domain.errors import Code, HubError
from tests.support.services import Mosquitto, free_port, program, unique
from tests.support.workers import keeps_session

pytestmark = pytest.mark.services

PATIENCE_S = 30.0
"""A bound for broken code, not an expectation."""
FILTERS = ["sys/product/+/status", "thing/product/+/status", "thing/product/+/osd", "thing/product/+/state"]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def account(name: str, *serials: str, secret: str = "pw", at_hand: bool = True) -> BrokerAccount:
    return BrokerAccount(
        name=name,
        secret=secret if at_hand else None,
        secret_digest=hashlib.sha256(secret.encode()).digest(),
        serials=frozenset(serials),
    )


@dataclass
class Device:
    """A controller's MQTT client, in a thread of its own."""

    client: paho.Client
    received: list[tuple[str, bytes]] = field(default_factory=list)
    granted: list[bool] = field(default_factory=list)
    published: dict[int, bool] = field(default_factory=dict)
    accepted: bool | None = None
    ended: bool = False

    async def publish(self, topic: str, payload: bytes = b"{}") -> bool:
        """Whether the broker acknowledged without a reason to complain; MQTT 3.1.1 never has one."""
        mid = self.client.publish(topic, payload, 1).mid
        await eventually(lambda: mid in self.published)
        return self.published[mid]

    async def subscribe(self, *topics: str) -> list[bool]:
        self.granted = []
        self.client.subscribe([(topic, 1) for topic in topics])
        await eventually(lambda: len(self.granted) == len(topics))
        return self.granted

    async def leave(self) -> None:
        self.client.disconnect()
        await eventually(lambda: self.ended)

    def cut(self) -> None:
        held = self.client.socket()
        assert isinstance(held, socket.socket)
        held.shutdown(socket.SHUT_RDWR)


@contextmanager
def device(
    broker: Mosquitto,
    name: str,
    secret: str = "pw",
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
) -> Iterator[Device]:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=unique(), protocol=version, reconnect_on_failure=False)
    made = Device(client)

    def connected(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        made.accepted = not code.is_failure

    def subscribed(_client: Any, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        made.granted = [not code.is_failure for code in codes]

    client.on_connect = connected
    client.on_subscribe = subscribed
    client.on_publish = lambda _c, _d, mid, code, _p: made.published.update({mid: not code.is_failure})
    client.on_message = lambda _c, _d, message: made.received.append((message.topic, bytes(message.payload)))
    client.on_disconnect = lambda *_: setattr(made, "ended", True)
    client.username_pw_set(name, secret)
    client.connect("127.0.0.1", broker.device_port)
    client.loop_start()
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()


async def online(made: Device) -> Device:
    await eventually(lambda: made.accepted is True)
    return made


@dataclass
class Hub:
    """A hub process's broker side, and what it was told."""

    broker: RemoteBroker
    messages: list[Message] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    acknowledge: bool = True

    async def handle(self, message: Message) -> None:
        self.messages.append(message)
        if self.acknowledge:
            message.ack()

    def payloads(self, serial: str = "") -> list[bytes]:
        return [message.payload for message in self.messages if serial in message.topic]

    def changes(self, name: str) -> list[SessionChange]:
        return [session.change for session in self.sessions if session.account == name]

    async def start(self) -> None:
        await self.broker.start(self.handle, self.sessions.append)

    async def is_up(self) -> bool:
        try:
            await self.broker.check()
        except HubError:
            return False
        return True

    async def until_up(self, up: bool = True) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.is_up() is not up:
                await asyncio.sleep(0.01)


def hub_for(broker: Mosquitto, **options: Any) -> Hub:
    options = {"client_id": unique("hub-"), "group": unique("g"), "timeout_s": PATIENCE_S, **options}
    return Hub(RemoteBroker(broker.hub_url, filters=FILTERS, **options))


@pytest.fixture
async def hub(mosquitto: Mosquitto) -> AsyncIterator[Hub]:
    made = hub_for(mosquitto, evidence_s=0.2)
    await made.start()
    yield made
    await made.broker.stop(unsubscribe=True)


@pytest.fixture
def names() -> tuple[str, str, str, str]:
    """Two accounts, two serial numbers."""
    return unique("c1-"), unique("c2-"), unique("S1"), unique("S2")


Names = tuple[str, str, str, str]


async def test_a_connection_reports_for_its_own_serial_number(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, _, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        assert await controller.publish(f"thing/product/{s1}/osd", b'{"a":1}')
        await eventually(lambda: hub.payloads(s1) == [b'{"a":1}'])
        (message,) = hub.messages
        assert (message.topic, message.qos, message.account) == (f"thing/product/{s1}/osd", 1, c1)
        assert message.received_at.tzinfo is not None


async def test_a_foreign_topic_is_dropped_in_silence_and_acknowledged(
    hub: Hub, mosquitto: Mosquitto, names: Names
) -> None:
    c1, c2, s1, s2 = names
    await hub.broker.put_account(account(c1, s1))
    await hub.broker.put_account(account(c2, s2))
    with device(mosquitto, c2) as stranger:
        await online(stranger)
        for topic in (
            "thing/product/{}/osd",
            "thing/product/{}/state",
            "sys/product/{}/status",
            "thing/product/{}/status",
        ):
            assert await stranger.publish(topic.format(s1), b"false")
        assert await stranger.publish(f"thing/product/{s1}/services", b"false")
        assert await stranger.publish("ofh/bindings", b"false")
        assert await stranger.publish(f"thing/product/{s2}/osd", b"true")
        await eventually(lambda: hub.payloads() == [b"true"])
        assert not stranger.ended


async def test_what_is_too_long_is_dropped_and_its_sender_goes_on(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, _, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        await controller.publish(f"thing/product/{s1}/osd", b"x" * 262_145)
        await controller.publish(f"thing/product/{s1}/osd", b"short")
        await eventually(lambda: hub.payloads() == [b"short"])
        assert not controller.ended


async def test_with_mqtt_5_the_acknowledgement_says_why(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, c2, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    await hub.broker.put_account(account(c2))
    with device(mosquitto, c2, version=MQTTProtocolVersion.MQTTv5) as stranger:
        await online(stranger)
        assert not await stranger.publish(f"thing/product/{s1}/osd")
        assert not stranger.ended


async def test_replies_reach_the_one_they_are_for_and_nobody_else(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, c2, s1, _ = names
    topic = f"sys/product/{s1}/status_reply"
    await hub.broker.put_account(account(c1))
    await hub.broker.put_account(account(c2))
    with device(mosquitto, c1) as controller, device(mosquitto, c2) as stranger:
        await online(controller)
        await online(stranger)
        # Both may ask before anyone has the serial number, but neither reads before it is theirs.
        assert await controller.subscribe(topic) == await stranger.subscribe(topic) == [True]
        await hub.broker.publish(topic, b"too early")
        await hub.broker.put_account(account(c1, s1))
        await hub.broker.publish(topic, b"yours")
        await eventually(lambda: controller.received == [(topic, b"yours")])
        assert await stranger.subscribe(topic) == [False]
        assert stranger.received == []


async def test_wildcard_and_system_subscriptions_are_refused_alone(
    hub: Hub, mosquitto: Mosquitto, names: Names
) -> None:
    c1, c2, s1, s2 = names
    await hub.broker.put_account(account(c1, s1))
    await hub.broker.put_account(account(c2, s2))
    with device(mosquitto, c1) as controller:
        await online(controller)
        refused = [
            "#",
            "thing/#",
            "sys/product/+/status_reply",
            "thing/product/+/services",
            f"+/product/{s2}/status_reply",
            f"thing/product/{s2}/#",
            f"thing/product/{s1}/#",
            f"thing/product/{s2}/osd",
            f"thing/product/{s1}/osd",
            f"$share/x/sys/product/{s1}/status_reply",
            "$SYS/#",
            "$CONTROL/#",
            "ofh/bindings",
        ]
        granted = [f"sys/product/{s1}/status_reply", f"thing/product/{s1}/property/set"]
        assert await controller.subscribe(*refused, *granted) == [False] * len(refused) + [True] * len(granted)


async def test_added_rights_hold_at_once_without_a_reconnect(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, c2, s1, s2 = names
    await hub.broker.put_account(account(c1, s1))
    await hub.broker.put_account(account(c2))
    with device(mosquitto, c1) as controller, device(mosquitto, c2) as other:
        await online(controller)
        await online(other)
        await controller.publish(f"thing/product/{s2}/osd", b"before")
        await hub.broker.put_account(account(c1, s1, s2))
        await controller.publish(f"thing/product/{s2}/osd", b"after")
        await eventually(lambda: hub.payloads() == [b"after"])
        # Moving one serial number takes it from the former account.
        await hub.broker.put_account(account(c1, s1))
        await hub.broker.put_account(account(c2, s2))
        await controller.publish(f"thing/product/{s2}/osd", b"no longer")
        await other.publish(f"thing/product/{s2}/osd", b"moved")
        await eventually(lambda: hub.payloads() == [b"after", b"moved"])
        assert [message.account for message in hub.messages] == [c1, c2]
        assert not controller.ended
        assert not other.ended


async def test_the_end_of_an_account_ends_its_session_at_once(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, _, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        await hub.broker.delete_account(c1)
        await eventually(lambda: controller.ended)
    with device(mosquitto, c1) as controller:
        await eventually(lambda: controller.accepted is False)
    await hub.broker.delete_account(c1)


async def test_a_new_secret_ends_the_session_and_the_old_secret(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, _, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        await hub.broker.put_account(account(c1, s1))
        await controller.publish(f"thing/product/{s1}/osd", b"same secret")
        assert not controller.ended
        await hub.broker.put_account(account(c1, s1, secret="new"))
        await eventually(lambda: controller.ended)
    with device(mosquitto, c1) as old, device(mosquitto, c1, "new") as new:
        await eventually(lambda: (old.accepted, new.accepted) == (False, True))


async def test_sessions_can_be_ended_and_come_back(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1 = names[0]
    await hub.broker.put_account(account(c1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        await hub.broker.end_sessions(c1)
        await eventually(lambda: controller.ended)
    with device(mosquitto, c1) as controller:
        await online(controller)


async def test_sessions_are_told(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1 = names[0]
    await hub.broker.put_account(account(c1))
    with device(mosquitto, c1) as controller:
        await online(controller)
        await controller.leave()
    with device(mosquitto, c1) as controller:
        await online(controller)
        controller.cut()
        await eventually(lambda: controller.ended)
    connected, left, lost = SessionChange.CONNECTED, SessionChange.LEFT, SessionChange.LOST
    await eventually(lambda: hub.changes(c1) == [connected, left, connected, lost])
    assert hub.sessions[0].address == "127.0.0.1"


async def test_wrong_credentials_are_refused_and_counted(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1 = names[0]
    await hub.broker.put_account(account(c1))
    with device(mosquitto, c1, "wrong") as intruder:
        await eventually(lambda: intruder.accepted is False)
    with device(mosquitto, unique("nobody")) as intruder:
        await eventually(lambda: intruder.accepted is False)
    await eventually(lambda: hub.broker.refused_logins >= 2)
    assert hub.changes(c1) == []


async def test_another_client_id_takes_nobody_over(hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
    c1, c2, s1, _ = names
    await hub.broker.put_account(account(c1, s1))
    await hub.broker.put_account(account(c2))
    with device(mosquitto, c1) as controller:
        await online(controller)
        intruder = paho.Client(CallbackAPIVersion.VERSION2, client_id=c1, reconnect_on_failure=False)
        intruder.username_pw_set(c2, "pw")
        intruder.connect("127.0.0.1", mosquitto.device_port)
        intruder.loop_start()
        await eventually(intruder.is_connected)
        await controller.publish(f"thing/product/{s1}/osd", b"still here")
        assert not controller.ended
        intruder.disconnect()
        intruder.loop_stop()


class TestWhoPublished:
    async def test_who_asked_for_the_replies_first(self, hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
        c1, c2, s1, _ = names
        await hub.broker.put_account(account(c1))
        await hub.broker.put_account(account(c2))
        with device(mosquitto, c1) as controller, device(mosquitto, c2) as other:
            await online(controller)
            await online(other)
            await controller.subscribe(f"sys/product/{s1}/status_reply")
            await controller.publish(f"sys/product/{s1}/status", b"topology")
            await eventually(lambda: hub.payloads() == [b"topology"])
            assert hub.messages[0].account == c1

    async def test_the_only_one_connected(self, private_mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        hub = hub_for(private_mosquitto)
        await hub.start()
        try:
            await hub.broker.reconcile([account(c1)])
            with device(private_mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"sys/product/{s1}/status", b"topology")
                await eventually(lambda: hub.payloads() == [b"topology"])
                assert hub.messages[0].account == c1
        finally:
            await hub.broker.stop()

    async def test_one_of_two_is_not_proven(self, hub: Hub, mosquitto: Mosquitto, names: Names) -> None:
        c1, c2, s1, _ = names
        await hub.broker.put_account(account(c1))
        await hub.broker.put_account(account(c2))
        with device(mosquitto, c1) as controller, device(mosquitto, c2) as other:
            await online(controller)
            await online(other)
            await controller.publish(f"sys/product/{s1}/status", b"topology")
            await eventually(lambda: hub.payloads() == [b"topology"])
            assert hub.messages[0].account is None
            assert hub.broker.intake.unattributed == 1

    async def test_a_bound_serial_number_is_proven_by_the_rights(
        self, hub: Hub, mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, c2, s1, _ = names
        await hub.broker.put_account(account(c1, s1))
        await hub.broker.put_account(account(c2))
        with device(mosquitto, c1) as controller, device(mosquitto, c2) as stranger:
            await online(controller)
            await online(stranger)
            await stranger.publish(f"sys/product/{s1}/status", b"false")
            await controller.publish(f"sys/product/{s1}/status", b"true")
            await eventually(lambda: hub.payloads() == [b"true"])
            assert hub.messages[0].account == c1

    async def test_what_follows_a_doubtful_claim_waits_for_it_and_others_do_not(
        self, hub: Hub, mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, c2, s1, s2 = names
        await hub.broker.put_account(account(c1))
        await hub.broker.put_account(account(c2, s2))
        with device(mosquitto, c1) as controller, device(mosquitto, c2) as other:
            await online(controller)
            await online(other)
            await controller.publish(f"sys/product/{s1}/status", b"first")
            await controller.publish(f"sys/product/{s1}/status", b"second")
            await other.publish(f"thing/product/{s2}/osd", b"of another")
            await eventually(lambda: len(hub.messages) == 3)
            assert hub.payloads(s1) == [b"first", b"second"]

    async def test_processes_tell_each_other_of_bindings(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, c2, s1, _ = names
        group = unique("g")
        one, two = hub_for(mosquitto, group=group), hub_for(mosquitto, group=group)
        async with AsyncExitStack() as stack:
            for hub in (one, two):
                await hub.start()
                stack.push_async_callback(hub.broker.stop, unsubscribe=True)
            await one.broker.put_account(account(c1, s1))
            await one.broker.put_account(account(c2))
            with device(mosquitto, c1) as controller:
                await online(controller)
                for _ in range(6):
                    await controller.publish(f"thing/product/{s1}/osd")
                await eventually(lambda: len(one.messages) + len(two.messages) == 6)
                assert {message.account for message in (*one.messages, *two.messages)} == {c1}
                assert one.messages
                assert two.messages


class TestAcknowledgement:
    async def test_two_processes_share_and_each_message_comes_once(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        group = unique("g")
        one, two = hub_for(mosquitto, group=group), hub_for(mosquitto, group=group)
        async with AsyncExitStack() as stack:
            for hub in (one, two):
                await hub.start()
                stack.push_async_callback(hub.broker.stop, unsubscribe=True)
            await one.broker.put_account(account(c1, s1))
            with device(mosquitto, c1) as controller:
                await online(controller)
                sent = [b"%d" % number for number in range(200)]
                for payload in sent:
                    controller.client.publish(f"thing/product/{s1}/osd", payload, 1)
                await eventually(lambda: len(one.messages) + len(two.messages) >= 200)
                assert sorted(one.payloads() + two.payloads()) == sorted(sent)
                assert one.messages
                assert two.messages

    async def test_what_was_not_acknowledged_comes_again(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        identity = {"client_id": unique("hub-"), "group": unique("g")}
        first = hub_for(mosquitto, **identity)
        await first.start()
        await first.broker.put_account(account(c1, s1))
        with device(mosquitto, c1) as controller:
            await online(controller)
            await controller.publish(f"thing/product/{s1}/osd", b"stored")
            await eventually(lambda: first.payloads() == [b"stored"])
            first.acknowledge = False
            await controller.publish(f"thing/product/{s1}/osd", b"not stored")
            await eventually(lambda: first.payloads() == [b"stored", b"not stored"])
            await first.broker.stop()
            await controller.publish(f"thing/product/{s1}/osd", b"meanwhile")
        second = hub_for(mosquitto, **identity)
        await second.start()
        try:
            await eventually(lambda: second.payloads() == [b"not stored", b"meanwhile"])
        finally:
            await second.broker.stop(unsubscribe=True)

    async def test_an_acknowledgement_counts_once_and_only_on_its_own_connection(
        self, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, _, s1, _ = names
        hub = hub_for(private_mosquitto)
        hub.acknowledge = False
        await hub.start()
        try:
            await hub.broker.put_account(account(c1, s1))
            with device(private_mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"thing/product/{s1}/osd", b"1")
                await eventually(lambda: hub.payloads() == [b"1"])
            private_mosquitto.daemon.restart()
            await hub.until_up(False)
            await hub.until_up()
            await eventually(lambda: hub.payloads() == [b"1", b"1"])
            for message in hub.messages:
                message.ack()
                message.ack()
            with device(private_mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"thing/product/{s1}/osd", b"2")
                await eventually(lambda: hub.payloads() == [b"1", b"1", b"2"])
        finally:
            await hub.broker.stop()

    async def test_the_window_bounds_what_is_unacknowledged(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        hub = hub_for(mosquitto, window=5)
        hub.acknowledge = False
        await hub.start()
        try:
            await hub.broker.put_account(account(c1, s1))
            with device(mosquitto, c1) as controller:
                await online(controller)
                for number in range(20):
                    await controller.publish(f"thing/product/{s1}/osd", b"%d" % number)
                await eventually(lambda: len(hub.messages) >= 5)
                # The window is shut, and still the broker can be administered and spoken to.
                await hub.broker.put_account(account(c1, s1, unique("D")))
                await hub.broker.publish(f"thing/product/{s1}/services", b"{}")
                assert len(hub.messages) == 5
                hub.acknowledge = True
                for message in list(hub.messages):
                    message.ack()
                await eventually(lambda: len(hub.messages) == 20)
                assert hub.payloads() == [b"%d" % number for number in range(20)]
        finally:
            await hub.broker.stop(unsubscribe=True)

    async def test_who_leaves_for_good_leaves_nothing_waiting(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        group = unique("g")
        goes, stays = hub_for(mosquitto, group=group), hub_for(mosquitto, group=group)
        await goes.start()
        await stays.start()
        try:
            await stays.broker.put_account(account(c1, s1))
            await goes.broker.stop(unsubscribe=True)
            with device(mosquitto, c1) as controller:
                await online(controller)
                for number in range(20):
                    await controller.publish(f"thing/product/{s1}/osd", b"%d" % number)
                await eventually(lambda: len(stays.messages) == 20)
        finally:
            await stays.broker.stop(unsubscribe=True)

    async def test_the_last_one_finishes_what_it_has_taken_and_the_rest_waits_for_it(
        self, mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, _, s1, _ = names
        identity = {"client_id": unique("hub-"), "group": unique("g")}
        first, second = hub_for(mosquitto, **identity), hub_for(mosquitto, **identity)
        first.acknowledge = False
        await first.start()
        await first.broker.put_account(account(c1, s1))
        with device(mosquitto, c1) as controller:
            await online(controller)
            await controller.publish(f"thing/product/{s1}/osd", b"taken")
            await eventually(lambda: first.payloads() == [b"taken"])
            leaving = asyncio.create_task(first.broker.leave(for_good=False, within_s=PATIENCE_S))
            await asyncio.sleep(0)
            await controller.publish(f"thing/product/{s1}/osd", b"after")
            first.messages[0].ack()
            assert not await leaving
            await first.broker.stop()
            await controller.publish(f"thing/product/{s1}/osd", b"away")
        assert first.payloads() == [b"taken"]
        await second.start()
        try:
            await eventually(lambda: second.payloads() == [b"after", b"away"])
        finally:
            await second.broker.stop(unsubscribe=True)

    async def test_what_is_left_for_one_that_is_gone_is_taken_over_whole(
        self, mosquitto: Mosquitto, names: Names
    ) -> None:
        """Also what waits behind its window, and what came while it was away; it gets nothing more."""
        c1, _, s1, _ = names
        group = unique("g")
        dead, heir = hub_for(mosquitto, group=group, client_id="dead", window=5), hub_for(mosquitto, group=group)
        dead.acknowledge = False
        await dead.start()
        await dead.broker.put_account(account(c1, s1))
        sent = [b"%d" % number for number in range(40)]
        with device(mosquitto, c1) as controller:
            await online(controller)
            for payload in sent[:20]:
                await controller.publish(f"thing/product/{s1}/osd", payload)
            await eventually(lambda: len(dead.messages) == 5)
            await dead.broker.stop()
            await heir.start()
            try:
                for payload in sent[20:]:
                    await controller.publish(f"thing/product/{s1}/osd", payload)
                assert await heir.broker.inherit("dead", within_s=PATIENCE_S)
                await eventually(lambda: len(heir.messages) == 40)
                assert sorted(heir.payloads()) == sorted(sent)
                assert not await keeps_session(mosquitto, "dead")
                await controller.publish(f"thing/product/{s1}/osd", b"later")
                await eventually(lambda: heir.payloads()[-1] == b"later")
                assert await heir.broker.inherit("nobody", within_s=PATIENCE_S)
            finally:
                await heir.broker.stop(unsubscribe=True)

    async def test_one_that_comes_back_keeps_its_session(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        identity = {"client_id": unique("hub-"), "group": unique("g")}
        lost, heir = hub_for(mosquitto, **identity), hub_for(mosquitto, group=identity["group"])
        lost.acknowledge = heir.acknowledge = False
        await lost.start()
        await lost.broker.put_account(account(c1, s1))
        with device(mosquitto, c1) as controller:
            await online(controller)
            await controller.publish(f"thing/product/{s1}/osd", b"1")
            await eventually(lambda: lost.payloads() == [b"1"])
        await heir.start()
        try:
            inheriting = asyncio.create_task(heir.broker.inherit(identity["client_id"], within_s=PATIENCE_S))
            await eventually(lambda: heir.payloads() == [b"1"])
            await lost.until_up()
            assert not await inheriting
            await eventually(lambda: lost.payloads() == [b"1", b"1"])
        finally:
            for hub in (lost, heir):
                for message in hub.messages:
                    message.ack()
                hub.acknowledge = True
                await hub.broker.stop(unsubscribe=True)


class TestHandler:
    async def test_a_failing_handler_stops_nothing(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        seen: list[bytes] = []

        async def handle(message: Message) -> None:
            seen.append(message.payload)
            if message.payload == b"poison":
                raise ZeroDivisionError
            message.ack()

        hub = hub_for(mosquitto)
        await hub.broker.start(handle, hub.sessions.append)
        try:
            await hub.broker.put_account(account(c1, s1))
            with device(mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"thing/product/{s1}/osd", b"poison")
                await controller.publish(f"thing/product/{s1}/osd", b"good")
                await eventually(lambda: seen == [b"poison", b"good"])
            assert hub.broker.intake.failed == 1
        finally:
            await hub.broker.stop(unsubscribe=True)

    async def test_a_message_waits_for_a_backend_that_is_away(self, mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        attempts: list[bytes] = []

        async def handle(message: Message) -> None:
            attempts.append(message.payload)
            if len(attempts) < 3:
                raise HubError(Code.UNAVAILABLE, "away")
            message.ack()

        hub = hub_for(mosquitto)
        await hub.broker.start(handle, hub.sessions.append)
        try:
            await hub.broker.put_account(account(c1, s1))
            with device(mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"thing/product/{s1}/osd", b"1")
                await controller.publish(f"thing/product/{s1}/osd", b"2")
                await eventually(lambda: attempts == [b"1", b"1", b"1", b"2"])
        finally:
            await hub.broker.stop(unsubscribe=True)


class TestReconcile:
    @pytest.fixture
    async def hub(self, private_mosquitto: Mosquitto) -> AsyncIterator[Hub]:
        made = hub_for(private_mosquitto)
        await made.start()
        yield made
        await made.broker.stop()

    async def test_accounts_are_made_and_removed(self, hub: Hub, private_mosquitto: Mosquitto, names: Names) -> None:
        c1, c2, s1, s2 = names
        await hub.broker.reconcile([account(c1, s1), account(c2, s2)])
        with device(private_mosquitto, c1) as controller, device(private_mosquitto, c2) as other:
            await online(controller)
            await online(other)
            await hub.broker.reconcile([account(c1, s1, at_hand=False)])
            await eventually(lambda: other.ended)
            assert await controller.publish(f"thing/product/{s1}/osd")
            await eventually(lambda: len(hub.messages) == 1)
            assert not controller.ended
        held = json.loads(private_mosquitto.accounts_file.read_text())
        assert not any(c2 in json.dumps(entry) for entry in held["clients"] + held["roles"])
        # The serial number of the removed account can be claimed again.
        with device(private_mosquitto, c1) as controller:
            await online(controller)
            await controller.publish(f"sys/product/{s2}/status", b"claim")
            await eventually(lambda: hub.payloads(s2) == [b"claim"])

    async def test_what_differs_is_mended_and_what_does_not_is_left(
        self, hub: Hub, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, c2, s1, s2 = names
        await hub.broker.put_account(account(c1, s1))
        await hub.broker.put_account(account(c2, s1))
        wanted = [account(c1, s1, s2, at_hand=False), account(c2, at_hand=False)]
        await hub.broker.reconcile(wanted)  # read before the changes above, for all it knows
        await hub.broker.reconcile(wanted)
        assert hub.broker.locked_out == frozenset()
        before = private_mosquitto.accounts_file.stat().st_mtime_ns
        await hub.broker.reconcile(wanted)
        assert private_mosquitto.accounts_file.stat().st_mtime_ns == before
        with device(private_mosquitto, c1) as controller, device(private_mosquitto, c2) as other:
            await online(controller)
            await online(other)
            await other.publish(f"thing/product/{s1}/osd", b"no")
            await other.publish(f"sys/product/{s2}/status", b"no")
            await controller.publish(f"thing/product/{s2}/osd", b"yes")
            await eventually(lambda: hub.payloads() == [b"yes"])

    async def test_what_another_process_has_just_changed_is_not_undone(
        self, hub: Hub, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, c2, s1, s2 = names
        await hub.broker.reconcile([account(c1, s1)])
        read_before = [account(c1, s1, at_hand=False)]
        async with AsyncExitStack() as stack:
            other = hub_for(private_mosquitto)
            await other.start()
            stack.push_async_callback(other.broker.stop, unsubscribe=True)
            await other.broker.put_account(account(c1, s1, s2))
            await other.broker.put_account(account(c2))
            await hub.broker.reconcile(read_before)
            with device(private_mosquitto, c1) as controller, device(private_mosquitto, c2) as second:
                await online(controller)
                await online(second)
                await second.publish(f"sys/product/{s2}/status", b"no")
                await controller.publish(f"thing/product/{s2}/osd", b"yes")
                await eventually(lambda: hub.payloads() == [b"yes"])
            # What still differs the next time is mended.
            await hub.broker.reconcile(read_before)
            with device(private_mosquitto, c2) as second:
                await eventually(lambda: second.accepted is False)

    async def test_a_lost_account_waits_for_its_secret(
        self, hub: Hub, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, _, s1, _ = names
        await hub.broker.reconcile([account(c1, s1, at_hand=False)])
        assert hub.broker.locked_out == {c1}
        await hub.broker.put_account(account(c1, s1))
        await hub.broker.reconcile([account(c1, s1, at_hand=False)])
        assert hub.broker.locked_out == frozenset()
        with device(private_mosquitto, c1) as controller:
            await online(controller)

    async def test_a_secret_changed_behind_the_brokers_back_lets_nobody_in(
        self, hub: Hub, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, _, s1, _ = names
        await hub.broker.put_account(account(c1, s1, secret="old"))
        with device(private_mosquitto, c1, "old") as controller:
            await online(controller)
            await hub.broker.reconcile([account(c1, s1, secret="new", at_hand=False)])
            assert hub.broker.locked_out == {c1}
            await eventually(lambda: controller.ended)
        with device(private_mosquitto, c1, "old") as controller:
            await eventually(lambda: controller.accepted is False)
        await hub.broker.reconcile([account(c1, s1, secret="new")])
        assert hub.broker.locked_out == frozenset()
        with device(private_mosquitto, c1, "new") as controller:
            await online(controller)

    async def test_foreign_clients_are_left_alone(self, hub: Hub, private_mosquitto: Mosquitto, names: Names) -> None:
        foreign = unique("foreign")
        command = [
            "mosquitto_ctrl",
            "-p",
            str(private_mosquitto.hub_port),
            "-u",
            "hub",
            "-P",
            private_mosquitto.password,
        ]
        command += ["dynsec", "createClient", foreign, "-p", "pw"]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        await hub.broker.reconcile([])
        await hub.broker.reconcile([account(foreign, names[2])])
        assert hub.broker.locked_out == {foreign}
        with device(private_mosquitto, foreign) as client:
            await online(client)
        await hub.broker.check()

    async def test_many_serial_numbers_fit(self, hub: Hub, private_mosquitto: Mosquitto) -> None:
        accounts = [account(f"c{number}", *(f"S{number}x{part}" for part in range(2))) for number in range(100)]
        await hub.broker.reconcile(accounts)
        assert hub.broker.locked_out == frozenset()
        before = private_mosquitto.accounts_file.stat().st_mtime_ns
        await hub.broker.reconcile(accounts)
        assert private_mosquitto.accounts_file.stat().st_mtime_ns == before


class TestLosses:
    async def test_a_restarted_broker_is_found_again_and_compared(
        self, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, _, s1, _ = names
        compared: list[str] = []
        hub: Hub

        async def compare() -> None:
            await hub.broker.reconcile([account(c1, s1)])
            compared.append("")

        hub = hub_for(private_mosquitto, on_up=compare)
        await hub.start()
        try:
            await eventually(lambda: len(compared) == 1)
            private_mosquitto.daemon.stop()
            await hub.until_up(False)
            attempts: list[Awaitable[None]] = [
                hub.broker.publish(f"thing/product/{s1}/services", b""),
                hub.broker.put_account(account(c1, s1)),
                hub.broker.check(),
            ]
            for attempt in attempts:
                with pytest.raises(HubError) as refused:
                    await attempt
                assert refused.value.code is Code.UNAVAILABLE
            # The accounts are lost with the file; the first one is made anew, as at the first start.
            private_mosquitto.accounts_file.unlink()
            private_mosquitto.daemon.start()
            await eventually(lambda: len(compared) == 2)
            with device(private_mosquitto, c1) as controller:
                await online(controller)
                await controller.publish(f"thing/product/{s1}/osd", b"back")
                await eventually(lambda: hub.payloads() == [b"back"])
        finally:
            await hub.broker.stop()

    async def test_rights_are_changed_without_a_disconnect_after_a_restart_too(
        self, private_mosquitto: Mosquitto, names: Names
    ) -> None:
        c1, c2, s1, s2 = names
        hub = hub_for(private_mosquitto)
        await hub.start()
        try:
            await hub.broker.put_account(account(c1))
            await hub.broker.put_account(account(c2))
            private_mosquitto.daemon.restart()
            await hub.until_up(False)
            await hub.until_up()
            with ExitStack() as stack:
                devices = [stack.enter_context(device(private_mosquitto, name)) for name in (c1, c2)]
                for one in devices:
                    await online(one)
                await hub.broker.put_account(account(c1, s1))
                await hub.broker.put_account(account(c2, s2, at_hand=False))
                await devices[0].publish(f"thing/product/{s1}/osd", b"1")
                await devices[1].publish(f"thing/product/{s2}/osd", b"2")
                await eventually(lambda: sorted(hub.payloads()) == [b"1", b"2"])
                assert not any(one.ended for one in devices)
        finally:
            await hub.broker.stop()

    async def test_a_hub_starts_before_its_broker(self, private_mosquitto: Mosquitto, names: Names) -> None:
        private_mosquitto.daemon.stop()
        hub = hub_for(private_mosquitto, timeout_s=0.5)
        await hub.start()
        try:
            assert not await hub.is_up()
            private_mosquitto.daemon.start()
            await hub.until_up()
        finally:
            await hub.broker.stop()

    async def test_wrong_credentials_of_the_hub_leave_it_waiting(self, mosquitto: Mosquitto) -> None:
        broker = RemoteBroker(
            f"mqtt://hub:wrong@127.0.0.1:{mosquitto.hub_port}", client_id=unique(), filters=FILTERS, timeout_s=0.5
        )
        hub = Hub(broker)
        await hub.start()
        assert not await hub.is_up()
        assert "refuses" in broker.away_reason
        await broker.stop()

    async def test_a_broker_without_the_plugin_is_named(self, private_mosquitto: Mosquitto) -> None:
        config = private_mosquitto.daemon.folder / "mosquitto.conf"
        kept = [line for line in config.read_text().splitlines() if not line.startswith("plugin")]
        config.write_text("\n".join(kept).replace("allow_anonymous false", "allow_anonymous true"))
        private_mosquitto.daemon.command = [program("mosquitto"), "-c", str(config)]
        private_mosquitto.daemon.restart()
        hub = hub_for(private_mosquitto, timeout_s=0.5)
        await hub.start()
        await eventually(lambda: "dynamic-security" in hub.broker.away_reason)
        await hub.broker.stop()

    async def test_the_link_may_be_encrypted(self, private_mosquitto: Mosquitto, names: Names) -> None:
        c1, _, s1, _ = names
        folder, port = private_mosquitto.daemon.folder, free_port()
        request = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        request += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        await asyncio.to_thread(subprocess.run, request, check=True, capture_output=True)
        (folder / "key.pem").chmod(0o644)
        with (folder / "mosquitto.conf").open("a") as config:
            config.write(f"listener {port} 127.0.0.1\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n")
        private_mosquitto.daemon.restart()
        url = f"mqtts://hub:{private_mosquitto.password}@127.0.0.1:{port}"
        distrusting = RemoteBroker(url, client_id=unique(), filters=FILTERS, timeout_s=0.5)
        await distrusting.start(Hub(distrusting).handle, lambda _: None)
        assert not await Hub(distrusting).is_up()
        await distrusting.stop()
        hub = Hub(RemoteBroker(url, client_id=unique(), filters=FILTERS, ca_file=str(folder / "cert.pem")))
        await hub.start()
        try:
            await hub.broker.put_account(account(c1, s1))
            with device(private_mosquitto, c1) as controller:
                await online(controller)
                # Many at once: several messages in one TLS record must not wait for the next one.
                for number in range(100):
                    controller.client.publish(f"thing/product/{s1}/osd", b"%d" % number * 500, 1)
                await eventually(lambda: len(hub.messages) == 100)
        finally:
            await hub.broker.stop()

    async def test_too_long_a_message_is_refused_here(self, hub: Hub) -> None:
        with pytest.raises(HubError) as refused:
            await hub.broker.publish("thing/product/S/services", b"x" * 262_145)
        assert refused.value.code is Code.TOO_LARGE

    async def test_an_address_that_is_none_is_named(self) -> None:
        with pytest.raises(ValueError, match="mqtt://"):
            RemoteBroker("redis://x", client_id="x", filters=FILTERS)
