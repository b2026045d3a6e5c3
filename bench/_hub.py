"""A real `ofh serve` with a filled database, and what reports to it over MQTT. No benchmark, hence the underscore.

    python bench/_hub.py hub|plain PORT DRONES

is the reporting side, a process of its own: to a hub, a connection and a link for each drone; plain, one link that
publishes ready values at position/<number> for the others. "run EVENTS PER_SECOND DRONES" on standard input reports so
many times, drone after drone, and prints "done".
"""

import asyncio
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._native import clock, due_s  # noqa: E402

TOKEN = secrets.token_urlsafe(32)
SECRET = "s" * 43
RAISED = {
    "OFH_SOCKETS_PER_USER": "1000000",
    "OFH_SOCKET_WAYS": "1000000",
    "OFH_SOCKET_DOCUMENTS": "1000000",
    "OFH_SOCKETS_PER_ADDRESS": "1000000",
    "OFH_SESSION_REQUESTS_PER_S": "1000000",
    "OFH_SESSION_REQUESTS_BURST": "1000000",
}
"""Limits that a load from one address and one user would run into."""


@dataclass(frozen=True)
class Hub:
    """A hub that serves."""

    pid: int
    port: int
    mqtt_port: int
    workspace_id: int
    drone_ids: list[int]
    data: Path

    @property
    def headers(self) -> list[str]:
        """What a handshake of the first user shows."""
        return [cookie(0)]


def cookie(user: int) -> str:
    """What a handshake of one of the users shows."""
    return f"Cookie: user-auth={TOKEN}-{user}"


async def fill(url: str, drones: int, users: int) -> tuple[int, list[int]]:
    """Store a workspace with so many drones, each with a controller and a connection of its own; its id and theirs."""
    from bench.rest import state_at
    from ofh.services.codes import digest
    from ofh.store.database import Database
    from ofh.store.models import (
        Binding,
        Connection,
        Drone,
        Membership,
        RemoteController,
        User,
        UserSession,
        Workspace,
    )

    database = Database(url)
    await database.migrate()
    await database.open()
    now = datetime.now(UTC)
    try:
        workspace = await Workspace.create(uuid=uuid4(), name="Bench", created_at=now)
        for number in range(users):
            user = await User.create(email=f"bench-{number}@example.org", name="Bench", created_at=now)
            token = digest(f"{TOKEN}-{number}")
            await UserSession.create(user_id=user.id, digest=token, created_at=now, last_used_at=now)
            await Membership.create(workspace_id=workspace.id, user_id=user.id, role="OWNER", since=now)
        common = {"workspace_id": workspace.id, "created_at": now}
        numbers = range(1, drones + 1)
        vans = [
            Connection(public_id=f"c-{n}", name=f"Van {n}", secret_digest=digest(SECRET), **common) for n in numbers
        ]
        await Connection.bulk_create(vans, batch_size=1_000)
        van_ids = [int(id) for id in await Connection.all().order_by("id").values_list("id", flat=True)]  # type: ignore[call-overload]
        controllers = [
            RemoteController(serial_number=f"RC{n}", type=144, connection_id=van, **common)
            for n, van in zip(numbers, van_ids, strict=True)
        ]
        await RemoteController.bulk_create(controllers, batch_size=500)
        fleet = [
            Drone(serial_number=f"AC{n}", type=67, connection_id=van, state=state_at(now), **common)
            for n, van in zip(numbers, van_ids, strict=True)
        ]
        await Drone.bulk_create(fleet, batch_size=500)
        controller_ids = await RemoteController.all().order_by("id").values_list("id", flat=True)
        drone_ids = [int(id) for id in await Drone.all().order_by("id").values_list("id", flat=True)]  # type: ignore[call-overload]
        bindings = []
        for n, van, controller, drone in zip(numbers, van_ids, controller_ids, drone_ids, strict=True):
            shared = {"gateway_serial": f"RC{n}", "connection_id": van, "bound_at": now}
            bindings += [
                Binding(serial_number=f"RC{n}", device_id=controller, **shared),
                Binding(serial_number=f"AC{n}", device_id=drone, **shared),
            ]
        await Binding.bulk_create(bindings, batch_size=500)
        return workspace.id, drone_ids
    finally:
        await database.close()


@contextmanager
def hub(
    data: Path,
    drones: int,
    *,
    users: int = 1,
    program: Sequence[str] = ("-m", "ofh.cli.main"),
    further: Mapping[str, str] | None = None,
) -> Iterator[Hub]:
    """`ofh serve`, embedded, with so many drones and members in its one workspace.

    Args:
        program: what Python runs.
        further: settings.
    """
    from bench.rest import until_open
    from tests.support.hubs import base_environment
    from tests.support.services import free_port

    data.mkdir()
    workspace_id, drone_ids = asyncio.run(fill(f"sqlite://{data}/hub.db", drones, users))
    port, mqtt_port = free_port(), free_port()
    environment = {
        **base_environment(data),
        "OFH_PORT": str(port),
        "OFH_MQTT_PORT": str(mqtt_port),
        "OFH_LOG_LEVEL": "error",
        **RAISED,
        **(further or {}),
    }
    process = subprocess.Popen(
        [sys.executable, *program, "serve"], env=environment, cwd=data, stdout=subprocess.DEVNULL
    )
    try:
        until_open(port, process)
        yield Hub(process.pid, port, mqtt_port, workspace_id, drone_ids, data)
    finally:
        process.kill()  # a thousand sockets are not worth a farewell
        process.wait()


class Feed:
    """The process that reports."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, events: int, rate: float, drones: int) -> None:
        """Report so many times, drone after drone; returns when all is sent."""
        order(self._process, events, rate, drones)


def order(process: "subprocess.Popen[str]", events: int, rate: float, drones: int) -> None:
    """Have a process publish so many events, and wait until it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"run {events} {rate} {drones}\n")
    process.stdin.flush()
    if process.stdout.readline().strip() != "done":
        raise SystemExit(f"{process.args!r} has ended")


@contextmanager
def feed(kind: str, port: int, drones: int) -> Iterator[Feed]:
    """A reporting process; see this module."""
    words = [sys.executable, str(Path(__file__).resolve()), kind, str(port), str(drones)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit("no MQTT broker answers")
        yield Feed(process)
    finally:
        process.kill()
        process.wait()


# The reporting process


def link(port: int, name: str, username: str | None = None) -> socket.socket:
    """A client that has logged in with MQTT 3.1.1 and only publishes."""
    made = socket.create_connection(("127.0.0.1", port), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    words = [name] if username is None else [name, username, SECRET]
    flags = 0x02 if username is None else 0xC2
    body = b"\x00\x04MQTT\x04" + bytes((flags, 0, 0)) + b"".join(_text(word) for word in words)
    made.sendall(b"\x10" + _length(len(body)) + body)
    answer = made.recv(4)
    if answer != b"\x20\x02\x00\x00":
        raise SystemExit(f"refused: {answer!r}")
    return made


def publication(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0."""
    body = _text(topic) + payload
    return b"\x30" + _length(len(body)) + body


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _length(size: int) -> bytes:
    made = bytearray()
    while size > 127:
        made.append(size & 127 | 128)
        size >>= 7
    made.append(size)
    return bytes(made)


_told: dict[int, int] = {}
"""The time of each drone's last report: of two at the same millisecond the hub shows the first."""


def report(number: int, count: int) -> bytes:
    """What a controller says of its aircraft, with some of what else DJI's have in it."""
    at = _told[number] = max(int(time.time() * 1_000), _told.get(number, 0) + 1)
    data: dict[str, Any] = {
        "longitude": 8.540123,
        "latitude": 47.380123,
        "height": clock(),
        "elevation": 88.5,
        "attitude_head": 121.5,
        "attitude_pitch": 0.3,
        "attitude_roll": -1.2,
        "horizontal_speed": 7.25,
        "vertical_speed": 0.5,
        "mode_code": 5,
        "gear": 1,
        "home_distance": 120.5,
        "wind_speed": 32,
        "wind_direction": 4,
        "battery": {"capacity_percent": 88, "remain_flight_time": 1200, "batteries": []},
        "position_state": {"gps_number": 17, "is_fixed": 2, "quality": 5, "rtk_number": 0},
        "storage": {"total": 60_000_000, "used": 1_200_000},
    }
    head = {"bid": f"b-{count}", "tid": f"t-{count}", "timestamp": at, "gateway": f"RC{number}"}
    return publication(f"thing/product/AC{number}/osd", json.dumps({**head, "data": data}).encode())


def value(number: int, count: int) -> bytes:
    """The same as the others' servers hand it on."""
    made = {
        "droneId": str(number),
        "position": {
            "longitude": 8.540123,
            "latitude": 47.380123,
            "height": clock(),
            "reportedAt": f"2026-05-01T00:00:00.{count % 1_000_000:06}+00:00",
        },
        "telemetry": {"heading": 121.5, "horizontalSpeed": 7.25, "elevation": 88.5},
    }
    return publication(f"position/{number}", json.dumps(made, separators=(",", ":")).encode())


def main(kind: str, port: int, drones: int) -> None:
    """Report what standard input says."""
    if kind == "hub":
        links, make = [link(port, f"pilot-{n}", f"c-{n}") for n in range(1, drones + 1)], report
    else:
        links, make = [link(port, "bench-feed")], value
    print("ready", flush=True)
    count = 0
    for line in sys.stdin:
        _, events, rate, some = line.split()
        began = time.monotonic()
        for n in range(int(events)):
            wait = began + due_s(n, float(rate)) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            number = n % int(some) + 1
            links[(number - 1) % len(links)].sendall(make(number, count))
            count += 1
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
