"""Hostile graphql-transport-ws: every row of the table in security.md, section 6, against the real server."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .conftest import PATIENCE_S, Party, Town

PROTOCOL = "graphql-transport-ws"


@contextmanager
def opened(
    town: Town, token: str | None, *, init: bool = True, protocol: str | None = PROTOCOL, **headers: str
) -> Iterator[ClientConnection]:
    """A socket to the hub, initialised unless told otherwise."""
    given = {**({"authorization": f"Bearer {token}"} if token else {}), **headers}
    with connect(
        town.socket_url,
        subprotocols=[protocol] if protocol else None,  # type: ignore[list-item]
        additional_headers=given,
        close_timeout=1,
        ping_interval=None,
        max_size=None,
    ) as socket:
        if init:
            say(socket, {"type": "connection_init"})
            assert hear(socket) == {"type": "connection_ack"}
        yield socket


def say(socket: ClientConnection, message: Any) -> None:
    socket.send(message if isinstance(message, str | bytes) else json.dumps(message))


def hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=PATIENCE_S))


def subscribe(query: str, id: Any = "1", **variables: Any) -> dict[str, Any]:
    return {"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}}


def closing_code(socket: ClientConnection) -> int:
    """Read on until the hub closes."""
    try:
        while True:
            socket.recv(timeout=PATIENCE_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 1006


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def positions(workspace: str) -> str:
    return f"subscription{{workspacePositions(workspaceId:{workspace},interval:0){{droneId}}}}"


@pytest.mark.parametrize("protocol", [None, "graphql-ws", "mqtt", "x"])
def test_another_subprotocol_is_refused(town: Town, us: Party, protocol: str | None) -> None:
    with pytest.raises(InvalidStatus, match="HTTP 400"), opened(town, us.token, init=False, protocol=protocol):
        pass


@pytest.mark.parametrize("origin", ["null", "http://localhost:{port}.evil.example", "https://localhost:{port}", "x"])
def test_a_foreign_origin_is_refused(town: Town, origin: str) -> None:
    cookie = {"origin": origin.format(port=town.port), "cookie": "user-auth=x"}
    with pytest.raises(InvalidStatus, match="HTTP 403"), opened(town, None, init=False, **cookie):
        pass


INIT = {"type": "connection_init"}
BEFORE_INIT = [
    ("no login", [INIT], 4403),
    ("wrong token", [{**INIT, "payload": {"authorization": "Bearer ofh_pat_x"}}], 4403),
    ("token of a wrong type", [{**INIT, "payload": {"authorization": 5}}], 4403),
    ("no scheme", [{**INIT, "payload": {"authorization": "x"}}], 4403),
    ("subscribe first", [subscribe("{me{id}}")], 4401),
    ("malformed init", [{**INIT, "payload": []}], 4400),
]


@pytest.mark.parametrize(("messages", "code"), [row[1:] for row in BEFORE_INIT], ids=[row[0] for row in BEFORE_INIT])
def test_a_stranger_gets_no_further(town: Town, messages: list[Any], code: int) -> None:
    with opened(town, None, init=False) as socket:
        for message in messages:
            say(socket, message)
        assert closing_code(socket) == code


def test_who_says_nothing_is_closed(town: Town, us: Party) -> None:
    with opened(town, us.token, init=False) as socket:
        assert closing_code(socket) == 4408


CLOSING: list[tuple[str, list[Any], int]] = [
    ("second init", [INIT], 4429),
    ("no JSON", ["x"], 4400),
    ("empty", [""], 4400),
    ("an array", ["[]"], 4400),
    ("a number", ["1"], 4400),
    ("null", ["null"], 4400),
    ("unknown type", [{"type": "x"}], 4400),
    ("no type", [{}], 4400),
    ("type of a wrong type", [{"type": [1]}], 4400),
    ("a server's type", [{"type": "connection_ack"}], 4400),
    ("no id", [{"type": "subscribe", "payload": {"query": "{me{id}}"}}], 4400),
    ("id a number", [subscribe("{me{id}}", 1)], 4400),
    ("id empty", [subscribe("{me{id}}", "")], 4400),
    ("id too long", [subscribe("{me{id}}", "a" * 129)], 4400),
    ("complete without id", [{"type": "complete"}], 4400),
    ("payload a list", [{"id": "1", "type": "subscribe", "payload": []}], 4400),
    ("no payload", [{"id": "1", "type": "subscribe"}], 4400),
    ("query a number", [{"id": "1", "type": "subscribe", "payload": {"query": 1}}], 4400),
    ("variables a list", [{"id": "1", "type": "subscribe", "payload": {"query": "{x}", "variables": []}}], 4400),
    (
        "operationName a number",
        [{"id": "1", "type": "subscribe", "payload": {"query": "{x}", "operationName": 1}}],
        4400,
    ),
    ("ping with a number", [{"type": "ping", "payload": 1}], 4400),
    ("deep", ['{"type":"ping","payload":{"a":' + "[" * 70 + "]" * 70 + "}}"], 4400),
    ("deeper", ["[" * 60_000], 4400),
    ("NaN", ['{"type":"ping","payload":{"a":NaN}}'], 4400),
    ("a key twice", ['{"type":"ping","type":"pong"}'], 4400),
    ("lone surrogate", ['{"type":"ping","payload":{"a":"\\ud800"}}'], 4400),
    ("binary", [b"\x00"], 4400),
    ("binary JSON", [b'{"type":"ping"}'], 4400),
    ("too large", ['{"type":"ping","payload":{"a":"' + "a" * 70_000 + '"}}'], 1009),
    ("ping flood", [{"type": "ping"}] * 500, 4400),
]


@pytest.mark.parametrize(("messages", "code"), [row[1:] for row in CLOSING], ids=[row[0] for row in CLOSING])
def test_a_broken_protocol_is_closed(town: Town, us: Party, messages: list[Any], code: int) -> None:
    with opened(town, us.token) as socket:
        try:
            for message in messages:
                say(socket, message)
        except ConnectionClosed:
            pass
        assert closing_code(socket) == code


def test_an_id_in_use_is_closed(town: Town, us: Party) -> None:
    with opened(town, us.token) as socket:
        say(socket, subscribe(positions(us.workspace)))
        say(socket, subscribe(positions(us.workspace)))
        assert closing_code(socket) == 4409


def test_what_is_no_error_is_none(town: Town, us: Party) -> None:
    with opened(town, None, init=False) as socket:
        say(socket, {"type": "ping"})
        assert hear(socket) == {"type": "pong"}
        say(socket, {"type": "connection_init", "payload": {"authorization": f"Bearer {us.token}"}})
        assert hear(socket) == {"type": "connection_ack"}
        for message in ({"type": "pong"}, {"type": "pong", "payload": None}, {"type": "complete", "id": "never"}):
            say(socket, message)
        say(socket, {"type": "ping", "payload": None})
        assert hear(socket) == {"type": "pong"}
        say(socket, '{"type":"ping","payload":{"a":"' + "a" * 65_000 + '"}}')
        assert hear(socket) == {"type": "pong"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_INPUT"),
        ("", "BAD_INPUT"),
        ("{nothing}", "BAD_INPUT"),
        ("subscription{__typename}", "BAD_INPUT"),
        ("query A{me{id}} query B{me{id}}", "BAD_INPUT"),
        ("subscription{dronePosition(droneId:0){droneId}}", "BAD_INPUT"),
        ("subscription{dronePosition(droneId:999999999){droneId}}", "GONE"),
        ("subscription{workspacePositions(workspaceId:999999999){droneId}}", "GONE"),
        ("{" + "".join(f"a{n}:me{{id}} " for n in range(31)) + "}", "TOO_COMPLEX"),
    ],
)
def test_an_operations_error_is_its_own(town: Town, us: Party, query: str, code: str) -> None:
    with opened(town, us.token) as socket:
        say(socket, subscribe(positions(us.workspace), "live"))
        assert hear(socket)["type"] == "next"
        say(socket, subscribe(query, "bad"))
        error = hear(socket)
        assert (error["id"], error["type"]) == ("bad", "error")
        assert error["payload"][0]["extensions"]["code"] == code
        say(socket, subscribe("{server{name}}", "good"))
        assert [hear(socket)["type"] for _ in range(2)] == ["next", "complete"]


def test_the_51st_operation_is_refused(town: Town, us: Party) -> None:
    with opened(town, us.token) as socket:
        for number in range(51):
            say(socket, subscribe(positions(us.workspace), str(number)))
        found = [hear(socket) for _ in range(51)]
        refused = [message for message in found if message["type"] == "error"]
        assert [(message["id"], message["payload"][0]["extensions"]["code"]) for message in refused] == [
            ("50", "RATE_LIMITED")
        ]


def test_the_21st_socket_of_a_user_is_refused(town: Town, them: Party) -> None:
    sockets = [opened(town, them.token) for _ in range(20)]
    try:
        for socket in sockets:
            socket.__enter__()
        with pytest.raises(InvalidStatus, match="HTTP 429"), opened(town, them.token):
            pass
    finally:
        for socket in sockets:
            socket.__exit__(None, None, None)
    until(lambda: town.metric("ofh_sockets") == 0)
    with opened(town, them.token):
        pass


def test_w4_nothing_is_left_of_a_thousand_subscriptions(town: Town, us: Party) -> None:
    """Completed, closed and cut off alike; what was shared by all ends with the last."""
    until(lambda: town.metric("ofh_sockets") == 0)
    for how in ("complete", "close", "cut"):
        for _ in range(7):
            with opened(town, us.token) as socket:
                for number in range(48):
                    say(socket, subscribe(positions(us.workspace), str(number)))
                for _ in range(48):
                    assert hear(socket)["type"] == "next"
                if how == "complete":
                    for number in range(48):
                        say(socket, {"type": "complete", "id": str(number)})
                elif how == "cut":
                    socket.socket.close()
    until(lambda: town.metric("ofh_sockets") == 0)
    until(lambda: town.metric("ofh_subscription_groups") == 0)


def test_a_storm_of_reconnections_leaves_nothing(town: Town, us: Party) -> None:
    for _ in range(100):
        with opened(town, us.token, init=False) as socket:
            socket.socket.close()
    until(lambda: town.metric("ofh_sockets") == 0)
    with opened(town, us.token) as socket:
        say(socket, subscribe("{me{id}}"))
        assert hear(socket)["payload"] == {"data": {"me": {"id": us.user}}}
