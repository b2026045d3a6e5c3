"""The frames of the websocket, held against the samples."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ofh.domain.devices import DeviceState, Fix, Property, Report, Value
from ofh.domain.events import MapChange, MapElementChanged
from ofh.edges.pilot import frames
from ofh.edges.pilot.frames import Notice
from tests.captures.reader import capture, names

AT = datetime.fromtimestamp(1749889267.05, UTC)


def sample(name: str) -> Any:
    return capture(name)["payload"]


def state(fix: Fix, **values: Value) -> DeviceState:
    told: dict[Property, Value] = {Property.FIX: fix} | {Property[name]: value for name, value in values.items()}
    return DeviceState().merge(Report(at=AT, values=told))


def fix_of(host: dict[str, float]) -> Fix:
    return Fix(longitude_deg=host["longitude"], latitude_deg=host["latitude"], height_m=host["height"])


def changed(data: dict[str, Any], change: MapChange) -> MapElementChanged:
    resource = data.get("resource", {})
    return MapElementChanged(
        workspace_id=1,
        element_id=data["id"],
        group_id=data["group_id"],
        change=change,
        at=AT,
        element=None if change is MapChange.DELETED else {"name": data["name"], **resource},
    )


def ours(name: str) -> bytes:
    """What the hub pushes where a sample says so."""
    data = sample(name)["data"]
    match name:
        case "ws-device-osd-aircraft":
            host = data["host"]
            told = state(
                fix_of(host),
                HEADING=138.0,
                ELEVATION=host["elevation"],
                HORIZONTAL_SPEED=host["horizontal_speed"],
                VERTICAL_SPEED=host["vertical_speed"],
            )
            return frames.aircraft_position(data["sn"], fix_of(host), told, AT)
        case "ws-device-osd-controller":
            return frames.controller_position(data["sn"], fix_of(data["host"]), AT)
        case "ws-device-online" | "ws-device-offline" | "ws-device-update-topo":
            return frames.notice(Notice(sample(name)["biz_code"]), AT)
        case "ws-map-element-create":
            return frames.map_change(changed(data, MapChange.CREATED), AT)
        case "ws-map-group-refresh":
            return frames.map_refresh(data["ids"], AT)
        case _:
            raise LookupError(name)


@pytest.mark.parametrize("name", names("ws-"))
def test_pushes_look_like_the_samples(name: str) -> None:
    found, wanted = orjson.loads(ours(name)), sample(name)
    assert found == wanted
    assert list(found) == list(wanted)
    assert type(found["timestamp"]) is int
    assert found["version"] == "1.0"


def test_an_update_has_the_whole_element_and_a_deletion_its_ids() -> None:
    data = sample("ws-map-element-create")["data"]
    updated = orjson.loads(frames.map_change(changed(data, MapChange.UPDATED), AT))
    assert (updated["biz_code"], updated["data"]) == ("map_element_update", data)
    deleted = orjson.loads(frames.map_change(changed(data, MapChange.DELETED), AT))
    assert deleted["biz_code"] == "map_element_delete"
    assert deleted["data"] == {"id": data["id"], "group_id": data["group_id"]}


def test_what_an_aircraft_never_told_is_left_out() -> None:
    fix = Fix(longitude_deg=9.0, latitude_deg=50.0, height_m=1.0)
    host = orjson.loads(frames.aircraft_position("AC1", fix, state(fix), AT))["data"]["host"]
    assert host == {"latitude": 50.0, "longitude": 9.0, "height": 1.0}


@pytest.mark.parametrize(
    ("heading", "signed"),
    [(0.0, 0.0), (90.0, 90.0), (180.0, 180.0), (180.5, -179.5), (266.6, -93.4), (359.9, -0.1)],
)
def test_a_heading_is_from_minus_180_to_180(heading: float, signed: float) -> None:
    assert frames.signed_heading(heading) == signed
