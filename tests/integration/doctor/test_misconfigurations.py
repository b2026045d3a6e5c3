"""What goes wrong in the field: each shows the step that it is about, the right hint, and what went well before.

Steps that are seen on the hub's other edges (the page, `/ws`, media, storage) are told by `note`, as these do.
"""

from dataclasses import replace

import pytest

from ofh.backends.ports import SessionChange
from ofh.domain.errors import Code, HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName, LinkStepState
from ofh.services.handed import Handed
from tests.integration.doctor.patient import AIRCRAFT, GATEWAY, Patient
from tests.support.fleet import seconds

Step, State, Problem = LinkStepName, LinkStepState, LinkProblem
GOOD = Handed(
    public_url="https://hub.example.org",
    mqtt_url="ssl://hub.example.org:8883",
    mqtt_url_setting="OFH_PUBLIC_MQTT_URL",
    has_licence=True,
)


async def test_all_well(patient: Patient) -> None:
    await patient.comes_in(Step.FIRST_OBJECT)
    found = await patient.diagnosis()
    assert {step.state for step in found.steps} == {State.OK}
    assert found.summary == "Every step went well."


async def test_wrong_secret_on_the_page(patient: Patient) -> None:
    patient.doctor.note(patient.account, Step.PAGE_FETCHED)
    patient.doctor.note(patient.account, Step.CREDENTIALS, Problem.WRONG_SECRET)
    found = await patient.is_stuck_at(Step.CREDENTIALS, Problem.WRONG_SECRET)
    assert "Type it again" in found.hint


async def test_wrong_secret_at_the_broker(patient: Patient) -> None:
    await patient.comes_in(Step.LICENCE)
    patient.session(SessionChange.REFUSED)
    await patient.is_stuck_at(Step.MQTT_LOGIN, Problem.WRONG_SECRET)
    patient.logs_in()
    assert (await patient.step(Step.MQTT_LOGIN)).state is State.OK


async def test_unknown_connection_id(patient: Patient) -> None:
    typed = patient.account.lower().replace("1", "l")
    patient.doctor.note(typed, Step.PAGE_FETCHED)
    patient.doctor.note(typed, Step.CREDENTIALS, Problem.WRONG_SECRET)
    found = await patient.is_stuck_at(Step.CREDENTIALS, Problem.UNKNOWN_ID)
    assert "almost this one" in found.hint
    assert typed not in found.hint + found.detail


async def test_localhost_in_the_public_url(patient: Patient) -> None:
    patient.handed(replace(GOOD, public_url="http://localhost:8000"))
    found = await patient.is_stuck_at(Step.PAGE_FETCHED, Problem.THIS_MACHINE_ONLY)
    assert found.detail == "OFH_PUBLIC_URL = http://localhost:8000"
    assert "looks for the hub in itself" in found.hint


async def test_localhost_in_the_public_url_behind_a_page_that_was_reached_otherwise(patient: Patient) -> None:
    patient.handed(replace(GOOD, public_url="http://localhost:8000"))
    await patient.comes_in(Step.FIRST_REPORT)
    await patient.is_stuck_at(Step.WEBSOCKET, Problem.THIS_MACHINE_ONLY)


async def test_a_containers_name_in_the_mqtt_url(patient: Patient) -> None:
    patient.handed(replace(GOOD, mqtt_url="tcp://hub:s3cret@mosquitto:1883"))
    await patient.comes_in(Step.LICENCE)
    found = await patient.is_stuck_at(Step.MQTT_LOGIN, Problem.INTERNAL_NAME)
    assert found.detail == "OFH_PUBLIC_MQTT_URL = tcp://mosquitto:1883"


async def test_a_broker_that_the_controller_does_not_reach(patient: Patient) -> None:
    await patient.comes_in(Step.LICENCE)
    patient.wait(60)
    found = await patient.is_stuck_at(Step.MQTT_LOGIN, Problem.NO_MQTT_LOGIN)
    assert "the broker's port" in found.hint


async def test_a_private_address_seen_from_outside(patient: Patient) -> None:
    patient.handed(replace(GOOD, mqtt_url="tcp://192.168.1.20:1883"))
    await patient.comes_in(Step.LICENCE)
    assert (await patient.step(Step.MQTT_LOGIN)).state is State.WAITING
    patient.wait(60)
    await patient.is_stuck_at(Step.MQTT_LOGIN, Problem.PRIVATE_ADDRESS)


async def test_no_licence(patient: Patient) -> None:
    patient.handed(replace(GOOD, has_licence=False))
    await patient.comes_in(Step.CREDENTIALS)
    found = await patient.is_stuck_at(Step.LICENCE, Problem.NO_LICENCE)
    assert "developer.dji.com" in found.hint


async def test_a_broker_that_lost_the_account(patient: Patient) -> None:
    patient.doctor._locked_out = lambda: {patient.account}
    await patient.comes_in(Step.LICENCE)
    patient.session(SessionChange.REFUSED)
    found = await patient.is_stuck_at(Step.MQTT_LOGIN, Problem.ACCOUNT_MISSING)
    assert "Log in on the controller's page again" in found.hint


async def test_a_report_without_a_topology(patient: Patient) -> None:
    await patient.comes_in(Step.MQTT_LOGIN)
    await patient.reports()
    found = await patient.is_stuck_at(Step.TOPOLOGY, Problem.NOT_ANNOUNCED)
    assert found.detail == AIRCRAFT
    await patient.announces(AIRCRAFT)
    assert (await patient.step(Step.TOPOLOGY)).state is State.OK


async def test_a_topology_that_is_none(patient: Patient) -> None:
    await patient.comes_in(Step.MQTT_LOGIN)
    await patient.says(f"sys/product/{GATEWAY}/status", {"sub_devices": 7}, method="update_topo")
    await patient.is_stuck_at(Step.TOPOLOGY, Problem.UNREADABLE)


async def test_a_controller_that_is_online_elsewhere(patient: Patient) -> None:
    theirs = await patient.bench.workspace("theirs")
    await patient.bench.connection(theirs, "x-1")
    assert await patient.announces(AIRCRAFT, account="x-1")
    await patient.comes_in(Step.MQTT_LOGIN)
    assert not await patient.announces("AC7")
    found = await patient.is_stuck_at(Step.TOPOLOGY, Problem.CONTROLLER_ELSEWHERE)
    assert found.detail == GATEWAY


async def test_an_aircraft_that_is_online_elsewhere(patient: Patient) -> None:
    theirs = await patient.bench.workspace("theirs")
    await patient.bench.connection(theirs, "x-1")
    assert await patient.announces(AIRCRAFT, gateway="RC9", account="x-1")
    await patient.comes_in(Step.MQTT_LOGIN)
    assert await patient.announces(AIRCRAFT)
    found = await patient.is_stuck_at(Step.TOPOLOGY, Problem.AIRCRAFT_ELSEWHERE, state=State.WARNING)
    assert found.detail == AIRCRAFT


async def test_no_answer_can_be_sent(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(topic: str, payload: bytes, *, qos: int = 1) -> None:
        raise HubError(Code.UNAVAILABLE, "The broker is away.")

    await patient.comes_in(Step.MQTT_LOGIN)
    monkeypatch.setattr(patient.bench.broker, "publish", away)
    await patient.announces(AIRCRAFT)
    await patient.is_stuck_at(Step.TOPOLOGY, Problem.REPLY_NOT_SENT)


async def test_the_answer_is_not_heard(patient: Patient) -> None:
    await patient.comes_in(Step.MQTT_LOGIN)
    for _ in range(4):
        assert await patient.announces(AIRCRAFT)
        patient.wait(5)
    found = await patient.is_stuck_at(Step.TOPOLOGY, Problem.REPLY_NOT_HEARD)
    assert "status_reply" in found.hint


async def test_controllers_that_come_back_do_not_repeat_themselves(patient: Patient) -> None:
    for _ in range(4):
        patient.logs_in()
        await patient.announces(AIRCRAFT)
    assert (await patient.step(Step.TOPOLOGY)).state is State.OK


async def test_a_topology_and_no_reports(patient: Patient) -> None:
    await patient.comes_in(Step.TOPOLOGY)
    patient.wait(60)
    await patient.is_stuck_at(Step.FIRST_REPORT, Problem.NO_REPORT)


async def test_a_clock_that_is_off_by_an_hour(patient: Patient) -> None:
    await patient.comes_in(Step.TOPOLOGY)
    await patient.reports(clock=patient.bench.now - seconds(3_600))
    found = await patient.is_stuck_at(Step.FIRST_REPORT, Problem.CLOCK_OFF, state=State.WARNING)
    assert found.detail == "−1 h"
    patient.wait(60)
    await patient.reports()
    assert (await patient.step(Step.FIRST_REPORT)).state is State.OK


async def test_a_dead_token_on_the_websocket(patient: Patient) -> None:
    await patient.comes_in(Step.FIRST_REPORT)
    patient.doctor.note(patient.connection.id, Step.WEBSOCKET, Problem.DEAD_TOKEN)
    found = await patient.is_stuck_at(Step.WEBSOCKET, Problem.DEAD_TOKEN)
    assert "Open the page on it again" in found.hint


async def test_plain_http_with_an_old_pilot(patient: Patient) -> None:
    patient.handed(replace(GOOD, public_url="http://hub.example.org"))
    await patient.comes_in(Step.FIRST_REPORT)
    patient.wait(60)
    await patient.reports()
    found = await patient.is_stuck_at(Step.WEBSOCKET, Problem.PLAIN_HTTP)
    assert "6.1" in found.hint


async def test_storage_that_is_away(patient: Patient) -> None:
    async def away() -> None:
        raise HubError(Code.UNAVAILABLE, "The object storage is away.")

    patient.doctor._check_storage = away
    await patient.comes_in(Step.WEBSOCKET)
    await patient.doctor.examine()
    await patient.is_stuck_at(Step.STORAGE_CREDENTIALS, Problem.STORAGE_AWAY)


async def test_storage_that_only_the_hub_reaches(patient: Patient) -> None:
    patient.handed(replace(GOOD, storage_url="http://minio:9000", storage_url_setting="OFH_X"))
    await patient.comes_in(Step.STORAGE_CREDENTIALS)
    found = await patient.is_stuck_at(Step.FIRST_OBJECT, Problem.INTERNAL_NAME)
    assert found.detail == "OFH_X = http://minio:9000"


async def test_storage_that_the_controller_does_not_reach(patient: Patient) -> None:
    await patient.comes_in(Step.STORAGE_CREDENTIALS)
    patient.wait(120)
    await patient.reports()
    await patient.is_stuck_at(Step.FIRST_OBJECT, Problem.NO_OBJECT)


@pytest.mark.parametrize("problem", [Problem.FOREIGN_KEY, Problem.BAD_SIGNATURE, Problem.OBJECT_MISSING])
async def test_an_upload_that_was_refused(patient: Patient, problem: LinkProblem) -> None:
    await patient.comes_in(Step.STORAGE_CREDENTIALS)
    patient.doctor.note(patient.connection.id, Step.FIRST_OBJECT, problem)
    await patient.is_stuck_at(Step.FIRST_OBJECT, problem)


async def test_the_clocks_of_hub_and_database(patient: Patient) -> None:
    await patient.doctor.examine()
    found = [finding.problem for finding in patient.doctor.findings]
    # The bench's clock stands at a day of its own; SQLite has no other.
    is_one_machine = patient.bench.database.dialect == "sqlite"
    assert found == ([] if is_one_machine else [Problem.HUB_CLOCK_OFF])
