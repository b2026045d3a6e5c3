"""The shared map: made once, drawn on by many, full at some point."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from ofh.domain.errors import Code, HubError
from ofh.domain.events import Event, MapChange, MapElementChanged
from ofh.domain.map_elements import ElementType, GroupType
from ofh.services import map_elements
from ofh.services.access import Access
from ofh.services.audit import Audit
from ofh.services.map_elements import Drawing, MapElements
from ofh.store.database import Database
from ofh.store.models import MapElement, MapGroup, Workspace
from tests.support.fleet import FleetBench


def point(longitude: float = 9.95, **more: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"color": "#2D8CF0", "clampToGround": True, **more},
        "geometry": {"type": "Point", "coordinates": [longitude, 50.49, 996.4]},
    }


def drawing(name: str = "HUB 1", **more: Any) -> Drawing:
    return Drawing.of(name, point(**more))


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[FleetBench]:
    async with FleetBench(database).running() as running:
        yield running


@pytest.fixture
async def ours(bench: FleetBench) -> int:
    return await bench.workspace("ours")


@pytest.fixture
async def theirs(bench: FleetBench) -> int:
    return await bench.workspace("theirs")


@pytest.fixture
def elements(bench: FleetBench) -> MapElements:
    access = Access(Audit(clock=lambda: bench.now))
    return MapElements(bench.database, bench.bus, access, bench.counts, clock=lambda: bench.now)


def told(heard: list[Event]) -> list[MapElementChanged]:
    return [event for event in heard if isinstance(event, MapElementChanged)]


async def shared(elements: MapElements, workspace_id: int) -> UUID:
    [layer] = await elements.layers(workspace_id)
    found: UUID = layer.group.id
    return found


async def refusal(work: Any) -> Code:
    with pytest.raises(HubError) as caught:
        await work
    return caught.value.code


async def test_a_workspace_has_a_shared_group_from_the_first_look_on(elements: MapElements, ours: int) -> None:
    [layer] = await elements.layers(ours)
    assert (layer.group.type, layer.elements) == (GroupType.SHARED, [])
    assert [found.group.id for found in await elements.layers(ours)] == [layer.group.id]


async def test_of_many_who_look_first_at_once_one_makes_the_shared_group(elements: MapElements, ours: int) -> None:
    found = await asyncio.gather(*(shared(elements, ours) for _ in range(8)))
    assert len(set(found)) == 1
    assert await MapGroup.filter(workspace_id=ours).count() == 1


async def test_an_element_is_made_changed_and_deleted_and_each_is_told(
    bench: FleetBench, elements: MapElements, ours: int
) -> None:
    group_id, element_id = await shared(elements, ours), uuid4()
    async with bench.listening(ours) as heard:
        await elements.create(ours, group_id, element_id, drawing(), user_name="South")
        await elements.update(ours, element_id, drawing("HUB 2", longitude=10.0))
        [layer] = await elements.layers(ours)
        await elements.delete(ours, element_id)
    [row] = layer.elements
    assert (row.element_id, row.name, row.type, row.user_name) == (element_id, "HUB 2", ElementType.POINT, "South")
    assert row.content == point(10.0)
    made, _, deleted = told(heard)
    assert [event.change for event in told(heard)] == list(MapChange)
    assert {(event.element_id, event.group_id) for event in told(heard)} == {(str(element_id), str(group_id))}
    assert made.element == {"name": "HUB 1", "type": 0, "user_name": "South", "content": point()}
    assert deleted.element is None
    assert (await elements.layers(ours))[0].elements == []


async def test_repetitions_change_nothing_and_are_not_told(bench: FleetBench, elements: MapElements, ours: int) -> None:
    group_id, element_id = await shared(elements, ours), uuid4()
    async with bench.listening(ours) as heard:
        await elements.create(ours, group_id, element_id, drawing(), user_name="South")
        await elements.update(ours, element_id, drawing("HUB 2"))
        await elements.create(ours, group_id, element_id, drawing(), user_name="South")  # it got no answer at first
        assert [row.name for row in (await elements.layers(ours))[0].elements] == ["HUB 2"]
        await elements.delete(ours, element_id)
        await elements.delete(ours, element_id)
    assert [event.change for event in told(heard)] == list(MapChange)


async def test_what_is_not_there_cannot_be_changed(elements: MapElements, ours: int) -> None:
    assert await refusal(elements.update(ours, uuid4(), drawing())) is Code.GONE
    assert await refusal(elements.create(ours, uuid4(), uuid4(), drawing(), user_name="")) is Code.GONE


async def test_workspaces_have_maps_of_their_own_even_where_the_ids_are_the_same(
    elements: MapElements, ours: int, theirs: int
) -> None:
    group_id, element_id = await shared(elements, ours), uuid4()
    their_group = await shared(elements, theirs)
    await elements.create(ours, group_id, element_id, drawing("ours"), user_name="")
    assert await refusal(elements.create(theirs, group_id, uuid4(), drawing(), user_name="")) is Code.GONE
    assert await refusal(elements.update(theirs, element_id, drawing("theirs"))) is Code.GONE
    await elements.delete(theirs, element_id)
    await elements.create(theirs, their_group, element_id, drawing("theirs"), user_name="")
    assert [row.name for row in (await elements.layers(ours))[0].elements] == ["ours"]
    assert [row.name for row in (await elements.layers(theirs))[0].elements] == ["theirs"]
    assert await elements.layers(theirs, group_id=group_id) == []


async def test_a_map_is_full_at_some_number(elements: MapElements, ours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_elements, "MAX_ELEMENTS", 2)
    group_id, ids = await shared(elements, ours), [uuid4() for _ in range(3)]
    for element_id in ids[:2]:
        await elements.create(ours, group_id, element_id, drawing(), user_name="")
    assert await refusal(elements.create(ours, group_id, ids[2], drawing(), user_name="")) is Code.CONFLICT
    await elements.update(ours, ids[0], drawing("another name"))
    await elements.delete(ours, ids[0])
    await elements.create(ours, group_id, ids[2], drawing(), user_name="")


async def test_a_map_is_full_at_some_size(elements: MapElements, ours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_elements, "MAX_MAP_BYTES", 1_000)
    group_id, element_id = await shared(elements, ours), uuid4()
    await elements.create(ours, group_id, element_id, drawing(note="x" * 600), user_name="")
    assert await refusal(elements.create(ours, group_id, uuid4(), drawing(note="x" * 600), user_name="")) is (
        Code.CONFLICT
    )
    await elements.update(ours, element_id, drawing(note="y" * 600))


@pytest.mark.parametrize(
    ("name", "content", "type"),
    [
        (None, point(), 0),
        ("", point(), 0),
        ("a\nb", point(), 0),
        ("n" * 256, point(), 0),
        (["HUB"], point(), 0),
        ("HUB 1", point(note="x" * 65_536), 0),
        ("HUB 1", point(note="a\0b"), 0),
        ("HUB 1", point(note={"\0": 1}), 0),
        ("HUB 1", point(note=2**70), 0),
        ("HUB 1", point(note="\ud800"), 0),
        ("HUB 1", point(), 1),
        ("HUB 1", point(), True),
        ("HUB 1", point(), {}),
        ("HUB 1", None, 0),
    ],
)
def test_drawings_out_of_shape_are_refused(name: Any, content: Any, type: Any) -> None:
    with pytest.raises(HubError) as caught:
        Drawing.of(name, content, type=type)
    assert caught.value.code is Code.BAD_INPUT


@pytest.mark.parametrize("type", [None, 0, "0"])
def test_the_type_may_be_a_number_a_text_or_missing(type: Any) -> None:
    assert Drawing.of("HUB 1", point(), type=type).type is ElementType.POINT


async def test_a_deleted_workspace_takes_its_map_along(elements: MapElements, ours: int) -> None:
    group_id = await shared(elements, ours)
    await elements.create(ours, group_id, uuid4(), drawing(), user_name="")
    await Workspace.filter(id=ours).delete()
    assert await MapElement.all().count() == 0
    assert await refusal(elements.layers(ours)) is Code.GONE
