"""What drones can stream at present, and the streams that the hub knows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ofh.dji.live import Camera, cameras_of, is_off
from ofh.domain.devices import DeviceState, Property

from .models import Binding, RemoteController


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A camera that a controller which is online says it can stream."""

    drone_id: int
    camera: Camera
    gateway_serial: str
    connection_id: int
    off_at: datetime | None = None
    """When the controller last said that the camera does not stream; None where it says that it does, or nothing."""


async def offers_of(drone_ids: Collection[int]) -> dict[int, list[Offer]]:
    """What drones can stream, each camera once, by two statements however many drones."""
    found: dict[int, list[Offer]] = {drone_id: [] for drone_id in drone_ids}
    rows = (
        await Binding.filter(device_id__in=list(drone_ids), is_linked=True).order_by("id").select_related("connection")
    )
    # A controller's own row may have the number of a drone's.
    linked = [row for row in rows if row.serial_number != row.gateway_serial]
    if not linked:
        return found
    controllers = {
        (row.workspace_id, row.serial_number): row
        for row in await RemoteController.filter(
            serial_number__in=list({row.gateway_serial for row in linked}), online=True
        )
    }
    for row in linked:
        controller = controllers.get((row.connection.workspace_id, row.gateway_serial))
        state = DeviceState() if controller is None else DeviceState.from_json(controller.state)
        held, status = state.get(Property.LIVE_CAPACITY), state.get(Property.LIVE_STATUS)
        if held is None:
            continue
        known = {offer.camera.name for offer in found[row.device_id]}
        found[row.device_id] += [
            Offer(
                drone_id=row.device_id,
                camera=camera,
                gateway_serial=row.gateway_serial,
                connection_id=row.connection_id,
                off_at=status.at if status and is_off(status.value, camera.serial, camera.name) else None,
            )
            for camera in cameras_of(held.value)
            if camera.serial == row.serial_number and camera.name not in known
        ]
    return found
