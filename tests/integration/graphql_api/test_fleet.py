"""`fleet`: a Snapshot and what follows, from any cursor on, with a word for whatever may be missing."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
import structlog

from ofh.domain.actors import Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.errors import Code, HubError
from ofh.domain.events import BatteryReported, DronePositioned, Event, MediaUploaded, PresenceChanged
from ofh.edges.graphql import following, loaders, presenting, replaying
from ofh.edges.graphql.bodies import PORTION_BYTES
from ofh.edges.graphql.following import Following
from ofh.edges.graphql.follows import Follow
from ofh.edges.graphql.members import Member
from ofh.edges.graphql.rendering import Renderer
from ofh.edges.graphql.types import events as events_types
from ofh.edges.outlet import BY_TRANSPORT, HIGH_WATER_BYTES, Line, PlainOutlet, RawOutlet
from ofh.services import feed_pages, snapshots, steering, workspace_feed
from ofh.services.feed_pages import PAGE
from ofh.services.pages import read_feed_cursor, write_feed_cursor
from ofh.services.snapshots import Snapshot
from ofh.services.workspace_feed import FeedRules, channel
from ofh.store import feed as stored
from ofh.store import journal
from ofh.store.models import Drone
from tests.integration.graphql_api.gallery import PATIENCE_S, Gallery, Reader, opened, refusal, watch
from tests.integration.graphql_api.test_media import make_flight, make_media
from tests.integration.graphql_api.world import NOW, Api, World, later, make_drone, make_workspace

FLEET = """subscription ($id: ID!, $after: String, $delivery: Delivery, $interval: Int, $kinds: [FleetEventKind!],
    $area: Area, $view: String) {
  fleet(workspaceId: $id, after: $after, delivery: $delivery, interval: $interval, kinds: $kinds, area: $area,
      view: $view) {
    __typename cursor at
    ... on Snapshot { drones { id online position { latitude } } area { north } }
    ... on PositionReported { position { droneId position { latitude } } }
    ... on BatteryReported { battery { droneId battery { capacityPercentLeft } } }
    ... on DroneOnline { drone { id } }
    ... on DroneOffline { drone { id } }
    ... on MediaUploaded { media { id } }
    ... on Gap { from to reason }
  } }"""


async def follow(api: Api, gallery: Gallery, world: World, **variables: Any) -> Reader:
    """Subscribe; `ALL` unless it says otherwise."""
    wanted = {"delivery": "ALL", **variables}
    return await watch(api, gallery, world.member, FLEET, id=str(world.workspace.id), **wanted)


async def event(reader: Reader) -> Any:
    """The next event."""
    return (await reader.next())["fleet"]


async def events(reader: Reader, number: int) -> list[Any]:
    """The next so many."""
    return [await event(reader) for _ in range(number)]


def seq(cursor: str, world: World) -> int:
    return read_feed_cursor(cursor, world.workspace.id)


def moved(world: World, second: float, latitude: float, drone: Drone | None = None) -> DronePositioned:
    """A drone's report of where it is; where it was is what its row says."""
    found = drone or world.drone
    at = later(second + 0.001)  # behind what the row says already
    fix = Fix(longitude_deg=8.5, latitude_deg=latitude, height_m=520)
    held = DeviceState.from_json(found.state)
    state = held.merge(Report(at=at, values={Property.FIX: fix}))
    before = held.get(Property.FIX)
    found.state = state.to_json()
    return DronePositioned(
        workspace_id=found.workspace_id,
        drone_id=found.id,
        at=at,
        fix=fix,
        state=state,
        came_from=before.value if before is not None and isinstance(before.value, Fix) else None,
    )


def charged(world: World, second: float, percent: float) -> BatteryReported:
    return BatteryReported(
        workspace_id=world.workspace.id,
        drone_id=world.drone.id,
        at=later(second),
        battery=Battery(capacity_percent=percent),
    )


def presence(world: World, second: float, online: bool) -> PresenceChanged:
    return PresenceChanged(workspace_id=world.workspace.id, drone_id=world.drone.id, at=later(second), online=online)


async def commit(
    api: Api, world: World, *happened: Event, rows: Sequence[Drone] = (), at: datetime | None = None
) -> journal.News:
    """Let something happen, and nobody be told: the drones' rows say it, and the feed has it."""
    async with api.database.transaction() as client:
        for row in (world.drone, *rows):
            await Drone.filter(id=row.id).update(state=row.state)
        return await journal.append(api.database, client, {world.workspace.id: list(happened)}, at or later(100))


async def tell(api: Api, news: journal.News) -> None:
    for workspace_id, message in news.items():
        await api.services.feed._bus.publish(channel(workspace_id), message)


async def happen(
    api: Api, world: World, *happened: Event, rows: Sequence[Drone] = (), at: datetime | None = None
) -> None:
    """Let something happen, and be told."""
    await tell(api, await commit(api, world, *happened, rows=rows, at=at))


def latitudes(found: Sequence[Any]) -> list[float]:
    return [item["position"]["position"]["latitude"] for item in found]


async def test_what_members_do_is_told_once_and_stays_in_the_past(api: Api, world: World, gallery: Gallery) -> None:
    shown = """__typename ... on DroneRenamed { drone { id name } }
        ... on AlertAcknowledged { alert { id acknowledgedAt acknowledgedBy { name } clearedAt } }
        ... on MediaDeleted { mediaId flightId drone { id } }
        ... on AlertRuleChanged { ruleId rule { name } }"""
    live = "subscription ($id: ID!) { fleet(workspaceId: $id, area: {west: 1, south: 1, east: 2, north: 2}) { %s } }"
    reader = await watch(api, gallery, world.people[Role.VIEWER], live % shown, id=str(world.workspace.id))
    assert await event(reader) == {"__typename": "Snapshot"}
    drone, alert = str(world.drone.id), str(world.alert.id)
    told = [
        {"__typename": "DroneRenamed", "drone": {"id": drone, "name": "Kestrel"}},
        {
            "__typename": "AlertAcknowledged",
            "alert": {
                "id": alert,
                "acknowledgedAt": NOW.isoformat(),
                "acknowledgedBy": {"name": "Owner"},
                "clearedAt": None,
            },
        },
    ]
    document = """mutation ($drone: ID!, $alert: ID!) {
        renameDrone(id: $drone, name: "Kestrel") { id } acknowledgeAlert(id: $alert) { id } }"""
    for actor in (world.owner, world.member):  # who comes second changes nothing
        assert (await api.ask(actor, document, drone=drone, alert=alert)).errors == []
    assert await events(reader, 2) == told
    await api.ask(world.owner, 'mutation ($id: ID!) { renameDrone(id: $id, name: "Merlin") { id } }', id=drone)
    renamed = {"__typename": "DroneRenamed", "drone": {"id": drone, "name": "Merlin"}}
    assert await event(reader) == renamed
    flight = await make_flight(world.drone)
    photo = await make_media(world.drone, flight_id=flight.id)
    mutation = "mutation ($id: ID!) { deleteMedia(id: $id) }"
    for actor in (world.people[Role.VIEWER], world.owner, world.owner):  # who may not, and who comes second
        await api.ask(actor, mutation, id=str(photo.id))
    deleted = {
        "__typename": "MediaDeleted",
        "mediaId": str(photo.id),
        "flightId": str(flight.id),
        "drone": {"id": drone},
    }
    assert await event(reader) == deleted

    make = """mutation ($id: ID!) {
        createAlertRule(workspaceId: $id, kind: HEIGHT, name: "Low", threshold: 50) { id } }"""
    rename = 'mutation ($id: ID!) { updateAlertRule(id: $id, name: "High", enabled: false) { id } }'
    workspace = str(world.workspace.id)
    assert (await api.ask(world.member, make, id=workspace)).errors != []
    rule = (await api.ask(world.owner, make, id=workspace)).data["createAlertRule"]["id"]
    ruled = [{"__typename": "AlertRuleChanged", "ruleId": rule, "rule": {"name": "Low"}}]
    assert await event(reader) == ruled[0]
    await api.ask(world.owner, rename, id=rule)
    await api.ask(world.owner, "mutation ($id: ID!) { updateAlertRule(id: $id) { id } }", id=rule)  # changes nothing
    assert await event(reader) == {"__typename": "AlertRuleChanged", "ruleId": rule, "rule": {"name": "High"}}
    await api.ask(world.owner, "mutation ($id: ID!) { deleteAlertRule(id: $id) }", id=rule)
    no_more = {"__typename": "AlertRuleChanged", "ruleId": rule, "rule": None}
    assert await event(reader) == no_more

    past = """subscription ($id: ID!, $from: DateTime!, $to: DateTime!) {
        replay(workspaceId: $id, from: $from, to: $to, speed: 0) { %s } }"""
    again = await watch(
        api,
        gallery,
        world.member,
        past % shown,
        **{"id": str(world.workspace.id), "from": later(-1).isoformat(), "to": later(1).isoformat()},
    )
    found = [(await again.next())["replay"] for _ in range(8)]
    # Whose names are as they are now.
    assert found == [{"__typename": "Snapshot"}, renamed, told[1], renamed, deleted, *[no_more] * 3]


async def test_a_snapshot_comes_first_and_then_all_that_follows(api: Api, world: World, gallery: Gallery) -> None:
    await happen(api, world, moved(world, 1, 47.5))
    reader = await follow(api, gallery, world)
    first = await event(reader)
    assert (first["__typename"], seq(first["cursor"], world)) == ("Snapshot", 1)
    assert first["drones"] == [{"id": str(world.drone.id), "online": True, "position": {"latitude": 47.5}}]
    await happen(api, world, moved(world, 2, 47.6), charged(world, 2, 60))
    await happen(api, world, presence(world, 3, online=False))
    found = await events(reader, 3)
    assert [item["__typename"] for item in found] == ["PositionReported", "BatteryReported", "DroneOffline"]
    assert [seq(item["cursor"], world) for item in found] == [2, 3, 4]
    assert latitudes(found[:1]) == [47.6]
    assert found[2]["at"] == later(3).isoformat()


async def test_with_a_cursor_comes_what_was_missed_then_a_word_and_then_what_follows(
    api: Api, world: World, gallery: Gallery
) -> None:
    for second in range(5):
        await happen(api, world, moved(world, second, 40 + second))
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 2))
    found = await events(reader, 4)
    assert [item["__typename"] for item in found] == ["PositionReported"] * 3 + ["CaughtUp"]
    assert latitudes(found[:3]) == [42, 43, 44]
    assert seq(found[3]["cursor"], world) == 5
    await happen(api, world, moved(world, 9, 49))
    assert latitudes([await event(reader)]) == [49]


async def test_very_much_of_one_transaction_is_read_by_the_piece_and_told_as_one(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PIECE", 4)
    reader = await follow(api, gallery, world)
    await event(reader)
    news = await commit(api, world, *(moved(world, second, second) for second in range(1, 11)))
    pieces = await stored.read(api.database, world.workspace.id, 1, 10)
    assert [(piece.first, piece.last) for piece in pieces] == [(1, 4), (5, 8), (9, 10)]
    later_news = await commit(api, world, moved(world, 11, 11))
    for told in (later_news, news, later_news):
        await tell(api, told)
    assert latitudes(await events(reader, 11)) == [float(second) for second in range(1, 12)]


async def test_who_has_all_is_told_so_at_once(api: Api, world: World, gallery: Gallery) -> None:
    await happen(api, world, moved(world, 1, 47.5))
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 1))
    assert (await event(reader))["__typename"] == "CaughtUp"


async def test_what_was_missed_is_read_from_the_database_page_by_page(api: Api, world: World, gallery: Gallery) -> None:
    number = 2 * PAGE + 10
    for start in range(0, number, 300):
        await commit(api, world, *(moved(world, n / 100, n / 100) for n in range(start, min(start + 300, number))))
    readers = [
        await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, after)) for after in (0, 0, 700)
    ]
    for reader, after in zip(readers, (0, 0, 700), strict=True):
        found = await events(reader, number - after)
        assert [seq(item["cursor"], world) for item in found] == list(range(after + 1, number + 1))
        assert (await event(reader))["__typename"] == "CaughtUp"
    assert api.services.feed.pages.loaded == 2


async def test_of_those_who_look_far_back_one_reads_at_a_time(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await commit(api, world, *(moved(world, 1, n) for n in range(PAGE // 10)), *[charged(world, 1, 5)] * PAGE)
    reading: list[int] = []

    async def read_page(*arguments: Any) -> Any:
        reading.append(1)
        try:
            assert len(reading) == 1
            return await true_read_page(*arguments)
        finally:
            reading.pop()

    true_read_page = feed_pages.read_page
    monkeypatch.setattr(feed_pages, "read_page", read_page)
    wanted = {"delivery": "LATEST", "kinds": ["ALERT_RAISED"]}
    places = [write_feed_cursor(world.workspace.id, after) for after in (0, PAGE, 2 * PAGE, 3 * PAGE)]
    readers = [await follow(api, gallery, world, after=after, **wanted) for after in places]
    assert {(await event(reader))["__typename"] for reader in readers} == {"CaughtUp"}
    assert api.services.feed.pages.loaded == 4


async def test_latest_gets_of_what_it_missed_the_newest_position_and_all_else(
    api: Api, world: World, gallery: Gallery
) -> None:
    other = await make_drone(world.workspace, None, "SN9")
    await happen(api, world, moved(world, 1, 41), moved(world, 1, 51, other), presence(world, 1, online=False))
    await happen(api, world, moved(world, 2, 42), presence(world, 2, online=True), charged(world, 2, 50))
    await happen(api, world, moved(world, 3, 43), charged(world, 3, 49))
    reader = await follow(api, gallery, world, delivery="LATEST", after=write_feed_cursor(world.workspace.id, 0))
    found = await events(reader, 6)
    assert [(item["__typename"], seq(item["cursor"], world)) for item in found] == [
        ("PositionReported", 2),
        ("DroneOffline", 3),
        ("DroneOnline", 5),
        ("PositionReported", 7),
        ("BatteryReported", 8),
        ("CaughtUp", 8),
    ]


async def test_latest_gets_the_newest_of_an_interval(api: Api, world: World, gallery: Gallery) -> None:
    reader = await follow(api, gallery, world, delivery="LATEST", interval=300)
    await event(reader)
    for second in range(1, 40):
        await happen(api, world, moved(world, second, second))
    await happen(api, world, presence(world, 40, online=False))
    found = [await event(reader)]
    while found[-1]["__typename"] != "DroneOffline":
        found.append(await event(reader))
    told = latitudes(found[:-1])
    assert told == sorted(told)
    assert told[-1] == 39
    assert len(told) < 39


async def test_what_catches_up_on_one_socket_at_the_same_time_loses_nothing(
    api: Api, world: World, gallery: Gallery
) -> None:
    number, followers = 1_000, 8
    for start in range(0, number, 500):
        await commit(api, world, *(moved(world, n / 100, n / 100) for n in range(start + 1, start + 501)))
    told: dict[str, list[int]] = {str(n): [] for n in range(followers)}
    is_done = asyncio.Event()

    async def take(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.send":
            found = json.loads(message["text"])
            told[found["id"]].append(seq(found["payload"]["data"]["fleet"]["cursor"], world))
            if sum(map(len, told.values())) == followers * (number + 1):
                is_done.set()
            await asyncio.sleep(0)  # slower than all that comes

    outlet = PlainOutlet(take, lambda: None)
    gallery.outlets.append(outlet)
    variables = {"id": str(world.workspace.id), "delivery": "ALL", "after": write_feed_cursor(world.workspace.id, 0)}
    for id in told:
        operation, executor, join = await opened(api, world.member, FLEET, **variables)
        assert isinstance(join, Follow)
        gallery.fanout.enrol(Member(Reader(world.member), outlet, id), join, operation, executor)
    await asyncio.wait_for(is_done.wait(), PATIENCE_S)
    assert all(numbers == [*range(1, number + 1), number] for numbers in told.values())


class Stuck:
    """The line to a peer that takes nothing by itself."""

    def __init__(self, gallery: Gallery) -> None:
        self.outlet = RawOutlet(cast(Line, self))
        self.outlet.open(gallery.fanout.flusher, lambda: None)
        self.waiting = 0
        self.told: Counter[bytes] = Counter()
        """Messages of each operation."""

    def write_frames(self, frames: bytes) -> int:
        self.told.update(re.findall(rb'"id":"(\w+)"', frames))
        self.waiting += len(frames)
        if self.waiting > HIGH_WATER_BYTES:
            self.outlet.pause()
        return BY_TRANSPORT

    def take(self) -> None:
        """Take all."""
        self.waiting = 0
        self.outlet.resume()


async def test_of_very_much_at_once_no_more_waits_for_a_reader_than_may(
    api: Api, world: World, gallery: Gallery
) -> None:
    operation, executor, join = await opened(api, world.member, FLEET, id=str(world.workspace.id), delivery="ALL")
    stuck = Stuck(gallery)
    gallery.fanout.enrol(Member(Reader(world.member), stuck.outlet, "1"), cast(Follow, join), operation, executor)
    reader = await follow(api, gallery, world)
    await event(reader)
    await happen(api, world, *(moved(world, n / 100, n / 100) for n in range(3_000)))
    assert [seq(item["cursor"], world) for item in await events(reader, 3_000)] == list(range(1, 3_001))
    assert HIGH_WATER_BYTES < stuck.waiting < HIGH_WATER_BYTES + PORTION_BYTES + 1_024


async def test_those_who_share_a_slow_socket_are_brought_up_in_turns(api: Api, world: World, gallery: Gallery) -> None:
    for _ in range(4):
        await commit(
            api, world, *(moved(world, n / 100, n / 100) for n in range(1_000)), presence(world, 1, online=False)
        )
    stuck = Stuck(gallery)
    for id, kinds in (("all", None), ("some", ["DRONE_OFFLINE"])):
        variables = {
            "id": str(world.workspace.id),
            "delivery": "ALL",
            "after": write_feed_cursor(world.workspace.id, 0),
        }
        operation, executor, join = await opened(api, world.member, FLEET, **variables, kinds=kinds)
        assert isinstance(join, Follow)
        gallery.fanout.enrol(Member(Reader(world.member), stuck.outlet, id), join, operation, executor)
    async with asyncio.timeout(PATIENCE_S):
        while stuck.told[b"some"] < 3:  # of four and a CaughtUp: the last ones may come after the other's
            await asyncio.sleep(0.001)
            if stuck.outlet.paused:
                stuck.take()
    assert 0 < stuck.told[b"all"] < 4_004


async def test_in_a_long_interval_no_more_is_held_than_is_told(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def conflated(found: list[Any]) -> list[Any]:
        held.append(len(found))
        return true_conflated(found)

    true_conflated = following.conflated
    monkeypatch.setattr(following, "conflated", conflated)
    monkeypatch.setattr(following, "CONFLATED_EVENTS", 20)
    monkeypatch.setattr(following, "GATHER_S", 0.01)
    reader = await follow(api, gallery, world, delivery="LATEST", interval=1_000)
    await event(reader)
    for second in range(1, 101):
        await happen(api, world, moved(world, second, second / 2))
    found = [await event(reader)]
    while latitudes(found)[-1] != 50:
        found.append(await event(reader))
    assert latitudes(found) == sorted(latitudes(found))
    assert max(held) < 60


async def test_a_snapshot_is_not_held_for_those_who_do_not_come(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PRESENTED_S", 0)
    api.services.feed._rules = FeedRules(snapshot=timedelta(0))
    await event(await follow(api, gallery, world))
    await asyncio.sleep(0.01)
    [group] = gallery.fanout._groups.values()
    assert isinstance(group, Following)
    assert group._snapshot is None
    assert group._feed is not None
    assert group._feed._snapshot is None


async def test_only_the_kinds_that_were_chosen_come(api: Api, world: World, gallery: Gallery) -> None:
    reader = await follow(api, gallery, world, kinds=["DRONE_OFFLINE", "BATTERY_REPORTED"])
    assert (await event(reader))["__typename"] == "Snapshot"
    await happen(api, world, moved(world, 1, 41), charged(world, 1, 50), presence(world, 1, online=False))
    assert [item["__typename"] for item in await events(reader, 2)] == ["BatteryReported", "DroneOffline"]


AREA = {"west": 8, "south": 50, "east": 9, "north": 52}
ELSEWHERE = {"west": 8, "south": 60, "east": 9, "north": 62}


async def test_within_an_area_come_the_positions_in_it_and_the_one_that_leaves(
    api: Api, world: World, gallery: Gallery
) -> None:
    inside = await make_drone(world.workspace, None, "SN9")
    await happen(api, world, moved(world, 1, 51, inside), rows=[inside])
    reader = await follow(api, gallery, world, area=AREA)
    snapshot = await event(reader)
    assert [drone["id"] for drone in snapshot["drones"]] == [str(inside.id)]
    assert snapshot["area"] == {"north": 52}
    for second, latitude in enumerate((49, 50.5, 51, 55, 56, 57), 2):
        await happen(api, world, moved(world, second, latitude))
    await happen(api, world, presence(world, 9, online=False))
    found = await events(reader, 4)
    assert latitudes(found[:3]) == [50.5, 51, 55]
    assert found[3]["__typename"] == "DroneOffline"


async def test_a_view_is_moved_and_goes_on_with_a_snapshot(api: Api, world: World, gallery: Gallery) -> None:
    api.services.feed._rules = FeedRules(snapshot=timedelta(0))
    there = await make_drone(world.workspace, None, "SN9")
    await happen(api, world, moved(world, 1, 61, there), rows=[there])
    reader = await follow(api, gallery, world, area=AREA, view="map")
    other = await follow(api, gallery, world, area=AREA, view="another map")
    assert (await event(reader))["drones"] == (await event(other))["drones"] == []
    move = "mutation ($view: String!, $area: Area!) { moveViewport(view: $view, area: $area) }"
    await commit(api, world, presence(world, 2, online=False))  # nobody was told of it
    assert (await api.ask(world.member, move, view="map", area=ELSEWHERE)).data == {"moveViewport": True}
    assert (await api.ask(world.owner, move, view="another map", area=ELSEWHERE)).data == {"moveViewport": True}
    found = await events(reader, 2)
    assert [item["__typename"] for item in found] == ["DroneOffline", "Snapshot"]
    assert (found[1]["area"], [drone["id"] for drone in found[1]["drones"]]) == ({"north": 62}, [str(there.id)])
    await happen(api, world, moved(world, 3, 61.5, there), moved(world, 3, 51), rows=[there])
    assert latitudes([await event(reader)]) == [61.5]
    assert (await event(other))["__typename"] == "DroneOffline"
    assert latitudes([await event(other)]) == [51], "somebody else moved a view of the same name"


async def test_not_any_number_is_moved_by_one_word(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "HEARERS", 1)
    wanted = {"id": str(world.workspace.id), "view": "map"}
    await event(await follow(api, gallery, world, view="map"))
    assert (await refusal(api, world.member, FLEET, **wanted))["code"] == "RATE_LIMITED"
    await event(await watch(api, gallery, world.owner, FLEET, **wanted))
    await event(await follow(api, gallery, world, view="another map"))


@pytest.mark.parametrize(
    ("view", "area", "field"),
    [("", AREA, "view"), ("x" * 65, AREA, "view"), ("map", {**AREA, "north": 91}, "area.north")],
)
async def test_a_view_that_cannot_be_moved_says_why(
    api: Api, world: World, view: str, area: dict[str, float], field: str
) -> None:
    move = "mutation ($view: String!, $area: Area!) { moveViewport(view: $view, area: $area) }"
    assert (await api.ask(world.member, move, view=view, area=area)).fields == {field}
    assert (await api.ask(None, move, view="map", area=AREA)).codes == ["UNAUTHENTICATED"]


# What nobody told of


async def test_what_a_dead_hub_stored_and_never_told_comes_all_the_same(
    api: Api, world: World, gallery: Gallery
) -> None:
    reader = await follow(api, gallery, world)
    await event(reader)
    await commit(api, world, moved(world, 1, 41))
    await api.services.feed.check()
    assert latitudes([await event(reader)]) == [41]


async def test_what_is_told_in_another_order_than_it_was_stored_comes_in_order(
    api: Api, world: World, gallery: Gallery
) -> None:
    reader = await follow(api, gallery, world)
    await event(reader)
    told = [await commit(api, world, moved(world, second, second)) for second in range(1, 6)]
    for index in (3, 1, 4, 0, 2):
        await tell(api, told[index])
    assert latitudes(await events(reader, 5)) == [1, 2, 3, 4, 5]


async def test_what_waits_for_a_missing_message_is_bounded_and_comes_all_the_same(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_feed, "EARLY", 2)
    reader = await follow(api, gallery, world)
    await event(reader)
    told = [await commit(api, world, moved(world, second, second)) for second in range(1, 7)]
    feed = api.services.feed._feeds[world.workspace.id]
    for news in told[1:]:
        feed._take(news[world.workspace.id])
    assert len(feed._early) == 2
    assert latitudes(await events(reader, 6)) == [1, 2, 3, 4, 5, 6]


async def test_what_is_told_twice_comes_once(api: Api, world: World, gallery: Gallery) -> None:
    reader = await follow(api, gallery, world)
    await event(reader)
    first = await commit(api, world, moved(world, 1, 1))
    for news in (first, first, await commit(api, world, moved(world, 2, 2)), first):
        await tell(api, news)
    assert latitudes(await events(reader, 2)) == [1, 2]
    await happen(api, world, moved(world, 3, 3))
    assert latitudes([await event(reader)]) == [3]


# Gaps


async def test_what_is_not_kept_any_longer_is_told_as_a_gap(api: Api, world: World, gallery: Gallery) -> None:
    for second in range(1, 4):
        await happen(api, world, moved(world, second, second))
    await api.database.connection.execute_script("DELETE FROM feed WHERE last_seq <= 2")
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 1))
    gap, snapshot, caught_up = await events(reader, 3)
    assert (gap["__typename"], seq(gap["from"], world), seq(gap["to"], world)) == ("Gap", 1, 3)
    assert (gap["cursor"], gap["to"]) == (gap["from"], snapshot["cursor"])
    assert gap["reason"] == "What came behind this cursor is not kept any longer."
    assert snapshot["drones"][0]["position"] == {"latitude": 3}
    assert caught_up["__typename"] == "CaughtUp"
    await happen(api, world, moved(world, 4, 4))
    assert latitudes([await event(reader)]) == [4]
    kept = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 2))
    assert latitudes(await events(kept, 2)) == [3, 4]


async def test_what_went_before_anybody_was_told_is_a_gap_at_once(api: Api, world: World, gallery: Gallery) -> None:
    reader = await follow(api, gallery, world)
    await event(reader)
    await commit(api, world, moved(world, 1, 1), moved(world, 2, 2))
    await api.database.connection.execute_script("DELETE FROM feed")
    await api.services.feed.check()
    gap, snapshot = await events(reader, 2)
    assert (gap["__typename"], seq(gap["from"], world), seq(gap["to"], world)) == ("Gap", 0, 2)
    assert snapshot["drones"][0]["position"] == {"latitude": 2}


async def test_a_cursor_beyond_all_that_ever_happened_is_a_gap(api: Api, world: World, gallery: Gallery) -> None:
    await happen(api, world, moved(world, 1, 1))
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 99))
    gap, snapshot = await events(reader, 2)
    assert (seq(gap["from"], world), seq(gap["to"], world)) == (99, 1)
    assert snapshot["__typename"] == "Snapshot"


async def test_a_cursor_that_another_process_gave_out_a_moment_ago_is_waited_for(
    api: Api, world: World, gallery: Gallery
) -> None:
    first = await follow(api, gallery, world)
    await event(first)
    news = await commit(api, world, moved(world, 1, 1))
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 1))
    await asyncio.sleep(0)
    await tell(api, news)
    assert (await event(reader))["__typename"] == "CaughtUp"
    await happen(api, world, moved(world, 2, 2))
    assert latitudes([await event(reader)]) == [2]


async def test_an_event_about_what_was_deleted_since_is_left_out(api: Api, world: World, gallery: Gallery) -> None:
    kept, gone = await make_media(world.drone, 1), await make_media(world.drone, 2)

    def uploaded(media_id: int) -> MediaUploaded:
        return MediaUploaded(
            workspace_id=world.workspace.id, drone_id=world.drone.id, media_id=media_id, flight_id=None, at=later(1)
        )

    await happen(api, world, uploaded(gone.id), uploaded(kept.id))
    await gone.delete()
    reader = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 0))
    assert [item.get("media") for item in await events(reader, 2)] == [{"id": str(kept.id)}, None]


# Who may


async def test_strangers_and_nonsense_are_refused(api: Api, world: World) -> None:
    id = str(world.workspace.id)
    assert (await refusal(api, None, FLEET, id=id))["code"] == "UNAUTHENTICATED"
    stranger = await refusal(api, world.stranger, FLEET, id=id)
    assert stranger == await refusal(api, world.stranger, FLEET, id="999999999999999999")
    assert stranger["code"] == "GONE"
    other = await make_workspace("other")
    for variables, field in (
        ({"after": "nonsense"}, "after"),
        ({"after": ""}, "after"),
        ({"after": write_feed_cursor(other.id, 1)}, "after"),
        ({"after": write_feed_cursor(world.workspace.id, -1)}, "after"),
        ({"interval": -1}, "interval"),
        ({"area": {**AREA, "south": -91}}, "area.south"),
        ({"view": ""}, "view"),
        ({"view": "a\0"}, "view"),
    ):
        found = await refusal(api, world.member, FLEET, id=id, **variables)
        assert (found["code"], set(found["fields"])) == ("BAD_INPUT", {field}), variables


async def test_the_cursor_of_the_journal_is_one_of_the_feed(api: Api, world: World, gallery: Gallery) -> None:
    await happen(api, world, presence(world, 1, online=False), moved(world, 1, 1))
    document = "query ($id: ID!) { workspace(id: $id) { events { edges { cursor node { cursor } } } } }"
    answer = await api.ask(world.member, document, id=str(world.workspace.id))
    (edge,) = answer.data["workspace"]["events"]["edges"]
    assert edge["cursor"] == edge["node"]["cursor"]
    reader = await follow(api, gallery, world, after=edge["cursor"])
    assert latitudes([await event(reader)]) == [1]


# Sharing


async def test_those_who_want_the_same_from_other_places_share_what_is_rendered(
    api: Api, world: World, gallery: Gallery
) -> None:
    for second in range(1, 4):
        await happen(api, world, moved(world, second, second))
    places = [await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, n)) for n in range(4)]
    await follow(api, gallery, world, area=AREA)
    groups = list(gallery.fanout._groups.values())
    assert len(groups) == 2
    assert len({id(group._bodies) for group in groups}) == 1  # type: ignore[union-attr]
    for after, reader in enumerate(places):
        found = await events(reader, 4 - after)
        assert [item["__typename"] for item in found] == ["PositionReported"] * (3 - after) + ["CaughtUp"]


# What takes long


async def test_an_event_that_can_never_be_shown_is_told_as_one_and_holds_up_nothing(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await make_drone(world.workspace, world.connection, "SN2")
    looked: list[int] = []
    answers = [False, True, True, True]  # while the database is away no try counts

    async def existing(_: Any, id: int, what: str) -> Drone:
        looked.append(id)
        if id == world.drone.id:
            await asyncio.sleep(PATIENCE_S)
        return await Drone.get(id=id)

    async def answering() -> None:
        if not answers.pop(0):
            raise HubError(Code.UNAVAILABLE, "Away.")

    monkeypatch.setattr(events_types, "existing", existing)
    monkeypatch.setattr(api.services.feed, "check_database", answering)
    monkeypatch.setattr(following, "RETRY_S", 0)
    monkeypatch.setattr(gallery.fanout, "operation_s", 0.05)
    first = await follow(api, gallery, world)
    start = await event(first)
    with structlog.testing.capture_logs() as said:
        there = replace(presence(world, 1, online=True), drone_id=other.id)
        await happen(api, world, presence(world, 1, online=False), there)
        message = await asyncio.wait_for(first.messages.get(), PATIENCE_S)
        assert message["payload"]["data"] is None
        assert message["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert (await event(first))["drone"] == {"id": str(other.id)}
        late = await follow(api, gallery, world, after=start["cursor"])
        assert await asyncio.wait_for(late.messages.get(), PATIENCE_S) == message
        assert (await event(late))["drone"] == {"id": str(other.id)}
        assert (await event(late))["__typename"] == "CaughtUp"
    assert answers == []
    number = seq(start["cursor"], world) + 1
    faults = [entry for entry in said if entry["log_level"] == "error"]
    assert len(faults) == 1
    assert str(number) in str(faults[0]["exc_info"])
    assert looked.count(world.drone.id) == 4

    past = """subscription ($id: ID!, $from: DateTime!, $to: DateTime!) {
        replay(workspaceId: $id, from: $from, to: $to, speed: 0) {
            __typename ... on DroneOffline { drone { id } } ... on DroneOnline { drone { id } } } }"""
    monkeypatch.setattr(replaying, "RETRY_S", 0)
    answers[:] = [True] * 3
    span = {"from": later(99).isoformat(), "to": later(101).isoformat()}
    again = await watch(api, gallery, world.member, past, id=str(world.workspace.id), **span)
    assert (await again.next())["replay"]["__typename"] == "Snapshot"
    message = await asyncio.wait_for(again.messages.get(), PATIENCE_S)
    assert message["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert (await again.next())["replay"]["drone"] == {"id": str(other.id)}


async def test_a_snapshot_that_can_never_be_shown_ends_what_waits_for_it(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def flight(*_: Any) -> None:
        await asyncio.sleep(PATIENCE_S)

    monkeypatch.setattr(presenting, "RETRY_S", 0)
    monkeypatch.setattr(gallery.fanout, "operation_s", 0.02)
    monkeypatch.setattr(loaders.DataLoader, "load", flight)
    document = (
        "subscription ($id: ID!) { fleet(workspaceId: $id) { ... on Snapshot { drones { currentFlight { id } } } } }"
    )
    reader = await watch(api, gallery, world.member, document, id=str(world.workspace.id))
    ended = await asyncio.wait_for(reader.messages.get(), PATIENCE_S)
    assert ended.body["extensions"]["code"] == "UNAVAILABLE"
    assert ended.ws_close == 1013


async def test_a_snapshot_is_shown_by_the_piece_and_others_are_told_in_between(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = """subscription ($id: ID!, $area: Area) { fleet(workspaceId: $id, delivery: ALL, area: $area) {
        __typename cursor ... on Snapshot { all: drones { id name currentFlight { id } }
            drones { position { latitude } } remoteControllers { id } alerts { id drone { id } } area { north } }
        ... on PositionReported { position { position { latitude } } } } }"""
    for n in range(12):
        await make_drone(world.workspace, world.connection, f"SN{n + 10}")
    wanted = {"id": str(world.workspace.id), "area": {"west": 0, "south": 0, "east": 20, "north": 80}}
    monkeypatch.setattr(snapshots, "READ", 5)
    whole = await watch(api, gallery, world.member, document, **wanted)
    shown = await event(whole)
    assert len(shown["all"]) == 13

    monkeypatch.setattr(snapshots, "PIECE", 5)
    monkeypatch.setattr(following, "PRESENTED_S", 0)
    data, pieces = Renderer._data, 0

    async def between(self: Renderer, piece: Any, context: Any) -> Any:
        nonlocal pieces
        found = await data(self, piece, context)
        if isinstance(getattr(piece, "event", None), Snapshot):
            pieces += 1
            await happen(api, world, moved(world, pieces, 60 + pieces))
            assert latitudes([await event(whole)]) == [60 + pieces]
        return found

    monkeypatch.setattr(Renderer, "_data", between)
    parted = await watch(api, gallery, world.member, f"{document} # another", **wanted)
    assert await event(parted) == shown
    assert pieces == 5  # of 13 drones, a controller and an alert
    assert latitudes(await events(parted, pieces)) == [60 + n for n in range(1, pieces + 1)]


async def test_who_wants_nothing_of_very_much_is_told_how_far_it_is_and_searches_at_half_the_pace(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FAR", 2 * PAGE)
    monkeypatch.setattr(following, "CONFLATED_EVENTS", 2 * PAGE)
    resting, rests = 0, 0

    async def rest(seconds: float) -> None:
        nonlocal resting, rests
        resting, rests = resting + 1, rests + 1
        assert resting == 1
        assert seconds >= 0
        await asyncio.sleep(0)
        resting -= 1

    monkeypatch.setattr(feed_pages, "rest", rest)
    for _ in range(5):
        await commit(api, world, *[charged(world, 1, 5)] * PAGE)
    start = write_feed_cursor(world.workspace.id, 0)
    for delivery in ("ALL", "LATEST"):
        wanted = {"delivery": delivery, "kinds": ["ALERT_RAISED"], "interval": 0}
        readers = [await follow(api, gallery, world, after=start, **wanted) for _ in range(2)]
        for reader in readers:
            found = await events(reader, 3)
            assert [item["__typename"] for item in found] == ["Passed", "Passed", "CaughtUp"]
            assert [seq(item["cursor"], world) // PAGE for item in found] == [2, 4, 5]
    searched = rests
    assert searched >= 6
    again = await follow(api, gallery, world, after=found[1]["cursor"], **wanted)
    assert (await event(again))["__typename"] == "CaughtUp"
    assert rests == searched

    for _ in range(2):  # and while it happens
        await happen(api, world, *[charged(world, 1, 5)] * PAGE)
    for reader in (*readers, again):
        passed = await event(reader)
        assert (passed["__typename"], seq(passed["cursor"], world)) == ("Passed", 7 * PAGE)

    dense = await follow(api, gallery, world, after=write_feed_cursor(world.workspace.id, 6 * PAGE - 2))
    await events(dense, PAGE + 2)
    assert rests == searched


async def test_who_leaves_while_it_is_searched_for_leaves_nothing_behind(
    api: Api, world: World, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def rest(_: float) -> None:
        begun.set()
        await asyncio.sleep(PATIENCE_S)

    monkeypatch.setattr(feed_pages, "rest", rest)
    for _ in range(3):
        await commit(api, world, *[charged(world, 1, 5)] * PAGE)
    start = write_feed_cursor(world.workspace.id, 0)
    wanted = {"kinds": ["ALERT_RAISED"], "delivery": "LATEST"}
    await follow(api, gallery, world, after=start, **wanted)
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    (group,) = gallery.fanout._groups.values()
    (member,) = group.all()
    member.leave()
    async with asyncio.timeout(PATIENCE_S / 2):
        while gallery.fanout._tasks:
            await asyncio.sleep(0.01)
    assert not api.services.feed.pages.searching.locked()
