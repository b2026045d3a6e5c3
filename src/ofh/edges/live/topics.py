"""What can be subscribed to: for an event and a filter, whether the caller may have it, where it comes from, and how it
is shown (the contract in docs/live.md).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ofh.domain.actors import Actor
from ofh.domain.devices import Fix
from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, Table
from ofh.domain.traffic import Sighting
from ofh.edges.ids import id_in
from ofh.services.access import Access
from ofh.services.feed import Feed
from ofh.services.fleet import Fleet
from ofh.services.media_watch import Uploaded, uploads
from ofh.services.rows import Row, Rows
from ofh.services.traffic import Traffic, TrafficWatch

from .filters import circle, table_row


class Watch(Protocol):
    """A thing that is watched."""

    def changes(self) -> AsyncIterator[list[Any]]:
        """What is new, as it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One event, as everybody gets it."""

    data: Mapping[str, Any]
    """`eventData`."""
    key: Hashable | None
    """Of several with the same key the newest will do; None: each has to arrive."""
    workspace_id: int | None
    """What it is of; None for what is nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What an event and a filter name."""

    workspace_id: int | None
    """The right to it is the right to this workspace; None where any user has it, or `person_id` says who."""
    person_id: int | None = None
    """The person whose row it is."""
    open: Callable[[], AbstractAsyncContextManager[Watch]]
    show: Callable[[Sequence[Any]], Awaitable[list[Shown]]]
    known: Callable[[Any], list[Shown]] | None = None
    """Traffic, a picture of others: what a watch knows at present. Whoever subscribes begins with it, and the drones of
    their own workspaces are not in it."""


class Topics:
    """Finds topics."""

    def __init__(self, access: Access, fleet: Fleet, feed: Feed, rows: Rows, traffic: Traffic) -> None:
        self._access = access
        self._fleet = fleet
        self._feed = feed
        self._rows = rows
        self._traffic = traffic

    async def find(self, actor: Actor, event: str, filter: str) -> Topic | None:
        """A topic that the actor may have; None for everything else, whatever the reason.

        Raises:
            HubError: UNAVAILABLE.
        """
        match event:
            case "drone_position" | "drone_telemetry" | "drone_media":
                return await self._of_drone(actor, event, id_in(filter))
            case "remote_controller_position":
                return await self._of_controller(actor, id_in(filter))
            case "workspace_drones_position" | "workspace_drones_media":
                return await self._of_workspace(actor, event, id_in(filter))
            case "traffic":
                return self._of_circle(filter)
            case "db_row_update":
                return await self._of_row(actor, filter)
            case _:
                return None

    async def may_still(self, actor: Actor, topic: Topic) -> bool:
        """Whether the actor may see the person that a topic is about, if it is about one.

        Raises:
            HubError: UNAVAILABLE.
        """
        if topic.person_id is None:
            return True
        return await self._rows.find(actor, Table.USER, topic.person_id) is not None

    async def workspaces(self, actor: Actor) -> frozenset[int]:
        """The workspaces that the actor may see now."""
        return frozenset(await self._access.workspace_ids(actor))

    async def _of_drone(self, actor: Actor, event: str, id: int | None) -> Topic | None:
        row = None if id is None else await self._fleet.drone(actor, id)
        if row is None:
            return None
        found, workspace_id = int(row.id), row.workspace_id
        serials = _Serials(self._fleet, {found: row.serial_number})
        match event:
            case "drone_position":
                return Topic(
                    workspace_id=workspace_id,
                    open=lambda: self._feed.drone_position(found),
                    show=serials.positions,
                )
            case "drone_telemetry":
                return Topic(workspace_id=workspace_id, open=lambda: self._feed.drone_battery(found), show=_batteries)
            case _:
                return Topic(
                    workspace_id=workspace_id,
                    open=lambda: uploads(self._feed, workspace_id, found),
                    show=serials.media,
                )

    async def _of_controller(self, actor: Actor, id: int | None) -> Topic | None:
        row = None if id is None else await self._fleet.remote_controller(actor, id)
        if row is None:
            return None
        found = int(row.id)
        return Topic(
            workspace_id=row.workspace_id,
            open=lambda: self._feed.remote_controller_position(found),
            show=_controllers,
        )

    async def _of_workspace(self, actor: Actor, event: str, id: int | None) -> Topic | None:
        if id is None or await self._access.role(actor, id) is None:
            return None
        serials = _Serials(self._fleet, {})
        if event == "workspace_drones_position":
            return Topic(
                workspace_id=id,
                open=lambda: self._feed.workspace_positions(id, None, timedelta(0)),
                show=serials.positions,
            )
        return Topic(workspace_id=id, open=lambda: uploads(self._feed, id, None), show=serials.media)

    def _of_circle(self, filter: str) -> Topic | None:
        found = circle(filter)
        if found is None:
            return None
        return Topic(workspace_id=None, open=lambda: self._traffic.watch(found), show=_traffic, known=_known_traffic)

    async def _of_row(self, actor: Actor, filter: str) -> Topic | None:
        named = table_row(filter)
        row = None if named is None else await self._rows.find(actor, *named)
        if row is None:
            return None
        name = filter.partition("%")[0]

        async def show(items: Sequence[Row]) -> list[Shown]:
            data = {"table": name, "id": str(row.id)}
            return [Shown(data=data, key=None, workspace_id=item.workspace_id) for item in items]

        return Topic(
            workspace_id=row.workspace_id,
            person_id=row.id if row.table is Table.USER else None,
            open=lambda: self._rows.watch(row),
            show=show,
        )


class _Serials:
    """Shows what is of drones with their serial numbers, which are looked up once."""

    def __init__(self, fleet: Fleet, known: dict[int, str]) -> None:
        self._fleet = fleet
        self._known = known

    async def positions(self, items: Sequence[DronePositioned]) -> list[Shown]:
        await self._learn(item.drone_id for item in items)
        return [
            Shown(
                data={
                    "id": item.drone_id,
                    "serial_number": self._known[item.drone_id],
                    "position": _position(item.fix, item.at),
                },
                key=item.drone_id,
                workspace_id=item.workspace_id,
            )
            for item in items
            if item.drone_id in self._known
        ]

    async def media(self, items: Sequence[Uploaded]) -> list[Shown]:
        await self._learn(item.row.drone_id for item in items)
        return [
            Shown(
                data={
                    "id": item.row.id,
                    "workspace_id": item.row.workspace_id,
                    "drone_id": item.row.drone_id,
                    "flight_id": item.row.flight_id or 0,
                    "file_id": item.row.file_id,
                    "drone_serial_number": self._known[item.row.drone_id],
                },
                key=None,
                workspace_id=item.row.workspace_id,
            )
            for item in items
            if item.row.drone_id in self._known
        ]

    async def _learn(self, drone_ids: Iterable[int]) -> None:
        if unknown := {id for id in drone_ids if id not in self._known}:
            self._known.update(await self._fleet.serials(unknown))


async def _batteries(items: Sequence[BatteryReported]) -> list[Shown]:
    return [
        Shown(
            data={
                "id": item.drone_id,
                "telemetry": {
                    "capacity_percent_left": item.battery.capacity_percent,
                    "reported_at": _moment(item.at),
                },
            },
            key=item.drone_id,
            workspace_id=item.workspace_id,
        )
        for item in items
    ]


async def _controllers(items: Sequence[ControllerPositioned]) -> list[Shown]:
    return [
        Shown(
            data={"id": item.remote_controller_id, "position": _position(item.fix, item.at)},
            key=item.remote_controller_id,
            workspace_id=item.workspace_id,
        )
        for item in items
    ]


async def _traffic(items: Sequence[Sighting]) -> list[Shown]:
    return _sightings(items)


def _known_traffic(watch: TrafficWatch) -> list[Shown]:
    return _sightings(watch.current())


def _sightings(items: Iterable[Sighting]) -> list[Shown]:
    found = []
    for item in items:
        position: dict[str, Any] = {"latitude": item.latitude_deg, "longitude": item.longitude_deg}
        if item.height_m is not None:
            position["height"] = round(item.height_m, 2)
        position["reported_at"] = _moment(item.at)
        found.append(Shown(data={"id": item.id, "position": position}, key=item.id, workspace_id=item.workspace_id))
    return found


def _position(fix: Fix, at: datetime) -> dict[str, Any]:
    return {
        "latitude": fix.latitude_deg,
        "longitude": fix.longitude_deg,
        "height": fix.height_m,
        "reported_at": _moment(at),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
