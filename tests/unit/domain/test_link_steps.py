"""Stories of controllers on their way in, with invented clocks."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from ofh.domain.link_steps import (
    HINTS,
    NEXT,
    TITLES,
    Diagnosis,
    Finding,
    LinkProblem,
    LinkStep,
    LinkStepName,
    LinkStepState,
    Record,
    diagnose,
    likeness,
    next_change,
    went_well,
    went_wrong,
)

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
Step, State, Problem = LinkStepName, LinkStepState, LinkProblem


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(records: dict[LinkStepName, Record], *findings: Finding, after: float = 10) -> Diagnosis:
    return diagnose(records, findings, at(after), workspace_id=1, connection_id=2)


def step(diagnosis: Diagnosis, name: LinkStepName) -> LinkStep:
    return next(found for found in diagnosis.steps if found.name is name)


def up_to(last: LinkStepName) -> dict[LinkStepName, Record]:
    """Every step up to this one, a second apart."""
    names = list(LinkStepName)
    return {name: went_well(at(index)) for index, name in enumerate(names[: names.index(last) + 1])}


def test_every_problem_and_every_step_has_words() -> None:
    assert set(HINTS) == set(LinkProblem)
    assert set(NEXT) == set(TITLES) == set(LinkStepName)
    assert all(text.endswith((".", "it to.")) and text.count(". ") <= 2 for text in [*HINTS.values(), *NEXT.values()])


def test_a_connection_that_nobody_used_waits_for_its_page() -> None:
    found = told({})
    assert {item.state for item in found.steps} == {State.WAITING}
    assert found.state is State.WAITING
    assert "Open the hub's page" in found.summary


def test_every_step_well_is_well() -> None:
    found = told(up_to(Step.FIRST_OBJECT), after=3_600)
    assert {item.state for item in found.steps} == {State.OK}
    assert (found.state, found.summary) == (State.OK, "Every step went well.")


def test_without_photos_a_connection_is_well() -> None:
    found = told(up_to(Step.WEBSOCKET), after=3_600)
    assert found.state is State.OK
    assert step(found, Step.STORAGE_CREDENTIALS).state is State.WAITING


def test_a_failure_counts_until_the_step_goes_well() -> None:
    records = {Step.CREDENTIALS: went_wrong(at(0), Problem.WRONG_SECRET)}
    assert step(told(records), Step.CREDENTIALS).state is State.FAILED
    records[Step.CREDENTIALS] = records[Step.CREDENTIALS].then(went_well(at(5)))
    assert step(told(records), Step.CREDENTIALS) == LinkStep(name=Step.CREDENTIALS, state=State.OK, at=at(5))
    assert records[Step.CREDENTIALS].failed_at == at(0)


def test_the_records_of_several_processes_come_to_the_same_in_any_order() -> None:
    seen = [
        went_well(at(1)),
        went_wrong(at(2), Problem.WRONG_SECRET, "twice"),
        went_well(at(3)),
        went_wrong(at(0), Problem.UNREADABLE),
    ]
    ends = set()
    for order in permutations(seen):
        record = Record()
        for item in order:
            record = record.then(item)
        ends.add((record.done_at, record.failed_at, record.problem, record.detail))
    assert ends == {(at(3), at(2), None, "")}


def test_of_two_at_one_moment_the_later_told_counts() -> None:
    wrong, well = went_wrong(at(0), Problem.WRONG_SECRET), went_well(at(0))
    assert Record().then(wrong).then(well).problem is None
    assert Record().then(well).then(wrong).problem is Problem.WRONG_SECRET


def test_an_old_failure_does_not_undo_what_went_well_since() -> None:
    assert went_well(at(5)).then(went_wrong(at(1), Problem.WRONG_SECRET)).problem is None


def test_a_report_proves_the_login_and_leaves_the_topology_open() -> None:
    records = {
        Step.MQTT_LOGIN: went_wrong(at(1), Problem.WRONG_SECRET),
        Step.FIRST_REPORT: went_well(at(2)),
    }
    found = told(records)
    assert [step(found, name).state for name in (Step.CREDENTIALS, Step.MQTT_LOGIN)] == [State.OK] * 2
    assert step(found, Step.TOPOLOGY).state is State.WAITING
    assert step(found, Step.MQTT_LOGIN).at == at(2)


def test_a_client_that_is_no_pilot_needs_neither_page_nor_licence() -> None:
    found = told({Step.FIRST_REPORT: went_well(at(0))})
    assert step(found, Step.PAGE_FETCHED).state is State.SKIPPED
    assert step(found, Step.LICENCE).state is State.SKIPPED


def test_a_missing_licence_stops_a_pilot_and_warns_others() -> None:
    licence = Finding(step=Step.LICENCE, problem=Problem.NO_LICENCE, detail="")
    assert step(told(up_to(Step.CREDENTIALS), licence), Step.LICENCE).state is State.FAILED
    assert step(told({Step.FIRST_REPORT: went_well(at(0))}, licence), Step.LICENCE).state is State.WARNING


def test_a_wrong_clock_is_a_warning_that_good_reports_end() -> None:
    records = up_to(Step.TOPOLOGY) | {Step.FIRST_REPORT: went_wrong(at(6), Problem.CLOCK_OFF, "1 h behind")}
    found = told(records)
    assert step(found, Step.FIRST_REPORT).state is State.WARNING
    assert found.summary.startswith("It works, but")
    assert "1 h behind" in found.summary
    records[Step.FIRST_REPORT] = records[Step.FIRST_REPORT].then(went_well(at(60)))
    assert step(told(records, after=61), Step.FIRST_REPORT).state is State.OK


@pytest.mark.parametrize(
    ("last", "missing", "seconds", "problem"),
    [
        (Step.CREDENTIALS, Step.LICENCE, 61, Problem.SETTINGS_NOT_FETCHED),
        (Step.LICENCE, Step.MQTT_LOGIN, 62, Problem.NO_MQTT_LOGIN),
        (Step.MQTT_LOGIN, Step.TOPOLOGY, 33, Problem.NO_TOPOLOGY),
        (Step.TOPOLOGY, Step.FIRST_REPORT, 64, Problem.NO_REPORT),
        (Step.FIRST_REPORT, Step.WEBSOCKET, 63, Problem.NO_WEBSOCKET),
        (Step.STORAGE_CREDENTIALS, Step.FIRST_OBJECT, 127, Problem.NO_OBJECT),
    ],
)
def test_what_should_have_followed_long_ago_is_missing(
    last: LinkStepName, missing: LinkStepName, seconds: float, problem: LinkProblem
) -> None:
    records = up_to(last)
    assert step(told(records, after=seconds - 2), missing).state is State.WAITING
    late = told(records, after=seconds)
    assert (step(late, missing).state, step(late, missing).problem) == (State.FAILED, problem)
    assert all(item.state is State.OK for item in late.steps[: late.steps.index(step(late, missing))])
    due = next_change(records, at(seconds - 2))
    assert due is not None
    assert due <= at(seconds)


def test_what_went_well_yesterday_is_stale_when_today_it_does_not_follow() -> None:
    records = {name: went_well(at(-86_400)) for name in Step}
    records[Step.PAGE_FETCHED] = records[Step.CREDENTIALS] = records[Step.LICENCE] = went_well(at(0))
    assert step(told(records, after=59), Step.MQTT_LOGIN).state is State.OK
    found = told(records, after=61)
    assert step(found, Step.MQTT_LOGIN).state is State.STALE
    assert step(found, Step.MQTT_LOGIN).at == at(-86_400)
    assert step(found, Step.WEBSOCKET).state is State.OK, "a page that is opened again finds it open"
    assert found.state is State.STALE


def test_a_page_that_is_opened_again_in_flight_needs_no_new_login() -> None:
    records = up_to(Step.FIRST_OBJECT) | {Step.LICENCE: went_well(at(500)), Step.FIRST_REPORT: went_well(at(470))}
    assert step(told(records, after=600), Step.MQTT_LOGIN).state is State.OK


def test_nothing_is_missing_behind_what_failed() -> None:
    records = up_to(Step.LICENCE) | {Step.MQTT_LOGIN: went_wrong(at(5), Problem.WRONG_SECRET)}
    found = told(records, after=3_600)
    assert step(found, Step.MQTT_LOGIN).problem is Problem.WRONG_SECRET
    assert step(found, Step.TOPOLOGY).state is State.WAITING


def test_settings_that_cannot_work_are_told_before_anybody_tries() -> None:
    finding = Finding(step=Step.MQTT_LOGIN, problem=Problem.INTERNAL_NAME, detail="X is tcp://mosquitto:1883")
    found = step(told({}, finding), Step.MQTT_LOGIN)
    assert (found.state, found.problem) == (State.FAILED, Problem.INTERNAL_NAME)
    assert found.detail == "X is tcp://mosquitto:1883"


def test_a_step_that_went_well_is_believed_more_than_its_setting() -> None:
    finding = Finding(step=Step.PAGE_FETCHED, problem=Problem.THIS_MACHINE_ONLY, detail="")
    assert step(told(up_to(Step.PAGE_FETCHED), finding), Step.PAGE_FETCHED).state is State.OK


def test_a_private_address_explains_what_is_missing_and_accuses_nobody() -> None:
    finding = Finding(step=Step.MQTT_LOGIN, problem=Problem.PRIVATE_ADDRESS, detail="", is_certain=False)
    records = up_to(Step.LICENCE)
    assert step(told(records, finding), Step.MQTT_LOGIN).state is State.WAITING
    assert step(told(records, finding, after=100), Step.MQTT_LOGIN).problem is Problem.PRIVATE_ADDRESS


@pytest.mark.parametrize("typed", ["c-AbC0_x-1", "C-abco-x_l", " c-AbCO_x-1 ", "abc0x1", "c-AbC0 x1"])
def test_ids_are_alike_that_people_confuse(typed: str) -> None:
    assert likeness(typed) == likeness("c-AbC0_x-1")


def test_other_ids_are_not_alike() -> None:
    assert likeness("c-AbC0_x-2") != likeness("c-AbC0_x-1")


def test_an_answer_that_is_not_heard_stops_a_controller_that_waits_for_it_and_warns_of_others() -> None:
    unheard = went_well(at(4)).then(went_wrong(at(10), Problem.REPLY_NOT_HEARD))
    records = up_to(Step.MQTT_LOGIN) | {Step.TOPOLOGY: unheard}
    assert step(told(records), Step.TOPOLOGY).state is State.FAILED
    records[Step.FIRST_REPORT] = went_well(at(5))
    assert step(told(records), Step.TOPOLOGY).state is State.WARNING
