"""`ofh workspace`: the shared places of work."""

from typing import Annotated

import typer

from ofh.store import models

from .admin import Yes, acting_for, ask, open_services, operator, user_of
from .common import Data, Json, run, settings_of
from .output import show, show_list, time_of

workspace_app = typer.Typer(no_args_is_help=True, help="Workspaces, the shared places of work.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(workspace_app, name="workspace")


@workspace_app.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    owner: Annotated[str, typer.Option("--owner", metavar="EMAIL", help="The e-mail address of its owner.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a workspace."""
    settings = settings_of(data=data)

    async def work() -> models.Workspace:
        async with open_services(settings) as services:
            return await services.workspaces.create(acting_for(await user_of(services, owner)), name)

    workspace = run(work())
    show(
        {"id": workspace.id, "uuid": str(workspace.uuid), "name": workspace.name},
        as_json,
        f"Created workspace {workspace.id}: {workspace.name} ({workspace.uuid})",
    )


@workspace_app.command("list")
def list_workspaces(data: Data = None, as_json: Json = False) -> None:
    """List all workspaces."""
    settings = settings_of(data=data)

    async def work() -> list[models.Workspace]:
        async with open_services(settings) as services:
            return [workspace for workspace, _ in await services.workspaces.list_for(operator())]

    show_list(
        "workspaces",
        [
            {"id": row.id, "uuid": str(row.uuid), "name": row.name, "created_at": time_of(row.created_at)}
            for row in run(work())
        ],
        as_json,
    )


@workspace_app.command("delete")
def delete_workspace(
    workspace_id: Annotated[int, typer.Argument(metavar="WORKSPACE_ID", help="Its id.")],
    data: Data = None,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Delete a workspace with everything in it: connections, drones, history."""
    settings = settings_of(data=data)
    ask(f"Delete workspace {workspace_id} with everything in it?", yes or as_json)

    async def work() -> None:
        async with open_services(settings, with_broker=True) as services:
            await services.workspaces.delete(operator(), workspace_id)

    run(work())
    show({"id": workspace_id}, as_json, f"Deleted workspace {workspace_id}.")
