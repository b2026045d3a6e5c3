"""A hub under load while something goes wrong, and what has become of it: the figures of one fault after the other.

Controllers report at QoS 1, somebody changes things, a controller uploads photos, subscribers read. For each fault the
load runs for a while, the fault strikes, is over, the hub says that it is ready; the load runs on for a while and ends,
and what was acknowledged is compared with what is stored. What must hold is raised as an `AssertionError`; how long
anything took is only counted.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx2

from tests.faults.figures import Figures
from tests.faults.places import Place
from tests.faults.publishing import Publisher
from tests.faults.reckoning import Reckoning
from tests.faults.watching import ORDERLY, Follower, Watcher, ended
from tests.faults.writing import Camera, Office
from tests.support.faults import PATIENCE_S, crew, faults_in, until
from tests.support.hubs import HubProcess, hub_process

LOOK_S = 0.05
"""Between two looks at /readyz."""
LAST_S = 0.5
"""Long enough that every process of the hub gets some of the reports; each has its own in their order."""
LANDING_S = 1.5
"""Longer than it takes to believe that an aircraft has landed, and that its flight has ended."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much, and for how long."""

    connections: int = 5
    per_s: float = 500
    """Reports in a second, of all connections together."""
    before_s: float = 5
    """The load before a fault, and after the hub is ready again."""
    away_s: float = 5
    """A fault lasts for so long from when /readyz has named what is away."""
    hubs: int = 2
    """Processes, on the services way."""
    is_short: bool = False
    """All faults under one load, a paused database not for as long as it takes to be noticed, and no landings."""
    seed: int = 1
    """Of whatever happens by chance."""
    pause_s: float = 0.1
    """Between two changes of the office; ten times as long between two photos."""


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong."""

    name: str
    strike: Callable[["Scene"], AbstractAsyncContextManager[None]]
    """Makes a context; as long as it lasts, something is away."""
    ways: tuple[str, ...] = ("embedded", "services")
    is_lossy: bool = False
    """What an outside broker has taken and not given on may be lost."""
    needs_disk: bool = False


class Post:
    """One hub process, in whichever incarnation, and a look at what it says of itself."""

    def __init__(self, place: Place, number: int) -> None:
        self.place = place
        self.number = number
        self.hub: HubProcess | None = None
        self.port = 0
        self.named: set[str] = set()
        """What /readyz has called away since `mark`."""
        self.is_ready = False
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, on the same port each time."""
        settings = {"OFH_MQTT_CLIENT_ID": f"hub{self.number}"} if self.place.daemons else {}
        self._stack = AsyncExitStack()
        self.hub = await self._stack.enter_async_context(
            hub_process(self.place.way, port=self.port or None, **settings)
        )
        self.port = self.hub.port

    async def kill(self) -> None:
        """kill -9."""
        assert self.hub is not None
        self.hub.kill()
        await self.hub.process.wait()
        await self._stack.aclose()

    async def stop(self) -> None:
        """SIGTERM; it ends in order."""
        assert self.hub is not None
        self.hub.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await self.hub.process.wait() == 0, self.hub.log.read_text()[-4000:]
        await self._stack.aclose()

    async def close(self) -> None:
        """The end of the scene."""
        await self._stack.aclose()

    async def look(self) -> None:
        """Ask /readyz, over and over until cancelled."""
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
            while True:
                try:
                    answer = await http.get(f"{self.url}/readyz")
                    self.is_ready = answer.status_code == 200
                    self.named |= {name for name, state in answer.json()["backends"].items() if state != "ok"}
                except (httpx2.TransportError, ValueError):
                    self.is_ready = False
                await asyncio.sleep(LOOK_S)


@dataclass(kw_only=True)
class Scene:
    """All that plays."""

    place: Place
    sizes: Sizes
    posts: list[Post]
    publishers: list[Publisher]
    drones: list[str]
    """The hub's ids of the publishers' aircraft."""
    watchers: list[Watcher]
    office: Office
    camera: Camera
    reckoning: Reckoning
    _mended_at: float = 0.0

    async def under_load(self, faults: Sequence[Fault]) -> list[Figures]:
        """Let these happen one after the other under one load, and compare.

        Returns:
            The figures of each; of several, what is stored stands in a line for all of them.
        Raises:
            AssertionError: something that must hold does not.
        """
        before = self.reckoning.acknowledged()
        for each in self.publishers:
            each.report()
        working = [
            asyncio.create_task(self.office.run(self.sizes.pause_s)),
            asyncio.create_task(self.camera.run(self.sizes.pause_s * 10)),
        ]
        rows = []
        try:
            so_far = self.camera.answered
            await until(lambda: self.camera.answered > so_far, "a photo to be taken")
            for fault in faults:
                rows.append(await self._strike(fault))
        finally:
            for task in working:
                await ended(task)
            for each in self.publishers:
                await each.rest()
            for watcher in self.watchers:
                watcher.rest()
        names = ", ".join(fault.name for fault in faults)
        await self._all_acknowledged(names)
        by_now = self.reckoning.acknowledged()
        if self.reckoning.may_be_lost:  # what is stored of the last reports tells that no earlier one is on its way
            for each in self.publishers:
                each.report()
            await self._reported(LAST_S)
            for each in self.publishers:
                await each.rest()
            await self._all_acknowledged(names)
        last = self.reckoning.acknowledged() - by_now
        whole = rows[0] if len(rows) == 1 else Figures(way=self.place.way.name, fault="these together")
        await self.reckoning.compare(whole, before, last)
        await self._told(names)
        for post in self.posts:
            assert post.hub is not None
            assert not faults_in(post.hub), faults_in(post.hub)[0]
        return rows if len(rows) == 1 else [*rows, whole]

    async def _strike(self, fault: Fault) -> Figures:
        before = self.reckoning.acknowledged()
        for watcher in self.watchers:
            watcher.listen()
        await self._reported(self.sizes.before_s)
        if fault.is_lossy:
            await self.reckoning.stored_so_far()
        for post in self.posts:
            post.named.clear()
        async with fault.strike(self):
            pass
        for post in self.posts:
            post.is_ready = False
        await until(lambda: all(post.is_ready for post in self.posts), f"the hub to be ready after: {fault.name}")
        ready_s = time.monotonic() - self._mended_at
        if fault.is_lossy:
            self.reckoning.may_be_lost = True
            self.reckoning.lossy_until = time.monotonic()
        await self._reported(self.sizes.before_s)
        for watcher in self.watchers:
            watcher.rest()
        return Figures(
            way=self.place.way.name,
            fault=fault.name,
            acknowledged=len(self.reckoning.acknowledged() - before),
            ready_s=ready_s,
            silence_s=max(watcher.silence_s for watcher in self.watchers if watcher.luck is None),
            named=sorted({name for post in self.posts for name in post.named}),
        )

    def mended(self) -> None:
        """What was away is begun again at this moment."""
        self._mended_at = time.monotonic()

    async def _all_acknowledged(self, after: str) -> None:
        await until(
            lambda: not any(each.unacknowledged for each in self.publishers), f"every acknowledgement after: {after}"
        )

    async def _reported(self, seconds: float) -> None:
        """Let so much be acknowledged of each connection as it reports in this time."""
        wanted = [len(each.acknowledged) + int(seconds * each.per_s) for each in self.publishers]
        await until(
            lambda: all(len(each.acknowledged) >= n for each, n in zip(self.publishers, wanted, strict=True)),
            "reports to be acknowledged",
        )

    async def _told(self, name: str) -> None:
        """Every subscriber has gone on, or was closed in order and has come back: it shows the newest of each drone."""
        newest = {drone: max(each.sent) for drone, each in zip(self.drones, self.publishers, strict=True)}
        for watcher in self.watchers:

            def shows(watcher: Watcher = watcher) -> bool:
                return watcher.newest == newest

            await until(shows, f"{watcher.name} to show the newest after: {name}")
            assert watcher.closes.keys() <= ORDERLY, watcher.closes
            assert watcher.refusals.keys() <= {"UNAVAILABLE", "HTTP 503"}, watcher.refusals

    async def finish(self) -> Figures:
        """The aircraft land for good, where there is time for it; what was done by the way is looked at.

        Raises:
            AssertionError: something that was answered with success is not there, or something is there twice.
        """
        if not self.sizes.is_short:
            for each in self.publishers:
                each.has_landed = True
                each.report()
            await self._reported(LANDING_S)
            for each in self.publishers:
                await each.rest()
            await self._all_acknowledged("landing")
        figures = Figures(way=self.place.way.name, fault="in all")
        followers = [each for each in self.watchers if isinstance(each, Follower)]
        await self.reckoning.compare(figures, set(), set())
        figures.lost = len(self.reckoning.lost)
        figures.acknowledged += figures.lost
        figures.flights = await self.reckoning.flights(have_landed=not self.sizes.is_short)
        figures.changes = await self.reckoning.changes(self.office, self.publishers[0].aircraft)
        figures.photos = await self.reckoning.photos(self.camera)
        figures.events = await self.reckoning.feed(followers)
        figures.gaps = sum(len(each.gaps) for each in followers)
        return figures


@asynccontextmanager
async def scene(place: Place, sizes: Sizes) -> AsyncIterator[Scene]:
    """Everybody in their place; nothing is reported yet."""
    async with AsyncExitStack() as stack:
        posts = [Post(place, number) for number in range(sizes.hubs if place.daemons else 1)]
        for post in posts:
            stack.push_async_callback(post.close)
        await posts[0].start()  # it migrates
        await asyncio.gather(*(post.start() for post in posts[1:]))
        assert posts[0].hub is not None
        team = await crew(place.way, posts[0].hub, controllers=sizes.connections)
        publishers = [
            Publisher(account, place.way.mqtt_port, number, sizes.per_s / sizes.connections)
            for number, account in enumerate(team.accounts)
        ]
        for publisher in publishers:
            stack.push_async_callback(publisher.stop)
        await asyncio.gather(*(publisher.start() for publisher in publishers))
        found = await place.rows("SELECT serial_number, id FROM drones")
        ids = {row[0]: str(row[1]) for row in found}
        drones = [ids[publisher.aircraft] for publisher in publishers]
        sockets = [f"ws://127.0.0.1:{post.port}/graphql" for post in posts]
        who = team.token, team.workspace
        luck = [Random(f"{sizes.seed} {number}") for number in range(2)]
        watchers = [
            *(Watcher([socket], *who) for socket in sockets),
            Follower(sockets, *who),
            Follower(sockets, *who, luck=luck[0]),
            Follower(sockets, *who, luck=luck[1], delivery="LATEST"),
        ]
        for run in [*(watcher.run() for watcher in watchers), *(post.look() for post in posts)]:
            stack.push_async_callback(ended, asyncio.create_task(run))
        yield Scene(
            place=place,
            sizes=sizes,
            posts=posts,
            publishers=publishers,
            drones=drones,
            watchers=watchers,
            office=Office(posts[0].url, team.token, team.workspace, drones[0]),
            reckoning=Reckoning(place, publishers),
            camera=Camera(posts[0].url, team.accounts[0], publishers[0].aircraft),
        )
