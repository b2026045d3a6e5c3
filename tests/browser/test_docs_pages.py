"""The documentation in a real browser: all of each contract is drawn, under its strict policy, from the hub alone."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ofh.edges.docs.pages import CONTRACTS, HERE, PATH
from tests.browser.pilot import PATIENCE_S, site
from tests.support.services import program

pytestmark = [pytest.mark.browser, pytest.mark.npm]

VERBS = {"get", "put", "post", "delete", "patch"}


def counted(name: str) -> tuple[int, int]:
    """Operations and messages of a contract."""
    document = json.loads((HERE / "contracts" / name).read_text("utf-8"))
    operations = sum(len(VERBS & item.keys()) for item in document.get("paths", {}).values())
    return operations, sum(len(channel["messages"]) for channel in document.get("channels", {}).values())


def test_all_of_each_contract_is_shown_and_nothing_is_asked_of_others(
    chromium: str, browser_client: Path, tmp_path: Path
) -> None:
    paths = [PATH, *(contract.path for contract in CONTRACTS)]
    with site(tmp_path / "hub") as hub:
        done = subprocess.run(
            [program("node"), "docs.mjs", chromium, hub.url, *paths],
            cwd=browser_client,
            capture_output=True,
            timeout=4 * PATIENCE_S,
            check=False,
        )
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert (told["console"], told["faults"], told["failed"]) == ([], [], [])
    hosts = {urlsplit(asked).netloc for asked in told["requests"] if not asked.startswith("data:")}
    assert hosts == {urlsplit(hub.url).netloc}
    for contract in CONTRACTS:
        page = told["pages"][contract.path]
        assert page["overflow"] <= 0, contract.name
        if contract.documents:
            assert (page["operations"], page["messages"]) == counted(contract.documents[0]), contract.name
        else:
            assert page["messages"] > 50, "every type of the GraphQL schema"
    assert "/api/openapi.json" in told["pages"][PATH]["text"]
