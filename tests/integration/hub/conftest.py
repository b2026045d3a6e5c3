"""Both ways to run the hub, as real processes."""

from pathlib import Path

import pytest

from tests.conftest import BOTH_WAYS
from tests.support.hubs import Way, base_environment
from tests.support.services import Mosquitto, free_port, unique


@pytest.fixture(params=BOTH_WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    """Embedded: all in one process. Services: PostgreSQL, Redis and Mosquitto."""
    environment = base_environment(tmp_path)
    if request.param == "embedded":
        port = free_port()
        return Way("embedded", {**environment, "OFH_MQTT_PORT": str(port)}, port, tmp_path)
    broker: Mosquitto = request.getfixturevalue("private_mosquitto")
    settings = {
        "OFH_DATABASE_URL": request.getfixturevalue("postgres_url"),
        "OFH_REDIS_URL": request.getfixturevalue("redis_url"),
        "OFH_REDIS_PREFIX": unique("ofh-test-") + ":",
        "OFH_MQTT_URL": broker.hub_url,
        # A busy machine takes longer, and what a test reports right after the answer is not to be refused.
        "OFH_MQTT_RIGHTS_S": "60",
        "OFH_SECRET_KEY": "s" * 40,
    }
    return Way("services", {**environment, **settings}, broker.device_port, tmp_path)
