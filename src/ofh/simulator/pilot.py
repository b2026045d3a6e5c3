"""The part of Pilot 2's page that the simulator plays: log in to a connection, ask what the native clients get.

dji-pilot-2.md, section 1.9. A hub that does not offer these endpoints answers 404.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from .accounts import Account
from .errors import SimulatorError, refused

LOGIN_PATH = "/api/connection-link/auth/login"
CONFIG_PATH = "/api/connection-link/config"
SDK_CONFIG_PATH = "/api/connection-link/dji-pilot-2/sdk-config"
REQUEST_TIMEOUT_S = 15.0
MAX_RETRY_AFTER_S = 60.0
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAccess:
    """What Pilot's native clients of HTTP and websockets are given."""

    url: str
    """Scheme, host and port; the paths are Pilot's own."""
    socket_url: str | None
    token: str = field(repr=False)
    workspace_uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """What the hub tells a controller after the login."""

    mqtt_url: str
    account: Account
    cloud: CloudAccess | None = None
    """None where the hub does not name the workspace, so that nothing but MQTT is possible."""


def new_http_client(url: str) -> httpx2.AsyncClient:
    """A client for one hub; it keeps the login's cookie, so each connection needs one of its own."""
    return httpx2.AsyncClient(base_url=url.rstrip("/"), timeout=REQUEST_TIMEOUT_S)


async def log_in(http: httpx2.AsyncClient, account: Account) -> LinkConfig | None:
    """Log in as Pilot 2's page does, and read the configuration; None where the hub has no such endpoints.

    Raises:
        SimulatorError: no hub answers, it refuses the connection, or its answer makes no sense.
    """
    body = {"connection_id": account.connection_id, "secret": account.secret}
    login = await _request(http, "POST", LOGIN_PATH, body)
    if login.status_code in {404, 405}:
        return None
    if login.status_code in {400, 401, 403}:
        raise refused(account.connection_id, "hub")
    _expect_success(login)
    answer = await _request(http, "GET", SDK_CONFIG_PATH)
    if answer.status_code == 404:
        return None
    _expect_success(answer)
    config = _json_object(answer)
    about = await _request(http, "GET", CONFIG_PATH)
    workspace_uuid = _text(_json_object(about), "workspace_uuid") if about.is_success else None
    mqtt_url = _text(config, "mqtt_url")
    if mqtt_url is None:
        raise SimulatorError(f"{answer.url} names no mqtt_url: check the hub's public MQTT address in its settings.")
    return LinkConfig(
        mqtt_url=mqtt_url,
        account=Account(
            connection_id=account.connection_id,
            secret=account.secret,
            mqtt_username=_text(config, "mqtt_username"),
            mqtt_password=_text(config, "mqtt_password"),
        ),
        cloud=_cloud(http, account, config, workspace_uuid),
    )


def _cloud(
    http: httpx2.AsyncClient, account: Account, config: Mapping[str, Any], workspace_uuid: str | None
) -> CloudAccess | None:
    if workspace_uuid is None:
        return None
    return CloudAccess(
        url=(_text(config, "api_url") or str(http.base_url)).rstrip("/"),
        socket_url=_text(config, "ws_url"),
        token=_text(config, "api_token") or account.secret,
        workspace_uuid=workspace_uuid,
    )


def fallback_mqtt_url(url: str) -> str:
    """Where a hub's broker is by default: the host of its URL, port 1883."""
    host = urlsplit(url).hostname or "localhost"
    return f"mqtt://[{host}]:1883" if ":" in host else f"mqtt://{host}:1883"


async def _request(
    http: httpx2.AsyncClient, method: str, path: str, body: Mapping[str, str] | None = None
) -> httpx2.Response:
    """One request; waits and tries again where the hub asks for it."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            response = await http.request(method, path, json=body)
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise SimulatorError(
                f"No hub answers at {http.base_url} ({reason}). Start one with `ofh serve`, or correct --url."
            ) from error
        except httpx2.InvalidURL as error:
            raise SimulatorError(f"{http.base_url} is no URL of a hub: {error}") from error
        if response.status_code not in {429, 503} or attempt == ATTEMPTS:
            return response
        await asyncio.sleep(_retry_after_s(response))
    raise AssertionError("unreachable")


def _retry_after_s(response: httpx2.Response) -> float:
    try:
        return min(max(float(response.headers.get("Retry-After", "1")), 0.0), MAX_RETRY_AFTER_S)
    except ValueError:
        return 1.0


def _expect_success(response: httpx2.Response) -> None:
    if response.status_code == 429:
        raise SimulatorError("The hub asks to log in less often: wait some minutes and start the simulation again.")
    if not response.is_success:
        raise SimulatorError(
            f"{response.url} answered {response.status_code}: the hub cannot serve the login just now. See its log."
        )


def _json_object(response: httpx2.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SimulatorError(f"{response.url} answered no JSON object: is --url the address of an OpenFlightHub?")
    return value


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None
