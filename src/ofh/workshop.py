"""The part of a hub process that does jobs. `ofh worker` is this part and no more, beside any number of hubs."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from ofh.backends.ports import Bus, ObjectStore
from ofh.backends.thumbnails.pool import ThumbnailLimits, ThumbnailPool
from ofh.metrics import Metrics
from ofh.services.analysis import ANALYSIS, Analysis
from ofh.services.discarding import Discarding
from ofh.services.incoming import Reception
from ofh.services.jobs import Handler, JobQueue, JobRules, JobRunner
from ofh.settings import Settings
from ofh.store.database import Database


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workshop:
    """Looks into files.

    Args:
        processes: of this kind on this machine: together they decode no more pictures at a time than it has cores.
        clock: the hub's time, UTC.
        more: the handlers of further kinds of jobs.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        bus: Bus,
        store: ObjectStore,
        reception: Reception,
        discarding: Discarding,
        queue: JobQueue,
        metrics: Metrics,
        clock: Callable[[], datetime],
        *,
        processes: int = 1,
        more: Mapping[str, Handler] | None = None,
    ) -> None:
        at_once = min(settings.jobs_at_once, max(1, cores() // processes))
        further = dict(more or {})
        self.queue = queue
        self.thumbnails = ThumbnailPool(ThumbnailLimits(at_once=at_once), ffmpeg=shutil.which(settings.ffmpeg))
        self.analysis = Analysis(
            database,
            bus,
            store,
            reception,
            discarding,
            self.thumbnails,
            queue,
            metrics,
            clock,
            followed_by=tuple(further),
        )
        self.runner = JobRunner(queue, {ANALYSIS: self.analysis, **further}, time.monotonic, JobRules(at_once=at_once))
        self._show(metrics)

    async def run(self) -> None:
        """Do jobs until cancelled."""
        await self.runner.run()

    def _show(self, metrics: Metrics) -> None:
        runner, queue = self.runner, self.queue
        for name, read in (
            ("waiting", lambda: queue.seen.waiting),
            ("running", lambda: queue.seen.running),
            ("failed", lambda: queue.seen.failed),
        ):
            metrics.gauge(f"ofh_jobs_{name}", f"Jobs of the whole hub: {_WORDS[name]}.", read, is_shared=True)
        metrics.gauge(
            "ofh_jobs_waited_seconds",
            "How long the job that has waited longest has waited.",
            lambda: queue.waited_s,
            is_shared=True,
        )
        metrics.counts("ofh_jobs_done", "Jobs done by this process.", "kind", lambda: runner.done)
        metrics.counts("ofh_jobs_seconds", "How long they took together.", "kind", lambda: runner.seconds)
        metrics.counts(
            "ofh_job_outcomes",
            "How jobs ended in this process: done, failed and tried again, given up, left for a backend that was away,"
            " lost to another process.",
            "outcome",
            lambda: runner.outcomes,
        )
        metrics.counts(
            "ofh_thumbnails",
            "Files with a thumbnail, with none, and with none though they looked like a picture.",
            "outcome",
            self._thumbnails,
        )

    def _thumbnails(self) -> Counter[str]:
        return self.analysis.counts


_WORDS = {
    "waiting": "that nobody has begun",
    "running": "that somebody is at",
    "failed": "given up; ofh worker --again takes them up",
}
