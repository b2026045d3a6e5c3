"""The topology in all its dialects, and the names of models."""

import json
from typing import Any

import pytest

from ofh.dji import products
from ofh.dji.envelope import decode
from ofh.dji.errors import DecodeError, Reason
from ofh.dji.topology import MAX_SUB_DEVICES, UPDATE_TOPO, DeviceKind, SubDevice, Topology, decode_topology
from tests.captures.reader import messages, names


def kind(domain: int, type_: int, sub_type: int) -> DeviceKind:
    return DeviceKind(domain=domain, type=type_, sub_type=sub_type)


def aircraft(serial: str, type_: int, sub_type: int, index: str = "A") -> SubDevice:
    return SubDevice(serial=serial, kind=kind(0, type_, sub_type), index=index)


RC_PLUS = kind(2, 119, 0)
EXPECTED: dict[str, tuple[DeviceKind, tuple[SubDevice, ...]]] = {
    "mqtt-status-online-rc-plus-m30t": (RC_PLUS, (aircraft("1581XTESTM30T0001", 67, 1),)),
    "mqtt-status-online-doc-domain-3": (RC_PLUS, (aircraft("1ZNXTESTM300001", 60, 0),)),
    "mqtt-status-online-rc-pro-m3e": (kind(2, 144, 0), (aircraft("1581XTESTM3E00001", 77, 0),)),
    "mqtt-status-online-legacy-version": (kind(2, 144, 0), (aircraft("1581XTESTM3M00001", 77, 2),)),
    "mqtt-status-online-rc-plus-2-m4t": (kind(2, 174, 0), (aircraft("1581XTESTM4T00001", 99, 1),)),
    "mqtt-status-online-string-numbers": (kind(2, 56, 0), (aircraft("1ZNXTESTM300001", 60, 0),)),
    "mqtt-status-online-unknown-model": (kind(2, 9174, 0), (aircraft("1581XTESTNEW00001", 9103, 4),)),
    "mqtt-status-online-second-controller": (RC_PLUS, (aircraft("1581XTESTM30T0001", 67, 1, "B"),)),
    "mqtt-status-controller-only": (RC_PLUS, ()),
    "mqtt-status-aircraft-offline": (RC_PLUS, ()),
    "mqtt-status-thing-topic": (RC_PLUS, (aircraft("1581XTESTM30T0001", 67, 1),)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_topology_capture_says_exactly_this(name: str) -> None:
    (message,) = messages(name)
    envelope = decode(json.dumps(message["payload"]).encode())
    gateway, sub_devices = EXPECTED[name]
    assert envelope.method == UPDATE_TOPO
    assert decode_topology(envelope.data) == Topology(gateway=gateway, sub_devices=sub_devices)


def test_every_capture_of_a_topology_is_claimed_here() -> None:
    assert {*EXPECTED, "mqtt-status-reply"} == set(names("mqtt-status-"))


def test_models_have_names_and_unknown_ones_their_key() -> None:
    (sub_device,) = EXPECTED["mqtt-status-online-rc-plus-m30t"][1]
    assert (sub_device.kind.model, sub_device.kind.key) == ("Matrice 30T", "0-67-1")
    (unknown,) = EXPECTED["mqtt-status-online-unknown-model"][1]
    assert (unknown.kind.model, unknown.kind.key) == (None, "0-9103-4")
    assert RC_PLUS.model == "RC Plus"


def test_a_dock_stays_a_dock() -> None:
    assert decode_topology({"domain": 3, "type": 2, "sub_type": 0}).gateway.model == "Dock 2"


def test_nothing_at_all_is_a_controller_of_unknown_type_without_aircraft() -> None:
    assert decode_topology({}) == Topology(gateway=kind(2, -1, 0), sub_devices=())
    assert decode_topology({"sub_devices": None, "type": None, "domain": ""}) == decode_topology({})


def test_what_is_no_number_of_a_type_is_unknown() -> None:
    data = {"type": -5, "sub_type": 1.5, "sub_devices": [{"sn": "A1", "type": 2**40, "index": 1}]}
    assert decode_topology(data) == Topology(
        gateway=kind(2, -1, 0), sub_devices=(SubDevice(serial="A1", kind=kind(0, -1, 0), index="1"),)
    )


def test_an_aircraft_that_is_listed_twice_is_one() -> None:
    data = {"sub_devices": [{"sn": "A1", "type": 67}, {"sn": "A2"}, {"sn": "A1", "type": 99}]}
    assert [(device.serial, device.kind.type) for device in decode_topology(data).sub_devices] == [
        ("A1", 67),
        ("A2", -1),
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"sub_devices": {}},
        {"sub_devices": "none"},
        {"sub_devices": ["1581XTESTM30T0001"]},
        {"sub_devices": [None]},
        {"sub_devices": [{}]},
        {"sub_devices": [{"sn": ""}]},
        {"sub_devices": [{"sn": "a/b"}]},
        {"sub_devices": [{"sn": "+"}]},
        {"sub_devices": [{"sn": "x" * 65}]},
        {"sub_devices": [{"sn": ["A1"]}]},
        {"sub_devices": [{"sn": "A1", "type": "M30"}]},
        {"sub_devices": [{"sn": f"A{i}"} for i in range(MAX_SUB_DEVICES + 1)]},
        {"type": {}},
        {"domain": "controller"},
    ],
)
def test_nonsense_is_no_topology(data: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_topology(data)
    assert caught.value.reason is Reason.BAD_VALUE


def test_as_many_aircraft_as_allowed() -> None:
    data = {"sub_devices": [{"sn": f"A{i}"} for i in range(MAX_SUB_DEVICES)]}
    assert len(decode_topology(data).sub_devices) == MAX_SUB_DEVICES


def test_products() -> None:
    assert products.model_name(0, 77, 2) == "Mavic 3M"
    assert products.model_name(2, 174, 0) == "RC Plus 2"
    assert products.model_name(0, 67, 9) is None
    assert products.payload_name(67, 0) == "Mavic 3T camera"  # 0-67-0 as a model is the Matrice 30
    assert products.payload_name(50, 65535) == "Zenmuse P1"
    assert products.payload_name(1, 1) is None
    assert all(products.is_controller_type(type_) for type_ in (56, 119, 144, 174))
    assert not any(products.is_controller_type(type_) for type_ in (1, 2, 3, 60, 67, 9174, -1))
