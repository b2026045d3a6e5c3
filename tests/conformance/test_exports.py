"""Downloads over a wire: a stranger of another workspace, ids that are none, and what the log says of it."""

import json
import socket

import pytest

from .conftest import Party, Town
from .devices import device, osd, topology
from .test_mqtt import longitude, until

SPAN = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"


@pytest.fixture(scope="module")
def drone(town: Town, us: Party) -> str:
    """One of ours, by its id."""
    with device(town, us) as controller:
        controller.say(topology("RC-export", "UAV-export"))
        controller.say(osd("UAV-export", "RC-export", 8.0))
    until(lambda: longitude(town, us, "UAV-export") == 8.0)
    query = 'query($w:ID!){workspace(id:$w){drone(serialNumber:"UAV-export"){id}}}'
    found: str = town.ask(query, us.token, w=us.workspace)["data"]["workspace"]["drone"]["id"]
    return found


def get(town: Town, path: str, token: str | None) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = town.client.get(f"{town.url}{path}", headers=headers)
    return answer.status_code, answer.content


def test_ours_is_ours_and_nobody_elses(town: Town, us: Party, them: Party, drone: str) -> None:
    path = f"/export/drone/{drone}.geojson?{SPAN}"
    status, body = get(town, path, us.token)
    assert (status, json.loads(body)["type"]) == (200, "FeatureCollection")
    hidden, missing = get(town, path, them.token), get(town, f"/export/drone/987654321.geojson?{SPAN}", them.token)
    assert hidden == missing
    assert hidden[0] == 410
    assert get(town, path, None)[0] == get(town, path, "nonsense")[0] == 401


@pytest.mark.parametrize("id", ["0", "-1", "01", "1.5", "%D9%A1", "1e3", "x", "9" * 19, "%00", "%0A", "..", "%2e%2e"])
def test_a3_no_id_that_is_none_gets_anywhere(town: Town, us: Party, id: str) -> None:
    status, body = get(town, f"/export/flight/{id}.csv", us.token)
    assert status in (400, 404)
    assert b"Traceback" not in body


def test_a_client_that_goes_away_takes_nothing_with_it(town: Town, us: Party, drone: str) -> None:
    head = (
        f"GET /export/drone/{drone}.csv?{SPAN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {us.token}\r\n\r\n"
    ).encode()
    for length in (10, len(head) - 1, len(head)):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", town.port)) as line:
                line.sendall(head[:length])
    assert get(town, f"/export/drone/{drone}.csv?{SPAN}", us.token)[0] == 200


def test_l1_no_token_stands_in_the_log(town: Town, us: Party, drone: str) -> None:
    get(town, f"/export/drone/{drone}.csv?{SPAN}&token={us.token}", us.token)
    get(town, f"/export/drone/{drone}.csv?{SPAN}", us.token)
    assert us.token not in town.log()
