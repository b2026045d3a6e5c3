"""What the dashboard is told of a map and of video that the operator has set, and what its policy says of it."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ofh.edges.dashboard.map_source import PMTILES_PATH, MapSource
from ofh.edges.dashboard.page import Dashboard
from ofh.settings import SettingsError, load


def test_without_a_setting_the_page_may_speak_to_nobody_but_the_hub() -> None:
    dashboard = Dashboard()
    assert "connect-src 'self';" in dashboard.policy
    assert [route.path for route in dashboard.routes() if route.path == PMTILES_PATH] == []  # type: ignore[attr-defined]


def test_the_policy_names_where_the_map_comes_from_and_no_more() -> None:
    source = MapSource(
        style_url="https://maps.example.org:8443/a/style.json?key=k", origins=("https://*.tiles.example",)
    )
    assert source.policy_sources == ("https://maps.example.org:8443", "https://*.tiles.example")
    assert "connect-src 'self' https://maps.example.org:8443 https://*.tiles.example;" in Dashboard(None, source).policy
    assert source.data == {"style": "https://maps.example.org:8443/a/style.json?key=k", "pmtiles": None}
    elsewhere = MapSource(pmtiles="https://a.example/region.pmtiles")
    assert (elsewhere.policy_sources, elsewhere.data["pmtiles"]) == (
        ("https://a.example",),
        "https://a.example/region.pmtiles",
    )


def test_the_policy_names_where_video_comes_from_and_no_more() -> None:
    policy = Dashboard(None, MapSource(style_url="https://a.example/s"), None, "https://video.example:8443/live").policy
    assert "connect-src 'self' https://a.example https://video.example:8443;" in policy
    assert "media-src 'self' blob: https://video.example:8443;" in policy
    assert policy.count("video.example") == 2
    assert "media-src 'self' blob:;" in Dashboard().policy


def test_the_hub_serves_an_archive_of_its_machine_in_ranges(tmp_path: Path) -> None:
    archive = tmp_path / "region.pmtiles"
    archive.write_bytes(bytes(range(256)))
    source = MapSource(pmtiles=str(archive))
    assert (source.policy_sources, source.data["pmtiles"]) == ((), PMTILES_PATH)
    with TestClient(Starlette(routes=source.routes())) as client:
        part = client.get(PMTILES_PATH, headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
        assert client.get(PMTILES_PATH, headers={"range": "bytes=999-1000"}).status_code == 416
        archive.unlink()
        assert client.get(PMTILES_PATH).status_code == 404


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"map_style_url": "ftp://a.example/style.json"}, "OFH_MAP_STYLE_URL"),
        ({"map_style_url": "https://a.example; script-src *"}, "OFH_MAP_STYLE_URL"),
        (
            {"map_style_url": "https://a.example/s", "map_origins": ("https://b.example; x",)},
            "OFH_MAP_ORIGINS",
        ),
        ({"map_style_url": "https://a.example/s", "map_origins": ("*",)}, "OFH_MAP_ORIGINS"),
        ({"map_origins": ("https://b.example",)}, "OFH_MAP_ORIGINS"),
        ({"stream_view_url": "https://a.example; script-src */live"}, "OFH_STREAM_VIEW_URL"),
        ({"map_pmtiles": "/nowhere/region.pmtiles"}, "OFH_MAP_PMTILES"),
        ({"map_pmtiles": "https://a.example 'unsafe-eval'/x.pmtiles"}, "OFH_MAP_PMTILES"),
        ({"map_pmtiles": "https://a.example/x", "map_style_url": "https://a.example/s"}, "OFH_MAP_PMTILES"),
    ],
)
def test_a_map_or_a_media_server_that_cannot_be_is_refused_by_its_setting(given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(**given)
