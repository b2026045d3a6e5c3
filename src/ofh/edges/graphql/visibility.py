"""Who sees what: the one gate through which every object that carries workspace data passes (security.md, G5).

Such a type descends from `OfWorkspace` and cannot be built without a `Sight` of the very workspace that its row
belongs to. A sight is made here alone, from what `services/access` says of the caller; objects hand theirs on to what
hangs on them in the same workspace. A test walks the schema: a type that wraps a workspace's row and does not descend
from here, or a sight made elsewhere, fails it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import strawberry

from ofh.domain.actors import Action, Role, allows
from ofh.domain.errors import gone
from ofh.store import models

from .context import Context

Info: TypeAlias = strawberry.Info[Context, None]

T = TypeVar("T", bound="OfWorkspace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The proof that the reader may see one workspace, and in which role."""

    workspace_id: int
    role: Role

    def allows(self, action: Action) -> bool:
        """Whether the reader's role covers this."""
        return allows(self.role, action)


@dataclass(kw_only=True)
class OfWorkspace:
    """What carries a workspace's data.

    Raises:
        LookupError: the sight is of another workspace; a bug of ours that shows nothing to the reader.
    """

    sight: strawberry.Private[Sight]

    def __post_init__(self) -> None:
        if self.sight.workspace_id != self.workspace_id:
            raise LookupError(f"{type(self).__name__} of workspace {self.workspace_id} met a sight of another")

    @property
    def workspace_id(self) -> int:
        """The workspace that the data belong to."""
        raise NotImplementedError


async def look(info: Info, workspace_id: int) -> Sight | None:
    """The caller's sight of a workspace; None where it is not theirs to see.

    Raises:
        HubError: UNAUTHENTICATED.
    """
    role = await info.context.services.access.role(info.context.require_actor(), workspace_id)
    return None if role is None else Sight(workspace_id=workspace_id, role=role)


async def look_or_gone(info: Info, workspace_id: int, what: str) -> Sight:
    """As `look`, for mutations and subscriptions.

    Raises:
        HubError: UNAUTHENTICATED; GONE, not theirs to see.
    """
    sight = await look(info, workspace_id)
    if sight is None:
        raise gone(what)
    return sight


async def shown(info: Info, kind: Callable[..., T], row: Any) -> T | None:
    """A row as the type that shows it; None where there is none or the caller may not see it."""
    if row is None:
        return None
    sight = await look(info, workspace_of(row))
    return None if sight is None else kind(row=row, sight=sight)


async def shown_or_gone(info: Info, kind: Callable[..., T], row: Any, what: str) -> T:
    """As `shown`, for mutations.

    Raises:
        HubError: GONE, there is no row or the caller may not see it.
    """
    found = await shown(info, kind, row)
    if found is None:
        raise gone(what)
    return found


def own(kind: Callable[..., T], found: tuple[models.Workspace, Role]) -> T:
    """A workspace with the caller's role in it, as `services/workspaces` gives the two together."""
    row, role = found
    return kind(row=row, sight=Sight(workspace_id=row.id, role=role))


def workspace_of(row: Any) -> int:
    """The workspace that a row belongs to."""
    found: int = row.id if isinstance(row, models.Workspace) else row.workspace_id
    return found
