"""What the controllers of one workspace are pushed: paced by a clock of the test's own, whatever a reader does."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from ofh.backends.mailbox import Lagged, Mailbox
from ofh.backends.ports import Interrupted
from ofh.domain.devices import DeviceState, Fix, Property, Report
from ofh.domain.errors import Code, HubError
from ofh.domain.events import (
    ControllerPositioned,
    ControllerPresenceChanged,
    DronePositioned,
    Event,
    MapChange,
    MapElementChanged,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
)
from ofh.edges.outlet import text_header
from ofh.edges.pilot.room import Member, Room
from ofh.services.awareness import Device, Group

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
OURS, THEIRS = 1, 2
NORTH, SOUTH = 10, 20
"""Connections."""
MAP_GROUP = "d275c4e1-d864-4736-8b5d-5f5882ee9bdd"


def device(id: int, serial: str, domain: int) -> Device:
    return Device(id=id, serial=serial, callsign=serial, domain=domain, type=1, sub_type=0, online=True)


def group(connection_id: int, controller: int, *aircraft: int) -> Group:
    return Group(
        connection_id=connection_id,
        connection_name="c",
        controller=device(controller, f"RC{controller}", 2),
        aircraft=tuple(device(id, f"AC{id}", 0) for id in aircraft),
    )


@dataclass
class World:
    """Who is there, as a test says it."""

    there: list[Group] = field(default_factory=lambda: [group(NORTH, 1, 1), group(SOUTH, 2, 2, 3)])
    is_away: bool = False
    readings: int = 0

    def events(self, workspace_id: int) -> AbstractAsyncContextManager[Mailbox[Event | Interrupted]]:
        raise NotImplementedError

    async def groups(self, workspace_id: int) -> list[Group]:
        self.readings += 1
        self._check()
        return self.there

    async def map_group_ids(self, workspace_id: int) -> list[str]:
        self._check()
        return [MAP_GROUP]

    def _check(self) -> None:
        if self.is_away:
            raise HubError(Code.UNAVAILABLE, "away")


@dataclass
class Reader:
    """An outlet that keeps what it is given, and may stop taking it."""

    paused: bool = False
    raw: bool = True
    after: int | None = None
    """Takes so many pieces, then pauses."""
    written: list[bytes] = field(default_factory=list)

    def put(self, frames: bytes) -> None:
        self.written.append(frames)
        if self.after is not None and len(self.written) >= self.after:
            self.paused = True

    def message(self, text: bytes) -> None:
        self.written.append(text_header(len(text)) + text)

    async def drain(self) -> None: ...

    def taken(self) -> int | None:
        return None

    async def close(self, code: int, reason: str) -> None: ...

    def take(self) -> list[dict[str, Any]]:
        """What came since the last look, decoded."""
        data, self.written = b"".join(self.written), []
        found = []
        while data:
            size, begin = data[1], 2
            if size == 126:
                size, begin = int.from_bytes(data[2:4], "big"), 4
            found.append(orjson.loads(data[begin : begin + size]))
            data = data[begin + size :]
        return found

    def codes(self) -> list[str]:
        return [_short(message) for message in self.take()]


def _short(message: dict[str, Any]) -> str:
    data = message["data"]
    return str(data.get("sn", message["biz_code"]))


class Bench:
    """A room with two controllers in it."""

    def __init__(self) -> None:
        self.world = World()
        self.now_s = 100.0
        self.room = Room(self.world, OURS, lambda: START, lambda: self.now_s)
        self.north, self.south = Reader(), Reader()
        self.northern = self.enter(NORTH, self.north)
        self.southern = self.enter(SOUTH, self.south)

    def enter(self, connection_id: int, reader: Reader) -> Member:
        return self.room.join(connection_id, reader)

    async def tick(self, *events: Event | Interrupted | Lagged, after_s: float = 0.0) -> None:
        self.now_s += after_s
        await self.room.take(events)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def drone(id: int, longitude: float = 9.0, *, seconds: float = 0, workspace_id: int = OURS) -> DronePositioned:
    at = START + timedelta(seconds=seconds)
    fix = Fix(longitude_deg=longitude, latitude_deg=50.0, height_m=100.0)
    state = DeviceState().merge(Report(at=at, values={Property.FIX: fix}))
    return DronePositioned(workspace_id=workspace_id, drone_id=id, at=at, fix=fix, state=state)


def controller(id: int) -> ControllerPositioned:
    fix = Fix(longitude_deg=9.0, latitude_deg=50.0, height_m=0.0)
    return ControllerPositioned(workspace_id=OURS, remote_controller_id=id, at=START, fix=fix)


def presence(id: int, *, online: bool, workspace_id: int = OURS) -> PresenceChanged:
    return PresenceChanged(workspace_id=workspace_id, drone_id=id, at=START, online=online)


def drawn(name: str, change: MapChange = MapChange.CREATED) -> MapElementChanged:
    element = None if change is MapChange.DELETED else {"name": name, "type": 0, "user_name": "", "content": {}}
    return MapElementChanged(
        workspace_id=OURS, element_id=name, group_id=MAP_GROUP, change=change, at=START, element=element
    )


TOPOLOGY = TopologyChanged(workspace_id=OURS, gateway_serial="RC1", at=START)


def longitudes(messages: list[dict[str, Any]]) -> list[float]:
    return [message["data"]["host"]["longitude"] for message in messages]


async def test_everybody_sees_the_others_and_nobody_sees_themselves(bench: Bench) -> None:
    await bench.tick(drone(1), drone(2), drone(3), controller(1), controller(2))
    assert bench.north.codes() == ["AC2", "AC3", "RC2"]
    assert bench.south.codes() == ["AC1", "RC1"]


async def test_whom_it_does_not_concern_gets_the_same_bytes(bench: Bench) -> None:
    others = [Reader() for _ in range(3)]
    for reader in others:
        bench.enter(30, reader)
    await bench.tick(drone(1), drone(2))
    [first] = others[0].written
    assert all(reader.written == [first] and reader.written[0] is first for reader in others)


async def test_an_aircraft_with_two_controllers_is_pushed_to_neither(bench: Bench) -> None:
    bench.world.there = [group(NORTH, 1, 1), group(SOUTH, 2, 1)]
    other = Reader()
    bench.enter(30, other)
    await bench.tick(drone(1))
    assert (bench.north.codes(), bench.south.codes(), other.codes()) == ([], [], ["AC1"])


async def test_a_device_is_pushed_twice_a_second_and_the_newest_wins(bench: Bench) -> None:
    await bench.tick(drone(1, 1.0))
    for number in range(1, 8):
        await bench.tick(drone(1, 1.0 + number, seconds=number / 8), after_s=0.125)
    assert longitudes(bench.south.take()) == [1.0, 5.0]
    await bench.tick(after_s=0.125)
    assert longitudes(bench.south.take()) == [8.0]
    await bench.tick(after_s=5.0)
    assert bench.south.take() == []


async def test_an_older_position_that_comes_later_is_not_pushed(bench: Bench) -> None:
    await bench.tick(drone(1, 2.0, seconds=2))
    await bench.tick(drone(1, 1.0, seconds=1), after_s=1.0)
    assert longitudes(bench.south.take()) == [2.0]


async def test_notices_go_to_all_at_most_once_a_second(bench: Bench) -> None:
    await bench.tick(presence(1, online=True), presence(2, online=True), TOPOLOGY)
    assert bench.north.codes() == bench.south.codes() == ["device_online"]
    await bench.tick(presence(3, online=False), presence(3, online=True), after_s=0.875)
    assert bench.north.codes() == []
    seen = []
    for _ in range(40):
        await bench.tick(after_s=0.125)
        seen.append(bench.north.codes())
    assert sorted(code for codes in seen for code in codes) == [
        "device_offline",
        "device_online",
        "device_update_topo",
    ]
    assert [index for index, codes in enumerate(seen) if codes] == [0, 8, 16]


async def test_controllers_that_come_and_go_are_told_as_well(bench: Bench) -> None:
    await bench.tick(ControllerPresenceChanged(workspace_id=OURS, remote_controller_id=1, at=START, online=False))
    assert bench.south.codes() == ["device_offline"]


@pytest.mark.parametrize(
    ("table", "codes"),
    [(Table.DRONE, ["device_update_topo"]), (Table.CONNECTION, ["device_update_topo"]), (Table.FILE, [])],
)
async def test_a_name_that_changes_and_a_connection_that_goes_is_looked_up(
    bench: Bench, table: Table, codes: list[str]
) -> None:
    await bench.tick(RowChanged(workspace_id=OURS, table=table, row_id=1, at=START))
    assert bench.north.codes() == bench.south.codes() == codes


async def test_nothing_of_another_workspace_is_pushed(bench: Bench) -> None:
    await bench.tick(drone(1, workspace_id=THEIRS), presence(1, online=True, workspace_id=THEIRS))
    assert (bench.north.codes(), bench.south.codes()) == ([], [])


async def test_a_new_device_is_pushed_once_it_is_known_whose_it_is(bench: Bench) -> None:
    await bench.tick(drone(1))
    bench.world.there = [group(NORTH, 1, 1, 7), group(SOUTH, 2, 2, 3)]
    await bench.tick(drone(7))
    assert bench.south.codes() == ["AC1"]
    await bench.tick(after_s=0.25)
    assert (bench.north.codes(), bench.south.codes()) == ([], ["AC7"])


async def test_a_device_that_nobody_speaks_for_is_not_pushed_and_read_for_no_more_than_four_times_a_second(
    bench: Bench,
) -> None:
    for _ in range(100):
        await bench.tick(drone(99), after_s=0.02)
    assert (bench.north.codes(), bench.south.codes()) == ([], [])
    assert bench.world.readings <= 10


async def test_an_aircraft_that_changed_hands_is_anothers(bench: Bench) -> None:
    await bench.tick(drone(1))
    assert bench.south.codes() == ["AC1"]
    bench.world.there = [group(NORTH, 1), group(SOUTH, 2, 1)]
    await bench.tick(TOPOLOGY, drone(1, 2.0, seconds=1), after_s=1.0)
    assert bench.north.codes() == ["AC1", "device_update_topo"]
    assert bench.south.codes() == ["device_update_topo"]


async def test_a_database_that_is_away_stops_no_positions(bench: Bench) -> None:
    await bench.tick(drone(1))
    bench.south.take()
    bench.world.is_away = True
    await bench.tick(TOPOLOGY, drone(1, 2.0, seconds=1), after_s=1.0)
    assert bench.south.codes() == ["AC1", "device_update_topo"]


@pytest.mark.parametrize("hole", [Interrupted("the bus was away"), Lagged(3)])
async def test_after_a_hole_everybody_looks_again(bench: Bench, hole: Interrupted | Lagged) -> None:
    await bench.tick(hole)
    assert bench.north.codes() == bench.south.codes() == ["device_update_topo", "map_group_refresh"]


async def test_after_a_hole_the_map_is_refreshed_once_the_database_is_back(bench: Bench) -> None:
    bench.world.is_away = True
    await bench.tick(Interrupted("away"))
    assert bench.north.codes() == ["device_update_topo"]
    bench.world.is_away = False
    await bench.tick(after_s=1.0)
    [refresh] = bench.north.take()
    assert (refresh["biz_code"], refresh["data"]) == ("map_group_refresh", {"ids": [MAP_GROUP]})


async def test_what_is_drawn_is_pushed_at_once_and_in_order(bench: Bench) -> None:
    await bench.tick(drawn("a"), drawn("a", MapChange.UPDATED), drawn("a", MapChange.DELETED))
    expected = ["map_element_create", "map_element_update", "map_element_delete"]
    assert bench.north.codes() == bench.south.codes() == expected


async def test_a_slow_reader_gets_the_newest_of_what_it_missed_and_delays_nobody(bench: Bench) -> None:
    bench.south.paused = True
    for number in range(6):
        await bench.tick(drone(1, 1.0 + number, seconds=number), drone(2), after_s=1.0)
    await bench.tick(presence(1, online=True), presence(2, online=False), drawn("a"), drawn("b"), after_s=1.0)
    assert bench.south.written == []
    assert len(bench.north.take()) > 3, "the other one reads all the while"
    bench.south.paused = False
    bench.southern.resumed()
    position, notice, refresh = bench.south.take()
    assert longitudes([position]) == [6.0]
    assert (notice["biz_code"], refresh["biz_code"]) == ("device_update_topo", "map_group_refresh")
    assert refresh["data"] == {"ids": [MAP_GROUP]}
    await bench.tick(drone(1, 9.0, seconds=20), after_s=1.0)
    assert "AC1" in bench.south.codes(), "from then on it is pushed as everybody is"


async def test_a_reader_that_stops_midway_loses_nothing(bench: Bench) -> None:
    fleet = range(100, 600)
    bench.world.there = [group(NORTH, 1, *fleet), group(SOUTH, 2)]
    bench.south.after = 1
    await bench.tick(*(drone(id) for id in fleet))
    first = bench.south.codes()
    assert 0 < len(first) < len(fleet)
    bench.south.after, bench.south.paused = None, False
    bench.southern.resumed()
    assert sorted([*first, *bench.south.codes()]) == sorted(f"AC{id}" for id in fleet)


async def test_what_waits_for_a_reader_is_no_more_than_there_are_devices(bench: Bench) -> None:
    bench.south.paused = True
    for number in range(50):
        await bench.tick(drone(1, seconds=number), controller(1), presence(1, online=True), drawn("a"), after_s=1.0)
    assert len(bench.southern._missed) == 4


async def test_an_ordinary_way_out_gets_one_text_each(bench: Bench) -> None:
    plain = Reader(raw=False)
    bench.enter(SOUTH, plain)
    await bench.tick(drone(1), drone(2), presence(1, online=True))
    assert plain.codes() == ["AC1", "device_online"]


async def test_who_has_left_gets_nothing(bench: Bench) -> None:
    bench.room.leave(bench.southern)
    await bench.tick(drone(1))
    assert bench.south.written == []
