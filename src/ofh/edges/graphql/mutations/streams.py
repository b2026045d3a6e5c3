"""Live video."""

from typing import Annotated

import strawberry

from ofh.edges.graphql.arguments import chosen
from ofh.edges.graphql.types.streams import Stream
from ofh.edges.graphql.visibility import Info, look_or_gone
from ofh.edges.ids import number
from ofh.services.streams import Streamable

from .base import mutation

DroneId = Annotated[strawberry.ID, strawberry.argument(description="The drone's id.")]
Camera = Annotated[str, strawberry.argument(description="The camera, as `Drone.streams` names it.")]


@strawberry.type
class StreamMutations:
    @mutation(
        "Let a drone's camera stream to the media server. A command to an aircraft: for members who are more than "
        "viewers, and recorded. `CONFLICT` says in words why it cannot be, as when Pilot is not in its camera view."
    )
    async def start_stream(
        self,
        info: Info,
        drone_id: DroneId,
        camera: Camera,
        quality: Annotated[
            int | None,
            strawberry.argument(
                description="0 as the link allows, 1 960×540, 2 1280×720 at 1 Mbit/s, 3 the same at 1.5 Mbit/s, "
                "4 1920×1080; 0 if left out."
            ),
        ] = strawberry.UNSET,
    ) -> Stream:
        actor = info.context.require_actor()
        streams = info.context.services.streams
        found = await streams.start(actor, number(drone_id, "droneId"), camera, quality=chosen(quality, 0))
        return await _shown(info, found)

    @mutation("End the live video of a drone's camera. For members who are more than viewers, and recorded.")
    async def stop_stream(self, info: Info, drone_id: DroneId, camera: Camera) -> Stream:
        actor = info.context.require_actor()
        found = await info.context.services.streams.stop(actor, number(drone_id, "droneId"), camera)
        return await _shown(info, found)


async def _shown(info: Info, found: Streamable) -> Stream:
    return Stream(found=found, sight=await look_or_gone(info, found.workspace_id, "drone"))
