"""A workspace whose jobs tests put down and do, by a clock that they set."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ofh.services.jobs import Handler, JobQueue, JobRules, JobRunner
from ofh.store.database import Database
from ofh.store.models import Job, Workspace

NOW = datetime(2025, 6, 14, 12, 0, 0, tzinfo=UTC)


class Bench:
    """A queue, and any number of processes that do its jobs."""

    def __init__(self, database: Database, workspace: Workspace) -> None:
        self.database = database
        self.workspace = workspace
        self.now = NOW
        self.queue = JobQueue(database, lambda: self.now)

    def tick(self, **span: float) -> None:
        self.now += timedelta(**span)

    def runner(self, handlers: Mapping[str, Handler], **rules: Any) -> JobRunner:
        return JobRunner(self.queue, handlers, self._seconds, JobRules(**rules))

    def _seconds(self) -> float:
        return self.now.timestamp()

    async def add(self, kind: str, *subjects: int) -> None:
        async with self.database.transaction() as client:
            for subject in subjects:
                await self.queue.add(client, kind, self.workspace.id, subject)

    async def left(self) -> list[tuple[str, int]]:
        """What is not done."""
        return [(row.kind, row.subject_id) for row in await Job.all().order_by("kind", "subject_id")]


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    workspace = await Workspace.create(uuid=uuid4(), name="North", created_at=NOW)
    async with asyncio.timeout(60):
        yield Bench(database, workspace)
