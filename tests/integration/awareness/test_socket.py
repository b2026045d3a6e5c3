"""`/ws` as controllers use it, and as they must not: security.md, section 6, on Pilot's edge."""

import asyncio
import base64
import os
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from ofh.domain.devices import Property
from ofh.edges.pilot import socket as socket_module
from ofh.edges.pilot.socket import SocketLimits
from ofh.services.connections import CreatedConnection
from tests.integration.awareness.site import PATIENCE_S, Site
from tests.support.fleet import START, position, seconds

MARKER = "marker-7f3a-token"


async def paired(site: Site, name: str) -> CreatedConnection:
    return await site.house.connection(name)


async def minted(site: Site, made: CreatedConnection) -> str:
    """A token as the page gives it to Pilot."""
    return await site.house.links.mint(await site.house.page(made))


async def report(site: Site, serial: str, longitude: float, *, after_s: float, **more: float) -> None:
    values = {**position(longitude), **{Property[name]: value for name, value in more.items()}}
    await site.bench.report(serial, values, sent_at=START + seconds(after_s))


async def refused(site: Site, query: str = "", **more: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(site.socket_url(query), **more):
            pass
    return caught.value.response.status_code


async def test_controllers_of_a_workspace_see_each_others_aircraft_and_not_their_own(site: Site) -> None:
    """Chapter 10: WebSocket: query token. The three together at most one a second."""
    north, south = await paired(site, "North"), await paired(site, "South")
    elsewhere = await site.house.workspaces.create(site.house.owner, "Elsewhere")
    stranger = await site.house.connection("Stranger", elsewhere)
    await site.bench.announce(north.connection.public_id, "RC1", "AC1")
    await site.bench.announce(south.connection.public_id, "RC2", "AC2")
    async with (
        site.socket(await minted(site, north)) as northern,
        site.socket(south.secret) as southern,
        site.socket(stranger.secret) as third,
    ):
        await report(site, "AC1", 1.0, after_s=1, HEADING=266.6, ELEVATION=57.2)
        await report(site, "AC2", 2.0, after_s=1)
        await report(site, "RC1", 3.0, after_s=1)
        seen = await southern.rest()
        assert [(push["biz_code"], push["data"]["sn"]) for push in seen] == [
            ("device_osd", "AC1"),
            ("device_osd", "RC1"),
        ]
        assert seen[0]["data"]["host"] == {
            "latitude": 50.49,
            "longitude": 1.0,
            "height": 1000.0,
            "elevation": 57.2,
            "attitude_head": -93.4,
        }
        assert seen[1]["data"]["host"] == {"latitude": 50.49, "longitude": 3.0, "height": 1000.0}
        assert [push["data"]["sn"] for push in await northern.rest()] == ["AC2"]
        assert await third.rest() == []
    assert site.opened == [made.connection.public_id for made in (north, south, stranger)]


async def test_coming_going_and_changing_hands_is_pushed_at_most_once_a_second(site: Site) -> None:
    """Chapter 10: empty topology, silence → offline, pushed once."""
    made = await paired(site, "North")
    account = made.connection.public_id
    async with site.socket(made.secret) as listener:
        await site.bench.announce(account, "RC1", "AC1")
        pushes = [await listener.next(), await listener.next()]
        assert {push["biz_code"] for push in pushes} == {"device_online", "device_update_topo"}
        assert pushes[1]["timestamp"] - pushes[0]["timestamp"] >= 1_000
        assert [push["data"] for push in pushes] == [{}, {}]
        await site.bench.announce(account, "RC1", at=START + seconds(1))
        pushes = await listener.rest()
        assert sorted(push["biz_code"] for push in pushes) == ["device_offline", "device_update_topo"]
        site.bench.now += seconds(61)
        await site.bench.presence.sweep()
        await site.bench.presence.sweep()
        assert [push["biz_code"] for push in await listener.rest()] == ["device_offline"]


async def test_what_one_draws_all_see(site: Site) -> None:
    north, south = await paired(site, "North"), await paired(site, "South")
    base = f"/map/api/v1/workspaces/{await site.house.uuid()}"
    [group] = (await site.ask("GET", f"{base}/element-groups", north.secret)).json()["data"]
    point = {
        "type": "Feature",
        "properties": {"color": "#2D8CF0", "clampToGround": True},
        "geometry": {"type": "Point", "coordinates": [9.95, 50.49]},
    }
    id = "6d5da7b4-ac39-42bf-9580-4c8a94c11989"
    async with site.socket(south.secret) as listener:
        body = {"id": id, "name": "HUB 1", "resource": {"type": 0, "content": point}}
        await site.ask("POST", f"{base}/element-groups/{group['id']}/elements", north.secret, json=body)
        await site.ask("PUT", f"{base}/elements/{id}", north.secret, json={"name": "HUB 2", "content": point})
        await site.ask("DELETE", f"{base}/elements/{id}", north.secret)
        made, changed, deleted = [await listener.next() for _ in range(3)]
    assert made["biz_code"] == "map_element_create"
    assert made["data"] == {
        "id": id,
        "group_id": group["id"],
        "name": "HUB 1",
        "resource": {"type": 0, "user_name": "North", "content": point},
    }
    assert (changed["biz_code"], changed["data"]["name"]) == ("map_element_update", "HUB 2")
    assert (deleted["biz_code"], deleted["data"]) == ("map_element_delete", {"id": id, "group_id": group["id"]})


# Who is let in


@pytest.mark.parametrize("query", ["", "?x-auth-token=", f"?x-auth-token={MARKER}", "?token=x", "?x-auth-token=%ff"])
async def test_only_a_dead_token_is_401_before_the_upgrade(site: Site, query: str) -> None:
    with capture_logs() as logs:
        assert await refused(site, query) == 401
    assert MARKER not in repr(logs)
    assert site.throttled == [None], "who tries many is slowed down"


async def test_a_token_may_come_in_a_header(site: Site) -> None:
    made = await paired(site, "North")
    async with connect(site.socket_url(), additional_headers={"X-Auth-Token": made.secret}):
        pass
    assert await refused(site, additional_headers={"X-Auth-Token": "wrong"}) == 401


@pytest.mark.parametrize("path", ["/ws", "/ws/", "//ws"])
async def test_a_slash_too_many_does_no_harm(site: Site, path: str) -> None:
    made = await paired(site, "North")
    async with connect(site.socket_url(f"?x-auth-token={made.secret}", path)):
        pass


async def test_a_missing_origin_is_in_order_a_foreign_one_is_not(site: Site) -> None:
    made = await paired(site, "North")
    query = f"?x-auth-token={made.secret}"
    for origin in (None, "https://hub.example.org", f"http://127.0.0.1:{site.port}"):
        async with connect(site.socket_url(query), origin=Origin(origin) if origin else None):
            pass
    for origin in ("https://evil.example.org", "null", f"http://127.0.0.1:{site.port}.evil.example.org"):
        assert await refused(site, query, origin=origin) == 403


async def test_a_token_of_a_workspaces_former_uuid_is_refused_and_is_no_dead_one(site: Site) -> None:
    made = await paired(site, "North")
    token = await minted(site, made)
    await site.house.workspaces.reset_uuid(site.house.owner, site.house.workspace.id)
    assert await refused(site, f"?x-auth-token={token}") == 403


async def test_too_many_requests_are_429_and_never_401(site: Site) -> None:
    made = await paired(site, "North")
    site.limited = True
    assert await refused(site, f"?x-auth-token={made.secret}") == 429


@pytest.mark.parametrize("limits", [SocketLimits(per_connection=2)])
async def test_a_controller_has_several_sockets_at_once_and_not_any_number(site: Site) -> None:
    made = await paired(site, "North")
    async with site.socket(made.secret), site.socket(await minted(site, made)):
        assert await refused(site, f"?x-auth-token={made.secret}") == 429
        assert len(site.sockets) == 2
    async with asyncio.timeout(PATIENCE_S):
        while len(site.sockets):
            await asyncio.sleep(0.01)
    async with site.socket(made.secret):
        pass


# While it is connected


async def test_unknown_text_is_ignored(site: Site) -> None:
    """Chapter 10: WebSocket: unknown text ignored."""
    north, south = await paired(site, "North"), await paired(site, "South")
    await site.bench.announce(south.connection.public_id, "RC2", "AC2")
    async with site.socket(north.secret) as listener:
        for said in ("", "ping", "{", '{"biz_code":"device_osd"}', "x" * 65_536, b"\x00\xff"):
            await listener.socket.send(said)
        await report(site, "AC2", 2.0, after_s=1)
        assert (await listener.until("device_osd"))["data"]["sn"] == "AC2"


@pytest.mark.parametrize("size", [65_537, 300_000])
async def test_a_message_that_is_too_long_ends_the_socket_with_1009(site: Site, size: int) -> None:
    made = await paired(site, "North")
    async with site.socket(made.secret) as listener:
        await listener.socket.send("x" * size)
        assert await listener.end() == 1009


@pytest.mark.parametrize("limits", [SocketLimits(messages_per_s=1, messages_burst=5)])
async def test_too_many_messages_end_the_socket(site: Site) -> None:
    made = await paired(site, "North")
    async with site.socket(made.secret) as listener:
        for _ in range(6):
            await listener.socket.send("x")
        assert await listener.end() == 4400


@pytest.mark.parametrize("change", ["deleted", "rotated", "workspace deleted", "uuid reset"])
async def test_the_socket_ends_with_its_token(site: Site, change: str) -> None:
    made, other = await paired(site, "North"), await paired(site, "South")
    elsewhere = await site.house.workspaces.create(site.house.owner, "Elsewhere")
    stranger = await site.house.connection("Stranger", elsewhere)
    people, owner = site.house, site.house.owner
    async with (
        site.socket(await minted(site, made)) as listener,
        site.socket(other.secret) as same_workspace,
        site.socket(stranger.secret) as untouched,
    ):
        match change:
            case "deleted":
                await people.connections.delete(owner, made.connection.id)
            case "rotated":
                await people.connections.rotate_secret(owner, made.connection.id)
            case "workspace deleted":
                await people.workspaces.delete(owner, people.workspace.id)
            case _:
                await people.workspaces.reset_uuid(owner, people.workspace.id)
        assert await listener.end() == 4403
        if change == "workspace deleted":
            assert await same_workspace.end() == 4403
        else:
            await (await same_workspace.socket.ping())
        await (await untouched.socket.ping())


@pytest.mark.parametrize("limits", [SocketLimits(recheck_s=0.2)])
async def test_a_token_whose_end_nobody_told_ends_the_socket_all_the_same(site: Site) -> None:
    made = await paired(site, "North")
    async with site.socket(made.secret) as listener:
        await site.house.control.publish("interrupted")
        await (await listener.socket.ping())
        await type(made.connection).filter(id=made.connection.id).delete()
        assert await listener.end() == 4403


async def test_a_token_that_ends_during_the_handshake_is_not_overlooked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await paired(site, "North")

    async def meanwhile(_room: object) -> None:
        await site.house.connections.delete(site.house.owner, made.connection.id)

    monkeypatch.setattr(socket_module, "_listening", meanwhile)
    async with site.socket(made.secret) as listener:
        assert await listener.end() == 4403


async def test_a_hub_that_stops_says_1001(site: Site) -> None:
    made = await paired(site, "North")
    async with site.socket(made.secret) as listener:
        await site.sockets.stop()
        assert await listener.end() == 1001


# Heartbeat


async def handshake(site: Site, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A websocket without a library that answers pings by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws?x-auth-token={token} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    return reader, writer


async def ping_of(reader: asyncio.StreamReader) -> bytes:
    """The payload of the next frame, which has to be a ping."""
    opcode, size = await reader.readexactly(2)
    payload = await reader.readexactly(size)
    assert opcode == 0x89
    return payload


def masked(opcode: int, payload: bytes) -> bytes:
    return bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload


@pytest.mark.parametrize("limits", [SocketLimits(ping_s=0.1, silence_s=0.5)])
async def test_pings_come_at_an_interval_and_a_silent_peer_is_cut_off(site: Site) -> None:
    """Chapter 10: WebSocket: pings."""
    made = await paired(site, "North")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await handshake(site, made.secret)
        for _ in range(3):
            writer.write(masked(0xA, await ping_of(reader)))
        await ping_of(reader)  # and no answer to this one
        rest = await reader.read()
        assert rest[:4] == b"\x88\x18\x03\xf3", "a close frame with 1011, then the end"
        while len(site.sockets):
            await asyncio.sleep(0.01)
        writer.close()


@pytest.mark.parametrize("limits", [SocketLimits(ping_s=0.1, silence_s=0.5)])
async def test_who_answers_no_ping_but_says_something_is_not_silent(site: Site) -> None:
    made = await paired(site, "North")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await handshake(site, made.secret)
        for number in range(10):
            writer.write(masked(0x9, bytes([number])))  # pings of its own, which are answered
            await asyncio.sleep(0.1)
        assert len(site.sockets) == 1
        read = await reader.read(65_536)
        assert read.count(b"\x8a\x01") == 10
        writer.close()


async def test_a_dropped_connection_leaves_nothing_behind(site: Site) -> None:
    made = await paired(site, "North")
    _, writer = await handshake(site, made.secret)
    assert len(site.sockets) == 1
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE_S):
        while len(site.sockets) or site.sockets._rooms or site.bench.feed._feeds:
            await asyncio.sleep(0.01)


# Slow readers


@pytest.mark.parametrize("limits", [SocketLimits(unread_s=0.6)])
async def test_a_reader_that_takes_nothing_delays_nobody_and_is_closed(site: Site) -> None:
    north, south = await paired(site, "North"), await paired(site, "South")
    await site.bench.announce(south.connection.public_id, "RC2", "AC2")
    [layer] = await site.elements.layers(site.house.workspace.id)
    point = {
        "type": "Feature",
        "properties": {"note": "x" * 60_000},
        "geometry": {"type": "Point", "coordinates": [9, 50]},
    }
    base = f"/map/api/v1/workspaces/{await site.house.uuid()}"
    id = "6d5da7b4-ac39-42bf-9580-4c8a94c11989"
    async with asyncio.timeout(2 * PATIENCE_S), site.socket(north.secret) as quick:
        _, writer = await handshake(site, north.secret)
        reading = asyncio.create_task(quick.until("map_element_delete"))
        created = await site.ask(
            "POST",
            f"{base}/element-groups/{layer.group.id}/elements",
            south.secret,
            json={"id": id, "name": "HUB 1", "resource": {"content": point}},
        )
        assert created.status_code == 200
        while len(site.sockets) == 2:
            await site.ask("PUT", f"{base}/elements/{id}", south.secret, json={"name": "HUB 1", "content": point})
        await site.ask("DELETE", f"{base}/elements/{id}", south.secret)
        await reading
        writer.transport.abort()
