"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.times import read_time

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T12:00:00Z",
        "2026-05-01T12:00Z",
        "2026-05-01 12:00:00.000Z",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01T02:30:00-09:30",
        "2026-05-01T12:00:00.000000999Z",
    ],
)
def test_a_moment_has_many_names(text: str) -> None:
    assert read_time(text) == NOON


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))
def test_what_python_writes_is_read(at: datetime, offset: int) -> None:
    written = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert read_time(written.isoformat()) == written


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-05-01", "2026-05-01T12:00:00", "2026-05-01T12:00:00z", "1777636800", "2026-W18-5T12:00:00Z"),
        *("2026-05-01T12:00:00Z\0", "2026-05-01T12:00:00+02:00\0", " 2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z\n"),
        *("2026-13-01T12:00:00Z", "2026-02-30T12:00:00Z", "2026-05-01T25:00:00Z", "2026-05-01T12:00:00+25:00"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:00", "٢٠٢٦-05-01T12:00:00Z", "20260501T120000Z"),
    ],
)
def test_anything_else_is_no_time(text: str) -> None:
    assert read_time(text) is None
