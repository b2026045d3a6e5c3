"""What the REST contract says of a flight: its track, what is not known left out, 410 for what is not there."""

from datetime import timedelta

import pytest

from ofh.domain.actors import Role
from ofh.services import flights
from ofh.store.models import Drone, Flight
from tests.integration.rest.door import STRANGER, Door
from tests.support.history import history_row, store
from tests.support.media import NOW


async def fly(door: Door, *, is_over: bool) -> Flight:
    """A flight of a minute with a fix every ten seconds."""
    drone = await Drone.create(workspace_id=door.place.id, serial_number="AC1", type=67, created_at=NOW)
    end = NOW + timedelta(seconds=60)
    rows = [
        history_row(NOW + timedelta(seconds=second), drone_id=drone.id, longitude=9 + second / 1000, height=500.0)
        for second in range(0, 61, 10)
    ]
    await store(door.bench.database, rows)
    return await Flight.create(
        workspace_id=door.place.id,
        drone_id=drone.id,
        open_drone_id=None if is_over else drone.id,
        phase="ended" if is_over else "airborne",
        started_at=NOW,
        last_at=end,
        landed_at=end if is_over else None,
        ended_at=end if is_over else None,
    )


async def test_a_flight_has_the_shape_of_the_contract(door: Door) -> None:
    flight = await fly(door, is_over=True)
    answer = await door.ask("GET", f"/flight/{flight.id}", who=Role.VIEWER)
    assert answer.status_code == 200
    shown = answer.json()
    track = shown.pop("track")
    end = (NOW + timedelta(seconds=60)).isoformat()
    assert shown == {
        "id": flight.id,
        "drone_id": flight.drone_id,
        "started_at": NOW.isoformat(),
        "landed_at": end,
        "ended_at": end,
    }
    assert len(track) == 7
    assert track[0] == {"longitude": 9.0, "latitude": 50.49, "height": 500.0, "time": NOW.isoformat()}
    assert (await door.ask("GET", f"/drone/{flight.drone_id}/current-flight")).status_code == 410


async def test_the_flight_under_way_has_neither_landing_nor_end(door: Door) -> None:
    flight = await fly(door, is_over=False)
    shown = (await door.ask("GET", f"/drone/{flight.drone_id}/current-flight")).json()
    assert shown["id"] == flight.id
    assert not shown.keys() & {"landed_at", "ended_at"}


@pytest.mark.parametrize("path", ["/flight/{flight}", "/drone/{drone}/current-flight", "/drone/{drone}/flights"])
async def test_whoever_may_not_see_it_learns_nothing(door: Door, path: str) -> None:
    flight = await fly(door, is_over=False)
    path = path.format(flight=flight.id, drone=flight.drone_id)
    assert (await door.ask("GET", path, who=STRANGER)).status_code == 410
    assert (await door.ask("GET", path, who=None)).status_code == 401


async def test_an_eight_hour_track_at_one_hertz_is_thinned_and_whole(door: Door) -> None:
    flight = await fly(door, is_over=True)
    lasts = 8 * 3600
    rows = [
        history_row(NOW + timedelta(seconds=second), drone_id=flight.drone_id, digest=1, longitude=9 + second / 1e5)
        for second in range(1, lasts + 1)
    ]
    await store(door.bench.database, rows)
    await Flight.filter(id=flight.id).update(landed_at=NOW + timedelta(seconds=lasts))
    track = (await door.ask("GET", f"/flight/{flight.id}")).json()["track"]
    assert 5_000 < len(track) <= 10_000
    assert [track[0]["time"], track[-1]["time"]] == [
        NOW.isoformat(),
        (NOW + timedelta(seconds=lasts)).isoformat(),
    ]


async def test_a_list_of_flights_has_the_same_flights_with_the_same_tracks(door: Door) -> None:
    flight = await fly(door, is_over=True)
    open_flight = await Flight.create(
        workspace_id=door.place.id,
        drone_id=flight.drone_id,
        open_drone_id=flight.drone_id,
        phase="airborne",
        started_at=NOW + timedelta(seconds=50),
        last_at=NOW + timedelta(seconds=55),
    )
    listed = (await door.ask("GET", f"/drone/{flight.drone_id}/flights", who=Role.VIEWER)).json()
    assert sorted(item["id"] for item in listed) == [flight.id, open_flight.id]
    for item in listed:
        assert item == (await door.ask("GET", f"/flight/{item['id']}")).json()


async def test_many_long_flights_share_the_points_of_the_list(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each the ends, whatever else stays; read a few at a time."""
    monkeypatch.setattr(flights, "LISTED_POINTS", 40)
    monkeypatch.setattr(flights, "PIECE_POINTS", 12)
    flight = await fly(door, is_over=True)
    rest = [
        Flight(
            workspace_id=door.place.id,
            drone_id=flight.drone_id,
            phase="ended",
            started_at=NOW + timedelta(seconds=10 * (number % 2)),
            last_at=NOW + timedelta(seconds=60),
            landed_at=NOW + timedelta(seconds=60),
        )
        for number in range(9)
    ]
    await Flight.bulk_create(rest)
    listed = (await door.ask("GET", f"/drone/{flight.drone_id}/flights")).json()
    assert len(listed) == len({item["id"] for item in listed}) == 10
    for item in listed:
        track = item["track"]
        assert 3 <= len(track) <= 4
        assert (track[0]["time"], track[-1]["time"]) == (item["started_at"], item["landed_at"])
