"""uvicorn's websocket protocol with a door for ready-made frames.

An ordinary ASGI `send` costs several times as much as the system call below it. Where nothing rewrites frames on the
way (no compression agreed), the scope's extensions offer a `RawOutlet`; an application that finds none uses `send`.

Beyond that it mends what a peer that never reads could abuse: closing does not wait for such a peer, and ends for
certain after the close timeout.
"""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.utils import is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from .outlet import BY_TRANSPORT, HIGH_WATER_BYTES, RawOutlet

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

EXTENSION = "ofh.outlet"
"""The key in `scope["extensions"]`."""

GOING_AWAY = 1001


class _Watched:
    """A transport whose outlet learns of whatever else is written to it, and of its end."""

    __slots__ = ("_outlet", "_transport")

    def __init__(self, transport: Any, outlet: RawOutlet) -> None:
        self._transport = transport
        self._outlet = outlet

    def write(self, data: bytes) -> None:
        self._outlet.hold()
        self._transport.write(data)

    def close(self) -> None:
        self._outlet.hold()
        self._transport.close()

    def abort(self) -> None:
        self._outlet.hold()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Inbox:
    """What has come from the peer, for the one that reads it: asyncio's queue has a kilobyte and a half of deques."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, item: Any) -> None:
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)  # reading pauses at the first that waits, so there are never many

    def empty(self) -> bool:
        return not self._items


class _Writable:
    """An event that is nearly always set, and costs something only while it is not."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: asyncio.Event | None = None

    def clear(self) -> None:
        self._waiting = self._waiting or asyncio.Event()

    def set(self) -> None:
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    async def wait(self) -> None:
        if self._waiting is not None:
            await self._waiting.wait()


class HubWebSocketProtocol(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `Config(ws=HubWebSocketProtocol)`, or what `protocol_with` makes."""

    outlet: RawOutlet | None = None
    high_water_bytes = HIGH_WATER_BYTES
    """More than this waiting for a peer, and writers pause."""
    heard_at: float = 0.0
    """When the peer last sent anything, by the loop's clock; looked at where `silence_s` is set."""
    silence_s: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = cast(Any, _Inbox())
        self.writable = cast(Any, _Writable())

    def keep_alive(self, ping_s: float, silence_s: float) -> None:
        """See `RawOutlet.keep_alive`."""
        self.ping_interval, self.ping_timeout, self.silence_s = ping_s, max(silence_s - ping_s, 0.0), silence_s

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.close_sent:
            return
        self.transport.set_write_buffer_limits(high=self.high_water_bytes)
        if not self.conn.extensions:
            self.outlet = RawOutlet(self)
            self.transport = cast(Any, _Watched(self.transport, self.outlet))
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self.outlet

    def write_frames(self, frames: bytes) -> int:
        """See `outlet.Line`."""
        transport = self.transport
        if not self.handshake_complete or self.close_sent or self.disconnected or transport.is_closing():
            return BY_TRANSPORT
        transport.write(frames)
        if transport.get_write_buffer_size() or transport.is_closing() or is_ssl(transport):
            return BY_TRANSPORT
        return cast(int, transport.get_extra_info("socket").fileno())

    def buffered(self) -> int:
        """See `outlet.Line`."""
        return self.transport.get_write_buffer_size()

    def close_now(self, code: int, reason: str) -> None:
        """See `outlet.Line`."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    async def send(self, message: "ASGISendEvent") -> None:
        if message["type"] == "websocket.close" and self.handshake_complete and self.initial_response is None:
            self.close_now(message.get("code", 1000), message.get("reason") or "")
        else:
            await super().send(message)
            if self.initial_response is not None and self.close_sent:
                # Refused with a status: uvicorn takes that for a handshake left open, and logs an error each time.
                self.handshake_complete = True
            if self.handshake_complete and self.request is not None:
                # Their headers, several kilobytes, would live as long as the socket: its parser holds them, too.
                self.request.headers.clear()
                self.request = self.response = None  # type: ignore[assignment]

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            data = b"".join(self.frames)
            try:
                data.decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007, "text must be UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.outlet is not None:
            self.outlet.lost()  # the descriptor may be another socket's in a moment
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.outlet is not None:
            self.outlet.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.outlet is not None:
            self.outlet.resume()

    def keepalive_timeout(self) -> None:
        if self.silence_s is not None and (left := self.heard_at + self.silence_s - self.loop.time()) > 0:
            # No answer to the ping, but other signs of life meanwhile.
            self.pong_timer = self.loop.call_later(left, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: 1001, so that clients come back, where uvicorn says 1012."""
        if self.handshake_complete:
            # Also one that is being closed already: uvicorn would take back that it is cut off if it does not answer.
            self.stop_keepalive()
            self.close_now(GOING_AWAY, "the hub is shutting down")
            self.transport.close()
        else:
            super().shutdown()


def protocol_with(high_water_bytes: int) -> type[HubWebSocketProtocol]:
    """The protocol with another high-water mark; uvicorn takes a class and makes the instances itself."""
    return type("HubWebSocketProtocol", (HubWebSocketProtocol,), {"high_water_bytes": high_water_bytes})
