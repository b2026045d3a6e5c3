"""Whether an actor may do something in a workspace: the one place that asks the memberships.

Who is no member learns nothing: a hidden workspace and a missing one are answered alike. Only a member whose role does
not suffice is told so, and that is recorded.
"""

from typing import TypeVar

from tortoise.models import Model

from ofh.domain.actors import Action, Actor, Role, allows
from ofh.domain.errors import Code, HubError, gone
from ofh.store import lookups
from ofh.store.models import Membership, Workspace

from .audit import Audit, Event
from .names import is_id
from .rate_counters import MemoryCounters, Rate

DENIALS = Rate(per_second=1 / 60, burst=60)
"""Of one user and process that are recorded: who tries without end shall not fill the database."""

M = TypeVar("M", bound=Model)

OPERATOR = Actor(user_id=0, credential="cli", credential_id=0)
"""Whoever holds the machine: the command line acts with it, and no edge ever makes such an actor."""


class Access:
    """Answers from the database each time, so that a right that has ended is not believed any longer."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._denials = MemoryCounters()

    async def role(self, actor: Actor, workspace_id: int) -> Role | None:
        """The actor's role in a workspace; None where there is no such workspace or the actor is no member."""
        if not is_id(workspace_id):
            return None
        if actor.credential == "cli":
            return Role.OWNER if await Workspace.living().filter(id=workspace_id).exists() else None
        held = await lookups.membership_of(actor.user_id, workspace_id)
        return None if held is None else Role(held.role)

    async def visible(self, actor: Actor, model: type[M], id: int) -> M | None:
        """Something of a workspace that the actor may see; None also where it is hidden, and found out as quickly.

        Args:
            model: of what carries a `workspace_id`.
        """
        if not is_id(id):
            return None
        if actor.credential == "cli":
            return await model.get_or_none(id=id, workspace__deleted_at__isnull=True)
        return await lookups.visible(model, id, actor.user_id)

    async def is_member(self, user_id: int, workspace_id: int) -> bool:
        """Whether somebody belongs to a workspace at all."""
        return await Membership.filter(workspace_id=workspace_id, user_id=user_id).exists()

    async def require(
        self, actor: Actor, action: Action, workspace_id: int, *, what: str = "workspace", record: bool = True
    ) -> Role:
        """The actor's role, where it allows the act.

        Args:
            what: what the caller asked for, if it is something within the workspace.
            record: False within a transaction that the refusal will undo; whoever catches it calls `denied`.
        Raises:
            HubError: GONE, the workspace is not theirs to see; FORBIDDEN, the role does not allow this.
        """
        role = await self.role(actor, workspace_id)
        if role is None:
            raise gone(what)
        if not allows(role, action):
            if record:
                await self.denied(actor, action, workspace_id)
            raise forbidden()
        return role

    async def denied(self, actor: Actor, action: Action, workspace_id: int) -> None:
        """Record that somebody tried what their role does not allow, up to `DENIALS`."""
        if await self._denials.take(str(actor.user_id), DENIALS):
            return
        await self._audit.by(
            actor, Event.PERMISSION_DENIED, outcome="denied", workspace_id=workspace_id, object=f"action:{action}"
        )

    async def workspace_ids(self, actor: Actor) -> list[int]:
        """The workspaces that the actor may see, in the order of their ids."""
        if actor.credential == "cli":
            ids = await Workspace.living().order_by("id").values_list("id", flat=True)
        else:
            ids = (
                await Membership.filter(user_id=actor.user_id)
                .order_by("workspace_id")
                .values_list("workspace_id", flat=True)
            )
        return [int(found) for found in ids]  # type: ignore[call-overload]


def forbidden() -> HubError:
    """The refusal of an act that the role does not allow."""
    return HubError(Code.FORBIDDEN, "Your role in this workspace does not allow this.")
