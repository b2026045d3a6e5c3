"""How what a device reported becomes what the API shows."""

from datetime import UTC, datetime, timedelta

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.edges.graphql.types.fleet import TELEMETRY, Telemetry, last_battery, last_position, telemetry_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=7)


def state(*reports: Report) -> DeviceState:
    """What is left of some reports."""
    result = DeviceState()
    for report in reports:
        result = result.merge(report)
    return result


def test_a_device_that_said_nothing_shows_nothing() -> None:
    assert last_position(DeviceState()) is None
    assert last_battery(DeviceState()) is None
    assert telemetry_of(DeviceState()) is None


def test_position_and_battery_bear_the_time_of_their_own_report() -> None:
    held = state(
        Report(at=NOON, values={Property.FIX: Fix(longitude_deg=8.5, latitude_deg=47.3, height_m=512.25)}),
        Report(at=LATER, values={Property.BATTERY: Battery(capacity_percent=61.5)}),
    )
    position, battery = last_position(held), last_battery(held)
    assert position is not None
    assert battery is not None
    assert (position.longitude, position.latitude, position.height) == (8.5, 47.3, 512.25)
    assert position.reported_at == NOON
    assert (battery.capacity_percent_left, battery.reported_at) == (61.5, LATER)


def test_telemetry_shows_what_was_reported_and_the_newest_time() -> None:
    held = state(
        Report(at=NOON, values={Property.HEADING: 359.5, Property.SATELLITES: 21, Property.FLIGHT_MODE: "Waypoint"}),
        Report(at=LATER, values={Property.VERTICAL_SPEED: -1.5, Property.STORAGE_TOTAL: 2**40}),
    )
    shown = telemetry_of(held)
    assert shown is not None
    assert (shown.heading, shown.satellites, shown.flight_mode) == (359.5, 21, "Waypoint")
    assert (shown.vertical_speed, shown.storage_total, shown.reported_at) == (-1.5, 2**40, LATER)
    assert shown.wind_speed is None


def test_position_and_battery_are_no_telemetry() -> None:
    held = state(Report(at=NOON, values={Property.FIX: Fix(longitude_deg=1, latitude_deg=2, height_m=3)}))
    assert telemetry_of(held) is None


def test_every_field_of_telemetry_shows_a_property() -> None:
    fields = set(Telemetry.__dataclass_fields__) - {"reported_at"}
    assert fields == set(TELEMETRY)
