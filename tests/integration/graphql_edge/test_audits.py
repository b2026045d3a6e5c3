"""The public conformance suite of GraphQL over HTTP, the npm package `graphql-http`, against a real server (G1)."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.graphql_edge.test_uvicorn import served
from tests.support.services import program

SCRIPT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
"""


@pytest.mark.npm
async def test_every_audit_passes(tmp_path: Path, npm_packages: Path) -> None:
    node = program("node")
    (tmp_path / "node_modules").symlink_to(npm_packages)
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
