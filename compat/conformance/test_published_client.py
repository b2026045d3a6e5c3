"""The published client, newest version, in a browser on the hub's own origin: from log-in to log-out, over a restart.

Its calls that 0.11.0 does not have stand in `clients/typescript/newer.json` with what they answer; a hub that learns
one of them, or a newer client, makes that list another one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.support.services import missing

from .client import FOLDER, Client, opened
from .hubs import Hub, running
from .seeds import Party, party, upload

pytestmark = [pytest.mark.browser, pytest.mark.npm]

PASSWORD = "correct horse battery"
CONTROLLER, AIRCRAFT = "5XTESTRCP00009", "1581XTESTM30T0009"
PLACE = {"longitude": 9.95, "latitude": 50.49, "team_id": 1}
"""What 8.1.0 sends beside the name of a workspace."""
NEWER = FOLDER / "newer.json"
GEO = {"subscribeToGeoObjects": "geo_object", "subscribeToMission": "mission", "subscribeToTask": "task"}
"""Live events that 8.1.0 knows and 0.11.0 does not."""


@pytest.fixture
def chromium() -> str:
    """The browser's program."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found if found is not None else missing("chromium")


@contextmanager
def simulated(hub: Hub, who: Party) -> Iterator[None]:
    """A controller and a drone that do not exist, reporting."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ofh.cli.main", "simulate", "--url", hub.url, "--drones", "1", "--rate", "2"),
            *("--connection-id", who.connection, "--mqtt-url", f"mqtt://127.0.0.1:{hub.mqtt_port}"),
        ],
        env={**hub.environment, "OFH_CONNECTION_SECRET": who.secret},
        cwd=hub.data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def shape(document: dict[str, Any], method: str, url: str, answer: Any) -> None:
    """Fails where an answer is not what the contract says of its operation."""
    operation = document["paths"][url][method]["responses"]["200"]
    content = operation.get("content", {}).get("application/json")
    if content is None:
        assert answer is None, (url, answer)
        return
    schema = {**content["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def in_contract(url: str) -> str:
    """A path of the client as the contract writes it."""
    return "/api" + re.sub(r"\{(\w+)Id\}", lambda m: "{" + re.sub(r"([A-Z])", r"_\1", m[1]).lower() + "_id}", url)


def letter(hub: Hub, mark: str) -> str:
    """The token behind a mark in a letter of the outbox."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for path in sorted((hub.data / "outbox").glob("*.eml")):
            text = message_from_bytes(path.read_bytes()).get_payload(decode=True)
            assert isinstance(text, bytes)
            if found := re.search(rf"#{mark}=(\S+)", text.decode()):
                return found[1]
        time.sleep(0.05)
    raise AssertionError(f"no letter with {mark}")


class Play:
    """Calls whose answers have to be in the contract's shape; remembers which were made."""

    def __init__(self, client: Client, document: dict[str, Any], calls: dict[str, Any]) -> None:
        self.client = client
        self.calls = calls
        self.made: set[str] = set()
        self._document = document

    def __call__(self, name: str, data: Any = None, file: dict[str, str] | None = None, **params: Any) -> Any:
        """A call that has to work."""
        answer = self.client.call(name, data, file, **params)
        self.made.add(name)
        call = self.calls[name]
        shape(self._document, call["method"], in_contract(call["url"]), answer)
        return answer

    def refused(self, name: str, status_text: str, data: Any = None, **params: Any) -> None:
        """A call that has to be refused, in a way that the client does not take for a fault."""
        answer = self.client.tried(name, data, **params)
        self.made.add(name)
        assert status_text in answer["refused"], answer
        assert "Fatal" not in answer["refused"], answer

    def has(self, call: dict[str, Any]) -> bool:
        """Whether a call of the client is an operation of the contract."""
        return call["method"] in self._document["paths"].get(in_contract(call["url"]), {})


def test_the_published_client(chromium: str, tmp_path: Path) -> None:
    data = tmp_path / "hub"
    with ExitStack() as stack, ExitStack() as life:
        hub = life.enter_context(running(data, OFH_REGISTRATION="open"))
        ports = int(hub.url.rpartition(":")[2]), hub.mqtt_port
        us = party(hub, "us", controller=CONTROLLER, aircraft=AIRCRAFT)
        us.rest("POST", "/auth/password-set-initial", {"new_password": PASSWORD})
        client = stack.enter_context(opened(chromium, hub.url))
        calls = {call["call"].removeprefix("rest."): call for call in client.do("calls")}
        play = Play(client, hub.document("openapi.json"), calls)

        become_somebody(play, hub)
        play("auth.login.post", {"username": us.email, "password": PASSWORD})
        ask_for_everything(play, us)
        change_things(play, us)
        controllers_page(play, us)
        contract = {name for name, call in calls.items() if play.has(call)}
        assert contract - play.made == {"auth.logout.post"}, "every call of the contract is made"
        (tmp_path / "newer.json").write_text(json.dumps(newer(client, calls, contract), indent=2) + "\n")
        assert (tmp_path / "newer.json").read_text() == NEWER.read_text(), "copy the file, if it is as it should be"

        stack.enter_context(simulated(hub, us))
        drone, controller = what_is_simulated(play, us)
        hear(client, us, drone, controller)
        if picture := os.environ.get("CONFORMANCE_PICTURE"):
            client.do("screenshot", path=picture)

        before = len(client.do("events", **{"as": "drone_position"}, after=0))
        so_far = len(client.do("status", count=1))
        life.close()
        life.enter_context(running(data, ports=ports, OFH_REGISTRATION="open"))
        assert client.do("events", **{"as": "drone_position"}, after=before), "the hub is back, and so are the events"
        lived = client.do("status", count=so_far + 2)[so_far:]
        assert (lived[0], lived[-1]) == ("disconnected: null", "connected")
        play("auth.check.get")

        so_far += len(lived)
        play("auth.logout.post")
        assert client.do("status", count=so_far + 1)[so_far] == "disconnected: logout"
        play.refused("auth.check.get", "unauthenticated")
        told = client.do("told")
        assert told["cookies"] == [{"name": "connection-link-auth", "httpOnly": True, "sameSite": "Lax"}]
        assert told["faults"] == []
        assert {"method": "POST", "contentType": "application/json"}.items() <= next(
            asked.items() for asked in told["requests"] if asked["path"].endswith("/file")
        )


def become_somebody(play: "Play", hub: Hub) -> None:
    """Registration, the first password, a forgotten one, another one."""
    play.refused("auth.check.get", "unauthenticated")
    made = play("auth.register.post", {"email": "ada@example.org"})
    assert play("auth.loginWithToken.post", {"token": letter(hub, "login")}) == made == play("auth.check.get")
    play("auth.passwordSetInitial.post", {"new_password": PASSWORD})
    other = PASSWORD + "!"
    play.refused("auth.passwordChange.post", "current_password", {"current_password": "no", "new_password": other})
    play("auth.passwordChange.post", {"current_password": PASSWORD, "new_password": other})
    play("auth.passwordReset.post", {"username": "ada@example.org"})
    play("auth.passwordSetNew.post", {"new_password": PASSWORD, "code": letter(hub, "reset")})
    play.refused("auth.check.get", "unauthenticated")


def ask_for_everything(play: "Play", us: Party) -> None:
    """Whatever can be asked of what is there."""
    ids = us.ids
    me = play("user.self.get")
    assert me["email"] == us.email
    assert play("user.get", userId=me["id"])["id"] == me["id"]
    assert [item["id"] for item in play("workspace.myWorkspaces.get")] == [ids["workspace_id"]]
    play("workspace.get", workspaceId=ids["workspace_id"])
    (connection,) = play("workspace.connections.get", workspaceId=ids["workspace_id"])
    assert play("connection.get", connectionId=connection["id"]) == connection
    play("remoteController.get", remoteControllerId=ids["remote_controller_id"])
    play("remoteController.lastPosition.get", remoteControllerId=ids["remote_controller_id"])
    assert play("drone.get", droneId=ids["drone_id"])["serial_number"] == AIRCRAFT
    assert play("drone.lastPosition.get", droneId=ids["drone_id"])["height"] == 1053.6
    assert play("drone.lastBattery.get", droneId=ids["drone_id"])["capacity_percent_left"] == 70
    (item,) = play("drone.media.get", droneId=ids["drone_id"])
    (flight,) = play("drone.flights.get", droneId=ids["drone_id"])
    assert play("drone.currentFlight.get", droneId=ids["drone_id"]) == flight
    assert play("flight.get", flightId=flight["id"]) == flight
    play("flight.media.get", flightId=flight["id"])
    assert play("media.get", mediaId=item["id"]) == item
    play.refused("media.groundCoverage.get", "no_coverage", mediaId=item["id"])
    file = play("file.get", fileId=item["file_id"])
    assert play("file.getMultiple.post", {"ids": [file["id"], 987654321]}) == [file]
    assert file in play("workspace.files.get", workspaceId=ids["workspace_id"])
    assert "photo" in play.client.do("fetch", path=f"/api/file/data/{file['id']}")["text"]
    assert play.client.do("fetch", path=f"/api/file/thumbnail/{file['id']}")["status"] == 410
    play("auth.streamToken.get")
    play.refused("drone.get", "gone", droneId=987654321)


def change_things(play: "Play", us: Party) -> None:
    """Workspaces, people and files, with the properties that this client sends."""
    made = play("workspace.post", {"name": "Alp", **PLACE})
    workspace = play("workspace.patch", {"name": "Alm", "longitude": 8.5, "latitude": 47.1}, workspaceId=made["id"])
    assert workspace == {"id": made["id"], "name": "Alm"}
    data = {"filename": "notes.txt"}
    file = {"name": "notes.txt", "text": "two\r\nlines"}
    stored = play("workspace.file.post", data, file, workspaceId=made["id"])
    assert play.client.do("fetch", path=f"/api/file/data/{stored['id']}")["text"] == "two\r\nlines"
    play("workspace.file.patch", {"filename": "b.txt"}, workspaceId=made["id"], fileId=stored["id"])
    assert play("file.get", fileId=stored["id"])["name"] == "b.txt"
    play("workspace.file.delete", workspaceId=made["id"], fileId=stored["id"])
    play.refused("file.get", "gone", fileId=stored["id"])
    secret = us.rest("POST", f"/workspace/{made['id']}/connections", {"name": "RC 2"})
    assert secret.keys() == {"connection_id", "secret"}
    (connection,) = play("workspace.connections.get", workspaceId=made["id"])
    play("connection.delete", connectionId=connection["id"])
    play("workspace.delete", workspaceId=made["id"])
    play.refused("workspace.get", "gone", workspaceId=made["id"])
    renamed = play("user.patch", {"name": "Uta", "locale": "de-CH"}, userId=us.ids["user_id"])
    assert (renamed["name"], renamed["locale"]) == ("Uta", "de-CH")


def controllers_page(play: "Play", us: Party) -> None:
    """What the page inside a controller asks for."""
    play.refused("connectionLink.auth.check.get", "unauthenticated")
    play("connectionLink.auth.login.post", {"connection_id": us.connection, "secret": us.secret})
    play("connectionLink.auth.check.get")
    assert play("connectionLink.config.get")["workspace_uuid"] == us.uuid
    play("connectionLink.djiPilot2.sdkConfig.get")
    play("connectionLink.resetWorkspaceUuid.post")
    before, us.uuid = us.uuid, play("connectionLink.config.get")["workspace_uuid"]
    assert us.uuid != before


def newer(client: Client, calls: dict[str, Any], contract: set[str]) -> dict[str, str]:
    """What the client's further calls are answered with, by name."""
    found = {}
    for name, call in sorted(calls.items()):
        if name in contract:
            continue
        params: dict[str, Any] = dict.fromkeys(re.findall(r"\{(\w+)\}", call["url"]), 1)
        client.tried(name, {"name": "x"} if call["method"] in ("post", "patch") else None, **params)
        answer = client.do("told")["answers"][-1]
        found[name] = f"{answer['method']} {call['url']} {answer['status']}"
    return found


def what_is_simulated(play: "Play", us: Party) -> tuple[int, int]:
    """The ids of a drone and a controller that were not there before."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        (connection,) = play("workspace.connections.get", workspaceId=us.ids["workspace_id"])
        drone, controller = connection.get("drone_id"), connection.get("remote_controller_id")
        if drone not in (None, us.ids["drone_id"]) and controller not in (None, us.ids["remote_controller_id"]):
            return drone, controller
        time.sleep(0.1)
    raise AssertionError("nothing was simulated")


def hear(client: Client, us: Party, drone: int, controller: int) -> None:
    """Every live subscription that both the client and the contract have."""
    workspace = us.ids["workspace_id"]
    of_drone, of_workspace = [drone], [workspace]

    def subscribe(name: str, args: list[Any], event: str) -> None:
        client.do("subscribe", call=f"live.{name}", args=args, **{"as": event})

    def events(event: str, after: int = 0) -> list[Any]:
        found: list[Any] = client.do("events", **{"as": event}, after=after)
        return found

    subscribe("subscribeToDronePosition", of_drone, "drone_position")
    subscribe("subscribeToDroneTelemetry", of_drone, "drone_telemetry")
    subscribe("subscribeToRemoteControllerPosition", [controller], "remote_controller_position")
    subscribe("subscribeToWorkspaceDronesPosition", of_workspace, "workspace_drones_position")
    subscribe("subscribeToDroneMedia", [us.ids["drone_id"]], "drone_media")
    subscribe("subscribeToWorkspaceDronesMedia", of_workspace, "workspace_drones_media")
    subscribe("subscribeToDbRowUpdate", ["workspace", workspace], "db_row_update")
    for name, event in GEO.items():
        subscribe(name, [workspace], event)  # refused, and the client goes on

    first, second = events("drone_position", after=1)[:2]
    assert (first["event"], first["filter"], first["data"]["id"]) == ("drone_position", str(drone), drone)
    assert first["data"]["position"] != second["data"]["position"]
    assert events("workspace_drones_position")[0]["filter"] == str(workspace)
    assert events("remote_controller_position")[0]["data"]["id"] == controller
    assert 0 <= events("drone_telemetry")[0]["data"]["telemetry"]["capacity_percent_left"] <= 100
    upload(us, AIRCRAFT, "DJI_20250614102109_0005_W.JPG")
    photo = events("drone_media")[0]["data"]
    assert photo == events("workspace_drones_media")[0]["data"]
    assert (photo["drone_serial_number"], photo["workspace_id"]) == (AIRCRAFT, workspace)
    us.rest("PATCH", f"/workspace/{workspace}", {"name": "Renamed"})
    assert events("db_row_update")[0]["data"] == {"table": "workspace", "id": str(workspace)}
