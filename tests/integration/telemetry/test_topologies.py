"""Who may report for what: the binding rules of security.md M1 to M5, and presence by dji-pilot-2.md 6.2."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ofh.backends.ports import Session, SessionChange
from ofh.domain.errors import Code, HubError
from ofh.domain.events import PresenceChanged
from ofh.services import bindings as bindings_module
from ofh.services import topologies as topologies_module
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


async def test_a_stranger_with_two_connections_cannot_write_our_drone(
    bench: FleetBench, ours: int, theirs: int
) -> None:
    """The controller moves to the stranger; the aircraft that hung on it does not."""
    await bench.connection(theirs, "x-2")
    await bench.announce("c-1", "RC1", "AC1")
    await bench.report("AC1", position(longitude=9.0), sent_at=START)
    bench.now += seconds(61)
    await bench.presence.sweep()
    await bench.announce("x-1", "RC1")
    await bench.announce("x-2", "RC1")
    assert bench.bindings.serials("x-2") == {"RC1"}
    body = {
        "gateway": "RC1",
        "timestamp": int(bench.now.timestamp() * 1000),
        "data": {"longitude": 1.0, "latitude": 2.0, "height": 3.0},
    }
    await bench.message("thing/product/AC1/osd", json.dumps(body).encode(), "x-2")
    assert (await bench.drone("AC1", ours)).state["fix"][1][0] == 9.0


async def test_a_stranger_who_takes_a_controller_takes_no_aircraft_offline(
    bench: FleetBench, ours: int, theirs: int
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    bench.now += seconds(50)
    await bench.announce("c-2", "RC2", "AC1")
    bench.now += seconds(20)
    await bench.report("AC1", position(), sent_at=bench.now, gateway="RC2")
    await bench.presence.sweep()
    async with bench.listening(theirs) as heard:
        assert await bench.announce("x-1", "RC1")
    assert (await bench.drone("AC1", ours)).online
    assert not [event for event in heard if isinstance(event, PresenceChanged)]


async def test_a_new_serial_that_two_workspaces_claim_at_once_is_bound_in_one(
    bench: FleetBench, ours: int, theirs: int
) -> None:
    for n in range(10):
        await asyncio.gather(
            bench.announce("c-1", f"A{n}", f"S{n}"),
            bench.announce("x-1", f"B{n}", f"S{n}"),
        )
        owners = await Binding.filter(serial_number=f"S{n}").values_list("connection__workspace_id", flat=True)
        assert len(owners) == 1


async def test_a_message_is_not_acknowledged_while_the_database_is_away(
    bench: FleetBench, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    real = bench.bindings.refresh
    attempts = 0

    async def away_twice(serials: list[str]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise HubError(Code.UNAVAILABLE, "away")
        await real(serials)

    await bench.bindings.refresh([])
    monkeypatch.setattr(bench.bindings, "refresh", away_twice)
    monkeypatch.setattr(bench.bindings, "_by_serial", {})
    body = {"gateway": "RC1", "data": {"longitude": 1, "latitude": 2, "height": 3}}
    assert await bench.message("thing/product/AC1/osd", json.dumps(body).encode(), "c-1")
    assert attempts == 3
    assert len(await bench.history("AC1", ours)) == 1


async def test_a_broker_that_is_away_keeps_no_topology_from_its_answer(
    bench: FleetBench, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_account: object) -> None:
        raise HubError(Code.UNAVAILABLE, "away")

    monkeypatch.setattr(bench.broker, "put_account", away)
    async with bench.listening(ours) as heard:
        assert await bench.announce("c-1", "RC1", "AC1")
        await bench.topologies.stop()
    assert [event.online for event in heard if isinstance(event, PresenceChanged)] == [True]


async def test_an_older_reading_of_the_table_does_not_undo_a_newer_one(
    bench: FleetBench, ours: int, theirs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.announce("c-1", "RC1", "AC1")
    await Drone.all().update(online=False)
    await RemoteController.all().update(online=False)
    gate = asyncio.Event()
    real = Binding.all

    class Slow:
        def select_related(self, *names: str) -> Any:
            async def read() -> Any:
                rows = await real().select_related(*names)
                await gate.wait()
                return rows

            return read()

    monkeypatch.setattr(bindings_module.Binding, "all", Slow)
    loading = asyncio.create_task(bench.bindings.load())
    await asyncio.sleep(0.05)
    claiming = asyncio.create_task(bench.announce("x-1", "RC1", "AC1"))
    await asyncio.sleep(0.05)
    gate.set()
    await asyncio.gather(loading, claiming)
    assert bench.bindings.serials("c-1") == frozenset()
    assert bench.bindings.serials("x-1") == {"RC1", "AC1"}


async def test_a_topology_after_the_clock_was_put_right_binds_its_aircraft(bench: FleetBench, ours: int) -> None:
    await bench.announce("c-1", "RC1", at=START + seconds(240))
    bench.now += seconds(10)
    await bench.announce("c-1", "RC1", "AC1", at=bench.now)
    assert "AC1" in bench.bindings.serials("c-1")


async def test_one_connection_speaks_for_so_many_serials_at_the_most(
    bench: FleetBench, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topologies_module, "MAX_SERIALS", 4)
    assert await bench.announce("c-1", "RC1", "AC1", "AC2", "AC3")
    assert await bench.announce("c-1", "RC1", "AC1", "AC2")
    assert not await bench.announce("c-1", "RC1", "AC1", "AC4")
    assert bench.counts.drops["too_many_serials"] == 1


async def test_topologies_without_end_are_shed(bench: FleetBench, ours: int) -> None:
    body = {"method": "update_topo", "data": {"type": 119, "sub_devices": []}}
    while bench.telemetry.allows("c-1"):
        pass
    assert await bench.message("sys/product/RC1/status", json.dumps(body).encode(), "c-1")
    assert bench.counts.drops["shed"] == 1
    assert await Binding.all().count() == 0
