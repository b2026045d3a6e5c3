"""What is refused before a service sees it (security.md, A3, A4, G8)."""

import pytest
import strawberry

from ofh.domain.errors import Code, HubError
from ofh.edges.graphql.arguments import Area, chosen, given, within
from ofh.edges.ids import number


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("42", 42), ("9" * 18, 10**18 - 1)])
def test_an_id_is_a_number(value: str, expected: int) -> None:
    assert number(value, "id") == expected


@pytest.mark.parametrize(
    "value",
    ["", "0", "01", "-1", "+1", " 1", "1 ", "1\n", "1.0", "1e3", "1_0", "0x1", "٣", "９", "9" * 19, "a", "\0", "1\0"],
)
def test_a_malformed_id_is_bad_input(value: str) -> None:
    with pytest.raises(HubError) as caught:
        number(value, "droneId")
    assert caught.value.code is Code.BAD_INPUT
    assert set(caught.value.fields) == {"droneId"}


def test_what_was_left_out_is_not_given() -> None:
    assert given(name="A", email=strawberry.UNSET) == {"name": "A"}
    assert given(name=strawberry.UNSET) == {}


def test_null_clears_what_may_be_null_and_is_bad_input_elsewhere() -> None:
    assert given(locale=None, clearable=frozenset({"locale"})) == {"locale": None}
    with pytest.raises(HubError) as caught:
        given(name=None, clearable=frozenset({"locale"}))
    assert caught.value.code is Code.BAD_INPUT
    assert set(caught.value.fields) == {"name"}


@pytest.mark.parametrize("value", [None, strawberry.UNSET])
def test_the_default_stands_for_what_is_left_out_or_null(value: int | None) -> None:
    assert chosen(value, 7) == 7
    assert chosen(0, 7) == 0


def test_a_number_outside_of_its_range_is_bad_input() -> None:
    assert within(3, 1, 3, "maxPoints") == 3
    for value in (0, 4):
        with pytest.raises(HubError) as caught:
            within(value, 1, 3, "maxPoints")
        assert set(caught.value.fields) == {"maxPoints"}


def test_an_area_may_cross_the_antimeridian() -> None:
    area = Area(west=170, south=-10, east=-170, north=10).checked("area")
    assert (area.west_deg, area.south_deg, area.east_deg, area.north_deg) == (170, -10, -170, 10)


@pytest.mark.parametrize(
    ("sides", "field"),
    [
        ((-180.1, 0, 1, 1), "area.west"),
        ((0, -90.1, 1, 1), "area.south"),
        ((0, 0, 180.1, 1), "area.east"),
        ((0, 0, 1, 91), "area.north"),
        ((0, 2, 1, 1), "area.south"),
        ((float("nan"), 0, 1, 1), "area.west"),
        ((0, 0, 1, float("inf")), "area.north"),
    ],
)
def test_an_area_that_is_not_on_the_globe_is_bad_input(sides: tuple[float, float, float, float], field: str) -> None:
    west, south, east, north = sides
    with pytest.raises(HubError) as caught:
        Area(west=west, south=south, east=east, north=north).checked("area")
    assert caught.value.code is Code.BAD_INPUT
    assert set(caught.value.fields) == {field}
