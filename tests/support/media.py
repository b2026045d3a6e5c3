"""The services of files and media on a real database, with a folder for the objects and a clock that tests set."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.objects_local import LocalStore
from ofh.backends.ports import ObjectInfo, ObjectStore
from ofh.dji.media import decode_uploaded
from ofh.domain.actors import Actor, Role
from ofh.domain.coverage.coverage import CoverageOptions
from ofh.domain.errors import Code, HubError
from ofh.domain.event_json import decode
from ofh.domain.events import Event
from ofh.services.access import Access
from ofh.services.audit import Audit
from ofh.services.codes import Codes, digest
from ofh.services.connections import Connections
from ofh.services.control import Control
from ofh.services.coverage import Coverages, Surface
from ofh.services.discarding import Discarding
from ofh.services.feed import Feed
from ofh.services.files import FileRules, Files
from ofh.services.fleet import Fleet
from ofh.services.flights import Flights
from ofh.services.grantees import Grantees
from ofh.services.grants import BUCKET, REGION, Endpoint, Grants
from ofh.services.incoming import Reception
from ofh.services.jobs import JobQueue
from ofh.services.link import Links, Pilot, Purpose
from ofh.services.mail import Letters, LogMail
from ofh.services.media import MediaItems
from ofh.services.media_intake import Outcome
from ofh.services.pilot_media import PilotMedia
from ofh.services.rate_counters import MemoryCounters
from ofh.services.ratelimits import RateLimits
from ofh.services.uploads import Uploads
from ofh.services.workspace_feed import channel
from ofh.services.workspaces import Workspaces
from ofh.store.database import Database
from ofh.store.models import Connection, Drone, File, Flight, LinkToken, Membership, User, Workspace
from tests.captures.reader import capture
from tests.support.fleet import Counts

NOW = datetime(2025, 6, 14, 12, 0, 0, tzinfo=UTC)
SHOT = datetime(2025, 6, 14, 8, 21, 7, tzinfo=UTC)
"""When the photos of most captures were taken."""
UUID_OF_CAPTURES = UUID("87ffce7c-da28-49cf-9134-8db9fd87ccd1")
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200)
SERIAL = "1581XTESTM30T0001"


async def nothing_expected(key: str) -> None:
    """For uploads with no database behind them."""


class FailingStore(LocalStore):
    """A folder that can be away."""

    is_away = False

    async def stat(self, key: str) -> ObjectInfo | None:
        self._fail()
        return await super().stat(key)

    async def put(self, key: str, source: Path, *, content_type: str, md5: bytes | None = None) -> ObjectInfo:
        self._fail()
        return await super().put(key, source, content_type=content_type, md5=md5)

    async def delete(self, key: str) -> None:
        self._fail()
        await super().delete(key)

    def keys(self) -> list[str]:
        """Every object."""
        return sorted(
            found.info.key
            for path in self._root.glob("*/*.json")
            if (found := self._described(path.with_suffix(""))) is not None
        )

    def _fail(self) -> None:
        if self.is_away:
            raise HubError(Code.UNAVAILABLE, "The object store is away.")


@dataclass(kw_only=True)
class Place:
    """A workspace with one controller and one member of each role."""

    row: Workspace
    connection: Connection
    people: dict[Role, Actor]

    @property
    def id(self) -> int:
        found: int = self.row.id
        return found

    @property
    def pilot(self) -> Pilot:
        return Pilot(
            connection_id=self.connection.id,
            public_id=self.connection.public_id,
            name=self.connection.name,
            workspace_id=self.id,
            workspace_uuid=self.row.uuid,
            workspace_name=self.row.name,
            remote_controller=None,
        )

    @property
    def member(self) -> Actor:
        return self.people[Role.MEMBER]


class MediaBench:
    """Everything between Pilot's endpoints, the members and the object store."""

    def __init__(self, database: Database, folder: Path, rules: FileRules | None = None) -> None:
        self.now = NOW
        self.folder = folder
        self.database = database
        self.bus = MemoryBus()
        self.counts = Counts()
        self.audit = Audit(clock=self.clock)
        self.access = Access(self.audit)
        self.store = FailingStore(folder / "objects", self.clock)
        self.reception = Reception(folder / "incoming")
        self.discarding = Discarding(database, self.store, self.clock)
        self.fleet = Fleet(database, self.access, self.clock)
        self.jobs = JobQueue(database, self.clock)
        self.files = Files(
            database, self.access, self.audit, self.store, self.reception, self.discarding, self.jobs, self.clock, rules
        )
        self.media = MediaItems(self.access, self.fleet)
        self.surface = Surface(options=CoverageOptions(), identity="flat")
        """What photos are looked at on; of coverages made from now on by `new_coverages`."""
        self.coverages = self.new_coverages()
        self.flights = Flights(database, self.access, self.fleet)
        self.grants = Grants(
            key=b"k" * 32,
            endpoint=Endpoint(url="https://hub.example.org", bucket=BUCKET, region=REGION, provider="minio"),
            roles=None,
            clock=self.clock,
        )
        self.uploads = Uploads(self.store, self.reception, self.counts, expect=self.discarding.expect)
        self.pilots = self.pilots_with(self.store, self.discarding)
        self.control = Control(self.bus)
        self.seconds = 0.0
        self.grantees = Grantees(self.grants, lambda: self.seconds)
        self.control.subscribe(self.grantees.told)
        self.codes = Codes(database, clock=self.clock)
        self.limits = RateLimits(MemoryCounters())
        self.connections = Connections(
            database=database, access=self.access, audit=self.audit, control=self.control, clock=self.clock
        )
        self.links = Links(
            database=database,
            connections=self.connections,
            limits=self.limits,
            audit=self.audit,
            control=self.control,
            claims=None,
            key=b"k" * 32,
            clock=self.clock,
        )
        self.feed = Feed(self.bus, database)
        self.workspaces = Workspaces(
            database=database,
            access=self.access,
            audit=self.audit,
            control=self.control,
            codes=self.codes,
            limits=self.limits,
            mail=LogMail(folder / "outbox"),
            letters=Letters("https://hub.example"),
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return self.now

    def new_coverages(self) -> Coverages:
        """The service as it is after a start with the present surface."""
        surface = self.surface
        return Coverages(self.database, self.bus, self.media, self.jobs, self.counts, lambda: surface, self.clock)

    def pilots_with(self, store: ObjectStore, discarding: Discarding) -> PilotMedia:
        """The service that takes controllers' words, over a store."""
        return PilotMedia(
            self.database,
            self.bus,
            store,
            discarding,
            self.jobs,
            self.audit,
            self.counts,
            self.clock,
            holds=self.grants.holds,
        )

    def tick(self, **span: float) -> None:
        self.now += timedelta(**span)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MediaBench"]:
        await self.bus.start()
        await self.store.start()
        try:
            yield self
        finally:
            await self.feed.stop()
            await self.store.stop()
            self.reception.stop()
            await self.bus.stop()

    async def place(self, name: str = "North", uuid: UUID | None = None) -> Place:
        row = await Workspace.create(uuid=uuid or uuid4(), name=name, created_at=NOW)
        connection = await Connection.create(
            public_id=f"c-{uuid4()}", workspace_id=row.id, name=name, secret_digest="0" * 64, created_at=NOW
        )
        people = {}
        for role in Role:
            user = await User.create(email=f"{role.value}-{uuid4()}@example.org", name=role.value, created_at=NOW)
            await Membership.create(workspace_id=row.id, user_id=user.id, role=role.value, since=NOW)
            people[role] = Actor(user_id=user.id, credential="session", credential_id=user.id, address="192.0.2.1")
        return Place(row=row, connection=connection, people=people)

    async def token(self, place: Place, token: str) -> None:
        """Make an x-auth-token good."""
        await LinkToken.create(
            connection_id=place.connection.id,
            purpose=Purpose.PILOT.value,
            token_digest=digest(token),
            workspace_uuid=place.row.uuid,
            created_at=self.now,
            expires_at=self.now + timedelta(days=1),
        )

    async def put(self, key: str, content: bytes = JPEG) -> None:
        """An object, as a controller would have put it."""
        path = self.folder / f"object-{uuid4()}"
        path.write_bytes(content)
        await LocalStore.put(self.store, key, path, content_type="application/octet-stream")

    async def register(self, place: Place, body: dict[str, Any], content: bytes | None = JPEG) -> Outcome:
        """The object, unless there is none, and the statement that it is up."""
        if content is not None:
            await self.put(body["object_key"], content)
        return await self.pilots.register(place.pilot, decode_uploaded(body), "192.0.2.9")

    async def upload(self, place: Place, name: str = "notes.txt", content: bytes = b"hello") -> File:
        """A member's file."""
        async with self.files.receive(place.member, place.id) as incoming:
            await incoming.take(content)
            return await incoming.keep(name)

    async def flight(self, place: Place, start: datetime, end: datetime | None, serial: str = SERIAL) -> Flight:
        """A flight of a drone, which is made where there is none."""
        drone = await Drone.get_or_none(workspace_id=place.id, serial_number=serial)
        if drone is None:
            drone = await Drone.create(workspace_id=place.id, serial_number=serial, type=67, created_at=NOW)
        return await Flight.create(
            workspace_id=place.id,
            drone_id=drone.id,
            open_drone_id=drone.id if end is None else None,
            phase="airborne" if end is None else "ground",
            started_at=start,
            last_at=end or start,
            landed_at=end,
            ended_at=end,
        )

    @contextlib.asynccontextmanager
    async def listening(self, place: Place) -> AsyncIterator[list[Event]]:
        """What has been told of a workspace once the block is left."""
        heard: list[Event] = []
        async with self.bus.subscribe(channel(place.id)) as messages:
            yield heard
            await self.bus.publish(channel(place.id), b"")
            async for message in messages:
                if message == b"":
                    break
                assert isinstance(message, bytes)
                heard.extend(decode(message).events)


def callback(sample: str = "photo-wide", /, **changes: Any) -> dict[str, Any]:
    """The body of a captured `upload-callback`, with some members changed."""
    body: dict[str, Any] = capture(f"http-upload-callback-{sample}")["request"]["body"]
    return {**body, **changes}
