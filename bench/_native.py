"""The two programs in C, the load and the limit, compiled where they are needed. No benchmark, hence the underscore."""

import json
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "native"
SLOT_S = 0.01
"""Events of one slot come together."""


def clock() -> float:
    """The monotonic clock's seconds modulo 1,000, to microseconds: what messages carry as their height."""
    return round(time.monotonic() % 1_000, 6)


def due_s(number: int, rate: float) -> float:
    """When an event comes, seconds after the first: all that falls into a hundredth of a second, at its beginning."""
    return math.floor(number / rate / SLOT_S) * SLOT_S


@contextmanager
def compiled(*names: str) -> Iterator[dict[str, Path]]:
    """Programs of bench/native, in a folder that goes again."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit(
            "The load and the limit are written in C: install a compiler (Debian: apt-get install gcc libc6-dev)."
        )
    with tempfile.TemporaryDirectory() as folder:
        made = {name: Path(folder) / name for name in names}
        for name, path in made.items():
            subprocess.run([compiler, "-O2", "-o", path, FOLDER / f"{name}.c", "-lm"], check=True)
        yield made


class Subscribers:
    """Sockets that subscribe and count, in a process of their own."""

    def __init__(self, process: "subprocess.Popen[str]", live: int, failed: int, took_s: float) -> None:
        self._process = process
        self.live = live
        self.failed = failed
        self.took_s = took_s
        """From the first connect until all had sent their subscription."""

    def stat(self) -> dict[str, Any]:
        """What was counted since the last `reset`."""
        return self._ask("stat")

    def reset(self) -> None:
        """Count anew."""
        self._ask("reset")

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def until(self, name: str, number: int, within_s: float) -> bool:
        """Wait until a figure of `stat` has come so far; whether it has."""
        end = time.monotonic() + within_s
        while self.stat()[name] < number:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def subscribers(
    program: Path,
    port: int,
    messages: Sequence[str],
    *,
    headers: Sequence[str] = (),
    per_second: float = 0,
    sample_every: int = 10,
    mark: str | None = None,
) -> Iterator[Subscribers]:
    """A socket for each of the `subscribe` messages, once all have sent theirs.

    Args:
        per_second: how many begin in a second; 0: as fast as they are answered.
        sample_every: of which sockets the messages' ages are taken.
        mark: see `bench/native/subscribers.c`.
    """
    words = [str(program), str(port), str(sample_every), *([mark] if mark else [])]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        began = time.monotonic()
        process.stdin.write(
            "\t".join(headers) + f"\n{len(messages)} {per_second}\n" + "".join(f"{m}\n" for m in messages)
        )
        process.stdin.flush()
        _, live, failed = process.stdout.readline().split()
        yield Subscribers(process, int(live), int(failed), time.monotonic() - began)
    finally:
        process.kill()
        process.wait()
