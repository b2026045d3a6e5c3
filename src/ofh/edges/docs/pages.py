"""`/api/docs`: the contracts for people to read, and the documents themselves. Works with no internet.

The REST and Pilot documents are shown by Swagger UI from our own origin; pages of AsyncAPI documents and of the GraphQL
schema are made here, when somebody first asks for them. No script stands in a page, and a page may speak to nobody but
the hub, so its policy can say so.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from . import asyncapi, sdl

PATH = "/api/docs"
HERE = Path(__file__).parent
FILES: Mapping[str, str] = {
    "docs.css": "static",
    "operations.js": "static",
    "swagger-ui.css": "vendor",
    "swagger-ui-bundle.js": "vendor",
}
"""What the pages load, and the folder of each."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One of the pages."""

    name: str
    """The last part of its address."""
    title: str
    about: str
    documents: tuple[str, ...]
    """Files below `/api`, the one that the page shows first."""

    @property
    def path(self) -> str:
        """The page's address."""
        return f"{PATH}/{self.name}"


CONTRACTS = (
    Contract(
        name="rest",
        title="REST",
        about="Accounts, workspaces, drones, flights and files over plain HTTP, as clients of 0.11.0 use them.",
        documents=("openapi.json",),
    ),
    Contract(
        name="live",
        title="Live websocket",
        about="Positions, batteries and new photos as they come, in the frames of the published TypeScript client.",
        documents=("asyncapi.json",),
    ),
    Contract(
        name="graphql",
        title="GraphQL",
        about="Everything that the hub knows, with subscriptions. The way for new programs.",
        documents=(),
    ),
    Contract(
        name="mqtt",
        title="MQTT",
        about="What remote controllers and aircraft publish, and what the hub answers.",
        documents=("asyncapi-mqtt.json", "mqtt.schema.json"),
    ),
    Contract(
        name="pilot",
        title="Pilot: HTTP",
        about="What DJI Pilot 2 calls: uploads, the list of who is there, the shared map.",
        documents=("openapi-pilot.json",),
    ),
    Contract(
        name="pilot-websocket",
        title="Pilot: websocket",
        about="What remote controllers are told of the others in their workspace.",
        documents=("asyncapi-pilot.json",),
    ),
)


class Docs:
    """The pages, what they load, and the documents.

    Args:
        schema: prints the GraphQL schema; None where it is not to be shown.
    """

    def __init__(self, schema: Callable[[], str] | None) -> None:
        self._schema = schema

    def routes(self) -> list[BaseRoute]:
        """One for each address."""
        return [
            Route(PATH, _Page(_index)),
            *(Route(contract.path, _Page(self._maker(contract))) for contract in CONTRACTS),
            *(Route(f"{PATH}/files/{name}", _File(HERE / folder / name)) for name, folder in FILES.items()),
            *(
                Route(f"/api/{name}", _File(HERE / "contracts" / name, cache_control="no-cache"))
                for contract in CONTRACTS
                for name in contract.documents
            ),
        ]

    def _maker(self, contract: Contract) -> Callable[[], str]:
        if contract.name == "graphql":
            return lambda: _with_contents(contract, sdl.render(None if self._schema is None else self._schema()))
        if contract.documents[0].startswith("openapi"):
            return lambda: _operations(contract)
        return lambda: _with_contents(contract, asyncapi.render(_document(contract.documents[0])))


def _document(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(document(name))
    return found


def _index() -> str:
    cards = "".join(
        f'<li><h2><a href="{contract.path}">{escape(contract.title)}</a></h2><p>{escape(contract.about)}</p>'
        f'<p class="files">{_files(contract)}</p></li>'
        for contract in CONTRACTS
    )
    about = (
        "The contracts of this hub: what programs, browsers and remote controllers may rely on. Each page is made from "
        "a document that this hub serves; tests hold the hub against the same documents."
    )
    return _page(
        "Documentation", None, f"<main><h1>OpenFlightHub</h1><p>{about}</p><ul class=cards>{cards}</ul></main>"
    )


def _files(contract: Contract) -> str:
    links = [f'<a href="/api/{name}">/api/{name}</a>' for name in contract.documents]
    return " · ".join(links) or '<a href="/graphql">/graphql</a>'


def _with_contents(contract: Contract, rendered: asyncapi.Rendered) -> str:
    title = f"<h1>{escape(contract.title)}</h1><p>{escape(contract.about)}</p>"
    contents = f'<nav class="contents" aria-label="On this page">{rendered.contents}</nav>'
    return _page(
        contract.title, contract, f'<main class="with-contents">{contents}<div>{title}{rendered.body}</div></main>'
    )


def _operations(contract: Contract) -> str:
    place = f'<div id="operations" data-document="/api/{contract.documents[0]}"><p class="loading">Loading…</p></div>'
    return _page(
        contract.title,
        contract,
        place,
        styles=("swagger-ui.css", "docs.css"),
        scripts=("swagger-ui-bundle.js", "operations.js"),
    )


def _page(
    title: str,
    here: Contract | None,
    body: str,
    *,
    styles: tuple[str, ...] = ("docs.css",),
    scripts: tuple[str, ...] = (),
) -> str:
    loaded = "\n".join(
        [
            *(f'<link rel="stylesheet" href="{_versioned(name)}">' for name in styles),
            *(f'<script src="{_versioned(name)}" defer></script>' for name in scripts),
        ]
    )
    tabs = "".join(
        f'<a href="{contract.path}"{" aria-current=page" if contract is here else ""}>{escape(contract.title)}</a>'
        for contract in CONTRACTS
    )
    document = f'<span class="document">{_files(here)}</span>' if here is not None else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · OpenFlightHub</title>
<link rel="icon" href="data:,">
{loaded}
</head>
<body>
<nav class="bar" aria-label="Documentation"><a class="brand" href="{PATH}">OpenFlightHub</a>{tabs}{document}</nav>
{body}
</body>
</html>
"""


def document(name: str) -> bytes:
    """One of the documents, as it is served."""
    return (HERE / "contracts" / name).read_bytes()


def _versioned(name: str) -> str:
    digest = hashlib.sha256((HERE / FILES[name] / name).read_bytes()).hexdigest()[:12]
    return f"{PATH}/files/{name}?{digest}"


class _Page:
    """A page, made when it is first asked for."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = cache(make)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "content-security-policy": POLICY,
        }
        body = await asyncio.to_thread(self._make)
        await _answer(scope, send, body.encode(), headers)


class _File:
    """A file: by default under a name that changes with it."""

    def __init__(self, path: Path, *, cache_control: str = "public, max-age=31536000, immutable") -> None:
        self._path = path
        kinds = {
            ".css": "text/css; charset=utf-8",
            ".js": "text/javascript; charset=utf-8",
            ".json": "application/json",
        }
        self._headers = {"content-type": kinds[path.suffix], "cache-control": cache_control}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(scope, send, await asyncio.to_thread(self._path.read_bytes), self._headers)


async def _answer(scope: Scope, send: Send, body: bytes, headers: Mapping[str, str]) -> None:
    status = 200
    if scope["method"] not in ("GET", "HEAD"):
        status, body, headers = 405, b"", {"allow": "GET, HEAD"}
    fields = {"content-length": str(len(body)), **headers}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})
