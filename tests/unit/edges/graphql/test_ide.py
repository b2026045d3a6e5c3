"""The IDE's files are those that Strawberry's own page names, to the byte."""

import base64
import hashlib
import re

from strawberry.http.ides import get_graphql_ide_html

from ofh.edges.graphql.ide.page import HERE, Ide

NAMES = {
    "react@18.2.0/umd/react.production.min.js": "react.production.min.js",
    "react-dom@18.2.0/umd/react-dom.production.min.js": "react-dom.production.min.js",
    "graphiql@3.8.3/graphiql.min.css": "graphiql.min.css",
    "graphiql@3.8.3/graphiql.min.js": "graphiql.min.js",
    "@graphiql/plugin-explorer@1.0.2/dist/style.css": "plugin-explorer.css",
    "@graphiql/plugin-explorer@1.0.2/dist/index.umd.js": "plugin-explorer.umd.js",
}
UNUSED = {"js-cookie@3.0.5/dist/js.cookie.min.js"}
"""Strawberry's page reads another framework's token with it."""


def digest(name: str) -> str:
    data = (HERE / "vendor" / name).read_bytes()
    return base64.b64encode(hashlib.sha384(data).digest()).decode()


def test_the_vendored_files_are_the_published_ones() -> None:
    tags = re.findall(r"<(?:script|link)\b[^>]*integrity[^>]*>", get_graphql_ide_html("graphiql"))
    wanted = {}
    for tag in tags:
        path = re.search(r'https://unpkg\.com/([^"]+)"', tag)
        hashed = re.search(r'integrity="sha384-([^"]+)"', tag)
        assert path is not None
        assert hashed is not None
        wanted[path[1]] = hashed[1]
    assert set(wanted) == set(NAMES) | UNUSED
    assert {path: digest(name) for path, name in NAMES.items()} == {path: wanted[path] for path in NAMES}


def test_the_readme_says_what_each_file_is() -> None:
    readme = (HERE / "vendor" / "README.md").read_text()
    files = {path.name for path in (HERE / "vendor").iterdir()} - {"README.md", "LICENSE-react", "LICENSE-graphiql"}
    assert files == set(NAMES.values())
    for name in files:
        assert f"`{name}`" in readme
        assert digest(name) in readme


def test_a_default_query_cannot_break_out_of_the_page() -> None:
    html = Ide(default_query='{ a(b: "</div><script>alert(1)</script>") }').html
    assert "<script>alert" not in html
    assert "&lt;/div&gt;&lt;script&gt;alert(1)" in html
