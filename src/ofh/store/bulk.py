"""The recorder's statements about devices: those of a tick are read and written back in one statement each.

Each runs inside the recorder's transaction. Rows of devices are locked in the order of their ids, so that two
processes that take turns with one drone wait for each other and never deadlock.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from ofh.domain.devices import DeviceState, Fix, Property
from ofh.domain.flight_watch import FlightWatch

from .database import Database
from .parsed import Parsed
from .statements import fetch, run_many, time_of

Kind = Literal["drones", "remote_controllers"]
"""The table of a device."""


@dataclass(slots=True, kw_only=True)
class DeviceRow:
    """What the recorder reads and writes of a device."""

    id: int
    workspace_id: int
    serial_number: str
    connection_id: int | None
    online: bool
    seen_at: datetime | None
    left_at: datetime | None
    state: DeviceState
    gateway_serial: str | None = None
    """This and what follows: of drones alone."""
    gateway_at: datetime | None = None
    name: str = ""
    flight_watch: FlightWatch = field(default_factory=FlightWatch)
    flight_due_at: datetime | None = None
    phase: str = ""
    mark: Hashable = None
    """By which the row is known again once this is written."""


Memory = Parsed[tuple[DeviceState, FlightWatch]]
"""States and watches of the devices that this process wrote last."""


async def lock_devices(
    database: Database, client: Any, kind: Kind, ids: Sequence[int], memory: Memory | None = None
) -> dict[int, DeviceRow]:
    """Read devices by id for changing them; those that are gone are left out.

    Args:
        memory: what need not be read again; see `remember`.
    """
    if not ids:
        return {}
    if database.dialect == "postgresql":
        rows = await _locked(database, client, kind, "= ANY($1::bigint[])", list(ids))
    else:
        rows = await _locked(database, client, kind, "IN (SELECT value FROM json_each($1))", _listed(ids))
    return {row["id"]: _device(kind, row, memory) for row in rows}


async def lock_controllers(
    database: Database, client: Any, gateways: Collection[str], memory: Memory | None = None
) -> dict[str, DeviceRow]:
    """As `lock_devices`: the controllers with these serial numbers that are bound at present, by serial number."""
    bound = "IN (SELECT device_id FROM bindings WHERE serial_number = gateway_serial AND serial_number "
    if database.dialect == "postgresql":
        bound += "= ANY($1::text[]))"
        rows = await _locked(database, client, "remote_controllers", bound, list(gateways))
    else:
        bound += "IN (SELECT value FROM json_each($1)))"
        rows = await _locked(database, client, "remote_controllers", bound, _listed(gateways))
    return {row["serial_number"]: _device("remote_controllers", row, memory) for row in rows}


async def _locked(database: Database, client: Any, kind: Kind, which: str, wanted: Any) -> list[dict[str, Any]]:
    extra = f", {', '.join(_OF_DRONES)}" if kind == "drones" else ""
    columns = f"id, workspace_id, serial_number, connection_id, online, seen_at, left_at, state{extra}"
    lock = ""
    if database.dialect == "postgresql":
        columns += ", xmin::text::bigint AS version, txid_current() % 4294967296 AS next_version"
        # Not FOR UPDATE: rows that refer to a device may be written while another process holds it.
        lock = " ORDER BY id FOR NO KEY UPDATE"
    return await fetch(database, client, f"SELECT {columns} FROM {kind} WHERE id {which}{lock}", wanted)  # noqa: S608, ours


def _listed(items: Iterable[Any]) -> str:
    return orjson.dumps(list(items)).decode()


def remember(memory: Memory, kind: Kind, rows: Iterable[DeviceRow]) -> None:
    """Remember what was written, for the next time that these are locked. Only once it is committed."""
    for row in rows:
        memory.keep((kind, row.id), row.mark, (row.state, row.flight_watch))


async def take_offline(
    database: Database,
    client: Any,
    kind: Kind,
    unseen_since: datetime,
    account: str | None,
    *,
    only: int | None = None,
) -> list[dict[str, Any]]:
    """Take offline the devices that were last seen at that time or before: id and workspace of each.

    Args:
        account: of this connection alone, by its public id.
        only: this device alone.
    """
    condition, values = _unseen(unseen_since, account)
    if only is not None:
        values.append(only)
        condition += f" AND id = ${len(values)}"
    off, lock = ("false", " ORDER BY id FOR NO KEY UPDATE") if database.dialect == "postgresql" else ("0", "")
    return await fetch(
        database,
        client,
        f"UPDATE {kind} SET online = {off} WHERE id IN (SELECT id FROM {kind} WHERE {condition}{lock})"  # noqa: S608, ours
        " RETURNING id, workspace_id",
        *values,
    )


async def unseen_drones(database: Database, unseen_since: datetime, account: str | None) -> list[int]:
    """The drones that `take_offline` would take."""
    condition, values = _unseen(unseen_since, account)
    sql = f"SELECT id FROM drones WHERE {condition} ORDER BY id"  # noqa: S608, ours
    return [row["id"] for row in await fetch(database, database.connection, sql, *values)]


def _unseen(unseen_since: datetime, account: str | None) -> tuple[str, list[Any]]:
    if account is None:
        return "online AND seen_at <= $1", [unseen_since]
    ours = "SELECT id FROM connections WHERE public_id = $2"
    return f"online AND seen_at <= $1 AND connection_id IN ({ours})", [unseen_since, account]


async def hold_devices_of(database: Database, client: Any, workspace_id: int) -> None:
    """Lock all devices of a workspace, in the recorder's order: before whatever else of it is locked."""
    if database.dialect != "postgresql":
        return
    for kind in ("remote_controllers", "drones"):
        sql = f"SELECT id FROM {kind} WHERE workspace_id = $1 ORDER BY id FOR UPDATE"  # noqa: S608, ours
        await fetch(database, client, sql, workspace_id)


def _device(kind: Kind, row: dict[str, Any], memory: Memory | None) -> DeviceRow:
    mark = row.get("version") or (row["state"], row.get("flight_watch"))
    held = None if memory is None else memory.take((kind, row["id"]), mark)
    state, watch = held or (_state(row["state"]), FlightWatch.from_json(_parsed(row.get("flight_watch")) or {}))
    return DeviceRow(
        id=row["id"],
        workspace_id=row["workspace_id"],
        serial_number=row["serial_number"],
        connection_id=row["connection_id"],
        online=bool(row["online"]),
        seen_at=time_of(row["seen_at"]),
        left_at=time_of(row["left_at"]),
        state=state,
        gateway_serial=row.get("gateway_serial"),
        gateway_at=time_of(row.get("gateway_at")),
        name=row.get("name", ""),
        flight_watch=watch,
        flight_due_at=time_of(row.get("flight_due_at")),
        phase=row.get("phase", ""),
        mark=row.get("next_version"),
    )


_OF_DRONES = ("gateway_serial", "gateway_at", "name", "flight_watch", "flight_due_at", "phase")


def _state(stored: Any) -> DeviceState:
    """The state as either driver gives it; one that cannot be read is begun anew, and the next report fills it."""
    parsed = _parsed(stored)
    return DeviceState() if parsed is None else DeviceState.from_json(parsed)


def _parsed(stored: Any) -> dict[str, Any] | None:
    """A JSON object as either driver gives it; None where it is none."""
    try:
        parsed = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


async def write_devices(database: Database, client: Any, kind: Kind, rows: Sequence[DeviceRow]) -> None:
    """Write back what `lock_devices` read. A connection that was deleted since it was looked up is none."""
    is_text = database.dialect != "postgresql"
    values = []
    for row in sorted(rows, key=lambda row: row.id):
        state = orjson.dumps(row.state.to_json()).decode()
        watch = orjson.dumps(row.flight_watch.to_json()).decode() if kind == "drones" else None
        if is_text:
            row.mark = (state, watch)
        online = int(row.online) if is_text else row.online
        ours = [row.id, row.connection_id, online, row.seen_at, row.left_at, state]
        values.append(ours if watch is None else [*ours, *_of_drone(row, watch)])
    extra = (
        ", gateway_serial = $7, gateway_at = $8, flight_watch = $9::jsonb, flight_due_at = $10, phase = $11,"
        " longitude = $12, latitude = $13"
        if kind == "drones"
        else ""
    )
    await run_many(
        database,
        client,
        f"UPDATE {kind} SET connection_id = (SELECT id FROM connections WHERE id = $2), online = $3,"  # noqa: S608, ours
        f" seen_at = $4, left_at = $5, state = $6::jsonb{extra} WHERE id = $1",
        values,
    )


def _of_drone(row: DeviceRow, watch: str) -> tuple[Any, ...]:
    held = row.state.get(Property.FIX)
    fix = held.value if held is not None and isinstance(held.value, Fix) else None
    return (
        row.gateway_serial,
        row.gateway_at,
        watch,
        row.flight_due_at,
        row.phase,
        None if fix is None else fix.longitude_deg,
        None if fix is None else fix.latitude_deg,
    )
