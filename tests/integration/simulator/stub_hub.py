"""A hub that is only what a controller's uploads see of it: the five endpoints, a storage, the websocket, all scripted.

It keeps what it was asked, in order, and what it holds. Its answers are those of the samples in `tests/captures`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ofh.simulator.pilot import CloudAccess
from tests.captures.reader import capture

WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"
BUCKET = "ofh-media"
MEDIA = f"/media/api/v1/workspaces/{WORKSPACE}"


@dataclass
class StubHub:
    """State and script."""

    port: int = 0
    token: str = "pt_4Zk0"
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """The last part of each path, and the body; `put` and the key for what came to the storage whole."""
    tiny: set[str] = field(default_factory=set)
    fingerprints: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)
    torn: int = 0
    """Uploads whose connection broke before their end."""
    puts: list[dict[str, str]] = field(default_factory=list)
    """Their headers."""
    failures: dict[str, list[Response]] = field(default_factory=dict)
    """By the last part of a path: what it answers first, instead of doing anything."""
    storage: dict[str, Any] | None = None
    """What `sts` hands out instead of this stub's own storage."""
    pushes: list[str] = field(default_factory=list)
    """Frames for whoever opens the websocket."""
    sockets: list[str] = field(default_factory=list)
    """The tokens that it was opened with."""
    grants: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> CloudAccess:
        return CloudAccess(
            url=self.url, socket_url=f"ws://127.0.0.1:{self.port}/ws", token=self.token, workspace_uuid=WORKSPACE
        )

    def kinds(self) -> list[str]:
        """What was asked for, in order."""
        return [kind for kind, _ in self.asked]

    def bodies(self, kind: str) -> list[Any]:
        return [body for what, body in self.asked if what == kind]

    def callbacks(self) -> list[Any]:
        """Of files that are up."""
        return [body for body in self.bodies("upload-callback") if body["result"] == 0]

    def application(self) -> Starlette:
        def guarded(handle: Callable[[Any], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def endpoint(request: Request) -> Response:
                kind = request.url.path.rpartition("/")[2]
                body = await request.json() if await request.body() else None
                self.asked.append((kind, body))
                if request.headers.get("x-auth-token") != self.token:
                    return JSONResponse({"code": -1, "message": "expired", "data": {}}, status_code=401)
                if self.failures.get(kind):
                    return self.failures[kind].pop(0)
                return await handle(body)

            return endpoint

        return Starlette(
            routes=[
                Route(f"{MEDIA}/files/tiny-fingerprints", guarded(self._tiny), methods=["POST"]),
                Route(f"{MEDIA}/fast-upload", guarded(self._fast_upload), methods=["POST"]),
                Route(f"{MEDIA}/upload-callback", guarded(self._uploaded), methods=["POST"]),
                Route(f"{MEDIA}/group-upload-callback", guarded(self._group), methods=["POST"]),
                Route(f"/storage/api/v1/workspaces/{WORKSPACE}/sts", guarded(self._sts), methods=["POST"]),
                Route(f"/manage/api/v1/workspaces/{WORKSPACE}/devices/topologies", guarded(self._topologies)),
                Route(f"/{BUCKET}/{{key:path}}", self._put, methods=["PUT"]),
                WebSocketRoute("/ws", self._socket),
            ]
        )

    async def _tiny(self, body: Any) -> Response:
        return done({"tiny_fingerprints": [tiny for tiny in body["tiny_fingerprints"] if tiny in self.tiny]})

    async def _fast_upload(self, body: Any) -> Response:
        sample = "hit" if body["fingerprint"] in self.fingerprints else "miss"
        return JSONResponse(capture(f"http-fast-upload-{sample}")["response"]["body"])

    async def _sts(self, body: Any) -> Response:
        self.grants += 1
        data = capture("http-sts-minio")["response"]["body"]["data"]
        data |= self.storage or {"endpoint": self.url}
        data["object_key_prefix"] = f"{WORKSPACE}/{self.grants}"
        return done(data)

    async def _put(self, request: Request) -> Response:
        try:
            content = await request.body()
        except ClientDisconnect:
            self.torn += 1
            raise
        key = request.path_params["key"]
        self.asked.append(("put", key))
        self.puts.append(dict(request.headers))
        if self.failures.get("put"):
            return self.failures["put"].pop(0)
        self.objects[key] = content
        return Response(headers={"ETag": '"0"'})

    async def _uploaded(self, body: Any) -> Response:
        if body["result"] == 0:
            assert body["object_key"] in self.objects, "told before it was there"
            self.fingerprints.add(body["fingerprint"])
            self.tiny.add(body["ext"]["tinny_fingerprint"])
        return done({"object_key": body["object_key"]})

    async def _group(self, body: Any) -> Response:
        return done({})

    async def _topologies(self, body: Any) -> Response:
        return JSONResponse(capture("http-topologies")["response"]["body"])

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        self.sockets.append(socket.query_params["x-auth-token"])
        for frame in self.pushes:
            await socket.send_text(frame)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()


def done(data: dict[str, Any]) -> Response:
    """An envelope of success."""
    return JSONResponse({"code": 0, "message": "success", "data": data})


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:  # the test's own process keeps its signals
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def running(hub: StubHub) -> AsyncIterator[StubHub]:
    """The hub on a free port."""
    config = uvicorn.Config(hub.application(), port=0, log_level="critical", ws="websockets-sansio", lifespan="off")
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    hub.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield hub
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
