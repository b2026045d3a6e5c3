"""Alerts and the rules that raise them."""

from typing import Annotated

import strawberry

from ofh.domain.alerts import AlertKind
from ofh.edges.graphql.arguments import chosen, given
from ofh.edges.graphql.types.alerts import Alert, AlertRule, AreaCornerInput
from ofh.edges.graphql.visibility import Info, shown_or_gone
from ofh.edges.ids import number

from .base import mutation

RuleId = Annotated[strawberry.ID, strawberry.argument(description="The rule's id.")]
Name = Annotated[str, strawberry.argument(description="What to call it: 1 to 255 bytes.")]
THRESHOLD = (
    "`LOW_BATTERY`: percent, 1 to 99. `HEIGHT`: metres above take-off, 1 to 10,000. `PROXIMITY`: metres between two "
    "drones, 1 to 1,000. The other kinds have none."
)
MARGIN = (
    "How far back beyond the threshold clears again. `LOW_BATTERY`: percent, 0 to 99, with the threshold at most 100. "
    "`HEIGHT`, `PROXIMITY`: metres, 0 to 1,000. `AREA`: metres back over the outline, 0 to 1,000. `LINK_LOST` has none."
)
AREA = (
    "The outline for `AREA`: 3 to 500 corners in order, whose sides do not touch or cross. It may cross the "
    "antimeridian, but not go round a pole. The other kinds have none."
)
ON_ENTER = (
    "Whether `AREA` warns of drones inside the area (a no-fly zone), else of those outside (a fence). The other kinds "
    "have none."
)


@strawberry.type
class AlertMutations:
    @mutation(
        "Say that one has seen an alert; who was first, stays. For members who are more than viewers. "
        "It does not clear the alert."
    )
    async def acknowledge_alert(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The alert's id.")],
    ) -> Alert:
        actor = info.context.require_actor()
        row = await info.context.services.alerts.acknowledge(actor, number(id, "id"))
        return await shown_or_gone(info, Alert, row, "alert")

    @mutation("Make an alert rule. For administrators; a workspace has at most 100 (`CONFLICT`).")
    async def create_alert_rule(
        self,
        info: Info,
        workspace_id: Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")],
        kind: Annotated[AlertKind, strawberry.argument(description="What it warns of; it stays what it is.")],
        name: Name,
        enabled: Annotated[
            bool | None, strawberry.argument(description="Whether it is in force; it is, if left out.")
        ] = strawberry.UNSET,
        threshold: Annotated[
            float | None, strawberry.argument(description=f"{THRESHOLD} 25, 120 or 20 if left out.")
        ] = strawberry.UNSET,
        margin: Annotated[
            float | None, strawberry.argument(description=f"{MARGIN} 5, 5, 10 or 10 if left out.")
        ] = strawberry.UNSET,
        area: Annotated[
            list[AreaCornerInput] | None, strawberry.argument(description=f"{AREA} `AREA` needs it.")
        ] = strawberry.UNSET,
        on_enter: Annotated[
            bool | None, strawberry.argument(description=f"{ON_ENTER} `AREA` needs it.")
        ] = strawberry.UNSET,
    ) -> AlertRule:
        actor = info.context.require_actor()
        corners = chosen(area, None)
        row = await info.context.services.alert_rules.create(
            actor,
            number(workspace_id, "workspaceId"),
            kind=kind,
            name=name,
            enabled=chosen(enabled, True),
            threshold=chosen(threshold, None),
            margin=chosen(margin, None),
            area=None if corners is None else [corner.corner() for corner in corners],
            on_enter=chosen(on_enter, None),
        )
        return await shown_or_gone(info, AlertRule, row, "alert rule")

    @mutation(
        "Change an alert rule. What is left out stays as it is; its kind stays. What stands by it is judged anew with "
        "each drone's next report, and cleared at once where it is switched off. For administrators."
    )
    async def update_alert_rule(
        self,
        info: Info,
        id: RuleId,
        name: Annotated[
            str | None, strawberry.argument(description="What to call it: 1 to 255 bytes; not null.")
        ] = strawberry.UNSET,
        enabled: Annotated[
            bool | None, strawberry.argument(description="Whether it is in force; not null.")
        ] = strawberry.UNSET,
        threshold: Annotated[
            float | None, strawberry.argument(description=f"{THRESHOLD} Not null.")
        ] = strawberry.UNSET,
        margin: Annotated[float | None, strawberry.argument(description=f"{MARGIN} Not null.")] = strawberry.UNSET,
        area: Annotated[
            list[AreaCornerInput] | None, strawberry.argument(description=f"{AREA} Not null.")
        ] = strawberry.UNSET,
        on_enter: Annotated[bool | None, strawberry.argument(description=f"{ON_ENTER} Not null.")] = strawberry.UNSET,
    ) -> AlertRule:
        actor = info.context.require_actor()
        changes = given(name=name, enabled=enabled, threshold=threshold, margin=margin, area=area, on_enter=on_enter)
        if "area" in changes:
            changes["area"] = [corner.corner() for corner in changes["area"]]
        row = await info.context.services.alert_rules.update(actor, number(id, "id"), **changes)
        return await shown_or_gone(info, AlertRule, row, "alert rule")

    @mutation("Delete an alert rule: what stands by it clears, and its alerts stay to be read. For administrators.")
    async def delete_alert_rule(self, info: Info, id: RuleId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.alert_rules.delete(actor, number(id, "id"))
        return True
