"""What the parts of a hub count stands in its metrics, and a right that cannot be looked at is no loose end."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ofh.domain.errors import Code, HubError
from ofh.settings import load
from tests.integration.app.hubs import client, hub, served


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {"data": tmp_path}


async def test_every_drop_of_every_part_is_in_the_metrics(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (started, asking):
        broker: Any = started.broker
        broker.server.counters.qos0_skipped += 3
        bus: Any = started.bus
        bus._dropped += 4
        mail: Any = started.people.mail
        mail.dropped += 5
        text = (await asking.get("/metrics")).text
    found = dict(re.findall(r"^(ofh_\S+_total\S*|ofh_broker_locked_out) (\S+)$", text, re.MULTILINE))
    assert float(found['ofh_broker_events_total{event="qos0_skipped"}']) == 3
    assert float(found['ofh_bus_events_total{event="dropped"}']) == 4
    assert float(found['ofh_bus_events_total{event="line_lost"}']) == 0
    assert float(found['ofh_mail_events_total{event="dropped"}']) == 5
    assert float(found["ofh_broker_locked_out"]) == 0


async def test_the_metrics_are_kept_up_to_date_for_other_processes_to_show(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ofh.numbers.COUNT_S", 0.01)
    async with hub(**settings) as (started, _):
        broker: Any = started.broker
        broker.server.counters.expired += 2

        def seen() -> float | None:
            return started.metrics.registry.get_sample_value("ofh_broker_events_total", {"event": "expired"})

        async with asyncio.timeout(20):
            while seen() != 2:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("trouble", [HubError(Code.UNAVAILABLE, "The database is away."), RuntimeError("a bug")])
async def test_word_of_a_changed_right_that_cannot_be_looked_at_ends_in_the_log(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    async with served(load(**settings, mqtt_port=0)) as (started, app), client(app):

        async def away(_user_id: int, _workspace_id: int) -> bool:
            raise trouble

        monkeypatch.setattr(started.people.access, "is_member", away)
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unseen.append(context))
        with capture_logs() as logs:
            await started.people.control.publish("membership", user_id=1, workspace_id=1)
            async with asyncio.timeout(20):
                while not any(line["event"].startswith("work in the background ") for line in logs):
                    await asyncio.sleep(0.01)
        assert not app._background
        assert unseen == []
