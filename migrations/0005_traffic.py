from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('ofh', '0004_analysis')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Workspace',
            name='share_position',
            field=fields.BooleanField(default=False),
        ),
    ]
