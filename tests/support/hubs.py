"""Real hub processes and the real clients around them: what a user would start, started by a test."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.support.services import free_port, program

PATIENCE_S = 60
CLIENTS = Path(__file__).parents[2] / "compat" / "clients" / "graphql"


@dataclass
class Way:
    """One of the two ways to run: the settings that choose the backends, and where devices connect."""

    name: str
    environment: dict[str, str]
    mqtt_port: int
    data: Path

    async def ofh(self, *words: str, text: str | None = None) -> dict[str, Any]:
        """Run `ofh … --json` and return the object it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ofh.cli.main",
            *words,
            "--json",
            env=self.environment,
            cwd=self.data,  # where no `.env` of a developer is
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(text.encode() if text else None)
        assert process.returncode == 0, err.decode()
        found: dict[str, Any] = json.loads(out)
        return found


@dataclass
class HubProcess:
    """A running `ofh serve`."""

    way: Way
    port: int
    process: asyncio.subprocess.Process
    log: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def kill(self) -> None:
        """As the kernel would: at once, with nothing said."""
        self.process.send_signal(signal.SIGKILL)

    async def graphql(self, token: str | None, query: str, **variables: Any) -> dict[str, Any]:
        """One operation over HTTP; the whole answer."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient() as client:
            answer = await client.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                headers=headers,
                timeout=PATIENCE_S,
            )
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def hub_process(way: Way, *, port: int | None = None, **settings: str) -> AsyncIterator[HubProcess]:
    """A hub that is ready; killed at the end where it still runs."""
    port = port or free_port()
    environment = {**way.environment, "OFH_PORT": str(port), "OFH_LOG_LEVEL": "info", **settings}
    log = way.data / f"hub-{port}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ofh.cli.main", "serve", env=environment, cwd=way.data, stdout=output, stderr=output
        )
    hub = HubProcess(way, port, process, log, environment)
    try:
        await _ready(hub)
        yield hub
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(hub: HubProcess) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient() as client:
        while True:
            assert hub.process.returncode is None, hub.log.read_text()
            try:
                if (await client.get(f"{hub.url}/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


def base_environment(data: Path) -> dict[str, str]:
    """This process's environment without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OFH_")}
    return {**kept, "OFH_DATA": str(data), "OFH_ARGON2_MEMORY_KIB": "19456"}


async def mosquitto_pub(way: Way, username: str, password: str, topic: str, payload: Any) -> int:
    """Publish with Mosquitto's own client at QoS 1; its exit code."""
    process = await asyncio.create_subprocess_exec(
        program("mosquitto_pub"),
        *("-h", "127.0.0.1", "-p", str(way.mqtt_port), "-u", username, "-P", password, "-q", "1", "-t", topic),
        *("-m", payload if isinstance(payload, str) else json.dumps(payload)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(PATIENCE_S):
        return await process.wait()


class Subscriber:
    """The npm client `graphql-ws`, reading one subscription."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> dict[str, Any]:
        """The next thing that it says."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            text = await self._process.stdout.readline()
        assert text, "the client has ended"
        found: dict[str, Any] = json.loads(text)
        return found


@asynccontextmanager
async def subscriber(hub: HubProcess, token: str, query: str, **variables: Any) -> AsyncIterator[Subscriber]:
    """A connected `graphql-ws` client with one subscription; `make` or CI has installed its packages."""
    process = await asyncio.create_subprocess_exec(
        program("node"),
        *("subscribe.mjs", hub.socket_url, token, query, json.dumps(variables), "1000"),
        cwd=CLIENTS,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    reading = Subscriber(process)
    try:
        assert await reading.line() == {"starting": True}
        yield reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
