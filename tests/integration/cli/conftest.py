"""Places to run commands in: embedded, and on PostgreSQL, Redis and Mosquitto."""

import shutil
from pathlib import Path

import pytest

from tests.integration.cli.commands import Place
from tests.support.services import Mosquitto, unique


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder, no settings but those that choose no fixed ports."""
    return Place(tmp_path, {"OFH_PORT": "0", "OFH_MQTT_PORT": "0"})


@pytest.fixture
def migrated(place: Place, migrated_sqlite: Path) -> Place:
    """A data folder with an empty database, for what is not about the first start: to migrate takes a second."""
    folder = place.folder / "data"
    folder.mkdir()
    shutil.copy(migrated_sqlite, folder / "hub.db")
    return place


@pytest.fixture
def services(tmp_path: Path, services_database_url: str, redis_url: str, private_mosquitto: Mosquitto) -> Place:
    """The services way, on a migrated and empty database."""
    return Place(
        tmp_path,
        {
            "OFH_PORT": "0",
            "OFH_DATABASE_URL": services_database_url,
            "OFH_REDIS_URL": redis_url,
            "OFH_REDIS_PREFIX": unique("ofh-test-") + ":",
            "OFH_MQTT_URL": private_mosquitto.hub_url,
            "OFH_SECRET_KEY": "s" * 40,
        },
    )
