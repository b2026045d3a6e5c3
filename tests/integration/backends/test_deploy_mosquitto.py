"""The files in `deploy/mosquitto/`: nothing opens without a secret from the environment, and no secret stays behind.

That they start the packaged broker with the rights they should have is what all of `test_broker_remote.py` runs on.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.services import ROOT, Mosquitto, program

pytestmark = pytest.mark.services

DEPLOY = ROOT / "deploy/mosquitto"


@pytest.mark.parametrize("missing", ["OFH_MQTT_USERNAME", "OFH_MQTT_PASSWORD"])
@pytest.mark.parametrize("empty", [True, False])
def test_without_a_secret_the_broker_does_not_start(tmp_path: Path, missing: str, empty: bool) -> None:
    program("mosquitto_ctrl")
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"plugin_opt_config_file {tmp_path}/accounts.json\n")
    environment = {"OFH_MQTT_USERNAME": "hub", "OFH_MQTT_PASSWORD": "secret", "OFH_MOSQUITTO_CONFIG": str(config)}
    environment = {name: value for name, value in environment.items() if name != missing} | (
        {missing: ""} if empty else {}
    )
    ended = subprocess.run(
        ["/bin/sh", str(DEPLOY / "start.sh")],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert ended.returncode != 0
    assert missing in ended.stderr
    assert not (tmp_path / "accounts.json").exists()


def test_the_secret_is_kept_as_a_digest_and_read_by_the_broker_alone(mosquitto: Mosquitto) -> None:
    text = mosquitto.accounts_file.read_text()
    assert mosquitto.password not in text
    assert mosquitto.password not in mosquitto.daemon.log()
    assert mosquitto.username in {client["username"] for client in json.loads(text)["clients"]}
    assert mosquitto.accounts_file.stat().st_mode & 0o077 == 0
    process = mosquitto.daemon.process
    assert process is not None
    assert mosquitto.password.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def test_client_ids_are_bound_to_accounts_on_the_controllers_listener_alone() -> None:
    config = (DEPLOY / "mosquitto.conf").read_text()
    _, controllers, hub = config.split("\nlistener ")
    assert "use_username_as_clientid true" in controllers
    assert "use_username_as_clientid false" in hub
    assert "allow_anonymous false" in config
