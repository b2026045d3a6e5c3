"""The map that controllers and members share, as members read it and draw on it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from ofh.domain.actors import Role
from ofh.domain.map_elements import ElementType
from ofh.store.models import MapElement, MapGroup, Workspace
from tests.integration.graphql_api.world import NOW, Api, World, later

ELEMENTS = """query ($id: ID!) { workspace(id: $id) { mapElements {
    id name type drawnBy content createdAt updatedAt } } }"""
POINT = {
    "type": "Feature",
    "properties": {"color": "#2D8CF0", "clampToGround": True},
    "geometry": {"type": "Point", "coordinates": [9.95, 50.49]},
}


async def draw(workspace: Workspace, name: str) -> UUID:
    group = await MapGroup.create(id=uuid4(), workspace_id=workspace.id, type=2, name="Shared", created_at=NOW)
    row = await MapElement.create(
        workspace_id=workspace.id,
        element_id=uuid4(),
        group_id=group.id,
        name=name,
        type=ElementType.POINT,
        user_name="Team South",
        content=POINT,
        created_at=NOW,
        updated_at=later(60),
    )
    found: UUID = row.element_id
    return found


async def test_a_member_sees_what_was_drawn(api: Api, world: World) -> None:
    id = await draw(world.workspace, "HUB 1")
    answer = await api.ask(world.member, ELEMENTS, id=str(world.workspace.id))
    assert answer.errors == []
    assert answer.data["workspace"]["mapElements"] == [
        {
            "id": str(id),
            "name": "HUB 1",
            "type": "POINT",
            "drawnBy": "Team South",
            "content": POINT,
            "createdAt": NOW.isoformat(),
            "updatedAt": later(60).isoformat(),
        }
    ]


async def test_a_stranger_sees_nothing_of_it(api: Api, world: World) -> None:
    await draw(world.workspace, "HUB 1")
    answer = await api.ask(world.stranger, ELEMENTS, id=str(world.workspace.id))
    assert answer.data == {"workspace": None}


CREATE = """mutation ($w: ID!, $name: String!, $content: JSON!) {
    createMapElement(workspaceId: $w, name: $name, content: $content) { id name type drawnBy content } }"""
UPDATE = """mutation ($w: ID!, $id: UUID!, $name: String, $content: JSON) {
    updateMapElement(workspaceId: $w, id: $id, name: $name, content: $content) { name type drawnBy content } }"""
DELETE = "mutation ($w: ID!, $id: UUID!) { deleteMapElement(workspaceId: $w, id: $id) }"
LINE = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[9.9, 50.4], [9, 50]]}}


async def test_a_member_draws_changes_and_deletes(api: Api, world: World) -> None:
    w = str(world.workspace.id)
    made = (await api.ask(world.member, CREATE, w=w, name="Base", content=POINT)).data["createMapElement"]
    id = made.pop("id")
    assert made == {"name": "Base", "type": "POINT", "drawnBy": "Member", "content": POINT}
    renamed = (await api.ask(world.owner, UPDATE, w=w, id=id, name="Camp")).data["updateMapElement"]
    assert renamed == {**made, "name": "Camp"}
    redrawn = (await api.ask(world.owner, UPDATE, w=w, id=id, content=LINE)).data["updateMapElement"]
    assert redrawn == {**made, "name": "Camp", "type": "LINE", "content": LINE}
    assert (await api.ask(world.member, DELETE, w=w, id=id)).data == {"deleteMapElement": True}
    assert (await api.ask(world.member, DELETE, w=w, id=id)).codes == ["GONE"]
    assert (await api.ask(world.member, UPDATE, w=w, id=id, name="x")).codes == ["GONE"]


async def test_what_controllers_drew_is_everybodys_to_change_but_a_viewers(api: Api, world: World) -> None:
    w, id = str(world.workspace.id), str(await draw(world.workspace, "HUB 1"))
    for document in (CREATE, UPDATE, DELETE):
        asked: dict[str, Any] = {"w": w, "id": id, "name": "x", "content": POINT}
        asked = {name: value for name, value in asked.items() if f"${name}:" in document}
        assert (await api.ask(world.people[Role.VIEWER], document, **asked)).codes == ["FORBIDDEN"]
        assert (await api.ask(world.stranger, document, **asked)).codes == ["GONE"]
        assert (await api.ask(None, document, **asked)).codes == ["UNAUTHENTICATED"]
    assert (await MapElement.get()).name == "HUB 1"
    assert (await api.ask(world.member, DELETE, w=w, id=id)).errors == []


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("", POINT, "name"),
        ("Base", {"type": "Feature"}, "content"),
        ("Base", "POINT(9 50)", "content"),
        ("Base", [], "content"),
        ("Base", {**POINT, "properties": {"color": "a\0b"}}, "content"),
        ("Base", {**POINT, "geometry": {"type": "Point", "coordinates": [181, 0]}}, "content"),
    ],
)
async def test_what_is_no_drawing_is_refused_by_name(
    api: Api, world: World, name: str, content: Any, field: str
) -> None:
    w, id = str(world.workspace.id), str(await draw(world.workspace, "HUB 1"))
    for document, asked in ((CREATE, {}), (UPDATE, {"id": id})):
        answer = await api.ask(world.member, document, w=w, name=name, content=content, **asked)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {field})
    assert (await api.ask(world.member, UPDATE, w=w, id=id, content=None)).fields == {"content"}
    assert (await MapElement.get()).content == POINT
