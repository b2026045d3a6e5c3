"""Controllers, drones, and what they reported.

A device has one row per workspace that it ever came in by: an aircraft that later flies for another workspace gets a
row of its own there and leaves its history behind. `Binding` says by which connection a serial number reports now.
"""

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

if TYPE_CHECKING:
    from .workspaces import Connection, Workspace


class Device(Model):
    """What a drone and a remote controller have in common."""

    id = fields.BigIntField(primary_key=True)
    serial_number = fields.CharField(max_length=64)
    type = fields.IntField()
    """DJI's type number; -1 until a topology has named it."""
    sub_type = fields.IntField(default=0)
    online = fields.BooleanField(default=False)
    seen_at = fields.DatetimeField(null=True)
    """When the hub last heard of it, by the hub's clock."""
    left_at = fields.DatetimeField(null=True)
    """The time of the report by which it was last seen to leave: only later reports bring it back."""
    state: Any = fields.JSONField(default=dict)
    """The stored form of its `DeviceState`."""
    created_at = fields.DatetimeField()

    class Meta:
        abstract = True


class RemoteController(Device):
    """The pilot's handset."""

    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="remote_controllers", on_delete=fields.CASCADE
    )
    workspace_id: int
    connection: fields.ForeignKeyNullableRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="remote_controllers", null=True, on_delete=fields.SET_NULL
    )
    connection_id: int | None
    topology_at = fields.DatetimeField(null=True)
    """The time of the newest topology that was taken from it; an older one changes nothing."""

    class Meta:
        table = "remote_controllers"
        unique_together = (("workspace_id", "serial_number"),)
        indexes = (Index(fields=["connection_id"], name="idx_remote_controllers_connection"),)


class Drone(Device):
    """An uncrewed aircraft that the hub knows."""

    name = fields.CharField(max_length=255, default="")
    """What people call it; empty: its serial number."""
    workspace: fields.ForeignKeyRelation["Workspace"] = fields.ForeignKeyField(
        "ofh.Workspace", related_name="drones", on_delete=fields.CASCADE
    )
    workspace_id: int
    connection: fields.ForeignKeyNullableRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="drones", null=True, on_delete=fields.SET_NULL
    )
    connection_id: int | None
    """The connection that it last came in by."""
    gateway_serial = fields.CharField(max_length=64, null=True)
    """The remote controller whose reports count at present: two may report one aircraft."""
    gateway_at = fields.DatetimeField(null=True)
    """When the hub last had a report by it, by the hub's clock."""
    flight_watch: Any = fields.JSONField(default=dict)
    """The stored form of its `FlightWatch`."""
    flight_due_at = fields.DatetimeField(null=True)
    """When time alone will next change something about its flight, by the hub's clock."""
    phase = fields.CharField(max_length=16, default="ground")
    """The `Phase` that its flight is in; `ground` without one."""
    longitude = fields.FloatField(null=True)
    """Of its last fix, degrees: here as well as in `state`, so that the database can find neighbours."""
    latitude = fields.FloatField(null=True)
    thinned_until = fields.DatetimeField(null=True)
    """Until when its history has been thinned (`services/retention.py`)."""

    class Meta:
        table = "drones"
        unique_together = (("workspace_id", "serial_number"),)
        indexes = (
            Index(fields=["connection_id"], name="idx_drones_connection"),
            Index(fields=["flight_due_at"], name="idx_drones_flight_due"),
        )


class Binding(Model):
    """A serial number that a connection speaks for.

    A controller is bound to one connection, and an aircraft to each controller that has announced it; all bindings
    of one serial number lie in one workspace.
    """

    id = fields.BigIntField(primary_key=True)
    serial_number = fields.CharField(max_length=64)
    gateway_serial = fields.CharField(max_length=64)
    """The controller that it reports through; the controller's own serial number for itself."""
    connection: fields.ForeignKeyRelation["Connection"] = fields.ForeignKeyField(
        "ofh.Connection", related_name="bindings", on_delete=fields.CASCADE
    )
    connection_id: int
    device_id = fields.BigIntField()
    """The row of the remote controller or the drone in the connection's workspace."""
    is_linked = fields.BooleanField(default=True)
    """For an aircraft: whether the controller's newest topology has it."""
    bound_at = fields.DatetimeField()

    class Meta:
        table = "bindings"
        unique_together = (("serial_number", "gateway_serial"),)
        indexes = (
            Index(fields=["connection_id"], name="idx_bindings_connection"),
            Index(fields=["gateway_serial"], name="idx_bindings_gateway"),
        )
