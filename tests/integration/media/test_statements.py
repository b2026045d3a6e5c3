"""What becomes of a controller's word about files (dji-pilot-2.md, chapters 3 and 10)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ofh.dji.media import decode_file_named, decode_group_uploaded
from ofh.domain.errors import Code, HubError
from ofh.domain.events import MediaUploaded
from ofh.services.media_intake import Outcome
from ofh.store.models import (
    AuditEntry,
    Drone,
    File,
    Fingerprint,
    Media,
    MediaGroup,
    PendingUpload,
    StoredEvent,
    Workspace,
)
from tests.captures.reader import capture, names
from tests.support.media import JPEG, NOW, SERIAL, SHOT, MediaBench, Place, callback

PREFIX = "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k3v9"
TINY = "297f490b0252690d3f93841818567cc6_2025_6_14_10_21_7"
FILE = decode_file_named(capture("http-fast-upload-miss")["request"]["body"])


@pytest.mark.parametrize("name", names("http-upload-callback"))
async def test_every_captured_callback_has_its_outcome(bench: MediaBench, place: Place, name: str) -> None:
    sample = capture(name)
    if sample.get("given"):
        await bench.register(place, callback())
    before = await Media.all().count()
    body = sample["request"]["body"]
    content = JPEG if ".." not in body["object_key"] else None
    outcome = await bench.register(place, body, content)
    assert (await Media.all().count() > before) is sample["created"]
    refused = sample["response"]["body"]["code"] != 0
    assert (outcome in {Outcome.FOREIGN_KEY, Outcome.MISSING}) is refused


async def test_a_photo_is_kept_with_all_that_the_controller_says(bench: MediaBench, place: Place) -> None:
    flight = await bench.flight(place, SHOT - timedelta(minutes=5), SHOT + timedelta(minutes=5))
    async with bench.listening(place) as heard:
        assert await bench.register(place, callback()) is Outcome.TAKEN
    row = await Media.get().select_related("file", "drone", "group")
    assert row.file.name == "DJI_20250614102107_0004_W_Waypoint4.JPG"
    assert (row.file.size, row.file.content_type) == (len(JPEG), "image/jpeg")
    assert row.file.object_key == f"{PREFIX}/DJI_20250614102107_0004_W_Waypoint4.JPG"
    assert row.drone.serial_number == SERIAL
    assert row.flight_id == flight.id
    assert (row.type, row.lens, row.is_original, row.is_panorama) == ("PHOTO", "WIDE", True, False)
    assert row.captured_at == SHOT
    assert (row.longitude, row.latitude) == (9.9542218, 50.4983121)
    assert row.folder == "DJI_202506141015_008_Waypoint1"
    assert row.callback == callback()
    assert row.group is not None
    assert row.group.group_key == "a0f3c1de-52b5-4d55-9c0c-1f5c7e1f7a10"
    event = await StoredEvent.get()
    assert (event.kind, event.media_id, event.drone_id, event.seq) == ("MEDIA_UPLOADED", row.id, row.drone_id, 1)
    assert heard == [
        MediaUploaded(workspace_id=place.id, drone_id=row.drone_id, media_id=row.id, flight_id=flight.id, at=NOW, seq=1)
    ]
    entry = await AuditEntry.get(action="file uploaded")
    assert (entry.workspace_id, entry.address) == (place.id, "192.0.2.9")


async def test_what_was_put_under_credentials_of_a_former_uuid_is_taken(bench: MediaBench, place: Place) -> None:
    """After `reset-workspace-uuid` Pilot may still use the credentials that it has, and says so under the new uuid."""
    elsewhere = await bench.place("South")
    prefix = (await bench.grants.grant(str(place.row.uuid), place.id, place.connection.id)).object_key_prefix
    place.row.uuid = uuid4()
    await place.row.save()
    body = callback(object_key=f"{prefix}/DJI_0001.JPG")
    assert await bench.register(elsewhere, body) is Outcome.FOREIGN_KEY
    assert await bench.register(place, body) is Outcome.TAKEN
    assert (await File.get()).object_key == body["object_key"]
    assert await bench.register(place, callback()) is Outcome.FOREIGN_KEY  # of the former uuid, and granted to nobody


async def test_a_miss_then_a_hit(bench: MediaBench, place: Place) -> None:
    assert not await bench.pilots.fast_upload(place.pilot, FILE)
    await bench.register(place, callback())
    assert await bench.pilots.fast_upload(place.pilot, FILE)


async def test_a_fingerprint_is_compared_without_regard_to_case(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback(fingerprint="7f78c9f1999425cb61f10e1fe206009e"))
    assert await bench.pilots.fast_upload(place.pilot, FILE)


async def test_an_original_is_not_here_because_its_preview_is(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback("preview"))
    preview = decode_file_named(callback("preview"))
    assert await bench.pilots.fast_upload(place.pilot, preview)
    assert not await bench.pilots.fast_upload(place.pilot, FILE)
    assert await bench.pilots.tiny_fingerprints(place.pilot, [TINY]) == []
    assert not (await Media.get()).is_original


async def test_a_failed_upload_stays_a_miss(bench: MediaBench, place: Place) -> None:
    body = callback("failed")
    assert await bench.register(place, body) is Outcome.FAILED
    assert not await bench.pilots.fast_upload(place.pilot, decode_file_named(body))
    assert not await Fingerprint.filter(media_id__not_isnull=True).exists()


async def test_tiny_fingerprints_are_those_of_files_that_are_here_in_the_order_asked(
    bench: MediaBench, place: Place
) -> None:
    await bench.register(place, callback())
    await bench.register(place, callback("video"))
    video = callback("video")["ext"]["tinny_fingerprint"]
    wanted = [video, "nobody", TINY]
    assert await bench.pilots.tiny_fingerprints(place.pilot, wanted) == [video, TINY]
    assert await bench.pilots.tiny_fingerprints(place.pilot, []) == []


async def test_thousands_of_tiny_fingerprints_are_asked_for_at_once(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    wanted = [f"{n:032x}_2025_1_1_0_0_0" for n in range(20_000)]
    assert await bench.pilots.tiny_fingerprints(place.pilot, [*wanted, TINY]) == [TINY]


async def test_the_tiny_fingerprint_of_fast_upload_is_kept_for_a_callback_without_one(
    bench: MediaBench, place: Place
) -> None:
    await bench.pilots.fast_upload(place.pilot, FILE)
    assert await bench.pilots.tiny_fingerprints(place.pilot, [TINY]) == []
    ext = {"sn": SERIAL}
    await bench.register(place, callback(ext=ext))
    assert await bench.pilots.tiny_fingerprints(place.pilot, [TINY]) == [TINY]


async def test_what_was_asked_for_and_never_sent_is_forgotten_after_a_month(bench: MediaBench, place: Place) -> None:
    await bench.pilots.fast_upload(place.pilot, FILE)
    await bench.register(place, callback("video"))
    bench.tick(days=29)
    await bench.pilots.prune()
    assert await Fingerprint.all().count() == 2
    bench.tick(days=2)
    await bench.pilots.prune()
    assert await Fingerprint.all().count() == 1


@pytest.mark.parametrize("name", ["photo-wide", "minimal"])
async def test_the_same_callback_again_doubles_nothing(bench: MediaBench, place: Place, name: str) -> None:
    assert await bench.register(place, callback(name)) is Outcome.TAKEN
    async with bench.listening(place) as heard:
        assert await bench.register(place, callback(name), None) is Outcome.REPEATED
    assert heard == []
    assert await Media.all().count() == await File.all().count() == await StoredEvent.all().count() == 1


async def test_the_same_callback_from_two_sides_at_once_doubles_nothing(bench: MediaBench, place: Place) -> None:
    await bench.put(callback()["object_key"])
    outcomes = await asyncio.gather(*(bench.register(place, callback(), None) for _ in range(5)))
    assert sorted(outcomes) == [Outcome.REPEATED] * 4 + [Outcome.TAKEN]
    assert await Media.all().count() == 1


async def test_the_same_file_under_another_key_is_one_item_and_the_newer_object_goes(
    bench: MediaBench, place: Place
) -> None:
    await bench.register(place, callback())
    again = callback(object_key=f"{PREFIX[:-1]}8/other.JPG")
    assert await bench.register(place, again) is Outcome.REPEATED
    assert await Media.all().count() == 1
    assert bench.store.keys() == [callback()["object_key"]]


async def test_a_file_whose_object_is_lost_is_a_miss_and_taken_again_in_its_place(
    bench: MediaBench, place: Place
) -> None:
    await bench.register(place, callback())
    await bench.store.delete(callback()["object_key"])
    assert not await bench.pilots.fast_upload(place.pilot, FILE)
    again = callback(object_key=f"{PREFIX}/again.JPG")
    assert await bench.register(place, again) is Outcome.REPEATED
    assert (await File.get()).object_key == f"{PREFIX}/again.JPG"
    assert bench.store.keys() == [f"{PREFIX}/again.JPG"]
    assert await bench.pilots.fast_upload(place.pilot, FILE)


async def test_two_files_under_one_key_are_the_later_one(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    other = callback(fingerprint="AB" * 16, ext={"sn": "1581XTESTM3E00001"})
    assert await bench.register(place, other, JPEG + b"other") is Outcome.TAKEN
    row = await Media.get().select_related("drone", "file")
    assert row.drone.serial_number == "1581XTESTM3E00001"
    assert row.file.size == len(JPEG) + 5
    assert not await bench.pilots.fast_upload(place.pilot, FILE)


async def test_one_object_under_two_fingerprints_is_one_item(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    assert await bench.register(place, callback(fingerprint="AB" * 16), None) is Outcome.REPEATED
    assert await Media.all().count() == 1
    assert await Fingerprint.filter(media_id__not_isnull=True).count() == 2


@pytest.mark.parametrize(
    "key",
    [
        "00000000-1111-4222-8333-444444444444/x/a.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k3v9/../../secret.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1/a.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1",
        "/87ffce7c-da28-49cf-9134-8db9fd87ccd1/k/a.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k\\a.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k/%2e%2e/a.JPG",
        "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k//a.JPG",
        "w/1/a.JPG",
    ],
)
async def test_s1_a_key_outside_of_the_workspaces_prefixes_makes_nothing(
    bench: MediaBench, place: Place, key: str
) -> None:
    assert await bench.register(place, callback(object_key=key, name="a.JPG"), None) is Outcome.FOREIGN_KEY
    assert await Media.all().count() == await Fingerprint.all().count() == 0
    assert bench.counts.drops["foreign_object_key"] == 1


async def test_s1_a_key_that_names_no_object_makes_nothing(bench: MediaBench, place: Place) -> None:
    assert await bench.register(place, callback(), None) is Outcome.MISSING
    assert await Media.all().count() == await Drone.all().count() == 0
    assert not await bench.pilots.fast_upload(place.pilot, FILE)


async def test_while_the_store_is_away_a_callback_is_believed_and_looked_at_later(
    bench: MediaBench, place: Place
) -> None:
    await bench.put(callback()["object_key"])
    bench.store.is_away = True
    assert await bench.register(place, callback(), None) is Outcome.WAITING
    assert await bench.register(place, callback(), None) is Outcome.WAITING
    assert await Media.all().count() == 0
    assert await PendingUpload.all().count() == 1
    assert not await bench.pilots.fast_upload(place.pilot, FILE)
    assert await bench.pilots.look_again() == 0
    bench.store.is_away = False
    async with bench.listening(place) as heard:
        assert await bench.pilots.look_again() == 1
    assert [type(event) for event in heard] == [MediaUploaded]
    assert (await Media.get()).captured_at == SHOT
    assert await PendingUpload.all().count() == 0
    assert await bench.pilots.fast_upload(place.pilot, FILE)


async def test_what_waits_survives_a_restart_and_what_was_never_there_makes_nothing(
    bench: MediaBench, place: Place
) -> None:
    bench.store.is_away = True
    await bench.register(place, callback(), None)
    again = MediaBench(bench.database, bench.folder)
    async with again.running():
        assert await again.pilots.look_again() == 1
    assert await Media.all().count() == await PendingUpload.all().count() == 0
    assert again.counts.drops["missing_object"] == 1


async def test_a_workspace_that_goes_at_the_last_moment_makes_nothing(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = bench.store.stat

    async def and_then_it_goes(key: str) -> Any:
        found = await stat(key)
        await Workspace.filter(id=place.id).delete()
        return found

    await bench.put(callback()["object_key"])
    monkeypatch.setattr(bench.store, "stat", and_then_it_goes)
    with pytest.raises(HubError) as refused:
        await bench.register(place, callback(), None)
    assert refused.value.code is Code.UNAVAILABLE
    assert await Media.all().count() == 0


async def test_what_cannot_be_asked_about_holds_up_nothing_else(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = bench.store.stat
    wide, video = callback()["object_key"], callback("video")["object_key"]

    async def half_away(key: str) -> Any:
        if key == wide:
            raise HubError(Code.UNAVAILABLE, "The object store is away.")
        return await stat(key)

    for body in (callback(), callback("video")):
        await bench.put(body["object_key"])
        bench.store.is_away = True
        await bench.register(place, body, None)
        bench.store.is_away = False
        bench.tick(seconds=1)
    monkeypatch.setattr(bench.store, "stat", half_away)
    assert await bench.pilots.look_again() == 0
    bench.tick(seconds=1)
    assert await bench.pilots.look_again() == 1
    assert (await File.get()).object_key == video


async def test_an_aircraft_that_is_unknown_is_made_of_its_serial_number_and_key(
    bench: MediaBench, place: Place
) -> None:
    await bench.register(place, callback("multispectral"))
    drone = await Drone.get()
    assert (drone.serial_number, drone.type, drone.sub_type, drone.online) == ("1581XTESTM3M00001", 77, 2, False)


async def test_an_aircraft_of_another_workspace_gets_a_row_of_its_own_here(bench: MediaBench, place: Place) -> None:
    elsewhere = await bench.place("South")
    await bench.flight(elsewhere, SHOT - timedelta(minutes=1), SHOT + timedelta(minutes=1))
    await bench.register(place, callback())
    row = await Media.get().select_related("drone")
    assert (row.drone.workspace_id, row.flight_id) == (place.id, None)


async def test_a_type_that_nobody_told_is_learnt(bench: MediaBench, place: Place) -> None:
    await Drone.create(workspace_id=place.id, serial_number=SERIAL, type=-1, created_at=NOW)
    await bench.register(place, callback())
    drone = await Drone.get()
    assert (drone.type, drone.sub_type) == (67, 1)


async def test_without_a_serial_number_the_others_of_the_task_tell_the_drone(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback("m3e"))
    ext = {"file_group_id": callback("m3e")["ext"]["file_group_id"]}
    await bench.register(place, callback("photo-zoom", ext=ext))
    assert await Drone.all().count() == 1


async def test_without_a_task_the_drone_is_the_one_that_last_came_in_by_the_connection(
    bench: MediaBench, place: Place
) -> None:
    for serial, seen in (("OLD", 20), ("NEW", 10)):
        await Drone.create(
            workspace_id=place.id,
            connection_id=place.connection.id,
            serial_number=serial,
            type=67,
            seen_at=NOW - timedelta(minutes=seen),
            created_at=NOW,
        )
    await bench.register(place, callback("minimal"))
    row = await Media.get().select_related("drone")
    assert row.drone.serial_number == "NEW"


async def test_without_any_hint_the_drone_is_an_unknown_one(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback("minimal"))
    drone = await Drone.get()
    assert (drone.serial_number, drone.type) == ("unknown", -1)


@pytest.mark.parametrize(
    ("start", "end", "is_found"),
    [
        (-10, 10, True),
        (-10, -1, True),
        (-10, -3, False),
        (1, 10, True),
        (3, 10, False),
        (-10, None, True),
        (3, None, False),
    ],
)
async def test_the_flight_is_the_one_within_two_minutes(
    bench: MediaBench, place: Place, start: int, end: int | None, is_found: bool
) -> None:
    flight = await bench.flight(
        place, SHOT + timedelta(minutes=start), None if end is None else SHOT + timedelta(minutes=end)
    )
    await bench.register(place, callback())
    assert (await Media.get()).flight_id == (flight.id if is_found else None)


async def test_of_two_flights_the_nearer_one(bench: MediaBench, place: Place) -> None:
    await bench.flight(place, SHOT - timedelta(minutes=20), SHOT - timedelta(minutes=1))
    during = await bench.flight(place, SHOT - timedelta(seconds=10), SHOT + timedelta(minutes=20))
    await bench.register(place, callback())
    assert (await Media.get()).flight_id == during.id


async def test_another_drones_flight_is_none_of_its_own(bench: MediaBench, place: Place) -> None:
    await bench.flight(place, SHOT - timedelta(minutes=5), SHOT + timedelta(minutes=5), serial="OTHER")
    await bench.register(place, callback())
    assert (await Media.get()).flight_id is None


async def test_without_a_time_the_flight_is_that_of_the_rest_of_the_task(bench: MediaBench, place: Place) -> None:
    flight = await bench.flight(place, SHOT - timedelta(minutes=5), SHOT + timedelta(minutes=5))
    await bench.register(place, callback())
    await bench.register(place, callback("dock-style-metadata"))
    rows = await Media.all().order_by("id")
    assert [row.flight_id for row in rows] == [flight.id, flight.id]
    assert rows[1].captured_at is None


async def test_a_flight_that_becomes_known_within_a_day_is_found(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    await bench.register(place, callback("dock-style-metadata"))
    assert await bench.pilots.attach() == 0
    flight = await bench.flight(place, SHOT - timedelta(minutes=5), SHOT + timedelta(minutes=5))
    bench.tick(hours=23)
    assert await bench.pilots.attach() + await bench.pilots.attach() == 2
    assert [row.flight_id for row in await Media.all()] == [flight.id, flight.id]


async def test_a_flight_that_becomes_known_later_than_that_is_not(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    await bench.flight(place, SHOT - timedelta(minutes=5), SHOT + timedelta(minutes=5))
    bench.tick(hours=25)
    assert await bench.pilots.attach() == 0


async def test_a_time_that_no_camera_can_have_is_none(bench: MediaBench, place: Place) -> None:
    for number, time in enumerate(("1999-01-01T00:00:00Z", "2025-06-16T00:00:00Z")):
        body = callback(
            metadata={"created_time": time}, object_key=f"{PREFIX}/{number}.JPG", fingerprint=f"{number:032x}"
        )
        assert await bench.register(place, body) is Outcome.TAKEN
    assert [row.captured_at for row in await Media.all()] == [None, None]


# Groups

GROUP = "a0f3c1de-52b5-4d55-9c0c-1f5c7e1f7a10"
SHOTS = ["photo-wide", "photo-zoom", "photo-thermal"]


def counted(files: int, uploaded: int) -> dict[str, object]:
    return {"file_group_id": GROUP, "file_count": files, "file_uploaded_count": uploaded}


@pytest.mark.parametrize("place_of_callback", [0, 1, 3])
async def test_a_task_is_complete_when_all_its_files_are_here_whenever_its_callback_comes(
    bench: MediaBench, place: Place, place_of_callback: int
) -> None:
    for number, name in enumerate([*SHOTS, None]):
        if number == place_of_callback:
            await bench.pilots.group_uploaded(place.pilot, decode_group_uploaded(counted(3, 3)))
        if name is not None:
            assert await MediaGroup.filter(completed_at__not_isnull=True).count() == 0
            await bench.register(place, callback(name))
    group = await MediaGroup.get()
    assert (group.file_count, group.uploaded_count, group.completed_at) == (3, 3, NOW)


async def test_a_task_with_a_file_missing_is_not_complete_until_that_follows(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback("photo-wide"))
    await bench.pilots.group_uploaded(place.pilot, decode_group_uploaded(counted(2, 1)))
    assert (await MediaGroup.get()).completed_at is None
    await bench.register(place, callback("photo-zoom"))
    assert (await MediaGroup.get()).completed_at == NOW


async def test_a_preview_and_its_original_are_one_file_of_a_task(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback("photo-wide"))
    await bench.register(place, callback("preview"))
    await bench.pilots.group_uploaded(place.pilot, decode_group_uploaded(counted(2, 2)))
    assert (await MediaGroup.get()).completed_at is None


async def test_a_group_that_nobody_knows_and_one_without_a_name_are_fine(bench: MediaBench, place: Place) -> None:
    await bench.pilots.group_uploaded(place.pilot, decode_group_uploaded({"file_count": 0}))
    assert await MediaGroup.all().count() == 0
    await bench.pilots.group_uploaded(place.pilot, decode_group_uploaded(counted(24, 23)))
    group = await MediaGroup.get()
    assert (group.workspace_id, group.completed_at) == (place.id, None)


# Isolation


async def test_u8_no_fingerprint_of_another_workspace_is_told_of(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    stranger = await bench.place("South")
    assert not await bench.pilots.fast_upload(stranger.pilot, FILE)
    assert await bench.pilots.tiny_fingerprints(stranger.pilot, [TINY]) == []
    key = f"{stranger.row.uuid}/k/a.JPG"
    assert await bench.register(stranger, callback(object_key=key)) is Outcome.TAKEN
    assert await Media.filter(workspace_id=stranger.id).count() == 1
    assert await bench.register(stranger, callback(), None) is Outcome.FOREIGN_KEY


# Tombstones


async def test_a_deleted_file_counts_as_here_and_is_not_taken_again(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    await bench.files.delete(place.member, (await File.get()).id)
    assert bench.store.keys() == []
    assert await bench.pilots.fast_upload(place.pilot, FILE)
    assert await bench.pilots.tiny_fingerprints(place.pilot, [TINY]) == [TINY]
    again = callback(object_key=f"{PREFIX}/again.JPG")
    assert await bench.register(place, again) is Outcome.REPEATED
    assert await Media.all().count() == 0
    assert bench.store.keys() == []
