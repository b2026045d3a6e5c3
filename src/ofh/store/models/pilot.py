"""What a controller's page and its native clients are known by, what became of their steps, and what they share."""

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .workspaces import Connection, Workspace


class LinkToken(Model):
    """A token of a connection: the page's cookie, or the x-auth-token of Pilot's native clients."""

    id = fields.BigIntField(primary_key=True)
    connection: fields.ForeignKeyRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="link_tokens", on_delete=fields.CASCADE
    )
    connection_id: int
    purpose = fields.CharField(max_length=16)
    """`page` or `pilot`."""
    token_digest = fields.CharField(max_length=64, unique=True)
    """SHA-256 of the token, in hexadecimal."""
    workspace_uuid = fields.UUIDField()
    """The workspace's uuid when it was made: it is good for no other."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    """Slides with the connection's own MQTT traffic."""

    class Meta:
        table = "link_tokens"
        indexes = (
            Index(fields=["connection_id"], name="idx_link_tokens_connection"),
            Index(fields=["expires_at"], name="idx_link_tokens_expires"),
        )


class LinkStep(Model):
    """What became of one step of a connection's way into the hub, the last time that it was tried."""

    id = fields.BigIntField(primary_key=True)
    connection: fields.ForeignKeyRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="link_steps", on_delete=fields.CASCADE
    )
    connection_id: int
    step = fields.CharField(max_length=32)
    """A `LinkStepName`."""
    done_at = fields.DatetimeField(null=True)
    """When it last went well."""
    failed_at = fields.DatetimeField(null=True)
    """When it last did not."""
    problem = fields.CharField(max_length=64, default="")
    """A `LinkProblem`, as long as it has not gone well since."""
    detail = fields.CharField(max_length=512, default="")
    """What was seen, without secrets."""

    class Meta:
        table = "link_steps"
        unique_together = (("connection_id", "step"),)


class MapGroup(Model):
    """A layer of map elements that the controllers of a workspace share."""

    id = fields.UUIDField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="map_groups", on_delete=fields.CASCADE
    )
    workspace_id: int
    type = fields.IntField()
    """DJI's number: 0 custom, 1 default, 2 shared with Pilot."""
    name = fields.CharField(max_length=255)
    is_locked = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "map_groups"
        indexes = (Index(fields=["workspace_id"], name="idx_map_groups_workspace"),)


class MapElement(Model):
    """A point, line or polygon that somebody drew."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="map_elements", on_delete=fields.CASCADE
    )
    workspace_id: int
    element_id = fields.UUIDField()
    """Made by whoever drew it. Unique within the workspace alone: what others have drawn is nobody's matter."""
    group: fields.ForeignKeyRelation["MapGroup"] = fields.ForeignKeyField(
        "ofh.MapGroup", related_name="elements", on_delete=fields.CASCADE
    )
    group_id: Any
    name = fields.CharField(max_length=255)
    type = fields.IntField()
    """DJI's number: 0 point, 1 line, 2 polygon."""
    user_name = fields.CharField(max_length=255, default="")
    content: Any = fields.JSONField()
    """A GeoJSON feature."""
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "map_elements"
        unique_together = (("workspace_id", "element_id"),)
        indexes = (Index(fields=["group_id"], name="idx_map_elements_group"),)


class Stream(Model):
    """A camera's live video: the unguessable key that it is published under."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="streams", on_delete=fields.CASCADE
    )
    workspace_id: int
    connection: fields.ForeignKeyNullableRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="streams", null=True, on_delete=fields.CASCADE
    )
    connection_id: int | None
    drone_id = fields.BigIntField(null=True)
    camera = fields.CharField(max_length=64, default="")
    """DJI's camera index and video index, such as `53-0-0/normal-0`; empty for what a pilot starts by hand."""
    stream_key = fields.CharField(max_length=64, unique=True)
    is_live = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    live_since = fields.DatetimeField(null=True)

    class Meta:
        table = "streams"
        unique_together = (("connection_id", "drone_id", "camera"),)
        indexes = (Index(fields=["workspace_id"], name="idx_streams_workspace"),)
