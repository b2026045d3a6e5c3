"""The ground that the photos of a flight or of a workspace show together.

It is put together by tiles (`domain/covered_ground.py`), and each tile is kept with the list of the coverages that are
in it. So what has to be done is read from the difference between that list and the coverages that there are now: a new
photo is united with its own tiles, one that was deleted or looked at anew has its tiles made again, and nobody has to
be told of a change. Which process made a tile makes no difference.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from ofh.domain.actors import Action, Actor
from ofh.domain.errors import HubError, gone
from ofh.domain.media import MediaType
from ofh.store import coverage
from ofh.store.database import Database
from ofh.store.models import Flight, Media

from . import shown_area
from .access import Access
from .media import MediaFilter, MediaItems
from .names import is_id

if TYPE_CHECKING:
    from ofh.domain.covered_ground import Box, Covered, Tile

log = structlog.get_logger(__name__)

BATCH = 500
"""Coverages that are read and united at a time."""
AT_ONCE = 2
"""Unions in this process at a time: each takes a thread, and everybody's files and passwords wait for threads too."""
REMEMBERED = 64
"""Flights, workspaces and selections whose tiles are at hand in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What photos and videos show together."""

    covered: "Covered"
    shown: int
    """Media items that show some of it."""
    unknown: int
    """Photos and videos of which it cannot be known what they show."""
    pending: int
    """Photos and videos that have not been looked at yet."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A tile, and which coverages are in it."""

    members: frozenset[int]
    shape: Any


@dataclass(slots=True)
class _Scope:
    """What is at hand of a flight, a workspace or a selection."""

    tiles: "dict[Tile, _Held]" = field(default_factory=dict)
    kept: "Mapping[Tile, _Held]" = field(default_factory=dict)
    """What is kept in the database, as far as this process knows."""
    is_read: bool = False
    """Whether that has been looked at."""
    mark: tuple[int, ...] = ()
    """Of the coverages that `covered` is made of: another set of them has another mark."""
    covered: "Covered | None" = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Whose photos."""

    workspace_id: int
    flight_id: int | None = None
    selection: MediaFilter | None = None
    """None: all of them."""

    @property
    def name(self) -> str | None:
        """Under which tiles are kept; None: they are not."""
        if self.selection is not None:
            return None
        return f"workspace {self.workspace_id}" if self.flight_id is None else f"flight {self.flight_id}"


class CoveredGround:
    """Puts it together for who may see it."""

    def __init__(self, database: Database, access: Access, media: MediaItems) -> None:
        self._database = database
        self._access = access
        self._media = media
        self._scopes: OrderedDict[_Wanted, _Scope] = OrderedDict()
        self._uniting = asyncio.Semaphore(AT_ONCE)

    async def of_flight(self, actor: Actor, flight_id: int) -> Ground:
        """What was seen on a flight.

        Raises:
            HubError: GONE; UNAVAILABLE, the database is away.
        """
        flight = await Flight.get_or_none(id=flight_id) if is_id(flight_id) else None
        if flight is None:
            raise gone("flight")
        await self._access.require(actor, Action.VIEW, flight.workspace_id, what="flight")
        return await self._of(_Wanted(workspace_id=flight.workspace_id, flight_id=flight_id))

    async def of_workspace(self, actor: Actor, workspace_id: int, selection: MediaFilter | None = None) -> Ground:
        """What was seen in a workspace, or by a selection of its media, which show all that they do.

        Raises:
            HubError: GONE; BAD_INPUT, an end before the start; UNAVAILABLE, the database is away.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        if selection is None or selection == MediaFilter():
            return await self._of(_Wanted(workspace_id=workspace_id))
        return await self._of(_Wanted(workspace_id=workspace_id, selection=selection))

    async def _of(self, wanted: _Wanted) -> Ground:
        scope = self._scopes.setdefault(wanted, _Scope())
        self._scopes.move_to_end(wanted)
        while len(self._scopes) > REMEMBERED:
            self._scopes.popitem(last=False)
        media = self._of_scope(wanted)
        looked_at = media.filter(type__in=[MediaType.PHOTO.value, MediaType.VIDEO.value])
        # Counted first: what is looked at meanwhile is rather counted twice than left out of both.
        unknown = await looked_at.filter(coverage__missing__not_isnull=True).count()
        pending = await looked_at.filter(coverage__id__isnull=True).count()
        async with scope.lock:
            rows, mark = await self._changed(wanted, media, scope)
            if rows is not None:
                async with self._uniting:
                    await self._put_together(wanted, scope, rows)
                scope.mark = mark
            assert scope.covered is not None
            return Ground(covered=scope.covered, shown=mark[0], unknown=unknown, pending=pending)

    def _of_scope(self, wanted: _Wanted) -> QuerySet[Media]:
        if wanted.flight_id is not None:
            return Media.filter(flight_id=wanted.flight_id)
        return self._media.matching(wanted.workspace_id, wanted.selection or MediaFilter())

    async def _changed(
        self, wanted: _Wanted, media: QuerySet[Media], scope: _Scope
    ) -> "tuple[list[tuple[int, Box]] | None, tuple[int, ...]]":
        """The coverages that there are, or None where they are those of the last time; and their mark."""
        seen = media.filter(coverage__west__not_isnull=True)
        mark: tuple[int, ...]
        if wanted.selection is None:
            mark = await coverage.mark(self._database, wanted.workspace_id, wanted.flight_id)
            is_new = scope.covered is None or mark != scope.mark
            return await self._read(seen, None) if is_new else None, mark
        rows = await self._read(seen, wanted.selection)
        mark = (len(rows), hash(frozenset(number for number, _ in rows)))
        return rows if scope.covered is None or mark != scope.mark else None, mark

    async def _read(self, seen: QuerySet[Media], selection: MediaFilter | None) -> "list[tuple[int, Box]]":
        from ofh.domain.covered_ground import Box

        columns = ("coverage__id", *(f"coverage__{side}" for side in Box._fields))
        rows = await seen.values_list("id", *columns)
        if selection is not None and selection.area is not None:
            showing = await shown_area.showing([row[0] for row in rows], selection.area)
            rows = [row for row in rows if row[0] in showing]
        return [(row[1], Box(*row[2:])) for row in rows]

    async def _put_together(self, wanted: _Wanted, scope: _Scope, rows: "Sequence[tuple[int, Box]]") -> None:
        """Make the tiles those of these coverages, and one area of them."""
        if not scope.is_read and wanted.name is not None:
            kept = await coverage.tiles(self._database, wanted.name)
            scope.kept = scope.tiles = await asyncio.to_thread(_read_tiles, kept)
        scope.is_read = True
        tiles, missing = await asyncio.to_thread(_compare, scope.tiles, rows)
        numbers = list(missing)
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            shapes = await coverage.shapes(self._database, batch)
            await asyncio.to_thread(_unite, tiles, {number: missing[number] for number in batch}, shapes)
            # Whoever can wait no longer leaves what is done to the next, who goes on from there.
            scope.tiles = dict(tiles)
        scope.covered = await asyncio.to_thread(_dissolve, tiles)
        scope.tiles = tiles
        if wanted.name is not None:
            await self._keep(wanted, wanted.name, scope, tiles)

    async def _keep(self, wanted: _Wanted, name: str, scope: _Scope, tiles: "Mapping[Tile, _Held]") -> None:
        changed = {tile: held for tile, held in tiles.items() if scope.kept.get(tile) is not held}
        vanished = [_tile_name(tile) for tile in scope.kept if tile not in tiles]
        if not changed and not vanished:
            return
        try:
            await coverage.keep_tiles(
                self._database,
                workspace_id=wanted.workspace_id,
                flight_id=wanted.flight_id,
                scope=name,
                changed=await asyncio.to_thread(_written, changed),
                gone=vanished,
            )
        except (HubError, IntegrityError) as error:  # the next process makes them again
            log.info("covered tiles are not kept", scope=name, reason=str(error))
        else:
            scope.kept = tiles


def _compare(
    held: "Mapping[Tile, _Held]", rows: "Iterable[tuple[int, Box]]"
) -> "tuple[dict[Tile, _Held], dict[int, list[Tile]]]":
    """What of the tiles stays, and which coverages have to be united with which tiles, in the order of their ids."""
    from ofh.domain.covered_ground import tiles_of

    wanted: dict[Tile, set[int]] = {}
    for number, box in rows:
        for tile in tiles_of(box):
            wanted.setdefault(tile, set()).add(number)
    tiles: dict[Tile, _Held] = {}
    missing: dict[int, list[Tile]] = {}
    for tile, members in wanted.items():
        old = held.get(tile)
        if old is not None and old.members <= members:
            tiles[tile] = old
            members = members - old.members
        for number in members:
            missing.setdefault(number, []).append(tile)
    return tiles, dict(sorted(missing.items()))


def _unite(tiles: "dict[Tile, _Held]", missing: "Mapping[int, Sequence[Tile]]", shapes: Mapping[int, bytes]) -> None:
    """Unite coverages with their tiles; those that are no more are left out."""
    import numpy as np

    from ofh.domain.covered_ground import grow, read_shapes

    there = [number for number in missing if number in shapes]
    decoded = dict(zip(there, read_shapes([shapes[number] for number in there]), strict=True))
    of_tile: dict[Tile, list[int]] = {}
    for number in there:
        for tile in missing[number]:
            of_tile.setdefault(tile, []).append(number)
    for tile, numbers in of_tile.items():
        old = tiles.get(tile)
        added = np.array([decoded[number] for number in numbers], dtype=object)
        shape = grow(tile, added, None if old is None else old.shape)
        tiles[tile] = _Held((frozenset() if old is None else old.members) | frozenset(numbers), shape)


def _dissolve(tiles: "Mapping[Tile, _Held]") -> "Covered":
    from ofh.domain.covered_ground import dissolve

    return dissolve([held.shape for held in tiles.values()])


def _tile_name(tile: "Tile") -> str:
    return f"{tile.level}/{tile.row}/{tile.column}"


def _written(tiles: "Mapping[Tile, _Held]") -> list[coverage.KeptTile]:
    import numpy as np
    import shapely  # type: ignore[import-untyped]

    return [
        coverage.KeptTile(
            tile=_tile_name(tile),
            members=np.array(sorted(held.members), dtype="<i8").tobytes(),
            shape=shapely.to_wkb(held.shape),
        )
        for tile, held in tiles.items()
    ]


def _read_tiles(kept: Sequence[coverage.KeptTile]) -> "dict[Tile, _Held]":
    import numpy as np

    from ofh.domain.covered_ground import Tile, read_shapes

    shapes = read_shapes([one.shape for one in kept])
    return {
        Tile(*(int(part) for part in one.tile.split("/"))): _Held(
            frozenset(np.frombuffer(one.members, dtype="<i8").tolist()), shape
        )
        for one, shape in zip(kept, shapes, strict=True)
    }
