"""What every websocket of the hub has in common, whatever is spoken on it (security.md, section 6).

A socket reads until either side closes, writes through its outlet in order, and closes without waiting for a peer that
does not read. `Rounds` goes from one to the next: who takes nothing for too long is closed, and the rights behind each
are looked at again, should word of their end have been lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import structlog
from starlette.types import Receive, Scope, Send

from ofh.domain.errors import HubError
from ofh.domain.rates import Allowance

from .outlet import CLOSE_TIMEOUT_S, Flusher, Outlet, PlainOutlet, RawOutlet
from .ws_protocol import EXTENSION

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Socket:
    """One connection. What is spoken on it is a subclass's matter.

    Args:
        address: the client's.
        message_bytes: of one message; a longer one ends the socket with 1009.
        messages_per_s: in the long run; more end it with 4400.
        messages_burst: at once.
    """

    __slots__ = (
        "_allowance",
        "_closing",
        "_grace",
        "_message_bytes",
        "_reader",
        "_taken",
        "_taken_at",
        "address",
        "outlet",
    )
    outlet: Outlet

    def __init__(self, address: str, *, message_bytes: int, messages_per_s: float, messages_burst: float) -> None:
        self.address = address
        self._message_bytes = message_bytes
        self._allowance = Allowance(per_s=messages_per_s, burst=messages_burst)
        self._reader: asyncio.Task[Any] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._taken: int | None = None
        self._taken_at = 0.0

    def open_outlet(self, scope: Scope, send: Send, flusher: Flusher) -> None:
        """Take the quickest way out that the server offers."""
        raw: RawOutlet | None = scope.get("extensions", {}).get(EXTENSION)
        if raw is not None:
            raw.open(flusher, self.resumed)
        self.outlet = raw or PlainOutlet(send, self.resumed)

    @property
    def is_closed(self) -> bool:
        """Nothing more is done or sent for it."""
        return self._closing is not None

    async def serve(self, receive: Receive) -> None:
        """Read until either side closes; afterwards nothing of the socket is left."""
        self._reader = asyncio.current_task()
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if not self.is_closed:
                    await self.take(message)
        except asyncio.CancelledError:
            if self._grace is None:
                raise
        finally:
            self._reader = None
            self.closing(1000, "")
            await self.ended()
            if self._grace is not None:
                self._grace.cancel()

    async def take(self, message: Mapping[str, Any]) -> None:
        """A message has come."""
        raise NotImplementedError

    def resumed(self) -> None:
        """The reader has caught up."""

    def leave(self) -> None:
        """The socket closes: nothing more is to be sent to it."""

    async def ended(self) -> None:
        """Wait for what is still under way of it."""
        if self._closing is not None:
            await asyncio.gather(self._closing, return_exceptions=True)

    def is_too_much(self, size: int) -> bool:
        """Whether a message of so many bytes is one that the socket does not take; it closes then."""
        if size > self._message_bytes:
            self.closing(1009, "this message is too long")
        elif not self._allowance.take(time.monotonic()):
            self.closing(4400, "too many messages")
        return self.is_closed

    def stuck(self, now: float, limit_s: float) -> bool:
        """Whether the reader has left what waits for it untouched for so long."""
        taken = self.outlet.taken()
        if taken is None or taken != self._taken:
            self._taken, self._taken_at = taken, now
            return False
        return now - self._taken_at >= limit_s

    def closing(self, code: int, reason: str) -> None:
        """Close from where nothing can be awaited; at once nothing more is sent."""
        if self._closing is not None:
            return
        if code >= 1009:
            log.info("socket closed", close=code)
        self._closing = asyncio.get_running_loop().create_task(self.outlet.close(code, reason))
        self._closing.add_done_callback(self._shut)
        self.leave()

    def _shut(self, _: "asyncio.Task[None]") -> None:
        """The close frame is out or given up: a server that does not say so is waited for no longer."""
        if self._reader is not None:
            self._grace = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._reader.cancel)

    async def close(self, code: int, reason: str) -> None:
        """As `closing`, and wait until the close frame is out or given up."""
        self.closing(code, reason)
        await self.ended()


S = TypeVar("S", bound=Socket)

PARTY = 32
"""Sockets that are looked at in one go: few enough that others have their turn, enough to share statements."""


class Rounds(Generic[S]):
    """Goes round the sockets of one endpoint.

    Args:
        sockets: those that are open.
        look_again: at the rights behind one; closes or ends what has none. One socket's trouble does not keep the
            others from being looked at.
        unread_s: how long a receiver may take nothing.
        recheck_s: how often rights are looked at.
    """

    def __init__(
        self,
        sockets: Callable[[], Iterable[S]],
        look_again: Callable[[S], Awaitable[None]],
        *,
        unread_s: float,
        recheck_s: float,
    ) -> None:
        self._sockets = sockets
        self._look_again = look_again
        self._unread_s = unread_s
        self._recheck_s = recheck_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to go round."""
        self._soon(self._sweep())
        self._soon(self._recheck())

    async def stop(self) -> None:
        """Stop; calling it twice does no harm."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_soon(self, sockets: Iterable[S]) -> None:
        """Look at the rights behind these now; whoever changed them does not wait for it."""
        wanted = list(sockets)
        if wanted:
            self._soon(self.look(wanted))

    async def look(self, sockets: Iterable[S]) -> None:
        """Look at the rights behind these, some at a time: those who ask the database together share a statement."""
        for party in parties(sockets):
            await asyncio.gather(*(self._look(socket) for socket in party))

    async def _look(self, socket: S) -> None:
        try:
            await self._look_again(socket)
        except HubError as error:  # nobody can tell at present; it is looked at again later
            log.info("recheck put off", why=error.code.value)
        except Exception:
            log.exception("recheck failed")

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recheck(self) -> None:
        """Spread over the interval, so that a thousand sockets are no thousand questions at once."""
        while True:
            started = time.monotonic()
            round_of = parties(self._sockets())
            for party in round_of:
                await asyncio.sleep(self._recheck_s / (len(round_of) + 1))
                await self.look(party)
            await asyncio.sleep(max(0.0, started + self._recheck_s - time.monotonic()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._unread_s / 6)
            now = time.monotonic()
            for party in parties(self._sockets()):
                for socket in party:
                    if socket.stuck(now, self._unread_s):
                        log.info("receiver takes nothing", address=socket.address)
                        socket.closing(1013, "you do not read")
                await asyncio.sleep(0)  # an event on its way to a thousand others is not to wait for all of this


def parties(sockets: Iterable[S]) -> list[list[S]]:
    """The sockets, `PARTY` at a time."""
    found = list(sockets)
    return [found[start : start + PARTY] for start in range(0, len(found), PARTY)]
