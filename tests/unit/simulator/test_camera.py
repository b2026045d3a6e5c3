"""What a camera sees of flat ground, against corners computed elsewhere, and the marks by which photos are checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from ofh.domain.geodesy import local_offset, offset
from ofh.simulator.camera import LENSES, Pose, ground_reach
from ofh.simulator.ground import EACH_WAY, SPACING_M, Mark, marks, visible_marks
from ofh.simulator.models import AIRCRAFT_MODELS

PLACE = (9.9539, 50.498)
CORNERS = json.loads(Path(__file__).with_name("coverage_corners.json").read_text())
"""Flat cases of the coverage specification's vectors, computed by rays against the ellipsoid."""
WIDE = LENSES[53][0]


def pose(*, east_m: float = 0.0, north_m: float = 0.0, **changes: Any) -> Pose:
    longitude_deg, latitude_deg = offset(*PLACE, east_m=east_m, north_m=north_m)
    return Pose(
        **{
            "longitude_deg": longitude_deg,
            "latitude_deg": latitude_deg,
            "elevation_m": 80.0,
            "yaw_deg": 0.0,
            "pitch_deg": -90.0,
            "roll_deg": 0.0,
            "width": WIDE.width,
            "height": WIDE.height,
            "focal_px": WIDE.focal_px,
            **changes,
        }
    )


def numbered(seen: dict[Mark, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {mark.number: where for mark, where in seen.items()}


@pytest.mark.parametrize("case", CORNERS, ids=[case["case"] for case in CORNERS])
def test_the_ground_in_the_corners_is_where_it_was_computed_to_be(case: dict[str, Any]) -> None:
    camera, picture = case["camera"], case["picture"]
    at = Pose(
        longitude_deg=camera["longitude"],
        latitude_deg=camera["latitude"],
        elevation_m=camera["relative_altitude_m"],
        yaw_deg=camera["yaw_deg"],
        pitch_deg=camera["pitch_deg"],
        roll_deg=camera["roll_deg"],
        width=picture["width"],
        height=picture["height"],
        focal_px=picture["fx"],
    )
    places = {
        "top_left": (0, 0),
        "top_right": (at.width, 0),
        "bottom_right": (at.width, at.height),
        "bottom_left": (0, at.height),
    }
    for name, (u, v) in places.items():
        ground = case["corners"][name]
        if ground is None:
            assert at.direction(u, v)[2] <= 0.02, "no ground, or only beyond the range"
            continue
        found = at.project(*local_offset(at.longitude_deg, at.latitude_deg, *ground))
        assert found == pytest.approx((u, v), abs=at.width * 5e-4)


def test_a_mark_below_the_aircraft_is_in_the_middle_of_a_photo_straight_down() -> None:
    seen = numbered(visible_marks(pose(east_m=2 * SPACING_M, north_m=-SPACING_M), PLACE, 1))
    assert seen["4239"] == pytest.approx((640, 480), abs=0.01)


def test_the_top_of_a_photo_straight_down_points_where_the_camera_does() -> None:
    apart_px = SPACING_M * WIDE.focal_px / 80
    north = numbered(visible_marks(pose(), PLACE, 1))
    assert north["4041"] == pytest.approx((640, 480 - apart_px), abs=0.1)
    assert north["4140"] == pytest.approx((640 + apart_px, 480), abs=0.1)
    east = numbered(visible_marks(pose(yaw_deg=90.0), PLACE, 1))
    assert east["4140"] == pytest.approx((640, 480 - apart_px), abs=0.1)
    assert east["4041"] == pytest.approx((640 - apart_px, 480), abs=0.1)


def test_roll_straight_down_is_a_turn_like_yaw() -> None:
    rolled = numbered(visible_marks(pose(roll_deg=30.0), PLACE, 1))
    turned = numbered(visible_marks(pose(yaw_deg=30.0), PLACE, 1))
    assert rolled.keys() == turned.keys()
    assert all(rolled[number] == pytest.approx(turned[number], abs=1e-6) for number in turned)


def test_roll_lifts_the_horizon_on_the_right() -> None:
    level = pose(pitch_deg=0.0, roll_deg=10.0)
    assert level.direction(0, 480)[2] < 0 < level.direction(1280, 480)[2]


def test_looking_ahead_shows_what_is_ahead() -> None:
    seen = numbered(visible_marks(pose(pitch_deg=-45.0), PLACE, 1))
    assert "4040" not in seen
    assert seen["4042"][0] == pytest.approx(640)
    assert seen["4043"][1] < seen["4042"][1]
    assert all(row > 40 for row in (int(number[2:]) for number in seen))


def test_nothing_of_the_ground_is_in_the_sky() -> None:
    assert visible_marks(pose(pitch_deg=40.0), PLACE, 1) == {}
    assert visible_marks(pose(yaw_deg=180.0, pitch_deg=-20.0, north_m=-1.2 * EACH_WAY * SPACING_M), PLACE, 1) == {}


def test_the_ground_in_reach_holds_all_that_is_seen() -> None:
    for pitch_deg in (-90.0, -60.0, -25.0, -5.0):
        at = pose(pitch_deg=pitch_deg, yaw_deg=33.0, roll_deg=5.0)
        west, south, east, north = ground_reach(at, 1_500)
        for mark in visible_marks(at, PLACE, 1):
            away = local_offset(at.longitude_deg, at.latitude_deg, mark.longitude_deg, mark.latitude_deg)
            assert west - 1 <= away[0] <= east + 1
            assert south - 1 <= away[1] <= north + 1


def test_every_mark_has_a_number_of_its_own_and_stays_where_it_is() -> None:
    first, again, other = marks(PLACE, 1), marks(PLACE, 1), marks(PLACE, 2)
    assert first == again
    assert len({mark.number for mark in first}) == len(first) == (2 * EACH_WAY + 1) ** 2
    assert [mark.number for mark in first] == [mark.number for mark in other]
    assert [mark.colour for mark in first] != [mark.colour for mark in other]
    at = {mark.number: mark for mark in first}["4040"]
    assert (at.longitude_deg, at.latitude_deg) == pytest.approx(PLACE)


def test_every_aircraft_has_a_lens_for_its_first_payload() -> None:
    for model in AIRCRAFT_MODELS:
        lenses = LENSES[int(model.payloads[0].index.split("-")[0])]
        assert not lenses[0].is_thermal
        assert any(lens.is_thermal for lens in lenses) == ("T" in lenses[0].camera)


@pytest.mark.parametrize("lens", [lens for lenses in LENSES.values() for lens in lenses])
def test_focal_length_and_equivalent_agree(lens: Any) -> None:
    diagonal_px = (lens.width**2 + lens.height**2) ** 0.5
    assert lens.focal_px == pytest.approx(lens.equivalent_mm * diagonal_px / 43.2666, rel=0.02)
