"""A workspace in which two drones fly, and how it stood whenever something had happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ofh.domain.actors import Actor, Role
from ofh.domain.devices import Property, Value
from ofh.domain.event_json import from_body
from ofh.domain.events import EventKind, FeedEvent, FlightChanged
from ofh.services.access import Access
from ofh.services.feed_keeping import FeedKeeping
from ofh.services.past import Past
from ofh.services.snapshots import Snapshot, read_snapshot
from ofh.store import feed
from ofh.store.database import Database
from ofh.store.models import AlertRule, Membership, User, Workspace
from tests.support.fleet import START, FleetBench, charge, position, seconds


@dataclass
class Site:
    """One workspace."""

    bench: FleetBench
    workspace_id: int
    member: Actor
    stranger: Actor
    stood: dict[int, Snapshot] = field(default_factory=dict)
    """What a live Snapshot showed, by its number."""

    def __post_init__(self) -> None:
        self.database: Database = self.bench.database
        self.keeping = FeedKeeping(self.database, lambda: self.bench.now, pause_s=0)
        self.access = Access(self.bench.audit)
        self.past = Past(self.database, self.access, lambda: self.bench.now)

    async def fly(self, turns: int = 40) -> None:
        """One drone takes off, flies and lands, the other one reports where it stands; their controller walks."""
        await self.bench.announce("c1", "RC1", "AC1", "AC2")
        await self.remember()
        for n in range(turns):
            self.bench.now += seconds(1)
            is_flying = 5 <= n < turns - 10
            values: dict[Property, Value] = {
                Property.MODE_CODE: 5 if is_flying else 0,
                Property.ELEVATION: 50.0 if is_flying else 0.0,
                Property.HORIZONTAL_SPEED: 8.0 if is_flying else 0.0,
            }
            await self.bench.report("AC1", position(9.0 + n * 1e-4) | charge(90 - 2 * n) | values, gateway="RC1")
            await self.remember()
            if n % 3 == 0:
                await self.bench.report("AC2", position(9.2, 50 + n * 1e-4), gateway="RC1")
                await self.bench.report("RC1", position(9.5 + n * 1e-4))
                await self.remember()
        self.bench.now += timedelta(minutes=2)
        await self.bench.derivation.sweep()
        await self.bench.presence.sweep()
        await self.remember()

    async def remember(self) -> None:
        found = await read_snapshot(self.database, self.workspace_id)
        self.stood[found.seq] = found

    async def head(self) -> int:
        return (await Workspace.get(id=self.workspace_id)).event_seq

    async def pieces(self) -> list[feed.Piece]:
        """All that is kept."""
        return await feed.read(self.database, self.workspace_id, 1, await self.head())

    async def events(self) -> list[FeedEvent]:
        return [event for piece in await self.pieces() for event in from_body(piece.body, piece.first)]

    async def rows(self) -> list[tuple[int, bool]]:
        """The number of the last event of each row, and whether it is a pack."""
        _, rows = await self.database.connection.execute_query("SELECT last_seq, is_packed FROM feed ORDER BY last_seq")
        return [(row[0], bool(row[1])) for row in rows]


async def site_of(bench: FleetBench) -> Site:
    """A workspace with a member, a rule for alerts and a connection, and somebody who is member of another."""
    workspace_id, elsewhere = await bench.workspace(), await bench.workspace("Elsewhere")
    await bench.connection(workspace_id, "c1")
    await AlertRule.create(
        workspace_id=workspace_id, kind="LOW_BATTERY", name="Low", threshold=70, margin=5, created_at=START
    )
    people = []
    for place in (workspace_id, elsewhere):
        user = await User.create(email=f"{place}@example.com", name="M", created_at=START)
        await Membership.create(workspace_id=place, user_id=user.id, role=Role.VIEWER.value, since=START)
        people.append(Actor(user_id=user.id, credential="session", credential_id=user.id))
    site = Site(bench, workspace_id, *people)
    await site.remember()
    return site


def shown(found: Snapshot) -> list[Any]:
    """What a Snapshot shows, of now or of then; times and flights aside."""
    return [
        found.seq,
        [_device(row, found.drones_then) for row in found.drones],
        [_device(row, found.controllers_then) for row in found.remote_controllers],
        list(found.alert_ids),
    ]


def _device(row: Any, then: Mapping[int, Any] | None) -> tuple[int, bool, Any]:
    if then is None:
        return row.id, row.online, row.state
    return row.id, then[row.id].online, then[row.id].state.to_json()


def flights_by(events: list[FeedEvent], seq: int) -> dict[int, int]:
    """The flight that each drone was on, as events up to a number tell."""
    flights: dict[int, int] = {}
    for event in events:
        if isinstance(event, FlightChanged) and event.seq <= seq:
            flights[event.drone_id] = event.flight_id
            if event.kind is EventKind.FLIGHT_ENDED:
                del flights[event.drone_id]
    return flights
