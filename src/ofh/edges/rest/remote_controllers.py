"""Remote controllers: what they are, and where one was last."""

from typing import Any

from starlette.routing import BaseRoute

from ofh.services.fleet import Fleet

from . import shapes
from .endpoint import Ask, RestEndpoints, found

WHAT = "remote controller"


def routes(rest: RestEndpoints, fleet: Fleet) -> list[BaseRoute]:
    """A route for each path."""

    async def one(ask: Ask) -> dict[str, Any]:
        return shapes.remote_controller(
            found(await fleet.remote_controller(ask.actor, ask.id("remote_controller_id")), WHAT)
        )

    async def last_position(ask: Ask) -> dict[str, Any]:
        row = found(await fleet.remote_controller(ask.actor, ask.id("remote_controller_id")), WHAT)
        return found(shapes.last_position(row), "position")

    return [
        rest.route("/api/remote-controller/{remote_controller_id}", GET=one),
        rest.route("/api/remote-controller/{remote_controller_id}/last-position", GET=last_position),
    ]
