"""The hub's own client of `fleet`, served to pages as it stands in this folder: a native module, made by no build.

Its address does not change with it, since pages of others name it; so browsers are to ask each time, and are told in a
few bytes that it is what they have.
"""

import hashlib
from pathlib import Path

from starlette.types import Receive, Scope, Send

PATH = "/graphql/client/fleet.js"
FLEET = Path(__file__).parent / "fleet.js"


class ClientFile:
    """The module, as an ASGI endpoint for `PATH`."""

    def __init__(self) -> None:
        self._body = FLEET.read_bytes()
        self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._body
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"", [(b"allow", b"GET, HEAD"), (b"content-length", b"0")])
            return
        kept = [(b"etag", self._etag), (b"cache-control", b"no-cache")]
        if self._is_known(scope):
            await _answer(send, 304, b"", kept)
            return
        headers = [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *kept,
        ]
        await _answer(send, 200, body if scope["method"] == "GET" else b"", headers)

    def _is_known(self, scope: Scope) -> bool:
        """Whether whoever asks has it as it is now."""
        given = [value for name, value in scope["headers"] if name == b"if-none-match"]
        tags = {tag.strip().removeprefix(b"W/") for tag in b",".join(given).split(b",")}
        return bool(tags & {self._etag, b"*"})


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
