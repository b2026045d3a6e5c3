"""A whole hub in this process, asked without a network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from ofh.app import build_app
from ofh.hub import Hub
from ofh.settings import Settings, load

PORT = 8000
URL = f"http://localhost:{PORT}"


@asynccontextmanager
async def hub(**settings: Any) -> AsyncIterator[tuple[Hub, httpx2.AsyncClient]]:
    """A started hub and a client on this machine."""
    chosen = {"mqtt_port": 0, "argon2_memory_kib": 19_456, **settings}
    async with served(load(**chosen)) as (started, app), client(app) as asking:
        yield started, asking


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[Hub, Any]]:
    """A started hub and its application."""
    started = Hub(settings, public_url=settings.public_url or URL)
    await started.start()
    try:
        app = build_app(started, port=PORT)
        await app.start()
        try:
            yield started, app
        finally:
            await app.stop()
    finally:
        await started.stop()


async def get(app: Any, path: str) -> tuple[int, dict[str, str]]:
    """Status and headers for a path as it is; a client would tidy it up first."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 50_000),
        "server": ("localhost", PORT),
        "extensions": {},
    }
    await app(scope, receive, send)
    return sent[0]["status"], {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


def client(app: Any, *, address: str = "127.0.0.1") -> httpx2.AsyncClient:
    """Somebody at an address who asks the application."""
    transport = httpx2.ASGITransport(app, client=(address, 50_000))
    return httpx2.AsyncClient(transport=transport, base_url=URL)
