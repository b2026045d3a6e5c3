"""The command as a user runs it: a process of its own, with its words, its exit code, and nothing of this machine's."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.hubs import PATIENCE_S

LINK = re.compile(r"(http://\S+)/#login=([\w-]{20,})")


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object of standard output; nothing else may stand there."""
        assert (self.code, self.out.count("\n")) == (0, 1), self
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Place:
    """Where commands run: a working directory, settings, and temporary files of their own."""

    folder: Path
    settings: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OFH_")}
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        ours = {"OFH_DATA": str(self.folder / "data"), "OFH_ARGON2_MEMORY_KIB": "19456", "PYTHONUNBUFFERED": "1"}
        return {**kept, **ours, "TMPDIR": str(temporary), **self.settings}

    async def start(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ofh.cli.main", *words),
            cwd=self.folder,
            env={**self.environment, **settings},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def ofh(self, *words: str, text: str | None = None, **settings: str) -> Ended:
        """Run a command to its end."""
        process = await self.start(*words, **settings)
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, err = await process.communicate(text.encode() if text else None)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    @asynccontextmanager
    async def running(self, *words: str, **settings: str) -> AsyncIterator["Running"]:
        """A command that goes on until it is told to stop; killed at the end where it still runs."""
        process = await self.start(*words, **settings)
        running = Running(process)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await running.ended()


class Running:
    """A command at work, and all that it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out = ""
        self.err = ""
        self._said = asyncio.Condition()
        self._readers = [asyncio.create_task(self._read(name)) for name in ("out", "err")]

    async def _read(self, name: str) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        while data := await stream.read(4096):
            async with self._said:
                setattr(self, name, getattr(self, name) + data.decode())
                self._said.notify_all()
        async with self._said:
            self._said.notify_all()

    async def says(self, pattern: str | re.Pattern[str], *, number: int = 1) -> re.Match[str]:
        """Wait until its output, or else its log, matches for the n-th time."""
        wanted = re.compile(pattern)

        def found() -> list[re.Match[str]]:
            return [*wanted.finditer(self.out), *wanted.finditer(self.err)]

        async with asyncio.timeout(PATIENCE_S), self._said:
            await self._said.wait_for(lambda: len(found()) >= number or all(task.done() for task in self._readers))
        assert len(found()) >= number, f"it ended and said:\n{self.out}\n{self.err}"
        return found()[number - 1]

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._readers)
            return await self.process.wait()

    async def stopped(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(how)
        return await self.ended()


async def ready(url: str) -> None:
    """Wait until a hub answers that it is ready."""
    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


async def log_in(client: httpx2.AsyncClient, url: str, token: str) -> dict[str, Any]:
    """Log in by a link's token, as the page behind the link does; the whole answer. The client keeps the cookie."""
    query = "mutation($token: String!) { loginWithToken(token: $token) { user { email } } }"
    answer = await client.post(f"{url}/graphql", json={"query": query, "variables": {"token": token}})
    found: dict[str, Any] = answer.json()
    return found
