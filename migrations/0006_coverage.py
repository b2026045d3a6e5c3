from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('ofh', '0005_traffic')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Coverage',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='coverages', on_delete=OnDelete.CASCADE)),
                ('media', fields.OneToOneField('ofh.Media', source_field='media_id', db_constraint=True, to_field='id', related_name='coverage', on_delete=OnDelete.CASCADE)),
                ('version', fields.IntField()),
                ('surface', fields.CharField(max_length=128)),
                ('missing', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ('answer', fields.TextField(default='', unique=False)),
                ('shape', fields.BinaryField(null=True)),
                ('west', fields.FloatField(null=True)),
                ('south', fields.FloatField(null=True)),
                ('east', fields.FloatField(null=True)),
                ('north', fields.FloatField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'coverages', 'app': 'ofh', 'indexes': [Index(fields=['workspace_id', 'west'], name='idx_coverages_workspace')], 'pk_attr': 'id', 'table_description': 'What one media item shows of the ground, or why that cannot be known.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CoveredTile',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('workspace', fields.ForeignKeyField('ofh.Workspace', source_field='workspace_id', db_constraint=True, to_field='id', related_name='covered_tiles', on_delete=OnDelete.CASCADE)),
                ('flight', fields.ForeignKeyField('ofh.Flight', source_field='flight_id', null=True, db_constraint=True, to_field='id', related_name='covered_tiles', on_delete=OnDelete.CASCADE)),
                ('scope', fields.CharField(max_length=32)),
                ('tile', fields.CharField(max_length=48)),
                ('members', fields.BinaryField()),
                ('shape', fields.BinaryField()),
            ],
            options={'table': 'covered_tiles', 'app': 'ofh', 'unique_together': (('scope', 'tile'),), 'indexes': [Index(fields=['workspace_id'], name='idx_covered_tiles_workspace'), Index(fields=['flight_id'], name='idx_covered_tiles_flight')], 'pk_attr': 'id', 'table_description': 'What the photos of a flight or of a workspace show together of one tile of the globe.'},
            bases=['Model'],
        ),
    ]
