"""The storage of a whole hub: grants that hold wherever the hub's secret is, flat memory, and the way to a bucket."""

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx2
from botocore.config import Config  # type: ignore[import-untyped]

from ofh.choices import object_store
from ofh.keys import signing_key
from ofh.services.grants import BUCKET, REGION, Endpoint, Grants, UploadGrant
from ofh.settings import load
from tests.support.hubs import PATIENCE_S, HubProcess, Way, base_environment, hub_process
from tests.support.s3 import S3Server

MIB = 1024 * 1024
WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def hub(folder: Path, **settings: str) -> Any:
    way = Way("embedded", {**base_environment(folder), "OFH_MQTT_PORT": "0"}, 0, folder)
    async with hub_process(way, **settings) as started:
        yield started


async def granted(started: HubProcess) -> UploadGrant:
    """A grant made by another process that has the hub's secret, as a second hub process would."""
    folder = started.way.data
    grants = Grants(
        key=signing_key(load(data=folder), "uploads"),
        endpoint=Endpoint(url=started.url, bucket=BUCKET, region=REGION, provider="minio"),
        roles=None,
        clock=clock,
    )
    return await grants.grant(WORKSPACE, 1)


def client(started: HubProcess, grant: UploadGrant) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=started.url,
        region_name=grant.endpoint.region,
        aws_access_key_id=grant.access_key_id,
        aws_secret_access_key=grant.access_key_secret,
        aws_session_token=grant.security_token,
        config=Config(
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            request_checksum_calculation="when_required",
            retries={"max_attempts": 1},
            read_timeout=PATIENCE_S,
        ),
    )


@contextmanager
def sparse(path: Path, size: int) -> Iterator[io.BufferedReader]:
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as read:
        yield read


def peak_mib(started: HubProcess) -> float:
    """Resident memory at most, so far."""
    status = Path(f"/proc/{started.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def test_a_grant_outlives_the_hub_and_its_objects_too(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    async with hub(tmp_path) as first:
        grant = await granted(first)
        key = f"{grant.object_key_prefix}/photo.jpg"
        await asyncio.to_thread(client(first, grant).put_object, Bucket=BUCKET, Key=key, Body=content)
        first.kill()
        await first.process.wait()
    async with hub(tmp_path) as second:
        again = client(second, grant)
        assert (await asyncio.to_thread(again.head_object, Bucket=BUCKET, Key=key))["ContentLength"] == len(content)
        await asyncio.to_thread(again.put_object, Bucket=BUCKET, Key=f"{key}.2", Body=content)
        async with httpx2.AsyncClient() as asking:
            metrics = (await asking.get(f"{second.url}/metrics")).text
        assert 'ofh_upload_events_total{event="objects"} 1.0' in metrics
        assert "ofh_storage_almost_full" in metrics


async def test_memory_does_not_grow_with_what_is_uploaded(tmp_path: Path) -> None:
    async with hub(tmp_path) as started:
        grant = await granted(started)
        s3 = client(started, grant)

        def put(name: str, size: int) -> None:
            with sparse(tmp_path / "sparse", size) as body:
                s3.put_object(Bucket=BUCKET, Key=f"{grant.object_key_prefix}/{name}", Body=body)

        await asyncio.to_thread(put, "small.mp4", 8 * MIB)
        before = peak_mib(started)
        await asyncio.to_thread(put, "large.mp4", 256 * MIB)
        assert peak_mib(started) - before < 8


async def test_a_hub_before_a_bucket_stores_there(tmp_path: Path, s3_server: S3Server) -> None:
    bucket, content = s3_server.new_bucket(), os.urandom(1_000_000)
    url = s3_server.url(bucket)
    async with hub(tmp_path, OFH_STORAGE_URL=url) as started:
        grant = await granted(started)
        key = f"{grant.object_key_prefix}/photo.jpg"
        await asyncio.to_thread(client(started, grant).put_object, Bucket=BUCKET, Key=key, Body=content)
        log = started.log.read_text()
    assert s3_server.secret not in log
    stored = s3_server.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    assert stored == content
    assert list((tmp_path / "incoming").iterdir()) == []
    store = object_store(load(data=tmp_path, storage_url=url))
    assert b"".join([piece async for piece in store.read(key)]) == content
    await store.stop()
