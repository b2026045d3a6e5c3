"""What a flight and a workspace show grows with their photos, and follows whatever becomes of them."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.domain.areas import Area
from ofh.domain.errors import Code, HubError
from ofh.domain.media import MediaType
from ofh.services.covered_ground import AT_ONCE, CoveredGround
from ofh.services.media import MediaFilter
from ofh.store.models import CoveredTile, Flight, Media
from tests.integration.coverage.survey import ORIGIN, Survey, rectangle
from tests.support.media import NOW


async def test_it_grows_with_each_photo_and_shrinks_with_what_is_deleted(survey: Survey) -> None:
    assert await survey.area_m2() == 0
    first = await survey.photo(rectangle(0, 0, 100, 100))
    assert await survey.area_m2() == 10_000
    await survey.photo(rectangle(50, 0, 100, 100))
    assert await survey.area_m2() == 15_000
    far = await survey.photo(rectangle(5_000, 3_000, 200, 100), rectangle(5_050, 3_050, 10, 10))
    assert await survey.area_m2() == 34_900
    await survey.look(far, rectangle(5_000, 3_000, 200, 200))
    assert await survey.area_m2() == 55_000, "looked at anew"
    await first.delete()
    assert await survey.area_m2() == 50_000
    await Media.all().delete()
    assert await survey.area_m2() == 0
    assert await CoveredTile.all().count() == 0


async def test_what_one_process_has_united_another_goes_on_with(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        await survey.photo(rectangle(n * 50, 0, 100, 100))
    assert await survey.area_m2() == 30_000
    read: list[int] = []
    from ofh.store import coverage

    whole = coverage.shapes

    async def counted(database: object, ids: list[int]) -> dict[int, bytes]:
        read.extend(ids)
        return await whole(database, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(coverage, "shapes", counted)
    other = survey.fresh(survey.bench)
    assert await survey.area_m2(ground=other) == 30_000
    assert read == [], "what is kept is the union already"
    new = await survey.photo(rectangle(250, 0, 100, 100))
    assert await survey.area_m2(ground=other) == 35_000
    assert len(read) == 1, "one more photo is one shape to read"
    assert await survey.area_m2() == 35_000
    await new.delete()
    assert await survey.area_m2(ground=survey.fresh(survey.bench)) == 30_000
    assert await survey.area_m2() == await survey.area_m2(ground=other) == 30_000


async def test_nothing_is_done_again_as_long_as_nothing_changes(
    survey: Survey, caplog: pytest.LogCaptureFixture
) -> None:
    await survey.photo(rectangle(0, 0, 100, 100))
    await survey.area_m2()
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        caplog.clear()
        await survey.area_m2()
    statements = [record for record in caplog.records if record.name == "tortoise.db_client"]
    assert 0 < len(statements) <= 4


async def test_a_flight_has_its_own_photos_also_those_that_are_found_to_be_its_own_later(survey: Survey) -> None:
    one, two = await survey.flight(), await survey.flight()
    late = await survey.photo(rectangle(0, 0, 100, 100))
    await survey.photo(rectangle(50, 0, 100, 100), flight_id=one.id)
    assert (await survey.area_m2(one), await survey.area_m2(two), await survey.area_m2()) == (10_000, 0, 15_000)
    await Media.filter(id=late.id).update(flight_id=one.id)
    assert (await survey.area_m2(one), await survey.area_m2(two)) == (15_000, 0)
    await Media.filter(id=late.id).update(flight_id=two.id)
    assert (await survey.area_m2(one), await survey.area_m2(two)) == (10_000, 10_000)
    await Flight.filter(id=two.id).delete()
    assert await CoveredTile.filter(scope=f"flight {two.id}").count() == 0
    assert await survey.area_m2() == 15_000


async def test_a_selection_is_what_its_photos_show(survey: Survey) -> None:
    flight = await survey.flight()
    await survey.photo(rectangle(0, 0, 100, 100), lens="WIDE", flight_id=flight.id)
    await survey.photo(rectangle(200, 0, 10, 10), lens="ZOOM")
    await survey.photo(rectangle(0, 1_000, 20, 20), type="VIDEO")
    east = Area(west_deg=ORIGIN[0] + 0.002, south_deg=49, east_deg=10, north_deg=51)

    async def area(**wanted: object) -> int:
        selection = MediaFilter(**wanted)  # type: ignore[arg-type]
        found = await survey.ground.of_workspace(survey.place.member, survey.place.id, selection)
        return round(found.covered.area_m2, -2)  # type: ignore[return-value]

    assert await area() == 10_500
    assert await area(type=MediaType.VIDEO) == 400
    assert await area(flight_id=flight.id) == 10_000
    assert await area(area=east) == 100
    await survey.photo(rectangle(210, 0, 10, 10))
    assert await area(area=east) == 200
    with pytest.raises(HubError):
        await survey.ground.of_workspace(
            survey.place.member, survey.place.id, MediaFilter(start=NOW, end=NOW - timedelta(days=1))
        )


async def test_what_is_not_known_is_counted_and_not_guessed(survey: Survey) -> None:
    await survey.photo(rectangle(0, 0, 100, 100))
    await survey.photo(is_unknown=True)
    await survey.photo()
    await survey.photo(type="OTHER")
    found = await survey.ground.of_workspace(survey.place.member, survey.place.id)
    assert (found.shown, found.unknown, found.pending) == (1, 1, 1)


async def test_a_workspace_on_both_sides_of_the_antimeridian(survey: Survey) -> None:
    place = (179.9995, -16.5)
    await survey.photo(rectangle(-40, 0, 200, 100, place))
    await survey.photo(rectangle(60, 50, 200, 100, place))
    found = await survey.ground.of_workspace(survey.place.member, survey.place.id)
    west, east = sorted(found.covered.geojson["coordinates"], key=lambda polygon: polygon[0][0][0])
    assert all(-180 <= x < -179 for x, _ in west[0])
    assert all(179 < x <= 180 for x, _ in east[0])
    assert round(found.covered.area_m2, -2) == 35_000


async def test_others_learn_nothing(survey: Survey) -> None:
    other = await survey.elsewhere()
    flight = await survey.flight()
    await survey.photo(rectangle(0, 0, 100, 100), flight_id=flight.id)
    stranger = other.place.people[Role.OWNER]
    for asking in (
        survey.ground.of_workspace(stranger, survey.place.id),
        survey.ground.of_flight(stranger, flight.id),
        survey.ground.of_flight(survey.place.member, 987_654),
        survey.ground.of_flight(survey.place.member, 0),
    ):
        with pytest.raises(HubError) as refused:
            await asking
        assert refused.value.code is Code.GONE
    assert await other.area_m2() == 0


# Lists by what is shown


async def listed(survey: Survey, area: Area, first: int = 50) -> tuple[list[int], int]:
    """Ids of the media that show some of an area, gathered page by page, and how many there are said to be."""
    found: list[int] = []
    after = None
    while True:
        page = await survey.bench.media.of_workspace(
            survey.place.member, survey.place.id, MediaFilter(area=area), first=first, after=after
        )
        found += [row.id for row in page.rows]
        if not page.has_next:
            return found, await page.count()
        after = page.cursors[-1]


async def test_an_area_finds_those_that_show_it_and_else_those_that_were_there(survey: Survey) -> None:
    longitude, latitude = ORIGIN
    small = Area(west_deg=longitude, south_deg=latitude, east_deg=longitude + 0.001, north_deg=latitude + 0.001)
    inside = {"longitude": longitude + 0.0005, "latitude": latitude + 0.0005}
    outside = {"longitude": longitude + 1, "latitude": latitude}
    looks_in = await survey.photo(rectangle(50, 50, 500, 500), **outside)
    looks_away = await survey.photo(rectangle(500, 500, 50, 50), **inside)
    unknown_there = await survey.photo(is_unknown=True, **inside)
    new_there = await survey.photo(**inside)
    await survey.photo(**outside)
    within = await survey.photo(rectangle(10, 10, 5, 5))
    # a triangle whose box meets the area and which does not
    corner = rectangle(-200, -200, 250, 250)
    await survey.photo([corner[0], corner[1], corner[3], corner[0]])
    wanted = [within.id, new_there.id, unknown_there.id, looks_in.id]
    assert await listed(survey, small) == (wanted, 4)
    assert await listed(survey, small, first=1) == (wanted, 4)
    assert looks_away.id not in wanted


async def test_an_area_across_the_antimeridian_finds_what_shows_it_from_either_side(survey: Survey) -> None:
    place = (179.9999, 10.0)
    both = await survey.photo(rectangle(-50, 0, 200, 100, place))
    west = await survey.photo(rectangle(-500, 0, 20, 20, place))
    east = await survey.photo(rectangle(0, 0, 50, 50, (-179.99, 10.0)))

    def area(west_deg: float, east_deg: float) -> Area:
        return Area(west_deg=west_deg, south_deg=9, east_deg=east_deg, north_deg=11)

    assert (await listed(survey, area(179, -179)))[0] == [east.id, west.id, both.id]
    assert (await listed(survey, area(-180, -179)))[0] == [east.id, both.id]
    assert (await listed(survey, area(179, 180)))[0] == [west.id, both.id]
    assert (await listed(survey, area(-179, 179)))[0] == []


async def test_however_many_selections_are_asked_for_a_few_are_united_at_a_time(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    await survey.photo(rectangle(0, 0, 100, 100))
    at_once: list[int] = []
    running = 0
    whole = CoveredGround._put_together

    async def counted(self: CoveredGround, *given: Any) -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.01)
        await whole(self, *given)
        running -= 1

    monkeypatch.setattr(CoveredGround, "_put_together", counted)
    selections = [MediaFilter(start=NOW - timedelta(days=day)) for day in range(1, 8)]
    found = await asyncio.gather(
        *(survey.ground.of_workspace(survey.place.member, survey.place.id, one) for one in selections)
    )
    assert [ground.shown for ground in found] == [1] * len(selections)
    assert (len(at_once), max(at_once)) == (len(selections), AT_ONCE)


async def test_who_cannot_wait_for_the_end_leaves_what_is_done_to_the_next(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ofh.services import covered_ground
    from ofh.store import coverage

    for n in range(5):
        await survey.photo(rectangle(n * 50, 0, 100, 100))
    monkeypatch.setattr(covered_ground, "BATCH", 1)
    read: list[int] = []
    whole = coverage.shapes

    async def counted(database: Any, ids: Sequence[int]) -> dict[int, bytes]:
        read.extend(ids)
        if len(read) == 4:
            raise asyncio.CancelledError
        return await whole(database, ids)

    monkeypatch.setattr(coverage, "shapes", counted)
    with pytest.raises(asyncio.CancelledError):
        await survey.area_m2()
    assert await survey.area_m2() == 30_000
    assert read == [*read[:4], read[3], read[-1]], "three were done already"
    assert len(set(read)) == 5
    read.clear()
    assert await survey.area_m2(ground=survey.fresh(survey.bench)) == 30_000
    assert read == [], "and all of them are kept"
