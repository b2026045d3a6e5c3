"""What a hub does by the clock: nobody asks for it, and a hub that did not would be wrong or full after a while."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ofh.choices import now
from ofh.domain.devices import from_micros
from ofh.domain.errors import HubError
from ofh.people import AccountServices
from ofh.services.feed import Feed
from ofh.services.link import Links
from ofh.services.pilot_media import PilotMedia
from ofh.services.retention import Retention
from ofh.services.uploads import Uploads
from ofh.store.database import Database
from ofh.store.journal import time_of_feed

log = structlog.get_logger(__name__)

RECONCILE_S = 60.0
"""How often the broker's accounts are compared with the connections."""
WATCH_S = 1.0
"""How often SQLite is asked whether another process wrote into it."""
HOUSEKEEPING_S = 3600.0
STORAGE_LOOK_S = 60.0
STORAGE_LOOKS_PER_TIDY = 60


class Upkeep:
    """The rounds of one process; each is run until cancelled.

    Args:
        reconcile: compares the broker's accounts with the connections.
        audit_days: how long the audit record is kept.
    """

    def __init__(
        self,
        database: Database,
        people: AccountServices,
        links: Links,
        retention: Retention,
        pilot_media: PilotMedia,
        uploads: Uploads,
        feed: Feed,
        *,
        reconcile: Callable[[], Awaitable[None]],
        audit_days: int,
    ) -> None:
        self._database = database
        self._people = people
        self._links = links
        self._retention = retention
        self._pilot_media = pilot_media
        self._uploads = uploads
        self._feed = feed
        self._reconcile = reconcile
        self._audit_days = audit_days

    async def broker_accounts(self) -> None:
        """See that the broker has the accounts that the connections say."""
        while True:
            await self._reconcile()
            await asyncio.sleep(RECONCILE_S)

    async def database(self) -> None:
        """Notice what the command line or a worker wrote into the file beside us: no bus tells of it."""
        seen = await self._database.version()
        while True:
            await asyncio.sleep(WATCH_S)
            found = await self._database.version()
            if found != seen:
                seen = found
                await self._people.control.publish("interrupted")
                self._feed.interrupt("another process wrote into the database")
                await self._reconcile()

    async def rows(self) -> None:
        """Remove what is no longer kept."""
        while True:
            await self._people.sessions.prune()
            await self._links.prune()
            today = from_micros(await time_of_feed(self._database, self._database.connection, now()))
            await self._people.audit.prune(today - timedelta(days=self._audit_days))
            await self._retention.run()
            await self._pilot_media.prune()
            await asyncio.sleep(HOUSEKEEPING_S)

    async def storage(self) -> None:
        """See how full the storage is, and now and then remove what broken uploads left."""
        looks = 0
        while True:
            try:
                await self._uploads.look()
                if looks % STORAGE_LOOKS_PER_TIDY == 0:
                    await self._uploads.tidy()
                looks += 1
            except HubError as error:
                log.warning("the storage is not kept in order", reason=error.message)
            await asyncio.sleep(STORAGE_LOOK_S)
