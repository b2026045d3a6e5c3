"""Subscribers of a feed: each is a place in it, none is a queue.

Those who want the same with the same rights are one `Following`: what happens is rendered once and handed to all who
stand where the group stands. Whoever does not (who comes with a cursor, who lags, whose view has moved) is brought up
from where it stands, out of pages that all share (`services/feed_pages.py`), as fast as its socket takes it. So a slow
reader costs nothing while it does not read, holds up nobody, and misses nothing: with `LATEST` it gets, of what it
missed, each device's newest position and charge, and all else whole.

Where what a reader missed is not kept any longer, it is told so by a Gap, and begins anew with a Snapshot.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ofh.domain.errors import Code, HubError
from ofh.domain.events import FeedEvent
from ofh.domain.feed import CaughtUp, Delivery, Gap, Passed, conflated
from ofh.edges.errors import internal
from ofh.services.feed_pages import Missing, is_sparse
from ofh.services.snapshots import Snapshot
from ofh.services.workspace_feed import WorkspaceFeed

from .bodies import Bodies, portions
from .follows import Follow, Place
from .members import Member, Shown, hand, send
from .presenting import shown_snapshot
from .rendering import RENDERED, NotNow

if TYPE_CHECKING:
    from .fanout import Fanout

CONFLATED_EVENTS = 8_192
"""Of what a reader with LATEST missed, conflated at once; every event of them is looked at."""
MEMOS = 8
"""Stretches that were missed by somebody, kept for others who missed the same."""
PRESENTED_S = 1.0
"""How long a rendered Snapshot is kept for others who come."""
GATHER_S = 1.0
"""How often a group with a longer interval takes in what has happened, while it is at hand."""
FAR = 8_192
"""Events of which a reader wanted nothing, until it is told how far it has come."""
RETRY_S = 1.0
"""Between two tries to show something while a backend is away."""

NOT_KEPT = "What came behind this cursor is not kept any longer."
UNKNOWN = "This hub has told nothing yet that stands where this cursor does."


@dataclass(slots=True, kw_only=True)
class _News:
    """What a group has taken in and not told yet."""

    reached: int
    """These are all up to this number."""
    most: int
    """So many, and they are conflated, or told."""
    events: list[FeedEvent] = field(default_factory=list)
    is_gap: bool = False
    """Some of them are not kept any longer."""


class _Missed(NamedTuple):
    """What of a part of the feed a group tells."""

    events: list[FeedEvent]
    reached: int
    """These are all up to this number."""
    at: datetime
    """When the last event of that part happened, wanted or not."""


class Following:
    """All who follow a feed in the same way with the same rights."""

    def __init__(self, fanout: "Fanout", key: Hashable, follow: Follow, bodies: Bodies) -> None:
        self.follow = replace(follow, place=Place(), view=None)
        self._fanout = fanout
        self._key = key
        self._bodies = bodies
        self._feed: WorkspaceFeed | None = None
        self._level: dict[Member, None] = {}
        """Who has all up to `_sent`."""
        self._apart: dict[Member, asyncio.Task[None] | None] = {}
        """Who stands elsewhere, and what brings it up; None until the feed is open."""
        self._sent = 0
        self._told = 0
        """The last number that those who stand level were told."""
        self._turned = asyncio.Event()
        self._memos: dict[tuple[int, int], asyncio.Task[_Missed]] = {}
        self._snapshot: tuple[Snapshot, bytes] | None = None
        self._presenting = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None

    @property
    def workspace_id(self) -> int:
        return self.follow.workspace_id

    @property
    def scope(self) -> Hashable:
        return self.follow.scope

    # Members

    def add(self, member: Member) -> None:
        """Take a member in, which stands at its `place`."""
        member.group = self
        if (other := next(iter(self._level or self._apart), None)) is not None:
            member.share(other)
        self._set_apart(member)

    def remove(self, member: Member) -> None:
        """Let a member go; the last one takes the group with it."""
        self._level.pop(member, None)
        task = self._apart.pop(member, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        member.group = None
        if not self._level and not self._apart:
            self._fanout.drop(self._key, self)

    def resume(self, member: Member) -> None:
        """Nothing: what brings a member up waits for its socket by itself."""

    def standing(self, member: Member) -> Place:
        """Where a member goes on that begins anew."""
        place = Place(seq=self._sent) if member in self._level else member.place
        return replace(place, area=self.follow.choice.area)

    def all(self) -> list[Member]:
        """Members, wherever they stand."""
        return [*self._level, *self._apart]

    def _set_apart(self, member: Member) -> None:
        self._apart[member] = None if self._feed is None else self._fanout.spawn(self._bring(member))

    # The group's own way

    async def run(self) -> None:
        """Follow until cancelled, or until the feed ends."""
        try:
            async with self.follow.open() as feed:
                self._feed, self._sent, self._told = feed, feed.head, feed.head
                for member in list(self._apart):
                    self._set_apart(member)
                await self._go_on(feed)
        except HubError as refusal:
            self._end(Shown.of(refusal))
        except Exception as fault:  # noqa: BLE001 - the outermost loop of this task
            self._end(Shown(internal(fault, f"feed {self.workspace_id}"), None))
        finally:
            for reading in self._memos.values():  # for those who have left
                reading.cancel()

    async def _go_on(self, feed: WorkspaceFeed) -> None:
        """Tell those who stand level what happens, at the pace that they want."""
        loop, due_s = asyncio.get_running_loop(), 0.0
        pause_s = self.follow.interval.total_seconds() if self._is_paced else 0.0
        while True:
            await feed.beyond(self._sent)
            news = _News(reached=self._sent, most=CONFLATED_EVENTS)
            await self._take_in(feed, news)
            while (left_s := due_s - loop.time()) > 0:
                await asyncio.sleep(min(left_s, GATHER_S))
                await self._take_in(feed, news)
            await self._tell(feed, news)
            if pause_s:
                due_s = loop.time() + pause_s
                await asyncio.sleep(min(pause_s, GATHER_S))

    @property
    def _is_paced(self) -> bool:
        return self.follow.delivery is Delivery.LATEST and self.follow.interval > timedelta(0)

    async def _take_in(self, feed: WorkspaceFeed, news: _News) -> None:
        """Take in what has happened since; not all of it, where very much is to be told at once."""
        head = feed.head
        while news.reached < head and not news.is_gap:
            try:
                stretch = await self._patiently(feed.read, news.reached)
            except Missing:
                news.is_gap, news.reached, news.events = True, head, []
                return
            news.events += [event for event in stretch.events if self.follow.choice.wants(event)]
            news.reached = stretch.upto
            if len(news.events) >= news.most:
                if not self._is_paced:
                    return
                news.events = conflated(news.events)
                news.most = max(CONFLATED_EVENTS, 2 * len(news.events))

    async def _tell(self, feed: WorkspaceFeed, news: _News) -> None:
        """Tell those who stand level."""
        found = await self._rendered(conflated(news.events) if self._is_paced else news.events)
        if self._promote():
            await asyncio.sleep(0)  # nobody is left, which ends this task
        if news.is_gap:
            for member in list(self._level):
                self._fall_behind(member, Place(seq=self._sent, wants_snapshot=True, gap=NOT_KEPT))
        told = self._sent
        for portion in portions(found):
            for member in send(self._level, [body for _, body in portion]):
                self._fall_behind(member, Place(seq=told))
            told = portion[-1][0]
        if found:
            self._told = told
        elif news.reached - self._told >= FAR and not news.is_gap:
            self._told = news.reached
            word = Passed(workspace_id=self.workspace_id, seq=news.reached, at=feed.head_at)
            for member in send(self._level, await self._rendered_word(word)):
                self._fall_behind(member, Place(seq=told))
        self._sent = news.reached
        if not self._apart:
            self._memos.clear()
        self._turned.set()
        self._turned = asyncio.Event()

    def _fall_behind(self, member: Member, place: Place) -> None:
        del self._level[member]
        member.place = place
        self._set_apart(member)

    def _end(self, error: Shown | None) -> None:
        for member in self.all():
            self._end_one(member, error)

    def _end_one(self, member: Member, error: Shown | None) -> None:
        self.remove(member)
        member.forget()
        member.owner.member_ended(member, error)

    def _promote(self) -> bool:
        """Where the operation turned out to depend on who reads, move everybody to a group of their own user."""
        if not self._bodies.renderer.is_personal:
            return False
        for member in self.all():
            member.place = self.standing(member)
            self.remove(member)
            self._fanout.enrol(member, self.follow, member.operation, self._bodies.renderer.executor)
        return True

    # Those who stand elsewhere

    async def _bring(self, member: Member) -> None:
        """Bring a member to where the group stands."""
        feed = self._feed
        assert feed is not None
        try:
            while member.group is self:
                await member.outlet.drain()
                place: Place = member.place
                if member.group is not self or self._promote():
                    return
                if place.wants_snapshot or place.seq is None:
                    await self._present(feed, member, place)
                elif place.seq < self._sent:
                    await self._catch_up(member, place, self._sent)
                elif place.seq > self._sent:
                    await self._await_group(feed, place)
                elif place.tells_caught_up:
                    word = CaughtUp(workspace_id=self.workspace_id, seq=place.seq, at=feed.head_at)
                    body = await self._rendered_word(word)
                    if body and member.group is self:
                        await hand(member, body)
                        place.tells_caught_up = False
                else:
                    del self._apart[member]
                    self._level[member] = None
                    return
        except HubError as refusal:
            self._end_one(member, Shown.of(refusal))
        except Exception as fault:  # noqa: BLE001 - the outermost loop of this task
            self._end_one(member, Shown(internal(fault, f"feed {self.workspace_id}"), None))

    async def _catch_up(self, member: Member, place: Place, upto: int) -> bool:
        """Tell a member what it missed, to some number or a part of the way; whether it can go on from there.

        Of those who share a socket one does so at a time, and nothing waits for a socket that takes nothing: what is
        left is looked at anew once it takes more.
        """
        async with self._fanout.turns.of(member.outlet):
            await member.outlet.drain()
            if member.group is not self:
                return False
            assert place.seq is not None
            try:
                events, reached, at = await self._missed(place.seq, upto, searches=place.searches)
            except Missing:
                place.wants_snapshot, place.gap = True, NOT_KEPT
                return False
            place.is_claim, place.searches = False, is_sparse(len(events), reached - place.seq)
            if place.told is None:
                place.told = place.seq
            for start in range(0, len(events), RENDERED):
                part = events[start : start + RENDERED]
                found = await self._rendered(part)
                if self._bodies.renderer.is_personal:
                    return False
                for portion in portions(found):
                    await hand(member, [body for _, body in portion])
                    if member.group is not self:
                        return False
                    place.seq = place.told = portion[-1][0]
                place.seq = part[-1].seq
                if member.outlet.paused:
                    return True
            if reached - place.told >= FAR and reached < self._sent:
                word = Passed(workspace_id=self.workspace_id, seq=reached, at=at)
                await hand(member, await self._rendered_word(word))
                if member.group is not self:
                    return False
                place.told = reached
            place.seq = reached
        return True

    async def _await_group(self, feed: WorkspaceFeed, place: Place) -> None:
        """A member is ahead of the group: it has a newer Snapshot, or another process has told it more."""
        assert place.seq is not None
        if place.is_claim:
            if place.seq > feed.head:
                newest = await feed.newest()
                if place.seq > newest:
                    place.wants_snapshot, place.gap = True, UNKNOWN
                    return
                feed.behind(newest)
            place.is_claim = False
        turned = self._turned
        if place.seq > self._sent:
            await turned.wait()

    async def _present(self, feed: WorkspaceFeed, member: Member, place: Place) -> None:
        """Show a member how all stands; what it was being told before goes on up to there, or is told to be missing."""
        least = place.seq or 0
        if place.gap is not None:
            # One that many share may be from before what is missing.
            least = 0 if place.gap == UNKNOWN else least + 1
        snapshot, body = await self._state(feed, least)
        if place.seq is not None and place.gap is None:
            await feed.beyond(snapshot.seq - 1)
            while place.seq < snapshot.seq:
                if not await self._catch_up(member, place, snapshot.seq):
                    return
        words = []
        if place.gap is not None:
            word = Gap(
                workspace_id=self.workspace_id,
                seq=place.seq or 0,
                upto=snapshot.seq,
                at=snapshot.at,
                reason=place.gap,
            )
            words = await self._rendered_word(word)
        if member.group is self and body:
            await hand(member, [*words, body])
            place.seq, place.wants_snapshot, place.gap, place.is_claim = snapshot.seq, False, None, False

    async def _state(self, feed: WorkspaceFeed, least: int) -> tuple[Snapshot, bytes]:
        """The state as of some number or a later one, and its body."""
        async with self._presenting:
            snapshot = await feed.snapshot(least)
            if self._snapshot is None or self._snapshot[0] is not snapshot:
                body = await self._rendered_snapshot(snapshot)
                if not body:
                    return snapshot, b""
                self._snapshot = (snapshot, body)
                asyncio.get_running_loop().call_later(PRESENTED_S, self._forget, self._snapshot)
            return self._snapshot

    def _forget(self, snapshot: tuple[Snapshot, bytes]) -> None:
        if self._snapshot is snapshot:
            self._snapshot = None

    async def _missed(self, after: int, upto: int, *, searches: bool) -> _Missed:
        """What the group tells between two numbers, or the beginning of it."""
        key = (after, upto)
        task = self._memos.get(key)
        if task is None:
            while len(self._memos) >= MEMOS:
                del self._memos[next(iter(self._memos))]
            task = self._memos[key] = self._fanout.spawn(self._read(after, upto, searches))
        try:
            found = await asyncio.shield(task)
        except (Missing, HubError):
            self._memos.pop(key, None)
            raise
        if len(self._apart) == 1:
            self._memos.pop(key, None)
        return found

    async def _read(self, after: int, upto: int, searches: bool) -> _Missed:
        assert self._feed is not None
        is_latest = self.follow.delivery is Delivery.LATEST
        events: list[FeedEvent] = []
        reached, at = after, self._feed.head_at
        while reached < upto and reached - after < (CONFLATED_EVENTS if is_latest else 1):
            stretch = await self._patiently(self._feed.search if searches else self._feed.read, reached)
            wanted = [event for event in stretch.events if event.seq <= upto and self.follow.choice.wants(event)]
            events += wanted
            searches = is_sparse(len(wanted), stretch.upto - reached)
            reached = min(stretch.upto, upto)
            if stretch.events:
                at = stretch.events[-1].at
            await asyncio.sleep(0)  # pages at hand take no waiting, and others have a turn between them
        return _Missed(conflated(events) if is_latest else events, reached, at)

    # Rendering

    async def _rendered(self, events: Sequence[FeedEvent]) -> list[tuple[int, bytes]]:
        if not events:
            return []
        found: list[tuple[int, bytes]] = await self._patiently(self._bodies.of, events, self.follow.show)
        return found

    async def _rendered_snapshot(self, snapshot: Snapshot) -> bytes:
        """The body of a Snapshot; empty where the operation depends on who reads."""
        return await shown_snapshot(
            self._fanout.painting,
            self._bodies.renderer,
            snapshot,
            self.follow.choice.area,
            self.follow.show,
            is_wanted=lambda: bool(self._level or self._apart),
        )

    async def _rendered_word(self, word: CaughtUp | Gap | Passed) -> list[bytes]:
        """The body of what is no event; none where the operation depends on who reads."""

        async def render() -> list[bytes]:
            found = self._bodies.renderer.bodies([self.follow.show(word)])
            return found if isinstance(found, list) else await found

        found: list[bytes] = await self._patiently(render)
        return found

    async def _patiently(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Wait out a backend that is away, for as long as anybody follows: what is to be told waits as well.

        What cannot be shown though nothing is away is given up after some tries (`Renderer.tried`).
        """
        while True:
            try:
                return await work(*arguments)
            except HubError as error:
                if error.code is not Code.UNAVAILABLE or not (self._level or self._apart):
                    raise
                if isinstance(error, NotNow) and await self._bodies.renderer.tried(error.events):
                    continue
            await asyncio.sleep(RETRY_S)
