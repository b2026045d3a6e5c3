"""The public conformance suite of GraphQL over HTTP, the npm package `graphql-http`, against a real server (G1).

`OFH_TEST_NPM` names a folder in whose `node_modules` the packages `graphql-http` and `graphql` are installed.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.integration.graphql_edge.test_uvicorn import served

SCRIPT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
"""


@pytest.mark.npm
async def test_every_audit_passes(tmp_path: Path) -> None:
    packages = Path(os.environ.get("OFH_TEST_NPM", "")) / "node_modules"
    node = shutil.which("node")
    if node is None or not (packages / "graphql-http").is_dir():
        pytest.skip("needs Node, and OFH_TEST_NPM to name a folder with graphql-http")
    (tmp_path / "node_modules").symlink_to(packages.resolve())
    script = tmp_path / "audit.mjs"
    script.write_text(SCRIPT)
    async with served() as hub:
        process = await asyncio.create_subprocess_exec(
            node, str(script), f"http://127.0.0.1:{hub.port}/graphql", stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    results = json.loads(out)
    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []
