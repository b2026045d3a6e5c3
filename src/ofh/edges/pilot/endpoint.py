"""What every HTTP endpoint that Pilot's native code calls has in common (dji-pilot-2.md, chapter 2).

The x-auth-token says who asks; no cookie counts, and so no origin. A body is read as JSON whatever its type says. Every
answer, also a refusal, is an envelope `{"code", "message", "data"}`; a `code` other than 0 with status 200 is an answer
that Pilot's logic understands. 401 means a dead token and nothing else, since Pilot then leaves the cloud, and takes
the telemetry with it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ofh.domain.errors import Code, HubError
from ofh.edges.errors import WIRE, report, retry_after_s
from ofh.edges.requests import header, whole_body
from ofh.edges.strict_json import BadJson, loads
from ofh.edges.tolerant import TolerantRoute
from ofh.services.link import Links, Pilot

from .admission import Throttle, admitted
from .forms import BadForm, is_multipart, multipart, urlencoded

Body = Literal["object", "object or list", "none"]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_BODY = 1_048_576
_TOKEN = b"x-auth-token"
_WORKSPACE = "workspace_uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a controller that has shown who it is."""

    pilot: Pilot
    method: str
    path: Mapping[str, str]
    """The parameters in its path, as text."""
    query: list[tuple[str, str]]
    body: Any
    """The JSON object, with all members that it has; an empty one where nothing was sent. A list where the endpoint
    takes one."""
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An envelope of status 200."""

    code: int = 0
    """0: done. Anything else: not, in a way that Pilot expects."""
    message: str = "success"
    data: Any = field(default_factory=dict)


Handler = Callable[[Ask], Awaitable[Answer]]
"""Raises HubError for what has another status than 200."""


class PilotEndpoints:
    """Makes the routes of Pilot's endpoints.

    Args:
        address_of: ASGI scope → the client's address.
    """

    def __init__(
        self,
        links: Links,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Throttle,
    ) -> None:
        self._links = links
        self._address_of = address_of
        self._throttle = throttle

    def route(
        self,
        path: str,
        handler: Handler | Mapping[str, Handler],
        *,
        body: Body = "object",
        max_body: int = MAX_BODY,
    ) -> Route:
        """The route of one endpoint. With a path parameter `workspace_uuid`, that has to be the token's own.

        Args:
            handler: of POST, or one for each verb.
            body: what is read; "none" takes anything and looks at nothing.
            max_body: bytes of the longest body.
        """
        handlers = handler if isinstance(handler, Mapping) else {"POST": handler}
        return TolerantRoute(path, PilotEndpoint(self, handlers, body=body, max_body=max_body))

    async def pilot(self, scope: Scope, address: str) -> Pilot:
        """Who asks, for the workspace of the path, if it names one.

        Raises:
            HubError: UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, RATE_LIMITED, UNAVAILABLE.
        """
        token = next((value.decode("latin-1") for name, value in scope["headers"] if name == _TOKEN), None)
        workspace_uuid = scope["path_params"].get(_WORKSPACE)
        return await admitted(self._links, self._throttle, token, address, workspace_uuid=workspace_uuid)

    def address_of(self, scope: Scope) -> str:
        """The client's address."""
        return self._address_of(scope)


class PilotEndpoint:
    """One endpoint, as an ASGI application."""

    def __init__(self, shared: PilotEndpoints, handlers: Mapping[str, Handler], *, body: Body, max_body: int) -> None:
        self._shared = shared
        self._handlers = handlers
        self._body = body
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handler = self._handlers.get(method)
        if handler is None:
            allow = ", ".join([*sorted(self._handlers), *(["HEAD"] if "GET" in self._handlers else [])])
            await _refuse(send, HubError(Code.BAD_INPUT, f"Use {allow}."), status=405, allow=allow)
            return
        try:
            answer = await self._answer(handler, scope, receive)
        except HubError as error:
            await _refuse(send, error)
        except Exception as error:  # noqa: BLE001 - logged once with an id; Pilot wants an envelope with it
            fault = report(error, scope["path"])
            await _send(send, 500, {"code": 500, "message": f"error {fault}", "data": {}})
        else:
            await _send(send, 200, {"code": answer.code, "message": answer.message, "data": answer.data})

    async def _answer(self, handler: Handler, scope: Scope, receive: Receive) -> Answer:
        raw = await whole_body(scope["headers"], receive, self._max_body)
        address = self._shared.address_of(scope)
        pilot = await self._shared.pilot(scope, address)
        body = {} if self._body == "none" else _parse(raw, header(scope["headers"], b"content-type"), self._body)
        ask = Ask(
            pilot=pilot,
            method=scope["method"],
            path=scope["path_params"],
            query=_query(scope),
            body=body,
            address=address,
        )
        return await handler(ask)


def _parse(raw: bytes, content_type: str, wanted: Body) -> Any:
    """The body's members.

    Raises:
        HubError: BAD_INPUT.
    """
    media = content_type.partition(";")[0].strip().lower()
    text = raw.strip(b" \t\r\n")
    try:
        if not text:
            found: Any = {}
        elif is_multipart(text):
            found = multipart(raw, content_type)
        elif media == "application/x-www-form-urlencoded" and text[:1] not in b"{[":
            found = urlencoded(text)
        else:
            found = loads(text)
    except (BadJson, BadForm) as error:
        raise HubError(Code.BAD_INPUT, str(error)) from None
    if not isinstance(found, dict) and not (wanted == "object or list" and isinstance(found, list)):
        raise HubError(Code.BAD_INPUT, "The body is no JSON object.")
    if _has_null(found):
        raise HubError(Code.BAD_INPUT, "A text in the body has the character U+0000.")
    return found


def _has_null(value: Any) -> bool:
    """Whether any text in it has U+0000, which not every database can keep (A4)."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_null(name) or _has_null(item) for name, item in value.items())
        case list():
            return any(_has_null(item) for item in value)
        case _:
            return False


def _query(scope: Scope) -> list[tuple[str, str]]:
    """The query's parameters in their order.

    Raises:
        HubError: BAD_INPUT.
    """
    try:
        pairs = parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise HubError(Code.BAD_INPUT, "The query string is malformed.") from None
    if any("\0" in text for pair in pairs for text in pair):
        raise HubError(Code.BAD_INPUT, "The query string has the character U+0000.")
    return pairs


async def _refuse(send: Send, error: HubError, *, status: int | None = None, allow: str | None = None) -> None:
    status = status or WIRE[error.code].http
    log.info("refused", status=status, why=error.code.value)
    headers = []
    if allow is not None:
        headers.append((b"allow", allow.encode()))
    if (wait := retry_after_s(error)) is not None:
        headers.append((b"retry-after", str(wait).encode()))
    await _send(send, status, {"code": status, "message": error.message, "data": {}}, headers)


async def _send(
    send: Send, status: int, envelope: Mapping[str, Any], more: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = orjson.dumps(envelope)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
