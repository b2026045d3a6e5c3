"""What the REST contract says of media items."""

import json
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.domain.media import MediaType
from ofh.services.pages import PIECE
from ofh.store.models import Drone, File, Flight, Media
from tests.integration.rest.door import STRANGER, Door
from tests.support.media import NOW


async def take(door: Door, number: int = 1, **values: Any) -> tuple[Flight, list[Media]]:
    """So many photos of one flight, two of each moment."""
    flight = await door.bench.flight(door.place, NOW, NOW)
    files = [
        File(
            workspace_id=door.place.id,
            name=f"DJI_{index}.JPG",
            object_key=f"w/{flight.id}/{index}",
            size=1,
            content_type="image/jpeg",
            etag="x",
            created_at=NOW,
        )
        for index in range(number)
    ]
    await File.bulk_create(files)
    rows = [
        Media(
            **{
                "workspace_id": door.place.id,
                "file_id": file.id,
                "drone_id": flight.drone_id,
                "flight_id": flight.id,
                "type": MediaType.PHOTO.value,
                "created_at": NOW + timedelta(seconds=index // 2),
            }
            | values
        )
        for index, file in enumerate(await File.filter(workspace_id=door.place.id).order_by("id"))
    ]
    await Media.bulk_create(rows)
    return flight, await Media.filter(flight_id=values.get("flight_id", flight.id)).order_by("id")


async def test_a_media_item_has_the_shape_of_the_contract(door: Door) -> None:
    meta = {"make": "DJI", "größe": [4000, 3000], "f": 2.8}
    flight, (row,) = await take(door, meta=meta)
    shown = (await door.ask("GET", f"/media/{row.id}", who=Role.VIEWER)).json()
    assert json.loads(shown.pop("meta")) == meta
    assert shown == {
        "id": row.id,
        "drone_id": flight.drone_id,
        "flight_id": flight.id,
        "type": 0,
        "file_id": row.file_id,
        "file_name": "DJI_0.JPG",
        "created_at": NOW.isoformat(),
        "received_at": NOW.isoformat(),
    }


@pytest.mark.parametrize(("kind", "number"), [(MediaType.PHOTO, 0), (MediaType.VIDEO, 1), (MediaType.OTHER, 2)])
async def test_of_no_flight_it_has_the_flight_0_and_without_a_word_of_its_own_no_meta(
    door: Door, kind: MediaType, number: int
) -> None:
    _, (row,) = await take(door, flight_id=None, type=kind.value)
    shown = (await door.ask("GET", f"/media/{row.id}")).json()
    assert (shown["flight_id"], shown["type"]) == (0, number)
    assert "meta" not in shown
    listed = (await door.ask("GET", f"/drone/{row.drone_id}/media")).json()
    assert listed == [shown]


async def test_long_lists_are_whole_and_name_each_once(door: Door) -> None:
    flight, rows = await take(door, 2 * PIECE + 1)
    other = await Drone.create(workspace_id=door.place.id, serial_number="AC2", type=67, created_at=NOW)
    for path in (f"/drone/{flight.drone_id}/media", f"/flight/{flight.id}/media"):
        shown = (await door.ask("GET", path)).json()
        assert sorted(item["id"] for item in shown) == [row.id for row in rows]
        assert {item["file_name"] for item in shown} == {f"DJI_{index}.JPG" for index in range(len(rows))}
    assert (await door.ask("GET", f"/drone/{other.id}/media")).json() == []


async def test_a2_who_may_not_see_them_learns_nothing(door: Door) -> None:
    flight, (row,) = await take(door)
    for path in ("/media/{media}", "/flight/{flight}/media", "/drone/{drone}/media"):
        ids = {"media": row.id, "flight": flight.id, "drone": row.drone_id}
        for who, status in ((None, 401), (STRANGER, 410), (Role.VIEWER, 200)):
            assert (await door.ask("GET", path.format(**ids), who=who)).status_code == status
        told = [
            await door.ask("GET", path.format(**asked), who=STRANGER)
            for asked in (ids, dict.fromkeys(ids, 987_654_321), dict.fromkeys(ids, "9" * 18))
        ]
        assert len({answer.content for answer in told}) == 1
