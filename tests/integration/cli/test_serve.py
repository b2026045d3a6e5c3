"""`ofh serve`: the first start, taken ports, and several processes."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.integration.cli.commands import LINK, Place, log_in, ready
from tests.support.hubs import PATIENCE_S
from tests.support.workers import gone, kill_all, two, workers


@contextlib.contextmanager
def taken_port() -> Iterator[str]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield str(holder.getsockname()[1])


async def test_the_first_start_prints_a_link_that_logs_in_once_and_the_second_prints_none(place: Place) -> None:
    async with place.running("serve") as hub:
        link = await hub.says(LINK)
        assert hub.out.strip() == link[0], "the link alone is on standard output"
        url, token = link.groups()
        await ready(url)
        async with httpx2.AsyncClient() as client:
            answer = await log_in(client, url, token)
            assert answer == {"data": {"loginWithToken": {"user": {"email": "admin@localhost"}}}}
            me = await client.post(f"{url}/graphql", json={"query": "{ me { email } }"})
            assert me.json() == {"data": {"me": {"email": "admin@localhost"}}}
        async with httpx2.AsyncClient() as client:
            again = await log_in(client, url, token)
            assert again["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert not client.cookies
        assert token not in hub.err
        assert await hub.stopped() == 0
    async with place.running("serve") as hub:
        await ready((await hub.says(r"OpenFlightHub is at (\S+)"))[1])
        assert await hub.stopped(signal.SIGINT) == 0
        assert hub.out == ""
        assert "#login" not in hub.err
    for left in ("-wal", "-shm"):
        assert not (place.folder / "data" / f"hub.db{left}").exists(), "the database was closed in order"


async def test_a_link_that_nobody_used_is_replaced_at_the_next_start(place: Place) -> None:
    tokens = []
    for _ in range(2):
        async with place.running("serve") as hub:
            url, token = (await hub.says(LINK)).groups()
            tokens.append(token)
            if len(tokens) == 2:
                await ready(url)
                async with httpx2.AsyncClient() as client:
                    assert "errors" in await log_in(client, url, tokens[0])
                    assert "errors" not in await log_in(client, url, tokens[1])
            assert await hub.stopped() == 0


async def test_a_taken_http_port_names_its_setting(place: Place) -> None:
    with taken_port() as port:
        ended = await place.ofh("serve", "--port", port)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"Error: Port {port} is taken. Choose another with --port or OFH_PORT.\n"


async def test_a_taken_mqtt_port_names_its_setting(place: Place) -> None:
    with taken_port() as port:
        ended = await place.ofh("serve", "--mqtt-port", port)
    assert (ended.code, ended.out) == (1, "")
    told = ended.err.splitlines()[-1]
    assert told == f"Error: The MQTT port {port} is taken. Choose another with --mqtt-port or OFH_MQTT_PORT."
    assert "Traceback" not in ended.err


async def test_an_address_of_another_machine_names_its_setting(place: Place) -> None:
    http = await place.ofh("serve", OFH_HOST="192.0.2.7")
    assert (http.code, http.err.count("\n")) == (1, 1)
    assert "OFH_HOST" in http.err
    mqtt = await place.ofh("serve", OFH_MQTT_HOST="192.0.2.7")
    assert mqtt.code == 1
    assert "OFH_MQTT_HOST" in mqtt.err.splitlines()[-1]


async def test_a_file_that_is_no_certificate_names_its_settings(place: Place) -> None:
    (place.folder / "chain.pem").write_text("no certificate")
    ended = await place.ofh("serve", OFH_MQTT_TLS_CERTIFICATE="chain.pem", OFH_MQTT_TLS_KEY="chain.pem")
    assert ended.code == 1
    assert "OFH_MQTT_TLS_CERTIFICATE and OFH_MQTT_TLS_KEY" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


async def test_several_processes_are_refused_where_one_has_everything_inside_it(place: Place) -> None:
    ended = await place.ofh("serve", "--workers", "2")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    for word in ("OFH_WORKERS", "OFH_DATABASE_URL", "OFH_REDIS_URL", "OFH_MQTT_URL", "use 1"):
        assert word in ended.err


# Several processes


@pytest.mark.services
async def test_two_workers_serve_as_one_outlive_wrong_settings_and_end_together(services: Place) -> None:
    async with services.running("serve", "--workers", "2", OFH_DRAIN_S="600") as hub:
        url, token = (await hub.says(LINK)).groups()
        await hub.says("mqtt link up", number=2)
        async with httpx2.AsyncClient() as client:
            assert "errors" not in await log_in(client, url, token)
        found = await two(hub.process.pid)
        async with asyncio.timeout(PATIENCE_S):
            while "\nofh_processes 2.0\n" not in (metrics := await read(url, "/metrics")):
                await asyncio.sleep(0.1)
        assert "\nofh_sockets 0.0\n" in metrics
        assert "\nofh_reports_stored_total 0.0\n" in metrics

        (services.folder / ".env").write_text("OFH_LOG_LEVEL=loud")
        hub.process.send_signal(signal.SIGHUP)
        await hub.says("Error: OFH_LOG_LEVEL")
        await hub.says("a new hub process does not begin, the others are not replaced")
        await ready(url)
        (services.folder / ".env").unlink()
        assert len(found & await two(hub.process.pid)) == 1
        await hub.says("mqtt link up", number=3)

        hub.process.terminate()
        await says_leaving(url)
        assert await read(url, "/healthz") == "ok", "it serves on"
        assert await hub.stopped() == 0
        assert not workers(hub.process.pid)
        assert hub.out.count("#login=") == 1, "one tells it for all"
        assert "Traceback" not in hub.err


async def test_a_hub_that_is_told_to_stop_says_so_before_it_stops(place: Place) -> None:
    async with place.running("serve", OFH_DRAIN_S="600") as hub:
        url = (await hub.says(r"OpenFlightHub is at (\S+)"))[1]
        await ready(url)
        hub.process.terminate()
        await says_leaving(url)
        assert await read(url, "/healthz") == "ok", "it serves on"
        assert await hub.stopped() == 0, "who tells it twice does not want to wait"


async def says_leaving(url: str) -> None:
    """Wait until `/readyz` says no, though all backends are there."""
    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient() as client:
        while (found := await client.get(f"{url}/readyz")).status_code == 200:
            await asyncio.sleep(0.05)
    assert found.json()["ready"] is False
    assert set(found.json()["backends"].values()) == {"ok"}


async def read(url: str, path: str) -> str:
    """What is there, by a connection of its own: any of the processes may answer."""
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"{url}{path}")).text


@pytest.mark.services
async def test_workers_do_not_outlive_the_first_process(services: Place) -> None:
    """Else they would hold the port, and a new start would find it taken."""
    async with services.running("serve", "--workers", "2") as hub:
        await hub.says(LINK)
        left = await two(hub.process.pid)
        hub.process.kill()
        try:
            await gone(left)
        finally:
            kill_all(left)


@pytest.mark.services
async def test_a_worker_that_cannot_begin_ends_all_and_says_why(services: Place) -> None:
    database = services.settings["OFH_DATABASE_URL"].rpartition("/")[0] + "/nothing"
    async with services.running("serve", "--workers", "2", OFH_DATABASE_URL=database) as hub:
        assert await hub.ended() == 1
    told = 'Error: PostgreSQL refuses: database "nothing" does not exist'
    assert hub.err.count("Error") == hub.err.count(told) == 1, "one says it for all"
    assert "Traceback" not in hub.err
