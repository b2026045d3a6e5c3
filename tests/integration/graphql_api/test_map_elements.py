"""What controllers have drawn, as members read it."""

from uuid import UUID, uuid4

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
