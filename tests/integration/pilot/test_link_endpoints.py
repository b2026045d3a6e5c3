"""`/api/connection-link/…` over HTTP: the five endpoints of the contract, and the one of our own page."""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import httpx2
import pytest
from starlette.routing import Router

from ofh.domain.errors import Code, HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.edges.auth import Origins
from ofh.edges.guard import Guard
from ofh.edges.link.endpoint import Addresses, LinkEndpoints
from ofh.services.link import Pilot
from ofh.store.models import Drone, RemoteController
from tests.captures.reader import capture
from tests.integration.pilot.house import LinkHouse

HUB = "https://hub.example.org"
PATHS = [
    ("POST", "/auth/login"),
    ("GET", "/auth/check"),
    ("GET", "/config"),
    ("POST", "/reset-workspace-uuid"),
    ("GET", "/dji-pilot-2/sdk-config"),
    ("POST", "/dji-pilot-2/controller"),
    ("GET", "/dji-pilot-2/controller"),
    ("POST", "/auth/logout"),
]
WITH_SESSION = PATHS[1:]


class Door:
    """The endpoints and what stands around them."""

    def __init__(self, house: LinkHouse) -> None:
        self.notes: list[tuple[str, LinkStepName, LinkProblem | None, str]] = []
        self.throttled: list[Pilot | None] = []
        self.limited = False
        endpoints = LinkEndpoints(
            house.links,
            Addresses(
                platform_name="OpenFlightHub",
                public_url=HUB,
                mqtt_url="ssl://hub.example.org:8883",
                rtmp_url="rtmp://hub.example.org/live",
                app_id="100000",
                app_key="00000000000000000000000000000000",
                app_license="ZXhhbXBsZQ==",
            ),
            origins=Origins(public_url=HUB, port=8000),
            is_tls=True,
            note=lambda *note: self.notes.append(note),
            address_of=lambda scope: str(scope["client"][0]),
            throttle=self._throttle,
        )
        self.app = Guard(Router(routes=endpoints.routes(), redirect_slashes=False), proxies=(), is_tls=True)

    async def _throttle(self, pilot: Pilot | None, address: str, number: int) -> None:
        self.throttled.append(pilot)
        if self.limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)


@pytest.fixture
def door(house: LinkHouse) -> Door:
    return Door(house)


@pytest.fixture
async def asking(door: Door) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(door.app, client=("192.0.2.1", 50_000))
    url = f"{HUB}/api/connection-link"
    async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
        yield client


def proof(house: LinkHouse) -> dict[str, str]:
    return {"connection_id": house.made.connection.public_id, "secret": house.made.secret}


@pytest.fixture
async def inside(house: LinkHouse, asking: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Logged in."""
    assert (await asking.post("/auth/login", json=proof(house))).status_code == 200
    return asking


def refused(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    assert isinstance(found["error"], str)
    assert answer.headers["cache-control"] == "no-store"
    return found


# Logging in


async def test_c1_a_login_sets_the_cookie_with_its_attributes(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    answer = await asking.post("/auth/login", json=proof(house))
    assert answer.status_code == 200
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie.key == "connection-link-auth"
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", str(90 * 86_400))
    assert house.made.secret not in answer.headers["set-cookie"]
    assert answer.json() == {}
    assert (await asking.get("/auth/check")).status_code == 200


async def test_a_login_binds_the_controller_that_it_names(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    for is_taken in (False, True):
        house.claims.is_taken = is_taken
        answer = await asking.post("/auth/login", json={**proof(house), "remote_controller_sn": "5XTESTRCP00001"})
        assert answer.status_code == 200, "the page is logged in all the same, and says what is wrong"
        assert answer.json() == {"remote_controller_bound": not is_taken}
    assert house.claims.asked == [(house.made.connection.public_id, "5XTESTRCP00001")] * 2


async def test_a_wrong_secret_and_an_unknown_id_are_401_byte_for_byte_alike(
    house: LinkHouse, asking: httpx2.AsyncClient
) -> None:
    wrong = await asking.post("/auth/login", json={**proof(house), "secret": "wrong"})
    unknown = await asking.post("/auth/login", json={**proof(house), "connection_id": "c-nobody"})
    refused(wrong, 401)
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert "set-cookie" not in wrong.headers


async def test_too_many_wrong_secrets_are_429(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    for _ in range(10):
        refused(await asking.post("/auth/login", json={**proof(house), "secret": "wrong"}), 401)
    answer = await asking.post("/auth/login", json=proof(house))
    refused(answer, 429)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"connection_id":"c"}',
        b'{"connection_id":1,"secret":"s"}',
        b'{"connection_id":"c","secret":null}',
        b'{"connection_id":"c","secret":["s"]}',
        b'{"connection_id":"c","secret":"s","remote_controller_sn":5}',
        b'{"connection_id":"c","secret":"s","remote_controller_sn":"a/b"}',
        b'{"connection_id":"c\\u0000","secret":"s"}',
        b'{"connection_id":"c","secret":"\\ud800"}',
        b'{"connection_id":"c","connection_id":"d","secret":"s"}',
        b'{"connection_id":"\xff","secret":"s"}',
        b'{"connection_id":' + b"[" * 70 + b"]" * 70 + b',"secret":"s"}',
    ],
)
async def test_a_body_that_is_none_is_400(asking: httpx2.AsyncClient, body: bytes) -> None:
    refused(await asking.post("/auth/login", content=body, headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_c6_what_a_page_could_send_without_a_preflight_never_acts(
    house: LinkHouse, asking: httpx2.AsyncClient, kind: str
) -> None:
    answer = await asking.post(
        "/auth/login", content=httpx2.Request("POST", HUB, json=proof(house)).content, headers={"content-type": kind}
    )
    refused(answer, 400)
    assert "set-cookie" not in answer.headers


async def test_members_that_nobody_knows_are_of_no_account(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    assert (await asking.post("/auth/login", json={**proof(house), "new": {"a": 1}})).status_code == 200


async def test_a_body_too_large_is_413(house: LinkHouse, inside: httpx2.AsyncClient) -> None:
    for path in ("/auth/login", "/dji-pilot-2/controller", "/reset-workspace-uuid"):
        refused(await inside.post(path, json={"secret": "x" * 17_000}), 413)


# What the session is told


async def test_config_tells_the_secret_to_the_session_that_proved_it(
    house: LinkHouse, inside: httpx2.AsyncClient
) -> None:
    answer = await inside.get("/config")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "connection_id": house.made.connection.public_id,
        "platform_name": "OpenFlightHub",
        "platform_url": HUB,
        "workspace_id": str(house.workspace.id),
        "workspace_uuid": str(await house.uuid()),
        "workspace_name": "Mountain rescue",
        "secret": house.made.secret,
    }


async def test_sdk_config_is_as_the_sample_has_it_and_what_our_page_needs_beyond(
    house: LinkHouse, inside: httpx2.AsyncClient
) -> None:
    found = (await inside.get("/dji-pilot-2/sdk-config")).json()
    sample = capture("http-hub-sdk-config")["response"]["body"]
    assert {name: found[name] for name in sample} == sample
    assert set(found) - set(sample) == {"api_token", "mqtt_username", "mqtt_password", "connection_name"}
    assert (found["mqtt_username"], found["mqtt_password"]) == (house.made.connection.public_id, house.made.secret)
    assert (await house.links.require(found["api_token"], str(await house.uuid()))).name == "RC Plus"
    assert (await inside.get("/dji-pilot-2/sdk-config")).json() == found, "a page that is reopened has the same token"


async def test_a_new_uuid_is_given_and_told(house: LinkHouse, inside: httpx2.AsyncClient) -> None:
    token = (await inside.get("/dji-pilot-2/sdk-config")).json()["api_token"]
    before = (await inside.get("/config")).json()["workspace_uuid"]
    assert (await inside.post("/reset-workspace-uuid")).status_code == 200
    after = (await inside.get("/config")).json()["workspace_uuid"]
    assert after != before
    with pytest.raises(HubError):
        await house.links.authenticate(token)
    assert (await inside.get("/dji-pilot-2/sdk-config")).json()["api_token"] == token
    assert (await house.links.require(token, after)).name == "RC Plus"


@pytest.mark.parametrize("kind", ["application/json", "", None])
async def test_an_empty_body_is_ignored_whatever_its_type(inside: httpx2.AsyncClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert (await inside.post("/reset-workspace-uuid", headers=headers)).status_code == 200


async def test_the_page_tells_its_controller_after_the_log_in(
    house: LinkHouse, door: Door, inside: httpx2.AsyncClient
) -> None:
    answer = await inside.post("/dji-pilot-2/controller", json={"remote_controller_sn": "5XTESTRCP00001"})
    assert answer.json() == {"remote_controller_bound": True}
    house.claims.is_taken = True
    answer = await inside.post("/dji-pilot-2/controller", json={"remote_controller_sn": "5XTESTRCP00001"})
    assert answer.json() == {"remote_controller_bound": False}
    assert (await inside.post("/dji-pilot-2/controller", json={})).json() == {"remote_controller_bound": None}
    for body in ({"remote_controller_sn": "a/b"}, {"remote_controller_sn": 1}, {"licence_problem": 1}, []):
        refused(await inside.post("/dji-pilot-2/controller", json=body), 400)
    assert not await RemoteController.exists()


async def test_the_page_is_told_what_the_hub_hears_of_its_own_connection(
    house: LinkHouse, inside: httpx2.AsyncClient
) -> None:
    assert (await inside.get("/dji-pilot-2/controller")).json() == {"remote_controller": None, "aircraft": []}
    other = await house.connection("another controller")
    await house.hear(other.connection, "RC2", house.clock())
    await house.hear(house.made.connection, "RC1", house.clock())
    for serial, connection in (("AC1", house.made.connection), ("AC2", other.connection)):
        await Drone.create(
            workspace_id=house.workspace.id,
            connection_id=connection.id,
            serial_number=serial,
            type=67,
            online=True,
            seen_at=house.clock(),
            created_at=house.clock(),
        )
    house.clock.advance(seconds=7)
    assert (await inside.get("/dji-pilot-2/controller")).json() == {
        "remote_controller": {"serial_number": "RC1", "online": False, "silent_s": 7},
        "aircraft": [{"serial_number": "AC1", "online": True, "silent_s": 7}],
    }


async def test_leaving_the_platform_ends_the_page_and_its_token_and_no_other_page(
    house: LinkHouse, inside: httpx2.AsyncClient
) -> None:
    token = (await inside.get("/dji-pilot-2/sdk-config")).json()["api_token"]
    other = await house.page()
    answer = await inside.post("/auth/logout", content=b"", headers={"content-type": "text/plain"})
    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    refused(await inside.get("/config"), 401)
    with pytest.raises(HubError):
        await house.links.authenticate(token)
    assert (await house.links.authenticate(other.api_token)).name == "RC Plus"
    assert len(await house.recorded("logout")) == 1


async def test_steps_are_noted_for_the_doctor(house: LinkHouse, door: Door, asking: httpx2.AsyncClient) -> None:
    us = house.made.connection.public_id
    await asking.post("/auth/login", json={"connection_id": " c-nobody", "secret": "wrong"})
    await asking.post("/auth/login", json=proof(house))
    await asking.get("/auth/check")
    await asking.get("/dji-pilot-2/sdk-config")
    await asking.post("/dji-pilot-2/controller", json={"licence_problem": "615000 no network"})
    await asking.post("/dji-pilot-2/controller", json={"licence_problem": ""})
    assert door.notes == [
        ("c-nobody", LinkStepName.CREDENTIALS, LinkProblem.WRONG_SECRET, ""),
        (us, LinkStepName.PAGE_FETCHED, None, ""),
        (us, LinkStepName.CREDENTIALS, None, ""),
        (us, LinkStepName.PAGE_FETCHED, None, ""),
        (us, LinkStepName.LICENCE, None, ""),
        (us, LinkStepName.LICENCE, LinkProblem.LICENCE_REFUSED, "615000 no network"),
        (us, LinkStepName.LICENCE, None, ""),
    ]


# Who is refused


@pytest.mark.parametrize(("method", "path"), WITH_SESSION)
async def test_a_stranger_is_401(house: LinkHouse, asking: httpx2.AsyncClient, method: str, path: str) -> None:
    person = await house.sessions.login_with_token(await house.sessions.issue_login_token(house.owner.user_id))
    cookie = (await house.links.login(**proof(house))).cookie
    for headers in (
        {},
        {"cookie": "connection-link-auth="},
        {"cookie": "connection-link-auth=x.y"},
        {"cookie": f"connection-link-auth={house.made.secret}"},
        {"cookie": f"user-auth={person.token}"},
        {"cookie": f"connection-link-auth={person.token}"},
        {"cookie": f"user-auth={cookie}"},
        {"x-auth-token": house.made.secret},
        {"authorization": f"Bearer {house.made.secret}", "cookie": f"connection-link-auth={cookie}"},
    ):
        refused(await asking.request(method, path, headers=headers), 401)


@pytest.mark.parametrize(("method", "path"), WITH_SESSION)
async def test_the_end_of_the_secret_is_the_end_of_the_page(
    house: LinkHouse, inside: httpx2.AsyncClient, method: str, path: str
) -> None:
    await house.connections.rotate_secret(house.owner, house.made.connection.id)
    refused(await inside.request(method, path), 401)


@pytest.mark.parametrize(("method", "path"), [item for item in PATHS if item[0] == "POST"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://hub.example.org.evil.example"},
        {"origin": "http://hub.example.org"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_c5_a_page_of_another_origin_is_403(
    house: LinkHouse, inside: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    before = await house.uuid()
    refused(await inside.request(method, path, headers=headers, json=proof(house)), 403)
    assert await house.uuid() == before


async def test_c5_our_own_page_and_no_browser_at_all_are_let_through(
    house: LinkHouse, asking: httpx2.AsyncClient
) -> None:
    for headers in ({"origin": HUB}, {"origin": HUB, "sec-fetch-site": "same-origin"}, {}):
        assert (await asking.post("/auth/login", json=proof(house), headers=headers)).status_code == 200


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_another_verb_is_405_and_another_path_404(asking: httpx2.AsyncClient, method: str, path: str) -> None:
    other = "PUT"
    answer = await asking.request(other, path)
    refused(answer, 405)
    verbs = {"/dji-pilot-2/controller": "GET, POST, HEAD"}.get(path, "GET, HEAD" if method == "GET" else "POST")
    assert answer.headers["allow"] == verbs
    assert (await asking.request(method, path + "/")).status_code == 404


async def test_requests_are_counted_by_connection_and_strangers_by_address(
    house: LinkHouse, door: Door, inside: httpx2.AsyncClient
) -> None:
    door.throttled.clear()
    await inside.get("/config")
    await inside.get("/config", headers={"cookie": "connection-link-auth=x.y"})
    pilot, nobody = door.throttled
    assert pilot is not None
    assert nobody is None
    door.limited = True
    for method, path in PATHS:
        answer = await inside.request(method, path, json=proof(house))
        refused(answer, 429)
        assert answer.headers["retry-after"] == "3"


async def test_l1_no_secret_stands_in_a_log_line(
    house: LinkHouse, asking: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await asking.post("/auth/login", json={**proof(house), "secret": "marker-of-a-secret"})
    cookie = (await asking.post("/auth/login", json=proof(house))).cookies["connection-link-auth"]
    token = (await asking.get("/dji-pilot-2/sdk-config")).json()["api_token"]
    await asking.get("/config", headers={"cookie": f"connection-link-auth={cookie}x"})
    await asking.post("/dji-pilot-2/controller", json={"remote_controller_sn": "marker/"})
    printed = "".join(capsys.readouterr())
    assert "refused" in printed
    for secret in (house.made.secret, cookie, token, "marker"):
        assert secret not in printed


async def test_a_body_that_does_not_come_is_400_and_waited_for_no_longer(
    asking: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    monkeypatch.setattr("ofh.edges.requests.SMALL_BODY_S", 0.05)
    async with asyncio.timeout(60):
        answer = await asking.post(
            "/auth/login",
            content=trickle(),
            headers={"content-type": "application/json", "content-length": "9000"},
        )
    assert (answer.status_code, answer.json()["error"]) == (400, "The body does not come.")
