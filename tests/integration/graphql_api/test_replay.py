"""`replay`, `fleetAt` and `controlReplay`: the past as it was told, to those who may see it."""

import asyncio
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

from ofh.domain.events import EventKind, FlightChanged, MediaUploaded
from ofh.edges.graphql.members import Member
from ofh.edges.graphql.replaying import Play
from ofh.edges.outlet import HIGH_WATER_BYTES, PlainOutlet
from ofh.services.pages import write_feed_cursor
from ofh.store.models import Drone, Flight, Media, Workspace
from tests.integration.graphql_api.gallery import PATIENCE_S, Gallery, Reader, opened, refusal, watch
from tests.integration.graphql_api.test_fleet import charged, commit, happen, moved, presence
from tests.integration.graphql_api.test_media import make_media
from tests.integration.graphql_api.world import NOW, Api, World, later, make_drone

STOOD = "drones { id online position { latitude } currentFlight { id } } alerts { id }"
SHOWN = (
    f"""{{ __typename cursor at ... on Snapshot {{ {STOOD} }} """
    + """
    ... on PositionReported { position { droneId position { latitude } telemetry { heading } } }
    ... on BatteryReported { battery { droneId battery { capacityPercentLeft } } }
    ... on DroneOnline { drone { id } } ... on DroneOffline { drone { id } }
    ... on FlightStarted { flight { id } } ... on FlightEnded { flight { id } } ... on MediaUploaded { media { id } }
    ... on Gap { from to reason } }"""
)
LIVE = "subscription ($id: ID!, $after: String) { fleet(workspaceId: $id, after: $after, delivery: ALL) " + SHOWN + "}"
REPLAY = (
    """subscription ($id: ID!, $from: DateTime!, $to: DateTime!, $speed: Float, $kinds: [FleetEventKind!], $area: Area,
    $name: String, $interval: Int) { replay(workspaceId: $id, from: $from, to: $to, speed: $speed, kinds: $kinds,
      area: $area, name: $name, interval: $interval) """
    + SHOWN
    + "}"
)
AT = "query ($id: ID!, $at: DateTime!) { fleetAt(workspaceId: $id, at: $at) { __typename cursor at " + STOOD + "} }"
CONTROL = """mutation ($name: String!, $paused: Boolean, $speed: Float, $position: DateTime) {
  controlReplay(name: $name, paused: $paused, speed: $speed, position: $position) }"""


def span(world: World, **variables: Any) -> dict[str, Any]:
    """All of a world's past, as fast as it can be read."""
    given = {"id": str(world.workspace.id), "from": NOW.isoformat(), "to": later(900).isoformat(), "speed": 0.0}
    return {**given, **variables}


async def replay(api: Api, gallery: Gallery, world: World, **variables: Any) -> Reader:
    return await watch(api, gallery, world.member, REPLAY, **span(world, **variables))


async def all_of(reader: Reader) -> list[Any]:
    """All that comes, to the end."""
    found: list[Any] = []
    while (message := await asyncio.wait_for(reader.messages.get(), PATIENCE_S)) is not None:
        assert isinstance(message, dict), message
        assert "errors" not in message["payload"], message
        found.append(message["payload"]["data"]["replay"])
    return found


async def fly(api: Api, world: World) -> tuple[Flight, Media]:
    """A minute in which all kinds of things happen, two drones fly, and one of two photos is deleted later."""
    other = await make_drone(world.workspace, None, "SN2")
    flight = await Flight.create(
        workspace_id=world.workspace.id,
        drone_id=world.drone.id,
        phase="ended",
        started_at=later(5),
        last_at=later(30),
        ended_at=later(30),
    )
    kept, deleted = [await make_media(world.drone, number) for number in (20, 21)]
    for second in range(60):
        happened: list[Any] = [moved(world, second, 40 + second / 10), moved(world, second, 50 + second / 10, other)]
        if second % 7 == 0:
            happened.append(charged(world, second, 90 - second))
        if second in (3, 50):
            happened.append(presence(world, second, online=second == 3))
        if second in (5, 30):
            kind = EventKind.FLIGHT_STARTED if second == 5 else EventKind.FLIGHT_ENDED
            happened.append(
                FlightChanged(
                    workspace_id=world.workspace.id,
                    drone_id=world.drone.id,
                    flight_id=flight.id,
                    kind=kind,
                    at=later(second),
                )
            )
        if second in (20, 21):
            media = kept if second == 20 else deleted
            happened.append(
                MediaUploaded(
                    workspace_id=world.workspace.id,
                    drone_id=world.drone.id,
                    media_id=media.id,
                    flight_id=None,
                    at=later(second),
                )
            )
        await happen(api, world, *happened, rows=[other], at=later(second))
    await Media.filter(id=deleted.id).delete()
    return flight, kept


async def test_a_replay_is_event_for_event_what_a_subscriber_got(api: Api, world: World, gallery: Gallery) -> None:
    live = await watch(api, gallery, world.member, LIVE, id=str(world.workspace.id))
    assert (await live.next())["fleet"]["__typename"] == "Snapshot"
    _, media = await fly(api, world)
    last = write_feed_cursor(world.workspace.id, (await Workspace.get(id=world.workspace.id)).event_seq)
    told: list[Any] = []
    while not told or told[-1]["cursor"] != last:
        told.append((await live.next())["fleet"])
    assert len({event["__typename"] for event in told}) == 7
    assert {"id": str(media.id)} in [event.get("media") for event in told]
    snapshot, *again = await all_of(await replay(api, gallery, world))
    assert snapshot["__typename"] == "Snapshot"
    gone = {event["cursor"] for event in told} - {event["cursor"] for event in again}
    assert len(gone) == 1  # about the photo that is no more
    assert again == [event for event in told if event["cursor"] not in gone]
    middle = await all_of(
        await replay(api, gallery, world, **{"from": later(20).isoformat(), "to": later(40).isoformat()})
    )
    assert middle[1:] == [event for event in again if later(20).isoformat() <= event["at"] < later(40).isoformat()]
    few = await all_of(await replay(api, gallery, world, kinds=["DRONE_ONLINE"]))
    assert [event["__typename"] for event in few] == ["Snapshot", "DroneOnline"]


async def test_the_state_at_a_moment_is_that_of_the_moment(api: Api, world: World, gallery: Gallery) -> None:
    flight, _ = await fly(api, world)
    other = await Drone.get(serial_number="SN2")

    def stood(latitude: float, online: bool, current: Flight | None) -> list[Any]:
        flying = None if current is None else {"id": str(current.id)}
        return [
            {"id": str(world.drone.id), "online": online, "position": {"latitude": latitude}, "currentFlight": flying},
            {"id": str(other.id), "online": False, "position": {"latitude": latitude + 10}, "currentFlight": None},
        ]

    for second, online, current in ((2, False, None), (12, True, flight), (29, True, flight), (55, False, None)):
        wanted = stood(40 + second / 10, online, current)
        found = await api.ask(world.member, AT, id=str(world.workspace.id), at=later(second + 0.5).isoformat())
        assert found.data["fleetAt"]["drones"] == wanted
        [greeting, *_] = await all_of(
            await replay(api, gallery, world, **{"from": later(second + 0.5).isoformat(), "to": later(60).isoformat()})
        )
        assert greeting == found.data["fleetAt"]
        assert greeting["at"] == later(second + 0.5).isoformat()
    refused = await api.ask(world.member, AT, id=str(world.workspace.id), at=later(5_000).isoformat())
    assert (refused.codes, refused.fields) == (["BAD_INPUT"], {"at"})


async def test_a_flight_that_goes_on_had_landed_in_the_past_where_it_had(api: Api, world: World) -> None:
    here = {"workspace_id": world.workspace.id, "drone_id": world.drone.id}
    flight = await Flight.create(**here, phase="airborne", started_at=later(5), last_at=later(30))
    for second, kind in ((5, EventKind.FLIGHT_STARTED), (10, EventKind.FLIGHT_LANDED), (20, EventKind.FLIGHT_RESUMED)):
        event = FlightChanged(**here, flight_id=flight.id, kind=kind, at=later(second))
        await commit(api, world, event, at=later(second))
    query = """query ($id: ID!, $at: DateTime!) { fleetAt(workspaceId: $id, at: $at) {
        drones { currentFlight { id landedAt } } } }"""
    for second, landed_at in ((7, None), (12, later(10).isoformat()), (22, None)):
        found = await api.ask(world.member, query, id=str(world.workspace.id), at=later(second).isoformat())
        assert found.data["fleetAt"]["drones"] == [{"currentFlight": {"id": str(flight.id), "landedAt": landed_at}}]


async def test_a_replay_is_paused_goes_on_and_jumps_when_its_user_says_so(
    api: Api, world: World, gallery: Gallery
) -> None:
    await fly(api, world)
    reader = await replay(api, gallery, world, speed=0.001, name="mine")

    async def say(**words: Any) -> None:
        assert (await api.ask(world.member, CONTROL, name="mine", **words)).data == {"controlReplay": True}

    first = [(await reader.next())["replay"] for _ in range(4)]
    assert [event["__typename"] for event in first] == [
        "Snapshot",
        "PositionReported",
        "PositionReported",
        "BatteryReported",
    ]
    await say(paused=True, speed=0.0)
    await say(position=later(50).isoformat())
    jumped = (await reader.next())["replay"]
    assert (jumped["__typename"], jumped["at"]) == ("Snapshot", later(50).isoformat())
    await asyncio.sleep(0.05)
    assert reader.messages.empty()
    await say(paused=False)
    rest = await all_of(reader)
    assert rest == (await all_of(await replay(api, gallery, world, **{"from": later(50).isoformat()})))[1:]
    assert (await api.ask(world.member, CONTROL, name="", paused=True)).fields == {"name"}
    assert (await api.ask(world.member, CONTROL, name="mine", speed=-1.0)).fields == {"speed"}
    assert (await api.ask(world.member, CONTROL, name="mine", paused=None)).fields == {"paused"}


async def test_a_slow_reader_is_waited_for(api: Api, world: World, gallery: Gallery) -> None:
    number = 3_000
    for start in range(0, number, 500):
        await commit(api, world, *(moved(world, n / 100, n / 100) for n in range(start + 1, start + 501)))
    reading = asyncio.Event()

    class Slow(Reader):
        async def take(self, message: MutableMapping[str, Any]) -> None:
            await reading.wait()
            await super().take(message)

    operation, executor, play = await opened(api, world.member, REPLAY, **span(world))
    assert isinstance(play, Play)
    reader = Slow(world.member)
    outlet = PlainOutlet(reader.take, lambda: None)
    gallery.outlets.append(outlet)
    gallery.fanout.enrol(Member(reader, outlet, "1"), play, operation, executor)
    async with asyncio.timeout(PATIENCE_S):
        while not outlet.paused:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert outlet._waiting < HIGH_WATER_BYTES + 2 * 64 * 1024
    reading.set()
    found = await all_of(reader)
    assert [event["position"]["position"]["latitude"] for event in found[1:]] == [n / 100 for n in range(1, number + 1)]


async def test_a_replay_that_is_left_is_over_and_one_that_begins_anew_goes_on(
    api: Api, world: World, gallery: Gallery
) -> None:
    """As where the reader's role has changed."""
    await fly(api, world)
    operation, executor, play = await opened(api, world.member, REPLAY, **span(world, speed=0.001, name="mine"))
    assert isinstance(play, Play)

    def enrol(place: Any) -> tuple[Reader, Member]:
        reader = Reader(world.member)
        outlet = PlainOutlet(reader.take, lambda: None)
        gallery.outlets.append(outlet)
        member = Member(reader, outlet, "1")
        member.place = place
        gallery.fanout.enrol(member, play, operation, executor)
        return reader, member

    reader, member = enrol(None)
    told = [(await reader.next())["replay"] for _ in range(4)]
    assert member.workspaces() == {world.workspace.id}
    assert member.group is not None
    place = member.group.standing(member)
    member.leave()
    await asyncio.sleep(0.01)
    await api.services.steering.say("replay", world.member.user_id, "mine", {"speed": 0.0})  # nobody hears
    assert reader.messages.empty()
    again, _ = enrol(place)
    await asyncio.sleep(0.01)
    await api.services.steering.say("replay", world.member.user_id, "mine", {"speed": 0.0})
    assert [*told, *await all_of(again)] == await all_of(await replay(api, gallery, world))


async def test_with_an_interval_it_tells_the_newest_of_each_and_how_far_it_is(
    api: Api, world: World, gallery: Gallery
) -> None:
    await fly(api, world)
    whole = await all_of(await replay(api, gallery, world, kinds=["POSITION_REPORTED"]))
    found = await all_of(await replay(api, gallery, world, kinds=["POSITION_REPORTED"], speed=90_000.0, interval=5))
    assert [item["__typename"] for item in (found[0], found[-1])] == ["Snapshot", "Passed"]
    assert found[-1]["at"] == later(900).isoformat()
    newest = {item["position"]["droneId"]: item for item in whole[1:]}
    told = [item for item in found if item["__typename"] == "PositionReported"]
    assert len(told) < len(whole) - 1
    assert {item["position"]["droneId"]: item for item in told} == newest


async def test_strangers_learn_nothing_and_nobody_has_too_many(api: Api, world: World, gallery: Gallery) -> None:
    await fly(api, world)
    moment = {"id": str(world.workspace.id), "at": later(5).isoformat()}
    for at in (later(5), later(5_000), NOW - timedelta(days=1)):
        found = await api.ask(world.stranger, AT, id=str(world.workspace.id), at=at.isoformat())
        assert (found.data, found.errors) == ({"fleetAt": None}, [])
        assert found == await api.ask(world.stranger, AT, id="987654321", at=at.isoformat())
    assert (await api.ask(None, AT, **moment)).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(None, CONTROL, name="mine")).codes == ["UNAUTHENTICATED"]
    hidden = await refusal(api, world.stranger, REPLAY, **span(world))
    assert hidden["code"] == "GONE"
    assert hidden == await refusal(api, world.stranger, REPLAY, **span(world, id="987654321"))
    assert (await refusal(api, None, REPLAY, **span(world)))["code"] == "UNAUTHENTICATED"
    for wrong in (
        {"to": later(-1).isoformat()},
        {"speed": -1.0},
        {"name": ""},
        {"interval": 60_001},
        {"from": later(9_999).isoformat()},
    ):
        assert (await refusal(api, world.member, REPLAY, **span(world, **wrong)))["code"] == "BAD_INPUT"
    readers = [await replay(api, gallery, world, speed=0.001) for _ in range(6)]
    ends = [await asyncio.wait_for(reader.messages.get(), PATIENCE_S) for reader in readers]
    refused = [end for end in ends if not isinstance(end, dict)]
    assert [end.body["extensions"]["code"] for end in refused] == ["RATE_LIMITED"]
