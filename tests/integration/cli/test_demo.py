"""`ofh demo`: everything at once, on whatever ports are free, and nothing left behind."""

import asyncio
import json
import re
import signal
from typing import Any

import httpx2
import pytest
import websockets

from tests.integration.cli.commands import LINK, Place, log_in
from tests.integration.cli.test_serve import taken_port
from tests.support.hubs import PATIENCE_S
from tests.support.services import free_port

PHOTOS = re.compile(r"^  query \{\n(?:    .*\n)+  \}$", re.MULTILINE)
SUBSCRIPTION = re.compile(r"^  subscription \{\n(?:    .*\n)+  \}$", re.MULTILINE)


async def positions(url: str, cookie: str, query: str, number: int) -> list[dict[str, float]]:
    """Paste a subscription into the API and read until one message shows the positions of so many drones."""
    found: list[dict[str, float]] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        websockets.connect(
            f"{url.replace('http', 'ws', 1)}/graphql",
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            additional_headers={"cookie": f"user-auth={cookie}"},
        ) as socket,
    ):
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        while len(found) < number:
            message = json.loads(await socket.recv())
            assert message["type"] in ("next", "ping"), message
            if message["type"] == "next":
                assert "errors" not in message["payload"], message
                found = [item["position"] for item in message["payload"]["data"]["workspacePositions"]]
    return found


async def test_a_demo_on_taken_ports_takes_others_and_its_link_and_subscription_work(place: Place) -> None:
    with taken_port() as http, taken_port() as mqtt:
        async with place.running("demo", "--drones", "3", "--port", http, "--mqtt-port", mqtt) as demo:
            assert (await demo.says(rf"Port {http} for HTTP is taken, so (\d+) is used\."))[1] != http
            assert (await demo.says(rf"Port {mqtt} for MQTT is taken, so (\d+) is used\."))[1] != mqtt
            url, token = (await demo.says(LINK)).groups()
            assert f"OpenFlightHub is at {url}\n" in demo.out
            assert not url.endswith(f":{http}")
            query = (await demo.says(SUBSCRIPTION))[0]
            async with httpx2.AsyncClient() as client:
                assert (await log_in(client, url, token))["data"]["loginWithToken"]["user"] == {
                    "email": "demo@localhost"
                }
                cookie = client.cookies["user-auth"]
                seen = await positions(url, cookie, query, 3)
            for position in seen:
                assert position["longitude"] == pytest.approx(9.95, abs=0.5)
                assert position["latitude"] == pytest.approx(50.5, abs=0.5)
            assert await demo.stopped() == 0
            assert "Traceback" not in demo.err
    assert list((place.folder / "tmp").iterdir()) == [], "the demo's data is gone"
    assert not (place.folder / "data").exists()


async def test_a_demo_keeps_to_itself_whatever_is_configured_for_a_hub(place: Place) -> None:
    services = {
        "OFH_DATABASE_URL": f"postgresql://hub:secret@127.0.0.1:{free_port()}/hub",
        "OFH_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "OFH_MQTT_URL": f"mqtt://hub:secret@127.0.0.1:{free_port()}",
        "OFH_SECRET_KEY": "s" * 40,
        "OFH_WORKERS": "2",
    }
    async with place.running("demo", "--drones", "1", **services) as demo:
        await demo.says(LINK)
        assert await demo.stopped(signal.SIGINT) == 0


async def test_a_demo_with_a_folder_can_be_started_again(place: Place) -> None:
    words = ("demo", "--drones", "1", "--data", str(place.folder / "kept"))
    links = []
    for _ in range(2):
        async with place.running(*words) as demo:
            links.append((await demo.says(LINK))[2])
            assert await demo.stopped() == 0
            assert "Traceback" not in demo.err
    assert links[0] != links[1]
    listed = (await place.ofh("connection", "list", "--json", "--data", str(place.folder / "kept"))).answer
    assert [row["name"] for row in listed["connections"]] == ["Controller 1"]


async def test_a_demo_with_photos_shows_them_as_media(place: Place) -> None:
    words = ("demo", "--photos", "--drones", "2", "--speed", "15", "--port", str(free_port()))
    async with place.running(*words, "--mqtt-port", str(free_port())) as demo:
        url, token = (await demo.says(LINK)).groups()
        query = (await demo.says(PHOTOS))[0]
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            await log_in(client, url, token)
            headers = {"cookie": f"user-auth={client.cookies['user-auth']}", "origin": url}
            found: list[dict[str, Any]] = []
            async with asyncio.timeout(2 * PATIENCE_S):
                while not found:
                    answer = await client.post(f"{url}/graphql", json={"query": query}, headers=headers)
                    assert "errors" not in answer.json(), answer.text
                    found = answer.json()["data"]["workspace"]["media"]["edges"]
                    await asyncio.sleep(0.2)
            photo = found[0]["node"]
            content = (await client.get(photo["file"]["url"], headers=headers)).raise_for_status().content
        assert photo["fileName"].startswith("DJI_20")
        assert content.startswith(b"\xff\xd8\xff")
        assert await demo.stopped() == 0
        assert "Traceback" not in demo.err
