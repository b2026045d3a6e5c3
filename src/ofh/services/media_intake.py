"""The way of an uploaded file into the database: it is looked at in the store, and made a media item in one
transaction, which is told after its commit.

Nothing is believed here that the store does not show. Every look-up is within one workspace (U8). The same file twice
changes nothing, and one that a member has deleted stays deleted.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from ofh.backends.ports import Bus, ObjectStore
from ofh.dji.media import Uploaded
from ofh.dji.topology import UNKNOWN_TYPE
from ofh.domain.errors import Code, HubError
from ofh.domain.events import Event, MediaUploaded
from ofh.domain.media import (
    FLIGHT_TOLERANCE,
    SNIFFED_BYTES,
    Window,
    content_type_of,
    flight_at,
    is_panorama_name,
    lens_of,
    media_type_of,
)
from ofh.store import journal
from ofh.store.database import Database
from ofh.store.models import Drone, File, Fingerprint, Flight, Media, MediaGroup
from ofh.store.statements import lock_names

from .analysis import ANALYSIS
from .announcing import publish
from .audit import Audit
from .audit import Event as Audited
from .counters import Counters
from .discarding import Discarding
from .jobs import JobQueue

log = structlog.get_logger(__name__)

UNKNOWN_SERIAL = "unknown"
"""The serial number of the aircraft in whose name stands what no aircraft could be found for."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Outcome(StrEnum):
    """What became of a statement that a file is up."""

    TAKEN = "taken"
    REPEATED = "repeated"
    """It is known already, or has been deleted here."""
    WAITING = "waiting"
    """The store could not be asked; it is believed for now."""
    FAILED = "failed"
    """The controller itself says that the upload failed."""
    FOREIGN_KEY = "foreign key"
    """The object does not lie where this workspace may put it."""
    MISSING = "missing"
    """There is no such object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """An object as the store shows it."""

    size: int
    etag: str
    content_type: str
    """By its first bytes."""


class Intake:
    """Takes files in.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        store: ObjectStore,
        discarding: Discarding,
        jobs: JobQueue,
        audit: Audit,
        counters: Counters,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bus = bus
        self._store = store
        self._discarding = discarding
        self._jobs = jobs
        self._audit = audit
        self._counters = counters
        self._clock = clock

    async def take(self, workspace_id: int, connection_id: int, told: Uploaded, address: str) -> Outcome:
        """Look whether a file that is said to be up is there, and take it where it is: once, however often it is said.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        key = told.object_key
        assert key is not None
        taking = _Taking(
            workspace_id=workspace_id,
            connection_id=connection_id,
            told=told,
            key=key,
            fingerprint=told.file.fingerprint or f"key:{hashlib.sha256(key.encode()).hexdigest()}",
            address=address,
        )
        try:
            taking.seen = await self._look(key)
        except HubError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            return Outcome.WAITING
        known = await taking.known()
        taking.is_lost = known is not None and known.media_id is not None and await self.is_lost(known.media_id)
        try:
            return await self._take(taking)
        except IntegrityError:  # another process made one of the rows a moment ago
            pass
        try:
            return await self._take(taking)
        except IntegrityError as error:
            raise HubError(Code.UNAVAILABLE, "The workspace is being changed. Try again.") from error

    async def _take(self, taking: "_Taking") -> Outcome:
        events: dict[int, list[Event]] = defaultdict(list)
        discarded: list[str] = []
        async with self._database.transaction() as client:
            await lock_names(
                self._database,
                client,
                [f"media:{taking.workspace_id}:{taking.fingerprint}", f"object:{taking.key}"],
            )
            outcome = await self._take_known(client, taking, discarded)
            if outcome is None:
                outcome = Outcome.TAKEN
                await self._take_new(client, taking, events)
            if taking.key not in discarded and outcome in (Outcome.TAKEN, Outcome.REPEATED):
                await self._discarding.told(taking.key)
            await self._discarding.note(discarded)
            news = await journal.append(self._database, client, events, self._clock())
        self._jobs.wake()
        await publish(self._bus, news, self._counters)
        await self._discarding.now(discarded)
        return outcome

    async def _take_known(self, client: Any, taking: "_Taking", discarded: list[str]) -> Outcome | None:
        """What to do with a file that is known already; None where it is new."""
        known, seen = await taking.known(), taking.seen
        held = await File.get_or_none(object_key=taking.key)
        if held is not None and held.workspace_id != taking.workspace_id:
            return Outcome.FOREIGN_KEY
        if known is not None and known.deleted_at is not None:
            if seen is not None and held is None:
                discarded.append(taking.key)
            return Outcome.REPEATED
        if known is not None and known.media_id is not None:
            await self._again(client, taking, known.media_id, held, discarded)
            return Outcome.REPEATED
        if held is None or seen is None:
            return Outcome.MISSING if seen is None else None
        if held.etag == seen.etag or taking.told.file.fingerprint is None:
            owner = await Media.get_or_none(file_id=held.id)
            await taking.remember(None if owner is None else owner.id, self._clock())
            return Outcome.REPEATED
        # Two files under one key, as two aircraft on one prefix can name them: the later one is what the object holds.
        log.warning("an object was overwritten by another file", workspace=taking.workspace_id, file=held.id)
        self._counters.dropped("overwritten_object")
        await Fingerprint.filter(media__file_id=held.id).delete()
        if held.thumbnail_key is not None:
            discarded.append(held.thumbnail_key)
        await File.filter(id=held.id).delete()
        return None

    async def _again(
        self, client: Any, taking: "_Taking", media_id: int, held: File | None, discarded: list[str]
    ) -> None:
        """The same file once more: what is here stays, unless it has gone from the store."""
        row = await Media.get(id=media_id).select_related("file")
        seen, is_same = taking.seen, row.file.object_key == taking.key
        if seen is not None and (is_same or (taking.is_lost and held is None)):
            await File.filter(id=row.file_id).update(
                object_key=taking.key, size=seen.size, etag=seen.etag, content_type=seen.content_type
            )
            if taking.is_lost or row.file.etag != seen.etag:  # what was looked into is not what is here now
                await self._jobs.add(client, ANALYSIS, taking.workspace_id, row.file_id)
        elif seen is not None and held is None:
            discarded.append(taking.key)
        await taking.remember(media_id, self._clock())

    async def _take_new(self, client: Any, taking: "_Taking", events: dict[int, list[Event]]) -> None:
        told, seen, now = taking.told, taking.seen, self._clock()
        assert seen is not None
        name = told.file.name or taking.key.rpartition("/")[2]
        group = None if told.group is None else await self.group(client, taking.workspace_id, told.group)
        drone = await self._drone(client, taking, group, now)
        captured_at = told.captured_at
        if captured_at is not None and not EARLIEST <= captured_at <= now + timedelta(days=1):
            captured_at = None
        file = await File.create(
            workspace_id=taking.workspace_id,
            name=name,
            object_key=taking.key,
            size=seen.size,
            content_type=seen.content_type,
            etag=seen.etag,
            created_at=now,
        )
        lens = lens_of(name)
        row = await Media.create(
            workspace_id=taking.workspace_id,
            file_id=file.id,
            drone_id=drone.id,
            flight_id=await flight_of(drone.id, captured_at, None if group is None else group.id),
            group_id=None if group is None else group.id,
            type=media_type_of(name, seen.content_type).value,
            lens=None if lens is None else lens.value,
            is_original=told.file.is_original,
            is_panorama=told.is_panorama or is_panorama_name(name),
            folder=told.file.folder,
            captured_at=captured_at,
            payload_model_key=told.file.payload_key,
            longitude=told.longitude,
            latitude=told.latitude,
            absolute_altitude=told.absolute_altitude,
            relative_altitude=told.relative_altitude,
            gimbal_yaw=told.gimbal_yaw,
            callback=dict(told.kept),
            created_at=now,
        )
        await taking.remember(row.id, now)
        await self._jobs.add(client, ANALYSIS, taking.workspace_id, file.id)
        if group is not None:
            await self.check_complete(group)
        await self._audit.record(
            Audited.FILE_UPLOADED,
            workspace_id=taking.workspace_id,
            address=taking.address,
            object=f"file:{file.id} connection:{taking.connection_id}",
        )
        events[taking.workspace_id].append(
            MediaUploaded(
                workspace_id=taking.workspace_id,
                drone_id=drone.id,
                media_id=row.id,
                flight_id=row.flight_id,
                at=now,
            )
        )

    async def _drone(self, client: Any, taking: "_Taking", group: MediaGroup | None, now: datetime) -> Drone:
        """Who took it, locked, so that its flights stay as they are: by the serial number; else who took the others of
        the task; else who last came in by the connection; else one in whose name such things stand.
        """
        file = taking.told.file
        serial = file.serial
        drones = Drone.filter(workspace_id=taking.workspace_id).select_for_update(no_key=True)
        found: Drone | None = None
        if serial is None and group is not None:
            sibling = await Media.filter(group_id=group.id).order_by("id").first()
            found = None if sibling is None else await drones.filter(id=sibling.drone_id).first()
        if serial is None and found is None:
            by_connection = drones.filter(connection_id=taking.connection_id)
            found = await by_connection.order_by("-online", "-seen_at", "-id").first()
        if found is not None:
            return found
        serial = serial or UNKNOWN_SERIAL
        await lock_names(self._database, client, [f"drone:{taking.workspace_id}:{serial}"])
        found = await drones.filter(serial_number=serial).first()
        type_, sub_type = file.aircraft
        if found is None:
            return await Drone.create(
                workspace_id=taking.workspace_id,
                serial_number=serial,
                type=type_,
                sub_type=sub_type,
                created_at=now,
            )
        if found.type == UNKNOWN_TYPE and type_ != UNKNOWN_TYPE:
            await Drone.filter(id=found.id).update(type=type_, sub_type=sub_type)
        return found

    async def group(self, client: Any, workspace_id: int, key: str) -> MediaGroup:
        """A task's group, made where there is none, and held until the end of the transaction."""
        await lock_names(self._database, client, [f"group:{workspace_id}:{key}"])
        group, _ = await MediaGroup.get_or_create(
            workspace_id=workspace_id, group_key=key, defaults={"created_at": self._clock()}
        )
        return group

    async def check_complete(self, group: MediaGroup) -> None:
        """Note it once where all files of a task are here. A photo and its preview are one of them."""
        if group.completed_at is not None or not group.file_count:
            return
        names = await Media.filter(group_id=group.id).values_list("folder", "file__name")
        if len(set(names)) >= group.file_count:
            await MediaGroup.filter(id=group.id).update(completed_at=self._clock())
            log.info("all files of a task are here", workspace=group.workspace_id, files=group.file_count)

    async def _look(self, key: str) -> _Seen | None:
        """The object; None where there is none.

        Raises:
            HubError: UNAVAILABLE.
        """
        info = await self._store.stat(key)
        if info is None:
            return None
        head = b""
        try:
            async for piece in self._store.read(key, end=min(SNIFFED_BYTES, info.size_bytes)):
                head += piece
        except HubError as error:
            if error.code is Code.GONE:
                return None
            raise
        return _Seen(size=info.size_bytes, etag=info.etag, content_type=content_type_of(head))

    async def is_lost(self, media_id: int) -> bool:
        """Whether a media item's object is not in the store any more; what the store does not tell is not."""
        row = await Media.get_or_none(id=media_id).select_related("file")
        if row is None:
            return True
        try:
            return await self._store.stat(row.file.object_key) is None
        except HubError:
            return False


@dataclass(slots=True, kw_only=True)
class _Taking:
    """One statement on its way into the database."""

    workspace_id: int
    connection_id: int
    told: Uploaded
    key: str
    fingerprint: str
    address: str
    seen: _Seen | None = None
    """None where there is no such object."""
    is_lost: bool = False
    """Whether the object of the same file, which came before, is not in the store any more."""

    async def known(self) -> Fingerprint | None:
        """The file as it was told of before."""
        return await Fingerprint.get_or_none(
            workspace_id=self.workspace_id, fingerprint=self.fingerprint, is_original=self.told.file.is_original
        )

    async def remember(self, media_id: int | None, now: datetime) -> None:
        """Know the file as this media item from now on."""
        known = await self.known()
        if known is None:
            await Fingerprint.create(
                workspace_id=self.workspace_id,
                fingerprint=self.fingerprint,
                is_original=self.told.file.is_original,
                tiny=self.told.file.tiny,
                media_id=media_id,
                created_at=now,
            )
        else:
            tiny = self.told.file.tiny or known.tiny
            await Fingerprint.filter(id=known.id).update(media_id=media_id, tiny=tiny)


async def flight_of(drone_id: int, at: datetime | None, group_id: int | None) -> int | None:
    """The flight that something was taken on: by its time, else that of the others of its task; None for none."""
    if at is not None:
        near = await (
            Flight.filter(drone_id=drone_id, started_at__lte=at + FLIGHT_TOLERANCE)
            .filter(Q(ended_at=None) | Q(ended_at__gte=at - FLIGHT_TOLERANCE))
            .order_by("-started_at")
            .limit(20)
        )
        windows = [
            Window(flight_id=flight.id, start=flight.started_at, end=flight.landed_at or flight.ended_at)
            for flight in near
        ]
        if (found := flight_at(at, windows)) is not None:
            return found
    if group_id is not None:
        siblings = Media.filter(group_id=group_id, drone_id=drone_id, flight_id__not_isnull=True)
        sibling = await siblings.order_by("id").first()
        if sibling is not None:
            return sibling.flight_id
    return None
