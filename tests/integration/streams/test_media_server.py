"""The requests of MediaMTX and SRS, as these document them, played to the hub's endpoint.

MediaMTX 1.21: "Authentication", HTTP-based. SRS 6.0: "HTTP Callback". Neither server is installed here.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.routing import Router

from ofh.domain.actors import Role
from ofh.domain.errors import Code, HubError
from ofh.edges.media_server.endpoint import MediaServerEndpoint
from ofh.store.models import Membership, Stream
from tests.integration.streams.asgi import Client
from tests.integration.streams.studio import CAMERA, Studio

SECRET = "0123456789abcdef0123456789abcdef-media"
MEDIAMTX, SRS = "/internal/media-server/mediamtx", "/internal/media-server/srs"


@pytest.fixture
async def server(studio: Studio) -> Client:
    """A media server that knows the secret; a camera was started, and its viewer's token is `good`."""
    member = await studio.member(Role.MEMBER)
    viewer = await studio.member(Role.VIEWER)
    stranger = await studio.member(Role.OWNER, workspace_id=studio.elsewhere)
    studio.tokens.update({"good": viewer.user_id, "strange": stranger.user_id})
    await studio.streams.start(member, studio.drone_id, CAMERA)
    attempts: list[str] = []

    async def stranger_at(address: str) -> None:
        attempts.append(address)
        if len(attempts) > 3:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=7)

    endpoint = MediaServerEndpoint(
        studio.streams, secret=SECRET, address_of=lambda _scope: "192.0.2.9", stranger=stranger_at
    )
    app = Router(routes=endpoint.routes(), redirect_slashes=False)
    return Client(app, {"secret": SECRET})


def mediamtx(action: str, path: str, query: str = "", **more: Any) -> dict[str, Any]:
    """As the documentation shows it."""
    return {
        "user": "",
        "password": "",
        "token": "",
        "ip": "198.51.100.4",
        "action": action,
        "path": path,
        "protocol": "rtmp" if action == "publish" else "webrtc",
        "id": "c3a3b9bd-6a5c-4f52-9d2c-62d1c5f1a5ee",
        "query": query,
        "userAgent": "",
        **more,
    }


def srs(action: str, stream: str, param: str = "", **more: Any) -> dict[str, Any]:
    """As the documentation shows it."""
    return {
        "server_id": "vid-0xk989d",
        "service_id": "382a5v9d",
        "action": action,
        "client_id": "341w361a",
        "ip": "198.51.100.4",
        "vhost": "__defaultVhost__",
        "app": "live",
        "tcUrl": f"rtmp://video.example.org/live{param}",
        "stream": stream,
        "param": param,
        "stream_url": f"video.example.org/live/{stream}",
        "stream_id": "vid-124q9y3",
        **more,
    }


async def is_live() -> bool:
    return (await Stream.get()).is_live


async def test_mediamtx_lets_publish_with_the_key_alone(studio: Studio, server: Client) -> None:
    """security.md, P9."""
    name, key = studio.address()
    for query in ("", "key=", f"key={key[:-1]}x", f"token={key}", f"key={name}", "key=%ff%00", "&&&="):
        assert (await server.post(MEDIAMTX, mediamtx("publish", f"live/{name}", query))).status == 401
    assert not await is_live()
    assert (await server.post(MEDIAMTX, mediamtx("publish", f"live/{name}", f"key={key}"))).status == 200
    assert await is_live()
    assert (await server.post(f"{MEDIAMTX}/ended", params={"path": f"live/{name}"})).status == 200
    assert not await is_live()


async def test_mediamtx_lets_watch_with_a_token_in_any_of_its_ways(studio: Studio, server: Client) -> None:
    name, key = studio.address()
    ways: list[dict[str, Any]] = [{"token": "good"}, {"query": "token=good&x=1"}, {"user": "any", "password": "good"}]
    for way in ways:
        for action in ("read", "playback"):
            asked = mediamtx(action, f"live/{name}") | way
            assert (await server.post(MEDIAMTX, asked)).status == 200, way
    for way in (
        {},
        {"token": "bad"},
        {"token": key},
        {"query": f"key={key}"},
        {"password": SECRET},
        {"token": "x" * 9999},
    ):
        asked = mediamtx("read", f"live/{name}") | way
        assert (await server.post(MEDIAMTX, asked)).status == 401, way


async def test_a_viewers_token_never_lets_publish(studio: Studio, server: Client) -> None:
    name, _ = studio.address()
    asked = mediamtx("publish", f"live/{name}", "key=good&token=good", token="good")
    assert (await server.post(MEDIAMTX, asked)).status == 401
    body = (await server.post(SRS, srs("on_publish", name, "?key=good&token=good"))).json()
    assert body["code"] != 0


async def test_nobody_watches_another_workspaces_stream(studio: Studio, server: Client) -> None:
    name, _ = studio.address()
    for wanted in (name, "f" * 24):
        refused = await server.post(MEDIAMTX, mediamtx("read", f"live/{wanted}", token="strange"))
        assert (refused.status, refused.body) == (401, b"")


async def test_srs_lets_publish_and_watch_alike(studio: Studio, server: Client) -> None:
    name, key = studio.address()

    async def ask(action: str, param: str = "") -> int:
        answer = await server.post(SRS, srs(action, name, param))
        assert answer.status == 200
        code: int = answer.json()["code"]
        return code

    assert await ask("on_publish", "?key=wrong") == 403
    assert await ask("on_publish", f"?key={key}") == 0
    assert await is_live()
    assert await ask("on_play", "?token=good") == 0
    assert await ask("on_play", "?token=strange") == 403
    assert await ask("on_play", f"?key={key}") == 403
    assert await ask("on_stop", "?token=good") == 0
    assert await is_live()
    assert await ask("on_unpublish", f"?key={key}") == 0
    assert not await is_live()
    for event in ("on_connect", "on_close", "on_dvr", "on_hls", "on_something_new"):
        assert await ask(event) == 0


async def test_a_viewing_goes_on_when_its_token_is_too_old_to_begin_one(studio: Studio, server: Client) -> None:
    name, _ = studio.address()
    asked = mediamtx("read", f"live/{name}", token="good")
    assert (await server.post(MEDIAMTX, asked)).status == 200
    user_id = studio.tokens.pop("good")
    studio.ticks += 50
    assert (await server.post(MEDIAMTX, asked)).status == 200
    studio.ticks += 61
    assert (await server.post(MEDIAMTX, asked)).status == 401, "this begins one"
    studio.tokens["good"] = user_id
    assert (await server.post(MEDIAMTX, asked)).status == 200
    await Membership.filter(user_id=user_id).delete()
    assert (await server.post(MEDIAMTX, asked)).status == 401, "the right has ended"


async def test_viewings_that_are_remembered_have_a_bound(studio: Studio, server: Client) -> None:
    name, _ = studio.address()
    studio.streams._rules = type(studio.streams._rules)(max_viewings=3)
    for number in range(10):
        studio.tokens[f"t{number}"] = studio.tokens["good"]
        assert await studio.streams.may_view(name, f"t{number}")
    assert len(studio.streams._viewings) <= 3


@pytest.mark.parametrize("path", [MEDIAMTX, SRS, f"{MEDIAMTX}/ended"])
async def test_without_the_secret_nothing_is_answered(studio: Studio, server: Client, path: str) -> None:
    name, key = studio.address()
    asked = mediamtx("publish", name, f"key={key}") | srs("on_publish", name, f"?key={key}")
    statuses = []
    for shown in ("", "wrong", "\u00e9", SECRET[:-1], SECRET + "x"):
        statuses.append((await server.post(path, asked, params={"secret": shown})).status)
    assert statuses == [401, 401, 401, 429, 429]
    assert not await is_live()


async def test_the_secret_may_come_as_a_bearer_token(studio: Studio, server: Client) -> None:
    name, key = studio.address()
    asked = mediamtx("publish", name, f"key={key}")
    headers = {"authorization": f"Bearer {SECRET}"}
    assert (await server.post(MEDIAMTX, asked, params={"secret": ""}, headers=headers)).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"{", 400),
        (b'{"a":1,"a":2}', 400),
        (b'{"a":"\xff"}', 400),
        (b"[" * 200 + b"]" * 200, 400),
        (b'{"x":"' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_broken_bodies_are_refused(server: Client, body: bytes, status: int) -> None:
    for path in (MEDIAMTX, SRS):
        assert (await server.post(path, body)).status == status


@pytest.mark.parametrize("value", [None, 1, True, [], {}, "\0", "x" * 5000, "%00", "live/" * 50, "' OR 1=1", "%"])
async def test_members_of_any_kind_let_nobody_in(studio: Studio, server: Client, value: Any) -> None:
    name, key = studio.address()
    for asked in (mediamtx("publish", name, f"key={key}"), mediamtx("read", name, token="good")):
        for member in ("action", "path"):
            assert (await server.post(MEDIAMTX, {**asked, member: value})).status == 401
    assert (await server.post(MEDIAMTX, {**mediamtx("publish", name), "query": value})).status == 401
    refused = await server.post(SRS, {**srs("on_publish", name, f"?key={key}"), "stream": value})
    assert refused.json()["code"] == 403


async def test_only_post_is_answered(server: Client) -> None:
    for path in (MEDIAMTX, SRS):
        answer = await server.post(path, method="GET")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_no_secret_token_or_key_is_logged(
    studio: Studio, server: Client, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """security.md, P9 and L1."""
    name, key = studio.address()
    for asked in (mediamtx("read", name, "token=MARKER"), mediamtx("publish", name, "key=MARKER", password="MARKER")):
        await server.post(MEDIAMTX, asked)
    await server.post(SRS, srs("on_play", name, "?token=MARKER"))
    await server.post(SRS, srs("on_publish", name, f"?key={key}"))
    told = "".join(capsys.readouterr()) + "".join(record.getMessage() for record in caplog.records)
    assert "a media server's client was refused" in told
    for secret in ("MARKER", key, SECRET):
        assert secret not in told


async def test_a_body_that_does_not_come_is_400(server: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    monkeypatch.setattr("ofh.edges.requests.SMALL_BODY_S", 0.05)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/internal/media-server/srs",
        "query_string": urlencode(server.params).encode(),
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    async with asyncio.timeout(60):
        await server.app(scope, receive, send)
    assert sent[0]["status"] == 400
