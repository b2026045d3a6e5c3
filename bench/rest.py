"""The REST operations beside a bare route that returns the same bytes.

    python bench/rest.py [--requests 4000] [--drones 2000] [--flights 2000] [--points 600] [--postgresql]

Fills a database, starts `ofh serve` on it and, as another process, a Starlette application whose routes return what
the hub answered, byte for byte. Then asks both the same. Nothing is asserted. See
`bench/README.md`.
"""

import argparse
import asyncio
import multiprocessing
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._cpu import server_seconds  # noqa: E402
from tests.support.hubs import base_environment  # noqa: E402
from tests.support.services import PostgresServer, free_port, run_postgres  # noqa: E402

TOKEN = secrets.token_urlsafe(32)
CONNECTIONS = 8
RAISED = ("OFH_SESSION_REQUESTS_PER_S", "OFH_SESSION_REQUESTS_BURST")
"""Limits that one client would run into."""
Headers = list[tuple[bytes, bytes]]
LONG = timedelta(hours=8)
SHORT = timedelta(minutes=20)


@dataclass(frozen=True)
class Ids:
    """What was filled in."""

    workspace: int
    drone: int
    """The one with flights and media."""
    flight: int
    long_flight: int


# The database


async def fill(url: str, drones: int, flights: int, points: int) -> Ids:
    """Store a workspace with so many drones, and for one of them so many flights with a track each."""
    from ofh.services.codes import digest
    from ofh.store.database import Database
    from ofh.store.models import Connection, Drone, File, Flight, Media, Membership, User, UserSession, Workspace

    database = Database(url)
    await database.migrate()
    await database.open()
    now = datetime.now(UTC).replace(microsecond=0)
    start = now - timedelta(days=300)
    try:
        user = await User.create(email="bench@example.org", name="Bench", created_at=start)
        await UserSession.create(user_id=user.id, digest=digest(TOKEN), created_at=now, last_used_at=now)
        workspace = await Workspace.create(uuid=uuid4(), name="Bench", created_at=start)
        await Membership.create(workspace_id=workspace.id, user_id=user.id, role="OWNER", since=start)
        of_bench = {"workspace_id": workspace.id, "created_at": start}
        vans = [
            Connection(public_id=f"c-{n}", name=f"Van {n}", secret_digest=f"{n:064x}", **of_bench)
            for n in range(drones)
        ]
        await Connection.bulk_create(vans, batch_size=1_000)
        van_ids = await Connection.all().order_by("id").values_list("id", flat=True)
        fleet = [
            Drone(serial_number=f"AC{n}", type=67, connection_id=van, state=state_at(now), **of_bench)
            for n, van in enumerate(van_ids)
        ]
        await Drone.bulk_create(fleet, batch_size=500)
        drone = await Drone.all().order_by("id").first()
        assert drone is not None
        spans = [(start + n * LONG / 2, start + n * LONG / 2 + SHORT) for n in range(flights)]
        spans.append((now - LONG, now - timedelta(minutes=1)))
        for number, (first, last) in enumerate(spans):
            await store_track(database, drone.id, first, last, points if number < flights else LONG.seconds)
        rows = [
            Flight(
                workspace_id=workspace.id,
                drone_id=drone.id,
                phase="ended",
                started_at=first,
                last_at=last,
                landed_at=last,
                ended_at=last,
            )
            for first, last in spans
        ]
        await Flight.bulk_create(rows, batch_size=500)
        ids = await Flight.all().order_by("id").values_list("id", flat=True)
        photos = [
            File(name=f"DJI_{n}.JPG", object_key=f"w/{n}", size=1, content_type="image/jpeg", etag="", **of_bench)
            for n in range(500)
        ]
        await File.bulk_create(photos, batch_size=500)
        taken = [
            Media(file_id=file_id, drone_id=drone.id, flight_id=ids[0], type="PHOTO", **of_bench)
            for file_id in await File.all().values_list("id", flat=True)
        ]
        await Media.bulk_create(taken, batch_size=500)
        if database.dialect == "postgresql":
            async with database.connection.acquire_connection() as connection:
                await connection.execute("VACUUM ANALYZE", timeout=600)
        return Ids(workspace.id, drone.id, int(ids[0]), int(ids[-1]))  # type: ignore[call-overload]
    finally:
        await database.close()


def state_at(now: datetime) -> dict[str, Any]:
    """What an aircraft has told of itself after a while."""
    from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report

    values = dict[Any, Any](dict.fromkeys(Property, 1.25)) | {
        Property.FIX: Fix(longitude_deg=9.9542218, latitude_deg=50.4983121, height_m=512.25),
        Property.BATTERY: Battery(capacity_percent=88),
    }
    return DeviceState().merge(Report(at=now, values=values)).to_json()


async def store_track(database: Any, drone_id: int, start: datetime, end: datetime, points: int) -> None:
    """A track of so many points."""
    from ofh.store.history import HistoryRow, write_history

    step = (end - start) / (points - 1)
    rows = [
        HistoryRow(
            drone_id=drone_id,
            reported_at=at,
            received_at=at,
            device_clock=at,
            digest=n,
            longitude=9.9 + n * 1.23456e-5,
            latitude=50.4 + n % 100 * 1.5e-6,
            height=500.0 + n % 60,
            elevation=50.0,
            heading=121.5,
            horizontal_speed=7.25,
            vertical_speed=0.5,
            battery_percent=88.0,
            mode_code=5,
        )
        for n in range(points)
        for at in [start + n * step]
    ]
    async with database.transaction() as client:
        await write_history(database, client, rows)


# The contenders


@contextmanager
def hub(data: Path, database_url: str | None) -> Iterator[tuple[int, int]]:
    """`ofh serve`: its process and its port."""
    port = free_port()
    environment = {
        **base_environment(data),
        "OFH_PORT": str(port),
        "OFH_MQTT_PORT": str(free_port()),
        "OFH_LOG_LEVEL": "error",
        **dict.fromkeys(RAISED, "1000000"),
        **({"OFH_DATABASE_URL": database_url, "OFH_SECRET_KEY": "k" * 43} if database_url else {}),
    }
    process = subprocess.Popen([sys.executable, "-m", "ofh.cli.main", "serve"], env=environment, cwd=data)
    try:
        until_open(port, process)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    import http.client

    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("the hub did not start")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the hub does not answer")


def serve_bare(answers: dict[str, tuple[Headers, bytes]], ready: Any) -> None:
    """A route for each path, under the server that the hub has."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def route(path: str, headers: Headers, body: bytes) -> Route:
        named = {name.decode(): value.decode() for name, value in headers}

        async def answer(_request: Request) -> Response:
            return Response(body, headers=named)

        return Route(path, answer)

    async def run() -> None:
        app = Starlette(routes=[route(path, *answer) for path, answer in answers.items()])
        config = uvicorn.Config(
            app, port=0, loop="asyncio", lifespan="off", log_config=None, access_log=False, server_header=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ready.put(server.servers[0].sockets[0].getsockname()[1])
        await serving

    asyncio.run(run())


@contextmanager
def bare(answers: dict[str, tuple[Headers, bytes]]) -> Iterator[tuple[int, int]]:
    """The bare application: its process and its port."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    process = context.Process(target=serve_bare, args=(answers, ready), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield process.pid, ready.get(timeout=30)
    finally:
        process.terminate()
        process.join(30)


# Asking


async def ask(port: int, path: str, number: int, connections: int = 1) -> tuple[list[float], Headers, bytes]:
    """Ask so often over all connections; milliseconds of each request, and the last answer."""
    request = (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: user-auth={TOKEN}\r\n"
        "content-type: application/json\r\naccept: */*\r\n\r\n"
    ).encode()
    left, times = iter(range(number)), []
    headers: Headers = []
    body = b""

    async def go_on() -> None:
        nonlocal headers, body
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        for _ in left:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status, *lines = head[:-4].split(b"\r\n")
            if b" 200 " not in status:
                raise SystemExit(f"{path}: {status.decode()}")
            headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
            body = await reader.readexactly(int(dict(headers)[b"content-length"]))
            times.append((time.perf_counter() - began) * 1_000)
        writer.close()

    await asyncio.gather(*(go_on() for _ in range(connections)))
    return times, headers, body


def cpu_of(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One contender's answers to one question."""

    per_cpu_s: float
    of_database: float
    """CPU seconds of the database server for each of the contender's own."""
    median_ms: float


def measure(
    pid: int, port: int, path: str, number: int, connections: int, postgres: PostgresServer | None = None
) -> Measured:
    """Ask so often, once it is warm."""
    asyncio.run(ask(port, path, max(1, number // 10), connections))
    began, theirs = cpu_of(pid), server_seconds(postgres)
    times, *_ = asyncio.run(ask(port, path, number, connections))
    used, theirs = cpu_of(pid) - began, server_seconds(postgres) - theirs
    return Measured(number / max(used, 0.01), theirs / max(used, 0.01), statistics.median(times))


def compare(asked: argparse.Namespace, ids: Ids, pid: int, port: int, postgres: PostgresServer | None) -> None:
    """Print the tables."""
    frequent = {
        "auth/check": "/api/auth/check",
        "workspace/my-workspaces": "/api/workspace/my-workspaces",
        "drone/{id}": f"/api/drone/{ids.drone}",
        "drone/{id}/last-position": f"/api/drone/{ids.drone}/last-position",
        f"flight/{{id}}, {asked.points} points": f"/api/flight/{ids.flight}",
    }
    large = {
        f"workspace/{{id}}/connections, {asked.drones}": f"/api/workspace/{ids.workspace}/connections",
        "drone/{id}/media, 500": f"/api/drone/{ids.drone}/media",
        "flight/{id}, 8 h at 1 Hz": f"/api/flight/{ids.long_flight}",
        f"drone/{{id}}/flights, {asked.flights + 1}": f"/api/drone/{ids.drone}/flights",
    }
    answers = {}
    for path in (*frequent.values(), *large.values()):
        _, headers, body = asyncio.run(ask(port, path, 1))
        own = [pair for pair in headers if pair[0] not in (b"date", b"content-length")]
        answers[path] = (own, body)
    with bare(answers) as (bare_pid, bare_port):
        head = f"{'GET /api/…':34}{'KiB':>8}{'requests per CPU s':>20}{'bare route':>12}{'ratio':>8}{'median ms':>11}"
        for number, connections, questions in ((asked.requests, CONNECTIONS, frequent), (24, 1, large)):
            print(f"\n{number} requests over {connections}\n{head}" + (f"{'server':>9}" if postgres else ""))
            for name, path in questions.items():
                ours = measure(pid, port, path, number, connections, postgres)
                theirs = measure(bare_pid, bare_port, path, max(number, 400), connections)
                print(
                    f"{name:34}{len(answers[path][1]) / 1024:8.1f}{ours.per_cpu_s:20,.0f}{theirs.per_cpu_s:12,.0f}"
                    f"{ours.per_cpu_s / theirs.per_cpu_s:8.2f}{ours.median_ms:11.1f}"
                    + (f"{ours.of_database:9.2f}" if postgres else "")
                )


def main() -> None:
    """Read what was asked for, fill, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--drones", type=int, default=2_000)
    parser.add_argument("--flights", type=int, default=2_000)
    parser.add_argument("--points", type=int, default=600, help="of each flight's track")
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(run_postgres()) if asked.postgresql else None
        url = postgres.create_database() if postgres else None
        ids = asyncio.run(fill(url or f"sqlite://{data}/hub.db", asked.drones, asked.flights, asked.points))
        pid, port = stack.enter_context(hub(data, url))
        print(f"{'PostgreSQL' if postgres else 'SQLite'}, {datetime.now(UTC):%Y-%m-%d}")
        compare(asked, ids, pid, port, postgres)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
