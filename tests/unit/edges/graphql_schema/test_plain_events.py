"""What comes by the thousand takes the short way of `projection.py`, in the hub's own schema too, and is the same."""

from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest

from ofh.domain.actors import Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, PresenceChanged
from ofh.domain.feed import CaughtUp, Gap
from ofh.edges.graphql.context import Context, Services
from ofh.edges.graphql.hub_schema import Asked, Operation
from ofh.edges.graphql.projection import NotPlain, project
from ofh.edges.graphql.schema import build_schema
from ofh.edges.graphql.types.events import shown_event
from ofh.edges.graphql.visibility import Sight

AT = datetime(2026, 5, 1, microsecond=1, tzinfo=UTC)
FIX = Fix(longitude_deg=8.5, latitude_deg=47.25, height_m=512.5)
STATE = DeviceState().merge(Report(at=AT, values={Property.HEADING: 91.5, Property.FLIGHT_MODE: "Wayline"}))
PLACE = "position { longitude latitude height hasHeight reportedAt }"
FLEET = f"""subscription {{ fleet(workspaceId: "1") {{ __typename cursor at
    ... on PositionReported {{ position {{ droneId {PLACE} telemetry {{ heading flightMode windSpeed reportedAt }} }} }}
    ... on BatteryReported {{ battery {{ droneId battery {{ capacityPercentLeft reportedAt }} }} }}
    ... on RemoteControllerReported {{ position {{ remoteControllerId {PLACE} }} }}
    ... on DroneOnline {{ drone {{ id name }} }}
    ... on Gap {{ from to reason }} }} }}"""
SCHEMA = build_schema()


def executor() -> Any:
    operation = SCHEMA.prepare(Asked(query=FLEET))
    assert isinstance(operation, Operation)
    return SCHEMA.executor(operation, Context(cast(Services, None), shared=True))


def shown(event: Any) -> Any:
    return shown_event(event, Sight(workspace_id=1, role=Role.VIEWER))


@pytest.mark.parametrize(
    "event",
    [
        DronePositioned(workspace_id=1, drone_id=7, at=AT, fix=FIX, state=STATE, seq=3),
        DronePositioned(workspace_id=1, drone_id=7, at=AT, fix=FIX, state=DeviceState(), seq=4),
        BatteryReported(workspace_id=1, drone_id=7, at=AT, battery=Battery(capacity_percent=61.5), seq=5),
        ControllerPositioned(workspace_id=1, remote_controller_id=8, at=AT, fix=FIX, seq=6),
        CaughtUp(workspace_id=1, seq=7, at=AT),
        Gap(workspace_id=1, seq=7, upto=9, at=AT, reason="gone"),
    ],
)
def test_an_event_of_the_fleet_is_plain_and_the_same(event: Any) -> None:
    built = executor()
    short = project(built)
    assert short is not None
    expected = built.build_per_event_executor(shown(event)).execute_operation(False)
    assert expected.errors is None
    assert orjson.loads(orjson.dumps(short(shown(event)))) == expected.data


def test_what_has_to_be_looked_up_is_left_to_graphql_core() -> None:
    short = project(executor())
    assert short is not None
    with pytest.raises(NotPlain):
        short(shown(PresenceChanged(workspace_id=1, drone_id=7, at=AT, online=True, seq=3)))
