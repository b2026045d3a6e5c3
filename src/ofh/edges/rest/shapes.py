"""Rows as the JSON of 0.11.0: names and types of the contract, and what is not known left out."""

from datetime import UTC, datetime
from typing import Any

from ofh.store.models import File


def moment(at: datetime) -> str:
    """A time with its offset, which is always that of UTC."""
    return at.astimezone(UTC).isoformat()


def file(row: File) -> dict[str, Any]:
    """`File`. None has a thumbnail: the hub makes none."""
    return {"id": row.id, "name": row.name, "created_at": moment(row.created_at), "has_thumbnail": False}
