"""Uploads as they come: each once, also where the line breaks or processes tell them out of order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ofh.domain.errors import Code, HubError
from ofh.domain.event_json import encode
from ofh.domain.events import MediaUploaded
from ofh.services import media_watch
from ofh.services.media_watch import uploads
from ofh.services.workspace_feed import channel
from ofh.store.models import Drone, Media
from tests.support.media import MediaBench, Place, callback

PREFIX = "87ffce7c-da28-49cf-9134-8db9fd87ccd1/k3v9"
PATIENCE_S = 20


class Watching:
    """What a watch has shown."""

    def __init__(self) -> None:
        self.shown: asyncio.Queue[int] = asyncio.Queue()

    async def next(self, count: int = 1) -> list[int]:
        """The ids of the next media items."""
        async with asyncio.timeout(PATIENCE_S):
            return [await self.shown.get() for _ in range(count)]


@asynccontextmanager
async def watching(bench: MediaBench, place: Place, drone_id: int | None = None) -> AsyncIterator[Watching]:
    seen = Watching()
    async with uploads(bench.feed, place.id, drone_id) as watch:
        assert watch.current() == []

        async def read() -> None:
            async for batch in watch.changes():
                for item in batch:
                    seen.shown.put_nowait(item.row.id)

        task = asyncio.create_task(read())
        try:
            yield seen
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def come(bench: MediaBench, place: Place, number: int, serial: str = "A") -> int:
    """A photo; its id."""
    key = f"{PREFIX}/{number}.JPG"
    await bench.register(
        place, callback(object_key=key, name=f"{number}.JPG", fingerprint=f"{number:032x}", ext={"sn": serial})
    )
    found: int = (await Media.get(file__object_key=key)).id
    return found


async def tell(bench: MediaBench, place: Place, *told: tuple[int, int]) -> None:
    """Uploads as another process tells them: number and id of the media item."""
    events = [
        MediaUploaded(workspace_id=place.id, drone_id=1, media_id=media_id, flight_id=None, at=bench.now, seq=seq)
        for seq, media_id in told
    ]
    await bench.bus.publish(channel(place.id), encode(events))


async def test_what_comes_is_shown_and_what_came_before_is_not(bench: MediaBench, place: Place) -> None:
    await come(bench, place, 0)
    async with watching(bench, place) as seen:
        ids = [await come(bench, place, number) for number in (1, 2, 3)]
        assert await seen.next(3) == ids
    assert seen.shown.empty()


async def test_only_what_a_drone_took_is_shown_where_one_is_named(bench: MediaBench, place: Place) -> None:
    await come(bench, place, 0)
    drone = await Drone.get(serial_number="A")
    async with watching(bench, place, drone.id) as seen:
        await come(bench, place, 1, serial="B")
        mine = await come(bench, place, 2)
        assert await seen.next() == [mine]


async def test_what_is_told_twice_or_out_of_order_is_shown_once(bench: MediaBench, place: Place) -> None:
    async with watching(bench, place) as seen:
        first, second = [await come(bench, place, number) for number in (1, 2)]
        assert await seen.next(2) == [first, second]
        await tell(bench, place, (2, second), (1, first))
        third = await come(bench, place, 3)
        assert await seen.next() == [third]


async def test_a_broken_line_is_made_good_from_the_journal(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None: ...

    async with watching(bench, place) as seen:
        first = await come(bench, place, 1)
        assert await seen.next() == [first]
        with monkeypatch.context() as changed:
            changed.setattr("ofh.services.media_intake.publish", lost)
            missed = [await come(bench, place, number) for number in (2, 3)]
        await bench.bus.publish(channel(place.id), b"not readable")
        assert await seen.next(2) == missed
        last = await come(bench, place, 4)
        assert await seen.next() == [last]


async def test_what_is_deleted_before_it_is_shown_is_passed_over(bench: MediaBench, place: Place) -> None:
    async with watching(bench, place) as seen:
        await tell(bench, place, (50, 987_654_321))
        kept = await come(bench, place, 1)
        assert await seen.next() == [kept]


async def test_a_watch_remembers_so_many_and_no_more(
    bench: MediaBench, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_watch, "REMEMBERED", 2)
    async with watching(bench, place) as seen:
        ids = [await come(bench, place, number) for number in range(1, 8)]
        assert await seen.next(7) == ids
        await tell(bench, place, (1, ids[0]), (7, ids[6]))
        await bench.bus.publish(channel(place.id), b"not readable")
        last = await come(bench, place, 8)
        assert await seen.next() == [last]


async def test_a_workspace_that_is_gone_cannot_be_watched(bench: MediaBench) -> None:
    with pytest.raises(HubError) as refused:
        async with uploads(bench.feed, 987_654_321, None):
            pass
    assert refused.value.code is Code.GONE
