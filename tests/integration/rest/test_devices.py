"""What the REST contract says of drones and remote controllers: what is not known is left out, or 410."""

from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.store.models import Drone, RemoteController
from tests.integration.rest.door import STRANGER, Door
from tests.support.media import NOW

LATER = NOW + timedelta(microseconds=250_000)
DRONE = ("/drone/{}", "/drone/{}/last-position", "/drone/{}/last-battery", "/drone/{}/media", "/drone/{}/flights")
CONTROLLER = ("/remote-controller/{}", "/remote-controller/{}/last-position")
MISSING = 987_654_321


def state(**values: Any) -> dict[str, Any]:
    """What a device said: a fix a moment later than the rest."""
    said = DeviceState().merge(Report(at=NOW, values={Property.BATTERY: values["battery"], Property.HEADING: 3.0}))
    return said.merge(Report(at=LATER, values={Property.FIX: values["fix"]})).to_json()


async def make_drone(door: Door, **values: Any) -> Drone:
    given = {"serial_number": "AC1", "type": 67, "created_at": NOW}
    return await Drone.create(workspace_id=door.place.id, **given | values)


async def make_controller(door: Door, **values: Any) -> RemoteController:
    given = {"serial_number": "RC1", "type": 119, "created_at": NOW}
    return await RemoteController.create(workspace_id=door.place.id, **given | values)


async def test_a_drone_has_the_shape_of_the_contract(door: Door) -> None:
    row = await make_drone(door, name="Möwe", connection_id=door.place.connection.id)
    answer = await door.ask("GET", f"/drone/{row.id}", who=Role.VIEWER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "id": row.id,
        "serial_number": "AC1",
        "type": 67,
        "name": "Möwe",
        "last_connection_id": door.place.connection.id,
    }


async def test_what_is_not_known_of_a_drone_is_left_out(door: Door) -> None:
    row = await make_drone(door, type=-1)
    shown = (await door.ask("GET", f"/drone/{row.id}")).json()
    assert shown == {"id": row.id, "serial_number": "AC1", "type": -1, "name": "AC1"}


async def test_what_it_reported_last(door: Door) -> None:
    said = state(
        fix=Fix(longitude_deg=9.5, latitude_deg=-50.25, height_m=1_204.0), battery=Battery(capacity_percent=88)
    )
    row = await make_drone(door, state=said)
    position = (await door.ask("GET", f"/drone/{row.id}/last-position")).json()
    assert position == {"longitude": 9.5, "latitude": -50.25, "height": 1204.0, "reported_at": LATER.isoformat()}
    assert position["reported_at"].endswith(".250000+00:00")
    battery = (await door.ask("GET", f"/drone/{row.id}/last-battery")).json()
    assert battery == {"capacity_percent_left": 88, "reported_at": NOW.isoformat()}


async def test_a_remote_controller_and_where_it_was(door: Door) -> None:
    said = state(fix=Fix(longitude_deg=9.5, latitude_deg=50.25, height_m=0), battery=Battery(capacity_percent=50))
    row = await make_controller(door, state=said)
    shown = (await door.ask("GET", f"/remote-controller/{row.id}")).json()
    assert shown == {"id": row.id, "serial_number": "RC1", "type": 119}
    position = (await door.ask("GET", f"/remote-controller/{row.id}/last-position")).json()
    assert position == {"longitude": 9.5, "latitude": 50.25, "height": 0, "reported_at": LATER.isoformat()}


async def test_what_was_never_reported_is_410_and_what_cannot_be_read_likewise(door: Door) -> None:
    unreadable = {Property.FIX.value: ["x"], Property.BATTERY.value: {}}
    for number, said in enumerate(({}, unreadable)):
        drone = await make_drone(door, serial_number=f"AC{number}", state=said)
        controller = await make_controller(door, serial_number=f"RC{number}", state=said)
        for path in (*[path.format(drone.id) for path in DRONE[1:3]], CONTROLLER[1].format(controller.id)):
            answer = await door.ask("GET", path)
            assert (answer.status_code, answer.json()["code"]) == (410, "gone")
        for path in DRONE[3:]:
            answer = await door.ask("GET", path.format(drone.id))
            assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("path", [*DRONE, *CONTROLLER])
async def test_a2_who_may_not_see_a_device_learns_nothing(door: Door, path: str) -> None:
    said = state(fix=Fix(longitude_deg=9.5, latitude_deg=50.25, height_m=0), battery=Battery(capacity_percent=50))
    id = (await make_drone(door, state=said)).id if "drone" in path else (await make_controller(door, state=said)).id
    for who, status in ((None, 401), (STRANGER, 410), (Role.VIEWER, 200), (Role.OWNER, 200)):
        assert (await door.ask("GET", path.format(id), who=who)).status_code == status, who
    told = [await door.ask("GET", path.format(asked), who=STRANGER) for asked in (id, MISSING, "9" * 18)]
    assert {answer.status_code for answer in told} == {410}
    assert len({answer.content for answer in told}) == 1


@pytest.mark.parametrize("id", ["0", "-1", "01", "1.0", "1e3", "x", "1" * 19, "%D9%A1", "%201"])
async def test_a3_a_malformed_id_is_400_and_without_a_session_401(door: Door, id: str) -> None:
    others = ("/drone/{}/current-flight", "/flight/{}", "/flight/{}/media", "/media/{}")
    for path in (*DRONE, *CONTROLLER, *others):
        answer = await door.ask("GET", path.format(id))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), path
        assert (await door.ask("GET", path.format(id), who=None)).status_code == 401
