"""Who may report for what: the binding rules of security.md M1 to M5, and presence by dji-pilot-2.md 6.2."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ofh.backends.ports import Session, SessionChange
from ofh.domain.events import PresenceChanged
from ofh.store.database import Database
from ofh.store.models import AuditEntry, Binding, Drone, RemoteController
from tests.captures.reader import capture
from tests.support.fleet import START, FleetBench, position, seconds


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def ours(bench: FleetBench) -> int:
    """A workspace with the connections c-1 and c-2."""
    found = await bench.workspace("ours")
    await bench.connection(found, "c-1")
    await bench.connection(found, "c-2")
    return found


@pytest.fixture
async def theirs(bench: FleetBench) -> int:
    """A stranger's workspace with the connection x-1."""
    found = await bench.workspace("theirs")
    await bench.connection(found, "x-1")
    return found


async def test_a_topology_makes_and_binds_the_devices(bench: FleetBench, ours: int) -> None:
    assert await bench.announce("c-1", "RC1", "AC1", "AC2")
    drones = await Drone.filter(workspace_id=ours).order_by("serial_number")
    assert [(d.serial_number, d.type, d.sub_type, d.online) for d in drones] == [
        ("AC1", 67, 1, True),
        ("AC2", 67, 1, True),
    ]
    controller = await RemoteController.get(workspace_id=ours)
    assert (controller.serial_number, controller.type, controller.online) == ("RC1", 119, True)
    assert bench.bindings.serials("c-1") == {"RC1", "AC1", "AC2"}
    assert bench.broker.accounts["c-1"].serials == {"RC1", "AC1", "AC2"}


async def test_a_repeated_topology_changes_nothing_and_is_answered_again(bench: FleetBench, ours: int) -> None:
    for _ in range(3):
        assert await bench.announce("c-1", "RC1", "AC1")
    assert await Binding.all().count() == 2


async def test_an_unknown_account_binds_nothing(bench: FleetBench, ours: int) -> None:
    assert not await bench.announce("nobody", "RC1", "AC1")
    assert await Binding.all().count() == 0


async def test_a_stranger_cannot_take_what_is_online(bench: FleetBench, ours: int, theirs: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert await bench.announce("x-1", "RC9", "AC1"), "its own controller is its to use"
    assert bench.bindings.serials("x-1") == {"RC9"}
    assert bench.bindings.serials("c-1") == {"RC1", "AC1"}
    assert not await Drone.filter(workspace_id=theirs).exists()
    assert (await bench.drone("AC1", ours)).online
    assert await AuditEntry.filter(action="serial conflict", workspace_id=theirs).exists()


async def test_a_stranger_cannot_take_a_controller_that_is_online(bench: FleetBench, ours: int, theirs: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert not await bench.announce("x-1", "RC1", "AC7")
    assert bench.bindings.serials("x-1") == frozenset()


async def test_what_is_only_known_moves_and_leaves_its_history_behind(
    bench: FleetBench, ours: int, theirs: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.report("AC1", position(), sent_at=START)
    bench.now += seconds(61)
    await bench.presence.sweep()
    assert await bench.announce("x-1", "RC9", "AC1")
    assert bench.bindings.serials("c-1") == {"RC1"}
    assert bench.bindings.serials("x-1") == {"RC9", "AC1"}
    await bench.report("AC1", position(), sent_at=bench.now)
    assert len(await bench.history("AC1", ours)) == 1
    assert len(await bench.history("AC1", theirs)) == 1
    assert not (await bench.drone("AC1", ours)).online


async def test_an_account_is_believed_for_its_own_serials_only(bench: FleetBench, ours: int, theirs: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    assert await bench.telemetry.find("AC1", None, "c-1") is not None
    assert await bench.telemetry.find("AC1", None, "x-1") is None
    assert await bench.telemetry.find("AC1", "RC9", "c-1") is None, "through a controller that never announced it"
    assert await bench.telemetry.find("ZZ", None, None) is None


async def test_both_controllers_of_an_aircraft_may_report_it(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC2", "AC1")
    assert await bench.telemetry.find("AC1", "RC1", "c-1") is not None
    assert await bench.telemetry.find("AC1", "RC2", "c-2") is not None
    assert await Drone.filter(serial_number="AC1").count() == 1


async def test_an_aircraft_that_left_is_offline(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    async with bench.listening(ours) as heard:
        await bench.announce("c-1", "RC1", at=START + seconds(2))
    assert not (await bench.drone("AC1", ours)).online
    assert [event.online for event in heard if isinstance(event, PresenceChanged)] == [False]


async def test_an_aircraft_that_another_controller_has_stays_online(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC2", "AC1")
    await bench.announce("c-1", "RC1", at=START + seconds(2))
    assert (await bench.drone("AC1", ours)).online


async def test_a_topology_from_before_changes_nothing(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1", at=START + seconds(5))
    assert await bench.announce("c-1", "RC1", at=START)
    assert (await bench.drone("AC1", ours)).online


async def test_a_controller_that_changes_its_connection_takes_its_aircraft_along(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await bench.announce("c-2", "RC1", "AC1")
    assert bench.bindings.serials("c-1") == frozenset()
    assert bench.bindings.serials("c-2") == {"RC1", "AC1"}


@pytest.mark.parametrize(("change", "after", "online"), [("lost", 29, True), ("lost", 31, False), ("left", 0, False)])
async def test_a_link_that_ends_takes_its_devices_offline(
    bench: FleetBench, ours: int, change: str, after: float, online: bool
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    bench.now += seconds(1)
    bench.presence.session_changed(Session(account="c-1", change=SessionChange(change), at=bench.now))
    bench.now += seconds(after)
    await bench.presence.sweep()
    assert (await bench.drone("AC1", ours)).online is online
    assert (await RemoteController.get(serial_number="RC1")).online is online


async def test_a_link_that_comes_back_in_time_leaves_its_devices_online(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    bench.presence.session_changed(Session(account="c-1", change=SessionChange.LOST, at=bench.now))
    bench.presence.session_changed(Session(account="c-1", change=SessionChange.CONNECTED, at=bench.now + seconds(5)))
    bench.now += seconds(40)
    await bench.presence.sweep()
    assert (await bench.drone("AC1", ours)).online


async def test_captured_messages_go_all_the_way(bench: FleetBench, ours: int) -> None:
    for name in ("status-online-rc-plus-m30t", "osd-m30t-wayline", "osd-rc-plus", "events-need-reply"):
        message: dict[str, Any] = capture(f"mqtt-{name}")
        assert await bench.message(message["topic"], json.dumps(message["payload"]).encode(), "c-1")
    drone = await bench.drone("1581XTESTM30T0001", ours)
    assert drone.state["battery"][1][0] == 70
    topics = [topic for topic, _ in bench.broker.published]
    assert topics[0] == "sys/product/5XTESTRCP00001/status_reply"
    reply = json.loads(bench.broker.published[0][1])
    asked = capture("mqtt-status-online-rc-plus-m30t")["payload"]
    assert (reply["tid"], reply["bid"], reply["method"], reply["data"]) == (
        asked["tid"],
        asked["bid"],
        "update_topo",
        {"result": 0},
    )


async def test_a_gateway_in_the_payload_that_does_not_fit_is_dropped_and_counted(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    payload = {"timestamp": 1, "gateway": "RC7", "data": {"latitude": 1.0, "longitude": 1.0, "height": 1.0}}
    assert await bench.message("thing/product/AC1/osd", json.dumps(payload).encode(), "c-1")
    assert bench.counts.drops["not_bound"] == 1
    assert await bench.history("AC1", ours) == []


async def test_nonsense_is_acknowledged_and_counted_and_stops_nothing(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    for payload in (b"", b"{", b"[]", b"\xff", b'{"data": {"latitude": "x", "longitude": 1}}', b"[" * 5000):
        assert await bench.message("thing/product/AC1/osd", payload, "c-1")
    assert await bench.message("some/other/topic", b"{}", "c-1")
    good = {"data": {"latitude": 1.0, "longitude": 1.0, "height": 1.0}}
    assert await bench.message("thing/product/AC1/osd", json.dumps(good).encode(), "c-1")
    assert len(await bench.history("AC1", ours)) == 1
