"""Where the broker is, and how a controller connects to it."""

import logging
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt

from .accounts import Account
from .errors import SimulatorError

_PLAIN, _TLS = {"mqtt", "tcp"}, {"mqtts", "ssl"}
KEEP_ALIVE_S = 30
_BAD_CREDENTIALS = {4, 5, 0x86, 0x87, 0x8C}
"""CONNACK codes of MQTT 3.1.1 and 5 for wrong user names, passwords, or no right to connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """A broker's host, port and kind of transport."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def client(self, account: Account, *, client_id: str) -> aiomqtt.Client:
        """A client that is not connected yet: MQTT 5, no will, a clean session each time.

        Controllers leave no will; what they last said is sent anew after each connect, so a kept session holds nothing.
        """
        client = aiomqtt.Client(
            self.host,
            self.port,
            username=account.username,
            password=account.password,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            keepalive=KEEP_ALIVE_S,
            tls_context=self.tls,
            max_inflight_messages=1000,
            max_queued_incoming_messages=1000,
            logger=_LOG,
        )
        client.pending_calls_threshold = 10_000
        return client


def parse_mqtt_url(url: str) -> BrokerAddress:
    """Read `mqtt://host[:port]` or `mqtts://…`; `tcp://` and `ssl://`, as Pilot 2 writes them, are the same.

    Raises:
        SimulatorError: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SimulatorError(f"{url} is no address of a broker: {error}") from error
    if not host or parts.scheme not in _PLAIN | _TLS:
        raise SimulatorError(f"{url} is no address of a broker: write mqtt://host:1883, or mqtts://host:8883 for TLS.")
    if parts.scheme in _PLAIN:
        return BrokerAddress(host=host, port=port or 1883)
    return BrokerAddress(host=host, port=port or 8883, tls=ssl.create_default_context())


def is_refusal(error: BaseException) -> bool:
    """Whether the broker refused the credentials, rather than being away."""
    if not isinstance(error, aiomqtt.MqttCodeError):
        return False
    code = error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", None)
    return isinstance(error, aiomqtt.exceptions.MqttConnectError) and code in _BAD_CREDENTIALS


_LOG = logging.getLogger("ofh.simulator.mqtt")
