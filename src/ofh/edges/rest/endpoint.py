"""What all operations of the REST contract have in common: who asks, the body, refusals, limits, time.

The order of checks is that of security.md, A1: path and verb, size, origin, session, shape of ids and body; the rest is
the service's. An operation is a function from an `Ask` to what it answers with. It reads ids and body from the `Ask`
first, and then calls one method of a service.

What the published client sends is borne: `Content-Type: application/json` on every request, with a body or without, and
bodies where none is read. No body of a refusal is empty, and no answer has a null: what is not known is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

import orjson
import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input, gone, unauthenticated
from ofh.edges.auth import SAFE_METHODS, Credentials, Origins, Throttle, actor_of, cookie_token, is_checked
from ofh.edges.errors import report
from ofh.edges.ids import MAX_ID, number
from ofh.edges.requests import JSON, check_is_json, header, json_object, whole_body
from ofh.edges.rest_errors import Headers, refuse
from ofh.services.names import UNSET, UnsetType
from ofh.services.sessions import Sessions

from .compressing import compressed

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_BODY = 1_048_576
SLOW_S = 1.0
"""An operation that took longer is named in the log."""


class Ask:
    """One request.

    Args:
        session: who asks; None for a stranger, whom only an open operation ever sees.
        address: the client's.
        path: the parameters in the path, as text.
        headers: as ASGI has them.
        raw: the whole body.
    """

    def __init__(
        self, session: Actor | None, *, address: str, path: Mapping[str, str], headers: Headers, raw: bytes
    ) -> None:
        self.session = session
        self.address = address
        self.cookie_to_set: str | UnsetType | None = UNSET
        """The token of a session that has begun; None: the one that there was has ended."""
        self._path = path
        self._headers = headers
        self._raw = raw

    @property
    def actor(self) -> Actor:
        """Who asks.

        Raises:
            HubError: UNAUTHENTICATED, a stranger.
        """
        if self.session is None:
            raise unauthenticated()
        return self.session

    def cookie(self, name: str) -> str | None:
        """A cookie other than the session's; none counts beside a bearer token (C5)."""
        if Credentials.of(self._headers).bearer is not None:
            return None
        return cookie_token(header(self._headers, b"cookie", ";"), name)

    def id(self, name: str) -> int:
        """An id in the path (A3).

        Raises:
            HubError: BAD_INPUT.
        """
        return number(self._path[name], name)

    def text(self, name: str) -> str | UnsetType:
        """A text of the body; UNSET where it is left out. What it may hold is the service's matter.

        Raises:
            HubError: BAD_INPUT, of another type, or no body to read from.
        """
        if name not in self._body:
            return UNSET
        value = self._body[name]
        if not isinstance(value, str):
            raise bad_input(name, "This is a text. Leave it out to keep it as it is.")
        return value

    def texts(self, *names: str) -> tuple[str, ...]:
        """Texts of the body that are all needed.

        Raises:
            HubError: BAD_INPUT, with a message for each that is missing or of another type.
        """
        return tuple(self._texts({name: self._body.get(name) for name in names}, "This is a text, and needed."))

    def changes(self, *names: str) -> dict[str, str]:
        """Those of these texts that the body has.

        Raises:
            HubError: BAD_INPUT, with a message for each of another type.
        """
        given = {name: self._body[name] for name in names if name in self._body}
        return dict(zip(given, self._texts(given, "This is a text. Leave it out to keep it as it is."), strict=True))

    def ids(self, name: str) -> list[int]:
        """A list of ids in the body.

        Raises:
            HubError: BAD_INPUT, as for `text`, or it is missing.
        """
        values = self._body.get(name)
        if not isinstance(values, list) or not all(_is_id(value) for value in values):
            raise bad_input(name, "This is a list of ids, and needed. An id is a whole number from 1.")
        return [int(value) for value in values]

    def _texts(self, given: Mapping[str, Any], otherwise: str) -> list[str]:
        wrong = {name: otherwise for name, value in given.items() if not isinstance(value, str)}
        if wrong:
            raise HubError(Code.BAD_INPUT, otherwise, fields=wrong)
        return list(given.values())

    @cached_property
    def _body(self) -> dict[str, Any]:
        """The body's members; unknown ones are of no account (A5)."""
        check_is_json(self._headers)
        return json_object(self._raw)


def _is_id(value: Any) -> bool:
    """Whether a JSON number can be an id; `7.0` is a whole number too."""
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return is_whole and 0 < value <= MAX_ID


Operation = Callable[[Ask], Awaitable[Any]]
"""Its answer is JSON, or None for an empty body, or the pieces of a long list, each a list. Raises HubError."""


class RestEndpoints:
    """Makes the routes of the operations.

    Args:
        origins: whose pages may act with a visitor's cookie.
        address_of: ASGI scope → the client's address.
        cookie: the `Set-Cookie` header for a session's token; None: for the end of it.
        operation_s: seconds that an operation may take, its body included.
    """

    def __init__(
        self,
        sessions: Sessions,
        origins: Origins,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Throttle,
        cookie: Callable[[str | None], str],
        operation_s: float,
    ) -> None:
        self._sessions = sessions
        self._origins = origins
        self._address_of = address_of
        self._throttle = throttle
        self._cookie = cookie
        self._operation_s = operation_s

    def route(self, path: str, **operations: Operation) -> BaseRoute:
        """The route of one path, for those who have logged in.

        Args:
            operations: one for each verb.
        """
        return Route(path, _Endpoint(self, path, operations, is_open=False))

    def open_route(self, path: str, **operations: Operation) -> BaseRoute:
        """As `route`, for strangers too; strangers are counted by their address."""
        return Route(path, _Endpoint(self, path, operations, is_open=True))

    async def answer(
        self,
        where: str,
        operations: Mapping[str, Operation],
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        is_open: bool,
    ) -> None:
        """One request, whatever becomes of it."""
        operation = operations.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if operation is None:
            allow = ", ".join([*operations, *(["HEAD"] if "GET" in operations else [])])
            await refuse(send, HubError(Code.BAD_INPUT, f"Use {allow}."), (b"allow", allow.encode()), status=405)
            return
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(self._operation_s):
                ask = await self._ask(scope, receive, is_open=is_open)
                body = await _encoded(await operation(ask))
                body, more = await compressed(body, header(scope["headers"], b"accept-encoding"))
        except TimeoutError:
            await refuse(send, HubError(Code.UNAVAILABLE, "This took too long."))
        except HubError as error:
            await refuse(send, error)
        except Exception as error:  # noqa: BLE001 - logged once with an id, and the contract wants its form around it
            await _send(send, 500, orjson.dumps({"error": f"error {report(error, where)}", "code": "internal"}))
        else:
            cookie = ask.cookie_to_set
            more += [] if cookie is UNSET else [(b"set-cookie", self._cookie(cookie).encode())]
            await _send(send, 200, body, *more, has_content=scope["method"] != "HEAD")
        if (took := clock() - begun) > SLOW_S:
            log.warning("slow", where=where, method=scope["method"], ms=round(took * 1_000))

    async def _ask(self, scope: Scope, receive: Receive, *, is_open: bool) -> Ask:
        """The request, once it is known whose it is.

        Raises:
            HubError: TOO_LARGE; FORBIDDEN, from a foreign page; RATE_LIMITED; UNAUTHENTICATED; BAD_INPUT.
        """
        headers, method = list(scope["headers"]), scope["method"]
        raw = b"" if method in SAFE_METHODS else await whole_body(headers, receive, MAX_BODY)
        credentials = Credentials.of(headers)
        if is_checked(method=method, bearer=credentials.bearer):
            self._origins.check_headers(headers)
        address = self._address_of(scope)
        actor = await actor_of(self._sessions, credentials, address)
        await self._throttle(actor, address, 1)
        ask = Ask(actor, address=address, path=scope["path_params"], headers=headers, raw=raw)
        if not is_open:
            _ = ask.actor
        return ask


class _Endpoint:
    """One path; an object, since Starlette takes functions for something else."""

    def __init__(self, shared: RestEndpoints, path: str, operations: Mapping[str, Operation], *, is_open: bool) -> None:
        self._shared = shared
        self._path = path
        self._operations = operations
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._shared.answer(self._path, self._operations, scope, receive, send, is_open=self._is_open)


def found(row: T | None, what: str) -> T:
    """What a service found.

    Raises:
        HubError: GONE, nothing.
    """
    if row is None:
        raise gone(what)
    return row


@contextmanager
def spelled(**names: str) -> Iterator[None]:
    """Have refusals within name what is wrong as the contract does: a service's argument → the property."""
    try:
        yield
    except HubError as error:
        error.fields = {names.get(name, name): message for name, message in error.fields.items()}
        raise


async def _encoded(answer: Any) -> bytes:
    if answer is None:
        return b""
    if not isinstance(answer, AsyncIterator):
        return orjson.dumps(answer)
    # Piece by piece: others have their turn in between.
    pieces: list[bytes] = [orjson.dumps(piece)[1:-1] async for piece in answer if piece]
    return b"[" + b",".join(pieces) + b"]"


async def _send(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes], has_content: bool = True) -> None:
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *([(b"content-type", JSON.encode())] if body else []),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if has_content else b""})
