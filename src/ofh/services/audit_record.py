"""The audit record as owners read it: who did what in their workspace, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ofh.domain.actors import Action, Actor
from ofh.domain.errors import bad_input
from ofh.store.models import AuditEntry

from .access import Access
from .names import is_id
from .pages import Page, page_of, page_size, read_cursor

MAX_ACTIONS = 50
"""Actions that one filter names."""


class AuditOutcome(StrEnum):
    """What became of it, as it stands in the database."""

    OK = "ok"
    FAILED = "failed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are asked for; None: any."""

    actions: Sequence[str] | None = None
    outcome: AuditOutcome | None = None
    user_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    """Not that moment itself."""


class AuditRecord:
    """Reads the audit record."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of_workspace(
        self,
        actor: Actor,
        workspace_id: int,
        wanted: AuditFilter | None = None,
        *,
        first: int | None = None,
        after: str | None = None,
    ) -> Page[AuditEntry]:
        """A page of a workspace's record, newest first.

        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN.
        """
        size = page_size(first)
        key = read_cursor(after, 1)
        asked = wanted or AuditFilter()
        if asked.actions is not None and len(asked.actions) > MAX_ACTIONS:
            raise bad_input("filter.actions", f"These may be at most {MAX_ACTIONS}.")
        await self._access.require(actor, Action.READ_AUDIT, workspace_id)
        every = AuditEntry.filter(workspace_id=workspace_id)
        if asked.actions is not None:
            every = every.filter(action__in=list(asked.actions))
        if asked.outcome is not None:
            every = every.filter(outcome=asked.outcome.value)
        if asked.user_id is not None:
            every = every.filter(user_id=asked.user_id if is_id(asked.user_id) else 0)
        if asked.start is not None:
            every = every.filter(at__gte=asked.start)
        if asked.end is not None:
            every = every.filter(at__lt=asked.end)
        behind = every if key is None else every.filter(id__lt=key[0])
        found = await behind.order_by("-id").limit(size + 1)

        async def count() -> int:
            return await every.count()

        return page_of(found, size, key, lambda row: (row.id,), count)
