"""What holds for every HTTP answer, whichever edge gives it."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ofh import logs
from ofh.edges.guard import MAX_HEADER_BYTES, MAX_HEADERS, POLICY, Guard, is_within, networks

Headers = list[tuple[bytes, bytes]]
HOST = (b"host", b"hub.example")


async def fine(scope: Any, _receive: Any, send: Any) -> None:
    """An application that answers everything."""
    headers = [(b"content-type", b"text/plain"), (b"server", b"toy/1.0"), (b"X-Powered-By", b"toy")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(scope["client"][0]).encode()})


class Answer:
    """What came back."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status: int = messages[0]["status"]
        self.raw: Headers = messages[0]["headers"]
        self.headers = {name.lower().decode(): value.decode() for name, value in self.raw}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])


async def ask(
    app: Any = fine,
    *,
    headers: Headers | None = None,
    proxies: tuple[str, ...] = (),
    is_tls: bool = False,
    client: tuple[str, int] | None = ("192.0.2.7", 5000),
    path: str = "/",
    query: bytes = b"",
    method: str = "GET",
    others: tuple[str, ...] = (),
) -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    guard = Guard(app, proxies=networks(proxies), is_tls=is_tls, other_origins=others)
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers or [HOST],
        "client": client,
    }
    await guard(scope, receive, send)
    return Answer(sent)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log, in JSON."""
    out = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    monkeypatch.setattr(sys, "stderr", out)
    logs.configure("info", "json")
    structlog.configure(cache_logger_on_first_use=False)  # else later tests could not capture what is logged
    yield out
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


# H1: one Host


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, (b"host", b"evil.example")]])
async def test_a_request_without_exactly_one_host_is_refused(hosts: Headers) -> None:
    answer = await ask(headers=[*hosts, (b"accept", b"*/*")])
    assert answer.status == 400
    assert answer.body == b"Exactly one Host header is needed."
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in answer.headers


async def test_a_refused_request_never_reaches_the_application() -> None:
    async def untouched(*_: Any) -> None:
        pytest.fail("it was reached")

    assert (await ask(untouched, headers=[(b"accept", b"*/*")])).status == 400
    assert (await ask(untouched, headers=[HOST, *[(b"a", b"b")] * MAX_HEADERS])).status == 431


# H3: limits


async def test_as_many_headers_as_allowed_pass_and_one_more_does_not() -> None:
    assert (await ask(headers=[HOST, *[(b"a", b"b")] * (MAX_HEADERS - 1)])).status == 200
    assert (await ask(headers=[HOST, *[(b"a", b"b")] * MAX_HEADERS])).status == 431


async def test_headers_as_long_as_allowed_pass_and_longer_ones_do_not() -> None:
    room = MAX_HEADER_BYTES - len(b"/") - len(b"host") - len(HOST[1]) - len(b"a")
    assert (await ask(headers=[HOST, (b"a", b"b" * room)])).status == 200
    assert (await ask(headers=[HOST, (b"a", b"b" * (room + 1))])).status == 431


async def test_path_and_query_count_with_the_headers() -> None:
    half = MAX_HEADER_BYTES // 2
    long = (b"a", b"b" * (half - 100))
    assert (await ask(headers=[HOST, long], query=b"q" * half)).status == 200
    assert (await ask(headers=[HOST, long], query=b"q" * (half + 100))).status == 431
    assert (await ask(headers=[HOST, long], path="/" + "p" * (half + 100))).status == 431


@pytest.mark.parametrize("path", ["/healthz\n", "/\x00", "/a\x7f", "/a\u2028"])
async def test_a_path_with_control_characters_is_not_there(path: str) -> None:
    """The router's patterns would overlook a line break at the end."""
    answer = await ask(path=path)
    assert (answer.status, answer.headers["x-content-type-options"]) == (404, "nosniff")


# H5: headers of every answer


async def test_every_answer_carries_the_security_headers_and_names_no_software() -> None:
    answer = await ask()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-site"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert not {"server", "x-powered-by"} & set(answer.headers)


async def test_a_page_states_its_own_policy_and_no_header_comes_twice() -> None:
    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"Content-Security-Policy", b"default-src 'self'"), (b"Referrer-Policy", b"same-origin")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(page)
    names = [name.lower() for name, _ in answer.raw]
    assert len(names) == len(set(names))
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("is_tls", [True, False])
async def test_browsers_are_told_to_stay_with_https_only_where_it_is_there(is_tls: bool) -> None:
    answer = await ask(is_tls=is_tls)
    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if is_tls else None)


async def test_an_answer_without_headers_of_its_own_gets_them_too() -> None:
    async def bare(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    answer = await ask(bare)
    assert (answer.status, answer.headers["content-security-policy"]) == (204, POLICY.decode())


# L4: the request's id


async def test_each_request_has_an_id_of_its_own() -> None:
    first, second = (await ask()).headers["x-request-id"], (await ask()).headers["x-request-id"]
    assert len(first) == len(second) == 16
    assert first != second


async def test_an_id_that_comes_along_is_kept() -> None:
    answer = await ask(headers=[HOST, (b"x-request-id", b"trace-1.A_b")])
    assert answer.headers["x-request-id"] == "trace-1.A_b"


@pytest.mark.parametrize("text", [b"", b"a b", b"a\x1b[2J", b"x" * 65, b"a;b", "ä".encode()])
async def test_an_id_that_could_do_harm_is_replaced(text: bytes) -> None:
    answer = await ask(headers=[HOST, (b"x-request-id", text)])
    assert answer.headers["x-request-id"].encode() != text
    assert answer.headers["x-request-id"].isalnum()


async def test_the_id_is_in_the_log_lines_of_its_request(log: io.StringIO) -> None:
    async def telling(scope: Any, receive: Any, send: Any) -> None:
        structlog.get_logger("test").info("asked")
        await fine(scope, receive, send)

    answer = await ask(telling)
    assert json.loads(log.getvalue())["request"] == answer.headers["x-request-id"]


# A6, G7: our own faults


async def test_a_fault_of_ours_is_an_id_that_the_log_knows_and_nothing_else(log: io.StringIO) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("SELECT secret FROM /var/lib")

    answer = await ask(broken)
    assert answer.status == 500
    word, error_id = answer.body.decode().split()
    assert (word, len(error_id)) == ("error", 16)
    assert answer.headers["content-security-policy"] == POLICY.decode()
    (line,) = log.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["id"], entry["request"]) == (error_id, answer.headers["x-request-id"])
    assert entry["exception"][0]["exc_value"] == "SELECT secret FROM /var/lib"


async def test_a_fault_in_the_middle_of_an_answer_is_logged_and_ends_the_connection(log: io.StringIO) -> None:
    async def breaking(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        await ask(breaking)
    assert "half way" in log.getvalue()


async def test_a_stream_passes_through_piece_by_piece() -> None:
    async def streaming(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"a", b"b"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"c"})

    assert (await ask(streaming)).body == b"abc"


# H7: whose X-Forwarded-For counts


def forwarded(*values: str) -> Headers:
    return [HOST, *((b"x-forwarded-for", value.encode()) for value in values)]


async def test_without_configured_proxies_the_header_counts_for_nothing() -> None:
    assert (await ask(headers=forwarded("203.0.113.1"))).body == b"192.0.2.7"


async def test_from_an_address_that_is_no_proxy_the_header_counts_for_nothing() -> None:
    answer = await ask(headers=forwarded("203.0.113.1"), proxies=("10.0.0.0/8",))
    assert answer.body == b"192.0.2.7"


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        (["203.0.113.1"], b"203.0.113.1"),
        (["203.0.113.1, 10.9.9.9"], b"203.0.113.1"),
        (["198.51.100.9, 203.0.113.1"], b"203.0.113.1"),
        (["198.51.100.9", "203.0.113.1, 10.9.9.9"], b"203.0.113.1"),
        (["2001:db8::1"], b"2001:db8::1"),
        (["10.9.9.9"], b"10.0.0.1"),
        ([], b"10.0.0.1"),
    ],
)
async def test_from_a_proxy_it_is_the_last_address_that_is_no_proxy(chain: list[str], found: bytes) -> None:
    answer = await ask(headers=forwarded(*chain), proxies=("10.0.0.0/8",), client=("10.0.0.1", 1))
    assert answer.body == found


async def test_a_forwarded_text_that_is_endless_is_cut() -> None:
    answer = await ask(headers=forwarded("x" * 5_000), proxies=("10.0.0.0/8",), client=("10.0.0.1", 1))
    assert len(answer.body) <= 64


async def test_a_client_without_an_address_has_an_empty_one() -> None:
    assert (await ask(client=None)).body == b""


def test_networks_of_both_families_and_single_addresses() -> None:
    allowed = networks(("127.0.0.0/8", "::1/128", "192.0.2.7"))
    assert is_within("127.9.9.9", allowed)
    assert is_within("::1", allowed)
    assert is_within("192.0.2.7", allowed)
    assert not is_within("192.0.2.8", allowed)
    assert not is_within("fe80::1%eth0", allowed)
    assert not is_within("", allowed)
    assert not is_within("localhost", allowed)


# Other kinds of connection


async def test_a_websocket_gets_the_clients_address_and_its_frames_are_not_touched() -> None:
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])
        await send({"type": "websocket.accept"})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(app, proxies=networks(("10.0.0.0/8",)), is_tls=False)
    headers = forwarded("203.0.113.1")
    scope = {"type": "websocket", "path": "/graphql", "headers": headers, "client": ("10.0.0.1", 1)}
    await guard(scope, None, send)
    assert seen == ["203.0.113.1"]
    assert [message["type"] for message in sent] == ["websocket.accept"]


@pytest.mark.parametrize("hosts", [[], [HOST, HOST]])
async def test_a_websocket_without_exactly_one_host_is_refused(hosts: Headers) -> None:
    async def untouched(*_: Any) -> None:
        pytest.fail("it was reached")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": hosts,
        "client": ("192.0.2.7", 1),
        "extensions": {"websocket.http.response": {}},
    }
    await Guard(untouched, proxies=(), is_tls=False)(scope, None, send)
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 400)
    names = {name for name, _ in sent[0]["headers"]}
    assert {b"x-request-id", b"content-security-policy", b"x-content-type-options"} <= names


async def test_a_refused_handshake_carries_the_headers_of_every_answer() -> None:
    async def refusing(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(refusing, proxies=(), is_tls=False)(
        {"type": "websocket", "path": "/graphql", "headers": [HOST], "client": None}, None, send
    )
    names = {name for name, _ in sent[0]["headers"]}
    assert {b"x-request-id", b"content-security-policy", b"x-content-type-options"} <= names
