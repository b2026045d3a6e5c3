"""Clients that others wrote: paho and Mosquitto's, in both versions."""

import asyncio
import contextlib
import shutil
from typing import Any

import pytest

from tests.integration.mqtt.clients import PATIENCE_S, V3, V5, Inbox, Paho, house, run_program, until, with_paho

VERSIONS = pytest.mark.parametrize("version", [V3, V5])


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_paho_publishes_and_subscribes(version: int, qos: int) -> None:
    async with (
        house() as here,
        with_paho(here.port, "p", version) as sender,
        with_paho(here.port, "s", version) as reader,
    ):
        inbox = Inbox()
        here.server.subscribe("t/#", inbox)
        assert await reader.subscribe("t/+", qos) == [min(qos, 1)]
        for number in range(20):
            await sender.publish("t/a", b"%d" % number, qos)
        assert await reader.count(20) == [b"%d" % number for number in range(20)]
        await inbox.count(20)
        assert [delivery.publication.account for delivery in inbox.deliveries] == ["alice"] * 20
        assert {message.qos for message in reader.messages} == {min(qos, 1)}
        assert not reader.messages[0].retain


@VERSIONS
async def test_paho_sends_a_quarter_of_a_megabyte(version: int) -> None:
    async with house() as here, with_paho(here.port, "p", version) as client:
        await client.subscribe("big")
        payload = bytes(range(256)) * 1024
        await client.publish("big", payload)
        assert await client.count(1) == [payload]


@VERSIONS
async def test_paho_unsubscribes(version: int) -> None:
    async with house() as here, with_paho(here.port, "p", version) as client:
        await client.subscribe("a")
        await client.subscribe("b")
        _, mid = client.client.unsubscribe("a")
        await until(lambda: mid in client.unsubscribed)
        await client.publish("a", b"no")
        await client.publish("b", b"yes")
        assert await client.count(1) == [b"yes"]


@VERSIONS
async def test_paho_gets_retained_messages(version: int) -> None:
    async with house() as here, with_paho(here.port, "p", version) as client:
        await client.publish("r/1", b"old", retain=True)
        await client.publish("r/1", b"new", retain=True)
        await client.publish("r/2", b"gone", retain=True)
        await client.publish("r/2", b"", retain=True)
        await client.subscribe("r/#")
        assert await client.count(1) == [b"new"]
        assert client.messages[0].retain
        await client.publish("r/3", b"live", retain=True)
        assert await client.count(2) == [b"new", b"live"]
        assert not client.messages[1].retain


@VERSIONS
async def test_paho_leaves_a_will(version: int) -> None:
    async with house() as here, with_paho(here.port, "s", version) as reader:
        await reader.subscribe("will")
        lost = Paho("p", version)
        lost.client.will_set("will", b"bye", 1)
        await lost.start(here.port)
        await lost.vanish()
        assert await reader.count(1) == [b"bye"]
        polite = Paho("p", version)
        polite.client.will_set("will", b"never", 1)
        await polite.start(here.port)
        await polite.stop()
        await until(lambda: here.events[-1].clean)
        await reader.publish("will", b"after")
        assert await reader.count(2) == [b"bye", b"after"]


@VERSIONS
async def test_paho_takes_over_its_own_session(version: int) -> None:
    async with house() as here, with_paho(here.port, "same", version) as first:
        second = Paho("same", version)
        # Both would come back for ever.
        first.client.disable_logger()
        await second.start(here.port)
        await until(lambda: bool(first.disconnected))
        assert any(event.taken_over for event in here.events)
        await second.stop()


@VERSIONS
async def test_paho_finds_what_came_while_it_was_away(version: int) -> None:
    async with house() as here:
        async with with_paho(here.port, "p", version, clean=False, expiry_s=600) as client:
            assert client.present == [False]
            await client.subscribe("q")
        await until(lambda: here.server.connected_clients == 0)
        for number in range(5):
            here.server.publish("q", b"%d" % number, qos=1)
        here.server.publish("q", b"lost", qos=0)
        async with with_paho(here.port, "p", version, clean=False, expiry_s=600) as client:
            assert client.present == [True]
            assert await client.count(5) == [b"0", b"1", b"2", b"3", b"4"]


@VERSIONS
async def test_pahos_share_a_subscription(version: int) -> None:
    async with (
        house() as here,
        with_paho(here.port, "1", version) as one,
        with_paho(here.port, "2", version, user="bob") as two,
    ):
        await one.subscribe("$share/hub/t/#")
        await two.subscribe("$share/hub/t/#")
        for number in range(10):
            here.server.publish("t/x", b"%d" % number, qos=1)
        await until(lambda: len(one.messages) + len(two.messages) == 10)
        assert len(one.messages) == 5
        assert {m.payload for m in one.messages + two.messages} == {b"%d" % number for number in range(10)}


@VERSIONS
@pytest.mark.parametrize(("user", "v3", "v5"), [("mallory", 134, 134), (None, 135, 135), ("broken", 136, 136)])
async def test_paho_is_told_why_it_may_not_in(version: int, user: str | None, v3: int, v5: int) -> None:
    async with house() as here:
        client = Paho("p", version, user=user)
        await client.start(here.port)
        assert [reason.value for reason in client.connected] == [v3 if version == V3 else v5]
        await client.stop()
        assert here.server.connected_clients == 0


@VERSIONS
async def test_paho_lives_on_after_a_refused_filter(version: int) -> None:
    async with house() as here, with_paho(here.port, "p", version) as client:
        here.policy.no_subscribe.add(("alice", "secret/#"))
        assert await client.subscribe("secret/#") == [0x80 if version == V3 else 0x87]
        assert await client.subscribe("$share/g/secret/#") == [0x80 if version == V3 else 0x87]
        assert await client.subscribe("open") == [1]


mosquitto = pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="Mosquitto's clients are not installed")


def command(program: str, port: int, version: int, *more: str) -> list[str]:
    names = {V3: "311", V5: "5"}
    found = ["-h", "127.0.0.1", "-p", str(port), "-V", names[version], "-u", "alice", "-P", "a", *more]
    return [f"/usr/bin/{program}", *found]


@contextlib.asynccontextmanager
async def listening(port: int, version: int, count: int, *more: str) -> Any:
    """mosquitto_sub until it has `count` messages; gives a coroutine function that returns what it printed."""
    arguments = command("mosquitto_sub", port, version, "-C", str(count), "-W", "10", "-F", "%t|%p|%q|%r", *more)
    task = asyncio.create_task(run_program(*arguments))
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_S)


@mosquitto
@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_mosquitto_publishes_and_subscribes(version: int, qos: int) -> None:
    async with house() as here, listening(here.port, version, 3, "-t", "m/#", "-q", str(qos)) as listener:
        inbox = Inbox()
        here.server.subscribe("m/#", inbox)
        await until(lambda: any(session.subscriptions for session in here.server._sessions.values()))
        lines = command("mosquitto_pub", here.port, version, "-t", "m/x", "-q", str(qos), "-l")
        code, _, errors = await run_program(*lines, stdin=b"one\ntwo\nthree\n")
        assert (code, errors) == (0, "")
        code, out, errors = await listener
        assert (code, errors) == (0, "")
        granted = min(qos, 1)
        assert out.splitlines() == [f"m/x|{word}|{granted}|0" for word in ("one", "two", "three")]
        await inbox.count(3)
        assert inbox.payloads == [b"one", b"two", b"three"]


@mosquitto
@VERSIONS
async def test_mosquitto_retains_and_leaves_politely(version: int) -> None:
    async with house() as here:
        code, _, _ = await run_program(*command("mosquitto_pub", here.port, version, "-t", "r", "-m", "kept", "-r"))
        assert code == 0
        code, out, _ = await run_program(
            *command("mosquitto_sub", here.port, version, "-t", "r", "-C", "1", "-W", "10", "-F", "%p|%r")
        )
        assert (code, out) == (0, "kept|1\n")
        await until(lambda: here.server.connected_clients == 0)
        assert [event.clean for event in here.events if event.kind == "disconnected"] == [True, True]


@mosquitto
@VERSIONS
async def test_mosquitto_is_refused(version: int) -> None:
    async with house() as here:
        arguments = command("mosquitto_pub", here.port, version, "-t", "r", "-m", "x")
        code, _, errors = await run_program(*["wrong" if word == "a" else word for word in arguments])
        assert code == (5 if version == V3 else 134) or "refused" in errors.lower() or "bad" in errors.lower()
        assert here.story == ["auth_failed"]
        assert here.events[0].username == "alice"
        assert here.events[0].account is None


@mosquitto
async def test_mosquitto_sees_properties_pass_through() -> None:
    async with house() as here:
        sub = command("mosquitto_sub", here.port, V5, "-t", "p", "-C", "1", "-W", "10", "-F", "%C|%D|%R|%P|%p")
        task = asyncio.create_task(run_program(*sub))
        await until(lambda: any(session.subscriptions for session in here.server._sessions.values()))
        properties = [
            word
            for name, value in (
                ("content-type", "text/x"), ("correlation-data", "42"), ("response-topic", "back"),
            )
            for word in ("-D", "publish", name, value)
        ]  # fmt: skip
        pair = ("-D", "publish", "user-property", "k", "v", "-D", "publish", "message-expiry-interval", "30")
        code, _, _ = await run_program(
            *command("mosquitto_pub", here.port, V5, "-t", "p", "-m", "body", *properties, *pair)
        )
        assert code == 0
        _, out, _ = await task
        assert out == "text/x|42|back|k:v|body\n"
