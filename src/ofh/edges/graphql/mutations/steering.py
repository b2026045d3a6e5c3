"""Steering what runs for the caller."""

from typing import Annotated

import strawberry

from ofh.edges.graphql.arguments import Area
from ofh.edges.graphql.visibility import Info
from ofh.services.steering import steering_name

from .base import mutation


@strawberry.type
class SteeringMutations:
    @mutation(
        "Move the area of the caller's own subscriptions of `fleet` that have this `view`, on whatever connection they "
        "run: each gets what has happened up to now, then a Snapshot of the new area, then what follows in it. One "
        "whose first event has not come yet may not hear of it. True as soon as all processes of the hub are told; a "
        "name that nothing runs under is no error."
    )
    async def move_viewport(
        self,
        info: Info,
        view: Annotated[str, strawberry.argument(description="The name that the subscription gave.")],
        area: Annotated[Area, strawberry.argument(description="Where to look from now on.")],
    ) -> bool:
        actor = info.context.require_actor()
        box, name = area.checked("area"), steering_name(view, "view")
        words = {"area": [box.west_deg, box.south_deg, box.east_deg, box.north_deg]}
        await info.context.services.steering.say("view", actor.user_id, name, words)
        return True
