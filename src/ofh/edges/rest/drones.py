"""Drones: what they are, and what they last said of themselves."""

from typing import Any

from starlette.routing import BaseRoute

from ofh.services.fleet import Fleet
from ofh.store.models import Drone

from . import shapes
from .endpoint import Ask, RestEndpoints, found


def routes(rest: RestEndpoints, fleet: Fleet) -> list[BaseRoute]:
    """A route for each path."""

    async def asked_for(ask: Ask) -> Drone:
        return found(await fleet.drone(ask.actor, ask.id("drone_id")), "drone")

    async def one(ask: Ask) -> dict[str, Any]:
        return shapes.drone(await asked_for(ask))

    async def last_position(ask: Ask) -> dict[str, Any]:
        return found(shapes.last_position(await asked_for(ask)), "position")

    async def last_battery(ask: Ask) -> dict[str, Any]:
        return found(shapes.last_battery(await asked_for(ask)), "battery report")

    return [
        rest.route("/api/drone/{drone_id}", GET=one),
        rest.route("/api/drone/{drone_id}/last-position", GET=last_position),
        rest.route("/api/drone/{drone_id}/last-battery", GET=last_battery),
    ]
