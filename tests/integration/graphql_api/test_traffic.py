"""The traffic in an area, and whether a workspace's drones are part of it for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from graphql import map_source_to_response_event

from ofh.domain.actors import Actor, Role
from ofh.domain.devices import DeviceState, Fix, Property, Report
from ofh.domain.event_json import encode
from ofh.domain.events import DronePositioned
from ofh.domain.traffic import Sighting
from ofh.edges.graphql.hub_schema import Asked
from ofh.services.announcing import publish
from tests.integration.graphql_api.world import NOW, Api, World, later
from tests.support.fleet import Counts

TRAFFIC = "subscription ($area: Area!) { traffic(area: $area) { id longitude latitude height reportedAt } }"
HERE = {"west": 9.0, "south": 50.0, "east": 11.0, "north": 51.0}
SHARE = "mutation ($id: ID!, $share: Boolean!) { updateWorkspace(id: $id, sharePosition: $share) { sharePosition } }"
PATIENCE_S = 20


@asynccontextmanager
async def watching(api: Api, actor: Actor, area: Any = None) -> AsyncIterator[Any]:
    """The next messages of the subscription, as the websocket runs it."""
    operation = api.schema.prepare(Asked(query=TRAFFIC, variables={"area": area or HERE}, operation_name=None))
    assert not isinstance(operation, list)
    executor: Any = api.schema.executor(operation, api.contexts.of(actor))
    stream: Any = await api.schema.open(executor)
    results = map_source_to_response_event(executor, stream)

    async def message() -> Any:
        async with asyncio.timeout(PATIENCE_S):
            result: Any = await anext(results)
        assert not result.errors, result.errors
        return result.data["traffic"]

    try:
        yield message
    finally:
        await results.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def telling(api: Api) -> AsyncIterator[None]:
    """What receivers hear is told on, and who shares is looked at."""
    traffic = api.services.traffic
    task = asyncio.create_task(traffic.run())
    end = api.services.workspaces._control.subscribe(traffic.told)
    yield
    end()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_known_comes_at_once_and_then_what_is_newer(api: Api, world: World, telling: None) -> None:
    def heard(id: str, longitude: float, after_s: float) -> Sighting:
        return Sighting(id=id, longitude_deg=longitude, latitude_deg=50.5, height_m=None, at=later(after_s))

    async with watching(api, world.stranger) as message:
        assert await message() == []
        api.services.traffic.heard([heard("3c6444", 10.0, 0), heard("abcdef", 12.0, 0)])
        at = NOW.isoformat()
        shown = {"id": "3c6444", "longitude": 10.0, "latitude": 50.5, "height": None, "reportedAt": at}
        assert await message() == [shown]
        async with watching(api, world.owner) as another:
            assert await another() == [shown]


async def test_a_workspace_shares_by_the_word_of_an_administrator_and_not_with_itself(
    api: Api, world: World, telling: None
) -> None:
    workspace = str(world.workspace.id)
    asked = await api.ask(world.owner, "query ($id: ID!) { workspace(id: $id) { sharePosition } }", id=workspace)
    assert asked.data == {"workspace": {"sharePosition": False}}
    for member in (world.member, world.people[Role.VIEWER]):
        assert (await api.ask(member, SHARE, id=workspace, share=True)).codes == ["FORBIDDEN"]
    nothing = await api.ask(world.owner, SHARE.replace("Boolean!", "Boolean"), id=workspace, share=None)
    assert nothing.codes == ["BAD_INPUT"]
    changed = await api.ask(world.owner, SHARE, id=workspace, share=True)
    assert changed.data == {"updateWorkspace": {"sharePosition": True}}
    async with watching(api, world.stranger) as message, watching(api, world.owner) as own:
        await message()
        await own()
        fix = Fix(longitude_deg=10.0, latitude_deg=50.5, height_m=400.0)
        state = DeviceState().merge(Report(at=later(5), values={Property.FIX: fix}))
        event = DronePositioned(
            workspace_id=world.workspace.id, drone_id=world.drone.id, at=later(5), fix=fix, state=state
        )
        seen, mine = asyncio.create_task(message()), asyncio.create_task(own())
        while not seen.done():  # who shares is looked at first
            await publish(api.services.feed._bus, {world.workspace.id: encode([event])}, Counts())
            await asyncio.sleep(0.05)
        [found] = await seen
        assert (found["longitude"], found["height"]) == (10.0, 400.0)
        assert found["id"].startswith("ofh-")
        await asyncio.sleep(0.2)
        assert not mine.done()
        mine.cancel()
        await asyncio.gather(mine, return_exceptions=True)
