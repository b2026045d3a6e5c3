"""The port `ObjectStore`, on every implementation."""

import hashlib
from datetime import timedelta

import pytest

from ofh.backends.objects_s3 import S3Store
from ofh.backends.ports import MAX_CHUNK_BYTES, ObjectStore
from ofh.domain.errors import Code, HubError
from tests.integration.objects.conftest import MakeFile, clock

KEY = "87ffce7c/k3v9/DJI_0001.JPG"
MIB = 1024 * 1024
FIRST, LAST = b"a" * (5 * MIB) + b"x", b"the end"


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


async def content(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    pieces = [piece async for piece in store.read(key, start=start, end=end)]
    assert all(0 < len(piece) <= MAX_CHUNK_BYTES for piece in pieces)
    return b"".join(pieces)


def is_moto(store: ObjectStore) -> bool:
    """moto says of every upload that it began in 2010."""
    return isinstance(store, S3Store)


async def refused(code: Code, work: object) -> None:
    with pytest.raises(HubError) as caught:
        await work  # type: ignore[misc]
    assert caught.value.code is code


async def test_what_was_put_is_known_and_read_back(store: ObjectStore, file: MakeFile) -> None:
    assert await store.stat(KEY) is None
    source = file(b"a photo")
    put = await store.put(KEY, source, content_type="image/jpeg")
    assert not source.exists()
    found = await store.stat(KEY)
    assert found is not None
    for info in (put, found):
        assert (info.key, info.size_bytes, info.content_type) == (KEY, 7, "image/jpeg")
        assert info.etag == md5(b"a photo")
        assert abs(info.modified_at - clock()) < timedelta(minutes=5)
    assert await content(store, KEY) == b"a photo"


async def test_a_second_put_takes_the_place_of_the_first(store: ObjectStore, file: MakeFile) -> None:
    await store.put(KEY, file(b"first"), content_type="image/jpeg")
    await store.put(KEY, file(b"the second"), content_type="image/png", md5=hashlib.md5(b"the second").digest())
    found = await store.stat(KEY)
    assert found is not None
    assert (found.size_bytes, found.content_type) == (10, "image/png")
    assert await content(store, KEY) == b"the second"


async def test_an_empty_object_is_an_object(store: ObjectStore, file: MakeFile) -> None:
    await store.put(KEY, file(b""), content_type="application/octet-stream")
    found = await store.stat(KEY)
    assert found is not None
    assert (found.size_bytes, found.etag) == (0, md5(b""))
    assert await content(store, KEY) == b""


@pytest.mark.parametrize(("start", "end"), [(0, 1), (3, 3), (2, 5), (4, None), (9, 100), (10, None), (11, 12)])
async def test_a_range_is_what_a_slice_would_be(
    start: int, end: int | None, store: ObjectStore, file: MakeFile
) -> None:
    await store.put(KEY, file(b"0123456789"), content_type="text/plain")
    assert await content(store, KEY, start, end) == b"0123456789"[start:end]


async def test_what_is_not_there_is_gone(store: ObjectStore) -> None:
    await refused(Code.GONE, content(store, "nothing/here"))
    await store.delete("nothing/here")


async def test_a_deleted_object_is_not_there(store: ObjectStore, file: MakeFile) -> None:
    await store.put(KEY, file(b"x"), content_type="text/plain")
    await store.put(f"{KEY}/below", file(b"y"), content_type="text/plain")
    await store.delete(KEY)
    assert await store.stat(KEY) is None
    assert await content(store, f"{KEY}/below") == b"y"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\\b", "a\0b", "a\nb", "%2e%2e/a", "x" * 1025, "\ud800"]
)
async def test_what_is_no_key_is_refused(key: str, store: ObjectStore, file: MakeFile) -> None:
    await refused(Code.BAD_INPUT, store.stat(key))
    await refused(Code.BAD_INPUT, content(store, key))
    await refused(Code.BAD_INPUT, store.put(key, file(b"x"), content_type="text/plain"))
    await refused(Code.BAD_INPUT, store.delete(key))
    await refused(Code.BAD_INPUT, store.begin(key, content_type="text/plain"))


async def test_parts_make_an_object_in_their_order(store: ObjectStore, file: MakeFile) -> None:
    upload = await store.begin(KEY, content_type="video/mp4")
    last = await store.put_part(KEY, upload, 7, file(LAST))
    first = await store.put_part(KEY, upload, 2, file(FIRST), md5=hashlib.md5(FIRST).digest())
    assert (first.etag, last.etag) == (md5(FIRST), md5(LAST))
    listed = await store.list_parts(KEY, upload)
    assert [(part.number, part.size_bytes, part.etag) for part in listed] == [
        (2, len(FIRST), md5(FIRST)),
        (7, len(LAST), md5(LAST)),
    ]
    assert await store.stat(KEY) is None
    info = await store.complete(KEY, upload, [(2, first.etag), (7, last.etag)])
    both = hashlib.md5(bytes.fromhex(md5(FIRST)) + bytes.fromhex(md5(LAST))).hexdigest()
    assert (info.size_bytes, info.content_type, info.etag) == (len(FIRST) + len(LAST), "video/mp4", f"{both}-2")
    assert await store.stat(KEY) == info
    assert await content(store, KEY) == FIRST + LAST
    border = len(FIRST)
    assert await content(store, KEY, border - 2, border + 3) == b"axthe"
    await refused(Code.GONE, store.list_parts(KEY, upload))


async def test_completing_once_more_gives_the_same_answer(store: ObjectStore, file: MakeFile) -> None:
    upload = await store.begin(KEY, content_type="video/mp4")
    part = await store.put_part(KEY, upload, 1, file(LAST))
    info = await store.complete(KEY, upload, [(1, part.etag)])
    again = await store.complete(KEY, upload, [(1, part.etag)])
    assert (again.etag, again.size_bytes) == (info.etag, info.size_bytes)
    assert await content(store, KEY) == LAST


async def test_a_part_sent_again_takes_the_place_of_the_first(store: ObjectStore, file: MakeFile) -> None:
    upload = await store.begin(KEY, content_type="video/mp4")
    wrong = await store.put_part(KEY, upload, 1, file(b"wrong"))
    right = await store.put_part(KEY, upload, 1, file(b"right"))
    assert [part.etag for part in await store.list_parts(KEY, upload)] == [right.etag]
    await refused(Code.CONFLICT, store.complete(KEY, upload, [(1, wrong.etag)]))
    await store.complete(KEY, upload, [(1, right.etag)])
    assert await content(store, KEY) == b"right"


async def test_parts_that_are_not_named_are_dropped(store: ObjectStore, file: MakeFile) -> None:
    upload = await store.begin(KEY, content_type="video/mp4")
    await store.put_part(KEY, upload, 1, file(b"unwanted"))
    kept = await store.put_part(KEY, upload, 2, file(b"wanted"))
    await store.complete(KEY, upload, [(2, kept.etag)])
    assert await content(store, KEY) == b"wanted"


async def test_an_aborted_upload_is_gone_and_aborting_again_is_fine(store: ObjectStore, file: MakeFile) -> None:
    upload = await store.begin(KEY, content_type="video/mp4")
    part = await store.put_part(KEY, upload, 1, file(LAST))
    await store.abort(KEY, upload)
    await store.abort(KEY, upload)
    await refused(Code.GONE, store.put_part(KEY, upload, 2, file(LAST)))
    await refused(Code.GONE, store.list_parts(KEY, upload))
    await refused(Code.GONE, store.complete(KEY, upload, [(1, part.etag)]))
    assert await store.stat(KEY) is None


@pytest.mark.parametrize("upload", ["nothing", "../../etc", "0" * 32])
async def test_an_unknown_upload_is_gone(upload: str, store: ObjectStore, file: MakeFile) -> None:
    await refused(Code.GONE, store.list_parts(KEY, upload))
    await refused(Code.GONE, store.put_part(KEY, upload, 1, file(LAST)))
    await refused(Code.GONE, store.complete(KEY, upload, [(1, md5(LAST))]))
    await store.abort(KEY, upload)


async def test_uploads_under_way_are_listed_by_prefix(store: ObjectStore) -> None:
    first = await store.begin("mine/a", content_type="text/plain")
    second = await store.begin("mine/b", content_type="text/plain")
    await store.begin("theirs/a", content_type="text/plain")
    listed = await store.list_uploads("mine/")
    assert [(upload.key, upload.upload_id) for upload in listed] == [("mine/a", first), ("mine/b", second)]
    if not is_moto(store):
        assert all(abs(upload.begun_at - clock()) < timedelta(minutes=5) for upload in listed)


async def test_tidying_drops_old_uploads_and_nothing_else(store: ObjectStore, file: MakeFile) -> None:
    await store.put(KEY, file(b"kept"), content_type="text/plain")
    upload = await store.begin("mine/a", content_type="text/plain")
    if not is_moto(store):
        assert await store.tidy(timedelta(days=1)) == 0
    assert [found.upload_id for found in await store.list_uploads("")] == [upload]
    assert await store.tidy(timedelta(days=-1)) == 1
    assert await store.list_uploads("") == []
    assert await content(store, KEY) == b"kept"


async def test_a_store_that_is_there_says_so(store: ObjectStore) -> None:
    await store.check()
    space = await store.space()
    assert space is None or 0 < space.free_bytes <= space.total_bytes
