"""Bytes up and bytes down: the upload form in both its shapes, ranges, ETags, and what must not come through."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import structlog
import uvicorn
from starlette.routing import Router

from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.edges.auth import Origins
from ofh.edges.files.endpoint import MAX_FIELD, FileEndpoints
from ofh.edges.guard import Guard
from ofh.services.files import FileRules
from ofh.services.passwords import Passwords
from ofh.services.sessions import Sessions
from ofh.store.database import Database
from ofh.store.models import DiscardedObject, File
from tests.support.media import JPEG, MediaBench, Place, callback

HUB = "https://hub.example.org"
MEBIBYTE = 1024 * 1024
MISSING = 987_654_321
DATA = bytes(range(256)) * 40


def form(*parts: tuple[str, str | None, bytes], boundary: str = "xyz") -> bytes:
    made = b""
    for name, file_name, content in parts:
        extra = "" if file_name is None else f'; filename="{file_name}"'
        made += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
        made += content + b"\r\n"
    return made + f"--{boundary}--\r\n".encode()


def upload_form(content: bytes = DATA, name: bytes = b"notes.bin") -> bytes:
    return form(("file", "local name.bin", content), ("filename", None, name))


FORM_TYPE = {"content-type": "multipart/form-data; boundary=xyz"}


@dataclass
class Door:
    """The endpoints over a bench, and people who are logged in."""

    app: Any
    bench: MediaBench
    place: Place
    client: httpx2.AsyncClient
    tokens: dict[Role | str, str]
    throttled: list[tuple[str, int | None]] = field(default_factory=list)
    limited: bool = False

    def cookies(self, who: Role | str = Role.MEMBER) -> dict[str, str]:
        return {"cookie": f"user-auth={self.tokens[who]}"}

    async def post(
        self, body: Any = None, *, who: Role | str | None = Role.MEMBER, place: Any = None, **headers: str
    ) -> httpx2.Response:
        given = {**FORM_TYPE, **headers, **(self.cookies(who) if who else {})}
        path = f"/api/workspace/{self.place.id if place is None else place}/file"
        return await self.client.post(path, content=upload_form() if body is None else body, headers=given)

    async def get(
        self,
        file: Any,
        *,
        who: Role | str | None = Role.VIEWER,
        method: str = "GET",
        what: str = "data",
        **headers: str,
    ) -> httpx2.Response:
        number = file.id if isinstance(file, File) else file
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= self.cookies(who) if who else {}
        return await self.client.request(method, f"/api/file/{what}/{number}", headers=given)

    def left_over(self) -> list[Any]:
        return [*(self.bench.folder / "incoming").glob("*"), *self.bench.store.keys()]


@asynccontextmanager
async def opened(bench: MediaBench, *, stuck_s: float = 30, max_bytes: int = 4 * MEBIBYTE) -> AsyncIterator[Door]:
    place = await bench.place()
    stranger = await bench.place("South")
    passwords = Passwords(memory_kib=8, at_once=2)
    sessions = Sessions(
        database=bench.database,
        passwords=passwords,
        codes=bench.codes,
        limits=bench.limits,
        audit=bench.audit,
        control=bench.control,
        clock=bench.clock,
    )
    people: dict[Role | str, Actor] = {**place.people, "stranger": stranger.people[Role.OWNER]}
    tokens = {
        who: (await sessions.login_with_token(await sessions.issue_login_token(actor.user_id))).token
        for who, actor in people.items()
    }

    def throttle(kind: str) -> Any:
        async def take(actor: Actor | None, address: str, number: int) -> None:
            door.throttled.append((kind, None if actor is None else actor.user_id))
            if door.limited:
                raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)

        return take

    endpoints = FileEndpoints(
        bench.files,
        sessions,
        Origins(public_url=HUB, port=443),
        address_of=lambda scope: str(scope["client"][0]),
        throttle=throttle("request"),
        throttle_bytes=throttle("bytes"),
        stuck_s=stuck_s,
        max_bytes=max_bytes,
    )
    app = Guard(Router(routes=endpoints.routes(), redirect_slashes=False), proxies=(), is_tls=True)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HUB) as client:
        door = Door(app, bench, place, client, tokens)
        yield door
    passwords.close()


@pytest.fixture
async def door(bench: MediaBench) -> AsyncIterator[Door]:
    async with opened(bench) as made:
        yield made


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    """The endpoints behind a real server; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(door.app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(30):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


# Up


async def test_a_form_becomes_a_file(door: Door) -> None:
    answer = await door.post()
    row = await File.get()
    assert (answer.status_code, answer.json()) == (200, {"id": row.id})
    assert answer.headers["cache-control"] == "no-store"
    assert (row.name, row.size, row.workspace_id) == ("notes.bin", len(DATA), door.place.id)
    assert (await door.get(row)).content == DATA


async def test_the_order_of_the_parts_does_not_matter_and_unknown_fields_are_ignored(door: Door) -> None:
    body = form(("more", None, b"x"), ("filename", None, b"a.txt"), ("file", "", b"hello"), ("other", None, b""))
    assert (await door.post(body)).status_code == 200
    assert (await File.get()).name == "a.txt"


async def test_c6_the_published_clients_form_calls_itself_json(door: Door) -> None:
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    body = form(("file", "x.jpg", JPEG), ("filename", None, "Ü.jpg".encode()), boundary=boundary)
    answer = await door.post(body, **{"content-type": "application/json"})
    assert answer.status_code == 200
    row = await File.get()
    assert (row.name, row.content_type) == ("Ü.jpg", "image/jpeg")


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE + 7])
async def test_files_of_any_size_come_back_as_they_went(door: Door, size: int) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    row_id = (await door.post(upload_form(content))).json()["id"]
    answer = await door.get(row_id)
    assert answer.content == content
    assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b'{"file": "x"}'),
        ({"content-type": "application/json"}, b""),
        ({"content-type": "text/plain"}, upload_form()),
        ({"content-type": "multipart/form-data"}, upload_form()),
        ({"content-type": "multipart/mixed; boundary=xyz"}, upload_form()),
        ({"content-type": "multipart/form-data; boundary=abc"}, upload_form()),
        ({}, b""),
        ({}, upload_form()[:-6]),
        ({}, upload_form() + b"epilogue"),
        ({}, b"preamble\r\n" + upload_form()),
        ({}, form(("filename", None, b"a"))),
        ({}, form(("file", "a", b"x"))),
        ({}, form(("file", None, b"x"), ("filename", None, b"a"))),
        ({}, form(("file", "a", b"x"), ("file", "b", b"y"), ("filename", None, b"a"))),
        ({}, form(("file", "a", b"x"), ("filename", None, b"a"), ("filename", None, b"b"))),
        ({}, form(("file", "a", b"x"), ("filename", "f", b"a"))),
        ({}, form(("file", "a", b"x"), ("filename", None, b"\xff"))),
        ({}, form(("file", "a", b"x"), ("filename", None, b"../a"))),
        ({}, form(("file", "a", b"x"), ("filename", None, b"a\0b"))),
        ({}, form(("file", "a", b"x"), ("filename", None, b"x" * 256))),
        ({}, form(("file", "a", b"x"), ("filename", None, b""))),
        ({}, form(*[("x", None, b"")] * 30)),
        ({}, b"--xyz\r\nContent-Disposition: form-data; name=file; filename=a\r\n" + b"A: b\r\n" * 5_000),
        ({}, b"--xyz\r\n" * 100_000),
    ],
)
async def test_u7_a_form_that_is_not_as_it_should_be_is_400_and_leaves_nothing(
    door: Door, headers: dict[str, str], body: bytes
) -> None:
    answer = await door.post(body, **headers)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_input"
    assert await File.all().count() == await DiscardedObject.all().count() == 0
    assert door.left_over() == []


async def test_u1_a_file_beyond_the_limit_is_413_whether_its_length_is_told_or_not(
    database: Database, tmp_path: Any
) -> None:
    rules = FileRules(max_bytes=MEBIBYTE)
    async with (
        MediaBench(database, tmp_path / "small", rules).running() as bench,
        opened(bench, max_bytes=MEBIBYTE) as door,
    ):

        async def chunks() -> AsyncIterator[bytes]:
            yield upload_form(bytes(MEBIBYTE + 1))

        for body in (upload_form(bytes(MEBIBYTE + 1)), chunks(), bytes(4 * MEBIBYTE)):
            answer = await door.post(body)
            assert answer.status_code == 413
            assert answer.json()["code"] == "too_large"
        assert (await door.post(upload_form(bytes(MEBIBYTE)))).status_code == 200
        assert await File.all().count() == 1


async def test_u1_a_field_beyond_the_limit_is_413(door: Door) -> None:
    body = form(("x", None, bytes(MAX_FIELD + 1)), ("file", "a", b"x"), ("filename", None, b"a"))
    assert (await door.post(body)).status_code == 413
    assert door.left_over() == []


async def test_who_may_upload(door: Door) -> None:
    for who, status in (
        (None, 401),
        (Role.VIEWER, 403),
        (Role.MEMBER, 200),
        (Role.ADMIN, 200),
        (Role.OWNER, 200),
        ("stranger", 410),
    ):
        assert (await door.post(who=who)).status_code == status
    assert len(door.left_over()) == await File.all().count() == 3


async def test_a_hidden_workspace_is_one_that_is_missing(door: Door) -> None:
    hidden = await door.post(who="stranger")
    missing = await door.post(who="stranger", place=987_654_321)
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content) == (410, hidden.content)


@pytest.mark.parametrize("place", ["0", "-1", "+1", "01", "1.0", "x", "1" * 19, "%D9%A1", "1%00"])
async def test_a3_a_malformed_id_is_400_and_without_a_session_401(door: Door, place: str) -> None:
    assert (await door.post(place=place)).status_code in (400, 404)
    assert (await door.get(place)).status_code in (400, 404)
    for answer in (await door.post(place=place, who=None), await door.get(place, who=None)):
        assert answer.status_code in (401, 404)


async def test_c5_a_page_of_another_origin_cannot_upload_with_somebodys_cookie(door: Door) -> None:
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert (await door.post(**headers)).status_code == 403
    assert (await door.post(origin=HUB)).status_code == 200


async def test_a_bearer_token_alone_counts(door: Door) -> None:
    answer = await door.post(authorization="Bearer nobody")
    assert answer.status_code == 401


async def test_other_verbs_are_405(door: Door) -> None:
    for method in ("PUT", "DELETE", "PATCH", "GET", "HEAD"):
        path = f"/api/workspace/{door.place.id}/file"
        answer = await door.client.request(method, path, headers=door.cookies())
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        answer = await door.get(1, method=method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_too_many_requests_are_429_and_files_are_counted_apart(door: Door) -> None:
    door.limited = True
    for answer in (await door.post(), await door.get(1)):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert [kind for kind, _ in door.throttled] == ["request", "bytes"]


async def test_u9_a_store_that_is_away_is_503_and_leaves_nothing(door: Door) -> None:
    door.bench.store.is_away = True
    answer = await door.post()
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert await File.all().count() == 0
    door.bench.store.is_away = False
    await door.bench.discarding.sweep()
    assert door.left_over() == []


# Down


async def test_a_file_comes_with_the_headers_that_keep_it_harmless(door: Door) -> None:
    row = await door.bench.upload(door.place, 'Käfer "1".html', b"<script>alert(1)</script>")
    answer = await door.get(row)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"K_fer _1_.html\"; filename*=UTF-8''K%C3%A4fer%20%221%22.html"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["cross-origin-resource-policy"] == "same-site"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["etag"] == f'"{row.etag}"'


@pytest.mark.parametrize(
    ("content", "kind", "content_type"),
    [
        (JPEG, "inline", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "inline", "image/png"),
        (b"RIFF\0\0\0\0WEBP", "inline", "image/webp"),
        (b"\0\0\0\x18ftypmp42", "inline", "video/mp4"),
        (b"\0\0\0\x18ftypqt  ", "attachment", "video/quicktime"),
        (b"II*\0\x08\0\0\0", "attachment", "image/tiff"),
        (b"%PDF-1.7", "attachment", "application/pdf"),
        (b"<svg/>", "attachment", "application/octet-stream"),
    ],
)
async def test_u5_four_kinds_are_shown_and_all_else_is_saved(
    door: Door, content: bytes, kind: str, content_type: str
) -> None:
    answer = await door.get(await door.bench.upload(door.place, "x.svg", content))
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-disposition"].startswith(f"{kind};")


async def test_a_media_items_file_is_downloaded_like_any_other(door: Door) -> None:
    key = f"{door.place.row.uuid}/k/a.JPG"
    await door.bench.register(door.place, callback(object_key=key, name="a.JPG"))
    answer = await door.get(await File.get())
    assert (answer.status_code, answer.content) == (200, JPEG)


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-100", len(DATA) - 100, len(DATA)),
        ("bytes=-999999", 0, len(DATA)),
        ("bytes=100-999999999", 100, len(DATA)),
        ("Bytes=5-9", 5, 10),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA)),
    ],
)
async def test_a_range_is_what_was_asked_for(door: Door, wanted: str, start: int, end: int) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    answer = await door.get(row, range=wanted)
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("wanted", [f"bytes={len(DATA)}-", f"bytes={len(DATA)}-{len(DATA) + 5}", "bytes=-0"])
async def test_a_range_beyond_the_file_is_416(door: Door, wanted: str) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    answer = await door.get(row, range=wanted)
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,5-6",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(2_000)),
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "lines=0-1",
        "bytes=0-1-2",
        "bytes=1234567890123456789012-",
        "",
    ],
)
async def test_h4_several_ranges_and_nonsense_get_the_whole_file(door: Door, wanted: str) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    answer = await door.get(row, range=wanted)
    assert (answer.status_code, answer.content) == (200, DATA)


async def test_if_range_holds_for_this_very_file_alone(door: Door) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    for tag, status in ((f'"{row.etag}"', 206), ('"other"', 200), (f'W/"{row.etag}"', 200), ("yesterday", 200)):
        assert (await door.get(row, range="bytes=0-1", if_range=tag)).status_code == status


async def test_what_is_held_already_is_304_without_content(door: Door) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    for tag, status in (
        (f'"{row.etag}"', 304),
        (f'W/"{row.etag}"', 304),
        (f'"a", "{row.etag}"', 304),
        ("*", 304),
        ('"other"', 200),
        (row.etag, 200),
        ("", 200),
    ):
        answer = await door.get(row, if_none_match=tag)
        assert answer.status_code == status
        assert answer.headers["etag"] == f'"{row.etag}"'
        assert (answer.content == b"") is (status == 304)


async def test_head_tells_what_get_would_and_sends_nothing(door: Door) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    head, whole = await door.get(row, method="HEAD"), await door.get(row)
    assert (head.status_code, head.content) == (200, b"")
    told = {name: value for name, value in head.headers.items() if name != "x-request-id"}
    assert told == {name: value for name, value in whole.headers.items() if name != "x-request-id"}


async def test_an_empty_file_is_empty(door: Door) -> None:
    row = await door.bench.upload(door.place, content=b"")
    assert (await door.get(row)).content == b""
    assert (await door.get(row, range="bytes=0-")).status_code == 416


async def test_who_may_download(door: Door) -> None:
    row = await door.bench.upload(door.place, content=DATA)
    assert (await door.get(row, who=None)).status_code == 401
    for role in Role:
        assert (await door.get(row, who=role)).status_code == 200
    hidden, missing = await door.get(row, who="stranger"), await door.get(987_654_321, who="stranger")
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content) == (410, missing.content)
    assert (await door.get("9" * 18)).status_code == 410


async def test_a_file_whose_object_is_gone_is_410_and_a_store_that_is_away_503(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await door.bench.upload(door.place, content=DATA)

    async def away(*_: object, **__: object) -> AsyncIterator[bytes]:
        raise HubError(Code.UNAVAILABLE, "The object store is away.")
        yield b""

    with monkeypatch.context() as changed:
        changed.setattr(door.bench.store, "read", away)
        assert (await door.get(row)).status_code == 503
    await door.bench.store.delete(row.object_key)
    assert (await door.get(row)).status_code == 410


# Thumbnails


async def pictured(door: Door, content: bytes = b"\xff\xd8\xff a small picture") -> File:
    """A file that has a thumbnail."""
    row = await door.bench.upload(door.place, "plan.html", JPEG)
    key = f"t/{door.place.id}/{row.id}"
    await door.bench.put(key, content)
    await File.filter(id=row.id).update(thumbnail_key=key, thumbnail_etag="e1", thumbnail_size=len(content))
    return row


async def test_a_thumbnail_comes_as_a_jpeg_that_is_asked_about_each_time(door: Door) -> None:
    row = await pictured(door)

    get = await door.get(row, what="thumbnail")
    head = await door.get(row, what="thumbnail", method="HEAD")
    held = await door.get(row, what="thumbnail", if_none_match='W/"e1"')
    ranged = await door.get(row, what="thumbnail", range="bytes=0-1")

    assert (get.status_code, get.content) == (200, b"\xff\xd8\xff a small picture")
    assert (head.status_code, head.content) == (200, b"")
    assert get.headers["content-length"] == head.headers["content-length"] == str(len(get.content))
    assert (get.headers["content-type"], get.headers["etag"]) == ("image/jpeg", '"e1"')
    assert (get.headers["cache-control"], get.headers["content-disposition"]) == ("private, no-cache", "inline")
    assert get.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", '"e1"')
    assert (ranged.status_code, ranged.content) == (200, get.content)
    assert {kind for kind, _ in door.throttled} == {"bytes"}


async def test_t5_who_gets_no_thumbnail_is_told_410_whatever_the_reason(door: Door) -> None:
    row, bare = await pictured(door), await door.bench.upload(door.place)

    told = [
        await door.get(bare, what="thumbnail"),
        await door.get(MISSING, what="thumbnail"),
        await door.get("9" * 18, what="thumbnail"),
        await door.get(row, what="thumbnail", who="stranger"),
    ]

    assert {answer.status_code for answer in told} == {410}
    assert len({answer.content for answer in told}) == 1
    await door.bench.store.delete(f"t/{door.place.id}/{row.id}")
    assert (await door.get(row, what="thumbnail")).status_code == 410


async def test_who_may_see_a_thumbnail(door: Door) -> None:
    row = await pictured(door)
    for who, status in ((None, 401), (Role.VIEWER, 200), (Role.OWNER, 200)):
        assert (await door.get(row, what="thumbnail", who=who)).status_code == status
    for id in (row.id, MISSING, "x", "0"):
        assert (await door.get(id, what="thumbnail", who=None)).status_code == 401
    for id in ("0", "-1", "01", "1.0", "x", "1" * 19, "%D9%A1"):
        assert (await door.get(id, what="thumbnail")).status_code == 400
    refused = await door.get(row, what="thumbnail", method="POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    door.limited = True
    assert (await door.get(row, what="thumbnail")).status_code == 429


async def test_l1_no_cookie_is_logged(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        row_id = (await door.post()).json()["id"]
        await door.get(row_id)
        await door.post(b"broken")
        await door.get(row_id, who=None)
    assert not any(token in str(logs) for token in door.tokens.values())


# Over a line


async def request(port: int, head: str, body: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
    await writer.drain()
    return reader, writer


async def test_u3_an_upload_that_is_cut_at_any_byte_leaves_nothing(door: Door) -> None:
    body = upload_form(DATA)
    async with served(door) as port:
        for cut in (0, 1, 30, 90, 200, len(body) // 2, len(body) - 40, len(body) - 3, len(body) - 1):
            head = (
                f"POST /api/workspace/{door.place.id}/file HTTP/1.1\nHost: hub.example.org\n"
                f"Cookie: {door.cookies()['cookie']}\nContent-Type: {FORM_TYPE['content-type']}\n"
                f"Content-Length: {len(body)}\n"
            )
            _, writer = await request(port, head, body[:cut])
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(30):
            while door.left_over() or door.bench.files.under_way:
                await asyncio.sleep(0.01)
    assert await File.all().count() == 0


async def test_an_upload_that_is_refused_is_told_so_in_the_midst_of_its_body(door: Door) -> None:
    async with served(door) as port:
        head = (
            f"POST /api/workspace/{door.place.id}/file HTTP/1.1\nHost: hub.example.org\n"
            f"Cookie: {door.cookies(Role.VIEWER)['cookie']}\nContent-Type: {FORM_TYPE['content-type']}\n"
            "Content-Length: 3000000\n"
        )
        for expect in ("", "Expect: 100-continue\n"):
            reader, writer = await request(port, head + expect, b"" if expect else b"x" * 1000)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 403")
            assert b"connection: close" in answer.lower()
            writer.close()
            await writer.wait_closed()


async def test_a_whole_upload_and_download_over_a_line(door: Door) -> None:
    content = bytes(range(256)) * 8_000
    async with served(door) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        headers = {**door.cookies(), **FORM_TYPE, "host": "hub.example.org", "expect": "100-continue"}
        answer = await client.post(
            f"/api/workspace/{door.place.id}/file", content=upload_form(content), headers=headers
        )
        assert answer.status_code == 200
        found = await client.get(f"/api/file/data/{json.loads(answer.content)['id']}", headers=door.cookies())
        assert found.content == content


async def test_an_upload_that_stands_still_is_told_so_and_ends(bench: MediaBench) -> None:
    async with opened(bench, stuck_s=0.2) as door, served(door) as port:
        head = (
            f"POST /api/workspace/{door.place.id}/file HTTP/1.1\nHost: hub.example.org\n"
            f"Cookie: {door.cookies()['cookie']}\nContent-Type: {FORM_TYPE['content-type']}\nContent-Length: 100000\n"
        )
        reader, writer = await request(port, head, upload_form()[:500])
        async with asyncio.timeout(30):
            answer = await reader.read()
            while door.left_over():
                await asyncio.sleep(0.01)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"The body does not come." in answer
    assert await File.all().count() == 0
