"""The way out to one websocket: messages joined per turn of the loop, never more waiting than the mark allows.

`RawOutlet` writes ready-made frames below ASGI where the server offers it (`edges/ws_protocol.py`); `PlainOutlet`
awaits the ordinary `send`. Both keep order, both say when their reader lags, neither ever blocks a writer.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from starlette.types import Send

HIGH_WATER_BYTES = 192 * 1024
"""What may wait for one peer before writers are told to pause; with what overshoots, 256 KiB (security.md, W1)."""

BY_TRANSPORT = -1
"""In the place of a descriptor: frames have to go by the transport."""

JOIN_BYTES = 32 * 1024
"""Frames of one turn are joined up to this size; then they go out, so that the transport's mark sees them."""

CLOSE_TIMEOUT_S = 5.0
"""How long a reader is waited for that is to be closed and does not read, where ASGI is all there is."""


def text_header(size: int) -> bytes:
    """The head of an unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 0x10000:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


class Outlet(Protocol):
    """What a socket writes to."""

    @property
    def raw(self) -> bool:
        """Takes frames by `put`; else whole messages by `message` alone."""

    @property
    def paused(self) -> bool:
        """The reader lags: put in nothing that can wait."""

    def put(self, frames: bytes) -> None:
        """Send frames; only where `raw`."""

    def message(self, text: bytes) -> None:
        """Send one text message."""

    async def drain(self) -> None:
        """Return once the reader has caught up, or the outlet is closed."""

    def taken(self) -> int | None:
        """Bytes that the reader has ever taken; None where nothing waits for it."""

    async def close(self, code: int, reason: str) -> None:
        """Send what waits and the close frame; returns whether or not the reader takes them."""


class Flusher:
    """Writes out, once per turn of the loop, what was put into outlets during it."""

    __slots__ = ("dirty",)

    def __init__(self) -> None:
        self.dirty: list[RawOutlet] = []
        """Outlets that have something to write; see `schedule`."""

    def schedule(self) -> None:
        """Write it out at the end of this turn; called for the first of them."""
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        dirty, self.dirty = self.dirty, []
        for outlet in dirty:
            outlet.flush()


class Line(Protocol):
    """What a `RawOutlet` stands on: the server's side of one websocket."""

    def write_frames(self, frames: bytes) -> int:
        """Write by the transport, which keeps what the peer does not take yet.

        Returns:
            The descriptor to which further frames may be written past the transport, until `RawOutlet.hold` says
            otherwise; BY_TRANSPORT where they may not.
        """

    def buffered(self) -> int:
        """Bytes that the peer's side has not taken yet."""

    def keep_alive(self, ping_s: float, silence_s: float) -> None:
        """See `RawOutlet.keep_alive`."""

    def close_now(self, code: int, reason: str) -> None:
        """Close without waiting for the peer; it is cut off where it does not answer within the close timeout."""


class RawOutlet:
    """Whole, unmasked frames written below ASGI. Valid from the moment that the websocket is accepted.

    While nothing waits in the transport it writes to the socket itself: with a thousand sockets every object that a
    delivery touches has left the processor's cache, so what counts is how few they are.
    """

    __slots__ = (
        "_descriptor",
        "_first",
        "_flusher",
        "_line",
        "_more",
        "_on_resume",
        "_resumed",
        "_size",
        "handed",
        "paused",
    )
    raw = True
    _flusher: Flusher

    def __init__(self, line: Line) -> None:
        self._line = line
        self._descriptor = BY_TRANSPORT
        """Of the socket, while nothing waits in the transport and nothing has closed."""
        self._first = b""
        """What waits for the end of this turn: nearly always one piece, for which a list is dear."""
        self._more: list[bytes] | None = None
        """All that waits, where it is more than one piece."""
        self._size = 0
        """Bytes of these."""
        self._on_resume: Callable[[], None] | None = None
        self._resumed: asyncio.Event | None = None
        self.handed = 0
        """Bytes that the transport was given, to write them as soon as it can."""
        self.paused = False
        """More than the high-water mark is waiting."""

    def open(self, flusher: Flusher, on_resume: Callable[[], None]) -> None:
        """Take frames from now on.

        Args:
            on_resume: called when the peer has taken most of what waited.
        """
        self._flusher, self._on_resume = flusher, on_resume

    def keep_alive(self, *, ping_s: float, silence_s: float) -> None:
        """Ping at other times than the server does by itself; call it before the websocket is accepted.

        Args:
            silence_s: a peer of which nothing at all was heard for so long is cut off.
        """
        self._line.keep_alive(ping_s, silence_s)

    def put(self, frames: bytes) -> None:
        # Once for each delivery, as `flush` is: a call less here is a twentieth of what one costs.
        if not self._first:
            self._first = frames
            dirty = self._flusher.dirty
            if not dirty:
                self._flusher.schedule()
            dirty.append(self)
            if len(frames) > JOIN_BYTES:
                self.flush()
            return
        if self._more is None:
            self._more, self._size = [self._first], len(self._first)
        self._more.append(frames)
        self._size += len(frames)
        if self._size > JOIN_BYTES:
            self.flush()

    def message(self, text: bytes) -> None:
        self.put(text_header(len(text)) + text)

    def flush(self) -> None:
        """Write out what waits here; drops it where the websocket is closing."""
        frames = self._first
        if not frames:
            return
        self._first = b""
        if self._more is not None:
            frames = b"".join(self._more)
            self._more = None
        descriptor = self._descriptor
        if descriptor != BY_TRANSPORT:
            try:
                sent = os.write(descriptor, frames)
            except OSError:
                sent = 0  # nothing fits, or the peer is gone: the transport finds out, and knows what to do
            if sent == len(frames):
                return
            frames = frames[sent:]
        self.handed += len(frames)
        self._descriptor = self._line.write_frames(frames)

    def hold(self) -> None:
        """Somebody else writes or closes: look at the transport before the next frames."""
        self._descriptor = BY_TRANSPORT

    def pause(self) -> None:
        """The peer lags; of one that is being closed nobody waits for more."""
        self.paused = self._on_resume is not None

    def resume(self) -> None:
        """The peer has taken most of what waited."""
        self.paused = False
        self._release()
        if self._on_resume is not None:
            self._on_resume()

    def lost(self) -> None:
        """It is closed: what is put in is dropped, and nobody waits."""
        self.hold()
        self.paused, self._on_resume = False, None
        self._release()

    def _release(self) -> None:
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    async def drain(self) -> None:
        if self.paused:
            if self._resumed is None:
                self._resumed = asyncio.Event()
            await self._resumed.wait()

    def taken(self) -> int | None:
        if self._descriptor != BY_TRANSPORT:
            return None
        waiting = self._line.buffered()
        return self.handed - waiting if waiting else None

    async def close(self, code: int, reason: str) -> None:
        self.flush()
        self._line.close_now(code, reason)
        self.lost()


class PlainOutlet:
    """Messages sent by ASGI, by a task of its own."""

    raw = False

    def __init__(self, send: Send, on_resume: Callable[[], None], high_water: int = HIGH_WATER_BYTES) -> None:
        self._send = send
        self._on_resume = on_resume
        self._high_water = high_water
        self._queue: deque[bytes] = deque()
        self._waiting = 0
        self._taken = 0
        self._more = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._closed = False
        self._task = asyncio.create_task(self._run())

    @property
    def paused(self) -> bool:
        return not self._caught_up.is_set()

    def put(self, frames: bytes) -> None:
        raise TypeError("frames go to a raw outlet")

    def message(self, text: bytes) -> None:
        if self._closed:
            return
        self._queue.append(text)
        self._waiting += len(text)
        self._more.set()
        if self._waiting > self._high_water:
            self._caught_up.clear()

    async def _run(self) -> None:
        try:
            while True:
                while self._queue:
                    text = self._queue.popleft()
                    await self._send({"type": "websocket.send", "text": text.decode()})
                    self._waiting -= len(text)
                    self._taken += len(text)
                    if self.paused and self._waiting * 4 <= self._high_water:
                        self._caught_up.set()
                        self._on_resume()
                if self._closed:
                    return
                self._more.clear()
                await self._more.wait()
        except OSError:
            self._stop()  # the peer is gone; the receiving side learns of it by itself

    def _stop(self) -> None:
        self._closed = True
        self._queue.clear()
        self._waiting = 0
        self._more.set()
        self._caught_up.set()

    async def drain(self) -> None:
        await self._caught_up.wait()

    def taken(self) -> int | None:
        return self._taken if self._waiting else None

    async def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._more.set()
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.shield(self._task)
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._stop()
