"""What single photos and videos show of the ground: computed once and kept, until the computation, the elevation model
or a setting changes.

It is computed by a job once a file has been looked into (`analysis.py`), and by whoever asks first where that job has
not come to it. What cannot be known is kept too, with the reason: nothing here guesses.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from tortoise.exceptions import IntegrityError

from ofh.backends.ports import Bus
from ofh.domain.actors import Actor
from ofh.domain.coverage.coverage import VERSION, Coverage, CoverageOptions, CoveragePoint
from ofh.domain.coverage.ground import ElevationModel, Geoid
from ofh.domain.coverage.inputs import NoCoverage, PhotoFacts, TakeOff, Telemetry
from ofh.domain.coverage.photo import coverage_of_photo
from ofh.domain.errors import Code, HubError, gone
from ofh.domain.events import CoverageChanged, Event
from ofh.store import coverage, journal
from ofh.store.database import Database
from ofh.store.history import chunks
from ofh.store.models import Coverage as Kept
from ofh.store.models import Flight, Media

from .announcing import publish
from .counters import Counters
from .jobs import JobQueue, Run
from .media import MediaItems

if TYPE_CHECKING:
    from ofh.domain.covered_ground import Box

log = structlog.get_logger(__name__)

COVERAGE = "coverage"
"""The kind of job; its subject is a media item."""
AT_ONCE = 2
"""Computations in this process at a time: each takes a core for up to some tenths of a second."""
NEAR = timedelta(seconds=1)
"""So far from the moment of capture a report of the aircraft counts."""
BATCH = 1_000
NOT_READ = {"metadata": "not read yet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """On which ground photos are looked at, and how."""

    options: CoverageOptions
    model: ElevationModel | None = None
    geoid: Geoid | None = None
    identity: str
    """Another one where anything of this is another: what was computed with it is computed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What came of a computation."""

    missing: Mapping[str, str] | None
    answer: str = ""
    shape: bytes | None = None
    box: "Box | None" = None


class Coverages:
    """Gives coverages to who may see them, and does the job.

    Args:
        surface: gives it when it is first needed: an elevation model may have to be read.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        media: MediaItems,
        jobs: JobQueue,
        counters: Counters,
        surface: Callable[[], Surface],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bus = bus
        self._media = media
        self._jobs = jobs
        self._counters = counters
        self._make_surface = surface
        self._made: asyncio.Task[Surface] | None = None
        self._clock = clock
        self._computing = asyncio.Semaphore(AT_ONCE)

    async def prepare(self) -> None:
        """Look at the elevation model, so that what is wrong with it is seen at the start.

        Raises:
            HubError: CONFLICT, it is not what it has to be.
        """
        await self._surface()

    async def of_media(self, actor: Actor, media_id: int) -> str:
        """What a media item shows: `all`, `outer` and `holes`, as JSON.

        Raises:
            HubError: GONE; NO_COVERAGE, it cannot be known, with a line for each thing that is missing; UNAVAILABLE.
        """
        row = await self._media.with_file(actor, media_id)
        if row is None:
            raise gone("media item")
        found = (await self.of_rows([row]))[row.id]
        if isinstance(found, str):
            return found
        why = "; ".join(f"{name}: {line}" for name, line in found.items())
        raise HubError(Code.NO_COVERAGE, f"What this shows of the ground cannot be known ({why}).", fields=found)

    async def of_ids(self, media_ids: Sequence[int]) -> dict[int, str | Mapping[str, str] | None]:
        """The same of several that the caller has found to be seen, or what is missing; None of what is not there."""
        rows = await Media.filter(id__in=list(media_ids)).select_related("file")
        found = await self.of_rows(rows)
        return {number: found.get(number) for number in media_ids}

    async def of_rows(self, rows: Sequence[Media]) -> dict[int, str | Mapping[str, str]]:
        """Of media items with their files: the JSON, or what is missing."""
        surface = await self._surface()
        kept = {
            row.media_id: row
            for row in await Kept.filter(
                media_id__in=[row.id for row in rows], version=VERSION, surface=surface.identity
            ).only("media_id", "missing", "answer")
        }

        async def answer(row: Media) -> str | Mapping[str, str]:
            known = kept.get(row.id)
            if known is not None:
                missing: Mapping[str, str] | None = known.missing
                return known.answer if missing is None else missing
            if row.file.analysed_at is None:
                return NOT_READ
            found = await self._compute(row, surface)
            await self._keep_found(row, found, surface)
            return found.answer if found.missing is None else found.missing

        answers = await asyncio.gather(*(answer(row) for row in rows))
        return {row.id: found for row, found in zip(rows, answers, strict=True)}

    async def __call__(self, run: Run) -> None:
        """Do the job: what a media item shows, by what is known of it now.

        Raises:
            HubError: UNAVAILABLE, the database is away.
            LeaseLost: somebody else does it.
        """
        row = await Media.filter(id=run.subject_id).select_related("file").first()
        if row is None or row.file.analysed_at is None:  # once it has been looked into, this job is put down again
            return
        surface = await self._surface()
        found = await self._compute(row, surface)
        events: dict[int, list[Event]] = defaultdict(list)
        async with run.finishing() as client:
            await self._keep(client, row, found, surface, events)
            news = await journal.append(self._database, client, events, self._clock())
        await publish(self._bus, news, self._counters)

    async def catch_up(self) -> None:
        """Have computed what was not, or with another version, elevation model or setting."""
        surface = await self._surface()
        number = await coverage.outdated(self._database, COVERAGE, VERSION, surface.identity, self._clock())
        if number:
            log.info("coverages are computed anew", number=number)
            self._jobs.wake()

    async def _surface(self) -> Surface:
        """Made in a thread, once."""
        if self._made is None:
            self._made = asyncio.ensure_future(asyncio.to_thread(self._make_surface))
        return await asyncio.shield(self._made)

    async def _compute(self, row: Media, surface: Surface) -> _Found:
        facts = await self._facts(row)
        async with self._computing:
            found = await asyncio.to_thread(_computed, facts, surface)
        if found.missing is not None:
            log.info("no coverage", media=row.id, workspace=row.workspace_id, missing=dict(found.missing))
        return found

    async def _facts(self, row: Media) -> PhotoFacts:
        meta: Mapping[str, Any] = row.meta or {}
        flight = None if row.flight_id is None else await Flight.get_or_none(id=row.flight_id)
        take_off = None
        if flight is not None and flight.take_off_longitude is not None and flight.take_off_latitude is not None:
            take_off = TakeOff(longitude=flight.take_off_longitude, latitude=flight.take_off_latitude)
        callback: Mapping[str, Any] = row.callback or {}
        if row.is_panorama:
            callback = {**callback, "sub_file_type": 1}
        return PhotoFacts(
            exif=meta.get("exif") or {},
            xmp=meta.get("xmp") or {},
            callback=callback or None,
            file_name=row.file.name,
            width=row.width,
            height=row.height,
            telemetry=await self._telemetry(row),
            take_off=take_off,
        )

    async def _telemetry(self, row: Media) -> Telemetry | None:
        """The aircraft's own height at the moment of capture, where neither file nor controller tells one."""
        at = row.captured_at
        if row.relative_altitude is not None or at is None:
            return None
        near = [
            point
            async for chunk in chunks(self._database, row.drone_id, at - NEAR, at + NEAR, size=100)
            for point in chunk
            if point.elevation is not None
        ]
        if not near:
            return None
        return Telemetry(elevation=min(near, key=lambda point: abs(point.time - at)).elevation)

    async def _keep_found(self, row: Media, found: _Found, surface: Surface) -> None:
        """Keep what was computed because somebody asked, and tell of it."""
        events: dict[int, list[Event]] = defaultdict(list)
        try:
            async with self._database.transaction() as client:
                # By what was known when it was asked for: the job may have learnt more since, and has the last word.
                await self._keep(client, row, found, surface, events, is_first=True)
                news = await journal.append(self._database, client, events, self._clock())
        except IntegrityError:  # another process has just kept the same
            return
        await publish(self._bus, news, self._counters)

    async def _keep(
        self,
        client: Any,
        row: Media,
        found: _Found,
        surface: Surface,
        events: dict[int, list[Event]],
        *,
        is_first: bool = False,
    ) -> None:
        before = await Kept.filter(media_id=row.id).only("missing", "shape").first()
        now = self._clock()
        values: dict[str, Any] = {
            "workspace_id": row.workspace_id,
            "media_id": row.id,
            "version": VERSION,
            "surface": surface.identity,
            "missing": None if found.missing is None else orjson.dumps(dict(found.missing)).decode(),
            "answer": found.answer,
            "shape": found.shape,
            **dict(zip(("west", "south", "east", "north"), found.box or (None,) * 4, strict=True)),
            "created_at": now,
        }
        if not await coverage.replace(self._database, client, values, is_first=is_first):
            return
        was_known = before is not None and before.missing is None
        is_news = found.missing is None if not was_known else found.missing is not None
        if is_news or (was_known and before is not None and before.shape != found.shape):
            events[row.workspace_id].append(
                CoverageChanged(workspace_id=row.workspace_id, drone_id=row.drone_id, media_id=row.id, at=now)
            )


def _computed(facts: PhotoFacts, surface: Surface) -> _Found:
    from ofh.domain.covered_ground import shape_of

    try:
        found = coverage_of_photo(facts, surface.options, model=surface.model, geoid=surface.geoid).coverage
    except NoCoverage as error:
        return _Found(missing=error.fields or {"file": error.reason})
    ring = partial(map, lambda point: (point.longitude, point.latitude))
    kept = shape_of(list(ring(found.outer)), [list(ring(hole)) for hole in found.holes])
    shape, box = (None, None) if kept is None else kept
    return _Found(missing=None, answer=_written(found), shape=shape, box=box)


def _written(found: Coverage) -> str:
    """As the contract has it."""
    return orjson.dumps(
        {
            "all": [_point(point) for point in found.all],
            "outer": [_point(point) for point in found.outer],
            "holes": [[_point(point) for point in hole] for hole in found.holes],
        }
    ).decode()


def _point(point: CoveragePoint) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "position": {"longitude": point.longitude, "latitude": point.latitude},
        "elevation": point.elevation,
    }
    if point.debug is not None:
        shown["debug"] = point.debug
    if point.ray is not None:
        ray = point.ray
        shown["ray"] = {"bearing": ray.bearing, "pitch": ray.pitch, "imagePosition": {"x": ray.x, "y": ray.y}}
    if point.direct_distance is not None:
        shown["directDistance"] = point.direct_distance
    if point.meter_vertical is not None and point.meter_horizontal is not None:
        shown["meterSize"] = {"vertical": point.meter_vertical, "horizontal": point.meter_horizontal}
    return shown
