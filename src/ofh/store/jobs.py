"""The hand-written statements about jobs.

Who has a job is told by its lease, a random text, and until when by `due_at`: a job whose lease has run out is due like
one that nobody has. Every change of a job that is being worked on names the lease, so whoever has lost it changes
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from .database import Database
from .statements import fetch, run_many, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job that somebody has."""

    id: int
    workspace_id: int
    kind: str
    subject_id: int
    attempts: int
    """This one included."""
    wanted: int
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """Jobs at one moment."""

    waiting: int = 0
    running: int = 0
    failed: int = 0
    """Given up."""
    oldest_due_at: datetime | None = None
    """Since when the one has waited that has waited longest; None: none waits."""


async def add(
    database: Database, client: Any, kind: str, subjects: Sequence[tuple[int, int]], due_at: datetime, now: datetime
) -> None:
    """Have work done, once for each subject however often it is asked for.

    Args:
        subjects: workspace and row of each.
    """
    await run_many(
        database,
        client,
        "INSERT INTO jobs (kind, workspace_id, subject_id, due_at, created_at, lease, attempts, wanted, problem)"
        " VALUES ($1, $2, $3, $4, $5, '', 0, 1, '') ON CONFLICT (kind, subject_id) DO UPDATE SET"
        " wanted = jobs.wanted + 1, attempts = 0, problem = '',"
        # What somebody is at is taken up again when they are done with it.
        " due_at = CASE WHEN jobs.lease = '' THEN excluded.due_at ELSE jobs.due_at END",
        [(kind, workspace_id, subject_id, due_at, now) for workspace_id, subject_id in subjects],
    )


async def claim(
    database: Database, kinds: Sequence[str], *, lease: str, now: datetime, until: datetime, limit: int
) -> list[Claimed]:
    """Take jobs that are due, the latest first: somebody waits for a photo of now, and not for one of last year."""
    if database.dialect == "postgresql":
        values: Any = list(kinds)
        of_kinds = "= ANY($4::text[])"
        # As an array it is read once, whatever the planner makes of the rest.
        among, lock = "= ANY(ARRAY", " FOR UPDATE SKIP LOCKED)"
    else:
        values = orjson.dumps(list(kinds)).decode()
        of_kinds = "IN (SELECT value FROM json_each($4))"
        among, lock = "IN ", ""
    rows = await fetch(
        database,
        database.connection,
        f"UPDATE jobs SET lease = $1, due_at = $2, attempts = attempts + 1 WHERE id {among}"  # noqa: S608, ours
        f"(SELECT id FROM jobs WHERE due_at <= $3 AND kind {of_kinds} ORDER BY due_at DESC, id DESC LIMIT $5{lock})"
        " RETURNING id, workspace_id, kind, subject_id, attempts, wanted, lease",
        lease,
        until,
        now,
        values,
        limit,
    )
    return sorted((Claimed(**row) for row in rows), key=lambda job: job.id)


async def extend(database: Database, job: Claimed, until: datetime) -> bool:
    """Keep a job for longer; False where somebody else has it by now."""
    rows = await fetch(
        database,
        database.connection,
        "UPDATE jobs SET due_at = $1 WHERE id = $2 AND lease = $3 RETURNING id",
        until,
        job.id,
        job.lease,
    )
    return bool(rows)


async def finish(database: Database, client: Any, job: Claimed, now: datetime) -> bool:
    """Within the transaction that writes what the job was for: it is done. False where somebody else has it by now.

    Where it was asked for again meanwhile, it is due again.
    """
    rows = await fetch(
        database,
        client,
        "DELETE FROM jobs WHERE id = $1 AND lease = $2 AND wanted = $3 RETURNING id",
        job.id,
        job.lease,
        job.wanted,
    )
    if rows:
        return True
    rows = await fetch(
        database,
        client,
        "UPDATE jobs SET lease = '', due_at = $1 WHERE id = $2 AND lease = $3 RETURNING id",
        now,
        job.id,
        job.lease,
    )
    return bool(rows)


async def leave(
    database: Database, job: Claimed, due_at: datetime | None, *, problem: str, is_attempt: bool = True
) -> None:
    """Let go of a job that is not done.

    Args:
        due_at: when somebody may take it again; None: it is given up, unless it was asked for again meanwhile.
        is_attempt: False: this time is not counted.
    """
    attempts = "attempts" if is_attempt else "CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END"
    await fetch(
        database,
        database.connection,
        "UPDATE jobs SET lease = '', problem = $1, due_at = CASE WHEN wanted = $2 THEN $3::timestamptz"  # noqa: S608, ours
        f" ELSE created_at END, attempts = {attempts} WHERE id = $4 AND lease = $5 RETURNING id",
        problem,
        job.wanted,
        due_at,
        job.id,
        job.lease,
    )


async def again(database: Database, now: datetime) -> int:
    """Take up again what was given up; how many jobs that were."""
    rows = await fetch(
        database,
        database.connection,
        "UPDATE jobs SET due_at = $1, attempts = 0 WHERE due_at IS NULL RETURNING id",
        now,
    )
    return len(rows)


async def counts(database: Database) -> JobCounts:
    """All jobs at this moment. One whose worker has died counts as running until somebody takes it."""
    (row,) = await fetch(
        database,
        database.connection,
        "SELECT coalesce(sum(CASE WHEN due_at IS NOT NULL AND lease = '' THEN 1 ELSE 0 END), 0) AS waiting,"
        " coalesce(sum(CASE WHEN due_at IS NOT NULL AND lease <> '' THEN 1 ELSE 0 END), 0) AS running,"
        " coalesce(sum(CASE WHEN due_at IS NULL THEN 1 ELSE 0 END), 0) AS failed,"
        " min(CASE WHEN lease = '' THEN due_at END) AS oldest FROM jobs",
    )
    return JobCounts(
        waiting=int(row["waiting"]),
        running=int(row["running"]),
        failed=int(row["failed"]),
        oldest_due_at=time_of(row["oldest"]),
    )
