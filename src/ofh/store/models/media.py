"""Files of a workspace, and the photos and videos among them that drones took."""

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .accounts import User
    from .fleet import Drone
    from .flights import Flight
    from .workspaces import Workspace


class File(Model):
    """A named stored object of a workspace."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="files", on_delete=fields.CASCADE
    )
    workspace_id: int
    name = fields.CharField(max_length=255)
    """A label: no path or key is made of it."""
    object_key = fields.CharField(max_length=512, unique=True)
    size = fields.BigIntField()
    """Bytes."""
    content_type = fields.CharField(max_length=255)
    """By the content."""
    etag = fields.CharField(max_length=128)
    uploaded_by: fields.ForeignKeyNullableRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="files", null=True, on_delete=fields.SET_NULL
    )
    uploaded_by_id: int | None
    created_at = fields.DatetimeField()
    analysed_at = fields.DatetimeField(null=True)
    """When the hub had looked into it; None as long as it has not."""
    thumbnail_key = fields.CharField(max_length=512, null=True)
    """The object of its thumbnail, a JPEG; None where there is none."""
    thumbnail_etag = fields.CharField(max_length=128, default="")
    thumbnail_size = fields.IntField(default=0)
    """Bytes."""

    class Meta:
        table = "files"
        indexes = (Index(fields=["workspace_id", "created_at"], name="idx_files_workspace"),)


class MediaGroup(Model):
    """The files of one task, as its controller counts them."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="media_groups", on_delete=fields.CASCADE
    )
    workspace_id: int
    group_key = fields.CharField(max_length=64)
    """What the controller names it."""
    file_count = fields.IntField(null=True)
    """Files in it, as the controller last said."""
    uploaded_count = fields.IntField(null=True)
    """Of which it has uploaded so many."""
    completed_at = fields.DatetimeField(null=True)
    """When all of them were here."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "media_groups"
        unique_together = (("workspace_id", "group_key"),)


class Media(Model):
    """A photo, a video or a side file that a drone took."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="media", on_delete=fields.CASCADE
    )
    workspace_id: int
    file: fields.OneToOneRelation["File"] = fields.OneToOneField(
        "ofh.File", related_name="media", on_delete=fields.CASCADE
    )
    file_id: int
    drone: fields.ForeignKeyRelation["Drone"] = fields.ForeignKeyField(
        "ofh.Drone", related_name="media", on_delete=fields.CASCADE
    )
    drone_id: int
    flight: fields.ForeignKeyNullableRelation["Flight"] = fields.ForeignKeyField(
        "ofh.Flight", related_name="media", null=True, on_delete=fields.SET_NULL
    )
    flight_id: int | None
    group: fields.ForeignKeyNullableRelation["MediaGroup"] = fields.ForeignKeyField(
        "ofh.MediaGroup", related_name="media", null=True, on_delete=fields.SET_NULL
    )
    group_id: int | None
    type = fields.CharField(max_length=16)
    """A `MediaType`."""
    lens = fields.CharField(max_length=16, null=True)
    """A `Lens`, where the name tells it."""
    is_original = fields.BooleanField(default=True)
    """False for a preview."""
    is_panorama = fields.BooleanField(default=False)
    folder = fields.CharField(max_length=255, default="")
    """The wayline's folder on the camera; empty for what was taken by hand."""
    captured_at = fields.DatetimeField(null=True)
    payload_model_key = fields.CharField(max_length=64, default="")
    longitude = fields.FloatField(null=True)
    """Where the camera was, degrees."""
    latitude = fields.FloatField(null=True)
    absolute_altitude = fields.FloatField(null=True)
    """Metres, as the controller gives it: its datum is not documented."""
    relative_altitude = fields.FloatField(null=True)
    """Metres above the take-off point."""
    gimbal_yaw = fields.FloatField(null=True)
    """Degrees from true north, -180 to 180."""
    gimbal_pitch = fields.FloatField(null=True)
    """Degrees, 0 level, -90 straight down."""
    gimbal_roll = fields.FloatField(null=True)
    """Degrees, positive clockwise about the line of sight."""
    camera_model = fields.CharField(max_length=64, default="")
    """As the file names it."""
    width = fields.IntField(null=True)
    """Pixels of the picture as it is stored."""
    height = fields.IntField(null=True)
    callback: Any = fields.JSONField(default=dict)
    """The controller's statement as it came."""
    meta: Any = fields.JSONField(null=True)
    """What the file itself says."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "media"
        indexes = (
            Index(fields=["workspace_id", "created_at"], name="idx_media_workspace"),
            Index(fields=["drone_id", "created_at"], name="idx_media_drone"),
            Index(fields=["flight_id"], name="idx_media_flight"),
            Index(fields=["group_id"], name="idx_media_group"),
        )


class Fingerprint(Model):
    """A file that a controller has told of: whether it is here, and whether it was deleted here on purpose."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="fingerprints", on_delete=fields.CASCADE
    )
    workspace_id: int
    fingerprint = fields.CharField(max_length=255)
    """Opaque, in lower case; where the controller tells none: `key:` and a digest of the object's key."""
    is_original = fields.BooleanField(default=True)
    tiny = fields.CharField(max_length=255, null=True)
    """The tiny fingerprint, as it came."""
    media: fields.ForeignKeyNullableRelation["Media"] = fields.ForeignKeyField(
        "ofh.Media", related_name="fingerprints", null=True, on_delete=fields.SET_NULL
    )
    media_id: int | None
    deleted_at = fields.DatetimeField(null=True)
    """When a member deleted the file: it counts as here, or the controller would send it again for ever."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "fingerprints"
        unique_together = (("workspace_id", "fingerprint", "is_original"),)
        indexes = (
            Index(fields=["workspace_id", "tiny"], name="idx_fingerprints_tiny"),
            Index(fields=["media_id"], name="idx_fingerprints_media"),
        )


class PendingUpload(Model):
    """A controller's word that a file is up, as long as the object store has not been able to confirm it."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="pending_uploads", on_delete=fields.CASCADE
    )
    workspace_id: int
    connection_id = fields.BigIntField()
    """By which connection it came."""
    object_key = fields.CharField(max_length=512, unique=True)
    statement: Any = fields.JSONField()
    """The controller's statement as it came."""
    due_at = fields.DatetimeField()
    """When to ask the store again."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "pending_uploads"
        indexes = (
            Index(fields=["workspace_id"], name="idx_pending_uploads_workspace"),
            Index(fields=["due_at"], name="idx_pending_uploads_due"),
        )


class DiscardedObject(Model):
    """An object that no file names: to be deleted from the store, also after a crash."""

    id = fields.BigIntField(primary_key=True)
    object_key = fields.CharField(max_length=512, unique=True)
    due_at = fields.DatetimeField()
    """When to delete it: an object that is just being stored stands here until its file has a row."""

    class Meta:
        table = "discarded_objects"
        indexes = (Index(fields=["due_at"], name="idx_discarded_objects_due"),)
