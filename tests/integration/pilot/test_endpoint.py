"""What every endpoint of Pilot's native code does with tokens, bodies and refusals (dji-pilot-2.md, chapter 2).

Of the list in chapter 10: "401 only for dead tokens; foreign workspace 403; malformed JSON 400; JSON with any or no
Content-Type accepted".
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.routing import Router

from ofh.domain.errors import Code, HubError
from ofh.edges.guard import Guard
from ofh.edges.pilot.endpoint import Answer, Ask, PilotEndpoints
from ofh.services.link import Pilot
from tests.integration.pilot.house import LinkHouse

PATH = "/media/api/v1/workspaces/{workspace_uuid}/echo"
HUB = "http://hub.example.org"


class Door:
    """An endpoint that shows what it was asked, and what stands around it."""

    def __init__(self, house: LinkHouse) -> None:
        self.throttled: list[tuple[Pilot | None, str]] = []
        self.limited = False
        self.fault: Exception | None = None
        self.answer: Answer | None = None
        shared = PilotEndpoints(house.links, address_of=lambda scope: str(scope["client"][0]), throttle=self._throttle)
        routes = [
            shared.route(PATH, {"POST": self._echo, "GET": self._echo}),
            shared.route("/storage/api/v1/workspaces/{workspace_uuid}/sts", self._echo, body="none"),
            shared.route("/lists/{workspace_uuid}", self._echo, body="object or list", max_body=100),
            shared.route("/nowhere", self._echo),
        ]
        router = Router(routes=routes, redirect_slashes=False)
        self.app = Guard(router, proxies=(), is_tls=False)

    async def _throttle(self, pilot: Pilot | None, address: str, number: int) -> None:
        self.throttled.append((pilot, address))
        if self.limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)

    async def _echo(self, ask: Ask) -> Answer:
        if self.fault is not None:
            raise self.fault
        if self.answer is not None:
            return self.answer
        shown = {"method": ask.method, "body": ask.body, "query": ask.query, "pilot": ask.pilot.public_id}
        return Answer(data=shown)


@pytest.fixture
def door(house: LinkHouse) -> Door:
    return Door(house)


@pytest.fixture
async def asking(door: Door) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(door.app, client=("192.0.2.1", 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url=HUB) as client:
        yield client


async def trickle() -> AsyncIterator[bytes]:
    """A body that never ends: a byte now and then."""
    while True:
        yield b" "
        await asyncio.sleep(0.01)


async def ours(house: LinkHouse) -> str:
    return PATH.format(workspace_uuid=await house.uuid())


def envelope(answer: httpx2.Response) -> dict[str, Any]:
    """The body, which has all three members whatever came of it."""
    found: dict[str, Any] = answer.json()
    assert set(found) == {"code", "message", "data"}
    assert type(found["code"]) is int
    assert isinstance(found["data"], dict)
    assert (answer.status_code == 200) or found["code"] != 0
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return found


async def test_a_token_opens_and_the_body_arrives(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    headers = {"X-Auth-Token": house.made.secret}
    answer = await asking.post(await ours(house), headers=headers, json={"ext": {"sn": "1"}, "unknown": [1]})
    assert answer.status_code == 200
    found = envelope(answer)
    assert (found["code"], found["message"]) == (0, "success")
    assert found["data"]["body"] == {"ext": {"sn": "1"}, "unknown": [1]}
    assert found["data"]["pilot"] == house.made.connection.public_id


async def test_401_is_for_dead_tokens_alone(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    path = await ours(house)
    cookie = (await house.links.login(house.made.connection.public_id, house.made.secret)).cookie
    for headers in (
        {},
        {"x-auth-token": ""},
        {"x-auth-token": "nothing"},
        {"cookie": f"connection-link-auth={cookie}"},
        {"authorization": f"Bearer {house.made.secret}"},
    ):
        answer = await asking.post(path, headers=headers, json={})
        assert answer.status_code == 401, headers
        envelope(answer)
    for path in (PATH.format(workspace_uuid=uuid4()), PATH.format(workspace_uuid="nonsense")):
        assert (await asking.post(path, json={})).status_code == 401, "also where the workspace is none"


async def test_another_workspace_known_or_not_is_403_and_what_is_no_uuid_400(
    house: LinkHouse, asking: httpx2.AsyncClient
) -> None:
    foreign = await house.workspaces.create(await house.person("stranger"), "Elsewhere")
    headers = {"x-auth-token": house.made.secret}
    answers = [
        await asking.post(PATH.format(workspace_uuid=uuid), headers=headers, json={})
        for uuid in (foreign.uuid, uuid4())
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    envelope(answers[0])
    for nonsense in ("1", "x" * 300, "%00", "%ED%A0%80", "87ffce7cda2849cf91348db9fd87ccd1"):
        answer = await asking.post(PATH.format(workspace_uuid=nonsense), headers=headers, json={})
        assert answer.status_code in (400, 404), nonsense
        assert answer.status_code == 400 or nonsense == "%00"


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=utf-8", "text/plain", "", None])
async def test_json_is_read_under_any_content_type(
    house: LinkHouse, asking: httpx2.AsyncClient, kind: str | None
) -> None:
    headers = {"x-auth-token": house.made.secret} | ({} if kind is None else {"content-type": kind})
    answer = await asking.post(await ours(house), headers=headers, content=b'{"fingerprint":"7F"}')
    assert envelope(answer)["data"]["body"] == {"fingerprint": "7F"}


FORM = [("name", "a b.JPG"), ("ext", '{"sn": "1", "is_original": true}'), ("metadata", "{}"), ("result", "0")]
READ = {"name": "a b.JPG", "ext": {"sn": "1", "is_original": True}, "metadata": {}, "result": "0"}


def parts(fields: list[tuple[str, str]], boundary: str = "xyz") -> bytes:
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    return ("".join(lines) + f"--{boundary}--\r\n").encode()


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=xyz", 'multipart/form-data; boundary="xyz"',
                                  "application/json", None])  # fmt: skip
async def test_multipart_is_read_as_a_courtesy(house: LinkHouse, asking: httpx2.AsyncClient, kind: str | None) -> None:
    headers = {"x-auth-token": house.made.secret} | ({} if kind is None else {"content-type": kind})
    answer = await asking.post(await ours(house), headers=headers, content=parts(FORM))
    assert envelope(answer)["data"]["body"] == READ


async def test_urlencoded_is_read_as_a_courtesy(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    headers = {"x-auth-token": house.made.secret}
    answer = await asking.post(await ours(house), headers=headers, data=dict(FORM))
    assert envelope(answer)["data"]["body"] == READ


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"nonsense", ""),
        (b"[]", "application/json"),
        (b"1", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"a":1,"a":2}', "application/json"),
        (b'{"a":NaN}', "application/json"),
        (b'{"a":"\xff"}', "application/json"),
        (b'{"a":"\\u0000"}', "application/json"),
        (b'{"a":{"\\u0000":1}}', "application/json"),
        (b'{"a":["\\ud800"]}', "application/json"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "application/json"),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"ext={", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded"),
        (b"--", "multipart/form-data"),
        (b"--xyz--\r\n", "multipart/form-data; boundary=xyz"),
        (parts([("a", "1"), ("a", "2")]), "multipart/form-data; boundary=xyz"),
        (parts([(f"a{n}", "1") for n in range(21)]), "multipart/form-data; boundary=xyz"),
        (parts([("a", "1")])[:-10], "multipart/form-data; boundary=xyz"),
        (b"preamble\r\n" + parts([("a", "1")]), "multipart/form-data; boundary=xyz"),
        (parts([('a"; filename="b', "1")]), "multipart/form-data; boundary=xyz"),
        (parts([("ext", "{")]), "multipart/form-data; boundary=xyz"),
        (b"--xyz\r\n" + b"X: y\r\n" * 2000 + b"\r\n1\r\n--xyz--\r\n", "multipart/form-data; boundary=xyz"),
        (parts([("a", "1")], "b" * 71), "multipart/form-data"),
        (b"\r\n--xyz" * 10_000, "multipart/form-data; boundary=xyz"),
    ],
)
async def test_a_body_that_cannot_be_read_is_400(
    house: LinkHouse, asking: httpx2.AsyncClient, body: bytes, kind: str
) -> None:
    headers = {"x-auth-token": house.made.secret, "content-type": kind}
    answer = await asking.post(await ours(house), headers=headers, content=body)
    assert answer.status_code == 400
    envelope(answer)


async def test_no_body_is_an_empty_object(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    headers = {"x-auth-token": house.made.secret, "content-type": "application/json"}
    for body in (b"", b"  \r\n"):
        answer = await asking.post(await ours(house), headers=headers, content=body)
        assert envelope(answer)["data"]["body"] == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"anything", b"\xff\xff", b"--x"])
async def test_an_endpoint_without_a_body_takes_anything(
    house: LinkHouse, asking: httpx2.AsyncClient, body: bytes
) -> None:
    path = f"/storage/api/v1/workspaces/{await house.uuid()}/sts"
    answer = await asking.post(path, headers={"x-auth-token": house.made.secret}, content=body)
    assert (answer.status_code, envelope(answer)["data"]["body"]) == (200, {})


async def test_a_bare_array_is_taken_where_that_is_said(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    headers = {"x-auth-token": house.made.secret}
    answer = await asking.post(f"/lists/{await house.uuid()}", headers=headers, json=["a", "b"])
    assert envelope(answer)["data"]["body"] == ["a", "b"]


async def test_a_body_too_large_is_413_announced_or_not(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10

    path, headers = f"/lists/{await house.uuid()}", {"x-auth-token": house.made.secret}
    for content in (b" " * 101, chunks()):
        answer = await asking.post(path, headers=headers, content=content)
        assert answer.status_code == 413
        envelope(answer)
    assert (await asking.post(path, headers=headers, content=b" " * 100)).status_code == 200


async def test_the_query_arrives_with_all_that_stands_twice(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    headers = {"x-auth-token": house.made.secret}
    path = await ours(house)
    answer = await asking.get(f"{path}?tiny_fingerprint=a&tiny_fingerprint=b&empty=", headers=headers)
    assert envelope(answer)["data"]["query"] == [["tiny_fingerprint", "a"], ["tiny_fingerprint", "b"], ["empty", ""]]
    for query in ("a=%ff", "a=%00", "a=%ED%A0%80"):
        assert (await asking.get(f"{path}?{query}", headers=headers)).status_code == 400


@pytest.mark.parametrize("spelling", ["/{}/", "//{}", "//{}/", "///{}"])
async def test_trailing_and_doubled_slashes_are_as_if_not_there(
    house: LinkHouse, asking: httpx2.AsyncClient, spelling: str
) -> None:
    path = spelling.format((await ours(house)).strip("/"))
    answer = await asking.post(f"{HUB}{path}", headers={"x-auth-token": house.made.secret}, json={})
    assert answer.status_code == 200


async def test_another_verb_is_405_with_an_envelope(house: LinkHouse, asking: httpx2.AsyncClient) -> None:
    answer = await asking.delete(await ours(house), headers={"x-auth-token": house.made.secret})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, HEAD")
    envelope(answer)
    assert (await asking.get("/nowhere")).headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.BAD_INPUT, 400),
        (Code.FORBIDDEN, 403),
        (Code.GONE, 410),
        (Code.CONFLICT, 409),
        (Code.RATE_LIMITED, 429),
        (Code.TOO_LARGE, 413),
        (Code.UNAVAILABLE, 503),
    ],
)
async def test_a_refusal_has_its_status_and_an_envelope(
    house: LinkHouse, door: Door, asking: httpx2.AsyncClient, code: Code, status: int
) -> None:
    door.fault = HubError(code, "Not now.")
    answer = await asking.post(await ours(house), headers={"x-auth-token": house.made.secret}, json={})
    assert answer.status_code == status
    assert envelope(answer)["message"] == "Not now."
    assert ("retry-after" in answer.headers) == (status in (429, 503))


async def test_a_fault_of_ours_is_500_with_an_id_and_an_envelope(
    house: LinkHouse, door: Door, asking: httpx2.AsyncClient
) -> None:
    door.fault = RuntimeError("marker of a fault")
    answer = await asking.post(await ours(house), headers={"x-auth-token": house.made.secret}, json={})
    assert answer.status_code == 500
    assert envelope(answer)["message"].startswith("error ")
    assert "marker" not in answer.text


async def test_a_code_other_than_0_goes_out_with_status_200(
    house: LinkHouse, door: Door, asking: httpx2.AsyncClient
) -> None:
    door.answer = Answer(code=-1, message="not found")
    answer = await asking.post(await ours(house), headers={"x-auth-token": house.made.secret}, json={})
    assert (answer.status_code, answer.json()) == (200, {"code": -1, "message": "not found", "data": {}})


async def test_too_many_requests_are_429_and_never_401(
    house: LinkHouse, door: Door, asking: httpx2.AsyncClient
) -> None:
    door.limited = True
    path = await ours(house)
    for headers in ({}, {"x-auth-token": house.made.secret}):
        answer = await asking.post(path, headers=headers, json={})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        envelope(answer)
    nobody, somebody = door.throttled
    assert nobody == (None, "192.0.2.1")
    assert somebody[0] is not None


async def test_a_database_that_is_away_is_503_and_never_401(
    house: LinkHouse, asking: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Pilot:
        raise HubError(Code.UNAVAILABLE, "The database is away. Try again soon.", retry_after_s=2)

    monkeypatch.setattr(house.links, "require", away)
    answer = await asking.post(await ours(house), headers={"x-auth-token": "nothing"}, json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_no_token_stands_in_a_log_line(
    house: LinkHouse, asking: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await ours(house)
    for token in (house.made.secret, "marker-of-a-token"):
        await asking.post(path, headers={"x-auth-token": token}, content=b"{")
        await asking.post(path, headers={"x-auth-token": token}, content=json.dumps({"a": "marker-of-a-body"}))
    printed = "".join(capsys.readouterr())
    assert "refused" in printed
    assert house.made.secret not in printed
    assert "marker" not in printed


async def test_a_body_that_does_not_come_is_400_and_waited_for_no_longer(
    house: LinkHouse, asking: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ofh.edges.requests.SMALL_BODY_S", 0.05)
    async with asyncio.timeout(60):
        answer = await asking.post(
            await ours(house), content=trickle(), headers={"x-auth-token": house.made.secret, "content-length": "9000"}
        )
    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "message": "The body does not come.", "data": {}}
