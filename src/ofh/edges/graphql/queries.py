"""The ways in for reading. Each asks one service and hands what it gives through the gate of `visibility.py`."""

from typing import Annotated

import strawberry

from ofh.edges.ids import number

from .fields import field
from .past import PastQueries
from .types.accounts import User
from .types.alerts import Alert
from .types.fleet import Drone, RemoteController
from .types.flights import Flight
from .types.media import File, Media
from .types.server import ServerInfo
from .types.workspaces import Connection, Workspace
from .visibility import Info, look, own, shown

Id = Annotated[strawberry.ID, strawberry.argument(description="A whole number of 1 to 18 digits.")]


@strawberry.type(description="What can be read. What does not exist and what the caller may not see is null alike.")
class Query(PastQueries):
    @field("What this hub is. Needs no log-in.")
    def server(self, info: Info) -> ServerInfo:
        found = info.context.services.info
        return ServerInfo(name=found.name, version=found.version, api_version=found.api_version)

    @field("The caller; null when not logged in.")
    async def me(self, info: Info) -> User | None:
        actor = info.context.actor
        if actor is None:
            return None
        row = await info.context.services.accounts.user(actor, actor.user_id)
        return User(row=row) if row else None

    @field("A person: oneself, or somebody who shares a workspace with the caller.")
    async def user(self, info: Info, id: Id) -> User | None:
        actor = info.context.require_actor()
        row = await info.context.services.accounts.user(actor, number(id, "id"))
        return User(row=row) if row else None

    @field("The workspaces that the caller is a member of.")
    async def workspaces(self, info: Info) -> list[Workspace]:
        actor = info.context.require_actor()
        found = await info.context.services.workspaces.list_for(actor)
        return [own(Workspace, item) for item in found]

    @field("A workspace by its id.")
    async def workspace(self, info: Info, id: Id) -> Workspace | None:
        actor = info.context.require_actor()
        found = await info.context.services.workspaces.get(actor, number(id, "id"))
        return own(Workspace, found) if found else None

    @field("A connection by its id.")
    async def connection(self, info: Info, id: Id) -> Connection | None:
        actor = info.context.require_actor()
        row = await info.context.services.connections.get(actor, number(id, "id"))
        return await shown(info, Connection, row)

    @field("A remote controller by its id.")
    async def remote_controller(self, info: Info, id: Id) -> RemoteController | None:
        actor = info.context.require_actor()
        row = await info.context.services.fleet.remote_controller(actor, number(id, "id"))
        return await shown(info, RemoteController, row)

    @field("A flight by its id.")
    async def flight(self, info: Info, id: Id) -> Flight | None:
        actor = info.context.require_actor()
        row = await info.context.services.flights.flight(actor, number(id, "id"))
        return await shown(info, Flight, row)

    @field("An alert by its id.")
    async def alert(self, info: Info, id: Id) -> Alert | None:
        actor = info.context.require_actor()
        row = await info.context.services.alerts.alert(actor, number(id, "id"))
        return await shown(info, Alert, row)

    @field("A photo, a video or a side file by its id.")
    async def media(self, info: Info, id: Id) -> Media | None:
        actor = info.context.require_actor()
        row = await info.context.services.media.media(actor, number(id, "id"))
        return await shown(info, Media, row)

    @field("A file by its id.")
    async def file(self, info: Info, id: Id) -> File | None:
        actor = info.context.require_actor()
        row = await info.context.services.files.file(actor, number(id, "id"))
        return await shown(info, File, row)

    @field("Several files, in the order of their ids here; what does not exist or is not the caller's is left out.")
    async def files(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="At most 200 whole numbers of 1 to 18 digits.")
        ],
    ) -> list[File]:
        actor = info.context.require_actor()
        rows = await info.context.services.files.files(actor, [number(id, "ids") for id in ids])
        sights = {workspace_id: await look(info, workspace_id) for workspace_id in {row.workspace_id for row in rows}}
        return [File(row=row, sight=sight) for row in rows if (sight := sights[row.workspace_id]) is not None]

    @field("A drone by its id.")
    async def drone(self, info: Info, id: Id) -> Drone | None:
        actor = info.context.require_actor()
        row = await info.context.services.fleet.drone(actor, number(id, "id"))
        return await shown(info, Drone, row)
