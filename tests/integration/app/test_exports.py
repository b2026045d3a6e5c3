"""Downloads within a whole hub: a link that the API gives leads to the file, with the same token."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ofh.choices import now
from ofh.domain.actors import Actor
from ofh.store.models import Drone, Flight
from tests.integration.app.hubs import hub
from tests.support.history import history_row, store

LINKS = """query ($flight: ID!, $drone: ID!, $from: DateTime!, $to: DateTime!) {
    flight(id: $flight) { exports { url } }
    drone(id: $drone) { exportUrl(from: $from, to: $to, format: CSV) } }"""


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    return {"data": tmp_path}


async def test_a_link_of_the_api_leads_to_the_file(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (started, asking):
        people, at = started.people, now() - timedelta(hours=1)
        user = await people.accounts.create_user("ada@example.org")
        actor = Actor(user_id=user.id, credential="cli", credential_id=0)
        workspace = await people.workspaces.create(actor, "Lake")
        drone = await Drone.create(workspace_id=workspace.id, serial_number="SN1", type=67, created_at=at)
        rows = [history_row(at + timedelta(seconds=second), drone_id=drone.id) for second in range(10)]
        await store(started.database, rows)
        flight = await Flight.create(
            workspace_id=workspace.id, drone_id=drone.id, phase="ended", started_at=at, last_at=rows[-1].reported_at
        )
        _, token = await people.access_tokens.create(actor, "test")
        headers = {"authorization": f"Bearer {token}"}
        values = {
            "flight": str(flight.id),
            "drone": str(drone.id),
            "from": at.isoformat(),
            "to": (at + timedelta(seconds=4)).isoformat(),
        }
        told = await asking.post("/graphql", json={"query": LINKS, "variables": values}, headers=headers)
        links = [item["url"] for item in told.json()["data"]["flight"]["exports"]]
        assert len(links) == 4
        for link in links:
            answer = await asking.get(link, headers=headers)
            assert answer.status_code == 200, link
            assert answer.content
            assert (await asking.get(link)).status_code == 401
        span = await asking.get(told.json()["data"]["drone"]["exportUrl"], headers=headers)
        assert len(span.text.splitlines()) == 1 + 5


async def test_a_page_of_another_origin_may_link_but_reads_nothing(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        answer = await asking.get("/export/flight/1.gpx", headers={"origin": "https://evil.example"})
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-site"


async def test_strangers_who_try_many_are_slowed_down(settings: dict[str, Any]) -> None:
    async with hub(**settings, address_requests_per_s=1, address_requests_burst=2) as (_, asking):
        found = [(await asking.get("/export/flight/1.gpx")).status_code for _ in range(10)]
    assert found[0] == 401
    assert set(found) == {401, 429}
