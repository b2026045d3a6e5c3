"""The list of topologies as Pilot reads it, held against the samples."""

from typing import Any

import pytest

from ofh.edges.pilot.topologies import topology_list
from ofh.services.awareness import Device, Group
from tests.captures.reader import capture


def device(serial: str, callsign: str, domain: int, type_: int, sub_type: int, *, online: bool) -> Device:
    return Device(id=1, serial=serial, callsign=callsign, domain=domain, type=type_, sub_type=sub_type, online=online)


def group(controller: Device, *aircraft: Device) -> Group:
    return Group(connection_id=17, connection_name="Anna", controller=controller, aircraft=aircraft)


GROUPS = [
    group(
        device("5XTESTRCP00001", "RC South", 2, 119, 0, online=True),
        device("1581XTESTM30T0001", "Rescue 1", 0, 67, 1, online=True),
    ),
    group(device("4XTESTRCPRO001", "RC North", 2, 144, 0, online=True)),
    group(
        device("9XTESTRCP20001", "RC West", 2, 174, 0, online=False),
        device("1581XTESTM4T00001", "Scout", 0, 99, 1, online=False),
    ),
]


def sample(name: str) -> Any:
    """The sample's `data`; we leave the icons to Pilot."""
    data = capture(name)["response"]["body"]["data"]
    for item in data["list"]:
        for entry in (*item["hosts"], *item["parents"]):
            entry.pop("icon_urls", None)
    return data


def test_topologies_look_like_the_sample() -> None:
    assert topology_list(GROUPS) == sample("http-topologies")


def test_topologies_of_nobody_are_an_empty_list() -> None:
    assert topology_list([]) == sample("http-topologies-empty") == {"list": []}


def test_topologies_have_strings_in_the_model_and_a_boolean_for_online() -> None:
    for item in topology_list(GROUPS)["list"]:
        for entry in (*item["hosts"], *item["parents"]):
            assert all(type(value) is str for value in entry["device_model"].values())
            assert type(entry["online_status"]) is bool
            assert type(entry["user_id"]) is str


@pytest.mark.parametrize("domain", [0, 2])
def test_a_model_that_nobody_has_named_is_no_negative_number(domain: int) -> None:
    data = topology_list([group(device("S", "S", domain, -1, 0, online=True))])
    assert data["list"][0]["parents"][0]["device_model"] == {
        "key": f"{domain}-0-0",
        "domain": str(domain),
        "type": "0",
        "sub_type": "0",
    }
