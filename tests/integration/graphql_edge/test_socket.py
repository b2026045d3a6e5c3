"""graphql-transport-ws, row by row of security.md, section 6."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ofh.domain.errors import Code, HubError
from ofh.edges.graphql.socket import SocketLimits
from tests.integration.graphql_edge.client import Closed, connect, settle
from tests.integration.graphql_edge.toy import Edge, Item, application, build, running

ONE = "subscription { position(droneId: 7) { number } }"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running(build()) as edge:
        yield edge


def error_code(message: Any) -> str:
    assert message["type"] == "error"
    code: str = message["payload"][0]["extensions"]["code"]
    return code


# The handshake


@pytest.mark.parametrize("offered", [(), ("graphql-ws",), ("nonsense", "graphql-ws")])
async def test_other_subprotocols_are_refused(edge: Edge, offered: tuple[str, ...]) -> None:
    with pytest.raises(Closed) as refused:
        async with connect(edge.sockets, subprotocols=offered):
            pass
    assert refused.value.code == 400
    assert len(edge.sockets) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://hub.example.org.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
async def test_a_foreign_origin_is_403(edge: Edge, headers: dict[str, str]) -> None:
    with pytest.raises(Closed) as refused:
        async with connect(edge.sockets, headers=headers):
            pass
    assert refused.value.code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://hub.example.org"}, {"origin": "https://evil.example", "authorization": "Bearer t-s2"}],
)
async def test_own_pages_programs_and_bearers_may_come(edge: Edge, headers: dict[str, str]) -> None:
    async with connect(edge.sockets, headers=headers):
        pass


async def test_a_server_that_cannot_refuse_by_http_refuses_in_its_own_way(edge: Edge) -> None:
    with pytest.raises(Closed) as refused:
        async with connect(edge.sockets, headers={"origin": "null"}, extension=False):
            pass
    assert refused.value.code == 1008


# connection_init


async def test_no_init_in_time_is_4408() -> None:
    async with running(build(sockets=SocketLimits(init_s=0.01))) as edge, connect(edge.sockets, init=False) as client:
        assert await client.code() == 4408


async def test_a_second_init_is_4429(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.send({"type": "connection_init"})
        assert await client.code() == 4429


@pytest.mark.parametrize("session", [None, "dead"])
@pytest.mark.parametrize(
    "payload", [None, {}, {"authorization": "Bearer wrong"}, {"authorization": "t-s1"}, {"authorization": 5}]
)
async def test_who_does_not_show_who_they_are_is_4403(edge: Edge, session: str | None, payload: Any) -> None:
    async with connect(edge.sockets, session=session, init=False) as client:
        client.send({"type": "connection_init", "payload": payload})
        assert await client.code() == 4403


async def test_a_wrong_token_is_not_made_good_by_the_cookie(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        client.send({"type": "connection_init", "payload": {"authorization": "Bearer wrong"}})
        assert await client.code() == 4403


async def test_a_token_shows_who_one_is_instead_of_the_cookie(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        await client.init({"authorization": "Bearer t-s2"})
        client.subscribe("a", "{ me }")
        assert (await client.receive())["payload"] == {"data": {"me": "2"}}


async def test_a_backend_that_is_away_at_init_is_1013(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        client.send({"type": "connection_init", "payload": {"authorization": "Bearer away"}})
        assert await client.code() == 1013


async def test_subscribe_before_the_acknowledgement_is_4401(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        client.subscribe("a", "{ hello }")
        assert await client.code() == 4401


async def test_ping_before_init_and_null_payloads_are_fine(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        for payload in (None, {}, {"any": "thing"}):
            client.send({"type": "ping", "payload": payload})
            assert await client.receive() == {"type": "pong"}
        client.send({"type": "pong", "payload": None})
        client.send({"type": "pong"})
        await client.init(None)


# Messages


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "",
        "[]",
        "5",
        "null",
        '"text"',
        "{}",
        '{"type": 5}',
        '{"type": null}',
        '{"type": "start", "id": "a", "payload": {}}',
        '{"type": "ping", "payload": []}',
        '{"type": "ping", "payload": "x"}',
        '{"type": "pong", "payload": 1}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": 5, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": null, "payload": {"query": "{ hello }"}}',
        json.dumps({"type": "subscribe", "id": "x" * 129, "payload": {"query": "{ hello }"}}),
        '{"type": "subscribe", "id": "a"}',
        '{"type": "subscribe", "id": "a", "payload": null}',
        '{"type": "subscribe", "id": "a", "payload": "{ hello }"}',
        '{"type": "subscribe", "id": "a", "payload": {}}',
        '{"type": "subscribe", "id": "a", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "a", "payload": {"query": "{ hello }", "variables": []}}',
        '{"type": "subscribe", "id": "a", "payload": {"query": "{ hello }", "operationName": 5}}',
        '{"type": "subscribe", "id": "a", "payload": {"query": "{ hello }", "extensions": 5}}',
        '{"type": "complete"}',
        '{"type": "complete", "id": ["a"]}',
        '{"type": "ping", "type": "pong"}',
        '{"type": "ping", "payload": {"a": NaN}}',
        r'{"type": "complete", "id": "\ud800"}',
        '{"type": "ping", "payload": ' + '{"a":' * 64 + "1" + "}" * 65,
        '{"type": "ping", "payload": ' + "[" * 5_000 + "]" * 5_000 + "}",
        "[" * 20_000,
    ],
)
async def test_malformed_messages_are_4400(edge: Edge, text: str) -> None:
    async with connect(edge.sockets) as client:
        client.send_text(text)
        assert await client.code() == 4400


async def test_an_init_payload_of_the_wrong_type_is_4400(edge: Edge) -> None:
    async with connect(edge.sockets, init=False) as client:
        client.send({"type": "connection_init", "payload": "Bearer t-s1"})
        assert await client.code() == 4400


async def test_a_binary_frame_is_4400(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.send_bytes(b'{"type":"ping"}')
        assert await client.code() == 4400


async def test_a_message_of_64_kib_is_taken_and_a_longer_one_is_1009(edge: Edge) -> None:
    frame = '{"type":"ping","payload":{"a":"%s"}}'
    async with connect(edge.sockets) as client:
        client.send_text(frame % ("x" * (65_536 - len(frame) + 2)))
        assert await client.receive() == {"type": "pong"}
        client.send_text(frame % ("x" * (65_536 - len(frame) + 3)))
        assert await client.code() == 1009


async def test_too_many_messages_are_4400() -> None:
    limits = SocketLimits(messages_per_s=0.001, messages_burst=5)
    async with running(build(sockets=limits)) as edge, connect(edge.sockets) as client:
        for _ in range(5):
            client.send({"type": "pong"})
        with pytest.raises(Closed, match="too many messages") as closed:
            await client.receive()
        assert closed.value.code == 4400


async def test_an_id_that_is_active_is_4409_and_free_again_afterwards(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "{ hello }")
        assert (await client.receive())["type"] == "next"
        assert (await client.receive())["type"] == "complete"
        client.subscribe("a", ONE)
        client.subscribe("a", ONE)
        assert await client.code() == 4409


async def test_complete_for_an_unknown_id_is_ignored(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.send({"type": "complete", "id": "nobody"})
        client.subscribe("a", "{ hello }")
        assert (await client.receive())["id"] == "a"


async def test_an_id_may_have_128_characters(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("ü" * 128, "{ hello }")
        assert (await client.receive())["id"] == "ü" * 128


# Operations


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nope", "BAD_INPUT"),
        ("{ nope }", "BAD_INPUT"),
        ("", "BAD_INPUT"),
        ("query A { hello } query B { hello }", "BAD_INPUT"),
        ("query ($x: Int!) { hello }", "BAD_INPUT"),
        ("{ " + "a: hello " * 31 + "}", "TOO_COMPLEX"),
        ('subscription { position(droneId: "x") { number } }', "BAD_INPUT"),
        ("subscription { position(droneId: 404) { number } }", "GONE"),
        ("subscription { count(to: 1) slow: count }", "BAD_INPUT"),
    ],
)
async def test_what_is_refused_is_an_error_for_that_id_and_the_others_live_on(
    edge: Edge, query: str, code: str
) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("live", ONE)
        await settle()
        client.subscribe("bad", query)
        message = await client.receive()
        assert (message["id"], error_code(message)) == ("bad", code)
        edge.toy.topic(7).say(Item(7, 1))
        assert (await client.receive())["id"] == "live"


async def test_hidden_and_missing_are_answered_alike(edge: Edge) -> None:
    del edge.toy.roles[(2, 1)]
    async with connect(edge.sockets, session="s2") as client:
        client.subscribe("a", ONE)
        hidden = await client.receive()
        client.subscribe("a", "subscription { position(droneId: 404) { number } }")
        assert await client.receive() == hidden


async def test_queries_and_mutations_work_and_complete(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("q", "query A { hello } query B { me }", None, "B")
        assert await client.receive() == {"id": "q", "type": "next", "payload": {"data": {"me": "1"}}}
        assert await client.receive() == {"id": "q", "type": "complete"}
        client.subscribe("m", "mutation { logout }")
        assert (await client.receive())["payload"] == {"data": {"logout": True}}
        assert (await client.receive())["type"] == "complete"


async def test_what_sets_a_cookie_is_refused_over_the_websocket(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("m", "mutation { login }")
        payload = (await client.receive())["payload"]
        assert payload["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_each_operation_has_loaders_of_its_own(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "{ x: loaders y: loaders }")
        one = (await client.receive())["payload"]["data"]
        assert one["x"] == one["y"]


async def test_an_ordinary_subscription_streams_and_completes(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "subscription { count(to: 3) }")
        assert [(await client.receive())["payload"]["data"]["count"] for _ in range(3)] == [0, 1, 2]
        assert await client.receive() == {"id": "a", "type": "complete"}
        client.subscribe("b", "subscription { nothing }")
        assert await client.receive() == {"id": "b", "type": "complete"}


async def test_an_ordinary_subscription_that_breaks_is_an_internal_error(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        with capture_logs() as logs:
            client.subscribe("a", "subscription { breaks }")
            assert (await client.receive())["type"] == "next"
            message = await client.receive()
        assert error_code(message) == "INTERNAL"
        assert "secret" not in str(message)
        assert len(logs) == 1


async def test_complete_stops_an_ordinary_subscription(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "subscription { ticks }")
        edge.toy.ticks.put_nowait(1)
        assert (await client.receive())["payload"]["data"]["ticks"] == 1
        client.send({"id": "a", "type": "complete"})
        await settle()
        assert edge.toy.finished == ["ticks"]
        edge.toy.ticks.put_nowait(2)
        await settle()
        assert client.idle()


async def test_more_than_so_many_operations_are_rate_limited() -> None:
    async with running(build(sockets=SocketLimits(operations=3))) as edge, connect(edge.sockets) as client:
        for id in "abc":
            client.subscribe(id, ONE)
        client.subscribe("d", ONE)
        message = await client.receive()
        assert (message["id"], error_code(message)) == ("d", "RATE_LIMITED")
        client.send({"id": "a", "type": "complete"})
        client.subscribe("d", ONE)
        await settle()
        assert client.idle()


async def test_one_user_watches_the_same_in_so_many_ways_on_all_sockets_together() -> None:
    """security.md, section 6: who shares an execution with others costs nothing more, who wants another one does."""
    limits = SocketLimits(documents=2, ways=3)
    watch = "subscription ($id: ID!, $far: Boolean = false) { %s: position(droneId: $id) { text @include(if: $far) } }"
    async with (
        running(build(sockets=limits)) as edge,
        connect(edge.sockets) as client,
        connect(edge.sockets) as second,
        connect(edge.sockets, session="s2") as other,
    ):
        client.subscribe("a", watch % "a", {"id": "1"})
        second.subscribe("a", watch % "b", {"id": "1"})
        client.subscribe("same", watch % "a", {"id": "1"})
        client.subscribe("far", watch % "a", {"id": "1", "far": True})
        await settle()
        second.subscribe("c", watch % "c", {"id": "1"})
        assert error_code(await second.receive()) == "RATE_LIMITED"
        second.subscribe("b far", watch % "b", {"id": "1", "far": True})
        assert error_code(await second.receive()) == "RATE_LIMITED"
        second.subscribe("elsewhere", watch % "c", {"id": "2"})
        other.subscribe("c", watch % "c", {"id": "1"})
        second.send({"id": "a", "type": "complete"})
        await settle()
        second.subscribe("c", watch % "c", {"id": "1"})
        await settle()
        assert client.idle()
        assert second.idle()
        assert other.idle()


async def test_subscriptions_that_nobody_can_share_are_bounded_for_each_user() -> None:
    async with running(build(sockets=SocketLimits(ways=2))) as edge, connect(edge.sockets) as client:
        for id in "abc":
            client.subscribe(id, "subscription { count(to: 1000000) }")
        async with asyncio.timeout(60):
            while (message := await client.receive())["type"] == "next":
                pass
        assert (message["id"], error_code(message)) == ("c", "RATE_LIMITED")


async def test_operations_are_throttled_like_requests(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        edge.toy.throttled = True
        client.subscribe("a", "{ hello }")
        assert error_code(await client.receive()) == "RATE_LIMITED"


async def test_an_operation_that_takes_too_long_is_unavailable() -> None:
    limits = SocketLimits(operation_s=0.01)
    async with running(build(sockets=limits)) as edge, connect(edge.sockets) as client:
        client.subscribe("a", "{ wait(seconds: 3600) }")
        payload = (await client.receive())["payload"]
        assert payload["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert edge.toy.finished == ["wait"]


async def test_a_backend_that_is_away_closes_with_1013(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", "subscription { position(droneId: 503) { number } }")
        assert await client.code() == 1013


# How many sockets


async def test_too_many_sockets_of_a_user_are_429() -> None:
    async with running(build(sockets=SocketLimits(per_user=2))) as edge:
        async with connect(edge.sockets), connect(edge.sockets):
            with pytest.raises(Closed) as refused:
                async with connect(edge.sockets):
                    pass
            assert refused.value.code == 429
            async with connect(edge.sockets, session="s2"):
                pass
        async with connect(edge.sockets):
            pass


async def test_a_user_known_by_a_token_only_is_counted_at_init() -> None:
    async with (
        running(build(sockets=SocketLimits(per_user=1))) as edge,
        connect(edge.sockets),
        connect(edge.sockets, session=None, init=False) as client,
    ):
        client.send({"type": "connection_init", "payload": {"authorization": "Bearer t-s1"}})
        assert await client.code() == 1013


async def test_too_many_strangers_of_an_address_are_429_until_they_show_who_they_are() -> None:
    async with (
        running(build(sockets=SocketLimits(per_address=2))) as edge,
        connect(edge.sockets, session=None, init=False) as first,
        connect(edge.sockets, session=None, init=False),
    ):
        with pytest.raises(Closed) as refused:
            async with connect(edge.sockets, session=None, init=False):
                pass
        assert refused.value.code == 429
        async with connect(edge.sockets):
            pass
        await first.init({"authorization": "Bearer t-s2"})
        async with connect(edge.sockets, session=None, init=False):
            pass


# Ends of sessions and rights


async def test_the_end_of_a_session_closes_its_sockets_alone(edge: Edge) -> None:
    """security.md, C4."""
    async with (
        connect(edge.sockets) as mine,
        connect(edge.sockets, init=False) as opening,
        connect(edge.sockets, session="s2") as other,
    ):
        mine.subscribe("a", ONE)
        await settle()
        edge.sockets.end_sessions(lambda actor: (actor.credential, actor.credential_id) == ("session", 1))
        assert await mine.code() == 4403
        assert await opening.code() == 4403
        assert len(edge.fanout) == 0
        other.subscribe("a", "{ hello }")
        assert (await other.receive())["type"] == "next"


async def test_a_lost_right_ends_what_depends_on_it_with_forbidden(edge: Edge) -> None:
    """security.md, C4 and W5."""
    async with connect(edge.sockets) as client:
        client.subscribe("one", ONE)
        client.subscribe("other", "subscription { positions(droneId: 8) { number } }")
        await settle()
        assert (await client.receive())["id"] == "other"
        del edge.toy.roles[(1, 1)]
        edge.sockets.end_access(1, 1)
        got = {message["id"]: error_code(message) for message in [await client.receive() for _ in range(2)]}
        assert got == {"one": "FORBIDDEN", "other": "FORBIDDEN"}
        edge.toy.topic(7).say(Item(7, 1))
        client.subscribe("q", "{ hello }")
        assert (await client.receive())["id"] == "q"


async def test_a_subscription_that_is_about_to_begin_asks_again_after_a_loss(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        edge.toy.scope_gate.clear()
        client.subscribe("a", ONE)
        await settle()
        del edge.toy.roles[(1, 1)]
        edge.sockets.end_access(1, 1)
        edge.toy.scope_gate.set()
        assert error_code(await client.receive()) == "GONE"


async def test_one_socket_that_cannot_be_looked_at_keeps_no_other_from_it(edge: Edge) -> None:
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        for client in (first, second):
            client.subscribe("a", ONE)
        await settle()
        for trouble in (HubError(Code.UNAVAILABLE, "The database is away."), RuntimeError("a bug")):
            edge.toy.scope_troubles = [trouble]
            await edge.sockets.recheck(None)
            assert edge.toy.scope_troubles == []
        edge.toy.scope_troubles = [HubError(Code.UNAVAILABLE, "The database is away.")]
        edge.toy.roles.clear()
        await edge.sockets.recheck(None)
        await settle()
        assert sorted([first.idle(), second.idle()]) == [False, True]


async def test_a_new_role_starts_the_subscription_anew_under_the_new_rights(edge: Edge) -> None:
    edge.toy.topic(7).say(Item(7, 1))
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE)
        await client.receive()
        edge.toy.roles[(1, 1)] = "VIEWER"
        await edge.sockets.recheck(1)
        assert (await client.receive())["payload"]["data"]["position"]["number"] == 1
        assert [group.join.scope for group in edge.fanout._groups.values()] == [(1, "VIEWER")]
        del edge.toy.roles[(1, 1)]
        await edge.sockets.recheck(1)
        assert error_code(await client.receive()) == "FORBIDDEN"


async def test_sessions_and_rights_are_looked_at_again_without_being_told() -> None:
    async with (
        running(build(sockets=SocketLimits(recheck_s=0.02))) as edge,
        connect(edge.sockets) as first,
        connect(edge.sockets, session="s2") as second,
    ):
        first.subscribe("a", ONE)
        second.subscribe("a", ONE)
        await settle()
        del edge.toy.roles[(1, 1)]
        del edge.toy.sessions["s2"]
        assert error_code(await first.receive()) == "FORBIDDEN"
        assert await second.code() == 4403


# Slow readers and the end


async def test_a_reader_that_takes_nothing_is_closed_and_all_its_resources_freed() -> None:
    async with running(build(sockets=SocketLimits(unread_s=0.06))) as edge:
        async with connect(edge.sockets) as client:
            client.subscribe("a", ONE)
            client.subscribe("b", "subscription { ticks }")
            edge.toy.ticks.put_nowait(1)
            await client.receive()
            client.hold.clear()
            edge.toy.topic(7).say(Item(7, 1))
            async with asyncio.timeout(60):
                while len(edge.fanout) or edge.toy.finished != ["ticks"]:
                    await asyncio.sleep(0.01)
            client.hold.set()
            assert await client.code() == 1013
        assert len(edge.sockets) == 0


async def test_a_reader_that_takes_what_there_is_stays() -> None:
    async with running(build(sockets=SocketLimits(unread_s=0.03))) as edge, connect(edge.sockets) as client:
        client.subscribe("a", ONE)
        for value in range(1, 6):
            edge.toy.topic(7).say(Item(7, value))
            assert (await client.receive())["type"] == "next"
            await asyncio.sleep(0.02)


async def test_shutdown_is_1001(edge: Edge) -> None:
    async with connect(edge.sockets) as first, connect(edge.sockets, init=False) as second:
        first.subscribe("a", ONE)
        await settle()
        await edge.sockets.stop()
        assert await first.code() == 1001
        assert await second.code() == 1001
        assert len(edge.fanout) == 0


async def test_a_peer_that_vanishes_leaves_nothing(edge: Edge) -> None:
    before = asyncio.all_tasks()
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE)
        client.subscribe("b", "subscription { ticks }")
        client.subscribe("c", "{ wait(seconds: 3600) }")
        await settle()
    await settle()
    assert (len(edge.sockets), len(edge.fanout), len(edge.toy.topic(7).watchers)) == (0, 0, 0)
    assert sorted(edge.toy.finished) == ["ticks", "wait"]
    assert asyncio.all_tasks() == before


def test_the_edge_works_under_a_server_without_the_extension() -> None:
    edge = build()
    with TestClient(application(edge), base_url="https://hub.example.org") as client:
        client.cookies.set("user-auth", "s1")
        with client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
            assert [socket.accepted_subprotocol] == ["graphql-transport-ws"]
            socket.send_json({"type": "connection_init"})
            assert socket.receive_json() == {"type": "connection_ack"}
            socket.send_json({"id": "a", "type": "subscribe", "payload": {"query": "subscription { count(to: 1) }"}})
            assert socket.receive_json()["payload"] == {"data": {"count": 0}}
            assert socket.receive_json() == {"id": "a", "type": "complete"}
