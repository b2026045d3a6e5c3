"""The simulator's messages have the keys of the captured ones, and the hub's own decoders read them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from ofh.dji import envelope, events, properties, topics, topology
from ofh.domain.devices import Battery, Fix, Property
from ofh.simulator import messages
from ofh.simulator.aircraft import Aircraft, Base
from ofh.simulator.models import AIRCRAFT_MODELS, RC_PLUS, RC_PLUS_2, RC_PRO, AircraftModel, ControllerModel

DATA = Path(__file__).parent / "data"
SAMPLES = {
    "0-67-1": "m30t-wayline",
    "0-67-0": "m30-recording",
    "0-77-0": "m3e-mapping",
    "0-77-1": "m3t-return-home",
    "0-77-2": "m3m-manual",
    "0-89-0": "m350-two-payloads",
    "0-99-0": "m4e-manual",
    "0-99-1": "m4t-virtual-stick",
}


def sample(name: str) -> Any:
    return json.loads((DATA / f"mqtt-{name}.json").read_text())["payload"]


def an_aircraft(model: AircraftModel) -> Aircraft:
    base = Base(longitude_deg=9.9539, latitude_deg=50.498, height_m=996.4)
    return Aircraft(model=model, serial="1581SIM0001", base=base, seed=3, index=0)


def shape(value: Any) -> Any:
    """The keys of a JSON value at every depth; of a list, the different shapes of its items."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(item), sort_keys=True) for item in value})
    return "value"


@pytest.mark.parametrize("model", AIRCRAFT_MODELS, ids=lambda model: model.key)
def test_osd_has_the_keys_of_the_models_sample(model: AircraftModel) -> None:
    expected = sample(f"osd-{SAMPLES[model.key]}")["data"]
    expected.pop("mode_code_reason", None)  # a state property that one sample mixes in
    aircraft = an_aircraft(model)
    aircraft.advance(120)
    found = messages.aircraft_osd(aircraft)
    assert shape(found) == shape(expected)
    assert len(found["battery"]["batteries"]) == len(expected["battery"]["batteries"])
    assert len(found.get("cameras", [])) == len(expected.get("cameras", []))


@pytest.mark.parametrize(
    ("model", "name"),
    [(RC_PLUS, "rc-plus"), (RC_PRO, "rc-pro"), (RC_PLUS_2, "rc-plus-2-4g")],
    ids=lambda item: str(item)[:10],
)
def test_controller_osd_has_the_keys_of_its_sample(model: ControllerModel, name: str) -> None:
    data = messages.controller_osd(model, longitude_deg=9.9, latitude_deg=50.5, height_m=998, charge_percent=80)
    assert shape(data) == shape(sample(f"osd-{name}")["data"])


def test_topology_is_that_of_the_sample() -> None:
    expected = sample("status-online-rc-plus-m30t")
    aircraft = an_aircraft(AIRCRAFT_MODELS[0])
    data = messages.topology(RC_PLUS, [aircraft])
    message = messages.envelope(data=data, timestamp_ms=1, method="update_topo", tid="t", bid="b")
    assert shape(message) == shape(expected)
    expected["data"]["sub_devices"][0]["sn"] = aircraft.serial
    assert data == expected["data"]


def test_state_holds_the_properties_of_the_sample() -> None:
    aircraft = an_aircraft(AIRCRAFT_MODELS[0])
    assert "home" not in messages.aircraft_state(aircraft)
    aircraft.advance(30)
    groups = messages.aircraft_state(aircraft)
    together = {name: value for group in groups.values() for name, value in group.items()}
    assert shape(together) == shape(sample("state-aircraft-initial")["data"])


def test_live_capacity_has_the_keys_of_the_sample() -> None:
    state = messages.controller_state(RC_PLUS, [an_aircraft(AIRCRAFT_MODELS[0])])
    found = state[1]["live_capacity"]
    expected = sample("state-rc-live-capacity")["data"]["live_capacity"]
    assert found.keys() == expected.keys()
    device, expected_device = found["device_list"][0], expected["device_list"][0]
    assert device.keys() == expected_device.keys()
    assert shape(device["camera_list"][0]) == shape(expected_device["camera_list"][0])


def test_events_have_the_keys_of_the_samples() -> None:
    aircraft = an_aircraft(AIRCRAFT_MODELS[0])
    found = messages.envelope(
        data=messages.health_event(aircraft), timestamp_ms=1, gateway="G", method="hms", need_reply=1
    )
    assert shape(found) == shape(sample("events-hms"))
    old = messages.envelope(data=messages.health_event_2023(), timestamp_ms=1, gateway="G")
    assert shape(old) == shape(sample("events-hms-2023"))


# The hub's decoders


def decoded(message: messages.Json) -> envelope.Envelope:
    return envelope.decode(orjson.dumps(message))


@pytest.mark.parametrize("model", AIRCRAFT_MODELS, ids=lambda model: model.key)
def test_every_osd_of_a_sortie_is_understood(model: AircraftModel) -> None:
    aircraft = an_aircraft(model)
    for second in range(0, 900, 5):
        aircraft.advance(5)
        raw = messages.envelope(
            data=messages.aircraft_osd(aircraft), timestamp_ms=1_750_000_000_000 + second * 1000, gateway="G"
        )
        values = properties.decode_aircraft(decoded(raw).data)
        fix, battery = values[Property.FIX], values[Property.BATTERY]
        assert isinstance(fix, Fix)
        assert isinstance(battery, Battery)
        assert fix.height_m == round(aircraft.height_m, 1)
        assert values[Property.MODE_CODE] == aircraft.mode_code
        assert values[Property.GIMBAL_PITCH] == round(aircraft.gimbal_pitch_deg, 1)
        assert abs(battery.capacity_percent - aircraft.charge_percent) <= 2


def test_topology_state_and_events_are_understood() -> None:
    aircraft = an_aircraft(AIRCRAFT_MODELS[0])
    aircraft.advance(30)
    found = topology.decode_topology(messages.topology(RC_PLUS, [aircraft]))
    assert found.gateway.model == "RC Plus"
    assert [(device.serial, device.kind.model) for device in found.sub_devices] == [(aircraft.serial, "Matrice 30T")]

    state = messages.aircraft_state(aircraft)
    assert properties.decode_aircraft(state["home"])[Property.HOME]
    assert properties.decode_aircraft(state["mode"])[Property.MODE_REASON] == aircraft.mode_code_reason
    for group in messages.controller_state(RC_PLUS, [aircraft]):
        assert properties.decode_controller(group)

    raw = messages.envelope(
        data=messages.health_event(aircraft), timestamp_ms=1_750_000_000_000, gateway="G", method="hms", need_reply=1
    )
    outer = decoded(raw)
    assert outer.sent_at == datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)
    assert events.decode_event(outer)


def test_models_are_known_products() -> None:
    for model in AIRCRAFT_MODELS:
        data = messages.topology(model.controller, [an_aircraft(model)])
        found = topology.decode_topology(data)
        assert found.gateway.model is not None
        assert found.sub_devices[0].kind.model is not None
        assert topics.is_serial(found.sub_devices[0].serial)
