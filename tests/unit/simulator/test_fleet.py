"""Who gets which aircraft."""

import pytest

from ofh.dji.topics import is_serial
from ofh.dji.topology import MAX_SUB_DEVICES
from ofh.domain.geodesy import distance_m
from ofh.simulator.accounts import Account
from ofh.simulator.errors import SimulatorError
from ofh.simulator.fleet import PLACE, make_fleet


def accounts(count: int) -> list[Account]:
    return [Account(connection_id=f"connection{number}", secret="s") for number in range(count)]


def test_one_connection_holds_all_aircraft() -> None:
    (crew,) = make_fleet(accounts(1), drones=9, seed=1, place=PLACE)
    assert len({aircraft.serial for aircraft in crew.aircraft}) == 9
    assert crew.model is crew.aircraft[0].model.controller


def test_each_connection_gets_an_aircraft_of_its_own() -> None:
    crews = make_fleet(accounts(5), drones=5, seed=1, place=PLACE)
    assert [len(crew.aircraft) for crew in crews] == [1] * 5
    assert all(crew.model is crew.aircraft[0].model.controller for crew in crews)
    serials = {crew.serial for crew in crews} | {aircraft.serial for crew in crews for aircraft in crew.aircraft}
    assert len(serials) == 10
    assert all(is_serial(serial) for serial in serials)


def test_more_aircraft_are_dealt_out_in_turn() -> None:
    crews = make_fleet(accounts(3), drones=7, seed=1, place=PLACE)
    assert [len(crew.aircraft) for crew in crews] == [3, 2, 2]


def test_surplus_connections_stay_unused() -> None:
    crews = make_fleet(accounts(3), drones=2, seed=1, place=PLACE)
    assert [crew.account.connection_id for crew in crews] == ["connection0", "connection1"]


def test_a_controller_holds_no_more_than_a_topology_may() -> None:
    make_fleet(accounts(1), drones=MAX_SUB_DEVICES, seed=1, place=PLACE)
    with pytest.raises(SimulatorError, match="too many"):
        make_fleet(accounts(1), drones=MAX_SUB_DEVICES + 1, seed=1, place=PLACE)


def test_bases_are_spread_around_the_place() -> None:
    crews = make_fleet(accounts(20), drones=20, seed=1, place=PLACE)
    bases = [crew.aircraft[0].base for crew in crews]
    for number, base in enumerate(bases):
        assert distance_m(*PLACE, base.longitude_deg, base.latitude_deg) < 700
        assert 990 < base.height_m < 1002
        for other in bases[:number]:
            apart_m = distance_m(base.longitude_deg, base.latitude_deg, other.longitude_deg, other.latitude_deg)
            assert apart_m > 60


def test_same_seed_makes_the_same_fleet() -> None:
    one, other = (make_fleet(accounts(2), drones=4, seed=5, place=PLACE) for _ in range(2))
    assert [(crew.serial, crew.base) for crew in one] == [(crew.serial, crew.base) for crew in other]
    different = make_fleet(accounts(2), drones=4, seed=6, place=PLACE)
    assert {crew.serial for crew in one}.isdisjoint(crew.serial for crew in different)


def test_simulations_of_two_connections_share_no_serial_number() -> None:
    first, second = accounts(2)
    (one,), (other,) = (make_fleet([account], drones=3, seed=1, place=PLACE) for account in (first, second))
    assert {a.serial for a in one.aircraft}.isdisjoint(a.serial for a in other.aircraft)
    assert one.serial != other.serial
