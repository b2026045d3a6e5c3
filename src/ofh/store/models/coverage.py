"""The ground that photos show, as it was computed, and what was put together of it."""

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .flights import Flight
    from .media import Media
    from .workspaces import Workspace


class Coverage(Model):
    """What one media item shows of the ground, or why that cannot be known.

    Never changed: a new one takes its place, so its id stands for what it says.
    """

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="coverages", on_delete=fields.CASCADE
    )
    workspace_id: int
    media: fields.OneToOneRelation["Media"] = fields.OneToOneField(
        "ofh.Media", related_name="coverage", on_delete=fields.CASCADE
    )
    media_id: int
    version = fields.IntField()
    """Of the computation."""
    surface = fields.CharField(max_length=128)
    """The identity of the ground that was looked at, and of the settings."""
    missing: Any = fields.JSONField(null=True)
    """What cannot be had, by name, a line each; None where the coverage is known."""
    answer = fields.TextField(default="")
    """`all`, `outer` and `holes` as JSON; empty where it is not known."""
    shape = fields.BinaryField(null=True)
    """The outer ring less its holes (`domain/covered_ground.py`); None where it is not known or shows no ground."""
    west = fields.FloatField(null=True)
    """The box around the shape, degrees. West is from -180 to 180, exclusive; east may lie beyond 180."""
    south = fields.FloatField(null=True)
    east = fields.FloatField(null=True)
    north = fields.FloatField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "coverages"
        indexes = (Index(fields=["workspace_id", "west"], name="idx_coverages_workspace"),)


class CoveredTile(Model):
    """What the photos of a flight or of a workspace show together of one tile of the globe.

    It is right as long as its members are those that it should have, so nothing has to be told of a change.
    """

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="covered_tiles", on_delete=fields.CASCADE
    )
    workspace_id: int
    flight: fields.ForeignKeyNullableRelation["Flight"] = fields.ForeignKeyField(
        "ofh.Flight", related_name="covered_tiles", null=True, on_delete=fields.CASCADE
    )
    flight_id: int | None
    """None: all of the workspace's photos."""
    scope = fields.CharField(max_length=32)
    """Both in one, for what is unique."""
    tile = fields.CharField(max_length=48)
    """Level, row and column."""
    members = fields.BinaryField()
    """The ids of the coverages that are in it, ascending, eight bytes each, the lowest first."""
    shape = fields.BinaryField()
    """WKB."""

    class Meta:
        table = "covered_tiles"
        unique_together = (("scope", "tile"),)
        indexes = (
            Index(fields=["workspace_id"], name="idx_covered_tiles_workspace"),
            Index(fields=["flight_id"], name="idx_covered_tiles_flight"),
        )
