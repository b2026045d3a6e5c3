"""The pure parts of the dashboard's flights and replays, by Node's own test runner (`flights/*.test.mjs`)."""

from pathlib import Path

from tests.browser.modules import copied, run

CLAIMS = Path(__file__).parent / "flights"
FAULT = "export class GraphQLFault extends Error { constructor(code, message) { super(message); this.code = code; } }"
"""Of the page's GraphQL: what is asked of the hub is answered by the tests."""
FLEET = "export const backOff = () => 0; export const followFleet = (needs) => globalThis.followed(needs);"
"""Of the hub's client of `fleet`: the tests tell what happens."""


def test_tracks_moments_and_replays_keep_what_they_promise(tmp_path: Path) -> None:
    copied(tmp_path, "model", "views/flights")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "graphql.js").write_text(FAULT)
    client = tmp_path / "node_modules" / "ofh" / "fleet.js"  # what the page's import map says
    client.parent.mkdir(parents=True)
    client.write_text(FLEET)
    run(tmp_path, CLAIMS)
