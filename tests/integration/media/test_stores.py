"""Files and media over either object store: a folder, and a bucket whose server checks signatures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.backends.objects_local import LocalStore
from ofh.backends.objects_s3 import S3Store
from ofh.backends.ports import ObjectStore
from ofh.dji.media import decode_uploaded
from ofh.domain.s3_place import S3Place
from ofh.services.discarding import Discarding
from ofh.services.files import Files
from ofh.services.media_intake import Outcome
from ofh.store.models import DiscardedObject, File, Media
from tests.support.media import JPEG, MediaBench, Place, callback
from tests.support.s3 import REGION, S3Server

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.services)])
async def store(request: pytest.FixtureRequest, bench: MediaBench, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    made: ObjectStore
    if request.param == "folder":
        made = LocalStore(tmp_path / "another", bench.clock)
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        made = S3Store(
            S3Place(
                bucket=server.new_bucket(),
                region=REGION,
                endpoint=server.endpoint,
                access_key_id=server.access_key_id,
                secret=server.secret,
                style="path",
            ),
            bench.clock,
        )
    await made.start()
    discarding = Discarding(bench.database, made, bench.clock)
    bench.discarding = discarding
    bench.files = Files(
        bench.database, bench.access, bench.audit, made, bench.reception, discarding, bench.jobs, bench.clock
    )
    bench.pilots = bench.pilots_with(made, discarding)
    yield made
    await made.stop()


async def test_a_file_goes_up_comes_down_in_parts_and_goes(bench: MediaBench, place: Place, store: ObjectStore) -> None:
    row = await bench.upload(place, "a.bin", CONTENT)
    info = await store.stat(row.object_key)
    assert info is not None
    assert (info.size_bytes, info.etag) == (row.size, row.etag) == (len(CONTENT), row.etag)
    for start, end in ((0, None), (1_000_000, 2_000_001), (len(CONTENT) - 1, None)):
        pieces = [piece async for piece in bench.files.content(row, start, end)]
        assert b"".join(pieces) == CONTENT[start:end]
        assert all(len(piece) <= 1_048_576 for piece in pieces)
    await bench.files.delete(place.member, row.id)
    assert await store.stat(row.object_key) is None
    assert await DiscardedObject.all().count() == 0


async def test_a_photo_is_seen_where_it_lies_and_goes_with_its_item(
    bench: MediaBench, place: Place, store: ObjectStore, tmp_path: Path
) -> None:
    body = callback()
    told = decode_uploaded(body)
    assert await bench.pilots.register(place.pilot, told) is Outcome.MISSING
    path = tmp_path / "photo"
    path.write_bytes(JPEG)
    await store.put(body["object_key"], path, content_type="text/html")
    assert await bench.pilots.register(place.pilot, told) is Outcome.TAKEN
    assert await bench.pilots.fast_upload(place.pilot, told.file)
    row = await File.get()
    assert (row.size, row.content_type) == (len(JPEG), "image/jpeg")
    await bench.files.delete_media(place.member, (await Media.get()).id)
    assert await store.stat(body["object_key"]) is None
    assert await bench.pilots.fast_upload(place.pilot, told.file)


async def test_an_empty_object_is_a_side_file(
    bench: MediaBench, place: Place, store: ObjectStore, tmp_path: Path
) -> None:
    body = callback(name="empty.MRK")
    path = tmp_path / "empty"
    path.write_bytes(b"")
    await store.put(body["object_key"], path, content_type="application/octet-stream")
    assert await bench.pilots.register(place.pilot, decode_uploaded(body)) is Outcome.TAKEN
    assert ((await File.get()).size, (await Media.get()).type) == (0, "OTHER")
