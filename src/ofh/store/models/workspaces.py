"""The shared places of work, who is in them, and the pairings with controllers."""

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model
from tortoise.queryset import QuerySet

if TYPE_CHECKING:
    from .accounts import User


class Workspace(Model):
    """The shared place of work. Everything that came in belongs to one."""

    id = fields.BigIntField(primary_key=True)
    uuid = fields.UUIDField(unique=True)
    """What controllers know it by; can be reset."""
    name = fields.CharField(max_length=255)
    created_at = fields.DatetimeField()
    event_seq = fields.BigIntField(default=0)
    """The number of its newest event (`store/journal.py`)."""
    event_us = fields.BigIntField(default=0)
    """When that one became visible: microseconds since 1970, never before those of a lower number. Before the first one
    the time of the workspace's making."""
    history_days = fields.IntField(null=True)
    """How long its history is kept; null: as the hub's setting says."""
    share_position = fields.BooleanField(default=False)
    """Whether every user of the hub sees where its aircraft are, as traffic."""
    deleted_at = fields.DatetimeField(null=True)
    """When it was deleted: nobody sees it any more, and what it had goes by and by (`services/clearing.py`)."""

    class Meta:
        table = "workspaces"

    @classmethod
    def living(cls) -> "QuerySet[Workspace]":
        """Those that have not been deleted."""
        return cls.filter(deleted_at=None)


class Membership(Model):
    """One user in one workspace."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="memberships", on_delete=fields.CASCADE
    )
    workspace_id: int
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="memberships", on_delete=fields.CASCADE
    )
    user_id: int
    role = fields.CharField(max_length=16)
    """A `Role`."""
    since = fields.DatetimeField()

    class Meta:
        table = "memberships"
        unique_together = (("workspace_id", "user_id"),)
        indexes = (Index(fields=["user_id"], name="idx_memberships_user"),)


class Connection(Model):
    """A pairing of one remote controller with a workspace: an id and a secret. Never a socket."""

    id = fields.BigIntField(primary_key=True)
    public_id = fields.CharField(max_length=64, unique=True)
    """The connection id that controllers log in with; MQTT user name."""
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="connections", on_delete=fields.CASCADE
    )
    workspace_id: int
    name = fields.CharField(max_length=255)
    secret_digest = fields.CharField(max_length=64)
    """SHA-256 of the secret, in hexadecimal; looked up where the secret stands in an x-auth-token's place."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "connections"
        indexes = (
            Index(fields=["workspace_id"], name="idx_connections_workspace"),
            Index(fields=["secret_digest"], name="idx_connections_secret"),
        )
