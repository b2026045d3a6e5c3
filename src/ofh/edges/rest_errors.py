"""A refusal as the REST contract has it, for every edge that answers in its form."""

from typing import Any

import orjson
import structlog
from starlette.types import Send

from ofh.domain.errors import HubError

from .errors import WIRE, retry_after_s

Headers = list[tuple[bytes, bytes]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def refusal(error: HubError, status: int | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the answer; logged here, so call it once per answer.

    Args:
        status: where it is not that of the error's code.
    """
    status = WIRE[error.code].http if status is None else status
    log.info("refused", status=status, why=error.code.value)
    shown: dict[str, Any] = {"error": error.message, "code": error.code.value.lower()}
    if error.fields:
        shown["fields"] = error.fields
    body = orjson.dumps(shown)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if (wait := retry_after_s(error)) is not None:
        headers.append((b"retry-after", str(wait).encode()))
    return status, headers, body


async def refuse(send: Send, error: HubError, *more: tuple[bytes, bytes], status: int | None = None) -> None:
    """Answer with a refusal.

    Args:
        more: further headers.
    """
    found, headers, body = refusal(error, status)
    await send({"type": "http.response.start", "status": found, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": body})
