"""How a workspace stands or stood, together with the place in its feed up to which that is so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from ofh.domain.areas import Area
from ofh.domain.devices import DeviceState, Fix, Property, from_micros
from ofh.domain.errors import gone
from ofh.domain.past import Then
from ofh.store.database import Database
from ofh.store.models import Alert, Drone, RemoteController, Workspace

Device = TypeVar("Device", Drone, RemoteController)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state that the events of a feed up to a number come to."""

    workspace_id: int
    seq: int
    at: datetime
    """When the event of that number became visible; of a past moment: that moment."""
    drones: Sequence[Drone]
    """In the order of their ids."""
    remote_controllers: Sequence[RemoteController]
    alert_ids: Sequence[int] = ()
    """The alerts that stand, in the order of their ids."""
    area: Area | None = None
    """What of it is shown; None: all."""
    drones_then: Mapping[int, Then] | None = None
    """Of a past moment: what of each drone is of that moment; all else is as it is now. None: this is how it is now."""
    controllers_then: Mapping[int, Then] | None = None
    """The same of each remote controller."""

    def within(self, area: Area | None) -> "Snapshot":
        """What of it lies in an area: the devices whose last position does."""
        if area is None:
            return self
        return replace(
            self,
            area=area,
            drones=_within(self.drones, self.drones_then, area),
            remote_controllers=_within(self.remote_controllers, self.controllers_then, area),
        )


async def read_snapshot(database: Database, workspace_id: int) -> Snapshot:
    """How a workspace stands now.

    Raises:
        HubError: GONE, there is no such workspace; UNAVAILABLE.
    """
    async with database.reading():
        workspace = await Workspace.living().get_or_none(id=workspace_id)
        if workspace is None:
            raise gone("workspace")
        drones = await Drone.filter(workspace_id=workspace_id).order_by("id")
        controllers = await RemoteController.filter(workspace_id=workspace_id).order_by("id")
        alerts = await Alert.filter(workspace_id=workspace_id, cleared_at=None).values_list("id", flat=True)
    return Snapshot(
        workspace_id=workspace_id,
        seq=workspace.event_seq,
        at=from_micros(workspace.event_us),
        drones=drones,
        remote_controllers=controllers,
        alert_ids=sorted(int(str(id)) for id in alerts),
    )


def _within(rows: Sequence[Device], then: Mapping[int, Then] | None, area: Area) -> list[Device]:
    found = []
    for row in rows:
        state = DeviceState.from_json(row.state) if then is None else then[row.id].state
        held = state.get(Property.FIX)
        if held is not None and isinstance(held.value, Fix) and area.contains(held.value):
            found.append(row)
    return found
