"""`/pilot/`: the page that DJI Pilot 2 opens in its webview, and the files that it loads (dji-pilot-2.md, chapter 1).

Plain scripts and a style sheet, served as they are. No script stands in the page itself and nothing comes from
elsewhere, so its policy can say so. The hub's address is the configured one, whatever the request says.
"""

import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.edges.tolerant import TolerantRoute

PATH = "/pilot"
STATIC = Path(__file__).parent / "static"
FILES: Mapping[str, str] = {
    "style.css": "text/css",
    "bridge.js": "text/javascript",
    "hub.js": "text/javascript",
    "view.js": "text/javascript",
    "state.js": "text/javascript",
    "switches.js": "text/javascript",
    "modules.js": "text/javascript",
    "session.js": "text/javascript",
    "watch.js": "text/javascript",
    "page.js": "text/javascript",
}
"""What the page loads, and the type of each."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PilotPage:
    """The page and its files.

    Args:
        public_url: where controllers reach the hub.
    """

    def __init__(self, public_url: str) -> None:
        self._files = {name: (STATIC / name).read_bytes() for name in FILES}
        html = (STATIC / "index.html").read_text("utf-8")
        for name, body in self._files.items():
            digest = hashlib.sha256(body).hexdigest()[:12]
            html = html.replace(f"{{{name}}}", f"{PATH}/{name}?{digest}")
        html = html.replace("{origin}", escape(public_url)).replace("{url}", escape(f"{public_url}{PATH}/"))
        self._html = html.encode()

    def routes(self) -> list[BaseRoute]:
        """The page, with slashes too many or too few, and each file."""
        return [
            TolerantRoute(PATH, self._page),
            *(Route(f"{PATH}/{name}", _File(body, FILES[name])) for name, body in self._files.items()),
        ]

    @property
    def _page(self) -> "_Page":
        return _Page(self._html)


class _Page:
    """The page itself; without its slash it leads there."""

    def __init__(self, html: bytes) -> None:
        self._html = html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/"):
            headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-cache"}
            await _answer(scope, send, 200, self._html, headers)
        else:
            await _answer(scope, send, 307, b"", {"location": f"{PATH}/"})


class _File:
    """One file, under a name that changes with it."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self._body = body
        self._headers = {
            "content-type": f"{media_type}; charset=utf-8",
            "cache-control": "public, max-age=31536000, immutable",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(scope, send, 200, self._body, self._headers)


async def _answer(scope: Scope, send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        status, body, headers = 405, b"", {"allow": "GET, HEAD"}
    fields = {"content-length": str(len(body)), "content-security-policy": POLICY, **headers}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})
