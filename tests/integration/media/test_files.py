"""Members' files: taken in whole or not at all, renamed, deleted with what hangs on them (security.md, 9)."""

import asyncio
from pathlib import Path

import pytest

from ofh.backends.ports import StoreFull
from ofh.domain.actors import Action, Role, allows
from ofh.domain.errors import Code, HubError
from ofh.services.clearing import Clearing
from ofh.services.files import FileRules
from ofh.store.database import Database
from ofh.store.models import AuditEntry, DiscardedObject, File, Fingerprint, Media, StoredEvent, Workspace
from tests.support.media import JPEG, NOW, MediaBench, Place, callback

MEBIBYTE = 1024 * 1024


async def content(bench: MediaBench, row: File, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in bench.files.content(row, start, end)])


async def cut_off(bench: MediaBench, place: Place, size: int) -> None:
    async with bench.files.receive(place.member, place.id) as incoming:
        await incoming.take(bytes(size))
        raise ConnectionError


def left_over(bench: MediaBench) -> list[Path]:
    return list((bench.folder / "incoming").glob("*"))


async def test_a_file_comes_in_whole(bench: MediaBench, place: Place) -> None:
    data = bytes(range(256)) * 8192 + b"end"
    async with bench.files.receive(place.member, place.id) as incoming:
        for start in range(0, len(data), 100_000):
            await incoming.take(data[start : start + 100_000])
        row = await incoming.keep("  Ünicode name.bin ")
    assert (row.name, row.size, row.content_type) == ("Ünicode name.bin", len(data), "application/octet-stream")
    assert row.object_key.startswith(f"w/{place.id}/")
    assert "name" not in row.object_key
    assert row.uploaded_by_id == place.member.user_id
    assert await content(bench, row) == data
    assert await content(bench, row, 5, 9) == data[5:9]
    assert left_over(bench) == []
    assert await DiscardedObject.all().count() == 0
    entry = await AuditEntry.get(action="file uploaded")
    assert (entry.user_id, entry.workspace_id, entry.object) == (place.member.user_id, place.id, f"file:{row.id}")


async def test_u4_the_content_decides_what_a_file_is(bench: MediaBench, place: Place) -> None:
    assert (await bench.upload(place, "page.html", JPEG)).content_type == "image/jpeg"
    assert (await bench.upload(place, "photo.jpg", b"<html>")).content_type == "application/octet-stream"
    assert (await bench.upload(place, "empty.jpg", b"")).content_type == "application/octet-stream"


async def test_u3_a_file_that_is_cut_off_leaves_nothing(bench: MediaBench, place: Place) -> None:
    for size in (0, 1, MEBIBYTE, MEBIBYTE + 1):
        with pytest.raises(ConnectionError):
            await cut_off(bench, place, size)
    assert left_over(bench) == bench.store.keys() == []
    assert await File.all().count() == await DiscardedObject.all().count() == 0


async def test_u3_a_store_that_fails_leaves_nothing(bench: MediaBench, place: Place) -> None:
    bench.store.is_away = True
    with pytest.raises(HubError) as refused:
        await bench.upload(place)
    assert refused.value.code is Code.UNAVAILABLE
    assert left_over(bench) == []
    assert await File.all().count() == 0
    bench.store.is_away = False
    await bench.discarding.sweep()
    assert await DiscardedObject.all().count() == 0


async def test_u3_a_crash_between_object_and_row_leaves_an_object_that_is_found_within_an_hour(
    bench: MediaBench, place: Place
) -> None:
    key = f"w/{place.id}/crashed"
    await bench.discarding.begin(key)
    await bench.put(key)
    assert await bench.discarding.sweep() == 0
    assert bench.store.keys() == [key]
    bench.tick(minutes=61)
    assert await bench.discarding.sweep() == 1
    assert bench.store.keys() == []


async def test_an_object_that_has_been_given_up_is_not_kept(bench: MediaBench, place: Place) -> None:
    key = f"w/{place.id}/slow"
    begun = await bench.discarding.begin(key)
    bench.tick(minutes=61)
    await bench.discarding.sweep()
    with pytest.raises(HubError) as refused:
        await bench.discarding.keep(key, begun)
    assert refused.value.code is Code.UNAVAILABLE


async def test_u1_a_file_beyond_the_limit_is_refused_as_soon_as_that_is_known(
    database: Database, tmp_path: Path
) -> None:
    async with MediaBench(database, tmp_path / "small", FileRules(max_bytes=10)).running() as bench:
        place = await bench.place()
        with pytest.raises(HubError) as refused:
            await bench.upload(place, content=b"01234567890")
        assert refused.value.code is Code.TOO_LARGE
        assert left_over(bench) == bench.store.keys() == []
        assert (await bench.upload(place, content=b"0123456789")).size == 10


async def test_u9_a_full_disk_is_unavailable_and_leaves_nothing(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreFull

    kept = await bench.upload(place)
    monkeypatch.setattr(bench.store, "put", full)
    with pytest.raises(HubError) as refused:
        await bench.upload(place)
    assert refused.value.code is Code.UNAVAILABLE
    assert refused.value.retry_after_s
    assert left_over(bench) == []
    assert await content(bench, kept) == b"hello"


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "a/b", "a\\b", "a\nb", "a\0b", "\ud800", "x" * 256])
async def test_u6_a_name_that_is_none_is_refused_and_leaves_nothing(bench: MediaBench, place: Place, name: str) -> None:
    with pytest.raises(HubError) as refused:
        await bench.upload(place, name)
    assert refused.value.code is Code.BAD_INPUT
    assert refused.value.fields.keys() == {"filename"}
    assert bench.store.keys() == left_over(bench) == []


async def test_uploads_at_once_are_counted_by_session_and_in_all(database: Database, tmp_path: Path) -> None:
    rules = FileRules(per_session=2, in_all=3)
    async with MediaBench(database, tmp_path / "few", rules).running() as bench:
        place = await bench.place()
        one, other, third = (place.people[role] for role in (Role.MEMBER, Role.ADMIN, Role.OWNER))
        async with bench.files.receive(one, place.id), bench.files.receive(one, place.id):
            with pytest.raises(HubError) as refused:
                async with bench.files.receive(one, place.id):
                    pass
            assert refused.value.code is Code.RATE_LIMITED
            async with bench.files.receive(other, place.id):
                with pytest.raises(HubError):
                    async with bench.files.receive(third, place.id):
                        pass
        async with bench.files.receive(one, place.id):
            pass


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_change_files(bench: MediaBench, place: Place, role: Role) -> None:
    row, actor = await bench.upload(place), place.people[role]
    acts = (
        lambda: bench.files.receive(actor, place.id).__aenter__(),
        lambda: bench.files.rename(actor, row.id, "other"),
        lambda: bench.files.delete(actor, row.id),
    )
    for act in acts:
        if allows(role, Action.EDIT_FILES):
            await act()
        else:
            with pytest.raises(HubError) as refused:
                await act()
            assert refused.value.code is Code.FORBIDDEN
    assert await bench.files.file(actor, row.id) is None or not allows(role, Action.EDIT_FILES)


async def test_a_stranger_finds_nothing_and_learns_nothing(bench: MediaBench, place: Place) -> None:
    row, stranger = await bench.upload(place), (await bench.place("South")).people[Role.OWNER]
    assert await bench.files.file(stranger, row.id) is None
    assert await bench.files.files(stranger, [row.id]) == []
    for number in (row.id, 987_654_321, 2**63):
        for act in (bench.files.rename(stranger, number, "x"), bench.files.delete(stranger, number)):
            with pytest.raises(HubError) as refused:
                await act
            assert (refused.value.code, refused.value.message) == (Code.GONE, "There is no such file.")
    with pytest.raises(HubError) as refused:
        await bench.files.of_workspace(stranger, place.id, first=None, after=None)
    assert refused.value.code is Code.GONE


async def test_several_files_come_in_the_order_asked_for(bench: MediaBench, place: Place) -> None:
    rows = [await bench.upload(place, f"{n}.txt") for n in range(3)]
    ids = [rows[2].id, 987_654_321, rows[0].id, rows[2].id]
    assert [row.id for row in await bench.files.files(place.member, ids)] == [rows[2].id, rows[0].id]
    with pytest.raises(HubError):
        await bench.files.files(place.member, list(range(1, 202)))


async def test_files_are_listed_a_page_at_a_time_while_more_are_added(bench: MediaBench, place: Place) -> None:
    for n in range(5):
        await bench.upload(place, f"{n}.txt")
        bench.tick(seconds=n % 2)  # some at the same moment
    first = await bench.files.of_workspace(place.member, place.id, first=3, after=None)
    await bench.upload(place, "new.txt")
    rest = await bench.files.of_workspace(place.member, place.id, first=3, after=first.cursors[-1])
    assert [row.name for row in [*first.rows, *rest.rows]] == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert (first.has_next, rest.has_next, await rest.count()) == (True, False, 6)


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", "Wy0xLDFd", "WzkyMjMzNzIwMzY4NTQ3NzU4MDcsMV0"])
async def test_a_cursor_that_was_never_given_out_is_refused(bench: MediaBench, place: Place, cursor: str) -> None:
    with pytest.raises(HubError) as refused:
        await bench.files.of_workspace(place.member, place.id, first=None, after=cursor)
    assert refused.value.code is Code.BAD_INPUT


async def test_a_deleted_file_is_gone_with_its_object(bench: MediaBench, place: Place) -> None:
    row = await bench.upload(place)
    await bench.files.delete(place.member, row.id)
    assert await File.all().count() == 0
    assert bench.store.keys() == []
    entry = await AuditEntry.get(action="file deleted")
    assert (entry.user_id, entry.object) == (place.member.user_id, f"file:{row.id} notes.txt")


async def test_an_object_that_cannot_be_deleted_now_is_later(bench: MediaBench, place: Place) -> None:
    row = await bench.upload(place)
    bench.store.is_away = True
    await bench.files.delete(place.member, row.id)
    assert await File.all().count() == 0
    assert bench.store.keys() == [row.object_key]
    bench.store.is_away = False
    assert await bench.discarding.sweep() == 1
    assert bench.store.keys() == []


async def test_two_who_delete_the_same_file_at_once_are_told_apart(bench: MediaBench, place: Place) -> None:
    row = await bench.upload(place)
    results = await asyncio.gather(
        *(bench.files.delete(place.member, row.id) for _ in range(3)), return_exceptions=True
    )
    refusals = [result for result in results if result is not None]
    assert len(refusals) == 2
    assert all(isinstance(refusal, HubError) and refusal.code is Code.GONE for refusal in refusals)


@pytest.mark.parametrize("by_file", [True, False])
async def test_a_media_item_and_its_file_go_together(bench: MediaBench, place: Place, by_file: bool) -> None:
    await bench.register(place, callback())
    row = await Media.get()
    if by_file:
        await bench.files.delete(place.member, row.file_id)
    else:
        await bench.files.delete_media(place.member, row.id)
    assert await Media.all().count() == await File.all().count() == await StoredEvent.all().count() == 0
    assert bench.store.keys() == []
    assert (await Fingerprint.get()).deleted_at == NOW


async def test_a_media_item_that_is_hidden_is_one_that_is_missing(bench: MediaBench, place: Place) -> None:
    await bench.register(place, callback())
    row, stranger = await Media.get(), (await bench.place("South")).people[Role.OWNER]
    for number in (row.id, 987_654_321):
        with pytest.raises(HubError) as refused:
            await bench.files.delete_media(stranger, number)
        assert (refused.value.code, refused.value.message) == (Code.GONE, "There is no such media item.")
    with pytest.raises(HubError) as refused:
        await bench.files.delete_media(place.people[Role.VIEWER], row.id)
    assert refused.value.code is Code.FORBIDDEN


async def test_a_workspace_takes_its_objects_along(bench: MediaBench, place: Place) -> None:
    await bench.upload(place)
    await bench.register(place, callback())
    await bench.put(callback("video")["object_key"])
    bench.store.is_away = True
    await bench.register(place, callback("video"), None)
    bench.store.is_away = False
    elsewhere = await bench.place("South")
    kept = await bench.upload(elsewhere)
    await bench.workspaces.delete(place.people[Role.OWNER], place.id)
    assert await Clearing(bench.database, lambda: bench.now, pause_s=0).clear() == 1
    assert await bench.discarding.sweep() == 3
    assert bench.store.keys() == [kept.object_key]


async def test_a_workspace_that_goes_at_the_last_moment_is_gone_and_leaves_nothing(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(*_: object) -> None:
        await Workspace.filter(id=place.id).delete()

    monkeypatch.setattr(bench.discarding, "keep", keep)
    with pytest.raises(HubError) as refused:
        await bench.upload(place)
    assert refused.value.code is Code.GONE
    assert left_over(bench) == bench.store.keys() == []


async def test_a_file_that_goes_while_it_is_read_is_gone(bench: MediaBench, place: Place) -> None:
    row = await bench.upload(place)
    await bench.files.delete(place.member, row.id)
    with pytest.raises(HubError) as refused:
        await content(bench, row)
    assert refused.value.code is Code.GONE


async def test_a_name_can_be_changed_and_its_object_stays(bench: MediaBench, place: Place) -> None:
    row = await bench.upload(place)
    renamed = await bench.files.rename(place.member, row.id, "other.txt")
    assert (renamed.name, renamed.object_key) == ("other.txt", row.object_key)
    assert (await File.get()).name == "other.txt"
