"""The IDE by a log-in link, in a real browser: it logs in, shows the fleet live, and speaks to the hub alone."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.cli.commands import LINK, Place
from tests.support.services import program

pytestmark = [pytest.mark.browser, pytest.mark.npm]

PATIENCE_S = 120


async def seen(client: Path, chromium: str, link: str, screenshot: Path) -> dict[str, Any]:
    """What the page showed and did."""
    process = await asyncio.create_subprocess_exec(
        *(program("node"), "open.mjs", chromium, link, str(screenshot)),
        cwd=client,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert out, err.decode()
    told: dict[str, Any] = json.loads(out)
    assert process.returncode == 0, told
    return told


async def test_a_link_to_the_ide_logs_in_and_its_subscription_shows_the_fleet(
    chromium: str, browser_client: Path, tmp_path: Path
) -> None:
    place = Place(tmp_path, {"OFH_PORT": "0", "OFH_MQTT_PORT": "0"})
    async with place.running("demo", "--drones", "3") as demo:
        found = await demo.says(LINK)
        url, token = found.groups()
        told = await seen(browser_client, chromium, f"{url}/graphql#login={token}", tmp_path / "ide.png")

    assert told["notice"] == "Logged in as Demo, in the workspace Demo."
    assert token not in told["address"], "the link's code is in no history"
    assert told["cookies"] == [{"name": "user-auth", "httpOnly": True, "sameSite": "Lax"}]

    for text in (told["first"], told["second"]):
        for field in ("longitude", "latitude", "height", "reportedAt"):
            assert re.search(rf'"{field}": \S', text), text
        assert "errors" not in text
    assert told["first"] != told["second"], "it is live"
    assert told["frames"] >= 2, "the first picture, and at least one more"

    assert (told["console"], told["faults"], told["failed"]) == ([], [], [])
    hosts = {urlsplit(asked).netloc for asked in told["requests"] if not asked.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(url).netloc}
    assert [urlsplit(asked)[:3] for asked in told["sockets"]] == [("ws", urlsplit(url).netloc, "/graphql")]
    assert not [asked for asked in told["requests"] if token in asked], "the code is sent in a body alone"

    picture = (tmp_path / "ide.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
