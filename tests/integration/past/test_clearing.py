"""What a deleted workspace leaves goes in pieces, whoever is killed meanwhile, and nobody waits for it."""

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.devices import micros
from ofh.services.clearing import Clearing
from ofh.services.snapshots import read_snapshot
from ofh.store import clearing as steps
from ofh.store import feed_keeping, pruning
from ofh.store.database import Database
from ofh.store.models import (
    Connection,
    Drone,
    File,
    Job,
    MapElement,
    MapGroup,
    Media,
    MediaGroup,
    Membership,
    PendingUpload,
    Workspace,
)
from tests.integration.past.site import Site
from tests.support.fleet import position, seconds


class Killed(BaseException):
    """The process ends here."""


async def left(database: Database, workspace_id: int, drone_ids: list[int]) -> dict[str, int]:
    """How many rows of a workspace there are, by table; those that have none left out."""
    if database.dialect == "sqlite":
        sql = (
            "SELECT m.name AS table_name FROM sqlite_master m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND c.name = 'workspace_id'"
        )
    else:
        sql = "SELECT table_name FROM information_schema.columns WHERE column_name = 'workspace_id'"
    tables = {row["table_name"] for row in await database.connection.execute_query_dict(sql)} - {"audit_entries"}
    counts = {}
    for table in sorted(tables):
        sql = f"SELECT count(*) AS n FROM {table} WHERE workspace_id = {workspace_id}"
        counts[table] = (await database.connection.execute_query_dict(sql))[0]["n"]
    ids = ", ".join(map(str, drone_ids))
    sql = f"SELECT count(*) AS n FROM telemetry WHERE drone_id IN ({ids})"
    counts["telemetry"] = (await database.connection.execute_query_dict(sql))[0]["n"]
    return {table: number for table, number in counts.items() if number}


async def furnish(site: Site) -> None:
    """Give a workspace something of what it may have much of, beside what flying leaves."""
    now, drone = site.bench.now, (await Drone.filter(workspace_id=site.workspace_id))[0]
    group = await MediaGroup.create(workspace_id=site.workspace_id, group_key="g", created_at=now)
    for n in range(5):
        file = await File.create(
            workspace_id=site.workspace_id,
            name=f"{n}.jpg",
            object_key=f"w/{n}",
            thumbnail_key=f"t/{n}" if n else None,
            size=1,
            content_type="image/jpeg",
            etag="e",
            created_at=now,
        )
        await Media.create(
            workspace_id=site.workspace_id, file=file, drone=drone, group=group, type="PHOTO", created_at=now
        )
        await Job.create(workspace_id=site.workspace_id, kind="look", subject_id=n, due_at=now, created_at=now)
    await PendingUpload.create(
        workspace_id=site.workspace_id, connection_id=1, object_key="w/p", statement={}, due_at=now, created_at=now
    )
    layer = await MapGroup.create(
        id="12345678-1234-5678-1234-567812345678", workspace_id=site.workspace_id, type=0, name="L", created_at=now
    )
    await MapElement.create(
        workspace_id=site.workspace_id,
        group=layer,
        element_id="22345678-1234-5678-1234-567812345678",
        name="E",
        type=0,
        content={},
        created_at=now,
        updated_at=now,
    )


async def test_what_a_deleted_workspace_leaves_goes_in_pieces_and_a_killed_process_is_taken_up_from(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (steps, feed_keeping, pruning):
        monkeypatch.setattr(module, "FEW", 2)
    monkeypatch.setattr(pruning, "BATCH", 5)
    await site.fly()
    await furnish(site)
    site.bench.now += timedelta(hours=2)
    await site.keeping.pack()
    at_us = micros(site.bench.now)
    async with site.database.transaction() as client:
        for seq in (1, 2, 3):
            state = feed_keeping.StoredState(seq=seq, at_us=at_us, body=b"")
            await feed_keeping.write_state(site.database, client, site.workspace_id, state)
    drones = [row.id for row in await Drone.filter(workspace_id=site.workspace_id)]
    there = await left(site.database, site.workspace_id, drones)
    assert {"events", "flights", "alerts", "media", "feed", "feed_states", "telemetry", "jobs"} <= set(there)

    await Workspace.filter(id=site.workspace_id).update(deleted_at=site.bench.now)
    clearing = Clearing(site.database, lambda: site.bench.now, pause_s=0)
    turn, turns, lives = clearing._turn, 0, 0

    @asynccontextmanager
    async def deadly() -> Any:
        nonlocal turns, lives
        turns += 1
        async with turn() as client:
            yield client
            if turns >= 10 * 2**lives:
                raise Killed  # before the commit

    monkeypatch.setattr(clearing, "_turn", deadly)
    while True:
        before = await left(site.database, site.workspace_id, drones)
        try:
            assert await clearing.clear() == 1
            break
        except Killed:
            after = await left(site.database, site.workspace_id, drones)
            assert all(before[table] - after.get(table, 0) <= 6 * turns for table in before)
            lives, turns = lives + 1, 0
    assert lives > 1
    assert await left(site.database, site.workspace_id, drones) == {}
    assert not await Workspace.filter(id=site.workspace_id).exists()
    sql = "SELECT object_key FROM discarded_objects ORDER BY object_key"
    rows = await site.database.connection.execute_query_dict(sql)
    assert [row["object_key"] for row in rows] == [
        *(f"t/{n}" for n in range(1, 5)),
        *(f"w/{n}" for n in range(5)),
        "w/p",
    ]
    assert await Workspace.all().count() == 1
    assert await clearing.clear() == 0


async def test_nothing_is_told_of_a_workspace_that_goes_and_others_are_recorded_between_its_pieces(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_keeping, "FEW", 2)
    await site.fly()
    other = (await Workspace.exclude(id=site.workspace_id).get()).id
    await site.bench.connection(other, "c9")
    await site.bench.announce("c9", "RC9", "AC9")
    told = (await Workspace.get(id=site.workspace_id)).event_seq
    await Workspace.filter(id=site.workspace_id).update(deleted_at=site.bench.now)
    await Membership.filter(workspace_id=site.workspace_id).delete()
    await Connection.filter(workspace_id=site.workspace_id).delete()
    assert await site.past.at(site.member, site.workspace_id, site.bench.now) is None
    with pytest.raises(Exception, match="no such workspace"):
        await read_snapshot(site.database, site.workspace_id)
    site.bench.now += timedelta(hours=1)
    await site.bench.presence.sweep()
    await site.bench.derivation.sweep()
    assert (await Workspace.get(id=site.workspace_id)).event_seq == told

    clearing = Clearing(site.database, lambda: site.bench.now, pause_s=0)
    turn, seen = clearing._turn, set()

    @asynccontextmanager
    async def between() -> Any:
        site.bench.now += seconds(1)
        await site.bench.report("AC9", position(9.0 + len(seen) * 1e-4), gateway="RC9")
        seen.add((await Workspace.get(id=other)).event_seq)
        async with turn() as client:
            yield client

    monkeypatch.setattr(clearing, "_turn", between)
    assert await clearing.clear() == 1
    assert len(seen) > 3


async def test_one_that_cannot_be_cleared_holds_up_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = await site.bench.workspace("X")
    await Workspace.filter(id__in=[site.workspace_id, other]).update(deleted_at=site.bench.now)
    clearing = Clearing(site.database, lambda: site.bench.now, pause_s=0)
    clear = clearing._clear

    async def fails_for_one(workspace_id: int) -> bool:
        if workspace_id == site.workspace_id:
            raise ValueError("cannot be cleared")
        return await clear(workspace_id)

    monkeypatch.setattr(clearing, "_clear", fails_for_one)
    assert await clearing.clear() == 1
    assert await Workspace.exists(id=site.workspace_id)
    assert not await Workspace.exists(id=other)
