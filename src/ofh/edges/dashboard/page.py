"""`/`: the dashboard, a page of native modules that are served as they stand in `static/`. Works with no internet.

All that the page loads lies below a prefix that changes with any of it, so browsers keep it for good, and a page never
mixes what belongs to two versions. The one script in the page itself is its import map, which cannot be a file; the
policy names it by its checksum.
"""

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from pathlib import Path

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from .map_source import MapSource, origin_of

PREFIX = "/dashboard"
STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
"""By the end of a file's name; all else is plain text, such as licences."""
MODULES: Mapping[str, str] = {
    "lit-html": "vendor/lit-html/lit-html.js",
    "lit-html/": "vendor/lit-html/",
    "graphql-ws": "vendor/graphql-ws/client.js",
    "maplibre-gl": "vendor/maplibre-gl/maplibre-gl.mjs",
    "hls.js": "vendor/hls.js/hls.light.min.mjs",
    "qrcode-generator": "vendor/qrcode-generator/qrcode.mjs",
}
"""What modules import by a name, and where it is."""
FLEET_CLIENT = "/graphql/client/fleet.js"
"""The hub's own client of `fleet`, which is imported as `ofh/fleet.js`."""


def policy(import_map: str, origins: Sequence[str] = (), video_origin: str | None = None) -> str:
    """The page's content security policy: nothing comes from elsewhere, no script or style stands in the page.

    But for a map of others, whose origins are named, and live video, by the media server's. All of a map is fetched,
    pictures too; of video what is asked of the server (WHEP) and its pieces (HLS), or the whole where browsers play HLS
    by themselves. What comes by WebRTC is not held by a policy.

    Styles that scripts set by the object model are not held by it; attributes are, so no template has a `style`.
    """
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    video = () if video_origin is None else (video_origin,)
    fetched = " ".join(dict.fromkeys(("'self'", *origins, *video)))
    played = " ".join(("'self' blob:", *video))
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; img-src 'self' data: blob:; "
        f"media-src {played}; connect-src {fetched}; worker-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Dashboard:
    """The page and its files.

    Args:
        graphql_page: where a browser finds the IDE; None where it is switched off.
        map_source: what lies below the map, if it is not what comes with the dashboard.
        pilot_page: what is typed into DJI Pilot 2; None: the same origin's `/pilot/`.
        video_url: where live video is watched; None: nowhere.
    """

    def __init__(
        self,
        graphql_page: str | None = None,
        map_source: MapSource | None = None,
        pilot_page: str | None = None,
        video_url: str | None = None,
    ) -> None:
        self.files = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
        digest = hashlib.sha256()
        for name, path in self.files.items():
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        self.version = digest.hexdigest()[:16]
        self.prefix = f"{PREFIX}/{self.version}/"
        imports = {name: self.prefix + place for name, place in MODULES.items()} | {"ofh/fleet.js": FLEET_CLIENT}
        import_map = json.dumps({"imports": imports}, separators=(",", ":"))
        map_source = map_source or MapSource()
        video_origin = None if video_url is None else origin_of(video_url)
        self.policy = policy(import_map, map_source.policy_sources, video_origin)
        self._map_routes = map_source.routes()
        html = self.files.pop(INDEX).read_text("utf-8")
        html = html.replace("{map}", escape(json.dumps(dict(map_source.data))))
        html = html.replace("{prefix}", escape(self.prefix)).replace("{import_map}", import_map)
        html = html.replace("{pilot_page}", escape(pilot_page or ""))
        self._html = html.replace("{graphql_page}", escape(graphql_page or "")).encode()
        self._packed: dict[str, tuple[bytes, bytes]] = {}

    def routes(self) -> list[BaseRoute]:
        """The page and all that it loads."""
        return [
            Route("/", _Endpoint(self._page)),
            Route(PREFIX + "/{version}/{name:path}", _Endpoint(self._file)),
            *self._map_routes,
        ]

    async def _page(self, scope: Scope, send: Send) -> None:
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "content-security-policy": self.policy,
        }
        await _answer(scope, send, 200, self._html, headers)

    async def _file(self, scope: Scope, send: Send) -> None:
        version, name = scope["path_params"]["version"], scope["path_params"]["name"]
        path = self.files.get(name) if version == self.version else None
        if path is None:
            headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
            await _answer(scope, send, 404, b"Not Found", headers)
            return
        if name not in self._packed:
            self._packed[name] = await asyncio.to_thread(_packed, path)
        plain, packed = self._packed[name]
        headers = {
            "content-type": TYPES.get(path.suffix, "text/plain; charset=utf-8"),
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "Accept-Encoding",
            "content-security-policy": self.policy,  # a worker goes by its own file's policy, not by the page's
        }
        if _takes_gzip(scope):
            await _answer(scope, send, 200, packed, {**headers, "content-encoding": "gzip"})
        else:
            await _answer(scope, send, 200, plain, headers)


class _Endpoint:
    """What answers GET and HEAD, as an ASGI endpoint."""

    def __init__(self, answer: Callable[[Scope, Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self._answer(scope, send)
        else:
            await _answer(scope, send, 405, b"", {"allow": "GET, HEAD"})


def _packed(path: Path) -> tuple[bytes, bytes]:
    """A file, and the same in gzip (RFC 1952)."""
    body = path.read_bytes()
    return body, gzip.compress(body, compresslevel=9, mtime=0)


def _takes_gzip(scope: Scope) -> bool:
    """Whether the reader names gzip, and not with a weight of nothing."""
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            for offer in value.decode("latin-1").lower().split(","):
                coding, _, weight = offer.partition(";")
                if coding.strip() == "gzip" and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
                    return True
    return False


async def _answer(scope: Scope, send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    raw = [(b"content-length", str(len(body)).encode())]
    raw += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})
