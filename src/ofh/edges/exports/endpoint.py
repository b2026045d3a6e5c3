"""`GET /export/flight/{id}.{format}` and `GET /export/drone/{id}.{format}?from=…&to=…`: tracks as files.

A file is streamed, so its status goes out before its last byte is known. What goes wrong after that raises: the server
then cuts the connection, and no client takes the part that it has for the whole. A client that goes away, or takes
nothing for too long, ends the work at once.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from starlette.routing import BaseRoute, Route

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.exports.about import ExportFormat
from ofh.domain.times import read_time
from ofh.edges.auth import Credentials, actor_of
from ofh.edges.export_links import PATH
from ofh.edges.rest_errors import refuse
from ofh.services.exports import Export, Exports
from ofh.services.sessions import Sessions

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Opened = AbstractAsyncContextManager[Export]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

POLICY = b"sandbox; default-src 'none'; frame-ancestors 'none'"

MAX_BODY = 65_536
"""Bytes that a client has to take before the time for it begins anew."""

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_LOST_PLUS = re.compile(r".*\d \d\d:?\d\d", re.ASCII)
_UNRESERVED = "!#$&+-.^_`|~"
"""What may stand in `filename*` beside letters and digits (RFC 8187)."""


class ExportEndpoint:
    """The downloads.

    Args:
        address_of: ASGI scope → the client's address.
        throttle: who, address, number of requests: raises HubError RATE_LIMITED.
        stuck_s: seconds after which a client that takes no data is left.
    """

    def __init__(
        self,
        exports: Exports,
        sessions: Sessions,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Callable[[Actor | None, str, int], Awaitable[None]],
        stuck_s: float,
    ) -> None:
        self._exports = exports
        self._sessions = sessions
        self._address_of = address_of
        self._throttle = throttle
        self._stuck_s = stuck_s

    def routes(self) -> list[BaseRoute]:
        """A route for each format: another ending is no path of ours."""
        return [
            Route(f"{PATH}/{kind}/{{id}}.{format.suffix}", _Download(self, opened, format))
            for kind, opened in (("flight", self._flight), ("drone", self._drone))
            for format in ExportFormat
        ]

    async def answer(
        self,
        opened: Callable[[Actor, int, Scope, ExportFormat], Opened],
        format: ExportFormat,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """One request, from its headers to its last byte."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, HubError(Code.BAD_INPUT, "Use GET or HEAD."), (b"allow", b"GET, HEAD"), status=405)
            return
        begun = False
        try:
            actor = await self._actor(scope)
            async with opened(actor, _number(scope["path_params"]["id"]), scope, format) as export:
                begun = True
                await send({"type": "http.response.start", "status": 200, "headers": _headers(export)})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                    return
                await self._stream(export, receive, send)
        except HubError as error:
            if begun:
                log.warning("an export was cut off", code=error.code.value)
                raise
            await refuse(send, error)

    async def _actor(self, scope: Scope) -> Actor:
        """Who asks.

        Raises:
            HubError: UNAUTHENTICATED, RATE_LIMITED.
        """
        address = self._address_of(scope)
        actor = await actor_of(self._sessions, Credentials.of(scope["headers"]), address)
        await self._throttle(actor, address, 1)
        if actor is None:
            raise HubError(Code.UNAUTHENTICATED, "Log in first.")
        return actor

    def _flight(self, actor: Actor, id: int, scope: Scope, format: ExportFormat) -> Opened:
        _parameters(scope, ())
        return self._exports.flight(actor, id, format)

    def _drone(self, actor: Actor, id: int, scope: Scope, format: ExportFormat) -> Opened:
        given = _parameters(scope, ("from", "to"))
        return self._exports.drone(actor, id, _time("from", given["from"]), _time("to", given["to"]), format)

    async def _stream(self, export: Export, receive: Receive, send: Send) -> None:
        """Send the file for as long as somebody takes it."""
        sending = asyncio.create_task(self._send(export, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                log.info("a client left its export", points=export.points)
                return
            await sending
        except _Stuck:
            log.info("a client took no data of its export", points=export.points)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, export: Export, send: Send) -> None:
        async with aclosing(export.pieces()) as pieces:
            async for piece in pieces:
                for first in range(0, len(piece), MAX_BODY):
                    await self._put(send, piece[first : first + MAX_BODY], is_last=False)
        await self._put(send, b"", is_last=True)
        log.info("exported", format=export.format.value, points=export.points)

    async def _put(self, send: Send, body: bytes, *, is_last: bool) -> None:
        try:
            async with asyncio.timeout(self._stuck_s):
                await send({"type": "http.response.body", "body": body, "more_body": not is_last})
        except TimeoutError:
            raise _Stuck from None


class _Stuck(Exception):
    """The client takes no data."""


class _Download:
    """A route of one kind and format; an object, since Starlette takes functions for something else."""

    def __init__(self, endpoint: ExportEndpoint, opened: Callable[..., Opened], format: ExportFormat) -> None:
        self._endpoint = endpoint
        self._opened = opened
        self._format = format

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.answer(self._opened, self._format, scope, receive, send)


async def _gone(receive: Receive) -> None:
    """Wait until the client is; a body, which no one asked for, is let pass."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _number(text: str) -> int:
    if _ID.fullmatch(text) is None:
        raise bad_input("id", "An id is a whole number of 1 to 18 digits, without a sign or leading zeros.")
    return int(text)


def _parameters(scope: Scope, names: tuple[str, ...]) -> dict[str, str]:
    """The query string's parameters: exactly these, each once.

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
        if name not in names:
            wrong[name] = "There is no such parameter."
        elif name in found:
            wrong[name] = "This stands twice in the query string."
        found[name] = value
    wrong |= {name: "This is needed." for name in names if name not in found}
    if wrong:
        raise HubError(Code.BAD_INPUT, "The query string is wrong.", fields=wrong)
    return found


def _time(name: str, text: str) -> datetime:
    """An aware UTC time of its text.

    Raises:
        HubError: BAD_INPUT.
    """
    at = read_time(text)
    if at is not None:
        return at
    if _LOST_PLUS.fullmatch(text):
        raise bad_input(name, "Write the + of an offset as %2B in a URL, or give the time in UTC with Z.")
    raise bad_input(name, "This is no time in ISO 8601 with an offset, such as 2026-05-01T12:00:00Z.")


def _headers(export: Export) -> list[tuple[bytes, bytes]]:
    name = quote(export.file_name, safe=_UNRESERVED)
    disposition = f"attachment; filename=\"{export.plain_file_name}\"; filename*=UTF-8''{name}"
    return [
        (b"content-type", export.format.media_type.encode()),
        (b"content-disposition", disposition.encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", POLICY),
    ]
