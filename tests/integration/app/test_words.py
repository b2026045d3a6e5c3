"""What one process of the hub is told by another, while a backend is away."""

import asyncio
from pathlib import Path

import pytest

from ofh import supervision
from ofh.domain.errors import Code, HubError
from tests.integration.app.hubs import hub
from tests.support.hubs import PATIENCE_S


async def test_word_of_changed_bindings_is_acted_on_once_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody says it a second time: a connection that was deleted would go on reporting by this process."""
    monkeypatch.setattr(supervision, "RESTART_S", 0.01)
    async with hub(data=tmp_path) as (started, _):
        real, tries = started.bindings.load, list[bool]()
        is_read = asyncio.Event()

        async def load() -> None:
            tries.append(True)
            if len(tries) < 3:
                raise HubError(Code.UNAVAILABLE, "The database is away.")
            await real()
            is_read.set()

        monkeypatch.setattr(started.bindings, "load", load)
        await started.people.control.publish("connection", connection_id=1)
        async with asyncio.timeout(PATIENCE_S):
            await is_read.wait()
        assert len(tries) == 3
