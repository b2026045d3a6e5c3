"""The pure parts of the dashboard's flights and replays, by Node's own test runner (`flights/*.test.mjs`)."""

import shutil
import subprocess
from pathlib import Path

from ofh.edges.dashboard.page import STATIC
from tests.support.services import program

CLAIMS = Path(__file__).parent / "flights"
FAULT = "export class GraphQLFault extends Error { constructor(code, message) { super(message); this.code = code; } }"
"""Of the page's GraphQL: what is asked of the hub is answered by the tests."""
FLEET = "export const backOff = () => 0; export const followFleet = (needs) => globalThis.followed(needs);"
"""Of the hub's client of `fleet`: the tests tell what happens."""


def test_tracks_moments_and_replays_keep_what_they_promise(tmp_path: Path) -> None:
    for folder in ("model", "views/flights"):
        shutil.copytree(STATIC / folder, tmp_path / folder)
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "graphql.js").write_text(FAULT)
    client = tmp_path / "node_modules" / "ofh" / "fleet.js"  # what the page's import map says
    client.parent.mkdir(parents=True)
    client.write_text(FLEET)
    (tmp_path / "package.json").write_text('{"type": "module"}')  # as browsers take them
    names = [shutil.copy(path, tmp_path) for path in sorted(CLAIMS.glob("*.test.mjs"))]
    done = subprocess.run(
        [program("node"), "--test", *names], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
