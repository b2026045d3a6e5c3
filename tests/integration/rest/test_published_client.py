"""The published TypeScript client, from npm, and sockets and limits beside it, against a running hub."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.integration.accounts.house import OTHER_PASSWORD, PASSWORD
from tests.support.hubs import CLIENTS, PATIENCE_S, HubProcess, Way, base_environment, hub_process
from tests.support.npm import install
from tests.support.services import free_port, program

SDK = CLIENTS.parent / "sdk"
ATTRIBUTES = "Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax"


@pytest.fixture
async def hub(tmp_path: Path, migrated_sqlite: Path) -> AsyncIterator[HubProcess]:
    port = free_port()
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    way = Way("embedded", {**base_environment(tmp_path), "OFH_MQTT_PORT": "0"}, 0, tmp_path)
    settings = {
        "OFH_REGISTRATION": "open",
        "OFH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OFH_ALLOWED_ORIGINS": "https://map.example",
    }
    async with hub_process(way, port=port, **settings) as started:
        yield started


class Page:
    """A page that was written against the client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, path: str, **config: Any) -> Any:
        """What the client gives back; None for an empty body."""
        told = await self._told(path, config)
        assert "refused" not in told, told
        return told.get("answer")

    async def refusal(self, path: str, **config: Any) -> str:
        """What the client throws; all that makes it call the hub's version into question is a failure here."""
        refused: str = (await self._told(path, config))["refused"]
        assert refused.startswith("OpenFlightHub API Error @ "), refused
        return refused

    async def _told(self, path: str, config: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"call": path.split("."), "config": config})
        self._process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def page(hub: HubProcess, origin: str) -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        program("node"),
        *("rest.mjs", hub.url, origin),
        cwd=SDK,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        yield Page(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def letter(hub: HubProcess, mark: str) -> str:
    """The token behind a mark in a letter of the outbox."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for path in sorted((hub.way.data / "outbox").glob("*.eml")):
                text = message_from_bytes(path.read_bytes()).get_payload(decode=True)
                assert isinstance(text, bytes)
                if found := re.search(rf"#{mark}=(\S+)", text.decode()):
                    return found[1]
            await asyncio.sleep(0.05)


async def test_a_page_made_for_the_published_client_goes_on_working(hub: HubProcess) -> None:
    install(SDK)
    async with page(hub, hub.url) as ours:
        assert "unauthenticated" in await ours.refusal("auth.check.get")
        user = await ours.call("auth.register.post", data={"email": "ada@example.org"})
        token = await letter(hub, "login")
        assert await ours.call("auth.loginWithToken.post", data={"token": token}) == user
        assert "unauthenticated" in await ours.refusal("auth.loginWithToken.post", data={"token": token})
        assert await ours.call("auth.check.get") == user
        assert await ours.call("auth.passwordSetInitial.post", data={"new_password": PASSWORD}) is None
        assert "forbidden" in await ours.refusal("auth.passwordSetInitial.post", data={"new_password": PASSWORD})
        me = await ours.call("user.self.get")
        assert me | {"created_at": ""} == {
            **user,
            "name": "ada",
            "email": "ada@example.org",
            "created_at": "",
            "locale": "en-US",
            "registration_incomplete": False,
        }
        params = {"userId": user["id"]}
        renamed = await ours.call("user.patch", params=params, data={"name": "Ada", "locale": "de-CH"})
        assert renamed == me | {"name": "Ada", "locale": "de-CH"}
        assert await ours.call("user.get", params=params) == {**user, "name": "Ada"}

        place = {"name": "Alp", "longitude": 8.5, "latitude": 47.1, "team_id": 3}
        made = await ours.call("workspace.post", data=place)
        in_it = {"workspaceId": made["id"]}
        assert await ours.call("workspace.myWorkspaces.get") == [{**made, "name": "Alp"}]
        assert await ours.call("workspace.patch", params=in_it, data={"name": "Alm"}) == {**made, "name": "Alm"}
        assert await ours.call("workspace.get", params=in_it) == {**made, "name": "Alm"}
        assert await ours.call("workspace.connections.get", params=in_it) == []
        file = {"file": {"$bytes": "two\r\nlines", "name": "x.bin"}, "filename": "notes.txt"}
        stored = await ours.call("workspace.file.post", params=in_it, data=file)
        (listed,) = await ours.call("workspace.files.get", params=in_it)
        assert (listed["id"], listed["name"]) == (stored["id"], "notes.txt")
        of_file = {**in_it, "fileId": stored["id"]}
        assert await ours.call("workspace.file.patch", params=of_file, data={"filename": "b.txt"}) is None
        assert (await ours.call("file.get", params={"fileId": stored["id"]}))["name"] == "b.txt"
        assert len(await ours.call("file.getMultiple.post", data={"ids": [stored["id"], 987654321]})) == 1
        assert await ours.call("workspace.file.delete", params=of_file) is None
        gone = {"droneId": 1, "flightId": 1, "mediaId": 1, "connectionId": 1, "remoteControllerId": 1, "fileId": 1}
        for path in (
            *("drone.get", "drone.lastPosition.get", "drone.lastBattery.get", "drone.media.get", "drone.flights.get"),
            *("drone.currentFlight.get", "flight.get", "flight.media.get", "media.get", "connection.get"),
            *("connection.delete", "remoteController.get", "remoteController.lastPosition.get", "file.get"),
        ):
            assert "gone" in await ours.refusal(path, params=gone), path
        assert await ours.call("workspace.delete", params=in_it) is None
        assert "gone" in await ours.refusal("workspace.get", params=in_it)

        assert (await ours.call("auth.streamToken.get")).keys() == {"token"}
        wrong = {"current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD}
        assert "current_password" in await ours.refusal("auth.passwordChange.post", data=wrong)
        assert await ours.call("auth.passwordChange.post", data=wrong | {"current_password": PASSWORD}) is None
        assert await ours.call("auth.logout.post") is None
        assert "unauthenticated" in await ours.refusal("auth.check.get")
        assert await ours.call("auth.passwordReset.post", data={"username": "ada@example.org"}) is None
        code = await letter(hub, "reset")
        assert await ours.call("auth.passwordSetNew.post", data={"new_password": PASSWORD, "code": code}) is None
        who = {"username": "ada@example.org", "password": PASSWORD}
        assert await ours.call("auth.login.post", data=who) == user
        assert await ours.call("auth.check.get") == user
    async with page(hub, "https://evil.example") as foreign:
        assert "forbidden" in await foreign.refusal("auth.login.post", data=who)
        assert "forbidden" in await foreign.refusal("workspace.post", data={"name": "x"})
    log = hub.log.read_text()
    assert "Traceback" not in log
    for secret in (PASSWORD, OTHER_PASSWORD, token, code):
        assert secret not in log


async def test_a_logout_ends_sockets_and_a_flood_is_429(hub: HubProcess) -> None:
    await hub.way.ofh("user", "create", "ada@example.org", "--password-stdin", text=PASSWORD)
    who = {"username": "ada@example.org", "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=f"{hub.url}/api", timeout=PATIENCE_S) as client:
        login = await client.post("/auth/login", json=who)
        cookie = login.headers["set-cookie"]
        assert re.fullmatch(rf"user-auth=[\w-]{{43}}; {ATTRIBUTES}", cookie)
        headers = {"cookie": cookie.partition(";")[0]}
        client.cookies.clear()
        socket = connect(hub.socket_url, subprotocols=["graphql-transport-ws"], additional_headers=headers)  # type: ignore[list-item]
        async with socket as opened:
            await opened.send('{"type":"connection_init"}')
            assert json.loads(await opened.recv()) == {"type": "connection_ack"}
            ended = await client.post("/auth/logout", headers=headers)
            assert (ended.status_code, ended.content) == (200, b"")
            taken = ATTRIBUTES.replace("7776000", "0")
            assert ended.headers["set-cookie"] == f'user-auth=""; {taken}'
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(opened.recv(), PATIENCE_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403
        assert (await client.get("/auth/check", headers=headers)).status_code == 401

        page = {"origin": "https://map.example"}
        asked = await client.options("/user/self", headers=page | {"access-control-request-method": "GET"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, page["origin"])
        shown = await client.get("/auth/check", headers=page)
        assert (shown.status_code, shown.headers["access-control-allow-origin"]) == (401, page["origin"])

        for method, path, status in (
            ("GET", "/auth/check/", 404),
            ("GET", "//auth/check", 404),
            ("GET", "/Auth/check", 404),
            ("GET", "/auth", 404),
            ("GET", "/auth/login", 405),
            ("OPTIONS", "/user/self", 405),
            ("HEAD", "/auth/check", 401),
        ):
            assert (await client.request(method, path)).status_code == status, (method, path)
        too_large = await client.post("/auth/login", json=who | {"x": "x" * 2**20})
        assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")
        told = await asyncio.gather(*(client.get("/auth/check") for _ in range(100)))
        limited = [answer for answer in told if answer.status_code == 429]
        assert {answer.status_code for answer in told} == {401, 429}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)
