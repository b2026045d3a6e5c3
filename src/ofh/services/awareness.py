"""Who is there: a workspace's controllers with their aircraft, as its controllers show each other.

What a connection speaks for stands in the bindings. An aircraft is listed with every controller that has it now; one
that no controller has any more stays with the one that it was last heard by, offline. Two statements, whatever the
size of the fleet; and whoever asks while others wait to be answered shares the answer with them, since one word of a
change makes every controller of a workspace ask at the same moment.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ofh.dji.products import AIRCRAFT, CONTROLLER
from ofh.store.database import Database
from ofh.store.statements import fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A controller or an aircraft."""

    id: int
    """The row's; controllers and aircraft have numbers of their own."""
    serial: str
    callsign: str
    """What people call it."""
    domain: int
    """DJI's numbers of the model."""
    type: int
    sub_type: int
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A controller and what it has."""

    connection_id: int
    connection_name: str
    """Who flies, as far as the hub knows: a controller logs in by its connection, not as a person."""
    controller: Device
    aircraft: tuple[Device, ...]


class Awareness:
    """Reads who is there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[int, asyncio.Task[list[Group]]] = {}
        """Readings that have not begun yet, by workspace."""
        self._turn = asyncio.Lock()

    async def groups(self, workspace_id: int) -> list[Group]:
        """Every controller of a workspace, online or not, in the order in which they first came.

        What was committed before the call is in it.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        reading = self._waiting.get(workspace_id)
        if reading is None:
            reading = asyncio.create_task(self._in_turn(workspace_id))
            reading.add_done_callback(_taken_note_of)
            self._waiting[workspace_id] = reading
        return await asyncio.shield(reading)

    async def _in_turn(self, workspace_id: int) -> list[Group]:
        async with self._turn:
            del self._waiting[workspace_id]  # who asks from now on may know of something newer
            return await self._read(workspace_id)

    async def _read(self, workspace_id: int) -> list[Group]:
        client = self._database.connection
        controllers = await fetch(
            self._database,
            client,
            "SELECT c.id, c.serial_number, c.type, c.sub_type, c.online, n.id AS connection_id, n.name"
            " FROM connections n JOIN bindings b ON b.connection_id = n.id"
            " JOIN remote_controllers c ON c.id = b.device_id"
            " WHERE n.workspace_id = $1 AND b.gateway_serial = b.serial_number ORDER BY c.id",
            workspace_id,
        )
        aircraft = await fetch(
            self._database,
            client,
            "SELECT d.id, d.serial_number, d.type, d.sub_type, d.online, d.name, d.gateway_serial AS heard_by,"
            " b.gateway_serial, b.is_linked"
            " FROM connections n JOIN bindings b ON b.connection_id = n.id JOIN drones d ON d.id = b.device_id"
            " WHERE n.workspace_id = $1 AND b.gateway_serial <> b.serial_number ORDER BY d.id, b.bound_at, b.id",
            workspace_id,
        )
        held = _by_gateway(aircraft)
        return [
            Group(
                connection_id=row["connection_id"],
                connection_name=row["name"],
                controller=_device(row, CONTROLLER, row["name"]),
                aircraft=tuple(_device(found, AIRCRAFT, found["name"]) for found in held.get(row["serial_number"], ())),
            )
            for row in controllers
        ]


def _taken_note_of(reading: "asyncio.Task[list[Group]]") -> None:
    """Whoever waited for it may be gone."""
    if not reading.cancelled():
        reading.exception()


def _by_gateway(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The aircraft of each controller, from one row per aircraft and controller that ever had it."""
    of_drone: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        of_drone[row["id"]].append(row)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for bindings in of_drone.values():
        for row in _present(bindings):
            found[row["gateway_serial"]].append(row)
    return found


def _present(bindings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of one aircraft's bindings those that count."""
    linked = [row for row in bindings if row["is_linked"]]
    if linked:
        return linked
    heard = [row for row in bindings if row["gateway_serial"] == row["heard_by"]]
    return heard or [bindings[-1]]


def _device(row: dict[str, Any], domain: int, name: str) -> Device:
    return Device(
        id=row["id"],
        serial=row["serial_number"],
        callsign=name or row["serial_number"],
        domain=domain,
        type=row["type"],
        sub_type=row["sub_type"],
        online=bool(row["online"]),
    )
