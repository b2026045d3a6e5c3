"""The bus between the processes of one hub, by Redis publish/subscribe.

Two layers. `RedisBackend` is a backend for `broadcaster`: one supervised connection that holds all subscriptions and
one for publishing in pipelines; it never fails, it reports gaps. `RedisBus` opens each channel of `Broadcast` once per
process and hands what comes to bounded mailboxes of its own, since those of broadcaster have no bound and its
subscriptions race (`docs/decisions/0002-bus.md`). Bytes stay bytes. A reader that may have missed something is told
once the line is back.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog
from broadcaster import Broadcast, BroadcastBackend, Event
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ofh.backends.bus_memory import QUEUE_CAPACITY, Reader
from ofh.backends.pauses import Pauses
from ofh.backends.ports import Interrupted
from ofh.domain.errors import Code, HubError

PUBLISH_LIMIT = 10_000
"""Messages that may wait to be published; one more is refused as UNAVAILABLE."""
LINE_CAPACITY = 1000
"""Messages read from Redis and not yet handed on. When full, Redis waits, and cuts us off if that lasts."""
GAP = b"\0ofh: a message is missing"
"""Published in the place of messages that could not be: readers whose own line stood would not learn of the hole."""
GAP_RETRY_S = 1.0
RETRY_S = (0.1, 5.0)
"""First and longest pause between attempts to connect."""

log = structlog.get_logger(__name__)


def _unavailable() -> HubError:
    return HubError(Code.UNAVAILABLE, "The event bus is away. Try again in a moment.", retry_after_s=5)


class RedisBackend(BroadcastBackend):
    """What `Broadcast` reads from and publishes to. Its messages are bytes, or `Interrupted` after a loss.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        timeout_s: for connecting, for a command, and for how long a silent line is believed in (three times this).
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        # No retries in the client: a publish that was sent twice would be read twice. RESP 2: replies are plain lists.
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            decode_responses=False,
        )
        self._wanted: set[str] = set()
        # Names on the present connection, and how many acknowledgements each still has coming: a channel is in force
        # with the last one, or else the acknowledgement of a subscription since withdrawn would be taken for it.
        self._sent: set[str] = set()
        self._awaited: Counter[str] = Counter()
        self._in_force: dict[str, asyncio.Event] = {}
        self._interrupted: set[str] = set()
        self._changed = asyncio.Event()
        self._line: asyncio.Queue[Event] = asyncio.Queue(LINE_CAPACITY)
        self._outbox: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._outbox_filled = asyncio.Event()
        self._gaps: set[str] = set()
        """Channels on which something could not be published."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.connected = asyncio.Event()
        self.losses = 0
        """How often the line was lost, since the start."""

    async def connect(self) -> None:
        """Begin to supervise; does not wait for Redis."""
        self._stopping = False
        self._tasks = [
            asyncio.create_task(self._supervise(), name="bus line"),
            asyncio.create_task(self._publish_loop(), name="bus publisher"),
        ]

    async def disconnect(self) -> None:
        """End both tasks and both connections; what still waits to be published is refused."""
        tasks, self._tasks = self._tasks, []
        self._stopping = True
        self._outbox_filled.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._refuse(self._outbox)
        self._outbox = []
        await self._client.aclose()

    async def subscribe(self, group: str) -> None:
        """Ask for a channel; `acknowledged` tells when Redis has it. Neither waits nor fails."""
        self._wanted.add(group)
        event = self._in_force.setdefault(group, asyncio.Event())
        if self.connected.is_set() and group in self._sent and not self._awaited[group]:
            event.set()  # let go of and wanted again before Redis was told
        self._changed.set()

    async def unsubscribe(self, group: str) -> None:
        """Let go of a channel. Neither waits nor fails."""
        self._wanted.discard(group)
        self._in_force.pop(group, None)
        self._interrupted.discard(group)
        self._changed.set()

    async def acknowledged(self, group: str) -> None:
        """Wait until the subscription is in force."""
        await self._in_force[group].wait()

    async def publish(self, channel: str, message: Any) -> None:
        """Publish with all else that waits, in one round trip; returns once Redis has it."""
        if not self._tasks or len(self._outbox) >= PUBLISH_LIMIT:
            raise _unavailable()
        done = asyncio.get_running_loop().create_future()
        self._outbox.append((channel, message, done))
        self._outbox_filled.set()
        await done

    async def next_published(self) -> Event:
        """The next message of any channel."""
        return await self._line.get()

    async def ping(self) -> None:
        """Raises HubError UNAVAILABLE where Redis does not answer or the subscriptions do not stand."""
        if not self.connected.is_set():
            raise _unavailable()
        try:
            await self._client.ping()
        except (RedisError, OSError) as error:
            raise _unavailable() from error

    async def _publish_loop(self) -> None:
        # The flag beside the cancellation: see `_hold_line` on Python 3.11.
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GAP_RETRY_S if self._gaps else None):
                    await self._outbox_filled.wait()
            self._outbox_filled.clear()
            batch, self._outbox = self._outbox, []
            gaps, self._gaps = self._gaps, set()
            published = False
            try:
                pipeline = self._client.pipeline(transaction=False)
                for channel in gaps:
                    pipeline.publish(channel, GAP)
                for channel, message, _ in batch:
                    pipeline.publish(channel, message)
                await pipeline.execute()
                published = True
                for _, _, done in batch:
                    if not done.done():
                        done.set_result(None)
            except (RedisError, OSError) as error:
                if batch:
                    log.warning("bus publish failed", messages=len(batch), error=str(error))
            except Exception:
                log.exception("bus publish failed", messages=len(batch))
            finally:
                if not published:
                    self._gaps |= gaps | {channel for channel, _, _ in batch}
                self._refuse(batch)

    @staticmethod
    def _refuse(batch: Iterable[tuple[str, bytes, asyncio.Future[None]]]) -> None:
        for _, _, done in batch:
            if not done.done():
                done.set_exception(_unavailable())

    async def _supervise(self) -> None:
        """Keep one subscribed connection up for as long as the bus runs."""
        pauses = Pauses(*RETRY_S)
        while True:
            try:
                await self._hold_line()
            except* (RedisError, OSError) as errors:
                log.warning("bus line lost", error=str(errors.exceptions[0]), retry_s=pauses.next_s)
            except* Exception:
                log.exception("bus line lost", retry_s=pauses.next_s)
            if self.connected.is_set():
                pauses.succeeded()
                self.losses += 1
            self.connected.clear()
            for name, event in self._in_force.items():
                if event.is_set():
                    event.clear()
                    self._interrupted.add(name)
            await pauses.wait()

    async def _hold_line(self) -> None:
        """One life of the connection. Returns never; ends by an exception group."""
        pool = self._client.connection_pool
        # Without a timeout of its own: redis-py would write within `asyncio.wait_for`, which on Python 3.11 can swallow
        # the cancellation that ends us. Reading and connecting are bounded below.
        connection = pool.connection_class(**{**pool.connection_kwargs, "socket_timeout": None})
        sent: set[str] = set()
        awaited: Counter[str] = Counter()
        self._sent, self._awaited = sent, awaited

        async def write() -> None:
            while True:
                try:
                    async with asyncio.timeout(self._timeout_s):
                        await self._changed.wait()
                except TimeoutError:
                    await connection.send_command("PING", check_health=False)
                    continue
                self._changed.clear()
                # The difference is taken and noted before the first await: what changes meanwhile is the next round's.
                added, removed = self._wanted - sent, sent - self._wanted
                sent.update(added)
                sent.difference_update(removed)
                awaited.update(added)
                if removed:
                    await connection.send_command("UNSUBSCRIBE", *removed, check_health=False)
                if added:
                    await connection.send_command("SUBSCRIBE", *added, check_health=False)

        async def read() -> None:
            while True:
                reply = await connection.read_response(timeout=3 * self._timeout_s, disconnect_on_error=False)
                if reply is None:
                    raise ConnectionError("the line is silent")
                if not isinstance(reply, list):
                    continue
                kind, name = reply[0], reply[1].decode()
                if kind == b"message":
                    message = Interrupted("a process could not publish for a while") if reply[2] == GAP else reply[2]
                    # broadcaster's type says str; it hands the message on as it is.
                    await self._line.put(Event(name, cast(str, message)))
                elif kind == b"subscribe":
                    awaited[name] -= 1
                    if awaited[name] == 0 and name in sent:
                        await self._acknowledge(name)

        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call]
            log.info("bus line up", channels=len(self._wanted))
            self.connected.set()
            self._changed.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(write())
                tasks.create_task(read())
        finally:
            await connection.disconnect(nowait=True)

    async def _acknowledge(self, name: str) -> None:
        event = self._in_force.get(name)
        if event is None:
            return
        event.set()
        if name in self._interrupted:
            self._interrupted.discard(name)
            await self._line.put(Event(name, cast(str, Interrupted("the line to Redis was lost for a while"))))


class _Channel:
    """A channel's one subscription in this process, and its readers."""

    def __init__(self) -> None:
        self.readers: set[Reader] = set()
        self.subscribed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class RedisBus:
    """`Bus` by Redis.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        prefix: put before every channel, so that several installations can share a server.
        capacity: messages that may wait for one reader before it is interrupted.
        timeout_s: for connecting, for a command, for a subscription to come into force.
        start_timeout_s: how long `start` waits for a server that is not up yet.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "ofh:",
        capacity: int = QUEUE_CAPACITY,
        timeout_s: float = 5.0,
        start_timeout_s: float = 30.0,
    ) -> None:
        self._backend = RedisBackend(url, timeout_s=timeout_s)
        self._broadcast = Broadcast(backend=self._backend)
        self._prefix = prefix
        self._capacity = capacity
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        self._channels: dict[str, _Channel] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._running = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Messages that slow readers missed, since the start."""
        return self._dropped + sum(
            reader.mailbox.dropped for held in self._channels.values() for reader in held.readers
        )

    @property
    def losses(self) -> int:
        """How often the line to Redis was lost, since the start."""
        return self._backend.losses

    async def start(self) -> None:
        """See `Bus.start`.

        Raises:
            HubError: UNAVAILABLE, Redis did not answer within `start_timeout_s`.
        """
        await self._broadcast.connect()
        self._running = True
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await self._backend.connected.wait()
        except TimeoutError:
            await self.stop()
            raise _unavailable() from None

    async def stop(self) -> None:
        """See `Bus.stop`. Readers come to their end."""
        if not self._running:
            return
        self._running = False
        for name, channel in list(self._channels.items()):
            for reader in channel.readers:
                reader.mailbox.close()
            self._close(name, channel)
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._broadcast.disconnect()
        await asyncio.sleep(0)  # broadcaster cancels its listener and does not wait for it

    async def publish(self, channel: str, data: bytes) -> None:
        """See `Bus.publish`."""
        await self._broadcast.publish(self._prefix + channel, data)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes | Interrupted]]:
        """See `Bus.subscribe`.

        Raises:
            HubError: UNAVAILABLE, Redis did not acknowledge the subscription in time.
        """
        if not self._running:
            raise _unavailable()
        name = self._prefix + channel
        reader = Reader(self._capacity)
        # No await from here to the entry in `readers`, nor from the last one's leaving to `_close`: that is the lock.
        held = self._channels.get(name)
        if held is None:
            held = self._channels[name] = _Channel()
            held.task = asyncio.create_task(self._pump(name, held), name=f"bus channel {channel}")
        held.readers.add(reader)
        try:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await held.subscribed.wait()
                    await self._backend.acknowledged(name)
            except TimeoutError:
                raise _unavailable() from None
            yield reader
        finally:
            self._dropped += reader.mailbox.dropped
            held.readers.discard(reader)
            if not held.readers and self._channels.get(name) is held:
                self._close(name, held)

    async def check(self) -> None:
        """See `Bus.check`."""
        if not self._running:
            raise _unavailable()
        await self._backend.ping()

    def _close(self, name: str, channel: _Channel) -> None:
        del self._channels[name]
        if channel.task is not None:
            channel.task.cancel()
            self._ending.add(channel.task)
            channel.task.add_done_callback(self._ending.discard)

    async def _pump(self, name: str, channel: _Channel) -> None:
        """Empty broadcaster's queue into the readers' mailboxes; never waits for a reader, so the queue stays short."""
        async with self._broadcast.subscribe(name) as subscriber:
            channel.subscribed.set()
            while True:
                event = await subscriber.get()
                for reader in channel.readers:
                    # Bytes or Interrupted, whatever broadcaster's type says.
                    reader.mailbox.put(cast("bytes | Interrupted", event.message))
