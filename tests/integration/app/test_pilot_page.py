"""`/pilot/` as a controller asks for it: the page, its files, and what stands around them."""

import re
from pathlib import Path

import pytest

from ofh.settings import load
from tests.integration.app.hubs import get, hub, served

FILES = Path(__file__).parents[3] / "src/ofh/edges/pilot_page/static"
PUBLIC = "https://hub.example.org"


async def test_the_page_comes_with_its_files_and_a_policy_that_lets_nothing_else_run(tmp_path: Path) -> None:
    async with hub(data=tmp_path, public_url=PUBLIC) as (_, asking):
        page = await asking.get("/pilot/")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert f"{PUBLIC}/pilot/" in page.text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", page.text), "nothing inline"
        loaded = re.findall(r'(?:src|href)="(/pilot/[^"]+)"', page.text)
        names = {name.partition("?")[0].rpartition("/")[2] for name in loaded}
        assert names == {path.name for path in FILES.iterdir() if path.suffix in (".js", ".css")}
        for name in loaded:
            answer = await asking.get(name)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))
            assert answer.content == (FILES / name.partition("?")[0].rpartition("/")[2]).read_bytes()
        assert "{" not in page.text, "every place is filled"


@pytest.mark.parametrize("path", ["/pilot/", "//pilot/", "///pilot/"])
async def test_a7_the_page_answers_under_slashes_too_many(tmp_path: Path, path: str) -> None:
    async with served(load(data=tmp_path, mqtt_port=0)) as (_, app):
        assert (await get(app, path))[0] == 200


@pytest.mark.parametrize("path", ["/pilot", "//pilot"])
async def test_a7_without_its_slash_it_leads_to_the_page_whatever_the_host_says(tmp_path: Path, path: str) -> None:
    async with served(load(data=tmp_path, mqtt_port=0)) as (_, app):
        status, headers = await get(app, path)
        assert (status, headers["location"]) == (307, "/pilot/")


async def test_other_paths_are_404_and_other_verbs_405(tmp_path: Path) -> None:
    async with hub(data=tmp_path) as (_, asking):
        for path in ("/pilot/index.html", "/pilot/nothing.js", "/pilot/../pilot/page.py", "/Pilot/", "/pilots"):
            assert (await asking.get(path)).status_code == 404, path
        for path in ("/pilot/", "/pilot", "/pilot/page.js"):
            answer = await asking.post(path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        head = await asking.head("/pilot/")
        assert (head.status_code, head.content) == (200, b"")


async def test_the_page_and_its_files_are_not_counted_as_a_strangers_requests(tmp_path: Path) -> None:
    async with hub(data=tmp_path, address_requests_per_s=1, address_requests_burst=2) as (_, asking):
        for _ in range(20):
            assert (await asking.get("/pilot/")).status_code == 200


def test_the_pages_style_is_one_that_an_old_webview_understands() -> None:
    style = (FILES / "style.css").read_text("utf-8")
    assert not re.search(r"(?<!grid-)gap:", style), "gap in flex is unknown to Chromium 70"
    assert not re.search(r"\binset:|aspect-ratio|:is\(|:where\(|min\(|max\(|clamp\(|dvh", style)
