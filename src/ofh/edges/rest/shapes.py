"""Rows as the JSON of 0.11.0: names and types of the contract, and what is not known left out."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ofh.domain.tracks import TrackPoint
from ofh.store.models import File, Flight


def moment(at: datetime) -> str:
    """A time with its offset, which is always that of UTC."""
    return at.astimezone(UTC).isoformat()


def file(row: File) -> dict[str, Any]:
    """`File`. None has a thumbnail: the hub makes none."""
    return {"id": row.id, "name": row.name, "created_at": moment(row.created_at), "has_thumbnail": False}


def flight(row: Flight, track: Iterable[TrackPoint]) -> dict[str, Any]:
    """`Flight`, with its track in order of time."""
    shown: dict[str, Any] = {"id": row.id, "drone_id": row.drone_id, "started_at": moment(row.started_at)}
    if row.landed_at is not None:
        shown["landed_at"] = moment(row.landed_at)
    if row.ended_at is not None:
        shown["ended_at"] = moment(row.ended_at)
    shown["track"] = [
        {"longitude": fix.longitude, "latitude": fix.latitude, "height": fix.height, "time": moment(fix.time)}
        for fix in track
    ]
    return shown
