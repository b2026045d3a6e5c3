"""The bus of a hub that is one process: publishing puts the bytes into the readers' mailboxes, there and then."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed, Policy
from ofh.backends.ports import Interrupted
from ofh.domain.errors import Code, HubError

QUEUE_CAPACITY = 1000
"""Messages that may wait for one reader."""


class Reader(AsyncIterator[bytes | Interrupted]):
    """One subscriber's view of a channel; ends when the bus stops."""

    def __init__(self, capacity: int) -> None:
        self.mailbox: Mailbox[bytes | Interrupted] = Mailbox(Policy.ALL, capacity)

    async def __anext__(self) -> bytes | Interrupted:
        try:
            item = await self.mailbox.get()
        except MailboxClosed:
            raise StopAsyncIteration from None
        if isinstance(item, Lagged):
            return Interrupted(f"the reader was too slow for {item.dropped} messages")
        return item


class MemoryBus:
    """`Bus` within one process.

    Args:
        capacity: messages that may wait for one reader before it is interrupted.
    """

    def __init__(self, *, capacity: int = QUEUE_CAPACITY) -> None:
        self._capacity = capacity
        self._readers: dict[str, set[Reader]] = {}
        self._running = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Messages that slow readers missed, since the start."""
        return self._dropped + sum(reader.mailbox.dropped for readers in self._readers.values() for reader in readers)

    async def start(self) -> None:
        """Nothing to connect to."""
        self._running = True

    async def stop(self) -> None:
        """End every reader."""
        self._running = False
        for readers in self._readers.values():
            for reader in readers:
                reader.mailbox.close()

    async def publish(self, channel: str, data: bytes) -> None:
        """See `Bus.publish`."""
        await self.check()
        for reader in self._readers.get(channel, ()):
            reader.mailbox.put(data)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes | Interrupted]]:
        """See `Bus.subscribe`."""
        await self.check()
        reader = Reader(self._capacity)
        readers = self._readers.setdefault(channel, set())
        readers.add(reader)
        try:
            yield reader
        finally:
            readers.discard(reader)
            self._dropped += reader.mailbox.dropped
            if not readers and self._readers.get(channel) is readers:
                del self._readers[channel]

    async def check(self) -> None:
        """See `Bus.check`."""
        if not self._running:
            raise HubError(Code.UNAVAILABLE, "The event bus is not running.")
