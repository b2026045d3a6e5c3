"""Traffic: the newest of each aircraft, and what lies within a circle."""

from datetime import UTC, datetime, timedelta
from math import asin, atan2, cos, degrees, radians, sin
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.areas import Area
from ofh.domain.traffic import Box, Circle, Index, Picture, Place, Sighting

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def sighting(
    id: str = "3c6444",
    *,
    longitude: float = 9.95,
    latitude: float = 50.5,
    after_s: float = 0,
    workspace: int | None = None,
) -> Sighting:
    return Sighting(
        id=id,
        longitude_deg=longitude,
        latitude_deg=latitude,
        height_m=None,
        at=NOW + timedelta(seconds=after_s),
        workspace_id=workspace,
    )


_sightings = st.builds(
    sighting,
    st.sampled_from(["a", "b"]),
    longitude=st.sampled_from([1.0, 2.0, 3.0]),
    after_s=st.integers(-100, 0),
)


@given(st.lists(_sightings, max_size=8), st.randoms())
def test_the_newest_wins_whatever_the_order(told: list[Sighting], chance: Random) -> None:
    def newest(order: list[Sighting]) -> dict[str, datetime]:
        picture = Picture(MINUTE, 10)
        for item in order:
            picture.take(item, NOW)
        return {held.id: held.at for held in picture}

    shuffled = list(told)
    chance.shuffle(shuffled)
    first, second = newest(told), newest(shuffled)
    assert first.keys() == second.keys()
    for id, at in first.items():
        assert abs(at - second[id]) <= timedelta(seconds=1), "the same place within a second is the same sighting"


def test_what_is_told_twice_is_no_news() -> None:
    picture = Picture(MINUTE, 10)
    assert picture.take(sighting(), NOW)
    assert not picture.take(sighting(), NOW)
    assert not picture.take(sighting(after_s=0.1), NOW), "another receiver's clock"
    assert picture.take(sighting(after_s=0.1, longitude=9.96), NOW)
    assert not picture.take(sighting(after_s=0.05, longitude=9.97), NOW), "late"


def test_an_aircraft_of_which_nothing_is_heard_is_forgotten() -> None:
    picture = Picture(MINUTE, 10)
    picture.take(sighting(), NOW)
    picture.expire(NOW + timedelta(seconds=59))
    assert len(picture) == 1
    picture.expire(NOW + MINUTE)
    assert len(picture) == 0
    assert not picture.take(sighting(), NOW + MINUTE)


def test_there_is_room_for_so_many_and_those_that_are_there_go_on() -> None:
    picture = Picture(MINUTE, 2)
    assert [picture.take(sighting(id), NOW) for id in "abc"] == [True, True, False]
    assert picture.take(sighting("a", after_s=5), NOW)


def test_a_workspace_that_shares_no_more_is_forgotten_at_once() -> None:
    picture = Picture(MINUTE, 10)
    for item in (sighting("a", workspace=1), sighting("b", workspace=2), sighting("c")):
        picture.take(item, NOW)
    picture.forget(1)
    assert {held.id for held in picture} == {"b", "c"}


_places = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@given(_places, st.floats(1, 20_037_508), st.lists(_places, max_size=20))
def test_a_circle_finds_what_is_in_it_and_nothing_else(
    centre: tuple[float, float], radius: float, places: list[tuple[float, float]]
) -> None:
    circle = Circle(longitude_deg=centre[0], latitude_deg=centre[1], radius_m=radius)
    told = [sighting(str(n), longitude=longitude, latitude=latitude) for n, (longitude, latitude) in enumerate(places)]
    found = Index(told).within(circle, 100)
    assert {item.id for item in found} == {item.id for item in told if circle.covers(item)}


@given(_places, st.floats(1, 249_000), st.floats(0, 360), st.floats(0, 0.99))
def test_what_is_near_is_found_by_its_cell(
    centre: tuple[float, float], radius: float, bearing: float, part: float
) -> None:
    # A spherical step is within a percent of the ellipsoid's, hence the margin.
    latitude, longitude, angle = radians(centre[1]), radians(centre[0]), part * 0.98 * radius / 6_371_000
    there = asin(min(1.0, max(-1.0, sin(latitude) * cos(angle) + cos(latitude) * sin(angle) * cos(radians(bearing)))))
    turn = atan2(sin(radians(bearing)) * sin(angle) * cos(latitude), cos(angle) - sin(latitude) * sin(there))
    east = (degrees(longitude + turn) + 540) % 360 - 180
    circle = Circle(longitude_deg=centre[0], latitude_deg=centre[1], radius_m=radius)
    item = sighting(longitude=east, latitude=degrees(there))
    if circle.covers(item):
        assert Index([item]).within(circle, 10) == [item]


_sizes = st.floats(0, 4) | st.floats(0, 180)


@given(_places, _sizes, _sizes, st.lists(_places, max_size=20), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1))))
def test_an_area_finds_what_is_in_it_and_nothing_else(
    corner: tuple[float, float],
    width: float,
    height: float,
    places: list[tuple[float, float]],
    inside: list[tuple[float, float]],
) -> None:
    west, south = corner
    east, north = (west + width + 180) % 360 - 180, min(south + height, 90)
    box = Box(area=Area(west_deg=west, south_deg=south, east_deg=east, north_deg=north))
    within = [((west + x * width + 180) % 360 - 180, south + y * (north - south)) for x, y in inside]
    told = [sighting(str(n), longitude=place[0], latitude=place[1]) for n, place in enumerate([*places, *within])]
    assert {item.id for item in Index(told).within(box, 100)} == {item.id for item in told if box.covers(item)}


@pytest.mark.parametrize(
    "place",
    [
        Circle(longitude_deg=0, latitude_deg=0, radius_m=1_000_000),
        Box(area=Area(west_deg=-20, south_deg=-1, east_deg=20, north_deg=1)),
        Box(area=Area(west_deg=-2, south_deg=-1, east_deg=2, north_deg=1)),
    ],
)
def test_of_more_than_is_shown_the_nearest_are(place: Place) -> None:
    told = [sighting(str(n), longitude=n / 10, latitude=0) for n in range(20)]
    assert {item.id for item in Index(told).within(place, 3)} == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("latitude", "longitude", "radius"), [(90.1, 0, 1), (0, -180.1, 1), (0, 0, 0), (0, 0, float("nan")), (0, 0, 3e7)]
)
def test_a_circle_has_to_be_on_earth(latitude: float, longitude: float, radius: float) -> None:
    assert not Circle(latitude_deg=latitude, longitude_deg=longitude, radius_m=radius).is_sound
