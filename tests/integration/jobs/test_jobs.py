"""Jobs on either database: done once, whoever begins them and whatever becomes of those."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.errors import Code, HubError
from ofh.services.jobs import Run
from ofh.store import jobs
from ofh.store.models import Job, Workspace

from .conftest import Bench


class Noted:
    """A handler that notes what it did, in the database, where its transaction may be lost."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    async def __call__(self, run: Run) -> None:
        self.begun.append(run.subject_id)
        async with run.finishing():
            await Workspace.filter(id=run.workspace_id).update(name=f"seen {run.subject_id}")


async def name_of(bench: Bench) -> str:
    return (await Workspace.get(id=bench.workspace.id)).name


async def test_a_job_is_done_once_and_then_gone(bench: Bench) -> None:
    noted = Noted()
    runner = bench.runner({"look": noted})
    await bench.add("look", 7)

    assert await runner.run_due() == 1
    assert await runner.run_due() == 0

    assert noted.begun == [7]
    assert await name_of(bench) == "seen 7"
    assert await bench.left() == []


async def test_a_job_comes_with_its_transaction_or_not_at_all(bench: Bench) -> None:
    with suppress(ZeroDivisionError):
        async with bench.database.transaction() as client:
            await bench.queue.add(client, "look", bench.workspace.id, 7)
            raise ZeroDivisionError

    assert await bench.left() == []


async def test_what_is_asked_for_twice_is_done_once(bench: Bench) -> None:
    noted = Noted()
    await bench.add("look", 7, 7, 8)
    await bench.add("look", 7)

    await bench.runner({"look": noted}).run_due()

    assert sorted(noted.begun) == [7, 8]


async def test_what_is_asked_for_while_it_is_done_is_done_once_more(bench: Bench) -> None:
    begun: list[int] = []

    async def handle(run: Run) -> None:
        begun.append(run.attempt)
        if len(begun) == 1:
            await bench.add("look", 7)
        async with run.finishing():
            pass

    await bench.add("look", 7)
    await bench.runner({"look": handle}).run_due()

    assert begun == [1, 1]
    assert await bench.left() == []


async def test_what_came_last_is_done_first(bench: Bench) -> None:
    noted = Noted()
    for subject in (1, 2, 3):
        await bench.add("look", subject)
        bench.tick(seconds=1)

    await bench.runner({"look": noted}, at_once=1).run_due()

    assert noted.begun == [3, 2, 1]


async def test_jobs_of_a_kind_that_is_not_known_here_are_left_to_others(bench: Bench) -> None:
    await bench.add("look", 1)
    await bench.add("measure", 1)

    await bench.runner({"look": Noted()}).run_due()

    assert await bench.left() == [("measure", 1)]


async def test_several_processes_share_the_jobs(bench: Bench) -> None:
    noted = Noted()
    await bench.add("look", *range(40))

    runners = [bench.runner({"look": noted}, at_once=3) for _ in range(4)]
    await asyncio.gather(*(runner.run_due() for runner in runners))

    assert sorted(noted.begun) == list(range(40))
    assert await bench.left() == []


async def test_a_job_whose_worker_died_is_done_by_another_when_the_lease_ends(bench: Bench) -> None:
    noted = Noted()
    await bench.add("look", 7)
    dead = bench.runner({"look": noted})
    await dead._take()  # and never heard of again
    for task in dead._running:
        task.remove_done_callback(dead._running.discard)
        task.cancel()
    await asyncio.gather(*dead._running, return_exceptions=True)
    await Job.all().update(lease="of the dead", due_at=bench.now + timedelta(seconds=60))
    alive = bench.runner({"look": noted})

    assert await alive.run_due() == 0
    bench.tick(seconds=61)
    assert await alive.run_due() == 1
    assert await name_of(bench) == "seen 7"


async def test_whoever_has_lost_the_lease_writes_nothing(bench: Bench) -> None:
    async def slow(run: Run) -> None:
        bench.tick(seconds=61)
        async with run.finishing():
            await Workspace.filter(id=run.workspace_id).update(name="too late")

    async def overtaken(run: Run) -> None:
        bench.tick(seconds=61)  # it stood still for so long that another took the job
        assert await quick.run_due() == 1
        async with run.finishing():
            await Workspace.filter(id=run.workspace_id).update(name="too late")

    quick = bench.runner({"look": Noted()})
    late = bench.runner({"look": overtaken})
    await bench.add("look", 7)

    await late.run_due()

    assert await name_of(bench) == "seen 7"
    assert late.outcomes == {"lost": 1}

    # Without another, who is late is still the one.
    await bench.add("look", 8)
    await bench.runner({"look": slow}).run_due()
    assert await name_of(bench) == "too late"


async def test_what_fails_is_tried_later_and_later_and_given_up_in_the_end(bench: Bench) -> None:
    begun: list[float] = []

    async def fail(run: Run) -> None:
        begun.append((bench.now - start).total_seconds())
        raise ValueError("no")

    start = bench.now
    runner = bench.runner({"look": fail}, attempts=4)
    await bench.add("look", 7)
    for _ in range(200):
        await runner.run_due()
        bench.tick(seconds=1)

    assert begun == [0, 5, 25, 105]
    assert runner.outcomes == {"retried": 3, "given_up": 1}
    counts = await bench.queue.look()
    assert (counts.waiting, counts.running, counts.failed) == (0, 0, 1)
    assert (await Job.get()).problem == "ValueError"

    assert await bench.queue.again() == 1
    await runner.run_due()
    assert len(begun) == 5


async def test_a_backend_that_is_away_is_no_failure(bench: Bench) -> None:
    is_away = True

    async def handle(run: Run) -> None:
        if is_away:
            raise HubError(Code.UNAVAILABLE, "The object store is away.")

    runner = bench.runner({"look": handle}, attempts=2)
    await bench.add("look", 7)
    for _ in range(10):
        await runner.run_due()
        bench.tick(seconds=31)
    is_away = False
    await runner.run_due()

    assert await bench.left() == []
    assert runner.outcomes == {"away": 10, "done": 1}


async def test_a_job_that_kills_its_workers_is_given_up(bench: Bench) -> None:
    noted = Noted()
    await bench.add("look", 7)
    await Job.all().update(attempts=8, lease="of the dead")  # the eighth has just died of it

    await bench.runner({"look": noted}).run_due()

    assert noted.begun == []
    assert (await bench.queue.look()).failed == 1


async def test_a_process_that_stops_leaves_its_jobs_to_others_at_once(bench: Bench) -> None:
    began = asyncio.Event()

    async def hang(run: Run) -> None:
        began.set()
        await asyncio.Event().wait()

    noted = Noted()
    await bench.add("look", 7)
    stopping = asyncio.create_task(bench.runner({"look": hang}).run())
    await began.wait()
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)

    assert await bench.runner({"look": noted}).run_due() == 1
    assert (await Job.all()) == []


async def test_a_lease_is_prolonged_as_long_as_its_worker_lives(bench: Bench) -> None:
    """The clock of the test runs on by itself here: a lease of a second, and a handler that takes many."""
    others = Noted()
    other = bench.runner({"look": others})

    async def slow(run: Run) -> None:
        for _ in range(6):
            due_at = (await Job.get()).due_at
            bench.tick(seconds=0.5)
            while (await Job.get()).due_at == due_at:  # by a clock of its own
                await asyncio.sleep(0.01)
            assert await other.run_due() == 0
        async with run.finishing():
            pass

    await bench.add("look", 7)
    await bench.runner({"look": slow}, lease=timedelta(seconds=1)).run_due()

    assert others.begun == []
    assert await bench.left() == []


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_running_process_takes_what_is_added(bench: Bench, is_told: bool) -> None:
    """At once where it is told within its process, else when it looks the next time."""
    done = asyncio.Event()

    async def handle(run: Run) -> None:
        async with run.finishing():
            pass
        done.set()

    look = timedelta(hours=1) if is_told else timedelta(milliseconds=20)
    running = asyncio.create_task(bench.runner({"look": handle}, look=look).run())
    await asyncio.sleep(0.05)
    await bench.add("look", 7)
    if is_told:
        bench.queue.wake()
    await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_workspace_takes_its_jobs_along(bench: Bench) -> None:
    await bench.add("look", 7)
    await Workspace.all().delete()

    assert await bench.left() == []


async def test_counts_say_who_waits_and_since_when(bench: Bench) -> None:
    await bench.add("look", 1)
    bench.tick(seconds=30)
    await bench.add("look", 2)

    counts = await bench.queue.look()

    assert (counts.waiting, counts.running, counts.failed) == (2, 0, 0)
    assert bench.queue.waited_s == 30


async def test_what_is_to_be_told_after_the_end_is_told_though_the_lease_has_gone_with_the_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended: list[bool] = []
    extend = jobs.extend

    async def noted(*args: Any) -> bool:
        extended.append(await extend(*args))
        return extended[-1]

    monkeypatch.setattr(jobs, "extend", noted)
    told: list[int] = []

    async def handler(run: Run) -> None:
        async with run.finishing():
            pass
        while False not in extended:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        told.append(run.subject_id)

    runner = bench.runner({"look": handler}, lease=timedelta(seconds=0.06))
    await bench.add("look", 7)
    await runner.run_due()

    assert told == [7]
    assert dict(runner.outcomes) == {"done": 1}
