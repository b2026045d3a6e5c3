"""The schema comes from the migrations alone, and is the one that the models describe, on both databases."""

import importlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from ofh.store import migrate as migrations
from ofh.store.database import APP, Database
from ofh.store.migrate import MigrationRefused, migrate, pending
from ofh.store.models import User, Workspace

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


async def test_the_migrations_make_what_the_models_describe(database: Database) -> None:
    config = database.config()
    async with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps is not None
        changes = await MigrationAutodetector(context.apps, {APP: config["apps"][APP]}).changes()
    assert [writer.name for writer in changes] == []


async def test_the_migrated_tables_are_those_that_the_models_would_make(database: Database, tmp_path: Path) -> None:
    migrated = await shape(database)
    if database.dialect == "sqlite":
        fresh = Database(f"sqlite://{tmp_path / 'generated.db'}")
    else:
        await database.connection.execute_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        fresh = database
    async with TortoiseContext() as context:
        await context.init(config=fresh.config())
        await context.generate_schemas(safe=False)
        generated = await shape(fresh, context.db(fresh.dialect))
    for by_hand in ("telemetry", "feed", "feed_states"):  # the ORM knows nothing of them
        assert migrated.pop(by_hand)
    assert migrated == generated
    assert "drones" in migrated


async def test_the_history_has_the_columns_that_its_migration_describes(database: Database) -> None:
    described = importlib.import_module("ofh.migrations.0002_history").__doc__
    assert described is not None
    lines = [line.strip("|").split("|") for line in described.splitlines() if line.startswith("| ")][2:]
    documented = {
        name.strip(): types[database.dialect == "sqlite"].partition(",")[0].strip()
        for names, *types in lines
        for name in names.split(",")
    }
    if database.dialect == "sqlite":
        sql = "SELECT name, type FROM pragma_table_info('telemetry')"
    else:
        sql = (
            "SELECT attname AS name, replace(format_type(atttypid, atttypmod), 'timestamp with time zone',"
            " 'timestamptz') AS type FROM pg_attribute WHERE attrelid = 'telemetry'::regclass AND attnum > 0"
        )
    rows = await database.connection.execute_query_dict(sql)
    assert {row["name"]: row["type"] for row in rows} == documented


async def test_the_history_is_kept_in_the_order_of_its_key(database: Database) -> None:
    if database.dialect == "sqlite":
        [(sql,)] = (await database.connection.execute_query("SELECT sql FROM sqlite_master WHERE name = 'telemetry'"))[
            1
        ]
        assert "WITHOUT ROWID" in sql
        keys = "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('telemetry') WHERE pk ORDER BY pk)"
    else:
        [(kind, how)] = (
            await database.connection.execute_query(
                "SELECT relkind::text, pg_get_partkeydef(oid) FROM pg_class WHERE oid = 'telemetry'::regclass"
            )
        )[1]
        assert (kind, how) == ("p", "RANGE (reported_at)")
        keys = (
            "SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS"
            " k(number, place), pg_attribute a WHERE i.indrelid = 'telemetry'::regclass AND i.indisprimary"
            " AND a.attrelid = i.indrelid AND a.attnum = k.number"
        )
    assert [tuple(row) for row in (await database.connection.execute_query(keys))[1]] == [
        ("drone_id,reported_at,digest",)
    ]


async def shape(database: Database, connection: Any = None) -> dict[str, Any]:
    """Tables with their columns and indexes, as the database itself tells them."""
    connection = connection or database.connection
    if database.dialect == "sqlite":
        rows = await connection.execute_query_dict(
            'SELECT m.name AS table_name, c.name, c.type, c."notnull", c.pk'
            " FROM sqlite_master m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'tortoise%' AND m.name NOT LIKE 'sqlite%'"
        )
        indexes = await connection.execute_query_dict(
            'SELECT m.name AS table_name, i.name, i."unique" AS is_unique, group_concat(x.name) AS columns'
            " FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) x"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'tortoise%' GROUP BY 1, 2, 3"
        )
    else:
        rows = await connection.execute_query_dict(
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name NOT LIKE 'tortoise%'"
        )
        indexes = await connection.execute_query_dict(
            "SELECT tablename AS table_name, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public' AND tablename NOT LIKE 'tortoise%'"
        )
    shapes: dict[str, Any] = {}
    for row in [*rows, *indexes]:
        shapes.setdefault(row["table_name"], set()).add(tuple(str(value) for value in dict(row).values()))
    return shapes


async def test_nothing_is_pending_after_a_migration(database_url: str) -> None:
    assert await pending(Database(database_url)) == []
    assert await migrate(Database(database_url)) == []


async def test_rows_survive_a_round_trip(database: Database) -> None:
    user = await User.create(email="a@example.org", name="Anna", created_at=NOW)
    assert (await User.get(id=user.id)).created_at == NOW


async def test_a_migration_that_loses_rows_is_refused_and_the_copy_is_intact(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    database = Database(f"sqlite://{path}")
    await database.open()
    await Workspace.create(uuid="00000000-0000-0000-0000-000000000001", name="A", created_at=NOW)
    await database.close()

    async def destructive(_config: object) -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM workspaces")
            connection.commit()
        return ["0002_bad"]

    async def one_pending(_database: Database) -> list[str]:
        return ["0002_bad"]

    monkeypatch.setattr(migrations, "_apply", destructive)
    monkeypatch.setattr(migrations, "pending", one_pending)
    with pytest.raises(MigrationRefused, match="workspaces"):
        await migrate(database)
    with closing(sqlite3.connect(tmp_path / "hub.db.before-migration")) as copy:
        assert copy.execute("SELECT count(*) FROM workspaces").fetchone() == (1,)
