"""What a media server asks: may this client publish, may that one watch?

Two dialects. MediaMTX asks by its HTTP authentication: one JSON object per client, any status that begins with 20 lets
it in. SRS calls its HTTP hooks: one object per event, status 200 with `code` 0 lets it go on.

| | asks, by POST | tells |
|---|---|---|
| MediaMTX | `…/mediamtx`: `action`, `path`, `query`, `token`, `password` | `…/mediamtx/ended?path=` |
| SRS | `…/srs`: `action` (`on_publish`, `on_play`), `stream`, `param` | `on_unpublish` |

MediaMTX tells by its hook `runOnNotReady`; other events of SRS are let pass. The server shows a secret, as the
parameter `secret` or as a bearer token, since neither can be told to send a header in all versions. Whoever publishes
shows the stream's key as the parameter `key` of the address; whoever watches shows a stream token, as the parameter
`token` or in the way of their protocol. None of these is ever logged.

Sources: MediaMTX, authentication by HTTP (1.21); SRS, HTTP callback (5.0 and 6.0).
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ofh.domain.errors import Code, HubError
from ofh.edges.errors import WIRE, report, retry_after_s
from ofh.edges.requests import json_object, whole_body
from ofh.services.streams import Streams

PATH = "/internal/media-server"
MAX_BODY = 65_536

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class MediaServerEndpoint:
    """The endpoint.

    Args:
        secret: what the media server shows.
        address_of: ASGI scope → the client's address.
        stranger: an address that does not know the secret; raises HubError RATE_LIMITED.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        secret: str,
        address_of: Callable[[Mapping[str, Any]], str],
        stranger: Callable[[str], Awaitable[None]],
    ) -> None:
        self._streams = streams
        self._secret = secret.encode()
        self._address_of = address_of
        self._stranger = stranger

    def routes(self) -> list[BaseRoute]:
        """One for each question."""
        handlers = (("mediamtx", self._mediamtx), ("mediamtx/ended", self._mediamtx_ended), ("srs", self._srs))
        return [
            Route(f"{PATH}/{path}", self._guarded(handler), methods=["POST"], include_in_schema=False)
            for path, handler in handlers
        ]

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                await self._require_server(request)
                return await handler(request)
            except HubError as error:
                wire = WIRE[error.code]
                headers = {} if error.code is not Code.RATE_LIMITED else {"retry-after": str(retry_after_s(error))}
                return JSONResponse({"code": wire.http, "msg": error.message}, wire.http, headers)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:  # noqa: BLE001 - the outermost place that knows the dialect
                return JSONResponse({"code": 500, "msg": f"Internal error {report(error, 'media server')}"}, 500)

        return answer

    async def _require_server(self, request: Request) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        shown = request.query_params.get("secret") or bearer
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), self._secret):
            await self._stranger(self._address_of(request.scope))
            raise HubError(Code.UNAUTHENTICATED, "This is not the hub's media server.")

    async def _mediamtx(self, request: Request) -> Response:
        asked = await _object(request)
        name = _text(asked, "path").rpartition("/")[2]
        query = _parameters(_text(asked, "query"))
        match _text(asked, "action"):
            case "publish":
                allowed = await self._streams.may_publish(name, query.get("key", ""))
            case "read" | "playback":
                shown = _text(asked, "token") or query.get("token") or _text(asked, "password")
                allowed = await self._streams.may_view(name, shown or "")
            case _:  # its own interfaces are nobody's business here
                allowed = False
        self._tell(asked, "path", allowed=allowed)
        # 401: a client may be asked for what it has not shown yet.
        return Response(status_code=200 if allowed else 401)

    async def _mediamtx_ended(self, request: Request) -> Response:
        await self._streams.ended(request.query_params.get("path", "").rpartition("/")[2])
        return Response(status_code=200)

    async def _srs(self, request: Request) -> Response:
        asked = await _object(request)
        name, query = _text(asked, "stream"), _parameters(_text(asked, "param"))
        allowed = True
        match _text(asked, "action"):
            case "on_publish":
                allowed = await self._streams.may_publish(name, query.get("key", ""))
            case "on_play":
                allowed = await self._streams.may_view(name, query.get("token", ""))
            case "on_unpublish":
                await self._streams.ended(name)
        self._tell(asked, "stream", allowed=allowed)
        return JSONResponse({"code": 0 if allowed else 403, "msg": "OK" if allowed else "refused"})

    def _tell(self, asked: Mapping[str, Any], where: str, *, allowed: bool) -> None:
        if not allowed:
            log.info("a media server's client was refused", action=_text(asked, "action"), stream=_text(asked, where))


async def _object(request: Request) -> dict[str, Any]:
    """The body's members.

    Raises:
        HubError: TOO_LARGE; BAD_INPUT.
    """
    return json_object(await whole_body(request.scope["headers"], request.receive, MAX_BODY))


def _text(asked: Mapping[str, Any], name: str) -> str:
    found = asked.get(name)
    return found if isinstance(found, str) else ""


def _parameters(query: str) -> dict[str, str]:
    """The parameters of an address, the first of each name; `?` before them counts for nothing."""
    try:
        found = parse_qs(query.removeprefix("?"), max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
