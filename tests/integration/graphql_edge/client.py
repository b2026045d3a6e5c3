"""A websocket client that is an ASGI server's other half: exact about order, and bounded in time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

PATIENCE_S = 10.0


class Closed(Exception):
    """The server closed the websocket, or refused it."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Client:
    """Speaks ASGI to an application; `hold` makes it a reader that takes nothing."""

    def __init__(
        self, app: Any, *, headers: Mapping[str, str], subprotocols: list[str], extension: bool = True
    ) -> None:
        self._app = app
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.hold = asyncio.Event()
        self.hold.set()
        self.sent_bytes = 0
        self.scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("203.0.113.9", 4711),
            "subprotocols": subprotocols,
            "extensions": {"websocket.http.response": {}} if extension else {},
        }
        self.task: asyncio.Task[None] | None = None

    async def _send(self, message: dict[str, Any]) -> None:
        await self.hold.wait()
        self._out.put_nowait(message)

    async def open(self) -> None:
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._app(self.scope, self._in.get, self._send))
        first = await self._take()
        if first["type"] == "websocket.http.response.start":
            raise Closed(first["status"])
        if first["type"] == "websocket.close":
            raise Closed(first["code"])

    async def _take(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return await self._out.get()

    def send(self, message: Any) -> None:
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        self._in.put_nowait({"type": "websocket.receive", "bytes": data})

    async def receive(self) -> Any:
        message = await self._take()
        if message["type"] == "websocket.close":
            raise Closed(message["code"], message.get("reason", ""))
        return json.loads(message["text"])

    def idle(self) -> bool:
        """Whether nothing has come that was not received."""
        return self._out.empty()

    async def init(self, payload: Any = None) -> None:
        self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    def subscribe(self, id: str, query: str, variables: Any = None, name: str | None = None) -> None:
        payload = {"query": query, "variables": variables, "operationName": name}
        self.send({"id": id, "type": "subscribe", "payload": payload})

    async def code(self) -> int:
        """Read on until the server closes."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            return closed.code

    async def leave(self) -> None:
        self.hold.set()
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        if self.task is not None:
            async with asyncio.timeout(PATIENCE_S):
                await self.task


@asynccontextmanager
async def connect(
    app: Any,
    *,
    session: str | None = "s1",
    headers: Mapping[str, str] | None = None,
    subprotocols: tuple[str, ...] = ("graphql-transport-ws",),
    extension: bool = True,
    init: bool = True,
) -> AsyncIterator[Client]:
    """A client of the application, initialised unless told otherwise."""
    cookie = {"cookie": f"user-auth={session}"} if session else {}
    client = Client(app, headers={**cookie, **(headers or {})}, subprotocols=list(subprotocols), extension=extension)
    try:
        await client.open()
        if init:
            await client.init()
        yield client
    finally:
        await client.leave()


async def settle(turns: int = 20) -> None:
    """Let everything that is ready happen."""
    for _ in range(turns):
        await asyncio.sleep(0)
