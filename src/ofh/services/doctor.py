"""The connection doctor: what became of each step of a controller's way in, from wherever in the hub it is seen.

`note` costs a look into a table and never waits: what is new is merged in memory and written in the background, for
all connections together, at most every two seconds. While the database is away it is kept, within a bound. A step
that goes well all the time is noted once a minute. After the commit the connection's watches are told on the bus.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ofh.backends.mailbox import Mailbox, MailboxClosed
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.actors import Action, Actor
from ofh.domain.errors import Code, HubError, gone
from ofh.domain.event_json import encode
from ofh.domain.events import Event, LinkStepChanged
from ofh.domain.link_steps import (
    Diagnosis,
    Finding,
    LinkProblem,
    LinkStepName,
    Record,
    Records,
    diagnose,
    likeness,
    next_change,
    went_well,
    went_wrong,
)
from ofh.store import link_steps as store
from ofh.store.database import Database, away
from ofh.store.models import Connection, LinkStep

from .access import Access
from .announcing import publish
from .counters import Counters
from .feed import Feed
from .handed import Handed, findings_of
from .names import is_public_id

MAX_DETAIL = 200
MAX_NAME = 64
MAX_LOOKALIKES = 100_000
"""Connections whose ids are compared with one that does not exist."""

log = structlog.get_logger(__name__)

Who = int | str
"""A connection's id, or its public id. For one step always the same of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRules:
    """The doctor's numbers."""

    fine_again: timedelta = timedelta(seconds=60)
    """A step that goes well all the time is noted no more often."""
    wrong_again: timedelta = timedelta(seconds=5)
    """So is the same failure of the same step."""
    pause: timedelta = timedelta(seconds=2)
    """Between two writes."""
    look: timedelta = timedelta(seconds=60)
    """How often the hub's own settings and backends are looked at, and watches at the latest."""
    max_pending: int = 10_000
    """Steps that may wait for the database; what comes on top is counted and lost."""
    max_remembered: int = 100_000
    """Steps of which it is remembered when they were last noted."""
    clock_tolerance: timedelta = timedelta(minutes=5)
    """How far a device's clock may be from ours and still be believed."""
    repeats: int = 3
    """Equal topologies in a row, each soon after the other, that say that the answer is not heard."""
    repeats_within: timedelta = timedelta(seconds=20)


@dataclass(slots=True)
class _Remembered:
    """When a step was last noted, and how."""

    at: float
    problem: LinkProblem | None


@dataclass(slots=True)
class _Topology:
    """What a controller announced last."""

    content: object
    at: float
    times: int = 1


class Doctor:
    """Takes note of steps and tells how connections stand.

    Args:
        handed: what the settings say to controllers.
        locked_out: accounts that the outside broker has lost (`Broker.reconcile`).
        check_storage: raises HubError UNAVAILABLE where the object storage is away.
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus | None,
        access: Access,
        feed: Feed | None,
        counters: Counters,
        handed: Handed,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        locked_out: Callable[[], Collection[str]] = frozenset,
        check_storage: Callable[[], Awaitable[None]] | None = None,
        rules: DoctorRules | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._access = access
        self._feed = feed
        self._counters = counters
        self._handed = handed
        self._clock = clock
        self._monotonic = monotonic
        self._locked_out = locked_out
        self._check_storage = check_storage
        self._rules = rules or DoctorRules()
        self._fine_again_s = self._rules.fine_again.total_seconds()
        self._noted: dict[tuple[Who, LinkStepName], _Remembered] = {}
        self._reports: dict[str, float] = {}
        """When the next report of an account is worth a note."""
        self._topologies: dict[str, _Topology] = {}
        self._pending: dict[tuple[Who, LinkStepName], Record] = {}
        self._arrived = asyncio.Event()
        self._settings = findings_of(handed)
        self._looked: list[Finding] = []

    # Taking note

    def note(self, who: Who, step: LinkStepName, problem: LinkProblem | None = None, detail: str = "") -> None:
        """A step went well, or did not. Returns at once; what it says is written soon.

        Args:
            who: a connection; one that does not exist is compared with those that do, since ids are typed.
            detail: what was seen, without secrets.
        """
        if isinstance(who, str) and len(who) > MAX_NAME:
            return  # nobody's, and like nobody's
        key, now = (who, step), self._monotonic()
        held = self._noted.get(key)
        if held is not None and held.problem is problem:
            again = self._rules.fine_again if problem is None else self._rules.wrong_again
            if now - held.at < again.total_seconds():
                return
        if len(self._noted) >= self._rules.max_remembered:
            self._noted.clear()
        self._noted[key] = _Remembered(now, problem)
        if problem is not None:
            seen = went_wrong(self._clock(), problem, _clean(detail))
        else:
            seen = went_well(self._clock())
        self._take(key, seen)

    def connected(self, account: str) -> None:
        """A controller logged in to the broker: what it announces from now on is no repetition."""
        self._topologies.pop(account, None)
        self.note(account, LinkStepName.MQTT_LOGIN)

    def refused(self, account: str) -> None:
        """Somebody failed to log in to the broker."""
        self.note(account, LinkStepName.MQTT_LOGIN, LinkProblem.WRONG_SECRET)

    def token_refused(self, connection_id: int, account: str, problem: LinkProblem) -> None:
        """An x-auth-token is no good any more: neither websocket nor uploads will be let in by it."""
        self.note(account, LinkStepName.WEBSOCKET, problem)
        self.note(connection_id, LinkStepName.STORAGE_CREDENTIALS, problem)

    def not_announced(self, account: str, serial: str) -> None:
        """A report of a device that no topology of the account has named."""
        self.note(account, LinkStepName.TOPOLOGY, LinkProblem.NOT_ANNOUNCED, serial)

    def announced(self, account: str, content: object) -> None:
        """A topology was taken and is answered; one that comes again and again has not had its answer heard."""
        now = self._monotonic()
        held = self._topologies.get(account)
        within_s = self._rules.repeats_within.total_seconds()
        if held is None or held.content != content or now - held.at > within_s:
            if len(self._topologies) >= self._rules.max_remembered:
                self._topologies.clear()
            self._topologies[account] = _Topology(content, now)
            self.note(account, LinkStepName.TOPOLOGY)
            return
        held.at, held.times = now, held.times + 1
        if held.times >= self._rules.repeats:
            self.note(account, LinkStepName.TOPOLOGY, LinkProblem.REPLY_NOT_HEARD, f"× {held.times}")

    def reported(self, account: str, *, sent_at: datetime | None, received_at: datetime) -> None:
        """A report came in; called for every one."""
        now = self._monotonic()
        if now < self._reports.get(account, float("-inf")):
            return
        if len(self._reports) >= self._rules.max_remembered:
            self._reports.clear()
        self._reports[account] = now + self._fine_again_s
        off = None if sent_at is None else sent_at - received_at
        if off is None or abs(off) <= self._rules.clock_tolerance:
            self.note(account, LinkStepName.FIRST_REPORT)
        else:
            self.note(account, LinkStepName.FIRST_REPORT, LinkProblem.CLOCK_OFF, _clock_text(off))

    def _take(self, key: tuple[Who, LinkStepName], seen: Record) -> None:
        held = self._pending.get(key)
        if held is None and len(self._pending) >= self._rules.max_pending:
            self._counters.dropped("link_step")
            return
        self._pending[key] = seen if held is None else held.then(seen)
        self._arrived.set()

    # Writing

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        delay_s = pause_s = self._rules.pause.total_seconds()
        while True:
            await self._arrived.wait()
            try:
                await self.write()
                delay_s = pause_s
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
                self._counters.retried("database")
                delay_s = min(delay_s * 2, 30.0)
            await asyncio.sleep(delay_s)

    async def write(self) -> None:
        """Write all that waits; what cannot be written for now waits on.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        taken, self._pending = self._pending, {}
        self._arrived.clear()
        if not taken:
            return
        try:
            news = await self._store(taken)
        except Exception as error:
            refusal = error if isinstance(error, HubError) else away(error)
            if refusal is None:
                raise
            for key, seen in taken.items():
                newer = self._pending.get(key)
                self._pending[key] = seen if newer is None else seen.then(newer)
            self._arrived.set()
            raise refusal from error
        if self._bus is not None:
            await publish(self._bus, news, self._counters)

    async def _store(self, taken: Mapping[tuple[Who, LinkStepName], Record]) -> dict[int, bytes]:
        names = sorted({who for who, _ in taken if isinstance(who, str)})
        async with self._database.transaction() as client:
            known = await store.connections_named(client, [name for name in names if is_public_id(name)])
            strange = [name for name in names if name not in known]
            meant = await self._meant_by(strange) if strange else {}
            records: dict[store.Key, Record] = {}
            for (who, step), seen in taken.items():
                if isinstance(who, int):
                    connection_id: int | None = who
                elif who in known:
                    connection_id, seen = known[who], self._in_other_words(who, seen)
                else:
                    connection_id, seen = meant.get(who), _mistyped(seen)
                if connection_id is not None:
                    key = (connection_id, step)
                    records[key] = records[key].then(seen) if key in records else seen
            workspaces = await store.add(self._database, client, records)
        now = self._clock()
        events: dict[int, list[Event]] = {}
        for connection_id in sorted({connection_id for connection_id, _ in records}):
            if (workspace_id := workspaces.get(connection_id)) is not None:
                event = LinkStepChanged(workspace_id=workspace_id, connection_id=connection_id, at=now)
                events.setdefault(workspace_id, []).append(event)
        return {workspace_id: encode(happened) for workspace_id, happened in events.items()}

    async def _meant_by(self, strange: Sequence[str]) -> dict[str, int]:
        """The connections whose ids somebody has typed almost rightly."""
        rows = await Connection.all().order_by("id").limit(MAX_LOOKALIKES).values_list("public_id", "id")
        by_likeness = {likeness(str(name)): int(id) for name, id in rows}
        return {name: by_likeness[alike] for name in strange if (alike := likeness(name)) in by_likeness}

    def _in_other_words(self, name: str, seen: Record) -> Record:
        """What a broker that has lost an account calls a wrong secret."""
        if seen.problem is LinkProblem.WRONG_SECRET and name in self._locked_out():
            return Record(
                done_at=seen.done_at,
                failed_at=seen.failed_at,
                problem=LinkProblem.ACCOUNT_MISSING,
                detail=seen.detail,
            )
        return seen

    # Looking at the hub itself

    async def look(self) -> None:
        """Look at what controllers need of the hub, again and again, until cancelled."""
        while True:
            await self.examine()
            await asyncio.sleep(self._rules.look.total_seconds())

    async def examine(self) -> None:
        """Look once at the storage and at the clocks."""
        found: list[Finding] = []
        if self._check_storage is not None:
            try:
                await self._check_storage()
            except HubError as error:
                found.append(
                    Finding(
                        step=LinkStepName.STORAGE_CREDENTIALS,
                        problem=LinkProblem.STORAGE_AWAY,
                        detail=_clean(error.message),
                    )
                )
        try:
            theirs = await store.clock_of(self._database)
        except HubError:
            theirs = None
        if theirs is not None and abs(theirs - self._clock()) > HUB_CLOCK_TOLERANCE:
            found.append(
                Finding(
                    step=LinkStepName.FIRST_REPORT,
                    problem=LinkProblem.HUB_CLOCK_OFF,
                    detail=_clock_text(self._clock() - theirs),
                )
            )
        self._looked = found

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with the hub itself, as far as controllers are concerned."""
        return [*self._settings, *self._looked]

    # Telling

    def diagnosis(self, workspace_id: int, connection_id: int, rows: Sequence[LinkStep]) -> Diagnosis:
        """How a connection stands by its rows."""
        return self._diagnosis(workspace_id, connection_id, store.records_of(rows))

    def _diagnosis(self, workspace_id: int, connection_id: int, records: Records) -> Diagnosis:
        return diagnose(records, self.findings, self._clock(), workspace_id=workspace_id, connection_id=connection_id)

    async def examine_connection(self, actor: Actor, connection_id: int) -> Diagnosis:
        """How a connection stands.

        Raises:
            HubError: GONE, there is none that the actor may see.
        """
        row = await Connection.get_or_none(id=connection_id)
        if row is None:
            raise gone("connection")
        await self._access.require(actor, Action.VIEW, row.workspace_id, what="connection")
        return self.diagnosis(row.workspace_id, row.id, await LinkStep.filter(connection_id=row.id))

    @asynccontextmanager
    async def watch(self, workspace_id: int, connection_id: int) -> AsyncIterator["DoctorWatch"]:
        """How a connection stands, and each change of it, also by time alone.

        Raises:
            HubError: UNAVAILABLE, the bus or the database is away; GONE, there is no such connection.
        """
        assert self._feed is not None

        async def read() -> tuple[Diagnosis, datetime | None]:
            if not await Connection.exists(id=connection_id):
                raise gone("connection")
            records = store.records_of(await LinkStep.filter(connection_id=connection_id))
            return self._diagnosis(workspace_id, connection_id, records), next_change(records, self._clock())

        async with self._feed.events(workspace_id, keys=[("link_step", connection_id)]) as mailbox:
            watch = DoctorWatch(mailbox, read, self._clock, self._rules.look)
            await watch.begin()
            yield watch


HUB_CLOCK_TOLERANCE = timedelta(minutes=1)


@dataclass(slots=True)
class DoctorWatch:
    """One view of a connection: how it stands, and how it stands next."""

    mailbox: "Mailbox[Event | Interrupted]"
    read: Callable[[], Awaitable[tuple[Diagnosis, datetime | None]]]
    clock: Callable[[], datetime]
    look: timedelta
    _shown: list[Diagnosis] = field(default_factory=list)
    _next: datetime | None = None

    async def begin(self) -> None:
        """Read for the first time."""
        shown, self._next = await self.read()
        self._shown = [shown]

    def current(self) -> list[Diagnosis]:
        """How it stands, as `changes` has shown it."""
        return list(self._shown)

    async def changes(self) -> AsyncIterator[list[Diagnosis]]:
        """How it stands, each time that this differs from what was shown before."""
        while True:
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self.mailbox.take()
            except TimeoutError:
                pass
            except MailboxClosed:
                return
            try:
                found, self._next = await self.read()
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
                await asyncio.sleep(1)
                self._next = self.clock()
                continue
            if [found] != self._shown:
                self._shown = [found]
                yield [found]

    def _wait_s(self) -> float:
        longest = self.look.total_seconds()
        if self._next is None:
            return longest
        return min(max((self._next - self.clock()).total_seconds(), 0.0) + 0.1, longest)


def _mistyped(seen: Record) -> Record:
    """What a log-in by an id that does not exist tells about the one that was meant."""
    if seen.failed_at is None:
        return seen
    return Record(failed_at=seen.failed_at, problem=LinkProblem.UNKNOWN_ID)


def _clock_text(off: timedelta) -> str:
    """How far a clock is off, in no language: with a plus where it is ahead."""
    seconds = round(abs(off).total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    return f"{'+' if off > timedelta(0) else '−'}{' '.join(parts) or '0 s'}"


def _clean(text: str) -> str:
    """Foreign text as it may be stored and shown."""
    return "".join(sign for sign in text if sign.isprintable() and not "\ud800" <= sign <= "\udfff")[:MAX_DETAIL]
