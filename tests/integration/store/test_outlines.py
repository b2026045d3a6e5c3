"""Tracks of many flights at once, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from ofh.domain.tracks import PathPoint
from ofh.store.database import Database
from ofh.store.outlines import outlines
from tests.support.history import history_row, store

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
"""Here one of PostgreSQL's partitions ends and another begins."""


def at(second: float) -> datetime:
    return MONDAY + timedelta(seconds=second)


@pytest.fixture
async def flown(database: Database) -> Database:
    """A thousand fixes of the drone 7, one a second; its last report has none. Another drone was there too."""
    rows = [
        history_row(at(second), drone_id=7, longitude=None if second == 500 else second / 1000, height=float(second))
        for second in range(-500, 501)
    ]
    await store(database, rows)
    await store(database, [history_row(at(second), drone_id=8) for second in range(100)])
    return database


async def test_a_short_track_is_whole_and_a_long_one_keeps_its_ends_and_its_share(flown: Database) -> None:
    spans = [(at(-400), at(-398)), (at(-300), at(300)), (at(2_000), at(3_000))]
    short, long, none = await outlines(flown, 7, spans, 7)
    assert short == [PathPoint(at(second), second / 1000, 50.49, second) for second in (-400, -399, -398)]
    assert [point.height for point in long] == [-300, -200, -100, 0, 100, 200, 300]
    assert none == []


async def test_what_is_not_there_is_left_out(flown: Database) -> None:
    (track,) = await outlines(flown, 7, [(at(480), at(500))], 5)
    assert [point.height for point in track] == [480, 485, 490, 495, 499]
    (whole,) = await outlines(flown, 7, [(at(480), at(500))], 20)
    assert [point.height for point in whole] == list(range(480, 500))


async def test_a_moment_and_two_reports_of_it(flown: Database) -> None:
    await store(flown, [history_row(at(0), drone_id=7, digest=digest) for digest in (1, 2, 3)])
    (track,) = await outlines(flown, 7, [(at(0), at(0))], 2)
    assert {point.time for point in track} == {at(0)}
    assert 1 <= len(track) <= 2
    (track,) = await outlines(flown, 7, [(at(-10), at(10))], 3)
    assert [point.time for point in track] == [at(-10), at(0), at(10)]


@pytest.mark.parametrize("limit", [2, 3, 50, 999, 1_000])
async def test_never_more_than_the_share_in_order_and_each_once(flown: Database, limit: int) -> None:
    (track,) = await outlines(flown, 7, [(at(-500), at(500))], limit)
    times = [point.time for point in track]
    assert times == sorted(set(times))
    assert len(track) <= limit
    assert (times[0], times[-1]) == (at(-500), at(499))
    assert len(track) > limit * 0.9 - 1
