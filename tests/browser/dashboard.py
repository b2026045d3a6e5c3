"""The dashboard in a real Chromium, and a hub that can be killed and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.services import free_port, program

HOST = "127.0.0.1"
PATIENCE_S = 60
LINK = re.compile(r"http://\S+/#login=[\w-]{20,}")


class Hub:
    """`ofh serve` on ports and data of its own, and `ofh simulate` beside it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.url = f"http://{HOST}:{free_port()}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OFH_")}
        self.environment = {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "OFH_DATA": str(folder / "data"),
            "OFH_PORT": self.url.rpartition(":")[2],
            "OFH_MQTT_PORT": str(free_port()),
            "OFH_PUBLIC_URL": self.url,
            "OFH_ARGON2_MEMORY_KIB": "19456",
            **settings,
        }
        self._log = folder / "hub.log"
        self._fleets: list[subprocess.Popen[bytes]] = []
        self._hub: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._hub = self._run(log, "serve")
        self.says(r"OpenFlightHub is at")

    def kill(self) -> None:
        """As a loss of power does it."""
        assert self._hub is not None
        self._hub.send_signal(signal.SIGKILL)
        self._hub.wait(PATIENCE_S)
        self._log.unlink()

    def fly(self, connection_id: str, secret: str, *, drones: int, photos: bool = False, speed: float = 1) -> None:
        """Have aircraft report from now on, over any loss of the hub, and take photos where wanted."""
        words = ["simulate", "--url", self.url, "--connection-id", connection_id]
        words += [
            "--mqtt-url",
            f"mqtt://{HOST}:{self.environment['OFH_MQTT_PORT']}",
            "--drones",
            str(drones),
            "--rate",
            "2",
            "--speed",
            str(speed),
        ]
        words += ["--photos"] * photos
        with (self.folder / "fleet.log").open("ab") as log:
            self._fleets.append(self._run(log, *words, OFH_CONNECTION_SECRET=secret))

    def ofh(self, *words: str) -> dict[str, Any]:
        """Run `ofh … --json`; the object it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "ofh.cli.main", *words, "--json"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            timeout=PATIENCE_S,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def says(self, pattern: str | re.Pattern[str]) -> str:
        """Wait until its log matches."""
        until = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, text := self._log.read_text() if self._log.exists() else "")) is None:
            assert time.monotonic() < until, text
            assert self._hub is not None
            assert self._hub.poll() is None, text
            time.sleep(0.05)
        return found[0]

    def stop(self) -> None:
        for process in [*self._fleets, self._hub]:
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_S)

    def _run(self, log: Any, *words: str, **more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ofh.cli.main", *words],
            env={**self.environment, **more},
            cwd=self.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


class Page:
    """A browser's page; what cannot be done in time is an AssertionError with what it shows."""

    def __init__(self, client: Path, chromium: str) -> None:
        self._process = subprocess.Popen(
            [program("node"), "drive.mjs", chromium],
            cwd=client,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, name: str, *needs: Any) -> Any:
        """One of the actions of `drive.mjs`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *needs]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser has died"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, f"{answer['error']}\n\nThe page shows:\n{answer['page']}"
        return answer["value"]

    def send(self, query: str, **variables: Any) -> Any:
        """Send it to the hub's GraphQL, as whoever is logged in; the answer."""
        body = json.dumps(json.dumps({"query": query, "variables": variables}))
        asked = f"{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {body}}}"
        return self.do("run", f"fetch('/graphql', {asked}).then((answer) => answer.json())")

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of what the hub must not refuse."""
        answer = self.send(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)


@contextmanager
def hub(folder: Path, **settings: str) -> Iterator[Hub]:
    """A hub that runs."""
    made = Hub(folder, **settings)
    try:
        made.start()
        yield made
    finally:
        made.stop()
