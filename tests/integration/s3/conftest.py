"""An endpoint before each kind of store, a grant, and other people's clients."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ofh.backends.objects_s3 import S3Store
from ofh.domain.s3_place import S3Place
from ofh.services.grants import UploadGrant
from tests.integration.s3.place import Place, running
from tests.support.npm import install, one_at_a_time
from tests.support.s3 import REGION, S3Server
from tests.support.services import missing

CLIENTS = Path(__file__).parents[3] / "compat" / "clients" / "s3"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An endpoint before a folder."""
    with running(tmp_path / "data") as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An endpoint before a folder, and one before a bucket of a server that checks signatures."""
    if request.param == "folder":
        with running(tmp_path / "data") as started:
            yield started
        return
    server: S3Server = request.getfixturevalue("s3_server")
    behind = S3Place(
        bucket=server.new_bucket(),
        region=REGION,
        endpoint=server.endpoint,
        access_key_id=server.access_key_id,
        secret=server.secret,
        style="path",
    )
    with running(tmp_path / "data", store=S3Store(behind, lambda: datetime.now(UTC))) as started:
        yield started


@pytest.fixture
def grant(place: Place) -> UploadGrant:
    return place.grant()


@pytest.fixture(scope="session")
def npm_clients() -> Path:
    """The npm packages of `compat/clients/s3`, installed from its lock."""
    install(CLIENTS)
    return CLIENTS


@pytest.fixture(scope="session")
def aws_cli() -> Path:
    """The AWS command line in an environment of its own, made where it is missing."""
    command = CLIENTS / ".venv" / "bin" / "aws"
    with one_at_a_time(CLIENTS):
        if not command.exists():
            folder = CLIENTS / ".venv"
            made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=False)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
            if made.returncode or subprocess.run(pip, cwd=CLIENTS, capture_output=True, check=False).returncode:
                missing("the AWS command line (compat/clients/s3/requirements.txt)")
    return command
