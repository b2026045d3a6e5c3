"""What controllers ask and say of the files that they upload. How a file comes in is `media_intake.py`'s matter.

A statement is believed only as far as the hub can see for itself: the object lies under a prefix that the workspace was
given, and it is there (security.md, S1). Where the store does not answer, the statement waits in the database and is
looked at again until the store does: a controller whose word was refused may not give it again. Nothing is a hit that
has not been seen in the store, for bytes that are taken for here are never sent again.

Every look-up is within one workspace (U8). A file that a member has deleted stays known, or its controller would send
it again for ever.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from tortoise.exceptions import IntegrityError

from ofh.backends.ports import Bus, ObjectStore
from ofh.dji.errors import DecodeError
from ofh.dji.media import FileNamed, GroupUploaded, Uploaded, decode_uploaded
from ofh.domain.errors import HubError
from ofh.domain.event_json import encode
from ofh.domain.events import RowChanged, Table
from ofh.store import media
from ofh.store.database import Database
from ofh.store.models import Drone, Fingerprint, Media, PendingUpload

from .announcing import publish
from .audit import Audit
from .counters import Counters
from .coverage import COVERAGE
from .discarding import Discarding
from .jobs import JobQueue
from .link import Pilot
from .media_intake import Intake, Outcome, flight_of

log = structlog.get_logger(__name__)

ATTACHED_WITHIN = timedelta(hours=24)
"""How long after it came a media item may still find its flight."""
FORGOTTEN_AFTER = timedelta(days=30)
"""What a controller asked for and never sent."""
BATCH = 200

ACKNOWLEDGED = frozenset({Outcome.TAKEN, Outcome.REPEATED, Outcome.WAITING, Outcome.FAILED})


class PilotMedia:
    """Answers controllers about files and takes their word for those that are up.

    Args:
        clock: the hub's time, UTC.
        holds: key, workspace's uuid and id → whether the workspace was given credentials for it (`Grants.holds`).
        sweep: how often it looks for what waits.
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
        *,
        holds: Callable[[str, str, int], bool],
        sweep: timedelta = timedelta(seconds=15),
    ) -> None:
        self._intake = Intake(database, bus, store, discarding, jobs, audit, counters, clock)
        self._holds = holds
        self._database = database
        self._bus = bus
        self._jobs = jobs
        self._counters = counters
        self._clock = clock
        self._sweep = sweep

    async def fast_upload(self, pilot: Pilot, file: FileNamed) -> bool:
        """Whether this very file is here, or was until a member deleted it. The tiny fingerprint is kept in any case:
        the statement that the file is up may lack it.
        """
        if file.fingerprint is None:
            return False
        known = await Fingerprint.get_or_none(
            workspace_id=pilot.workspace_id, fingerprint=file.fingerprint, is_original=file.is_original
        )
        if known is None:
            if file.tiny is not None:
                await self._note(pilot.workspace_id, file)
            return False
        if known.tiny is None and file.tiny is not None:
            await Fingerprint.filter(id=known.id).update(tiny=file.tiny)
        if known.deleted_at is not None:
            return True
        return known.media_id is not None and not await self._intake.is_lost(known.media_id)

    async def tiny_fingerprints(self, pilot: Pilot, wanted: Sequence[str]) -> list[str]:
        """Those of these that an original in the workspace carries, in the order asked for."""
        known = await media.known_tiny(self._database, pilot.workspace_id, wanted) if wanted else set()
        return [tiny for tiny in wanted if tiny in known]

    async def register(self, pilot: Pilot, told: Uploaded, address: str = "") -> Outcome:
        """Take a controller's word that a file is up, or that it is not.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        if not told.is_up or told.object_key is None:
            log.info("a controller could not upload a file", connection=pilot.public_id, workspace=pilot.workspace_id)
            return Outcome.FAILED
        if not self._holds(told.object_key, str(pilot.workspace_uuid), pilot.workspace_id):
            log.warning(
                "an object outside of the workspace's prefixes",
                connection=pilot.public_id,
                workspace=pilot.workspace_id,
            )
            self._counters.dropped("foreign_object_key")
            return Outcome.FOREIGN_KEY
        outcome = await self._intake.take(pilot.workspace_id, pilot.connection_id, told, address)
        if outcome is Outcome.WAITING:
            await self._wait(pilot, told)
        elif outcome is Outcome.MISSING:
            log.warning("an object that is not there", connection=pilot.public_id, workspace=pilot.workspace_id)
            self._counters.dropped("missing_object")
        return outcome

    async def group_uploaded(self, pilot: Pilot, told: GroupUploaded) -> None:
        """Keep how far a controller is with the files of a task: early, late, or of a task that nobody knows."""
        if told.group is None:
            return
        async with self._database.transaction() as client:
            group = await self._intake.group(client, pilot.workspace_id, told.group)
            if told.file_count is not None:
                group.file_count = told.file_count
            if told.uploaded_count is not None:
                group.uploaded_count = told.uploaded_count
            await group.save(update_fields=["file_count", "uploaded_count"])
            await self._intake.check_complete(group)

    async def run(self) -> None:
        """Look for what waits until cancelled."""
        while True:
            try:
                await self.look_again()
                await self.attach()
            except HubError as error:
                log.info("uploads wait", reason=error.message)
            await asyncio.sleep(self._sweep.total_seconds())

    async def look_again(self) -> int:
        """Take up the statements that wait for the store; how many are settled."""
        settled = 0
        for row in await PendingUpload.filter(due_at__lte=self._clock()).order_by("due_at").limit(BATCH):
            try:
                told = decode_uploaded(row.statement)
                outcome = await self._intake.take(row.workspace_id, row.connection_id, told, "")
            except DecodeError:  # of another version of ours
                outcome = Outcome.FAILED
            if outcome is Outcome.WAITING:  # the others are asked about first next time
                await PendingUpload.filter(id=row.id).update(due_at=self._clock())
                return settled
            if outcome is Outcome.MISSING:
                log.warning("an object that was said to be up is not there", workspace=row.workspace_id)
                self._counters.dropped("missing_object")
            await PendingUpload.filter(id=row.id).delete()
            settled += 1
        return settled

    async def attach(self) -> int:
        """Find the flight of media items that came before it was known; how many found theirs."""
        attached = 0
        ids = await media.without_flight(self._database, self._clock() - ATTACHED_WITHIN, BATCH)
        for row in await Media.filter(id__in=ids).order_by("id"):
            changed = 0
            async with self._database.transaction() as client:
                await Drone.filter(id=row.drone_id).select_for_update(no_key=True).first()
                flight_id = await flight_of(row.drone_id, row.captured_at, row.group_id)
                if flight_id is not None:
                    changed = await Media.filter(id=row.id, flight_id=None).update(flight_id=flight_id)
                if changed:  # where it took off says how high the ground was
                    await self._jobs.add(client, COVERAGE, row.workspace_id, row.id)
            if changed:
                self._jobs.wake()
                attached += 1
                event = RowChanged(workspace_id=row.workspace_id, table=Table.MEDIA, row_id=row.id, at=self._clock())
                await publish(self._bus, {row.workspace_id: encode([event])}, self._counters)
        return attached

    async def prune(self) -> None:
        """Forget the files that controllers asked for and never sent."""
        before = self._clock() - FORGOTTEN_AFTER
        await Fingerprint.filter(media_id=None, deleted_at=None, created_at__lt=before).delete()

    async def _note(self, workspace_id: int, file: FileNamed) -> None:
        """Keep the tiny fingerprint of a file that is not here."""
        try:
            await Fingerprint.create(
                workspace_id=workspace_id,
                fingerprint=file.fingerprint,
                is_original=file.is_original,
                tiny=file.tiny,
                created_at=self._clock(),
            )
        except IntegrityError:  # asked twice at the same moment
            return

    async def _wait(self, pilot: Pilot, told: Uploaded) -> None:
        """Keep a statement until the store answers."""
        now = self._clock()
        log.warning("object store away, an upload waits to be seen", connection=pilot.public_id)
        self._counters.retried("object store")
        values = {
            "workspace_id": pilot.workspace_id,
            "connection_id": pilot.connection_id,
            "statement": dict(told.kept),
            "due_at": now,
        }
        await PendingUpload.update_or_create(object_key=told.object_key, defaults={**values, "created_at": now})
