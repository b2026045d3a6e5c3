"""Work that is to be done about something that was stored, by whichever process comes to it first."""

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .workspaces import Workspace


class Job(Model):
    """One piece of work, which stands here until it is done."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="jobs", on_delete=fields.CASCADE
    )
    workspace_id: int
    kind = fields.CharField(max_length=32)
    subject_id = fields.BigIntField()
    """The row that it is about; of which table, the kind says."""
    due_at = fields.DatetimeField(null=True)
    """When it may be taken; while somebody has it, when their lease ends. None: given up."""
    lease = fields.CharField(max_length=32, default="")
    """Of whoever has it, random for each time that it is taken; empty while nobody has it."""
    attempts = fields.IntField(default=0)
    """How often it was taken since it was last asked for."""
    wanted = fields.IntField(default=1)
    """How often it was asked for: whoever began before the last time leaves it for once more."""
    problem = fields.CharField(max_length=255, default="")
    """Why it was not done the last time."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "jobs"
        unique_together = (("kind", "subject_id"),)
        indexes = (
            Index(fields=["due_at"], name="idx_jobs_due"),
            Index(fields=["workspace_id"], name="idx_jobs_workspace"),
        )
