"""Workspaces and their connections by REST: shapes, roles, and a controller's page that makes a workspace."""

from typing import Any

import httpx2
import pytest

from ofh.domain.actors import Role
from ofh.store.models import AuditEntry, Connection, Drone, Membership, RemoteController, User, Workspace
from tests.integration.rest.door import STRANGER, Door, Who
from tests.support.media import NOW

MISSING = 987_654_321
BELOW_ADMIN = (Role.MEMBER, Role.VIEWER)


async def refused(door: Door, method: str, path: str, body: Any, who: Who) -> tuple[int, str]:
    answer = await door.ask(method, path, body, who=who)
    told = answer.json()
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, told["code"]


async def test_ones_own_workspaces_and_no_others_are_listed(door: Door) -> None:
    answer = await door.ask("GET", "/workspace/my-workspaces", who=Role.VIEWER)
    assert (answer.status_code, answer.json()) == (200, [{"id": door.place.id, "name": "North"}])
    await Membership.filter(user_id=door.place.people[Role.VIEWER].user_id).delete()
    assert (await door.ask("GET", "/workspace/my-workspaces", who=Role.VIEWER)).json() == []
    assert (await door.ask("GET", "/workspace/my-workspaces", who=None)).status_code == 401


async def test_a_workspace_is_made_seen_renamed_and_deleted_by_its_owner(door: Door) -> None:
    made = await door.ask("POST", "/workspace", {"name": " South ", "longitude": 8.5, "team_id": 3}, who=Role.VIEWER)
    assert (made.status_code, made.json().keys()) == (200, {"id"})
    path = f"/workspace/{made.json()['id']}"
    assert (await door.ask("GET", path, who=Role.VIEWER)).json() == {**made.json(), "name": "South"}
    renamed = await door.ask("PATCH", path, {"name": "West", "uuid": "x"}, who=Role.VIEWER)
    assert (renamed.status_code, renamed.json()) == (200, {**made.json(), "name": "West"})
    assert (await door.ask("PATCH", path, {}, who=Role.VIEWER)).json() == renamed.json()
    deleted = await door.ask("DELETE", path, who=Role.VIEWER)
    assert (deleted.status_code, deleted.content) == (200, b"")
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert await refused(door, method, path, body, Role.VIEWER) == (410, "gone")


async def test_a_workspace_that_is_not_ones_own_is_410_and_a_role_that_does_not_suffice_403(door: Door) -> None:
    path = f"/workspace/{door.place.id}"
    name = {"name": "x"}
    for method, body in (("GET", None), ("PATCH", name), ("DELETE", None)):
        assert await refused(door, method, path, body, None) == (401, "unauthenticated")
        assert await refused(door, method, "/workspace/0x", body, STRANGER) == (400, "bad_input")
        assert await refused(door, method, path, body, STRANGER) == (410, "gone")
    for who in BELOW_ADMIN:
        assert await refused(door, "PATCH", path, name, who) == (403, "forbidden")
    for who in (*BELOW_ADMIN, Role.ADMIN):
        assert await refused(door, "DELETE", path, None, who) == (403, "forbidden")
    assert await refused(door, "PATCH", path, {"name": None}, STRANGER) == (400, "bad_input")
    assert (await Workspace.get(id=door.place.id)).name == "North"
    assert (await door.ask("PATCH", path, {"name": "Here"}, who=Role.ADMIN)).json()["name"] == "Here"


@pytest.mark.parametrize("path", ["/workspace", "/workspace/{}/connections"])
async def test_a_name_is_needed_and_has_to_be_one(door: Door, path: str) -> None:
    for name in (None, 1, [], "", " \t", "x" * 256, "a\nb", "\0"):
        answer = await door.ask("POST", path.format(door.place.id), {"name": name}, who=Role.OWNER)
        assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"name"}), name
    assert (await door.ask("POST", path.format(door.place.id), {}, who=Role.OWNER)).status_code == 400


async def page(door: Door, connection_id: str, secret: str) -> str:
    """The cookie of a controller's page."""
    return (await door.services.links.login(connection_id, secret)).cookie


async def make_by_page(door: Door, cookie: str, body: Any, **headers: str) -> httpx2.Response:
    return await door.ask("POST", "/workspace", body, who=None, cookie=f"connection-link-auth={cookie}", **headers)


async def test_a_workspace_made_by_a_controllers_page_belongs_to_who_made_the_connection(door: Door) -> None:
    made = (await door.ask("POST", f"/workspace/{door.place.id}/connections", {"name": "RC"}, who=Role.ADMIN)).json()
    cookie = await page(door, made["connection_id"], made["secret"])
    answer = await make_by_page(door, cookie, {"name": "By page"})
    assert answer.status_code == 200
    members = await Membership.filter(workspace_id=answer.json()["id"]).values_list("user_id", "role")
    assert members == [(door.place.people[Role.ADMIN].user_id, "OWNER")]
    entry = await AuditEntry.filter(workspace_id=answer.json()["id"]).first()
    row = await Connection.get(public_id=made["connection_id"])
    assert entry is not None
    assert entry.object == f"workspace:{answer.json()['id']} by connection:{row.id}"

    await User.filter(id=door.place.people[Role.ADMIN].user_id).delete()
    answer = await make_by_page(door, cookie, {"name": "Orphaned"})
    members = await Membership.filter(workspace_id=answer.json()["id"]).values_list("user_id", "role")
    assert members == [(door.place.people[Role.OWNER].user_id, "OWNER")]

    assert (await make_by_page(door, cookie, {"name": ""})).status_code == 400
    assert (await make_by_page(door, cookie, {"name": "x"}, origin="https://evil.example")).status_code == 403
    count = await Workspace.all().count()
    stranger = await door.ask("POST", "/workspace", {"name": "x"}, who=None)
    told = [
        stranger,
        await make_by_page(door, "dead.x", {"name": "x"}),
        await make_by_page(door, cookie, {"name": "x"}, authorization="Bearer dead"),
        await make_by_page(door, "dead", b"{"),
    ]
    await Connection.filter(id=row.id).delete()
    told.append(await make_by_page(door, cookie, {"name": "x"}))
    assert {answer.status_code for answer in told} == {401}
    assert {answer.content for answer in told} == {stranger.content}
    assert await Workspace.all().count() == count


async def test_the_page_of_a_controller_opens_nothing_else(door: Door) -> None:
    made = (await door.ask("POST", f"/workspace/{door.place.id}/connections", {"name": "RC"}, who=Role.ADMIN)).json()
    cookie = await page(door, made["connection_id"], made["secret"])
    for value in (f"connection-link-auth={cookie}", f"user-auth={cookie}"):
        for path in (f"/workspace/{door.place.id}", "/auth/check", "/user/self", "/workspace/my-workspaces"):
            assert (await door.ask("GET", path, who=None, cookie=value)).status_code == 401


async def test_a_connection_shows_its_secret_once_and_its_devices_once_there_are_any(door: Door) -> None:
    path = f"/workspace/{door.place.id}/connections"
    answer = await door.ask("POST", path, {"name": " RC 1 "}, who=Role.ADMIN)
    assert (answer.status_code, answer.json().keys()) == (200, {"connection_id", "secret"})
    assert answer.headers["cache-control"] == "no-store"
    row = await Connection.get(public_id=answer.json()["connection_id"])
    shown = {"id": row.id, "name": "RC 1"}
    assert (await door.ask("GET", f"/connection/{row.id}", who=Role.VIEWER)).json() == shown
    first = {"id": door.place.connection.id, "name": "North"}
    assert (await door.ask("GET", path, who=Role.VIEWER)).json() == [first, shown]

    of_connection = {"workspace_id": door.place.id, "connection_id": row.id, "created_at": NOW, "type": 1}
    controller = await RemoteController.create(serial_number="RC", **of_connection)
    shown["remote_controller_id"] = controller.id
    assert (await door.ask("GET", f"/connection/{row.id}")).json() == shown
    await Drone.create(serial_number="A", seen_at=NOW, **of_connection)
    flying = await Drone.create(serial_number="B", online=True, **of_connection)
    await Drone.create(serial_number="C", **of_connection)
    shown["drone_id"] = flying.id
    assert (await door.ask("GET", f"/connection/{row.id}")).json() == shown
    assert (await door.ask("GET", path)).json() == [first, shown]
    assert answer.json()["secret"] not in (await door.ask("GET", path)).text


async def test_connections_are_made_and_deleted_by_administrators_and_hidden_from_others(door: Door) -> None:
    path, one = f"/workspace/{door.place.id}/connections", f"/connection/{door.place.connection.id}"
    for method, at, body in (
        ("GET", path, None),
        ("POST", path, {"name": "x"}),
        ("GET", one, None),
        ("DELETE", one, None),
    ):
        assert await refused(door, method, at, body, None) == (401, "unauthenticated")
        assert await refused(door, method, at, body, STRANGER) == (410, "gone")
        assert await refused(door, method, at.replace(at.split("/")[2], "01"), body, STRANGER) == (400, "bad_input")
    for who in BELOW_ADMIN:
        assert await refused(door, "POST", path, {"name": "x"}, who) == (403, "forbidden")
        assert await refused(door, "DELETE", one, None, who) == (403, "forbidden")
    deleted = await door.ask("DELETE", one, who=Role.ADMIN)
    assert (deleted.status_code, deleted.content) == (200, b"")
    assert await refused(door, "DELETE", one, None, Role.ADMIN) == (410, "gone")
    assert await refused(door, "GET", one, None, Role.ADMIN) == (410, "gone")
    assert (await door.ask("GET", path)).json() == []
