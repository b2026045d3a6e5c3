"""Strangers are slowed down by address, whatever they try; what watches the hub and its own pages stay free."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from ofh.settings import load
from tests.integration.app.hubs import client, served
from tests.integration.graphql_edge.client import Client, Closed

TWO = {"address_requests_per_s": 1, "address_requests_burst": 2}
"""Two requests of a stranger at once, and then hardly any."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {"data": tmp_path, "mqtt_port": 0, **TWO}


async def spend(asking: httpx2.AsyncClient) -> httpx2.Response:
    """Ask for what is not there until that is refused."""
    for _ in range(100):
        answer = await asking.get("/nothing")
        if answer.status_code != 404:
            return answer
    pytest.fail("never refused")


async def handshake(app: Any, path: str, address: str, subprotocol: str, **headers: str) -> int:
    """The status that refuses a handshake; 101 where it is accepted."""
    asking = Client(app, headers={"host": "localhost", **headers}, subprotocols=[subprotocol])
    asking.scope.update(
        {"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "client": (address, 4711)}
    )
    try:
        await asking.open()
    except Closed as refused:
        return refused.code
    finally:
        await asking.leave()
    return 101


async def test_unknown_paths_are_429_for_who_tries_many_and_404_for_others(settings: dict[str, Any]) -> None:
    async with served(load(**settings)) as (_, app), client(app, address="192.0.2.7") as asking:
        answer = await spend(asking)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        async with client(app, address="192.0.2.8") as other:
            assert (await other.get("/nothing")).status_code == 404


async def test_what_watches_the_hub_and_its_pages_stay_free(settings: dict[str, Any]) -> None:
    async with served(load(**settings)) as (_, app), client(app) as asking:
        await spend(asking)
        for path in ("/healthz", "/readyz", "/metrics", "/", "/graphql/ide/ide.js"):
            for _ in range(5):
                assert (await asking.get(path)).status_code == 200, path


@pytest.mark.parametrize(("path", "subprotocol"), [("/graphql", "graphql-transport-ws"), ("/mqtt", "mqtt")])
async def test_handshakes_of_strangers_are_counted(settings: dict[str, Any], path: str, subprotocol: str) -> None:
    async with served(load(**settings)) as (_, app):
        found = [await handshake(app, path, "192.0.2.7", subprotocol) for _ in range(50)]
        assert found[0] == 101
        assert set(found) == {101, 429}
        assert await handshake(app, path, "192.0.2.8", subprotocol) == 101


@pytest.mark.parametrize(("path", "subprotocol"), [("/graphql", "graphql-transport-ws"), ("/mqtt", "mqtt")])
async def test_a_page_of_another_origin_opens_no_websocket(
    settings: dict[str, Any], path: str, subprotocol: str
) -> None:
    async with served(load(**settings)) as (_, app):
        assert await handshake(app, path, "192.0.2.7", subprotocol, origin="https://evil.example") == 403
        assert await handshake(app, path, "192.0.2.7", subprotocol, origin="http://localhost:8000") == 101


async def test_a_websocket_to_nowhere_is_404_and_429_for_who_tries_many(settings: dict[str, Any]) -> None:
    async with served(load(**settings)) as (_, app):
        found = [await handshake(app, "/nothing", "192.0.2.7", "mqtt") for _ in range(50)]
    assert found[0] == 404
    assert set(found) == {404, 429}
