"""The guard around websocket handshakes, and what one request leaves behind for the next."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ofh.edges.guard import MAX_HEADER_BYTES, Guard

HOST = (b"host", b"hub.example")
PARTS = {b"x-request-id", b"content-security-policy", b"x-content-type-options"}


@pytest.fixture(autouse=True)
def no_context() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()


async def shake(app: Any, *, headers: Any = (HOST,), extension: bool = True, **scope: Any) -> list[dict[str, Any]]:
    """What the guard sends for one handshake."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    extensions = {"websocket.http.response": {}} if extension else {}
    asked = {"type": "websocket", "path": "/x", "headers": list(headers), "client": None, "extensions": extensions}
    await Guard(app, proxies=(), is_tls=False)({**asked, **scope}, None, send)
    return sent


async def accepting(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept", "subprotocol": "mqtt", "headers": [(b"a", b"b")]})


async def untouched(*_: Any) -> None:
    pytest.fail("it was reached")


async def test_an_accepted_handshake_has_the_id_and_keeps_what_it_had() -> None:
    (accepted,) = await shake(accepting, headers=[HOST, (b"x-request-id", b"trace-1")])
    assert accepted["headers"] == [(b"a", b"b"), (b"x-request-id", b"trace-1")]
    assert accepted["subprotocol"] == "mqtt"


async def test_a_handshake_with_long_headers_or_query_is_refused() -> None:
    for asked in ({"headers": [HOST, (b"a", b"b" * MAX_HEADER_BYTES)]}, {"query_string": b"q" * MAX_HEADER_BYTES}):
        start, _ = await shake(untouched, **asked)
        assert start["status"] == 431
        assert {name for name, _ in start["headers"]} >= PARTS


async def test_a_server_that_cannot_refuse_by_http_refuses_in_its_own_way() -> None:
    (closed,) = await shake(untouched, headers=[], extension=False)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


async def test_a_fault_during_a_handshake_is_an_id_that_the_log_knows_and_nothing_else() -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("SELECT secret")

    with capture_logs() as logs:
        start, body = await shake(broken)
    assert start["status"] == 500
    assert {name for name, _ in start["headers"]} >= PARTS
    faults = [line["id"] for line in logs if line["event"] == "fault"]
    assert body["body"].decode().split() == ["error", *faults]


async def test_a_fault_later_on_is_logged_and_ends_the_websocket() -> None:
    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        await accepting(scope, receive, send)
        raise RuntimeError("half way")

    with capture_logs() as logs, pytest.raises(RuntimeError, match="half way"):
        await shake(breaking)
    assert [line["event"] for line in logs] == ["fault"]


async def test_every_refusal_is_one_line_in_the_log() -> None:
    with capture_logs() as logs:
        await shake(untouched, headers=[])
    assert logs == [{"event": "handshake refused", "log_level": "info", "status": 400, "path": "/x"}]


async def test_what_one_request_noted_for_its_log_lines_is_gone_in_the_next() -> None:
    """Requests of one connection may share a context."""

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(structlog.contextvars.get_contextvars()))
        structlog.contextvars.bind_contextvars(user=7)
        await accepting(scope, receive, send)

    seen: list[dict[str, Any]] = []
    await shake(noting)
    await shake(noting)
    assert [set(held) for held in seen] == [{"request"}, {"request"}]
    assert seen[0]["request"] != seen[1]["request"]
