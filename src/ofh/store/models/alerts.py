"""What a workspace wants to be warned of, and the warnings that were given."""

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .accounts import User
    from .fleet import Drone
    from .flights import Flight
    from .workspaces import Workspace


class AlertRule(Model):
    """One condition that a workspace wants to be warned of."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="alert_rules", on_delete=fields.CASCADE
    )
    workspace_id: int
    kind = fields.CharField(max_length=16)
    """An `AlertKind`."""
    name = fields.CharField(max_length=255)
    enabled = fields.BooleanField(default=True)
    threshold = fields.FloatField(null=True)
    """Percent for LOW_BATTERY, metres for HEIGHT and PROXIMITY."""
    margin = fields.FloatField(null=True)
    """How far back over the threshold, or over the outline, clears again; in the threshold's unit, metres for AREA."""
    area: Any = fields.JSONField(null=True)
    """For AREA: the outline as a list of [longitude, latitude], not closed."""
    on_enter = fields.BooleanField(default=False)
    """For AREA: whether being inside is what to warn of; else being outside."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "alert_rules"
        indexes = (Index(fields=["workspace_id"], name="idx_alert_rules_workspace"),)


class Alert(Model):
    """One warning, from when it was raised until it cleared by itself."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="alerts", on_delete=fields.CASCADE
    )
    workspace_id: int
    rule: fields.ForeignKeyNullableRelation["AlertRule"] = fields.ForeignKeyField(
        "ofh.AlertRule", related_name="alerts", null=True, on_delete=fields.SET_NULL
    )
    rule_id: int | None
    open_key = fields.CharField(max_length=128, null=True, unique=True)
    """Rule and drones as long as it has not cleared: so a condition is never raised twice at once."""
    kind = fields.CharField(max_length=16)
    message = fields.CharField(max_length=512)
    drone: fields.ForeignKeyRelation["Drone"] = fields.ForeignKeyField(
        "ofh.Drone", related_name="alerts", on_delete=fields.CASCADE
    )
    drone_id: int
    other_drone_id = fields.BigIntField(null=True)
    """The second drone of a PROXIMITY alert."""
    flight: fields.ForeignKeyNullableRelation["Flight"] = fields.ForeignKeyField(
        "ofh.Flight", related_name="alerts", null=True, on_delete=fields.SET_NULL
    )
    flight_id: int | None
    evidence: Any = fields.JSONField(default=dict)
    """What was measured when it was raised, and what the rule said."""
    raised_at = fields.DatetimeField()
    acknowledged_at = fields.DatetimeField(null=True)
    acknowledged_by: fields.ForeignKeyNullableRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="acknowledged_alerts", null=True, on_delete=fields.SET_NULL
    )
    acknowledged_by_id: int | None
    cleared_at = fields.DatetimeField(null=True)

    class Meta:
        table = "alerts"
        indexes = (
            Index(fields=["workspace_id", "raised_at"], name="idx_alerts_workspace"),
            Index(fields=["workspace_id", "cleared_at", "raised_at"], name="idx_alerts_open"),
            Index(fields=["drone_id", "cleared_at"], name="idx_alerts_drone"),
            Index(fields=["other_drone_id", "cleared_at"], name="idx_alerts_other_drone"),
            Index(fields=["rule_id"], name="idx_alerts_rule"),
            Index(fields=["flight_id"], name="idx_alerts_flight"),
        )
