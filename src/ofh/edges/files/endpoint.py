"""`POST /api/workspace/{id}/file`, `GET /api/file/data/{id}` and `GET /api/file/thumbnail/{id}`: the bytes of files, up
and down.

An upload is read as it comes and kept nowhere but in the file that it becomes. A download says its length first, so one
that is cut off is seen to be. Files are private: a browser asks each time whether what it holds is still right, and is
told to save whatever it could take for more than a picture.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any
from urllib.parse import quote

import structlog
from starlette.routing import BaseRoute, Route

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.media import INLINE
from ofh.edges.auth import Credentials, Origins, actor_of, is_checked
from ofh.edges.file_links import PATH, THUMBNAIL_PATH
from ofh.edges.multipart import BadMultipart, MultipartReader, PartBegin, PartData, PartEnd, boundary_of
from ofh.edges.patience import Patience
from ofh.edges.rest_errors import Headers, Send, refusal, refuse
from ofh.services.files import Files, NewFile
from ofh.services.sessions import Sessions
from ofh.store.models import File

from .ranges import Wanted, wanted

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

POLICY = b"sandbox; default-src 'none'; frame-ancestors 'none'"
MAX_FIELD = 65_536
"""Bytes of a field's text."""
MAX_FORM = 2 * 1024 * 1024
"""Bytes that a form has at the most beside its file."""
LINGER_BYTES = 2 * 1024 * 1024
LINGER_S = 2.0
"""So much of an upload that was refused is still read: a sender that is cut off does not see the answer."""

_GUARDED = (
    (b"cache-control", b"private, no-cache"),
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
)
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_UNRESERVED = "!#$&+-.^_`|~"
"""What may stand in `filename*` beside letters and digits (RFC 8187)."""


class FileEndpoints:
    """Uploads and downloads.

    Args:
        address_of: ASGI scope → the client's address.
        throttle: who, address, number of requests: raises HubError RATE_LIMITED; for uploads.
        throttle_bytes: the same for downloads.
        stuck_s: seconds after which a client that neither sends nor takes anything is left.
        max_bytes: of a file.
    """

    def __init__(
        self,
        files: Files,
        sessions: Sessions,
        origins: Origins,
        *,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Callable[[Actor | None, str, int], Awaitable[None]],
        throttle_bytes: Callable[[Actor | None, str, int], Awaitable[None]],
        stuck_s: float,
        max_bytes: int,
    ) -> None:
        self._files = files
        self._sessions = sessions
        self._origins = origins
        self._address_of = address_of
        self._throttle = throttle
        self._throttle_bytes = throttle_bytes
        self._stuck_s = stuck_s
        self._max_bytes = max_bytes

    def routes(self) -> list[BaseRoute]:
        """The three routes."""
        return [
            Route("/api/workspace/{id}/file", _Endpoint(self.upload)),
            Route(f"{PATH}/{{id}}", _Endpoint(self.download)),
            Route(f"{THUMBNAIL_PATH}/{{id}}", _Endpoint(self.thumbnail)),
        ]

    async def upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a file in; `{"id": …}`."""
        if scope["method"] != "POST":
            await refuse(send, HubError(Code.BAD_INPUT, "Use POST."), (b"allow", b"POST"), status=405)
            return
        body = _Body(scope, receive, self._stuck_s)
        try:
            row = await self._take(scope, body)
        except HubError as error:
            await _refuse_body(send, body, error)
        except _Left:
            log.info("an upload was left by its sender")
        else:
            content = b'{"id":%d}' % row.id
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
                (b"cache-control", b"no-store"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def download(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a file out, or a part of it."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, HubError(Code.BAD_INPUT, "Use GET or HEAD."), (b"allow", b"GET, HEAD"), status=405)
            return
        begun = False
        try:
            actor = await self._actor(scope, self._throttle_bytes)
            row = await self._files.file(actor, _number(scope["path_params"]["id"]))
            if row is None:
                raise gone("file")
            is_get = scope["method"] == "GET"
            part = wanted(scope["headers"], etag=_etag(row), size=row.size, is_get=is_get)
            if part.status == 416:
                await refuse(
                    send,
                    HubError(Code.BAD_INPUT, "The file has no such range."),
                    (b"content-range", f"bytes */{row.size}".encode()),
                    status=416,
                )
                return
            async with AsyncExitStack() as stack:
                pieces = await stack.enter_async_context(aclosing(self._pieces(row, part)))
                has_content = is_get and part.start < part.end
                first = await anext(pieces, b"") if has_content else b""  # what cannot be read is refused in time
                begun = True
                await send({"type": "http.response.start", "status": part.status, "headers": _headers(row, part)})
                if not has_content:
                    await send({"type": "http.response.body", "body": b""})
                else:
                    await self._stream(first, pieces, receive, send)
        except HubError as error:
            if begun:
                log.warning("a download was cut off", why=error.code.value)
                raise
            await refuse(send, error)

    async def thumbnail(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Give out a file's thumbnail, a JPEG. That there is none is said alike of all files, whoever may see them."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, HubError(Code.BAD_INPUT, "Use GET or HEAD."), (b"allow", b"GET, HEAD"), status=405)
            return
        is_get = scope["method"] == "GET"
        try:
            actor = await self._actor(scope, self._throttle_bytes)
            row = await self._files.file(actor, _number(scope["path_params"]["id"]))
            if row is None or row.thumbnail_key is None:
                raise gone("thumbnail")
            etag = f'"{row.thumbnail_etag}"'.encode()
            part = wanted(scope["headers"], etag=etag, size=row.thumbnail_size, is_get=False)
            is_sent = is_get and part.status == 200
            content = b"".join([piece async for piece in self._files.thumbnail(row)]) if is_sent else b""
        except HubError as error:
            await refuse(send, error)
            return
        headers = [(b"etag", etag), *_GUARDED]
        if part.status == 200:
            headers += [(b"content-type", b"image/jpeg"), (b"content-length", str(row.thumbnail_size).encode())]
            headers += [(b"content-disposition", b"inline")]
        await send({"type": "http.response.start", "status": part.status, "headers": headers})
        with suppress(_Stuck):
            await self._put(send, content, is_last=True)

    async def _actor(self, scope: Scope, throttle: Callable[[Actor | None, str, int], Awaitable[None]]) -> Actor:
        """Who asks.

        Raises:
            HubError: UNAUTHENTICATED, RATE_LIMITED.
        """
        address = self._address_of(scope)
        actor = await actor_of(self._sessions, Credentials.of(scope["headers"]), address)
        await throttle(actor, address, 1)
        if actor is None:
            raise HubError(Code.UNAUTHENTICATED, "Log in first.")
        return actor

    async def _take(self, scope: Scope, body: "_Body") -> File:
        limit = self._max_bytes + MAX_FORM
        if body.announced is not None and body.announced > limit:
            raise HubError(Code.TOO_LARGE, f"A file may have at most {self._max_bytes} bytes.")
        headers = scope["headers"]
        if is_checked(method="POST", bearer=Credentials.of(headers).bearer):
            self._origins.check_headers(headers)
        actor = await self._actor(scope, self._throttle)
        workspace_id = _number(scope["path_params"]["id"])
        reader = MultipartReader(_boundary(headers))
        async with self._files.receive(actor, workspace_id) as incoming:
            form = _Form(incoming)
            taken = 0
            try:
                async for data in body.pieces():
                    taken += len(data)
                    if taken > limit:
                        raise HubError(Code.TOO_LARGE, f"A file may have at most {self._max_bytes} bytes.")
                    for event in reader.feed(data):
                        await form.take(event)
                reader.finish()
            except BadMultipart as error:
                raise HubError(Code.BAD_INPUT, str(error)) from None
            return await incoming.keep(form.name())

    async def _pieces(self, row: File, part: Wanted) -> AsyncGenerator[bytes, None]:
        async for piece in self._files.content(row, part.start, part.end):
            yield piece

    async def _stream(self, first: bytes, pieces: AsyncGenerator[bytes, None], receive: Receive, send: Send) -> None:
        """Send the content for as long as somebody takes it."""
        sending = asyncio.create_task(self._send(first, pieces, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                log.info("a client left its download")
                return
            await sending
        except _Stuck:
            log.info("a client took no data of its download")
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, first: bytes, pieces: AsyncGenerator[bytes, None], send: Send) -> None:
        await self._put(send, first, is_last=False)
        async for piece in pieces:
            await self._put(send, piece, is_last=False)
        await self._put(send, b"", is_last=True)

    async def _put(self, send: Send, body: bytes, *, is_last: bool) -> None:
        try:
            async with asyncio.timeout(self._stuck_s):
                await send({"type": "http.response.body", "body": body, "more_body": not is_last})
        except TimeoutError:
            raise _Stuck from None


class _Endpoint:
    """One path; an object, since Starlette takes functions for something else."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


class _Left(Exception):
    """The client is gone."""


class _Stuck(Exception):
    """The client takes no data."""


class _Body:
    """A request's body as it comes."""

    def __init__(self, scope: Scope, receive: Receive, stuck_s: float) -> None:
        names = dict(scope["headers"])
        length = names.get(b"content-length", b"")
        self.announced = int(length[:20]) if length.isdigit() else None
        """Bytes, where that was said."""
        self.has_ended = False
        self.waits_to_be_asked = names.get(b"expect", b"").lower() == b"100-continue"
        """Nothing was sent so far, and nothing will be before it is asked for."""
        self._receive = Patience(receive, stuck_s)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it.

        Raises:
            _Left: the client is gone.
            HubError: BAD_INPUT, it sends next to nothing any more.
        """
        while not self.has_ended:
            self.waits_to_be_asked = False
            try:
                message = await self._receive()
            except TimeoutError:
                raise HubError(Code.BAD_INPUT, "The body does not come.") from None
            if message["type"] == "http.disconnect":
                raise _Left
            self.has_ended = not message.get("more_body", False)
            yield message.get("body", b"")

    async def let_pass(self) -> None:
        """Read on for a while what nobody wants."""
        left = LINGER_BYTES
        with suppress(TimeoutError, _Left, HubError):
            async with asyncio.timeout(LINGER_S):
                async for piece in self.pieces():
                    left -= len(piece)
                    if left < 0:
                        return


class _Form:
    """What a form says, while its file goes on to where it belongs."""

    def __init__(self, incoming: NewFile) -> None:
        self._incoming = incoming
        self._fields: dict[str, bytes] = {}
        self._part: PartBegin | None = None
        self._has_file = False

    async def take(self, event: PartBegin | PartData | PartEnd) -> None:
        """The next piece.

        Raises:
            HubError: BAD_INPUT, no such form; TOO_LARGE; UNAVAILABLE.
        """
        match event:
            case PartBegin():
                self._begin(event)
            case PartData():
                await self._data(event.data)
            case PartEnd():
                self._part = None

    def name(self) -> str:
        """What the file is to be called, once the form is complete.

        Raises:
            HubError: BAD_INPUT, something is missing.
        """
        if not self._has_file:
            raise bad_input("file", "This is needed.")
        if "filename" not in self._fields:
            raise bad_input("filename", "This is needed.")
        try:
            return self._fields["filename"].decode()
        except UnicodeDecodeError:
            raise bad_input("filename", "This is not UTF-8.") from None

    def _begin(self, part: PartBegin) -> None:
        self._part = part
        if part.name in self._fields or (part.name == "file" and self._has_file):
            raise bad_input(part.name[:64], "This stands twice in the form.")
        if part.name == "file":
            if part.file_name is None:
                raise bad_input("file", "This is a text, and no file.")
            self._has_file = True
        elif part.file_name is not None:
            raise bad_input(part.name[:64], "This is a file. Only 'file' may be one.")
        else:
            self._fields[part.name] = b""

    async def _data(self, data: bytes) -> None:
        assert self._part is not None
        if self._part.name == "file":
            await self._incoming.take(data)
            return
        self._fields[self._part.name] += data
        if len(self._fields[self._part.name]) > MAX_FIELD:
            raise HubError(Code.TOO_LARGE, f"A field of a form has at most {MAX_FIELD} bytes.")


def _boundary(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The boundary of the header; None where the published client's form is sent, which calls itself JSON.

    Raises:
        HubError: BAD_INPUT, neither of the two.
    """
    types = [value.decode("latin-1") for name, value in headers if name == b"content-type"]
    if len(types) == 1:
        if (found := boundary_of(types[0])) is not None:
            return found
        if types[0].partition(";")[0].strip().lower() == "application/json":
            return None
    raise HubError(Code.BAD_INPUT, "Send the form as multipart/form-data, with its boundary in the header.")


def _number(text: str) -> int:
    if _ID.fullmatch(text) is None:
        raise bad_input("id", "An id is a whole number of 1 to 18 digits, without a sign or leading zeros.")
    return int(text)


def _etag(row: File) -> bytes:
    return f'"{row.etag}"'.encode()


def _headers(row: File, part: Wanted) -> Headers:
    headers = [(b"etag", _etag(row)), *_GUARDED]
    if part.status == 304:
        return headers
    if part.status == 206:
        headers.append((b"content-range", f"bytes {part.start}-{part.end - 1}/{row.size}".encode()))
    return [
        *headers,
        (b"content-type", row.content_type.encode()),
        (b"content-length", str(part.end - part.start).encode()),
        (b"content-disposition", _disposition(row).encode()),
        (b"accept-ranges", b"bytes"),
    ]


def _disposition(row: File) -> str:
    """To be shown only where the content itself is a kind of picture or video that a browser plays (U5)."""
    kind = "inline" if row.content_type in INLINE else "attachment"
    plain = "".join(
        character if character.isascii() and character.isprintable() and character not in '"\\%' else "_"
        for character in row.name
    )
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(row.name, safe=_UNRESERVED)}"


async def _gone(receive: Receive) -> None:
    """Wait until the client is; a body, which no one asked for, is let pass."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse_body(send: Send, body: _Body, error: HubError) -> None:
    """Answer a refusal at once, also in the midst of a body."""
    status, headers, content = refusal(error)
    if body.has_ended or body.announced == 0:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        return
    # What is left of the body would be taken for the next request.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": not body.waits_to_be_asked})
    if not body.waits_to_be_asked:
        await body.let_pass()
        await send({"type": "http.response.body", "body": b""})
