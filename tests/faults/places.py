"""Where a scene plays: the servers behind a hub, with what they are stopped, held and filled up by.

PostgreSQL keeps what it has committed, unlike that of the other tests, and Mosquitto is configured as we ship it. Both
ways have a disk of their own where mounting is allowed.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.disk import Disk, NoDisk, disk
from tests.support.hubs import Way, base_environment
from tests.support.services import Daemon, folder_for, free_port, run_mosquitto, run_postgres, run_redis

RAISED = {
    # One connection stands for many controllers, and one person for many.
    "OFH_CONNECTION_MESSAGES_PER_S": "100000",
    "OFH_CONNECTION_BURST": "100000",
    "OFH_SESSION_REQUESTS_PER_S": "1000",
    "OFH_SESSION_REQUESTS_BURST": "10000",
    "OFH_ADDRESS_REQUESTS_PER_S": "1000",
    "OFH_ADDRESS_REQUESTS_BURST": "10000",
    "OFH_UPLOAD_RESERVE_MIB": "0",  # the disk is small
    # An aircraft that stays down for as long as this has ended its flight.
    "OFH_FLIGHT_LANDED_S": "1",
}
DISK_MIB = {"embedded": 64, "services": 384}


@dataclass
class Place:
    """What a hub runs on.

    Args:
        daemons: by what `/readyz` calls them.
    """

    way: Way
    daemons: dict[str, Daemon] = field(default_factory=dict)
    disk: Disk | None = None
    """Where the database lies."""
    no_disk: str = ""
    """Why there is none."""

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """What the database says, by a connection beside the hub."""
        if url := self.way.environment.get("OFH_DATABASE_URL"):
            connection = await asyncpg.connect(url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()
        path = Path(self.way.environment["OFH_DATA"]) / "hub.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            return list(file.execute(statement))


@contextmanager
def embedded() -> Iterator[Place]:
    """All in one process."""
    with ExitStack() as stack:
        found, why = _disk(stack, "embedded")
        data = stack.enter_context(folder_for(None, found.path if found else None))
        logs = stack.enter_context(folder_for(None))  # so that what goes wrong on a full disk can be read
        port = free_port()
        environment = {**base_environment(data), **RAISED, "OFH_MQTT_PORT": str(port)}
        yield Place(Way("embedded", environment, port, logs), disk=found, no_disk=why)


@contextmanager
def services() -> Iterator[Place]:
    """Two processes on PostgreSQL, Redis and Mosquitto."""
    with ExitStack() as stack:
        found, why = _disk(stack, "services")
        data = stack.enter_context(folder_for(None))
        postgres = stack.enter_context(run_postgres(is_durable=True, under=found.path if found else None))
        redis = stack.enter_context(run_redis())
        mosquitto = stack.enter_context(run_mosquitto())
        assert postgres.daemon is not None
        assert redis.daemon is not None
        environment = {
            **base_environment(data),
            **RAISED,
            "OFH_DATABASE_URL": postgres.create_database(),
            "OFH_REDIS_URL": redis.url,
            "OFH_MQTT_URL": mosquitto.hub_url,
            "OFH_SECRET_KEY": "s" * 40,
        }
        daemons = {"database": postgres.daemon, "bus": redis.daemon, "broker": mosquitto.daemon}
        yield Place(Way("services", environment, mosquitto.device_port, data), daemons, found, why)


PLACES = {"embedded": embedded, "services": services}


def _disk(stack: ExitStack, way: str) -> tuple[Disk | None, str]:
    try:
        return stack.enter_context(disk(DISK_MIB[way])), ""
    except NoDisk as error:
        return None, str(error)
