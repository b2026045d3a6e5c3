"""Every path of the hub stands in one of the contracts, or is one of the few that are described elsewhere."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Route, WebSocketRoute

from ofh.edges.docs.pages import HERE
from ofh.settings import load
from tests.integration.app.hubs import served

ELSEWHERE = {
    "/graphql": "schema.graphql",
    "/": "docs/dashboard.md",
    "/dashboard/{}/{}": "docs/dashboard.md",
    "/graphql/ide/{}": "README.md",
    "/graphql/client/fleet.js": "docs/fleet.md",
    "/healthz": "docs/operations.md",
    "/readyz": "docs/operations.md",
    "/metrics": "docs/operations.md",
    "/mqtt": "the AsyncAPI document of MQTT, as its server",
    "/ofh-media": "docs/storage.md",
    "/ofh-media/{}": "docs/storage.md",
}
PAGES = ("/api/docs", "/pilot")
"""Pages and what they load lie below these."""


def documented() -> set[str]:
    """The addresses of all contracts, whatever their parameters are called."""
    found: set[str] = set()
    for path in (HERE / "contracts").iterdir():
        document = json.loads(path.read_text("utf-8"))
        found |= set(document.get("paths", {}))
        found |= {channel["address"] for channel in document.get("channels", {}).values()}
        found.add(f"/api/{path.name}")
    return {without_names(address) for address in found}


def without_names(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def formats(path: str) -> str:
    """A path with its format as a parameter, as the contract has it."""
    return re.sub(r"^(/export/(?:flight|drone)/\{\})\.(geojson|gpx|kml|csv)$", r"\1.{}", path)


async def test_no_path_is_undocumented(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    async with served(load(data=tmp_path, mqtt_port=0)) as (_, app):
        routes: list[BaseRoute] = app.routes
        paths = {formats(without_names(item.path)) for item in routes if isinstance(item, Route | WebSocketRoute)}
    known = documented() | ELSEWHERE.keys()
    unknown: list[Any] = sorted(path for path in paths - known if not path.startswith(PAGES))
    assert unknown == []
