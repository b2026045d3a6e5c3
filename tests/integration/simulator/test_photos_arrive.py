"""The simulator against real hubs: what aircraft photograph is there as media of the right flight, each file once."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from PIL import Image

from ofh.simulator import chaos as luck
from ofh.simulator import uploads
from ofh.simulator.accounts import Account
from ofh.simulator.aircraft import Aircraft
from ofh.simulator.chaos import Chaos
from ofh.simulator.errors import SimulatorError
from ofh.simulator.payload import Shot
from ofh.simulator.photos import Photo
from ofh.simulator.run import log_in_all, run_fleet
from ofh.simulator.stats import Stats
from tests.support.faults import Crew, answer, crew
from tests.support.hubs import HubProcess, Way, base_environment, hub_process
from tests.support.s3 import run_s3
from tests.support.services import free_port

PATIENCE_S = 240.0
SPEED = 12.0
SHOTS = 16
MEDIA = """
query Media($workspace: ID!, $after: String) {
  workspace(id: $workspace) {
    media(first: 40, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      edges { node {
        fileName type lens folder capturedAt camera { longitude latitude } drone { id serialNumber }
        flight { id startedAt endedAt drone { id } } group { id fileCount completedAt } file { size contentType url }
      } }
    }
  }
}
"""


@pytest.fixture
def way(tmp_path: Path) -> Way:
    """All in one process, with the requests of many controllers from one address."""
    port = free_port()
    environment = {
        **base_environment(tmp_path),
        "OFH_MQTT_PORT": str(port),
        "OFH_SESSION_REQUESTS_PER_S": "1000",
        "OFH_SESSION_REQUESTS_BURST": "10000",
    }
    return Way("embedded", environment, port, tmp_path)


@pytest.fixture(autouse=True)
def few_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cameras stop after some shots, so that a moment comes when all that was taken is uploaded; and repetitions
    come soon."""
    monkeypatch.setattr(uploads, "RETRY_AFTER_S", (0.1, 0.5))
    left = {"shots": SHOTS}
    fetch = Aircraft.fetch_shots

    def some(aircraft: Aircraft) -> list[Shot]:
        shots = fetch(aircraft)[: left["shots"]]
        left["shots"] -= len(shots)
        return shots

    monkeypatch.setattr(Aircraft, "fetch_shots", some)


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that begin like a JPEG and go on with what tells them apart: where the way is tried and not the picture."""
    monkeypatch.setattr(
        Photo, "content", lambda photo: b"\xff\xd8\xff\xe0" + f"{photo.serial} {photo.name} ".encode() * 3_000
    )


async def fly(hub: HubProcess, owner: Crew, *, chaos: Chaos | None = None) -> Stats:
    """A fleet flies until every photo of its shots is uploaded, and the tasks that they belong to are told."""
    accounts = [Account(connection_id=one.public_id, secret=one.secret) for one in owner.accounts]
    found = None
    async with asyncio.timeout(PATIENCE_S):
        while found is None:
            with contextlib.suppress(SimulatorError):  # the page does not load: the pilot tries again
                found = await log_in_all(hub.environment.get("OFH_PUBLIC_URL", hub.url), accounts)
    assert found.cloud is not None
    stats, stop = Stats(), asyncio.Event()

    async def watch() -> None:
        while not (stats.photos_uploaded == stats.photos_taken >= SHOTS and stats.groups_told):
            await asyncio.sleep(0.01)
        stop.set()

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await run_fleet(
                f"mqtt://127.0.0.1:{hub.way.mqtt_port}",
                found.accounts,
                drones=len(accounts),
                rate_hz=5.0,
                seed=3,
                speed=SPEED,
                stop=stop,
                stats=stats,
                cloud=found.cloud,
                chaos=chaos,
            )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return stats


async def media_of(hub: HubProcess, owner: Crew) -> list[dict[str, Any]]:
    """All that the hub shows."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await answer(hub, owner.token, MEDIA, workspace=owner.workspace, after=after))["workspace"]["media"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found
        after = page["pageInfo"]["endCursor"]


def check(media: list[dict[str, Any]], stats: Stats) -> None:
    """Every photo once, and each on a flight of its own drone that was in the air then."""
    names = [(item["drone"]["serialNumber"], item["folder"], item["fileName"]) for item in media]
    assert len(names) == len(set(names)) == stats.photos_taken
    for item in media:
        assert item["type"] == "PHOTO"
        assert item["file"]["contentType"] == "image/jpeg"
        assert item["camera"] is not None
        flight = item["flight"]
        assert flight is not None, item
        assert flight["drone"]["id"] == item["drone"]["id"]
        taken = datetime.fromisoformat(item["capturedAt"])
        some = timedelta(minutes=2)
        assert datetime.fromisoformat(flight["startedAt"]) - some <= taken
        assert flight["endedAt"] is None or taken <= datetime.fromisoformat(flight["endedAt"]) + some
    whole = [item["group"] for item in media if item["group"] and item["group"]["completedAt"]]
    assert whole
    for group in whole:
        assert sum(1 for item in media if item["group"] and item["group"]["id"] == group["id"]) == group["fileCount"]


async def test_photos_appear_as_media_of_the_right_flight_and_are_pictures(way: Way) -> None:
    async with hub_process(way) as hub:
        owner = await crew(way, hub, controllers=2)
        stats = await fly(hub, owner)
        media = await media_of(hub, owner)
        check(media, stats)
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {owner.token}"}) as client:
            for item in media[:3]:
                content = (await client.get(item["file"]["url"])).raise_for_status().content
                assert len(content) == int(item["file"]["size"])
                with Image.open(BytesIO(content)) as picture:
                    assert picture.size in {(1280, 960), (640, 512), (1280, 1024)}
                    assert picture.getexif()[0x010F] == "DJI"
        assert stats.upload_failures == 0
        assert stats.pushes["device_osd"] > 0, "each controller sees the other's aircraft"
        assert stats.pushes["broken"] == 0
        assert stats.topologies_fetched > 0


async def test_in_chaos_every_photo_is_there_once_on_an_outside_store(
    way: Way, quick_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(luck, "LINK_LASTS_S", (6.0, 15.0))
    with run_s3() as store:
        bucket = store.new_bucket()
        async with hub_process(way, OFH_STORAGE_URL=store.url(bucket)) as hub:
            owner = await crew(way, hub, controllers=2)
            stats = await fly(hub, owner, chaos=Chaos(5, haste=10.0))
            media = await media_of(hub, owner)
            check(media, stats)
        assert stats.upload_failures > 0
        kept = store.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        assert len(kept) >= len(media)


async def test_a_proxy_that_cuts_every_connection_still_lets_every_photo_through_once(
    way: Way, quick_pictures: None
) -> None:
    port = free_port()
    async with hub_process(way, OFH_PUBLIC_URL=f"http://127.0.0.1:{port}") as hub, cutting(port, hub.port) as cuts:
        owner = await crew(way, hub, controllers=2)
        stats = await fly(hub, owner)
        media = await media_of(hub, owner)
        check(media, stats)
        assert cuts["made"] > 20
        assert stats.upload_failures > 0
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {owner.token}"}) as client:
            for item in media:
                url = item["file"]["url"].replace(f":{port}", f":{hub.port}")
                content = (await client.get(url)).raise_for_status().content
                text = f"{item['drone']['serialNumber']} {item['fileName']} ".encode()
                assert hashlib.md5(content).digest() == hashlib.md5(b"\xff\xd8\xff\xe0" + text * 3_000).digest()


@asynccontextmanager
async def cutting(port: int, to_port: int) -> AsyncIterator[dict[str, int]]:
    """A relay that breaks every connection after a random number of bytes, in either direction."""
    random, cuts = Random(7), {"made": 0}
    open_lines: set[asyncio.StreamWriter] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_lines.add(writer)
        left = [random.randint(500, 400_000)]

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(4_096):
                left[0] -= len(data)
                if left[0] < 0:
                    cuts["made"] += 1
                    raise ConnectionResetError
                sink.write(data)
                await sink.drain()

        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", to_port)
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.create_task(pass_on(reader, to_writer)), asyncio.create_task(pass_on(to_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ways:
                one.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            to_writer.transport.abort()
            open_lines.discard(writer)

    server = await asyncio.start_server(relay, "127.0.0.1", port)
    try:
        yield cuts
    finally:
        server.close()
        for line in open_lines:
            line.transport.abort()
        await server.wait_closed()
