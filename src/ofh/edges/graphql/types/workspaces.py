"""Workspaces, who is in them, and the pairings with controllers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from ofh.dji.topics import is_serial
from ofh.domain.actors import Action, Role
from ofh.domain.events import EventKind
from ofh.edges.graphql.arguments import chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import describe
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.edges.ids import number
from ofh.services.flights import FlightFilter as Wanted
from ofh.services.media import MediaFilter as WantedMedia
from ofh.services.names import check_text
from ofh.store import models

from .accounts import User
from .alerts import AlertConnection, AlertFilter, AlertRule
from .audit import AuditEntryConnection, AuditFilter
from .coverage import CoveredGround, MediaArchive
from .doctor import ConnectionDoctor
from .events import FleetEventConnection
from .fleet import Drone, RemoteController
from .flights import FlightConnection, FlightFilter
from .map_elements import MapElement
from .media import FileConnection, MediaConnection, MediaFilter
from .pages import After, First

describe(
    Role,
    "WorkspaceRole",
    "What a member may do in a workspace; each role may do all that the ones below it may.",
    {
        Role.OWNER: "Also: other owners, the audit record, deleting the workspace.",
        Role.ADMIN: "Also: connections and their secrets, members up to `ADMIN`, the workspace's name and uuid, alert "
        "rules, how long history is kept.",
        Role.MEMBER: "Also: upload, rename and delete files and media, name drones, acknowledge alerts, start live "
        "video.",
        Role.VIEWER: "See everything of the workspace, live and past; leave it.",
    },
)


@strawberry.type(description="A person in a workspace.")
class Member(OfWorkspace):
    row: strawberry.Private[models.Membership]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The person.")
    async def user(self, info: Info) -> User:
        return User(row=await existing(info.context.loaders.users, self.row.user_id, "user"))

    @field("What they may do here.")
    def role(self) -> Role:
        return Role(self.row.role)

    @field("The address to log in with. Only for administrators and for oneself, else null.")
    async def email(self, info: Info) -> str | None:
        row = await existing(info.context.loaders.users, self.row.user_id, "user")
        may_know = self.sight.allows(Action.MANAGE_MEMBERS) or User(row=row).is_self(info)
        email: str | None = row.email if may_know else None
        return email

    @field("When they became a member.")
    def since(self) -> datetime:
        return self.row.since


@strawberry.type(description="A pairing of one remote controller with a workspace: an id and a secret to log in with.")
class Connection(OfWorkspace):
    row: strawberry.Private[models.Connection]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The same number as in the REST API; not what the controller logs in with.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What people call it.")
    def name(self) -> str:
        return self.row.name

    @field("The workspace that everything coming in by it belongs to.")
    async def workspace(self, info: Info) -> "Workspace":
        row = await existing(info.context.loaders.workspaces, self.row.workspace_id, "workspace")
        return Workspace(row=row, sight=self.sight)

    @field("The controller that uses it; null before its first log-in.")
    async def remote_controller(self, info: Info) -> RemoteController | None:
        row = await info.context.loaders.remote_controller_of_connection.load(self.row.id)
        return RemoteController(row=row, sight=self.sight) if row else None

    @field("The drone that came in by it last, one that is online before others; null if none did.")
    async def drone(self, info: Info) -> Drone | None:
        row = await info.context.loaders.drone_of_connection.load(self.row.id)
        return Drone(row=row, sight=self.sight) if row else None

    @field("How its controller's way into the hub stands, step by step, and what to do where it is stuck.")
    async def doctor(self, info: Info) -> ConnectionDoctor:
        rows = await info.context.loaders.link_steps_of_connection.load(self.row.id)
        found = info.context.services.doctor.diagnosis(self.row.workspace_id, self.row.id, rows)
        return ConnectionDoctor(event=found, sight=self.sight)


@strawberry.type(description="A connection with the secret that was just made for it.")
class ConnectionPayload(OfWorkspace):
    connection: Connection = strawberry.field(description="What is known of it from now on.")
    connection_id: str = strawberry.field(description="What the controller logs in with, beside the secret.")
    secret: str = strawberry.field(description="It is shown this once and cannot be asked for again.")

    @property
    def workspace_id(self) -> int:
        return self.connection.workspace_id


@strawberry.type(
    description="A shared place of work: everything that came in belongs to one, and only its members see it."
)
class Workspace(OfWorkspace):
    row: strawberry.Private[models.Workspace]

    @property
    def workspace_id(self) -> int:
        found: int = self.row.id
        return found

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What controllers know it by; it can be reset.")
    def uuid(self) -> UUID:
        return self.row.uuid

    @field("What its members call it.")
    def name(self) -> str:
        return self.row.name

    @field("How many days its tracks, flights and events are kept; null: as long as the hub's operator has set.")
    def history_days(self) -> int | None:
        return self.row.history_days

    @field(
        "Whether every user of the hub sees where its aircraft are, as traffic: position and time, under a name that"
        " tells nothing of aircraft or workspace. Off unless an administrator has switched it on."
    )
    def share_position(self) -> bool:
        return self.row.share_position

    @field("The caller's role in it.")
    def role(self) -> Role:
        return self.sight.role

    @field("Who is in it.")
    async def members(self, info: Info) -> list[Member]:
        rows = await info.context.loaders.members_of_workspace.load(self.row.id)
        return [Member(row=row, sight=self.sight) for row in rows]

    @field("Its pairings with remote controllers.")
    async def connections(self, info: Info) -> list[Connection]:
        rows = await info.context.loaders.connections_of_workspace.load(self.row.id)
        return [Connection(row=row, sight=self.sight) for row in rows]

    @field("The drones that ever came in by one of its connections.")
    async def drones(self, info: Info) -> list[Drone]:
        rows = await info.context.loaders.drones_of_workspace.load(self.row.id)
        return [Drone(row=row, sight=self.sight) for row in rows]

    @field("The remote controllers that ever came in by one of its connections.")
    async def remote_controllers(self, info: Info) -> list[RemoteController]:
        rows = await info.context.loaders.remote_controllers_of_workspace.load(self.row.id)
        return [RemoteController(row=row, sight=self.sight) for row in rows]

    @field("The flights of its drones, the newest first.")
    async def flights(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: Annotated[
            FlightFilter | None, strawberry.argument(description="Which ones; all of them if left out.")
        ] = strawberry.UNSET,
    ) -> FlightConnection:
        actor = info.context.require_actor()
        wanted = filter.checked() if filter else Wanted()
        page = await info.context.services.flights.of_workspace(
            actor, self.row.id, wanted, first=chosen(first, None), after=chosen(after, None)
        )
        return FlightConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field("What its drones took, what came last first.")
    async def media(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: Annotated[
            MediaFilter | None, strawberry.argument(description="Which ones; all of them if left out.")
        ] = strawberry.UNSET,
    ) -> MediaConnection:
        actor = info.context.require_actor()
        wanted = filter.checked() if filter else WantedMedia()
        page = await info.context.services.media.of_workspace(
            actor, self.row.id, wanted, first=chosen(first, None), after=chosen(after, None)
        )
        return MediaConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field(
        "The ground that its photos and videos show together, or those that a filter leaves; it grows while they come. "
        "With an area it is all that those show which show some of the area."
    )
    async def coverage(
        self,
        info: Info,
        filter: Annotated[
            MediaFilter | None, strawberry.argument(description="Of which media; of all of them if left out.")
        ] = strawberry.UNSET,
    ) -> CoveredGround:
        services, actor = info.context.services, info.context.require_actor()
        wanted = filter.checked() if filter else None
        return CoveredGround(ground=await services.covered_ground.of_workspace(actor, self.row.id, wanted))

    @field("Its media, or a selection of them, as one ZIP. A link to it works for whoever may see the workspace.")
    async def media_archive(
        self,
        info: Info,
        filter: Annotated[
            MediaFilter | None, strawberry.argument(description="Which ones; all of them if left out.")
        ] = strawberry.UNSET,
        ids: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(description="Of these only the ones with these ids, at most 200; all if left out."),
        ] = strawberry.UNSET,
    ) -> MediaArchive:
        services, actor = info.context.services, info.context.require_actor()
        wanted = filter.checked() if filter else WantedMedia()
        chosen_ids = chosen(ids, None)
        numbers = None if chosen_ids is None else [number(value, "ids") for value in chosen_ids]
        return MediaArchive(
            address=services.export_links.media(self.row.id, wanted, numbers),
            measure=await services.archives.measure(actor, self.row.id, wanted, numbers),
        )

    @field("All its files, those of its media too, the newest first.")
    async def files(
        self, info: Info, first: First = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> FileConnection:
        actor = info.context.require_actor()
        page = await info.context.services.files.of_workspace(
            actor, self.row.id, first=chosen(first, None), after=chosen(after, None)
        )
        return FileConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field("The alerts about its drones, the newest first.")
    async def alerts(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: Annotated[
            AlertFilter | None, strawberry.argument(description="Which ones; all of them if left out.")
        ] = strawberry.UNSET,
    ) -> AlertConnection:
        actor = info.context.require_actor()
        page = await info.context.services.alerts.of_workspace(
            actor,
            self.row.id,
            filter.checked() if filter else None,
            first=chosen(first, None),
            after=chosen(after, None),
        )
        return AlertConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field("What its controllers and members have drawn on the map that they share, the oldest first; at most 1,000.")
    async def map_elements(self, info: Info) -> list[MapElement]:
        rows = await info.context.loaders.map_elements_of_workspace.load(self.row.id)
        return [MapElement(row=row, sight=self.sight) for row in rows]

    @field("What it wants to be warned of.")
    async def alert_rules(self, info: Info) -> list[AlertRule]:
        rows = await info.context.loaders.alert_rules_of_workspace.load(self.row.id)
        return [AlertRule(row=row, sight=self.sight) for row in rows]

    @field(
        "Who did what in it and when, the newest first; kept for `OFH_AUDIT_DAYS`. For owners alone, else `FORBIDDEN`."
    )
    async def audit_record(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: Annotated[
            AuditFilter | None, strawberry.argument(description="Which entries; all of them if left out.")
        ] = strawberry.UNSET,
    ) -> AuditEntryConnection:
        actor = info.context.require_actor()
        page = await info.context.services.audit_record.of_workspace(
            actor,
            self.row.id,
            filter.checked() if filter else None,
            first=chosen(first, None),
            after=chosen(after, None),
        )
        return AuditEntryConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field("What happened in it, in the order in which it became visible, the oldest first.")
    async def events(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        kinds: Annotated[
            list[EventKind] | None, strawberry.argument(description="Only events of these kinds; all if left out.")
        ] = strawberry.UNSET,
    ) -> FleetEventConnection:
        actor = info.context.require_actor()
        page = await info.context.services.journal.of_workspace(
            actor, self.row.id, chosen(kinds, None), first=chosen(first, None), after=chosen(after, None)
        )
        return FleetEventConnection(page=page, list_of=self.row.id, sight=self.sight)

    @field("One of its drones; null if none has this serial number.")
    async def drone(
        self,
        info: Info,
        serial_number: Annotated[str, strawberry.argument(description="As the aircraft reports it.")],
    ) -> Drone | None:
        actor = info.context.require_actor()
        serial = check_text(serial_number, field="serialNumber")
        if not is_serial(serial):
            return None
        row = await info.context.services.fleet.drone_by_serial(actor, self.row.id, serial)
        return Drone(row=row, sight=self.sight) if row else None
