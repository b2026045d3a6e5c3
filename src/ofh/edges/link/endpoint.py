"""`/api/connection-link/…`: what a controller's page asks the hub for (the REST contract; dji-pilot-2.md, 1.9).

The cookie `connection-link-auth` says which connection the page has proven. Two paths are not in the contract. By
`dji-pilot-2/controller` our page tells what it learns from the bridge only after the log-in, since the bridge wants its
licence first: the controller's serial number, and whether the licence was taken; a GET says what the hub hears of the
connection. `auth/logout` ends the page's session when the pilot leaves the platform.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.edges.auth import LINK_COOKIE, Credentials, Origins, cookie_token, ended_cookie, is_checked, session_cookie
from ofh.edges.requests import JSON, check_is_json, json_object, whole_body
from ofh.edges.rest_errors import refuse
from ofh.services.link import Heard, Links, PageSession, Pilot

PATH = "/api/connection-link"
MAX_BODY = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a controller is handed: everything as it is reached from there."""

    platform_name: str
    public_url: str
    mqtt_url: str
    """`tcp://` or `ssl://`, with a port."""
    rtmp_url: str
    """Where live video is published; empty where there is no media server."""
    app_id: str
    """Of the Cloud API app registered with DJI; empty where none is."""
    app_key: str
    app_license: str

    @property
    def ws_url(self) -> str:
        """Where Pilot's websocket goes."""
        return "ws" + self.public_url.removeprefix("http") + "/ws"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    body: Mapping[str, Any]
    cookie: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    body: bytes
    headers: list[tuple[bytes, bytes]]
    address: str


_Handler = Callable[[_Ask], Awaitable[_Answer]]


class LinkEndpoints:
    """The endpoints.

    Args:
        origins: whose pages may act with the cookie.
        is_tls: whether the public URL is https.
        note: takes down what became of a step of a connection's way into the hub.
        address_of: ASGI scope → the client's address.
        throttle: the pilot (None: nobody), address, number of requests: raises HubError RATE_LIMITED.
    """

    def __init__(
        self,
        links: Links,
        addresses: Addresses,
        *,
        origins: Origins,
        is_tls: bool,
        note: Callable[[str, LinkStepName, LinkProblem | None, str], None],
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Callable[[Pilot | None, str, int], Awaitable[None]],
    ) -> None:
        self._links = links
        self._addresses = addresses
        self._origins = origins
        self._is_tls = is_tls
        self._note = note
        self._address_of = address_of
        self._throttle = throttle

    def routes(self) -> list[BaseRoute]:
        """One for each path."""
        handlers: dict[str, dict[str, _Handler]] = {
            "/auth/login": {"POST": self._login},
            "/auth/check": {"GET": self._check},
            "/auth/logout": {"POST": self._logout},
            "/config": {"GET": self._config},
            "/reset-workspace-uuid": {"POST": self._reset_workspace_uuid},
            "/dji-pilot-2/sdk-config": {"GET": self._sdk_config},
            "/dji-pilot-2/controller": {"GET": self._presence, "POST": self._controller},
        }
        return [Route(PATH + path, _Endpoint(self, of_path)) for path, of_path in handlers.items()]

    async def answer(self, handlers: Mapping[str, _Handler], scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handler = handlers.get(method)
        if handler is None:
            allow = ", ".join([*handlers, *(["HEAD"] if "GET" in handlers else [])])
            await refuse(send, HubError(Code.BAD_INPUT, f"Use {allow}."), (b"allow", allow.encode()), status=405)
            return
        headers = list(scope["headers"])
        try:
            body = await whole_body(headers, receive, MAX_BODY) if method == "POST" else b""
            if is_checked(method=method, bearer=Credentials.of(headers).bearer):
                self._origins.check_headers(headers)
            answer = await handler(_Ask(body=body, headers=headers, address=self._address_of(scope)))
        except HubError as error:
            await refuse(send, error)
            return
        more = [] if answer.cookie is None else [(b"set-cookie", answer.cookie.encode("latin-1"))]
        await _send(send, 200, answer.body, *more)

    async def _login(self, ask: _Ask) -> _Answer:
        await self._throttle(None, ask.address, 1)
        told = _object(ask)
        public_id, secret = _text(told, "connection_id"), _text(told, "secret")
        serial = _text(told, "remote_controller_sn", is_needed=False)
        try:
            login = await self._links.login(public_id, secret, remote_controller=serial, address=ask.address)
        except HubError as error:
            problem = {
                Code.UNAUTHENTICATED: LinkProblem.WRONG_SECRET,
                Code.RATE_LIMITED: LinkProblem.TOO_MANY_ATTEMPTS,
            }.get(error.code)
            if problem is not None:
                self._note(public_id.strip(), LinkStepName.CREDENTIALS, problem, "")
            raise
        self._note(login.pilot.public_id, LinkStepName.PAGE_FETCHED, None, "")
        self._note(login.pilot.public_id, LinkStepName.CREDENTIALS, None, "")
        cookie = session_cookie(login.cookie, lifetime=login.lifetime, secure=self._is_tls, name=LINK_COOKIE)
        shown = {} if login.is_bound is None else {"remote_controller_bound": login.is_bound}
        return _Answer(body=shown, cookie=cookie)

    async def _check(self, ask: _Ask) -> _Answer:
        session = await self._session(ask)
        self._note(session.pilot.public_id, LinkStepName.PAGE_FETCHED, None, "")
        return _Answer(body={})

    async def _logout(self, ask: _Ask) -> _Answer:
        await self._links.logout(await self._session(ask))
        return _Answer(body={}, cookie=ended_cookie(secure=self._is_tls, name=LINK_COOKIE))

    async def _config(self, ask: _Ask) -> _Answer:
        session = await self._session(ask)
        pilot = session.pilot
        return _Answer(
            body={
                "connection_id": pilot.public_id,
                "platform_name": self._addresses.platform_name,
                "platform_url": self._addresses.public_url,
                "workspace_id": str(pilot.workspace_id),
                "workspace_uuid": str(pilot.workspace_uuid),
                "workspace_name": pilot.workspace_name,
                "secret": session.secret,
            }
        )

    async def _reset_workspace_uuid(self, ask: _Ask) -> _Answer:
        session = await self._session(ask)
        await self._links.reset_workspace_uuid(session, address=ask.address)
        return _Answer(body={})

    async def _sdk_config(self, ask: _Ask) -> _Answer:
        session = await self._session(ask)
        token = await self._links.mint(session)
        has = self._addresses
        problem = None if has.app_id else LinkProblem.NO_LICENCE
        self._note(session.pilot.public_id, LinkStepName.LICENCE, problem, "")
        return _Answer(
            body={
                "app_id": has.app_id,
                "app_key": has.app_key,
                "app_license": has.app_license,
                "mqtt_url": has.mqtt_url,
                "rtmp_url": has.rtmp_url,
                "api_url": has.public_url,
                "ws_url": has.ws_url,
                "api_token": token,
                "mqtt_username": session.pilot.public_id,
                "mqtt_password": session.secret,
                "connection_name": session.pilot.name,
            }
        )

    async def _presence(self, ask: _Ask) -> _Answer:
        found = await self._links.presence(await self._session(ask))
        controller = found.remote_controller
        return _Answer(
            body={
                "remote_controller": None if controller is None else _heard(controller),
                "aircraft": [_heard(item) for item in found.aircraft],
            }
        )

    async def _controller(self, ask: _Ask) -> _Answer:
        session = await self._session(ask)
        told = _object(ask)
        serial = _text(told, "remote_controller_sn", is_needed=False)
        problem = _text(told, "licence_problem", is_needed=False)
        if problem is not None:
            refused = LinkProblem.LICENCE_REFUSED if problem else None
            self._note(session.pilot.public_id, LinkStepName.LICENCE, refused, problem)
        is_bound = await self._links.claim(session, serial) if serial else None
        return _Answer(body={"remote_controller_bound": is_bound})

    async def _session(self, ask: _Ask) -> PageSession:
        """Whose page this is; a bearer token's request has no cookie (C5).

        Raises:
            HubError: UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE.
        """
        has_bearer = Credentials.of(ask.headers).bearer is not None
        try:
            session = await self._links.session(None if has_bearer else _cookie(ask.headers))
        except HubError as error:
            if error.code is Code.UNAUTHENTICATED:
                await self._throttle(None, ask.address, 1)
            raise
        await self._throttle(session.pilot, ask.address, 1)
        return session


class _Endpoint:
    """One path; an object, since Starlette takes functions for something else."""

    def __init__(self, shared: LinkEndpoints, handlers: Mapping[str, _Handler]) -> None:
        self._shared = shared
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._shared.answer(self._handlers, scope, receive, send)


def _heard(device: Heard) -> dict[str, Any]:
    silent_s = None if device.silent_s is None else round(device.silent_s)
    return {"serial_number": device.serial_number, "online": device.is_online, "silent_s": silent_s}


def _cookie(headers: list[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"cookie" and (found := cookie_token(value.decode("latin-1"), LINK_COOKIE)) is not None:
            return found
    return None


def _object(ask: _Ask) -> dict[str, Any]:
    """The body's members; unknown ones are of no account (A5).

    Raises:
        HubError: BAD_INPUT.
    """
    check_is_json(ask.headers)
    return json_object(ask.body)


def _text(told: Mapping[str, Any], name: str, *, is_needed: bool = True) -> Any:
    value = told.get(name)
    if value is None and not is_needed:
        return None
    if not isinstance(value, str):
        raise bad_input(name, "This is a text, and needed." if is_needed else "This is a text.")
    if "\0" in value:
        raise bad_input(name, "This has the character U+0000.")
    return value


async def _send(send: Send, status: int, shown: Mapping[str, Any], *more: tuple[bytes, bytes]) -> None:
    body = orjson.dumps(shown)
    headers = [
        (b"content-type", JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
