"""Ways to a client: an asyncio transport, or the callbacks of a listener elsewhere (a WebSocket route)."""

import asyncio
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from .connection import Connection
    from .server import MqttServer


def network_of(address: str) -> str:
    """Whose connections count together: an address, of IPv6 its /64, which is what one customer has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed) if not isinstance(parsed, IPv6Address) else parsed.exploded[:19]


class Link(Protocol):
    """The way to the client."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None:
        """After what was written."""

    def abort(self) -> None:
        """At once."""

    def buffered_bytes(self) -> int:
        """Written, not yet taken."""

    def pause(self) -> None:
        """Deliver no more bytes, as soon as that is possible."""

    def resume(self) -> None: ...


class TransportLink:
    """Over TCP or TLS."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.write = transport.write
        self.abort = transport.abort
        self.close = transport.close
        self.buffered_bytes = transport.get_write_buffer_size

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()


class CallbackLink:
    """Over whatever a listener elsewhere has."""

    def __init__(self, write: Callable[[bytes], None], close: Callable[[], None], waiting: Callable[[], int]) -> None:
        self.write, self.close, self.abort, self.buffered_bytes = write, close, close, waiting

    def pause(self) -> None:
        """Such a listener awaits `Connection.ready`."""

    def resume(self) -> None:
        pass


class StreamProtocol(asyncio.Protocol):
    """Joins a connection to an asyncio transport."""

    def __init__(self, server: "MqttServer") -> None:
        self._server = server
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's look like it and are not
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        transport.set_write_buffer_limits(high=self._server.limits.max_write_buffer_bytes)
        self._connection = self._server.admit(TransportLink(transport), address)
        if self._connection is None:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._connection is not None:
            self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.writing_paused(True)

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.writing_paused(False)
