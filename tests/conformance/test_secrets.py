"""L1: marked secrets go in by every door, at the most talkative log level; nothing that is printed or kept has them."""

import sqlite3
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from .conftest import PATIENCE_S, Party, Town
from .devices import device, osd, raw, topology
from .test_mqtt import until

MARK = "M4RK3R"


def marked(name: str) -> str:
    return f"{MARK}-{name}-0123456789"


def test_l1_no_secret_is_printed_or_kept(private: Town) -> None:
    us = private.party("us@example.org")
    mutations = [
        (
            "mutation($u:String!,$p:String!){login(username:$u,password:$p){user{id}}}",
            {"u": us.email, "p": marked("p1")},
        ),
        (
            "mutation($u:String!,$p:String!){login(username:$p,password:$u){user{id}}}",
            {"u": "x", "p": marked("p1") * 9},
        ),
        ("mutation($t:String!){loginWithToken(token:$t){user{id}}}", {"t": marked("login")}),
        ("mutation($t:String!){loginWithToken(token:$t){user{id}}}", {"t": marked("nul") + "\0"}),
        (
            "mutation($c:String!,$p:String!){setNewPassword(code:$c,newPassword:$p)}",
            {"c": marked("c"), "p": marked("p2")},
        ),
        ("mutation($c:String!){confirmEmail(code:$c)}", {"c": marked("confirm")}),
        (
            "mutation($p:String!){changePassword(currentPassword:$p,newPassword:$p)}",
            {"p": marked("p3")},
        ),
        ("mutation($p:String!){setInitialPassword(newPassword:$p)}", {"p": marked("p4") * 9}),
        ("mutation($p:Int!){setInitialPassword(newPassword:$p)}", {"p": marked("p5")}),
        (f'mutation{{setInitialPassword(newPassword:"{marked("literal")}"){{nothing}}}}', {}),
    ]
    for query, variables in mutations:
        for token in (None, us.token):
            private.ask(query, token, **variables)
        private.client.get(
            f"{private.url}/graphql", params={"query": query, "variables": "{}", "password": marked("query")}
        )
        private.post({"query": query, "variables": variables, "extensions": {"token": marked("extension")}})
    private.post({"query": "{me{id}}"}, cookie=f"user-auth={marked('cookie')}; other={marked('cookie2')}")
    private.post({"query": "{me{id}}"}, authorization=f"Bearer {marked('bearer')}")
    private.post({"query": "{me{id}}"}, authorization=f"Basic {marked('basic')}")
    private.post({"query": "{me{id}}"}, x_auth_token=marked("x-auth"), x_request_id=f"{marked('rid')}\x7f")
    private.post(f'{{"query":"{marked("body")}'.encode())
    link = f"{private.url}/api/connection-link"
    for body in (
        {"connection_id": marked("id"), "secret": marked("link")},
        {"connection_id": us.account, "secret": marked("wrong"), "remote_controller_sn": marked("sn")},
        {"connection_id": us.account, "secret": us.secret, "remote_controller_sn": marked("sn") + "/"},
        {"connection_id": us.account, "secret": us.secret},
    ):
        opened = private.client.post(f"{link}/auth/login", json=body)
    cookie = opened.cookies["connection-link-auth"]
    api_token = private.client.get(f"{link}/dji-pilot-2/sdk-config").json()["api_token"]
    private.client.get(f"{link}/config", headers={"cookie": f"connection-link-auth={cookie}{marked('sealed')}"})
    private.client.post(f"{link}/dji-pilot-2/controller", json={"remote_controller_sn": marked("sn") + "+"})
    for token in (api_token, us.secret, marked("pilot")):
        path = f"/manage/api/v1/workspaces/{us.uuid}/devices/topologies"
        private.client.get(f"{private.url}{path}", headers={"x-auth-token": token})
    form = (
        f'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{marked("bytes")}\r\n'
        '--xyz\r\nContent-Disposition: form-data; name="filename"\r\n\r\nf.txt\r\n--xyz--\r\n'
    )
    for authorization in (f"Bearer {us.token}", f"Bearer {marked('upload')}"):
        headers = {"authorization": authorization, "content-type": "multipart/form-data; boundary=xyz"}
        for body in (form, form[:-9]):
            private.client.post(f"{private.url}/api/workspace/{us.workspace}/file", content=body, headers=headers)
        private.client.get(f"{private.url}/api/file/data/1?token={marked('download')}", headers=headers)
    for authorization in (f"Bearer {us.token}", f"Bearer {marked('rest')}"):
        headers = {"authorization": authorization, "cookie": f"user-auth={marked('rest-cookie')}"}
        for method, path, told in (
            ("PATCH", f"workspace/{us.workspace}/file/1", {"filename": f"{marked('filename')}/", "x": marked("x")}),
            ("DELETE", f"workspace/{us.workspace}/file/{marked('file')}", {"token": marked("unasked")}),
            ("POST", "file/get-multiple", {"ids": [marked("ids")], marked("key"): marked("value")}),
            ("GET", f"file/thumbnail/1?token={marked('thumbnail')}", None),
            ("GET", f"file/{marked('id')}", None),
        ):
            private.client.request(method, f"{private.url}/api/{path}", headers=headers, json=told)
    for place in ("media/api/v1/{}/fast-upload", "media/api/v1/{}/upload-callback", "storage/api/v1/{}/sts"):
        path = place.format(f"workspaces/{us.uuid}")
        for token in (us.secret, marked("pilot-media")):
            told = {"fingerprint": marked("fingerprint"), "object_key": marked("key"), "name": "a.JPG"}
            private.client.post(f"{private.url}/{path}", json=told, headers={"x-auth-token": token})
    private.client.cookies.clear()
    for path in ("/", "/nowhere", "/healthz", "/metrics", "/graphql", "/mqtt"):
        private.client.get(f"{private.url}{path}?token={marked('t')}&secret={marked('s')}&code={marked('c')}")

    for user in (us.account, "nobody"):
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.username_pw_set(user, marked("mqtt"))
        told: list[object] = []
        client.on_connect = lambda _c, _d, _f, reason, _p, told=told: told.append(reason)
        client.connect("127.0.0.1", private.mqtt_port)
        client.loop_start()
        until(lambda told=told: bool(told))  # type: ignore[misc]
        client.loop_stop()
    with device(private, us) as controller:
        controller.say(topology("RC-secret", "UAV-secret"))
        controller.say(("thing/product/RC-secret/osd", f'{{"secret":"{marked("osd")}"'.encode()))
        controller.say(osd("UAV-secret", "RC-secret", 1.0))
    raw(private, b"\xff" + marked("raw").encode())
    as_a_controller(private, us)

    made = private.ask(
        f'mutation{{createAccessToken(name:"x"){{token}} '
        f'createConnection(workspaceId:{us.workspace},name:"y"){{secret}}}}',
        us.token,
    )
    created = made["data"]
    secrets = [created["createAccessToken"]["token"], created["createConnection"]["secret"], us.token, us.secret]
    secrets += [api_token, cookie, *cookie.split(".")]

    printed = private.log()
    assert MARK not in printed, sorted({line for line in printed.splitlines() if MARK in line})
    kept = rows(private.data / "hub.db")
    assert MARK not in kept
    for secret in secrets:
        assert secret not in printed
        assert secret not in kept


def as_a_controller(town: Town, who: Party) -> None:
    """Live and dead tokens at the doors by which controllers see each other."""
    url = f"ws://127.0.0.1:{town.port}/ws"
    with pytest.raises(InvalidStatus):
        connect(f"{url}?x-auth-token={marked('ws')}", additional_headers={"X-Auth-Token": marked("ws2")})
    with connect(f"{url}?x-auth-token={who.secret}") as socket:
        socket.send(marked("said"))
        socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE_S)
    for token in (marked("pilot"), who.secret):
        for path in ("manage/api/v1/workspaces/{}/devices/topologies", "map/api/v1/workspaces/{}/elements/" + who.uuid):
            for verb in ("GET", "PUT"):
                asked = f"{town.url}/{path.format(who.uuid)}?x-auth-token={token}"
                body = {"name": "a", "content": {"token": marked("body")}}
                town.client.request(verb, asked, headers={"X-Auth-Token": token}, json=body)


def rows(path: Path) -> str:
    """All that the database holds, as text."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(str(row) for table in tables for row in database.execute(f'SELECT * FROM "{table}"'))
    finally:
        database.close()


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\u202ereversed", "a" * 5000])
def test_l2_text_from_outside_breaks_no_line_of_the_log(town: Town, us: Party, text: str) -> None:
    before = len(town.log())
    with device(town, us, client_id="log") as controller:
        controller.say(topology("RC-log"))
        controller.say(("thing/product/RC-log/osd", ('{"gateway":"' + text + '","data":{}}').encode()))
        controller.say(("sys/product/none/status", b"{}"))
    town.post({"query": "{me{id}}"}, x_request_id=text[:100].encode("ascii", "ignore").decode().replace("\n", ""))
    for line in town.log()[before:].splitlines():
        assert "\x1b" not in line
        assert "\u202e" not in line
        assert len(line) < 2000
