"""The picture shows the marks where the geometry says, and is the same each time."""

import pytest
from PIL import Image

from ofh.domain.geodesy import local_offset
from ofh.simulator.camera import LENSES
from ofh.simulator.ground import MARK_RADIUS_M, visible_marks
from ofh.simulator.picture import draw
from tests.unit.simulator.test_camera import PLACE, pose

SEED = 1


def colour_at(picture: Image.Image, where: tuple[float, float]) -> tuple[int, ...]:
    """The mean of a few pixels."""
    u, v = round(where[0]), round(where[1])
    found = picture.crop((u - 1, v - 1, u + 2, v + 2)).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize(
    ("pitch_deg", "yaw_deg", "roll_deg"),
    [(-90.0, 0.0, 0.0), (-90.0, 137.0, 0.0), (-60.0, -40.0, 0.0), (-45.0, 80.0, 7.0)],
)
def test_marks_are_drawn_where_they_are(pitch_deg: float, yaw_deg: float, roll_deg: float) -> None:
    at = pose(east_m=33.0, north_m=-61.0, elevation_m=45.0, pitch_deg=pitch_deg, yaw_deg=yaw_deg, roll_deg=roll_deg)
    picture = draw(at, PLACE, SEED)
    checked = 0
    for mark, middle in visible_marks(at, PLACE, SEED).items():
        east, north = local_offset(at.longitude_deg, at.latitude_deg, mark.longitude_deg, mark.latitude_deg)
        below = at.project(east, north - 0.55 * MARK_RADIUS_M)  # between the number and the rim
        if below is None or abs(below[0] - middle[0]) + abs(below[1] - middle[1]) < 12:
            continue
        if not (20 < below[0] < at.width - 20 and 20 < below[1] < at.height - 20):
            continue
        shown = colour_at(picture, below)
        assert all(abs(a - b) < 70 for a, b in zip(shown, mark.colour, strict=True)), (mark, shown)
        assert min(colour_at(picture, middle)) < 245
        checked += 1
    assert checked >= 4


def test_the_same_pose_gives_the_same_picture_and_another_seed_another() -> None:
    at = pose(pitch_deg=-70.0, yaw_deg=12.0)
    first = draw(at, PLACE, SEED)
    assert first.size == (1280, 960)
    assert draw(at, PLACE, SEED).tobytes() == first.tobytes()
    assert draw(at, PLACE, 2).tobytes() != first.tobytes()


def test_two_photos_show_the_same_ground() -> None:
    """One from further north, moved down by what lies between: fields, soil and marks agree."""
    moved_m = 20.0
    moved_px = moved_m * LENSES[53][0].focal_px / 80
    here, there = draw(pose(), PLACE, SEED), draw(pose(north_m=moved_m), PLACE, SEED)
    difference = 0
    for u in range(200, 1100, 60):
        for v in range(300, 600, 50):
            a, b = colour_at(here, (u, v)), colour_at(there, (u, v + moved_px))
            difference = max(difference, *(abs(x - y) for x, y in zip(a, b, strict=True)))
    assert difference < 60


def test_the_sky_is_above_the_horizon() -> None:
    picture = draw(pose(pitch_deg=0.0), PLACE, SEED)
    red, green, blue = colour_at(picture, (640, 100))
    assert blue > green > red
    red, green, blue = colour_at(picture, (640, 900))
    assert blue < green


def test_a_thermal_picture_is_grey_and_of_its_own_size() -> None:
    lens = LENSES[53][1]
    at = pose(width=lens.width, height=lens.height, focal_px=lens.focal_px)
    picture = draw(at, PLACE, SEED, is_thermal=True)
    assert picture.size == (640, 512)
    bands = picture.split()
    assert bands[0].tobytes() == bands[1].tobytes() == bands[2].tobytes()
