"""What is hidden is answered byte for byte like what is missing (security.md, A1 and A2), on every way in that takes an
id. The ways in are read from the schema: a new one without a row here fails.
"""

import re
import subprocess
import sys
from itertools import product
from typing import Any, cast
from unittest.mock import Mock

import boto3  # type: ignore[import-untyped]
import httpx2
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from graphql import GraphQLObjectType, build_schema, is_leaf_type, is_non_null_type
from websockets.sync.client import connect

from ofh.edges.rest.endpoint import RestEndpoints
from ofh.edges.rest.routes import Services, routes

from .conftest import Party, Town
from .devices import device, osd, topology
from .test_mqtt import longitude, until
from .test_socket import hear, opened, say

MISSING = "987654321"
FORM = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhidden bytes\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="filename"\r\n\r\nhidden.txt\r\n--xyz--\r\n'
)


def send_form(town: Town, workspace: str, token: str | None) -> httpx2.Response:
    """A member's upload."""
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    return town.client.post(f"{town.url}/api/workspace/{workspace}/file", content=FORM, headers=headers)


def pilot(town: Town, party: Party, path: str, body: Any, uuid: str | None = None) -> Any:
    """What an endpoint of Pilot answers to a party's controller."""
    module, name = path.split("/", 1)
    url = f"{town.url}/{module}/api/v1/workspaces/{uuid or party.uuid}/{name}"
    return town.client.post(url, json=body, headers={"x-auth-token": party.secret})


def upload(town: Town, party: Party) -> tuple[str, str]:
    """A member's file, and a photo that a controller uploads: their ids."""
    file: int = send_form(town, party.workspace, party.token).json()["id"]
    grant = pilot(town, party, "storage/sts", {}).json()["data"]
    credentials = grant["credentials"]
    storage = boto3.client(
        "s3",
        endpoint_url=town.url,
        region_name=grant["region"],
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["access_key_secret"],
        aws_session_token=credentials["security_token"],
        config=Config(s3={"addressing_style": "path"}),
    )
    key = f"{grant['object_key_prefix']}/DJI_20250614102107_0004_W.JPG"
    storage.put_object(Bucket=grant["bucket"], Key=key, Body=b"\xff\xd8\xff\xe0 hidden")
    told = {**PHOTO, "name": "DJI_20250614102107_0004_W.JPG", "object_key": key, "result": 0}
    assert pilot(town, party, "media/upload-callback", told).json()["code"] == 0
    found = town.ask("query($w:ID!){workspace(id:$w){media{edges{node{id}}}}}", party.token, w=party.workspace)
    media: str = found["data"]["workspace"]["media"]["edges"][0]["node"]["id"]
    return str(file), media


PHOTO = {"fingerprint": "AB" * 16, "ext": {"sn": "UAV-hidden", "tinny_fingerprint": "hidden_2025_6_14_10_21_7"}}


@pytest.fixture(scope="module")
def hidden(town: Town, us: Party) -> dict[str, str]:
    """Ids of ours by what they name."""
    rule = town.ask(
        'mutation($w:ID!){createAlertRule(workspaceId:$w,kind:LOW_BATTERY,name:"half",threshold:60){id}}',
        us.token,
        w=us.workspace,
    )["data"]["createAlertRule"]["id"]
    with device(town, us) as controller:
        controller.say(topology("RC-hidden", "UAV-hidden"))
        controller.say(osd("UAV-hidden", "RC-hidden", 7.0, mode_code=5))  # on a wayline: it has a flight
    until(lambda: longitude(town, us, "UAV-hidden") == 7.0)
    found = town.ask(
        "query($w:ID!){workspace(id:$w){drones{id serialNumber} remoteControllers{id serialNumber}}}",
        us.token,
        w=us.workspace,
    )["data"]["workspace"]
    drone = next(item["id"] for item in found["drones"] if item["serialNumber"] == "UAV-hidden")
    controller_id = next(item["id"] for item in found["remoteControllers"] if item["serialNumber"] == "RC-hidden")
    flight = town.ask("query($d:ID!){drone(id:$d){currentFlight{id}}}", us.token, d=drone)["data"]["drone"][
        "currentFlight"
    ]["id"]
    alert = town.ask(
        "query($w:ID!,$d:ID!){workspace(id:$w){alerts(filter:{droneId:$d}){edges{node{id}}}}}",
        us.token,
        w=us.workspace,
        d=drone,
    )["data"]["workspace"]["alerts"]["edges"][0]["node"]["id"]
    file, media = upload(town, us)
    token = town.ask('mutation{createAccessToken(name:"x"){accessToken{id}}}', us.token)
    return {
        "workspace": us.workspace,
        "drone": drone,
        "controller": controller_id,
        "connection": us.connection,
        "user": us.user,
        "flight": flight,
        "alert": alert,
        "rule": rule,
        "file": file,
        "media": media,
        "token": token["data"]["createAccessToken"]["accessToken"]["id"],
    }


QUERIES = {
    "user": ("user", "query($id:ID!){user(id:$id){id name email}}"),
    "workspace": (
        "workspace",
        'query($id:ID!){workspace(id:$id){uuid members{user{id}} drones{id} drone(serialNumber:"UAV-hidden"){id}}}',
    ),
    "connection": ("connection", "query($id:ID!){connection(id:$id){id name workspace{id} drone{id}}}"),
    "remoteController": ("controller", "query($id:ID!){remoteController(id:$id){id serialNumber position{longitude}}}"),
    "drone": (
        "drone",
        'query($id:ID!){drone(id:$id){id name track(from:"2026-01-01T00:00:00Z",to:"2026-01-01T00:00:00Z"){time}}}',
    ),
    "flight": (
        "flight",
        "query($id:ID!){flight(id:$id){startedAt drone{id} track{longitude} coverage{area} mediaArchive{url}}}",
    ),
    "media": (
        "media",
        "query($id:ID!){media(id:$id){fileName meta drone{id} file{url} group{id} groundCoverage{geoJson} "
        "coverageMissing{name}}}",
    ),
    "file": ("file", "query($id:ID!){file(id:$id){name size url uploadedBy{id}}}"),
    "files": ("file", "query($id:ID!){files(ids:[$id]){name size url}}"),
    "fleetAt": (
        "workspace",
        'query($id:ID!){fleetAt(workspaceId:$id,at:"2026-01-01T00:00:00Z"){cursor drones{id} alerts{id}}}',
    ),
    "alert": ("alert", "query($id:ID!){alert(id:$id){message evidence drone{id} rule{id} acknowledgedBy{id}}}"),
}
MARK = 'id:"3fa85f64-5717-4562-b3fc-2c963f66afa6"'
MUTATIONS = {
    "updateUser": ("user", 'mutation($id:ID!){updateUser(id:$id,name:"x"){id}}'),
    "revokeAccessToken": ("token", "mutation($id:ID!){revokeAccessToken(id:$id)}"),
    "updateWorkspace": ("workspace", 'mutation($id:ID!){updateWorkspace(id:$id,name:"x"){id}}'),
    "deleteWorkspace": ("workspace", "mutation($id:ID!){deleteWorkspace(id:$id)}"),
    "resetWorkspaceUuid": ("workspace", "mutation($id:ID!){resetWorkspaceUuid(id:$id){uuid}}"),
    "inviteMember": (
        "workspace",
        'mutation($id:ID!){inviteMember(workspaceId:$id,email:"them@example.org",role:OWNER){role}}',
    ),
    "removeMember": ("workspace", "mutation($id:ID!,$me:ID!){removeMember(workspaceId:$id,userId:$me)}"),
    "changeMemberRole": (
        "workspace",
        "mutation($id:ID!,$me:ID!){changeMemberRole(workspaceId:$id,userId:$me,role:OWNER){role}}",
    ),
    "createConnection": ("workspace", 'mutation($id:ID!){createConnection(workspaceId:$id,name:"x"){secret}}'),
    "deleteConnection": ("connection", "mutation($id:ID!){deleteConnection(id:$id)}"),
    "rotateConnectionSecret": ("connection", "mutation($id:ID!){rotateConnectionSecret(id:$id){secret}}"),
    "renameFile": ("file", 'mutation($id:ID!){renameFile(id:$id,name:"x"){name}}'),
    "deleteFile": ("file", "mutation($id:ID!){deleteFile(id:$id)}"),
    "deleteMedia": ("media", "mutation($id:ID!){deleteMedia(id:$id)}"),
    "renameDrone": ("drone", 'mutation($id:ID!){renameDrone(id:$id,name:"x"){name}}'),
    "startStream": ("drone", 'mutation($id:ID!){startStream(droneId:$id,camera:"1/normal-0"){__typename}}'),
    "stopStream": ("drone", 'mutation($id:ID!){stopStream(droneId:$id,camera:"1/normal-0"){__typename}}'),
    "createMapElement": (
        "workspace",
        'mutation($id:ID!){createMapElement(workspaceId:$id,name:"x",content:{type:"Feature",'
        'geometry:{type:"Point",coordinates:[9,50]}}){id}}',
    ),
    "updateMapElement": (
        "workspace",
        f'mutation($id:ID!){{updateMapElement(workspaceId:$id,{MARK},name:"x"){{name}}}}',
    ),
    "deleteMapElement": ("workspace", f"mutation($id:ID!){{deleteMapElement(workspaceId:$id,{MARK})}}"),
    "acknowledgeAlert": ("alert", "mutation($id:ID!){acknowledgeAlert(id:$id){id}}"),
    "createAlertRule": (
        "workspace",
        'mutation($id:ID!){createAlertRule(workspaceId:$id,kind:HEIGHT,name:"x"){id}}',
    ),
    "updateAlertRule": ("rule", "mutation($id:ID!){updateAlertRule(id:$id,enabled:false){id}}"),
    "deleteAlertRule": ("rule", "mutation($id:ID!){deleteAlertRule(id:$id)}"),
}
SUBSCRIPTIONS = {
    "dronePosition": ("drone", "subscription($id:ID!){dronePosition(droneId:$id){position{longitude}}}"),
    "droneBattery": ("drone", "subscription($id:ID!){droneBattery(droneId:$id){battery{capacityPercentLeft}}}"),
    "remoteControllerPosition": (
        "controller",
        "subscription($id:ID!){remoteControllerPosition(remoteControllerId:$id){position{longitude}}}",
    ),
    "workspacePositions": ("workspace", "subscription($id:ID!){workspacePositions(workspaceId:$id){droneId}}"),
    "workspaceBatteries": ("workspace", "subscription($id:ID!){workspaceBatteries(workspaceId:$id){droneId}}"),
    "connectionDoctor": ("connection", "subscription($id:ID!){connectionDoctor(connectionId:$id){__typename}}"),
    "workspaceRole": ("workspace", "subscription($id:ID!){workspaceRole(workspaceId:$id)}"),
    "mediaAnalysed": ("workspace", "subscription($id:ID!){mediaAnalysed(workspaceId:$id){fileName}}"),
    "fleet": ("workspace", "subscription($id:ID!){fleet(workspaceId:$id){cursor}}"),
    "replay": (
        "workspace",
        'subscription($id:ID!){replay(workspaceId:$id,from:"2026-01-01T00:00:00Z",to:"2026-01-01T00:00:00Z"){cursor}}',
    ),
    "mediaUploaded": ("workspace", "subscription($id:ID!){mediaUploaded(workspaceId:$id){fileName}}"),
}


def test_every_way_in_is_tried_here() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "ofh.cli.main", "schema"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    schema = build_schema(printed)
    for root, tried in (
        (schema.query_type, QUERIES),
        (schema.mutation_type, MUTATIONS),
        (schema.subscription_type, SUBSCRIPTIONS),
    ):
        assert root is not None
        takes_ids = {
            name
            for name, field in root.fields.items()
            if any("ID" in str(argument.type) for argument in field.args.values())
        }
        assert takes_ids == tried.keys(), f"{root.name}: say here how it is tried"


def variables(them: Party, query: str, id: str) -> dict[str, str]:
    return {"id": id} | ({"me": them.user} if "$me" in query else {})


@pytest.mark.parametrize(("kind", "query"), QUERIES.values(), ids=QUERIES)
def test_a2_a_query_for_hidden_things_finds_nothing(
    town: Town, them: Party, hidden: dict[str, str], kind: str, query: str
) -> None:
    told = [town.post({"query": query, "variables": {"id": id}}, them.token) for id in (hidden[kind], MISSING)]
    assert told[0].content == told[1].content
    assert told[0].status_code == told[1].status_code == 200
    (found,) = told[0].json()["data"].values()
    assert found in (None, [])


@pytest.mark.parametrize(("kind", "query"), MUTATIONS.values(), ids=MUTATIONS)
def test_a2_a_mutation_of_hidden_things_says_gone(
    town: Town, us: Party, them: Party, hidden: dict[str, str], kind: str, query: str
) -> None:
    before = town.ask(WHOLE, us.token)
    told = [
        town.post({"query": query, "variables": variables(them, query, id)}, them.token)
        for id in (hidden[kind], MISSING)
    ]
    assert told[0].content == told[1].content
    assert told[0].json()["errors"][0]["extensions"]["code"] == "GONE"
    assert town.ask(WHOLE, us.token) == before


WHOLE = """
{ me { name email accessTokens { id } } workspaces {
  id uuid name members { user { id } role } connections { id name } drones { id name } remoteControllers { id }
  files { edges { node { id name } } } media { edges { node { id } } }
  alertRules { id enabled } alerts { edges { node { id acknowledgedAt clearedAt } } }
} }
"""


@pytest.mark.parametrize(("kind", "query"), SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
def test_a2_a_subscription_to_hidden_things_says_gone(
    town: Town, them: Party, hidden: dict[str, str], kind: str, query: str
) -> None:
    told: list[Any] = []
    for id in (hidden[kind], MISSING):
        with opened(town, them.token) as socket:
            say(socket, {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": {"id": id}}})
            told.append(hear(socket))
    assert told[0] == told[1]
    assert told[0]["payload"][0]["extensions"]["code"] == "GONE"


LIVE = {
    "drone_position": ("{drone}",),
    "drone_telemetry": ("{drone}",),
    "drone_media": ("{drone}",),
    "remote_controller_position": ("{controller}",),
    "workspace_drones_position": ("{workspace}",),
    "workspace_drones_media": ("{workspace}",),
    "db_row_update": (
        *(f"{kind}%{{{kind}}}" for kind in ("user", "workspace", "connection", "drone", "flight", "media", "file")),
        "remote_controller%{controller}",
    ),
}
"""Events of the live websocket and their filters."""


def test_a2_the_live_websocket_answers_for_hidden_things_as_for_missing_ones(
    town: Town, us: Party, them: Party, hidden: dict[str, str]
) -> None:
    def ask(party: Party, ids: dict[str, str]) -> list[Any]:
        told = []
        headers = {"authorization": f"Bearer {party.token}"}
        with connect(f"ws://127.0.0.1:{town.port}/api/live", additional_headers=headers) as socket:
            for event, filter in ((event, filter) for event, filters in LIVE.items() for filter in filters):
                data = {"event": event, "filter": filter.format(**ids)}
                say(socket, {"type": "subscribe", "data": data, "messageId": 1})
                answer = hear(socket)
                while answer["type"] == "event":  # of what is followed already
                    answer = hear(socket)
                told.append(answer)
        return told

    missing = dict.fromkeys(hidden, MISSING)
    refusals = ask(them, hidden)
    assert refusals == ask(them, missing) == ask(us, missing)
    assert all(item == refusals[0] and not item["data"]["success"] for item in refusals)
    assert all(item["data"]["success"] for item in ask(us, hidden)), "these are ours"


@pytest.mark.parametrize(("kind", "query"), [*QUERIES.values(), *MUTATIONS.values()], ids=[*QUERIES, *MUTATIONS])
def test_a1_a_stranger_is_told_the_same_of_everything(
    town: Town, them: Party, hidden: dict[str, str], kind: str, query: str
) -> None:
    told = {
        town.post({"query": query, "variables": variables(them, query, id)}).content
        for id in (hidden[kind], MISSING, "x", "0")
    }
    assert len(told) == 1
    assert b"UNAUTHENTICATED" in told.pop()


def test_a2_files_of_others_are_neither_given_out_nor_taken_in(
    town: Town, us: Party, them: Party, hidden: dict[str, str]
) -> None:
    def get(id: str, token: str | None, what: str = "data") -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return town.client.get(f"{town.url}/api/file/{what}/{id}", headers=headers)

    assert get(hidden["file"], us.token).content == b"hidden bytes"
    for what in ("data", "thumbnail"):
        told = [get(id, them.token, what) for id in (hidden["file"], MISSING)]
        assert told[0].content == told[1].content
        assert [answer.status_code for answer in told] == [410, 410]
        assert {get(id, None, what).status_code for id in (hidden["file"], MISSING, "x")} == {401}
    assert {get(id, None).content for id in (hidden["file"], MISSING, "x")} == {get(MISSING, None).content}
    told = [send_form(town, id, them.token) for id in (us.workspace, MISSING)]
    assert told[0].content == told[1].content
    assert [answer.status_code for answer in told] == [410, 410]


REST = {
    "GET /api/user/{user_id}": None,
    "PATCH /api/user/{user_id}": {"name": "x"},
    "GET /api/workspace/{workspace_id}": None,
    "PATCH /api/workspace/{workspace_id}": {"name": "x"},
    "DELETE /api/workspace/{workspace_id}": None,
    "GET /api/workspace/{workspace_id}/connections": None,
    "POST /api/workspace/{workspace_id}/connections": {"name": "x"},
    "GET /api/connection/{connection_id}": None,
    "DELETE /api/connection/{connection_id}": None,
    "GET /api/remote-controller/{remote_controller_id}": None,
    "GET /api/remote-controller/{remote_controller_id}/last-position": None,
    "PATCH /api/workspace/{workspace_id}/file/{file_id}": {"filename": "x"},
    "DELETE /api/workspace/{workspace_id}/file/{file_id}": None,
    "GET /api/workspace/{workspace_id}/files": None,
    "GET /api/file/{file_id}": None,
    "GET /api/flight/{flight_id}": None,
    "GET /api/flight/{flight_id}/media": None,
    "GET /api/media/{media_id}": None,
    "GET /api/media/ground-coverage/{media_id}": None,
    "GET /api/drone/{drone_id}": None,
    "GET /api/drone/{drone_id}/last-position": None,
    "GET /api/drone/{drone_id}/last-battery": None,
    "GET /api/drone/{drone_id}/media": None,
    "GET /api/drone/{drone_id}/flights": None,
    "GET /api/drone/{drone_id}/current-flight": None,
}
"""Operations of the REST contract whose path has an id, and a body that they take."""
KINDS = {"remote_controller_id": "controller"}
"""What an id in a path names, where it is not called so."""


def test_every_rest_operation_on_an_id_is_tried_here() -> None:
    made: set[str] = set()

    class Endpoints:
        def route(self, path: str, **operations: Any) -> None:
            made.update(f"{method} {path}" for method in operations)

        open_route = route

    routes(cast(RestEndpoints, Endpoints()), cast(Services, Mock()))
    assert {operation for operation in made if "{" in operation} == REST.keys(), "say here how it is tried"


@pytest.mark.parametrize("operation", REST)
def test_a2_a_rest_operation_on_hidden_things_is_410(
    town: Town, us: Party, them: Party, hidden: dict[str, str], operation: str
) -> None:
    method, path = operation.split(" ")
    names = re.findall(r"{(\w+)}", path)

    def ask(ids: dict[str, str], token: str | None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return town.client.request(method, town.url + path.format(**ids), headers=headers, json=REST[operation])

    before = town.ask(WHOLE, us.token)
    ours = {name: hidden[KINDS.get(name, name.removesuffix("_id"))] for name in names}
    places = [dict(zip(names, ids, strict=True)) for ids in product(*((ours[name], MISSING) for name in names))]
    if len(names) > 1:
        places.append({**ours, "workspace_id": them.workspace})
    told = [ask(ids, them.token) for ids in places]
    assert {answer.status_code for answer in told} == {410}
    assert len({answer.content for answer in told}) == 1
    strangers = [ask(ids, None) for ids in (*places, dict.fromkeys(names, "x"), dict.fromkeys(names, "0"))]
    assert {answer.status_code for answer in strangers} == {401}
    assert len({answer.content for answer in strangers}) == 1
    assert town.ask(WHOLE, us.token) == before


def test_a2_files_of_others_are_left_out_of_several(town: Town, us: Party, them: Party, hidden: dict[str, str]) -> None:
    def ask(token: str) -> Any:
        body = {"ids": [int(hidden["file"]), int(MISSING)]}
        headers = {"authorization": f"Bearer {token}"}
        return town.client.post(f"{town.url}/api/file/get-multiple", json=body, headers=headers).json()

    assert [item["name"] for item in ask(us.token)] == ["hidden.txt"]
    assert ask(them.token) == []


def test_a2_media_of_others_are_in_no_archive_and_no_covered_ground(
    town: Town, us: Party, them: Party, hidden: dict[str, str]
) -> None:
    def get(workspace: str, token: str | None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return town.client.get(f"{town.url}/export/workspace/{workspace}/media.zip", headers=headers)

    assert b"DJI_20250614102107_0004_W.JPG" in get(us.workspace, us.token).content
    told = [get(workspace, them.token) for workspace in (us.workspace, MISSING)]
    assert (told[0].status_code, told[0].content) == (410, told[1].content)
    assert {get(workspace, None).content for workspace in (us.workspace, MISSING, "x")} == {get(MISSING, None).content}
    # within one's own workspace the others' ids name nothing
    query = """query($w:ID!,$m:ID!,$f:ID!,$d:ID!){workspace(id:$w){
        mediaArchive(ids:[$m]){fileCount size} coverage(filter:{flightId:$f,droneId:$d}){area mediaCount pendingCount}
    }}"""
    ids = {"m": hidden["media"], "f": hidden["flight"], "d": hidden["drone"]}
    found = town.ask(query, them.token, w=them.workspace, **ids)["data"]["workspace"]
    assert found == {
        "mediaArchive": {"fileCount": 0, "size": 0},
        "coverage": {"area": 0.0, "mediaCount": 0, "pendingCount": 0},
    }


def test_u8_fingerprints_of_others_are_not_told_of(town: Town, us: Party, them: Party, hidden: dict[str, str]) -> None:
    assert hidden["media"]
    tiny = {"tiny_fingerprints": [PHOTO["ext"]["tinny_fingerprint"]]}  # type: ignore[index]
    for party, is_here in ((us, True), (them, False)):
        assert (pilot(town, party, "media/fast-upload", PHOTO).json()["code"] == 0) is is_here
        answer = pilot(town, party, "media/files/tiny-fingerprints", tiny).json()
        assert answer["data"]["tiny_fingerprints"] == (tiny["tiny_fingerprints"] if is_here else [])
    for path in ("media/fast-upload", "media/files/tiny-fingerprints", "media/upload-callback", "storage/sts"):
        assert pilot(town, them, path, PHOTO, uuid=us.uuid).status_code == 403


def test_a2_ids_inside_ones_own_workspace_are_no_way_around(
    town: Town, us: Party, them: Party, hidden: dict[str, str]
) -> None:
    """Members, serial numbers and users of ours, asked for within their workspace."""
    assert hidden
    for other in (us.user, MISSING):
        for query in (
            "mutation($w:ID!,$u:ID!){removeMember(workspaceId:$w,userId:$u)}",
            "mutation($w:ID!,$u:ID!){changeMemberRole(workspaceId:$w,userId:$u,role:VIEWER){role}}",
        ):
            found = town.ask(query, them.token, w=them.workspace, u=other)
            assert found["errors"][0]["extensions"]["code"] == "GONE"
    for serial in ("UAV-hidden", "UAV-missing"):
        found = town.ask(
            "query($w:ID!,$s:String!){workspace(id:$w){drone(serialNumber:$s){id}}}",
            them.token,
            w=them.workspace,
            s=serial,
        )
        assert found == {"data": {"workspace": {"drone": None}}}


def test_the_whole_of_what_they_see_names_nothing_of_ours(
    town: Town, us: Party, them: Party, hidden: dict[str, str]
) -> None:
    """Every field of the schema, two levels deep, asked by them; each by itself, or it would cost too much."""
    printed = town.ask("{__schema{types{name}}}", them.token)
    assert "errors" not in printed
    schema = build_schema(
        subprocess.run(
            [sys.executable, "-m", "ofh.cli.main", "schema"], capture_output=True, text=True, check=True, timeout=60
        ).stdout
    )

    def fields(kind: GraphQLObjectType, depth: int) -> list[str]:
        parts = []
        for name, field in kind.fields.items():
            if any(is_non_null_type(argument.type) for argument in field.args.values()):
                continue
            inner = field.type
            while hasattr(inner, "of_type"):
                inner = inner.of_type
            if is_leaf_type(inner):
                parts.append(name)
            elif depth:
                parts += [f"{name}{{{below}}}" for below in fields(inner, depth - 1)]  # type: ignore[arg-type]
        return parts or ["__typename"]

    assert schema.query_type is not None
    for field in fields(schema.query_type, 2):
        answer = town.post({"query": f"{{{field}}}"}, them.token)
        assert "errors" not in answer.json(), answer.text
        for secret in (us.uuid, us.email, us.account, us.secret, us.token, "UAV-hidden", "RC-hidden", "hidden.txt"):
            assert secret not in answer.text
        for secret in (them.secret, them.token, them.account):
            assert secret not in answer.text, "nor what is shown only once, of their own"
    assert hidden["drone"]
