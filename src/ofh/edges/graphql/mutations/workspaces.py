"""Workspaces, their members and their connections."""

from typing import Annotated, Any

import strawberry

from ofh.domain.actors import Role
from ofh.edges.graphql.arguments import chosen, given
from ofh.edges.graphql.types.workspaces import Connection, ConnectionPayload, Member, Workspace
from ofh.edges.graphql.visibility import Info, shown_or_gone
from ofh.edges.ids import number

from .base import mutation

WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]
UserId = Annotated[strawberry.ID, strawberry.argument(description="The member's user id.")]
ConnectionId = Annotated[
    strawberry.ID, strawberry.argument(description="The connection's id; not what the controller logs in with.")
]
Name = Annotated[str, strawberry.argument(description="What to call it: 1 to 255 bytes.")]


@strawberry.type
class WorkspaceMutations:
    @mutation("Make a workspace. The caller is its owner.")
    async def create_workspace(
        self,
        info: Info,
        name: Name,
        locale: Annotated[
            str | None,
            strawberry.argument(
                description="The language in which the alert rules that it begins with are named, as a BCP 47 tag; "
                "English where the hub has no words in it, and the caller's own language if left out."
            ),
        ] = strawberry.UNSET,
    ) -> Workspace:
        actor = info.context.require_actor()
        row = await info.context.services.workspaces.create(actor, name, locale=chosen(locale, None))
        return await shown_or_gone(info, Workspace, row, "workspace")

    @mutation("Change a workspace. What is left out stays as it is. For administrators.")
    async def update_workspace(
        self,
        info: Info,
        id: WorkspaceId,
        name: Annotated[
            str | None, strawberry.argument(description="What to call it: 1 to 255 bytes; not null.")
        ] = strawberry.UNSET,
        history_days: Annotated[
            int | None,
            strawberry.argument(
                description="How many days its tracks, flights and events are kept, 1 to 36500; null: as long as the"
                " hub's operator has set. What is older is deleted within about an hour."
            ),
        ] = strawberry.UNSET,
        share_position: Annotated[
            bool | None,
            strawberry.argument(
                description="Whether every user of the hub sees where its aircraft are, as traffic; not null. Switched"
                " off, that ends at once."
            ),
        ] = strawberry.UNSET,
    ) -> Workspace:
        actor = info.context.require_actor()
        changes = given(
            clearable=frozenset({"history_days"}),
            name=name,
            history_days=history_days,
            share_position=share_position,
        )
        row = await info.context.services.workspaces.update(actor, number(id, "id"), **changes)
        return await shown_or_gone(info, Workspace, row, "workspace")

    @mutation("Delete a workspace with all that belongs to it. For owners.")
    async def delete_workspace(self, info: Info, id: WorkspaceId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.workspaces.delete(actor, number(id, "id"))
        return True

    @mutation("Give a workspace a new uuid. For administrators.")
    async def reset_workspace_uuid(self, info: Info, id: WorkspaceId) -> Workspace:
        actor = info.context.require_actor()
        row = await info.context.services.workspaces.reset_uuid(actor, number(id, "id"))
        return await shown_or_gone(info, Workspace, row, "workspace")

    @mutation("Bring somebody into a workspace; who has no account yet gets one by the invitation. For administrators.")
    async def invite_member(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        email: Annotated[str, strawberry.argument(description="The person's e-mail address.")],
        role: Annotated[Role, strawberry.argument(description="What they may do; `OWNER` only by an owner.")],
    ) -> Member:
        actor = info.context.require_actor()
        row = await info.context.services.workspaces.invite(actor, number(workspace_id, "workspaceId"), email, role)
        return await shown_or_gone(info, Member, row, "member")

    @mutation(
        "Take a member out of a workspace. For administrators, and for oneself; the last owner stays (`CONFLICT`)."
    )
    async def remove_member(self, info: Info, workspace_id: WorkspaceId, user_id: UserId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.workspaces.remove_member(
            actor, number(workspace_id, "workspaceId"), number(user_id, "userId")
        )
        return True

    @mutation("Give a member another role. For administrators; the last owner stays one (`CONFLICT`).")
    async def change_member_role(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        user_id: UserId,
        role: Annotated[
            Role, strawberry.argument(description="What they may do from now on; `OWNER` only by an owner.")
        ],
    ) -> Member:
        actor = info.context.require_actor()
        row = await info.context.services.workspaces.change_role(
            actor, number(workspace_id, "workspaceId"), number(user_id, "userId"), role
        )
        return await shown_or_gone(info, Member, row, "member")

    @mutation("Make a connection for one more controller. For administrators.")
    async def create_connection(self, info: Info, workspace_id: WorkspaceId, name: Name) -> ConnectionPayload:
        actor = info.context.require_actor()
        created = await info.context.services.connections.create(actor, number(workspace_id, "workspaceId"), name)
        return await _with_secret(info, created)

    @mutation("Delete a connection: its controller is logged out and cannot come back. For administrators.")
    async def delete_connection(self, info: Info, id: ConnectionId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.connections.delete(actor, number(id, "id"))
        return True

    @mutation("Give a connection a new secret; the old one ends at once. For administrators.")
    async def rotate_connection_secret(self, info: Info, id: ConnectionId) -> ConnectionPayload:
        actor = info.context.require_actor()
        created = await info.context.services.connections.rotate_secret(actor, number(id, "id"))
        return await _with_secret(info, created)


async def _with_secret(info: Info, created: Any) -> ConnectionPayload:
    connection = await shown_or_gone(info, Connection, created.connection, "connection")
    return ConnectionPayload(
        connection=connection,
        connection_id=created.connection.public_id,
        secret=created.secret,
        sight=connection.sight,
    )
