"""Hostile HTTP: framing, paths, verbs, origins, bodies and documents; the answers of security.md, sections 2 to 5."""

import json
import socket
import time
from typing import Any

import pytest

from .conftest import Party, Town

QUERY = b'{"query":"{server{name}}"}'
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def exchange(town: Town, data: bytes) -> bytes:
    """All that comes back, up to the end of the connection or a silence."""
    with socket.create_connection(("127.0.0.1", town.port)) as line:
        line.settimeout(1.0)
        line.sendall(data)
        found = b""
        try:
            while chunk := line.recv(65_536):
                found += chunk
        except (TimeoutError, ConnectionError):
            return found + b"(open)"
        return found


def request(*lines: bytes, body: bytes = QUERY, path: bytes = b"/graphql", verb: bytes = b"POST") -> bytes:
    head = [verb + b" " + path + b" HTTP/1.1", b"Content-Type: application/json", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


HOST = b"Host: localhost"
LAST = b"Connection: close"
LENGTH = b"Content-Length: 26"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(request(HOST, LENGTH, CHUNKED, body=b"0\r\n\r\n"), id="length and chunks"),
        pytest.param(request(HOST, CHUNKED, LENGTH, body=b"0\r\n\r\n"), id="chunks and length"),
        pytest.param(request(HOST, LENGTH, b"Content-Length: 5"), id="two lengths"),
        pytest.param(request(HOST, LENGTH, LENGTH), id="the same length twice"),
        pytest.param(request(HOST, b"Content-Length: 26, 26"), id="a list of lengths"),
        pytest.param(request(HOST, b"Content-Length: +26"), id="a signed length"),
        pytest.param(request(HOST, b"Content-Length: -1"), id="a negative length"),
        pytest.param(request(HOST, b"Content-Length: 99999999999999999999999999"), id="an endless length"),
        pytest.param(request(HOST, b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), id="an unknown coding"),
        pytest.param(request(HOST, CHUNKED, CHUNKED, body=b"0\r\n\r\n"), id="chunked twice"),
        pytest.param(request(HOST, b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), id="a blank before the colon"),
        pytest.param(request(HOST, CHUNKED, body=b"1a\n" + QUERY + b"\r\n0\r\n\r\n"), id="a bare line feed"),
        pytest.param(request(HOST, CHUNKED, body=b"0x1a\r\n" + QUERY + b"\r\n0\r\n\r\n"), id="a chunk in C"),
        pytest.param(request(HOST, CHUNKED, body=b"-1\r\n" + QUERY + b"\r\n0\r\n\r\n"), id="a negative chunk"),
        pytest.param(request(HOST, CHUNKED, body=b"f" * 18 + b"\r\n"), id="an endless chunk"),
        pytest.param(request(HOST, LENGTH, b"X-A: b\r\n c"), id="a folded header"),
        pytest.param(request(HOST, LENGTH, b"X-A: a\0b"), id="a NUL in a header"),
    ],
)
def test_h2_doubt_about_a_length_ends_the_connection(town: Town, sent: bytes) -> None:
    found = exchange(town, sent + NEXT)
    assert found.startswith(b"HTTP/1.1 400"), found
    assert found.count(b"HTTP/1.1 ") == 1
    assert not found.endswith(b"(open)")


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, b"Host: other"]], ids=["none", "twice", "two"])
def test_h1_exactly_one_host(town: Town, hosts: list[bytes]) -> None:
    assert exchange(town, request(*hosts, LENGTH, LAST)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "lines", [[b"X-%d: y" % n for n in range(110)], [b"X: " + b"a" * 40_000]], ids=["too many", "too long"]
)
def test_h3_headers_are_bounded(town: Town, lines: list[bytes]) -> None:
    assert exchange(town, request(HOST, LENGTH, LAST, *lines)).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_h3_a_body_is_bounded(town: Town, chunked: bool) -> None:
    if chunked:
        sent = request(HOST, LAST, CHUNKED, body=(b"10000\r\n" + b" " * 65_536 + b"\r\n") * 5 + b"0\r\n\r\n")
    else:
        sent = request(HOST, LAST, b"Content-Length: 300000", body=b"")
    found = exchange(town, sent)
    assert found.startswith(b"HTTP/1.1 413")
    assert b"TOO_LARGE" in found


@pytest.mark.parametrize(
    "path",
    [
        *("//graphql", "/graphql/", "/GraphQL", "/x/../graphql", "/./graphql", "/graphql/.", "/graphql;a=b"),
        *("/graphql%00", "/healthz/", "/%ff%fe", "/graphql/ide/..%2f..%2fpage.py", "/graphql/ide/"),
    ],
)
def test_a7_paths_are_matched_exactly(town: Town, path: str) -> None:
    found = exchange(town, request(HOST, LENGTH, LAST, path=path.encode()))
    assert found.startswith(b"HTTP/1.1 404"), found
    assert b"location" not in found.lower()


@pytest.mark.parametrize("verb", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_a1_a_wrong_verb_is_told_the_right_ones(town: Town, verb: str) -> None:
    found = exchange(town, request(HOST, LAST, b"Content-Length: 0", body=b"", verb=verb.encode()))
    assert found.startswith(b"HTTP/1.1 405")
    assert b"allow: get, post" in found.lower()


def test_c7_a_mutation_by_get_is_no_request(town: Town, us: Party) -> None:
    answer = town.client.get(
        f"{town.url}/graphql?query=mutation{{logout}}", headers={"authorization": f"Bearer {us.token}"}
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_h5_every_answer_states_its_policy(town: Town) -> None:
    for path in ("/graphql", "/", "/healthz", "/readyz", "/metrics", "/nowhere"):
        headers = town.client.get(f"{town.url}{path}").headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-site"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


FOREIGN = [
    "null",
    "http://localhost:{port}.evil.example",
    "http://evil.example",
    "http://xlocalhost:{port}",
    "https://localhost:{port}",
    "http://localhost",
    "http://localhost:{port}/",
    "http://localhost:{port}@evil.example",
    "http://user@localhost:{port}",
    "http://0.0.0.0:{port}",
    "file://",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_c5_a_foreign_origin_is_refused(town: Town, origin: str) -> None:
    told = town.post(QUERY, origin=origin.format(port=town.port), cookie="user-auth=x")
    assert told.status_code == 403
    assert told.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    read = town.client.get(
        f"{town.url}/graphql?query={{server{{name}}}}", headers={"origin": origin.format(port=town.port)}
    )
    assert read.status_code == 403


def test_c5_what_a_browser_says_of_a_foreign_page_counts(town: Town) -> None:
    assert town.post(QUERY, sec_fetch_site="cross-site").status_code == 403
    assert town.post(QUERY, origin="null", authorization="Basic x").status_code == 403
    assert town.post(QUERY, origin=f"http://localhost:{town.port}").status_code == 200
    answer = town.client.post(
        f"{town.url}/graphql",
        content=QUERY,
        headers=[
            ("content-type", "application/json"),
            ("origin", f"http://localhost:{town.port}"),
            ("origin", "http://evil.example"),
        ],
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""),
        *("application/graphql", "application/json; charset=utf-16", "application/json, text/plain"),
    ],
)
def test_c6_no_simple_request_acts(town: Town, kind: str) -> None:
    assert town.post(QUERY, content_type=kind).status_code == 415


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
def test_g2_a_compressed_body_is_refused(town: Town, coding: str) -> None:
    assert town.post(QUERY, content_encoding=coding).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"1",
        b'"x"',
        b"[]",
        b"[[]]",
        b"[1]",
        b'[[{"query":"{me{id}}"}]]',
        b'{"query":"\xff"}',
        '{"query":"{me{id}}"}'.encode("utf-16"),
        b'{"query":"{me{id}}","variables":{"a":NaN}}',
        b'{"query":"{me{id}}","variables":{"a":1e999}}',
        b'{"query":"{me{id}}","variables":{"a":' + b"[" * 70 + b"]" * 70 + b"}}",
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"query":"{me{id}}","query":"{me{name}}"}',
        b'{"query":"{me{id}}","\\u0071uery":"{me{name}}"}',
        b'{"query":"{me{id}}\x00"}',
        b'{"query":"{me{id}} #\\ud800"}',
        b'{"query":"{me{id}}","variables":{"a":"\\udc00"}}',
        b'{"query":"{me{id}}","operationName":5}',
        b'{"query":"{me{id}}","variables":[]}',
        b'{"query":"{me{id}}","extensions":"x"}',
        b'{"query":5}',
        b"{}",
        json.dumps([{"query": "{me{id}}"}] * 11).encode(),
    ],
)
def test_g2_a_malformed_request_is_400(town: Town, us: Party, body: bytes) -> None:
    answer = town.post(body, us.token)
    assert answer.status_code == 400
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"BAD_INPUT"}


FRAGMENTS = "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(40))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("{...f0}" + FRAGMENTS + "fragment f40 on Query{me{id}}", "TOO_COMPLEX", id="fragments twice"),
        pytest.param(
            "{...a} fragment a on Query{...b} fragment b on Query{...a}", "BAD_INPUT", id="fragments in a ring"
        ),
        pytest.param("{" + "".join(f"a{n}:me{{id}} " for n in range(31)) + "}", "TOO_COMPLEX", id="aliases"),
        pytest.param(
            "{workspaces" + "{drones{lastConnection{workspace" * 6 + "{id}" + "}}}" * 6 + "}", "TOO_COMPLEX", id="depth"
        ),
        pytest.param("{" + "...{" * 200 + "me{id}" + "}" * 200 + "}", "TOO_COMPLEX", id="inline fragments"),
        pytest.param("{drone(id:" + "[" * 900 + "]" * 900 + "){id}}", "TOO_COMPLEX", id="values in values"),
        pytest.param("query($a:" + "[" * 900 + "Int" + "]" * 900 + "){me{id}}", "TOO_COMPLEX", id="types in types"),
        pytest.param("{me{id " + "@skip(if:false)" * 60 + "}}", "TOO_COMPLEX", id="directives"),
        pytest.param("{" + "me{id} " * 900 + "}", "TOO_COMPLEX", id="tokens"),
        pytest.param("#\n" * 3000 + "{me{id}}", "TOO_COMPLEX", id="comments"),
        pytest.param(
            "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}", "BAD_INPUT", id="introspection"
        ),
        pytest.param("query A{me{id}} query B{me{id}}", "BAD_INPUT", id="which operation"),
        pytest.param("subscription{dronePosition(droneId:1){droneId}}", "BAD_INPUT", id="a subscription"),
    ],
)
def test_a_bomb_is_refused_before_it_runs(town: Town, us: Party, query: str, code: str) -> None:
    answer = town.post({"query": query}, us.token)
    assert answer.status_code == 200
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    strict = town.post({"query": query}, us.token, accept="application/graphql-response+json")
    assert strict.status_code == 400


MALFORMED: list[Any] = ["0", "-1", "1.0", "\u0661", "\uff11", "1" + "0" * 20, "01", " 1", "1 ", "", "1e3", "0x1", "+1"]


@pytest.mark.parametrize("id", [*MALFORMED, "1\n", "1\0", 0, -1, 10**20, 1.5, True, None, [1], {"a": 1}])
def test_a3_a_malformed_id_is_bad_input(town: Town, us: Party, id: Any) -> None:
    for kind in ("drone", "remoteController", "workspace", "connection", "user"):
        found = town.ask(f"query($id:ID!){{{kind}(id:$id){{id}}}}", us.token, id=id)
        assert found["errors"][0]["extensions"]["code"] == "BAD_INPUT", found


@pytest.mark.parametrize("id", ["999999999999999999", 10**17])
def test_a3_an_id_beyond_all_rows_is_missing(town: Town, us: Party, id: Any) -> None:
    assert town.ask("query($id:ID!){drone(id:$id){id}}", us.token, id=id) == {"data": {"drone": None}}


@pytest.mark.parametrize("name", ["", " ", "\n", "\0", "a\0b", "a" * 256, "\u00e9" * 128, "\x1b[31m", "a\u2028b"])
def test_a4_a_text_that_cannot_be_stored_is_bad_input(town: Town, us: Party, name: str) -> None:
    for query in (
        "mutation($n:String!){createWorkspace(name:$n){id}}",
        "mutation($n:String!){createAccessToken(name:$n){token}}",
        f"mutation($n:String!){{createConnection(workspaceId:{us.workspace},name:$n){{secret}}}}",
        f"mutation($n:String!){{updateUser(id:{us.user},name:$n){{id}}}}",
    ):
        found = town.ask(query, us.token, n=name)
        assert found["errors"][0]["extensions"]["code"] == "BAD_INPUT", found
        assert "name" in found["errors"][0]["extensions"]["fields"]


def test_h7_a_forwarded_address_from_anybody_counts_for_nothing(town: Town) -> None:
    for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
        found = town.client.get(f"{town.url}/metrics", headers={header: "203.0.113.7"})
        assert found.status_code == 200, "the peer is loopback, whatever it says"


def test_slow_headers_do_not_keep_others_waiting(town: Town) -> None:
    slow = [socket.create_connection(("127.0.0.1", town.port)) for _ in range(50)]
    try:
        for line in slow:
            line.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-")
        for _ in range(3):
            for line in slow:
                line.sendall(b"a")
            assert town.post(QUERY).status_code == 200
            time.sleep(0.05)
    finally:
        for line in slow:
            line.close()
