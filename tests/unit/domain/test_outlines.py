"""Areas of any shape: what is inside, how far the outline is, and which outlines are refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.devices import Fix
from ofh.domain.errors import Code, HubError
from ofh.domain.geodesy import destination, distance_m
from ofh.domain.outlines import MOST_CORNERS, Corner, Outline, check_corners

SQUARE: list[Corner] = [(8.0, 47.0), (9.0, 47.0), (9.0, 48.0), (8.0, 48.0)]
NOTCHED: list[Corner] = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
ACROSS: list[Corner] = [(179.0, -17.0), (-179.0, -17.0), (-179.0, -15.0), (179.0, -15.0)]
"""Over the antimeridian, at Fiji."""


def at(longitude: float, latitude: float) -> Fix:
    return Fix(longitude_deg=longitude, latitude_deg=latitude, height_m=0.0)


def inside(corners: list[Corner], longitude: float, latitude: float) -> bool:
    return Outline.of(check_corners(corners)).contains(at(longitude, latitude))


@pytest.mark.parametrize("corners", [SQUARE, SQUARE[::-1], [*SQUARE, SQUARE[0]]], ids=["left", "right", "closed"])
def test_a_square_holds_its_middle_whichever_way_it_is_drawn(corners: list[Corner]) -> None:
    assert inside(corners, 8.5, 47.5)
    for longitude, latitude in ((7.9, 47.5), (9.1, 47.5), (8.5, 46.9), (8.5, 48.1), (-171.5, 47.5), (-8.5, -47.5)):
        assert not inside(corners, longitude, latitude)


def test_a_notch_is_outside() -> None:
    assert inside(NOTCHED, 0.5, 2)
    assert inside(NOTCHED, 3.5, 2)
    assert not inside(NOTCHED, 2, 2)


@pytest.mark.parametrize("corners", [ACROSS, ACROSS[2:] + ACROSS[:2], ACROSS[::-1]])
def test_an_area_across_the_antimeridian_holds_both_of_its_halves(corners: list[Corner]) -> None:
    for longitude in (179.5, 180.0, -180.0, -179.5):
        assert inside(corners, longitude, -16.0)
    for longitude in (178.9, -178.9, 0.0):
        assert not inside(corners, longitude, -16.0)


@given(
    st.floats(-180, 180),
    st.floats(-80, 80),
    st.lists(st.floats(0.1, 2), min_size=3, max_size=30),
    st.floats(0, 360),
    st.floats(0.01, 3),
)
def test_a_star_holds_what_is_nearer_to_its_middle_than_its_outline(
    longitude: float, latitude: float, spokes: list[float], bearing: float, far: float
) -> None:
    """Drawn on the map around any place, with a corner in each of some equally spaced directions."""
    step = 360 / len(spokes)

    def spot(angle: float, radius: float) -> Corner:
        x = longitude + radius * math.cos(math.radians(angle))
        return (x + 540) % 360 - 180, latitude + radius * math.sin(math.radians(angle))

    corners = [spot(index * step, radius) for index, radius in enumerate(spokes)]
    first, second = spokes[int(bearing // step) % len(spokes)], spokes[(int(bearing // step) + 1) % len(spokes)]
    angle = math.radians(bearing % step)
    # Where the ray meets the side between two spokes: the areas of the two triangles that it makes add up.
    edge = (
        first
        * second
        * math.sin(math.radians(step))
        / (first * math.sin(angle) + second * math.sin(math.radians(step) - angle))
    )
    if abs(edge - far) > 1e-6 and bearing < step * len(spokes):
        assert Outline.of(corners).contains(at(*spot(bearing, far))) == (far < edge)


@given(st.floats(-179.9, 179.9), st.floats(-75, 75), st.floats(0, 360), st.floats(1, 2000), st.booleans())
def test_the_distance_to_a_long_straight_side_is_that_to_its_nearest_point(
    longitude: float, latitude: float, bearing: float, metres: float, is_drawn_back: bool
) -> None:
    """From a place beside the middle of a meridian that is a side of the area."""
    top, bottom = (longitude, latitude + 0.1), (longitude, latitude - 0.1)
    corner = ((longitude + 5 + 540) % 360 - 180, latitude)
    place = destination(longitude, latitude, bearing_deg=270 if bearing < 180 else 90, distance_m=metres)
    outline = Outline.of([top, bottom, corner] if is_drawn_back else [corner, bottom, top])
    assert outline.distance_m(at(*place)) == pytest.approx(metres, rel=0.01)


def test_the_distance_to_a_corner_is_that_between_the_places() -> None:
    outline = Outline.of(SQUARE)
    assert outline.distance_m(at(7.99, 46.99)) == pytest.approx(distance_m(7.99, 46.99, 8.0, 47.0), rel=0.01)


def test_distance_is_measured_over_the_antimeridian() -> None:
    outline = Outline.of(ACROSS)
    for longitude in (178.999, -178.999):
        assert outline.distance_m(at(longitude, -16.0)) == pytest.approx(
            distance_m(longitude, -16.0, math.copysign(179.0, longitude), -16.0), rel=0.01
        )
    square = Outline.of([(-180.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (-180.0, 1.0)])
    assert square.distance_m(at(179.999, 0.5)) == pytest.approx(distance_m(179.999, 0.5, -180.0, 0.5), rel=0.01)


REFUSED: dict[str, list[Corner]] = {
    "none": [],
    "two corners": SQUARE[:2],
    "two corners, closed": [*SQUARE[:2], SQUARE[0]],
    "too many": [(math.cos(n / 100), math.sin(n / 100)) for n in range(MOST_CORNERS + 1)],
    "off the globe east": [(180.1, 0), (1, 1), (0, 1)],
    "off the globe north": [(0, 90.1), (1, 1), (0, 1)],
    "not a number": [(math.nan, 0), (1, 1), (0, 1)],
    "infinite": [(0, math.inf), (1, 1), (0, 1)],
    "a corner twice in a row": [(0, 0), (0, 0), (1, 1), (0, 1)],
    "a bow tie": [(0, 0), (1, 1), (1, 0), (0, 1)],
    "a side through a corner": [(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)],
    "a spike": [(0, 0), (2, 0), (1, 0), (1, 1)],
    "a line": [(0, 0), (1, 1), (2, 2)],
    "a line there and back": [(0, 0), (1, 0), (2, 0), (1, 0)],
    "a bow tie across the antimeridian": [(179, 0), (-179, 1), (-179, 0), (179, 1)],
    "around the pole": [(0, 80), (120, 80), (-120, 80)],
    "half the globe": [(-90, 0), (90, 0), (0, 50)],
    "twice round": [(longitude, latitude) for latitude in (10, 20) for longitude in (0, 120, -120)],
}


@pytest.mark.parametrize("corners", REFUSED.values(), ids=REFUSED)
def test_what_is_no_sound_outline_is_refused(corners: list[Corner]) -> None:
    with pytest.raises(HubError) as refused:
        check_corners(corners)
    assert refused.value.code is Code.BAD_INPUT
    assert set(refused.value.fields) == {"area"}


def test_what_looks_odd_and_is_sound_is_taken() -> None:
    assert check_corners([*SQUARE, SQUARE[0]]) == tuple(SQUARE)
    assert check_corners(NOTCHED) == tuple(NOTCHED)
    circle = [
        (math.cos(math.tau * n / MOST_CORNERS), math.sin(math.tau * n / MOST_CORNERS)) for n in range(MOST_CORNERS)
    ]
    assert len(check_corners(circle)) == MOST_CORNERS
    straight: list[Corner] = [(0, 0), (1, 0), (2, 0), (1, 1)]  # a corner in the middle of a straight side
    assert check_corners(straight) == tuple(straight)


corner = st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)) | st.tuples(
    st.integers(-5, 5).map(float), st.integers(-5, 5).map(float)
)


@given(st.lists(corner, max_size=12))
def test_any_corners_make_an_outline_or_are_refused_as_bad_input(corners: list[Corner]) -> None:
    try:
        taken = check_corners(corners)
    except HubError:  # and no other: BAD_INPUT, as the cases above show
        return
    outline = Outline.of(taken)
    assert outline.distance_m(at(*taken[0])) < 0.01


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=7, unique=True))
def test_an_outline_is_tangled_where_two_of_its_sides_share_a_point(found: list[tuple[int, int]]) -> None:
    """Against the plain definition in whole numbers, tried on every pair of sides."""
    number = len(found)
    sides = [(found[index], found[(index + 1) % number]) for index in range(number)]

    def turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return (cross > 0) - (cross < 0)

    def is_on(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
        return (
            turn(a, b, c) == 0
            and min(a[0], b[0]) <= c[0] <= max(a[0], b[0])
            and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
        )

    def meet(i: int, j: int) -> bool:
        (a, b), (c, d) = sides[i], sides[j]
        if (i + 1) % number == j:
            return is_on(a, b, d) or is_on(c, d, a)
        if (j + 1) % number == i:
            return meet(j, i)
        crossing = turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
        return crossing or is_on(a, b, c) or is_on(a, b, d) or is_on(c, d, a) or is_on(c, d, b)

    expected = any(meet(i, j) for i in range(number) for j in range(i + 1, number))
    try:
        check_corners([(float(x), float(y)) for x, y in found])
        is_tangled = False
    except HubError:
        is_tangled = True
    assert is_tangled == expected
