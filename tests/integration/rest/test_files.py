"""What the REST contract says of files: what they are called, where they are, their end (the bytes are elsewhere)."""

from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.services.pages import PIECE
from ofh.store.models import File
from tests.integration.rest.door import STRANGER, Door
from tests.support.media import NOW

MISSING = 987_654_321


def path_of(door: Door, row: File, workspace: Any = None) -> str:
    return f"/workspace/{door.place.id if workspace is None else workspace}/file/{row.id}"


async def test_a_file_has_the_shape_of_the_contract(door: Door) -> None:
    row = await door.bench.upload(door.place, "Ü notes.txt")
    answer = await door.ask("GET", f"/file/{row.id}", who=Role.VIEWER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "id": row.id,
        "name": "Ü notes.txt",
        "created_at": NOW.isoformat(),
        "has_thumbnail": False,
    }
    assert answer.json()["created_at"].endswith("+00:00")


async def test_all_files_of_a_workspace_are_one_list(door: Door) -> None:
    path = f"/workspace/{door.place.id}/files"
    assert (await door.ask("GET", path)).json() == []
    mine = {(await door.bench.upload(door.place, f"{number}.txt")).id for number in range(3)}
    await door.bench.upload(door.elsewhere)
    assert {item["id"] for item in (await door.ask("GET", path, who=Role.VIEWER)).json()} == mine


@pytest.mark.parametrize("number", [PIECE, PIECE + 1, 3 * PIECE + 7])
async def test_a_long_list_is_whole_and_names_each_once(door: Door, number: int) -> None:
    """Also where many files are of one moment."""
    await File.bulk_create(
        File(
            workspace_id=door.place.id,
            name=f"{index}",
            object_key=f"w/{index}",
            size=1,
            content_type="text/plain",
            etag="x",
            created_at=NOW.replace(microsecond=index % 5),
        )
        for index in range(number)
    )
    found = (await door.ask("GET", f"/workspace/{door.place.id}/files")).json()
    assert sorted(int(item["name"]) for item in found) == list(range(number))
    ids = [item["id"] for item in found]
    several = (await door.ask("POST", "/file/get-multiple", {"ids": ids})).json()
    assert [item["id"] for item in several] == ids


async def test_several_files_come_without_those_that_are_hidden_or_missing(door: Door) -> None:
    first, second = [await door.bench.upload(door.place, name) for name in ("a.txt", "b.txt")]
    hidden = await door.bench.upload(door.elsewhere)
    body = {"ids": [second.id, hidden.id, MISSING, first.id, second.id], "team_id": 3}
    answer = await door.ask("POST", "/file/get-multiple", body, who=Role.VIEWER)
    assert [item["name"] for item in answer.json()] == ["b.txt", "a.txt"]
    assert (await door.ask("POST", "/file/get-multiple", {"ids": []})).json() == []


async def test_more_files_at_once_than_anybody_needs_are_400(door: Door) -> None:
    answer = await door.ask("POST", "/file/get-multiple", {"ids": list(range(1, 10_002))})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["ids"])


async def test_a_file_gets_another_name_and_its_time_stays(door: Door) -> None:
    row = await door.bench.upload(door.place)
    answer = await door.ask("PATCH", path_of(door, row), {"filename": " new.txt ", "longitude": [1]})
    assert (answer.status_code, answer.content) == (200, b"")
    found = await File.get(id=row.id)
    assert (found.name, found.created_at) == ("new.txt", row.created_at)


async def test_an_empty_patch_changes_nothing(door: Door) -> None:
    row = await door.bench.upload(door.place, "as it was.txt")
    for body in ({}, {"name": "unknown.txt"}):
        assert (await door.ask("PATCH", path_of(door, row), body)).status_code == 200
    assert (await File.get(id=row.id)).name == "as it was.txt"


async def test_a_deleted_file_is_gone_with_its_bytes(door: Door) -> None:
    row = await door.bench.upload(door.place)
    answer = await door.ask("DELETE", path_of(door, row))
    assert (answer.status_code, answer.content) == (200, b"")
    assert door.bench.store.keys() == []
    for again in (await door.ask("DELETE", path_of(door, row)), await door.ask("GET", f"/file/{row.id}")):
        assert (again.status_code, again.json()["code"]) == (410, "gone")


async def test_a_file_says_whether_it_has_a_thumbnail(door: Door) -> None:
    row = await door.bench.upload(door.place)
    assert (await door.ask("GET", f"/file/{row.id}")).json()["has_thumbnail"] is False
    await File.filter(id=row.id).update(thumbnail_key=f"t/{door.place.id}/x", thumbnail_etag="e", thumbnail_size=9)
    assert (await door.ask("GET", f"/file/{row.id}")).json()["has_thumbnail"] is True
    assert [item["has_thumbnail"] for item in (await door.ask("GET", f"/workspace/{door.place.id}/files")).json()] == [
        True
    ]


# Who may


async def test_who_may_read(door: Door) -> None:
    row = await door.bench.upload(door.place)
    for who, status in ((None, 401), (STRANGER, 410), (Role.VIEWER, 200), (Role.OWNER, 200)):
        for path in (f"/file/{row.id}", f"/workspace/{door.place.id}/files"):
            assert (await door.ask("GET", path, who=who)).status_code == status, (who, path)
    assert (await door.ask("POST", "/file/get-multiple", {"ids": [row.id]}, who=None)).status_code == 401
    assert (await door.ask("POST", "/file/get-multiple", {"ids": [row.id]}, who=STRANGER)).json() == []


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"filename": "x"}), ("PATCH", {}), ("DELETE", None)])
async def test_who_may_change(door: Door, method: str, body: Any) -> None:
    for who, status in (
        (None, 401),
        (STRANGER, 410),
        (Role.VIEWER, 403),
        (Role.MEMBER, 200),
        (Role.ADMIN, 200),
        (Role.OWNER, 200),
    ):
        row = await door.bench.upload(door.place)
        answer = await door.ask(method, path_of(door, row), body, who=who)
        assert answer.status_code == status, who
        is_untouched = await File.filter(id=row.id, name=row.name).exists()
        assert is_untouched is (status != 200 or body == {})


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"filename": "x"}), ("PATCH", {}), ("DELETE", None)])
async def test_a2_a_file_is_in_its_own_workspace_alone(door: Door, method: str, body: Any) -> None:
    """Another workspace's file under mine, mine under another's, and what is not there: the same words."""
    mine, hidden = await door.bench.upload(door.place), await door.bench.upload(door.elsewhere)
    paths = [
        f"/workspace/{door.place.id}/file/{hidden.id}",
        f"/workspace/{door.elsewhere.id}/file/{hidden.id}",
        f"/workspace/{door.elsewhere.id}/file/{mine.id}",
        f"/workspace/{MISSING}/file/{mine.id}",
        f"/workspace/{door.place.id}/file/{MISSING}",
        f"/workspace/{'9' * 18}/file/{'9' * 18}",
    ]
    told = [await door.ask(method, path, body) for path in paths]
    assert [answer.status_code for answer in told] == [410] * 6
    assert len({answer.content for answer in told}) == 1
    assert await File.filter(name="notes.txt").count() == 2


# What is wrong


@pytest.mark.parametrize("id", ["0", "-1", "+1", "01", "1.0", "1e3", "x", "1" * 19, "%D9%A1", "%201"])
async def test_a3_a_malformed_id_is_400_and_without_a_session_401(door: Door, id: str) -> None:
    for method, path, body in (
        ("GET", f"/file/{id}", None),
        ("GET", f"/workspace/{id}/files", None),
        ("PATCH", f"/workspace/{id}/file/1", {}),
        ("PATCH", f"/workspace/1/file/{id}", {}),
        ("DELETE", f"/workspace/{id}/file/1", None),
        ("DELETE", f"/workspace/1/file/{id}", None),
    ):
        answer = await door.ask(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), (method, path)
        assert (await door.ask(method, path, body, who=None)).status_code == 401


@pytest.mark.parametrize(
    "name", [None, 1, True, ["a"], {"a": 1}, "", "  ", "a\0b", "a\nb", "a/b", "a\\b", "..", "x" * 256, "ü" * 128]
)
async def test_a4_a_name_that_no_file_can_have_is_400_and_says_so_of_filename(door: Door, name: Any) -> None:
    row = await door.bench.upload(door.place)
    answer = await door.ask("PATCH", path_of(door, row), {"filename": name})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["filename"])
    assert (await File.get(id=row.id)).name == row.name


@pytest.mark.parametrize(
    "ids", [None, 1, "1", {}, [0], [-1], ["1"], [1.5], [True], [None], [[1]], [10**18], [2**64], [1, "\0"]]
)
async def test_ids_of_another_type_or_range_are_400(door: Door, ids: Any) -> None:
    answer = await door.ask("POST", "/file/get-multiple", {"ids": ids})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["ids"])


async def test_a1_what_is_wrong_with_a_body_is_said_before_what_is_hidden(door: Door) -> None:
    hidden = await door.bench.upload(door.elsewhere)
    for body in ({"filename": 1}, {"filename": "a/b"}, b"{"):
        assert (await door.ask("PATCH", path_of(door, hidden), body)).status_code == 400
