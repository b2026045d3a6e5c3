"""GraphQL over HTTP (the specification of that name, and security.md, sections 2, 4 and 5): one ASGI endpoint.

The order of checks is that of security.md, A1: method, size, origin, who asks, shape, and then the operation itself.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.tallies import one_more
from ofh.edges.errors import WIRE, hub_error, note, present, retry_after_s, to_graphql_error
from ofh.edges.requests import header, whole_body
from ofh.edges.strict_json import BadJson, loads

from .context import Contexts
from .gate import Gate, RawHeaders
from .hub_schema import Asked, HubSchema, Operation
from .ide.page import Ide
from .rendering import encode
from .runner import Runner

JSON = "application/json"
RESPONSE_JSON = "application/graphql-response+json"
HTML = "text/html"

_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """The numbers of security.md, section 5, that are HTTP's; each is a setting."""

    body_bytes: int = 256 * 1024
    batch: int = 10
    concurrent: int = 20
    """Operations of one session, or of one address without a session, at the same time."""
    operation_s: float = 10.0


class Refused(Exception):
    """The request itself will not do."""

    def __init__(self, status: int, error: HubError, *, allow: str = "") -> None:
        self.status = status
        self.error = error
        self.allow = allow


class GraphQLHttp:
    """The endpoint.

    Args:
        cookie: the `Set-Cookie` header for a session's token, or for None to take the cookie away.
        ide: None where it is switched off.
    """

    def __init__(
        self,
        schema: HubSchema,
        contexts: Contexts,
        gate: Gate,
        *,
        cookie: Callable[[str | None], str],
        ide: Ide | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self._schema = schema
        self._contexts = contexts
        self._gate = gate
        self._cookie = cookie
        self._ide = ide
        self._limits = limits or HttpLimits()
        self._runner = Runner(schema)
        self._running: Counter[Any] = Counter()

    async def stop(self) -> None:
        """Wait for mutations under way, but not for ever. Calling it twice does no harm."""
        await self._runner.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: RawHeaders = list(scope["headers"])
        accepted = accepts(header(headers, b"accept"))
        if self._ide is not None and scope["method"] == "GET" and accepted == HTML and b"query=" not in _query(scope):
            await self._ide(scope, receive, send)
            return
        media = JSON if accepted in (HTML, None) else accepted
        cookies: list[str | None] = []
        try:
            if accepted is None:
                raise Refused(406, HubError(Code.BAD_INPUT, f"Answers come as {JSON} or {RESPONSE_JSON}."))
            answer = await self._answer(scope, receive, headers, media, cookies)
        except Refused as refused:
            error = to_graphql_error(refused.error)
            note([error], None, status=refused.status)
            body = orjson.dumps({"errors": [present(error, "")]})
            extra = [(b"allow", refused.allow.encode())] if refused.allow else []
            answer = Answer(refused.status, body, retry_after_s(refused.error), extra)
        await _send(send, answer, media, [self._cookie(token) for token in cookies])

    async def _answer(
        self, scope: Scope, receive: Receive, headers: RawHeaders, media: str, cookies: list[str | None]
    ) -> "Answer":
        method = scope["method"]
        if method not in ("GET", "POST"):
            raise Refused(405, HubError(Code.BAD_INPUT, "Use GET or POST."), allow="GET, POST")
        try:
            body = await whole_body(headers, receive, self._limits.body_bytes) if method == "POST" else b""
        except HubError as error:
            raise Refused(WIRE[error.code].http, error) from None
        try:
            self._gate.check_origin(headers)
            address = self._gate.address_of(scope)
            async with asyncio.timeout(self._limits.operation_s):
                actor = await self._gate.actor(headers, address)
            try:
                asked = _of_query(_query(scope)) if method == "GET" else self._of_body(headers, body)
            except Refused:
                await self._gate.throttle(actor, address, 1)
                raise
            batch = asked if isinstance(asked, list) else [asked]
            await self._gate.throttle(actor, address, len(batch))
        except TimeoutError:
            raise Refused(503, HubError(Code.UNAVAILABLE, "This took too long.")) from None
        except HubError as error:
            raise Refused(_status(error), error) from None
        one = One(self._contexts, actor, address, cookies, may_change=method == "POST")
        with self._turn(actor, address):
            results = [await self._run(item, one, media) for item in batch]
        if not isinstance(asked, list):
            return results[0]
        status = results[0].status if len({result.status for result in results}) == 1 else 200
        waits = [result.retry_after_s for result in results if result.retry_after_s]
        body = b"[" + b",".join(result.body for result in results) + b"]"
        return Answer(status, body, max(waits) if status != 200 and waits else None, [])

    def _turn(self, actor: Actor | None, address: str) -> AbstractContextManager[None]:
        """One of the operations that a session may run at the same time."""
        key = _whose(actor, address)
        if self._running[key] >= self._limits.concurrent:
            error = HubError(Code.RATE_LIMITED, "Too many operations at the same time.", retry_after_s=1)
            raise Refused(429, error)
        return one_more(self._running, key)

    def _of_body(self, headers: RawHeaders, body: bytes) -> Asked | list[Asked]:
        media, _, parameters = header(headers, b"content-type").partition(";")
        if media.strip().lower() != JSON or not _is_utf8(parameters):
            raise Refused(415, HubError(Code.BAD_INPUT, f"A request is {JSON} in UTF-8."))
        if header(headers, b"content-encoding").strip().lower() not in ("", "identity"):
            raise Refused(415, HubError(Code.BAD_INPUT, "A request is not compressed."))
        try:
            found = loads(body)
        except BadJson as error:
            raise Refused(400, HubError(Code.BAD_INPUT, str(error))) from None
        if not isinstance(found, list):
            return asked_of(found)
        if not 0 < len(found) <= self._limits.batch:
            raise Refused(400, HubError(Code.BAD_INPUT, f"A batch has 1 to {self._limits.batch} operations."))
        return [asked_of(item) for item in found]

    async def _run(self, asked: Asked, one: "One", media: str) -> "Answer":
        owed: list[int] = []
        operation = self._schema.prepare(asked, owed.append)
        try:
            await self._gate.throttle(one.actor, one.address, sum(owed))
        except HubError as refusal:
            raise Refused(_status(refusal), refusal) from None
        if isinstance(operation, list):
            return _not_run(operation, asked.operation_name, media)
        if operation.kind is OperationType.SUBSCRIPTION:
            error = HubError(Code.BAD_INPUT, "Subscriptions go over a websocket on the same path.")
            return _not_run([to_graphql_error(error)], operation.name, media)
        if operation.kind is OperationType.MUTATION and not one.may_change:
            raise Refused(405, HubError(Code.BAD_INPUT, "A mutation goes by POST."), allow="POST")
        return await self._execute(operation, one, media)

    async def _execute(self, operation: Operation, one: "One", media: str) -> "Answer":
        context = one.contexts.of(one.actor, address=one.address, cookies=one.cookies)
        executor = self._schema.executor(operation, context)
        if isinstance(executor, list):
            return _not_run(executor, operation.name, media)
        result = await self._runner.run(
            operation, executor, whose=_whose(one.actor, one.address), within_s=self._limits.operation_s
        )
        note(result.errors or (), operation.name)
        refusal = _refusal_of_all(result)
        where = operation.name or operation.kind.value
        return Answer(
            WIRE[refusal.code].graphql if refusal else 200,
            encode(result, where),
            retry_after_s(refusal) if refusal else None,
            [],
        )


@dataclass(frozen=True, slots=True)
class One:
    """What the operations of one request have in common."""

    contexts: Contexts
    actor: Actor | None
    address: str
    cookies: list[str | None]
    may_change: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    retry_after_s: int | None
    headers: RawHeaders


def asked_of(found: Any) -> Asked:
    """The parameters of one operation.

    Raises:
        Refused: 400, of a wrong shape.
    """
    if not isinstance(found, dict):
        raise Refused(400, HubError(Code.BAD_INPUT, "A request is an object."))
    query, name = found.get("query"), found.get("operationName")
    variables, extensions = found.get("variables"), found.get("extensions")
    wrong: dict[str, str] = {}
    if not isinstance(query, str) or not query:
        wrong["query"] = "This is a string, and needed."
    if not isinstance(name, str | None):
        wrong["operationName"] = "This is a string or null."
    if not isinstance(variables, dict | None):
        wrong["variables"] = "This is an object or null."
    if not isinstance(extensions, dict | None):
        wrong["extensions"] = "This is an object or null."
    if wrong:
        raise Refused(400, HubError(Code.BAD_INPUT, "The request is malformed.", fields=wrong))
    return Asked(query=str(query), variables=variables, operation_name=name or None)


def _of_query(query: bytes) -> Asked:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Refused(400, HubError(Code.BAD_INPUT, "The query string is malformed.")) from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(400, bad_input(name, "This stands twice in the query string."))
        found[name] = value
    for name in ("variables", "extensions"):
        if found.get(name):
            try:
                found[name] = loads(found[name].encode())
            except BadJson as error:
                raise Refused(400, bad_input(name, str(error))) from None
        else:
            found.pop(name, None)
    return asked_of(found)


def _whose(actor: Actor | None, address: str) -> Hashable:
    """The session that operations are counted by, or the address without one."""
    return actor.session if actor else address


def _not_run(errors: list[GraphQLError], name: str | None, media: str) -> Answer:
    """The answer where nothing was executed: it has no `data`."""
    note(errors, name)
    refusal = hub_error(errors[0])
    status = WIRE[refusal.code].graphql if refusal else 200
    if status == 200 and media == RESPONSE_JSON:
        status = 400
    return Answer(status, orjson.dumps({"errors": [present(error, "") for error in errors]}), None, [])


def _refusal_of_all(result: ExecutionResult) -> HubError | None:
    """The refusal to answer with as a status: only where nothing at all came of the operation."""
    if not result.errors or any(value is not None for value in (result.data or {}).values()):
        return None
    refusals = [refusal for error in result.errors if (refusal := hub_error(error))]
    return max(refusals, key=lambda refusal: WIRE[refusal.code].graphql, default=None)


def _status(error: HubError) -> int:
    return 403 if error.code is Code.FORBIDDEN else WIRE[error.code].graphql


def accepts(header: str) -> str | None:
    """The best of our media types that an `Accept` header takes; None where it takes none.

    Of equals the one that is named first counts, and JSON for whoever takes anything.
    """
    best, best_quality = None, 0.0
    for part in (header or "*/*").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        if media in ("*/*", "application/*"):
            media = JSON
        if media in (JSON, RESPONSE_JSON, HTML) and quality > best_quality and _is_utf8(";".join(parameters)):
            best, best_quality = media, quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0


def _is_utf8(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return False
    return True


def _query(scope: Mapping[str, Any]) -> bytes:
    found: bytes = scope.get("query_string", b"")
    return found


async def _send(send: Send, answer: Answer, media: str, cookies: list[str]) -> None:
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        *answer.headers,
        *((b"set-cookie", cookie.encode("latin-1")) for cookie in cookies),
    ]
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", str(answer.retry_after_s).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
