"""Routes below `/api/` are found as if all were looked through."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.testclient import TestClient

from ofh.edges.paths import grouped

PATHS = (
    "/",
    "/api/drone/{id}",
    "/media/{rest:path}",
    "/api/file/get-multiple",
    "/api/file/{id}",
    "/api/file/{id}/{more:path}",
    "/api/{kind}/any",
    "/apis/x",
)


def route(path: str, methods: list[str] | None = None) -> Route:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{path} {sorted(request.path_params.items())}")

    return Route(path, answer, methods=methods)


def clients() -> tuple[TestClient, TestClient]:
    routes = [route(path) for path in PATHS] + [route("/api/file/{id}", ["POST"]), route("/api/only", ["POST"])]
    made: tuple[Any, Any] = Router(routes=routes), Router(routes=grouped(routes))
    return TestClient(made[0]), TestClient(made[1])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/api/drone/7", "/media/a/b", "/api/file/get-multiple", "/api/file/9")),
        *(
            ("GET", path)
            for path in ("/api/file/9/a/b", "/api/x/any", "/apis/x", "/api/file", "/api/", "/api", "/other")
        ),
        *(("GET", path) for path in ("/API/drone/7", "/api//drone/7", "/api/drone/7/", "/api/only")),
        *(("POST", path) for path in ("/api/file/9", "/api/only", "/api/drone/7", "/api/file/get-multiple")),
    ],
)
def test_the_answer_is_that_of_all_routes_one_after_the_other(method: str, path: str) -> None:
    whole, quick = [client.request(method, path) for client in clients()]
    assert (quick.status_code, quick.text, quick.headers.get("allow")) == (
        whole.status_code,
        whole.text,
        whole.headers.get("allow"),
    )


def test_routes_of_one_kind_are_together_in_the_place_of_the_first() -> None:
    assert len(grouped([route(path) for path in PATHS])) == 5
