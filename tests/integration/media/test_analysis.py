"""What becomes of files once they are here: looked into once, with a thumbnail and what they say of themselves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ofh.backends.thumbnails.pool import NoThumbnail, ThumbnailPool
from ofh.domain.actors import Role
from ofh.domain.errors import Code, HubError
from ofh.domain.events import MediaAnalysed, MediaUploaded
from ofh.domain.objects import issued_to
from ofh.services import analysis
from ofh.services.analysis import ANALYSIS, Analysis
from ofh.services.clearing import Clearing
from ofh.services.jobs import JobRunner
from ofh.store.models import DiscardedObject, File, Job, Media, StoredEvent
from tests.support.media import SHOT, MediaBench, Place, callback
from tests.support.pictures import corners, dng, jpeg, packet, photo_exif, shown_corners, tiff, turned

POSE = {
    "GpsLatitude": "+50.600000000",
    "GpsLongitude": "+9.900000000",
    "AbsoluteAltitude": "+600.000",
    "RelativeAltitude": "+100.000",
    "GimbalRollDegree": "+1.00",
    "GimbalYawDegree": "+84.10",
    "GimbalPitchDegree": "-24.50",
    "ImageSource": "WideCamera",
}
PHOTO = jpeg(turned(6), exif=photo_exif("M30T", 64, 96, orientation=6), xmp=packet(POSE))


class Looking:
    """The job, as a process does it that runs beside the bench."""

    def __init__(self, bench: MediaBench, *, ffmpeg: str | None = None, followed_by: tuple[str, ...] = ()) -> None:
        self.bench = bench
        self.pool = ThumbnailPool(ffmpeg=ffmpeg)
        self.analysis = Analysis(
            bench.database,
            bench.bus,
            bench.store,
            bench.reception,
            bench.discarding,
            self.pool,
            bench.jobs,
            bench.counts,
            bench.clock,
            followed_by=followed_by,
        )
        self.runner = JobRunner(bench.jobs, {ANALYSIS: self.analysis}, bench.now.timestamp)

    async def look(self) -> int:
        return await self.runner.run_due()

    async def thumbnail(self, file: File) -> bytes:
        return b"".join([piece async for piece in self.bench.files.thumbnail(file)])


@pytest.fixture
async def looking(bench: MediaBench) -> AsyncIterator[Looking]:
    async with asyncio.timeout(60):
        yield Looking(bench)


async def uploaded(bench: MediaBench, place: Place, content: bytes = PHOTO, **changes: Any) -> Media:
    """A photo from a controller."""
    assert await bench.register(place, callback("photo-wide", **changes), content) == "taken"
    found: Media = await Media.all().order_by("-id").first().select_related("file")  # type: ignore[assignment]
    return found


async def again(row: Media) -> Media:
    return await Media.get(id=row.id).select_related("file")


async def test_a_photo_of_a_controller_gets_its_thumbnail_its_pose_and_an_event(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    before = await uploaded(bench, place)
    assert (before.file.analysed_at, before.file.thumbnail_key, before.meta) == (None, None, None)
    bench.tick(seconds=5)

    async with bench.listening(place) as heard:
        assert await looking.look() == 1
    row = await again(before)

    assert shown_corners(await looking.thumbnail(row.file)) == ["red", "lime", "blue", "white"]
    assert row.file.analysed_at == bench.now
    assert row.meta["xmp"].items() >= POSE.items()
    assert row.meta["exif"]["Model"] == row.camera_model == "M30T"
    assert (row.longitude, row.latitude) == (9.9, 50.6)
    assert (row.absolute_altitude, row.relative_altitude) == (600, 100)
    assert (row.gimbal_yaw, row.gimbal_pitch, row.gimbal_roll) == (84.1, -24.5, 1)
    assert (row.width, row.height) == (64, 96)
    assert row.captured_at == SHOT
    event = MediaAnalysed(workspace_id=place.id, drone_id=row.drone_id, media_id=row.id, at=bench.now, seq=2)
    assert [item for item in heard if isinstance(item, MediaAnalysed)] == [event]
    assert await StoredEvent.filter(kind="MEDIA_ANALYSED", media_id=row.id).count() == 1
    assert await Job.all().count() == 0
    assert await DiscardedObject.all().count() == 0


async def test_what_only_the_controller_said_stays(bench: MediaBench, place: Place, looking: Looking) -> None:
    before = await uploaded(bench, place, jpeg(exif=photo_exif("M30T", 64, 48)))

    await looking.look()
    row = await again(before)

    assert before.longitude is not None
    for name in ("longitude", "latitude", "absolute_altitude", "relative_altitude", "gimbal_yaw", "captured_at"):
        assert getattr(row, name) == getattr(before, name), name
    assert row.meta["xmp"] == {}
    assert row.gimbal_pitch is None


async def test_a_file_tells_when_and_through_what_a_photo_was_taken_where_nobody_else_does(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    body = callback("photo-wide", name="IMG_1.JPG")
    del body["metadata"]["created_time"]
    await bench.register(place, body, jpeg(exif=photo_exif("M30T", 64, 48), xmp=packet(POSE)))
    before = await Media.get()
    assert (before.captured_at, before.lens) == (None, None)

    await looking.look()
    row = await Media.get()

    assert row.captured_at == SHOT  # by the offset that XMP gives
    assert row.lens == "WIDE"


async def test_a_members_picture_gets_a_thumbnail_and_no_event(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    file = await bench.upload(place, "plan.jpg", PHOTO)

    async with bench.listening(place) as heard:
        await looking.look()

    assert shown_corners(await looking.thumbnail(await File.get(id=file.id))) == ["red", "lime", "blue", "white"]
    assert not [item for item in heard if isinstance(item, MediaAnalysed | MediaUploaded)]


async def test_a_dng_shows_its_preview_upright(bench: MediaBench, place: Place, looking: Looking) -> None:
    content = dng(jpeg(turned(8)), (960, 640), orientation=8, xmp=packet(POSE))
    before = await uploaded(bench, place, content, name="DJI_0001.DNG")

    await looking.look()
    row = await again(before)

    assert row.file.content_type == "image/x-adobe-dng"
    assert shown_corners(await looking.thumbnail(row.file)) == ["red", "lime", "blue", "white"]
    assert (row.gimbal_yaw, row.width, row.height) == (84.1, 5280, 3956)


NONE = {
    "a text": b"hello",
    "a JPEG that breaks off": PHOTO[: len(PHOTO) // 2],
    "a picture of 61 megapixels": PHOTO.replace(
        b"\xff\xc0\x00\x11\x08\x00\x60\x00\x40", b"\xff\xc0\x00\x11\x08" + (6100).to_bytes(2) + (10_000).to_bytes(2)
    ),
    "a DNG without a preview": tiff({0xC612: b"\x01\x04\0\0", 0x0110: "L2D-20c"}),
    "a video, with no ffmpeg": b"\0\0\0\x14ftypmp42\0\0\0\0mp42",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "nothing": b"",
}


async def test_t5_without_a_thumbnail_the_upload_is_fine(bench: MediaBench, place: Place, looking: Looking) -> None:
    assert NONE["a picture of 61 megapixels"] != PHOTO
    files = {name: await bench.upload(place, "a.bin", content) for name, content in NONE.items()}

    assert await looking.look() == len(NONE)

    for name, file in files.items():
        row = await File.get(id=file.id)
        assert row.analysed_at is not None, name
        assert row.thumbnail_key is None, name
        with pytest.raises(HubError) as told:
            bench.files.thumbnail(row)
        assert told.value.code is Code.GONE
    assert bench.store.keys() == sorted(file.object_key for file in files.values())
    assert await Job.all().count() == 0


# The life of the objects


async def test_a_thumbnail_lies_where_no_grant_reaches_and_goes_with_its_file(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    file = await bench.upload(place, "plan.jpg", PHOTO)
    await looking.look()
    key = (await File.get(id=file.id)).thumbnail_key

    assert key is not None
    assert key.startswith(f"t/{place.id}/")
    assert not issued_to(key, str(place.row.uuid))
    assert bench.store.keys() == sorted([file.object_key, key])

    await bench.files.delete(place.member, file.id)
    assert bench.store.keys() == []


async def test_a_deleted_workspace_takes_its_thumbnails_along(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    await bench.upload(place, "plan.jpg", PHOTO)
    await looking.look()

    await bench.workspaces.delete(place.people[Role.OWNER], place.id)
    await Clearing(bench.database, lambda: bench.now, pause_s=0).clear()
    await bench.discarding.sweep()

    assert bench.store.keys() == []


async def test_a_file_that_goes_while_it_is_looked_into_leaves_nothing(
    bench: MediaBench, place: Place, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await bench.upload(place, "plan.jpg", PHOTO)
    finish = looking.analysis._finish

    async def deleted_first(*args: Any) -> None:
        await bench.files.delete(place.member, file.id)
        await finish(*args)

    monkeypatch.setattr(looking.analysis, "_finish", deleted_first)
    await looking.look()

    assert bench.store.keys() == []
    assert await Job.all().count() == 0


async def test_an_object_that_was_replaced_is_looked_into_anew(
    bench: MediaBench, place: Place, looking: Looking
) -> None:
    before = await uploaded(bench, place)
    await looking.look()
    old = (await again(before)).file
    await bench.store.delete(old.object_key)  # lost
    body = callback("photo-wide", object_key=f"{place.row.uuid}/again/{uuid4()}.JPG")

    assert await bench.register(place, body, jpeg(corners(), exif=photo_exif("M3E", 96, 64))) == "repeated"
    assert await looking.look() == 1
    row = await again(before)

    assert row.camera_model == "M3E"
    assert row.file.thumbnail_key != old.thumbnail_key
    assert sorted(bench.store.keys()) == sorted([row.file.object_key, str(row.file.thumbnail_key)])
    # Said once more, with nothing new: nothing to do.
    assert await bench.register(place, body, None) == "repeated"
    assert await looking.look() == 0


async def test_an_object_that_is_not_there_ends_the_job(bench: MediaBench, place: Place, looking: Looking) -> None:
    before = await uploaded(bench, place)
    await bench.store.delete(before.file.object_key)

    assert await looking.look() == 1
    row = await again(before)

    assert (row.file.thumbnail_key, row.meta) == (None, {"exif": {}, "xmp": {}})


# What goes wrong


async def test_a_store_that_is_away_is_waited_for(bench: MediaBench, place: Place, looking: Looking) -> None:
    before = await uploaded(bench, place)
    bench.store.is_away = True
    await looking.look()
    assert (await again(before)).file.analysed_at is None

    bench.store.is_away = False
    bench.tick(seconds=31)
    await looking.look()

    assert (await again(before)).file.thumbnail_key is not None
    await bench.discarding.sweep()
    assert len(bench.store.keys()) == 2


async def test_a_process_that_breaks_down_before_the_end_leaves_no_object_and_the_job_is_done_once(
    bench: MediaBench, place: Place, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await uploaded(bench, place)

    async def broken(*_: Any) -> None:
        raise RuntimeError("the process breaks down here")

    with monkeypatch.context() as patched:
        patched.setattr(looking.analysis, "_finish", broken)
        await looking.look()
    assert len(bench.store.keys()) == 1
    bench.tick(seconds=6)
    await looking.look()

    assert (await again(before)).file.thumbnail_key is not None
    assert len(bench.store.keys()) == 2
    assert await StoredEvent.filter(kind="MEDIA_ANALYSED").count() == 1


async def test_what_takes_too_long_is_tried_a_few_times(
    bench: MediaBench, place: Place, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def late(*_: Any, **__: Any) -> bytes:
        nonlocal tried
        tried += 1
        raise NoThumbnail("it takes too long", is_late=True)

    monkeypatch.setattr(looking.pool, "of_picture", late)
    before = await uploaded(bench, place)
    for _ in range(5):
        await looking.look()
        bench.tick(minutes=5)
    row = await again(before)

    assert tried == analysis.LATE_ATTEMPTS
    assert row.file.thumbnail_key is None
    assert row.gimbal_yaw == 84.1


async def test_jobs_that_follow_begin_with_the_end_of_the_analysis(bench: MediaBench, place: Place) -> None:
    before = await uploaded(bench, place)
    await bench.upload(place, "plan.jpg", PHOTO)

    await Looking(bench, followed_by=("coverage",)).look()

    assert [(job.kind, job.subject_id) for job in await Job.all()] == [("coverage", before.id)]


# Videos


async def test_a_video_is_read_at_both_ends_alone(
    bench: MediaBench, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program in ffmpeg's place sees a file of the full size, whose middle is a hole."""
    monkeypatch.setattr(analysis, "VIDEO_PART_BYTES", 10_000)
    frame, seen, program = tmp_path / "frame.jpg", tmp_path / "seen", tmp_path / "program"
    frame.write_bytes(jpeg(corners()))
    program.write_text(
        f'#!/bin/sh\nfor word in "$@"; do case $word in file:*) cp "${{word#file:}}" {seen};; esac; done\ncat {frame}\n'
    )
    program.chmod(0o700)
    content = b"\0\0\0\x14ftypmp42\0\0\0\0mp42" + b"A" * 30_000 + b"B" * 30_000 + b"C" * 10_000
    before = await uploaded(bench, place, content, name="DJI_0001.MP4")
    read: list[tuple[int, int | None]] = []
    plain = bench.store.read

    def noted(key: str, *, start: int = 0, end: int | None = None) -> Any:
        read.append((start, end))
        return plain(key, start=start, end=end)

    monkeypatch.setattr(bench.store, "read", noted)
    looking = Looking(bench, ffmpeg=str(program))
    await looking.look()
    row = await again(before)

    assert shown_corners(await looking.thumbnail(row.file)) == ["red", "lime", "blue", "white"]
    assert read[:2] == [(0, 10_000), (len(content) - 10_000, len(content))]
    assert await asyncio.to_thread(seen.read_bytes) == content[:10_000] + bytes(50_020) + content[-10_000:]


@pytest.mark.services
async def test_a_real_video_has_its_first_frame_and_the_size_of_its_frames(
    bench: MediaBench, place: Place, tmp_path: Path
) -> None:
    from tests.support.services import program

    ffmpeg = program("ffmpeg")
    still, video = tmp_path / "still.png", tmp_path / "DJI_0001.MP4"
    corners(640, 360).save(still)
    process = await asyncio.create_subprocess_exec(
        ffmpeg,
        *("-loglevel", "error", "-loop", "1", "-t", "0.2", "-i", str(still), "-pix_fmt", "yuv420p"),
        *("-c:v", "mpeg4", "-q:v", "2", str(video)),
    )
    assert await process.wait() == 0
    content = await asyncio.to_thread(video.read_bytes)
    before = await uploaded(bench, place, content, name="DJI_0001.MP4")

    looking = Looking(bench, ffmpeg=ffmpeg)
    await looking.look()
    row = await again(before)

    assert shown_corners(await looking.thumbnail(row.file)) == ["red", "lime", "blue", "white"]
    assert (row.width, row.height) == (640, 360)
