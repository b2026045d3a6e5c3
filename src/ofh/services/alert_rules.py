"""What a workspace wants to be warned of.

A rule that is deleted or switched off clears its alerts in the same transaction. That transaction holds every drone of
the workspace first, as whoever judges one holds that one: so no alert of the rule is raised beside it.
"""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ofh.backends.ports import Bus
from ofh.domain.actors import Action, Actor
from ofh.domain.alerts import TERMS, AlertKind, Values, check_values, defaults_in
from ofh.domain.errors import Code, gone, refusal
from ofh.domain.events import AlertRuleChanged
from ofh.domain.events import Event as FleetEvent
from ofh.domain.outlines import Corner, check_corners
from ofh.domain.reasons import Reason
from ofh.store import alerts as store
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import AlertRule, Workspace

from .access import Access
from .alerts import Clearing, clear
from .announcing import publish
from .audit import Audit, Event
from .control import Control
from .counters import Counters
from .names import UNSET, UnsetType, check_name, is_id

MAX_RULES = 100
"""Of one workspace: each is tried on every report."""


class AlertRules:
    """Makes, changes and deletes rules.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        access: Access,
        audit: Audit,
        control: Control,
        counters: Counters,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._access = access
        self._audit = audit
        self._control = control
        self._bus = bus
        self._counters = counters
        self._clock = clock

    async def list(self, actor: Actor, workspace_id: int) -> builtins.list[AlertRule]:
        """A workspace's rules, oldest first.

        Raises:
            HubError: GONE.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        return await AlertRule.filter(workspace_id=workspace_id).order_by("id")

    async def create(
        self,
        actor: Actor,
        workspace_id: int,
        *,
        kind: AlertKind,
        name: str,
        enabled: bool = True,
        threshold: float | None = None,
        margin: float | None = None,
        area: Sequence[Corner] | None = None,
        on_enter: bool | None = None,
    ) -> AlertRule:
        """Make a rule; numbers that are None are those of its kind's default.

        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN; CONFLICT, the workspace has as many rules as it may.
        """
        name = check_name(name)
        values = check_values(
            kind, Values(threshold=threshold, margin=margin, on_enter=on_enter), has_area=area is not None
        )
        corners = None if area is None else await asyncio.to_thread(check_corners, area)
        await self._access.require(actor, Action.MANAGE_WORKSPACE, workspace_id)
        async with self._database.transaction() as client:
            # Whoever makes a rule holds the workspace's row: so none is counted too late.
            if await Workspace.living().filter(id=workspace_id).select_for_update(no_key=True).get_or_none() is None:
                raise gone("workspace")
            if await AlertRule.filter(workspace_id=workspace_id).count() >= MAX_RULES:
                raise refusal(Code.CONFLICT, Reason.TOO_MANY_RULES, most=MAX_RULES)
            row = await AlertRule.create(
                workspace_id=workspace_id,
                kind=kind.value,
                name=name,
                enabled=enabled,
                threshold=values.threshold,
                margin=values.margin,
                area=corners,
                on_enter=bool(values.on_enter),
                created_at=self._clock(),
            )
            await self._record(actor, Event.ALERT_RULE_CREATED, row)
            news = await self._tell(client, row)
        await self._changed(row, news)
        return row

    async def update(
        self,
        actor: Actor,
        rule_id: int,
        *,
        name: str | UnsetType = UNSET,
        enabled: bool | UnsetType = UNSET,
        threshold: float | UnsetType = UNSET,
        margin: float | UnsetType = UNSET,
        area: Sequence[Corner] | UnsetType = UNSET,
        on_enter: bool | UnsetType = UNSET,
    ) -> AlertRule:
        """Change a rule; what is left out stays. What stands is judged anew with each drone's next report.

        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN.
        """
        changes: dict[str, Any] = {}
        if name is not UNSET:
            changes["name"] = check_name(name)
        if enabled is not UNSET:
            changes["enabled"] = enabled
        if area is not UNSET:
            changes["area"] = await asyncio.to_thread(check_corners, area)
        numbers = {"threshold": threshold, "margin": margin, "on_enter": on_enter}
        changes |= {field: value for field, value in numbers.items() if value is not UNSET}
        news: journal.News = {}
        async with self._holding(actor, rule_id, judged=enabled is not False) as (client, row):
            _check_changed(row, changes)
            for field, value in changes.items():
                setattr(row, field, value)
            if changes:
                await row.save(update_fields=list(changes))
                await self._record(actor, Event.ALERT_RULE_CHANGED, row)
                news = await self._tell(client, row, await self._clear(client, row) if enabled is False else ())
        await self._changed(row, news)
        return row

    async def delete(self, actor: Actor, rule_id: int) -> None:
        """Delete a rule; its alerts stay, cleared.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        async with self._holding(actor, rule_id, judged=False) as (client, row):
            await self._record(actor, Event.ALERT_RULE_DELETED, row)
            cleared = await self._clear(client, row)
            await row.delete()
            news = await self._tell(client, row, cleared)
        await self._changed(row, news)

    @asynccontextmanager
    async def _holding(self, actor: Actor, rule_id: int, *, judged: bool) -> AsyncIterator[tuple[Any, AlertRule]]:
        """A transaction that holds a rule, for an actor who may change it.

        Args:
            judged: whether drones may be judged meanwhile.
        """
        found = await AlertRule.get_or_none(id=rule_id) if is_id(rule_id) else None
        if found is None:
            raise gone("alert rule")
        await self._access.require(actor, Action.MANAGE_WORKSPACE, found.workspace_id, what="alert rule")
        async with self._database.transaction() as client:
            if not judged:
                await store.hold_drones(self._database, client, found.workspace_id)
            row = await AlertRule.filter(id=found.id).select_for_update().get_or_none()
            if row is None:
                raise gone("alert rule")
            yield client, row

    async def _clear(self, client: Any, row: AlertRule) -> Sequence[FleetEvent]:
        """Clear what the rule has raised."""
        standing = await store.open_alerts_of_rule(self._database, client, row.id)
        now = self._clock()
        return await clear(
            self._database,
            client,
            [Clearing(alert=alert, at=now, drone_id=alert.drone_id) for alert in standing],
        )

    async def _tell(self, client: Any, row: AlertRule, cleared: Sequence[FleetEvent] = ()) -> journal.News:
        """The rule is not what it was; the last act of its transaction, since it takes numbers of the feed.

        Args:
            cleared: the alerts that have ended with it.
        """
        now = self._clock()
        changed = AlertRuleChanged(workspace_id=row.workspace_id, rule_id=row.id, at=now)
        return await journal.append(self._database, client, {row.workspace_id: [*cleared, changed]}, now)

    async def _changed(self, row: AlertRule, news: journal.News) -> None:
        await self._control.publish("alert_rules", workspace_id=row.workspace_id)
        await publish(self._bus, news, self._counters)

    async def _record(self, actor: Actor, event: Event, row: AlertRule) -> None:
        await self._audit.by(actor, event, workspace_id=row.workspace_id, object=f"alert_rule:{row.id} {row.kind}")


async def give_defaults(workspace_id: int, at: datetime, locale: str | None = None) -> None:
    """The rules that every new workspace begins with, named in a language; within the transaction that makes it."""
    for kind, name in defaults_in(locale).items():
        values = check_values(kind, Values(threshold=None, margin=None, on_enter=None), has_area=False)
        await AlertRule.create(
            workspace_id=workspace_id,
            kind=kind.value,
            name=name,
            threshold=values.threshold,
            margin=values.margin,
            created_at=at,
        )


def _check_changed(row: AlertRule, changes: dict[str, Any]) -> None:
    """Whether a rule makes sense once it is changed.

    Raises:
        HubError: BAD_INPUT.
    """
    kind = AlertKind(row.kind)
    has_area = TERMS[kind].has_area
    values = Values(
        threshold=changes.get("threshold", row.threshold),
        margin=changes.get("margin", row.margin),
        on_enter=changes.get("on_enter", row.on_enter if has_area else None),
    )
    check_values(kind, values, has_area=has_area or "area" in changes)
