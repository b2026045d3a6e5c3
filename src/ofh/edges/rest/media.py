"""What drones took: one item, all of a drone, all of a flight."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.routing import BaseRoute

from ofh.services.media import MediaItems
from ofh.store.models import Media

from . import shapes
from .endpoint import Ask, RestEndpoints, found


def routes(rest: RestEndpoints, media: MediaItems) -> list[BaseRoute]:
    """A route for each path."""

    async def one(ask: Ask) -> dict[str, Any]:
        return shapes.media(found(await media.with_file(ask.actor, ask.id("media_id")), "media item"))

    async def of_drone(ask: Ask) -> AsyncIterator[list[dict[str, Any]]]:
        return shown(media.all_of_drone(ask.actor, ask.id("drone_id")))

    async def of_flight(ask: Ask) -> AsyncIterator[list[dict[str, Any]]]:
        return shown(media.all_of_flight(ask.actor, ask.id("flight_id")))

    def shown(pieces: AsyncIterator[list[Media]]) -> AsyncIterator[list[dict[str, Any]]]:
        return ([shapes.media(row) for row in piece] async for piece in pieces)

    return [
        rest.route("/api/media/{media_id}", GET=one),
        rest.route("/api/drone/{drone_id}/media", GET=of_drone),
        rest.route("/api/flight/{flight_id}/media", GET=of_flight),
    ]
