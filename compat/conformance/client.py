"""The published TypeScript client in a Chromium: what it is told to do, and what comes of it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.npm import install
from tests.support.services import program

FOLDER = Path(__file__).resolve().parents[1] / "clients" / "typescript"


class Client:
    """A page with the client in it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, what: str, **more: Any) -> Any:
        """One thing; see `play.mjs`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver has died"
        answer = json.loads(line)
        assert "error" not in answer, (what, more, answer)
        return answer["is"]

    def call(self, name: str, data: Any = None, file: dict[str, str] | None = None, **params: Any) -> Any:
        """One REST call that has to work."""
        answer = self.tried(name, data, file, **params)
        assert "ok" in answer, (name, answer)
        return answer["ok"]

    def tried(self, name: str, data: Any = None, file: dict[str, str] | None = None, **params: Any) -> Any:
        """One REST call: `{"ok": …}` or `{"refused": …}`."""
        config = {"params": params} | ({"data": data} if data is not None else {})
        return self.do("call", call=f"rest.{name}", config=config, file=file)


@contextmanager
def opened(chromium: str, url: str) -> Iterator[Client]:
    """The client, on a page of a hub's origin."""
    install(FOLDER)
    command = [program("node"), "play.mjs", chromium, url]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Client(process)
        except BaseException:
            process.kill()
            raise
        process.communicate(timeout=60)
