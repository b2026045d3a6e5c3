"""Hostile MQTT: strangers, members of another workspace, broken and greedy clients (security.md, section 8)."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import paho.mqtt.client as paho
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .conftest import PATIENCE_S, Party, Town
from .devices import connect_packet, device, now_ms, osd, packet, raw, text, topology

DRONES = """
query($id: ID!) { workspace(id: $id) {
  drones { serialNumber online position { longitude reportedAt } } remoteControllers { serialNumber }
} }
"""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def drone(town: Town, who: Party, serial: str) -> dict[str, Any] | None:
    found = town.ask(DRONES, who.token, id=who.workspace)
    assert "errors" not in found, found
    drones = {item["serialNumber"]: item for item in found["data"]["workspace"]["drones"]}
    return drones.get(serial)


def longitude(town: Town, who: Party, serial: str) -> float | None:
    found = drone(town, who, serial)
    return None if found is None or found["position"] is None else found["position"]["longitude"]


@pytest.fixture(scope="module")
def fleet(town: Town, us: Party) -> None:
    """Our controller RC-1 with the aircraft UAV-1 at longitude 7."""
    with device(town, us) as controller:
        controller.say(topology("RC-1", "UAV-1"))
        controller.say(osd("UAV-1", "RC-1", 7.0))
    until(lambda: longitude(town, us, "UAV-1") == 7.0)


@pytest.mark.parametrize("v5", [True, False], ids=["5", "3.1.1"])
@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(("", ""), ("x", "y"), ("{own}", ""), ("{own}", "{other}"), ("{OWN}", "{mine}"), ("{own} ", "{mine}")),
        *(("' or 1=1--", "x"), ("#", "x"), ("{own}", "{mine}\n")),
    ],
)
def test_m1_nobody_without_the_secret(town: Town, us: Party, them: Party, name: str, secret: str, v5: bool) -> None:
    user = name.format(own=us.account, OWN=us.account.swapcase())
    word = secret.format(other=them.secret, mine=us.secret)
    stranger = Party(**{**vars(us), "account": user, "secret": word})
    with pytest.raises(PermissionError), device(town, stranger, v5=v5):
        pass


@pytest.mark.parametrize(
    "topic_filter",
    [
        *("#", "+/#", "thing/product/#", "thing/product/+/osd", "thing/product/UAV-1/osd", "sys/product/#", "$queue/#"),
        *("thing/product/UAV-1/services", "thing/product/RC-1/services_reply", "thing/product/RC-1/events_reply"),
        *("$SYS/#", "$SYS/broker/version", "$share/g/#", "$share/g/thing/product/UAV-1/services"),
        *("sys/product/+/status_reply", "sys/product/RC-1/status", "thing/product/UAV-1/property/set"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_m2_a_stranger_subscribes_to_nothing_of_ours(town: Town, them: Party, topic_filter: str) -> None:
    with device(town, them) as stranger:
        assert not stranger.subscribe(topic_filter)


@pytest.mark.usefixtures("fleet")
def test_m2_a_stranger_reads_no_reply_of_ours(town: Town, us: Party, them: Party) -> None:
    """The topology's reply may be subscribed to before the serial is bound; it is delivered to its owner alone."""
    with device(town, them) as stranger, device(town, us) as controller:
        for topic_filter in ("sys/product/RC-1/status_reply", "$share/g/sys/product/RC-1/status_reply"):
            stranger.subscribe(topic_filter)
        assert controller.subscribe("sys/product/RC-1/status_reply")
        controller.say(topology("RC-1", "UAV-1"))
        until(lambda: len(controller.heard) == 1)
        stranger.say(("sys/product/none/status", b"{}"))
        assert stranger.heard == []


@pytest.mark.usefixtures("fleet")
def test_m2_m3_a_stranger_reports_for_nothing_of_ours(town: Town, us: Party, them: Party) -> None:
    """By publishing, by claiming, by a will, by a retained message; and it is told nothing about it."""
    with device(town, us) as controller:
        controller.say(topology("RC-1", "UAV-1"))
        controller.say(osd("UAV-1", "RC-1", 8.0))
        until(lambda: longitude(town, us, "UAV-1") == 8.0)
        with device(town, them, will=osd("UAV-1", "RC-1", 60.0)) as stranger:
            stranger.say(osd("UAV-1", "RC-1", 61.0))
            stranger.say(osd("UAV-1", "RC-1", 62.0), retain=True)
            stranger.say(topology("RC-1", "UAV-1"))
            stranger.say(topology("RC-9", "UAV-1"))
            stranger.say(osd("UAV-1", "RC-9", 63.0))
            stranger.say(osd("UAV-1", "RC-1", 64.0))
            stranger.say(("thing/product/UAV-1/services", b"{}"))
            sock = stranger.client.socket()
            assert sock is not None
            sock.close()  # type: ignore[attr-defined]
        controller.say(osd("UAV-1", "RC-1", 9.0))
        until(lambda: longitude(town, us, "UAV-1") == 9.0)
        now = datetime.now().astimezone().isoformat()
        start = datetime.fromtimestamp(time.time() - 3600).astimezone().isoformat()
        found = town.ask(
            "query($w:ID!,$a:DateTime!,$b:DateTime!){workspace(id:$w){drone(serialNumber:"
            '"UAV-1"){online track(from:$a,to:$b){longitude}}}}',
            us.token,
            w=us.workspace,
            a=start,
            b=now,
        )["data"]["workspace"]["drone"]
        assert found["online"]
        assert max(point["longitude"] for point in found["track"]) == 9.0
    assert drone(town, them, "UAV-1") is None


def test_m3_a_controller_that_moved_takes_no_aircraft_along(town: Town, us: Party, them: Party) -> None:
    """They claim our absent controller, by two connections in turn; our aircraft, online elsewhere, stays ours."""
    create = 'mutation($w:ID!){createConnection(workspaceId:$w,name:"x"){connectionId secret}}'

    def more(who: Party) -> Party:
        made = town.ask(create, who.token, w=who.workspace)["data"]["createConnection"]
        return Party(**{**vars(who), "account": made["connectionId"], "secret": made["secret"]})

    with device(town, us) as old:
        old.say(topology("RC-old", "UAV-old"))
        old.say(osd("UAV-old", "RC-old", 1.0))
    until(lambda: not (drone(town, us, "UAV-old") or {"online": True})["online"])
    with device(town, more(us)) as new:
        new.say(topology("RC-new", "UAV-old"))
        for who in (them, more(them)):
            with device(town, who) as stranger:
                stranger.say(topology("RC-old"))
                stranger.say(osd("UAV-old", "RC-old", 66.0))
        found = drone(town, us, "UAV-old")
        assert found is not None
        assert (found["online"], found["position"]["longitude"]) == (True, 1.0)
    for who in (them, more(them)):
        with device(town, who) as stranger:
            stranger.say(osd("UAV-old", "RC-old", 67.0))
    assert longitude(town, us, "UAV-old") == 1.0
    assert drone(town, them, "UAV-old") is None


@pytest.mark.usefixtures("fleet")
def test_m5_another_clients_id_takes_over_nothing(town: Town, us: Party, them: Party) -> None:
    with device(town, us, client_id="same") as controller, device(town, them, client_id="same") as stranger:
        controller.say(topology("RC-1", "UAV-1"))
        stranger.say(("sys/product/none/status", b"{}"))
        controller.say(("sys/product/none/status", b"{}"))
        assert not controller.ended.is_set()
        assert not stranger.ended.is_set()


@pytest.mark.parametrize(
    "serial", ["a b", "a.b", "\u00e4", "a" * 65, "", "$SYS", "a:b", "' or 1=1", "a\u202eb", "a%2fb"]
)
def test_m3_odd_serial_numbers_become_no_device(town: Town, them: Party, serial: str) -> None:
    with device(town, them) as stranger:
        stranger.say(topology("RC-odd", serial))
        stranger.say(topology(serial or "x x", "UAV-odd"))
        stranger.say(("sys/product/none/status", b"{}"))
    found = json.dumps(town.ask(DRONES, them.token, id=them.workspace))
    assert serial == "" or json.dumps(serial)[1:-1] not in found
    assert "UAV-odd" not in found


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"data":NaN}',
        b'{"data":{"longitude":1e999}}',
        b'{"timestamp":99999999999999999999999,"data":{"longitude":1,"latitude":1}}',
        b'{"timestamp":-1,"gateway":"RC-1","data":{}}',
        b'{"timestamp":true,"gateway":[],"data":[]}',
        b'{"gateway":"RC-1","gateway":"RC-2","data":{}}',
        b'{"gateway":"RC-1\\u0000","data":{"longitude":"\\ud800"}}',
        b'{"gateway":"RC-1","data":{"longitude":181,"latitude":91,"height":1e300}}',
        b'{"gateway":"RC-1","data":{"battery":{"capacity_percent":"\\u0000"}}}',
        b" " * 262_144,
    ],
)
def test_m7_a_bad_message_is_acknowledged_and_stops_nothing(town: Town, us: Party, payload: bytes) -> None:
    with device(town, us) as controller:
        controller.say(topology("RC-1", "UAV-1"))
        for topic in ("thing/product/UAV-1/osd", "thing/product/UAV-1/state", "thing/product/RC-1/osd"):
            controller.say((topic, payload))
        for topic in ("sys/product/RC-1/status", "thing/product/RC-1/events", "thing/product/RC-1/requests"):
            controller.say((topic, payload))
        at = 10.0 + now_ms() % 10_000 / 1000
        controller.say(osd("UAV-1", "RC-1", at))
        until(lambda: longitude(town, us, "UAV-1") == at)


def test_m7_too_large_a_message_costs_its_sender_alone(town: Town, us: Party) -> None:
    with device(town, us, client_id="other") as other:
        body = text(b"thing/product/UAV-1/osd") + b"\x00\x01" + b"x" * 600_000
        raw(town, connect_packet(us) + packet(0x32, body))
        other.say(("sys/product/none/status", b"{}"))
        assert not other.ended.is_set()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512,
        b"\x10\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",
        b"\x00\x00",
        b"\xff\x00",
        b"\x30\x05\x00\x01a\x00\x00",
        b"\xc0\x00",
        packet(0x10, text(b"MQTT") + b"\x03\x02\x00\x3c" + text(b"x")),
        packet(0x10, text(b"MQIsdp") + b"\x03\x02\x00\x3c" + text(b"x")),
        packet(0x10, text(b"MQTT") + b"\x04\x01\x00\x3c" + text(b"x")),
        packet(0x10, text(b"MQTT") + b"\x04\xc2\x00\x3c" + text(b"x") + text(b"\xff\xfe") + text(b"x")),
        packet(0x10, text(b"MQTT") + b"\x04\xc2\x00\x3c" + text(b"x") + text(b"a\0b") + text(b"x")),
        packet(0x10, text(b"MQTT") + b"\x05\x02\x00\x3c\xff\xff\xff\x7f"),
        packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + b"\xff\xff"),
    ],
)
def test_malformed_packets_of_a_stranger_end_the_connection(town: Town, data: bytes) -> None:
    assert not raw(town, data, patience_s=20).startswith(b"\x20\x02\x00\x00")


@pytest.mark.parametrize(
    "data",
    [
        packet(0x36, text(b"thing/product/UAV-1/osd") + b"\0\1"),
        packet(0x32, text(b"thing/product/UAV-1/osd") + b"\0\0"),
        packet(0x30, text(b"thing/product/+/osd")),
        packet(0x30, text(b"")),
        packet(0x30, text(b"a\0b")),
        packet(0x30, text(b"\xed\xa0\x80")),
        packet(0x30, b"\xff\xff"),
        packet(0x82, b"\0\1"),
        packet(0x80, b"\0\1" + text(b"a") + b"\0"),
        packet(0x82, b"\0\1" + text(b"a") + b"\3"),
        packet(0xA2, b"\0\1"),
        packet(0x40, b""),
        packet(0x20, b"\0\0"),
        packet(0xF0, b""),
        b"\x30\xff\xff\xff\xff\x01",
    ],
)
def test_malformed_packets_of_a_client_end_its_connection_alone(town: Town, us: Party, data: bytes) -> None:
    with device(town, us, client_id="other") as other:
        assert raw(town, connect_packet(us) + data, patience_s=20).startswith(b"\x20\x02\x00\x00")
        other.say(("sys/product/none/status", b"{}"))
        assert not other.ended.is_set()


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("kind", ["reports", "topologies", "another controller's", "malformed", "requests"])
def test_m8_a_flood_of_one_connection_harms_no_other(town: Town, us: Party, them: Party, kind: str) -> None:
    """Ours is heard while theirs, without waiting for any answer, sends thousands."""
    body = {"tid": "t", "bid": "b", "timestamp": now_ms(), "gateway": "RC-f", "method": "config", "data": {}}
    floods: dict[str, Callable[[int], tuple[str, bytes]]] = {
        "reports": lambda n: osd("UAV-f", "RC-f", n % 100),
        "topologies": lambda n: topology("RC-f", "UAV-f"),
        "another controller's": lambda n: osd("UAV-f", f"RC-{n}", n % 100),
        "malformed": lambda n: ("thing/product/RC-f/osd", b"x"),
        "requests": lambda n: ("thing/product/RC-f/requests", json.dumps(body).encode()),
    }
    with device(town, them) as greedy, device(town, us) as controller:
        greedy.say(topology("RC-f", "UAV-f"))
        controller.say(topology("RC-1", "UAV-1"))
        for round_ in range(10):
            for number in range(300):
                greedy.say(floods[kind](round_ * 300 + number), qos=0)
            at = 20.0 + round_ / 100
            controller.say(osd("UAV-1", "RC-1", at))
            until(lambda at=at: longitude(town, us, "UAV-1") == at)  # type: ignore[misc]
        assert not controller.ended.is_set()


@pytest.mark.usefixtures("fleet")
def test_m10_a_devices_clock_is_believed_within_five_minutes_alone(town: Town, us: Party) -> None:
    with device(town, us) as controller:
        controller.say(topology("RC-clock", "UAV-clock"))
        for number, skew_s in enumerate((-(10**9), -3600, -301, 301, 3600, 10**9, 10**14), 1):
            controller.say(osd("UAV-clock", "RC-clock", float(number), at_ms=now_ms() + skew_s * 1000))
            until(lambda number=number: longitude(town, us, "UAV-clock") == float(number))  # type: ignore[misc]
            found = drone(town, us, "UAV-clock")
            assert found is not None
            at = datetime.fromisoformat(found["position"]["reportedAt"]).timestamp()
            assert abs(at - time.time()) < 300


def test_mqtt_over_a_websocket_follows_the_same_rules(town: Town, us: Party, them: Party) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, transport="websockets", protocol=paho.MQTTv5)
    client.ws_set_options(path="/mqtt")
    client.username_pw_set(them.account, us.secret)
    refused: list[bool] = []
    client.on_connect = lambda _c, _d, _f, reason, _p: refused.append(reason.is_failure)
    client.connect("127.0.0.1", town.port)
    client.loop_start()
    until(lambda: bool(refused))
    client.disconnect()
    client.loop_stop()
    assert refused[0]


def test_mqtt_over_a_websocket_needs_its_subprotocol(town: Town) -> None:
    for protocols in (None, ["graphql-transport-ws"]):
        with (
            pytest.raises(InvalidStatus),
            connect(f"ws://127.0.0.1:{town.port}/mqtt", subprotocols=protocols),  # type: ignore[arg-type]
        ):
            pass


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xff" * 1000, b"GET / HTTP/1.1\r\n\r\n", "text", b"\x10\xff\xff\xff\x7f"]
)
def test_rubbish_over_a_websocket_harms_nobody(town: Town, data: str | bytes) -> None:
    with connect(
        f"ws://127.0.0.1:{town.port}/mqtt",
        subprotocols=["mqtt"],  # type: ignore[list-item]
        close_timeout=1,
    ) as socket:
        socket.send(data)
    assert town.client.get(f"{town.url}/healthz").status_code == 200
