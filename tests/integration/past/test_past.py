"""How a workspace stood: what a live Snapshot showed then, and what its events come to."""

from datetime import timedelta

import pytest

from ofh.domain.errors import Code, HubError
from ofh.domain.past import PastState
from ofh.services.past import fold
from ofh.services.retention import Retention, RetentionRules
from tests.integration.past.site import Site, flights_by, shown
from tests.support.fleet import START, seconds


async def test_every_past_snapshot_is_what_a_live_one_showed_and_what_all_events_come_to(site: Site) -> None:
    await site.fly()
    events = await site.events()
    assert any(flights_by(events, seq) for seq in site.stood)
    assert any(seen.alert_ids for seen in site.stood.values())
    for seq, seen in site.stood.items():
        then = await site.past.snapshot(site.workspace_id, seq, seen.at)
        assert shown(then) == shown(seen)
        assert then.drones_then is not None
        on = {id: device.flight_id for id, device in then.drones_then.items() if device.flight_id is not None}
        assert on == flights_by(events, seq)
    whole = PastState()
    for piece in await site.pieces():
        whole.take_body(piece.body, 0, piece.last)
    assert await fold(site.database, site.workspace_id, await site.head()) == whole


async def test_a_moment_shows_what_had_become_visible_by_then(site: Site) -> None:
    await site.fly()
    site.bench.now += seconds(1)
    for seen in list(site.stood.values())[1:]:
        newest = max(seq for seq, other in site.stood.items() if other.at <= seen.at)
        for at in (seen.at, seen.at + seconds(0.5)):
            found = await site.past.at(site.member, site.workspace_id, at)
            assert found is not None
            assert (shown(found), found.at) == (shown(site.stood[newest]), at)
    before = await site.past.at(site.member, site.workspace_id, START - timedelta(days=20_000 * 2))
    assert before is not None
    assert (before.seq, before.drones, before.remote_controllers) == (0, [], [])


async def test_names_are_those_of_now(site: Site) -> None:
    await site.fly(4)
    drone = await site.bench.drone("AC1", site.workspace_id)
    drone.name = "Kestrel"
    await drone.save()
    found = await site.past.at(site.member, site.workspace_id, START)
    assert found is not None
    assert [row.name for row in found.drones] == ["Kestrel", ""]


async def test_neither_the_future_nor_what_is_gone_can_be_seen(site: Site) -> None:
    await site.fly()
    with pytest.raises(HubError) as refused:
        await site.past.at(site.member, site.workspace_id, site.bench.now + seconds(1))
    assert (refused.value.code, list(refused.value.fields)) == (Code.BAD_INPUT, ["at"])
    end = site.bench.now
    site.bench.now += timedelta(days=91)
    await Retention(site.database, lambda: site.bench.now, RetentionRules(), pause_s=0).prune()
    with pytest.raises(HubError) as refused:
        await site.past.at(site.member, site.workspace_id, START)
    assert refused.value.code is Code.BAD_INPUT
    assert max(seen.at for seen in site.stood.values()).isoformat() in refused.value.message
    assert await site.past.at(site.member, site.workspace_id, end) is not None


async def test_a_process_whose_clock_is_behind_shows_what_others_have_told(site: Site) -> None:
    await site.fly(8)
    newest = max(seen.at for seen in site.stood.values())
    site.bench.now = START
    found = await site.past.at(site.member, site.workspace_id, newest)
    assert found is not None
    assert found.seq == await site.head()
    with pytest.raises(HubError):
        await site.past.at(site.member, site.workspace_id, newest + seconds(1))


async def test_who_is_no_member_sees_nothing(site: Site) -> None:
    await site.fly(4)
    for at in (START, site.bench.now + timedelta(days=1)):
        assert await site.past.at(site.stranger, site.workspace_id, at) is None
    assert await site.past.at(site.member, site.workspace_id + 1_000, START) is None
