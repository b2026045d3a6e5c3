"""What edges that give out long contents share: names of files, and sending for as long as somebody takes it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import quote

from starlette.types import Receive, Send

POLICY = b"sandbox; default-src 'none'; frame-ancestors 'none'"
"""Of contents that somebody else made: a browser that shows one lets it do nothing."""

_UNRESERVED = "!#$&+-.^_`|~"
"""What may stand in `filename*` beside letters and digits (RFC 8187)."""


class NotTaken(Exception):
    """The client is gone, or takes no data."""


def disposition(kind: str, name: str, plain: str) -> bytes:
    """The header's value: `inline` or `attachment`, the file's name, and what stands for it in ASCII."""
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_UNRESERVED)}".encode()


async def stream(pieces: AsyncIterator[bytes], receive: Receive, send: Send, stuck_s: float) -> None:
    """Send a body, piece by piece, for as long as somebody takes it.

    Args:
        stuck_s: seconds within which each piece has to be taken.
    Raises:
        NotTaken: with the reason, for the log.
    """
    sending = asyncio.create_task(_send(pieces, send, stuck_s))
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            raise NotTaken("left")
        await sending
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def put(send: Send, body: bytes, stuck_s: float, *, is_last: bool) -> None:
    """Send one piece of a body.

    Raises:
        NotTaken: nobody took it in time.
    """
    try:
        async with asyncio.timeout(stuck_s):
            await send({"type": "http.response.body", "body": body, "more_body": not is_last})
    except TimeoutError:
        raise NotTaken("takes no data") from None


async def _send(pieces: AsyncIterator[bytes], send: Send, stuck_s: float) -> None:
    async for piece in pieces:
        await put(send, piece, stuck_s, is_last=False)
    await put(send, b"", stuck_s, is_last=True)


async def _gone(receive: Receive) -> None:
    """Wait until the client is; a body, which no one asked for, is let pass."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def cut(pieces: AsyncGenerator[bytes, None], limit: int) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of at most so many."""
    async for piece in pieces:
        for first in range(0, len(piece), limit):
            yield piece[first : first + limit]
