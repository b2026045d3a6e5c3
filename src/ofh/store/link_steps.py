"""The records of connections' steps, read and written by the set."""

from collections.abc import Mapping, Sequence
from typing import Any

from ofh.domain.link_steps import LinkProblem, LinkStepName, Record, Records

from .database import Database
from .models import Connection, LinkStep
from .statements import fetch, lock_names, run_many

Key = tuple[int, LinkStepName]
"""Of a connection."""


def record_of(row: LinkStep) -> Record:
    """A row as the domain knows it; a problem of a newer version is shown as none."""
    known = row.problem in LinkProblem.__members__
    return Record(
        done_at=row.done_at,
        failed_at=row.failed_at,
        problem=LinkProblem(row.problem) if known else None,
        detail=row.detail if known else "",
    )


def records_of(rows: Sequence[LinkStep]) -> Records:
    """The records of one connection."""
    return {LinkStepName(row.step): record_of(row) for row in rows if row.step in LinkStepName.__members__}


async def connections_named(client: Any, names: Sequence[str]) -> dict[str, int]:
    """The ids of connections by their public ids."""
    if not names:
        return {}
    rows = await Connection.filter(public_id__in=list(names)).using_db(client).values_list("public_id", "id")
    return {str(name): int(id) for name, id in rows}


async def add(database: Database, client: Any, news: Mapping[Key, Record]) -> dict[int, int]:
    """Write what was seen behind what stood there.

    Returns:
        The workspaces of the connections that it was about; those that are gone are left out.
    """
    ids = sorted({connection_id for connection_id, _ in news})
    await lock_names(database, client, [f"link steps {connection_id}" for connection_id in ids])
    # Held until the commit, so that none is deleted between this and the rows that point at it.
    alive = Connection.filter(id__in=ids).using_db(client).order_by("id").select_for_update(no_key=True)
    workspaces = {row.id: row.workspace_id for row in await alive}
    held = {
        (row.connection_id, LinkStepName(row.step)): record_of(row)
        for row in await LinkStep.filter(connection_id__in=ids).using_db(client)
        if row.step in LinkStepName.__members__
    }
    rows = []
    for (connection_id, step), seen in sorted(news.items()):
        if connection_id in workspaces:
            record = held.get((connection_id, step), Record()).then(seen)
            problem = record.problem.value if record.problem else ""
            rows.append((connection_id, step.value, record.done_at, record.failed_at, problem, record.detail))
    await run_many(
        database,
        client,
        "INSERT INTO link_steps (connection_id, step, done_at, failed_at, problem, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (connection_id, step) DO UPDATE SET"
        " done_at = excluded.done_at, failed_at = excluded.failed_at, problem = excluded.problem,"
        " detail = excluded.detail",
        rows,
    )
    return workspaces


async def clock_of(database: Database) -> Any:
    """What the database's own clock says; None where it is this machine's."""
    if database.dialect == "sqlite":
        return None
    async with database.transaction() as client:
        (row,) = await fetch(database, client, "SELECT clock_timestamp() AS at")
    return row["at"]
