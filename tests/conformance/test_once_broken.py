"""What an attack on the hub once found open; each names the rule that it broke."""

import sqlite3
import time
from contextlib import closing

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .conftest import Party, Town
from .devices import connect_packet, device, raw
from .test_http import HOST, NEXT, exchange, request
from .test_socket import PROTOCOL, opened, say


def test_m6_a_connection_made_by_the_api_and_deleted_at_the_command_line_ends(town: Town, us: Party) -> None:
    time.sleep(3)  # no other process writes now: the hub compares accounts only when one has
    create = (
        'mutation($w: ID!) { createConnection(workspaceId: $w, name: "x") { connection { id } connectionId secret } }'
    )
    made = town.ask(create, us.token, w=us.workspace)["data"]["createConnection"]
    found = Party(**{**vars(us), "account": made["connectionId"], "secret": made["secret"]})
    with device(town, found) as controller:
        town.ofh("connection", "delete", made["connection"]["id"])
        assert controller.ended.wait(30)


@pytest.mark.parametrize("path", ["//graphql", "/graphql/", "/nowhere", "/"])
def test_section_2_a_socket_that_leads_nowhere_is_refused_on_the_handshake(town: Town, path: str) -> None:
    with (
        pytest.raises(InvalidStatus, match=r"HTTP 40[45]"),
        connect(f"ws://127.0.0.1:{town.port}{path}", subprotocols=[PROTOCOL]),  # type: ignore[list-item]
    ):
        pass


def test_c5_a_foreign_page_cannot_speak_mqtt(town: Town) -> None:
    with (
        pytest.raises(InvalidStatus, match="HTTP 403"),
        connect(
            f"ws://127.0.0.1:{town.port}/mqtt",
            subprotocols=["mqtt"],  # type: ignore[list-item]
            additional_headers={"origin": "http://evil.example"},
        ),
    ):
        pass


def test_h2_nothing_is_read_after_a_body_whose_length_is_in_doubt(town: Town) -> None:
    found = exchange(town, request(HOST, b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n") + NEXT)
    assert found.count(b"HTTP/1.1 ") == 1


def test_section_2_the_page_takes_no_post(town: Town) -> None:
    assert town.client.post(f"{town.url}/").status_code == 405


def test_l1_the_handshake_and_the_frames_of_a_socket_are_not_logged(town: Town) -> None:
    with opened(town, None, init=False) as socket:
        say(socket, {"type": "connection_init", "payload": {"authorization": "Bearer M4RK3R-init"}})
    with connect(f"{town.socket_url}?token=M4RK3R-url", subprotocols=[PROTOCOL]):  # type: ignore[list-item]
        pass
    assert "M4RK3R" not in town.log()


def test_l3_a_stranger_who_tries_without_end_does_not_fill_the_audit_record(town: Town, us: Party) -> None:
    bad = Party(**{**vars(us), "secret": "wrong"})
    for _ in range(300):
        raw(town, connect_packet(bad))
    with closing(sqlite3.connect(town.data / "hub.db")) as database:
        found = database.execute("SELECT count(*) FROM audit_entries WHERE action = 'mqtt authentication'").fetchone()
    assert found[0] < 250
