"""Reports into stored rows, per second of CPU: what the hub does beside a bare COPY and beside one INSERT per message.

    python bench/ingest.py [--rows 100000] [--batch 1000] [--drones 200] [--only postgresql|sqlite]

Private PostgreSQL and SQLite on this machine, loopback only, bounded by the number of rows; nothing is asserted. See
`bench/README.md` for what is compared.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._cpu import server_seconds  # noqa: E402
from ofh.backends.ports import Message  # noqa: E402
from ofh.domain.devices import (  # noqa: E402
    Battery,
    Fix,
    Property,
    Report,
    Value,
    micros,
)
from ofh.services.recorder import Incoming  # noqa: E402
from ofh.store.database import Database  # noqa: E402
from ofh.store.history import HistoryRow, write_history  # noqa: E402
from tests.support.fleet import START, FleetBench  # noqa: E402
from tests.support.services import PostgresServer, run_postgres  # noqa: E402

COLUMNS = tuple(HistoryRow.__dataclass_fields__)
TYPES = (
    "drone_id bigint, reported_at timestamptz, received_at timestamptz, device_clock timestamptz, digest bigint,"
    " longitude float8, latitude float8, height float8, elevation float8, heading float8, horizontal_speed float8,"
    " vertical_speed float8, battery_percent float8, mode_code int"
)
KEY = ", PRIMARY KEY (drone_id, reported_at, digest)"
RANDOM = Random(1)


@dataclass(frozen=True)
class Plan:
    """How much is written, and by how many drones."""

    rows: int
    batch: int
    drones: int

    def batches(self, rows: int | None = None) -> list[list[HistoryRow]]:
        """A report of each drone a second, in the order in which they would come."""
        made = [self._row(n) for n in range(rows or self.rows)]
        return [made[first : first + self.batch] for first in range(0, len(made), self.batch)]

    def _row(self, n: int) -> HistoryRow:
        second, drone = divmod(n, self.drones)
        at = START + timedelta(seconds=second, microseconds=drone * 1000)
        return HistoryRow(
            drone_id=drone + 1,
            reported_at=at,
            received_at=at + timedelta(milliseconds=40),
            device_clock=at,
            digest=RANDOM.getrandbits(64) - 2**63,
            longitude=9.9 + second * 1e-5,
            latitude=50.1 + drone * 1e-4,
            height=512.0 + second % 50,
            elevation=40.0 + second % 50,
            heading=float(second % 360),
            horizontal_speed=7.5,
            vertical_speed=0.5,
            battery_percent=88.0,
            mode_code=5,
        )


@dataclass(frozen=True)
class Result:
    """What one contender cost."""

    name: str
    rows: int
    client_s: float
    server_s: float
    wall_s: float


class Meter:
    """Counts CPU: of this process, and of PostgreSQL with all its backends."""

    def __init__(self, server: PostgresServer | None) -> None:
        self._server = server
        self.results: list[Result] = []

    async def measure(self, name: str, rows: int, work: Callable[[], Awaitable[None]]) -> None:
        """Run one contender and remember what it cost."""
        client, server, wall = time.process_time(), server_seconds(self._server), time.perf_counter()
        await work()
        used = time.process_time() - client, server_seconds(self._server) - server, time.perf_counter() - wall
        self.results.append(Result(name, rows, *used))
        print(f"  {name}: done", file=sys.stderr, flush=True)


def values_of(row: HistoryRow) -> tuple[Any, ...]:
    """A row as drivers take it."""
    return tuple(getattr(row, name) for name in COLUMNS)


# The hub's own way, whatever the database


async def write_path(meter: Meter, database: Database, plan: Plan) -> None:
    """`write_history`, a transaction per batch."""
    warm, *batches = plan.batches(plan.rows + plan.batch)

    async def write(some: list[list[HistoryRow]]) -> None:
        for batch in some:
            async with database.transaction() as client:
                await write_history(database, client, batch)

    await write([warm])
    await meter.measure("write_history", plan.rows, lambda: write(batches))


async def recorder(meter: Meter, database: Database, plan: Plan, *, from_bytes: bool) -> None:
    """The whole way from a report, or from MQTT's bytes, to stored row, published event and acknowledgement."""
    rows = min(plan.rows, plan.drones * 250)  # their clock may be five minutes ahead of ours
    name = "hub from MQTT's bytes, without broker" if from_bytes else "recorder: lock, merge, derive, write, tell"
    mark = "B" if from_bytes else "A"
    async with FleetBench(database).running() as bench:
        workspace_id = await bench.workspace()
        for n in range(plan.drones):
            await bench.connection(workspace_id, f"{mark}{n}")
            assert await bench.announce(f"{mark}{n}", f"RC{mark}{n:06}", f"AC{mark}{n:06}")
        acknowledged = 0

        def ack() -> None:
            nonlocal acknowledged
            acknowledged += 1

        bounds = [await bench.telemetry.find(f"AC{mark}{n:06}", None, f"{mark}{n}") for n in range(plan.drones)]
        made: list[Any] = []
        for number, row in enumerate(row for batch in plan.batches(rows) for row in batch):
            drone = row.drone_id - 1
            if from_bytes:
                made.append(
                    Message(
                        topic=f"thing/product/AC{mark}{drone:06}/osd",
                        payload=osd(row, f"RC{mark}{drone:06}", number),
                        qos=1,
                        received_at=bench.now,
                        account=f"{mark}{drone}",
                        ack=ack,
                    )
                )
                continue
            bound = bounds[drone]
            assert bound is not None
            made.append(
                Incoming(
                    bound=bound,
                    report=Report(at=row.reported_at, values=report(row)),
                    received_at=bench.now,
                    device_clock=row.reported_at,
                    digest=row.digest,
                    ack=ack,
                )
            )

        async def run() -> None:
            for first in range(0, len(made), plan.batch):
                for item in made[first : first + plan.batch]:
                    if not from_bytes:
                        assert bench.recorder.add_now(item)
                    elif (work := bench.consumer.handle(item)) is not None:
                        await work
                await bench.recorder.settled()

        before = await stored_in(database)
        await meter.measure(name, rows, run)
        stored = await stored_in(database) - before
        if (acknowledged, stored) != (rows, rows):
            print(f"  of {rows} reports {acknowledged} were acknowledged and {stored} stored", file=sys.stderr)


async def stored_in(database: Database) -> int:
    """How many rows the history has."""
    _, rows = await database.connection.execute_query("SELECT count(*) FROM telemetry")
    return int(rows[0][0])


def report(row: HistoryRow) -> dict[Property, Value]:
    """What an aircraft says of itself in one message."""
    assert row.longitude is not None
    assert row.latitude is not None
    assert row.height is not None
    assert row.battery_percent is not None
    values: dict[Property, Value | None] = {
        Property.FIX: Fix(longitude_deg=row.longitude, latitude_deg=row.latitude, height_m=row.height),
        Property.BATTERY: Battery(capacity_percent=row.battery_percent),
        Property.ELEVATION: row.elevation,
        Property.HEADING: row.heading,
        Property.HORIZONTAL_SPEED: row.horizontal_speed,
        Property.VERTICAL_SPEED: row.vertical_speed,
        Property.MODE_CODE: row.mode_code,
    }
    return {name: value for name, value in values.items() if value is not None}


def osd(row: HistoryRow, gateway: str, number: int) -> bytes:
    """The same as DJI's message, with some of what else it says."""
    return orjson.dumps(
        {
            "bid": f"00000000-0000-0000-0000-{number:012}",
            "tid": f"00000000-0000-0000-0001-{number:012}",
            "timestamp": micros(row.reported_at) // 1000,
            "gateway": gateway,
            "data": {
                "longitude": row.longitude,
                "latitude": row.latitude,
                "height": row.height,
                "elevation": row.elevation,
                "attitude_head": (row.heading or 0) - 180,
                "attitude_pitch": 0.3,
                "attitude_roll": -1.2,
                "horizontal_speed": row.horizontal_speed,
                "vertical_speed": row.vertical_speed,
                "mode_code": row.mode_code,
                "gear": 1,
                "home_distance": 120.5,
                "wind_speed": 32,
                "wind_direction": 4,
                "battery": {"capacity_percent": 88, "remain_flight_time": 1200, "batteries": []},
                "position_state": {"gps_number": 17, "is_fixed": 2, "quality": 5, "rtk_number": 0},
                "storage": {"total": 60_000_000, "used": 1_200_000},
            },
        }
    )


# PostgreSQL


async def on_postgresql(plan: Plan) -> list[Result]:
    """All contenders, each into a table of its own kind."""
    with run_postgres() as server:
        meter = Meter(server)
        url = server.create_database()
        database = Database(url)
        await database.migrate()
        connection = await asyncpg.connect(url)
        for key in ("", KEY):
            await bare_copy(meter, connection, plan, key)
        await one_by_one_postgresql(meter, connection, plan)
        await connection.close()
        await database.open()
        try:
            await write_path(meter, database, plan)
            await recorder(meter, database, plan, from_bytes=False)
            await recorder(meter, database, plan, from_bytes=True)
        finally:
            await database.close()
        return meter.results


async def bare_copy(meter: Meter, connection: Any, plan: Plan, key: str) -> None:
    """Ready tuples into a plain table, a COPY per batch; nothing is looked at."""
    await connection.execute(f"DROP TABLE IF EXISTS bare; CREATE TABLE bare ({TYPES}{key})")
    batches = [[values_of(row) for row in batch] for batch in plan.batches()]

    async def run() -> None:
        for batch in batches:
            await connection.copy_records_to_table("bare", records=batch, columns=COLUMNS)

    await meter.measure(f"bare COPY{', primary key' if key else ''}", plan.rows, run)


async def one_by_one_postgresql(meter: Meter, connection: Any, plan: Plan) -> None:
    """A statement and a transaction per message, by a prepared statement, into the same kind of table."""
    await connection.execute(f"CREATE TABLE single ({TYPES}{KEY})")
    rows = plan.rows // 10
    made = [values_of(row) for batch in plan.batches(rows) for row in batch]
    places = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))
    statement = await connection.prepare(f"INSERT INTO single VALUES ({places}) ON CONFLICT DO NOTHING")

    async def run() -> None:
        for values in made:
            await statement.fetch(*values)

    await meter.measure("one INSERT per message", rows, run)


# SQLite


async def on_sqlite(plan: Plan) -> list[Result]:
    """All contenders; the database works within this process."""
    meter = Meter(None)
    with tempfile.TemporaryDirectory() as folder:
        for key in ("", KEY):
            await bare_sqlite(meter, Path(folder) / "bare.db", plan, key)
        await one_by_one_sqlite(meter, Path(folder) / "bare.db", plan)
        database = Database(f"sqlite://{folder}/hub.db")
        await database.migrate()
        await database.open()
        try:
            await write_path(meter, database, plan)
            await recorder(meter, database, plan, from_bytes=False)
            await recorder(meter, database, plan, from_bytes=True)
        finally:
            await database.close()
    return meter.results


def sqlite_at(path: Path, key: str) -> sqlite3.Connection:
    """A file that is set up as the hub's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; DROP TABLE IF EXISTS bare;"
        f" CREATE TABLE bare ({TYPES}{key}){' WITHOUT ROWID' if key else ''}"
    )
    return connection


def sqlite_values(row: HistoryRow) -> tuple[Any, ...]:
    """A row with its times as numbers."""
    return tuple(micros(value) if isinstance(value, datetime) else value for value in values_of(row))


INSERT = f"INSERT INTO bare VALUES ({', '.join('?' * len(COLUMNS))})"


async def bare_sqlite(meter: Meter, path: Path, plan: Plan, key: str) -> None:
    """Ready tuples into a table, `executemany` and a transaction per batch; nothing is looked at."""
    connection = sqlite_at(path, key)
    batches = [[sqlite_values(row) for row in batch] for batch in plan.batches()]

    async def run() -> None:
        for batch in batches:
            connection.execute("BEGIN")
            connection.executemany(INSERT, batch)
            connection.execute("COMMIT")

    await meter.measure(f"bare executemany{', primary key' if key else ''}", plan.rows, run)
    connection.close()


async def one_by_one_sqlite(meter: Meter, path: Path, plan: Plan) -> None:
    """A transaction per message, into the same kind of table."""
    connection = sqlite_at(path, KEY)
    rows = plan.rows // 10
    made = [sqlite_values(row) for batch in plan.batches(rows) for row in batch]

    async def run() -> None:
        for values in made:
            connection.execute(INSERT, values)

    await meter.measure("one INSERT per message", rows, run)
    connection.close()


# The table


def show(title: str, results: list[Result], *, has_server: bool) -> None:
    """Rows a second of CPU, and how that compares with the first contender."""
    print(f"\n{title}")
    first = results[0]
    head = f"{'':42}{'rows':>8}{'rows per s of our CPU':>24}{'':8}"
    print(head + (f"{'of ours and its own':>22}{'':8}" if has_server else "") + f"{'rows per s':>12}")
    for result in results:
        ours = result.rows / result.client_s
        line = f"{result.name:42}{result.rows:8}{ours:24,.0f}{_times(ours, first.rows / first.client_s)}"
        if has_server:
            both = result.rows / (result.client_s + result.server_s)
            line += f"{both:22,.0f}{_times(both, first.rows / (first.client_s + first.server_s))}"
        print(f"{line}{result.rows / result.wall_s:12,.0f}")


def _times(value: float, of: float) -> str:
    return f"{value / of:7.3f}×"


def main() -> None:
    """Run what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1_000, help="reports in one transaction")
    parser.add_argument("--drones", type=int, default=200)
    parser.add_argument("--only", choices=("postgresql", "sqlite"))
    asked = parser.parse_args()
    plan = Plan(asked.rows, asked.batch, asked.drones)
    print(f"{plan.rows} rows of {plan.drones} drones, {plan.batch} a batch, {datetime.now(UTC):%Y-%m-%d}")
    if asked.only != "sqlite":
        show("PostgreSQL", asyncio.run(on_postgresql(plan)), has_server=True)
    if asked.only != "postgresql":
        show("SQLite", asyncio.run(on_sqlite(plan)), has_server=False)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
