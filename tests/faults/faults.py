"""What can go wrong, each as a context: as long as it lasts, something is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.faults.scene import Fault, Scene
from tests.support.faults import held, kill_all, until
from tests.support.services import postgres_answers

Strike = Callable[[Scene], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def hub_killed(scene: Scene) -> AsyncIterator[None]:
    """kill -9; it is started again at once."""
    await scene.posts[0].kill()
    yield
    scene.mended()
    await scene.posts[0].start()


@asynccontextmanager
async def hub_stopped(scene: Scene) -> AsyncIterator[None]:
    """SIGTERM; it is started again at once."""
    await scene.posts[0].stop()
    yield
    scene.mended()
    await scene.posts[0].start()


def server_killed(backend: str) -> Strike:
    """kill -9 of a server and of all that it has started."""

    @asynccontextmanager
    async def strike(scene: Scene) -> AsyncIterator[None]:
        daemon = scene.place.daemons[backend]
        kill_all(daemon)
        await named(scene, backend)
        yield
        scene.mended()
        await asyncio.to_thread(daemon.start)
        if backend == "database":
            await postgres_answers(scene.place.way.environment["OFH_DATABASE_URL"])

    return strike


@asynccontextmanager
async def database_paused(scene: Scene) -> AsyncIterator[None]:
    """SIGSTOP of PostgreSQL with all its processes."""
    with held(scene.place.daemons["database"]):
        if scene.sizes.is_short:
            await asyncio.sleep(1)
        else:
            await named(scene, "database")
        yield
    scene.mended()


@asynccontextmanager
async def disk_full(scene: Scene) -> AsyncIterator[None]:
    """No byte is left where the database lies."""
    disk = scene.place.disk
    assert disk is not None
    disk.fill()
    await named(scene, "database")
    yield
    scene.mended()
    disk.relieve()
    daemon = scene.place.daemons.get("database")
    if daemon is not None and (daemon.process is None or daemon.process.poll() is not None):
        await asyncio.to_thread(daemon.start)  # it has given up, as PostgreSQL does that cannot write its log


async def named(scene: Scene, backend: str) -> None:
    """Every process says on /readyz that it is away; it stays so for a while."""
    await until(lambda: all(backend in post.named for post in scene.posts), f"/readyz to name {backend}")
    await asyncio.sleep(scene.sizes.away_s)


SERVICES = ("services",)
FAULTS = [
    Fault("hub killed", hub_killed),
    Fault("hub stopped", hub_stopped),
    Fault("PostgreSQL killed", server_killed("database"), SERVICES),
    Fault("Redis killed", server_killed("bus"), SERVICES),
    Fault("PostgreSQL paused", database_paused, SERVICES),
    Fault("disk full", disk_full, needs_disk=True),
    Fault("Mosquitto killed", server_killed("broker"), SERVICES, is_lossy=True),
]
