"""Flights with their tracks. A long track is thinned to what a map shows, so that it is with the client in time; in the
list of all flights of a drone, each track has a share of what is given out at once.
"""

from collections.abc import AsyncIterator
from typing import Any

from starlette.routing import BaseRoute

from ofh.domain.actors import Actor
from ofh.services.flights import Flights
from ofh.store.models import Flight

from . import shapes
from .endpoint import Ask, RestEndpoints, found

TRACK_POINTS = 10_000
"""Points of a track at the most; a flight of five hours at the usual rate has fewer."""


def routes(rest: RestEndpoints, flights: Flights) -> list[BaseRoute]:
    """A route for each path."""

    async def shown(actor: Actor, row: Flight | None) -> dict[str, Any]:
        flight = found(row, "flight")
        return shapes.flight(flight, await flights.path(flight, TRACK_POINTS))

    async def one(ask: Ask) -> dict[str, Any]:
        return await shown(ask.actor, await flights.flight(ask.actor, ask.id("flight_id")))

    async def current(ask: Ask) -> dict[str, Any]:
        return await shown(ask.actor, await flights.current(ask.actor, ask.id("drone_id")))

    async def of_drone(ask: Ask) -> AsyncIterator[list[dict[str, Any]]]:
        pieces = flights.all_of_drone(ask.actor, ask.id("drone_id"))
        return ([shapes.flight(row, track) for row, track in piece] async for piece in pieces)

    return [
        rest.route("/api/flight/{flight_id}", GET=one),
        rest.route("/api/drone/{drone_id}/flights", GET=of_drone),
        rest.route("/api/drone/{drone_id}/current-flight", GET=current),
    ]
