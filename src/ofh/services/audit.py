"""The audit record: who did what, when, from where, with what outcome (security.md, L3).

Append-only: nothing here changes an entry; the only deletion is that of entries past their time. An entry that is
written inside a transaction stands or falls with it, so what failed is recorded outside of one.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from ofh.domain.actors import Actor
from ofh.store.models import AuditEntry

Outcome = Literal["ok", "failed", "denied"]

PRUNE_BATCH = 5_000
"""Entries deleted in one statement, so that no reader waits long."""


class Event(StrEnum):
    """What is recorded. The texts stand in the database."""

    LOGIN = "login"
    LOCKOUT = "lockout"
    LOGOUT = "logout"
    SESSION_REVOKED = "session revoked"
    PASSWORD_SET = "password set"  # noqa: S105 - a label
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - a label
    PASSWORD_RESET_REQUESTED = "password reset requested"  # noqa: S105 - a label
    PASSWORD_RESET = "password reset"  # noqa: S105 - a label
    EMAIL_CHANGE_REQUESTED = "e-mail change requested"
    EMAIL_CHANGED = "e-mail changed"
    LOGIN_LINK_MADE = "login link made"
    USER_CREATED = "user created"
    USER_DELETED = "user deleted"
    ACCESS_TOKEN_CREATED = "access token created"  # noqa: S105 - a label
    ACCESS_TOKEN_REVOKED = "access token revoked"  # noqa: S105 - a label
    MEMBER_INVITED = "member invited"
    MEMBER_REMOVED = "member removed"
    MEMBER_LEFT = "member left"
    ROLE_CHANGED = "role changed"
    WORKSPACE_CREATED = "workspace created"
    WORKSPACE_RENAMED = "workspace renamed"
    WORKSPACE_SHARING_CHANGED = "workspace sharing changed"
    WORKSPACE_HISTORY_CHANGED = "workspace history changed"
    WORKSPACE_UUID_RESET = "workspace uuid reset"
    WORKSPACE_DELETED = "workspace deleted"
    CONNECTION_CREATED = "connection created"
    CONNECTION_DELETED = "connection deleted"
    SECRET_SHOWN = "secret shown"  # noqa: S105 - a label
    SECRET_ROTATED = "secret rotated"  # noqa: S105 - a label
    ALERT_RULE_CREATED = "alert rule created"
    ALERT_RULE_CHANGED = "alert rule changed"
    ALERT_RULE_DELETED = "alert rule deleted"
    FILE_UPLOADED = "file uploaded"
    FILE_DELETED = "file deleted"
    COMMAND_SENT = "command sent to an aircraft"
    PERMISSION_DENIED = "permission denied"


class Audit:
    """Writes the audit record.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def record(
        self,
        action: str,
        *,
        outcome: Outcome = "ok",
        user_id: int | None = None,
        workspace_id: int | None = None,
        address: str = "",
        object: str = "",
    ) -> None:
        """Append one entry.

        Args:
            action: an `Event`, or another part's own label of at most 64 characters.
            user_id: who acted; None where that is not known, or the operator at the command line.
            address: where the request came from.
            object: what it was done to, as `kind:id`.
        """
        await AuditEntry.create(
            at=self._clock(),
            action=str(action),
            outcome=outcome,
            user_id=user_id,
            workspace_id=workspace_id,
            address=address[:64],
            object=object[:255],
        )

    async def by(
        self,
        actor: Actor,
        action: str,
        *,
        outcome: Outcome = "ok",
        workspace_id: int | None = None,
        object: str = "",
    ) -> None:
        """Append one entry about an actor."""
        await self.record(
            action,
            outcome=outcome,
            user_id=actor.user_id or None,
            workspace_id=workspace_id,
            address=actor.address or ("command line" if actor.credential == "cli" else ""),
            object=object,
        )

    async def prune(self, before: datetime) -> int:
        """Delete the entries older than this, in batches; returns how many there were."""
        total = 0
        while (
            ids := await AuditEntry.filter(at__lt=before).order_by("id").limit(PRUNE_BATCH).values_list("id", flat=True)
        ):
            total += await AuditEntry.filter(id__in=ids).delete()
        return total
