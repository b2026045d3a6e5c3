"""The statements that keep flights as they are derived, and those that find them.

What keeps flights runs inside the transaction that derived them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ofh.domain.areas import Area
from ofh.domain.flights import Flight, Phase

from .database import Database
from .history import stored_moment
from .statements import fetch, run_many, time_of

_COLUMNS = (
    "open_drone_id",
    "phase",
    "started_at",
    "last_at",
    "landed_at",
    "ended_at",
    "take_off_longitude",
    "take_off_latitude",
    "take_off_height",
    "distance",
    "max_height",
    "max_elevation",
    "battery_used",
    "west",
    "south",
    "east",
    "north",
)


async def insert(database: Database, client: Any, workspace_id: int, drone_id: int, flight: Flight) -> int:
    """Keep a new flight; its number."""
    columns = ", ".join(("workspace_id", "drone_id", *_COLUMNS))
    places = ", ".join(f"${n}" for n in range(1, len(_COLUMNS) + 3))
    rows = await fetch(
        database,
        client,
        f"INSERT INTO flights ({columns}) VALUES ({places}) RETURNING id",  # noqa: S608, ours
        workspace_id,
        drone_id,
        *_values(drone_id, flight),
    )
    found: int = rows[0]["id"]
    return found


async def update(database: Database, client: Any, flights: Sequence[tuple[int, int, Flight]]) -> None:
    """Write flights anew: number, drone and flight of each. A drone's last flight ends before another one opens."""
    assignments = ", ".join(f"{column} = ${n}" for n, column in enumerate(_COLUMNS, 2))
    await run_many(
        database,
        client,
        f"UPDATE flights SET {assignments} WHERE id = $1",  # noqa: S608, ours
        [
            (flight_id, *_values(drone_id, flight))
            for flight_id, drone_id, flight in sorted(flights, key=lambda item: (item[2].ended_us is None, item[0]))
        ],
    )


async def delete(database: Database, client: Any, flight_ids: Sequence[int]) -> None:
    """Forget flights that turned out to be none."""
    await run_many(database, client, "DELETE FROM flights WHERE id = $1", [(number,) for number in flight_ids])


async def end_open(database: Database, client: Any, drone_id: int) -> list[tuple[int, datetime]]:
    """End the flight that a drone has open, with its landing or its newest report; its number and that time."""
    rows = await fetch(
        database,
        client,
        "UPDATE flights SET open_drone_id = NULL, phase = $2, ended_at = COALESCE(landed_at, last_at)"
        " WHERE open_drone_id = $1 RETURNING id, ended_at",
        drone_id,
        Phase.ENDED.value,
    )
    return [(row["id"], at) for row in rows if (at := time_of(row["ended_at"])) is not None]


async def due(database: Database, now: datetime, limit: int) -> list[int]:
    """The drones about whose flights time alone changes something, the longest due first."""
    rows = await fetch(
        database,
        database.connection,
        "SELECT id FROM drones WHERE flight_due_at <= $1 ORDER BY flight_due_at LIMIT $2",
        now,
        limit,
    )
    return [row["id"] for row in rows]


def _values(drone_id: int, flight: Flight) -> tuple[Any, ...]:
    longitude, latitude = flight.take_off or (None, None)
    return (
        drone_id if flight.ended_us is None else None,
        flight.phase.value,
        flight.started_at,
        flight.last_at,
        flight.landed_at,
        flight.ended_at,
        longitude,
        latitude,
        flight.take_off_height_m,
        flight.distance_m,
        flight.max_height_m,
        flight.max_elevation_m,
        flight.battery_used_percent,
        *(flight.box or (None, None, None, None)),
    )


class FlightSearch:
    """Which flights of a workspace to find; what is None does not matter.

    Args:
        start: those that were under way then or later.
        end: those that had started by then.
        area: those with a fix in it.
    """

    def __init__(
        self,
        database: Database,
        workspace_id: int,
        *,
        drone_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        area: Area | None = None,
    ) -> None:
        self._database = database
        self._values: list[Any] = []
        self._parts = [f"workspace_id = {self._value(workspace_id)}"]
        if drone_id is not None:
            self._parts.append(f"drone_id = {self._value(drone_id)}")
        if start is not None:
            self._parts.append(f"(ended_at IS NULL OR ended_at >= {self._value(start)})")
        if end is not None:
            self._parts.append(f"started_at <= {self._value(end)}")
        if area is not None:
            self._add_area(area)

    async def newest(self, behind: tuple[datetime, int] | None, limit: int) -> list[int]:
        """The numbers of the flights that started last, the newest first.

        Args:
            behind: start and number of the flight that the list begins behind.
        """
        parts, values = list(self._parts), list(self._values)
        if behind is not None:
            values += behind
            parts.append(f"(started_at, id) < (${len(values) - 1}, ${len(values)})")
        sql = f"SELECT id FROM flights WHERE {' AND '.join(parts)} ORDER BY started_at DESC, id DESC LIMIT {limit:d}"  # noqa: S608, ours
        return [row["id"] for row in await fetch(self._database, self._database.connection, sql, *values)]

    async def count(self) -> int:
        """How many there are."""
        sql = f"SELECT count(*) AS n FROM flights WHERE {' AND '.join(self._parts)}"  # noqa: S608, ours
        rows = await fetch(self._database, self._database.connection, sql, *self._values)
        return int(rows[0]["n"])

    def _value(self, value: Any) -> str:
        """The place of a value in the statement."""
        self._values.append(value)
        return f"${len(self._values)}"

    def _add_area(self, area: Area) -> None:
        """First by the box around the flight, which costs nothing; then by its fixes."""
        west, south = self._value(area.west_deg), self._value(area.south_deg)
        east, north = self._value(area.east_deg), self._value(area.north_deg)
        joined = "AND" if area.west_deg <= area.east_deg else "OR"
        self._parts.append(f"north >= {south} AND south <= {north} AND (east >= {west} {joined} west <= {east})")
        start = stored_moment(self._database, "flights.started_at")
        end = stored_moment(self._database, "COALESCE(flights.landed_at, flights.ended_at, flights.last_at)")
        self._parts.append(
            # No EXISTS: PostgreSQL makes a join of it, for which it reads the history of everybody.
            "(SELECT 1 FROM telemetry t WHERE t.drone_id = flights.drone_id"  # noqa: S608, ours
            f" AND t.reported_at >= {start} AND t.reported_at <= {end}"
            f" AND t.latitude >= {south} AND t.latitude <= {north}"
            f" AND (t.longitude >= {west} {joined} t.longitude <= {east}) LIMIT 1) IS NOT NULL"
        )
