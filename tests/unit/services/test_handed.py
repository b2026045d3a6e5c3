"""Addresses that a controller is handed, and what is seen in them."""

from dataclasses import replace

import pytest

from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.services.handed import Handed, findings_of, reach_of, shown_url

Step, Problem = LinkStepName, LinkProblem
GOOD = Handed(
    public_url="https://hub.example.org",
    mqtt_url="ssl://hub.example.org:8883",
    mqtt_url_setting="OFH_X",
    has_licence=True,
)


def found(handed: Handed) -> list[tuple[LinkStepName, LinkProblem]]:
    return [(finding.step, finding.problem) for finding in findings_of(handed)]


def test_nothing_is_found_in_what_is_good() -> None:
    assert found(GOOD) == []


def test_one_wrong_public_address_is_told_for_all_that_is_made_from_it() -> None:
    findings = findings_of(replace(GOOD, public_url="https://localhost"))
    assert [(finding.step, finding.after) for finding in findings] == [
        (Step.PAGE_FETCHED, None),
        (Step.WEBSOCKET, Step.PAGE_FETCHED),
        (Step.STORAGE_CREDENTIALS, Step.PAGE_FETCHED),
    ]
    assert {finding.detail for finding in findings} == {"OFH_PUBLIC_URL = https://localhost"}


def test_a_broker_that_listens_to_its_machine_alone_explains_what_is_missing() -> None:
    [finding] = findings_of(replace(GOOD, mqtt_listens="127.0.0.1"))
    assert (finding.step, finding.problem) == (Step.MQTT_LOGIN, Problem.BROKER_LISTENS_HERE_ONLY)
    assert not finding.is_certain
    assert found(replace(GOOD, mqtt_listens="0.0.0.0")) == []


def test_plain_http_explains_and_accuses_nobody() -> None:
    findings = findings_of(replace(GOOD, public_url="http://hub.example.org"))
    assert [(finding.step, finding.is_certain) for finding in findings] == [
        (Step.WEBSOCKET, False),
        (Step.FIRST_OBJECT, False),
    ]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hub.example.org", None),
        ("http://203.0.113.9:8000", Problem.PRIVATE_ADDRESS),
        ("http://93.184.215.14:8000", None),
        ("http://localhost:8000", Problem.THIS_MACHINE_ONLY),
        ("http://hub.localhost", Problem.THIS_MACHINE_ONLY),
        ("http://127.0.0.1", Problem.THIS_MACHINE_ONLY),
        ("http://[::1]:8000", Problem.THIS_MACHINE_ONLY),
        ("http://0.0.0.0:8000", Problem.THIS_MACHINE_ONLY),
        ("http://169.254.1.1", Problem.THIS_MACHINE_ONLY),
        ("http://10.0.0.5", Problem.PRIVATE_ADDRESS),
        ("http://192.168.10.2:9000", Problem.PRIVATE_ADDRESS),
        ("http://minio:9000", Problem.INTERNAL_NAME),
        ("mqtt://mosquitto", Problem.INTERNAL_NAME),
        ("http://host.docker.internal", Problem.INTERNAL_NAME),
        ("http://[broken", Problem.INTERNAL_NAME),
    ],
)
def test_addresses_that_a_controller_cannot_reach(url: str, problem: LinkProblem | None) -> None:
    assert reach_of(url) is problem


def test_no_detail_shows_the_password_of_an_address() -> None:
    assert shown_url("mqtt://hub:s3cret@mosquitto:1883?x=s3cret") == "mqtt://mosquitto:1883"
