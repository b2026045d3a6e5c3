"""One channel for each event and filter that somebody in this process has subscribed to: read once, encoded once.

A reader who lags misses no event that counts: positions it gets as they are once it reads again, the newest of each
aircraft; all else is put in line, and a line that gets too long ends the socket (security.md, W1).
"""

import asyncio
from collections.abc import Collection, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ofh.domain.errors import Code, HubError
from ofh.edges.outlet import Outlet

from .protocol import event_data
from .topics import Shown, Topic, Watch

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Name = tuple[str, str]
"""Event and filter, as the client spells them."""

PATIENCE_S = 1.0


class Reader(Protocol):
    """A socket, as channels see it."""

    @property
    def outlet(self) -> Outlet: ...

    @property
    def own(self) -> frozenset[int]:
        """Its user's workspaces."""

    def push(self, part: bytes) -> None:
        """Send an event; only while the outlet has room."""

    def owe(self, part: bytes) -> None:
        """Send an event that must arrive, or end the socket."""

    def closing(self, code: int, reason: str) -> None:
        """End the socket."""


@dataclass(frozen=True, slots=True)
class Part:
    """One event, encoded, without its number."""

    key: Hashable | None
    data: bytes
    workspace_id: int | None


class Subscription:
    """One reader of a channel."""

    __slots__ = ("_channel", "_missed", "_reader", "topic")

    def __init__(self, channel: "Channel", reader: Reader) -> None:
        self._channel = channel
        self._reader = reader
        self._missed: dict[Hashable, None] = {}
        """What it is to have once it reads again; no more than there are things."""
        self.topic = channel.topic

    def begin(self) -> None:
        """Have events from now on; of traffic, first what is known."""
        self._channel.members.add(self)
        self.take(self._channel.known())

    def take(self, parts: Iterable[Part]) -> None:
        """Send what the reader has room for, and note the rest."""
        for part in parts:
            if self.topic.known is not None and part.workspace_id in self._reader.own:
                continue
            if part.key is None:
                self._reader.owe(part.data)
            elif self._missed or self._reader.outlet.paused:
                self._missed[part.key] = None
            else:
                self._reader.push(part.data)

    def resumed(self) -> None:
        """The reader has caught up: what it missed, as it is by now."""
        if self._missed and not self._reader.outlet.paused:
            missed, self._missed = self._missed, {}
            self.take(self._channel.newest(missed))

    def leave(self) -> None:
        """Have nothing more."""
        self._channel.members.discard(self)
        self._channel.let_go()

    def end(self) -> None:
        """The channel is broken: the reader has to come back."""
        self._reader.closing(1013, "try again")


class Channel:
    """One event and filter."""

    def __init__(self, channels: "Channels", name: Name, topic: Topic) -> None:
        self._channels = channels
        self._name = name
        self.topic = topic
        self.members: set[Subscription] = set()
        self._watch: Watch | None = None
        self._newest: dict[Hashable, Part] = {}
        """What readers who lag get later: as many as there are devices; of traffic the watch itself knows."""
        self._holders = 0
        """Members, and those that are about to be."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = channels.run(self._run(), f"live {name[0]}")

    def known(self) -> list[Part]:
        """What a reader begins with."""
        if self.topic.known is None or self._watch is None:
            return []
        return [self._part(item) for item in self.topic.known(self._watch)]

    def newest(self, keys: Collection[Hashable]) -> list[Part]:
        """The newest event of each of these."""
        if self.topic.known is not None:
            return [part for part in self.known() if part.key in keys]
        return [self._newest[key] for key in keys if key in self._newest]

    def hold(self) -> None:
        """Somebody is about to be a member."""
        self._holders += 1

    def let_go(self) -> None:
        """Somebody is none any more; the last one ends the channel."""
        self._holders -= 1
        if not self._holders:
            self._channels.forget(self._name, self)
            self._task.cancel()

    async def _run(self) -> None:
        try:
            async with self.topic.open() as watch:
                self._watch = watch
                self.ready.set_result(None)
                async for items in watch.changes():
                    self._send(await self._parts(items))
            raise HubError(Code.UNAVAILABLE, "The events have ended.")
        except HubError as error:
            if self.ready.done():
                log.info("live events interrupted", topic=self._name[0], why=error.code.value)
            else:
                self.ready.set_exception(error)
                self.ready.exception()  # whoever waits has it; nobody may be waiting any more
        except Exception as fault:
            log.exception("live events failed", topic=self._name[0])
            if not self.ready.done():
                self.ready.set_exception(fault)
                self.ready.exception()
        finally:
            if not self.ready.done():
                self.ready.cancel()
        self._channels.forget(self._name, self)
        for member in list(self.members):
            member.end()

    async def _parts(self, items: Sequence[Any]) -> list[Part]:
        """Items as they go out; however long the database stays away that is asked about them."""
        while True:
            try:
                shown = await self.topic.show(items)
                break
            except HubError:
                await asyncio.sleep(PATIENCE_S)
        return [self._part(item) for item in shown if self._is_of_this(item)]

    def _is_of_this(self, item: Shown) -> bool:
        """Each item is looked at once more before it goes out (security.md, W5)."""
        return self.topic.known is not None or item.workspace_id == self.topic.workspace_id

    def _part(self, item: Shown) -> Part:
        return Part(item.key, event_data(*self._name, item.data), item.workspace_id)

    def _send(self, parts: list[Part]) -> None:
        if self.topic.known is None:
            self._newest.update((part.key, part) for part in parts if part.key is not None)
        for member in list(self.members):
            member.take(parts)


class Channels:
    """All channels of this process."""

    def __init__(self) -> None:
        self._channels: dict[Name, Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._channels)

    async def join(self, reader: Reader, name: Name, topic: Topic) -> Subscription:
        """A place in the channel of a topic; what happens from now on can be had by `Subscription.begin`.

        Raises:
            HubError: UNAVAILABLE; GONE, it has gone at this very moment.
        """
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(self, name, topic)
        channel.hold()
        try:
            await asyncio.shield(channel.ready)
        except BaseException:
            channel.let_go()
            raise
        return Subscription(channel, reader)

    def forget(self, name: Name, channel: Channel) -> None:
        """A channel has ended."""
        if self._channels.get(name) is channel:
            del self._channels[name]

    def run(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """A task that is waited for when all stops."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Stop every channel."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
