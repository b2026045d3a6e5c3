"""Something to ask for: a workspace with a controller, an aircraft in the air and a photo, all made over the wire."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3  # type: ignore[import-untyped]
import httpx2
import paho.mqtt.client as paho
from botocore.config import Config  # type: ignore[import-untyped]
from paho.mqtt.enums import CallbackAPIVersion

from .hubs import HOST, PATIENCE_S, Hub

T = TypeVar("T")
PHOTO = b"\xff\xd8\xff\xe0 a photo that nobody looks at"
FLYING = 5
"""`mode_code` on a wayline: one report is enough for a flight."""


@dataclass
class Party:
    """Somebody with a workspace and what is in it."""

    hub: Hub
    email: str
    token: str = field(repr=False)
    ids: dict[str, int]
    """By the names that path parameters have."""
    uuid: str
    connection: str
    """The public id."""
    secret: str = field(repr=False)
    page: str = field(default="", repr=False)
    """The cookie of the controller's page; made at once, since an address that fails too often is locked out."""

    @property
    def headers(self) -> dict[str, str]:
        """Who asks by REST and GraphQL."""
        return {"authorization": f"Bearer {self.token}"}

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """One request that has to work; the JSON of its answer."""
        answer = httpx2.request(
            method, f"{self.hub.url}/api{path}", json=body, headers=self.headers, timeout=PATIENCE_S
        )
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """One operation that has to work; its data."""
        body = {"query": query, "variables": variables}
        answer = httpx2.post(f"{self.hub.url}/graphql", json=body, headers=self.headers, timeout=PATIENCE_S).json()
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"]
        return found

    def pilot(self, path: str, body: Any) -> Any:
        """What an endpoint of Pilot answers to a POST; `path` begins with the module."""
        headers = {"x-auth-token": self.secret}
        return httpx2.post(self._pilot_url(path), json=body, headers=headers, timeout=PATIENCE_S).json()

    def pilot_get(self, path: str) -> Any:
        """The same to a GET."""
        headers = {"x-auth-token": self.secret}
        return httpx2.get(self._pilot_url(path), headers=headers, timeout=PATIENCE_S).json()

    def _pilot_url(self, path: str) -> str:
        module, rest = path.split("/", 1)
        return f"{self.hub.url}/{module}/api/v1/workspaces/{self.uuid}/{rest}"

    @contextmanager
    def controller(self) -> Iterator["Controller"]:
        """A remote controller that is connected by this party's connection."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set(self.connection, self.secret)
        found = Controller(client, [])
        client.on_message = lambda _client, _data, message: found.heard.append(
            (message.topic, json.loads(message.payload))
        )
        client.connect(HOST, self.hub.mqtt_port)
        client.loop_start()
        try:
            yield found
        finally:
            client.disconnect()
            client.loop_stop()


@dataclass
class Controller:
    """A client at the broker."""

    client: paho.Client
    heard: list[tuple[str, Any]]

    def listen(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)

    def say(self, topic: str, message: Any) -> None:
        """Publish, and wait for the acknowledgement: then it is stored."""
        self.client.publish(topic, json.dumps(message), qos=1).wait_for_publish(PATIENCE_S)

    def hears(self, topic: str) -> Any:
        """The first message on a topic."""
        return until(lambda: next((message for at, message in self.heard if at == topic), None))


def party(hub: Hub, name: str, *, controller: str, aircraft: str) -> Party:
    """Make one: everything that a path parameter can name."""
    email = f"{name}@example.org"
    hub.ofh("user", "create", email)
    token = hub.ofh("token", "create", email, "conformance")["token"]
    made = Party(hub, email, token, {}, "", "", "")
    made.ids["user_id"] = made.rest("GET", "/user/self")["id"]
    workspace = made.rest("POST", "/workspace", {"name": name})["id"]
    made.ids["workspace_id"] = workspace
    made.uuid = made.graphql("query($w:ID!){workspace(id:$w){uuid}}", w=workspace)["workspace"]["uuid"]
    credentials = made.rest("POST", f"/workspace/{workspace}/connections", {"name": "RC"})
    made.connection, made.secret = credentials["connection_id"], credentials["secret"]
    made.ids["connection_id"] = made.rest("GET", f"/workspace/{workspace}/connections")[0]["id"]
    login = {"connection_id": made.connection, "secret": made.secret}
    page = httpx2.post(f"{hub.url}/api/connection-link/auth/login", json=login, timeout=PATIENCE_S)
    made.page = page.cookies["connection-link-auth"]
    with made.controller() as mqtt:
        mqtt.say(f"sys/product/{controller}/status", topology(aircraft))
        mqtt.say(f"thing/product/{controller}/osd", osd(controller, capacity_percent=90))
        mqtt.say(f"thing/product/{aircraft}/osd", osd(controller, mode_code=FLYING))
    fleet = made.graphql(
        "query($w:ID!){workspace(id:$w){drones{id currentFlight{id}} remoteControllers{id}}}", w=workspace
    )["workspace"]
    made.ids["drone_id"] = int(fleet["drones"][0]["id"])
    made.ids["flight_id"] = int(fleet["drones"][0]["currentFlight"]["id"])
    made.ids["remote_controller_id"] = int(fleet["remoteControllers"][0]["id"])
    upload(made, aircraft)
    media = made.rest("GET", f"/drone/{made.ids['drone_id']}/media")[0]
    made.ids["media_id"], made.ids["file_id"] = media["id"], media["file_id"]
    return made


def upload(party: Party, aircraft: str, name: str = "DJI_20250614102107_0004_W.JPG") -> None:
    """A photo, as Pilot uploads it."""
    grant = party.pilot("storage/sts", {})["data"]
    credentials = grant["credentials"]
    storage = boto3.client(
        "s3",
        endpoint_url=grant["endpoint"],
        region_name=grant["region"],
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["access_key_secret"],
        aws_session_token=credentials["security_token"],
        config=Config(s3={"addressing_style": "path"}),
    )
    key = f"{grant['object_key_prefix']}/{name}"
    storage.put_object(Bucket=grant["bucket"], Key=key, Body=PHOTO + name.encode())
    told = {"name": name, "object_key": key, "fingerprint": f"{name}", "ext": {"sn": aircraft}, "result": 0}
    assert party.pilot("media/upload-callback", told)["code"] == 0


def now_ms() -> int:
    return int(time.time() * 1000)


def topology(*aircraft: str) -> dict[str, Any]:
    linked = [{"sn": sn, "domain": "0", "type": 67, "sub_type": 1, "index": "A"} for sn in aircraft]
    data = {"domain": "2", "type": 119, "sub_type": 0, "thing_version": "1.1.2", "sub_devices": linked}
    return {"tid": "t-1", "bid": "b-1", "timestamp": now_ms(), "method": "update_topo", "data": data}


def osd(controller: str, **properties: Any) -> dict[str, Any]:
    data = {"longitude": 9.95, "latitude": 50.49, "height": 1053.6, "elevation": 57.2, **properties}
    if "capacity_percent" not in data:
        data["battery"] = {"capacity_percent": 70}
    return {"tid": "0", "bid": "0", "timestamp": now_ms(), "gateway": controller, "data": data}


def until(found: Callable[[], T | None]) -> T:
    """What is there soon."""
    end = time.monotonic() + PATIENCE_S
    while (value := found()) is None:
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return value
