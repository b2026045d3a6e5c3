"""A request's body as it comes, and the answer as it goes out: also in the midst of a body, where it is a refusal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import structlog

from ofh.domain.objects import MAX_KEY_BYTES
from ofh.edges.patience import Patience

from . import xml
from .refusals import S3Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024
"""For how long, and how much of, a refused body is let pass by, so that its sender comes to read the answer."""


class Left(Exception):
    """The client is gone."""


class Body:
    """A request's body as it comes."""

    def __init__(self, scope: Scope, receive: Receive, stuck_s: float) -> None:
        names = dict(scope["headers"])
        self.waits_to_be_asked = names.get(b"expect", b"").lower() == b"100-continue"
        """Nothing was sent so far, and nothing will be before it is asked for."""
        self.has_ended = b"transfer-encoding" not in names and names.get(b"content-length", b"0") == b"0"
        self._receive = Patience(receive, stuck_s)

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it.

        Raises:
            Left: the client has gone.
            S3Refusal: RequestTimeout.
        """
        while True:
            self.waits_to_be_asked = False
            try:
                message = await self._receive()
            except TimeoutError:
                raise S3Refusal(
                    "RequestTimeout", "Your socket connection to the server was not read in time."
                ) from None
            if message["type"] == "http.disconnect":
                raise Left
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                self.has_ended = True
                return

    async def let_pass(self) -> None:
        """Read on for a while what nobody wants."""
        left = LINGER_BYTES
        with suppress(TimeoutError, Left, S3Refusal):
            async with asyncio.timeout(LINGER_S):
                async for piece in self.pieces():
                    left -= len(piece)
                    if left < 0:
                        return


async def refuse(scope: Scope, incoming: Body, send: Send, refusal: S3Refusal) -> None:
    """Answer a refusal at once, also in the midst of a body."""
    log.info("an upload request was refused", status=refusal.status, why=refusal.code, reason=refusal.message)
    content = xml.error(refusal, scope["path"][:MAX_KEY_BYTES], _request_id())
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(content)).encode())]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if incoming.has_ended:
        await send_answer(scope, send, refusal.status, headers, content)
        return
    # What is left of the body would be taken for the next request.
    headers.append((b"connection", b"close"))
    if incoming.waits_to_be_asked:
        await send_answer(scope, send, refusal.status, headers, content)
        return
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*headers, _told_id()]})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await incoming.let_pass()
    await send({"type": "http.response.body", "body": b""})


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, content: bytes) -> None:
    """A whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, _told_id()]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request", ""))


def _told_id() -> tuple[bytes, bytes]:
    return b"x-amz-request-id", _request_id().encode()
