"""Who sees alerts, in which order, and who acknowledges them."""

import asyncio
from typing import Any

import pytest

from ofh.domain.actors import Actor, Role
from ofh.domain.alerts import AlertKind
from ofh.domain.errors import Code, HubError
from ofh.services.alert_rules import give_defaults
from ofh.services.alerts import AlertFilter
from ofh.services.pages import write_cursor
from ofh.store.models import Alert, StoredEvent
from tests.integration.alerts.site import Site, alerts_of, subject
from tests.support.fleet import START, seconds


@pytest.fixture
async def workspace_id(site: Site) -> int:
    found = await site.workspace()
    await give_defaults(found, START)
    return found


@pytest.fixture
async def viewer(site: Site, workspace_id: int) -> Actor:
    return await site.person(workspace_id, Role.VIEWER)


async def ids(site: Site, actor: Actor, workspace_id: int, **asked: Any) -> list[int]:
    wanted = asked.pop("wanted", None)
    return [row.id for row in (await site.alerts.of_workspace(actor, workspace_id, wanted, **asked)).rows]


async def test_alerts_are_listed_newest_first_a_page_at_a_time(site: Site, workspace_id: int, viewer: Actor) -> None:
    drone = await site.drone(workspace_id)
    for n in range(7):  # three at one moment, then three at another, then one
        await site.judge(subject(drone, workspace_id, n // 3, battery=5 if n % 2 == 0 else 90, fix=None))
    everything = [row.id for row in sorted(await alerts_of(workspace_id), key=lambda row: (row.raised_at, row.id))]
    assert await ids(site, viewer, workspace_id) == everything[::-1]
    after, read = None, []
    while True:
        page = await site.alerts.of_workspace(viewer, workspace_id, first=1, after=after)
        read += [row.id for row in page.rows]
        assert await page.count() == len(everything)
        if not page.has_next:
            break
        after = page.cursors[-1]
    assert read == everything[::-1]


async def test_alerts_are_chosen_by_what_stands_by_kind_and_by_drone(
    site: Site, workspace_id: int, viewer: Actor
) -> None:
    one, two, three = [await site.drone(workspace_id, serial) for serial in ("A", "B", "C")]
    await site.judge(subject(three, workspace_id, battery=5, fix=None))
    await site.judge(subject(three, workspace_id, 1, battery=90, elevation_m=300, fix=None))
    await site.judge(subject(one, workspace_id, 2), subject(two, workspace_id, 2))
    low, high, near = [row.id for row in await alerts_of(workspace_id)]
    chosen: list[tuple[AlertFilter, list[int]]] = [
        (AlertFilter(), [near, high, low]),
        (AlertFilter(is_open=True), [near, high]),
        (AlertFilter(is_open=False), [low]),
        (AlertFilter(kind=AlertKind.LOW_BATTERY), [low]),
        (AlertFilter(drone_id=three), [high, low]),
        (AlertFilter(drone_id=one), [near]),
        (AlertFilter(drone_id=two), [near]),
        (AlertFilter(drone_id=10**15), []),
        (AlertFilter(is_open=True, kind=AlertKind.HEIGHT, drone_id=three), [high]),
    ]
    for wanted, expected in chosen:
        assert await ids(site, viewer, workspace_id, wanted=wanted) == expected


@pytest.mark.parametrize("asked", [{"first": 0}, {"first": 201}, {"after": "x"}, {"after": write_cursor((1,))}])
async def test_a_page_that_cannot_be_is_bad_input(
    site: Site, workspace_id: int, viewer: Actor, asked: dict[str, Any]
) -> None:
    with pytest.raises(HubError) as refused:
        await site.alerts.of_workspace(viewer, workspace_id, **asked)
    assert (refused.value.code, set(refused.value.fields)) == (Code.BAD_INPUT, set(asked))


async def test_a_stranger_sees_no_alert_and_acknowledges_none(site: Site, workspace_id: int) -> None:
    stranger = await site.person(await site.workspace(), Role.OWNER)
    await site.judge(subject(await site.drone(workspace_id), workspace_id, battery=5, fix=None))
    [alert] = await alerts_of(workspace_id)
    for number in (alert.id, alert.id + 1000, 2**80):
        assert await site.alerts.alert(stranger, number) is None
        with pytest.raises(HubError) as refused:
            await site.alerts.acknowledge(stranger, number)
        assert (refused.value.code, refused.value.message) == (Code.GONE, "There is no such alert.")
    for number in (workspace_id, 10**9):
        with pytest.raises(HubError) as refused:
            await site.alerts.of_workspace(stranger, number)
        assert refused.value.code is Code.GONE
    assert (await Alert.get(id=alert.id)).acknowledged_at is None


async def test_who_acknowledges_first_stays(site: Site, workspace_id: int, viewer: Actor) -> None:
    first, second = [await site.person(workspace_id, Role.MEMBER) for _ in range(2)]
    drone = await site.drone(workspace_id)
    await site.judge(subject(drone, workspace_id, battery=5, fix=None))
    [alert] = await alerts_of(workspace_id)
    with pytest.raises(HubError) as refused:
        await site.alerts.acknowledge(viewer, alert.id)
    assert refused.value.code is Code.FORBIDDEN
    await site.alerts.acknowledge(first, alert.id)
    site.now += seconds(5)
    row = await site.alerts.acknowledge(second, alert.id)
    assert (row.acknowledged_by_id, row.acknowledged_at) == (first.user_id, START)
    # It says that somebody has seen it, no more: it stands until it clears by itself, once, and raises anew.
    assert row.cleared_at is None
    assert await site.judge(subject(drone, workspace_id, 1, battery=5, fix=None)) == []
    assert len(await site.judge(subject(drone, workspace_id, 2, battery=90, fix=None))) == 1
    await site.judge(subject(drone, workspace_id, 3, battery=5, fix=None))
    assert [row.acknowledged_by_id for row in await alerts_of(workspace_id)] == [first.user_id, None]


async def test_of_those_who_acknowledge_at_once_one_is_first(site: Site, workspace_id: int) -> None:
    people = [await site.person(workspace_id, Role.MEMBER) for _ in range(4)]
    await site.judge(subject(await site.drone(workspace_id), workspace_id, battery=5, fix=None))
    [alert] = await alerts_of(workspace_id)
    rows = await asyncio.gather(*(site.alerts.acknowledge(person, alert.id) for person in people))
    assert len({row.acknowledged_by_id for row in rows}) == 1
    assert await StoredEvent.filter(kind="ALERT_ACKNOWLEDGED", alert_id=alert.id).count() == 1


async def test_an_alert_that_has_cleared_can_still_be_acknowledged(site: Site, workspace_id: int) -> None:
    member, drone = await site.person(workspace_id, Role.MEMBER), await site.drone(workspace_id)
    await site.judge(subject(drone, workspace_id, battery=5, fix=None))
    await site.judge(subject(drone, workspace_id, 1, battery=90, fix=None))
    [alert] = await alerts_of(workspace_id)
    assert (await site.alerts.acknowledge(member, alert.id)).acknowledged_by_id == member.user_id
