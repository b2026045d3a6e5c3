from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('ofh', '0002_history')]

    initial = False

    operations = [
        ops.CreateModel(
            name='DiscardedObject',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('object_key', fields.CharField(unique=True, max_length=512)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'discarded_objects', 'app': 'ofh', 'indexes': [Index(fields=['due_at'], name='idx_discarded_objects_due')], 'pk_attr': 'id', 'table_description': 'An object that no file names: to be deleted from the store, also after a crash.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='File',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='files', on_delete=OnDelete.CASCADE)),
                ('name', fields.CharField(max_length=255)),
                ('object_key', fields.CharField(unique=True, max_length=512)),
                ('size', fields.BigIntField()),
                ('content_type', fields.CharField(max_length=255)),
                ('etag', fields.CharField(max_length=128)),
                ('uploaded_by', fields.ForeignKeyField('ofh.User', source_field='uploaded_by_id', null=True, db_constraint=True, to_field='id', related_name='files', on_delete=OnDelete.SET_NULL)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'files', 'app': 'ofh', 'indexes': [Index(fields=['workspace_id', 'created_at'], name='idx_files_workspace')], 'pk_attr': 'id', 'table_description': 'A named stored object of a workspace.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LinkStep',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('connection', fields.ForeignKeyField('ofh.Connection', source_field='connection_id', db_constraint=True, to_field='id', related_name='link_steps', on_delete=OnDelete.CASCADE)),
                ('step', fields.CharField(max_length=32)),
                ('done_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('failed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('problem', fields.CharField(default='', max_length=64)),
                ('detail', fields.CharField(default='', max_length=512)),
            ],
            options={'table': 'link_steps', 'app': 'ofh', 'unique_together': (('connection_id', 'step'),), 'pk_attr': 'id', 'table_description': "What became of one step of a connection's way into the hub, the last time that it was tried."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LinkToken',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('connection', fields.ForeignKeyField('ofh.Connection', source_field='connection_id', db_constraint=True, to_field='id', related_name='link_tokens', on_delete=OnDelete.CASCADE)),
                ('purpose', fields.CharField(max_length=16)),
                ('token_digest', fields.CharField(unique=True, max_length=64)),
                ('workspace_uuid', fields.UUIDField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'link_tokens', 'app': 'ofh', 'indexes': [Index(fields=['connection_id'], name='idx_link_tokens_connection'), Index(fields=['expires_at'], name='idx_link_tokens_expires')], 'pk_attr': 'id', 'table_description': "A token of a connection: the page's cookie, or the x-auth-token of Pilot's native clients."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='MapGroup',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='map_groups', on_delete=OnDelete.CASCADE)),
                ('type', fields.IntField()),
                ('name', fields.CharField(max_length=255)),
                ('is_locked', fields.BooleanField(default=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'map_groups', 'app': 'ofh', 'indexes': [Index(fields=['workspace_id'], name='idx_map_groups_workspace')], 'pk_attr': 'id', 'table_description': 'A layer of map elements that the controllers of a workspace share.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='MapElement',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='map_elements', on_delete=OnDelete.CASCADE)),
                ('element_id', fields.UUIDField()),
                ('group', fields.ForeignKeyField('ofh.MapGroup', source_field='group_id', db_constraint=True, to_field='id', related_name='elements', on_delete=OnDelete.CASCADE)),
                ('name', fields.CharField(max_length=255)),
                ('type', fields.IntField()),
                ('user_name', fields.CharField(default='', max_length=255)),
                ('content', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'map_elements', 'app': 'ofh', 'unique_together': (('workspace_id', 'element_id'),), 'indexes': [Index(fields=['group_id'], name='idx_map_elements_group')], 'pk_attr': 'id', 'table_description': 'A point, line or polygon that somebody drew.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='MediaGroup',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='media_groups', on_delete=OnDelete.CASCADE)),
                ('group_key', fields.CharField(max_length=64)),
                ('file_count', fields.IntField(null=True)),
                ('uploaded_count', fields.IntField(null=True)),
                ('completed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'media_groups', 'app': 'ofh', 'unique_together': (('workspace_id', 'group_key'),), 'pk_attr': 'id', 'table_description': 'The files of one task, as its controller counts them.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Media',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='media', on_delete=OnDelete.CASCADE)),
                ('file', fields.OneToOneField('ofh.File', source_field='file_id', db_constraint=True, to_field='id', related_name='media', on_delete=OnDelete.CASCADE)),
                ('drone', fields.ForeignKeyField('ofh.Drone', source_field='drone_id', db_constraint=True, to_field='id', related_name='media', on_delete=OnDelete.CASCADE)),
                ('flight', fields.ForeignKeyField('ofh.Flight', source_field='flight_id', null=True, db_constraint=True, to_field='id', related_name='media', on_delete=OnDelete.SET_NULL)),
                ('group', fields.ForeignKeyField('ofh.MediaGroup', source_field='group_id', null=True, db_constraint=True, to_field='id', related_name='media', on_delete=OnDelete.SET_NULL)),
                ('type', fields.CharField(max_length=16)),
                ('lens', fields.CharField(null=True, max_length=16)),
                ('is_original', fields.BooleanField(default=True)),
                ('is_panorama', fields.BooleanField(default=False)),
                ('folder', fields.CharField(default='', max_length=255)),
                ('captured_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('payload_model_key', fields.CharField(default='', max_length=64)),
                ('longitude', fields.FloatField(null=True)),
                ('latitude', fields.FloatField(null=True)),
                ('absolute_altitude', fields.FloatField(null=True)),
                ('relative_altitude', fields.FloatField(null=True)),
                ('gimbal_yaw', fields.FloatField(null=True)),
                ('callback', fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ('meta', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'media', 'app': 'ofh', 'indexes': [Index(fields=['workspace_id', 'created_at'], name='idx_media_workspace'), Index(fields=['drone_id', 'created_at'], name='idx_media_drone'), Index(fields=['flight_id'], name='idx_media_flight'), Index(fields=['group_id'], name='idx_media_group')], 'pk_attr': 'id', 'table_description': 'A photo, a video or a side file that a drone took.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Fingerprint',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='fingerprints', on_delete=OnDelete.CASCADE)),
                ('fingerprint', fields.CharField(max_length=255)),
                ('is_original', fields.BooleanField(default=True)),
                ('tiny', fields.CharField(null=True, max_length=255)),
                ('media', fields.ForeignKeyField('ofh.Media', source_field='media_id', null=True, db_constraint=True, to_field='id', related_name='fingerprints', on_delete=OnDelete.SET_NULL)),
                ('deleted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'fingerprints', 'app': 'ofh', 'unique_together': (('workspace_id', 'fingerprint', 'is_original'),), 'indexes': [Index(fields=['workspace_id', 'tiny'], name='idx_fingerprints_tiny'), Index(fields=['media_id'], name='idx_fingerprints_media')], 'pk_attr': 'id', 'table_description': 'A file that a controller has told of: whether it is here, and whether it was deleted here on purpose.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PendingUpload',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='pending_uploads', on_delete=OnDelete.CASCADE)),
                ('connection_id', fields.BigIntField()),
                ('object_key', fields.CharField(unique=True, max_length=512)),
                ('statement', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'pending_uploads', 'app': 'ofh', 'indexes': [Index(fields=['workspace_id'], name='idx_pending_uploads_workspace'), Index(fields=['due_at'], name='idx_pending_uploads_due')], 'pk_attr': 'id', 'table_description': "A controller's word that a file is up, as long as the object store has not been able to confirm it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Stream',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='streams', on_delete=OnDelete.CASCADE)),
                ('connection', fields.ForeignKeyField('ofh.Connection', source_field='connection_id', null=True, db_constraint=True, to_field='id', related_name='streams', on_delete=OnDelete.CASCADE)),
                ('drone_id', fields.BigIntField(null=True)),
                ('camera', fields.CharField(default='', max_length=64)),
                ('stream_key', fields.CharField(unique=True, max_length=64)),
                ('is_live', fields.BooleanField(default=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('live_since', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'streams', 'app': 'ofh', 'unique_together': (('connection_id', 'drone_id', 'camera'),), 'indexes': [Index(fields=['workspace_id'], name='idx_streams_workspace')], 'pk_attr': 'id', 'table_description': "A camera's live video: the unguessable key that it is published under."},
            bases=['Model'],
        ),
        ops.AddIndex(
            model_name='Connection',
            index=Index(fields=['secret_digest'], name='idx_connections_secret'),
        ),
        ops.AddField(
            model_name='StoredEvent',
            name='media',
            field=fields.ForeignKeyField('ofh.Media', source_field='media_id', null=True, db_constraint=True, to_field='id', related_name='events', on_delete=OnDelete.CASCADE),
        ),
        ops.AddIndex(
            model_name='StoredEvent',
            index=Index(fields=['media_id'], name='idx_events_media'),
        ),
    ]
