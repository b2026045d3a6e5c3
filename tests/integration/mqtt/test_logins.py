"""Who gets in, who stays in, and what is left behind, on bare packets over real sockets."""

import asyncio
from typing import Any

import pytest

from ofh.mqtt.codec import encode
from ofh.mqtt.packets import ConnAck, Disconnect, PingReq, PingResp, PubAck, Publish, Will
from ofh.mqtt.properties import Reason
from tests.integration.mqtt.clients import (
    PATIENCE_S,
    V3,
    V5,
    Inbox,
    Raw,
    connect_packet,
    enter,
    house,
    login,
    until,
)  # fmt: skip

VERSIONS = pytest.mark.parametrize("version", [V3, V5])


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("1007 0004 48545450 04", None),  # another protocol
        ("1007 0004 4d515454 03", "20020001"),
        ("1009 0006 4d5149736470 03", "20020001"),  # MQTT 3.1
        ("1007 0004 4d515454 06", "2003008400"),
        ("1007 0004 4d515454 84", "20020001"),  # a Mosquitto bridge
        ("100c 0004 4d515454 04 00 003c 0000", "20020002"),  # nameless, yet to be remembered
        ("100d 0004 4d515454 05 03 003c 00 0000", "2003008100"),  # reserved flag
        ("100c 0004 4d515454 04 03 003c 0000", None),
        ("474554202f20485454502f312e310d0a", None),  # a browser
        ("c000", None),
    ],
)
async def test_strangers_are_answered_in_their_own_version(data: str, answer: str | None) -> None:
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(bytes.fromhex(data.replace(" ", "")))
        received = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        assert received.hex() == (answer or "")
        assert here.server.counters.protocol_errors == 1
        assert here.policy.logins == 0


@pytest.mark.parametrize(
    ("user", "changes", "v3", "v5"),
    [
        ("alice", {"password": b"wrong"}, 4, 0x86),
        ("nobody", {}, 4, 0x86),
        ("alice", {"password": None}, 5, 0x87),
        (None, {}, 5, 0x87),
        ("broken", {}, 3, 0x88),
    ],
)
@VERSIONS
async def test_refusals(version: int, user: str | None, changes: dict[str, Any], v3: int, v5: int) -> None:
    async with house() as here:
        raw, answer = await login(here.port, version, user=user, **changes)
        assert answer.reason == (v3 if version == V3 else v5)
        await raw.closed()
        assert here.story == ([] if user == "broken" else ["auth_failed"])
        counters = here.server.counters
        assert (counters.auth_failed, counters.auth_errors) == ((0, 1) if user == "broken" else (1, 0))


async def test_a_nameless_client_is_given_a_name() -> None:
    async with house() as here:
        raw, answer = await login(here.port, client_id="")
        name = answer.properties["assigned_client_identifier"]
        assert here.events[0].client_id == name
        other = await enter(here.port, V3, client_id="")
        assert here.events[1].client_id != name
        raw.drop()
        other.drop()


async def test_version_5_learns_what_differs_from_its_wishes() -> None:
    async with house() as here:
        raw, answer = await login(here.port, keep_alive_s=1, properties={"session_expiry_interval": 10**7})
        assert answer.properties["server_keep_alive"] == 5
        assert answer.properties["session_expiry_interval"] == 24 * 3600
        assert answer.properties["receive_maximum"] == 256
        assert "topic_alias_maximum" not in answer.properties
        raw.drop()


async def test_enhanced_authentication_is_refused() -> None:
    async with house() as here:
        raw, answer = await login(here.port, properties={"authentication_method": "x"})
        assert answer.reason == Reason.BAD_AUTHENTICATION_METHOD
        await raw.closed()


async def test_a_connection_that_does_not_log_in_is_closed() -> None:
    async with house() as here:
        raw = await Raw.open(here.port)
        await raw.send_bytes(b"\x10")
        await until(lambda: len(here.server._connections) == 1)
        here.pass_time(9)
        assert here.server.counters.connect_timeouts == 0
        here.pass_time(2)
        await raw.closed()
        assert here.server.counters.connect_timeouts == 1


async def test_a_login_that_takes_too_long_is_given_up() -> None:
    async with house() as here:
        here.policy.gate = asyncio.Event()
        raw = await Raw.open(here.port)
        await raw.send(connect_packet())
        await until(lambda: here.policy.logins == 1)
        here.pass_time(11)
        await raw.closed()
        await until(lambda: not here.server._tasks)
        assert here.story == []


async def test_a_client_may_vanish_during_its_login() -> None:
    async with house() as here:
        here.policy.gate = asyncio.Event()
        raw = await Raw.open(here.port)
        await raw.send(connect_packet())
        await until(lambda: here.policy.logins == 1)
        raw._writer.close()
        raw.drop()
        here.policy.gate.set()
        await until(lambda: not here.server._tasks)
        assert here.server.connected_clients == 0


async def test_nothing_is_read_before_the_login_is_finished() -> None:
    async with house() as here:
        here.policy.gate = asyncio.Event()
        inbox = Inbox()
        here.server.subscribe("#", inbox)
        raw = await Raw.open(here.port)
        await raw.send(connect_packet(), Publish(topic="t", payload=b"x", qos=1, packet_id=1))
        await until(lambda: here.policy.logins == 1)
        assert inbox.payloads == []
        here.policy.gate.set()
        assert (await raw.expect(ConnAck)).reason == 0
        await raw.expect(PubAck)
        assert inbox.payloads == [b"x"]
        raw.drop()


async def test_a_stranger_may_not_send_much() -> None:
    async with house(max_connect_packet_bytes=100) as here:
        raw = await Raw.open(here.port)
        await raw.send(connect_packet(will=Will(topic="w", payload=bytes(200))))
        await raw.closed()
        assert here.policy.logins == 0


async def test_connections_are_limited() -> None:
    async with house(max_connections=1) as here:
        first = await enter(here.port)
        second = await Raw.open(here.port)
        await second.closed()
        assert here.server.counters.connections_refused == 1
        with pytest.raises(ConnectionRefusedError):
            here.server.attach(lambda _: None, lambda: None, "")
        await first.silent()
        first.drop()


async def test_strangers_of_an_address_are_limited_until_they_log_in_or_leave() -> None:
    async with house(max_strangers_per_address=2) as here:
        known = [await enter(here.port, client_id=f"known-{number}") for number in range(3)]
        idle, failing = await Raw.open(here.port), await Raw.open(here.port)
        await until(lambda: len(here.server._connections) == 5)
        third = await Raw.open(here.port)
        await third.closed()
        assert here.server.counters.connections_refused == 1
        here.server.attach(lambda _: None, lambda: None, "192.0.2.1").connection_lost()
        await failing.send(connect_packet(user="bob", password=b"wrong"))
        assert (await failing.expect(ConnAck)).reason != Reason.SUCCESS
        await failing.closed()
        await until(lambda: len(here.server._connections) == 4)
        known.append(await enter(here.port, client_id="late"))
        idle.drop()
        for raw in known:
            await raw.silent()
            raw.drop()
        await until(lambda: not here.server._connections)
        assert not here.server._strangers


async def test_strangers_of_one_ipv6_network_count_together() -> None:
    async with house(max_strangers_per_address=1) as here:

        def attach(address: str) -> Any:
            return here.server.attach(lambda _: None, lambda: None, address)

        first = attach("2001:db8:0:1::1")
        with pytest.raises(ConnectionRefusedError):
            attach("2001:db8:0:1:ffff::2")
        second = attach("2001:db8:0:2::1")
        first.connection_lost()
        attach("2001:db8:0:1:ffff::2").connection_lost()
        second.connection_lost()


@VERSIONS
@pytest.mark.parametrize(("asked_s", "silence_s"), [(10, 15), (1, 7.5), (0, 1800), (3600, 1800)])
async def test_silence_ends_a_connection(version: int, asked_s: int, silence_s: float) -> None:
    async with house() as here:
        raw = await enter(here.port, version, keep_alive_s=asked_s)
        here.pass_time(silence_s - 1)
        await raw.send(PingReq())
        await raw.expect(PingResp)
        here.pass_time(silence_s)
        await raw.silent()
        here.pass_time(silence_s + 1)
        if version == V5:
            assert (await raw.expect(Disconnect)).reason == Reason.KEEP_ALIVE_TIMEOUT
        await raw.closed()
        assert here.server.counters.keep_alive_timeouts == 1
        assert [event.clean for event in here.events] == [False, False]


@VERSIONS
async def test_takeover_within_an_account(version: int) -> None:
    async with house() as here:
        first = await enter(here.port, version)
        second = await enter(here.port, version)
        if version == V5:
            assert (await first.expect(Disconnect)).reason == Reason.SESSION_TAKEN_OVER
        await first.closed()
        await second.silent()
        assert here.story == ["connected", "disconnected", "connected"]
        assert here.events[1].taken_over
        assert here.server.connected_clients == 1
        second.drop()


async def test_no_takeover_across_accounts() -> None:
    """security.md, M5."""
    async with house() as here:
        keep = {"clean_start": False, "properties": {"session_expiry_interval": 600}}
        alice = await enter(here.port, **keep)
        await alice.subscribe("private")
        bob, answer = await login(here.port, user="bob", **keep)
        assert not answer.session_present
        here.server.publish("private", b"x", qos=1)
        await bob.silent()
        assert (await alice.expect(Publish)).payload == b"x"
        alice.drop()
        bob.drop()


@VERSIONS
async def test_a_session_ends_when_it_expires(version: int) -> None:
    async with house(session_expiry_max_s=100) as here:
        keep: dict[str, Any] = {"clean_start": False}
        if version == V5:
            keep["properties"] = {"session_expiry_interval": 100}
        for away_s, present in ((None, False), (99, True), (101, False)):
            if away_s is not None:
                here.pass_time(away_s)
            raw, answer = await login(here.port, version, **keep)
            assert answer.session_present is present
            raw.drop()
            await until(lambda: here.server.connected_clients == 0)


@VERSIONS
async def test_a_clean_start_forgets(version: int) -> None:
    async with house() as here:
        properties = {"session_expiry_interval": 100} if version == V5 else {}
        raw = await enter(here.port, version, clean_start=False, properties=properties)
        await raw.subscribe("t")
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        here.server.publish("t", b"x", qos=1)
        raw, answer = await login(here.port, version, clean_start=True)
        assert not answer.session_present
        here.server.publish("t", b"x", qos=1)
        await raw.silent()
        raw.drop()


async def test_a_client_may_change_its_expiry_when_it_leaves() -> None:
    async with house() as here:
        raw = await enter(here.port, properties={"session_expiry_interval": 100})
        await raw.send(Disconnect(properties={"session_expiry_interval": 0}))
        await raw.closed()
        assert not here.server._sessions
        raw = await enter(here.port)
        await raw.send(Disconnect(properties={"session_expiry_interval": 9}))
        assert (await raw.expect(Disconnect)).reason == Reason.PROTOCOL_ERROR
        await raw.closed()


async def test_an_account_with_too_many_sessions_loses_the_longest_absent() -> None:
    async with house(max_sessions_per_account=2) as here:
        keep = {"properties": {"session_expiry_interval": 600}, "clean_start": False}
        for name in ("old", "new"):
            raw = await enter(here.port, client_id=name, **keep)
            raw.drop()
            await until(lambda: here.server.connected_clients == 0)
            here.pass_time(1)
        third = await enter(here.port, client_id="third", **keep)
        assert {client_id for _, client_id in here.server._sessions} == {"new", "third"}
        fourth = await enter(here.port, client_id="fourth", **keep)
        fifth, answer = await login(here.port, client_id="fifth", **keep)
        assert answer.reason == Reason.QUOTA_EXCEEDED
        other, answer = await login(here.port, client_id="fifth", user="bob", **keep)
        assert answer.reason == 0
        assert here.server.counters.sessions_refused == 1
        for raw in (third, fourth, fifth, other):
            raw.drop()


@VERSIONS
async def test_ended_sessions_are_gone_with_all_they_held(version: int) -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("will", inbox)
        will = Will(topic="will", payload=b"x")
        raw = await enter(here.port, version, clean_start=False, will=will)
        other = await enter(here.port, version, user="bob")
        await raw.subscribe("t")
        del here.policy.passwords["alice"]
        here.server.end_sessions("alice")
        here.server.end_sessions("nobody")
        if version == V5:
            assert (await raw.expect(Disconnect)).reason == Reason.ADMINISTRATIVE
        await raw.closed()
        await other.silent()
        assert {account for account, _ in here.server._sessions} == {"bob"}
        assert inbox.payloads == []
        again, answer = await login(here.port, version)
        assert answer.reason != 0
        again.drop()
        other.drop()


async def test_a_login_under_way_does_not_slip_through_the_end_of_its_account() -> None:
    async with house() as here:
        here.policy.gate = asyncio.Event()
        raw = await Raw.open(here.port)
        await raw.send(connect_packet())
        await until(lambda: here.policy.logins == 1)  # found good, not yet answered
        del here.policy.passwords["alice"]
        here.server.end_sessions("alice")
        here.policy.gate.set()
        assert (await raw.expect(ConnAck)).reason == Reason.BAD_CREDENTIALS
        await raw.closed()


@VERSIONS
async def test_wills(version: int) -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("will/#", inbox)
        here.policy.no_publish.add(("alice", "will/forbidden"))
        here.policy.no_retain.add(("alice", "will/lost"))
        for topic in ("will/lost", "will/forbidden", "will/polite"):
            raw = await enter(here.port, version, will=Will(topic=topic, payload=b"w", qos=1, retain=True))
            if topic == "will/polite":
                await raw.send(Disconnect())
                await raw.closed()
            raw.drop()
            await until(lambda: here.server.connected_clients == 0)
        (delivery,) = inbox.deliveries
        assert (delivery.publication.topic, delivery.publication.account) == ("will/lost", "alice")
        assert not delivery.publication.retain
        assert here.server.counters.publish_refused == 1


async def test_a_will_may_be_asked_for_on_leaving() -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("w", inbox)
        raw = await enter(here.port, will=Will(topic="w", payload=b"w"))
        await raw.send(Disconnect(reason=Reason.DISCONNECT_WITH_WILL))
        await raw.closed()
        assert inbox.payloads == [b"w"]


async def test_a_will_may_wait_and_is_withdrawn_when_the_client_comes_back() -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("w", inbox)
        will = Will(topic="w", payload=b"w", properties={"will_delay_interval": 30})
        changes: dict[str, Any] = {
            "will": will, "clean_start": False, "properties": {"session_expiry_interval": 60},
        }  # fmt: skip
        for seconds, expected in ((29, []), (31, [b"w"])):
            raw = await enter(here.port, **changes)
            raw.drop()
            await until(lambda: here.server.connected_clients == 0)
            here.pass_time(seconds)
            assert inbox.payloads == expected
        raw = await enter(here.port, **changes)
        raw.drop()
        await until(lambda: here.server.connected_clients == 0)
        raw = await enter(here.port)  # a clean start ends the session, and the wait
        assert inbox.payloads == [b"w", b"w"]
        raw.drop()


async def test_stopping_says_goodbye() -> None:
    async with house() as here:
        inbox = Inbox()
        here.server.subscribe("w", inbox)
        modern = await enter(here.port, will=Will(topic="w", payload=b"w"))
        old = await enter(here.port, V3, user="bob")
        await asyncio.wait_for(here.server.stop(), PATIENCE_S)
        assert (await modern.expect(Disconnect)).reason == Reason.SHUTTING_DOWN
        await modern.closed()
        await old.closed()
        assert inbox.payloads == []
        with pytest.raises(OSError, match="onnect"):
            await asyncio.open_connection("127.0.0.1", here.port)


async def test_a_stop_waits_neither_for_clients_that_do_not_read_nor_for_work_that_does_not_end() -> None:
    async with house(stop_timeout_s=0.1, close_timeout_s=3600) as here:
        here.policy.gate = asyncio.Event()
        waiting = await Raw.open(here.port)
        await waiting.send(connect_packet(client_id="waiting"))
        await until(lambda: here.policy.logins == 1)
        here.policy.gate = None
        deaf = await enter(here.port, client_id="deaf")
        await deaf.subscribe("t", qos=0)
        here.server.subscribe("u", lambda _delivery: asyncio.sleep(3600))
        here.server.publish("u", b"")
        deaf.pause()

        def is_full() -> bool:
            here.server.publish("t", b"x" * 200_000)
            return any(connection._link.buffered_bytes() for connection in here.server._connections)

        await until(is_full)
        await asyncio.wait_for(here.server.stop(), PATIENCE_S)
        assert not here.server._connections
        assert not here.server._tasks | here.server.router.unfinished
        waiting.drop()
        deaf.drop()


async def test_tls(tmp_path: Any) -> None:
    """security.md, M12."""
    import shutil
    import ssl

    from tests.integration.mqtt.clients import run_program

    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    code, _, errors = await run_program(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
    )  # fmt: skip
    assert code == 0, errors
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=certificate)
    async with house() as here:
        port = await here.server.listen("127.0.0.1", 0, ssl=server_side)
        raw = await Raw.open(port, ssl=client_side)
        await raw.send(connect_packet())
        assert (await raw.expect(ConnAck)).reason == 0
        await raw.subscribe("t")
        payload = bytes(200_000)
        here.server.publish("t", payload, qos=1)
        assert (await raw.expect(Publish)).payload == payload
        plain = await enter(here.port, client_id="plain")
        await plain.silent()
        await raw.send(Disconnect())
        await raw.closed()
        plain.drop()


async def test_a_listener_elsewhere_feeds_bytes() -> None:
    async with house() as here:
        written: list[bytes] = []
        closed: list[bool] = []
        connection = here.server.attach(written.append, lambda: closed.append(True), "10.0.0.9")
        await connection.ready()
        data = encode(connect_packet(V3), V3) + encode(PingReq(), V3)
        for byte in data:
            await connection.ready()
            connection.data_received(bytes((byte,)))
        await until(lambda: b"".join(written) == bytes.fromhex("20020000d000"))
        assert here.events[0].address == "10.0.0.9"
        connection.data_received(encode(Disconnect(), V3))
        assert closed == [True]
        connection.connection_lost(None)
        connection.connection_lost(None)
        assert [event.clean for event in here.events] == [False, True]


async def test_a_listener_that_does_not_wait_is_cut_off() -> None:
    async with house(max_unread_bytes=1000) as here:
        here.policy.gate = asyncio.Event()
        closed: list[bool] = []
        connection = here.server.attach(lambda _: None, lambda: closed.append(True), "")
        connection.data_received(encode(connect_packet(V3), V3))
        connection.data_received(bytes(900))
        assert closed == []
        connection.data_received(bytes(200))
        assert closed == [True]
        connection.connection_lost(None)
        await until(lambda: not here.server._tasks)


async def test_an_event_listener_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as here:

        def fail(event: object) -> None:
            raise RuntimeError("no")

        here.server._on_event = fail
        raw = await enter(here.port)
        await raw.silent()
        raw.drop()
        assert "session events failed" in caplog.text
