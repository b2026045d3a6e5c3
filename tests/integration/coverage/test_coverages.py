"""What a photo shows is computed once, kept, computed anew when it has to be, and never guessed."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from ofh.domain.actors import Role
from ofh.domain.coverage.coverage import CoverageOptions
from ofh.domain.errors import Code, HubError
from ofh.domain.events import CoverageChanged, EventKind
from ofh.services import coverage
from ofh.services.coverage import COVERAGE, Coverages, Surface
from ofh.services.jobs import JobRunner
from ofh.store.models import Coverage, Job, Media, StoredEvent
from tests.integration.coverage.shots import kept, plain_pictures, taken
from tests.integration.coverage.survey import Survey
from tests.support.history import history_row, store


@pytest.fixture(autouse=True)
def nothing_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_pictures(monkeypatch)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files for which something was computed."""
    found: list[str] = []
    whole = coverage._computed

    def counted(facts: Any, surface: Surface) -> Any:
        found.append(facts.file_name)
        return whole(facts, surface)

    monkeypatch.setattr(coverage, "_computed", counted)
    return found


async def asked(survey: Survey, row: Media, coverages: Coverages | None = None) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(
        await (coverages or survey.bench.coverages).of_media(survey.place.member, row.id)
    )
    return found


async def refused(survey: Survey, row: Media) -> HubError:
    with pytest.raises(HubError) as refusal:
        await survey.bench.coverages.of_media(survey.place.member, row.id)
    return refusal.value


async def do_jobs(survey: Survey, coverages: Coverages | None = None) -> int:
    runner = JobRunner(survey.bench.jobs, {COVERAGE: coverages or survey.bench.coverages}, lambda: 0.0)
    return await runner.run_due()


async def put_down(survey: Survey, row: Media) -> None:
    async with survey.bench.database.transaction() as client:
        await survey.bench.jobs.add(client, COVERAGE, survey.place.id, row.id)


async def test_the_first_who_asks_has_it_computed_and_the_next_has_it_kept(survey: Survey, computed: list[str]) -> None:
    photo = taken()
    row = await kept(survey, photo)
    first = await asked(survey, row)
    assert set(first) == {"all", "outer", "holes"}
    assert (len(first["all"]), first["holes"]) == (221, [])
    assert first["outer"][0]["position"] == first["outer"][-1]["position"]
    assert {"position", "elevation", "ray", "directDistance", "meterSize"} == set(first["all"][0])
    assert await asked(survey, row) == await asked(survey, row, survey.bench.new_coverages()) == first
    assert computed == [photo.name]
    (stored,) = await Coverage.all()
    assert (stored.media_id, stored.missing, stored.surface) == (row.id, None, "flat")
    west, east = min(p["position"]["longitude"] for p in first["outer"]), stored.east
    assert stored.west == pytest.approx(west, abs=1e-9)
    assert east > west


async def test_the_job_computes_it_and_tells_of_it(survey: Survey, computed: list[str]) -> None:
    row = await kept(survey, taken())
    await put_down(survey, row)
    async with survey.bench.listening(survey.place) as heard:
        assert await do_jobs(survey) == 1
    (event,) = heard
    assert isinstance(event, CoverageChanged)
    assert (event.media_id, event.drone_id, event.seq) == (row.id, survey.drone.id, 1)
    (stored,) = await StoredEvent.all()
    assert (stored.kind, stored.media_id) == (EventKind.COVERAGE_CHANGED.value, row.id)
    assert await asked(survey, row)
    assert len(computed) == 1
    await put_down(survey, row)
    async with survey.bench.listening(survey.place) as heard:
        await do_jobs(survey)
    assert heard == [], "the same once more is no news"
    assert await Job.all().count() == 0


async def test_a_job_that_comes_too_early_or_too_late_is_none(survey: Survey, computed: list[str]) -> None:
    early, late = await kept(survey, taken(), is_read=False), await kept(survey, taken(number=5))
    await put_down(survey, early)
    await put_down(survey, late)
    await late.delete()
    assert await do_jobs(survey) == 2
    assert (computed, await Job.all().count()) == ([], 0)


async def test_it_is_computed_anew_when_setting_elevation_model_or_computation_is_another(
    survey: Survey, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await kept(survey, taken(gimbal_pitch_deg=-10.0))
    wide = await asked(survey, row)
    survey.bench.surface = Surface(options=CoverageOptions(max_range_m=500), identity="500 m")
    near = survey.bench.new_coverages()
    before = await survey.area_m2()
    assert len(await asked(survey, row, near)) == 3 != wide
    assert len(computed) == 2
    assert await survey.area_m2() < before / 10
    monkeypatch.setattr(coverage, "VERSION", 1_000)
    await asked(survey, row, near)
    assert len(computed) == 3
    assert await Coverage.all().count() == 1


async def test_after_a_start_what_is_of_another_making_is_caught_up(survey: Survey, computed: list[str]) -> None:
    rows = [await kept(survey, taken(number=number)) for number in range(3)]
    await kept(survey, taken(number=9), is_read=False)
    for row in rows[:2]:
        await asked(survey, row)
    await survey.bench.coverages.catch_up()
    assert await do_jobs(survey) == 1
    assert await Coverage.all().count() == 3
    survey.bench.surface = Surface(options=CoverageOptions(max_range_m=300), identity="300 m")
    other = survey.bench.new_coverages()
    await other.catch_up()
    assert await do_jobs(survey, other) == 3
    assert {row.surface for row in await Coverage.all()} == {"300 m"}


@pytest.mark.parametrize(
    ("what", "missing"),
    [
        ("not read", {"metadata"}),
        ("says nothing", {"position", "height", "direction", "lens"}),
        ("a panorama", {"file"}),
        ("a side file", {"file"}),
        ("on the ground", {"height"}),
    ],
)
async def test_what_cannot_be_known_says_what_is_missing(survey: Survey, what: str, missing: set[str]) -> None:
    photo = taken(elevation_m=0.2) if what == "on the ground" else taken()
    row = await kept(
        survey,
        photo,
        is_read=what != "not read",
        says=what != "says nothing",
        is_panorama=what == "a panorama",
    )
    if what == "a side file":
        await row.file.filter(id=row.file_id).update(name="DJI_20250614102107_0004_W.MRK")
    error = await refused(survey, row)
    assert error.code is (await refused(survey, row)).code is Code.NO_COVERAGE
    assert error.fields.keys() & missing, error.fields
    assert all(name in error.message for name in error.fields)
    assert all(isinstance(line, str) and line for line in error.fields.values())
    assert (await survey.bench.coverages.of_ids([row.id])) == {row.id: error.fields}
    assert await Coverage.all().count() == (0 if what == "not read" else 1)


async def test_a_height_that_nobody_tells_is_the_aircrafts_own_at_that_moment(survey: Survey) -> None:
    photo = taken()
    silent, heard = [await kept(survey, photo, is_height_told=False) for _ in range(2)]
    assert (await refused(survey, silent)).fields.keys() & {"relative_altitude", "height"}
    rows = [
        history_row(photo.taken_at + timedelta(seconds=seconds), drone_id=survey.drone.id, digest=n, elevation=metres)
        for n, (seconds, metres) in enumerate([(-1.5, 10.0), (-0.8, 20.0), (0.3, photo.pose.elevation_m), (0.9, 30.0)])
    ]
    await store(survey.bench.database, rows)
    told = await kept(survey, photo)
    found, wanted = [[point["position"] for point in (await asked(survey, row))["outer"]] for row in (heard, told)]
    assert found == wanted


async def test_sky_alone_is_an_answer(survey: Survey) -> None:
    row = await kept(survey, taken(gimbal_pitch_deg=60.0))
    assert await asked(survey, row) == {"all": [], "outer": [], "holes": []}
    assert await survey.area_m2() == 0
    found = await survey.ground.of_workspace(survey.place.member, survey.place.id)
    assert (found.shown, found.unknown, found.pending) == (0, 0, 0)


async def test_several_are_computed_at_once_and_each_once(survey: Survey, computed: list[str]) -> None:
    rows = [await kept(survey, taken(number=number)) for number in range(5)]
    ids = [row.id for row in rows]
    found = await survey.bench.coverages.of_ids([*ids, 987_654])
    assert [number for number, answer in found.items() if answer] == ids
    assert sorted(computed) == sorted(set(computed))
    both = await asyncio.gather(*(survey.bench.coverages.of_ids(ids) for _ in range(2)))
    assert both[0] == both[1]
    assert len(computed) == 5


async def test_two_processes_that_compute_the_same_keep_it_once(survey: Survey) -> None:
    row = await kept(survey, taken())
    others = [survey.bench.new_coverages() for _ in range(3)]
    answers = await asyncio.gather(*(asked(survey, row, one) for one in others))
    assert answers[0] == answers[1] == answers[2]
    assert await Coverage.all().count() == 1


async def test_hidden_is_like_missing(survey: Survey) -> None:
    row = await kept(survey, taken())
    other = await survey.elsewhere()
    for actor, number in ((other.place.people[Role.OWNER], row.id), (survey.place.member, 987_654)):
        with pytest.raises(HubError) as error:
            await survey.bench.coverages.of_media(actor, number)
        assert error.value.code is Code.GONE
    assert await Coverage.all().count() == 0


async def test_who_asked_before_more_was_known_keeps_nothing_in_the_place_of_what_the_job_found(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await kept(survey, taken())
    compute, begun, may_end = Coverages._compute, asyncio.Event(), asyncio.Event()

    async def slowly(self: Coverages, row: Media, surface: Surface) -> Any:
        found = await compute(self, row, surface)
        if not begun.is_set():
            begun.set()
            await may_end.wait()
        return found

    monkeypatch.setattr(Coverages, "_compute", slowly)
    early = asyncio.create_task(asked(survey, row))
    await begun.wait()
    await Media.filter(id=row.id).update(meta=(await kept(survey, taken(number=3, gimbal_pitch_deg=-45.0))).meta)
    await put_down(survey, row)
    assert await do_jobs(survey) == 1
    known = await asked(survey, row)
    may_end.set()
    assert await early != known
    assert await asked(survey, row) == known
    assert await Coverage.filter(media_id=row.id).count() == 1
