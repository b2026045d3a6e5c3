"""Several hub processes: the workers of one `ofh serve`, and what the broker keeps for each process."""

import asyncio
import contextlib
import os
import random
import signal
import time
from pathlib import Path

from ofh.backends.mqtt_link import Endpoint, Link
from tests.support.faults import faults_in
from tests.support.hubs import PATIENCE_S, HubProcess, Way, hub_process
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


async def come_and_go(way: Way, chance: random.Random, name: str, *, until: float, **settings: str) -> list[str]:
    """Run one hub process after the other until the moment on the monotonic clock. Each is stopped or killed after some
    seconds; some come back under the same name, and of the others nobody hears again.

    Returns:
        What was done to whom.
    """
    done: list[str] = []
    number = 0
    while time.monotonic() < until:
        async with hub_process(way, port=None, OFH_MQTT_CLIENT_ID=f"{name}{number}", **settings) as hub:
            await asyncio.sleep(chance.uniform(0, 4))
            if chance.random() < 0.5:
                hub.kill()
                await hub.process.wait()
                done.append(f"{name}{number} killed")
            else:
                hub.process.terminate()
                assert await hub.process.wait() == 0
                done.append(f"{name}{number} stopped")
            assert not faults_in(hub), faults_in(hub)[0]
        number += chance.randint(0, 1)
        await asyncio.sleep(chance.uniform(0, 5))
    return done


async def replace_and_kill(hub: HubProcess, chance: random.Random, *, until: float) -> list[str]:
    """Replace the workers of a hub, or kill one of them, every few seconds until the moment on the monotonic clock.

    Returns:
        What was done.
    """
    done: list[str] = []
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(3, 10))
        found = sorted(workers(hub.process.pid))
        if found and chance.random() < 0.5:
            os.kill(chance.choice(found), signal.SIGKILL)
            done.append("a worker killed")
        else:
            hub.process.send_signal(signal.SIGHUP)
            done.append("all replaced")
    return done
