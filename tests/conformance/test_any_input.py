"""Whatever is sent: never a 5xx, INTERNAL, a traceback, a dead loop; bounded in number, reproducible."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from .conftest import Party, Town
from .test_socket import hear, opened, say

BOUNDED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

WORDS = [
    *("query", "mutation", "subscription", "fragment", "on", "Query", "Drone", "Workspace", "User", "ID", "String"),
    *("{", "}", "(", ")", "[", "]", ":", "!", "=", "...", "@skip", "@include", "(if:true)", "(if:$a)", "$a", "$b", "a"),
    *("me", "id", "name", "email", "server", "workspaces", "workspace", "drones", "drone", "members", "connections"),
    *("(id:1)", "(id:$a)", '(id:"x")', "(serialNumber:$a)", "__typename", "__schema", "__type", "types", "fields"),
    *("1", "-1", "1.5", "1e400", '"x"', '"""y"""', '"\\u0000"', '"\\uD800"', "true", "null", "#", "&", "|", "\u0000"),
    *("telemetry", "position", "longitude", "battery", "track", "lastConnection", "remoteControllers", "accessTokens"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(
        ["0", "1", "-1", "1\u0000", "\u0661", "9" * 30, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=25).map(lambda words: "{" + " ".join(words) + "}"),
)
TYPED = [
    "query($a:ID!){drone(id:$a){id name position{longitude}}}",
    "query($a:ID!){workspace(id:$a){id drones{id}}}",
    "query($a:ID!){user(id:$a){id email}}",
    "query($a:String!){workspaces{id drone(serialNumber:$a){id}}}",
    "query($a:DateTime!,$b:DateTime!){workspaces{drones{track(from:$a,to:$b){time}}}}",
    'query($a:Int){workspaces{drones{track(from:"2026-01-01T00:00:00Z",to:"2026-01-01T00:00:00Z",maxPoints:$a){time}}}}',
    "mutation($a:String!){createWorkspace(name:$a){id name}}",
    "mutation($a:String!,$b:String!){setNewPassword(newPassword:$a,code:$b)}",
    "mutation($a:String!,$b:DateTime){createAccessToken(name:$a,expiresAt:$b){accessToken{id}}}",
    "mutation($a:ID!,$b:String){updateUser(id:$a,name:$b){id}}",
    "mutation($a:ID!,$b:String){updateUser(id:$a,locale:$b){id}}",
    "mutation($a:ID!,$b:String!){inviteMember(workspaceId:$a,email:$b,role:VIEWER){role}}",
    "mutation($a:ID!,$b:WorkspaceRole!){changeMemberRole(workspaceId:1,userId:$a,role:$b){role}}",
    "mutation($a:ID!,$b:String!){renameDrone(id:$a,name:$b){id}}",
    "query($a:ID!,$b:MediaFilter){workspace(id:$a){media(filter:$b){totalCount}}}",
    "query($a:[ID!]!,$b:ID!){files(ids:$a){id} file(id:$b){id} media(id:$b){id}}",
    "mutation($a:ID!,$b:String!){renameFile(id:$a,name:$b){id}}",
    "mutation($a:ID!,$b:ID!){deleteFile(id:$a) deleteMedia(id:$b)}",
    "query($a:ID!,$b:DateTime!){fleetAt(workspaceId:$a,at:$b){cursor drones{id}}}",
    "mutation($a:String!,$b:Float){controlReplay(name:$a,speed:$b)}",
    "mutation($a:String!,$b:DateTime){controlReplay(name:$a,position:$b)}",
    "mutation($a:String!,$b:Area!){moveViewport(view:$a,area:$b)}",
]
SUBSCRIBED = [
    "subscription($a:ID!){dronePosition(droneId:$a){droneId}}",
    "subscription($a:ID!,$b:Int){workspacePositions(workspaceId:$a,interval:$b){droneId}}",
    "subscription($a:ID!,$b:Area){workspacePositions(workspaceId:$a,area:$b){droneId}}",
    "subscription($a:ID!,$b:Int){workspaceBatteries(workspaceId:$a,interval:$b){droneId}}",
    "subscription($a:ID!,$b:ID){mediaUploaded(workspaceId:$a,droneId:$b){id}}",
    "subscription($a:ID!,$b:String){fleet(workspaceId:$a,after:$b){cursor}}",
    'subscription($a:ID!,$b:Area){fleet(workspaceId:$a,area:$b,view:"a"){cursor}}',
    "subscription($a:ID!,$b:[FleetEventKind!]){fleet(workspaceId:$a,kinds:$b){cursor}}",
    'subscription($a:DateTime!,$b:Float){replay(workspaceId:1,from:$a,to:"2026-01-01T00:00:00Z",speed:$b){cursor}}',
]


def fair(status: int, text: str) -> None:
    assert status < 500, text
    assert "INTERNAL" not in text, text
    assert "Traceback" not in text


def sendable(value: Any) -> bytes | None:
    """As JSON, lone surrogates written as escapes."""
    return json.dumps(value).encode()


@BOUNDED
@given(document=DOCUMENTS, variables=st.dictionaries(st.sampled_from("abc"), VALUES, max_size=2))
def test_any_document(town: Town, us: Party, document: str, variables: dict[str, Any]) -> None:
    for token in (None, us.token):
        answer = town.post(sendable({"query": document, "variables": variables}), token)
        fair(answer.status_code, answer.text)


@BOUNDED
@given(query=st.sampled_from(TYPED), a=VALUES, b=VALUES)
def test_any_value_of_a_variable(town: Town, them: Party, query: str, a: Any, b: Any) -> None:
    answer = town.post(sendable({"query": query, "variables": {"a": a, "b": b}}), them.token)
    fair(answer.status_code, answer.text)


@BOUNDED
@given(body=st.binary(max_size=200) | VALUES.map(sendable) | st.lists(VALUES, max_size=3).map(sendable))
def test_any_body(town: Town, us: Party, body: bytes) -> None:
    answer = town.post(body, us.token)
    fair(answer.status_code, answer.text)


@BOUNDED
@given(
    path=st.text(
        st.characters(codec="ascii", exclude_characters="#", min_codepoint=33, max_codepoint=126), max_size=20
    ),
    query=st.dictionaries(
        st.sampled_from(["query", "variables", "operationName", "extensions", "x"]), st.text(max_size=30)
    ),
)
def test_any_path_and_query_string(town: Town, path: str, query: dict[str, str]) -> None:
    given = {name: value.encode("utf-8", "surrogatepass").decode("latin-1") for name, value in query.items()}
    for place in ("/graphql", "/" + path.replace("%", "%25").replace("?", "%3f")):
        answer = town.client.get(town.url + place, params=given)
        fair(answer.status_code, answer.text)


PILOT = st.sampled_from(
    [
        "media/fast-upload",
        "media/files/tiny-fingerprints",
        "storage/sts",
        "media/upload-callback",
        "media/group-upload-callback",
    ]
)
TOLD = st.dictionaries(
    st.sampled_from(
        ["fingerprint", "name", "path", "result", "object_key", "ext", "metadata", "file_group_id", "file_count"]
    ),
    VALUES | st.dictionaries(st.sampled_from(["sn", "created_time", "shoot_position", "is_original"]), VALUES),
    max_size=6,
)


@BOUNDED
@given(place=PILOT, told=TOLD | VALUES, key=st.sampled_from(["", "/k/a.JPG", "/k/../a.JPG"]))
def test_any_word_of_a_controller(town: Town, us: Party, place: str, told: Any, key: str) -> None:
    if key and isinstance(told, dict):
        told = {**told, "object_key": us.uuid + key}
    module, name = place.split("/", 1)
    url = f"{town.url}/{module}/api/v1/workspaces/{us.uuid}/{name}"
    answer = town.client.post(url, content=sendable(told), headers={"x-auth-token": us.secret})
    fair(answer.status_code, answer.text)
    assert answer.json().keys() == {"code", "message", "data"}


PIECES = st.sampled_from(
    [
        b"--xyz\r\n",
        b"--xyz--\r\n",
        b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        b'Content-Disposition: form-data; name="filename"\r\n\r\n',
        b"\r\n",
        b"name",
    ]
)


@BOUNDED
@given(
    body=st.lists(PIECES | st.binary(max_size=30), max_size=10).map(b"".join),
    kind=st.sampled_from(["multipart/form-data; boundary=xyz", "application/json"]),
)
def test_any_form(town: Town, us: Party, body: bytes, kind: str) -> None:
    answer = town.client.post(
        f"{town.url}/api/workspace/{us.workspace}/file",
        content=body,
        headers={"content-type": kind, "authorization": f"Bearer {us.token}"},
    )
    fair(answer.status_code, answer.text)


@BOUNDED
@given(id=st.text("0123456789-+ax%", min_size=1, max_size=25), wanted=st.text(st.characters(codec="latin-1")))
def test_any_download(town: Town, us: Party, id: str, wanted: str) -> None:
    printable = "".join(c for c in wanted if c.isprintable()).strip()  # a client sends no header that ends in a blank
    headers = {
        "authorization": f"Bearer {us.token}",
        "range": f"bytes={printable}".encode("latin-1"),
        "if-none-match": printable.encode("latin-1"),
    }
    answer = town.client.get(f"{town.url}/api/file/data/{id.replace('%', '%25')}", headers=headers)
    fair(answer.status_code, answer.text)


@BOUNDED
@given(
    path=st.sampled_from(["workspace/{}/file/{}", "workspace/{}/files", "file/{}", "file/thumbnail/{}"])
    | st.just("file/get-multiple"),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    id=st.text("0123456789-+ax%", min_size=1, max_size=25) | st.just("1"),
    body=st.binary(max_size=60)
    | VALUES.map(sendable)
    | st.dictionaries(st.sampled_from(["filename", "ids", "x"]), VALUES, max_size=3).map(sendable),
)
def test_any_rest_request(town: Town, us: Party, path: str, method: str, id: str, body: bytes) -> None:
    quoted = id.replace("%", "%25")
    answer = town.client.request(
        method,
        f"{town.url}/api/{path.format(quoted, quoted)}",
        content=body,
        headers={"content-type": "application/json", "authorization": f"Bearer {us.token}"},
    )
    fair(answer.status_code, answer.text)


def without_nulls(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """What is not known is left out."""
    assert all(value is not None for _, value in members)
    return dict(members)


@pytest.fixture(scope="module")
def anybody(town: Town) -> Party:
    """Somebody whose account and workspace may come out of it in any state."""
    return town.party("anybody@example.org")


ACCOUNT = st.sampled_from(
    [
        *(f"auth/{name}" for name in ("login", "login-with-token", "check", "password-change", "password-reset")),
        *(f"auth/{name}" for name in ("password-set-initial", "password-set-new", "register", "stream-token")),
        *("user/self", "user/{user}", "workspace", "workspace/{workspace}", "workspace/{workspace}/connections"),
        *("workspace/my-workspaces", "connection/{connection}", "remote-controller/1/last-position", "drone/1/media"),
    ]
)
WORDS_OF_ACCOUNTS = st.sampled_from(
    ["username", "password", "token", "current_password", "new_password", "code", "email", "name", "locale", "ids"]
)


@BOUNDED
@given(
    path=ACCOUNT,
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "HEAD", "OPTIONS"]),
    body=st.dictionaries(WORDS_OF_ACCOUNTS, VALUES, max_size=6).map(sendable) | VALUES.map(sendable) | st.binary(),
    kind=st.sampled_from(["application/json", "application/json", "text/plain", "application/json;x=\xff", ""]),
    is_known=st.booleans(),
)
def test_any_word_about_an_account(
    town: Town, anybody: Party, path: str, method: str, body: bytes, kind: str, is_known: bool
) -> None:
    where = path.format(user=anybody.user, workspace=anybody.workspace, connection=anybody.connection)
    headers = {"content-type": kind.encode("latin-1")}
    headers |= {"authorization": f"Bearer {anybody.token}".encode()} if is_known else {}
    town.client.cookies.clear()
    answer = town.client.request(method, f"{town.url}/api/{where}", content=body, headers=headers)
    fair(answer.status_code, answer.text)
    assert answer.status_code not in (404, 409)
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json().keys() <= {"error", "code", "fields"}
    if answer.content:
        json.loads(answer.content, object_pairs_hook=without_nulls)


TYPES = st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "next", "error", ""])
PAYLOADS = st.fixed_dictionaries(
    {"query": st.sampled_from(SUBSCRIBED) | DOCUMENTS}, optional={"variables": VALUES, "operationName": SCALARS}
)
MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {"type": TYPES | VALUES}, optional={"id": st.sampled_from(["1", "2"]) | VALUES, "payload": VALUES | PAYLOADS}
    ),
    st.fixed_dictionaries({"type": st.just("subscribe"), "id": st.sampled_from("123"), "payload": PAYLOADS}),
    VALUES,
    st.text(max_size=40),
    st.binary(max_size=40),
)


@BOUNDED
@given(messages=st.lists(MESSAGES, max_size=6))
def test_any_websocket_messages(town: Town, us: Party, messages: list[Any]) -> None:
    """The hub answers, or closes with a code of its table; the next socket finds it as before."""
    with opened(town, us.token) as socket:
        try:
            for message in messages:
                say(socket, message if isinstance(message, str | bytes) else json.dumps(message))
            say(socket, {"type": "ping"})
            while (heard := hear(socket)) != {"type": "pong"}:
                fair(200, json.dumps(heard))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else None
            fair(200 if code in (4400, 4401, 4409, 4429, 1007, 1009) else 500, f"closed with {code}")


@BOUNDED
@given(query=st.sampled_from(SUBSCRIBED), a=VALUES, b=VALUES)
def test_any_value_of_a_subscription(town: Town, us: Party, query: str, a: Any, b: Any) -> None:
    with opened(town, us.token) as socket:
        payload = {"query": query, "variables": {"a": a, "b": b}}
        say(socket, json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        heard = hear(socket)
        assert heard["id"] == "1"
        assert heard["type"] in ("next", "error")
        fair(200, json.dumps(heard))
