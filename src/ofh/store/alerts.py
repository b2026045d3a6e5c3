"""The statements by which alerts are raised and cleared: one for all drones of a tick, never one per drone.

Each runs inside the transaction of whoever judges, which holds the drones' rows. What may be contended is always taken
in one order (new alerts by their key, then alerts that clear by their id), so that nobody waits in a circle.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from ofh.domain.alerts import AlertKind, Subject
from ofh.domain.areas import Area
from ofh.domain.devices import Battery, DeviceState, Fix, Property

from .database import Database
from .statements import fetch, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that has not cleared yet."""

    id: int
    workspace_id: int
    rule_id: int | None
    open_key: str
    kind: AlertKind
    drone_id: int
    other_drone_id: int | None
    raised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """An alert to raise; the fields are those of the table."""

    workspace_id: int
    rule_id: int
    open_key: str
    kind: AlertKind
    message: str
    drone_id: int
    other_drone_id: int | None
    flight_id: int | None
    evidence: dict[str, Any]
    raised_at: datetime


async def open_alerts(database: Database, client: Any, drone_ids: Collection[int]) -> list[OpenAlert]:
    """The alerts that stand about any of these drones."""
    is_one = _is_one_of(database, "drone_id")
    is_other = _is_one_of(database, "other_drone_id")
    # Two halves, each by its own index, which an OR would not be sure to use.
    rows = await fetch(
        database,
        client,
        f"SELECT {_OPEN} FROM alerts WHERE cleared_at IS NULL AND {is_one}"  # noqa: S608, ours
        f" UNION SELECT {_OPEN} FROM alerts WHERE cleared_at IS NULL AND {is_other}",
        _list(database, drone_ids),
    )
    return [_open(row) for row in rows]


async def drones_near(
    database: Database,
    client: Any,
    boxes: Collection[tuple[int, Area]],
    drone_ids: Collection[int],
    *,
    except_for: Collection[int],
) -> list[Subject]:
    """Airborne drones whose last position lies in one of the boxes, and drones by their ids, as they were last stored.

    Args:
        boxes: each of one workspace, in which alone it looks; none crosses the antimeridian.
        except_for: drones that are not wanted, however near.
    """
    # Boxes and drones meet by their bands of latitude, so that many of both do not all have to be compared.
    height = max((box.north_deg - box.south_deg for _, box in boxes), default=1.0) or 1.0
    band_of = "floor((latitude + 90) / $5::float8)"
    if database.dialect == "sqlite":
        band_of = "CAST((latitude + 90) / $5 AS INTEGER)"
    wanted = [
        {
            "workspace_id": workspace_id,
            "band": band,
            "west": box.west_deg,
            "south": box.south_deg,
            "east": box.east_deg,
            "north": box.north_deg,
        }
        for workspace_id, box in boxes
        for band in range(int((box.south_deg + 90) / height), int((box.north_deg + 90) / height) + 1)
    ]
    kinds = {"workspace_id": "bigint", "band": "float8", **dict.fromkeys(("west", "south", "east", "north"), "float8")}
    rows = await fetch(
        database,
        client,
        f"WITH box AS MATERIALIZED ({_records(database, 1, kinds)}),"  # noqa: S608, ours
        f" flying AS MATERIALIZED (SELECT id, workspace_id, {band_of} AS band, longitude, latitude FROM drones"
        f" WHERE {_is_one_of(database, 'workspace_id', 4)} AND phase = 'airborne'"
        f" AND NOT {_is_one_of(database, 'id', 3)}),"
        " near AS MATERIALIZED (SELECT flying.id AS id FROM flying JOIN box"
        " ON box.band = flying.band AND box.workspace_id = flying.workspace_id"
        " WHERE latitude BETWEEN south AND north AND longitude BETWEEN west AND east)"
        " SELECT id, workspace_id, name, serial_number, phase, state FROM drones"
        f" WHERE id IN (SELECT id FROM near) OR {_is_one_of(database, 'id', 2)}",
        _json(wanted),
        _list(database, drone_ids),
        _list(database, except_for),
        _list(database, {workspace_id for workspace_id, _ in boxes}),
        height,
    )
    return [_subject(row) for row in rows]


async def raise_alerts(database: Database, client: Any, alerts: Sequence[NewAlert]) -> dict[str, int]:
    """Raise those alerts that do not stand yet, and whose rules still hold; the ids of the new ones by their keys."""
    columns = {
        "workspace_id": "bigint",
        "rule_id": "bigint",
        "open_key": "text",
        "kind": "text",
        "message": "text",
        "drone_id": "bigint",
        "other_drone_id": "bigint",
        "flight_id": "bigint",
        "evidence": "jsonb",
        "raised_at": "timestamptz",
    }
    rows = [
        {
            "workspace_id": alert.workspace_id,
            "rule_id": alert.rule_id,
            "open_key": alert.open_key,
            "kind": alert.kind.value,
            "message": alert.message,
            "drone_id": alert.drone_id,
            "other_drone_id": alert.other_drone_id,
            "flight_id": alert.flight_id,
            "evidence": alert.evidence,
            "raised_at": alert.raised_at.isoformat(" "),
        }
        for alert in sorted(alerts, key=lambda alert: alert.open_key)
    ]
    names = ", ".join(columns)
    found = await fetch(
        database,
        client,
        f"WITH new AS MATERIALIZED ({_records(database, 1, columns)})"  # noqa: S608, ours
        f" INSERT INTO alerts ({names}) SELECT {', '.join(f'new.{name}' for name in columns)} FROM new"
        " JOIN alert_rules ON alert_rules.id = new.rule_id AND alert_rules.enabled WHERE true ORDER BY new.open_key"
        " ON CONFLICT (open_key) DO NOTHING RETURNING id, open_key",
        _json(rows),
    )
    return {row["open_key"]: row["id"] for row in found}


async def clear_alerts(database: Database, client: Any, times: dict[int, datetime]) -> set[int]:
    """Clear alerts, each at its time; the ids of those that still stood."""
    rows = [{"alert_id": number, "at": at.isoformat(" ")} for number, at in sorted(times.items())]
    gone = _records(database, 1, {"alert_id": "bigint", "at": "timestamptz"})
    # Rows are locked in the order of their ids before any is changed; SQLite has one writer anyway.
    lock = " ORDER BY alerts.id FOR UPDATE OF alerts" if database.dialect == "postgresql" else ""
    found = await fetch(
        database,
        client,
        f"WITH gone AS MATERIALIZED ({gone}), due AS MATERIALIZED (SELECT alerts.id AS alert_id, gone.at AS at"  # noqa: S608, ours
        f" FROM alerts JOIN gone ON gone.alert_id = alerts.id WHERE alerts.cleared_at IS NULL{lock})"
        " UPDATE alerts SET cleared_at = due.at, open_key = NULL FROM due WHERE alerts.id = due.alert_id RETURNING id",
        _json(rows),
    )
    return {row["id"] for row in found}


async def hold_drones(database: Database, client: Any, workspace_id: int) -> None:
    """Keep every drone of a workspace from being judged until the end of the transaction."""
    if database.dialect == "postgresql":
        await fetch(
            database, client, "SELECT id FROM drones WHERE workspace_id = $1 ORDER BY id FOR UPDATE", workspace_id
        )


async def open_alerts_of_rule(database: Database, client: Any, rule_id: int) -> list[OpenAlert]:
    """The alerts of a rule that stand."""
    rows = await fetch(
        database,
        client,
        f"SELECT {_OPEN} FROM alerts WHERE rule_id = $1 AND cleared_at IS NULL",  # noqa: S608, ours
        rule_id,
    )
    return [_open(row) for row in rows]


_NEVER = datetime.min.replace(tzinfo=UTC)
_OPEN = "id, workspace_id, rule_id, open_key, kind, drone_id, other_drone_id, raised_at"


def _open(row: dict[str, Any]) -> OpenAlert:
    raised_at = time_of(row["raised_at"])
    assert raised_at is not None
    return OpenAlert(
        id=row["id"],
        workspace_id=row["workspace_id"],
        rule_id=row["rule_id"],
        open_key=row["open_key"],
        kind=AlertKind(row["kind"]),
        drone_id=row["drone_id"],
        other_drone_id=row["other_drone_id"],
        raised_at=raised_at,
    )


def _subject(row: dict[str, Any]) -> Subject:
    stored = row["state"]
    state = DeviceState.from_json(orjson.loads(stored) if isinstance(stored, str | bytes) else stored)
    fix, battery, elevation = (state.get(name) for name in (Property.FIX, Property.BATTERY, Property.ELEVATION))
    return Subject(
        drone_id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"] or row["serial_number"],
        at=max((stamped.at for stamped in state.properties.values()), default=_NEVER),
        fix=fix.value if fix is not None and isinstance(fix.value, Fix) else None,
        fix_at=fix.at if fix is not None else None,
        elevation_m=elevation.value if elevation is not None and isinstance(elevation.value, float | int) else None,
        battery=battery.value if battery is not None and isinstance(battery.value, Battery) else None,
        battery_at=battery.at if battery is not None else None,
        phase=row["phase"],
        flight_id=None,
    )


def _is_one_of(database: Database, column: str, place: int = 1) -> str:
    """The condition that a column is in a list of numbers, which `_list` makes an argument of."""
    if database.dialect == "postgresql":
        return f"({column} = ANY(${place}::bigint[]))"
    return f"({column} IN (SELECT value FROM json_each(${place})))"  # noqa: S608, ours


def _list(database: Database, numbers: Collection[int]) -> Any:
    return list(numbers) if database.dialect == "postgresql" else _json(list(numbers))


def _records(database: Database, place: int, columns: dict[str, str]) -> str:
    """The rows of an argument that is a JSON list of objects, as a query; only PostgreSQL needs the columns' types."""
    if database.dialect == "postgresql":
        kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"SELECT * FROM jsonb_to_recordset(${place}::jsonb) AS given({kinds})"  # noqa: S608, ours
    values = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
    return f"SELECT {values} FROM json_each(${place})"  # noqa: S608, ours


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
