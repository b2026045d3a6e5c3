"""A drone with a history and a flight, people around it, and the downloads without a hub around them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import httpx2
from starlette.routing import Router

from ofh.backends.ports import MAX_CHUNK_BYTES, ObjectStore
from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError, gone
from ofh.domain.tracks import TrackPoint
from ofh.edges.exports.endpoint import ExportEndpoint
from ofh.edges.guard import Guard
from ofh.services.access import Access
from ofh.services.archives import Archives
from ofh.services.audit import Audit
from ofh.services.codes import Codes
from ofh.services.control import Control
from ofh.services.exports import ExportRules, Exports
from ofh.services.fleet import Fleet
from ofh.services.flights import Flights
from ofh.services.media import MediaItems
from ofh.services.passwords import Passwords
from ofh.services.rate_counters import MemoryCounters
from ofh.services.ratelimits import RateLimits
from ofh.services.sessions import Sessions
from ofh.store.database import Database
from ofh.store.models import Drone, Flight, Membership, User, Workspace
from tests.support import history
from tests.support.history import history_row

START = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
NOW = START + timedelta(days=1)
PATIENCE_S = 15.0


def fix(at: float, **more: Any) -> TrackPoint:
    """A fix so many seconds after the start."""
    given: dict[str, Any] = {
        "longitude": 9.95 + at / 1e4,
        "latitude": 50.49 - at / 1e5,
        "height": 950.0 + at / 10,
        "elevation": at / 10,
        "heading": (at * 7) % 360,
        "horizontal_speed": 8.3,
        "vertical_speed": -0.1,
        "battery_percent": 99 - at / 100,
        **more,
    }
    return TrackPoint(time=START + timedelta(seconds=at), **given)


BEFORE = [fix(-40), fix(-20)]
FLOWN = [
    *(fix(at / 2) for at in range(60)),
    fix(30, elevation=None, heading=None, horizontal_speed=None, vertical_speed=None, battery_percent=None),
    *(fix(at) for at in range(75, 105)),  # after a silence of 45 s
]
AFTER = [fix(130), fix(150)]
ALL = [*BEFORE, *FLOWN, *AFTER]


async def store(database: Database, drone_id: int, points: Sequence[TrackPoint]) -> None:
    """Into the history, as the recorder does."""
    rows = [
        history_row(
            point.time,
            drone_id=drone_id,
            digest=number,
            **{name.name: getattr(point, name.name) for name in fields(point) if name.name != "time"},
        )
        for number, point in enumerate(points)
    ]
    await history.store(database, rows)


class Sender:
    """What an ASGI server does with an answer, at the pace that the test sets."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.leaves = asyncio.Event()
        self.taking = asyncio.Event()
        self.taking.set()
        self.waiting = asyncio.Event()
        """Something is held back at the moment."""

    async def receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if not self.taking.is_set():
            self.waiting.set()
            await self.taking.wait()
        self.messages.append(message)

    @property
    def is_complete(self) -> bool:
        """Whether the client would take what it has for the whole."""
        return bool(self.messages) and not self.messages[-1].get("more_body", self.messages[-1]["type"][-1] == "t")


class Shelf:
    """Objects in memory, which can break off or be away as a store's do."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.breaks_at: dict[str, list[int]] = {}
        """Of an object: the places where a reader is left without more, each once."""
        self.pieces = 0
        """How many were handed out."""
        self.endless: set[str] = set()

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `ObjectStore`; in small pieces."""
        if key in self.endless:
            while True:
                self.pieces += 1
                await asyncio.sleep(0)
                yield bytes(MAX_CHUNK_BYTES)
        if key not in self.objects:
            raise gone("object")
        content = self.objects[key]
        breaks = self.breaks_at.get(key, [])
        while start < len(content):
            if breaks and start >= breaks[0]:
                breaks.pop(0)
                raise HubError(Code.UNAVAILABLE, "The object store is away.")
            self.pieces += 1
            await asyncio.sleep(0)
            yield content[start : start + 1_000]
            start += 1_000


@dataclass
class Place:
    """All of it."""

    database: Database
    access: Access
    sessions: Sessions
    exports: Exports
    archives: Archives
    shelf: "Shelf"
    app: Any
    workspace: Workspace
    drone: Drone
    flight: Flight
    users: dict[str, User]
    tokens: dict[str, str] = field(default_factory=dict)
    throttled: list[tuple[int | None, int]] = field(default_factory=list)
    is_busy: bool = False

    def actor(self, name: str) -> Actor:
        """Somebody, as a session of theirs."""
        return Actor(user_id=self.users[name].id, credential="session", credential_id=0)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app, client=("203.0.113.7", 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub.example") as client:
            yield client

    async def ask(self, path: str, name: str | None = "viewer", method: str = "GET", **headers: str) -> httpx2.Response:
        """One request, with the session cookie of somebody."""
        if name is not None:
            headers["cookie"] = f"user-auth={self.tokens[name]}"
        async with self.asking() as client:
            return await client.request(method, path, headers=headers)

    def scope(self, path: str, query: str = "", name: str = "viewer") -> dict[str, Any]:
        """A request as a server hands it on."""
        cookie = f"user-auth={self.tokens[name]}".encode()
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"hub.example"), (b"cookie", cookie)],
            "client": ("203.0.113.7", 50_000),
            "server": ("hub.example", 80),
            "extensions": {},
        }

    @property
    def flight_path(self) -> str:
        return f"/export/flight/{self.flight.id}"

    def drone_path(self, format: str, start: str, end: str) -> str:
        return f"/export/drone/{self.drone.id}.{format}?from={start}&to={end}"


@asynccontextmanager
async def build(database: Database, *, rules: ExportRules | None = None, stuck_s: float = 60) -> AsyncIterator[Place]:
    """Services over a database with people in each relation to the drone, and the downloads behind the guard."""

    def now() -> datetime:
        return NOW

    audit, control, codes = Audit(clock=now), Control(None), Codes(database, clock=now)
    passwords = Passwords(memory_kib=8, at_once=2)
    sessions = Sessions(
        database=database,
        passwords=passwords,
        codes=codes,
        limits=RateLimits(MemoryCounters()),
        audit=audit,
        control=control,
        clock=now,
    )
    access = Access(audit)
    fleet = Fleet(database, access, now)
    exports = Exports(database, access, fleet, Flights(database, access, fleet), sessions.still_valid, rules)
    workspace, elsewhere = [await Workspace.create(uuid=uuid4(), name=name, created_at=NOW) for name in ("N", "S")]
    users: dict[str, User] = {}
    for name, place, role in (
        ("viewer", workspace, Role.VIEWER),
        ("owner", workspace, Role.OWNER),
        ("stranger", elsewhere, Role.OWNER),
    ):
        users[name] = await User.create(email=f"{name}@example.com", name=name, created_at=NOW)
        await Membership.create(workspace_id=place.id, user_id=users[name].id, role=role.value, since=NOW)
    drone = await Drone.create(
        workspace_id=workspace.id,
        serial_number="1581F5BKD2_3",
        name="Käfer/1 =2+2",
        type=67,
        sub_type=1,
        created_at=NOW,
    )
    await store(database, drone.id, ALL)
    flight = await Flight.create(
        workspace_id=workspace.id,
        drone_id=drone.id,
        phase="ended",
        started_at=FLOWN[0].time,
        last_at=AFTER[-1].time,
        landed_at=FLOWN[-1].time,
        ended_at=FLOWN[-1].time,
        distance=321.5,
        west=9.95,
        south=50.4,
        east=9.97,
        north=50.5,
    )

    async def throttle(actor: Actor | None, address: str, number: int) -> None:
        place.throttled.append((None if actor is None else actor.user_id, number))
        if place.is_busy:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=7)

    shelf = Shelf()
    archives = Archives(
        access, MediaItems(access, fleet), cast(ObjectStore, shelf), sessions.still_valid, exports.turn, now, most=30
    )
    endpoint = ExportEndpoint(
        exports,
        archives,
        sessions,
        address_of=lambda scope: str(scope["client"][0]),
        throttle=throttle,
        stuck_s=stuck_s,
    )
    app = Guard(Router(routes=endpoint.routes(), redirect_slashes=False), proxies=(), is_tls=False)
    place = Place(database, access, sessions, exports, archives, shelf, app, workspace, drone, flight, users)
    for name, user in users.items():
        login = await sessions.login_with_token(await sessions.issue_login_token(user.id))
        place.tokens[name] = login.token
    try:
        yield place
    finally:
        passwords.close()
