"""Headers to credentials, cookies, and whose pages may act (security.md, C1, C5, H6)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.errors import Code, HubError
from ofh.domain.reasons import Reason
from ofh.edges import auth
from ofh.edges.auth import Credentials, Origins

PUBLIC = Origins(public_url="https://hub.example", port=8000, allowed=["https://map.example:8443", "http://desk.local"])
LOCAL = Origins(public_url=None, port=8000)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Credentials()),
        ([(b"cookie", b"user-auth=T")], Credentials(cookie="T")),
        ([(b"cookie", b"a=b; user-auth=T;c=d")], Credentials(cookie="T")),
        ([(b"cookie", b"user-auth=; x-user-auth=T; user-authx=U")], Credentials()),
        ([(b"cookie", b"user-auth=first; user-auth=second")], Credentials(cookie="first")),
        ([(b"authorization", b"Bearer T")], Credentials(bearer="T")),
        ([(b"authorization", b"bearer  T ")], Credentials(bearer="T")),
        ([(b"authorization", b"Bearer"), (b"cookie", b"user-auth=C")], Credentials(bearer="", cookie="C")),
        ([(b"authorization", b"Basic dTpw"), (b"cookie", b"user-auth=C")], Credentials(cookie="C")),
        ([(b"authorization", b""), (b"cookie", b"user-auth=C")], Credentials(cookie="C")),
    ],
)
def test_what_a_request_brings_along(headers: list[tuple[bytes, bytes]], expected: Credentials) -> None:
    assert Credentials.of(headers) == expected


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_header_breaks_the_reading(cookie: bytes, authorization: bytes) -> None:
    found = Credentials.of([(b"cookie", cookie), (b"authorization", authorization)])
    assert found.cookie is None or found.cookie
    LOCAL.allows(authorization.decode("latin-1"))


def test_the_cookies_attributes() -> None:
    cookie = auth.session_cookie("T", lifetime=timedelta(days=90), secure=False)
    assert cookie == "user-auth=T; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax"
    assert auth.session_cookie("T", lifetime=timedelta(days=1), secure=True).endswith("; Secure")
    assert auth.ended_cookie(secure=True) == 'user-auth=""; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure'


@pytest.mark.parametrize(
    "origin",
    [
        "https://hub.example",
        "https://hub.example:443",
        "https://HUB.example",
        "https://map.example:8443",
        "http://desk.local",
    ],
)
def test_configured_origins_are_ours(origin: str) -> None:
    assert PUBLIC.allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://hub.example",
        "https://hub.example:8000",
        "https://hub.example.evil.example",
        "https://evilhub.example",
        "https://hub.example@evil.example",
        "https://user@hub.example",
        "https://hub.example/path",
        "https://sub.hub.example",
        "http://localhost:8000",
        "https://hub.example https://evil.example",
        "file://",
        "https://[::1",
        "https://hub.example:99999",
    ],
)
def test_no_other_origin_is_ours(origin: str) -> None:
    assert not PUBLIC.allows(origin)


def test_without_a_public_url_this_machines_names_on_the_hubs_port_are_ours() -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert LOCAL.allows(f"http://{host}:8000")
        assert not LOCAL.allows(f"http://{host}:8001")
        assert not LOCAL.allows(f"http://{host}")
    assert not LOCAL.allows("http://192.0.2.1:8000")


@pytest.mark.parametrize(
    ("origins", "site", "passes"),
    [
        ([], None, True),
        ([], "none", True),
        ([], "same-origin", True),
        ([], "cross-site", False),
        (["https://hub.example"], None, True),
        (["https://hub.example"], "same-origin", True),
        (["https://map.example:8443"], "cross-site", True),
        (["https://evil.example"], None, False),
        (["https://evil.example"], "same-origin", False),
        (["null"], "cross-site", False),
        ([""], None, False),
        (["https://hub.example", "https://evil.example"], None, False),
        (["https://hub.example", "https://hub.example"], None, False),
    ],
)
def test_which_requests_pass(origins: list[str], site: str | None, passes: bool) -> None:
    headers = [(b"origin", origin.encode()) for origin in origins]
    if site is not None:
        headers.append((b"sec-fetch-site", site.encode()))
    if passes:
        PUBLIC.check_headers(headers)
        return
    with pytest.raises(HubError) as refusal:
        PUBLIC.check_headers(headers)
    assert (refusal.value.code, refusal.value.why) == (Code.FORBIDDEN, Reason.OTHER_ORIGIN)
    assert "OFH_PUBLIC_URL" in refusal.value.message


@pytest.mark.parametrize(
    ("method", "is_graphql", "is_websocket", "bearer", "expected"),
    [
        ("GET", False, False, None, False),
        ("HEAD", False, False, None, False),
        ("POST", False, False, None, True),
        ("delete", False, False, None, True),
        ("GET", True, False, None, True),
        ("GET", False, True, None, True),
        ("POST", True, True, "T", False),
        ("POST", False, False, "", False),
    ],
)
def test_where_the_origin_counts(
    method: str, is_graphql: bool, is_websocket: bool, bearer: str | None, expected: bool
) -> None:
    assert auth.is_checked(method=method, is_graphql=is_graphql, is_websocket=is_websocket, bearer=bearer) is expected
