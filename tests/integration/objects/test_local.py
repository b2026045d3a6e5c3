"""What only the folder has: files on a disk, links, a crash between two steps, a disk that is full."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ofh.backends.objects_local import LocalStore
from ofh.backends.ports import StoreFull
from ofh.domain.errors import Code, HubError
from tests.integration.objects.conftest import MakeFile, clock

KEY = "workspace/grant/DJI_0001.JPG"


@pytest.fixture
async def local(tmp_path: Path) -> Any:
    store = LocalStore(tmp_path / "objects", clock)
    await store.start()
    yield store
    await store.stop()


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def read(store: LocalStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.read(key)])


async def test_nothing_of_a_key_is_in_a_path_and_only_the_owner_reads(
    local: LocalStore, tmp_path: Path, file: MakeFile
) -> None:
    """security.md, S1."""
    await local.put(KEY, file(b"x"), content_type="image/jpeg")
    names = files(tmp_path / "objects")
    assert len(names) == 2
    assert not any("DJI" in name or "workspace" in name for name in names)


async def test_a_replaced_or_deleted_object_leaves_no_file(local: LocalStore, tmp_path: Path, file: MakeFile) -> None:
    root = tmp_path / "objects"
    await local.put(KEY, file(b"first"), content_type="image/jpeg")
    await local.put(KEY, file(b"second"), content_type="image/jpeg")
    assert len(files(root)) == 2
    upload = await local.begin(KEY, content_type="video/mp4")
    part = await local.put_part(KEY, upload, 1, file(b"third"))
    await local.put_part(KEY, upload, 2, file(b"unwanted"))
    await local.complete(KEY, upload, [(1, part.etag)])
    assert len(files(root)) == 2
    await local.delete(KEY)
    assert files(root) == set()


async def test_a_folder_that_leads_out_is_refused(local: LocalStore, tmp_path: Path, file: MakeFile) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(256):
        (tmp_path / "objects" / f"{number:02x}").symlink_to(outside)
    for work in (local.put(KEY, file(b"x"), content_type="image/jpeg"), local.stat(KEY)):
        with pytest.raises(HubError) as caught:
            await work
        assert caught.value.code is Code.UNAVAILABLE
    assert list(outside.iterdir()) == []


async def test_a_file_that_is_a_link_is_not_followed(local: LocalStore, tmp_path: Path, file: MakeFile) -> None:
    """security.md, S1."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"hidden!")
    await local.put(KEY, file(b"visible"), content_type="image/jpeg")
    (stored,) = [path for path in (tmp_path / "objects").rglob("*") if path.is_file() and path.suffix != ".json"]
    stored.unlink()
    stored.symlink_to(secret)
    with pytest.raises(HubError):
        await read(local, KEY)


async def test_a_completion_that_died_half_way_can_be_repeated(
    local: LocalStore, tmp_path: Path, file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await local.begin(KEY, content_type="video/mp4")
    part = await local.put_part(KEY, upload, 1, file(b"part"))
    with monkeypatch.context() as patch:
        patch.setattr(local, "_describe", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
        with pytest.raises(HubError):
            await local.complete(KEY, upload, [(1, part.etag)])
    assert await local.stat(KEY) is None
    info = await local.complete(KEY, upload, [(1, part.etag)])
    assert info.content_type == "video/mp4"
    assert await read(local, KEY) == b"part"


async def test_a_crash_before_the_description_leaves_no_object_and_is_tidied_a_day_later(
    tmp_path: Path, file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [datetime.now(UTC)]
    store = LocalStore(tmp_path / "objects", lambda: at[0])
    await store.start()
    with monkeypatch.context() as patch:
        patch.setattr(store, "_describe", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
        with pytest.raises(HubError):
            await store.put(KEY, file(b"lost"), content_type="image/jpeg")
    await store.put("other/grant/kept", file(b"kept"), content_type="image/jpeg")
    assert await store.stat(KEY) is None
    assert len(files(tmp_path / "objects")) == 3
    assert await store.tidy(timedelta(days=1)) == 0
    at[0] += timedelta(days=1, minutes=1)
    assert await store.tidy(timedelta(days=1)) == 1
    assert len(files(tmp_path / "objects")) == 2
    assert await read(store, "other/grant/kept") == b"kept"
    await store.stop()


async def test_a_full_disk_is_told_as_such(
    local: LocalStore, tmp_path: Path, file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: object, _target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(StoreFull) as caught:
            await local.put(KEY, file(b"x"), content_type="image/jpeg")
    assert (caught.value.code, caught.value.retry_after_s) == (Code.UNAVAILABLE, 300)
    assert files(tmp_path / "objects") == set()


async def test_two_processes_share_a_folder(local: LocalStore, tmp_path: Path, file: MakeFile) -> None:
    other = LocalStore(tmp_path / "objects", clock)
    await other.start()
    upload = await local.begin(KEY, content_type="video/mp4")
    part = await other.put_part(KEY, upload, 1, file(b"part"))
    await local.complete(KEY, upload, [(1, part.etag)])
    assert await read(other, KEY) == b"part"
    await other.stop()


async def test_a_folder_that_cannot_be_used_hinders_no_start_and_is_noticed_until_it_can(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    root.write_text("a file")
    store = LocalStore(root, clock)
    await store.start()
    with pytest.raises(HubError) as caught:
        await store.check()
    assert caught.value.code is Code.UNAVAILABLE
    root.unlink()
    await store.check()
    await store.stop()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"key": 1}', b"\xff\xfe"])
async def test_a_damaged_description_is_said_and_can_be_written_over_and_deleted(
    local: LocalStore, tmp_path: Path, file: MakeFile, text: bytes
) -> None:
    async def damage() -> None:
        await local.put(KEY, file(b"first"), content_type="image/jpeg")
        (path,) = (tmp_path / "objects").rglob("*.json")
        path.write_bytes(text)

    await damage()
    with pytest.raises(HubError) as refused:
        await local.stat(KEY)
    assert refused.value.code is Code.UNAVAILABLE
    await local.put(KEY, file(b"second"), content_type="image/jpeg")
    assert await read(local, KEY) == b"second"
    await damage()
    await local.delete(KEY)
    assert await local.stat(KEY) is None
