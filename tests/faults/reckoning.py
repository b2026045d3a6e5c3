"""What was acknowledged and answered, beside what the database says in the end."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from ofh.domain.event_json import from_body
from ofh.domain.events import FeedEvent
from ofh.store.feed import Piece, unpack
from tests.faults.figures import Figures
from tests.faults.places import Place
from tests.faults.publishing import Publisher
from tests.faults.watching import CONFLATED, Follower
from tests.faults.writing import Camera, Office
from tests.support.faults import PATIENCE_S

LOOK_S = 0.1
SETTLE_S = 20
"""How long what is compared in the end is waited for, where it does not agree."""
Report = tuple[str, int]
"""The aircraft's serial number, and the time in milliseconds."""


class Reckoning:
    """Compares; raises an `AssertionError` where something that must hold does not."""

    def __init__(self, place: Place, publishers: Sequence[Publisher]) -> None:
        self.lost: set[Report] = set()
        """What an outside broker has acknowledged and given to nobody."""
        self.may_be_lost = False
        """An outside broker was killed since the last comparison."""
        self.lossy_until = 0.0
        """From then on everything was ready again; monotonic."""
        self._place = place
        self._publishers = publishers
        self._safe: set[Report] = set()
        """What was stored before."""

    def acknowledged(self) -> set[Report]:
        """Every report whose acknowledgement has come."""
        return {(each.aircraft, at) for each in self._publishers for at in each.acknowledged}

    async def stored_so_far(self) -> None:
        """Returns once all that is acknowledged by now is stored."""
        expected = self.acknowledged() - self.lost
        async with asyncio.timeout(PATIENCE_S):
            while not expected <= (await self._stored()).keys():
                await asyncio.sleep(LOOK_S)
        self._safe = expected

    async def compare(self, figures: Figures, before: set[Report], last: set[Report]) -> None:
        """What was acknowledged is stored, once, and nothing else is.

        Args:
            figures: of what came since then.
            before: what had been acknowledged then.
            last: once these are stored, whatever comes before them is, or never will be.
        """
        expected = self.acknowledged() - self.lost
        awaited = last if self.may_be_lost else expected
        patience = time.monotonic() + PATIENCE_S
        while not awaited <= (stored := await self._stored()).keys() and time.monotonic() < patience:
            await asyncio.sleep(LOOK_S)
        assert awaited <= stored.keys() or not self.may_be_lost, "the last reports of all are not stored"
        lost = expected - stored.keys()
        figures.acknowledged = len(expected - before)
        figures.stored = len((expected - before) & stored.keys())
        figures.lost = len(lost)
        figures.twice = sum(count - 1 for count in stored.values())
        assert not figures.twice, f"stored more than once: {[key for key, n in stored.items() if n > 1][:5]}"
        assert stored.keys() <= expected, f"stored and never reported: {sorted(stored.keys() - expected)[:5]}"
        if not self.may_be_lost:
            assert not lost, f"{len(lost)} of {figures.acknowledged} acknowledged reports are lost: {sorted(lost)[:5]}"
        late = {
            (each.aircraft, at)
            for each in self._publishers
            for at, when in each.acknowledged.items()
            if when > self.lossy_until
        }
        assert not lost & self._safe, f"reports are gone that had been stored: {sorted(lost & self._safe)[:5]}"
        assert not lost & late, f"reports are lost that were acknowledged to a ready hub: {sorted(lost & late)[:5]}"
        self.lost |= lost
        self.may_be_lost = False

    async def _stored(self) -> Counter[Report]:
        # Counted in the database: there may be many.
        if self._place.daemons:
            at_ms = "(extract(epoch FROM t.reported_at) * 1000)::bigint"
        else:
            at_ms = "t.reported_at / 1000"
        rows = await self._place.rows(
            f"SELECT d.serial_number, {at_ms} AS at_ms, count(*) FROM telemetry t JOIN drones d ON d.id = t.drone_id"
            " GROUP BY d.serial_number, at_ms"
        )
        return Counter({(row[0], row[1]): row[2] for row in rows})

    async def flights(self, *, have_landed: bool) -> int:
        """A flight for each take-off; what an outside broker has lost may hide one, and never makes one.

        Args:
            have_landed: all of them have, for good; else each drone's last flight may go on.
        """
        expected = Counter({each.aircraft: each.flights() for each in self._publishers})
        rows: list[Sequence[Any]] = []

        async def settled() -> bool:
            rows[:] = await self._place.rows(
                "SELECT d.serial_number, f.started_at, f.ended_at FROM flights f JOIN drones d ON d.id = f.drone_id"
                " ORDER BY f.started_at"
            )
            return not (have_landed and any(row[2] is None for row in rows)) and (
                bool(self.lost) or Counter(row[0] for row in rows) == expected
            )

        await within(SETTLE_S, settled)
        found = Counter(row[0] for row in rows)
        for serial in expected:
            spans = [(row[1], row[2]) for row in rows if row[0] == serial]
            is_one_at_a_time = all(one[1] is not None and one[1] <= next[0] for one, next in pairwise(spans))
            assert is_one_at_a_time, f"{serial} flew twice at once: {spans}"
            assert not have_landed or not spans or spans[-1][1] is not None, f"{serial} still flies: {spans}"
        assert found <= expected, f"more flights than were flown: {found}, not {expected}"
        assert self.lost or found == expected, f"flights are missing: {found}, not {expected}"
        return found.total()

    async def changes(self, office: Office, drone: str) -> int:
        """What was answered with success is so, each connection once; what was not is so once or not at all.

        Args:
            drone: the serial number of the one that is renamed.
        """
        found = Counter(
            row[0] for row in await self._place.rows("SELECT name FROM connections WHERE name LIKE 'made %'")
        )
        assert max(found.values(), default=1) == 1, found.most_common(3)
        assert found.keys() <= office.connections.keys()
        missing = {name for name, id in office.connections.items() if id is not None} - found.keys()
        assert not missing, f"connections that were made are not there: {missing}"
        names = {row[0]: row[1] for row in await self._place.rows("SELECT serial_number, name FROM drones")}
        possible = office.names[max(office.named - 1, 0) :]
        assert not office.named or names[drone] in possible, f"{drone} is called {names[drone]}, not one of {possible}"
        return office.answered

    async def photos(self, camera: Camera) -> int:
        """What was answered with success is there once, and was told once."""
        rows = await self._place.rows(
            "SELECT f.name, (SELECT count(*) FROM events e WHERE e.media_id = m.id AND e.kind = 'MEDIA_UPLOADED')"
            " FROM media m JOIN files f ON f.id = m.file_id"
        )
        found = Counter(row[0] for row in rows)
        assert max(found.values(), default=1) == 1, found.most_common(3)
        missing = {name for name, is_answered in camera.photos.items() if is_answered} - found.keys()
        assert not missing, f"photos that were taken are not there: {missing}"
        assert found.keys() <= camera.photos.keys()
        assert {row[1] for row in rows} <= {1}, "photos that were not told once"
        return camera.answered

    async def feed(self, followers: Sequence[Follower]) -> int:
        """The feed has no hole and tells no position twice, and every follower of it was told the same."""
        rows = await self._place.rows("SELECT first_seq, last_seq, is_packed, body FROM feed ORDER BY last_seq")
        pieces = [
            piece
            for first, last, is_packed, body in rows
            for piece in (unpack(body) if is_packed else [Piece(first=first, last=last, at_us=0, body=body)])
        ]
        told: Counter[Hashable] = Counter()
        stored: dict[int, FeedEvent] = {}
        last = 0
        for piece in pieces:
            assert piece.first == last + 1, f"the feed goes on with {piece.first} after {last}"
            last = piece.last
            for event in from_body(piece.body, piece.first):
                stored[event.seq] = event
                if isinstance(event, CONFLATED):
                    told[event.key, event.at] += 1
        assert max(told.values(), default=1) == 1, told.most_common(3)
        await within(SETTLE_S, lambda: all(follower.last >= last for follower in followers))
        for follower in followers:
            self._followed(follower, stored)
        return last

    def _followed(self, follower: Follower, stored: Mapping[int, FeedEvent]) -> None:
        """In order, once, all of it or with a word for what may be missing.

        That `LATEST` has told the newest positions is seen after each fault.
        """
        missing, strange = follower.missing(stored), follower.strange(stored)
        assert follower.begun is not None, f"{follower.name} was never let in"
        assert not follower.faults, f"{follower.name}: {follower.faults[:5]}"
        assert not missing, f"{follower.name}: {len(missing)} of {len(stored)} events were never told: {missing[:5]}"
        assert not strange, f"{follower.name}: told and not stored: {strange[:5]}"


async def within(seconds: float, condition: Callable[[], Any]) -> None:
    """Wait until it is so, for so long at the most; what is missing then, whoever asks will see."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                found = condition()
                if await found if isinstance(found, Awaitable) else found:
                    return
                await asyncio.sleep(LOOK_S)
