"""MQTT over a websocket, for networks that let nothing else through: the way to the broker inside the hub.

Binary frames of the subprotocol `mqtt` (MQTT 5, section 6); packets may be split over frames in any way. Who may do
what is the broker's matter, by the same accounts as on its other listeners.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ofh.domain.errors import HubError
from ofh.edges.handshake import refuse, refuse_by

SUBPROTOCOL = "mqtt"


class Connection(Protocol):
    """One client at the broker."""

    async def ready(self) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self, exc: BaseException | None = None) -> None: ...


class Attach(Protocol):
    """The broker's door for listeners that are not its own."""

    def __call__(
        self,
        write: Callable[[bytes], None],
        close: Callable[[], None],
        address: str,
        *,
        waiting_bytes: Callable[[], int],
    ) -> Connection: ...


class MqttSocket:
    """The ASGI endpoint.

    Args:
        attach: the broker's door.
        check: raises HubError for a handshake that is not to be let in, by its scope.
    """

    def __init__(self, attach: Attach, check: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        self._attach = attach
        self._check = check

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            await self._check(scope)
        except HubError as error:
            await refuse_by(error, scope, send)
            return
        if SUBPROTOCOL not in scope.get("subprotocols", ()):
            await refuse(scope, send, 400, f"The subprotocol {SUBPROTOCOL} is needed.")
            return
        outbox = _Outbox()
        client = scope.get("client")
        try:
            connection = self._attach(
                outbox.write, outbox.close, str(client[0]) if client else "", waiting_bytes=outbox.waiting_bytes
            )
        except ConnectionRefusedError:
            await refuse(scope, send, 503, "The broker takes no more connections.", retry_after_s=5)
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL, "headers": []})
        writing = asyncio.create_task(outbox.run(send))
        reading = asyncio.create_task(_read(connection, receive))
        try:
            await asyncio.wait([writing, reading], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
            connection.connection_lost(None)


async def _read(connection: Connection, receive: Any) -> None:
    while True:
        await connection.ready()
        message = await receive()
        if message["type"] != "websocket.receive" or message.get("bytes") is None:
            return  # gone, or a text frame, which MQTT forbids
        connection.data_received(message["bytes"])


class _Outbox:
    """What the broker has written and the websocket has not taken; the broker stops writing when it is too much."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._closed = False
        self._changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    def waiting_bytes(self) -> int:
        return self._bytes

    async def run(self, send: Any) -> None:
        """Send until closed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                await send({"type": "websocket.send", "bytes": data})
                self._bytes -= len(data)
            if self._closed:
                await send({"type": "websocket.close", "code": 1000})
                return
