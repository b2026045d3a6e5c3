"""From headers to an `Actor`, and whether a request of a browser comes from our own pages (security.md, section 4).

A request with `Authorization: Bearer` is decided by that token alone: the cookie is not looked at, whatever the token
is worth. All that a header says is untrusted; nothing here answers with more than yes or no.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, refusal, unauthenticated
from ofh.domain.reasons import Reason
from ofh.services.sessions import Sessions

COOKIE = "user-auth"
"""Fixed by existing clients, so the `__Host-` prefix cannot be had; the attributes give the same effect (C1)."""
LINK_COOKIE = "connection-link-auth"
"""A controller's page's session. Fixed by the contract."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_COOKIES_LENGTH = 16_384
_DEFAULT_PORTS = {"http": 80, "https": 443}

Throttle = Callable[[Actor | None, str, int], Awaitable[None]]
"""Who (None: nobody), address, number of requests: raises HubError RATE_LIMITED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request brings along to show who it is from."""

    bearer: str | None = None
    """The token of `Authorization: Bearer`; empty where the header has none."""
    cookie: str | None = None
    """The value of the session cookie."""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "Credentials":
        """What ASGI's header list has, names in lower case as ASGI gives them."""
        bearer = cookie = None
        for name, value in headers:
            if name == b"authorization" and bearer is None:
                bearer = bearer_token(value.decode("latin-1"))
            elif name == b"cookie" and cookie is None:
                cookie = cookie_token(value.decode("latin-1"))
        return cls(bearer=bearer, cookie=cookie)


async def actor_of(sessions: Sessions, credentials: Credentials, address: str = "") -> Actor | None:
    """Who a request is from; None where it does not show it."""
    if credentials.bearer is not None:
        return await sessions.authenticate_bearer(credentials.bearer, address)
    if credentials.cookie is not None:
        return await sessions.authenticate_session(credentials.cookie, address)
    return None


async def require_actor(
    sessions: Sessions,
    headers: Iterable[tuple[bytes, bytes]],
    address: str,
    throttle: Throttle,
) -> Actor:
    """Who a request is from, which is counted whoever it is from.

    Raises:
        HubError: UNAUTHENTICATED, RATE_LIMITED.
    """
    actor = await actor_of(sessions, Credentials.of(headers), address)
    await throttle(actor, address, 1)
    if actor is None:
        raise unauthenticated()
    return actor


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization` header; None where it is of another scheme, empty where the token is missing."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_token(cookies: str, name: str = COOKIE) -> str | None:
    """The value of a cookie in a `Cookie` header; the first where there are several, which is the nearest one."""
    for pair in cookies[:MAX_COOKIES_LENGTH].split(";"):
        key, equals, value = pair.strip().partition("=")
        if equals and key.strip() == name:
            return value.strip().strip('"') or None
    return None


def session_cookie(token: str, *, lifetime: timedelta, secure: bool, name: str = COOKIE) -> str:
    """The `Set-Cookie` header that begins a session.

    Args:
        lifetime: the longest that the session can last.
        secure: whether the public URL is https.
    """
    return f"{name}={token}; {_attributes(int(lifetime.total_seconds()), secure)}"


def ended_cookie(*, secure: bool, name: str = COOKIE) -> str:
    """The `Set-Cookie` header that takes the cookie away."""
    return f'{name}=""; {_attributes(0, secure)}'


def _attributes(max_age_s: int, secure: bool) -> str:
    return f"Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


class Origins:
    """The origins whose pages may act with a visitor's cookie: compared whole, never by a part (H6).

    Args:
        public_url: where people reach the hub; None where it is not configured.
        port: the hub's own port: without a public URL, pages of this machine on this port are ours.
        allowed: further origins from the configuration.
    """

    def __init__(self, *, public_url: str | None, port: int, allowed: Iterable[str] = ()) -> None:
        own = [public_url] if public_url else [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")]
        self._allowed = frozenset(
            parsed for origin in (*own, *allowed) if (parsed := normal_origin(origin, strict=False)) is not None
        )

    def allows(self, origin: str | None) -> bool:
        """Whether an `Origin` header names one of them; `null` never does."""
        return origin is not None and normal_origin(origin) in self._allowed

    def check(self, origins: Iterable[str], sec_fetch_site: str | None) -> None:
        """Refuse a request that a page of another origin has sent.

        A browser sends one of the two headers with every such request; who sends neither is no browser.

        Args:
            origins: every `Origin` header of the request.
        Raises:
            HubError: FORBIDDEN.
        """
        found = list(origins)
        is_ours = len(found) == 1 and self.allows(found[0])
        if (found and not is_ours) or (sec_fetch_site == "cross-site" and not is_ours):
            raise refusal(Code.FORBIDDEN, Reason.OTHER_ORIGIN)

    def check_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """As `check`, from ASGI's header list.

        Raises:
            HubError: FORBIDDEN.
        """
        origins: list[str] = []
        site: str | None = None
        for name, value in headers:
            if name == b"origin":
                origins.append(value.decode("latin-1"))
            elif name == b"sec-fetch-site" and site != "cross-site":
                site = value.decode("latin-1").strip().lower()
        self.check(origins, site)


def is_checked(*, method: str, is_graphql: bool = False, is_websocket: bool = False, bearer: str | None = None) -> bool:
    """Whether a request's origin counts: where a cookie might act for somebody (C5)."""
    return bearer is None and (is_graphql or is_websocket or method.upper() not in SAFE_METHODS)


def normal_origin(text: str, *, strict: bool = True) -> tuple[str, str, int] | None:
    """An origin as scheme, host and port; None where it is none.

    Args:
        strict: refuse a path, as an `Origin` header has none; a configured URL may have one.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        return None
    if strict and (parts.path or parts.query or parts.fragment):
        return None
    return scheme, parts.hostname, port if port is not None else _DEFAULT_PORTS[scheme]
