"""What can be watched: the same shapes as in queries, for those who may, one execution for all of them."""

from datetime import datetime

from ofh.domain.actors import Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.event_json import encode
from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, Event
from ofh.services.workspace_feed import FEW, channel
from tests.integration.graphql_api.gallery import Gallery, refusal, watch
from tests.integration.graphql_api.world import Api, World, later, make_drone

AT = "2026-05-01T12:00:00+00:00"
MISSING = "999999999999999999"

DRONE_POSITION = """subscription ($id: ID!) { dronePosition(droneId: $id) {
    droneId drone { id name lastConnection { name } } position { longitude latitude height reportedAt }
    telemetry { heading reportedAt } } }"""
DRONE_BATTERY = """subscription ($id: ID!) { droneBattery(droneId: $id) {
    droneId drone { id } battery { capacityPercentLeft reportedAt } } }"""
CONTROLLER_POSITION = """subscription ($id: ID!) { remoteControllerPosition(remoteControllerId: $id) {
    remoteControllerId remoteController { id serialNumber }
    position { longitude latitude height hasHeight reportedAt } } }"""
POSITIONS = """subscription ($id: ID!, $area: Area, $interval: Int) {
    workspacePositions(workspaceId: $id, area: $area, interval: $interval) { droneId position { latitude } } }"""
BATTERIES = """subscription ($id: ID!, $interval: Int) {
    workspaceBatteries(workspaceId: $id, interval: $interval) { droneId battery { capacityPercentLeft } } }"""


async def happen(api: Api, world: World, *events: Event) -> None:
    """Let something be told on the bus."""
    await api.services.feed._bus.publish(channel(world.workspace.id), encode(events))


def positioned(world: World, at: datetime, latitude: float, drone_id: int | None = None) -> DronePositioned:
    """A drone's position north of where it was."""
    fix = Fix(longitude_deg=8.5, latitude_deg=latitude, height_m=520)
    state = DeviceState().merge(Report(at=at, values={Property.FIX: fix, Property.HEADING: 5.0}))
    return DronePositioned(
        workspace_id=world.workspace.id, drone_id=drone_id or world.drone.id, at=at, fix=fix, state=state
    )


async def test_a_drones_position_comes_at_once_and_then_every_new_one(api: Api, world: World, gallery: Gallery) -> None:
    reader = await watch(api, gallery, world.member, DRONE_POSITION, id=str(world.drone.id))
    drone = {"id": str(world.drone.id), "name": "SN1", "lastConnection": {"name": "Van 1"}}
    assert await reader.next() == {
        "dronePosition": {
            "droneId": str(world.drone.id),
            "drone": drone,
            "position": {"longitude": 8.5, "latitude": 47.25, "height": 512.5, "reportedAt": AT},
            "telemetry": {"heading": 271.5, "reportedAt": AT},
        }
    }
    await happen(api, world, positioned(world, later(1.5), 47.5))
    assert await reader.next() == {
        "dronePosition": {
            "droneId": str(world.drone.id),
            "drone": drone,
            "position": {
                "longitude": 8.5,
                "latitude": 47.5,
                "height": 520.0,
                "reportedAt": "2026-05-01T12:00:01.500000+00:00",
            },
            "telemetry": {"heading": 5.0, "reportedAt": "2026-05-01T12:00:01.500000+00:00"},
        }
    }


async def test_a_drones_battery_comes_at_once_and_then_every_new_one(api: Api, world: World, gallery: Gallery) -> None:
    reader = await watch(api, gallery, world.member, DRONE_BATTERY, id=str(world.drone.id))
    first = (await reader.next())["droneBattery"]
    assert first["battery"] == {"capacityPercentLeft": 61.5, "reportedAt": AT}
    battery = Battery(capacity_percent=60)
    await happen(
        api,
        world,
        BatteryReported(workspace_id=world.workspace.id, drone_id=world.drone.id, at=later(1), battery=battery),
    )
    assert (await reader.next())["droneBattery"] == {
        "droneId": str(world.drone.id),
        "drone": {"id": str(world.drone.id)},
        "battery": {"capacityPercentLeft": 60.0, "reportedAt": "2026-05-01T12:00:01+00:00"},
    }


async def test_a_controllers_position_comes_at_once_and_then_every_new_one(
    api: Api, world: World, gallery: Gallery
) -> None:
    reader = await watch(api, gallery, world.member, CONTROLLER_POSITION, id=str(world.controller.id))
    assert await reader.next() == {
        "remoteControllerPosition": {
            "remoteControllerId": str(world.controller.id),
            "remoteController": {"id": str(world.controller.id), "serialNumber": "RC1"},
            "position": {"longitude": 8.5, "latitude": 47.25, "height": 512.5, "hasHeight": True, "reportedAt": AT},
        }
    }
    fix = Fix(longitude_deg=8, latitude_deg=46, height_m=0, has_height=False)
    await happen(
        api,
        world,
        ControllerPositioned(
            workspace_id=world.workspace.id, remote_controller_id=world.controller.id, at=later(1), fix=fix
        ),
    )
    position = (await reader.next())["remoteControllerPosition"]["position"]
    assert (position["latitude"], position["height"], position["hasHeight"]) == (46.0, 0.0, False)


async def test_a_workspaces_positions_come_all_at_first_and_then_what_changed(
    api: Api, world: World, gallery: Gallery
) -> None:
    other = await make_drone(world.workspace, world.connection, "SN2")
    await make_drone(world.elsewhere, None, "SN3")
    reader = await watch(api, gallery, world.member, POSITIONS, id=str(world.workspace.id), interval=0)
    first = (await reader.next())["workspacePositions"]
    assert {item["droneId"] for item in first} == {str(world.drone.id), str(other.id)}
    await happen(api, world, positioned(world, later(1), 48), positioned(world, later(2), 49, other.id))
    assert await reader.next() == {
        "workspacePositions": [{"droneId": str(world.drone.id), "position": {"latitude": 48.0}}]
    }
    assert await reader.next() == {"workspacePositions": [{"droneId": str(other.id), "position": {"latitude": 49.0}}]}


async def test_positions_may_be_those_inside_an_area(api: Api, world: World, gallery: Gallery) -> None:
    area = {"west": 8, "south": 48, "east": 9, "north": 49}
    reader = await watch(api, gallery, world.member, POSITIONS, id=str(world.workspace.id), area=area, interval=0)
    assert await reader.next() == {"workspacePositions": []}
    await happen(api, world, positioned(world, later(1), 48.5))
    assert (await reader.next())["workspacePositions"][0]["position"] == {"latitude": 48.5}


async def test_a_workspaces_batteries_come_all_at_first_and_then_what_changed(
    api: Api, world: World, gallery: Gallery
) -> None:
    reader = await watch(api, gallery, world.member, BATTERIES, id=str(world.workspace.id), interval=0)
    assert await reader.next() == {
        "workspaceBatteries": [{"droneId": str(world.drone.id), "battery": {"capacityPercentLeft": 61.5}}]
    }
    battery = Battery(capacity_percent=20)
    await happen(
        api,
        world,
        BatteryReported(workspace_id=world.workspace.id, drone_id=world.drone.id, at=later(1), battery=battery),
    )
    assert (await reader.next())["workspaceBatteries"][0]["battery"] == {"capacityPercentLeft": 20.0}


EVERY = [
    (DRONE_POSITION, "drone", "droneId"),
    (DRONE_BATTERY, "drone", "droneId"),
    (CONTROLLER_POSITION, "controller", "remoteControllerId"),
    (POSITIONS, "workspace", "workspaceId"),
    (BATTERIES, "workspace", "workspaceId"),
]


async def test_who_may_not_watch_is_told_why(api: Api, world: World) -> None:
    for document, kind, argument in EVERY:
        id = str(getattr(world, kind).id)
        assert (await refusal(api, None, document, id=id))["code"] == "UNAUTHENTICATED"
        assert (await refusal(api, None, document, id="x"))["code"] == "UNAUTHENTICATED"
        hidden = await refusal(api, world.stranger, document, id=id)
        assert hidden["code"] == "GONE"
        assert hidden == await refusal(api, world.stranger, document, id=MISSING)
        for malformed in ("", "0", "-1", "9" * 19, "1\0"):
            refused = await refusal(api, world.member, document, id=malformed)
            assert (refused["code"], set(refused["fields"])) == ("BAD_INPUT", {argument})


async def test_an_area_or_interval_that_makes_no_sense_is_bad_input(api: Api, world: World) -> None:
    globe = {"west": -180, "south": -90, "east": 180, "north": 90}
    for variables, name in (
        ({"area": {**globe, "west": -181}}, "area.west"),
        ({"area": {**globe, "north": 90.5}}, "area.north"),
        ({"area": {**globe, "south": 10, "north": 9}}, "area.south"),
        ({"interval": -1}, "interval"),
        ({"interval": 3_600_001}, "interval"),
    ):
        refused = await refusal(api, world.member, POSITIONS, id=str(world.workspace.id), **variables)
        assert (refused["code"], set(refused["fields"])) == ("BAD_INPUT", {name})


async def test_readers_with_the_same_rights_share_a_group_and_others_do_not(
    api: Api, world: World, gallery: Gallery
) -> None:
    id = str(world.drone.id)
    for role in Role:
        await (await watch(api, gallery, world.people[role], DRONE_POSITION, id=id)).next()
    assert len(gallery.fanout) == len(Role)
    again = await watch(api, gallery, world.member, DRONE_POSITION, id=id)
    await again.next()
    assert len(gallery.fanout) == len(Role)


async def test_the_callers_role_and_oneself_are_shown_to_each_as_they_are(
    api: Api, world: World, gallery: Gallery
) -> None:
    document = """subscription ($id: ID!) { dronePosition(droneId: $id) { drone { lastConnection { workspace {
        role members { user { name email } email } drone(serialNumber: "SN1") { name } } } } } }"""
    for role in (Role.MEMBER, Role.ADMIN):
        actor = world.people[role]
        reader = await watch(api, gallery, actor, document, id=str(world.drone.id))
        workspace = (await reader.next())["dronePosition"]["drone"]["lastConnection"]["workspace"]
        assert workspace["role"] == role.value
        assert workspace["drone"] == {"name": "SN1"}
        own = f"{role.value.lower()}@example.com"
        assert [member["user"]["email"] for member in workspace["members"] if member["user"]["email"]] == [own]
        shown = {member["email"] for member in workspace["members"]} - {None}
        assert shown == ({own} if role is Role.MEMBER else {f"{name.lower()}@example.com" for name in Role})


async def test_few_events_are_shown_at_once_and_many_in_turns_and_none_overtakes_another(
    api: Api, world: World, gallery: Gallery
) -> None:
    plain = "subscription ($id: ID!) { dronePosition(droneId: $id) { position { latitude } } }"
    readers = [
        await watch(api, gallery, world.member, query, id=str(world.drone.id)) for query in (plain, DRONE_POSITION)
    ]
    for reader in readers:
        await reader.next()
    await gallery.stand()
    number = 0
    for some in (1, 2, FEW + 8, 1, 1, FEW + 1, 2):
        told = [positioned(world, later(n + 1), n + 1) for n in range(number, number + some)]
        number += some
        await happen(api, world, *told)
    for reader in readers:
        found = [(await reader.next())["dronePosition"]["position"]["latitude"] for _ in range(number)]
        assert found == [n + 1 for n in range(number)]
