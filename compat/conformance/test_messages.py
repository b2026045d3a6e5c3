"""The AsyncAPI documents and the schemas in them, against samples and against what really goes over the wires."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import jsonschema  # type: ignore[import-untyped]
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.npm import install

from .hubs import HOST, PATIENCE_S, Hub
from .messages import Messages
from .seeds import Party, osd, topology, upload
from .wiretap import tapped

DOCUMENTS = ("asyncapi.json", "asyncapi-pilot.json", "asyncapi-mqtt.json")
CONTROLLER, AIRCRAFT = "5XTESTRCP00001", "1581XTESTM30T0001"
"""Those of `us`."""
LIVE, PILOT = "/api/live", "/ws"


@pytest.mark.npm
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_sound(hub: Hub, name: str) -> None:
    folder = install(Path(__file__).resolve().parents[1] / "clients" / "asyncapi")
    schema = json.loads((folder / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(hub.document(name))


def test_the_schema_of_mqtt_messages_is_one_of_json_schema(hub: Hub) -> None:
    schema = hub.document("mqtt.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(topology(AIRCRAFT))
    assert not validator.is_valid({"tid": "1"})


def samples(captures: Path, kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Samples by the beginning of their names."""
    paths = sorted(captures.glob(f"{kinds}-*.json"))
    assert paths
    for path in paths:
        yield path.stem, json.loads(path.read_text("utf-8"))


def test_samples_of_mqtt_messages_fit(hub: Hub, captures: Path) -> None:
    documented = Messages(hub.document("asyncapi-mqtt.json"))
    wrong = []
    for name, sample in samples(captures, "mqtt"):
        if sample["kind"] == "mqtt-raw":
            continue
        action = "send" if sample.get("direction") == "down" else "receive"
        for message in sample.get("messages", [sample]):
            topic = re.sub(r"^thing(/product/[^/]+/status)$", r"sys\1", message["topic"])  # taken on both
            if reason := documented.wrong(topic, action, message["payload"]):
                wrong.append(f"{name}: {reason}")
    assert wrong == []


def test_samples_of_frames_to_pilot_fit(hub: Hub, captures: Path) -> None:
    documented = Messages(hub.document("asyncapi-pilot.json"))
    wrong = [documented.wrong(PILOT, "send", sample["payload"]) for _, sample in samples(captures, "ws")]
    assert [reason for reason in wrong if reason] == []


def test_samples_of_pilots_requests_and_their_answers_fit(hub: Hub, captures: Path) -> None:
    document = hub.document("openapi-pilot.json")
    schemas = Messages(document)
    wrong = []
    for name, sample in samples(captures, "http"):
        asked, answered = sample["request"], sample["response"]
        path = re.sub(r"/workspaces/[^/?]+", "/workspaces/{workspace_uuid}", asked["path"].partition("?")[0])
        operation = document["paths"].get(path, {}).get(asked["method"].lower())
        if operation is None:
            continue  # of a module that the hub does not ask Pilot to load
        if isinstance(asked.get("body"), dict | list):
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            wrong += [f"{name}: asked: {error}" for error in schemas.errors(schema, asked["body"])]
        response = operation["responses"].get(str(answered["status"]))
        if response is None:
            wrong.append(f"{name}: {answered['status']} is not documented")
            continue
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        schema = response["content"]["application/json"]["schema"]
        wrong += [f"{name}: answered: {error}" for error in schemas.errors(schema, answered["body"])]
    assert wrong == []


def test_what_the_hub_says_to_a_controller_fits(hub: Hub, us: Party) -> None:
    documented = Messages(hub.document("asyncapi-mqtt.json"))
    event = {
        "tid": "e",
        "bid": "e",
        "timestamp": 1,
        "gateway": CONTROLLER,
        "need_reply": 1,
        "method": "hms",
        "data": {},
    }
    known = {**event, "method": "storage_config_get", "data": {"module": 0}}
    unknown = {**event, "method": "something_new"}
    with us.controller() as controller:
        for kind in ("sys/product/{}/status_reply", "thing/product/{}/events_reply", "thing/product/{}/requests_reply"):
            controller.listen(kind.format(CONTROLLER))
        controller.say(f"sys/product/{CONTROLLER}/status", topology(AIRCRAFT))
        controller.say(f"thing/product/{CONTROLLER}/events", event)
        controller.say(f"thing/product/{CONTROLLER}/requests", known)
        controller.say(f"thing/product/{CONTROLLER}/requests", unknown)
        until = time.monotonic() + PATIENCE_S
        while len(controller.heard) < 4:
            assert time.monotonic() < until, controller.heard
            time.sleep(0.02)
    assert [documented.wrong(topic, "send", message) for topic, message in controller.heard] == [None] * 4


def test_what_the_simulator_says_fits_and_what_it_is_told(hub: Hub, us: Party) -> None:
    """A whole fleet, listened to on the wire."""
    documented = Messages(hub.document("asyncapi-mqtt.json"))
    secret = us.rest("POST", f"/workspace/{us.ids['workspace_id']}/connections", {"name": "Simulated"})
    with tapped((HOST, hub.mqtt_port)) as tap:
        command = [
            *(sys.executable, "-m", "ofh.cli.main", "simulate", "--url", hub.url, "--drones", "5", "--rate", "5"),
            *("--connection-id", secret["connection_id"], "--mqtt-url", f"mqtt://{HOST}:{tap.port}", "--duration", "8"),
        ]
        environment = {**hub.environment, "OFH_CONNECTION_SECRET": secret["secret"]}
        subprocess.run(command, env=environment, cwd=hub.data, capture_output=True, timeout=PATIENCE_S, check=True)
    wrong = [documented.wrong(topic, "receive", message) for topic, message in tap.up]
    wrong += [documented.wrong(topic, "send", message) for topic, message in tap.down]
    assert [reason for reason in wrong if reason] == []
    assert {topic.rpartition("/")[2] for topic, _ in tap.up} >= {"status", "osd", "state"}
    assert {topic.rpartition("/")[2] for topic, _ in tap.down} >= {"status_reply"}


def test_frames_to_pilot_fit(hub: Hub, us: Party) -> None:
    documented = Messages(hub.document("asyncapi-pilot.json"))
    other = us.rest("POST", f"/workspace/{us.ids['workspace_id']}/connections", {"name": "The other one"})
    group = us.pilot_get("map/element-groups")["data"][0]["id"]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [9.95, 50.49]}}
    element = {"id": "87ffce7c-da28-49cf-9134-8db9fd87cc01", "name": "Here"}
    heard: dict[str, Any] = {}
    with connect(f"{hub.socket_url}/ws?x-auth-token={other['secret']}") as socket, us.controller() as controller:
        socket.send("anything")
        controller.say(f"sys/product/{CONTROLLER}/status", topology(AIRCRAFT))
        controller.say(f"thing/product/{AIRCRAFT}/osd", osd(CONTROLLER, mode_code=5, attitude_head=138))
        us.pilot(f"map/element-groups/{group}/elements", {**element, "resource": {"type": 0, "content": feature}})
        while not heard.keys() >= {"device_osd", "map_element_create"}:
            frame = json.loads(socket.recv(PATIENCE_S))
            assert documented.wrong(PILOT, "send", frame) is None
            heard[frame["biz_code"]] = frame
    assert heard["device_osd"]["data"]["sn"] in (AIRCRAFT, CONTROLLER)


@contextmanager
def live(hub: Hub, cookie: str) -> Iterator[ClientConnection]:
    with connect(f"{hub.socket_url}{LIVE}", additional_headers={"cookie": f"user-auth={cookie}"}) as socket:
        yield socket


def test_live_frames_fit(hub: Hub, us: Party) -> None:
    """Each event that the hub can be made to tell, an answer of either kind, and an error."""
    documented = Messages(hub.document("asyncapi.json"))
    us.rest("POST", "/auth/password-set-initial", {"new_password": "correct horse battery"})
    login = {"username": us.email, "password": "correct horse battery"}
    answer = httpx2.post(f"{hub.url}/api/auth/login", json=login, timeout=PATIENCE_S)
    asked = {
        "drone_position": us.ids["drone_id"],
        "drone_telemetry": us.ids["drone_id"],
        "remote_controller_position": us.ids["remote_controller_id"],
        "workspace_drones_position": us.ids["workspace_id"],
        "drone_media": us.ids["drone_id"],
        "workspace_drones_media": us.ids["workspace_id"],
        "traffic": "50.49$9.95$1000",
        "db_row_update": f"workspace%{us.ids['workspace_id']}",
        "geo_object": us.ids["workspace_id"],
    }
    heard: dict[str, list[Any]] = {}
    wanted = asked.keys() - {"geo_object", "traffic"}
    with live(hub, answer.cookies["user-auth"]) as socket, us.controller() as controller:
        socket.send("keep-alive")
        socket.send("no JSON")
        for number, (event, filter) in enumerate(asked.items(), 1):
            data = {"event": event, "filter": str(filter)}
            socket.send(json.dumps({"type": "subscribe", "data": data, "messageId": number}))

        def listen() -> None:
            frame = json.loads(socket.recv(PATIENCE_S))
            assert documented.wrong(LIVE, "send", frame) is None, frame
            name = frame["data"]["event"] if frame["type"] == "event" else frame["type"]
            heard.setdefault(name, []).append(frame)

        while len(heard.get("answer", [])) < len(asked) or "error" not in heard:
            listen()
        answers = {frame["messageId"]: frame["data"]["success"] for frame in heard["answer"]}
        assert answers == {number: event != "geo_object" for number, event in enumerate(asked, 1)}
        controller.say(f"sys/product/{CONTROLLER}/status", topology(AIRCRAFT))
        controller.say(f"thing/product/{AIRCRAFT}/osd", osd(CONTROLLER, mode_code=5, longitude=9.96))
        controller.say(f"thing/product/{CONTROLLER}/osd", osd(CONTROLLER, capacity_percent=88, longitude=9.97))
        upload(us, AIRCRAFT, "DJI_20250614102110_0006_W.JPG")
        us.rest("PATCH", f"/workspace/{us.ids['workspace_id']}", {"name": "Renamed"})
        while not heard.keys() >= wanted:
            listen()
