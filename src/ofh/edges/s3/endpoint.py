"""`/ofh-media/…`: what S3 clients need to upload under a grant of the hub, and nothing else (dji-pilot-2.md, 3.4).

A request goes through these gates: who says to have sent this (`signature.claim_of`)? Is that a grant of ours
(`Grants.verify`)? Did they really (`signature.check`)? Does their connection still stand (`Grantees`)? Is the key
below their prefix? Only then does a body come in.
No reading, no deleting, no listing of objects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from starlette.routing import BaseRoute, Route

from ofh.domain.errors import HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.domain.objects import MAX_KEY_BYTES, key_fault
from ofh.edges.errors import report
from ofh.edges.patience import Patience
from ofh.services.grants import BUCKET, REGION, Bearer, Grants
from ofh.services.incoming import Received
from ofh.services.uploads import MAX_PARTS, Uploads

from . import body, signature, xml
from .refusals import S3Refusal, as_s3, denied
from .signature import Request, Seal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024
"""For how long, and how much of, a refused body is let pass by, so that its sender comes to read the answer."""
MAX_LISTED = 1_000
MAX_TYPE = 255

_IGNORED = frozenset({"x-id"})
"""Parameters that some clients add and that change nothing."""
_LISTING = frozenset({"uploads", "prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads"})
_PART_LISTING = frozenset({"uploadId", "max-parts", "part-number-marker"})
_NOT_HERE = {
    "x-amz-write-offset-bytes": "Appending",
    "x-amz-server-side-encryption-customer-algorithm": "Encryption with the sender's key",
    "if-match": "If-Match",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request from a proven bearer."""

    request: Request
    bearer: Bearer
    claim: signature.Claim
    seal: Seal
    key: str
    """Empty: the bucket."""
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What goes out."""

    body: bytes = b""
    headers: Mapping[str, str]
    status: int = 200
    length: int | None = None
    """Of a HEAD, what a GET would give."""


class S3Endpoint:
    """The endpoint.

    Args:
        address_of: ASGI scope → the client's address.
        stranger: an address whose request proved nothing; raises HubError RATE_LIMITED.
        known: an access key id whose request is genuine; raises HubError RATE_LIMITED.
        stuck_s: seconds after which a sender that sends next to nothing is left.
        note: takes down what became of the uploads of a connection.
        stands: refuses a bearer whose connection is not what it was; asked before a body comes and before it counts.
        clock: aware UTC time.
    """

    def __init__(
        self,
        uploads: Uploads,
        grants: Grants,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        stranger: Callable[[str], Awaitable[None]],
        known: Callable[[str], Awaitable[None]],
        stuck_s: float,
        clock: Callable[[], datetime],
        stands: Callable[[Bearer], Awaitable[None]],
        note: Callable[[int, LinkStepName, LinkProblem | None, str], None] = lambda *_: None,
    ) -> None:
        self._uploads = uploads
        self._grants = grants
        self._stands = stands
        self._note = note
        self._address_of = address_of
        self._stranger = stranger
        self._known = known
        self._stuck_s = stuck_s
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """The bucket, and all that is below it."""
        return [Route(f"/{BUCKET}", self), Route(f"/{BUCKET}/{{key:path}}", self)]

    def is_meant(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request of any path is for the bucket, since that is the host's first label."""
        return scope["type"] == "http" and _host(scope).startswith(f"{BUCKET}.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = _Body(scope, receive, self._stuck_s)
        try:
            answer = await self._answer(scope, incoming)
        except _Left:
            log.info("an upload was cut off", address=self._address_of(scope))
            return
        except S3Refusal as refusal:
            await _refuse(scope, incoming, send, refusal)
        except HubError as error:
            await _refuse(scope, incoming, send, as_s3(error))
        except Exception as error:  # noqa: BLE001 - the outermost place that still speaks S3
            id = report(error, "s3")
            fault = S3Refusal("InternalError", f"We encountered an internal error: {id}", 500)
            await _refuse(scope, incoming, send, fault)
        else:
            headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
            if answer.status != 204:
                length = len(answer.body) if answer.length is None else answer.length
                headers.append((b"content-length", str(length).encode()))
            await _send(scope, send, answer.status, headers, answer.body)

    async def _answer(self, scope: Scope, incoming: "_Body") -> _Answer:
        request = _request(scope)
        path = request.path.partition("?")[0]
        if not _host(scope).startswith(f"{BUCKET}."):
            path = path.removeprefix(f"/{BUCKET}")
        claim, bearer, seal = await self._proven(scope, request)
        await self._known(bearer.access_key_id)
        await self._stands(bearer)
        parameters = _parameters(request)
        for name, what in _NOT_HERE.items():
            if request.header(name) is not None:
                raise S3Refusal("NotImplemented", f"{what} is not implemented here.", 501)
        key = _key(path)
        asked = _Asked(request=request, bearer=bearer, claim=claim, seal=seal, key=key, parameters=parameters)
        if not key:
            return await self._bucket(asked)
        try:
            self._uploads.require(bearer, key)
        except HubError:
            if bearer.connection_id:
                self._note(bearer.connection_id, LinkStepName.FIRST_OBJECT, LinkProblem.OUTSIDE_GRANT, "AccessDenied")
            raise
        return await self._object(asked, incoming)

    async def _proven(self, scope: Scope, request: Request) -> tuple[signature.Claim, Bearer, Seal]:
        """Who sent this.

        Raises:
            S3Refusal, HubError: nobody whom the hub knows; RATE_LIMITED, too many such from the address.
        """
        address, now = self._address_of(scope), self._clock()
        claim = None
        try:
            claim = signature.claim_of(request)
            signature.check_time(claim, now)
            bearer = self._grants.verify(claim.access_key_id, claim.token)
            seal = signature.check(request, claim, bearer.secret, now)
        except (S3Refusal, HubError) as error:
            refusal = as_s3(error) if isinstance(error, HubError) else error
            if claim is not None and refusal.code == "RequestTimeTooSkewed":
                off_s = int((claim.signed_at - now).total_seconds())
                log.warning("a controller's clock is off, its upload is refused", by_s=off_s, address=address)
            given_to = 0 if claim is None else self._grants.given_to(claim.token)
            if given_to:
                problem = _PROBLEMS.get(refusal.code, LinkProblem.BAD_SIGNATURE)
                self._note(given_to, LinkStepName.FIRST_OBJECT, problem, refusal.code)
            await self._stranger(address)
            raise
        return claim, bearer, seal

    async def _bucket(self, asked: _Asked) -> _Answer:
        names = set(asked.parameters) - {"encoding-type"}
        match asked.request.method:
            case "HEAD" if not names:
                return _Answer(headers={"x-amz-bucket-region": REGION})
            case "GET" if names == {"location"}:
                return _document(xml.location(REGION))
            case "GET" if "uploads" in names and names <= _LISTING:
                return await self._list_uploads(asked)
        raise denied("These credentials allow uploading, and nothing else.")

    async def _object(self, asked: _Asked, incoming: "_Body") -> _Answer:
        names = set(asked.parameters) - {"encoding-type"}
        match asked.request.method:
            case "PUT" if asked.request.header("x-amz-copy-source") is not None:
                raise denied("These credentials do not allow reading, so nothing can be copied.")
            case "PUT" if not names:
                return await self._put(asked, incoming)
            case "PUT" if names == {"partNumber", "uploadId"}:
                return await self._put_part(asked, incoming)
            case "HEAD" if not names:
                return await self._head(asked)
            case "POST" if names == {"uploads"}:
                upload_id = await self._uploads.begin(asked.key, content_type=_content_type(asked.request))
                return _document(xml.begun(BUCKET, asked.key, upload_id))
            case "POST" if names == {"uploadId"}:
                return await self._complete(asked, incoming)
            case "DELETE" if names == {"uploadId"}:
                await self._uploads.abort(asked.key, asked.parameters["uploadId"])
                return _Answer(headers={}, status=204)
            case "GET" if "uploadId" in names and names <= _PART_LISTING:
                return await self._list_parts(asked)
        raise denied("These credentials allow uploading, and nothing else.")

    async def _put(self, asked: _Asked, incoming: "_Body") -> _Answer:
        only_new = _only_new(asked.request)
        received_type = _content_type(asked.request)

        async def store(received: Received) -> str:
            info = await self._uploads.put(asked.key, received, content_type=received_type, only_new=only_new)
            log.info("an object was uploaded", workspace=asked.bearer.workspace_id, size=info.size_bytes)
            self._arrived(asked.bearer)
            return info.etag

        return await self._taken(asked, incoming, store)

    async def _put_part(self, asked: _Asked, incoming: "_Body") -> _Answer:
        upload_id = asked.parameters["uploadId"]
        number = _number(asked, "partNumber", None, MAX_PARTS)

        async def store(received: Received) -> str:
            return (await self._uploads.put_part(asked.key, upload_id, number, received)).etag

        return await self._taken(asked, incoming, store, lambda size: self._part_allowed(asked, number, size))

    async def _part_allowed(self, asked: _Asked, number: int, size: int | None) -> None:
        await self._uploads.require_part(asked.key, asked.parameters["uploadId"], number, size)

    async def _taken(
        self,
        asked: _Asked,
        incoming: "_Body",
        store: Callable[[Received], Awaitable[str]],
        allowed: Callable[[int | None], Awaitable[None]] | None = None,
    ) -> _Answer:
        """Take a body in, hold it against its checksums, and store it."""
        form = body.form_of(asked.request, asked.claim, asked.seal)
        if allowed is not None:
            await allowed(form.announced)
        decode = form.decoder.feed if form.decoder is not None else None
        async with self._uploads.receive(
            asked.key,
            session=asked.bearer.session,
            announced=form.announced,
            digests=form.digests,
            decode=decode,
        ) as taking:
            async for piece in incoming.pieces():
                await taking.take(piece)
            received = await taking.finish()
            if form.decoder is not None:
                form.decoder.finish()
            promised = body.check(form, received)
            await self._stands(asked.bearer)
            etag = await store(received)
        headers = {f"{body.CHECKSUM}{name}": body.encoded(value) for name, value in promised.items()}
        return _Answer(headers={"etag": f'"{etag}"', **headers})

    async def _complete(self, asked: _Asked, incoming: "_Body") -> _Answer:
        if body.checksums_of(asked.request):
            raise S3Refusal("NotImplemented", "A checksum of all parts together is not implemented here.", 501)
        form = body.form_of(asked.request, asked.claim, asked.seal)
        if form.announced is not None and form.announced > xml.MAX_LIST_BYTES:
            raise S3Refusal("EntityTooLarge", "The list of parts is too long.", 413)
        text = bytearray()
        async for piece in incoming.pieces():
            text += piece
            if len(text) > xml.MAX_LIST_BYTES:
                raise S3Refusal("EntityTooLarge", "The list of parts is too long.", 413)
        content = body.small(form, bytes(text))
        parts = await asyncio.to_thread(xml.read_parts, content)
        total = asked.request.header("x-amz-mp-object-size")
        if total is not None and not (total.isascii() and total.isdigit() and len(total) <= 15):
            raise S3Refusal("InvalidArgument", "x-amz-mp-object-size is no length.")
        info = await self._uploads.complete(
            asked.key,
            asked.parameters["uploadId"],
            parts,
            announced=None if total is None else int(total),
            only_new=_only_new(asked.request),
        )
        log.info("an object was uploaded", workspace=asked.bearer.workspace_id, size=info.size_bytes, parts=len(parts))
        self._arrived(asked.bearer)
        return _document(xml.completed(f"/{BUCKET}/{asked.key}", BUCKET, info))

    def _arrived(self, bearer: Bearer) -> None:
        if bearer.connection_id:
            self._note(bearer.connection_id, LinkStepName.FIRST_OBJECT, None, "")

    async def _head(self, asked: _Asked) -> _Answer:
        info = await self._uploads.stat(asked.key)
        if info is None:
            raise S3Refusal("NoSuchKey", "The specified key does not exist.", 404)
        return _Answer(
            headers={
                "etag": f'"{info.etag}"',
                "content-type": info.content_type,
                "last-modified": info.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            },
            length=info.size_bytes,
        )

    async def _list_parts(self, asked: _Asked) -> _Answer:
        upload_id = asked.parameters["uploadId"]
        document = xml.parts(
            BUCKET,
            asked.key,
            upload_id,
            await self._uploads.list_parts(asked.key, upload_id),
            marker=_number(asked, "part-number-marker", 0, MAX_PARTS),
            most=min(MAX_LISTED, _number(asked, "max-parts", MAX_LISTED, 2**31)),
            is_encoded=_is_encoded(asked),
        )
        return _document(document)

    async def _list_uploads(self, asked: _Asked) -> _Answer:
        wished = asked.parameters.get("prefix", "")
        prefix = self._uploads.require_listing(asked.bearer, wished)
        document = xml.uploads(
            BUCKET,
            wished,
            await self._uploads.list_uploads(prefix),
            key_marker=asked.parameters.get("key-marker", ""),
            id_marker=asked.parameters.get("upload-id-marker", ""),
            most=min(MAX_LISTED, _number(asked, "max-uploads", MAX_LISTED, 2**31)),
            is_encoded=_is_encoded(asked),
        )
        return _document(document)


_PROBLEMS = {
    "RequestTimeTooSkewed": LinkProblem.CLOCK_REFUSED,
    "ExpiredToken": LinkProblem.GRANT_EXPIRED,
}


class _Left(Exception):
    """The client is gone."""


class _Body:
    """A request's body as it comes."""

    def __init__(self, scope: Scope, receive: Receive, stuck_s: float) -> None:
        names = dict(scope["headers"])
        self.waits_to_be_asked = names.get(b"expect", b"").lower() == b"100-continue"
        """Nothing was sent so far, and nothing will be before it is asked for."""
        self.has_ended = b"transfer-encoding" not in names and names.get(b"content-length", b"0") == b"0"
        self._receive = Patience(receive, stuck_s)

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it.

        Raises:
            _Left: the client has gone.
            S3Refusal: RequestTimeout.
        """
        while True:
            self.waits_to_be_asked = False
            try:
                message = await self._receive()
            except TimeoutError:
                raise S3Refusal(
                    "RequestTimeout", "Your socket connection to the server was not read in time."
                ) from None
            if message["type"] == "http.disconnect":
                raise _Left
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                self.has_ended = True
                return

    async def let_pass(self) -> None:
        """Read on for a while what nobody wants."""
        left = LINGER_BYTES
        with suppress(TimeoutError, _Left, S3Refusal):
            async with asyncio.timeout(LINGER_S):
                async for piece in self.pieces():
                    left -= len(piece)
                    if left < 0:
                        return


async def _refuse(scope: Scope, incoming: _Body, send: Send, refusal: S3Refusal) -> None:
    """Answer a refusal at once, also in the midst of a body."""
    log.info("an upload request was refused", status=refusal.status, why=refusal.code, reason=refusal.message)
    content = xml.error(refusal, scope["path"][:MAX_KEY_BYTES], _request_id())
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(content)).encode())]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if incoming.has_ended:
        await _send(scope, send, refusal.status, headers, content)
        return
    # What is left of the body would be taken for the next request.
    headers.append((b"connection", b"close"))
    if incoming.waits_to_be_asked:
        await _send(scope, send, refusal.status, headers, content)
        return
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*headers, _told_id()]})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await incoming.let_pass()
    await send({"type": "http.response.body", "body": b""})


async def _send(scope: Scope, send: Send, status: int, headers: Headers, content: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers, _told_id()]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request", ""))


def _told_id() -> tuple[bytes, bytes]:
    return b"x-amz-request-id", _request_id().encode()


def _request(scope: Scope) -> Request:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        path=raw.decode("latin-1"),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
    )


def _host(scope: Mapping[str, Any]) -> str:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return str(host.decode("latin-1").lower())


def _key(path: str) -> str:
    """The key of a path below the bucket; empty for the bucket itself.

    Raises:
        S3Refusal: it is none.
    """
    try:
        key = unquote_to_bytes(path.removeprefix("/")).decode()
    except UnicodeDecodeError:
        raise S3Refusal("InvalidURI", "The path is not UTF-8.") from None
    if not key:
        return ""
    if len(key.encode()) > MAX_KEY_BYTES:
        raise S3Refusal("KeyTooLongError", "Your key is too long")
    if (fault := key_fault(key)) is not None:
        raise S3Refusal("InvalidURI", fault)
    return key


def _parameters(request: Request) -> dict[str, str]:
    """Those that say what is asked for; the signature's own stand apart."""
    found: dict[str, str] = {}
    for name, value in request.parameters():
        if name.startswith("X-Amz-") or name in _IGNORED:
            continue
        if name in found:
            raise S3Refusal("InvalidArgument", "A parameter stands twice in the query string.")
        found[name] = value
    return found


def _number(asked: _Asked, name: str, default: int | None, most: int) -> int:
    text = asked.parameters.get(name)
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > most:
        raise S3Refusal("InvalidArgument", f"{name} must be an integer up to {most}.")
    return int(text)


def _is_encoded(asked: _Asked) -> bool:
    kind = asked.parameters.get("encoding-type")
    if kind not in (None, "url"):
        raise S3Refusal("InvalidArgument", "Invalid Encoding Method specified in Request")
    return kind == "url"


def _only_new(request: Request) -> bool:
    given = request.header("if-none-match")
    if given not in (None, "*"):
        raise S3Refusal("NotImplemented", "If-None-Match is implemented with * alone.", 501)
    return given == "*"


def _content_type(request: Request) -> str:
    given = request.header("content-type") or "binary/octet-stream"
    if len(given) > MAX_TYPE or not given.isascii() or not given.isprintable():
        raise S3Refusal("InvalidArgument", "Content-Type is too long, or has characters that it cannot have.")
    return given


def _document(content: bytes) -> _Answer:
    return _Answer(body=content, headers={"content-type": "application/xml"})
