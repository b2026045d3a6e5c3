"""The five endpoints as Pilot calls them: every captured exchange, and what else the wire may do (chapters 2, 3)."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import structlog
from starlette.routing import Router

from ofh.domain.errors import Code, HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.edges.guard import Guard
from ofh.edges.pilot import media
from ofh.edges.pilot.endpoint import PilotEndpoints
from ofh.services.link import Pilot
from ofh.store.models import Media, MediaGroup
from tests.captures.reader import capture, names
from tests.support.media import JPEG, MediaBench, Place, callback

HUB = "https://hub.example.org"
TOKEN = "pt_4Zk0"
BASE = "/media/api/v1/workspaces/87ffce7c-da28-49cf-9134-8db9fd87ccd1"
STS = "/storage/api/v1/workspaces/87ffce7c-da28-49cf-9134-8db9fd87ccd1/sts"
MEDIA_CAPTURES = [
    name
    for kind in ("fast-upload", "tiny-fingerprints", "upload-callback", "group-upload-callback")
    for name in names(f"http-{kind}")
]
EVERY_PATH = [
    f"{BASE}/fast-upload",
    f"{BASE}/files/tiny-fingerprints",
    STS,
    f"{BASE}/upload-callback",
    f"{BASE}/group-upload-callback",
]


@dataclass
class Door:
    """The endpoints over a bench."""

    client: httpx2.AsyncClient
    bench: MediaBench
    notes: list[tuple[LinkStepName, LinkProblem | None]] = field(default_factory=list)
    limited: bool = False

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"x-auth-token": TOKEN, **more.pop("headers", {})}
        return await self.client.post(path, content=content, headers=headers, **more)


@pytest.fixture
async def door(bench: MediaBench, place: Place) -> AsyncIterator[Door]:
    await bench.token(place, TOKEN)

    async def throttle(pilot: Pilot | None, address: str, number: int) -> None:
        if door.limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)

    endpoints = PilotEndpoints(bench.links, address_of=lambda scope: str(scope["client"][0]), throttle=throttle)
    routes = media.routes(
        endpoints,
        bench.pilots,
        bench.grantees,
        lambda who, step, problem, detail: door.notes.append((step, problem)),
    )
    app = Guard(Router(routes=routes, redirect_slashes=False), proxies=(), is_tls=True)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HUB) as client:
        door = Door(client, bench)
        yield door


async def send(door: Door, sample: dict[str, Any]) -> httpx2.Response:
    """The request of a capture, with no header that it does not have."""
    asked = sample["request"]
    content = None if asked["body"] is None else json.dumps(asked["body"]).encode()
    return await door.client.request(asked["method"], asked["path"], content=content, headers=asked["headers"])


def is_as(found: Any, expected: dict[str, Any]) -> bool:
    """Whether an envelope is the expected one: its message is free, and its code but for being zero."""
    assert found.keys() == {"code", "message", "data"}
    assert type(found["code"]) is int
    assert type(found["message"]) is str
    return (found["code"] == 0) is (expected["code"] == 0) and bool(found["data"] == expected["data"])


@pytest.mark.parametrize("name", MEDIA_CAPTURES)
async def test_every_captured_exchange(door: Door, name: str) -> None:
    """Chapter 10: upload-callback: full, minimal, legacy, failed, repeated, foreign prefix."""
    sample = capture(name)
    if sample.get("given"):
        await door.bench.put(callback()["object_key"])
        await door.post(f"{BASE}/upload-callback", callback())
    body = sample["request"]["body"]
    if name.startswith("http-upload-callback") and ".." not in body["object_key"]:
        await door.bench.put(body["object_key"])
    before = await Media.all().count()
    answer = await send(door, sample)
    assert answer.status_code == sample["response"]["status"]
    assert answer.headers["content-type"] == "application/json"
    assert is_as(answer.json(), sample["response"]["body"])
    if "created" in sample:
        assert (await Media.all().count() > before) is sample["created"]


async def test_credentials_have_the_members_and_types_of_the_captured_answer(door: Door) -> None:
    """Chapter 10: sts: numbers are numbers; credentials for one prefix."""
    sample = capture("http-sts-minio")
    answer = await send(door, sample)
    found, expected = answer.json()["data"], sample["response"]["body"]["data"]
    assert answer.json()["code"] == 0
    assert found.keys() == expected.keys()
    assert found["credentials"].keys() == expected["credentials"].keys()
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }
    assert type(found["credentials"]["expire"]) is int
    assert found["credentials"]["expire"] == expected["credentials"]["expire"]
    assert found["provider"] == "minio"
    assert found["endpoint"] == "https://hub.example.org"
    prefix = found["object_key_prefix"]
    assert prefix.startswith("87ffce7c-da28-49cf-9134-8db9fd87ccd1/")
    assert not prefix.endswith("/")
    bearer = door.bench.grants.verify(found["credentials"]["access_key_id"], found["credentials"]["security_token"])
    assert (bearer.prefix, bearer.secret) == (prefix, found["credentials"]["access_key_secret"])


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b"whatever", b"\xff\xfe"])
async def test_credentials_are_given_whatever_the_body_is(door: Door, body: bytes) -> None:
    assert (await door.post(STS, body)).json()["code"] == 0


async def test_credentials_that_cannot_be_made_are_a_code_and_never_a_401(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chapter 10: sts unconfigured → 200 with a non-zero code."""

    async def away(*_: object) -> None:
        raise HubError(Code.UNAVAILABLE, "The object store is away.")

    monkeypatch.setattr(door.bench.grants, "grant", away)
    answer = await send(door, capture("http-sts-not-configured"))
    assert answer.status_code == 200
    assert is_as(answer.json(), capture("http-sts-not-configured")["response"]["body"])
    assert door.notes == [(LinkStepName.STORAGE_CREDENTIALS, LinkProblem.STORAGE_AWAY)]


async def test_credentials_are_also_given_by_get(door: Door) -> None:
    """As Pilots of 2022 ask (dji-pilot-2.md, chapter 8, number 8)."""
    answer = await door.client.get(STS, headers={"x-auth-token": TOKEN})
    assert answer.json()["data"].keys() == capture("http-sts-minio")["response"]["body"]["data"].keys()


async def test_two_prefixes_are_never_the_same(door: Door) -> None:
    prefixes = {(await door.post(STS)).json()["data"]["object_key_prefix"] for _ in range(20)}
    assert len(prefixes) == 20


async def test_a_whole_upload_in_any_order_and_repeatedly(door: Door) -> None:
    """Chapter 10: fast-upload miss → non-zero, hit → 0; tiny-fingerprints object, array, empty (with the captures)."""
    body = callback()
    file = {name: body[name] for name in ("ext", "fingerprint", "name", "path")}
    tiny = {"tiny_fingerprints": [body["ext"]["tinny_fingerprint"]]}
    for is_here in (False, False, True, True):
        if is_here and not await Media.all().count():
            await door.bench.put(body["object_key"])
            assert (await door.post(f"{BASE}/upload-callback", body)).json()["code"] == 0
        assert ((await door.post(f"{BASE}/fast-upload", file)).json()["code"] == 0) is is_here
        found = (await door.post(f"{BASE}/files/tiny-fingerprints", tiny)).json()
        assert found == {
            "code": 0,
            "message": "success",
            "data": {"tiny_fingerprints": tiny["tiny_fingerprints"] if is_here else []},
        }
    assert await Media.all().count() == 1


async def test_a_deleted_file_is_a_hit(door: Door, place: Place) -> None:
    """Chapter 10: deleted → as decided."""
    await door.bench.register(place, callback())
    await door.bench.files.delete_media(place.member, (await Media.get()).id)
    assert (await door.post(f"{BASE}/fast-upload", callback())).json()["code"] == 0


async def test_the_answer_to_a_callback_has_the_key_also_while_the_store_is_away(door: Door) -> None:
    door.bench.store.is_away = True
    answer = (await door.post(f"{BASE}/upload-callback", callback())).json()
    assert answer == {"code": 0, "message": "success", "data": {"object_key": callback()["object_key"]}}
    assert door.notes == []


@pytest.mark.parametrize(
    ("changes", "content", "problem"),
    [
        ({}, JPEG, None),
        ({"result": 5}, None, LinkProblem.UPLOAD_FAILED),
        ({"object_key": "w/1/a.JPG"}, None, LinkProblem.FOREIGN_KEY),
        ({}, None, LinkProblem.OBJECT_MISSING),
    ],
)
async def test_the_doctor_hears_how_it_went(
    door: Door, changes: dict[str, Any], content: bytes | None, problem: LinkProblem | None
) -> None:
    body = callback(**changes)
    if content is not None:
        await door.bench.put(body["object_key"], content)
    await door.post(f"{BASE}/upload-callback", body)
    assert door.notes == [(LinkStepName.FIRST_OBJECT, problem)]


async def test_a_multipart_body_is_read_as_a_courtesy(door: Door) -> None:
    body = callback()
    await door.bench.put(body["object_key"])
    fields = {
        **{name: str(body[name]) for name in ("fingerprint", "name", "object_key", "path", "result")},
        "ext": json.dumps(body["ext"]),
        "metadata": json.dumps(body["metadata"]),
    }
    parts = "".join(
        f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    for headers in ({"content-type": "multipart/form-data; boundary=xyz"}, {"content-type": "application/json"}):
        answer = await door.post(f"{BASE}/upload-callback", f"{parts}--xyz--\r\n".encode(), headers=headers)
        assert answer.json()["code"] == 0
    row = await Media.get().select_related("drone")
    assert row.drone.serial_number == body["ext"]["sn"]
    assert row.latitude == 50.4983121


@pytest.mark.parametrize("content_type", ["application/json;charset=utf-8", "text/plain", "image/png"])
async def test_json_is_read_under_any_content_type(door: Door, content_type: str) -> None:
    """Chapter 10: JSON with any or no Content-Type accepted."""
    answer = await door.post(f"{BASE}/fast-upload", {"fingerprint": "A"}, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["message"]) == (200, "not found")


# What must not come through (security.md, 15)


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_anonymous_and_dead_tokens_are_401(door: Door, path: str) -> None:
    """Chapter 10: 401 only for dead tokens."""
    for headers in ({"x-auth-token": "pt_dead"}, {"x-auth-token": ""}):
        answer = await door.post(path, {}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] != 0
    assert (await door.client.post(path, content=b"{}")).status_code == 401


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_another_workspace_known_or_not_is_403_and_what_is_no_uuid_400(door: Door, path: str) -> None:
    """Chapter 10: foreign workspace 403."""
    elsewhere = await door.bench.place("South")
    for uuid, status in (
        ("00000000-1111-4222-8333-444444444444", 403),
        (str(elsewhere.row.uuid), 403),
        ("42", 400),
        ("x", 400),
    ):
        answer = await door.post(path.replace("87ffce7c-da28-49cf-9134-8db9fd87ccd1", uuid), {})
        assert answer.status_code == status


@pytest.mark.parametrize("path", [path for path in EVERY_PATH if path != STS])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'"text"',
        b"7",
        b"[" * 100 + b"]" * 100,
        b'{"a": NaN}',
        b'{"name": "a\\u0000b", "object_key": "k"}',
        b'{"name": "\\ud800", "object_key": "k"}',
        b'{"a": 1, "a": 2}',
    ],
)
async def test_a_body_that_is_broken_is_400_with_an_envelope(door: Door, path: str, body: bytes) -> None:
    """Chapter 10: malformed JSON 400."""
    answer = await door.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["code"] != 0
    assert answer.json()["data"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"fingerprint": {}},
        {"name": "a/b", "object_key": "k/a"},
        {"object_key": 7.5, "name": []},
        {"result": 0},
        {},
    ],
)
async def test_a_callback_that_names_no_file_is_400(door: Door, body: dict[str, Any]) -> None:
    assert (await door.post(f"{BASE}/upload-callback", body)).status_code == 400


@pytest.mark.parametrize("path", [path for path in EVERY_PATH if path != STS])
async def test_a_body_beyond_its_limit_is_413(door: Door, path: str) -> None:
    limit = 2_097_152 if "tiny" in path else 1_048_576
    body = b'{"x": "' + b"x" * limit + b'"}'
    assert (await door.post(path, body)).status_code == 413


async def test_two_mebibytes_of_tiny_fingerprints_are_read(door: Door) -> None:
    wanted = [f"{n:032x}_2025_6_14_10_21_7" for n in range(37_000)]
    body = json.dumps(wanted, separators=(",", ":")).encode()
    assert len(body) > 1_900_000
    answer = await door.post(f"{BASE}/files/tiny-fingerprints", body)
    assert answer.json() == {"code": 0, "message": "success", "data": {"tiny_fingerprints": []}}


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_too_many_requests_are_429_with_an_envelope(door: Door, path: str) -> None:
    door.limited = True
    answer = await door.post(path, {})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["code"] != 0


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_another_verb_is_405(door: Door, path: str) -> None:
    answer = await door.client.put(path, headers={"x-auth-token": TOKEN})
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_trailing_and_doubled_slashes_are_as_if_they_were_not_there(door: Door, path: str) -> None:
    for form in (f"{path}/", f"//{path[1:]}"):
        answer = await door.client.post(
            httpx2.URL(HUB).copy_with(raw_path=form.encode()), content=b"{}", headers={"x-auth-token": "pt_dead"}
        )
        assert answer.status_code == 401


async def test_l1_no_token_and_no_secret_is_logged(door: Door, place: Place) -> None:
    with structlog.testing.capture_logs() as logs:
        grant = (await door.post(STS)).json()["data"]["credentials"]
        await door.post(f"{BASE}/upload-callback", callback())
        await door.post(f"{BASE}/upload-callback", callback(object_key="w/1/marker-key"))
        await door.post(f"{BASE}/fast-upload", callback(fingerprint="marker-fingerprint"))
    told = str(logs)
    for secret in (TOKEN, grant["access_key_secret"], grant["security_token"], "marker-fingerprint"):
        assert secret not in told


async def test_groups_early_late_and_unknown_are_acknowledged(door: Door) -> None:
    """Chapter 10: group callback early, late, unknown."""
    for name in ("complete", "partial", "no-group"):
        assert (await send(door, capture(f"http-group-upload-callback-{name}"))).json()["code"] == 0
    assert (await MediaGroup.get()).file_count == 24
