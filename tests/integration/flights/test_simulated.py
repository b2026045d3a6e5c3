"""A simulated fleet by an invented clock, through decoder, services and database: what the hub derives of its reports
is what the simulator flew. The aircraft themselves are the truth to compare with, point by point."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import pytest

from ofh.domain.geodesy import distance_m
from ofh.services.alert_rules import give_defaults
from ofh.simulator import messages
from ofh.simulator.accounts import Account
from ofh.simulator.aircraft import Aircraft, Phase
from ofh.simulator.fleet import PLACE, make_fleet
from ofh.store.database import Database
from ofh.store.models import Alert, Flight, StoredEvent
from tests.support.fleet import FleetBench
from tests.support.history import history_of

EVERY_S = 2.0
"""As real devices report."""
LASTS_S = 900


@dataclass
class Truth:
    """What one aircraft did."""

    take_offs: list[datetime] = field(default_factory=list)
    landings: list[datetime] = field(default_factory=list)
    places: dict[datetime, tuple[float, float, float, float]] = field(default_factory=dict)
    """Longitude, latitude, height and charge of what was reported, by its time."""
    losses: int = 0
    flown_m: list[float] = field(default_factory=list)


class Flying:
    """The fleet in the air, and the hub that hears of it."""

    def __init__(self, bench: FleetBench, drones: int) -> None:
        accounts = [Account(connection_id=f"c-{n}", secret="s") for n in range(drones)]
        self.bench = bench
        self.crews = make_fleet(accounts, drones=drones, seed=1, place=PLACE)
        self.truth = {crew.aircraft[0].serial: Truth() for crew in self.crews}
        self._announced: dict[str, bool] = {}
        self._was: dict[str, tuple[Phase, float]] = {}

    async def fly(self) -> None:
        """Let the time pass."""
        for _ in range(int(LASTS_S / EVERY_S)):
            for crew in self.crews:
                [aircraft] = crew.aircraft
                self._watch(aircraft)
                if self._announced.get(aircraft.serial) is not aircraft.is_linked:
                    self._announced[aircraft.serial] = aircraft.is_linked
                    topology = messages.topology(crew.model, crew.aircraft if aircraft.is_linked else [])
                    await self._say(
                        crew.account.connection_id, f"sys/product/{crew.serial}/status", crew.serial, topology
                    )
                if aircraft.is_linked:
                    osd = messages.aircraft_osd(aircraft)
                    self.truth[aircraft.serial].places[self.bench.now] = (
                        osd["longitude"],
                        osd["latitude"],
                        osd["height"],
                        osd["battery"]["capacity_percent"],
                    )
                    topic = f"thing/product/{aircraft.serial}/osd"
                    await self._say(crew.account.connection_id, topic, crew.serial, osd)
            await self.bench.derivation.sweep()
            self.bench.now += timedelta(seconds=EVERY_S)

    def _watch(self, aircraft: Aircraft) -> None:
        """Let the aircraft fly on in small steps, and note when it leaves the ground and comes back."""
        truth = self.truth[aircraft.serial]
        for step in range(int(EVERY_S / 0.1)):
            before, was_linked, flown = aircraft.is_airborne, aircraft.is_linked, aircraft.flown_m
            aircraft.advance(0.1)
            at = self.bench.now - timedelta(seconds=EVERY_S - 0.1 * (step + 1))
            if aircraft.is_airborne and not before:
                truth.take_offs.append(at)
                truth.flown_m.append(0.0)
            if before and not aircraft.is_airborne:
                truth.landings.append(at)
            if was_linked and not aircraft.is_linked:
                truth.losses += 1
            if aircraft.is_airborne:
                truth.flown_m[-1] += aircraft.flown_m - flown

    async def _say(self, account: str, topic: str, gateway: str, data: messages.Json) -> None:
        method = "update_topo" if topic.startswith("sys/") else None
        message = messages.envelope(
            data=data, timestamp_ms=int(self.bench.now.timestamp() * 1000), gateway=gateway, method=method
        )
        assert await self.bench.message(topic, orjson.dumps(message), account)


@pytest.fixture
async def flown(database: Database) -> AsyncIterator[Flying]:
    async with FleetBench(database).running() as bench:
        workspace_id = await bench.workspace()
        await give_defaults(workspace_id, bench.now)
        flying = Flying(bench, drones=4)
        for crew in flying.crews:
            await bench.connection(workspace_id, crew.account.connection_id)
        await flying.fly()
        yield flying


async def flights_are_those_that_were_flown(flown: Flying) -> None:
    for serial, truth in flown.truth.items():
        flights = await Flight.filter(drone__serial_number=serial).order_by("started_at")
        ended = [flight for flight in flights if flight.ended_at is not None]
        assert len(flights) == len(truth.take_offs) >= 1
        tolerance = timedelta(seconds=EVERY_S * 2)
        for flight, take_off in zip(flights, truth.take_offs, strict=True):
            # The hub counts the preparation in, some six seconds; what it hears is up to two reports old.
            assert timedelta(0) <= take_off - flight.started_at <= timedelta(seconds=8)
        for flight, landing in zip(ended, truth.landings, strict=False):
            assert flight.landed_at is not None
            # A landed aircraft runs its motors for two more seconds.
            assert -tolerance <= flight.landed_at - landing <= timedelta(seconds=2) + tolerance
        for flight, flown_m in zip(ended, truth.flown_m, strict=False):
            assert 0.8 * flown_m < flight.distance <= 1.02 * flown_m
            assert flight.max_elevation is not None
            assert flight.take_off_height == pytest.approx(flight.max_height - flight.max_elevation, abs=0.2)
        assert len(ended) >= len(truth.landings) - 1

        places = {row.reported_at: row for row in await history_of(flown.bench.database, flights[0].drone_id)}
        assert places.keys() == truth.places.keys()
        for at, (longitude, latitude, height, charge) in truth.places.items():
            row = places[at]
            assert row.longitude is not None
            assert row.latitude is not None
            assert distance_m(row.longitude, row.latitude, longitude, latitude) < 0.01
            assert (row.height, row.battery_percent) == (pytest.approx(height), charge)


async def journal_tells_of_each_flight_once_and_in_order() -> None:
    for flight in await Flight.all():
        told = [row.kind for row in await StoredEvent.filter(flight_id=flight.id).order_by("seq")]
        expected = ["FLIGHT_STARTED"]
        expected += ["FLIGHT_LANDED"] if flight.landed_at else []
        expected += ["FLIGHT_ENDED"] if flight.ended_at else []
        assert told == expected


async def low_battery_and_lost_link_are_warned_of_once_and_pass(flown: Flying) -> None:
    tired, lost = flown.crews[1].aircraft[0].serial, flown.crews[2].aircraft[0].serial
    low = await Alert.filter(kind="LOW_BATTERY", drone__serial_number=tired)
    gone = await Alert.filter(kind="LINK_LOST", drone__serial_number=lost)
    assert len(low) == 1
    assert len(gone) == flown.truth[lost].losses
    assert all(alert.cleared_at is not None for alert in [*low, *gone])


async def test_what_the_hub_derives_is_what_was_flown(flown: Flying) -> None:
    await flights_are_those_that_were_flown(flown)
    await journal_tells_of_each_flight_once_and_in_order()
    await low_battery_and_lost_link_are_warned_of_once_and_pass(flown)
