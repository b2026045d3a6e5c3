"""What holds for every operation: verbs, bodies, origins, sessions, limits (security.md, sections 2 to 4)."""

import asyncio
from typing import Any

import pytest
import structlog
from starlette.routing import BaseRoute

from ofh.domain.actors import Role
from ofh.edges.rest.endpoint import MAX_BODY, Ask, RestEndpoints
from tests.integration.rest.door import HUB, STRANGER, Door, opened
from tests.support.media import MediaBench

SEVERAL = "/file/get-multiple"
NOTHING = {"ids": [1]}


async def test_other_verbs_are_405_and_told_the_right_ones(door: Door) -> None:
    for path, allowed in (
        ("/workspace/1/file/1", "PATCH, DELETE"),
        ("/workspace/1/files", "GET, HEAD"),
        ("/file/1", "GET, HEAD"),
        (SEVERAL, "POST"),
    ):
        answer = await door.ask("PUT", path, who=None)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["code"] == "bad_input"


async def test_a7_a_path_is_matched_exactly(door: Door) -> None:
    for path in ("/file/1/", "//file/1", "/File/1", "/file", "/workspace/1/files/", "/workspace/1/file/1/x"):
        assert (await door.ask("GET", path)).status_code == 404, path


async def test_head_tells_what_get_would_and_sends_nothing(door: Door) -> None:
    row = await door.bench.upload(door.place)
    get, head = [await door.ask(method, f"/file/{row.id}") for method in ("GET", "HEAD")]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *("application/jsonp", "application/json, text/plain", "text/plain;application/json"),
    ],
)
async def test_c6_a_body_of_another_type_than_json_does_nothing(door: Door, content_type: str) -> None:
    row = await door.bench.upload(door.place)
    for method, path, body in (
        ("POST", SEVERAL, NOTHING),
        ("PATCH", f"/workspace/{door.place.id}/file/{row.id}", {"filename": "x"}),
    ):
        assert (await door.ask(method, path, body, content_type=content_type)).status_code == 400
    await row.refresh_from_db()
    assert row.name == "notes.txt"


async def test_parameters_of_the_type_are_of_no_account(door: Door) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        assert (await door.ask("POST", SEVERAL, NOTHING, content_type=content_type)).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
async def test_a5_the_type_of_a_body_that_is_not_there_is_of_no_account(door: Door, content_type: str) -> None:
    row = await door.bench.upload(door.place)
    assert (await door.ask("GET", f"/file/{row.id}", content_type=content_type)).status_code == 200
    path = f"/workspace/{door.place.id}/file/{row.id}"
    assert (await door.ask("DELETE", path, content_type=content_type)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"null", b"1", b'"ids"', b"[1]", b"\xff", b'{"ids":[NaN]}', b'{"ids":[1],"ids":[2]}'),
        *(b'{"ids":[1],"x":"\\ud800"}', b'{"ids":[1],"x":' + b"[" * 65 + b"]" * 65 + b"}", b"[" * 100_000),
        *(b'{"ids":[1]}{}', b'{"ids":[1],"x":"' + b"\xed\xa0\x80" + b'"}'),
    ],
)
async def test_a5_what_is_no_json_object_is_400(door: Door, body: bytes) -> None:
    answer = await door.ask("POST", SEVERAL, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert (await door.ask("POST", SEVERAL, body, who=None)).status_code == 401


async def test_a_body_of_more_than_a_mebibyte_is_413_whoever_sends_it(door: Door) -> None:
    body = b'{"ids":[1],"x":"' + b"x" * MAX_BODY + b'"}'

    async def pieces() -> Any:
        for first in range(0, len(body), 65_536):
            yield body[first : first + 65_536]

    for who in (None, Role.MEMBER):
        answer = await door.ask("POST", SEVERAL, body, who=who)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = await door.client.post(f"/api{SEVERAL}", content=pieces())
    assert answer.status_code == 413
    fits = b'{"ids":[1],"x":"' + b"x" * (MAX_BODY - 18) + b'"}'
    assert len(fits) == MAX_BODY
    assert (await door.ask("POST", SEVERAL, fits)).status_code == 200


async def test_c5_a_page_of_another_origin_changes_nothing_with_somebodys_cookie(door: Door) -> None:
    row = await door.bench.upload(door.place)
    path = f"/workspace/{door.place.id}/file/{row.id}"
    foreign = [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}]
    for headers in foreign:
        for method, body in (("PATCH", {"filename": "x"}), ("DELETE", None)):
            assert (await door.ask(method, path, body, **headers)).status_code == 403
            assert (await door.ask(method, path, body, who=None, **headers)).status_code == 403, "before the session"
        assert (await door.ask("POST", SEVERAL, NOTHING, **headers)).status_code == 403
        assert (await door.ask("GET", f"/file/{row.id}", **headers)).status_code == 200, "reading is safe"
    for headers in ({"origin": HUB}, {"origin": HUB, "sec_fetch_site": "same-origin"}):
        assert (await door.ask("PATCH", path, {"filename": "y"}, **headers)).status_code == 200


async def test_c5_a_bearer_token_alone_counts(door: Door) -> None:
    row = await door.bench.upload(door.place)
    answer = await door.ask("GET", f"/file/{row.id}", authorization="Bearer nobody")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a1_a_stranger_is_told_the_same_of_everything(door: Door) -> None:
    row = await door.bench.upload(door.place)
    told = [await door.ask("GET", f"/file/{id}", who=None) for id in (row.id, 987_654_321, "x", "0")]
    told += [await door.ask("POST", SEVERAL, body, who=None) for body in (NOTHING, b"{", {"ids": "\0"})]
    assert {answer.status_code for answer in told} == {401}
    assert len({answer.content for answer in told}) == 1


async def test_a_dead_session_is_401(door: Door) -> None:
    door.tokens[STRANGER] = "dead"
    assert (await door.ask("GET", "/file/1", who=STRANGER)).status_code == 401


async def test_every_request_is_counted_and_too_many_are_429(door: Door) -> None:
    await door.ask("GET", "/file/1", who=Role.VIEWER)
    await door.ask("GET", "/file/1", who=None)
    assert door.throttled == [door.place.people[Role.VIEWER].user_id, None]
    door.is_limited = True
    for who in (Role.VIEWER, None):
        answer = await door.ask("POST", SEVERAL, NOTHING, who=who)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_a_fault_of_ours_is_500_with_an_id_and_nothing_else(bench: MediaBench) -> None:
    async def fail(ask: Ask) -> None:
        raise RuntimeError("SELECT secret FROM inside")

    def route(rest: RestEndpoints) -> BaseRoute:
        return rest.route("/api/failing/{id}", POST=fail)

    with structlog.testing.capture_logs() as logs:
        async with opened(bench, route) as door:
            answer = await door.ask("POST", "/failing/1")
    (fault,) = [line for line in logs if line["event"] == "fault"]
    assert (answer.status_code, answer.json()) == (500, {"error": f"error {fault['id']}", "code": "internal"})
    assert fault["where"] == "/api/failing/{id}"


async def test_what_takes_too_long_is_503_and_ends(bench: MediaBench) -> None:
    ended = asyncio.Event()

    async def sleep(ask: Ask) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def route(rest: RestEndpoints) -> BaseRoute:
        return rest.route("/api/sleeping", GET=sleep)

    async with opened(bench, route, operation_s=2) as door:
        answer = await door.ask("GET", "/sleeping")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers
    assert ended.is_set()


async def test_l1_no_cookie_and_no_body_is_logged(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        for who in (Role.VIEWER, STRANGER):
            await door.ask("PATCH", "/workspace/1/file/1", {"filename": "M4RK3R/name"}, who=who)
            await door.ask("POST", SEVERAL, b'{"ids":["M4RK3R"', who=who)
    assert logs
    assert "M4RK3R" not in str(logs)
    for token in door.tokens.values():
        assert token not in str(logs)
