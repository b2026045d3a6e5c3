"""Raises alerts, clears them, shows them, and lets members acknowledge them, which others are told.

Judging is part of whatever changes a drone: the recorder, a topology and the sweepers call `judge` in their own
transaction, so an alert is stored with the report that called for it, or not at all. What stands is in the database
alone; a process keeps only the rules, so that after a restart, or by another process, the next report is judged as if
nothing had happened.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from tortoise.expressions import Q

from ofh.backends.ports import Bus
from ofh.domain.actors import Action, Actor
from ofh.domain.alerts import (
    AlertKind,
    Rule,
    Subject,
    Values,
    check_values,
    evidence,
    holds,
    holds_between,
    message,
    open_key,
)
from ofh.domain.devices import micros
from ofh.domain.errors import HubError, gone
from ofh.domain.events import AlertChanged, Event, EventKind
from ofh.domain.flights import Phase
from ofh.domain.neighbours import Grid, boxes_around
from ofh.domain.outlines import Outline
from ofh.store import alerts as store
from ofh.store import bulk, journal
from ofh.store.alerts import NewAlert, OpenAlert
from ofh.store.database import Database
from ofh.store.models import Alert, AlertRule

from .access import Access
from .announcing import publish
from .control import Control
from .counters import Counters
from .pages import Page, behind, page_of, page_size, read_cursor

RULES_AGE = timedelta(seconds=30)
"""How long rules are kept without word of a change: the longest that a lost word delays one."""

MOST_NEIGHBOURS = 8
"""With so many PROXIMITY alerts of a rule about it a drone's reports raise no more: in a swarm more say nothing, and a
thousand drones are half a million pairs."""
CROWD = 32
"""How many drones around one are looked at in one round."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts are asked for; None: any."""

    is_open: bool | None = None
    """Whether it has not cleared yet."""
    kind: AlertKind | None = None
    drone_id: int | None = None
    """As the one or as the other drone."""


class Alerts:
    """What is wrong in a workspace, and was.

    Args:
        clock: the hub's time, UTC.
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        access: Access,
        control: Control,
        counters: Counters,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._bus = bus
        self._access = access
        self._counters = counters
        self._clock = clock
        self._monotonic = monotonic
        self._rules: dict[int, tuple[Rule, ...]] = {}
        """Of the workspaces that were judged since the last time that everything was forgotten."""
        self._forget_at = monotonic()
        self._changes = 0
        """Counts what was forgotten: rules that were being read meanwhile are not kept."""
        control.subscribe(self._told)

    async def judge(self, client: Any, subjects: Sequence[Subject]) -> list[AlertChanged]:
        """Raise and clear what these drones' news call for; the events to journal.

        Runs in the caller's transaction, whose drone rows are locked. Takes one statement where nothing is wrong, one
        more where drones fly and may come close to others, and one each for raising and for clearing.
        """
        rules = await self._rules_of({subject.workspace_id for subject in subjects})
        judged = {subject.drone_id: subject for subject in subjects if rules[subject.workspace_id]}
        if not judged:
            return []
        standing = await store.open_alerts(self._database, client, judged)
        pairs = _Pairs(rules, judged, standing)
        if pairs.boxes or pairs.missing:
            pairs.meet(await store.drones_near(self._database, client, pairs.boxes, pairs.missing, except_for=judged))
        verdict = _Verdict(standing)
        for subject in judged.values():
            for rule in rules[subject.workspace_id]:
                if rule.kind is not AlertKind.PROXIMITY:
                    verdict.single(rule, subject)
        pairs.judge(verdict)
        return await self._carry_out(client, verdict)

    async def _carry_out(self, client: Any, verdict: "_Verdict") -> list[AlertChanged]:
        events: list[AlertChanged] = []
        if verdict.raised:
            ids = await store.raise_alerts(self._database, client, list(verdict.raised.values()))
            for key in sorted(ids):
                alert = verdict.raised[key]
                events.append(
                    AlertChanged(
                        workspace_id=alert.workspace_id,
                        drone_id=alert.drone_id,
                        alert_id=ids[key],
                        kind=EventKind.ALERT_RAISED,
                        at=alert.raised_at,
                    )
                )
        return events + await clear(self._database, client, verdict.cleared.values())

    async def alert(self, actor: Actor, alert_id: int) -> Alert | None:
        """An alert that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, Alert, alert_id)

    async def of_workspace(
        self,
        actor: Actor,
        workspace_id: int,
        wanted: AlertFilter | None = None,
        *,
        first: int | None = None,
        after: str | None = None,
    ) -> Page[Alert]:
        """A page of a workspace's alerts, newest first.

        Raises:
            HubError: BAD_INPUT, GONE.
        """
        size = page_size(first)
        key = read_cursor(after, 2)
        await self._access.require(actor, Action.VIEW, workspace_id)
        every = _wanted(workspace_id, wanted or AlertFilter())
        found = await every.filter(behind(key, "raised_at")).order_by("-raised_at", "-id").limit(size + 1)

        async def count() -> int:
            number: int = await every.count()
            return number

        return page_of(found, size, key, lambda row: (micros(row.raised_at), row.id), count)

    async def acknowledge(self, actor: Actor, alert_id: int) -> Alert:
        """Note that a member has seen an alert, and tell it; who was first, stays.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        row = await self.alert(actor, alert_id)
        if row is None:
            raise gone("alert")
        await self._access.require(actor, Action.ACKNOWLEDGE_ALERTS, row.workspace_id, what="alert")
        now = self._clock()
        news: journal.News = {}
        async with self._database.transaction() as client:
            # As whoever judges: the drone, its alerts, the journal. So nobody waits in a circle.
            await bulk.lock_devices(self._database, client, "drones", [row.drone_id])
            is_first = await Alert.filter(id=row.id, acknowledged_at__isnull=True).update(
                acknowledged_at=now, acknowledged_by_id=actor.user_id or None
            )
            acknowledged = await Alert.get_or_none(id=row.id)
            if acknowledged is None:
                raise gone("alert")
            if is_first:
                told = AlertChanged(
                    workspace_id=row.workspace_id,
                    drone_id=row.drone_id,
                    alert_id=row.id,
                    kind=EventKind.ALERT_ACKNOWLEDGED,
                    at=now,
                )
                events: dict[int, list[Event]] = {row.workspace_id: [told]}
                news = await journal.append(self._database, client, events, now)
        await publish(self._bus, news, self._counters)
        return acknowledged

    def _told(self, message: Mapping[str, Any]) -> None:
        """Word from this or another process."""
        if message["kind"] == "alert_rules":
            self._rules.pop(message["workspace_id"], None)
            self._changes += 1
        elif message["kind"] == "interrupted":
            self._rules.clear()
            self._changes += 1

    async def _rules_of(self, workspace_ids: Collection[int]) -> Mapping[int, tuple[Rule, ...]]:
        """The rules of workspaces that are in force, from memory where they were read a short time ago."""
        if self._monotonic() >= self._forget_at:
            self._rules.clear()
            self._forget_at = self._monotonic() + RULES_AGE.total_seconds()
        known = {number: self._rules[number] for number in workspace_ids if number in self._rules}
        unknown = [number for number in workspace_ids if number not in known]
        if not unknown:
            return known
        changes = self._changes
        found: dict[int, list[Rule]] = {number: [] for number in unknown}
        for row in await AlertRule.filter(workspace_id__in=unknown, enabled=True).order_by("id"):
            if (rule := _rule(row)) is not None:
                found[row.workspace_id].append(rule)
        read = {number: tuple(rules) for number, rules in found.items()}
        if changes == self._changes:
            self._rules.update(read)
        return known | read


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """An alert that is to clear."""

    alert: OpenAlert
    at: datetime
    drone_id: int
    """Of its drones one that the transaction holds: the event names it, and would wait for the other one."""


async def clear(database: Database, client: Any, clearings: Iterable[Clearing]) -> list[AlertChanged]:
    """Clear alerts; the events to journal."""
    due = {clearing.alert.id: clearing for clearing in clearings}
    if not due:
        return []
    # Clocks of aircraft and hub differ: an alert has never cleared before it was raised.
    times = {number: max(clearing.at, clearing.alert.raised_at) for number, clearing in due.items()}
    done = await store.clear_alerts(database, client, times)
    return [
        AlertChanged(
            workspace_id=due[number].alert.workspace_id,
            drone_id=due[number].drone_id,
            alert_id=number,
            kind=EventKind.ALERT_CLEARED,
            at=times[number],
        )
        for number in sorted(done)
    ]


class _Verdict:
    """What is to be raised and cleared."""

    def __init__(self, standing: Sequence[OpenAlert]) -> None:
        self._standing = {_place(alert.rule_id, alert.drone_id, alert.other_drone_id): alert for alert in standing}
        self._neighbours = Counter(
            (alert.rule_id, drone_id)
            for alert in standing
            if alert.other_drone_id is not None
            for drone_id in (alert.drone_id, alert.other_drone_id)
        )
        self.raised: dict[str, NewAlert] = {}
        self.cleared: dict[int, Clearing] = {}

    def single(self, rule: Rule, subject: Subject) -> None:
        """Judge one drone by one rule."""
        alert = self._standing.get((rule.id, subject.drone_id, None))
        self._note(alert, rule, subject, None, stands=holds(rule, subject, was_open=alert is not None))

    def pair(self, rule: Rule, subject: Subject, other: Subject) -> None:
        """Judge two drones by one rule."""
        alert = self._standing.get(_place(rule.id, subject.drone_id, other.drone_id))
        if alert is None:
            both = ((rule.id, subject.drone_id), (rule.id, other.drone_id))
            if open_key(rule.id, subject.drone_id, other.drone_id) in self.raised or any(
                self._neighbours[each] >= MOST_NEIGHBOURS for each in both
            ):
                return
            if holds_between(rule, subject, other, was_open=False):
                self._neighbours.update(both)
                self._note(None, rule, subject, other, stands=True)
            return
        self._note(alert, rule, subject, other, stands=holds_between(rule, subject, other, was_open=True))

    def clear(self, alert: OpenAlert, subject: Subject) -> None:
        """Clear an alert by the news of a drone."""
        self.cleared[alert.id] = Clearing(alert=alert, at=subject.at, drone_id=subject.drone_id)

    def _note(
        self, alert: OpenAlert | None, rule: Rule, subject: Subject, other: Subject | None, *, stands: bool
    ) -> None:
        if stands == (alert is not None):
            return
        if alert is not None:
            self.clear(alert, subject)
            return
        key = open_key(rule.id, subject.drone_id, *((other.drone_id,) if other else ()))
        self.raised[key] = NewAlert(
            workspace_id=subject.workspace_id,
            rule_id=rule.id,
            open_key=key,
            kind=rule.kind,
            message=message(rule, subject, other),
            drone_id=subject.drone_id,
            other_drone_id=other.drone_id if other else None,
            flight_id=subject.flight_id,
            evidence=evidence(rule, subject, other),
            raised_at=subject.at,
        )


def _place(rule_id: int | None, drone_id: int, other_id: int | None) -> tuple[int | None, int, int | None]:
    """What an alert is about, whichever of two drones comes first."""
    return (
        (rule_id, other_id, drone_id) if other_id is not None and other_id < drone_id else (rule_id, drone_id, other_id)
    )


class _Pairs:
    """The drones that are, or were, close to each other: those that are judged, among themselves and with others."""

    def __init__(
        self, rules: Mapping[int, tuple[Rule, ...]], judged: Mapping[int, Subject], standing: Sequence[OpenAlert]
    ) -> None:
        self._judged = judged
        self._rules = {
            workspace_id: near
            for workspace_id in {subject.workspace_id for subject in judged.values()}
            if (near := [rule for rule in rules[workspace_id] if rule.kind is AlertKind.PROXIMITY])
        }
        self._reach = {
            workspace_id: max(rule.threshold or 0.0 for rule in near) for workspace_id, near in self._rules.items()
        }
        self._standing = [alert for alert in standing if alert.other_drone_id is not None]
        self._others: dict[int, Subject] = {}
        self._flying = [
            (subject, subject.fix, boxes_around(subject.fix, self._reach[subject.workspace_id]))
            for _, subject in sorted(judged.items())
            if subject.phase == Phase.AIRBORNE and subject.fix is not None and subject.workspace_id in self._rules
        ]
        self.boxes = [(subject.workspace_id, box) for subject, _, boxes in self._flying for box in boxes]
        """Where others are looked for, with their workspaces."""
        self.missing = {
            number
            for alert in self._standing
            for number in (alert.drone_id, alert.other_drone_id)
            if number is not None and number not in judged
        }
        """Drones that are needed wherever they are: of pairs that were close."""

    def meet(self, others: Sequence[Subject]) -> None:
        """Take in those that are not judged themselves."""
        self._others = {other.drone_id: other for other in others}

    def judge(self, verdict: _Verdict) -> None:
        """Each pair by each rule of its workspace: first those that were close, then those that are."""
        for alert in self._standing:
            drone, second = self._find(alert.drone_id), self._find(alert.other_drone_id)
            if drone is not None and second is not None:
                self._by_rules(verdict, drone, second)
            elif (left := drone or second) is not None:  # the other one is no more
                verdict.clear(alert, left)
        grids = {workspace_id: Grid[Subject](reach) for workspace_id, reach in self._reach.items()}
        for other in self._others.values():
            if other.fix is not None and other.workspace_id in grids:
                grids[other.workspace_id].add(other.fix, other)
        for subject, fix, boxes in self._flying:
            grid = grids[subject.workspace_id]
            for other in islice(grid.inside(boxes), CROWD):
                self._by_rules(verdict, other, subject)
            grid.add(fix, subject)

    def _by_rules(self, verdict: _Verdict, one: Subject, other: Subject) -> None:
        """With a drone that is judged in the first place: its time and its flight are those of the alert."""
        if one.drone_id not in self._judged:
            one, other = other, one
        for rule in self._rules.get(one.workspace_id, ()):
            verdict.pair(rule, one, other)

    def _find(self, drone_id: int | None) -> Subject | None:
        return None if drone_id is None else self._judged.get(drone_id) or self._others.get(drone_id)


def _rule(row: AlertRule) -> Rule | None:
    """A rule as it is judged by; None for one that this version cannot read, which must not stop the reports."""
    try:
        kind = AlertKind(row.kind)
        on_enter = row.on_enter if row.area else None
        values = Values(threshold=row.threshold, margin=row.margin, on_enter=on_enter)
        checked = check_values(kind, values, has_area=bool(row.area))
        return Rule(
            id=row.id,
            workspace_id=row.workspace_id,
            kind=kind,
            name=row.name,
            threshold=checked.threshold,
            margin=checked.margin,
            outline=Outline.of([(longitude, latitude) for longitude, latitude in row.area]) if row.area else None,
            on_enter=bool(checked.on_enter),
        )
    except (HubError, TypeError, ValueError):
        log.exception("alert rule not understood", rule=row.id, workspace=row.workspace_id)
        return None


def _wanted(workspace_id: int, wanted: AlertFilter) -> Any:
    found = Alert.filter(workspace_id=workspace_id)
    if wanted.is_open is not None:
        found = found.filter(cleared_at__isnull=wanted.is_open)
    if wanted.kind is not None:
        found = found.filter(kind=wanted.kind.value)
    if wanted.drone_id is not None:
        found = found.filter(Q(drone_id=wanted.drone_id) | Q(other_drone_id=wanted.drone_id))
    return found
