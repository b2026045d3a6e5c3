"""Every event of `/api/live`, to the letter of docs/live.md, and to nobody else."""

import asyncio
from typing import Any

import pytest

from ofh.domain.devices import DeviceState, Fix, Property
from ofh.domain.event_json import encode
from ofh.domain.events import DronePositioned, EventKind, FlightChanged, MediaAnalysed, Table
from ofh.domain.traffic import Sighting
from ofh.edges.live.socket import NOTHING, SocketLimits
from ofh.services.announcing import publish
from tests.integration.live.site import Site, later
from tests.support.fleet import charge, position

AT_1 = "2026-06-01T08:00:01+00:00"
PLACE = {"latitude": 50.49, "longitude": 2.0, "height": 1000.0, "reported_at": AT_1}
HERE = "50.49$2.0$10000"


async def test_positions_and_charges_are_told_as_they_come(site: Site) -> None:
    drone, workspace, controller = site.ids["drone"], site.ids["workspace"], site.ids["remote_controller"]
    await site.bench.report("AC1", position(1.0), sent_at=later(0))
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(
            ("drone_position", drone),
            ("drone_telemetry", drone),
            ("remote_controller_position", controller),
            ("workspace_drones_position", workspace),
        )
        await site.bench.report("AC1", position(2.0) | charge(71.0), sent_at=later(1))
        await site.bench.report("RC1", position(2.0), sent_at=later(1))
        found = {item["event"]: item for item in [await olga.event() for _ in range(4)]}
        of_drone = {"id": drone, "serial_number": "AC1", "position": PLACE}
        assert found == {
            "drone_position": {"event": "drone_position", "filter": str(drone), "eventData": of_drone},
            "workspace_drones_position": {
                "event": "workspace_drones_position",
                "filter": str(workspace),
                "eventData": of_drone,
            },
            "drone_telemetry": {
                "event": "drone_telemetry",
                "filter": str(drone),
                "eventData": {"id": drone, "telemetry": {"capacity_percent_left": 71.0, "reported_at": AT_1}},
            },
            "remote_controller_position": {
                "event": "remote_controller_position",
                "filter": str(controller),
                "eventData": {"id": controller, "position": PLACE},
            },
        }
        await site.bench.report("AC1", {Property.HEADING: 3.0}, sent_at=later(2))
        assert await olga.rest() == [], "nothing of this was told"


async def test_a_drone_that_comes_later_is_in_its_workspaces_events(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("workspace_drones_position", site.ids["workspace"]))
        await site.bench.announce("c-1", "RC1", "AC1", "AC2", at=later(1))
        await site.bench.report("AC2", position(2.0), sent_at=later(1))
        assert (await olga.event())["eventData"]["serial_number"] == "AC2"


async def test_media_are_told_each_once(site: Site) -> None:
    drone, workspace = site.ids["drone"], site.ids["workspace"]
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("drone_media", drone), ("workspace_drones_media", workspace))
        second = await site.media(site.drone, 2, site.flight.id)
        await site.uploaded(site.photo, second)
        found = await olga.exactly(4)
    for event, filter in (("drone_media", drone), ("workspace_drones_media", workspace)):
        told = [item for item in found if item["event"] == event]
        assert [item["filter"] for item in told] == [str(filter)] * 2
        assert [item["eventData"] for item in told] == [
            {
                "id": item.id,
                "workspace_id": workspace,
                "drone_id": drone,
                "flight_id": flight,
                "file_id": item.file_id,
                "drone_serial_number": "AC1",
            }
            for item, flight in ((site.photo, 0), (second, site.flight.id))
        ]


@pytest.mark.parametrize("table", [*(table.value for table in Table), "drones", "remote-controller"])
async def test_each_change_of_a_row_is_told(site: Site, table: str) -> None:
    kind = {"drones": Table.DRONE, "remote-controller": Table.REMOTE_CONTROLLER}.get(table) or Table(table)
    number = site.ids[kind.value]
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("db_row_update", f"{table}%{number}"))
        for _ in range(2):
            await change(site, kind, number)
        await site.news.changed(site.ids["workspace"], (Table.DRONE, 999))
        update = {"table": table, "id": str(number)}
        told = {"event": "db_row_update", "filter": f"{table}%{number}", "eventData": update}
        assert await olga.exactly(2) == [told, told]


async def change(site: Site, table: Table, number: int) -> None:
    """As the services tell of it."""
    if table is Table.USER:
        await site.house.accounts.update_user(site.olga, number, name="Olga")
    elif table is Table.FLIGHT:
        event = FlightChanged(
            workspace_id=site.ids["workspace"],
            drone_id=site.ids["drone"],
            flight_id=number,
            kind=EventKind.FLIGHT_LANDED,
            at=later(1),
        )
        await publish(site.bench.bus, {site.ids["workspace"]: encode([event])}, site.bench.counts)
    else:
        await site.news.changed(site.ids["workspace"], (table, number))


async def test_a_photo_that_was_looked_into_is_another_and_so_is_its_file(site: Site) -> None:
    media, file, workspace = site.ids["media"], site.ids["file"], site.ids["workspace"]
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("db_row_update", f"media%{media}"), ("db_row_update", f"file%{file}"))
        for number in (media, media + 1):
            event = MediaAnalysed(workspace_id=workspace, drone_id=site.ids["drone"], media_id=number, at=later(1))
            await publish(site.bench.bus, {workspace: encode([event])}, site.bench.counts)
        assert sorted(item["filter"] for item in await olga.exactly(2)) == [f"file%{file}", f"media%{media}"]


async def test_where_changes_may_have_been_missed_the_row_is_told_to_have_changed(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(
            ("db_row_update", f"drone%{site.ids['drone']}"), ("db_row_update", f"user%{site.ids['user']}")
        )
        await site.house.control.publish("interrupted")
        assert sorted(item["filter"] for item in await olga.exactly(2)) == ["drone%1", f"user%{site.ids['user']}"]


async def test_what_is_hidden_missing_or_nonsense_is_answered_alike(site: Site) -> None:
    drone, workspace = site.ids["drone"], site.ids["workspace"]
    refused: list[tuple[Any, str]] = [
        *((event, str(drone)) for event in ("drone_position", "drone_telemetry", "drone_media")),
        ("remote_controller_position", str(site.ids["remote_controller"])),
        *((event, str(workspace)) for event in ("workspace_drones_position", "workspace_drones_media")),
        *(("db_row_update", f"{table}%{number}") for table, number in site.ids.items()),
        *(
            (event, "987654321")
            for event in ("drone_position", "workspace_drones_position", "remote_controller_position")
        ),
        *(("db_row_update", f"{table}%987654321") for table in site.ids),
        *((event, "x") for event in ("drone_position", "drone_media", "workspace_drones_media", "traffic")),
        ("db_row_update", "user_sessions%1"),
        ("db_row_update", "drone"),
        ("db_row_update", f"drone%{drone}; DROP TABLE drones"),
        ("drone_position", "9" * 19),
        ("drone_position", ""),
        ("drone_position", "\0"),
        ("traffic", "91$0$5"),
        *((event, str(workspace)) for event in ("geo_object", "mission", "task", "", "drone_battery")),
    ]
    async with site.socket(site.mallorys_cookie) as mallory:
        for event, filter in refused:
            assert await mallory.subscribe(event, filter) == {"success": False, "result": NOTHING}, (event, filter)
        await site.bench.report("AC1", position(2.0) | charge(71.0), sent_at=later(1))
        await site.uploaded(site.photo)
        await site.news.changed(workspace, (Table.DRONE, drone))
        assert await mallory.rest() == []
    assert len(site.sockets.channels) == 0


async def test_a_second_subscription_is_confirmed_and_doubles_nothing(site: Site) -> None:
    topic = ("drone_position", site.ids["drone"])
    async with site.socket(site.olgas_cookie) as olga, site.socket(site.olgas_cookie) as other:
        await olga.follow(topic, topic)
        await other.follow(topic)
        await site.bench.report("AC1", position(2.0), sent_at=later(1))
        assert await olga.exactly(1) == await other.exactly(1)
        assert len(site.sockets.channels) == 1, "read and encoded once for all"


async def test_an_event_of_another_workspace_on_our_channel_is_not_told(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("workspace_drones_position", site.ids["workspace"]))
        await site.bench.report("AC1", position(2.0), sent_at=later(1))
        held = await olga.event()
        state = (await site.bench.drone("AC1", site.ids["workspace"])).state
        forged = DronePositioned(
            workspace_id=site.elsewhere.id,
            drone_id=held["eventData"]["id"],
            at=later(2),
            fix=Fix(longitude_deg=1.0, latitude_deg=1.0, height_m=1.0),
            state=DeviceState.from_json(state),
        )
        await publish(site.bench.bus, {site.ids["workspace"]: encode([forged])}, site.bench.counts)
        assert await olga.rest() == []


# Traffic


def heard(id: str = "3c6444", *, longitude: float = 2.0, after_s: float = 0, height_m: float | None = None) -> Sighting:
    return Sighting(id=id, longitude_deg=longitude, latitude_deg=50.49, height_m=height_m, at=later(after_s))


async def test_what_receivers_hear_is_told_within_the_circle(site: Site) -> None:
    async with site.socket(site.mallorys_cookie) as mallory, site.socket(site.olgas_cookie) as olga:
        await mallory.follow(("traffic", HERE))
        site.traffic.heard([heard(), heard("abcdef", longitude=9.0), heard("4ca2d6", height_m=11_620.5)])
        found = {item["eventData"]["id"]: item for item in [await mallory.event() for _ in range(2)]}
        where = {"latitude": 50.49, "longitude": 2.0}
        when = {"reported_at": "2026-06-01T08:00:00+00:00"}
        assert found == {
            "3c6444": {
                "event": "traffic",
                "filter": HERE,
                "eventData": {"id": "3c6444", "position": {**where, **when}},
            },
            "4ca2d6": {
                "event": "traffic",
                "filter": HERE,
                "eventData": {"id": "4ca2d6", "position": {**where, "height": 11_620.5, **when}},
            },
        }
        await olga.follow(("traffic", HERE))
        assert {item["eventData"]["id"] for item in await olga.exactly(2)} == {"3c6444", "4ca2d6"}, "at once"
        site.traffic.heard([heard(after_s=-30, longitude=2.01), heard("4ca2d6", height_m=11_620.5)])
        assert await mallory.rest() == [], "nothing is newer"


async def test_drones_are_shared_only_by_those_who_switched_it_on_and_only_where_they_are(site: Site) -> None:
    await site.bench.report("AC1", position(2.0), sent_at=later(0))
    async with site.socket(site.mallorys_cookie) as mallory, site.socket(site.olgas_cookie) as olga:
        await mallory.follow(("traffic", HERE))
        await olga.follow(("traffic", HERE))
        await site.bench.report("AC1", position(2.001), sent_at=later(1))
        assert await mallory.rest() == [], "off by default"
        await site.house.workspaces.update(site.olga, site.ids["workspace"], share_position=True)
        first = (await mallory.event())["eventData"]
        assert first["position"] == {**PLACE, "longitude": 2.001}
        assert list(first) == ["id", "position"]
        assert "AC1" not in first["id"]
        await site.bench.report("AC1", position(2.002), sent_at=later(2))
        again = (await mallory.event())["eventData"]
        assert (again["id"], again["position"]["longitude"]) == (first["id"], 2.002)
        assert await olga.rest() == [], "one's own drones are no traffic"

        await site.house.workspaces.update(site.olga, site.ids["workspace"], share_position=False)
        await site.bench.report("AC1", position(2.003), sent_at=later(3))
        assert await mallory.rest() == [], "it ends at once"
    async with site.socket(site.mallorys_cookie) as mallory:
        await mallory.follow(("traffic", HERE))
        assert await mallory.rest() == []


async def test_a_shared_drone_has_another_name_every_day(site: Site) -> None:
    await site.house.workspaces.update(site.olga, site.ids["workspace"], share_position=True)
    names = []
    async with site.socket(site.mallorys_cookie) as mallory:
        await mallory.follow(("traffic", HERE))
        for _ in range(2):
            await site.bench.report("AC1", position(2.0), sent_at=site.bench.now)
            names.append((await mallory.event())["eventData"]["id"])
            site.bench.now = later(86_400)
            site.house.clock.now = site.bench.now
    assert len(set(names)) == 2


@pytest.mark.parametrize("limits", [SocketLimits(subscriptions=3, circles=2)])
async def test_there_are_only_so_many_subscriptions(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("traffic", "1$1$1"), ("traffic", "2$2$2"))
        third = await olga.subscribe("traffic", "3$3$3")
        assert third == {"success": False, "result": "At most 2 circles of traffic on one socket."}
        await olga.follow(("drone_position", site.ids["drone"]), ("traffic", "1$1$1"))
        fourth = await olga.subscribe("drone_telemetry", str(site.ids["drone"]))
        assert fourth == {"success": False, "result": "At most 3 subscriptions on one socket."}


async def test_the_traffic_is_listened_to_only_as_long_as_somebody_watches(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("traffic", HERE))
        assert site.traffic._listening is not None
    await site.nothing_left()
    async with asyncio.timeout(20):
        while site.traffic._listening is not None:
            await asyncio.sleep(0.01)
