"""Objects that no file names any more, or not yet: what a crash leaves in the store is found and deleted.

The transaction that takes a file's row away notes the object here, and the object is deleted after the commit. An
object that is just being stored is noted before its first byte: a member's file for an hour, and what a controller puts
for as many days as its word may take to come. The transaction that gives it a row takes the note away. So whatever
happens in between, an object has a row, or a note, or is gone.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ofh.backends.ports import ObjectStore
from ofh.domain.errors import Code, HubError
from ofh.store import media
from ofh.store.database import Database
from ofh.store.models import DiscardedObject

log = structlog.get_logger(__name__)

STORING = timedelta(hours=1)
"""How long an object may be on its way from the hub into the store."""
CLAIM = timedelta(minutes=10)
"""How long whoever deletes objects is left alone with them."""
BATCH = 500


class Discarding:
    """Deletes objects.

    Args:
        clock: the hub's time, UTC.
        untold: how long an object that a controller has put waits for the word that it is up.
        sweep: how often what was left over is looked for.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Callable[[], datetime],
        *,
        untold: timedelta = timedelta(days=14),
        sweep: timedelta = timedelta(minutes=1),
    ) -> None:
        self._untold = untold
        self._database = database
        self._store = store
        self._clock = clock
        self._sweep_s = sweep.total_seconds()

    async def note(self, keys: Sequence[str]) -> None:
        """Within a transaction: these objects are to go; call `now` once it is committed."""
        await media.discard(self._database, self._database.connection, keys, self._clock())

    async def begin(self, key: str) -> datetime:
        """An object is about to be stored; what this returns is needed to keep it."""
        due_at = self._clock() + STORING
        await DiscardedObject.create(object_key=key, due_at=due_at)
        return due_at

    async def keep(self, key: str, begun: datetime) -> None:
        """Within the transaction that gives the object a row: it stays.

        Raises:
            HubError: UNAVAILABLE, storing it took so long that it has been given up.
        """
        if not await DiscardedObject.filter(object_key=key, due_at=begun).delete():
            raise HubError(Code.UNAVAILABLE, "Storing this file took too long. Try again.")

    async def expect(self, key: str) -> None:
        """A controller is about to put an object, and will say so; until then no file names it.

        Raises nothing: that a photo comes in matters more than that a forgotten one goes.
        """
        try:
            await media.expect(self._database, self._database.connection, key, self._clock() + self._untold)
        except HubError as error:
            log.warning("an object is stored without a note", reason=error.message)

    async def told(self, key: str) -> None:
        """Within the transaction that gives an object a row which a controller has put: it stays.

        Raises:
            HubError: UNAVAILABLE, it is being deleted just now.
        """
        # By far more than a claim: the clock of whoever claimed it may be ahead of ours.
        await DiscardedObject.filter(object_key=key, due_at__gt=self._clock() + CLAIM + STORING).delete()
        if await DiscardedObject.exists(object_key=key):
            raise HubError(Code.UNAVAILABLE, "The object is being deleted. Upload it again.")

    async def give_up(self, key: str) -> None:
        """The object that was to be stored is not wanted any more. Raises nothing: the sweep does what this cannot."""
        try:
            if await DiscardedObject.filter(object_key=key).update(due_at=self._clock()):
                await self.now([key])
        except HubError as error:
            log.warning("an object is given up later", reason=error.message)

    async def now(self, keys: Sequence[str]) -> None:
        """Delete objects that were noted; what cannot be deleted now is later."""
        for key in keys:
            try:
                await self._store.delete(key)
            except HubError as error:
                log.warning("an object could not be deleted yet", reason=error.message)
                return
            await DiscardedObject.filter(object_key=key).delete()

    async def sweep(self) -> int:
        """Delete what is due; how many objects that were."""
        total = 0
        while True:
            now = self._clock()
            rows = await DiscardedObject.filter(due_at__lte=now).order_by("due_at").limit(BATCH)
            for row in rows:
                # Claimed first: from here on the object cannot be kept any more.
                if not await DiscardedObject.filter(id=row.id, due_at=row.due_at).update(due_at=now + CLAIM):
                    continue
                if not await media.is_wanted(self._database, row.object_key):
                    await self._store.delete(row.object_key)
                await DiscardedObject.filter(id=row.id).delete()
                total += 1
            if len(rows) < BATCH:
                return total

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                if found := await self.sweep():
                    log.info("objects deleted", number=found)
            except HubError as error:  # the store or the database is away; what was claimed comes up again
                log.info("objects wait to be deleted", reason=error.message)
            await asyncio.sleep(self._sweep_s)
