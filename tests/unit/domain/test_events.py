"""Events: what may replace what."""

from datetime import UTC, datetime, timedelta

import pytest

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.events import (
    BatteryReported,
    ControllerPositioned,
    DronePositioned,
    Event,
    PresenceChanged,
    TopologyChanged,
)

START = datetime(2026, 6, 1, 8, tzinfo=UTC)


def position(drone_id: int = 1, seconds: int = 0, longitude: float = 9.95) -> DronePositioned:
    at = START + timedelta(seconds=seconds)
    fix = Fix(longitude_deg=longitude, latitude_deg=50.49, height_m=900.0)
    state = DeviceState().merge(Report(at=at, values={Property.FIX: fix}))
    return DronePositioned(workspace_id=7, drone_id=drone_id, at=at, fix=fix, state=state)


def test_of_one_drones_positions_the_newest_will_do() -> None:
    assert position(1, 0).key == position(1, 5, longitude=10.0).key
    assert position(1).key != position(2).key


def test_of_one_controllers_changed_topologies_one_will_do() -> None:
    def changed(serial: str, seconds: int) -> TopologyChanged:
        return TopologyChanged(workspace_id=7, gateway_serial=serial, at=START + timedelta(seconds=seconds))

    assert changed("RC1", 0).key == changed("RC1", 1).key
    assert changed("RC1", 0).key != changed("RC2", 0).key


@pytest.mark.parametrize("online", [True, False])
def test_coming_and_going_is_never_conflated(online: bool) -> None:
    def change(seconds: int, now_online: bool) -> PresenceChanged:
        at = START + timedelta(seconds=seconds)
        return PresenceChanged(workspace_id=7, drone_id=1, at=at, online=now_online)

    assert change(0, online).key != change(1, online).key
    assert change(0, online).key != change(0, not online).key


def test_events_of_different_kinds_never_replace_each_other() -> None:
    fix = position().fix
    events: list[Event] = [
        position(1),
        BatteryReported(workspace_id=7, drone_id=1, at=START, battery=Battery(capacity_percent=70)),
        ControllerPositioned(workspace_id=7, remote_controller_id=1, at=START, fix=fix),
        PresenceChanged(workspace_id=7, drone_id=1, at=START, online=True),
    ]
    assert len({event.key for event in events}) == len(events)
