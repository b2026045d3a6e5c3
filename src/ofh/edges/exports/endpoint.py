"""`GET /export/flight/{id}.{format}` and `GET /export/drone/{id}.{format}?from=…&to=…`: tracks as files;
`GET /export/workspace/{id}/media.zip?…`: a selection of media as one.

A file is streamed, so its status goes out before its last byte is known. What goes wrong after that raises: the server
then cuts the connection, and no client takes the part that it has for the whole. A client that goes away, or takes
nothing for too long, ends the work at once.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.domain.exports.about import ExportFormat
from ofh.edges import media_selection
from ofh.edges.auth import Throttle, require_actor
from ofh.edges.downloads import POLICY, NotTaken, cut, disposition, stream
from ofh.edges.export_links import PATH
from ofh.edges.ids import number
from ofh.edges.rest_errors import refuse
from ofh.services.archives import Archives
from ofh.services.exports import Exports
from ofh.services.sessions import Sessions

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_BODY = 65_536
"""Bytes that a client has to take before the time for it begins anew."""


class Download(Protocol):
    """A file in the making."""

    @property
    def file_name(self) -> str: ...
    @property
    def plain_file_name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def done(self) -> int:
        """How many of its parts have been handed out, for the log."""

    def pieces(self) -> AsyncGenerator[bytes, None]: ...


Opened = AbstractAsyncContextManager[Download]
Opening = Callable[[Actor, int, Scope], Opened]


class ExportEndpoint:
    """The downloads.

    Args:
        address_of: ASGI scope → the client's address.
        stuck_s: seconds after which a client that takes no data is left.
    """

    def __init__(
        self,
        exports: Exports,
        archives: Archives,
        sessions: Sessions,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Throttle,
        stuck_s: float,
    ) -> None:
        self._exports = exports
        self._archives = archives
        self._sessions = sessions
        self._address_of = address_of
        self._throttle = throttle
        self._stuck_s = stuck_s

    def routes(self) -> list[BaseRoute]:
        """A route for each format: another ending is no path of ours."""
        tracks = [
            Route(f"{PATH}/{kind}/{{id}}.{format.suffix}", _Download(self, partial(opened, format)))
            for kind, opened in (("flight", self._flight), ("drone", self._drone))
            for format in ExportFormat
        ]
        return [*tracks, Route(f"{PATH}/workspace/{{id}}/media.zip", _Download(self, self._media))]

    async def answer(self, opened: Opening, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its headers to its last byte."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, HubError(Code.BAD_INPUT, "Use GET or HEAD."), (b"allow", b"GET, HEAD"), status=405)
            return
        begun = False
        try:
            actor = await self._actor(scope)
            async with opened(actor, number(scope["path_params"]["id"]), scope) as export:
                begun = True
                await send({"type": "http.response.start", "status": 200, "headers": _headers(export)})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                    return
                try:
                    async with aclosing(export.pieces()) as pieces, aclosing(cut(pieces, MAX_BODY)) as parts:
                        await stream(parts, receive, send, self._stuck_s)
                except NotTaken as why:
                    log.info("an export was not taken", why=str(why), done=export.done)
                else:
                    log.info("exported", kind=export.media_type, done=export.done)
        except HubError as error:
            if begun:
                log.warning("an export was cut off", why=error.code.value)
                raise
            await refuse(send, error)

    async def _actor(self, scope: Scope) -> Actor:
        return await require_actor(self._sessions, scope["headers"], self._address_of(scope), self._throttle)

    def _flight(self, format: ExportFormat, actor: Actor, id: int, scope: Scope) -> Opened:
        _parameters(scope)
        return self._exports.flight(actor, id, format)

    def _drone(self, format: ExportFormat, actor: Actor, id: int, scope: Scope) -> Opened:
        given = _parameters(scope, needed=("from", "to"))
        start, end = (media_selection.time_of(name, given[name]) for name in ("from", "to"))
        return self._exports.drone(actor, id, start, end, format)

    def _media(self, actor: Actor, id: int, scope: Scope) -> Opened:
        wanted, ids = media_selection.read(_parameters(scope, possible=media_selection.NAMES))
        return self._archives.of_workspace(actor, id, wanted, ids)


class _Download:
    """A route of one kind; an object, since Starlette takes functions for something else."""

    def __init__(self, endpoint: ExportEndpoint, opened: Opening) -> None:
        self._endpoint = endpoint
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.answer(self._opened, scope, receive, send)


def _parameters(scope: Scope, *, needed: tuple[str, ...] = (), possible: tuple[str, ...] = ()) -> dict[str, str]:
    """The query string's parameters: no others than these, each once.

    Raises:
        HubError: BAD_INPUT.
    """
    try:
        query = scope.get("query_string", b"").decode("ascii")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=50)
    except ValueError:
        raise HubError(Code.BAD_INPUT, "The query string is malformed.") from None
    found: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, value in pairs:
        if name not in needed and name not in possible:
            wrong[name] = "There is no such parameter."
        elif name in found:
            wrong[name] = "This stands twice in the query string."
        found[name] = value
    wrong |= {name: "This is needed." for name in needed if name not in found}
    if wrong:
        raise HubError(Code.BAD_INPUT, "The query string is wrong.", fields=wrong)
    return found


def _headers(export: Download) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", export.media_type.encode()),
        (b"content-disposition", disposition("attachment", export.file_name, export.plain_file_name)),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", POLICY),
    ]
