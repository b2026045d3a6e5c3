"""How a workspace stands, together with the place in its feed up to which that is so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from ofh.domain.areas import Area
from ofh.domain.devices import DeviceState, Fix, Property, from_micros
from ofh.domain.errors import gone
from ofh.store.database import Database
from ofh.store.models import Drone, RemoteController, Workspace

Device = TypeVar("Device", Drone, RemoteController)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state that the events of a feed up to a number come to."""

    workspace_id: int
    seq: int
    at: datetime
    """When the event of that number became visible."""
    drones: Sequence[Drone]
    """In the order of their ids."""
    remote_controllers: Sequence[RemoteController]
    area: Area | None = None
    """What of it is shown; None: all."""

    def within(self, area: Area | None) -> "Snapshot":
        """What of it lies in an area: the devices whose last position does."""
        if area is None:
            return self
        return replace(
            self,
            area=area,
            drones=_within(self.drones, area),
            remote_controllers=_within(self.remote_controllers, area),
        )


async def read_snapshot(database: Database, workspace_id: int) -> Snapshot:
    """How a workspace stands now.

    Raises:
        HubError: GONE, there is no such workspace; UNAVAILABLE.
    """
    async with database.reading():
        workspace = await Workspace.get_or_none(id=workspace_id)
        if workspace is None:
            raise gone("workspace")
        drones = await Drone.filter(workspace_id=workspace_id).order_by("id")
        controllers = await RemoteController.filter(workspace_id=workspace_id).order_by("id")
    return Snapshot(
        workspace_id=workspace_id,
        seq=workspace.event_seq,
        at=from_micros(workspace.event_us),
        drones=drones,
        remote_controllers=controllers,
    )


def _within(rows: Sequence[Device], area: Area) -> list[Device]:
    found = []
    for row in rows:
        held = DeviceState.from_json(row.state).get(Property.FIX)
        if held is not None and isinstance(held.value, Fix) and area.contains(held.value):
            found.append(row)
    return found
