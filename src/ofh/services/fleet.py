"""The drones and controllers of a workspace, and where they have been."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ofh.dji.topics import is_serial
from ofh.domain.actors import Action, Actor
from ofh.domain.errors import bad_input, gone
from ofh.domain.events import DroneRenamed, Event, RowChanged, Table
from ofh.domain.tracks import PathPoint, TrackPoint
from ofh.store import bulk, history, journal
from ofh.store.database import Database
from ofh.store.models import Drone, RemoteController
from ofh.store.outlines import Span, outlines

from .access import Access
from .announcing import RowNews
from .names import check_name

MAX_TRACK_POINTS = 10_000
"""The longest track that is given out."""
TRACKS_AT_ONCE = 2
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Fleet:
    """What members may know and do about the devices of their workspaces."""

    def __init__(
        self, database: Database, access: Access, clock: Callable[[], datetime], news: RowNews | None = None
    ) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._news = news
        self._readers = asyncio.Semaphore(TRACKS_AT_ONCE)

    async def drone(self, actor: Actor, drone_id: int) -> Drone | None:
        """A drone that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, Drone, drone_id)

    async def remote_controller(self, actor: Actor, controller_id: int) -> RemoteController | None:
        """A controller that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, RemoteController, controller_id)

    async def drone_by_serial(self, actor: Actor, workspace_id: int, serial_number: str) -> Drone | None:
        """The drone of a workspace with this serial number.

        Raises:
            HubError: GONE, no such workspace.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        if not is_serial(serial_number):
            return None
        return await Drone.get_or_none(workspace_id=workspace_id, serial_number=serial_number)

    async def rename_drone(self, actor: Actor, drone_id: int, name: str) -> Drone:
        """Give a drone the name that people call it by, and tell it.

        Raises:
            HubError: GONE, FORBIDDEN, BAD_INPUT.
        """
        checked = check_name(name)
        row = await self.drone(actor, drone_id)
        if row is None:
            raise gone("drone")
        await self._access.require(actor, Action.NAME_DRONES, row.workspace_id, what="drone")
        now = self._clock()
        news: journal.News = {}
        async with self._database.transaction() as client:
            held = await bulk.lock_devices(self._database, client, "drones", [row.id])
            if not held:
                raise gone("drone")
            row.name = checked
            if held[row.id].name != checked:
                await row.save(update_fields=["name"])
                events: list[Event] = [
                    DroneRenamed(workspace_id=row.workspace_id, drone_id=row.id, at=now),
                    RowChanged(workspace_id=row.workspace_id, table=Table.DRONE, row_id=row.id, at=now),
                ]
                news = await journal.append(self._database, client, {row.workspace_id: events}, now)
        if self._news is not None:
            await self._news.publish(news)
        return row

    async def serials(self, drone_ids: Iterable[int]) -> dict[int, str]:
        """The serial numbers of drones, which never change; the caller knows that they may be seen."""
        rows = await Drone.filter(id__in=list(drone_ids)).values_list("id", "serial_number")
        return {int(id): str(serial) for id, serial in rows}

    def check_span(self, start: datetime, end: datetime) -> None:
        """Refuse a span of time that no history can have.

        Raises:
            HubError: BAD_INPUT for times before 2000 or after tomorrow, or an end before the start.
        """
        latest = self._clock() + timedelta(days=1)
        for field, value in (("from", start), ("to", end)):
            if not EARLIEST <= value <= latest:
                raise bad_input(field, "Must lie between the year 2000 and tomorrow.")
        if end < start:
            raise bad_input("to", "Must not be before 'from'.")

    async def track(
        self, actor: Actor, drone_id: int, start: datetime, end: datetime, max_points: int
    ) -> list[TrackPoint]:
        """Where a drone was, in order of time, with at most so many points.

        A longer track keeps its ends, its extremes and the points that shape it (`domain/tracks.py`); of one with more
        than 250,000 fixes, 69 hours at one a second, an extreme may be missed (`store/history.py`).

        Raises:
            HubError: GONE; BAD_INPUT for times before 2000 or after tomorrow, an end before the start, or a number
                of points below 2 or above 10,000.
        """
        if await self.drone(actor, drone_id) is None:
            raise gone("drone")
        return await self.fixes(drone_id, start, end, max_points)

    async def fixes(self, drone_id: int, start: datetime, end: datetime, max_points: int) -> list[TrackPoint]:
        """As `track`; the caller knows that it may be seen.

        Raises:
            HubError: BAD_INPUT, as `track`.
        """
        self.check_span(start, end)
        if not 2 <= max_points <= MAX_TRACK_POINTS:
            raise bad_input("maxPoints", f"Must be from 2 to {MAX_TRACK_POINTS}.")
        async with self._readers:
            return await history.track(self._database, drone_id, start, end, max_points)

    async def path(self, drone_id: int, start: datetime, end: datetime, max_points: int) -> list[PathPoint]:
        """As `fixes`, the places alone, of a span that is in order."""
        async with self._readers:
            return await history.path(self._database, drone_id, start, end, max_points)

    async def outlines(self, drone_id: int, spans: Sequence[Span], limit: int) -> list[list[PathPoint]]:
        """Where a drone was in each of these spans, with few points; the caller knows that it may be seen."""
        async with self._readers:
            return await outlines(self._database, drone_id, spans, limit)
