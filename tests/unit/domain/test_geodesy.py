"""Distances and offsets against known values of the WGS 84 ellipsoid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain import geodesy

latitudes = st.floats(-80, 80)
longitudes = st.floats(-180, 180)
metres = st.floats(-10_000, 10_000)


def test_a_degree_of_the_meridian() -> None:
    """110,574.39 m at the equator, 111,693.86 m at the pole; from tables of the WGS 84 ellipsoid."""
    assert geodesy.distance_m(0, 0, 0, 1) == pytest.approx(110_574.4, rel=2e-5)
    assert geodesy.distance_m(10, 89, 10, 90) == pytest.approx(111_693.9, rel=2e-5)


def test_a_degree_of_the_equator() -> None:
    assert geodesy.distance_m(0, 0, 1, 0) == pytest.approx(111_319.491, rel=2e-5)


def test_a_quarter_of_the_meridian() -> None:
    assert geodesy.distance_m(0, 0, 0, 90) == pytest.approx(10_001_965.73, rel=1e-5)


def test_across_the_date_line() -> None:
    assert geodesy.distance_m(179.9, 0, -179.9, 0) == pytest.approx(22_263.9, rel=1e-4)
    longitude_deg, latitude_deg = geodesy.offset(179.999, 10, east_m=1000, north_m=0)
    assert longitude_deg == pytest.approx(-179.9919, abs=1e-3)
    assert latitude_deg == pytest.approx(10)


def test_bearings() -> None:
    assert geodesy.bearing_deg(0, 0, 0, 1) == 0
    assert geodesy.bearing_deg(0, 0, 1, 0) == pytest.approx(90)
    assert geodesy.bearing_deg(0, 1, 0, 0) == pytest.approx(180)
    assert geodesy.bearing_deg(0, 0, -1, 0) == pytest.approx(270)
    assert geodesy.bearing_deg(5, 5, 5, 5) == 0


@given(longitudes, latitudes, metres, metres)
def test_local_offset_is_the_inverse_of_offset(
    longitude_deg: float, latitude_deg: float, east_m: float, north_m: float
) -> None:
    there = geodesy.offset(longitude_deg, latitude_deg, east_m=east_m, north_m=north_m)
    assert -180 <= there[0] <= 180
    back = geodesy.local_offset(longitude_deg, latitude_deg, *there)
    assert back == pytest.approx((east_m, north_m), abs=0.01)


@given(longitudes, latitudes, st.floats(0, 359.9), st.floats(1, 10_000))
def test_destination_lies_at_its_distance_and_bearing(
    longitude_deg: float, latitude_deg: float, bearing_deg: float, distance_m: float
) -> None:
    there = geodesy.destination(longitude_deg, latitude_deg, bearing_deg=bearing_deg, distance_m=distance_m)
    assert geodesy.distance_m(longitude_deg, latitude_deg, *there) == pytest.approx(distance_m, rel=1e-4, abs=0.01)
    found = geodesy.bearing_deg(longitude_deg, latitude_deg, *there)
    assert abs((found - bearing_deg + 540) % 360 - 180) < 0.6


@given(longitudes, st.floats(-90, 90), longitudes, st.floats(-90, 90))
def test_any_two_points_have_a_finite_distance(a: float, b: float, c: float, d: float) -> None:
    assert 0 <= geodesy.distance_m(a, b, c, d) < 20_100_000
