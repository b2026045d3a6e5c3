"""When a workspace was deleted: what it had goes by and by, and its row last."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ofh", "0003_feed")]

    operations = [
        ops.AddField(
            model_name="Workspace",
            name="deleted_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
