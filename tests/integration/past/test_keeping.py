"""The feed is packed and pruned, and what it tells stays what it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.devices import micros
from ofh.services import feed_keeping as keeping
from ofh.services.feed_keeping import FeedKeeping
from ofh.services.feed_pages import Missing
from ofh.services.past import fold
from ofh.services.retention import Retention, RetentionRules
from ofh.store import feed, feed_keeping
from ofh.store.models import Workspace
from tests.integration.past.site import Site, shown
from tests.support.fleet import START

READERS = 3


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs and distances of states as small as a test's feed."""
    monkeypatch.setattr(keeping, "PACK_BYTES", 2_000)
    monkeypatch.setattr(keeping, "STATE_EVENTS", 30)
    monkeypatch.setattr(keeping, "STATE_EVENTS_PER_DEVICE", 1)
    monkeypatch.setattr(keeping, "PORTION", 10)


async def test_packing_changes_nothing_that_a_reader_sees(site: Site) -> None:
    await site.fly()
    pieces, rows, head = await site.pieces(), await site.rows(), await site.head()
    middle = START + timedelta(seconds=80)  # by then twenty seconds of it are a minute old
    assert await FeedKeeping(site.database, lambda: middle, pause_s=0).pack() > 0
    young = await site.rows()
    await site.keeping.pack()
    packed = await site.rows()
    assert len(packed) < len(young) < len(rows)
    assert packed[-1] == (head, False)  # a small rest waits, to be packed with more
    assert [is_packed for _, is_packed in packed] == sorted((is_packed for _, is_packed in packed), reverse=True)
    assert await site.pieces() == pieces
    site.bench.now += timedelta(hours=1)
    assert await site.keeping.pack() == 1
    assert all(is_packed for _, is_packed in await site.rows())
    assert await site.keeping.pack() == 0
    assert await site.pieces() == pieces
    for piece in pieces:
        assert await feed.read(site.database, site.workspace_id, piece.first, piece.last) == [piece]
        assert await feed.time_of(site.database, site.workspace_id, piece.last) == piece.at_us
        earlier = [other.last for other in pieces if other.at_us < piece.at_us]
        assert await feed.number_before(site.database, site.workspace_id, piece.at_us) == max(earlier, default=0)


async def test_readers_get_every_number_once_while_processes_pack(site: Site) -> None:
    await site.fly()
    site.bench.now += timedelta(hours=2)
    head = await site.head()
    is_over = asyncio.Event()

    async def read() -> int:
        rounds = 0
        while not rounds or not is_over.is_set():
            reached = 0
            while reached < head:
                pieces = await feed.read(site.database, site.workspace_id, reached + 1, min(reached + 7, head))
                numbers = [n for piece in pieces for n in range(piece.first, piece.last + 1) if n > reached]
                assert numbers == list(range(reached + 1, numbers[-1] + 1))
                reached = numbers[-1]
            rounds += 1
        return rounds

    async def pack() -> int:
        return await FeedKeeping(site.database, lambda: site.bench.now, pause_s=0).pack()

    readers = [asyncio.create_task(read()) for _ in range(READERS)]
    packs = await asyncio.gather(pack(), pack())
    is_over.set()
    assert all(await asyncio.gather(*readers))
    rows = await site.rows()
    assert (sum(packs), all(is_packed for _, is_packed in rows)) == (len(rows), True)


async def test_states_are_the_same_whoever_writes_them_and_whenever(site: Site) -> None:
    await site.fly()
    site.bench.now += timedelta(hours=2)
    both = [FeedKeeping(site.database, lambda: site.bench.now, pause_s=0) for _ in range(2)]
    await asyncio.gather(*(one.pack() for one in both))
    head, written = await site.head(), []
    upto: int = head
    while (state := await feed_keeping.newest_state(site.database, site.workspace_id, upto)) is not None:
        written.append(state)
        upto = state.seq - 1
    assert [state.seq for state in written] == [*range(head // 30 * 30, 0, -30)]
    for state in written:
        assert state.at_us == await feed.time_of(site.database, site.workspace_id, state.seq)
        assert await fold(site.database, site.workspace_id, state.seq) == feed_keeping.unpack_state(state.body)


@pytest.mark.parametrize("is_packed", [False, True])
async def test_what_is_too_old_goes_and_the_rest_is_told_as_before(site: Site, is_packed: bool) -> None:
    await site.fly()
    if is_packed:
        site.bench.now += timedelta(hours=2)
        await site.keeping.pack()
    pieces, head = await site.pieces(), await site.head()
    cut = pieces[len(pieces) // 2]
    days = timedelta(days=3)
    site.bench.now = site.stood[min(seq for seq in site.stood if seq >= cut.first)].at + days
    retention = Retention(site.database, lambda: site.bench.now, RetentionRules(feed=days), pause_s=0)
    shown_before = (await retention.prune(is_trial=True)).workspaces[0].feed
    assert await site.pieces() == pieces
    gone = (await retention.prune()).workspaces[0].feed
    assert gone == shown_before > 0
    assert (await retention.prune()).workspaces[0].feed == 0
    left = await site.pieces()
    assert left == pieces[-len(left) :]
    assert gone == left[0].first - 1
    if not is_packed:
        assert left[0].at_us >= cut.at_us > pieces[pieces.index(left[0]) - 1].at_us
    beginning = await site.past.beginning(site.workspace_id)
    assert beginning == feed_keeping.Beginning(seq=gone, at_us=pieces[-len(left) - 1].at_us)
    for seq, seen in site.stood.items():
        if 0 < seq < gone:
            with pytest.raises(Missing):
                await site.past.snapshot(site.workspace_id, seq, seen.at)
        else:
            assert shown(await site.past.snapshot(site.workspace_id, seq, seen.at)) == shown(seen)
    site.bench.now += timedelta(days=1_000)
    assert (await retention.prune()).workspaces[0].feed == head - gone
    assert await site.rows() == []
    assert await site.past.number_before(site.workspace_id, 2**60) == head
    assert shown(await site.past.snapshot(site.workspace_id, head, site.bench.now)) == shown(site.stood[head])


async def test_what_an_ended_run_has_left_over_the_next_one_finds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.fly()
    head, pieces = await site.head(), await site.pieces()
    middle, end = START + timedelta(seconds=25), site.bench.now
    monkeypatch.setattr(feed_keeping, "FEW", 3)
    turns = 0

    @asynccontextmanager
    async def turn() -> AsyncIterator[Any]:
        nonlocal turns
        turns += 1
        if turns == 4:
            raise InterruptedError
        async with site.database.transaction() as client:
            yield client

    with pytest.raises(InterruptedError):
        await keeping.drop_old(site.database, site.workspace_id, middle, turn)
    left = await site.pieces()
    assert left == pieces[6:]
    upto = await feed.number_before(site.database, site.workspace_id, micros(middle))
    for seq, seen in site.stood.items():
        if 0 < seq < upto:
            with pytest.raises(Missing):
                await site.past.snapshot(site.workspace_id, seq, seen.at)
        else:
            assert shown(await site.past.snapshot(site.workspace_id, seq, seen.at)) == shown(seen)
    beginning = await site.past.beginning(site.workspace_id)
    assert beginning is not None
    assert beginning.seq == upto
    assert await keeping.drop_old(site.database, site.workspace_id, middle, turn) == upto + 1 - left[0].first
    assert await site.past.beginning(site.workspace_id) == beginning
    assert await keeping.drop_old(site.database, site.workspace_id, end + timedelta(days=1), turn) == head - upto


async def test_a_workspace_that_keeps_its_history_for_less_keeps_its_feed_for_less(site: Site) -> None:
    await site.fly(12)
    await Workspace.filter(id=site.workspace_id).update(history_days=1)
    site.bench.now += timedelta(days=2)
    await Retention(site.database, lambda: site.bench.now, RetentionRules(), pause_s=0).prune()
    assert await site.rows() == []


async def test_a_workspace_takes_its_feed_and_its_states_along(site: Site) -> None:
    await site.fly()
    site.bench.now += timedelta(hours=2)
    await site.keeping.pack()
    async with site.database.transaction() as client:
        await feed_keeping.delete_feed(site.database, client, site.workspace_id)
        assert await site.rows() == []
        assert await feed_keeping.newest_state(site.database, site.workspace_id, 2**60) is None
        await Workspace.filter(id=site.workspace_id).delete()
    assert await site.keeping.pack() == 0


async def test_a_workspace_that_is_deleted_while_its_feed_is_packed_holds_up_nobody(site: Site) -> None:
    await site.fly()
    site.bench.now += timedelta(hours=2)

    async def delete() -> None:
        async with site.database.transaction() as client:
            await Workspace.filter(id=site.workspace_id).select_for_update().get()
            await feed_keeping.delete_feed(site.database, client, site.workspace_id)
            await asyncio.sleep(0.05)
            await Workspace.filter(id=site.workspace_id).delete()

    await asyncio.gather(site.keeping.pack(), delete())
    assert await site.rows() == []
    assert await feed_keeping.newest_state(site.database, site.workspace_id, 2**60) is None
