"""The hub's main job, seen from outside: a device publishes with Mosquitto's client, a dashboard sees it.

Captured messages, published with the credentials of a connection, reach a `dronePosition` subscriber of the npm client
`graphql-ws`; after a kill -9 and a restart the last position and the track are there; a stranger reaches nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import pytest

from tests.captures.reader import capture
from tests.support.hubs import HubProcess, Way, hub_process, mosquitto_pub, subscriber

pytestmark = [pytest.mark.npm, pytest.mark.usefixtures("npm_packages")]

AIRCRAFT = "1581XTESTM30T0001"
POSITION = """
subscription Position($id: ID!) {
  dronePosition(droneId: $id) {
    drone { serialNumber model }
    position { longitude latitude height reportedAt }
    telemetry { heading elevation flightMode }
  }
}
"""
DRONE = """
query Drone($workspace: ID!, $serial: String!, $from: DateTime!, $to: DateTime!) {
  workspace(id: $workspace) {
    drone(serialNumber: $serial) {
      id online model
      position { longitude latitude height }
      battery { capacityPercentLeft }
      track(from: $from, to: $to) { longitude latitude height }
    }
  }
}
"""


class Person:
    """Somebody with a workspace and a connection, made by the command line."""

    def __init__(self, workspace: str, token: str, connection: str, secret: str) -> None:
        self.workspace = workspace
        self.token = token
        self.connection = connection
        self.secret = secret


async def person(way: Way, email: str) -> Person:
    await way.ofh("user", "create", email)
    workspace = await way.ofh("workspace", "create", "Field", "--owner", email)
    connection = await way.ofh("connection", "create", str(workspace["id"]), "RC South")
    token = await way.ofh("token", "create", email, "test")
    return Person(str(workspace["id"]), token["token"], connection["connection_id"], connection["secret"])


async def publish(way: Way, who: Person, name: str, *, now: bool = False, **changes: Any) -> None:
    """Publish a capture; `now`: with the present time instead of the captured one, which no hub believes any more."""
    message = capture(f"mqtt-{name}")
    payload = {**message["payload"], "data": {**message["payload"]["data"], **changes}}
    if now:
        payload["timestamp"] = int(datetime.now(UTC).timestamp() * 1000)
    assert await mosquitto_pub(way, who.connection, who.secret, message["topic"], payload) == 0


@asynccontextmanager
async def controller(way: Way, who: Person) -> AsyncIterator[aiomqtt.Client]:
    """A controller that stays connected, and so online."""
    async with aiomqtt.Client(
        "127.0.0.1", way.mqtt_port, username=who.connection, password=who.secret, identifier="controller"
    ) as client:
        yield client


async def say(client: aiomqtt.Client, name: str, **changes: Any) -> None:
    message = capture(f"mqtt-{name}")
    payload = {**message["payload"], "data": {**message["payload"]["data"], **changes}}
    await client.publish(message["topic"], json.dumps(payload), qos=1)


async def drone(hub: HubProcess, who: Person) -> dict[str, Any] | None:
    now = datetime.now(UTC)
    answer = await hub.graphql(
        who.token,
        DRONE,
        workspace=who.workspace,
        serial=AIRCRAFT,
        **{"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(minutes=1)).isoformat()},
    )
    assert "errors" not in answer, answer
    found: dict[str, Any] | None = answer["data"]["workspace"]["drone"]
    return found


async def known(hub: HubProcess, who: Person) -> dict[str, Any]:
    """The drone, as soon as the hub knows it."""
    async with asyncio.timeout(60):
        while (found := await drone(hub, who)) is None:
            await asyncio.sleep(0.1)
    return found


async def test_captured_messages_reach_a_subscriber_and_survive_a_kill(way: Way) -> None:
    async with hub_process(way) as hub:
        us = await person(way, "anna@example.org")
        await publish(way, us, "status-online-rc-plus-m30t")
        found = await known(hub, us)
        assert (found["model"], found["position"], found["track"]) == ("Matrice 30T", None, [])
        async with subscriber(hub, us.token, POSITION, id=found["id"]) as reading:
            assert await reading.line() == {"connected": True}
            await publish(way, us, "osd-m30t-wayline")
            first = (await reading.line())["data"]["dronePosition"]
            assert first["drone"] == {"serialNumber": AIRCRAFT, "model": "Matrice 30T"}
            assert (first["position"]["longitude"], first["position"]["latitude"]) == (9.9542218, 50.4983121)
            assert first["telemetry"] == {"heading": 138, "elevation": 57.2, "flightMode": "wayline"}
            await publish(way, us, "osd-m30t-wayline", longitude=9.9555)
            second = (await reading.line())["data"]["dronePosition"]
            assert second["position"]["longitude"] == 9.9555
        hub.kill()
        await hub.process.wait()

    async with hub_process(way) as again:
        found = await known(again, us)
        assert found["position"] == {"longitude": 9.9555, "latitude": 50.4983121, "height": 1053.6}
        assert found["battery"] == {"capacityPercentLeft": 70}
        assert [point["longitude"] for point in found["track"]] == [9.9542218, 9.9555]
        async with subscriber(again, us.token, POSITION, id=found["id"]) as reading:
            assert await reading.line() == {"connected": True}
            assert (await reading.line())["data"]["dronePosition"]["position"]["longitude"] == 9.9555


async def test_a_stranger_publishes_and_sees_nothing_of_ours(way: Way) -> None:
    async with hub_process(way) as hub:
        us = await person(way, "anna@example.org")
        stranger = await person(way, "bob@example.org")
        async with controller(way, us) as device:
            await say(device, "status-online-rc-plus-m30t")
            found = await known(hub, us)
        async with controller(way, us) as device, subscriber(hub, us.token, POSITION, id=found["id"]) as reading:
            assert await reading.line() == {"connected": True}
            await say(device, "status-online-rc-plus-m30t")
            await say(device, "events-need-reply")
            await publish(way, stranger, "osd-m30t-wayline", longitude=1.0)
            await publish(way, stranger, "status-online-rc-plus-m30t")
            await publish(way, stranger, "status-aircraft-offline")
            await say(device, "osd-m30t-wayline", longitude=2.0)
            seen = (await reading.line())["data"]["dronePosition"]
            assert seen["position"]["longitude"] == 2.0
        assert [point["longitude"] for point in (await known(hub, us))["track"]] == [2.0]
        assert await drone(hub, stranger) is None

        hidden = await hub.graphql(stranger.token, "query($id: ID!) { drone(id: $id) { id } }", id=found["id"])
        assert hidden == {"data": {"drone": None}}
        nobody = await hub.graphql(None, "{ me { id } workspaces { id } }")
        assert nobody["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        async with subscriber(hub, stranger.token, POSITION, id=found["id"]) as refused:
            assert await refused.line() == {"connected": True}
            assert (await refused.line())["error"][0]["extensions"]["code"] == "GONE"
        async with subscriber(hub, "wrong", POSITION, id=found["id"]) as refused:
            assert (await refused.line())["error"]["code"] == 4403
        assert await mosquitto_pub(way, us.connection, "wrong", f"thing/product/{AIRCRAFT}/osd", "{}") != 0
        assert await mosquitto_pub(way, "nobody", "nothing", f"thing/product/{AIRCRAFT}/osd", "{}") != 0


@pytest.mark.parametrize("way", [pytest.param("services", marks=pytest.mark.services)], indirect=True)
async def test_two_hub_processes_are_one_hub(way: Way) -> None:
    async with hub_process(way, OFH_MQTT_CLIENT_ID="one") as one, hub_process(way, OFH_MQTT_CLIENT_ID="two") as two:
        us = await person(way, "anna@example.org")
        await publish(way, us, "status-online-rc-plus-m30t")
        found = await known(one, us)
        async with (
            subscriber(one, us.token, POSITION, id=found["id"]) as left,
            subscriber(two, us.token, POSITION, id=found["id"]) as right,
        ):
            assert await left.line() == await right.line() == {"connected": True}
            for step in range(1, 7):
                await publish(way, us, "osd-m30t-wayline", now=True, longitude=float(step))
            for reading in (left, right):
                while (await reading.line())["data"]["dronePosition"]["position"]["longitude"] != 6.0:
                    pass
        assert [point["longitude"] for point in (await known(two, us))["track"]] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


async def test_a_stop_is_clean(way: Way) -> None:
    async with hub_process(way) as hub:
        us = await person(way, "anna@example.org")
        async with subscriber(
            hub,
            us.token,
            "subscription($id: ID!) { workspacePositions(workspaceId: $id) { droneId } }",
            id=us.workspace,
        ) as reading:
            assert await reading.line() == {"connected": True}
            assert await reading.line() == {"data": {"workspacePositions": []}}
            hub.process.terminate()
            async with asyncio.timeout(30):
                assert await hub.process.wait() == 0
            assert (await reading.line())["error"]["code"] == 1001
    assert "Traceback" not in hub.log.read_text()
