"""Who did what in a workspace, for its owners."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry

from ofh.edges.graphql.arguments import chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.scalars import describe
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.edges.ids import number
from ofh.services import audit_record
from ofh.services.audit import Event
from ofh.services.audit_record import AuditOutcome
from ofh.services.names import check_text
from ofh.store import models

from .accounts import User
from .pages import OfPage

ACTIONS = ", ".join(f"`{event.value}`" for event in Event)

describe(
    AuditOutcome,
    "AuditOutcome",
    "What became of it.",
    {
        AuditOutcome.OK: "It was done.",
        AuditOutcome.FAILED: "It did not come about, such as a log-in with a wrong secret.",
        AuditOutcome.DENIED: "It was refused.",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What an entry says of what it was done to: `kind:id`, and more behind a blank."""

    kind: str
    id: str
    detail: str

    @classmethod
    def of(cls, text: str) -> "Noted | None":
        """Read it; None where it says nothing."""
        kind, _, rest = text.partition(":")
        if not rest:
            return None
        if kind == "action":
            return cls(kind=kind, id=rest, detail="")
        id, _, detail = rest.partition(" ")
        return cls(kind=kind, id=id, detail=detail)


@strawberry.type(description="What something was done to.")
class AuditObject(OfWorkspace):
    row: strawberry.Private[models.AuditEntry]
    noted: strawberry.Private[Noted]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id or 0

    @field(
        "`workspace`, `user`, `connection`, `alert_rule`, `drone`, `file`, `device` by its serial number, `action` by "
        "what was tried; there may be more."
    )
    def kind(self) -> str:
        return self.noted.kind

    @field("Which one: as a rule the `id` that it has, or had, in this API.")
    def id(self) -> str:
        return self.noted.id

    @field("What it is called now; null if it is no more, or has no name.")
    async def name(self, info: Info) -> str | None:
        loaders = info.context.loaders
        readers: dict[str, Any] = {
            "workspace": loaders.workspaces,
            "user": loaders.users,
            "connection": loaders.connections,
            "alert_rule": loaders.alert_rules,
            "drone": loaders.drones,
            "file": loaders.files,
        }
        reader = readers.get(self.noted.kind)
        if reader is None or not (self.noted.id.isascii() and self.noted.id.isdecimal()):
            return None
        found = await reader.load(int(self.noted.id))
        if found is None or getattr(found, "workspace_id", self.workspace_id) != self.workspace_id:
            return None
        name: str = found.name
        return name

    @field(
        "What else was noted then, in English: the roles of a change, the kind of a rule, a file's name; may be empty."
    )
    def detail(self) -> str:
        return self.noted.detail


@strawberry.type(description="One entry of the audit record: who did what, when, from where, and what became of it.")
class AuditEntry(OfWorkspace):
    row: strawberry.Private[models.AuditEntry]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id or 0

    @field("Its number, of the whole hub's record.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("When.")
    def at(self) -> datetime:
        return self.row.at

    @field(f"What: {ACTIONS}; other parts of the hub have labels of their own.")
    def action(self) -> str:
        return self.row.action

    @field("What became of it.")
    def outcome(self) -> AuditOutcome:
        return AuditOutcome(self.row.outcome)

    @field(
        "Who; null where that is not known, for the operator at the command line, a controller, and an account that is "
        "gone."
    )
    async def user(self, info: Info) -> User | None:
        if self.row.user_id is None:
            return None
        row = await info.context.loaders.users.load(self.row.user_id)
        return User(row=row) if row else None

    @field("The network address that it came from; `command line` for the hub's operator; may be empty.")
    def address(self) -> str:
        return self.row.address

    @field("To what; null where nothing was noted.")
    def object(self) -> AuditObject | None:
        noted = Noted.of(self.row.object)
        return None if noted is None else AuditObject(row=self.row, noted=noted, sight=self.sight)


@strawberry.type(description="An entry at its place in the record.")
class AuditEntryEdge:
    node: AuditEntry = strawberry.field(description="The entry.")
    cursor: str = strawberry.field(description="Its place in the record, for `after`.")


@strawberry.type(description="A page of a workspace's audit record, the newest first.")
class AuditEntryConnection(OfPage):
    @field("The entries of this page.")
    def edges(self) -> list[AuditEntryEdge]:
        return self.placed(AuditEntryEdge, lambda row: AuditEntry(row=row, sight=self.sight))


@strawberry.input(description="Which entries to list: those for which all that is given holds.")
class AuditFilter:
    actions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="With one of these actions, at most 50."
    )
    outcome: AuditOutcome | None = strawberry.field(default=strawberry.UNSET, description="With this outcome.")
    user_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Done by this person.")
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="At this time or later."
    )
    to: datetime | None = strawberry.field(default=strawberry.UNSET, description="Before this time.")

    def checked(self) -> audit_record.AuditFilter:
        """The filter as the service takes it.

        Raises:
            HubError: BAD_INPUT.
        """
        actions, user_id = chosen(self.actions, None), chosen(self.user_id, None)
        return audit_record.AuditFilter(
            actions=None if actions is None else [check_text(text, field="filter.actions") for text in actions],
            outcome=chosen(self.outcome, None),
            user_id=None if user_id is None else number(user_id, "filter.userId"),
            start=chosen(self.from_, None),
            end=chosen(self.to, None),
        )
