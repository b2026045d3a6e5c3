"""The shared map."""

from typing import Annotated
from uuid import UUID

import strawberry

from ofh.edges.graphql.arguments import given
from ofh.edges.graphql.scalars import Json
from ofh.edges.graphql.types.map_elements import MapElement
from ofh.edges.graphql.visibility import Info, shown_or_gone
from ofh.edges.ids import number

from .base import mutation

WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]
ElementId = Annotated[UUID, strawberry.argument(description="The element's id.")]
CONTENT = (
    "A GeoJSON feature: a `Point`, a `LineString` or a `Polygon`, with at most 4,000 positions and 64 KiB. Degrees "
    "(WGS 84), longitude first. Pilot 2 knows `properties.color` `#2D8CF0`, `#19BE6B`, `#FFBB00`, `#E23C39`, `#B620E0` "
    "and `#212121`, and `properties.clampToGround`."
)
NAME = "What to call it: 1 to 255 bytes."


@strawberry.type
class MapElementMutations:
    @mutation(
        "Draw on the map that controllers and members share; controllers that are connected show it at once. For "
        "members who are more than viewers; a map has at most 1,000 elements and 4 MiB (`CONFLICT`)."
    )
    async def create_map_element(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        name: Annotated[str, strawberry.argument(description=NAME)],
        content: Annotated[Json, strawberry.argument(description=CONTENT)],
    ) -> MapElement:
        actor = info.context.require_actor()
        elements = info.context.services.map_elements
        row = await elements.draw(actor, number(workspace_id, "workspace_id"), name, content)
        return await shown_or_gone(info, MapElement, row, "element")

    @mutation(
        "Change an element of the shared map, whoever drew it; what is left out stays. Controllers that are connected "
        "show it at once. For members who are more than viewers."
    )
    async def update_map_element(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        id: ElementId,
        name: Annotated[str | None, strawberry.argument(description=f"{NAME} Not null.")] = strawberry.UNSET,
        content: Annotated[Json | None, strawberry.argument(description=f"{CONTENT} Not null.")] = strawberry.UNSET,
    ) -> MapElement:
        actor = info.context.require_actor()
        changes = given(name=name, content=content)
        elements = info.context.services.map_elements
        row = await elements.redraw(actor, number(workspace_id, "workspace_id"), id, **changes)
        return await shown_or_gone(info, MapElement, row, "element")

    @mutation(
        "Take an element off the shared map, whoever drew it; it vanishes from controllers that are connected at once. "
        "For members who are more than viewers."
    )
    async def delete_map_element(self, info: Info, workspace_id: WorkspaceId, id: ElementId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.map_elements.erase(actor, number(workspace_id, "workspace_id"), id)
        return True
