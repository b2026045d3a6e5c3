"""The history on both databases: written once whatever is delivered again, and read back whole or thinned."""

from bisect import bisect_left
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ofh.domain.tracks import TrackPoint
from ofh.store import history, weeks
from ofh.store.database import Database
from ofh.store.history import HistoryRow, write_history
from tests.support.history import history_of, history_row, store

START = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)
"""A Monday."""
LARGE = history.COPY_FROM * 2
"""Reports of a batch that goes by the fast way."""


def after(seconds: float) -> datetime:
    """A time that long after `START`."""
    return START + timedelta(seconds=seconds)


def batch(size: int, **values: object) -> list[HistoryRow]:
    """A report a second."""
    return [history_row(after(n), **{"digest": n, **values}) for n in range(size)]


@pytest.mark.parametrize("size", [1, 3, LARGE])
async def test_what_is_written_twice_is_stored_once(database: Database, size: int) -> None:
    await store(database, batch(size))
    await store(database, batch(size))
    stored = await history_of(database)
    assert [row.reported_at for row in stored] == [after(n) for n in range(size)]


async def test_a_large_batch_of_old_and_new_reports_stores_the_new_ones(database: Database) -> None:
    await store(database, batch(LARGE // 2))
    await store(database, batch(LARGE))
    assert len(await history_of(database)) == LARGE


@pytest.mark.parametrize("size", [2, LARGE])
async def test_a_message_that_is_twice_in_a_batch_is_stored_once(database: Database, size: int) -> None:
    await store(database, [*batch(size), *batch(size)])
    assert len(await history_of(database)) == size


@pytest.mark.parametrize("size", [1, LARGE])
async def test_another_message_of_the_same_moment_is_stored(database: Database, size: int) -> None:
    await store(database, batch(size))
    await store(database, batch(size, digest=-5))
    assert len(await history_of(database)) == 2 * size


@pytest.mark.parametrize("size", [1, LARGE])
async def test_a_wrong_clock_delivered_again_changes_nothing(database: Database, size: int) -> None:
    clock = START - timedelta(days=4000)
    for delivery in (0, 700, 90_000):
        await store(
            database,
            [
                history_row(after(n + delivery), device_clock=clock + timedelta(seconds=n), digest=n)
                for n in range(size)
            ],
        )
    stored = await history_of(database)
    assert [row.reported_at for row in stored] == [after(n) for n in range(size)]
    assert [row.device_clock for row in stored] == [clock + timedelta(seconds=n) for n in range(size)]


@pytest.mark.parametrize("size", [1, LARGE])
async def test_a_clock_that_was_believed_and_is_not_any_more_changes_nothing(database: Database, size: int) -> None:
    await store(database, batch(size))
    late = [history_row(after(900 + n), device_clock=after(n), digest=n) for n in range(size)]
    await store(database, late)
    assert [row.reported_at for row in await history_of(database)] == [after(n) for n in range(size)]


@pytest.mark.parametrize("size", [1, LARGE])
async def test_a_clock_that_was_not_believed_and_now_is_changes_nothing(database: Database, size: int) -> None:
    """It is ahead: at the first delivery by more than the tolerance."""
    early = [history_row(after(n - 360), device_clock=after(n), digest=n) for n in range(size)]
    await store(database, early)
    await store(database, batch(size))
    assert [row.reported_at for row in await history_of(database)] == [after(n - 360) for n in range(size)]


async def test_a_device_without_a_clock_is_stored_by_ours(database: Database) -> None:
    await store(database, [history_row(START, device_clock=None), history_row(after(1), device_clock=None)])
    assert [row.reported_at for row in await history_of(database)] == [START, after(1)]


async def test_reports_of_any_week_are_stored(database: Database) -> None:
    times = [START + timedelta(weeks=n) for n in (-900, -30, 0, 1, 60)]
    times += [times[1] + timedelta(days=6, hours=15, minutes=59, seconds=59, microseconds=999_999)]
    await store(database, [history_row(at) for at in times])
    assert [row.reported_at for row in await history_of(database)] == sorted(times)


async def test_a_batch_that_is_rolled_back_leaves_nothing_but_can_be_written_again(database: Database) -> None:
    with suppress(ZeroDivisionError):
        async with database.transaction() as client:
            await write_history(database, client, batch(3))
            await write_history(database, client, batch(5))
            raise ZeroDivisionError
    assert await history_of(database) == []
    for size in (5, LARGE):
        await store(database, batch(size))
        assert len(await history_of(database)) == size


@pytest.mark.services
@pytest.mark.parametrize("size", [1, LARGE])
async def test_a_week_that_another_process_dropped_is_made_again(services_database_url: str, size: int) -> None:
    database = Database(services_database_url)
    await database.open()
    for _ in range(2):  # remembered from the second time on
        await store(database, batch(1))
    assert weeks.week_of(START) in database.history_weeks
    await database.connection.execute_script(f"DROP TABLE {weeks.name_of(weeks.week_of(START))}")
    await store(database, batch(size))
    assert len(await history_of(database)) == size
    await database.close()


def test_a_week_is_named_by_its_year_and_number() -> None:
    for at, name in {
        datetime(2026, 1, 1, tzinfo=UTC): "telemetry_2026w01",
        datetime(2025, 12, 29, tzinfo=UTC): "telemetry_2026w01",
        datetime(2025, 12, 28, 23, 59, 59, tzinfo=UTC): "telemetry_2025w52",
        datetime(2027, 1, 3, tzinfo=UTC): "telemetry_2026w53",
    }.items():
        assert weeks.name_of(weeks.week_of(at)) == name
        assert weeks.begins(weeks.week_of(at)) <= at < weeks.begins(weeks.week_of(at)) + weeks.WEEK


async def test_chunks_give_every_fix_of_the_span_once_in_order(database: Database) -> None:
    stored = [history_row(after(n / 2), digest=-n) for n in range(25)]
    stored += [history_row(after(3), digest=5), history_row(after(5), drone_id=2)]
    stored += [history_row(after(4), digest=9, longitude=None, latitude=None, height=None)]
    await store(database, stored)
    found = [chunk async for chunk in history.chunks(database, 1, after(1), after(11), size=4)]
    assert [len(chunk) for chunk in found] == [4, 4, 4, 4, 4, 2]
    times = [(point.time - START).total_seconds() for chunk in found for point in chunk]
    assert times == sorted([*[n / 2 for n in range(2, 23)], 3])
    assert await history.count(database, 1, after(1), after(11)) == 22


async def test_a_span_without_fixes_gives_no_chunk(database: Database) -> None:
    assert [chunk async for chunk in history.chunks(database, 1, START, after(60))] == []
    assert await history.track(database, 1, START, after(60), 10) == []


async def test_a_point_has_what_was_reported(database: Database) -> None:
    values = {
        "longitude": 9.95,
        "latitude": 50.49,
        "height": 901.5,
        "elevation": 10.0,
        "heading": 271.5,
        "horizontal_speed": 4.0,
        "vertical_speed": -1.0,
        "battery_percent": 88.0,
    }
    await store(database, [history_row(after(1.5), **values)])
    expected = [TrackPoint(time=after(1.5), **values)]  # type: ignore[arg-type]
    assert [chunk async for chunk in history.chunks(database, 1, START, after(60))] == [expected]
    assert await history.track(database, 1, START, after(60), 10) == expected


def wandering() -> tuple[list[HistoryRow], set[int]]:
    """A track across the antimeridian, and its ends and extremes, each of which is a single fix."""
    rows = []
    extremes = {301: (0.0, -0.3, 0.0), 402: (0.0, 0.3, 0.0), 503: (0.0, 0.0, -50.0), 604: (0.0, 0.0, 50.0)}
    extremes |= {705: (-0.3, 0.0, 0.0), 806: (0.3, 0.0, 0.0)}
    for n in range(1000):
        east, north, up = extremes.get(n, (0.0, 0.0, 0.0))
        longitude = (179.95 + n * 1e-4 + east + 180) % 360 - 180
        rows.append(history_row(after(n), longitude=longitude, latitude=10 + north, height=100.0 + up))
    return rows, {0, 999, *extremes}


@pytest.mark.parametrize("at_once", [90, 400, 999, 1000, 2000])
async def test_a_track_keeps_its_ends_and_extremes_however_many_fixes_are_read_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    rows, extremes = wandering()
    await store(database, rows)
    monkeypatch.setattr(history, "TRACK_ROWS", at_once)
    for limit in (8, 90):
        track = await history.track(database, 1, START, after(999), limit)
        seconds = [(point.time - START).total_seconds() for point in track]
        assert seconds == sorted(set(seconds))
        assert len(track) <= limit
        assert extremes <= set(seconds)
        middle = bisect_left(seconds, 500)
        assert abs(middle - len(seconds) / 2) <= 3 + len(seconds) / 8  # no part at the cost of another


async def test_a_track_of_too_many_fixes_is_made_of_every_so_many_from_end_to_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(database, wandering()[0])
    monkeypatch.setattr(history, "TRACK_ROWS", 90)
    monkeypatch.setattr(history, "TRACK_MOST", 999)
    track = await history.track(database, 1, START, after(999), 90)
    seconds = [(point.time - START).total_seconds() for point in track]
    assert (seconds[0], seconds[-1]) == (0, 999)
    assert 70 <= len(track) <= 90
    assert max(b - a for a, b in pairwise(seconds)) <= 48
    assert seconds == sorted(set(seconds))


async def test_a_track_of_more_points_than_are_read_at_once_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="40000"):
        await history.track(database, 1, START, after(999), history.TRACK_ROWS + 1)
