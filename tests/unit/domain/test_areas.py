"""Boxes on the map, the one across the antimeridian included."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ofh.domain.areas import Area
from ofh.domain.devices import Fix

RHOEN = Area(west_deg=9.5, south_deg=50.25, east_deg=10.25, north_deg=50.75)
FIJI = Area(west_deg=176.5, south_deg=-20.0, east_deg=-178.0, north_deg=-12.5)
"""From 176.5° east over 180° to 178° west."""
WORLD = Area(west_deg=-180, south_deg=-90, east_deg=180, north_deg=90)


def at(longitude: float, latitude: float) -> Fix:
    return Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=0)


@pytest.mark.parametrize(
    ("longitude", "latitude", "inside"),
    [
        (9.95, 50.5, True),
        (9.5, 50.25, True),
        (10.25, 50.75, True),
        (9.49, 50.5, False),
        (10.26, 50.5, False),
        (9.95, 50.24, False),
        (9.95, 50.76, False),
        (-9.95, 50.5, False),
        (9.95, -50.5, False),
    ],
)
def test_a_box_holds_what_lies_in_it_or_on_its_edge(longitude: float, latitude: float, inside: bool) -> None:
    assert RHOEN.contains(at(longitude, latitude)) is inside


@pytest.mark.parametrize(
    ("longitude", "latitude", "inside"),
    [
        (176.5, -15.0, True),
        (179.9, -15.0, True),
        (180.0, -15.0, True),
        (-180.0, -15.0, True),
        (-179.9, -15.0, True),
        (-178.0, -15.0, True),
        (176.4, -15.0, False),
        (-177.9, -15.0, False),
        (0.0, -15.0, False),
        (179.9, -20.1, False),
        (-179.9, -12.4, False),
    ],
)
def test_a_box_whose_west_is_greater_than_its_east_crosses_the_antimeridian(
    longitude: float, latitude: float, inside: bool
) -> None:
    assert FIJI.contains(at(longitude, latitude)) is inside


_longitudes = st.floats(-180, 180)
_latitudes = st.floats(-90, 90)


@given(_longitudes, _latitudes)
def test_the_whole_world_holds_everything(longitude: float, latitude: float) -> None:
    assert WORLD.contains(at(longitude, latitude))


@given(_longitudes, _longitudes, _longitudes)
def test_two_boxes_that_share_their_meridians_hold_all_longitudes_between_them(
    west: float, east: float, longitude: float
) -> None:
    """One goes from west to east, the other on from there round the world: one of the two crosses the antimeridian."""
    assume(west != east)
    there = Area(west_deg=west, south_deg=-90, east_deg=east, north_deg=90)
    back = Area(west_deg=east, south_deg=-90, east_deg=west, north_deg=90)
    inside = (there.contains(at(longitude, 0)), back.contains(at(longitude, 0)))
    assert any(inside)
    if longitude not in (west, east):
        assert not all(inside)


def test_a_box_without_width_is_a_line() -> None:
    line = Area(west_deg=10, south_deg=-90, east_deg=10, north_deg=90)
    assert line.contains(at(10, 3))
    assert not line.contains(at(10.001, 3))
