"""`/ofh-media/…`: what S3 clients need to upload under a grant of the hub, and nothing else (dji-pilot-2.md, 3.4).

A request goes through these gates: who says to have sent this (`signature.claim_of`)? Is that a grant of ours
(`Grants.verify`)? Did they really (`signature.check`)? Does their connection still stand (`Grantees`)? Is the key
below their prefix? Only then does a body come in.
No reading, no deleting, no listing of objects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.domain.errors import HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.edges.errors import report
from ofh.edges.large_bodies import LargeBody, Left, Stalled
from ofh.services.grants import BUCKET, REGION, Bearer, Grants
from ofh.services.incoming import Received
from ofh.services.uploads import MAX_PARTS, Uploads

from . import body, signature, xml
from .asked import Asked, host_of, key_of, parameters_of, request_of
from .exchange import refuse, send_answer
from .refusals import S3Refusal, as_s3, denied
from .signature import Request, Seal

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_LISTED = 1_000

_LISTING = frozenset({"uploads", "prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads"})
_PART_LISTING = frozenset({"uploadId", "max-parts", "part-number-marker"})
_NOT_HERE = {
    "x-amz-write-offset-bytes": "Appending",
    "x-amz-server-side-encryption-customer-algorithm": "Encryption with the sender's key",
    "if-match": "If-Match",
}
_PROBLEMS = {
    "RequestTimeTooSkewed": LinkProblem.CLOCK_REFUSED,
    "ExpiredToken": LinkProblem.GRANT_EXPIRED,
}


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
        return scope["type"] == "http" and host_of(scope).startswith(f"{BUCKET}.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = LargeBody(scope, receive, self._stuck_s)
        try:
            answer = await self._answer(scope, incoming)
        except Left:
            log.info("an upload was cut off", address=self._address_of(scope))
            return
        except Stalled:
            slow = S3Refusal("RequestTimeout", "Your socket connection to the server was not read in time.")
            await refuse(scope, incoming, send, slow)
        except S3Refusal as refusal:
            await refuse(scope, incoming, send, refusal)
        except HubError as error:
            await refuse(scope, incoming, send, as_s3(error))
        except Exception as error:  # noqa: BLE001 - the outermost place that still speaks S3
            id = report(error, "s3")
            fault = S3Refusal("InternalError", f"We encountered an internal error: {id}", 500)
            await refuse(scope, incoming, send, fault)
        else:
            headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
            if answer.status != 204:
                length = len(answer.body) if answer.length is None else answer.length
                headers.append((b"content-length", str(length).encode()))
            await send_answer(scope, send, answer.status, headers, answer.body)

    async def _answer(self, scope: Scope, incoming: LargeBody) -> _Answer:
        request = request_of(scope)
        path = request.path.partition("?")[0]
        if not host_of(scope).startswith(f"{BUCKET}."):
            path = path.removeprefix(f"/{BUCKET}")
        claim, bearer, seal = await self._proven(scope, request)
        await self._known(bearer.access_key_id)
        await self._stands(bearer)
        parameters = parameters_of(request)
        for name, what in _NOT_HERE.items():
            if request.header(name) is not None:
                raise S3Refusal("NotImplemented", f"{what} is not implemented here.", 501)
        key = key_of(path)
        asked = Asked(request=request, bearer=bearer, claim=claim, seal=seal, key=key, parameters=parameters)
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

    async def _bucket(self, asked: Asked) -> _Answer:
        names = set(asked.parameters) - {"encoding-type"}
        match asked.request.method:
            case "HEAD" if not names:
                return _Answer(headers={"x-amz-bucket-region": REGION})
            case "GET" if names == {"location"}:
                return _document(xml.location(REGION))
            case "GET" if "uploads" in names and names <= _LISTING:
                return await self._list_uploads(asked)
        raise denied("These credentials allow uploading, and nothing else.")

    async def _object(self, asked: Asked, incoming: LargeBody) -> _Answer:
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
                upload_id = await self._uploads.begin(asked.key, content_type=asked.content_type())
                return _document(xml.begun(BUCKET, asked.key, upload_id))
            case "POST" if names == {"uploadId"}:
                return await self._complete(asked, incoming)
            case "DELETE" if names == {"uploadId"}:
                await self._uploads.abort(asked.key, asked.parameters["uploadId"])
                return _Answer(headers={}, status=204)
            case "GET" if "uploadId" in names and names <= _PART_LISTING:
                return await self._list_parts(asked)
        raise denied("These credentials allow uploading, and nothing else.")

    async def _put(self, asked: Asked, incoming: LargeBody) -> _Answer:
        only_new = asked.only_new()
        received_type = asked.content_type()

        async def store(received: Received) -> str:
            info = await self._uploads.put(asked.key, received, content_type=received_type, only_new=only_new)
            log.info("an object was uploaded", workspace=asked.bearer.workspace_id, size=info.size_bytes)
            self._arrived(asked.bearer)
            return info.etag

        return await self._taken(asked, incoming, store)

    async def _put_part(self, asked: Asked, incoming: LargeBody) -> _Answer:
        upload_id = asked.parameters["uploadId"]
        number = asked.number("partNumber", None, MAX_PARTS)

        async def store(received: Received) -> str:
            return (await self._uploads.put_part(asked.key, upload_id, number, received)).etag

        return await self._taken(asked, incoming, store, lambda size: self._part_allowed(asked, number, size))

    async def _part_allowed(self, asked: Asked, number: int, size: int | None) -> None:
        await self._uploads.require_part(asked.key, asked.parameters["uploadId"], number, size)

    async def _taken(
        self,
        asked: Asked,
        incoming: LargeBody,
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

    async def _complete(self, asked: Asked, incoming: LargeBody) -> _Answer:
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
            only_new=asked.only_new(),
        )
        log.info("an object was uploaded", workspace=asked.bearer.workspace_id, size=info.size_bytes, parts=len(parts))
        self._arrived(asked.bearer)
        return _document(xml.completed(f"/{BUCKET}/{asked.key}", BUCKET, info))

    def _arrived(self, bearer: Bearer) -> None:
        if bearer.connection_id:
            self._note(bearer.connection_id, LinkStepName.FIRST_OBJECT, None, "")

    async def _head(self, asked: Asked) -> _Answer:
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

    async def _list_parts(self, asked: Asked) -> _Answer:
        upload_id = asked.parameters["uploadId"]
        document = xml.parts(
            BUCKET,
            asked.key,
            upload_id,
            await self._uploads.list_parts(asked.key, upload_id),
            marker=asked.number("part-number-marker", 0, MAX_PARTS),
            most=min(MAX_LISTED, asked.number("max-parts", MAX_LISTED, 2**31)),
            is_encoded=asked.is_encoded(),
        )
        return _document(document)

    async def _list_uploads(self, asked: Asked) -> _Answer:
        wished = asked.parameters.get("prefix", "")
        prefix = self._uploads.require_listing(asked.bearer, wished)
        document = xml.uploads(
            BUCKET,
            wished,
            await self._uploads.list_uploads(prefix),
            key_marker=asked.parameters.get("key-marker", ""),
            id_marker=asked.parameters.get("upload-id-marker", ""),
            most=min(MAX_LISTED, asked.number("max-uploads", MAX_LISTED, 2**31)),
            is_encoded=asked.is_encoded(),
        )
        return _document(document)


def _document(content: bytes) -> _Answer:
    return _Answer(body=content, headers={"content-type": "application/xml"})
