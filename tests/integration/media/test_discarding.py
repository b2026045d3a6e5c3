"""An object that is being deleted is given no row, whichever process's clock is ahead."""

from datetime import timedelta

import pytest

from ofh.domain.errors import Code, HubError
from ofh.services.discarding import Discarding
from ofh.store.models import DiscardedObject
from tests.support.media import MediaBench

KEY = "some-workspace/photo.jpg"


@pytest.mark.parametrize("ahead_s", [0, 5, 600])
async def test_word_of_an_object_that_is_being_deleted_elsewhere_is_refused(
    bench: MediaBench, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    await bench.discarding.expect(KEY)
    other = Discarding(bench.database, bench.store, lambda: bench.clock() + timedelta(days=14, seconds=ahead_s))
    here = Discarding(bench.database, bench.store, lambda: bench.clock() + timedelta(days=14))
    refused: list[Code] = []

    async def delete(key: str) -> None:
        with pytest.raises(HubError) as refusal:
            await here.told(key)
        refused.append(refusal.value.code)

    monkeypatch.setattr(bench.store, "delete", delete)
    assert await other.sweep() == 1
    assert refused == [Code.UNAVAILABLE]
    assert not await DiscardedObject.exists()


async def test_word_that_comes_in_time_keeps_the_object(bench: MediaBench) -> None:
    await bench.discarding.expect(KEY)
    late = Discarding(bench.database, bench.store, lambda: bench.clock() + timedelta(days=13))
    await late.told(KEY)
    assert not await DiscardedObject.exists()
