"""The captured sequences, published by controllers to a real hub as if they happened just now: the flights that come of
them, as a client of the API sees them (dji-pilot-2.md, chapter 10)."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import pytest

from tests.captures.reader import capture, names
from tests.support.hubs import Way, hub_process

FLIGHTS = """
query Flights($workspace: ID!) { workspace(id: $workspace) {
  drones { serialNumber telemetry { reportedAt }
    currentFlight { startedAt } flights { edges { node { startedAt landedAt endedAt } } } }
  events(first: 200) { edges { node { __typename ... on FlightStarted { flight { drone { serialNumber } } } } } }
} }
"""
SEQUENCES = names("mqtt-sequence-")


def shifted(name: str, suffix: str) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """A sequence with serial numbers of its own, moved in time so that its last message is of now; the shift, in ms."""
    text = json.dumps(capture(name)["messages"])
    messages = json.loads(text.replace("1581XTESTM30T0001", f"UAV{suffix}").replace("5XTESTRCP00001", f"RC{suffix}"))
    shift_ms = int(datetime.now(UTC).timestamp() * 1000) - messages[-1]["payload"]["timestamp"]
    for message in messages:
        message["payload"]["timestamp"] += shift_ms
    return [(message["topic"], message["payload"]) for message in messages], shift_ms


def online(suffix: str, at_ms: int) -> tuple[str, dict[str, Any]]:
    """The topology that binds the aircraft, before the sequence."""
    data = {
        "domain": "2",
        "type": 119,
        "sub_type": 0,
        "sub_devices": [{"sn": f"UAV{suffix}", "domain": "0", "type": 67, "sub_type": 1, "index": "A"}],
    }
    message = {"tid": "t", "bid": "b", "timestamp": at_ms, "method": "update_topo", "data": data}
    return f"sys/product/RC{suffix}/status", message


async def play(way: Way, line: AsyncExitStack, connection: dict[str, Any], name: str, suffix: str) -> int:
    """Publish a sequence by a connection, one message after the other; the shift in time, in ms.

    Args:
        line: until it ends the controller stays connected: who leaves takes its aircraft along.
    """
    client = await line.enter_async_context(
        aiomqtt.Client(
            "127.0.0.1",
            way.mqtt_port,
            username=connection["connection_id"],
            password=connection["secret"],
            identifier=f"controller-{suffix}",
        )
    )
    await client.subscribe(f"sys/product/RC{suffix}/status_reply", qos=1)
    before, _ = shifted(name, suffix)
    topic, message = online(suffix, before[0][1]["timestamp"] - 1000)
    await bind(client, topic, json.dumps(message))
    # Not the times from before the answer: on a busy machine they are long gone by now, and the flight is lost.
    messages, shift_ms = shifted(name, suffix)
    for topic, message in messages:
        await client.publish(topic, json.dumps(message), qos=1)
    return shift_ms


async def bind(client: aiomqtt.Client, topic: str, topology: str) -> None:
    """Repeat a topology until the hub answers, as Pilot does."""
    answers = aiter(client.messages)
    async with asyncio.timeout(60):
        while True:
            await client.publish(topic, topology, qos=1)
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await anext(answers)
                    return


def moment(shift_ms: int, captured_ms: int | None) -> datetime | None:
    return None if captured_ms is None else datetime.fromtimestamp((captured_ms + shift_ms) / 1000, UTC)


def as_expected(drone: dict[str, Any], expected: dict[str, Any], shift_ms: int) -> bool:
    """Whether a drone's flights are those that the sequence states."""
    flights = [edge["node"] for edge in drone["flights"]["edges"]]
    if drone["telemetry"] is None or len(flights) != expected.get("flights", 1):
        return False
    times = {"started_at_ms": "startedAt", "landed_at_ms": "landedAt"}
    return all(
        (None if (shown := flights[0][field]) is None else datetime.fromisoformat(shown))
        == moment(shift_ms, expected[key])
        for key, field in times.items()
        if key in expected
    )


async def test_captured_sequences_give_the_flights_that_they_state(way: Way) -> None:
    """Chapter 10: take-off and landing sequences: one flight, right times; touch-and-go one flight; lost link and
    return one flight.
    """
    async with hub_process(way) as hub, AsyncExitStack() as line:
        await way.ofh("user", "create", "anna@example.org")
        workspace = str((await way.ofh("workspace", "create", "Field", "--owner", "anna@example.org"))["id"])
        token = (await way.ofh("token", "create", "anna@example.org", "test"))["token"]
        connections = [await way.ofh("connection", "create", workspace, name) for name in SEQUENCES]
        shifts = await asyncio.gather(
            *(
                play(way, line, connection, name, f"SEQ{n}")
                for n, (name, connection) in enumerate(zip(SEQUENCES, connections, strict=True))
            )
        )

        last: dict[str, Any] = {}

        async def seen() -> dict[str, Any]:
            answer = await hub.graphql(token, FLIGHTS, workspace=workspace)
            assert "errors" not in answer, answer
            last.update(answer["data"]["workspace"])
            return last

        for n, name in enumerate(SEQUENCES):
            expected = capture(name)["expect"]

            async def holds(n: int = n, expected: dict[str, Any] = expected) -> bool:
                drones = {drone["serialNumber"]: drone for drone in (await seen())["drones"]}
                return as_expected(drones[f"UAVSEQ{n}"], expected, shifts[n])

            await until(holds, name, last)
        flown = {f"UAVSEQ{n}" for n, name in enumerate(SEQUENCES) if capture(name)["expect"].get("flights", 1)}

        async def told() -> bool:
            events = [edge["node"] for edge in (await seen())["events"]["edges"]]
            starts = [event["flight"] for event in events if event["__typename"] == "FlightStarted"]
            assert len(starts) <= len(flown)
            return {flight["drone"]["serialNumber"] for flight in starts} == flown

        await until(told, "the journal", last)


async def until(holds: Any, what: str, last: dict[str, Any]) -> None:
    """Wait until it holds; what was last seen stands in the failure."""
    try:
        async with asyncio.timeout(60):
            while not await holds():
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"not as stated: {what}: {last}")
