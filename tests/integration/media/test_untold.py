"""Objects that a controller has put and not told of: they wait for its word, and go when it does not come."""

import pytest

from ofh.dji.media import decode_uploaded
from ofh.domain.errors import Code, HubError
from ofh.services.discarding import CLAIM
from ofh.services.grants import UploadGrant
from ofh.services.media_intake import Outcome
from ofh.store.models import DiscardedObject, File
from tests.support.media import JPEG, MediaBench, Place, callback

NAME = "DJI_20240614101112_0007_W.JPG"


async def grant(bench: MediaBench, place: Place) -> UploadGrant:
    return await bench.grants.grant(str(place.row.uuid), place.id, place.connection.id)


async def put(bench: MediaBench, key: str) -> None:
    async with bench.uploads.receive(key, session="s", announced=len(JPEG)) as incoming:
        await incoming.take(JPEG)
        await bench.uploads.put(key, await incoming.finish(), content_type="image/jpeg")


async def put_in_parts(bench: MediaBench, key: str) -> None:
    upload = await bench.uploads.begin(key, content_type="image/jpeg")
    async with bench.uploads.receive(key, session="s", announced=len(JPEG)) as incoming:
        await incoming.take(JPEG)
        part = await bench.uploads.put_part(key, upload, 1, await incoming.finish())
    await bench.uploads.complete(key, upload, [(1, part.etag)])


@pytest.mark.parametrize("upload", [put, put_in_parts])
async def test_what_nobody_tells_of_goes_after_its_days(bench: MediaBench, place: Place, upload: object) -> None:
    key = f"{(await grant(bench, place)).object_key_prefix}/{NAME}"
    assert callable(upload)
    await upload(bench, key)
    bench.tick(days=13, hours=23)
    assert await bench.discarding.sweep() == 0
    assert await bench.store.stat(key) is not None
    bench.tick(hours=2)
    assert await bench.discarding.sweep() == 1
    assert await bench.store.stat(key) is None
    assert await DiscardedObject.all().count() == 0


async def test_what_is_told_of_stays_also_when_it_is_put_again(bench: MediaBench, place: Place) -> None:
    key = f"{(await grant(bench, place)).object_key_prefix}/{NAME}"
    told = decode_uploaded(callback(object_key=key))
    await put(bench, key)
    bench.tick(days=13)
    assert await bench.pilots.register(place.pilot, told) is Outcome.TAKEN
    await put(bench, key)  # the answer was lost on the way
    assert await bench.pilots.register(place.pilot, told) is Outcome.REPEATED
    assert await DiscardedObject.all().count() == 0
    bench.tick(days=30)
    assert await bench.discarding.sweep() == 0
    assert await bench.store.stat(key) is not None


async def test_a_note_that_another_process_wrote_at_the_same_moment_takes_no_file(
    bench: MediaBench, place: Place
) -> None:
    key = f"{(await grant(bench, place)).object_key_prefix}/{NAME}"
    await put(bench, key)
    assert await bench.pilots.register(place.pilot, decode_uploaded(callback(object_key=key))) is Outcome.TAKEN
    await DiscardedObject.create(object_key=key, due_at=bench.now)
    await bench.discarding.sweep()
    assert await bench.store.stat(key) is not None
    assert await DiscardedObject.all().count() == 0


async def test_who_tells_of_an_object_that_is_being_deleted_is_asked_to_come_again(
    bench: MediaBench, place: Place
) -> None:
    key = f"{(await grant(bench, place)).object_key_prefix}/{NAME}"
    told = decode_uploaded(callback(object_key=key))
    await put(bench, key)
    await DiscardedObject.filter(object_key=key).update(due_at=bench.now + CLAIM)  # as a sweep claims it
    with pytest.raises(HubError) as refused:
        await bench.pilots.register(place.pilot, told)
    assert refused.value.code is Code.UNAVAILABLE
    assert await File.all().count() == 0
    bench.tick(minutes=11)
    await bench.discarding.sweep()
    assert await bench.pilots.register(place.pilot, told) is Outcome.MISSING
    await put(bench, key)
    assert await bench.pilots.register(place.pilot, told) is Outcome.TAKEN


async def test_a_word_that_waits_for_the_store_keeps_the_object(bench: MediaBench, place: Place) -> None:
    key = f"{(await grant(bench, place)).object_key_prefix}/{NAME}"
    told = decode_uploaded(callback(object_key=key))
    await put(bench, key)
    bench.store.is_away = True
    assert await bench.pilots.register(place.pilot, told) is Outcome.WAITING
    bench.store.is_away = False
    bench.tick(days=20)
    await bench.discarding.sweep()
    assert await bench.pilots.look_again() == 1
    assert await File.filter(object_key=key).exists()
    assert await bench.store.stat(key) is not None
