"""Where controllers are told to find the broker: what the settings say, else what follows from them."""

from pathlib import Path
from typing import Any

import pytest

from ofh.choices import mqtt_url_for_controllers
from ofh.settings import load

OUTSIDE = {"mqtt_url": "mqtt://hub:secret@broker:1884"}


@pytest.mark.parametrize(
    ("public_url", "settings", "expected"),
    [
        ("https://hub.example.org", {}, "tcp://hub.example.org:1883"),
        ("http://192.0.2.7:8000", {"mqtt_port": 1999}, "tcp://192.0.2.7:1999"),
        ("http://[2001:db8::7]:8000", {}, "tcp://[2001:db8::7]:1883"),
        ("https://hub.example.org", {"tls": True}, "ssl://hub.example.org:8883"),
        ("https://hub.example.org", {"tls": True, "mqtt_tls_port": 9999}, "ssl://hub.example.org:9999"),
        ("https://hub.example.org", OUTSIDE, "ssl://hub.example.org:8883"),
        ("http://hub.example.org", OUTSIDE, "tcp://hub.example.org:1883"),
        (
            "https://hub.example.org",
            {"public_mqtt_url": "wss://m.example.org:443/mqtt"},
            "wss://m.example.org:443/mqtt",
        ),
    ],
)
def test_the_brokers_address_for_controllers(
    public_url: str, settings: dict[str, Any], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = {name: value for name, value in settings.items() if name != "tls"}
    if "tls" in settings:
        for name in ("mqtt_tls_certificate", "mqtt_tls_key"):
            chosen[name] = tmp_path / f"{name}.pem"
            chosen[name].write_text("PEM")
    assert mqtt_url_for_controllers(load(**chosen), public_url) == expected


def test_a_free_port_that_the_broker_took_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mqtt_url_for_controllers(load(mqtt_port=0), "http://192.0.2.7:8000", [40123]) == "tcp://192.0.2.7:40123"
