"""Work that is done after a transaction: looking at a photo, say. What is to be done survives any restart.

A job is put down in the transaction that makes it necessary, and stands in the database until it is done. Any hub
process and any `ofh worker` may take it, for the time of a lease, which is prolonged as long as they live; after the
death of whoever had it the lease runs out, and somebody else takes it. What a job changes is written in the very
transaction in which it ends, and only by whoever has the lease then: so it happens once, however often it was begun.

A kind of job is a name and a function. What fails is tried again, later and later, and given up in the end; a backend
that is away is waited for, however long it takes.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from ofh.domain.errors import Code, HubError
from ofh.store import jobs
from ofh.store.database import Database
from ofh.store.jobs import Claimed, JobCounts

log = structlog.get_logger(__name__)

LOOK_S = 10.0
"""How often jobs are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRules:
    """The numbers."""

    at_once: int = 2
    """Jobs that one process does at a time; a setting."""
    lease: timedelta = timedelta(seconds=60)
    """How long a job is left alone with whoever took it, unless they say that they are still at it."""
    attempts: int = 8
    """So many failures, and it is given up."""
    first_pause: timedelta = timedelta(seconds=5)
    """After the first failure; four times as long after each further one."""
    longest_pause: timedelta = timedelta(hours=1)
    away_pause: timedelta = timedelta(seconds=30)
    """Until a backend that was away is asked again; that is no failure."""
    look: timedelta = timedelta(seconds=1)
    """How often a process that has nothing to do looks for what others have put down."""


class LeaseLost(Exception):
    """Somebody else has the job by now: what was found out is not to be written."""


class Run:
    """A job that a handler is at.

    Attributes:
        workspace_id: whose it is.
        subject_id: the row that it is about; it may be gone by now.
        attempt: from 1.
    """

    def __init__(self, queue: "JobQueue", claimed: Claimed) -> None:
        self.kind = claimed.kind
        self.workspace_id = claimed.workspace_id
        self.subject_id = claimed.subject_id
        self.attempt = claimed.attempts
        self.is_ending = False
        """Whose the job is shows in the transaction that ends it; the lease goes with it."""
        self.is_finished = False
        self._queue = queue
        self._claimed = claimed

    @asynccontextmanager
    async def finishing(self) -> AsyncIterator[Any]:
        """The transaction that ends the job: what it was for is written in it, with the client that this gives.

        Raises:
            LeaseLost: somebody else has it; nothing is written.
            HubError: UNAVAILABLE, the database is away.
        """
        self.is_ending = True
        async with self._queue.database.transaction() as client:
            if not await jobs.finish(self._queue.database, client, self._claimed, self._queue.clock()):
                raise LeaseLost
            yield client
        self.is_finished = True


Handler = Callable[[Run], Awaitable[None]]
"""Does a job. It may be begun again after any of its steps; what it changes it writes within `Run.finishing`, and if it
comes back without having been there, there was nothing to write. What it raises is a failure, but for HubError
UNAVAILABLE, which means that a backend is away."""


class JobQueue:
    """Where jobs are put down.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.clock = clock
        self.seen = JobCounts()
        """All jobs of the hub, as this process last saw them."""
        self._added = asyncio.Event()

    async def add(self, client: Any, kind: str, workspace_id: int, subject_id: int) -> None:
        """Within a transaction: this is to be done, once for all the times that it was asked for before it began.

        Call `wake` once the transaction is committed.
        """
        now = self.clock()
        await jobs.add(self.database, client, kind, [(workspace_id, subject_id)], now, now)

    def wake(self) -> None:
        """After the commit: whoever does jobs in this process need not wait for the next look."""
        self._added.set()

    async def added(self, within_s: float) -> None:
        """Wait for `wake`, but not longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._added.wait()
        self._added.clear()

    async def again(self) -> int:
        """Take up all that was given up; how many jobs that were.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        found = await jobs.again(self.database, self.clock())
        self.wake()
        return found

    async def look(self) -> JobCounts:
        """Count them.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        self.seen = await jobs.counts(self.database)
        return self.seen

    async def keep_looking(self) -> None:
        """Count them now and then, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    @property
    def waited_s(self) -> float:
        """How long the one has waited that has waited longest, as this process last saw it."""
        oldest = self.seen.oldest_due_at
        return 0.0 if oldest is None else max(0.0, (self.clock() - oldest).total_seconds())


class JobRunner:
    """Does jobs in this process.

    Args:
        handlers: what is to be done, by kind of job; jobs of other kinds are left to others.
        monotonic: seconds, for how long a job took.
    """

    def __init__(
        self,
        queue: JobQueue,
        handlers: Mapping[str, Handler],
        monotonic: Callable[[], float],
        rules: JobRules | None = None,
    ) -> None:
        self._queue = queue
        self._handlers = dict(handlers)
        self._monotonic = monotonic
        self._rules = rules or JobRules()
        self._running: set[asyncio.Task[None]] = set()
        self.outcomes: Counter[str] = Counter()
        """How jobs ended here since the start: done, retried, away, given_up, lost."""
        self.done: Counter[str] = Counter()
        """Jobs done since the start, by kind."""
        self.seconds: Counter[str] = Counter()
        """How long they took together, by kind."""

    async def run(self) -> None:
        """Do what is due until cancelled; what is under way then is left to others at once."""
        try:
            while True:
                try:
                    found = await self._take()
                except HubError as error:
                    log.info("jobs wait", reason=error.message)
                    found = 0
                if not found or len(self._running) >= self._rules.at_once:
                    await self._pause()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def run_due(self) -> int:
        """Do all that is due now, and what comes of it; how many jobs that were."""
        total = 0
        while True:
            found = await self._take()
            total += found
            if not found and not self._running:
                return total
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _take(self) -> int:
        """Begin as many as there is room for; how many it were."""
        free = self._rules.at_once - len(self._running)
        if free <= 0:
            return 0
        now = self._queue.clock()
        claimed = await jobs.claim(
            self._queue.database,
            list(self._handlers),
            lease=secrets.token_hex(16),
            now=now,
            until=now + self._rules.lease,
            limit=free,
        )
        for job in claimed:
            task = asyncio.create_task(self._work(job), name=f"job {job.kind} {job.subject_id}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(claimed)

    async def _pause(self) -> None:
        """Until there is something to do and room for it, or it is time to look."""
        waking = asyncio.create_task(self._queue.added(self._rules.look.total_seconds()))
        try:
            if len(self._running) >= self._rules.at_once:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            else:
                await waking
        finally:
            waking.cancel()

    async def _work(self, job: Claimed) -> None:
        """Do one job, whatever becomes of it."""
        begun = self._monotonic()
        run = Run(self._queue, job)
        try:
            if job.attempts > self._rules.attempts:  # so often nobody lived to tell what happened
                await self._leave(job, "given_up", "whoever took it died", due_in=None)
                return
            await self._handle(run)
        except LeaseLost:
            self.outcomes["lost"] += 1
            log.warning("a job is somebody else's by now", kind=job.kind, subject=job.subject_id)
        except HubError as error:
            if error.code is Code.UNAVAILABLE:
                await self._leave(job, "away", error.message, due_in=self._rules.away_pause, is_attempt=False)
            else:
                await self._failed(job, error.message)
        except asyncio.CancelledError:
            await self._leave(job, "left", "", due_in=timedelta(0), is_attempt=False)
            raise
        except Exception as error:
            log.exception("a job failed", kind=job.kind, subject=job.subject_id, attempt=job.attempts)
            await self._failed(job, type(error).__name__)
        else:
            self.outcomes["done"] += 1
            self.done[job.kind] += 1
            self.seconds[job.kind] += self._monotonic() - begun  # type: ignore[assignment]

    async def _handle(self, run: Run) -> None:
        """Let the handler do it, and the lease run on meanwhile.

        Raises:
            LeaseLost, and whatever the handler raises.
        """
        handling = asyncio.ensure_future(self._handlers[run.kind](run))
        holding = asyncio.create_task(self._hold(run._claimed))
        try:
            await asyncio.wait([handling, holding], return_when=asyncio.FIRST_COMPLETED)
            if not handling.done() and not run.is_ending:
                raise LeaseLost
            await handling
        finally:
            for task in (handling, holding):
                task.cancel()
            await asyncio.gather(handling, holding, return_exceptions=True)
        if not run.is_finished:
            async with run.finishing():
                pass

    async def _hold(self, job: Claimed) -> None:
        """Prolong the lease; comes back once it is lost."""
        while True:
            await asyncio.sleep(self._rules.lease.total_seconds() / 3)
            try:
                if not await jobs.extend(self._queue.database, job, self._queue.clock() + self._rules.lease):
                    return
            except HubError as error:  # if it stays away for long, the lease runs out
                log.info("a lease cannot be prolonged yet", kind=job.kind, reason=error.message)

    async def _failed(self, job: Claimed, problem: str) -> None:
        if job.attempts >= self._rules.attempts:
            log.error("a job is given up", kind=job.kind, subject=job.subject_id, problem=problem)
            await self._leave(job, "given_up", problem, due_in=None)
            return
        pause = min(self._rules.first_pause * 4 ** (job.attempts - 1), self._rules.longest_pause)
        log.warning("a job is tried again", kind=job.kind, subject=job.subject_id, problem=problem)
        await self._leave(job, "retried", problem, due_in=pause)

    async def _leave(
        self, job: Claimed, outcome: str, problem: str, *, due_in: timedelta | None, is_attempt: bool = True
    ) -> None:
        self.outcomes[outcome] += 1
        due_at = None if due_in is None else self._queue.clock() + due_in
        try:
            await jobs.leave(self._queue.database, job, due_at, problem=problem[:255], is_attempt=is_attempt)
        except HubError as error:
            log.info("a job comes up again when its lease ends", kind=job.kind, reason=error.message)
