"""The stores that fulfil the port, and files to put into them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ofh.backends.objects_local import LocalStore
from ofh.backends.objects_s3 import S3Store
from ofh.backends.ports import ObjectStore
from ofh.domain.s3_place import S3Place
from tests.support.s3 import REGION, S3Server

MakeFile = Callable[[bytes], Path]


def clock() -> datetime:
    return datetime.now(UTC)


def place(server: S3Server, bucket: str, *, secret: str | None = None) -> S3Place:
    return S3Place(
        bucket=bucket,
        region=REGION,
        endpoint=server.endpoint,
        access_key_id=server.access_key_id,
        secret=secret or server.secret,
        style="path",
    )


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    made: ObjectStore
    if request.param == "folder":
        made = LocalStore(tmp_path / "objects", clock)
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        made = S3Store(place(server, server.new_bucket()), clock)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def file(tmp_path: Path) -> MakeFile:
    numbers = iter(range(10_000))

    def make(content: bytes) -> Path:
        path = tmp_path / f"file-{next(numbers)}"
        path.write_bytes(content)
        return path

    return make
