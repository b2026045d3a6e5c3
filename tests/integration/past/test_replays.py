"""The past once more: all of it, in its order, at its pace, by a clock that tests make."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from ofh.backends.places import MemoryPlaces
from ofh.domain.areas import Area
from ofh.domain.devices import from_micros, micros
from ofh.domain.errors import Code, HubError
from ofh.domain.events import EventKind, FeedEvent
from ofh.domain.feed import Choice, Gap, Passed, conflated
from ofh.services import replay as module
from ofh.services import replays
from ofh.services.replay import Item, Replay
from ofh.services.replays import Replays
from ofh.services.retention import Retention, RetentionRules
from ofh.services.snapshots import Snapshot
from ofh.services.steering import Steering
from ofh.store.feed import Piece
from tests.integration.past.site import Site, shown
from tests.support.fleet import START, seconds

ALL = Choice()
on_one_database = pytest.mark.parametrize("database_url", ["embedded"], indirect=True)
"""What the other one would not do otherwise."""


@dataclass
class Told:
    """What came, and when by the invented clock."""

    items: list[Item] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def events(self) -> list[FeedEvent]:
        return [item for item in self.items if not isinstance(item, Snapshot | Gap | Passed)]


class Player:
    """Replays whose waits take no time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.now_s = 1_000.0
        self.steering = Steering(site.bench.control)
        self.replays = Replays(
            site.database,
            site.past,
            self.steering,
            lambda: site.bench.now,
            lambda: self.now_s,
            per_user=2,
            wait=self.wait,
        )

    async def wait(self, event: asyncio.Event, wait_s: float | None) -> None:
        """Time passes at once; where nothing but a word ends the wait, for that."""
        if wait_s is None:
            await asyncio.wait_for(event.wait(), 10)
        else:
            self.now_s += wait_s

    @asynccontextmanager
    async def open(
        self,
        start: datetime = START,
        end: datetime | None = None,
        speed: float = 1.0,
        choice: Choice = ALL,
        name: str | None = None,
    ) -> AsyncIterator[Replay]:
        span = self.replays.span(self.site.workspace_id, start, end or self.site.bench.now, speed, choice)
        async with self.replays.open(self.site.member, span, name) as replay:
            yield replay

    async def play(
        self, start: datetime = START, end: datetime | None = None, speed: float = 1.0, choice: Choice = ALL
    ) -> Told:
        """All of it."""
        told = Told()
        async with self.open(start, end, speed, choice) as replay, aclosing(replay.items()) as batches:
            async for batch in batches:
                self.take(told, batch)
        return told

    def take(self, told: Told, batch: Sequence[Item]) -> None:
        told.items += batch
        told.times += [self.now_s] * len(batch)


@pytest.fixture
async def player(site: Site) -> Player:
    await site.fly()
    site.bench.now += seconds(1)
    return Player(site)


def visible(site: Site, pieces: Sequence[Piece], event: FeedEvent) -> datetime:
    """When an event became visible."""
    return next(from_micros(piece.at_us) for piece in pieces if piece.first <= event.seq <= piece.last)


@pytest.mark.parametrize("is_packed", [False, True])
async def test_a_replay_is_the_state_before_it_and_every_event_at_its_moment(player: Player, is_packed: bool) -> None:
    site, start, end = player.site, START + seconds(10), START + seconds(30)
    pieces, events = await site.pieces(), await site.events()
    if is_packed:
        site.bench.now += timedelta(hours=2)
        await site.keeping.pack()
    wanted = [event for event in events if start <= visible(site, pieces, event) < end]
    assert len(wanted) > 50
    for speed in (1.0, 8.0, 0.0):
        begun = player.now_s
        told = await player.play(start, end, speed)
        snapshot = told.items[0]
        assert isinstance(snapshot, Snapshot)
        assert (snapshot.at, shown(snapshot)) == (start, shown(site.stood[wanted[0].seq - 1]))
        assert told.events == wanted
        if speed:
            due = [begun + (visible(site, pieces, event) - start).total_seconds() / speed for event in wanted]
            assert told.times == pytest.approx([begun, *due])
            assert player.now_s == pytest.approx(begun + 20 / speed)  # it ends when its time does
        else:
            assert player.now_s == begun


@on_one_database
@pytest.mark.parametrize("slice_of", [module.SLICE, 3])
async def test_conflated_it_is_the_newest_of_each_device_at_each_moment_that_it_says_it_is_at(
    player: Player, slice_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE", slice_of)
    site, start, end = player.site, START + seconds(10), START + seconds(30)
    pieces = await site.pieces()
    moments = [(visible(site, pieces, event), event) for event in await site.events()]
    wanted = [(at, event) for at, event in moments if start <= at < end]
    told = Told()
    span = player.replays.span(site.workspace_id, start, end, 8.0, ALL, timedelta(milliseconds=500))
    async with player.replays.open(site.member, span) as replay, aclosing(replay.items()) as batches:
        async for batch in batches:
            player.take(told, batch)
            if len(told.items) > 10:
                player.now_s += 0.4  # nobody keeps up with that
    found: list[FeedEvent] = []
    for item in told.items[1:]:
        if not isinstance(item, Passed):
            assert not isinstance(item, Snapshot | Gap)
            found.append(item)
            continue
        assert conflated(found) == conflated(event for at, event in wanted if at <= item.at)
        assert [event for at, event in wanted if at <= item.at][-1:] == found[-1:]
    assert isinstance(last := told.items[-1], Passed)
    assert last.at == end
    assert len(found) < len(wanted)


@on_one_database
async def test_time_goes_on_once_the_reader_has_the_state_before_it(player: Player) -> None:
    told = Told()
    async with player.open(speed=60, end=START + seconds(30)) as replay, aclosing(replay.items()) as batches:
        player.take(told, await anext(batches))
        player.now_s += 5  # so long it is on its way
        begun = player.now_s
        player.take(told, await anext(batches))
        first = visible(player.site, await player.site.pieces(), told.events[0])
        assert player.now_s == pytest.approx(begun + (first - START).total_seconds() / 60)


async def test_all_that_ever_happened_can_be_told_up_to_now(player: Player) -> None:
    told = await player.play(START - timedelta(days=1), player.site.bench.now + timedelta(days=1), speed=0)
    assert told.events == await player.site.events()
    [only] = (await player.play(player.site.bench.now, player.site.bench.now)).items
    assert isinstance(only, Snapshot)
    assert shown(only) == shown(player.site.stood[told.items[-1].seq])


@on_one_database
async def test_only_what_is_wanted_comes(player: Player) -> None:
    area = Area(west_deg=9.0005, south_deg=50, east_deg=9.0015, north_deg=51)
    choice = Choice(kinds=frozenset({EventKind.POSITION_REPORTED, EventKind.DRONE_ONLINE}), area=area)
    told = await player.play(START, speed=0, choice=choice)
    assert told.events == [event for event in await player.site.events() if choice.wants(event)]
    assert 5 < len(told.events) < 20
    snapshot = (await player.play(START + seconds(12), speed=0, choice=choice)).items[0]
    assert isinstance(snapshot, Snapshot)
    assert ([row.serial_number for row in snapshot.drones], snapshot.area) == (["AC1"], area)


@on_one_database
async def test_a_replay_is_steered_by_its_name(player: Player) -> None:
    site, told = player.site, Told()
    pieces = await site.pieces()

    async def say(**words: object) -> None:
        await player.replays.control(site.member, "mine", **words)  # type: ignore[arg-type]

    mine = player.open(START + seconds(5), START + seconds(35), 1.0, name="mine")
    async with mine as replay, aclosing(replay.items()) as batches:
        for _ in range(5):
            player.take(told, await anext(batches))
        await say(paused=True)
        following = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.05)
        assert not following.done()
        player.now_s += 3_600
        await say(speed=10.0)
        await say(paused=False)
        begun = player.now_s
        player.take(told, await following)
        assert begun < player.now_s <= begun + 0.11
        await say(position=START + seconds(20))
        greeting = await anext(batches)
        assert [type(item) for item in greeting] == [Snapshot]
        assert greeting[0].at == START + seconds(20)
        first = (await anext(batches))[0]
        assert visible(site, pieces, first) == START + seconds(20)  # type: ignore[arg-type]
        await say(position=START + timedelta(days=3), speed=0.0)  # taken for its end
        rest = [item async for batch in batches for item in batch]
        assert [(type(item), item.at) for item in rest] == [(Snapshot, START + seconds(35))]
    events = [event.seq for event in told.events]
    assert events == list(range(events[0], events[-1] + 1))


@on_one_database
async def test_others_cannot_steer_it(player: Player) -> None:
    async with player.open(name="mine", speed=0) as replay:
        await player.replays.control(player.site.stranger, "mine", paused=True)
        await player.replays.control(player.site.member, "other", paused=True)
        assert not replay.progress().is_paused
        await player.replays.control(player.site.member, "mine", paused=True)
        assert replay.progress().is_paused


@on_one_database
async def test_a_replay_that_begins_anew_goes_on_where_it_stood(player: Player) -> None:
    site = player.site
    span = player.replays.span(site.workspace_id, START, site.bench.now, 2.0, ALL)
    told: list[Item] = []
    async with player.replays.open(site.member, span) as replay, aclosing(replay.items()) as batches:
        for _ in range(6):
            told += await anext(batches)
        progress = replay.progress()
    async with player.replays.open(site.member, span, progress=progress) as replay:
        told_again = [item async for batch in replay.items() for item in batch]
    seqs = [item.seq for item in told[1:]]
    [overlap] = [index for index, item in enumerate(told_again) if item.seq == seqs[-1] + 1]
    assert [item.seq for item in told_again[:overlap]] == seqs[len(seqs) - overlap :]  # the portion that was not done
    events = await site.events()
    assert [*told[1:], *told_again[overlap:]] == events


async def test_what_is_not_kept_any_longer_is_told(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 20)
    site, end = player.site, player.site.bench.now
    cut = START + seconds(20)
    told: list[Item] = []
    async with player.open(START, end, 1.0) as running, aclosing(running.items()) as batches:
        for _ in range(3):
            told += await anext(batches)
        site.bench.now = cut + timedelta(days=90)
        await Retention(site.database, lambda: site.bench.now, RetentionRules(), pause_s=0).prune()
        told += [item async for batch in batches for item in batch]
    later = await player.play(START, end, speed=0)
    beginning = await site.past.beginning(site.workspace_id)
    assert beginning is not None
    for items, first in ((later.items, 0), (told, None)):
        [gap] = [item for item in items if isinstance(item, Gap)]
        snapshot = items[items.index(gap) + 1]
        assert isinstance(snapshot, Snapshot)
        assert gap.upto == snapshot.seq == beginning.seq
        assert shown(snapshot) == shown(site.stood[beginning.seq])
        assert micros(snapshot.at) == beginning.at_us
        before = [item.seq for item in items[: items.index(gap)]]
        assert gap.seq == (before[-1] if first is None else first)
        assert [item.seq for item in items[items.index(gap) + 2 :]] == [
            event.seq for event in await site.events() if event.seq > beginning.seq
        ]


@on_one_database
async def test_a_user_has_so_many_replays_at_a_time(player: Player) -> None:
    async with player.open(), player.open():
        with pytest.raises(HubError) as refused:
            async with player.open():
                pass
        assert refused.value.code is Code.RATE_LIMITED
    async with player.open():
        pass


@on_one_database
async def test_processes_count_the_replays_of_a_user_together(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "AGAIN_S", 0.01)
    other = Player(player.site)
    other.replays._places = places = player.replays._places
    async with player.open():
        (key,) = places._taken  # type: ignore[attr-defined]
        async with other.open():
            with pytest.raises(HubError):
                async with player.open():
                    pass
            places._taken.clear()  # type: ignore[attr-defined]
            async with asyncio.timeout(60):  # Redis has lost its memory: they are taken again
                while len(places._taken.get(key, ())) < 2:  # type: ignore[attr-defined]
                    await asyncio.sleep(0.01)
    assert places._taken == {}  # type: ignore[attr-defined]


@on_one_database
async def test_who_goes_while_a_place_is_being_taken_keeps_none(player: Player) -> None:
    taken = asyncio.Event()

    class Slow(MemoryPlaces):
        async def take(self, key: str, place: str, most: int) -> bool:
            found = await super().take(key, place, most)
            taken.set()
            await asyncio.sleep(60)
            return found

    async def play() -> None:
        async with player.open():
            pass

    player.replays._places = places = Slow()
    playing = asyncio.create_task(play())
    await taken.wait()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert places._taken == {}


@on_one_database
@pytest.mark.parametrize(
    ("start", "end", "speed", "name"),
    [(10, 5, 1.0, "to"), (10**6, 10**6, 1.0, "from"), (0, 5, -0.5, "speed"), (0, 5, 1e9, "speed")],
)
async def test_a_replay_that_cannot_be_is_refused(
    site: Site, start: float, end: float, speed: float, name: str
) -> None:
    with pytest.raises(HubError) as refused:
        Player(site).replays.span(site.workspace_id, START + seconds(start), START + seconds(end), speed, ALL)
    assert (refused.value.code, list(refused.value.fields)) == (Code.BAD_INPUT, [name])
