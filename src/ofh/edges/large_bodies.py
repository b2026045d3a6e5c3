"""Bodies that are taken as they come, and refusals in the midst of one: uploads are not read into memory first."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from .patience import Patience

Headers = Sequence[tuple[bytes, bytes]]

LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024
"""For how long, and how much of, a refused body is let pass by: a sender that is cut off does not see the answer."""


class Left(Exception):
    """The client is gone."""


class Stalled(Exception):
    """The client sends next to nothing any more."""


class LargeBody:
    """A request's body as it comes.

    Args:
        stuck_s: see `Patience`.
    """

    def __init__(self, scope: Scope, receive: Receive, stuck_s: float) -> None:
        names = dict(scope["headers"])
        length = names.get(b"content-length", b"")
        self.announced = int(length[:20]) if length.isdigit() else None
        """Bytes, where that was said."""
        self.waits_to_be_asked = names.get(b"expect", b"").lower() == b"100-continue"
        """Nothing was sent so far, and nothing will be before it is asked for."""
        self.has_ended = b"transfer-encoding" not in names and length in (b"", b"0")
        self._receive = Patience(receive, stuck_s)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it.

        Raises:
            Left, Stalled.
        """
        while not self.has_ended:
            self.waits_to_be_asked = False
            try:
                message = await self._receive()
            except TimeoutError:
                raise Stalled from None
            if message["type"] == "http.disconnect":
                raise Left
            self.has_ended = not message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def refuse(self, send: Send, status: int, headers: Headers, content: bytes, *, is_head: bool = False) -> None:
        """Answer with a refusal at once, also in the midst of the body."""
        if not self.has_ended:
            # What is left of the body would be taken for the next request.
            headers = [*headers, (b"connection", b"close")]
        lingers = not (self.has_ended or self.waits_to_be_asked)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else content, "more_body": lingers})
        if lingers:
            await self._let_pass()
            await send({"type": "http.response.body", "body": b""})

    async def _let_pass(self) -> None:
        """Read on for a while what nobody wants."""
        left = LINGER_BYTES
        with suppress(TimeoutError, Left, Stalled):
            async with asyncio.timeout(LINGER_S):
                async for piece in self.pieces():
                    left -= len(piece)
                    if left < 0:
                        return
