"""The audit record, as owners ask for it and nobody else can."""

from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.services.audit import Event
from ofh.store.models import AuditEntry, Connection
from tests.integration.graphql_api.world import NOW, Api, World, later

RECORD = """query ($id: ID!, $first: Int, $after: String, $filter: AuditFilter) { workspace(id: $id) {
    auditRecord(first: $first, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { action outcome at address user { name } object { kind id name detail } } } } } }"""


async def note(world: World, action: str, object: str = "", **values: Any) -> None:
    given = {"user_id": world.owner.user_id, "workspace_id": world.workspace.id, "outcome": "ok", "at": NOW, **values}
    await AuditEntry.create(action=action, object=object, **given)


async def read(api: Api, world: World, **variables: Any) -> Any:
    answer = await api.ask(world.owner, RECORD, id=str(world.workspace.id), **variables)
    assert answer.errors == []
    return answer.data["workspace"]["auditRecord"]


async def actions(api: Api, world: World, **wanted: Any) -> list[str]:
    return [edge["node"]["action"] for edge in (await read(api, world, filter=wanted))["edges"]]


async def test_an_entry_says_who_did_what_to_what(api: Api, world: World) -> None:
    member, drone = world.member.user_id, world.drone.id
    connection = world.connection
    elsewhere = await Connection.create(
        public_id="elsewhere", secret_digest="x", workspace_id=world.elsewhere.id, name="Hidden", created_at=NOW
    )
    noted: list[tuple[str, dict[str, Any] | None]] = [
        (f"user:{member} MEMBER to VIEWER", {"name": "Member", "detail": "MEMBER to VIEWER"}),
        (f"connection:{connection.id}", {"name": connection.name, "detail": ""}),
        (f"connection:{elsewhere.id}", {"name": None, "detail": ""}),
        ("connection:unknown", {"name": None, "detail": ""}),
        (
            f"workspace:{world.workspace.id} by connection:3",
            {"name": world.workspace.name, "detail": "by connection:3"},
        ),
        (f"drone:{drone} live_start_push", {"name": world.drone.name, "detail": "live_start_push"}),
        ("file:999999 survey 1.kmz", {"name": None, "detail": "survey 1.kmz"}),
        ("device:1581F5BKD", {"name": None, "detail": ""}),
        ("action:manage the workspace", {"id": "manage the workspace", "name": None, "detail": ""}),
        ("", None),
    ]
    for object, _ in noted:
        await note(world, Event.ROLE_CHANGED, object)
    await note(world, "serial conflict", outcome="denied", user_id=None, address="192.0.2.7", at=later(5))
    await note(world, Event.LOGIN, workspace_id=elsewhere.workspace_id)
    await note(world, Event.LOGIN, workspace_id=None)
    last, *found = [edge["node"] for edge in (await read(api, world))["edges"]]
    assert last == {
        "action": "serial conflict",
        "outcome": "DENIED",
        "at": later(5).isoformat(),
        "address": "192.0.2.7",
        "user": None,
        "object": None,
    }
    assert all(entry["user"] == {"name": "Owner"} and entry["outcome"] == "OK" for entry in found)
    for entry, (object, expected) in zip(reversed(found), noted, strict=True):
        kind, _, rest = object.partition(":")
        assert entry["object"] == (expected and {"kind": kind, "id": rest.split(" ")[0], **expected})


async def test_the_newest_come_first_a_page_at_a_time_and_by_a_filter(api: Api, world: World) -> None:
    for n, action in enumerate(["login", "login", "secret shown", "logout", "file deleted"]):
        await note(world, action, at=later(n), user_id=[world.owner, world.member][n % 2].user_id)
    await note(world, "login", outcome="failed", at=later(9))
    page = await read(api, world, first=4)
    assert [edge["node"]["at"] for edge in page["edges"]] == [later(n).isoformat() for n in (9, 4, 3, 2)]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (6, True)
    await note(world, "login", at=later(20))  # a new one moves nothing
    page = await read(api, world, first=4, after=page["pageInfo"]["endCursor"])
    assert [edge["node"]["at"] for edge in page["edges"]] == [later(n).isoformat() for n in (1, 0)]
    assert page["pageInfo"]["hasNextPage"] is False
    assert await actions(api, world, userId=str(world.member.user_id)) == ["logout", "login"]
    assert await actions(api, world, actions=["logout", "secret shown"]) == ["logout", "secret shown"]
    assert await actions(api, world, actions=[]) == []
    assert await actions(api, world, outcome="FAILED") == ["login"]
    span = {"from": later(2).isoformat(), "to": later(4).isoformat()}
    assert await actions(api, world, **span) == ["logout", "secret shown"]
    assert await actions(api, world, userId="999999999999999999") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"first": 0},
        {"after": "x"},
        {"filter": {"userId": "x"}},
        {"filter": {"actions": ["login"] * 51}},
        {"filter": {"actions": ["\0"]}},
    ],
)
async def test_what_cannot_be_asked_is_bad_input(api: Api, world: World, asked: dict[str, Any]) -> None:
    answer = await api.ask(world.owner, RECORD, id=str(world.workspace.id), **asked)
    assert answer.codes == ["BAD_INPUT"]


async def test_only_owners_read_it(api: Api, world: World) -> None:
    for role in (Role.VIEWER, Role.MEMBER, Role.ADMIN):
        answer = await api.ask(world.people[role], RECORD, id=str(world.workspace.id))
        assert answer.codes == ["FORBIDDEN"]
