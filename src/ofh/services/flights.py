"""What members may know of the flights of their workspaces. How flights come about is `derivation.py`'s matter."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ofh.domain.actors import Action, Actor
from ofh.domain.areas import Area
from ofh.domain.devices import micros
from ofh.domain.errors import bad_input, gone
from ofh.domain.reasons import Reason
from ofh.domain.tracks import PathPoint, TrackPoint
from ofh.store.database import Database
from ofh.store.flights import FlightSearch
from ofh.store.models import Flight

from .access import Access
from .fleet import MAX_TRACK_POINTS, Fleet
from .pages import PIECE, Page, cursor_time, page_of, page_size, pieces, read_cursor

LISTED_POINTS = 50_000
"""Points of all tracks of one list together, some 5 MB of JSON: every flight has the same share, 2 at the least."""
PIECE_POINTS = 10_000
"""Points that are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightFilter:
    """Which flights to list; what is None does not matter."""

    drone_id: int | None = None
    start: datetime | None = None
    """Those that were under way then or later."""
    end: datetime | None = None
    """Those that had started by then."""
    area: Area | None = None
    """Those with a fix in it."""


class Flights:
    """Lists and single flights, and where they went."""

    def __init__(self, database: Database, access: Access, fleet: Fleet) -> None:
        self._database = database
        self._access = access
        self._fleet = fleet

    async def flight(self, actor: Actor, flight_id: int) -> Flight | None:
        """A flight that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, Flight, flight_id)

    async def current(self, actor: Actor, drone_id: int) -> Flight | None:
        """The flight that a drone is on; None where it is on none, or where the drone is hidden."""
        if await self._fleet.drone(actor, drone_id) is None:
            return None
        return await Flight.get_or_none(open_drone_id=drone_id)

    async def of_workspace(
        self, actor: Actor, workspace_id: int, wanted: FlightFilter, *, first: int | None, after: str | None
    ) -> Page[Flight]:
        """A page of a workspace's flights, the newest first.

        Raises:
            HubError: GONE; BAD_INPUT, no page of such a size, no such cursor, or an end before the start.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        if wanted.start is not None and wanted.end is not None and wanted.end < wanted.start:
            raise bad_input("to", Reason.END_BEFORE_START)
        size, key = page_size(first), read_cursor(after, 2)
        search = FlightSearch(
            self._database, workspace_id, drone_id=wanted.drone_id, start=wanted.start, end=wanted.end, area=wanted.area
        )
        behind = None if key is None else (cursor_time(key[0]), key[1])
        ids = await search.newest(behind, limit=size + 1)
        rows = await Flight.in_bulk(ids, "id")

        async def count() -> int:
            return await search.count()

        found = [rows[number] for number in ids if number in rows]
        return page_of(found, size, key, flight_key, count)

    async def of_drone(self, actor: Actor, drone_id: int, *, first: int | None, after: str | None) -> Page[Flight]:
        """A page of a drone's flights, the newest first.

        Raises:
            HubError: GONE; BAD_INPUT.
        """
        drone = await self._fleet.drone(actor, drone_id)
        if drone is None:
            raise gone("drone")
        wanted = FlightFilter(drone_id=drone_id)
        return await self.of_workspace(actor, drone.workspace_id, wanted, first=first, after=after)

    async def all_of_drone(
        self, actor: Actor, drone_id: int
    ) -> AsyncIterator[list[tuple[Flight, Sequence[PathPoint]]]]:
        """All flights of a drone with outlines of their tracks (`store/outlines.py`), in pieces that are quickly read.

        Raises:
            HubError: GONE; before the first piece.
        """
        if await self._fleet.drone(actor, drone_id) is None:
            raise gone("drone")
        flights = Flight.filter(drone_id=drone_id)
        share = min(max(2, LISTED_POINTS // max(1, await flights.count())), MAX_TRACK_POINTS)
        async for rows in pieces(flights, "started_at", min(PIECE_POINTS // share, PIECE)):
            spans = [(row.started_at, end_of_track(row)) for row in rows]
            yield list(zip(rows, await self._fleet.outlines(drone_id, spans, share), strict=True))

    async def track(self, actor: Actor, flight_id: int, max_points: int) -> list[TrackPoint]:
        """Where a flight went, in order of time, with at most so many points.

        Raises:
            HubError: GONE; BAD_INPUT, as `Fleet.track`.
        """
        row = await self.flight(actor, flight_id)
        if row is None:
            raise gone("flight")
        return await self._fleet.fixes(row.drone_id, row.started_at, end_of_track(row), max_points)

    async def path(self, flight: Flight, max_points: int) -> list[PathPoint]:
        """As `track`, the places alone, of a flight that the actor was shown."""
        return await self._fleet.path(flight.drone_id, flight.started_at, end_of_track(flight), max_points)


def flight_key(row: Flight) -> tuple[int, int]:
    """What a list of flights is sorted by."""
    return micros(row.started_at), row.id


def end_of_track(flight: Flight) -> datetime:
    """Until when a flight's track reaches: its landing; where nobody saw one, or not yet, its newest report.

    Never before its start, though the clock of a second controller may have been behind that of the first.
    """
    return max(flight.started_at, flight.landed_at or flight.ended_at or flight.last_at)
