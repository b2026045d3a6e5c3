"""One watcher of traffic leaves while another comes, on a bus that takes a moment to be left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from ofh.backends.ports import Bus, Interrupted
from ofh.domain.devices import DeviceState, Fix, Property, Report
from ofh.domain.event_json import encode
from ofh.domain.events import DronePositioned
from ofh.domain.traffic import Circle, Sighting
from ofh.services.announcing import publish
from ofh.services.traffic import TrafficWatch
from ofh.store.models import Workspace
from tests.integration.live.site import PATIENCE_S, Site
from tests.support.fleet import START

PLACE = Circle(longitude_deg=10.0, latitude_deg=50.5, radius_m=10_000.0)


class SlowToLeave:
    """A bus whose subscriptions end once that is allowed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.leaving = asyncio.Event()
        self.may_leave = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes | Interrupted]]:
        async with self._bus.subscribe(channel) as messages:
            try:
                yield messages
            finally:
                self.leaving.set()
                await self.may_leave.wait()


async def seen(site: Site, watch: TrafficWatch) -> Sighting:
    """The next that a watch is shown of a drone that goes on telling where it is."""
    shown = asyncio.ensure_future(anext(watch.changes()))
    fix = Fix(longitude_deg=10.0, latitude_deg=50.5, height_m=400.0)
    while not shown.done():
        state = DeviceState().merge(Report(at=site.bench.now, values={Property.FIX: fix}))
        event = DronePositioned(
            workspace_id=site.workspace.id, drone_id=site.drone.id, at=site.bench.now, fix=fix, state=state
        )
        await publish(site.bench.bus, {site.workspace.id: encode([event])}, site.bench.counts)
        await asyncio.sleep(0.05)
    return (await shown)[0]


async def test_who_comes_while_the_last_one_leaves_sees_all_who_share_and_nobody_who_does_not(site: Site) -> None:
    await Workspace.filter(id=site.workspace.id).update(share_position=True)
    bus = SlowToLeave(site.bench.bus)
    site.traffic._bus = cast(Bus, bus)
    enough = asyncio.Event()

    async def look_until_that() -> None:
        async with site.traffic.watch(PLACE) as watch:
            assert (await seen(site, watch)).workspace_id == site.workspace.id
            await enough.wait()

    async with asyncio.timeout(PATIENCE_S):
        first = asyncio.create_task(look_until_that())
        while not site.traffic._followed:
            await asyncio.sleep(0.01)
        site.traffic._picture.forget(site.workspace.id)
        enough.set()
        await bus.leaving.wait()
        async with site.traffic.watch(PLACE) as second:
            site.traffic._picture.forget(site.workspace.id)
            shown = asyncio.create_task(seen(site, second))
            await asyncio.sleep(0.2)  # what the second one does first is done by then, or is done after it
            bus.may_leave.set()
            await first
            assert (await shown).workspace_id == site.workspace.id
            await site.house.workspaces.update(site.olga, site.workspace.id, share_position=False)
            site.bench.now = START.replace(minute=(START.minute + 1) % 60)
            for _ in range(3):
                event_seen = asyncio.create_task(seen(site, second))
                await asyncio.sleep(0.1)
                event_seen.cancel()
                await asyncio.gather(event_seen, return_exceptions=True)
            assert second.current() == [], "who shares no more is not even known"


async def test_what_is_known_of_who_shares_no_more_goes_where_no_word_of_it_came(site: Site) -> None:
    site.traffic._picture.take(
        Sighting(
            id="ofh-1",
            longitude_deg=10.0,
            latitude_deg=50.5,
            height_m=None,
            at=site.bench.now,
            workspace_id=site.workspace.id,
        ),
        site.bench.now,
    )
    async with asyncio.timeout(PATIENCE_S), site.traffic.watch(PLACE) as watch:
        assert [found.id for found in watch.current()] == ["ofh-1"]
        while watch.current():
            await asyncio.sleep(0.01)
