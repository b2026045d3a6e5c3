"""The shipped configuration files, read by the programs that they are for."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.support import services
from tests.support.services import Mosquitto, program, run_mosquitto

pytestmark = pytest.mark.services

ROOT = Path(__file__).resolve().parents[3]
REFUSED = ReasonCode(PacketTypes.CONNACK, "Not authorized")


def login(port: int, username: str | None, password: str | None, tls: ssl.SSLContext | None = None) -> ReasonCode:
    """What the broker answers to a login."""
    answers: list[ReasonCode] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="test", protocol=paho.MQTTv5)
    if username is not None:
        client.username_pw_set(username, password)
    if tls is not None:
        client.tls_set_context(tls)

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        answers.append(reason)

    client.on_connect = on_connect
    client.connect("localhost" if tls else "127.0.0.1", port)
    try:
        while not answers:
            assert client.loop(timeout=10) == paho.MQTT_ERR_SUCCESS or answers
    finally:
        client.disconnect()
        client.loop(timeout=1)
        if (left := client.socket()) is not None:
            left.close()
    return answers[0]


def test_the_hub_logs_in_at_its_own_listener(mosquitto: Mosquitto) -> None:
    assert login(mosquitto.hub_port, mosquitto.username, mosquitto.password) == "Success"


@pytest.mark.parametrize(("username", "password"), [(None, None), ("hub", "wrong"), ("nobody", "hub")])
def test_nobody_else_logs_in_anywhere(mosquitto: Mosquitto, username: str | None, password: str | None) -> None:
    for port in (mosquitto.hub_port, mosquitto.device_port):
        assert login(port, username, password) == REFUSED


def test_the_hubs_account_outlives_a_restart(private_mosquitto: Mosquitto) -> None:
    private_mosquitto.daemon.restart()
    assert login(private_mosquitto.hub_port, private_mosquitto.username, private_mosquitto.password) == "Success"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and a key for localhost."""
    chain, key = tmp_path / "server.crt", tmp_path / "server.key"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(
        [program("openssl"), "req", "-x509", *kind, *names, "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    return chain, key


@pytest.fixture
def mosquitto_with_tls(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """A broker with the documented lines for TLS switched on."""
    user = services.unprivileged("mosquitto")
    with services.folder_for(user) as folder:
        shutil.copytree(ROOT / "deploy/mosquitto", folder / "deploy/mosquitto")
        for file in certificate:
            (folder / file.name).write_bytes(file.read_bytes())
        config = folder / "deploy/mosquitto/mosquitto.conf"
        text = config.read_text("utf-8")
        for line, name in (
            ("# certfile /mosquitto/certs/", "server.crt"),
            ("# keyfile /mosquitto/certs/", "server.key"),
        ):
            assert f"{line}{name}" in text
            text = text.replace(f"{line}{name}", f"{line.split()[1]} {folder}/{name}")
        config.write_text(text, "utf-8")
        monkeypatch.setattr(services, "ROOT", folder)
        with run_mosquitto() as broker:
            yield broker


def test_the_documented_lines_for_tls_work(mosquitto_with_tls: Mosquitto, certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    broker = mosquitto_with_tls
    assert login(broker.device_port, broker.username, broker.password, trusting) == "Success"
    assert login(broker.device_port, "nobody", "nothing", trusting) == REFUSED
    assert not is_answered_without_tls(broker.device_port)


def is_answered_without_tls(port: int) -> bool:
    """Whether a plain CONNECT gets a CONNACK."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a")
        try:
            return plain.recv(1) == b"\x20"
        except ConnectionResetError:
            return False


def test_nginx_reads_the_shipped_proxy(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    nginx = program("nginx")
    text = (ROOT / "deploy/nginx/openflighthub.conf").read_text("utf-8")
    for old, new in zip(("/etc/nginx/certs/hub.crt", "/etc/nginx/certs/hub.key"), certificate, strict=True):
        assert old in text
        text = text.replace(old, str(new))
    (tmp_path / "site.conf").write_text(text, "utf-8")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {temporary} include {tmp_path}/site.conf; }}", "utf-8"
    )
    done = subprocess.run(
        [nginx, "-t", "-q", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
