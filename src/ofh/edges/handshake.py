"""Answers to websocket handshakes that are not let in: an HTTP status, whichever edge refuses."""

from collections.abc import Mapping
from typing import Any

import structlog
from starlette.types import Send

from ofh.domain.errors import HubError

from .errors import WIRE, retry_after_s

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def refuse(
    scope: Mapping[str, Any], send: Send, status: int, reason: str, *, retry_after_s: int | None = None
) -> None:
    """Answer a handshake with an HTTP status; where the server cannot, with its own refusal."""
    log.info("handshake refused", status=status, path=scope.get("path"))
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reason.encode()})


async def refuse_by(error: HubError, scope: Mapping[str, Any], send: Send) -> None:
    """As `refuse`, with the status of a refusal by a service or a check."""
    await refuse(scope, send, WIRE[error.code].http, error.message, retry_after_s=retry_after_s(error))
