"""What members may know of the photos and videos of their workspaces. How these come in is `pilot_media.py`'s matter,
how they go that of `files.py`: a media item and its file go together.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from ofh.domain.actors import Action, Actor
from ofh.domain.areas import Area
from ofh.domain.devices import micros
from ofh.domain.errors import bad_input, gone
from ofh.domain.media import Lens, MediaType
from ofh.domain.reasons import Reason
from ofh.store.models import Flight, Media

from . import shown_area
from .access import Access
from .fleet import Fleet
from .names import is_id
from .pages import Page, behind, page_of, page_size, pieces, read_cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFilter:
    """Which media to list; what is None does not matter."""

    drone_id: int | None = None
    flight_id: int | None = None
    type: MediaType | None = None
    start: datetime | None = None
    """Those taken then or later; by the time that they came where the camera's is not known."""
    end: datetime | None = None
    area: Area | None = None
    """Those that show some of it; where what they show is not known, those whose camera was in it."""
    lens: Lens | None = None


class MediaItems:
    """Lists and single media items."""

    def __init__(self, access: Access, fleet: Fleet) -> None:
        self._access = access
        self._fleet = fleet

    async def media(self, actor: Actor, media_id: int) -> Media | None:
        """A media item that the actor may see; None also where it is hidden."""
        return await self._access.visible(actor, Media, media_id)

    async def with_file(self, actor: Actor, media_id: int) -> Media | None:
        """As `media`, its file with it."""
        row = await self.media(actor, media_id)
        if row is not None:
            await row.fetch_related("file")
        return row

    async def of_workspace(
        self, actor: Actor, workspace_id: int, wanted: MediaFilter, *, first: int | None, after: str | None
    ) -> Page[Media]:
        """A page of a workspace's media, what came last first.

        Raises:
            HubError: GONE; BAD_INPUT, no page of such a size, no such cursor, or an end before the start.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        return await _page(self.matching(workspace_id, wanted), first, after, wanted.area)

    def matching(self, workspace_id: int, wanted: MediaFilter) -> QuerySet[Media]:
        """The media of a workspace that a filter leaves, for services that have seen to the rights. Where the filter
        has an area, `shown_area.showing` has to look at them too.

        Raises:
            HubError: BAD_INPUT, an end before the start.
        """
        if wanted.start is not None and wanted.end is not None and wanted.end < wanted.start:
            raise bad_input("to", Reason.END_BEFORE_START)
        return Media.filter(_matching(wanted), workspace_id=workspace_id)

    async def of_drone(self, actor: Actor, drone_id: int, *, first: int | None, after: str | None) -> Page[Media]:
        """A page of what a drone took, what came last first.

        Raises:
            HubError: GONE; BAD_INPUT.
        """
        return await _page(await self._of_drone(actor, drone_id), first, after)

    async def all_of_drone(self, actor: Actor, drone_id: int) -> AsyncIterator[list[Media]]:
        """All that a drone took, with their files, in pieces that are quickly read.

        Raises:
            HubError: GONE; before the first piece.
        """
        async for piece in pieces((await self._of_drone(actor, drone_id)).select_related("file"), "created_at"):
            yield piece

    async def of_flight(self, actor: Actor, flight_id: int, *, first: int | None, after: str | None) -> Page[Media]:
        """A page of what was taken on a flight, what came last first.

        Raises:
            HubError: GONE; BAD_INPUT.
        """
        return await _page(await self._of_flight(actor, flight_id), first, after)

    async def all_of_flight(self, actor: Actor, flight_id: int) -> AsyncIterator[list[Media]]:
        """All that was taken on a flight, with their files, in pieces that are quickly read.

        Raises:
            HubError: GONE; before the first piece.
        """
        async for piece in pieces((await self._of_flight(actor, flight_id)).select_related("file"), "created_at"):
            yield piece

    async def _of_drone(self, actor: Actor, drone_id: int) -> QuerySet[Media]:
        if await self._fleet.drone(actor, drone_id) is None:
            raise gone("drone")
        return Media.filter(drone_id=drone_id)

    async def _of_flight(self, actor: Actor, flight_id: int) -> QuerySet[Media]:
        flight = await Flight.get_or_none(id=flight_id) if is_id(flight_id) else None
        if flight is None:
            raise gone("flight")
        await self._access.require(actor, Action.VIEW, flight.workspace_id, what="flight")
        return Media.filter(flight_id=flight_id)


async def _page(media: QuerySet[Media], first: int | None, after: str | None, area: Area | None = None) -> Page[Media]:
    size, key = page_size(first), read_cursor(after, 2)
    ordered = media.order_by("-created_at", "-id").limit(size + 1)
    found = await ordered.filter(behind(key, "created_at"))
    if area is not None:
        found = await _of_area(ordered, found, size + 1, area)

    async def count() -> int:
        number = await media.count()
        return number if area is None else number - await shown_area.not_showing(media, area)

    return page_of(found, size, key, media_key, count)


async def _of_area(ordered: QuerySet[Media], found: list[Media], number: int, area: Area) -> list[Media]:
    """So many of a list that really show an area, beginning with those that were found first."""
    shown: list[Media] = []
    while True:
        showing = await shown_area.showing([row.id for row in found], area)
        shown += [row for row in found if row.id in showing]
        if len(shown) >= number or len(found) < number:
            return shown[:number]
        found = await ordered.filter(behind(media_key(found[-1]), "created_at"))


def media_key(row: Media) -> tuple[int, int]:
    """What a list of media is sorted by."""
    return micros(row.created_at), row.id


def _matching(wanted: MediaFilter) -> Q:
    found = Q()
    if wanted.drone_id is not None:
        found &= Q(drone_id=wanted.drone_id)
    if wanted.flight_id is not None:
        found &= Q(flight_id=wanted.flight_id)
    if wanted.type is not None:
        found &= Q(type=wanted.type.value)
    if wanted.lens is not None:
        found &= Q(lens=wanted.lens.value)
    if wanted.start is not None:
        found &= Q(captured_at__gte=wanted.start) | Q(captured_at=None, created_at__gte=wanted.start)
    if wanted.end is not None:
        found &= Q(captured_at__lte=wanted.end) | Q(captured_at=None, created_at__lte=wanted.end)
    if wanted.area is not None:
        found &= shown_area.near(wanted.area)
    return found
