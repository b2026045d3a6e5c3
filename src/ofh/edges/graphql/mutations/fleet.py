"""Drones."""

from typing import Annotated

import strawberry

from ofh.edges.graphql.types.fleet import Drone
from ofh.edges.graphql.visibility import Info, shown_or_gone
from ofh.edges.ids import number

from .base import mutation


@strawberry.type
class FleetMutations:
    @mutation("Give a drone a name. For members who are more than viewers.")
    async def rename_drone(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The drone's id.")],
        name: Annotated[str, strawberry.argument(description="What to call it: 1 to 255 bytes.")],
    ) -> Drone:
        actor = info.context.require_actor()
        row = await info.context.services.fleet.rename_drone(actor, number(id, "id"), name)
        return await shown_or_gone(info, Drone, row, "drone")
