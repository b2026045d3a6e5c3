"""What a hub has to do with the captured messages of controllers, line by line of the list in dji-pilot-2.md, chapter
10, as far as it is about MQTT: each message by the consumer into both databases. Flights: tests/integration/hub; what
is decoded of each capture to the last value: tests/unit/dji.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ofh.backends.ports import Session, SessionChange
from ofh.dji.properties import decode_aircraft
from ofh.domain.errors import Code, HubError
from ofh.domain.events import PresenceChanged
from ofh.services.grants import UploadGrant
from ofh.store.database import Database
from ofh.store.models import Drone, RemoteController, Workspace
from tests.captures.reader import capture, names
from tests.support.fleet import FleetBench, seconds

PATIENCE_S = 30
DIALECTS = {
    "current": "mqtt-status-online-rc-plus-m30t",
    "string numbers": "mqtt-status-online-string-numbers",
    "version": "mqtt-status-online-legacy-version",
    "M4": "mqtt-status-online-rc-plus-2-m4t",
}
AIRCRAFT_OSD = [name for name in names("mqtt-osd-") if not name.startswith("mqtt-osd-rc-")]


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def ours(bench: FleetBench) -> int:
    """A workspace with the connection c-1."""
    found = await bench.workspace("ours")
    await bench.connection(found, "c-1")
    return found


async def say(bench: FleetBench, topic: str, payload: dict[str, Any]) -> bool:
    return await bench.message(topic, json.dumps(payload).encode(), "c-1")


async def play(bench: FleetBench, name: str) -> dict[str, Any]:
    """A captured message, as it is; the devices of its topic and its gateway are bound first."""
    message = capture(name)
    serial, gateway = message["topic"].split("/")[2], message["payload"].get("gateway")
    if gateway is not None:
        await bench.announce("c-1", gateway, *([] if gateway == serial else [serial]))
    assert await say(bench, message["topic"], message["payload"]), "not acknowledged"
    return message


async def positions(bench: FleetBench, serial: str, workspace_id: int) -> list[tuple[float | None, float | None]]:
    return [(row.longitude, row.latitude) for row in await bench.history(serial, workspace_id)]


def replies(bench: FleetBench) -> list[tuple[str, dict[str, Any]]]:
    return [(topic, json.loads(payload)) for topic, payload in bench.broker.published]


async def answers(bench: FleetBench, number: int) -> list[tuple[str, dict[str, Any]]]:
    """So many answers to requests; nobody waits for those that take a while."""
    async with asyncio.timeout(PATIENCE_S):
        while len(found := [item for item in replies(bench) if item[0].endswith("/requests_reply")]) < number:
            await asyncio.sleep(0.01)
    assert len(found) == number
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_topology_in_each_dialect_is_answered_as_often_as_it_comes(
    bench: FleetBench, ours: int, dialect: str
) -> None:
    """Chapter 10: update_topo in four dialects → reply with the same tid/bid and `result` 0; twice → twice."""
    asked = capture(DIALECTS[dialect])
    for _ in range(2):
        assert await say(bench, asked["topic"], asked["payload"])
    assert len(replies(bench)) == 2
    for topic, reply in replies(bench):
        assert topic == f"{asked['topic']}_reply"
        assert reply.keys() == capture("mqtt-status-reply")["payload"].keys()
        assert (reply["tid"], reply["bid"]) == (asked["payload"]["tid"], asked["payload"]["bid"])
        assert (reply["method"], reply["data"]) == ("update_topo", {"result": 0})
    [aircraft] = asked["payload"]["data"]["sub_devices"]
    drone = await bench.drone(aircraft["sn"], ours)
    assert (drone.online, drone.type, drone.sub_type) == (True, int(aircraft["type"]), int(aircraft["sub_type"]))


@pytest.mark.parametrize("name", AIRCRAFT_OSD)
async def test_the_osd_of_each_aircraft_is_stored(bench: FleetBench, ours: int, name: str) -> None:
    """Chapter 10: aircraft OSD of every model: position, battery, payload block found; unknown members stored or
    skipped, none fatal.
    """
    message = await play(bench, name)
    data = message["payload"]["data"]
    drone = await bench.drone(message["topic"].split("/")[2], ours)
    told = decode_aircraft(data)
    assert told, "nothing of it was found"
    assert {property.value for property in told} - {"fix"} <= drone.state.keys()
    if "capacity_percent" in data.get("battery", {}):
        assert drone.state["battery"][1][0] == int(data["battery"]["capacity_percent"])
    if any(isinstance(value, dict) and "gimbal_yaw" in value for value in data.values()):
        assert "gimbal_yaw_deg" in drone.state
    wanted = (float(data["longitude"]), float(data["latitude"])) if float(data.get("longitude", 0)) else (None, None)
    assert await positions(bench, drone.serial_number, ours) == [wanted]


async def test_what_has_no_fix_has_no_position(bench: FleetBench, ours: int) -> None:
    """Chapter 10: no-fix OSD gives no position; controller height 0 gives no height."""
    await play(bench, "mqtt-osd-m300-h20n-no-fix")
    await play(bench, "mqtt-osd-rc-no-fix")
    aircraft = await bench.drone("1ZNXTESTM300001", ours)
    controller = await RemoteController.get(serial_number="3XTESTSCE00001")
    assert "fix" not in aircraft.state
    assert "fix" not in controller.state
    assert await positions(bench, "1ZNXTESTM300001", ours) == [(None, None)]
    told = (await play(bench, "mqtt-osd-rc-plus"))["payload"]["data"]
    controller = await RemoteController.get(serial_number="5XTESTRCP00001")
    assert told["height"] == 0
    assert controller.state["fix"][1] == [told["longitude"], told["latitude"], None]


@pytest.mark.parametrize("end", ["empty topology", "silence", "MQTT loss"])
async def test_what_goes_goes_offline_and_that_is_told_once(bench: FleetBench, ours: int, end: str) -> None:
    """Chapter 10: empty topology, silence, MQTT loss → offline, pushed once."""
    await play(bench, "mqtt-status-online-rc-plus-m30t")
    async with bench.listening(ours) as heard:
        match end:
            case "empty topology":
                await play(bench, "mqtt-status-aircraft-offline")
                await play(bench, "mqtt-status-aircraft-offline")
            case "silence":
                bench.now += seconds(61)
            case "MQTT loss":
                bench.presence.session_changed(Session(account="c-1", change=SessionChange.LOST, at=bench.now))
                bench.now += seconds(31)
        for _ in range(3):
            await bench.presence.sweep()
    assert not (await Drone.get(serial_number="1581XTESTM30T0001")).online
    drone = await bench.drone("1581XTESTM30T0001", ours)
    told = [event for event in heard if isinstance(event, PresenceChanged) and event.drone_id == drone.id]
    assert [event.online for event in told] == [False]


async def test_an_event_is_answered_where_that_is_wished(bench: FleetBench, ours: int) -> None:
    """Chapter 10: events with `need_reply` 1 answered, others not; events on the aircraft's topic accepted."""
    for name in ("mqtt-events-hms", "mqtt-events-hms-2023", "mqtt-events-status-code-2023"):
        await play(bench, name)  # the latter two on the aircraft's topic
    assert replies(bench) == []
    asked = await play(bench, "mqtt-events-need-reply")
    [(topic, reply)] = replies(bench)
    expected = capture("mqtt-events-reply")
    assert topic == expected["topic"] == f"{asked['topic']}_reply"
    assert {**reply, "timestamp": 0} == {**expected["payload"], "timestamp": 0}


async def test_credentials_asked_for_over_mqtt_are_those_of_sts(
    bench: FleetBench, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question is answered (dji-pilot-2.md, 5.10): this one with exactly the `data` of `sts`."""
    asked = await play(bench, "mqtt-requests-storage-config-get")
    [(topic, reply)] = await answers(bench, 1)
    expected = capture("mqtt-requests-reply-storage-config-get")
    assert topic == expected["topic"] == f"{asked['topic']}_reply"
    output, wanted = reply["data"]["output"], expected["payload"]["data"]["output"]
    assert {**reply, "timestamp": 0, "data": 0} == {**expected["payload"], "timestamp": 0, "data": 0}
    assert reply["data"]["result"] == 0
    assert {name: type(value) for name, value in output.items()} == {
        name: type(value) for name, value in wanted.items()
    }
    assert output["credentials"].keys() == wanted["credentials"].keys()
    assert output["credentials"]["expire"] == wanted["credentials"]["expire"]
    uuid = (await Workspace.get(id=ours)).uuid
    assert output["object_key_prefix"].startswith(f"{uuid}/")

    async def away(*_: object) -> None:
        raise HubError(Code.UNAVAILABLE, "The object store is away.")

    monkeypatch.setattr(bench.grantees, "grant", away)
    await play(bench, "mqtt-requests-storage-config-get")
    assert (await answers(bench, 2))[-1][1]["data"] == {"result": 1}


async def test_a_store_that_hangs_over_credentials_holds_up_nothing_else(
    bench: FleetBench, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of all devices may come one after the other: the next one does not wait for the store."""
    grant, may_answer = bench.grantees.grant, asyncio.Event()

    async def slowly(connection_id: int) -> UploadGrant:
        await may_answer.wait()
        return await grant(connection_id)

    monkeypatch.setattr(bench.grantees, "grant", slowly)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(3):
            await play(bench, "mqtt-requests-storage-config-get")
    refused = await answers(bench, 2)
    assert [reply["data"] for _, reply in refused] == [{"result": 1}] * 2, "one at a time for each controller"
    may_answer.set()
    assert (await answers(bench, 3))[-1][1]["data"]["result"] == 0
