"""The documentation: what the pages hold, what they load, and that a description cannot break out of them."""

import base64
import hashlib
import json
import re
from typing import Any

import httpx2
import pytest
from starlette.routing import Router

from ofh.edges.docs import asyncapi, markdown, sdl
from ofh.edges.docs.pages import CONTRACTS, HERE, PATH, Docs
from ofh.edges.graphql.schema import print_sdl

SCHEMA = 'type Query { "Who is there." drones(first: Int!): [Drone!]! } type Drone { id: ID! }'
PAGES = [PATH, *(contract.path for contract in CONTRACTS)]


async def get(path: str, **given: Any) -> httpx2.Response:
    app = Router(routes=Docs(given.get("schema", lambda: SCHEMA)).routes(), redirect_slashes=False)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://hub.example.org") as client:
        return await client.request(given.get("method", "GET"), path)


def vendored() -> list[str]:
    return [path.name for path in (HERE / "vendor").iterdir() if path.suffix in (".js", ".css")]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_from_the_hub_alone_and_its_policy_says_so(path: str) -> None:
    page = await get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert not re.findall(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\bstyle=", page.text)
    loaded = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) > 1
    for name in loaded:
        if name != "data:,":
            part = await get(name)
            assert part.status_code == 200, name
            assert "immutable" in part.headers["cache-control"]


@pytest.mark.parametrize("path", PAGES)
async def test_links_lead_somewhere(path: str) -> None:
    page = (await get(path)).text
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    for link in re.findall(r'<a[^>]* href="([^"]+)"', page):
        if link.startswith("#"):
            assert link[1:] in ids, link
        elif link.startswith("/api/"):
            assert (await get(link)).status_code == 200, link
        else:
            assert link == "/graphql", link


async def test_each_document_is_served_as_it_is() -> None:
    for contract in CONTRACTS:
        for name in contract.documents:
            answer = await get(f"/api/{name}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
            assert answer.json() == json.loads((HERE / "contracts" / name).read_text("utf-8"))


async def test_pages_are_read_only() -> None:
    for path in (*PAGES, "/api/openapi.json"):
        answer = await get(path, method="POST")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        head = await get(path, method="HEAD")
        assert (head.status_code, head.content) == (200, b"")


async def test_without_introspection_the_schema_is_not_shown_here_either() -> None:
    assert "Who is there." in (await get(f"{PATH}/graphql")).text
    page = (await get(f"{PATH}/graphql", schema=None)).text
    assert "Who is there." not in page
    assert "switched introspection off" in page


def test_the_whole_schema_can_be_shown() -> None:
    shown = sdl.render(print_sdl())
    for name in ("Query", "Mutation", "Subscription", "Workspace", "WorkspaceRole"):
        assert f'id="{name}"' in shown.body


def test_the_vendored_files_are_the_published_ones() -> None:
    readme = (HERE / "vendor" / "README.md").read_text("utf-8")
    for name in vendored():
        digest = base64.b64encode(hashlib.sha384((HERE / "vendor" / name).read_bytes()).digest()).decode()
        assert f"`{name}`" in readme
        assert digest in readme


# What descriptions are written in


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("`<b>` and **bold `x`**", "<code>&lt;b&gt;</code> and <strong>bold <code>x</code></strong>"),
        ("[here](/api/docs)", '<a href="/api/docs">here</a>'),
        ("[here](javascript:alert(1))", "[here](javascript:alert(1))"),
        ('[x](/a"onclick="y)', '<a href="/a&quot;onclick=&quot;y">x</a>'),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("an *emphasis*", "an <em>emphasis</em>"),
    ],
)
def test_a_line(text: str, html: str) -> None:
    assert markdown.inline(text) == html


def test_blocks() -> None:
    text = "One\nline.\n\n| a | b |\n| --- | --- |\n| `1` | 2 |\n\n- x\n- y"
    paragraph, table, items = markdown.blocks(text).split("\n")
    assert paragraph == "<p>One line.</p>"
    assert "<th>a</th><th>b</th>" in table
    assert "<td><code>1</code></td><td>2</td>" in table
    assert items == "<ul><li>x</li><li>y</li></ul>"


# What is in a message


def test_members_of_a_schema_that_is_put_together() -> None:
    document = {
        "components": {
            "schemas": {
                "Outer": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"tid": {"type": "string"}, "data": {"type": "object"}},
                },
                "Whole": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Outer"},
                        {
                            "properties": {
                                "data": {
                                    "required": ["result"],
                                    "properties": {
                                        "result": {"type": "integer", "minimum": 0},
                                        "list": {
                                            "type": "array",
                                            "items": {"properties": {"kind": {"enum": ["a", "b"]}}},
                                        },
                                    },
                                    "patternProperties": {"^x": {"type": ["number", "null"]}},
                                }
                            }
                        },
                    ]
                },
            }
        }
    }
    found = asyncapi.members(document, {"$ref": "#/components/schemas/Whole"})
    assert [(member.name, member.kind, member.is_required) for member in found] == [
        ("tid", "text", False),
        ("data", "object", True),
        ("data.result", "whole number, ≥ 0", True),
        ("data.list", "list", False),
        ("data.list[].kind", 'one of "a", "b"', False),
        ("data.^x", "number or null", False),
    ]
