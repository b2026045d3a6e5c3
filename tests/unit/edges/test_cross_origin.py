"""H6: to which pages of other origins browsers may show an answer."""

from typing import Any

import pytest

from tests.unit.edges.test_guard import HOST, Answer, ask

MAP = "https://map.example:8443"
OTHERS = (MAP, "http://desk.local")
PREFLIGHT = [(b"access-control-request-method", b"PATCH"), (b"access-control-request-headers", b"content-type")]


async def from_page(origin: str | None, *, others: tuple[str, ...] = OTHERS, **more: Any) -> Answer:
    extra = more.pop("extra", [])
    given = [] if origin is None else [(b"origin", origin.encode("latin-1"))]
    return await ask(headers=[HOST, *given, *extra], others=others, **more)


def told(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", OTHERS)
async def test_a_page_of_a_configured_origin_may_read_answers(origin: str) -> None:
    answer = await from_page(origin)
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert answer.body == b"192.0.2.7"


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "*", "", "https://map.example", "https://map.example:84433", "http://map.example:8443", f"{MAP}/"),
        *("https://evil.example", "https://map.example:8443.evil.example", "https://xmap.example:8443", "\xff"),
        *("https://user@map.example:8443", f"{MAP}, https://evil.example", "https://sub.map.example:8443"),
    ],
)
async def test_no_other_page_may_whatever_it_is_called(origin: str) -> None:
    for method, extra in (("GET", []), ("OPTIONS", PREFLIGHT)):
        answer = await from_page(origin, method=method, extra=extra)
        assert (answer.status, told(answer), answer.headers["vary"]) == (200, set(), "Origin")


async def test_without_one_origin_nothing_is_told() -> None:
    assert told(await from_page(None)) == set()
    assert told(await from_page(MAP, extra=[(b"origin", MAP.encode())])) == set()
    for extra in ([], PREFLIGHT):
        answer = await from_page(MAP, others=(), method="OPTIONS", extra=extra)
        assert (told(answer), "vary" in answer.headers) == (set(), False), "nobody is configured"


async def test_a_browser_that_asks_first_is_told_what_the_page_may_send() -> None:
    answer = await from_page(MAP, method="OPTIONS", extra=PREFLIGHT, path="/api/user/1")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == MAP
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "cache-control", "pragma", "expires"} <= set(allowed)
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await from_page(MAP, method="OPTIONS")).status == 200, "no preflight: the path decides"
