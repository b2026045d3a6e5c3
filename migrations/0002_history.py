"""The table of the history, which each database has in its own way and the ORM knows nothing of.

| column | PostgreSQL | SQLite | meaning |
| --- | --- | --- | --- |
| drone_id | bigint | INTEGER | the row in `drones` |
| reported_at | timestamptz | INTEGER, µs since 1970 | the device's clock where it is believed, else the hub's |
| received_at | timestamptz | INTEGER, µs since 1970 | the hub's clock |
| device_clock | timestamptz | INTEGER, µs since 1970 | the device's clock where it is not believed, else null |
| digest | bigint | INTEGER | 64 bits over the message's content |
| longitude, latitude | double precision | REAL | degrees, WGS 84; null without a fix |
| height, elevation | double precision | REAL | metres above the ellipsoid, above the take-off point |
| heading | double precision | REAL | degrees clockwise from true north |
| horizontal_speed, vertical_speed | double precision | REAL | metres per second |
| battery_percent | double precision | REAL | of all batteries together |
| mode_code | integer | INTEGER | DJI's number of the flight mode |

There is no foreign key to `drones`: its trigger takes as long as the insert itself, for rows whose drone the recorder
has just locked. Who deletes drones deletes their history (`store/history.py`). PostgreSQL has a partition per week,
made when it is needed (`store/weeks.py`); SQLite keeps the rows in the primary key, without a copy of it beside.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

POSTGRESQL = (
    """
    CREATE TABLE telemetry (
        drone_id bigint NOT NULL,
        reported_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        device_clock timestamptz,
        digest bigint NOT NULL,
        longitude double precision,
        latitude double precision,
        height double precision,
        elevation double precision,
        heading double precision,
        horizontal_speed double precision,
        vertical_speed double precision,
        battery_percent double precision,
        mode_code integer,
        PRIMARY KEY (drone_id, reported_at, digest)
    ) PARTITION BY RANGE (reported_at)
    """,
    "CREATE INDEX idx_telemetry_clock ON telemetry (device_clock, drone_id, digest) WHERE device_clock IS NOT NULL",
)
SQLITE = (
    """
    CREATE TABLE telemetry (
        drone_id INTEGER NOT NULL,
        reported_at INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        device_clock INTEGER,
        digest INTEGER NOT NULL,
        longitude REAL,
        latitude REAL,
        height REAL,
        elevation REAL,
        heading REAL,
        horizontal_speed REAL,
        vertical_speed REAL,
        battery_percent REAL,
        mode_code INTEGER,
        PRIMARY KEY (drone_id, reported_at, digest)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX idx_telemetry_clock ON telemetry (device_clock, drone_id, digest) WHERE device_clock IS NOT NULL",
)


async def make_table(_apps: Any, editor: Any) -> None:
    """Make the table in the database's own words."""
    for statement in SQLITE if editor.DIALECT == "sqlite" else POSTGRESQL:
        await editor.client.execute_script(statement)


class Migration(migrations.Migration):
    dependencies = [("ofh", "0001_initial")]

    operations = [ops.RunPython(make_table)]
