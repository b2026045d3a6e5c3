"""Tracks as files: of a flight, or of a drone from one time to another, for who may see them.

A file is made while it is being read, a little at a time: however long the track is and however slow the reader, no
more than one chunk of it is in memory. Reading takes turns, so that exports leave the database to the live path, and a
turn ends before anything is handed out, so that a slow reader keeps nobody waiting.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from ofh.dji import products
from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, gone
from ofh.domain.exports.about import About, ExportFormat
from ofh.domain.exports.writers import writer
from ofh.domain.tallies import one_more
from ofh.domain.tracks import TrackPoint
from ofh.store.database import Database
from ofh.store.history import chunks
from ofh.store.models import Drone

from .access import Access
from .fleet import Fleet
from .flights import Flights, end_of_track

CHUNK: Final = 2_000
"""Points that are read at once."""
PIECE: Final = 250
"""Points that are written before others have a turn: a millisecond or so."""
READERS: Final = 2
"""Exports that read at the same time."""
MAX_NAME: Final = 100
"""Characters of a drone's name in the name of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRules:
    """How many exports may be under way in this process; each is a setting."""

    in_all: int = 32
    per_user: int = 4


class Export:
    """A file in the making."""

    def __init__(self, exports: "Exports", actor: Actor, drone: Drone, about: About, format: ExportFormat) -> None:
        self._exports = exports
        self._actor = actor
        self._drone = drone
        self.about = about
        self.format = format
        self.points = 0
        """How many have been handed out."""
        self.until: datetime | None = None
        """The time of the last of them."""

    @property
    def media_type(self) -> str:
        """Of the file."""
        return self.format.media_type

    @property
    def done(self) -> int:
        """How many points have been handed out."""
        return self.points

    @property
    def file_name(self) -> str:
        """With the drone's name, as people wrote it, as far as file systems take it."""
        kept = "".join("_" if c in '\\/:*?"<>|' or not c.isprintable() else c for c in self.about.name)
        return self._named(kept[:MAX_NAME].strip(" .") or self.about.serial_number)

    @property
    def plain_file_name(self) -> str:
        """With the drone's serial number: letters, digits, `_`, `-` and `.` alone."""
        return self._named(re.sub(r"[^A-Za-z0-9_-]", "_", self.about.serial_number))

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The file, in pieces, once.

        Raises:
            HubError: GONE or UNAUTHENTICATED, the right to see it has ended meanwhile; UNAVAILABLE, the database is
                away. What has been handed out by then is no whole file.
        """
        making = writer(self.format, self.about)
        for piece in making.begin():
            yield piece
        async with aclosing(self._exports.read(self._actor, self._drone, self.about)) as reading:
            async for chunk in reading:
                for first in range(0, len(chunk), PIECE):
                    points = chunk[first : first + PIECE]
                    for piece in making.add(points):
                        yield piece
                    self.points += len(points)
                    self.until = points[-1].time
                    await asyncio.sleep(0)
        for piece in making.end():
            yield piece

    def _named(self, drone: str) -> str:
        about = self.about
        if about.flight_id is not None:
            return f"{drone}-flight-{about.flight_id}.{self.format.suffix}"
        return f"{drone}-{_compact(about.start)}-{_compact(about.end)}.{self.format.suffix}"


class Exports:
    """Makes files of tracks.

    Args:
        still_valid: whether an actor's session or token has not ended meanwhile.
    """

    def __init__(
        self,
        database: Database,
        access: Access,
        fleet: Fleet,
        flights: Flights,
        still_valid: Callable[[Actor], Awaitable[bool]],
        rules: ExportRules | None = None,
    ) -> None:
        self._database = database
        self._access = access
        self._fleet = fleet
        self._flights = flights
        self._still_valid = still_valid
        self._rules = rules or ExportRules()
        self._running: Counter[int] = Counter()
        """User → exports under way."""
        self._readers = asyncio.Semaphore(READERS)

    @asynccontextmanager
    async def flight(self, actor: Actor, flight_id: int, format: ExportFormat) -> AsyncIterator[Export]:
        """The track of a flight; of one that is still under way, up to its newest report.

        Raises:
            HubError: GONE; RATE_LIMITED, too many exports are under way.
        """
        row = await self._flights.flight(actor, flight_id)
        drone = None if row is None else await self._fleet.drone(actor, row.drone_id)
        if row is None or drone is None:
            raise gone("flight")
        about = About(
            serial_number=drone.serial_number,
            name=drone.name,
            model=_model(drone),
            start=row.started_at,
            end=end_of_track(row),
            flight_id=row.id,
            started_at=row.started_at,
            landed_at=row.landed_at,
            ended_at=row.ended_at,
            distance=None if row.west is None else row.distance,
        )
        with self.turn(actor):
            yield Export(self, actor, drone, about, format)

    @asynccontextmanager
    async def drone(
        self, actor: Actor, drone_id: int, start: datetime, end: datetime, format: ExportFormat
    ) -> AsyncIterator[Export]:
        """Where a drone was from one time to another, both included; of any length.

        Raises:
            HubError: BAD_INPUT, as `Fleet.check_span`; GONE; RATE_LIMITED, too many exports are under way.
        """
        self._fleet.check_span(start, end)
        row = await self._fleet.drone(actor, drone_id)
        if row is None:
            raise gone("drone")
        about = About(serial_number=row.serial_number, name=row.name, model=_model(row), start=start, end=end)
        with self.turn(actor):
            yield Export(self, actor, row, about, format)

    async def read(self, actor: Actor, drone: Drone, about: About) -> AsyncGenerator[list[TrackPoint], None]:
        """The points of an export, a chunk at a time, for as long as the actor may see them.

        Raises:
            HubError: GONE, UNAUTHENTICATED, UNAVAILABLE.
        """
        # No connection is held between two chunks: who reads slowly must not hold one.
        found = chunks(self._database, drone.id, about.start, about.end, size=CHUNK)
        async with aclosing(cast("AsyncGenerator[list[TrackPoint], None]", found)) as reading:
            while True:
                async with self._readers:
                    chunk = await anext(reading, None)
                    if chunk is None:
                        return
                    if not await self._still_valid(actor):
                        raise HubError(Code.UNAUTHENTICATED, "This session has ended.")
                    if await self._access.role(actor, drone.workspace_id) is None:
                        raise gone("drone" if about.flight_id is None else "flight")
                yield chunk

    @contextmanager
    def turn(self, actor: Actor) -> Iterator[None]:
        """One of the exports that may be under way, of whatever kind.

        Raises:
            HubError: RATE_LIMITED, too many are.
        """
        who = actor.user_id
        if self._running[who] >= self._rules.per_user or self._running.total() >= self._rules.in_all:
            raise HubError(Code.RATE_LIMITED, "Too many exports at the same time.", retry_after_s=5)
        with one_more(self._running, who):
            yield


def _model(drone: Drone) -> str | None:
    return products.model_name(products.AIRCRAFT, drone.type, drone.sub_type)


def _compact(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
