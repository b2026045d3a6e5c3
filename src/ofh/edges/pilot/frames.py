"""What goes to Pilot over its websocket (dji-pilot-2.md, 4.2): one JSON object per text frame.

Pilot reacts to a position by moving a symbol, and to the three notices by fetching the topologies, whatever is in them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from ofh.domain.devices import DeviceState, Fix, Property
from ofh.domain.events import MapChange, MapElementChanged

VERSION = "1.0"


class Notice(StrEnum):
    """Who is there has changed. `overview/basic-concept/websocket` spells the last one `device_topo_update`: a slip."""

    ONLINE = "device_online"
    OFFLINE = "device_offline"
    TOPOLOGY = "device_update_topo"


_MAP_CODES = {
    MapChange.CREATED: "map_element_create",
    MapChange.UPDATED: "map_element_update",
    MapChange.DELETED: "map_element_delete",
}
_SPEEDS = (
    ("elevation", Property.ELEVATION),
    ("horizontal_speed", Property.HORIZONTAL_SPEED),
    ("vertical_speed", Property.VERTICAL_SPEED),
)


def aircraft_position(serial: str, fix: Fix, state: DeviceState, at: datetime) -> bytes:
    """Where an aircraft is. What it has never told is left out."""
    host = _fix(fix)
    for name, property in _SPEEDS:
        if (value := _number(state, property)) is not None:
            host[name] = value
    if (heading := _number(state, Property.HEADING)) is not None:
        host["attitude_head"] = signed_heading(heading)
    return _frame("device_osd", {"sn": serial, "host": host}, at)


def controller_position(serial: str, fix: Fix, at: datetime) -> bytes:
    """Where a controller is; its height is 0 where it is not known, as controllers say it themselves."""
    return _frame("device_osd", {"sn": serial, "host": _fix(fix)}, at)


def notice(code: Notice, at: datetime) -> bytes:
    """Fetch the topologies."""
    return _frame(code.value, {}, at)


def map_change(event: MapElementChanged, at: datetime) -> bytes:
    """What became of an element of the shared map."""
    data: dict[str, Any] = {"id": event.element_id, "group_id": event.group_id}
    if event.element is not None:
        element = event.element
        data["name"] = element["name"]
        data["resource"] = {name: element[name] for name in ("type", "user_name", "content")}
    return _frame(_MAP_CODES[event.change], data, at)


def map_refresh(group_ids: Iterable[str], at: datetime) -> bytes:
    """Fetch these groups of the shared map."""
    return _frame("map_group_refresh", {"ids": sorted(group_ids)}, at)


def signed_heading(heading_deg: float) -> float:
    """A heading of 0 to 360 degrees as one of -180 to 180, both clockwise from true north."""
    signed = (heading_deg + 180.0) % 360.0 - 180.0
    return 180.0 if signed == -180.0 and heading_deg > 0 else round(signed, 6)


def _fix(fix: Fix) -> dict[str, float]:
    return {"latitude": fix.latitude_deg, "longitude": fix.longitude_deg, "height": fix.height_m}


def _number(state: DeviceState, name: Property) -> float | None:
    held = state.get(name)
    return held.value if held is not None and isinstance(held.value, int | float) else None


def _frame(code: str, data: Mapping[str, Any], at: datetime) -> bytes:
    return orjson.dumps({"biz_code": code, "version": VERSION, "timestamp": int(at.timestamp() * 1000), "data": data})
