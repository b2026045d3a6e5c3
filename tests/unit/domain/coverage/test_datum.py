"""Terrain and the camera's altitude in one datum, or flat ground."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ofh.domain.coverage.coverage import Coverage
from ofh.domain.coverage.ground import Ground
from ofh.domain.coverage.inputs import NoCoverage, PhotoFacts, TakeOff
from ofh.domain.coverage.photo import coverage_of_photo
from tests.support.coverage import Floats

XMP = {
    "GpsLatitude": "+47.000000",
    "GpsLongitude": "+10.000000",
    "AbsoluteAltitude": "+645.00",
    "RelativeAltitude": "+100.00",
    "GimbalYawDegree": "+20.00",
    "GimbalPitchDegree": "-60.00",
    "GimbalRollDegree": "+0.00",
    "RtkFlag": "50",
}
EXIF = {"Model": "FC9999", "ExifImageWidth": 4000, "ExifImageHeight": 3000, "FocalLengthIn35mmFilm": 24}


@dataclass
class Hillside:
    """500 m above the geoid at the camera, rising to the north by one in five."""

    unknown: set[tuple[float, float]] = field(default_factory=set)
    is_around: bool = True
    post_m: float | None = 30.0

    def elevations(self, longitudes: Floats, latitudes: Floats) -> Floats:
        return np.asarray(500 + (np.asarray(latitudes) - 47) * 111_170 * 0.2)

    def elevation(self, longitude: float, latitude: float) -> float | None:
        if (longitude, latitude) in self.unknown:
            return None
        return float(self.elevations(np.array([longitude]), np.array([latitude]))[0])

    def around(self, longitude: float, latitude: float, radius_m: float) -> Ground | None:
        return self if self.is_around else None


@dataclass
class Geoid:
    metres: float = 45.0

    def undulation(self, longitude: float, latitude: float) -> float:
        return self.metres


def facts(*, take_off: TakeOff | None = None, model: str = "FC9999", without: str = "", **xmp: str) -> PhotoFacts:
    said = {name: value for name, value in (XMP | xmp).items() if name != without}
    return PhotoFacts(exif={**EXIF, "Model": model}, xmp=said, take_off=take_off)


def shown(photo: PhotoFacts, *, model: Hillside | None = None, geoid: Geoid | None = None) -> Coverage:
    return coverage_of_photo(photo, model=model or Hillside(), geoid=geoid).coverage


def middle(found: Coverage) -> float:
    assert found.corners.center is not None
    return found.corners.center.elevation


def debug(found: Coverage) -> str:
    return found.outer[0].debug or ""


def test_the_take_off_point_ties_the_datums_first() -> None:
    # take-off 100 m further down than the ground below: the camera is at 500 above the geoid
    start = TakeOff(longitude=10, latitude=47 - 100 / 0.2 / 111_170)
    found = shown(facts(take_off=start, RelativeAltitude="150"), geoid=Geoid(0))
    assert "datum by take-off point" in debug(found)
    # 645 above the ellipsoid is 550 above the geoid, so 95 are added; the view goes up the hillside
    near = [point.elevation for point in found.all]
    assert min(near) > 585
    assert middle(found) == pytest.approx(595 + 0.2 * 50 * np.tan(np.radians(30)) * np.cos(np.radians(20)), abs=2)


def test_a_geoid_is_the_second_and_counts_for_ellipsoidal_heights_alone() -> None:
    found = shown(facts(), geoid=Geoid())
    assert "datum by geoid" in debug(found)
    assert middle(found) == pytest.approx(545 + 9, abs=3)
    older = facts(without="RtkFlag", Version="1.4", AbsoluteAltitude="600")
    assert middle(shown(older, geoid=Geoid())) == pytest.approx(500 + 9, abs=3)
    newer = facts(without="RtkFlag", Version="1.5")
    assert middle(shown(newer, geoid=Geoid())) == pytest.approx(545 + 9, abs=3)
    assert "as it is" in debug(shown(facts(), geoid=Geoid(float("nan"))))


def target(height: float) -> dict[str, str]:
    return {"LRFStatus": "Normal", "LRFTargetLon": "10.0", "LRFTargetLat": "47.0", "LRFTargetAbsAlt": str(height)}


def test_a_laser_target_is_the_third_if_it_leaves_the_camera_above_ground() -> None:
    found = shown(facts(**target(530)))
    assert "datum by laser target" in debug(found)
    assert middle(found) == pytest.approx(530 + 9, abs=3)
    assert "datum by laser target" not in debug(shown(facts(**target(644.8))))


def test_untied_the_altitude_serves_only_where_it_agrees_with_the_height_above_take_off() -> None:
    assert "altitude as it is" in debug(shown(facts(RelativeAltitude="85.1")))
    assert "altitude as it is" in debug(shown(facts(RelativeAltitude="204.9")))
    for height in ("84.9", "205.1"):
        found = shown(facts(RelativeAltitude=height))
        assert "elevation model not used" in debug(found)
        assert "flat ground" in debug(found)
        assert {point.elevation for point in found.outer} == {round(645 - float(height), 2)}


def test_without_the_height_above_take_off_only_what_is_tied_serves() -> None:
    missing = {"without": "RelativeAltitude"}
    assert "datum by geoid" in debug(shown(facts(**missing), geoid=Geoid()))
    with pytest.raises(NoCoverage) as caught:
        shown(facts(**missing))
    assert "relative_altitude" in caught.value.fields
    older = PhotoFacts(exif=EXIF, xmp={k: v for k, v in XMP.items() if k not in {"RelativeAltitude", "RtkFlag"}})
    assert "altitude as it is" in debug(shown(older))


@pytest.mark.parametrize("model", [Hillside(unknown={(10.0, 47.0)}), Hillside(is_around=False)])
def test_where_the_model_knows_nothing_the_ground_is_flat(model: Hillside) -> None:
    found = shown(facts(), model=model, geoid=Geoid())
    assert "no elevation model here" in debug(found)
    assert {point.elevation for point in found.outer} == {545}


def test_a_take_off_point_that_the_model_does_not_know_ties_nothing() -> None:
    start = TakeOff(longitude=11, latitude=47)
    assert "datum by geoid" in debug(
        shown(facts(take_off=start), model=Hillside(unknown={(11.0, 47.0)}), geoid=Geoid())
    )
    for longitude, latitude in ((0.0, 0.0), (float("nan"), 47.0), (500.0, 47.0)):
        lost = TakeOff(longitude=longitude, latitude=latitude)
        assert "datum by geoid" in debug(shown(facts(take_off=lost), geoid=Geoid()))


def test_a_model_that_writes_relative_heights_alone_is_never_compared() -> None:
    only: dict[str, Any] = {"model": "FC330", "AbsoluteAltitude": "100"}
    assert "elevation model not used" in debug(shown(facts(**only), geoid=Geoid()))
    found = shown(facts(**only, take_off=TakeOff(longitude=10, latitude=47)), geoid=Geoid())
    assert "datum by take-off point" in debug(found)
    assert middle(found) == pytest.approx(509, abs=3)


def test_a_camera_in_the_hillside_shows_nothing_that_is_known() -> None:
    start = TakeOff(longitude=10, latitude=47 - 101 / 0.2 / 111_170)
    with pytest.raises(NoCoverage) as caught:
        shown(facts(take_off=start))
    assert caught.value.fields == {"height": "camera not above the ground"}
