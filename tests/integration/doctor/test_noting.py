"""How steps come into the database: seldom, soon, never lost to an outage, never more than a bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ofh.domain.errors import Code, HubError
from ofh.domain.events import LinkStepChanged
from ofh.domain.link_steps import LinkProblem, LinkStepName, LinkStepState
from ofh.services.access import OPERATOR
from ofh.services.doctor import DoctorRules
from ofh.store.database import Database
from ofh.store.models import Connection, LinkStep
from tests.integration.doctor.patient import Patient

Step, State, Problem = LinkStepName, LinkStepState, LinkProblem
PATIENCE_S = 10


@asynccontextmanager
async def no_database() -> AsyncIterator[Any]:
    raise HubError(Code.UNAVAILABLE, "The database is away.")
    yield


async def test_a_step_that_goes_well_all_the_time_is_noted_once_a_minute(patient: Patient) -> None:
    start = patient.bench.now
    await patient.comes_in(Step.TOPOLOGY)
    for _ in range(50):
        await patient.reports()
    first = await patient.step(Step.FIRST_REPORT)
    assert first.at is not None
    assert (first.at - start).total_seconds() < 10
    patient.wait(20)
    await patient.reports()
    second = await patient.step(Step.FIRST_REPORT)
    assert second.at is not None
    assert 60 <= (second.at - first.at).total_seconds() < 90


async def test_a_failure_is_noted_at_once_and_the_same_one_not_again_for_some_seconds(patient: Patient) -> None:
    start = patient.bench.now
    patient.doctor.refused(patient.account)
    assert (await patient.step(Step.MQTT_LOGIN)).at == start
    patient.wait(1)
    patient.doctor.refused(patient.account)
    assert (await patient.step(Step.MQTT_LOGIN)).at == start
    patient.wait(5)
    patient.doctor.refused(patient.account)
    assert (await patient.step(Step.MQTT_LOGIN)).at == patient.bench.now


async def test_what_goes_well_again_is_noted_at_once(patient: Patient) -> None:
    patient.doctor.connected(patient.account)
    patient.doctor.refused(patient.account)
    patient.doctor.connected(patient.account)
    assert (await patient.step(Step.MQTT_LOGIN)).state is State.OK


async def test_the_last_of_a_fast_row_is_kept(patient: Patient) -> None:
    for _ in range(20):
        patient.doctor.connected(patient.account)
        patient.doctor.refused(patient.account)
    assert (await patient.step(Step.MQTT_LOGIN)).problem is Problem.WRONG_SECRET


async def test_what_cannot_be_written_is_written_later(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.doctor.refused(patient.account)
    with monkeypatch.context() as patched:
        patched.setattr(patient.bench.database, "transaction", no_database)
        with pytest.raises(HubError):
            await patient.doctor.write()
        patient.wait(1)
        patient.doctor.connected(patient.account)
        with pytest.raises(HubError):
            await patient.doctor.write()
    found = await patient.step(Step.MQTT_LOGIN)
    assert (found.state, found.at) == (State.OK, patient.bench.now)
    row = await LinkStep.get(connection_id=patient.connection.id, step=Step.MQTT_LOGIN.value)
    assert row.failed_at is not None


async def test_what_runs_writes_again_when_the_database_is_back(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.doctor._rules = DoctorRules(pause=patient.doctor._rules.pause * 0.01)
    running = asyncio.create_task(patient.doctor.run())
    with monkeypatch.context() as patched:
        patched.setattr(patient.bench.database, "transaction", no_database)
        patient.doctor.connected(patient.account)
        await asyncio.sleep(0.1)
    async with asyncio.timeout(PATIENCE_S):
        while not await LinkStep.exists(connection_id=patient.connection.id):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_waits_has_a_bound_and_is_counted_beyond_it(patient: Patient) -> None:
    patient.doctor._rules = DoctorRules(max_pending=3)
    for number in range(10):
        patient.doctor.refused(f"c-{number}")
    assert patient.bench.counts.drops["link_step"] == 7


async def test_what_is_remembered_has_a_bound(patient: Patient) -> None:
    patient.doctor._rules = DoctorRules(max_remembered=5)
    for number in range(100):
        patient.doctor.refused(f"c-{number}")
        patient.doctor.announced(f"c-{number}", "x")
        patient.doctor.reported(f"c-{number}", sent_at=None, received_at=patient.bench.now)
    assert len(patient.doctor._noted) <= 5
    assert len(patient.doctor._topologies) <= 5
    assert len(patient.doctor._reports) <= 5


async def test_ids_of_nobody_leave_nothing_behind(patient: Patient) -> None:
    for account in ("c-somebody-else", "", "x" * 5_000, "c-\0", "c-\ud800", "admin"):
        patient.doctor.refused(account)
    await patient.doctor.write()
    assert await LinkStep.all().count() == 0


async def test_a_connection_that_is_gone_meanwhile_costs_nothing(patient: Patient) -> None:
    other = await patient.bench.connection(patient.connection.workspace_id, "c-other")
    patient.doctor.note(other.id, Step.WEBSOCKET)
    patient.doctor.connected(patient.account)
    await Connection.filter(id=other.id).delete()
    await patient.doctor.write()
    assert [row.connection_id for row in await LinkStep.all()] == [patient.connection.id]


async def test_foreign_text_is_cut_and_cleaned(patient: Patient) -> None:
    patient.doctor.note(patient.account, Step.TOPOLOGY, Problem.UNREADABLE, "a\0b\nc\ud800\x1b[31m" + "x" * 5_000)
    found = await patient.step(Step.TOPOLOGY)
    assert found.detail.startswith("abc[31mxx")
    assert len(found.detail) == 200


async def test_two_processes_write_one_record(patient: Patient, database: Database) -> None:
    patient.doctor.refused(patient.account)
    await patient.doctor.write()
    patient.wait(1)
    other = Patient(patient.bench, patient.connection)
    ours = patient.doctor
    other.handed(ours._handed)
    assert other.doctor is not ours
    other.doctor.connected(patient.account)
    ours.note(patient.account, Step.TOPOLOGY)
    await asyncio.gather(other.doctor.write(), ours.write())
    assert {row.step for row in await LinkStep.all()} == {"MQTT_LOGIN", "TOPOLOGY"}
    assert (await patient.step(Step.MQTT_LOGIN)).state is State.OK


async def test_watches_are_told_after_the_commit_once_a_connection(patient: Patient) -> None:
    async with patient.bench.listening(patient.connection.workspace_id) as heard:
        patient.doctor.note(patient.account, Step.PAGE_FETCHED)
        patient.doctor.note(patient.account, Step.CREDENTIALS)
        await patient.doctor.write()
    assert heard == [
        LinkStepChanged(
            workspace_id=patient.connection.workspace_id,
            connection_id=patient.connection.id,
            at=patient.bench.now,
        )
    ]


async def test_a_watch_shows_the_present_and_then_every_change(patient: Patient) -> None:
    async with patient.doctor.watch(patient.connection.workspace_id, patient.connection.id) as watch:
        [first] = watch.current()
        assert first.state is State.WAITING
        changes = watch.changes()
        patient.doctor.refused(patient.account)
        await patient.doctor.write()
        [second] = await asyncio.wait_for(anext(changes), PATIENCE_S)
        assert second.state is State.FAILED
        assert second == await patient.doctor.examine_connection(OPERATOR, patient.connection.id)
        assert watch.current() == [second]
        await changes.aclose()


async def test_a_watch_shows_what_time_alone_brings(patient: Patient) -> None:
    await patient.comes_in(Step.LICENCE)
    await patient.doctor.write()
    async with patient.doctor.watch(patient.connection.workspace_id, patient.connection.id) as watch:
        changes = watch.changes()
        # The bench's clock stands; a moment before the login is missed the watch waits for that moment alone.
        patient.wait(59.1)
        watch._next = patient.bench.now
        coming = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        patient.wait(2)
        [found] = await asyncio.wait_for(coming, PATIENCE_S)
        assert found.state is State.FAILED
        await changes.aclose()


async def test_a_watch_ends_with_its_connection(patient: Patient) -> None:
    async with patient.doctor.watch(patient.connection.workspace_id, patient.connection.id) as watch:
        changes = watch.changes()
        await Connection.filter(id=patient.connection.id).delete()
        watch._next = patient.bench.now
        with pytest.raises(HubError) as refusal:
            await asyncio.wait_for(anext(changes), PATIENCE_S)
        assert refusal.value.code is Code.GONE


async def test_who_asks_for_what_is_not_there_is_told_so(patient: Patient) -> None:
    with pytest.raises(HubError) as refusal:
        await patient.doctor.examine_connection(OPERATOR, 10**17)
    assert refusal.value.code is Code.GONE
