"""Connections of controllers, with the devices that came in by them. A secret is shown once, when it is made."""

from typing import Any

from starlette.routing import BaseRoute

from ofh.services.connections import Connections

from . import shapes
from .endpoint import Ask, RestEndpoints, found


def routes(rest: RestEndpoints, connections: Connections) -> list[BaseRoute]:
    """A route for each path."""

    async def of_workspace(ask: Ask) -> list[dict[str, Any]]:
        rows = await connections.list(ask.actor, ask.id("workspace_id"))
        devices = await connections.devices_of(rows)
        return [shapes.connection(row, its) for row, its in zip(rows, devices, strict=True)]

    async def create(ask: Ask) -> dict[str, Any]:
        workspace_id, (name,) = ask.id("workspace_id"), ask.texts("name")
        made = await connections.create(ask.actor, workspace_id, name)
        return {"connection_id": made.connection.public_id, "secret": made.secret}

    async def one(ask: Ask) -> dict[str, Any]:
        row = found(await connections.get(ask.actor, ask.id("connection_id")), "connection")
        (its,) = await connections.devices_of([row])
        return shapes.connection(row, its)

    async def delete(ask: Ask) -> None:
        await connections.delete(ask.actor, ask.id("connection_id"))

    return [
        rest.route("/api/workspace/{workspace_id}/connections", GET=of_workspace, POST=create),
        rest.route("/api/connection/{connection_id}", GET=one, DELETE=delete),
    ]
