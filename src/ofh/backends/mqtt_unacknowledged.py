"""What links to the broker have brought and nobody has acknowledged yet."""

import asyncio
import contextlib
from collections.abc import Callable

from ofh.backends.mqtt_link import Link, LinkError

LOOK_S = 0.5
"""How often it is looked whether a link still stands whose messages are waited for."""


class Unacknowledged:
    """Messages by link and id. An acknowledgement counts once, and only on the link that brought the message."""

    def __init__(self) -> None:
        self._held: dict[Link, set[int]] = {}
        self._emptied = asyncio.Event()

    def take(self, link: Link, message_id: int) -> Callable[[], None]:
        """A message has come; what acknowledges it."""
        held = self._held.setdefault(link, set())
        held.add(message_id)

        def ack() -> None:
            if message_id in held:
                held.discard(message_id)
                if not held:
                    self._emptied.set()
                link.ack(message_id)

        return ack

    def holds(self, link: Link) -> bool:
        """Whether there is any of this link's."""
        return bool(self._held.get(link))

    def forget(self, link: Link) -> None:
        """The link is lost: its messages come again by another."""
        self._held.pop(link, None)

    async def settled(self, link: Link) -> None:
        """Wait until there is none of this link's.

        Raises:
            LinkError: the link is lost.
        """
        while self.holds(link):
            if link.lost.is_set():
                raise LinkError(link.reason)
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._emptied.wait()
