"""Workspaces: one's own listed, made, changed, deleted."""

from typing import Any

from starlette.routing import BaseRoute

from ofh.domain.errors import Code, HubError
from ofh.edges.auth import LINK_COOKIE
from ofh.services.link import Links
from ofh.services.workspaces import Workspaces

from . import shapes
from .endpoint import Ask, RestEndpoints, found


def routes(rest: RestEndpoints, workspaces: Workspaces, links: Links) -> list[BaseRoute]:
    """A route for each path."""

    async def mine(ask: Ask) -> list[dict[str, Any]]:
        return [shapes.workspace(row) for row, _ in await workspaces.list_for(ask.actor)]

    async def create(ask: Ask) -> dict[str, Any]:
        """By a person or, as the source of the contract has it, by a controller's page."""
        connection_id = None if ask.session is not None else await _connection_id(ask, links)
        (name,) = ask.texts("name")
        if connection_id is None:
            row = await workspaces.create(ask.actor, name)
        else:
            row = await workspaces.create_by_connection(connection_id, name, address=ask.address)
        return {"id": row.id}

    async def one(ask: Ask) -> dict[str, Any]:
        row, _ = found(await workspaces.get(ask.actor, ask.id("workspace_id")), "workspace")
        return shapes.workspace(row)

    async def change(ask: Ask) -> dict[str, Any]:
        workspace_id, name = ask.id("workspace_id"), ask.text("name")
        return shapes.workspace(await workspaces.update(ask.actor, workspace_id, name=name))

    async def delete(ask: Ask) -> None:
        await workspaces.delete(ask.actor, ask.id("workspace_id"))

    return [
        rest.route("/api/workspace/my-workspaces", GET=mine),  # before what takes it for an id
        rest.open_route("/api/workspace", POST=create),
        rest.route("/api/workspace/{workspace_id}", GET=one, PATCH=change, DELETE=delete),
    ]


async def _connection_id(ask: Ask, links: Links) -> int:
    """The connection whose page asks.

    Raises:
        HubError: UNAUTHENTICATED, in the words that every operation has for a stranger.
    """
    try:
        return (await links.session(ask.cookie(LINK_COOKIE))).pilot.connection_id
    except HubError as error:
        if error.code is Code.UNAUTHENTICATED:
            _ = ask.actor
        raise
