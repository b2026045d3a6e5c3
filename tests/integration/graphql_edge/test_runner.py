"""A mutation runs to its end, whoever goes away; a query is cut off."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from ofh.edges.graphql import runner
from ofh.edges.graphql.http import HttpLimits
from ofh.edges.graphql.hub_schema import Asked
from ofh.edges.graphql.socket import SocketLimits
from tests.integration.graphql_edge.client import PATIENCE_S, connect, settle
from tests.integration.graphql_edge.toy import Edge, application, build, running

CHANGE = "mutation Rename { change }"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running(build()) as edge:
        yield edge


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


async def finished(edge: Edge) -> list[str]:
    """What has come to its end, once the mutations may go on."""
    edge.toy.changes.set()
    await settle()
    return edge.toy.finished


def codes(payload: Any) -> list[str]:
    return [error["extensions"]["code"] for error in payload["errors"]]


async def test_complete_stops_the_answer_and_not_the_mutation(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        await until(lambda: edge.toy.opened)
        client.send({"id": "a", "type": "complete"})
        await settle()
        assert await finished(edge) == ["change"]
        assert client.idle()


async def test_the_end_of_a_socket_does_not_stop_its_mutation(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        await until(lambda: edge.toy.opened)
    assert len(edge.sockets) == 0
    assert await finished(edge) == ["change"]


async def test_a_mutation_that_ends_its_own_session_runs_to_its_end(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        await until(lambda: edge.toy.opened)
        edge.sockets.end_sessions(lambda actor: True)
        assert await client.code() == 4403
    assert await finished(edge) == ["change"]


async def test_a_mutation_over_a_socket_that_takes_too_long_is_answered_and_goes_on() -> None:
    async with running(build(sockets=SocketLimits(operation_s=0.01))) as edge, connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        assert codes((await client.receive())["payload"]) == ["UNAVAILABLE"]
        assert (await client.receive())["type"] == "complete"
        assert await finished(edge) == ["change"]


def over_http(edge: Edge, limits: HttpLimits | None = None) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=application(edge, limits=limits))
    return httpx2.AsyncClient(transport=transport, base_url="https://hub.example.org")


async def test_a_mutation_over_http_that_takes_too_long_is_answered_and_goes_on(edge: Edge) -> None:
    async with over_http(edge, HttpLimits(operation_s=0.01)) as client:
        answer = await client.post("/graphql", json={"query": CHANGE})
    assert (answer.status_code, codes(answer.json())) == (503, ["UNAVAILABLE"])
    assert "look before you try again" in answer.json()["errors"][0]["message"]
    assert await finished(edge) == ["change"]


async def test_a_mutation_over_http_outlives_its_request(edge: Edge) -> None:
    async with over_http(edge) as client:
        asking = asyncio.create_task(client.post("/graphql", json={"query": CHANGE}))
        await until(lambda: edge.toy.opened)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await finished(edge) == ["change"]


async def test_a_query_is_cut_off(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "{ wait(seconds: 3600) }")
        await until(lambda: edge.toy.opened)
        client.send({"id": "a", "type": "complete"})
        await until(lambda: edge.toy.finished == ["wait"])


async def test_a_fault_that_nobody_is_left_to_see_is_in_the_log(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "mutation Rename { change(breaks: true) }")
        await until(lambda: edge.toy.opened)
        client.send({"id": "a", "type": "complete"})
        await settle()
        with capture_logs() as logs:
            await finished(edge)
    assert [(line["event"], line["where"]) for line in logs] == [("fault", "Rename")]


async def test_mutations_that_nobody_waits_for_are_bounded_per_session(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LEFT_BEHIND", 2)
    async with connect(edge.sockets) as client, connect(edge.sockets, session="s2") as other:
        for number in range(2):
            client.subscribe("a", CHANGE)
            await until(lambda wanted=number + 1: edge.toy.opened == wanted)
            client.send({"id": "a", "type": "complete"})
        client.subscribe("a", CHANGE)
        assert codes((await client.receive())["payload"]) == ["RATE_LIMITED"]
        assert (await client.receive())["type"] == "complete"
        other.subscribe("a", CHANGE)
        assert len(await finished(edge)) == 3
        assert (await other.receive())["payload"] == {"data": {"change": True}}
        client.subscribe("a", CHANGE)
        assert (await client.receive())["payload"] == {"data": {"change": True}}
        assert not edge.sockets.runner._left_behind


async def test_a_stop_waits_for_mutations_under_way(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        await until(lambda: edge.toy.opened)
        stopping = asyncio.create_task(edge.sockets.stop())
        assert await client.code() == 1001
        assert await finished(edge) == ["change"]
        await asyncio.wait_for(stopping, PATIENCE_S)


async def test_a_stop_does_not_wait_for_ever(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STOP_S", 0.01)
    before = asyncio.all_tasks()
    async with connect(edge.sockets) as client:
        client.subscribe("a", CHANGE)
        await until(lambda: edge.toy.opened)
        with capture_logs() as logs:
            await asyncio.wait_for(edge.sockets.stop(), PATIENCE_S)
        assert await client.code() == 1001
    assert edge.toy.finished == []
    assert {"event": "mutation cut off by the stop", "operation": "Rename", "log_level": "warning"} in logs
    assert asyncio.all_tasks() <= before


async def test_whoever_waits_while_the_hub_stops_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STOP_S", 0.01)
    edge = build()
    schema = edge.schema
    operation = schema.prepare(Asked(query=CHANGE))
    assert not isinstance(operation, list)
    executor = schema.executor(operation, edge.contexts.of(None))
    assert not isinstance(executor, list)
    own = runner.Runner(schema)
    waiting = asyncio.create_task(own.run(operation, executor, whose="me", within_s=3600))
    await until(lambda: edge.toy.opened)
    await asyncio.wait_for(own.stop(), PATIENCE_S)
    result = await asyncio.wait_for(waiting, PATIENCE_S)
    assert [error.message for error in result.errors or []] == ["The hub is shutting down."]
