"""The answer as it goes out: also in the midst of a body, where it is a refusal."""

import structlog
from starlette.types import Scope, Send

from ofh.domain.objects import MAX_KEY_BYTES
from ofh.edges.large_bodies import LargeBody

from . import xml
from .refusals import S3Refusal

Headers = list[tuple[bytes, bytes]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def refuse(scope: Scope, incoming: LargeBody, send: Send, refusal: S3Refusal) -> None:
    """Answer a refusal at once, also in the midst of a body."""
    log.info("an upload request was refused", status=refusal.status, why=refusal.code, reason=refusal.message)
    content = xml.error(refusal, scope["path"][:MAX_KEY_BYTES], _request_id())
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(content)).encode())]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    await incoming.refuse(send, refusal.status, [*headers, _told_id()], content, is_head=scope["method"] == "HEAD")


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, content: bytes) -> None:
    """A whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, _told_id()]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request", ""))


def _told_id() -> tuple[bytes, bytes]:
    return b"x-amz-request-id", _request_id().encode()
