"""A line between clients and a hub that does what lines do: it breaks, and it falls silent without breaking."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .hubs import HOST, PATIENCE_S

CHUNK = 64 * 1024


@dataclass(eq=False)
class Connection:
    """One that somebody made."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    is_silent: bool = False


@dataclass
class Line:
    """Passes on to `port`, wherever nothing else is said."""

    listening: socket.socket
    port: int
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _connections: set[Connection] = field(default_factory=set)
    _is_silent: bool = False

    @property
    def own_port(self) -> int:
        found: int = self.listening.getsockname()[1]
        return found

    def cut(self) -> None:
        """Break all connections; new ones may be made at once."""

        def act() -> None:
            for connection in self._connections:
                for end in connection.ends:
                    end.transport.abort()

        self._soon(act)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Let nothing through on any connection; those that stood in the meantime stay open and silent for ever."""

        def begin() -> None:
            self._is_silent = True
            for connection in self._connections:
                connection.is_silent = True

        def end() -> None:
            self._is_silent = False

        self._soon(begin)
        yield
        self._soon(end)

    def _soon(self, act: Callable[[], None]) -> None:
        async def acted() -> None:
            act()

        asyncio.run_coroutine_threadsafe(acted(), self._loop).result(PATIENCE_S)

    async def _serve(self, stopping: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connected, sock=self.listening)
        await stopping.wait()
        server.close()
        for connection in self._connections:
            for end in connection.ends:
                end.transport.abort()
        while self._connections:
            await asyncio.sleep(0.01)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection((writer, far_writer), self._is_silent)
        self._connections.add(connection)
        try:
            passing = [
                asyncio.create_task(self._pass(connection, reader, far_writer)),
                asyncio.create_task(self._pass(connection, far_reader, writer)),
            ]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
        finally:
            self._connections.discard(connection)
            for end in connection.ends:
                end.close()

    async def _pass(self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if not connection.is_silent:
                    writer.write(data)
                    await writer.drain()


@contextmanager
def line(port: int) -> Iterator[Line]:
    """A line to a port of this machine, for as long as the block lasts."""
    listening = socket.create_server((HOST, 0))
    made = Line(listening, port)
    stopping = asyncio.Event()
    thread = threading.Thread(target=made._loop.run_until_complete, args=(made._serve(stopping),), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(stopping.set)
        thread.join(PATIENCE_S)
        made._loop.close()
