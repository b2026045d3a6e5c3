"""What is refused: a line in the log that says so, and strangers who are slowed down (security.md, sections 7, 13)."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from tests.integration.graphql_edge.client import Client, Closed, connect, settle
from tests.integration.graphql_edge.toy import Edge, application, build, running

SECRET = "not for the log"
BOX = "query Look($box: Box!) { area(box: $box) }"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running(build()) as edge:
        yield edge


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(application(build()), base_url="https://hub.example.org") as client:
        yield client


def line(codes: list[str], operation: str | None, **more: Any) -> dict[str, Any]:
    return {"event": "refused", "log_level": "info", "codes": codes, "operation": operation, **more}


REFUSED = [
    ({"query": BOX, "variables": {"box": {"west": SECRET}}}, ["BAD_INPUT"], "Look"),
    ({"query": "query Look { nope }", "operationName": "Look"}, ["BAD_INPUT"], "Look"),
    ({"query": "{ " + "a: hello " * 31 + "}"}, ["TOO_COMPLEX"], None),
    ({"query": 'query Look { a: refuse(code: "GONE") b: refuse(code: "FORBIDDEN") }'}, ["FORBIDDEN", "GONE"], "Look"),
    ({"query": '{ hello refuse(code: "GONE") again: refuse(code: "GONE") }'}, ["GONE"], None),
]


@pytest.mark.parametrize(("payload", "codes", "operation"), REFUSED)
def test_a_refused_operation_is_one_line_in_the_log(
    client: TestClient, payload: Any, codes: list[str], operation: str | None
) -> None:
    with capture_logs() as logs:
        client.post("/graphql", json=payload)
    assert logs == [line(codes, operation)]
    assert SECRET not in str(logs)


@pytest.mark.parametrize(("payload", "codes", "operation"), REFUSED)
async def test_a_refused_operation_of_a_socket_is_one_line_in_the_log(
    edge: Edge, payload: Any, codes: list[str], operation: str | None
) -> None:
    async with connect(edge.sockets) as client:
        with capture_logs() as logs:
            client.send({"id": "a", "type": "subscribe", "payload": payload})
            await client.receive()
        assert logs == [line(codes, operation)]
        assert SECRET not in str(logs)


async def test_a_refused_subscription_is_one_line_in_the_log(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        with capture_logs() as logs:
            client.subscribe("a", "subscription Watch { position(droneId: 404) { number } }")
            await client.receive()
        assert logs == [line(["GONE"], "Watch")]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"content": b"{"}, 400, "BAD_INPUT"),
        ({"json": {"query": "{ hello }", "variables": [SECRET]}}, 400, "BAD_INPUT"),
        ({"content": b"x" * 300_000}, 413, "TOO_LARGE"),
        ({"json": {"query": "{ hello }"}, "headers": {"origin": "https://evil.example"}}, 403, "FORBIDDEN"),
    ],
)
def test_a_refused_request_is_one_line_in_the_log(
    client: TestClient, options: dict[str, Any], status: int, code: str
) -> None:
    headers = {"content-type": "application/json", **options.pop("headers", {})}
    with capture_logs() as logs:
        assert client.post("/graphql", headers=headers, **options).status_code == status
    assert logs == [line([code], None, status=status)]


def test_what_is_not_refused_is_not_logged(client: TestClient) -> None:
    with capture_logs() as logs:
        assert client.post("/graphql", json={"query": "{ hello me }"}).json()["data"]["me"] is None
    assert logs == []


@pytest.mark.parametrize(("text", "code"), [(f'{{"type": "{SECRET}"}}', 4400), (f'"{SECRET * 6_000}"', 1009)])
async def test_a_socket_that_is_closed_for_what_it_sent_is_one_line_in_the_log(
    edge: Edge, text: str, code: int
) -> None:
    async with connect(edge.sockets) as client:
        with capture_logs() as logs:
            client.send_text(text)
            assert await client.code() == code
    assert logs == [{"event": "socket closed", "log_level": "info", "close": code}]


async def test_a_refused_handshake_is_one_line_in_the_log(edge: Edge) -> None:
    with capture_logs() as logs, pytest.raises(Closed):
        async with connect(edge.sockets, headers={"origin": "https://evil.example"}):
            pass
    assert logs == [{"event": "handshake refused", "log_level": "info", "status": 403, "path": "/graphql"}]


# Strangers


class Ledger:
    """Counts who was throttled, and refuses when told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[int | None, str, int]] = []
        self.refuses = False

    async def __call__(self, actor: Actor | None, address: str, number: int) -> None:
        self.seen.append((actor.user_id if actor else None, address, number))
        if self.refuses:
            raise HubError(Code.RATE_LIMITED, "Slower, please.", retry_after_s=7)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger = Ledger()
    monkeypatch.setattr("tests.integration.graphql_edge.toy.Toy.throttle", ledger.__call__)
    return ledger


async def test_a_handshake_counts_where_it_shows_nobody(ledger: Ledger) -> None:
    async with running(build()) as edge:
        async with connect(edge.sockets, session=None, init=False), connect(edge.sockets, session="dead", init=False):
            assert ledger.seen == [(None, "203.0.113.9", 1)] * 2
            async with connect(edge.sockets, init=False):
                await settle()
        assert len(ledger.seen) == 2


async def test_too_many_handshakes_of_strangers_are_429(ledger: Ledger) -> None:
    ledger.refuses = True
    async with running(build()) as edge:
        client = Client(edge.sockets, headers={}, subprotocols=["graphql-transport-ws"])
        with pytest.raises(Closed) as refused:
            await client.open()
        await client.leave()
        assert refused.value.code == 429
        assert len(edge.sockets) == 0
        async with connect(edge.sockets):
            pass


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"query": 5}'])
def test_a_malformed_request_counts_like_any_other(ledger: Ledger, body: bytes) -> None:
    with TestClient(application(build()), base_url="https://hub.example.org") as client:
        headers = {"content-type": "application/json"}
        assert client.post("/graphql", content=body, headers=headers).status_code == 400
        ledger.refuses = True
        answer = client.post("/graphql", content=body, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert len(ledger.seen) == 2
