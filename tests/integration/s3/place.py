"""A storage endpoint that real clients reach over TCP: the hub's guard, the S3 edge and a store, without the rest."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import uvicorn
from botocore.config import Config  # type: ignore[import-untyped]
from starlette.routing import Router

from ofh.backends.objects_local import LocalStore
from ofh.backends.ports import ObjectStore
from ofh.edges.guard import Guard
from ofh.edges.s3.endpoint import S3Endpoint
from ofh.metrics import Metrics
from ofh.services.grants import BUCKET, REGION, Bearer, Endpoint, Grants, UploadGrant
from ofh.services.incoming import Reception
from ofh.services.rate_counters import MemoryCounters, Rate
from ofh.services.ratelimits import RateLimits, Rules
from ofh.services.upload_refusals import Reason, UploadRefused
from ofh.services.uploads import UploadRules, Uploads
from tests.support.media import nothing_expected

WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"
MIB = 1024 * 1024


@dataclass
class Place:
    """A running endpoint."""

    port: int
    folder: Path
    grants: Grants
    uploads: Uploads
    store: ObjectStore
    loop: asyncio.AbstractEventLoop
    offset: timedelta = field(default_factory=timedelta)
    """Between the endpoint's clock and the right time."""
    ends_after: dict[str, int] = field(default_factory=dict)
    """Prefix of a grant → how often its connection will still be found."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def do(self, work: Any) -> Any:
        """Run a coroutine on the endpoint's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def grant(self, workspace: str = WORKSPACE) -> UploadGrant:
        grant: UploadGrant = self.do(self.grants.grant(workspace, 7))
        return grant

    async def stands(self, bearer: Bearer) -> None:
        left = self.ends_after.get(bearer.prefix, 1)
        if not left:
            raise UploadRefused(Reason.TOKEN_EXPIRED, "Ended.")
        if bearer.prefix in self.ends_after:
            self.ends_after[bearer.prefix] = left - 1

    def content(self, key: str) -> bytes:
        """The stored object."""

        async def read() -> bytes:
            return b"".join([piece async for piece in self.store.read(key)])

        content: bytes = self.do(read())
        return content

    def stat(self, key: str) -> Any:
        return self.do(self.store.stat(key))

    def files(self) -> list[str]:
        """Everything on the disk that is an object, a part or a body, but for uploads' descriptions."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


def client(place: Place, grant: UploadGrant, *, service: str = "s3", **options: Any) -> Any:
    """boto3 with the credentials of a grant."""
    style = options.pop("style", "path")
    config = {
        "retries": {"max_attempts": 1},
        "s3": {"addressing_style": style, **options.pop("s3", {})},
        **options,
    }
    return boto3.client(
        service,
        endpoint_url=place.url if "endpoint" not in config else config.pop("endpoint"),
        region_name=grant.endpoint.region,
        aws_access_key_id=grant.access_key_id,
        aws_secret_access_key=grant.access_key_secret,
        aws_session_token=grant.security_token,
        config=Config(**config),
    )


@contextmanager
def running(
    folder: Path,
    *,
    store: ObjectStore | None = None,
    rules: UploadRules | None = None,
    reserve_bytes: int = 0,
    stuck_s: float = 30,
    anonymous: Rate | None = None,
) -> Iterator[Place]:
    """An endpoint for as long as the block lasts, in a thread of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()

    def clock() -> datetime:
        return datetime.now(UTC) + place.offset

    kept = store or LocalStore(folder / "objects", clock)
    reception = Reception(folder / "incoming", reserve_bytes=reserve_bytes)
    grants = Grants(
        key=b"k" * 32,
        endpoint=Endpoint(url=f"http://127.0.0.1:{port}", bucket=BUCKET, region=REGION, provider="minio"),
        roles=None,
        clock=clock,
    )
    uploads = Uploads(kept, reception, Metrics(), expect=nothing_expected, rules=rules)
    place = Place(port, folder, grants, uploads, kept, loop)
    limits = RateLimits(MemoryCounters(), rules=Rules(anonymous=anonymous or Rate(per_second=10_000, burst=10_000)))
    endpoint = S3Endpoint(
        uploads,
        grants,
        address_of=lambda scope: str((scope.get("client") or ("",))[0]),
        stranger=limits.anonymous,
        known=limits.file_request,
        stuck_s=stuck_s,
        clock=clock,
        stands=place.stands,
    )

    async def by_host(scope: Any, receive: Any, send: Any) -> None:
        await (endpoint if endpoint.is_meant(scope) else router)(scope, receive, send)

    router = Router(routes=endpoint.routes(), redirect_slashes=False)
    app = Guard(by_host, proxies=(), is_tls=False)
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=2)
    )
    server.capture_signals = _no_signals  # type: ignore[method-assign,assignment]

    async def serve() -> None:
        await kept.start()
        await server.serve([listener])
        await kept.stop()
        reception.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield place
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        loop.close()


@contextmanager
def _no_signals() -> Iterator[None]:
    yield
