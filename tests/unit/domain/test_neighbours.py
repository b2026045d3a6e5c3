"""Whoever is close is found: anywhere on the globe, once, and without asking everybody."""

from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import Fix
from ofh.domain.geodesy import destination, distance_m
from ofh.domain.neighbours import Grid, boxes_around

PLACES = [(0.0, 0.0), (180.0, 10.0), (-180.0, -60.0), (12.0, 89.995), (12.0, -89.995), (50.0, 90.0), (50.0, -90.0)]


def at(longitude: float, latitude: float) -> Fix:
    return Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=0)


def apart(one: Fix, other: Fix) -> float:
    return distance_m(one.longitude_deg, one.latitude_deg, other.longitude_deg, other.latitude_deg)


@given(
    st.lists(st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)), max_size=12),
    st.sampled_from(PLACES),
    st.floats(1, 1000),
)
def test_a_grid_has_everything_that_is_close_and_has_it_once(
    offsets: list[tuple[float, float]], middle: tuple[float, float], metres: float
) -> None:
    places = [
        at((middle[0] + east + 540) % 360 - 180, min(max(middle[1] + north, -90.0), 90.0)) for east, north in offsets
    ]
    grid = Grid[int](metres)
    for number, place in enumerate(places):
        grid.add(place, number)
    for place in places:
        boxes = boxes_around(place, metres)
        found = list(grid.inside(boxes))
        assert len(found) == len(set(found))
        assert set(found) == {
            number for number, other in enumerate(places) if any(box.contains(other) for box in boxes)
        }
        assert set(found) >= {number for number, other in enumerate(places) if apart(place, other) < metres}


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(1, 2000), st.floats(0, 360))
def test_boxes_hold_all_that_is_so_near_and_stay_on_the_globe(
    longitude: float, latitude: float, metres: float, bearing: float
) -> None:
    boxes = boxes_around(at(longitude, latitude), metres)
    for box in boxes:
        assert -180 <= box.west_deg <= box.east_deg <= 180
        assert -90 <= box.south_deg <= box.north_deg <= 90
    if abs(latitude) < 89:
        there = at(*destination(longitude, latitude, bearing_deg=bearing, distance_m=metres * 0.999))
        assert any(box.contains(there) for box in boxes)


@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(1, 1000))
def test_boxes_hold_little_else(longitude: float, latitude: float, metres: float) -> None:
    boxes = boxes_around(at(longitude, latitude), metres)
    assert all(distance_m(longitude, latitude, longitude, box.north_deg) < metres * 1.02 for box in boxes)
    width = sum(box.east_deg - box.west_deg for box in boxes)
    assert distance_m(0, latitude, width / 2, latitude) < metres * 1.03
