"""A real hub, started as anybody would start one. Knows its commands and its wires alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.support.ports import free_port

PATIENCE_S = 180.0
HOST = "127.0.0.1"
NO_LIMITS = dict.fromkeys(
    [
        "OFH_SESSION_REQUESTS_PER_S",
        "OFH_SESSION_REQUESTS_BURST",
        "OFH_ADDRESS_REQUESTS_PER_S",
        "OFH_ADDRESS_REQUESTS_BURST",
    ],
    "1000000",
)
"""Limits of rate are tried elsewhere; here they would only hide other answers."""


@dataclass
class Hub:
    """A running hub."""

    url: str
    mqtt_port: int
    data: Path
    environment: dict[str, str] = field(repr=False)
    process: subprocess.Popen[bytes]

    @property
    def socket_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    def log(self) -> str:
        return (self.data / "hub.log").read_text(errors="replace")

    def ofh(self, *words: str) -> dict[str, Any]:
        """Run `ofh … --json`; the object it prints."""
        found: dict[str, Any] = json.loads(_run(self.environment, *words, "--json"))
        return found

    def document(self, name: str) -> dict[str, Any]:
        """A contract, as the hub serves it."""
        answer = httpx2.get(f"{self.url}/api/{name}", timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def running(data: Path, *, ports: tuple[int, int] | None = None, **settings: str) -> Iterator[Hub]:
    """A hub that is ready; stopped at the end.

    Args:
        ports: of HTTP and MQTT, for one that comes back where it was.
    """
    port, mqtt_port = ports or (free_port(), free_port())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OFH_")}
    environment = {
        **kept,
        "OFH_DATA": str(data),
        "OFH_PORT": str(port),
        "OFH_MQTT_PORT": str(mqtt_port),
        "OFH_PUBLIC_URL": f"http://{HOST}:{port}",
        "OFH_ARGON2_MEMORY_KIB": "19456",
        **NO_LIMITS,
        **settings,
    }
    data.mkdir(parents=True, exist_ok=True)
    with (data / "hub.log").open("ab") as log:
        command = [sys.executable, "-m", "ofh.cli.main", "serve"]
        process = subprocess.Popen(command, env=environment, cwd=data, stdout=log, stderr=log)
    hub = Hub(f"http://{HOST}:{port}", mqtt_port, data, environment, process)
    try:
        until = time.monotonic() + PATIENCE_S
        while not _is_ready(hub.url):
            assert process.poll() is None, hub.log()
            assert time.monotonic() < until, hub.log()
            time.sleep(0.05)
        yield hub
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def _run(environment: dict[str, str], *words: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "ofh.cli.main", *words],
        env=environment,
        cwd=environment["OFH_DATA"],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
