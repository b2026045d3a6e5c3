"""What holds for every HTTP answer, whichever edge gives it, handshakes included (security.md, sections 3 and 13).

One pure ASGI middleware: exactly one Host, no odd paths, a request id on the answer and in every log line, the
security headers, and an answer without detail where one of ours fails. Streams pass through untouched.
"""

import re
import secrets
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import structlog

from .cross_origin import CrossOrigin
from .errors import report
from .handshake import refuse

Network = IPv4Network | IPv6Network
Scope = dict[str, Any]

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
"""Of path, query and headers together."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
)
POLICY = b"default-src 'none'; frame-ancestors 'none'"
"""Of every answer but the pages that state their own."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks of their texts; a single address is a network of one."""
    return tuple(ip_network(text, strict=False) for text in texts)


def is_within(address: str, allowed: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; False for what is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(parsed in network for network in allowed)


class Guard:
    """The outermost middleware.

    Args:
        proxies: networks whose `X-Forwarded-For` is believed (H7).
        is_tls: whether the public URL is https: browsers are then told to stay with it.
        other_origins: whose pages may read answers beside the hub's own.
    """

    def __init__(
        self, app: Any, *, proxies: tuple[Network, ...], is_tls: bool, other_origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._cross_origin = CrossOrigin(other_origins)
        self._proxies = proxies
        self._always = HEADERS + (((b"strict-transport-security", b"max-age=31536000"),) if is_tls else ())

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        request_id = _given_id(headers) or secrets.token_hex(8)
        scope["client"] = (self._address(scope), 0)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        started = False

        async def answer(message: dict[str, Any]) -> None:
            nonlocal started
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    started = True
                    given = [*message.get("headers", ()), *self._cross_origin.headers(headers)]
                    message = {**message, "headers": self._headers(given, request_id)}
                case "websocket.accept":
                    started = True
                    given = message.get("headers", ())
                    message = {**message, "headers": [*given, (b"x-request-id", request_id.encode())]}
                case "websocket.close":
                    started = True
            await send(message)

        if sum(name == b"host" for name, _ in headers) != 1:
            await _plain(scope, answer, 400, "Exactly one Host header is needed.")
            return
        if _is_doubtful(headers):
            await _plain(scope, answer, 400, "The length of the body is in doubt.", close=True)
            return
        if not scope["path"].isprintable():
            await _plain(scope, answer, 404, "Not Found")  # the router's patterns overlook a line break at the end
            return
        if len(headers) > MAX_HEADERS or _size(scope) > MAX_HEADER_BYTES:
            await _plain(scope, answer, 431, "The headers are too many, or they and the path are too long.")
            return
        if scope["type"] == "http" and (told := self._cross_origin.preflight(scope)) is not None:
            await answer({"type": "http.response.start", "status": 204, "headers": told})
            await answer({"type": "http.response.body", "body": b""})
            return
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            error_id = report(error, scope["type"])
            if started:
                raise
            await _plain(scope, answer, 500, f"error {error_id}")

    def _headers(self, given: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
        headers = [(name, value) for name, value in given if name.lower() not in (b"server", b"x-powered-by")]
        names = {name.lower() for name, _ in headers}
        headers.extend(pair for pair in self._always if pair[0] not in names)
        if b"content-security-policy" not in names:
            headers.append((b"content-security-policy", POLICY))
        headers.append((b"x-request-id", request_id.encode()))
        return headers

    def _address(self, scope: Scope) -> str:
        """The client's address: the last one in the chain that is no proxy of ours."""
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if not self._proxies or not is_within(address, self._proxies):
            return address
        hops = [
            hop.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
            if hop.strip()
        ]
        for hop in reversed(hops):
            if not is_within(hop, self._proxies):
                return str(hop[:64])
        return address


def _given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _REQUEST_ID.fullmatch(text) else None
    return None


def _size(scope: Scope) -> int:
    """Bytes of the request line and the headers, but for the few that every request has."""
    path = scope.get("raw_path") or scope["path"].encode()
    return (
        len(path)
        + len(scope.get("query_string", b""))
        + sum(len(name) + len(value) for name, value in scope["headers"])
    )


def _is_doubtful(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether it is open to argument where the body ends (H2): the parser lets a coding before `chunked` through."""
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    return codings not in ([], [b"chunked"])


async def _plain(scope: Scope, send: Any, status: int, text: str, *, close: bool = False) -> None:
    if scope["type"] == "websocket":
        await refuse(scope, send, status, text)
        return
    if status < 500:
        log.info("refused", status=status)
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
