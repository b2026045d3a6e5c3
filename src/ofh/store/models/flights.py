"""What a fleet flew, and what of it became known when."""

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .alerts import Alert
    from .fleet import Drone
    from .media import Media
    from .workspaces import Workspace


class Flight(Model):
    """Take-off to landing of one drone, as `domain/flights.py` derives it from the reports."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="flights", on_delete=fields.CASCADE
    )
    workspace_id: int
    drone: fields.ForeignKeyRelation["Drone"] = fields.ForeignKeyField(
        "ofh.Drone", related_name="flights", on_delete=fields.CASCADE
    )
    drone_id: int
    open_drone_id = fields.BigIntField(null=True, unique=True)
    """The drone again as long as the flight has not ended: so a drone never has two open flights."""
    phase = fields.CharField(max_length=16)
    """A `Phase`."""
    started_at = fields.DatetimeField()
    last_at = fields.DatetimeField()
    """The time of its newest report."""
    landed_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    take_off_longitude = fields.FloatField(null=True)
    take_off_latitude = fields.FloatField(null=True)
    take_off_height = fields.FloatField(null=True)
    """Of the take-off point, metres above the WGS 84 ellipsoid."""
    distance = fields.FloatField(default=0.0)
    """Metres over ground."""
    max_height = fields.FloatField(null=True)
    """Metres above the WGS 84 ellipsoid."""
    max_elevation = fields.FloatField(null=True)
    """Metres above the take-off point."""
    battery_used = fields.FloatField(null=True)
    """Percent of all batteries together; more than 100 where they were exchanged without an end of the flight."""
    west = fields.FloatField(null=True)
    """The box around its fixes, degrees; from -180 to 180 where the flight crossed the antimeridian."""
    south = fields.FloatField(null=True)
    east = fields.FloatField(null=True)
    north = fields.FloatField(null=True)

    class Meta:
        table = "flights"
        indexes = (
            Index(fields=["drone_id", "started_at"], name="idx_flights_drone"),
            Index(fields=["workspace_id", "started_at"], name="idx_flights_workspace"),
        )


class StoredEvent(Model):
    """One event of a workspace, at its place in the order in which they became visible."""

    id = fields.BigIntField(primary_key=True)
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="events", on_delete=fields.CASCADE
    )
    workspace_id: int
    seq = fields.BigIntField()
    """Counts the workspace's events from 1; taken under a lock that is held until the commit (`store/journal.py`)."""
    kind = fields.CharField(max_length=32)
    """An `EventKind`."""
    at = fields.DatetimeField()
    drone: fields.ForeignKeyNullableRelation["Drone"] = fields.ForeignKeyField(
        "ofh.Drone", related_name="events", null=True, on_delete=fields.CASCADE
    )
    drone_id: int | None
    flight: fields.ForeignKeyNullableRelation["Flight"] = fields.ForeignKeyField(
        "ofh.Flight", related_name="events", null=True, on_delete=fields.CASCADE
    )
    flight_id: int | None
    alert: fields.ForeignKeyNullableRelation["Alert"] = fields.ForeignKeyField(
        "ofh.Alert", related_name="events", null=True, on_delete=fields.CASCADE
    )
    alert_id: int | None
    media: fields.ForeignKeyNullableRelation["Media"] = fields.ForeignKeyField(
        "ofh.Media", related_name="events", null=True, on_delete=fields.CASCADE
    )
    media_id: int | None

    class Meta:
        table = "events"
        unique_together = (("workspace_id", "seq"),)
        indexes = (
            Index(fields=["drone_id"], name="idx_events_drone"),
            Index(fields=["flight_id"], name="idx_events_flight"),
            Index(fields=["alert_id"], name="idx_events_alert"),
            Index(fields=["media_id"], name="idx_events_media"),
        )
