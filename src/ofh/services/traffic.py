"""One picture of the traffic, from all that tells of it: receivers of ADS-B, and workspaces that share their positions.

Whatever process a receiver is connected to, all see what it hears: it goes over the bus, once a second. The drones of a
workspace that shares are read from that workspace's feed like by any other listener. A process listens as long as
somebody watches in it.

Of a shared drone others learn where it is and when, and nothing else. The name that it goes by here is made from its
number and the day with the hub's key: it is neither its serial number nor leads to its workspace or to where it was
yesterday.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from ofh.backends.mailbox import Lagged, MailboxClosed
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.devices import from_micros, micros
from ofh.domain.errors import HubError
from ofh.domain.events import DronePositioned
from ofh.domain.traffic import Index, Picture, Place, Sighting
from ofh.store.models import Drone, Workspace

from .counters import Counters
from .feed import Feed
from .watching import positions_of

log = structlog.get_logger(__name__)

CHANNEL = "traffic"
PER_MESSAGE = 500
"""Sightings in one message on the bus."""
RETRY_S = 1.0
LOOK_S = 60.0
"""How often it is looked for who shares, should word of a change have been lost."""
SHARE_OF_TIME = 0.1
"""How much of the process's time looking through circles may take; beyond it everybody's picture gets slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficRules:
    """The numbers."""

    lifetime: timedelta = timedelta(seconds=60)
    """How long an aircraft is believed in of which nothing more is heard."""
    interval_s: float = 1.0
    """At most one sighting of each aircraft in this time."""
    most_aircraft: int = 20_000
    most_shown: int = 1_000
    """Aircraft in one place; of more, the nearest."""


class TrafficWatch:
    """The traffic in one place: what is known, and what is newer as it comes."""

    def __init__(self, place: Place, known: Callable[[Place], list[Sighting]]) -> None:
        self.place = place
        self._known = known
        self._waiting: dict[str, Sighting] = {}
        self._more = asyncio.Event()

    def current(self) -> list[Sighting]:
        """What is there now."""
        return self._known(self.place)

    async def changes(self) -> AsyncIterator[list[Sighting]]:
        """The newest sighting of each aircraft of which something newer is known; without end."""
        while True:
            await self._more.wait()
            self._more.clear()
            batch, self._waiting = list(self._waiting.values()), {}
            if batch:
                yield batch

    def put(self, found: Iterable[Sighting]) -> None:
        """Newer sightings; they take the place of those that wait."""
        for sighting in found:
            self._waiting[sighting.id] = sighting
        self._more.set()

    def forget(self, workspace_id: int) -> None:
        """Show nothing more of a workspace."""
        self._waiting = {id: held for id, held in self._waiting.items() if held.workspace_id != workspace_id}


class Traffic:
    """The picture, those who tell of it and those who look at it.

    Args:
        clock: the hub's time, UTC.
        key: what the names of shared drones are made with; the same in every process of the hub.
    """

    def __init__(
        self,
        bus: Bus,
        feed: Feed,
        counters: Counters,
        clock: Callable[[], datetime],
        *,
        key: bytes,
        rules: TrafficRules | None = None,
    ) -> None:
        self._bus = bus
        self._feed = feed
        self._counters = counters
        self._clock = clock
        self._key = key
        self._rules = rules or TrafficRules()
        self._picture = Picture(self._rules.lifetime, self._rules.most_aircraft)
        self._fresh: dict[str, Sighting] = {}
        """What is newer than what watches were shown."""
        self._arrived = asyncio.Event()
        self._outbox = Picture(self._rules.lifetime, self._rules.most_aircraft)
        self._watches: set[TrafficWatch] = set()
        self._listening: asyncio.Task[None] | None = None
        self._followed: dict[int, asyncio.Task[None]] = {}
        """Workspaces that share, each with the task that reads its positions; those of who listens now."""
        self._look = asyncio.Event()
        """Somebody may share, or share no more."""

    def __len__(self) -> int:
        return len(self._picture)

    # Who tells

    def heard(self, sightings: Iterable[Sighting]) -> None:
        """A receiver of this process has heard of aircraft; told to all processes with the next turn of `run`."""
        now = self._clock()
        for sighting in sightings:
            self._outbox.take(sighting, now)

    async def run(self) -> None:
        """Tell all processes what this one's receivers hear, until cancelled."""
        while True:
            await asyncio.sleep(self._rules.interval_s)
            told, self._outbox = self._outbox, Picture(self._rules.lifetime, self._rules.most_aircraft)
            sightings = list(told)
            for first in range(0, len(sightings), PER_MESSAGE):
                part = sightings[first : first + PER_MESSAGE]
                try:
                    await self._bus.publish(CHANNEL, orjson.dumps([_to_json(sighting) for sighting in part]))
                except HubError:
                    self._counters.dropped("traffic_bus_away", len(part))

    def told(self, message: Mapping[str, Any]) -> None:
        """Word of this or another process: who shares may be other than before."""
        match message["kind"]:
            case "sharing" if not message["shares"]:
                self._forget(message["workspace_id"])
                self._look.set()
            case "sharing" | "workspace" | "interrupted":
                self._look.set()

    # Who looks

    @asynccontextmanager
    async def watch(self, place: Place) -> AsyncIterator[TrafficWatch]:
        """The traffic in a place from now on."""
        watch = TrafficWatch(place, self._known)
        self._watches.add(watch)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="traffic")
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches:
                await self.stop()

    async def stop(self) -> None:
        """Listen no more."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _known(self, place: Place) -> list[Sighting]:
        self._picture.expire(self._clock())
        return Index(self._picture).within(place, self._rules.most_shown)

    # Listening

    async def _listen(self) -> None:
        # Its own: while it ends, which takes a moment, somebody may look again, and another begins.
        followed: dict[int, asyncio.Task[None]] = {}
        self._followed = followed
        tasks = [asyncio.create_task(_again(part)) for part in (self._hear, self._share, self._show)]
        try:
            await asyncio.gather(*tasks)
        finally:
            ending = [*tasks, *followed.values()]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            followed.clear()

    async def _hear(self) -> None:
        """What the receivers of all processes hear."""
        async with self._bus.subscribe(CHANNEL) as messages:
            async for message in messages:
                if isinstance(message, bytes):  # what is missing comes again
                    for sighting in _from_json(message):
                        self._note(sighting)

    async def _share(self) -> None:
        """Follow the workspaces that share."""
        while True:
            self._look.clear()
            found = await Workspace.living().filter(share_position=True).values_list("id", flat=True)
            wanted = {int(id) for id in found}  # type: ignore[call-overload]
            for id in wanted - self._followed.keys():
                self._followed[id] = asyncio.create_task(_again(lambda id=id: self._follow(id)))  # type: ignore[misc]
            shown = {sighting.workspace_id for sighting in self._picture if sighting.workspace_id is not None}
            for id in (self._followed.keys() | shown) - wanted:
                self._forget(id)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()
            except TimeoutError:
                pass

    def _forget(self, workspace_id: int) -> None:
        """Show nothing more of a workspace, from this moment on."""
        task = self._followed.pop(workspace_id, None)
        if task is not None:
            task.cancel()
        self._picture.forget(workspace_id)
        self._fresh = {id: held for id, held in self._fresh.items() if held.workspace_id != workspace_id}
        for watch in self._watches:
            watch.forget(workspace_id)

    async def _follow(self, workspace_id: int) -> None:
        async with self._feed.events(workspace_id, kinds=[DronePositioned]) as mailbox:
            await self._read(workspace_id)
            while True:
                for event in await mailbox.take():
                    if isinstance(event, Interrupted | Lagged):
                        await self._read(workspace_id)
                    elif isinstance(event, DronePositioned) and event.workspace_id == workspace_id:
                        self._note(self._shared(event))

    async def _read(self, workspace_id: int) -> None:
        """Where a workspace's drones were last seen, if that is not long ago."""
        since = self._clock() - self._rules.lifetime
        for position in positions_of(await Drone.filter(workspace_id=workspace_id, seen_at__gt=since)):
            self._note(self._shared(position))

    def _shared(self, event: DronePositioned) -> Sighting:
        """What of a drone is anybody's to know."""
        name = hmac.digest(self._key, f"{event.drone_id}:{event.at.date().isoformat()}".encode(), hashlib.sha256)
        return Sighting(
            id=f"ofh-{name.hex()[:16]}",
            longitude_deg=event.fix.longitude_deg,
            latitude_deg=event.fix.latitude_deg,
            height_m=event.fix.height_m,
            at=event.at,
            workspace_id=event.workspace_id,
        )

    def _note(self, sighting: Sighting) -> None:
        if self._picture.take(sighting, self._clock()):
            self._fresh[sighting.id] = sighting
            self._arrived.set()

    async def _show(self) -> None:
        """Show every watch what is new in its place, in turns."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            started_s = time.monotonic()
            self._picture.expire(self._clock())
            fresh, self._fresh = self._fresh, {}
            index = Index(fresh.values())
            for watch in list(self._watches):
                watch.put(
                    sighting
                    for sighting in index.within(watch.place, self._rules.most_shown)
                    if sighting.workspace_id is None or sighting.workspace_id in self._followed
                )
                await asyncio.sleep(0)
            took_s = time.monotonic() - started_s
            await asyncio.sleep(max(self._rules.interval_s - took_s, took_s / SHARE_OF_TIME))


async def _again(run: Callable[[], Any]) -> None:
    """Run it until cancelled: what fails is begun again."""
    while True:
        try:
            await run()
        except (HubError, MailboxClosed) as error:
            log.info("traffic interrupted", why=str(error))
        except Exception:
            log.exception("traffic failed")
        await asyncio.sleep(RETRY_S)


def _to_json(sighting: Sighting) -> list[Any]:
    return [
        sighting.id,
        sighting.longitude_deg,
        sighting.latitude_deg,
        sighting.height_m,
        micros(sighting.at),
    ]


def _from_json(message: bytes) -> list[Sighting]:
    """What a message of the bus tells; nothing, where it is of another version."""
    try:
        return [
            Sighting(id=id, longitude_deg=longitude, latitude_deg=latitude, height_m=height, at=from_micros(at))
            for id, longitude, latitude, height, at in orjson.loads(message)
        ]
    except (ValueError, TypeError) as error:
        log.warning("a message of the bus is not readable", channel=CHANNEL, error=str(error))
        return []
