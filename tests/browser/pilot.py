"""The Pilot page in a real Chromium with a stub of DJI's bridge, against a real hub."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import paho.mqtt.client as paho

from tests.support.services import free_port, program

PATIENCE_S = 60
HOST = "127.0.0.1"
LICENCE = {"OFH_DJI_APP_ID": "100000", "OFH_DJI_APP_KEY": "0" * 32, "OFH_DJI_APP_LICENSE": "ZXhhbXBsZQ=="}
MQTT_URL = "ssl://hub.example.org:8883"


@dataclass
class Site:
    """A running hub with one workspace and connections in it."""

    url: str
    environment: dict[str, str]
    workspace: dict[str, Any]
    log: Path

    def ofh(self, *words: str) -> dict[str, Any]:
        """Run `ofh … --json`; the object it prints."""
        return run(self.environment, *words)

    @contextmanager
    def controller(self, id: str, secret: str, *messages: tuple[str, dict[str, Any]]) -> Iterator[None]:
        """A controller at the broker that has said this, as Pilot's own client would."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.username_pw_set(id, secret)
        client.connect(HOST, int(self.environment["OFH_MQTT_PORT"]))
        client.loop_start()
        try:
            for topic, payload in messages:
                client.publish(topic, json.dumps(payload), qos=1).wait_for_publish(PATIENCE_S)
            yield
        finally:
            client.disconnect()
            client.loop_stop()

    def connection(self) -> tuple[str, str]:
        """The id and the secret of a new connection: what one scenario breaks is no other's."""
        made = self.ofh("connection", "create", str(self.workspace["id"]), "RC Plus")
        return made["connection_id"], made["secret"]


def run(environment: dict[str, str], *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "ofh.cli.main", *words, "--json"],
        env=environment,
        cwd=environment["OFH_DATA"],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def site(folder: Path, **settings: str) -> Iterator[Site]:
    """A hub of its own, with a licence unless the settings say otherwise."""
    port, mqtt_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OFH_")}
    environment = {
        **kept,
        "OFH_DATA": str(folder),
        "OFH_PORT": str(port),
        "OFH_MQTT_PORT": str(mqtt_port),
        "OFH_ARGON2_MEMORY_KIB": "19456",
        "OFH_PUBLIC_URL": f"http://{HOST}:{port}",
        "OFH_PUBLIC_MQTT_URL": MQTT_URL,
        "OFH_ADDRESS_REQUESTS_PER_S": "1000",
        "OFH_ADDRESS_REQUESTS_BURST": "1000",
        **LICENCE,
        **settings,
    }
    folder.mkdir(exist_ok=True)
    run(environment, "user", "create", "olga@example.org")
    workspace = run(environment, "workspace", "create", "Mountain rescue", "--owner", "olga@example.org")
    log = folder / "hub.log"
    with log.open("wb") as kept_log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ofh.cli.main", "serve"],
            env=environment,
            cwd=folder,
            stdout=kept_log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://{HOST}:{port}"
            until = time.monotonic() + PATIENCE_S
            while not is_ready(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
            yield Site(url, environment, workspace, log)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


class Driver:
    """A Chromium that plays one scenario after another."""

    def __init__(self, client: Path, chromium: str) -> None:
        self._process = subprocess.Popen(
            [program("node"), "pilot.mjs", chromium],
            cwd=client,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def play(self, url: str, *actions: list[Any], bridge: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What the page did."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        scenario = {"url": url, "bridge": bridge, "actions": actions, **more}
        self._process.stdin.write(json.dumps(scenario) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver has died"
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)
