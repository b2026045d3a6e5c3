"""Filters: what parses, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.events import Table
from ofh.domain.traffic import Circle
from ofh.edges.ids import id_in
from ofh.edges.live.filters import circle, table_row


@pytest.mark.parametrize("text", ["1", "17", "999999999999999999"])
def test_an_id_is_a_number_as_rest_writes_it(text: str) -> None:
    assert id_in(text) == int(text)


@pytest.mark.parametrize("text", ["", "0", "01", "+1", "-1", "1.0", "1e3", " 1", "1\n", "1" * 19, "١", "17%18", "17&x"])
def test_anything_else_is_no_id(text: str) -> None:
    assert id_in(text) is None


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("drone%17", Table.DRONE),
        ("drones%17", Table.DRONE),
        ("remote_controller%17", Table.REMOTE_CONTROLLER),
        ("remote-controller%17", Table.REMOTE_CONTROLLER),
        ("media%17", Table.MEDIA),
        ("user%17", Table.USER),
    ],
)
def test_a_row_is_named_by_table_and_id(text: str, table: Table) -> None:
    assert table_row(text) == (table, 17)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drone",
        "drone%",
        "%17",
        "drone%0",
        "drone%17%18",
        "Drone%17",
        "user_sessions%17",
        "access_tokens%1",
        "a%1;--",
    ],
)
def test_no_other_table_can_be_named(text: str) -> None:
    assert table_row(text) is None


@pytest.mark.parametrize("text", ["50.5$9.95$5000", "5.05e1$+9.95$5e3", "50.5$9.95$5000.0"])
def test_a_circle_is_latitude_longitude_and_radius(text: str) -> None:
    assert circle(text) == Circle(latitude_deg=50.5, longitude_deg=9.95, radius_m=5000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "50.5$9.95",
        "50.5$9.95$5000$1",
        "91$0$1",
        "0$181$1",
        "0$0$0",
        "0$0$-5",
        "0$0$20037509",
        "0$0$1e99",
        "nan$0$1",
        "inf$0$1",
        "0$0$" + "9" * 400,
        "0x1$0$1",
        "1_0$0$1",
    ],
)
def test_what_is_no_circle_on_earth_is_refused(text: str) -> None:
    assert circle(text) is None


@given(st.text(max_size=300))
def test_any_text_is_a_filter_or_none(text: str) -> None:
    id_in(text), table_row(text), circle(text)
