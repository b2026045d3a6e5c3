"""Tracks and lists of flights out of ten million stored points.

    python bench/flights.py [--points 10000000] [--flights 20000] [--repeat 7] [--sqlite]

Fills a private PostgreSQL, or with --sqlite a file, as ingest would: all drones' points of a second, then those of the
next. Then asks the services. Nothing is asserted. See `bench/README.md`.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import cos, sin
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._cpu import server_seconds  # noqa: E402
from ofh.domain.areas import Area  # noqa: E402
from ofh.domain.devices import micros  # noqa: E402
from ofh.services.access import OPERATOR, Access  # noqa: E402
from ofh.services.audit import Audit  # noqa: E402
from ofh.services.fleet import Fleet  # noqa: E402
from ofh.services.flights import FlightFilter, Flights  # noqa: E402
from ofh.store import history, weeks  # noqa: E402
from ofh.store.database import Database  # noqa: E402
from ofh.store.models import Drone, Flight, Workspace  # noqa: E402
from tests.support.services import PostgresServer, run_postgres  # noqa: E402

COLUMNS = tuple(history.HistoryRow.__dataclass_fields__)
HOURS = 8
POINTS = HOURS * 3600
"""Of one flight: a fix a second."""
FLEET = 50
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOW = START + timedelta(days=365)


@dataclass(frozen=True)
class Stored:
    """What was filled in."""

    workspace_id: int
    drone_ids: list[int]
    rounds: int
    """Flights with a track of each drone, one a day."""


def points(drone_ids: list[int], rounds: int) -> Iterator[tuple[Any, ...]]:
    """Every drone flies circles all day long, day after day."""
    for day in range(rounds):
        start = START + timedelta(days=day)
        for second in range(POINTS):
            at = start + timedelta(seconds=second)
            received = at + timedelta(milliseconds=40)
            x, y = 0.01 * sin(second / 500), 0.01 * cos(second / 500)
            for number, drone_id in enumerate(drone_ids):
                yield (
                    drone_id,
                    at,
                    received,
                    None,
                    day * POINTS + second,
                    9.0 + number * 0.1 + x,
                    50.0 + y,
                    500.0 + second % 100,
                    50.0,
                    second % 360,
                    7.5,
                    0.5,
                    88.0,
                    5,
                )


async def fill(database: Database, count: int, flights: int) -> Stored:
    """Store so many points, and a list of flights most of which have none."""
    workspace = await Workspace.create(uuid=uuid4(), name="Bench", created_at=START)
    drones = [
        await Drone.create(serial_number=f"AC{n}", type=67, workspace_id=workspace.id, created_at=START)
        for n in range(FLEET)
    ]
    stored = Stored(workspace.id, [drone.id for drone in drones], max(1, round(count / POINTS / FLEET)))
    began = time.perf_counter()
    rows = points(stored.drone_ids, stored.rounds)
    if database.dialect == "postgresql":
        async with database.transaction() as client:
            days = (START + timedelta(days=day) for day in range(stored.rounds))
            await weeks.ensure(database, client, {weeks.week_of(day) for day in days})
        async with database.connection.acquire_connection() as connection:
            while batch := list(islice(rows, 200_000)):
                await connection.copy_records_to_table("telemetry", records=batch, columns=COLUMNS)
            await connection.execute("VACUUM ANALYZE", timeout=600)
    else:
        sql = f"INSERT INTO telemetry VALUES ({', '.join('?' * len(COLUMNS))})"
        while batch := list(islice(rows, 100_000)):
            numbers = [(row[0], micros(row[1]), micros(row[2]), *row[3:]) for row in batch]
            async with database.transaction() as client:
                await client.execute_many(sql, numbers)
    await Flight.bulk_create(
        [flight(stored, day, drone_id) for day in range(stored.rounds) for drone_id in stored.drone_ids]
    )
    await Flight.bulk_create([without_track(stored, n) for n in range(flights)], batch_size=1000)
    if database.dialect == "postgresql":
        async with database.connection.acquire_connection() as connection:
            await connection.execute("ANALYZE flights")
    size = await bytes_of(database)
    number = stored.rounds * POINTS * FLEET
    print(
        f"{number:,} points, {size / number:.0f} bytes each with their indexes, in {time.perf_counter() - began:.0f} s;"
        f" {stored.rounds * FLEET + flights:,} flights"
    )
    return stored


def flight(stored: Stored, day: int, drone_id: int) -> Flight:
    """The row of a flight whose points are stored."""
    start = START + timedelta(days=day)
    west = 9.0 + stored.drone_ids.index(drone_id) * 0.1
    return _flight(stored, drone_id, start, start + timedelta(hours=HOURS), west)


def without_track(stored: Stored, number: int) -> Flight:
    """The row of a short flight of a year before, somewhere else."""
    start = START - timedelta(days=365) + timedelta(minutes=20 * number)
    return _flight(stored, stored.drone_ids[number % FLEET], start, start + timedelta(minutes=15), -60.0)


def _flight(stored: Stored, drone_id: int, start: datetime, end: datetime, west: float) -> Flight:
    return Flight(
        workspace_id=stored.workspace_id,
        drone_id=drone_id,
        phase="ended",
        started_at=start,
        last_at=end,
        landed_at=end,
        ended_at=end,
        west=west - 0.01,
        east=west + 0.01,
        south=49.99,
        north=50.01,
    )


async def bytes_of(database: Database) -> int:
    """What the history takes on the disk."""
    if database.dialect == "sqlite":
        await database.connection.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
        return database.path.stat().st_size
    _, rows = await database.connection.execute_query(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'telemetry'::regclass"
    )
    return int(rows[0][0])


async def ask(database: Database, server: PostgresServer | None, stored: Stored, repeat: int) -> None:
    """Time the questions, each about another drone or day each time."""
    access = Access(Audit(clock=lambda: NOW))
    fleet = Fleet(database, access, lambda: NOW)
    flights = Flights(database, access, fleet)
    workspace_id, drone_ids = stored.workspace_id, stored.drone_ids

    def day(n: int) -> datetime:
        return START + timedelta(days=n % stored.rounds)

    async def track(n: int, hours: float, limit: int) -> int:
        drone_id, start = drone_ids[n * 7 % FLEET], day(n)
        return len(await fleet.track(OPERATOR, drone_id, start, start + timedelta(hours=hours), limit))

    async def page(wanted: FlightFilter) -> int:
        return len((await flights.of_workspace(OPERATOR, workspace_id, wanted, first=50, after=None)).rows)

    def near(n: int) -> Area:
        """A corner of where one drone flies."""
        west = 9.0 + n * 7 % FLEET * 0.1
        return Area(west_deg=west, south_deg=50.0, east_deg=west + 0.02, north_deg=50.02)

    questions: dict[str, Callable[[int], Awaitable[int]]] = {
        "track of a flight of 8 h, to 2,000 points": lambda n: track(n, HOURS, 2_000),
        "track of 15 minutes, whole": lambda n: track(n, 0.25, 2_000),
        f"track of {stored.rounds} days, to 2,000 points": lambda n: track(0, 24.0 * stored.rounds, 2_000),
        "page of 50 flights, the newest": lambda _: page(FlightFilter()),
        "page of a drone's flights": lambda n: page(FlightFilter(drone_id=drone_ids[n * 7 % FLEET])),
        "page of flights of some days": lambda n: page(FlightFilter(start=day(n), end=day(n) + timedelta(days=2))),
        "page of flights through an area": lambda n: page(FlightFilter(area=near(n))),
    }
    head = f"{'milliseconds':44}{'rows':>7}{'first':>10}{f'median of {repeat}':>14}"
    print(f"{head}{'CPU of each':>14}{'of the server':>15}")
    for name, question in questions.items():
        times, found = [], 0
        ours, theirs = time.process_time(), server_seconds(server)
        for n in range(repeat):
            began = time.perf_counter()
            found = await question(n)
            times.append((time.perf_counter() - began) * 1000)
        ours, theirs = time.process_time() - ours, server_seconds(server) - theirs
        both = f"{(ours + theirs) * 1000 / repeat:14.1f}{theirs * 1000 / repeat:15.1f}"
        print(f"{name:44}{found:7}{times[0]:10.1f}{statistics.median(times):14.1f}{both}")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A new database, migrated."""
    database = Database(url)
    await database.migrate()
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def run(asked: argparse.Namespace) -> None:
    """Fill and ask."""
    print(f"{'SQLite' if asked.sqlite else 'PostgreSQL'}, {datetime.now(UTC):%Y-%m-%d}")
    if asked.sqlite:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(f"sqlite://{folder}/hub.db") as database:
                await ask(database, None, await fill(database, asked.points, asked.flights), asked.repeat)
    else:
        with run_postgres() as server:
            async with opened(server.create_database()) as database:
                await ask(database, server, await fill(database, asked.points, asked.flights), asked.repeat)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Read what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--flights", type=int, default=20_000, help="further flights, without points")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--sqlite", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
