"""Once per event for all who watch the same with the same rights, and nobody can tell."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
import strawberry
from graphql import map_source_to_response_event, parse
from graphql.execution import Executor
from structlog.testing import capture_logs

from ofh.backends.mailbox import Mailbox, Policy
from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.edges.graphql.context import Context, Services
from ofh.edges.graphql.fanout import Group
from ofh.edges.graphql.hub_schema import REMEMBERED_LONGEST, Asked, HubSchema
from ofh.edges.graphql.members import Member
from ofh.edges.graphql.variables import frozen
from ofh.edges.outlet import BY_TRANSPORT, Flusher, RawOutlet
from ofh.services.watching import Watch
from tests.integration.graphql_edge.client import connect, settle
from tests.integration.graphql_edge.toy import Edge, Item, Mutation, Query, Subscription, Toy, build, running, shown

ONE = "subscription ($d: ID!) { position(droneId: $d) { number counted } }"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running(build()) as edge:
        yield edge


def number(message: Any) -> int:
    """The number that a message of `ONE` shows."""
    found: int = message["payload"]["data"]["position"]["number"]
    return found


# What is sent


@pytest.mark.parametrize(
    ("query", "variables", "id"),
    [
        ("subscription { position(droneId: 7) { a: number b: text position { x: longitude } __typename } }", None, "1"),
        (
            "subscription S($d: ID!, $w: String!) { p: position(droneId: $d) { ...F } } "
            "fragment F on Position { number at ... on Position { echo(word: $w, times: 2) } position { ...G } } "
            "fragment G on Place { latitude reportedAt }",
            {"d": "7", "w": 'é"\\ \U0001f681'},
            'id "with" \\ everything \U0001f681 \n',
        ),
        ("subscription ($no: Boolean!) { position(droneId: 7) { number @skip(if: $no) text } }", {"no": True}, "é"),
        ("subscription { position(droneId: 7) { number slowly } }", None, "3"),
        ("subscription { positions(droneId: 7) { number position { height } } }", None, "4"),
    ],
)
async def test_payloads_are_those_of_plain_strawberry(
    edge: Edge, query: str, variables: dict[str, Any] | None, id: str
) -> None:
    per_item = "positions" not in query
    plain = strawberry.Schema(Query, Mutation, Subscription)
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1, 'ü"'))
    async with connect(edge.sockets) as client:
        client.subscribe(id, query, variables)
        for value in (1, 2):
            item = Item(7, value, 'ü"')
            expected = await events(plain, query, variables, [shown(item)], per_item=per_item)
            assert await client.receive() == {"id": id, "type": "next", "payload": expected}
            topic.say(Item(7, value + 1, 'ü"'))


async def events(
    schema: strawberry.Schema, query: str, variables: Any, items: list[Any], *, per_item: bool
) -> dict[str, Any]:
    """What plain graphql-core makes of an event, with a stream that yields it."""

    async def stream() -> AsyncIterator[Any]:
        yield items[0] if per_item else items

    context = Context(cast(Services, Toy()), shared=True)
    executor = Executor.build(
        schema._schema, parse(query), context_value=context, raw_variable_values=variables, root_value=None
    )
    assert isinstance(executor, Executor)
    async for result in map_source_to_response_event(executor, stream()):
        return {"data": json.loads(json.dumps(result.data))}
    raise AssertionError


async def test_the_current_state_comes_first_then_what_follows(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1))
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        assert number(await client.receive()) == 1
        for value in (2, 3, 4):
            topic.say(Item(7, value))
        assert [number(await client.receive()) for _ in range(3)] == [2, 3, 4]
        client.subscribe("b", ONE, {"d": "7"})
        late = await client.receive()
        assert (late["id"], number(late)) == ("b", 4)


async def test_nothing_known_yet_sends_nothing_per_item_and_an_empty_list_otherwise(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("one", ONE, {"d": "7"})
        client.subscribe("all", "subscription { positions(droneId: 7) { number } }")
        message = await client.receive()
        assert (message["id"], message["payload"]) == ("all", {"data": {"positions": []}})
        await settle()
        assert client.idle()


async def test_a_reader_joins_in_the_middle_and_gets_each_event_once(edge: Edge) -> None:
    """What the state holds already is not sent again, though the watch still has it in its queue."""
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1), Item(8, 1))
    query = "subscription { positions(droneId: 7) { droneId number } }"
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        first.subscribe("a", query)
        await first.receive()
        topic.say(Item(7, 2), Item(8, 1))  # told, but the group has not had its turn yet
        join_now(edge, second, query)
        topic.say(Item(7, 3))
        got: dict[str, int] = {}
        for _ in range(2):
            for one in (await second.receive())["payload"]["data"]["positions"]:
                assert one["number"] > got.get(one["droneId"], 0), "twice, or backwards"
                got[one["droneId"]] = one["number"]
        assert got == {"7": 3, "8": 1}
        assert second.idle()


def join_now(edge: Edge, client: Any, query: str) -> None:
    """Put a socket's operation into its group in this very turn, as the end of a resolver does."""
    socket = next(socket for socket in edge.sockets.crowd if socket.actor.user_id == 2)
    group = next(iter(edge.fanout._groups.values()))
    member = Member(socket, socket.outlet, "b")
    socket._operations["b"] = member
    edge.fanout.enrol(member, group.join, group._renderer.operation, group._renderer.executor)


# Sharing


async def test_one_execution_per_event_for_all_who_agree(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        first.subscribe("x", ONE, {"d": "7"})
        first.subscribe("longer id", ONE, {"d": "7"})
        second.subscribe("y", ONE, {"d": "7"})
        second.subscribe("other", "subscription ($d: ID!) { position(droneId: $d) { counted number } }", {"d": "7"})
        await settle()
        assert len(edge.fanout) == 2
        topic.say(Item(7, 1))
        got = [await first.receive() for _ in range(2)] + [await second.receive() for _ in range(2)]
        assert {message["id"] for message in got} == {"x", "longer id", "y", "other"}
        assert [number(message) for message in got] == [1] * 4
        assert edge.toy.executions == 2
        assert topic.opened == 2


async def test_the_state_is_executed_once_for_all_who_join_until_it_changes(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1))
    async with connect(edge.sockets) as client:
        for id in "abc":
            client.subscribe(id, ONE, {"d": "7"})
            await client.receive()
        assert edge.toy.executions == 1
        topic.say(Item(7, 2))
        for _ in "abc":
            await client.receive()
        client.subscribe("d", ONE, {"d": "7"})
        await client.receive()
        client.subscribe("e", ONE, {"d": "7"})
        await client.receive()
        assert edge.toy.executions == 3


async def test_rights_variables_and_names_keep_groups_apart(edge: Edge) -> None:
    two = "subscription A { position(droneId: 7) { number } } subscription B { position(droneId: 7) { text } }"
    async with connect(edge.sockets) as admin, connect(edge.sockets, session="s3") as viewer:
        admin.subscribe("1", ONE, {"d": "7"})
        viewer.subscribe("2", ONE, {"d": "7"})
        admin.subscribe("3", ONE, {"d": "8"})
        admin.subscribe("4", two, None, "A")
        admin.subscribe("5", two, None, "B")
        await settle()
        assert len(edge.fanout) == 5


def test_values_that_python_takes_for_equal_stay_apart() -> None:
    assert len({frozen(value) for value in (1, 1.0, True, "1", [1], [[1]], {"a": 1}, {"a": True}, None)}) == 9
    assert frozen({"a": [1, {"b": 2}], "c": 3}) == frozen({"c": 3, "a": [1, {"b": 2}]})


async def test_an_operation_that_asks_who_reads_gets_a_group_per_user(edge: Edge) -> None:
    query = "subscription { position(droneId: 7) { number reader { name } } }"
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1))
    async with (
        connect(edge.sockets) as first,
        connect(edge.sockets, session="s2") as second,
        connect(edge.sockets, session="s2") as third,
    ):
        for client in (first, second, third):
            client.subscribe("a", query)
        for value in (1, 2):
            for client, name in ((first, "user 1"), (second, "user 2"), (third, "user 2")):
                message = await client.receive()
                assert message["payload"] == {"data": {"position": {"number": value, "reader": {"name": name}}}}
            topic.say(Item(7, value + 1))
        assert len(edge.fanout) == 2


async def test_who_reads_is_found_out_in_the_middle_of_a_stream_as_well(edge: Edge) -> None:
    query = "subscription { positions(droneId: 7) { number reader { name } } }"
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        first.subscribe("a", query)
        second.subscribe("a", query)
        for client in (first, second):
            assert (await client.receive())["payload"] == {"data": {"positions": []}}
        edge.toy.topic(7).say(Item(7, 1))
        for client, name in ((first, "user 1"), (second, "user 2")):
            positions = (await client.receive())["payload"]["data"]["positions"]
            assert positions == [{"number": 1, "reader": {"name": name}}]


async def test_a_field_that_fails_is_an_error_in_the_payload_and_one_line_in_the_log(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as client:
        client.subscribe("a", "subscription { position(droneId: 7) { number fault } }")
        await settle()
        with capture_logs() as logs:
            for value in (1, 2, 3):
                topic.say(Item(7, value))
                payload = (await client.receive())["payload"]
                assert payload["data"] == {"position": {"number": value, "fault": None}}
                assert payload["errors"][0]["extensions"]["code"] == "INTERNAL"
                assert payload["errors"][0]["path"] == ["position", "fault"]
                assert "secret" not in str(payload)
        assert len(logs) == 1


# Ends


async def test_complete_and_disconnect_leave_the_group_and_the_last_ends_the_watch(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as first:
        async with connect(edge.sockets, session="s2") as second:
            first.subscribe("a", ONE, {"d": "7"})
            second.subscribe("b", ONE, {"d": "7"})
            await settle()
            assert (len(edge.fanout), len(topic.watchers)) == (1, 1)
            first.send({"id": "a", "type": "complete"})
            await settle()
            topic.say(Item(7, 1))
            assert number(await second.receive()) == 1
            assert first.idle()
        await settle()
        assert (len(edge.fanout), len(topic.watchers)) == (0, 0)
        first.subscribe("a", ONE, {"d": "7"})
        assert number(await first.receive()) == 1


async def test_a_watch_that_ends_completes_its_readers(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        await settle()
        edge.toy.topic(7).stop()
        assert await client.receive() == {"id": "a", "type": "complete"}
        assert len(edge.fanout) == 0


async def test_a_watch_that_is_refused_is_an_error(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        await settle()
        edge.toy.topic(7).stop(HubError(Code.GONE, "It is gone."))
        message = await client.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "GONE")


async def test_a_watch_that_breaks_is_an_internal_error_logged_once(edge: Edge) -> None:
    async with connect(edge.sockets) as first, connect(edge.sockets) as second:
        for client in (first, second):
            client.subscribe("a", ONE, {"d": "7"})
        await settle()
        with capture_logs() as logs:
            edge.toy.topic(7).stop(RuntimeError("secret"))
            for client in (first, second):
                message = await client.receive()
                assert message["payload"][0]["extensions"]["code"] == "INTERNAL"
                assert "secret" not in str(message)
        assert len(logs) == 1


async def test_a_backend_that_is_away_closes_the_socket(edge: Edge) -> None:
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        await settle()
        edge.toy.topic(7).stop(HubError(Code.UNAVAILABLE, "The bus is away."))
        assert await client.code() == 1013


async def test_stop_ends_every_watch(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        await settle()
        await edge.fanout.stop()
        assert (len(edge.fanout), len(topic.watchers)) == (0, 0)


# Slow readers


async def test_a_reader_that_stops_costs_a_bounded_queue_and_catches_up_with_the_state(edge: Edge) -> None:
    topic = edge.toy.topic(7)
    query = "subscription { position(droneId: 7) { number text } }"
    async with connect(edge.sockets) as slow, connect(edge.sockets, session="s2") as quick:
        slow.subscribe("a", query)
        quick.subscribe("a", query)
        await settle()
        slow.hold.clear()
        for value in range(1, 1_001):
            topic.say(Item(7, value, "x" * 1_000))
            assert number(await quick.receive()) == value  # nobody else waits
        socket = next(socket for socket in edge.sockets.crowd if socket.actor.user_id == 1)
        outlet: Any = socket.outlet
        assert outlet.paused
        assert outlet._waiting < 256 * 1024
        slow.hold.set()
        last = 0
        while last < 1_000:
            last = number(await slow.receive())
        topic.say(Item(7, 1_001))
        assert number(await slow.receive()) == 1_001  # the state came once
        assert slow.idle()


async def test_several_frames_of_one_turn_are_one_write() -> None:
    class Line:
        writes: list[bytes]

        def write_frames(self, frames: bytes) -> int:
            self.writes.append(frames)
            return BY_TRANSPORT

    line = Line()
    line.writes = []
    outlet = RawOutlet(cast(Any, line))
    outlet.open(Flusher(), lambda: None)
    outlet.message(b"one")
    outlet.put(b"\x81\x03two")
    assert line.writes == []
    await settle()
    assert line.writes == [b"\x81\x03one\x81\x03two"]


async def test_nobody_waits_for_an_outlet_that_is_closed() -> None:
    class Line:
        def write_frames(self, frames: bytes) -> int:
            return BY_TRANSPORT

        def close_now(self, code: int, reason: str) -> None:
            """As a peer that lags is closed."""

    outlet = RawOutlet(cast(Any, Line()))
    outlet.open(Flusher(), lambda: None)
    outlet.pause()
    waiting = asyncio.create_task(outlet.drain())
    await settle()
    assert not waiting.done()
    await outlet.close(1001, "")
    outlet.pause()  # the close frame was too much for it, too
    async with asyncio.timeout(15):
        await waiting
        await outlet.drain()


async def test_groups_of_one_socket_share_a_write(monkeypatch: pytest.MonkeyPatch, edge: Edge) -> None:
    """Several bodies of one batch go out in one piece, header, prefix and body in order."""
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as client:
        client.subscribe("a", ONE, {"d": "7"})
        await settle()
        written: list[bytes] = []

        class Raw:
            raw = True
            paused = False

            def put(self, frames: bytes) -> None:
                written.append(frames)

        group: Group = next(iter(edge.fanout._groups.values()))
        monkeypatch.setattr(next(iter(group._members)), "outlet", Raw())
        topic.say(Item(7, 1), Item(7, 2, "x"))
        await settle()
        assert len(written) == 1
        assert frames_of(written[0]) == [
            {"id": "a", "type": "next", "payload": {"data": {"position": {"number": value, "counted": value}}}}
            for value in (1, 2)
        ]


def frames_of(data: bytes) -> list[Any]:
    found = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        found.append(json.loads(data[start : start + size]))
        data = data[start + size :]
    return found


# The leak of graphql-core 3.3.1 and 3.3.2


async def test_twenty_thousand_events_leave_nothing_behind() -> None:
    schema = HubSchema(Query, Mutation, Subscription)
    context = Context(cast(Services, Toy()), actor=Actor(user_id=1, credential="session", credential_id=1))
    operation = schema.prepare(Asked(query="subscription { position(droneId: 7) { number position { height } } }"))
    assert not isinstance(operation, list)
    executor = schema.executor(operation, context)
    assert not isinstance(executor, list)

    async def source() -> AsyncIterator[Any]:
        for value in range(20_000):
            yield shown(Item(7, value))

    tracked: list[int] = []
    async for result in map_source_to_response_event(executor, source()):
        assert result.errors is None
        tracked.append(0)
        if len(tracked) in (2_000, 20_000):
            gc.collect()
            tracked[-1] = len(gc.get_objects())
    assert tracked[19_999] - tracked[1_999] < 2_000


async def test_the_private_memo_that_the_leak_fix_empties_still_exists() -> None:
    schema = HubSchema(Query, Mutation, Subscription)
    operation = schema.prepare(Asked(query="subscription { position(droneId: 7) { number } }"))
    assert not isinstance(operation, list)
    executor = schema.executor(operation, None)
    assert not isinstance(executor, list)
    memo = executor._relevant_sub_fields
    assert memo == {}
    event = executor.build_per_event_executor(shown(Item(7, 1)))
    event.execute_operation(False)
    assert event._relevant_sub_fields
    assert executor._relevant_sub_fields == {}


async def test_a_slow_execution_ends_in_time() -> None:
    edge = build(operation_s=0.01)
    async with running(edge), connect(edge.sockets) as client:
        client.subscribe("a", "subscription { position(droneId: 7) { number stuck } }")
        await settle()
        edge.toy.topic(7).say(Item(7, 1))
        payload = (await client.receive())["payload"]
        assert payload["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    await asyncio.sleep(0)


# Who comes at a bad moment

SLOWLY = "subscription { position(droneId: 7) { number slowly } }"


@pytest.mark.parametrize("size", [0, REMEMBERED_LONGEST], ids=["evicted", "never remembered"])
async def test_what_turns_out_personal_does_so_for_all_readings_of_its_text(edge: Edge, size: int) -> None:
    query = "subscription { positions(droneId: 7) { number reader { name } } }" + "#" * size
    topic = edge.toy.topic(7)
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        for client in (first, second):
            client.subscribe("a", query)
            assert (await client.receive())["payload"] == {"data": {"positions": []}}
            edge.schema._documents.clear()
        opened = topic.opened
        topic.say(Item(7, 1))
        for client, name in ((first, "user 1"), (second, "user 2")):
            told = await client.receive()
            assert told["payload"]["data"]["positions"] == [{"number": 1, "reader": {"name": name}}]
        assert topic.opened == opened + 2


@pytest.mark.parametrize("how", ["joins", "resumes"])
async def test_who_comes_while_something_slow_is_shown_is_served_after_it(edge: Edge, how: str) -> None:
    topic = edge.toy.topic(7)
    topic.say(Item(7, 1))
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        first.subscribe("a", SLOWLY)
        assert number(await first.receive()) == 1
        if how == "resumes":
            second.subscribe("a", SLOWLY)
            assert number(await second.receive()) == 1
            outlet: Any = next(socket for socket in edge.sockets.crowd if socket.actor.user_id == 2).outlet
            outlet._caught_up.clear()
        group = next(iter(edge.fanout._groups.values()))
        assert isinstance(group, Group)
        topic.say(Item(7, 2))
        assert number(await first.receive()) == 2
        topic.say(Item(7, 3))
        while not group._delivering:
            await asyncio.sleep(0)
        if how == "resumes":
            outlet._caught_up.set()
            outlet._on_resume()
        else:
            join_now(edge, second, SLOWLY)
        assert number(await second.receive()) == 3
        topic.say(Item(7, 4))
        assert number(await second.receive()) == 4


async def test_who_comes_in_the_middle_of_a_burst_gets_nothing_older_behind_the_newest(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes: list[Mailbox[Any]] = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[Watch[Any]]:
        async def nothing() -> list[Any]:
            return []

        boxes.append(Mailbox(Policy.ALL, 100))
        known = {7: Item(7, 1)}
        yield Watch(boxes[-1], snapshot=nothing, accept=lambda item: item, interval=timedelta(0), known=known)

    monkeypatch.setattr(edge.toy.topic(7), "open", opening)
    async with connect(edge.sockets) as first, connect(edge.sockets, session="s2") as second:
        first.subscribe("a", SLOWLY)
        assert number(await first.receive()) == 1
        for value in range(2, 8):
            boxes[0].put(Item(7, value), 7)
        assert number(await first.receive()) == 2
        second.subscribe("b", SLOWLY)
        assert [number(await first.receive()) for _ in range(5)] == [3, 4, 5, 6, 7]
        boxes[0].put(Item(7, 8), 7)
        assert number(await first.receive()) == 8
        assert [number(await second.receive()) for _ in range(2)] == [7, 8]
        assert second.idle()
