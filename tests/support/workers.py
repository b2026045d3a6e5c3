"""Several hub processes: the workers of one `ofh serve`, and what the broker keeps for each process."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from ofh.backends.mqtt_link import Endpoint, Link
from tests.support.hubs import PATIENCE_S
from tests.support.services import Mosquitto


def workers(parent: int) -> set[int]:
    """The hub processes that a supervisor has started and that live."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, father = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(father) == parent and state != "Z" and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def gone(pids: set[int]) -> None:
    """Wait until none of them lives."""
    async with asyncio.timeout(PATIENCE_S):
        while any(lives(pid) for pid in pids):
            await asyncio.sleep(0.05)


async def two(parent: int, *, but: frozenset[int] = frozenset()) -> set[int]:
    """The two workers, as soon as there are two, not counting those given."""
    async with asyncio.timeout(PATIENCE_S):
        while len(found := workers(parent) - but) != 2:
            await asyncio.sleep(0.05)
    return found


def kill_all(pids: set[int]) -> None:
    """As the kernel would."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def keeps_session(broker: Mosquitto, client_id: str) -> bool:
    """Whether the broker has a session of this name; who asks must not be wrong about its owner's being gone, since it
    is cut off, and its session ended.
    """
    endpoint = Endpoint.parse(
        broker.hub_url, ca_file=None, client_id=client_id, session_expiry_s=0, window=1, queue=1, timeout_s=PATIENCE_S
    )
    link = Link(endpoint, lambda *_: None)
    try:
        return await link.open()
    finally:
        link.close()
