"""Warnings that stand or stood, and the rules that they are given by."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from ofh.domain.alerts import TERMS, AlertKind
from ofh.domain.outlines import Corner
from ofh.edges.graphql.arguments import chosen
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.loaders import existing
from ofh.edges.graphql.scalars import Json, describe
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.edges.ids import number
from ofh.services import alerts
from ofh.store import models

from .accounts import User
from .pages import OfPage

if TYPE_CHECKING:
    from .fleet import Drone
    from .flights import Flight

describe(
    AlertKind,
    "AlertKind",
    "What is warned of.",
    {
        AlertKind.LOW_BATTERY: "A drone that is on has a charge at or below a threshold, in percent.",
        AlertKind.LINK_LOST: "A drone in flight is silent, or gone from its controller.",
        AlertKind.AREA: "A drone in flight is inside an area, or outside of it, as the rule says.",
        AlertKind.HEIGHT: "A drone in flight is more than a threshold above its take-off point, in metres.",
        AlertKind.PROXIMITY: "Two drones in flight are less than a threshold apart, through the air and in metres.",
    },
)


@strawberry.type(description="One corner of an area's outline.")
class AreaCorner:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")


@strawberry.input(description="One corner of an area's outline.")
class AreaCornerInput:
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator (WGS 84), -90 to 90.")

    def corner(self) -> Corner:
        """As services take it."""
        return self.longitude, self.latitude


@strawberry.type(description="One condition that a workspace wants to be warned of.")
class AlertRule(OfWorkspace):
    row: strawberry.Private[models.AlertRule]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The number to change it by.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What it warns of.")
    def kind(self) -> AlertKind:
        return AlertKind(self.row.kind)

    @field("What people call it.")
    def name(self) -> str:
        return self.row.name

    @field("Whether it is in force.")
    def enabled(self) -> bool:
        return self.row.enabled

    @field(
        "Percent for `LOW_BATTERY`, metres above take-off for `HEIGHT`, metres between two drones for `PROXIMITY`; "
        "null for the other kinds."
    )
    def threshold(self) -> float | None:
        return self.row.threshold

    @field(
        "How far back beyond the threshold an alert clears again, in the threshold's unit; for `AREA` metres back over "
        "the outline. Null for `LINK_LOST`."
    )
    def margin(self) -> float | None:
        return self.row.margin

    @field("The outline of an `AREA` rule, corner by corner, not closed; null for the other kinds.")
    def area(self) -> list[AreaCorner] | None:
        if self.row.area is None:
            return None
        return [AreaCorner(longitude=longitude, latitude=latitude) for longitude, latitude in self.row.area]

    @field("Whether an `AREA` rule warns of drones inside the area, else of those outside; null for the other kinds.")
    def on_enter(self) -> bool | None:
        return self.row.on_enter if TERMS[AlertKind(self.row.kind)].has_area else None

    @field("When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at


@strawberry.type(description="A warning, from when it was raised until it cleared by itself; kept afterwards.")
class Alert(OfWorkspace):
    row: strawberry.Private[models.Alert]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("The number to acknowledge it by.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What it warns of.")
    def kind(self) -> AlertKind:
        return AlertKind(self.row.kind)

    @field("What was wrong when it was raised, in one sentence of English.")
    def message(self) -> str:
        return self.row.message

    @field("The drone that it is about.")
    async def drone(self, info: Info) -> Annotated["Drone", strawberry.lazy(".fleet")]:
        from .fleet import Drone

        row = await existing(info.context.loaders.drones, self.row.drone_id, "drone")
        return Drone(row=row, sight=self.sight)

    @field("The second drone of a `PROXIMITY` alert; null for the other kinds.")
    async def other_drone(self, info: Info) -> Annotated["Drone", strawberry.lazy(".fleet")] | None:
        from .fleet import Drone

        if self.row.other_drone_id is None:
            return None
        row = await info.context.loaders.drones.load(self.row.other_drone_id)
        return Drone(row=row, sight=self.sight) if row else None

    @field("The flight that the drone was on when it was raised; null if it was on none.")
    async def flight(self, info: Info) -> Annotated["Flight", strawberry.lazy(".flights")] | None:
        from .flights import Flight

        if self.row.flight_id is None:
            return None
        row = await info.context.loaders.flights.load(self.row.flight_id)
        return Flight(row=row, sight=self.sight) if row else None

    @field("The rule that it was raised by, as it is now; null if that has been deleted.")
    async def rule(self, info: Info) -> AlertRule | None:
        if self.row.rule_id is None:
            return None
        row = await info.context.loaders.alert_rules.load(self.row.rule_id)
        return AlertRule(row=row, sight=self.sight) if row else None

    @field(
        "What was measured when it was raised, and what the rule said then: an object with `at`, `drone`, `rule`, and "
        "for `PROXIMITY` also `otherDrone` and `distance` in metres. Names and units are those of this API."
    )
    def evidence(self) -> Json:
        return Json(self.row.evidence)

    @field("By the time of the report that called for it.")
    def raised_at(self) -> datetime:
        return self.row.raised_at

    @field("When a member first said that they had seen it; null if none has.")
    def acknowledged_at(self) -> datetime | None:
        return self.row.acknowledged_at

    @field("Who said so; null if nobody has, or if their account is gone.")
    async def acknowledged_by(self, info: Info) -> User | None:
        if self.row.acknowledged_by_id is None:
            return None
        row = await info.context.loaders.users.load(self.row.acknowledged_by_id)
        return User(row=row) if row else None

    @field("When it cleared: what it was raised for had passed, or its rule was switched off. Null while it stands.")
    def cleared_at(self) -> datetime | None:
        return self.row.cleared_at


@strawberry.type(description="An alert at its place in a list.")
class AlertEdge:
    node: Alert = strawberry.field(description="The alert.")
    cursor: str = strawberry.field(description="Its place in the list, for `after`.")


@strawberry.type(description="A page of a workspace's alerts, the newest first.")
class AlertConnection(OfPage):
    @field("The alerts of this page.")
    def edges(self) -> list[AlertEdge]:
        return self.placed(AlertEdge, lambda row: Alert(row=row, sight=self.sight))


@strawberry.input(description="Which alerts to list: those for which all that is given holds.")
class AlertFilter:
    open: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it still stands; left out: either."
    )
    kind: AlertKind | None = strawberry.field(default=strawberry.UNSET, description="Of this kind.")
    drone_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="About this drone, as the one or the other of two."
    )

    def checked(self) -> alerts.AlertFilter:
        """The filter as the service takes it.

        Raises:
            HubError: BAD_INPUT.
        """
        drone_id = chosen(self.drone_id, None)
        return alerts.AlertFilter(
            is_open=chosen(self.open, None),
            kind=chosen(self.kind, None),
            drone_id=None if drone_id is None else number(drone_id, "filter.droneId"),
        )
