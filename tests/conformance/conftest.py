"""One real embedded hub for all attacks on it, with two workspaces that must not know of each other."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ofh.domain.actors import Actor
from ofh.people import AccountServices
from ofh.settings import load
from ofh.store.database import Database
from tests.support.hubs import base_environment
from tests.support.services import free_port, in_thread

PATIENCE_S = 60.0


@dataclass
class Party:
    """Somebody with a workspace, a connection and an access token."""

    user: str
    email: str
    workspace: str
    uuid: str
    token: str
    connection: str
    account: str
    secret: str


@dataclass
class Town:
    """A running hub and the people around it."""

    port: int
    mqtt_port: int
    data: Path
    environment: dict[str, str] = field(repr=False)
    process: subprocess.Popen[bytes]
    log_path: Path
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=PATIENCE_S))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def ofh(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "ofh.cli.main", *words, "--json"],
            env=self.environment,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def post(self, body: Any, token: str | None = None, **headers: str) -> httpx2.Response:
        """A request with this body: bytes as they are, anything else as JSON."""
        given = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.cookies.clear()  # who has logged in once is a stranger again
        return self.client.post(f"{self.url}/graphql", content=content, headers=given)

    def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """One operation; the whole answer."""
        found: dict[str, Any] = self.post({"query": query, "variables": variables}, token).json()
        return found

    def user(self, email: str) -> tuple[str, str, str]:
        """A new account, made in the database as the command line does: its id, an access token, a log-in token."""
        found: tuple[str, str, str] = in_thread(_user(self.data, email))
        return found

    def party(self, email: str) -> Party:
        user, token, _ = self.user(email)
        workspace = self.ask('mutation{createWorkspace(name:"Field"){id uuid}}', token)["data"]["createWorkspace"]
        create = 'mutation($w:ID!){createConnection(workspaceId:$w,name:"RC"){connection{id} connectionId secret}}'
        connection = self.ask(create, token, w=workspace["id"])["data"]["createConnection"]
        return Party(
            user=user,
            email=email,
            workspace=workspace["id"],
            uuid=workspace["uuid"],
            token=token,
            connection=connection["connection"]["id"],
            account=connection["connectionId"],
            secret=connection["secret"],
        )

    def metric(self, name: str) -> float:
        for line in self.client.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise LookupError(name)


async def _user(data: Path, email: str) -> tuple[str, str, str]:
    settings = load(data=data)
    database = Database(settings.database)
    await database.open()
    try:
        services = AccountServices(settings, database, public_url="http://localhost")
        user = await services.accounts.create_user(email)
        actor = Actor(user_id=user.id, credential="cli", credential_id=0)
        _, token = await services.access_tokens.create(actor, "test")
        return str(user.id), token, await services.sessions.issue_login_token(user.id)
    finally:
        await database.close()


def start(data: Path, **settings: str) -> Town:
    """Start a hub; its limits of rate are out of the way unless the settings say otherwise."""
    port, mqtt_port = free_port(), free_port()
    environment = {
        **base_environment(data),
        "OFH_PORT": str(port),
        "OFH_MQTT_PORT": str(mqtt_port),
        "OFH_LOG_LEVEL": "debug",
        "OFH_SESSION_REQUESTS_PER_S": "100000",
        "OFH_SESSION_REQUESTS_BURST": "100000",
        "OFH_ADDRESS_REQUESTS_PER_S": "100000",
        "OFH_ADDRESS_REQUESTS_BURST": "100000",
        **settings,
    }
    log_path = data / "hub.log"
    data.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ofh.cli.main", "serve"], env=environment, stdout=output, stderr=output
        )
    town = Town(port, mqtt_port, data, environment, process, log_path)
    until = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, town.log()
        assert time.monotonic() < until, town.log()
        try:
            if town.client.get(f"{town.url}/readyz").status_code == 200:
                return town
        except httpx2.TransportError:
            pass
        time.sleep(0.05)


def stop(town: Town) -> None:
    town.client.close()
    if town.process.poll() is None:
        town.process.send_signal(signal.SIGTERM)
        try:
            town.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            town.process.kill()
            town.process.wait()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The hub that all tests of this folder attack. It has to be alive and without a fault at the end."""
    running = start(tmp_path_factory.mktemp("town"))
    try:
        yield running
        assert running.process.poll() is None, running.log()
        assert running.client.get(f"{running.url}/healthz").status_code == 200
        assert "Traceback" not in running.log()
    finally:
        stop(running)


@pytest.fixture(scope="session")
def us(town: Town) -> Party:
    """Whose data is attacked."""
    return town.party("us@example.org")


@pytest.fixture(scope="session")
def them(town: Town) -> Party:
    """A real, logged-in user of another workspace."""
    return town.party("them@example.org")


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Town]:
    """A hub of the test's own: what is locked there stays locked."""
    running = start(tmp_path / "hub")
    yield running
    stop(running)
