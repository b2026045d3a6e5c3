"""GraphiQL from our own origin: a page, a script and the vendored files that it loads. Works with no internet.

The page runs no inline script and may speak to nobody but the hub, so its policy can say so.
"""

import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path

from starlette.types import Receive, Scope, Send

HERE = Path(__file__).parent
STYLES = ("graphiql.min.css", "plugin-explorer.css", "ide.css")
SCRIPTS = (
    "react.production.min.js",
    "react-dom.production.min.js",
    "graphiql.min.js",
    "plugin-explorer.umd.js",
    "ide.js",
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""GraphiQL's editor sets styles by attribute, which needs `unsafe-inline`; its fonts stand in its style sheet."""

DEFAULT_QUERY = """\
# The hub's API. Press Ctrl-Space for what fits here, Ctrl-Enter to run; the documentation is behind the first button.
query Hub {
  server {
    name
    version
  }
  me {
    id
    name
  }
}
"""


class Ide:
    """The page, as an ASGI endpoint.

    Args:
        endpoint: the path of the API, for requests and websockets alike.
        files: the path that `IdeFiles` is mounted at, with the slash at its end.
        default_query: what stands in the editor at a first visit, such as a subscription ready to run.
    """

    def __init__(
        self, *, endpoint: str = "/graphql", files: str = "/graphql/ide/", default_query: str = DEFAULT_QUERY
    ) -> None:
        styles = "\n".join(f'<link rel="stylesheet" href="{files}{_versioned(name)}">' for name in STYLES)
        scripts = "\n".join(f'<script src="{files}{_versioned(name)}" defer></script>' for name in SCRIPTS)
        self.html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpenFlightHub GraphQL</title>
<link rel="icon" href="data:,">
{styles}
{scripts}
</head>
<body>
<div id="ide" data-endpoint="{escape(endpoint)}" data-query="{escape(default_query)}">Loading…</div>
</body>
</html>
"""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"", {"content-type": "text/plain; charset=utf-8", "allow": "GET, HEAD"})
            return
        await _answer(
            send,
            200,
            self.html.encode() if scope["method"] == "GET" else b"",
            {"content-type": "text/html; charset=utf-8", "cache-control": "no-cache", "vary": "Accept"},
        )


class IdeFiles:
    """What the page loads, as an ASGI endpoint for a route with a parameter `name`."""

    def __init__(self) -> None:
        self._files = {name: _path(name) for name in (*STYLES, *SCRIPTS)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._files.get(scope["path_params"]["name"])
        if path is None:
            await _answer(send, 404, b"", {"content-type": "text/plain; charset=utf-8"})
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"", {"content-type": "text/plain; charset=utf-8", "allow": "GET, HEAD"})
        else:
            kind = "text/css" if path.suffix == ".css" else "text/javascript"
            body = path.read_bytes() if scope["method"] == "GET" else b""
            cache = "public, max-age=31536000, immutable"
            await _answer(send, 200, body, {"content-type": f"{kind}; charset=utf-8", "cache-control": cache})


def _path(name: str) -> Path:
    own = HERE / name
    return own if own.exists() else HERE / "vendor" / name


def _versioned(name: str) -> str:
    return f"{name}?{hashlib.sha256(_path(name).read_bytes()).hexdigest()[:12]}"


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    fields = {"content-length": str(len(body)), "content-security-policy": POLICY, **headers}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
