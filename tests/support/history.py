"""Rows of the history for tests: made, written as the recorder does, and read back whole."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from ofh.store.database import Database
from ofh.store.history import HistoryRow, moment, write_history
from ofh.store.statements import fetch


def history_row(at: datetime, **values: Any) -> HistoryRow:
    """A report with a fix, of the drone 1, received when it was made; `values` are what differs."""
    row: dict[str, Any] = {
        "drone_id": 1,
        "reported_at": at,
        "received_at": at,
        "device_clock": at,
        "digest": 0,
        "longitude": 9.95,
        "latitude": 50.49,
        "height": 1000.0,
        "elevation": None,
        "heading": None,
        "horizontal_speed": None,
        "vertical_speed": None,
        "battery_percent": None,
        "mode_code": None,
    }
    return HistoryRow(**{**row, **values})


async def store(database: Database, rows: Sequence[HistoryRow]) -> None:
    """Write rows as the recorder does."""
    async with database.transaction() as client:
        await write_history(database, client, rows)


async def history_of(database: Database, drone_id: int | None = None) -> list[HistoryRow]:
    """All that is stored, of a drone or of all, in order; `device_clock` is None where it is the row's time."""
    names = [field.name for field in fields(HistoryRow)]
    condition = "" if drone_id is None else f" WHERE drone_id = {drone_id}"
    sql = f"SELECT {', '.join(names)} FROM telemetry{condition} ORDER BY drone_id, reported_at, digest"
    rows = await fetch(database, database.connection, sql)
    times = ("reported_at", "received_at", "device_clock")
    return [HistoryRow(**{**row, **{name: moment(row[name]) for name in times}}) for row in rows]
