"""Who is online (dji-pilot-2.md, 6.2): by silence, by a lost link, by a clean goodbye.

Devices come online by their messages and topologies; here they go offline. Each change is one compare-and-set in the
database, so of several processes exactly one makes and tells it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ofh.backends.ports import Bus, Session, SessionChange
from ofh.domain.events import ControllerPresenceChanged, Event, PresenceChanged
from ofh.store import bulk, journal
from ofh.store.database import Database, away

from .announcing import publish
from .counters import Counters
from .derivation import Derivation

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRules:
    """The numbers of dji-pilot-2.md 6.2; each is a setting."""

    silence: timedelta = timedelta(seconds=60)
    """Without any message for this long a device is offline."""
    lost_link: timedelta = timedelta(seconds=30)
    """After a link was lost without notice, its devices are offline unless they came back in this time."""
    sweep: timedelta = timedelta(seconds=5)
    """How often silence is looked for."""


class Presence:
    """Takes devices offline."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        derivation: Derivation,
        counters: Counters,
        clock: Callable[[], datetime],
        rules: PresenceRules | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._derivation = derivation
        self._counters = counters
        self._clock = clock
        self._rules = rules or PresenceRules()
        self._lost: dict[str, datetime] = {}
        self._left: dict[str, datetime] = {}
        self._hurry = asyncio.Event()

    def session_changed(self, session: Session) -> None:
        """Note what the broker says about an account's link."""
        match session.change:
            case SessionChange.CONNECTED:
                self._lost.pop(session.account, None)
                self._left.pop(session.account, None)
            case SessionChange.LOST:
                self._lost[session.account] = session.at
            case SessionChange.LEFT:
                self._left[session.account] = session.at
                self._hurry.set()
            case SessionChange.REFUSED:
                pass

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception as error:
                if away(error) is None:
                    log.exception("presence sweep failed")
                self._counters.retried("database")
            try:
                async with asyncio.timeout(self._rules.sweep.total_seconds()):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()

    async def sweep(self) -> None:
        """Take offline whoever is silent, lost or gone."""
        now = self._clock()
        await self._offline(now - self._rules.silence)
        for account, at in list(self._left.items()):
            await self._offline(at, account=account)
            self._left.pop(account, None)
        for account, at in list(self._lost.items()):
            if now - at >= self._rules.lost_link:
                await self._offline(at, account=account)
                self._lost.pop(account, None)

    async def _offline(self, unseen_since: datetime, *, account: str | None = None) -> None:
        """Take offline the devices (of this account) that were last seen at that time or before.

        Where it fails for all at once, it is done for one drone after the other: one cannot hold up the others.
        """
        try:
            await self._take_offline(unseen_since, account)
        except Exception as error:
            if away(error) is not None:
                raise
            log.exception("drones could not be taken offline together")
            for drone_id in await bulk.unseen_drones(self._database, unseen_since, account):
                try:
                    await self._take_offline(unseen_since, account, only=drone_id)
                except Exception as failed:
                    if away(failed) is not None:
                        raise
                    log.exception("drone could not be taken offline", drone=drone_id)

    async def _take_offline(self, unseen_since: datetime, account: str | None, *, only: int | None = None) -> None:
        events: dict[int, list[Event]] = defaultdict(list)
        async with self._database.transaction() as client:
            now = self._clock()
            if only is None:
                for row in await bulk.take_offline(self._database, client, "remote_controllers", unseen_since, account):
                    events[row["workspace_id"]].append(
                        ControllerPresenceChanged(
                            workspace_id=row["workspace_id"], remote_controller_id=row["id"], at=now, online=False
                        )
                    )
            drones = await bulk.take_offline(self._database, client, "drones", unseen_since, account, only=only)
            for row in drones:
                event = PresenceChanged(workspace_id=row["workspace_id"], drone_id=row["id"], at=now, online=False)
                events[row["workspace_id"]].append(event)
            await self._derivation.depart(client, [row["id"] for row in drones], None, now, events)
            news = await journal.append(self._database, client, events, now)
        await publish(self._bus, news, self._counters)
