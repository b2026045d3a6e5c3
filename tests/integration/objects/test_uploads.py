"""Uploads: how full the store is, and what broken ones leave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ofh.backends.objects_local import LocalStore
from ofh.backends.ports import Space, StoreFull
from ofh.metrics import Metrics
from ofh.services.incoming import Reception
from ofh.services.uploads import Uploads
from tests.integration.objects.conftest import clock
from tests.support.media import nothing_expected


@asynccontextmanager
async def uploads(folder: Path) -> AsyncIterator[Uploads]:
    store, reception = LocalStore(folder / "objects", clock), Reception(folder / "incoming")
    await store.start()
    yield Uploads(store, reception, Metrics(), expect=nothing_expected)
    reception.stop()
    await store.stop()


async def test_how_full_it_is_is_seen_and_alarmed_at_nine_tenths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploads(tmp_path) as made:

        async def room(free: int) -> None:
            async def space() -> Space:
                return Space(total_bytes=100, free_bytes=free)

            monkeypatch.setattr(made._reception, "space", space)
            monkeypatch.setattr(made._store, "space", space)
            await made.look()

        await room(11)
        assert (round(made.used, 2), made.is_almost_full) == (0.89, False)
        await room(10)
        assert (made.used, made.is_almost_full) == (0.9, True)
        await room(0)
        with pytest.raises(StoreFull):
            async with made.receive("w/g/x", session="w/g", announced=1):
                raise AssertionError("there is no room")


async def test_left_overs_are_removed_and_what_comes_in_is_not(tmp_path: Path) -> None:
    import os

    async with uploads(tmp_path) as made, made.receive("w/g/x", session="w/g", announced=None) as incoming:
        left = tmp_path / "incoming" / "left"
        left.write_bytes(b"x")
        os.utime(left, (0, 0))
        await made.tidy()
        assert not left.exists()
        await incoming.take(b"content")
        received = await incoming.finish()
        await made.put("w/g/x", received, content_type="text/plain")
        info = await made.stat("w/g/x")
        assert info is not None
        assert info.size_bytes == 7
