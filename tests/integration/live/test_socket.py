"""The socket of `/api/live`: who is let in, what ends it, what it bears (security.md, section 6, and W6)."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from ofh.domain.actors import Role
from ofh.domain.errors import Code, HubError
from ofh.domain.events import Table
from ofh.edges.live import topics as topics_module
from ofh.edges.live.socket import NOTHING, SocketLimits
from ofh.services.sessions import SessionEnded
from ofh.store.models import Membership, UserSession
from tests.integration.live.site import PATIENCE_S, Dashboard, Site, later
from tests.support.fleet import position

MARKER = "marker-5d1c-cookie"


# Who is let in


@pytest.mark.parametrize("cookie", [None, "", MARKER])
async def test_without_a_session_the_socket_is_closed_with_4401_before_any_message(
    site: Site, cookie: str | None
) -> None:
    async with site.socket(cookie) as stranger:
        assert await stranger.end() == (4401, "log in first")


async def test_an_access_token_counts_in_the_cookies_place(site: Site) -> None:
    _, token = await site.house.access_tokens.create(site.olga, "script")
    async with connect(site.url, additional_headers={"authorization": f"Bearer {token}"}) as socket:
        await Dashboard(socket).follow(("drone_position", site.ids["drone"]))
    for cookie in ({}, {"cookie": f"user-auth={site.olgas_cookie}"}):
        async with connect(site.url, additional_headers={"authorization": "Bearer wrong", **cookie}) as socket:
            assert (await Dashboard(socket).end())[0] == 4401


async def test_pages_of_others_are_refused(site: Site) -> None:
    for origin in (None, "https://hub.example.org"):
        assert await site.refused(site.olgas_cookie, origin=Origin(origin) if origin else None) == 101
    for origin in ("https://evil.example.org", "null"):
        assert await site.refused(site.olgas_cookie, origin=Origin(origin)) == 403
        assert await site.refused(None, origin=Origin(origin)) == 403


async def test_too_many_requests_are_429(site: Site) -> None:
    site.limited = True
    assert await site.refused(site.olgas_cookie) == 429
    assert await site.refused(None) == 429


@pytest.mark.parametrize("limits", [SocketLimits(per_user=2)])
async def test_a_user_has_only_so_many_sockets(site: Site) -> None:
    async with site.socket(site.olgas_cookie), site.socket((await site.login(site.olga.user_id))[1]):
        assert await site.refused(site.olgas_cookie) == 429
        assert await site.refused(site.mallorys_cookie) == 101
    await site.nothing_left()
    assert await site.refused(site.olgas_cookie) == 101


# What is said


async def test_each_message_has_one_answer_or_one_error_and_the_socket_lives_on(site: Site) -> None:
    said: list[tuple[Any, str, Any]] = [
        ("keep-alive", "", None),
        ("", "error", None),
        ("{", "error", None),
        ("[" * 40_000, "error", None),
        ('{"type":"subscribe","messageId":"7"}', "error", None),
        ({"type": "answer", "data": {"success": True}, "messageId": 4}, "", None),
        ({"type": "error", "data": "no", "messageId": 4}, "", None),
        ({"type": "subscribe", "messageId": 5}, "answer", 5),
        ({"type": "subscribe", "data": {"event": "drone_position", "filter": 1}, "messageId": 6}, "answer", 6),
        ({"type": "unsubscribe", "data": {"event": "drone_position", "filter": "1"}, "messageId": 7}, "answer", 7),
        ({"type": "subscribe", "data": {"event": "mission", "filter": "1"}, "messageId": 8.5}, "answer", 8.5),
        ({"type": "subscribe", "data": {"event": "traffic", "filter": "1$1$1"}, "messageId": -1}, "answer", -1),
    ]
    async with site.socket(site.olgas_cookie) as olga:
        numbers = []
        for message, kind, message_id in said:
            await olga.say(message)
            if not kind:
                continue
            found = await olga.hear()
            assert found["type"] == kind, message
            if kind == "answer":
                assert found["messageId"] == message_id
                assert found["data"]["success"] is (message_id == -1)
            else:
                assert isinstance(found["data"], str)
                numbers.append(found["messageId"])
        assert numbers == [1, 2, 3, 4], "the hub counts its own from 1"
        assert await olga.rest() == []
        await olga.follow(("drone_position", site.ids["drone"]))


async def test_binary_messages_end_the_socket(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.say(b"keep-alive")
        assert (await olga.end())[0] == 1003


@pytest.mark.parametrize("size", [65_537, 300_000])
async def test_a_message_that_is_too_long_ends_the_socket(site: Site, size: int) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.say("x" * size)
        assert (await olga.end())[0] == 1009


@pytest.mark.parametrize("limits", [SocketLimits(messages_per_s=1, messages_burst=5)])
async def test_too_many_messages_end_the_socket(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        for _ in range(6):
            await olga.say("keep-alive")
        assert await olga.end() == (4400, "too many messages")


async def test_a_backend_that_is_away_ends_the_socket_and_our_own_fault_is_an_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise LookupError("a secret of the database")

    async def away(*_: object) -> None:
        raise HubError(Code.UNAVAILABLE, "The database is away.")

    async with site.socket(site.olgas_cookie) as olga:
        monkeypatch.setattr(topics_module.Topics, "find", broken)
        answer = await olga.subscribe("drone_position", "1")
        assert answer["success"] is False
        assert answer["result"].startswith("Something went wrong on our side")
        assert "secret" not in answer["result"]
        monkeypatch.setattr(topics_module.Topics, "find", away)
        await olga.say({"type": "subscribe", "data": {"event": "drone_position", "filter": "1"}, "messageId": 2})
        assert (await olga.end())[0] == 1013


# Ends of sessions and rights


async def test_logging_out_closes_the_sessions_sockets_with_4000_and_no_others(site: Site) -> None:
    second, cookie = await site.login(site.olga.user_id)
    async with (
        site.socket(site.olgas_cookie) as first,
        site.socket(site.olgas_cookie) as twin,
        site.socket(cookie) as other,
        site.socket(site.mallorys_cookie) as mallory,
    ):
        await first.follow(("drone_position", site.ids["drone"]))
        await site.house.sessions.logout(site.olga)
        assert await first.end() == (4000, "logout")
        assert await twin.end() == (4000, "logout")
        await other.follow(("drone_position", site.ids["drone"]))
        await mallory.follow(("traffic", "1$1$1"))
        await site.house.sessions.announce(SessionEnded(user_id=second.user_id))
        assert await other.end() == (4000, "logout"), "whatever ends it"


@pytest.mark.parametrize("limits", [SocketLimits(recheck_s=0.2)])
async def test_a_session_whose_end_nobody_told_ends_the_socket_all_the_same(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await UserSession.filter(user_id=site.olga.user_id).delete()
        assert await olga.end() == (4000, "logout")


async def test_a_lost_right_ends_its_subscriptions_and_nothing_else(site: Site) -> None:
    drone = site.ids["drone"]
    vera, cookie = await site.person("vera")
    await Membership.create(
        workspace_id=site.ids["workspace"], user_id=vera.user_id, role=Role.VIEWER.value, since=later(0)
    )
    topics = [
        ("drone_position", drone),
        ("workspace_drones_media", site.ids["workspace"]),
        ("db_row_update", f"drone%{drone}"),
        ("db_row_update", f"user%{site.olga.user_id}"),
        ("db_row_update", f"user%{vera.user_id}"),
    ]
    async with site.socket(cookie) as dashboard, site.socket(site.olgas_cookie) as olga:
        await dashboard.follow(*topics)
        await olga.follow(("drone_position", drone), ("db_row_update", f"user%{vera.user_id}"))
        await site.house.workspaces.remove_member(site.olga, site.ids["workspace"], vera.user_id)
        await _until(lambda: len(site.sockets.channels) == 2)
        await site.bench.report("AC1", position(2.0), sent_at=later(1))
        await site.uploaded(site.photo)
        await site.news.changed(site.ids["workspace"], (Table.DRONE, drone))
        await site.house.accounts.update_user(site.olga, site.olga.user_id, name="O")
        await site.house.accounts.update_user(vera, vera.user_id, name="V")
        assert [item["filter"] for item in await dashboard.exactly(1)] == [f"user%{vera.user_id}"], "oneself"
        assert [item["event"] for item in await olga.exactly(1)] == ["drone_position"], "nor may olga know of vera"
        assert await dashboard.subscribe("drone_position", str(drone)) == {"success": False, "result": NOTHING}
        await dashboard.follow(("traffic", "1$1$1"))


@pytest.mark.parametrize("limits", [SocketLimits(recheck_s=0.2)])
async def test_a_right_whose_end_nobody_told_ends_its_subscriptions_all_the_same(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("drone_position", site.ids["drone"]))
        await Membership.filter(user_id=site.olga.user_id).delete()
        await _until(lambda: not len(site.sockets.channels))
        await site.bench.report("AC1", position(2.0), sent_at=later(1))
        assert await olga.rest() == []


async def test_a_right_that_ends_while_it_is_being_looked_at_is_not_overlooked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = site.sockets.channels.join

    async def meanwhile(*given: Any) -> Any:
        await Membership.filter(user_id=site.olga.user_id).delete()
        site.sockets.told({"kind": "membership", "user_id": site.olga.user_id, "workspace_id": site.ids["workspace"]})
        return await join(*given)

    monkeypatch.setattr(site.sockets.channels, "join", meanwhile)
    async with site.socket(site.olgas_cookie) as olga:
        assert await olga.subscribe("drone_position", str(site.ids["drone"])) == {"success": False, "result": NOTHING}
    await site.nothing_left()


async def test_a_hub_that_stops_says_1001(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(("drone_position", site.ids["drone"]), ("traffic", "1$1$1"))
        await site.sockets.stop()
        assert (await olga.end())[0] == 1001


async def test_a_dropped_connection_leaves_nothing_behind(site: Site) -> None:
    before = asyncio.all_tasks()
    async with site.socket(site.olgas_cookie) as olga:
        await olga.follow(
            ("drone_position", site.ids["drone"]),
            ("drone_media", site.ids["drone"]),
            ("db_row_update", f"user%{site.ids['user']}"),
            ("traffic", "1$1$1"),
        )
        olga.socket.transport.abort()
    await site.nothing_left()
    await _until(lambda: asyncio.all_tasks() <= before)


# Slow readers


async def test_a_reader_who_lags_gets_the_newest_positions_later(site: Site) -> None:
    async with site.socket(site.olgas_cookie) as quick, site.socket(site.olgas_cookie) as slow:
        for dashboard in (quick, slow):
            await dashboard.follow(("drone_position", site.ids["drone"]))
        socket = next(iter(site.sockets._sockets - {_of(site, quick)}))
        socket.outlet.pause()  # as the transport says of a peer that takes nothing
        for number in range(1, 51):
            await site.bench.report("AC1", position(number / 10), sent_at=later(number))
        assert len([await quick.event() for _ in range(50)]) == 50, "a stuck reader delays nobody"
        assert await slow.rest() == []
        socket.outlet.resume()
        assert [item["eventData"]["position"]["longitude"] for item in await slow.exactly(1)] == [5.0]
        await site.bench.report("AC1", position(6.0), sent_at=later(60))
        assert len(await slow.exactly(1)) == 1


def _of(site: Site, dashboard: Dashboard) -> Any:
    """The server's side of a socket."""
    port = dashboard.socket.local_address[1]
    return next(
        socket
        for socket in site.sockets._sockets
        if socket.outlet._line.transport.get_extra_info("peername")[1] == port
    )


@pytest.mark.parametrize("limits", [SocketLimits(owed_bytes=2_000)])
@pytest.mark.parametrize("kind", ["media", "rows", "answers"])
async def test_what_has_to_arrive_is_never_left_out_but_ends_the_socket(site: Site, kind: str) -> None:
    drone = site.ids["drone"]
    async with site.socket(site.olgas_cookie) as slow:
        await slow.follow(("drone_media", drone), ("db_row_update", f"drone%{drone}"))
        _of(site, slow).outlet.pause()
        for _ in range(40):
            if kind == "media":
                await site.uploaded(site.photo)
            elif kind == "rows":
                await site.news.changed(site.ids["workspace"], (Table.DRONE, drone))
            else:
                await slow.say("{")
        assert await slow.end() == (1013, "you read too slowly")


@pytest.mark.parametrize("limits", [SocketLimits(unread_s=0.6)])
async def test_a_reader_that_takes_nothing_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    head = [
        "GET /api/live HTTP/1.1",
        "Host: hub",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Cookie: user-auth={site.olgas_cookie}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    said = json.dumps(
        {"type": "subscribe", "data": {"event": "drone_position", "filter": str(site.ids["drone"])}, "messageId": 1}
    ).encode()
    writer.write(bytes((0x81, 0x80 | 126)) + len(said).to_bytes(2, "big") + bytes(4) + said)
    transport: Any = writer.transport
    transport.pause_reading()
    await _until(lambda: len(site.sockets.channels) == 1)
    socket = next(iter(site.sockets._sockets))
    async with asyncio.timeout(PATIENCE_S):
        while len(site.sockets):
            socket.push(b'{"type":"event","data":"' + b"x" * 60_000 + b'"')
            await asyncio.sleep(0.01)
    transport.abort()


async def _until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)
