"""How many SQL statements an operation takes: few, and no more for a large fleet than for a small one."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.store.models import Connection, Drone, File, Flight, Media
from tests.integration.rest.door import Door
from tests.support.history import history_row, store
from tests.support.media import NOW

FEW = {
    "/workspace/{workspace}/connections": 5,
    "/drone/{drone}": 2,
    "/drone/{drone}/last-position": 2,
    "/drone/{drone}/last-battery": 2,
    "/drone/{drone}/media": 3,
    "/flight/{flight}": 4,
    "/flight/{flight}/media": 4,
    "/media/{media}": 3,
}
"""Operation → statements at the most, that for the session among them."""
FLIGHTS = "/drone/{drone}/flights"


async def grow(door: Door, number: int) -> dict[str, int]:
    """So many more drones, each with a connection; as many more flights and photos of the first."""
    said: dict[Property, Any] = {
        Property.FIX: Fix(longitude_deg=9, latitude_deg=50, height_m=500),
        Property.BATTERY: Battery(capacity_percent=5),
    }
    state = DeviceState().merge(Report(at=NOW, values=said)).to_json()
    of_place: dict[str, Any] = {"workspace_id": door.place.id, "created_at": NOW}
    begun = await Drone.all().count()
    for index in range(begun, begun + number):
        van = await Connection.create(public_id=f"v{index}", name="Van", secret_digest=f"{index:064}", **of_place)
        await Drone.create(serial_number=f"AC{index}", type=67, connection_id=van.id, state=state, **of_place)
    drone = await Drone.all().order_by("id").first()
    assert drone is not None
    for index in range(begun, begun + number):
        start = NOW + timedelta(hours=index)
        end = start + timedelta(seconds=60)
        flight = await Flight.create(
            workspace_id=door.place.id, drone_id=drone.id, phase="ended", started_at=start, last_at=end, landed_at=end
        )
        rows = [history_row(start + timedelta(seconds=second), drone_id=drone.id) for second in range(0, 61, 5)]
        await store(door.bench.database, rows)
        file = await File.create(
            name="a.JPG", object_key=f"w/{index}", size=1, content_type="image/jpeg", etag="", **of_place
        )
        media = await Media.create(file_id=file.id, drone_id=drone.id, flight_id=flight.id, type="PHOTO", **of_place)
    return {"workspace": door.place.id, "drone": drone.id, "flight": flight.id, "media": media.id}


async def counted(door: Door, caplog: pytest.LogCaptureFixture, ids: dict[str, int]) -> dict[str, int]:
    """Statements of each operation; those that begin and end a transaction are not counted."""
    found = {}
    for path in (*FEW, FLIGHTS):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            assert (await door.ask("GET", path.format(**ids))).status_code == 200
        said = [record.getMessage() for record in caplog.records if record.name == "tortoise.db_client"]
        found[path] = sum("SELECT" in line for line in said)
    return found


async def test_a_large_fleet_takes_the_statements_of_a_small_one(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    few = await counted(door, caplog, await grow(door, 1))
    assert few.pop(FLIGHTS) <= 6
    assert {path: number for path, number in few.items() if not 0 < number <= FEW[path]} == {}
    many = await counted(door, caplog, await grow(door, 30))
    assert many.pop(FLIGHTS) < 20, "as often as all points of the list hold those of a piece"
    assert many == few


async def test_long_answers_are_compressed_for_clients_that_take_it(door: Door) -> None:
    ids = await grow(door, 1)
    rows = [history_row(NOW + timedelta(milliseconds=10 * n), drone_id=ids["drone"], digest=n) for n in range(1, 2_000)]
    await store(door.bench.database, rows)
    told = {
        accepted: await door.ask("GET", f"/flight/{ids['flight']}", accept_encoding=accepted)
        for accepted in ("identity", "gzip;q=0", "*", "gzip", "br, GZIP ; q=0.5", "deflate, gzip;q=1.0")
    }
    assert len({answer.content for answer in told.values()}) == 1
    sent = {accepted: answer.headers.get("content-encoding") for accepted, answer in told.items()}
    assert list(sent.values()) == [None, None, None, "gzip", "gzip", "gzip"]
    assert all("accept-encoding" in answer.headers["vary"] for answer in told.values())
    assert int(told["gzip"].headers["content-length"]) < int(told["identity"].headers["content-length"]) / 5
    head = await door.ask("HEAD", f"/flight/{ids['flight']}", accept_encoding="gzip")
    assert head.headers["content-length"] == told["gzip"].headers["content-length"]
    short = await door.ask("GET", f"/drone/{ids['drone']}", accept_encoding="gzip")
    assert "content-encoding" not in short.headers
