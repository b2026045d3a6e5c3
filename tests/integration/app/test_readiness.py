"""`/readyz` when a backend is away: it is named, the process lives on, and all is well again by itself."""

import asyncio
import signal
from pathlib import Path

import httpx2
import pytest

from tests.integration.app.hubs import hub
from tests.support.hubs import PATIENCE_S
from tests.support.s3 import run_s3
from tests.support.services import Daemon, Mosquitto, RedisServer, run_postgres, unique

pytestmark = pytest.mark.services


async def until(asking: httpx2.AsyncClient, away: set[str]) -> httpx2.Response:
    """The answer, as soon as exactly these backends are away."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await asking.get("/readyz")
            if {name for name, state in answer.json()["backends"].items() if state == "away"} == away:
                return answer
            await asyncio.sleep(0.1)


async def test_each_backend_that_is_away_is_named_until_it_is_back(
    tmp_path: Path, private_redis: RedisServer, private_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """security.md, D5."""
    monkeypatch.chdir(tmp_path)
    with run_postgres() as postgres:
        settings = {
            "data": tmp_path,
            "database_url": postgres.create_database(),
            "redis_url": private_redis.url,
            "redis_prefix": unique("ofh-test-") + ":",
            "mqtt_url": private_mosquitto.hub_url,
            "secret_key": "s" * 40,
        }
        async with hub(**settings) as (_, asking):
            await until(asking, set())
            daemons = {"database": postgres.daemon, "bus": private_redis.daemon, "broker": private_mosquitto.daemon}
            for name, daemon in daemons.items():
                assert isinstance(daemon, Daemon)
                await asyncio.to_thread(daemon.stop)
                answer = await until(asking, {name})
                assert answer.status_code == 503
                assert answer.json()["ready"] is False
                assert int(answer.headers["retry-after"]) > 0
                assert "127.0.0.1" not in answer.text
                assert (await asking.get("/healthz")).status_code == 200
                await asyncio.to_thread(daemon.start)
                answer = await until(asking, set())
                assert (answer.status_code, answer.json()["ready"]) == (200, True)


async def test_a_storage_that_does_not_answer_is_named_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ofh.backends.objects_s3.CHECK_S", 1.0)
    with run_s3() as server:
        async with hub(data=tmp_path, storage_url=server.url(server.new_bucket())) as (_, asking):
            await until(asking, set())
            assert server.daemon.process is not None
            server.daemon.process.send_signal(signal.SIGSTOP)
            answer = await until(asking, {"storage"})
            assert answer.status_code == 503
            server.daemon.process.send_signal(signal.SIGCONT)
            await until(asking, set())
            await asyncio.to_thread(server.daemon.stop)
            await until(asking, {"storage"})
