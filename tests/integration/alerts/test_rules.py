"""Who may make, change and delete rules, what is refused, and what becomes of what they raised."""

import asyncio
from typing import Any

import pytest

from ofh.domain.actors import Actor, Role
from ofh.domain.alerts import AlertKind
from ofh.domain.errors import Code, HubError
from ofh.domain.event_json import decode
from ofh.domain.events import AlertChanged, EventKind
from ofh.services import alert_rules
from ofh.services.workspace_feed import channel
from ofh.store.models import Alert, AlertRule, AuditEntry, StoredEvent
from tests.integration.alerts.site import Site, alerts_of, standing, subject

SQUARE = [(9.94, 50.48), (9.96, 50.48), (9.96, 50.50), (9.94, 50.50)]


@pytest.fixture
async def workspace_id(site: Site) -> int:
    return await site.workspace()


@pytest.fixture
async def admin(site: Site, workspace_id: int) -> Actor:
    return await site.person(workspace_id, Role.ADMIN)


async def refusal(work: Any) -> tuple[Code, set[str]]:
    with pytest.raises(HubError) as refused:
        await work
    return refused.value.code, set(refused.value.fields)


async def test_a_rule_is_made_with_the_numbers_of_its_kind(site: Site, workspace_id: int, admin: Actor) -> None:
    row = await site.rules.create(admin, workspace_id, kind=AlertKind.LOW_BATTERY, name=" Low ")
    assert (row.name, row.enabled, row.threshold, row.margin, row.area) == ("Low", True, 25, 5, None)
    zone = await site.rules.create(
        admin, workspace_id, kind=AlertKind.AREA, name="Zone", area=[*SQUARE, SQUARE[0]], on_enter=True
    )
    kept = await AlertRule.get(id=zone.id)
    assert [tuple(corner) for corner in kept.area] == SQUARE
    assert (kept.on_enter, kept.threshold, kept.margin) == (True, None, 10)
    assert [rule.id for rule in await site.rules.list(admin, workspace_id)] == [row.id, zone.id]


async def test_what_is_left_out_of_a_change_stays(site: Site, workspace_id: int, admin: Actor) -> None:
    row = await site.rules.create(
        admin, workspace_id, kind=AlertKind.AREA, name="Zone", area=SQUARE, on_enter=True, margin=3
    )
    changed = await site.rules.update(admin, row.id, name="Airport")
    assert (changed.name, changed.on_enter, changed.margin, len(changed.area)) == ("Airport", True, 3, 4)
    changed = await site.rules.update(admin, row.id, on_enter=False, area=SQUARE[:3])
    kept = await AlertRule.get(id=row.id)
    assert (kept.name, kept.on_enter, kept.margin, len(kept.area)) == ("Airport", False, 3, 3)
    assert len(changed.area) == 3


async def test_nonsense_is_bad_input_before_and_after_a_rule_is_there(
    site: Site, workspace_id: int, admin: Actor
) -> None:
    height = await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="H", threshold=50)
    link = await site.rules.create(admin, workspace_id, kind=AlertKind.LINK_LOST, name="L")
    zone = await site.rules.create(admin, workspace_id, kind=AlertKind.AREA, name="Z", area=SQUARE, on_enter=True)
    changes: list[tuple[AlertRule, dict[str, Any], str]] = [
        (height, {"margin": 51}, "margin"),
        (height, {"threshold": 3}, "margin"),
        (height, {"area": SQUARE}, "area"),
        (height, {"on_enter": True}, "on_enter"),
        (link, {"threshold": 3}, "threshold"),
        (zone, {"threshold": 3}, "threshold"),
        (zone, {"area": SQUARE[:2]}, "area"),
        (zone, {"name": "\0"}, "name"),
    ]
    for row, change, field in changes:
        assert await refusal(site.rules.update(admin, row.id, **change)) == (Code.BAD_INPUT, {field})
    bow_tie = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]
    made: list[tuple[dict[str, Any], str]] = [
        ({"kind": AlertKind.AREA, "name": "Z", "on_enter": True}, "area"),
        ({"kind": AlertKind.AREA, "name": "Z", "area": SQUARE}, "on_enter"),
        ({"kind": AlertKind.AREA, "name": "Z", "area": bow_tie, "on_enter": True}, "area"),
        ({"kind": AlertKind.LINK_LOST, "name": " "}, "name"),
        ({"kind": AlertKind.PROXIMITY, "name": "P", "threshold": 0.5}, "threshold"),
    ]
    for values, field in made:
        assert await refusal(site.rules.create(admin, workspace_id, **values)) == (Code.BAD_INPUT, {field})
    assert await AlertRule.filter(workspace_id=workspace_id).count() == 3
    assert await AuditEntry.filter(action="alert rule changed").count() == 0


@pytest.mark.parametrize("role", list(Role))
async def test_rules_are_the_administrators_matter(site: Site, workspace_id: int, admin: Actor, role: Role) -> None:
    row = await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="H")
    who = await site.person(workspace_id, role)
    assert len(await site.rules.list(who, workspace_id)) == 1
    acts = [
        lambda: site.rules.create(who, workspace_id, kind=AlertKind.HEIGHT, name="H"),
        lambda: site.rules.update(who, row.id, threshold=60),
        lambda: site.rules.delete(who, row.id),
    ]
    for act in acts:
        if role in (Role.OWNER, Role.ADMIN):
            await act()
        else:
            assert await refusal(act()) == (Code.FORBIDDEN, set())


async def test_a_strangers_rules_and_missing_ones_are_gone_alike(site: Site, workspace_id: int, admin: Actor) -> None:
    row = await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="H")
    stranger = await site.person(await site.workspace(), Role.OWNER)
    for number in (row.id, row.id + 1000, 2**80):
        assert await refusal(site.rules.update(stranger, number, threshold=60)) == (Code.GONE, set())
        assert await refusal(site.rules.delete(stranger, number)) == (Code.GONE, set())
    for number in (workspace_id, 10**9):
        assert await refusal(site.rules.list(stranger, number)) == (Code.GONE, set())
        assert await refusal(site.rules.create(stranger, number, kind=AlertKind.HEIGHT, name="H")) == (Code.GONE, set())
    assert (await AlertRule.get(id=row.id)).threshold == 120


async def test_a_workspace_has_so_many_rules_and_no_more(
    site: Site, workspace_id: int, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_rules, "MAX_RULES", 4)
    made = await asyncio.gather(
        *(site.rules.create(admin, workspace_id, kind=AlertKind.LINK_LOST, name="L") for _ in range(7)),
        return_exceptions=True,
    )
    refused = [item for item in made if isinstance(item, HubError)]
    assert [error.code for error in refused] == [Code.CONFLICT] * 3
    assert await AlertRule.filter(workspace_id=workspace_id).count() == 4


async def test_every_change_is_in_the_audit_record(site: Site, workspace_id: int, admin: Actor) -> None:
    row = await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="H")
    await site.rules.update(admin, row.id, threshold=60)
    await site.rules.update(admin, row.id)
    await site.rules.delete(admin, row.id)
    entries = await AuditEntry.filter(workspace_id=workspace_id).order_by("id")
    assert [(entry.action, entry.object, entry.user_id) for entry in entries] == [
        (f"alert rule {what}", f"alert_rule:{row.id} HEIGHT", admin.user_id)
        for what in ("created", "changed", "deleted")
    ]


@pytest.mark.parametrize("act", ["delete", "disable"])
async def test_a_rule_that_ends_clears_what_it_raised_and_tells(
    site: Site, workspace_id: int, admin: Actor, act: str
) -> None:
    low = await site.rules.create(admin, workspace_id, kind=AlertKind.LOW_BATTERY, name="Low")
    await site.rules.create(admin, workspace_id, kind=AlertKind.HEIGHT, name="High")
    drones = [await site.drone(workspace_id, f"SN{n}") for n in range(3)]
    await site.judge(*(subject(drone, workspace_id, battery=5, elevation_m=300, fix=None) for drone in drones))
    async with site.bus.subscribe(channel(workspace_id)) as messages:
        if act == "delete":
            await site.rules.delete(admin, low.id)
        else:
            await site.rules.update(admin, low.id, enabled=False)
        message = await asyncio.wait_for(anext(aiter(messages)), 5)
    assert isinstance(message, bytes)
    told = [event for event in decode(message).events if isinstance(event, AlertChanged)]
    assert [(event.kind, event.drone_id, event.seq) for event in told] == [
        (EventKind.ALERT_CLEARED, drone, 9 + n) for n, drone in enumerate(drones)
    ]
    assert await standing(workspace_id) == ["HEIGHT"] * 3
    kept = [alert for alert in await alerts_of(workspace_id) if alert.kind == "LOW_BATTERY"]
    assert {alert.rule_id for alert in kept} == ({None} if act == "delete" else {low.id})
    assert all(alert.cleared_at == site.now and alert.evidence for alert in kept)
    assert await StoredEvent.filter(workspace_id=workspace_id, kind="ALERT_CLEARED").count() == 3
    # The drones' batteries are as low as before, and nothing is raised by what is no more.
    assert await site.judge(*(subject(drone, workspace_id, 9, battery=5, fix=None) for drone in drones)) == []
    assert "LOW_BATTERY" not in await standing(workspace_id)


async def test_a_changed_rule_is_judged_by_its_new_values_at_the_next_report(
    site: Site, workspace_id: int, admin: Actor
) -> None:
    low = await site.rules.create(admin, workspace_id, kind=AlertKind.LOW_BATTERY, name="Low")
    drone = await site.drone(workspace_id)
    await site.judge(subject(drone, workspace_id, battery=24, fix=None))
    await site.rules.update(admin, low.id, threshold=10.0, margin=2.0)
    assert await standing(workspace_id) == ["LOW_BATTERY"]
    [event] = await site.judge(subject(drone, workspace_id, 1, battery=24, fix=None))
    assert event.kind is EventKind.ALERT_CLEARED
    await site.rules.update(admin, low.id, threshold=30.0)
    [event] = await site.judge(subject(drone, workspace_id, 2, battery=24, fix=None))
    assert event.kind is EventKind.ALERT_RAISED


async def test_rules_that_end_while_drones_are_judged_leave_nothing_standing(
    site: Site, workspace_id: int, admin: Actor
) -> None:
    """Two processes judge by what they remember, while a third switches off and deletes, and members acknowledge what
    they see: nobody fails or waits."""
    drones = [await site.drone(workspace_id, f"SN{n}") for n in range(6)]
    others = [site.another(), site.another()]
    for turn in range(4):
        row = await site.rules.create(admin, workspace_id, kind=AlertKind.LOW_BATTERY, name="Low")
        for other in others:
            await other.control.publish("alert_rules", workspace_id=workspace_id)

        async def judge(other: Site, mine: list[int], battery: float, second: float) -> None:
            for drone in mine:
                await other.judge(subject(drone, workspace_id, second, battery=battery, fix=None))

        await asyncio.gather(*(judge(other, drones[n::2], 5, turn) for n, other in enumerate(others)))
        assert await standing(workspace_id) == ["LOW_BATTERY"] * 6
        seen = await Alert.filter(workspace_id=workspace_id, cleared_at__isnull=True)
        end = site.rules.delete(admin, row.id) if turn % 2 else site.rules.update(admin, row.id, enabled=False)
        await asyncio.gather(
            end,
            *(judge(other, drones[n::2], 90 if turn < 2 else 4, turn) for n, other in enumerate(others)),
            *(others[n % 2].alerts.acknowledge(admin, alert.id) for n, alert in enumerate(seen)),
        )
        assert await standing(workspace_id) == []
    cleared = await StoredEvent.filter(workspace_id=workspace_id, kind="ALERT_CLEARED").count()
    assert cleared == await StoredEvent.filter(workspace_id=workspace_id, kind="ALERT_RAISED").count() == 24
    assert await StoredEvent.filter(workspace_id=workspace_id, kind="ALERT_ACKNOWLEDGED").count() == 24
