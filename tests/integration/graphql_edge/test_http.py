"""GraphQL over HTTP: the rows of security.md, sections 2, 4 and 5."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ofh.edges.graphql.http import HttpLimits, accepts
from ofh.edges.graphql.ide.page import Ide
from tests.integration.graphql_edge.toy import Edge, Toy, application, build

RESPONSE = "application/graphql-response+json"


@pytest.fixture
def edge() -> Edge:
    return build()


@pytest.fixture
def client(edge: Edge) -> Iterator[TestClient]:
    with TestClient(application(edge, ide=Ide()), base_url="https://hub.example.org") as client:
        client.headers["accept"] = "application/json"
        yield client


def post(client: TestClient, query: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
    return client.post("/graphql", json={"query": query, **more}, headers=headers)


def code(response: httpx2.Response) -> str:
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found


# The ordinary


def test_post_and_get(client: TestClient) -> None:
    answer = post(client, "query A($n: String!) { hello(name: $n) }", variables={"n": "ü"}, operationName="A")
    assert answer.json() == {"data": {"hello": "hello ü"}}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    params = {"query": "query ($n: String!) { hello(name: $n) }", "variables": '{"n": "x"}', "operationName": ""}
    assert client.get("/graphql", params=params).json() == {"data": {"hello": "hello x"}}


def test_who_asks_is_known_by_cookie_or_token_alone(client: TestClient) -> None:
    assert post(client, "{ me }").json() == {"data": {"me": None}}
    assert post(client, "{ me }", headers={"cookie": "user-auth=s1"}).json() == {"data": {"me": "1"}}
    both = {"cookie": "user-auth=s1", "authorization": "Bearer t-s2"}
    assert post(client, "{ me }", headers=both).json() == {"data": {"me": "2"}}
    wrong = {"cookie": "user-auth=s1", "authorization": "Bearer wrong"}
    assert post(client, "{ me }", headers=wrong).json() == {"data": {"me": None}}


def test_cookies_are_set_and_taken_away(client: TestClient) -> None:
    answer = post(client, "mutation { login }")
    assert answer.headers["set-cookie"].startswith("user-auth=fresh; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax")
    assert "Max-Age=0" in post(client, "mutation { logout }").headers["set-cookie"]


def test_each_operation_of_a_batch_has_loaders_of_its_own(client: TestClient) -> None:
    answer = client.post("/graphql", json=[{"query": "{ a: loaders b: loaders }"}, {"query": "{ hello }"}])
    first, second = answer.json()
    assert first["data"]["a"] == first["data"]["b"]
    assert second == {"data": {"hello": "hello you"}}


# Refusals


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        ("BAD_INPUT", 200),
        ("UNAUTHENTICATED", 200),
        ("FORBIDDEN", 200),
        ("GONE", 200),
        ("CONFLICT", 200),
        ("RATE_LIMITED", 429),
        ("TOO_LARGE", 413),
        ("UNAVAILABLE", 503),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
def test_a_refused_operation(client: TestClient, refused: str, status: int, accept: str) -> None:
    query = "query ($c: String!) { refuse(code: $c) }"
    answer = post(client, query, variables={"c": refused}, headers={"accept": accept})
    assert (answer.status_code, code(answer)) == (status, refused)
    assert answer.json()["data"] == {"refuse": None}
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    if refused == "BAD_INPUT":
        assert answer.json()["errors"][0]["extensions"]["fields"] == {"code": "bad"}
    partly = post(client, query.replace("{ refuse", "{ hello refuse"), variables={"c": refused})
    assert partly.status_code == 200


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("{ nope", "BAD_INPUT"),
        ("{ nope }", "BAD_INPUT"),
        ("query ($n: Int!) { hello }", "BAD_INPUT"),
        ("query A { hello } query B { hello }", "BAD_INPUT"),
        ("{ area(box: {west: 1, unknown: 2}) }", "BAD_INPUT"),
        ("fragment F on Query { hello }", "BAD_INPUT"),
        ("subscription { count }", "BAD_INPUT"),
        ("{ " + "a: hello " * 31 + "}", "TOO_COMPLEX"),
    ],
)
def test_what_is_not_run_has_no_data_and_is_400_for_those_who_know_the_new_media_type(
    client: TestClient, query: str, refused: str
) -> None:
    for accept, status in (("application/json", 200), (RESPONSE, 400)):
        answer = post(client, query, headers={"accept": accept})
        assert (answer.status_code, code(answer)) == (status, refused)
        assert "data" not in answer.json()
        assert answer.headers["content-type"] == f"{accept}; charset=utf-8"


def test_variables_that_cannot_be_read_name_the_variable(client: TestClient) -> None:
    query = "query ($box: Box!) { area(box: $box) }"
    for wrong in ({"west": "x"}, {"west": 1, "unknown": 2}, {}, None, 5):
        answer = post(client, query, variables={"box": wrong}, headers={"accept": RESPONSE})
        assert answer.status_code == 400
        assert set(answer.json()["errors"][0]["extensions"]["fields"]) == {"box"}


def test_a_fault_is_an_id_and_nothing_else(client: TestClient) -> None:
    with capture_logs() as logs:
        answer = post(client, "{ fault hello }")
    assert answer.json()["data"] == {"fault": None, "hello": "hello you"}
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret" not in answer.text
    assert [line["id"] for line in logs] == [error["extensions"]["id"]]


def test_a_number_that_json_does_not_have_is_a_fault(client: TestClient) -> None:
    with capture_logs() as logs:
        answer = post(client, "{ broken }")
    assert (answer.status_code, code(answer)) == (200, "INTERNAL")
    assert len(logs) == 1


def test_nul_in_a_literal_is_bad_input(client: TestClient) -> None:
    assert code(post(client, r'{ hello(name: "\u0000") }')) == "BAD_INPUT"


# The shape of a request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"{ hello }"',
        b"{}",
        b"[]",
        b"[[]]",
        b"[5]",
        b'[{"query": "{ hello }"}, []]',
        b"{",
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": null}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "extensions": 1}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "query": "{ hello }"}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "\xff"}',
        rb'{"query": "\ud800"}',
        b'{"query": "{ hello }", "variables": ' + b'{"a":' * 64 + b"1" + b"}" * 65,
        b"[" * 100_000,
        json.dumps([{"query": "{ hello }"}] * 11).encode(),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
def test_a_malformed_request_is_400(client: TestClient, body: bytes, accept: str) -> None:
    headers = {"content-type": "application/json", "accept": accept}
    answer = client.post("/graphql", content=body, headers=headers)
    assert (answer.status_code, code(answer)) == (400, "BAD_INPUT")
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/graphql"},
        {"content-type": ""},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_other_media_types_are_415(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/graphql", content=b'{"query": "{ hello }"}', headers=headers)
    assert (answer.status_code, code(answer)) == (415, "BAD_INPUT")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
def test_parameters_of_the_media_type_are_fine(client: TestClient, kind: str) -> None:
    answer = client.post("/graphql", content=b'{"query": "{ hello }"}', headers={"content-type": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query=",
        "query=%7B+hello+%7D&query=x",
        "query=%ff",
        "query=%7Bhello%7D&variables=x",
        "query=%7Bhello%7D&variables=5",
    ],
)
def test_a_malformed_query_string_is_400(client: TestClient, query: str) -> None:
    assert client.get(f"/graphql?{query}").status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_405(client: TestClient, method: str) -> None:
    answer = client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_mutation_by_get_is_405_and_does_nothing(client: TestClient) -> None:
    answer = client.get("/graphql", params={"query": "mutation { login }"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "set-cookie" not in answer.headers


async def test_a_body_that_does_not_come_is_400_and_waited_for_no_longer(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    monkeypatch.setattr("ofh.edges.requests.SMALL_BODY_S", 0.05)
    headers = {"content-type": "application/json", "content-length": "9000"}
    transport = httpx2.ASGITransport(application(edge))
    async with (
        asyncio.timeout(60),
        httpx2.AsyncClient(transport=transport, base_url="https://hub.example.org") as asking,
    ):
        answer = await asking.post("/graphql", content=trickle(), headers=headers)
    assert (answer.status_code, code(answer)) == (400, "BAD_INPUT")


def test_a_long_body_is_413_announced_or_not(client: TestClient) -> None:
    body = b'{"query": "{ hello }"' + b" " * 256 * 1024 + b"}"
    headers = {"content-type": "application/json"}
    assert client.post("/graphql", content=body, headers=headers).status_code == 413
    unannounced = client.post("/graphql", content=(part for part in (body[:9], body[9:])), headers=headers)
    assert (unannounced.status_code, code(unannounced)) == (413, "TOO_LARGE")
    exact = body[: 256 * 1024 - 1] + b"}"
    assert client.post("/graphql", content=exact, headers=headers).status_code == 200


def test_an_answer_that_nobody_wants_is_406(client: TestClient) -> None:
    assert post(client, "{ hello }", headers={"accept": "image/png"}).status_code == 406


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.1", "application/json"),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.5, application/json", "application/json"),
        (f"application/json, {RESPONSE}", "application/json"),
        (f"{RESPONSE}; charset=utf-8, application/json; charset=utf-8", RESPONSE),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json;q=0", None),
        ("application/json; charset=latin-1", None),
        ("image/png", None),
        ("application/json;q=nonsense", None),
    ],
)
def test_which_media_type_is_chosen(header: str, chosen: str | None) -> None:
    assert accepts(header) == chosen


# Order and limits


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_foreign_origin_is_403_for_post_and_get(client: TestClient, headers: dict[str, str]) -> None:
    for answer in (post(client, "{ hello }", headers=headers), client.get("/graphql?query={hello}", headers=headers)):
        assert (answer.status_code, code(answer)) == (403, "FORBIDDEN")


def test_the_order_of_checks(client: TestClient) -> None:
    foreign = {"origin": "https://evil.example", "content-type": "text/plain"}
    assert client.put("/graphql", headers=foreign).status_code == 405
    assert client.post("/graphql", content=b"x" * 300_000, headers=foreign).status_code == 413
    assert client.post("/graphql", content=b"x", headers=foreign).status_code == 403


def test_throttled_requests_are_429(client: TestClient, edge: Edge) -> None:
    edge.toy.throttled = True
    answer = post(client, "{ hello }")
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "RATE_LIMITED", "7")


def test_a_backend_that_is_away_at_the_door_is_503(client: TestClient) -> None:
    answer = post(client, "{ hello }", headers={"authorization": "Bearer away"})
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert "retry-after" in answer.headers


def test_an_operation_that_takes_too_long_is_503() -> None:
    state = Toy()
    app = application(build(state), limits=HttpLimits(operation_s=0.01))
    with TestClient(app, base_url="https://hub.example.org") as client:
        answer = post(client, "{ wait(seconds: 3600) }")
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert state.finished == ["wait"]


async def test_so_many_operations_of_a_session_at_the_same_time() -> None:
    """security.md, section 5."""
    edge = build()
    app = application(edge, limits=HttpLimits(concurrent=2))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://hub.example.org") as client:

        async def ask(session: str, query: str) -> int:
            headers = {"cookie": f"user-auth={session}"}
            return (await client.post("/graphql", json={"query": query}, headers=headers)).status_code

        waiting = [asyncio.create_task(ask("s1", "{ wait(seconds: 3600) }")) for _ in range(2)]
        async with asyncio.timeout(60):
            while edge.toy.opened < 2:
                await asyncio.sleep(0.01)
        assert await ask("s1", "{ hello }") == 429
        assert await ask("s2", "{ hello }") == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await ask("s1", "{ hello }") == 200


def test_introspection_can_be_off() -> None:
    """security.md, G4."""
    app = application(build(introspection=False))
    with TestClient(app, base_url="https://hub.example.org") as client:
        assert code(post(client, "{ __schema { queryType { name } } }")) == "BAD_INPUT"
        assert "hello" not in post(client, "{ helo }").text


# The IDE


def test_browsers_get_the_ide_with_a_policy_of_its_own(client: TestClient) -> None:
    answer = client.get("/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    asked = client.get("/graphql?query={hello}", headers={"accept": "text/html"})
    assert asked.json() == {"data": {"hello": "hello you"}}


def test_the_ide_can_be_off() -> None:
    with TestClient(application(build()), base_url="https://hub.example.org") as client:
        assert client.get("/graphql", headers={"accept": "text/html"}).status_code == 400


def test_everything_that_the_ide_loads_is_here(client: TestClient) -> None:
    page = client.get("/", headers={"accept": "text/html"}).text
    paths = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    assert len(paths) == 8
    assert "http" not in page.replace("http-equiv", "")
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/graphql/ide/page.py").status_code == 404
    assert client.post(paths[0]).status_code == 405
