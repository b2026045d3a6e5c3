"""What a listener sees: the state at once, then what is newer, nothing missed and nothing of others."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ofh.backends.ports import Interrupted
from ofh.domain.areas import Area
from ofh.domain.devices import DeviceState, Fix, Report
from ofh.domain.errors import Code, HubError
from ofh.domain.event_json import encode
from ofh.domain.events import DronePositioned
from ofh.services.workspace_feed import channel
from ofh.store.database import Database
from tests.support.fleet import START, FleetBench, charge, position, seconds

AT_ONCE = timedelta(0)


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def workspace_id(bench: FleetBench) -> int:
    found = await bench.workspace()
    await bench.connection(found, "c-1")
    await bench.announce("c-1", "RC1", "AC1", "AC2")
    return found


async def take(changes: AsyncIterator[list[DronePositioned]]) -> list[DronePositioned]:
    async with asyncio.timeout(60):
        return await anext(changes)


async def test_the_state_comes_first_then_what_is_newer(bench: FleetBench, workspace_id: int) -> None:
    await bench.report("AC1", position(longitude=1.0), sent_at=START)
    drone = await bench.drone("AC1", workspace_id)
    async with bench.feed.drone_position(drone.id) as watch:
        assert [item.fix.longitude_deg for item in watch.current()] == [1.0]
        changes = watch.changes()
        await bench.report("AC1", position(longitude=2.0), sent_at=START + seconds(2))
        [item] = await take(changes)
        assert item.fix.longitude_deg == 2.0
        assert watch.current() == [item]


async def test_what_comes_between_joining_and_the_snapshot_is_shown_once(bench: FleetBench, workspace_id: int) -> None:
    drone = await bench.drone("AC1", workspace_id)
    await bench.report("AC1", position(longitude=1.0), sent_at=START)
    async with bench.feed.drone_position(drone.id) as watch:
        changes = watch.changes()
        watch.mailbox.put(watch.current()[0], watch.current()[0].key)  # the event of what the snapshot holds already
        await bench.report("AC1", position(longitude=3.0), sent_at=START + seconds(1))
        assert [item.fix.longitude_deg for item in await take(changes)] == [3.0]


async def test_another_drone_and_another_workspace_are_not_seen(bench: FleetBench, workspace_id: int) -> None:
    other = await bench.workspace("other")
    await bench.connection(other, "x-1")
    await bench.announce("x-1", "RC9", "AC9")
    one = await bench.drone("AC1", workspace_id)
    async with (
        bench.feed.drone_position(one.id) as watch,
        bench.feed.workspace_positions(workspace_id, None, AT_ONCE) as whole,
    ):
        await bench.report("AC9", position(), sent_at=START)
        await bench.report("AC2", position(longitude=5.0), sent_at=START)
        await bench.report("AC1", position(longitude=6.0), sent_at=START)
        assert [item.fix.longitude_deg for item in await take(watch.changes())] == [6.0]
        changes = whole.changes()
        seen = [*(await take(changes)), *(await take(changes))]
        assert [item.fix.longitude_deg for item in seen] == [5.0, 6.0]


async def test_an_interval_gives_the_newest_of_each_drone(bench: FleetBench, workspace_id: int) -> None:
    async with bench.feed.workspace_positions(workspace_id, None, timedelta(milliseconds=200)) as watch:
        changes = watch.changes()
        await bench.report("AC1", position(longitude=1.0), sent_at=START)
        await take(changes)
        for n in range(2, 6):
            await bench.report("AC1", position(longitude=float(n)), sent_at=START + seconds(n))
            await bench.report("AC2", position(longitude=10.0 * n), sent_at=START + seconds(n))
        batch = await take(changes)
        newest = {item.drone_id: item.fix.longitude_deg for item in batch}
        assert len(newest) == len(batch)
        while set(newest.values()) != {5.0, 50.0}:
            newest.update({item.drone_id: item.fix.longitude_deg for item in await take(changes)})


async def test_only_what_is_inside_the_area_is_shown(bench: FleetBench, workspace_id: int) -> None:
    area = Area(west_deg=0, south_deg=40, east_deg=2, north_deg=60)
    await bench.report("AC1", position(longitude=1.0), sent_at=START)
    await bench.report("AC2", position(longitude=9.0), sent_at=START)
    async with bench.feed.workspace_positions(workspace_id, area, AT_ONCE) as watch:
        assert [item.fix.longitude_deg for item in watch.current()] == [1.0]
        changes = watch.changes()
        await bench.report("AC1", position(longitude=3.0), sent_at=START + seconds(1))
        await bench.report("AC2", position(longitude=1.5), sent_at=START + seconds(1))
        assert [item.fix.longitude_deg for item in await take(changes)] == [1.5]
        assert [item.fix.longitude_deg for item in watch.current()] == [1.5]


async def test_what_a_broken_line_swallowed_is_read_from_the_database(
    bench: FleetBench, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drone = await bench.drone("AC1", workspace_id)
    async with bench.feed.drone_position(drone.id) as watch:
        changes = watch.changes()

        async def lost(_channel: str, _data: bytes) -> None:
            raise HubError(Code.UNAVAILABLE, "away")

        with monkeypatch.context() as broken:
            broken.setattr(bench.bus, "publish", lost)
            await bench.report("AC1", position(longitude=4.0), sent_at=START)
        watch.mailbox.put(Interrupted("the line was lost"), "interrupted")
        assert [item.fix.longitude_deg for item in await take(changes)] == [4.0]


async def test_snapshot_and_events_end_in_what_a_fresh_snapshot_shows(bench: FleetBench, workspace_id: int) -> None:
    async with bench.feed.workspace_positions(workspace_id, None, AT_ONCE) as watch:
        changes = watch.changes()
        for n in range(20):
            serial = f"AC{1 + n % 2}"
            await bench.report(serial, position(longitude=float(n)), sent_at=START + seconds(n % 7))
        async with bench.feed.workspace_positions(workspace_id, None, AT_ONCE) as fresh:
            wanted = {item.drone_id: item.fix for item in fresh.current()}
        while {item.drone_id: item.fix for item in watch.current()} != wanted:
            await take(changes)


async def test_batteries_and_controllers_have_views_too(bench: FleetBench, workspace_id: int) -> None:
    drone = await bench.drone("AC1", workspace_id)
    bound = await bench.telemetry.find("RC1", None, "c-1")
    assert bound is not None
    async with (
        bench.feed.drone_battery(drone.id) as battery,
        bench.feed.workspace_batteries(workspace_id, AT_ONCE) as all_batteries,
        bench.feed.remote_controller_position(bound.device_id) as controller,
    ):
        await bench.report("AC1", charge(55), sent_at=START)
        await bench.report("RC1", position(longitude=7.0, height=0.0), sent_at=START)
        async with asyncio.timeout(60):
            [charged] = await anext(battery.changes())
            [same] = await anext(all_batteries.changes())
            [placed] = await anext(controller.changes())
    assert charged.battery.capacity_percent == 55
    assert same == charged
    assert placed.fix.longitude_deg == 7.0


async def test_a_drone_that_does_not_exist_is_gone(bench: FleetBench) -> None:
    with pytest.raises(HubError) as refusal:
        async with bench.feed.drone_position(4711):
            pass
    assert refusal.value.code is Code.GONE


async def test_nothing_remains_when_the_last_listener_leaves(bench: FleetBench, workspace_id: int) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with bench.feed.workspace_positions(workspace_id, None, AT_ONCE):
            pass
    assert len(asyncio.all_tasks()) == before


async def test_one_unreadable_message_does_not_end_a_feed(bench: FleetBench, workspace_id: int) -> None:
    drone = await bench.drone("AC1", workspace_id)
    async with bench.feed.drone_position(drone.id) as watch:
        changes = watch.changes()
        for bad in (b"{", b"[1]", b'[["position"]]', b"\xff"):
            await bench.bus.publish(channel(workspace_id), bad)
        await bench.report("AC1", position(longitude=4.0), sent_at=START)
        assert [item.fix.longitude_deg for item in await take(changes)] == [4.0]


async def test_an_older_event_does_not_bring_back_who_left_the_area(bench: FleetBench, workspace_id: int) -> None:
    area = Area(west_deg=9, south_deg=0, east_deg=11, north_deg=80)
    drone = await bench.drone("AC1", workspace_id)

    async def event(longitude: float, second: float) -> None:
        state = DeviceState().merge(Report(at=START + seconds(second), values=position(longitude)))
        fix = Fix(longitude_deg=longitude, latitude_deg=50.49, height_m=1000.0)
        positioned = DronePositioned(
            workspace_id=workspace_id, drone_id=drone.id, at=START + seconds(second), fix=fix, state=state
        )
        await bench.bus.publish(channel(workspace_id), encode([positioned]))

    async with bench.feed.workspace_positions(workspace_id, area, AT_ONCE) as watch:
        changes = watch.changes()
        await event(10, 1)
        assert [item.fix.longitude_deg for item in await take(changes)] == [10]
        await event(50, 4)
        await event(10, 2)
        await event(10.5, 5)
        assert [item.fix.longitude_deg for item in await take(changes)] == [10.5]


async def test_without_an_interval_every_report_is_shown(bench: FleetBench, workspace_id: int) -> None:
    drone = await bench.drone("AC1", workspace_id)
    async with bench.feed.drone_position(drone.id) as watch:
        for n in range(10):
            await bench.report("AC1", position(longitude=float(n)), sent_at=START + seconds(n))
        changes = watch.changes()
        shown = [item.fix.longitude_deg for _ in range(10) for item in await take(changes)]
    assert shown == [float(n) for n in range(10)]
