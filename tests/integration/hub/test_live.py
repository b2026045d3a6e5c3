"""`/api/live` of a real hub: where there are services to share, what one process does is seen at another."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.hubs import PATIENCE_S, HubProcess, Way, hub_process

HERE = "50.0$9.0$20000"


class Dashboard:
    """The published client on one process."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; others are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = json.loads(await self._socket.recv())
                if found["type"] == kind:
                    data: dict[str, Any] = found["data"]
                    return data

    async def subscribe(self, event: str, filter: object) -> bool:
        self._number += 1
        data = {"event": event, "filter": str(filter)}
        await self._socket.send(json.dumps({"type": "subscribe", "data": data, "messageId": self._number}))
        return bool((await self.hear("answer"))["success"])

    async def event(self, name: str) -> dict[str, Any]:
        """The `eventData` of the next event of this name."""
        while True:
            found = await self.hear("event")
            if found["event"] == name:
                data: dict[str, Any] = found["eventData"]
                return data

    async def change(self, table: str, id: object) -> None:
        """Waits for a change of this row; one of another row may come between, as a connection that announces again
        changes once more."""
        while await self.event("db_row_update") != {"table": table, "id": str(id)}:
            pass

    async def end(self) -> tuple[int, str]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self._socket.recv()
                except ConnectionClosed as closed:
                    return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")


@asynccontextmanager
async def dashboard(hub: HubProcess, cookie: str) -> AsyncIterator[Dashboard]:
    async with connect(f"ws://127.0.0.1:{hub.port}/api/live", additional_headers={"cookie": cookie}) as socket:
        yield Dashboard(socket)


class Person:
    """Somebody with a session, on whichever process."""

    def __init__(self, id: int, cookie: str) -> None:
        self.id = id
        self.cookie = cookie

    async def ask(self, hub: HubProcess, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            found = (await client.post(f"{hub.url}/graphql", json=body, headers={"cookie": self.cookie})).json()
        assert "errors" not in found, found
        return found["data"]


async def person(way: Way, hub: HubProcess, email: str) -> Person:
    made = await way.ofh("user", "create", email)
    query = "mutation($t:String!){loginWithToken(token:$t){user{id}}}"
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        body = {"query": query, "variables": {"t": made["login_token"]}}
        answer = await client.post(f"{hub.url}/graphql", json=body)
    return Person(made["id"], answer.headers["set-cookie"].split(";")[0])


async def receiver(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """SBS-1, one aircraft that moves."""
    try:
        for number in range(10_000):
            writer.write(b"MSG,3,1,1,3C6444,1,d,t,d,t,,37000,,,50.0%03d,9.0,,,0,0,0,0\r\n" % (number % 1_000))
            await writer.drain()
            await asyncio.sleep(0.2)
    except (ConnectionError, asyncio.CancelledError):
        writer.close()


async def test_all_that_is_live_reaches_every_process(way: Way) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(receiver, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        first = await stack.enter_async_context(
            hub_process(way, OFH_MQTT_CLIENT_ID="hub-0", OFH_ADSB_URLS=f"sbs://127.0.0.1:{port}")
        )
        second = first
        if way.name != "embedded":
            second = await stack.enter_async_context(hub_process(way, OFH_MQTT_CLIENT_ID="hub-1"))
        olga = await person(way, first, "olga@example.org")
        mallory = await person(way, second, "mallory@example.org")
        workspace = await way.ofh("workspace", "create", "Field", "--owner", "olga@example.org")
        made = await way.ofh("connection", "create", str(workspace["id"]), "RC 1")
        account, serial, aircraft = made["connection_id"], "5XTESTRCP00001", "1581XTESTM30T0001"
        device = await stack.enter_async_context(
            aiomqtt.Client("127.0.0.1", way.mqtt_port, username=account, password=made["secret"], identifier=account)
        )

        async def say(topic: str, data: dict[str, Any], **more: Any) -> None:
            now = int(datetime.now(UTC).timestamp() * 1000)
            message = {"tid": "t", "bid": "b", "timestamp": now, "gateway": serial, "data": data, **more}
            await device.publish(topic, json.dumps(message), qos=1)

        async def announce(*aircraft: str) -> None:
            subs = [{"sn": sn, "domain": "0", "type": 67, "sub_type": 1, "index": "A"} for sn in aircraft]
            data = {"domain": "2", "type": 119, "sub_type": 0, "sub_devices": subs}
            await say(f"sys/product/{serial}/status", data, method="update_topo")
            async with asyncio.timeout(PATIENCE_S):
                await anext(aiter(device.messages))

        async def fly(longitude: float) -> None:
            await say(f"thing/product/{aircraft}/osd", {"latitude": 50.0, "longitude": longitude, "height": 500.0})

        await device.subscribe(f"sys/product/{serial}/status_reply", qos=1)
        await announce()

        seen = await stack.enter_async_context(dashboard(second, olga.cookie))
        assert await seen.subscribe("workspace_drones_position", workspace["id"])
        assert await seen.subscribe("db_row_update", f"connection%{made['id']}")
        await announce(aircraft)
        await seen.change("connection", made["id"])
        await fly(9.0)
        found = await seen.event("workspace_drones_position")
        assert (found["serial_number"], found["position"]["longitude"]) == (aircraft, 9.0)

        assert await seen.subscribe("db_row_update", f"drone%{found['id']}")
        assert await seen.subscribe("db_row_update", f"user%{olga.id}")
        await olga.ask(first, 'mutation($d:ID!){renameDrone(id:$d,name:"Eagle"){name}}', d=str(found["id"]))
        await seen.change("drone", found["id"])
        await olga.ask(first, 'mutation($u:ID!){updateUser(id:$u,name:"Olga"){name}}', u=str(olga.id))
        await seen.change("user", olga.id)

        stranger = await stack.enter_async_context(dashboard(second, mallory.cookie))
        assert not await stranger.subscribe("drone_position", found["id"])
        assert not await stranger.subscribe("db_row_update", f"drone%{found['id']}")
        assert await stranger.subscribe("traffic", HERE)
        told = await stranger.event("traffic")
        assert told["id"] == "3c6444", "what a receiver of the other process hears"
        assert "height" not in told["position"]
        share = "mutation($w:ID!,$s:Boolean!){updateWorkspace(id:$w,sharePosition:$s){sharePosition}}"
        await olga.ask(first, share, w=str(workspace["id"]), s=True)
        while (told := await stranger.event("traffic"))["id"] == "3c6444":
            pass
        assert told["position"]["longitude"] == 9.0
        assert aircraft not in json.dumps(told)

        await olga.ask(first, "mutation{logout}")
        assert await seen.end() == (4000, "logout")
