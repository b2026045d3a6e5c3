"""What many drones have of the same kind, the newest first: in one statement for all of them."""

from collections.abc import Sequence
from typing import TypeVar

from tortoise.functions import Count

from .models import Flight, Media

M = TypeVar("M", Flight, Media)

COLUMNS = {Flight: "started_at", Media: "created_at"}
"""What each is sorted by; there is an index on the drone and it."""


async def newest_of(model: type[M], drone_ids: Sequence[int], limit: int) -> dict[int, list[M]]:
    """The newest of each of these drones, so many of each at the most; no more than those are read."""
    table, column = model.describe()["table"], COLUMNS[model]
    drones = ",".join(f"{drone:d}" for drone in drone_ids)
    last = f"FROM {table} WHERE drone_id = d.id ORDER BY {column} DESC, id DESC LIMIT {limit:d}"
    if model._meta.db.capabilities.dialect == "sqlite":
        sql = (
            f"SELECT t.* FROM (SELECT value AS id FROM json_each('[{drones}]')) AS d"  # noqa: S608, whole numbers alone
            f" CROSS JOIN {table} AS t WHERE t.id IN (SELECT id {last})"
        )
    else:
        sql = f"SELECT t.* FROM unnest('{{{drones}}}'::bigint[]) AS d (id) CROSS JOIN LATERAL (SELECT * {last}) AS t"  # noqa: S608, whole numbers alone
    rows: list[M] = await model.raw(sql)
    found: dict[int, list[M]] = {drone: [] for drone in drone_ids}
    for row in sorted(rows, key=lambda row: (getattr(row, column), row.id), reverse=True):
        found[row.drone_id].append(row)
    return found


async def counts_of(model: type[M], drone_ids: Sequence[int]) -> dict[int, int]:
    """How many each of these drones has; who has none is left out."""
    rows = (
        await model.filter(drone_id__in=list(drone_ids))
        .annotate(number=Count("id"))
        .group_by("drone_id")
        .values("drone_id", "number")
    )
    return {row["drone_id"]: row["number"] for row in rows}
