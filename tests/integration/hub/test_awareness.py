"""Controllers of a workspace see each other, seen from outside: devices over MQTT, websockets as Pilot opens them.

One controller is connected to each of two hub processes where there are services to share, so what it sees has come
over the bus.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import boto3  # type: ignore[import-untyped]
import httpx2
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.hubs import PATIENCE_S, HubProcess, Way, hub_process

OSD = {"latitude": 50.0, "height": 1053.6, "elevation": 57.2, "attitude_head": -93.4, "horizontal_speed": 7.9}


class Controller:
    """A connection of a workspace, and the controller and aircraft that report by it."""

    def __init__(self, made: dict[str, Any], number: int) -> None:
        self.account: str = made["connection_id"]
        self.secret: str = made["secret"]
        self.serial = f"5XTESTRCP0000{number}"
        self.aircraft = f"1581XTESTM30T000{number}"
        self.client: aiomqtt.Client

    @asynccontextmanager
    async def connected(self, way: Way) -> AsyncIterator["Controller"]:
        async with aiomqtt.Client(
            "127.0.0.1", way.mqtt_port, username=self.account, password=self.secret, identifier=self.account
        ) as client:
            self.client = client
            await client.subscribe(f"sys/product/{self.serial}/status_reply", qos=1)
            yield self

    async def announce(self, *, flying: bool = True) -> None:
        """Its topology; returns once that is answered."""
        aircraft = {"sn": self.aircraft, "domain": "0", "type": 67, "sub_type": 1, "index": "A"}
        data = {"domain": "2", "type": 119, "sub_type": 0, "sub_devices": [aircraft] if flying else []}
        await self._say(f"sys/product/{self.serial}/status", data, method="update_topo")
        async with asyncio.timeout(PATIENCE_S):
            await anext(aiter(self.client.messages))

    async def fly(self, longitude: float) -> None:
        await self._say(f"thing/product/{self.aircraft}/osd", {**OSD, "longitude": longitude})

    async def _say(self, topic: str, data: dict[str, Any], **more: Any) -> None:
        message = {"tid": "t", "bid": "b", "timestamp": _now_ms(), "gateway": self.serial, "data": data, **more}
        await self.client.publish(topic, json.dumps(message), qos=1)


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


async def team(way: Way, email: str, numbers: list[int]) -> tuple[dict[str, Any], str, list[Controller]]:
    """A workspace, its owner's token, and its connections."""
    await way.ofh("user", "create", email)
    workspace = await way.ofh("workspace", "create", "Field", "--owner", email)
    token = await way.ofh("token", "create", email, "test")
    made = [await way.ofh("connection", "create", str(workspace["id"]), f"RC {number}") for number in numbers]
    found = [Controller(item, number) for item, number in zip(made, numbers, strict=True)]
    return workspace, token["token"], found


@asynccontextmanager
async def listening(hub: HubProcess, controller: Controller) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{hub.port}/ws?x-auth-token={controller.secret}"
    async with connect(url) as socket:
        yield socket


async def until(socket: ClientConnection, code: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            push: dict[str, Any] = json.loads(await socket.recv())
            if push["biz_code"] == code:
                return push


async def rest(socket: ClientConnection, quiet_s: float = 1.5) -> list[dict[str, Any]]:
    found = []
    while True:
        try:
            async with asyncio.timeout(quiet_s):
                found.append(json.loads(await socket.recv()))
        except TimeoutError:
            return found


async def end(socket: ClientConnection) -> int | None:
    """The code that the hub closes with."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None


async def topologies(hub: HubProcess, uuid: str, controller: Controller) -> dict[str, list[str]]:
    """The aircraft of each controller, those that are offline in brackets."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(
            f"{hub.url}/manage/api/v1/workspaces/{uuid}/devices/topologies",
            headers={"X-Auth-Token": controller.secret},
            timeout=PATIENCE_S,
        )
    body = answer.json()
    assert (answer.status_code, body["code"]) == (200, 0)
    return {
        item["parents"][0]["sn"]: [host["sn"] if host["online_status"] else f"({host['sn']})" for host in item["hosts"]]
        for item in body["data"]["list"]
    }


async def test_controllers_of_a_workspace_see_each_other_and_no_stranger(way: Way) -> None:
    processes = 1 if way.name == "embedded" else 2
    async with AsyncExitStack() as stack:
        hubs = [
            await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID=f"hub-{number}"))
            for number in range(processes)
        ]
        workspace, token, (south, north) = await team(way, "olga@example.org", [1, 2])
        _, _, [stranger] = await team(way, "mallory@example.org", [3])
        sockets = [
            await stack.enter_async_context(listening(hubs[number % processes], controller))
            for number, controller in enumerate((south, north, stranger))
        ]
        for controller in (south, north, stranger):
            await stack.enter_async_context(controller.connected(way))

        await south.announce()
        assert await until(sockets[1], "device_online")
        await north.announce()
        await until(sockets[0], "device_update_topo")
        for hub in hubs:
            assert await topologies(hub, workspace["uuid"], north) == {
                south.serial: [south.aircraft],
                north.serial: [north.aircraft],
            }
        for socket in sockets[:2]:
            await rest(socket)

        for number in range(5):
            await south.fly(9.0 + number)
            await north.fly(19.0 + number)
        seen_north, seen_south = await rest(sockets[1]), await rest(sockets[0])
        assert {push["data"]["sn"] for push in seen_north} == {south.aircraft}, "not its own"
        assert {push["data"]["sn"] for push in seen_south} == {north.aircraft}
        last = seen_north[-1]["data"]["host"]
        assert last == {**OSD, "longitude": 13.0}
        assert len(seen_north) <= 4, "the newest of what came at once"

        await south.announce(flying=False)
        await until(sockets[1], "device_offline")
        assert (await topologies(hubs[0], workspace["uuid"], north))[south.serial] == [f"({south.aircraft})"]
        assert not [push for push in await rest(sockets[2], 0.5) if push["biz_code"] == "device_osd"]
        assert await rest(sockets[2], 0.1) == []

        [id] = await _ids(hubs[0], token, workspace["id"], "drones", "serialNumber", south.aircraft)
        named = await hubs[0].graphql(token, 'mutation($id:ID!){renameDrone(id:$id,name:"Rescue 1"){name}}', id=id)
        assert "errors" not in named, named
        await until(sockets[1], "device_update_topo")
        mark = await hubs[0].graphql(token, MARK, w=str(workspace["id"]))
        assert (await until(sockets[1], "map_element_create"))["data"]["name"] == "Base", mark
        grant = await granted(hubs[0], workspace["uuid"], north)
        assert await put(hubs[-1], grant) == 200

        await _delete(hubs[0], token, workspace["id"], "RC 2")
        assert await end(sockets[1]) == 4403
        await until(sockets[0], "device_update_topo")
        assert (await topologies(hubs[-1], workspace["uuid"], south)).keys() == {south.serial}
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await put(hubs[-1], grant)) == 200:  # the other process hears of it over the bus
                await asyncio.sleep(0.05)
        assert answer == "ExpiredToken"
        with pytest.raises(InvalidStatus) as refused:
            async with listening(hubs[-1], north):
                pass
        assert refused.value.response.status_code == 401
        for hub in hubs:
            text = hub.log.read_text()
            assert south.secret not in text
            assert north.secret not in text


MARK = """mutation($w:ID!){createMapElement(workspaceId:$w,name:"Base",
    content:{type:"Feature",geometry:{type:"Point",coordinates:[9,50]}}){id}}"""


async def granted(hub: HubProcess, uuid: str, controller: Controller) -> dict[str, Any]:
    """Credentials for uploads."""
    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            f"{hub.url}/storage/api/v1/workspaces/{uuid}/sts",
            headers={"X-Auth-Token": controller.secret},
            timeout=PATIENCE_S,
        )
    found: dict[str, Any] = answer.json()["data"]
    return found


async def put(hub: HubProcess, grant: dict[str, Any]) -> int | str:
    """Upload something; the status, or the code of the refusal."""
    credentials = grant["credentials"]
    storage = boto3.client(
        "s3",
        endpoint_url=hub.url,
        region_name=grant["region"],
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["access_key_secret"],
        aws_session_token=credentials["security_token"],
        config=Config(s3={"addressing_style": "path"}),
    )
    key = f"{grant['object_key_prefix']}/DJI_0001.JPG"
    try:
        await asyncio.to_thread(storage.put_object, Bucket=grant["bucket"], Key=key, Body=b"photo")
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return code
    return 200


async def _ids(hub: HubProcess, token: str, workspace: int, kind: str, by: str, value: str) -> list[str]:
    found = await hub.graphql(token, f"query($w:ID!){{workspace(id:$w){{{kind}{{id {by}}}}}}}", w=str(workspace))
    return [item["id"] for item in found["data"]["workspace"][kind] if item[by] == value]


async def _delete(hub: HubProcess, token: str, workspace: int, name: str) -> None:
    [id] = await _ids(hub, token, workspace, "connections", "name", name)
    deleted = await hub.graphql(token, "mutation($id:ID!){deleteConnection(id:$id)}", id=id)
    assert "errors" not in deleted, deleted
