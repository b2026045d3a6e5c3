"""What happens in workspaces, as it happens: one feed per workspace and process, from which every push edge reads.

What a feed does is in `workspace_feed.py`; here they are made and ended, and asked once a second whether there is more
than they were told of.

There are three ways to read. A mailbox (`events`) gets what happens from now on. A `Watch` (`watching.py`) shows the
newest item of each device. A follower (`follow`) has a place of its own in the feed and reads what stands behind it, of
the last moments or of the last weeks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeVar

import structlog

from ofh.backends.mailbox import Mailbox, Policy
from ofh.backends.ports import Bus, Interrupted
from ofh.domain.areas import Area
from ofh.domain.errors import HubError, gone
from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, Event
from ofh.store import feed as store
from ofh.store.database import Database
from ofh.store.models import Drone, RemoteController

from .feed_pages import Pages
from .watching import Item, Watch, batteries_of, controllers_of, only, positions_of
from .workspace_feed import FeedRules, WorkspaceFeed

log = structlog.get_logger(__name__)

MAILBOX_CAPACITY = 20_000
"""Events (for positions: drones) that may wait for one view before it reads the database instead."""

T = TypeVar("T", bound=Item)
DeviceRow = TypeVar("DeviceRow", Drone, RemoteController)


class Feed:
    """Every view of what happens; owns the feeds of this process."""

    def __init__(
        self, bus: Bus, database: Database, rules: FeedRules | None = None, *, capacity: int = MAILBOX_CAPACITY
    ) -> None:
        self._bus = bus
        self._database = database
        self._rules = rules or FeedRules()
        self._capacity = capacity
        self._feeds: dict[int, WorkspaceFeed] = {}
        self._checking: asyncio.Task[None] | None = None
        self.pages = Pages(database, self._rules.memory_events)

    async def stop(self) -> None:
        """Stop every feed."""
        await self._stop_checking()
        for feed in list(self._feeds.values()):
            await feed.stop()
        self._feeds.clear()
        await self.pages.stop()

    async def check_database(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            HubError: UNAVAILABLE, it gives none.
        """
        await self._database.check()

    async def check(self) -> None:
        """Have every feed read on that was not told all that is stored.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        if self._feeds:
            for workspace_id, (head, _) in (await store.heads(self._database, list(self._feeds))).items():
                if (feed := self._feeds.get(workspace_id)) is not None:
                    feed.behind(head)

    async def _check_often(self) -> None:
        while True:
            await asyncio.sleep(self._rules.check.total_seconds())
            try:
                await self.check()
            except HubError:
                continue
            except Exception:
                log.exception("it could not be asked whether feeds have more than they were told of")

    async def _stop_checking(self) -> None:
        task, self._checking = self._checking, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def interrupt(self, reason: str) -> None:
        """Have every view read the database again: something may have happened that no bus tells of."""
        for feed in self._feeds.values():
            feed.interrupt(Interrupted(reason))

    def drone_position(self, drone_id: int) -> AbstractAsyncContextManager[Watch[DronePositioned]]:
        """The position of one drone.

        Raises:
            HubError: GONE, there is no such drone.
        """
        return self._device(Drone, drone_id, DronePositioned, positions_of, ("position", drone_id))

    def drone_battery(self, drone_id: int) -> AbstractAsyncContextManager[Watch[BatteryReported]]:
        """The battery of one drone.

        Raises:
            HubError: GONE, there is no such drone.
        """
        return self._device(Drone, drone_id, BatteryReported, batteries_of, ("battery", drone_id))

    def remote_controller_position(
        self, controller_id: int
    ) -> AbstractAsyncContextManager[Watch[ControllerPositioned]]:
        """The position of one remote controller.

        Raises:
            HubError: GONE, there is no such controller.
        """
        key = ("controller", controller_id)
        return self._device(RemoteController, controller_id, ControllerPositioned, controllers_of, key)

    @asynccontextmanager
    async def workspace_positions(
        self, workspace_id: int, area: Area | None, interval: timedelta
    ) -> AsyncIterator[Watch[DronePositioned]]:
        """The positions of a workspace's drones, or of those inside an area."""

        def accept(event: Event) -> DronePositioned | None:
            if not isinstance(event, DronePositioned) or (area is not None and not area.contains(event.fix)):
                return None
            return event

        async def snapshot() -> list[DronePositioned]:
            found = positions_of(await Drone.filter(workspace_id=workspace_id))
            return [item for item in found if area is None or area.contains(item.fix)]

        async with self._watch(workspace_id, snapshot, accept, kinds=[DronePositioned], interval=interval) as watch:
            yield watch

    @asynccontextmanager
    async def workspace_batteries(
        self, workspace_id: int, interval: timedelta
    ) -> AsyncIterator[Watch[BatteryReported]]:
        """The batteries of a workspace's drones."""

        async def snapshot() -> list[BatteryReported]:
            return batteries_of(await Drone.filter(workspace_id=workspace_id))

        async with self._watch(
            workspace_id, snapshot, only(BatteryReported), kinds=[BatteryReported], interval=interval
        ) as watch:
            yield watch

    @asynccontextmanager
    async def _device(
        self,
        model: type[DeviceRow],
        device_id: int,
        kind: type[T],
        shape: Callable[[Sequence[DeviceRow]], list[T]],
        key: Hashable,
    ) -> AsyncIterator[Watch[T]]:
        """One kind of event of one device."""
        found = await model.get_or_none(id=device_id)
        if found is None:
            raise gone("device")

        async def snapshot() -> list[T]:
            return shape(await model.filter(id=device_id))

        async with self._watch(found.workspace_id, snapshot, only(kind), keys=[key]) as watch:
            yield watch

    @asynccontextmanager
    async def events(
        self,
        workspace_id: int,
        *,
        keys: Sequence[Hashable] = (),
        kinds: Sequence[type] = (),
        policy: Policy = Policy.LATEST,
    ) -> AsyncIterator[Mailbox[Event | Interrupted]]:
        """A mailbox with the events of these keys and kinds, from this moment on.

        Raises:
            HubError: UNAVAILABLE, the bus is away.
        """
        mailbox: Mailbox[Event | Interrupted] = Mailbox(policy, self._capacity)
        async with self.follow(workspace_id) as feed:
            try:
                feed.join(mailbox, keys=keys, kinds=kinds)
                yield mailbox
            finally:
                feed.leave(mailbox)
                mailbox.close()

    @asynccontextmanager
    async def follow(self, workspace_id: int) -> AsyncIterator[WorkspaceFeed]:
        """The feed of a workspace, to be read from any place in it.

        Raises:
            HubError: UNAVAILABLE, the bus or the database is away.
        """
        feed = self._feeds.get(workspace_id)
        if feed is None:
            feed = self._feeds[workspace_id] = WorkspaceFeed(
                self._bus, self._database, self.pages, workspace_id, self._rules
            )
        feed.listeners += 1
        if self._checking is None:
            self._checking = asyncio.create_task(self._check_often(), name="feed check")
        try:
            await feed.start()
            yield feed
        finally:
            feed.listeners -= 1
            if not feed.listeners and self._feeds.get(workspace_id) is feed:
                del self._feeds[workspace_id]
                await feed.stop()
                if not self._feeds:
                    await self._stop_checking()

    @asynccontextmanager
    async def _watch(
        self,
        workspace_id: int,
        snapshot: Callable[[], Awaitable[list[T]]],
        accept: Callable[[Event], T | None],
        *,
        keys: Sequence[Hashable] = (),
        kinds: Sequence[type] = (),
        interval: timedelta = timedelta(0),
    ) -> AsyncIterator[Watch[T]]:
        # Without an interval every report is shown, and only a view that cannot keep up gets the newest state instead.
        policy = Policy.LATEST if interval else Policy.ALL
        async with self.events(workspace_id, keys=keys, kinds=kinds, policy=policy) as mailbox:
            known = {item.key: item for item in await snapshot()}
            yield Watch(mailbox, snapshot, accept, interval, known)
