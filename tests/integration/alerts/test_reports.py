"""From a drone's reports, its silence and its leaving to alerts, through the whole way of a report."""

from collections.abc import AsyncIterator

import pytest

from ofh.domain.devices import Battery, Fix, Property, Value
from ofh.domain.events import AlertChanged, EventKind, FlightChanged
from ofh.services.alert_rules import give_defaults
from ofh.store.database import Database
from ofh.store.models import Alert, Flight, StoredEvent
from tests.support.fleet import START, FleetBench, seconds

GATEWAY, AIRCRAFT, OTHER = "RC1", "AC1", "AC2"


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def workspace_id(bench: FleetBench) -> int:
    """A workspace as it begins, whose controller has announced two aircraft."""
    found = await bench.workspace()
    await give_defaults(found, START)
    await bench.connection(found, "c-1")
    assert await bench.announce("c-1", GATEWAY, AIRCRAFT, OTHER)
    return found


def flying(*, elevation: float = 50.0, battery: float = 80, longitude: float = 9.95) -> dict[Property, Value]:
    """A report on a wayline."""
    return {
        Property.MODE_CODE: 5,
        Property.ELEVATION: elevation,
        Property.FIX: Fix(longitude_deg=longitude, latitude_deg=50.49, height_m=1000.0 + elevation),
        Property.BATTERY: Battery(capacity_percent=battery),
    }


def parked(*, battery: float) -> dict[Property, Value]:
    """A report on the ground."""
    return {Property.MODE_CODE: 0, Property.ELEVATION: 0.0, Property.BATTERY: Battery(capacity_percent=battery)}


async def say(bench: FleetBench, second: float, values: dict[Property, Value], serial: str = AIRCRAFT) -> None:
    bench.now = max(bench.now, START + seconds(second))
    await bench.report(serial, values, sent_at=START + seconds(second))


async def kinds(workspace_id: int, *, cleared: bool) -> list[str]:
    rows = await Alert.filter(workspace_id=workspace_id, cleared_at__isnull=not cleared).order_by("id")
    return [row.kind for row in rows]


async def test_a_report_that_is_too_high_raises_an_alert_about_its_flight(bench: FleetBench, workspace_id: int) -> None:
    await say(bench, 0, flying(elevation=100))
    async with bench.listening(workspace_id) as heard:
        await say(bench, 2, flying(elevation=130))
    [told] = [event for event in heard if isinstance(event, AlertChanged)]
    [alert] = await Alert.filter(workspace_id=workspace_id)
    [flight] = await Flight.filter(workspace_id=workspace_id)
    drone = await bench.drone(AIRCRAFT, workspace_id)
    assert (told.kind, told.alert_id, told.drone_id) == (EventKind.ALERT_RAISED, alert.id, drone.id)
    assert (alert.kind, alert.flight_id, alert.raised_at) == ("HEIGHT", flight.id, START + seconds(2))
    assert alert.message == "AC1 is 130 m above its take-off point (limit 120 m)."
    [stored] = await StoredEvent.filter(workspace_id=workspace_id, alert_id=alert.id)
    assert stored.seq == told.seq > 0
    await say(bench, 4, flying(elevation=100))
    assert await kinds(workspace_id, cleared=True) == ["HEIGHT"]


async def test_a_message_that_comes_twice_or_late_raises_nothing_again(bench: FleetBench, workspace_id: int) -> None:
    for second in (0, 2, 2, 1, 4, 3):
        await say(bench, second, flying(elevation=130, battery=20))
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY", "HEIGHT"]
    await say(bench, 6, flying(elevation=50, battery=90))
    await say(bench, 5, flying(elevation=130, battery=20))
    assert await kinds(workspace_id, cleared=False) == []
    assert await StoredEvent.filter(workspace_id=workspace_id, alert_id__isnull=False).count() == 4


async def test_silence_in_flight_is_a_lost_link_until_the_drone_is_heard_of(
    bench: FleetBench, workspace_id: int
) -> None:
    await say(bench, 0, flying(battery=20))
    bench.now = START + seconds(31)
    await bench.derivation.sweep()
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY", "LINK_LOST"]
    bench.now = START + seconds(70)
    await bench.presence.sweep()  # offline by now, and still in flight
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY", "LINK_LOST"]
    await say(bench, 80, flying(battery=19))
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY"]


async def test_a_drone_that_is_never_heard_of_again_has_no_alert_once_its_flight_has_ended(
    bench: FleetBench, workspace_id: int
) -> None:
    await say(bench, 0, flying(elevation=130, battery=20))
    for second in (31, 70, 700):
        bench.now = START + seconds(second)
        await bench.derivation.sweep()
        await bench.presence.sweep()
    assert await kinds(workspace_id, cleared=False) == []
    assert sorted(await kinds(workspace_id, cleared=True)) == ["HEIGHT", "LINK_LOST", "LOW_BATTERY"]


async def test_a_drone_with_a_low_battery_that_leaves_on_the_ground_has_none(
    bench: FleetBench, workspace_id: int
) -> None:
    await say(bench, 0, parked(battery=15))
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY"]
    assert await bench.announce("c-1", GATEWAY, OTHER, at=START + seconds(10))
    assert await kinds(workspace_id, cleared=False) == []
    bench.now = START + seconds(100)
    assert await bench.announce("c-1", GATEWAY, AIRCRAFT, OTHER)
    await say(bench, 102, parked(battery=15))
    assert await kinds(workspace_id, cleared=False) == ["LOW_BATTERY"]


async def test_two_drones_of_one_controller_that_come_close_are_an_alert(bench: FleetBench, workspace_id: int) -> None:
    await say(bench, 0, flying())
    await say(bench, 1, flying(elevation=62), OTHER)
    [alert] = await Alert.filter(workspace_id=workspace_id)
    assert alert.message == "AC2 and AC1 are 12 m apart (limit 20 m)."
    await say(bench, 2, flying(longitude=9.951))
    assert await kinds(workspace_id, cleared=True) == ["PROXIMITY"]


async def test_flights_and_alerts_stand_in_the_journal_in_one_order(bench: FleetBench, workspace_id: int) -> None:
    async with bench.listening(workspace_id) as heard:
        await say(bench, 0, flying(battery=20))
        for second in (2, 4, 6, 8):
            await say(bench, second, flying(battery=20))
    numbered = [event for event in heard if isinstance(event, AlertChanged | FlightChanged)]
    assert [event.kind for event in sorted(numbered, key=lambda event: event.seq)] == [event.kind for event in numbered]
    assert {event.kind for event in numbered} == {EventKind.ALERT_RAISED, EventKind.FLIGHT_STARTED}
