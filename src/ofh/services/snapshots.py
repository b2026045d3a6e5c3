"""How a workspace stands or stood, together with the place in its feed up to which that is so."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from ofh.domain.areas import Area
from ofh.domain.devices import DeviceState, Fix, Property, from_micros
from ofh.domain.errors import gone
from ofh.domain.past import Then
from ofh.store.database import Database
from ofh.store.models import Alert, Drone, RemoteController, Workspace

PIECE = 100
"""Devices or alerts of one piece of a Snapshot: what is shown in one turn of the loop."""
READ = 250
"""Devices that are read at once."""

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

    def pieces(self) -> Iterator["Snapshot"]:
        """It by the piece, with some devices or alerts each: their lists, one behind the other, are those of the whole.
        There is one piece at least.
        """
        nothing = replace(self, drones=(), remote_controllers=(), alert_ids=())
        empty = True
        for start in range(0, len(self.drones), PIECE):
            empty = False
            yield replace(nothing, drones=self.drones[start : start + PIECE])
        for start in range(0, len(self.remote_controllers), PIECE):
            empty = False
            yield replace(nothing, remote_controllers=self.remote_controllers[start : start + PIECE])
        for start in range(0, len(self.alert_ids), PIECE):
            empty = False
            yield replace(nothing, alert_ids=self.alert_ids[start : start + PIECE])
        if empty:
            yield nothing


async def read_snapshot(database: Database, workspace_id: int) -> Snapshot:
    """How a workspace stands now.

    Raises:
        HubError: GONE, there is no such workspace; UNAVAILABLE.
    """
    async with database.reading():
        workspace = await Workspace.living().get_or_none(id=workspace_id)
        if workspace is None:
            raise gone("workspace")
        drones = await all_devices(Drone, workspace_id)
        controllers = await all_devices(RemoteController, workspace_id)
        alerts = await Alert.filter(workspace_id=workspace_id, cleared_at=None).values_list("id", flat=True)
    return Snapshot(
        workspace_id=workspace_id,
        seq=workspace.event_seq,
        at=from_micros(workspace.event_us),
        drones=drones,
        remote_controllers=controllers,
        alert_ids=sorted(int(str(id)) for id in alerts),
    )


async def all_devices(model: type[Device], workspace_id: int) -> list[Device]:
    """All devices of a workspace in the order of their ids, some at a time: objects are made of rows in one go."""
    found: list[Device] = []
    while True:
        behind = found[-1].id if found else 0
        some = await model.filter(workspace_id=workspace_id, id__gt=behind).order_by("id").limit(READ)
        found += some
        if len(some) < READ:
            return found
        await asyncio.sleep(0)


def _within(rows: Sequence[Device], then: Mapping[int, Then] | None, area: Area) -> list[Device]:
    found = []
    for row in rows:
        state = DeviceState.from_json(row.state) if then is None else then[row.id].state
        held = state.get(Property.FIX)
        if held is not None and isinstance(held.value, Fix) and area.contains(held.value):
            found.append(row)
    return found
