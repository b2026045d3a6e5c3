"""The tables of the feed, which the ORM knows nothing of: bytes that are written and read by the piece.

`feed`, a row for each transaction that made something happen in a workspace, several where that was very much, later
one for a pack of them:

| column | meaning |
| --- | --- |
| workspace_id | the row in `workspaces` |
| first_seq, last_seq | the numbers of its first and its last event; rows follow on each other without a hole |
| begins_us, ends_us | when those became visible, µs since 1970; never less than in the row before |
| is_packed | whether `body` is a pack (`store/feed.py`) |
| body | the events, as they travelled on the bus |

`feed_states`, what the events of a workspace come to, as of some of them: where reading a past state begins.

| column | meaning |
| --- | --- |
| workspace_id, seq | as of this event, itself included |
| at_us | when it became visible |
| body | the state, compressed |
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = (
    """
    CREATE TABLE feed (
        workspace_id bigint NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
        last_seq bigint NOT NULL,
        first_seq bigint NOT NULL,
        begins_us bigint NOT NULL,
        ends_us bigint NOT NULL,
        is_packed boolean NOT NULL,
        body {bytes} NOT NULL,
        PRIMARY KEY (workspace_id, last_seq)
    )
    """,
    "CREATE INDEX idx_feed_time ON feed (workspace_id, ends_us)",
    """
    CREATE TABLE feed_states (
        workspace_id bigint NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
        seq bigint NOT NULL,
        at_us bigint NOT NULL,
        body {bytes} NOT NULL,
        PRIMARY KEY (workspace_id, seq)
    )
    """,
)


async def make_tables(_apps: Any, editor: Any) -> None:
    """Make the tables; the databases differ in the name of bytes alone."""
    for statement in STATEMENTS:
        await editor.client.execute_script(statement.format(bytes="blob" if editor.DIALECT == "sqlite" else "bytea"))


class Migration(migrations.Migration):
    dependencies = [("ofh", "0002_history")]

    operations = [ops.RunPython(make_tables)]
