"""Files: what is told of them, their names, their end. Their bytes and thumbnails go by `edges/files`."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.routing import BaseRoute

from ofh.services.files import Files

from . import shapes
from .endpoint import Ask, RestEndpoints, found, spelled

MAX_IDS = 10_000
"""Files asked for at once: the contract has no number, and clients ask for all that a list names."""


def routes(rest: RestEndpoints, files: Files) -> list[BaseRoute]:
    """A route for each path."""

    async def change(ask: Ask) -> None:
        workspace_id, file_id, name = ask.id("workspace_id"), ask.id("file_id"), ask.text("filename")
        with spelled(name="filename"):
            await files.rename(ask.actor, file_id, name, workspace_id=workspace_id)

    async def delete(ask: Ask) -> None:
        workspace_id, file_id = ask.id("workspace_id"), ask.id("file_id")
        await files.delete(ask.actor, file_id, workspace_id=workspace_id)

    async def of_workspace(ask: Ask) -> AsyncIterator[list[dict[str, Any]]]:
        pieces = files.all_of_workspace(ask.actor, ask.id("workspace_id"))
        return ([shapes.file(row) for row in piece] async for piece in pieces)

    async def one(ask: Ask) -> dict[str, Any]:
        return shapes.file(found(await files.file(ask.actor, ask.id("file_id")), "file"))

    async def several(ask: Ask) -> list[dict[str, Any]]:
        rows = await files.files(ask.actor, ask.ids("ids"), most=MAX_IDS)
        return [shapes.file(row) for row in rows]

    return [
        rest.route("/api/workspace/{workspace_id}/file/{file_id}", PATCH=change, DELETE=delete),
        rest.route("/api/workspace/{workspace_id}/files", GET=of_workspace),
        rest.route("/api/file/get-multiple", POST=several),  # before what takes it for an id
        rest.route("/api/file/{file_id}", GET=one),
    ]
