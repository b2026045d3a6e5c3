"""`GET /manage/api/v1/workspaces/{uuid}/devices/topologies` (dji-pilot-2.md, 4.1): whom Pilot shows on its map.

Pilot calls it when its module `tsa` starts and again at each push of `device_online`, `device_offline` and
`device_update_topo`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute

from ofh.dji.products import model_key
from ofh.services.awareness import Awareness, Device, Group

from .endpoint import Answer, Ask, PilotEndpoints


def routes(endpoints: PilotEndpoints, awareness: Awareness) -> list[BaseRoute]:
    """The route of the list."""

    async def topologies(ask: Ask) -> Answer:
        return Answer(data=topology_list(await awareness.groups(ask.pilot.workspace_id)))

    path = "/manage/api/v1/workspaces/{workspace_uuid}/devices/topologies"
    return [endpoints.route(path, {"GET": topologies}, body="none")]


def topology_list(groups: Sequence[Group]) -> dict[str, Any]:
    """The answer's `data`. No `icon_urls`: without them Pilot picks by the model."""
    return {"list": [_group(group) for group in groups]}


def _group(group: Group) -> dict[str, Any]:
    user = {"user_id": str(group.connection_id), "user_callsign": group.connection_name}
    return {
        "hosts": [{**_device(device), **user} for device in group.aircraft],
        "parents": [{**_device(group.controller), **user}],
    }


def _device(device: Device) -> dict[str, Any]:
    """The members of `device_model` are text, as DJI's documents and FlightHub have them; its Java demo has numbers."""
    type_, sub_type = max(device.type, 0), max(device.sub_type, 0)  # -1: no topology has named it yet
    return {
        "sn": device.serial,
        "device_callsign": device.callsign,
        "device_model": {
            "key": model_key(device.domain, type_, sub_type),
            "domain": str(device.domain),
            "type": str(type_),
            "sub_type": str(sub_type),
        },
        "online_status": device.online,
    }
