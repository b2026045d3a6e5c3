"""Ground coverage by the REST contract: the shape, and 410 in two kinds."""

import pytest

from ofh.domain.actors import Role
from tests.integration.coverage.shots import kept, plain_pictures, taken
from tests.integration.coverage.survey import Survey
from tests.integration.rest.door import STRANGER, Door

PATH = "/media/ground-coverage"


@pytest.fixture
async def survey(door: Door, monkeypatch: pytest.MonkeyPatch) -> Survey:
    plain_pictures(monkeypatch)
    return await Survey.of(door.bench, door.place)


async def test_a_photo_has_the_shape_of_the_contract(door: Door, survey: Survey) -> None:
    row = await kept(survey, taken(gimbal_pitch_deg=-45.0))
    answer = await door.ask("GET", f"{PATH}/{row.id}", who=Role.VIEWER)
    assert answer.status_code == 200
    assert len(answer.content) < 60_000
    (shown,) = answer.json().values()
    assert set(shown) == {"all", "outer", "holes"}
    point = shown["outer"][0]
    assert set(point) == {"position", "elevation", "debug"}
    assert set(point["position"]) == {"longitude", "latitude"}
    assert set(shown["outer"][1]) == {"position", "elevation"}
    assert (await door.ask("GET", f"{PATH}/{row.id}")).content == answer.content


async def test_what_cannot_be_known_is_410_with_what_is_missing(door: Door, survey: Survey) -> None:
    new, silent = await kept(survey, taken(), is_read=False), await kept(survey, taken(), says=False)
    told = await door.ask("GET", f"{PATH}/{new.id}")
    assert (told.status_code, told.json()["code"], told.json()["fields"]) == (
        410,
        "no_coverage",
        {"metadata": "not read yet"},
    )
    told = await door.ask("GET", f"{PATH}/{silent.id}")
    assert (told.status_code, told.json()["code"]) == (410, "no_coverage")
    assert told.json()["fields"]
    assert all(name in told.json()["error"] for name in told.json()["fields"])


async def test_what_is_not_theirs_is_gone(door: Door, survey: Survey) -> None:
    row = await kept(survey, taken())
    hidden, missing = [await door.ask("GET", f"{PATH}/{number}", who=STRANGER) for number in (row.id, 987_654_321)]
    assert (hidden.status_code, hidden.json()["code"], hidden.content) == (410, "gone", missing.content)
    assert (await door.ask("GET", f"{PATH}/{row.id}", who=None)).status_code == 401
    assert (await door.ask("GET", f"{PATH}/x")).status_code == 400
    assert (await door.ask("POST", f"{PATH}/{row.id}")).status_code == 405
