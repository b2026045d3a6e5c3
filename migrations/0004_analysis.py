from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('ofh', '0003_pilot')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Job',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='jobs', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharField(max_length=32)),
                ('subject_id', fields.BigIntField()),
                ('due_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('lease', fields.CharField(default='', max_length=32)),
                ('attempts', fields.IntField(default=0)),
                ('wanted', fields.IntField(default=1)),
                ('problem', fields.CharField(default='', max_length=255)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'jobs', 'app': 'ofh', 'unique_together': (('kind', 'subject_id'),), 'indexes': [Index(fields=['due_at'], name='idx_jobs_due'), Index(fields=['workspace_id'], name='idx_jobs_workspace')], 'pk_attr': 'id', 'table_description': 'One piece of work, which stands here until it is done.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='File',
            name='analysed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='File',
            name='thumbnail_etag',
            field=fields.CharField(default='', max_length=128),
        ),
        ops.AddField(
            model_name='File',
            name='thumbnail_key',
            field=fields.CharField(null=True, max_length=512),
        ),
        ops.AddField(
            model_name='File',
            name='thumbnail_size',
            field=fields.IntField(default=0),
        ),
        ops.AddField(
            model_name='Media',
            name='camera_model',
            field=fields.CharField(default='', max_length=64),
        ),
        ops.AddField(
            model_name='Media',
            name='gimbal_pitch',
            field=fields.FloatField(null=True),
        ),
        ops.AddField(
            model_name='Media',
            name='gimbal_roll',
            field=fields.FloatField(null=True),
        ),
        ops.AddField(
            model_name='Media',
            name='height',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Media',
            name='width',
            field=fields.IntField(null=True),
        ),
        # What was here before is looked into as well.
        ops.RunSQL(
            "INSERT INTO jobs (kind, workspace_id, subject_id, due_at, created_at, lease, attempts, wanted, problem)"
            " SELECT 'analysis', workspace_id, id, created_at, created_at, '', 0, 1, '' FROM files"
        ),
    ]
