"""`POST /api/workspace/{id}/file`, `GET /api/file/data/{id}` and `GET /api/file/thumbnail/{id}`: the bytes of files, up
and down.

An upload is read as it comes and kept nowhere but in the file that it becomes. A download says its length first, so one
that is cut off is seen to be. Files are private: a browser asks each time whether what it holds is still right, and is
told to save whatever it could take for more than a picture.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.media import INLINE
from ofh.edges.auth import Credentials, Origins, Throttle, is_checked, require_actor
from ofh.edges.downloads import POLICY, NotTaken, disposition, put, stream
from ofh.edges.file_links import PATH, THUMBNAIL_PATH
from ofh.edges.ids import number
from ofh.edges.large_bodies import LargeBody, Left, Stalled
from ofh.edges.multipart import BadMultipart, MultipartReader, PartBegin, PartData, PartEnd, boundary_of
from ofh.edges.rest_errors import Headers, refusal, refuse
from ofh.services.files import Files, NewFile
from ofh.services.sessions import Sessions
from ofh.store.models import File

from .ranges import Wanted, wanted

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_FIELD = 65_536
"""Bytes of a field's text."""
MAX_FORM = 2 * 1024 * 1024
"""Bytes that a form has at the most beside its file."""
_GUARDED = (
    (b"cache-control", b"private, no-cache"),
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
)


class FileEndpoints:
    """Uploads and downloads.

    Args:
        address_of: ASGI scope → the client's address.
        throttle: of uploads.
        throttle_bytes: of downloads.
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
        throttle: Throttle,
        throttle_bytes: Throttle,
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
        body = LargeBody(scope, receive, self._stuck_s)
        try:
            row = await self._take(scope, body)
        except HubError as error:
            await body.refuse(send, *refusal(error))
        except Stalled:
            await body.refuse(send, *refusal(HubError(Code.BAD_INPUT, "The body does not come.")))
        except Left:
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
            row = await self._files.file(actor, number(scope["path_params"]["id"]))
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
                    await stream(_chained(first, pieces), receive, send, self._stuck_s)
        except NotTaken as why:
            log.info("a download was not taken", why=str(why))
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
            row = await self._files.file(actor, number(scope["path_params"]["id"]))
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
        with suppress(NotTaken):
            await put(send, content, self._stuck_s, is_last=True)

    async def _actor(self, scope: Scope, throttle: Throttle) -> Actor:
        return await require_actor(self._sessions, scope["headers"], self._address_of(scope), throttle)

    async def _take(self, scope: Scope, body: LargeBody) -> File:
        limit = self._max_bytes + MAX_FORM
        if body.announced is not None and body.announced > limit:
            raise HubError(Code.TOO_LARGE, f"A file may have at most {self._max_bytes} bytes.")
        headers = scope["headers"]
        if is_checked(method="POST", bearer=Credentials.of(headers).bearer):
            self._origins.check_headers(headers)
        actor = await self._actor(scope, self._throttle)
        workspace_id = number(scope["path_params"]["id"])
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


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for piece in rest:
        yield piece


class _Endpoint:
    """One path; an object, since Starlette takes functions for something else."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


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
        (b"content-disposition", _disposition(row)),
        (b"accept-ranges", b"bytes"),
    ]


def _disposition(row: File) -> bytes:
    """To be shown only where the content itself is a kind of picture or video that a browser plays (U5)."""
    kind = "inline" if row.content_type in INLINE else "attachment"
    plain = "".join(
        character if character.isascii() and character.isprintable() and character not in '"\\%' else "_"
        for character in row.name
    )
    return disposition(kind, row.name, plain)
