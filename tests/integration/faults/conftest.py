"""Servers of these tests' own: they are stopped, started and held while hubs run on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.hubs import Way, base_environment
from tests.support.services import (
    Daemon,
    Mosquitto,
    PostgresServer,
    RedisServer,
    free_port,
    run_mosquitto,
    run_postgres,
    run_redis,
    unique,
)

SETTINGS = {
    # The streams of these tests stand for many controllers.
    "OFH_CONNECTION_MESSAGES_PER_S": "100000",
    "OFH_CONNECTION_BURST": "100000",
    "OFH_SESSION_REQUESTS_PER_S": "1000",
    "OFH_SESSION_REQUESTS_BURST": "10000",
}


@dataclass
class Servers:
    """The services way's servers, and the way that runs on them."""

    way: Way
    postgres: PostgresServer
    redis: RedisServer
    mosquitto: Mosquitto

    def daemon(self, backend: str) -> Daemon:
        """The process behind what `/readyz` calls so."""
        found = {"database": self.postgres.daemon, "bus": self.redis.daemon, "broker": self.mosquitto.daemon}[backend]
        assert found is not None
        return found


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that only these tests stop."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def own_redis() -> Iterator[RedisServer]:
    """A Redis that only these tests stop."""
    with run_redis() as server:
        yield server


@pytest.fixture
def embedded(tmp_path: Path) -> Way:
    """All in one process."""
    port = free_port()
    environment = {**base_environment(tmp_path), **SETTINGS, "OFH_MQTT_PORT": str(port)}
    return Way("embedded", environment, port, tmp_path)


@pytest.fixture
def servers(tmp_path: Path, own_postgres: PostgresServer, own_redis: RedisServer) -> Iterator[Servers]:
    """PostgreSQL, Redis and Mosquitto, with a database, names and a broker of this test's own."""
    database = own_postgres.create_database()
    with run_mosquitto() as broker:
        environment = {
            **base_environment(tmp_path),
            **SETTINGS,
            "OFH_DATABASE_URL": database,
            "OFH_REDIS_URL": own_redis.url,
            "OFH_REDIS_PREFIX": unique("ofh-test-") + ":",
            "OFH_MQTT_URL": broker.hub_url,
            "OFH_MQTT_RIGHTS_S": "60",
            "OFH_SECRET_KEY": "s" * 40,
        }
        way = Way("services", environment, broker.device_port, tmp_path)
        yield Servers(way, own_postgres, own_redis, broker)
    own_postgres.drop_database(database)
