"""What the scalars take and give."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.graphql.scalars import (
    BIG_INT_LIMIT,
    read_big_int,
    read_datetime,
    read_uuid,
    write_datetime,
)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T12:00:00+02:00",
        "2026-05-01T10:00:00Z",
        "2026-05-01T10:00:00.000000+00:00",
        "2026-04-30T22:00-12:00",
    ],
)
def test_any_offset_gives_the_same_moment_in_utc(text: str) -> None:
    time = read_datetime(text)
    assert time == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01T12:00:00",
        "2026-05-01",
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-05-01T12:00:00+25:00",
        "2026-05-01T12:00:00Z\0and more",
        "\0",
        1777636800,
        None,
        True,
        ["2026-05-01T12:00:00Z"],
    ],
)
def test_a_time_without_offset_or_sense_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError):
        read_datetime(value)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.text()))
def test_no_input_makes_a_scalar_fail_otherwise(value: object) -> None:
    for read in (read_datetime, read_big_int, read_uuid):
        try:
            read(value)
        except GraphQLError:
            pass


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2026, 5, 1, 10, tzinfo=UTC), "2026-05-01T10:00:00+00:00"),
        (datetime(2026, 5, 1, 10, 0, 0, 123, tzinfo=UTC), "2026-05-01T10:00:00.000123+00:00"),
        (datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2026-05-01T10:00:00+00:00"),
    ],
)
def test_times_go_out_in_utc_with_microseconds_where_there_are_any(time: datetime, text: str) -> None:
    assert write_datetime(time) == text


@given(st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)))
def test_a_time_survives_the_way_out_and_in(time: datetime) -> None:
    assert read_datetime(write_datetime(time)) == time


@pytest.mark.parametrize("value", [0, -1, BIG_INT_LIMIT, -BIG_INT_LIMIT, 2**40, 3.0])
def test_whole_numbers_up_to_the_limit_are_kept(value: int) -> None:
    assert read_big_int(value) == value


@pytest.mark.parametrize("value", [BIG_INT_LIMIT + 1, 0.5, float("nan"), float("inf"), "7", True, None])
def test_what_is_no_exact_whole_number_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError):
        read_big_int(value)


def test_a_uuid_is_read() -> None:
    assert read_uuid("0b5e1f1e-7d2c-4f55-9a3f-2d0f2f4b8c11") == UUID("0b5e1f1e-7d2c-4f55-9a3f-2d0f2f4b8c11")


@pytest.mark.parametrize("value", ["", "0b5e1f1e", 7, None, "\0"])
def test_what_is_no_uuid_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError):
        read_uuid(value)
