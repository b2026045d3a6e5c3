"""The elevation model and the geoid of the settings are what photos are looked at on."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from ofh.choices import surface_of
from ofh.domain.errors import Code, HubError
from ofh.settings import Settings
from ofh.store.models import Flight
from tests.integration.coverage.shots import kept, plain_pictures, taken
from tests.integration.coverage.survey import Survey


def tile(folder: Path, name: str, elevation_m: int) -> None:
    """A degree square of SRTM, as level as a table."""
    np.full((1_201, 1_201), elevation_m, dtype=">i2").tofile(folder / f"{name}.hgt")


def settings(folder: Path, **values: object) -> Settings:
    return Settings(data=folder, **values)  # type: ignore[arg-type]


async def test_photos_are_looked_at_over_the_elevation_model(
    survey: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain 46 m below the take-off point, as the flat ground has it; then the flight says where that was."""
    plain_pictures(monkeypatch)
    folder = tmp_path / "elevation"
    folder.mkdir()
    tile(folder, "N50E009", 950)
    survey.bench.surface = surface_of(settings(tmp_path, elevation_folder=folder))
    coverages = survey.bench.new_coverages()
    row = await kept(survey, taken())  # 57 m above take-off, which was at 996.4 m

    async def outer(what: object) -> dict[str, object]:
        found = orjson.loads(await what.of_media(survey.place.member, row.id))  # type: ignore[attr-defined]
        first: dict[str, object] = found["outer"][0]
        return first

    flat = await outer(survey.bench.coverages)
    assert (flat["elevation"], "flat ground" in str(flat["debug"])) == (996.4, True)
    over = await outer(coverages)
    assert (over["elevation"], "elevation model" in str(over["debug"])) == (950.0, True)
    area = await survey.area_m2()
    await flight_from(survey, row.id)
    tied = await outer(survey.bench.new_coverages())
    assert tied == over, "kept, and nothing has told of the flight"
    survey.bench.surface = surface_of(settings(tmp_path, elevation_folder=folder, coverage_range_m=4_000))
    tied = await outer(survey.bench.new_coverages())
    assert (tied["elevation"], "take-off" in str(tied["debug"])) == (996.4, True)
    assert await survey.area_m2() < area / 2


async def flight_from(survey: Survey, media_id: int) -> None:
    """The flight of a photo, whose take-off point is known."""
    flight = await survey.flight()
    await Flight.filter(id=flight.id).update(take_off_longitude=9.95, take_off_latitude=50.49)
    await survey.drone.media.filter(id=media_id).update(flight_id=flight.id)


def test_another_model_geoid_or_setting_is_another_surface(tmp_path: Path) -> None:
    folder = tmp_path / "elevation"
    folder.mkdir()
    identities = {
        surface_of(settings(tmp_path)).identity,
        surface_of(settings(tmp_path, coverage_range_m=700)).identity,
        surface_of(settings(tmp_path, coverage_refraction=0.13)).identity,
        surface_of(settings(tmp_path, elevation_folder=folder)).identity,
    }
    tile(folder, "N50E009", 1)
    identities.add(surface_of(settings(tmp_path, elevation_folder=folder)).identity)
    tile(folder, "N50E010", 1)
    identities.add(surface_of(settings(tmp_path, elevation_folder=folder)).identity)
    assert len(identities) == 6
    assert surface_of(settings(tmp_path)).identity in identities
    assert all(len(identity) <= 128 for identity in identities)


def test_a_geoid_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "geoid.pgm"
    path.write_bytes(b"P5 no geoid")
    with pytest.raises(HubError) as refused:
        surface_of(settings(tmp_path, geoid_file=path))
    assert refused.value.code is Code.CONFLICT
    assert "OFH_GEOID_FILE" in refused.value.message
    for wrong in ({"elevation_folder": tmp_path / "none"}, {"geoid_file": tmp_path / "none"}):
        with pytest.raises(ValueError, match="there is no"):
            settings(tmp_path, **wrong)
