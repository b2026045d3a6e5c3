"""What is computed, against rays that are marched one by one: both ways, all that is seen and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ofh.domain.coverage.coverage import Coverage, CoverageOptions, coverage_of
from ofh.domain.coverage.ground import Ground
from ofh.domain.coverage.lens import Distortion, Intrinsics
from ofh.domain.coverage.pose import CameraPose
from tests.support.coverage import check_form, ground_of, in_plane, listed
from tests.support.coverage_truth import Truth

M3E = Distortion(k1=-0.11257524, k2=0.01487443, p1=-0.00008572, p2=1e-7, k3=-0.02706411)
"""The wide lens of a Mavic 3E, by its calibration: the picture's corners are 15 % farther out than without it."""
WIDE = Intrinsics(width=4000, height=3000, fx=2773.5, fy=2773.5, cx=2000, cy=1500)
DISTORTED = Intrinsics(width=5280, height=3956, fx=3713.29, fy=3713.29, cx=2647.02, cy=1969.28, distortion=M3E)
LONG = Intrinsics(width=4000, height=3000, fx=60_000, fy=60_000, cx=2000, cy=1500)
UPRIGHT = Intrinsics(width=3000, height=4000, fx=2773.5, fy=2773.5, cx=1480, cy=2030)


BORDER = -90 + float(np.degrees(np.arctan(1500 / 2773.5)))
"""The pitch at which the foot point is on the border of a wide picture."""


def pose(
    lens: Intrinsics, yaw: float, pitch: float, roll: float = 0, *, height: float = 100, **more: float
) -> CameraPose:
    place: dict[str, float] = {"longitude": 10.0, "latitude": 47.0, **more}
    return CameraPose(
        **place,
        absolute_altitude=500 + height,
        relative_altitude=height,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        lens=lens,
    )


def terrain(kind: str, camera: CameraPose, **more: Any) -> Ground:
    """A ground whose elevation at the camera is about 500 m."""
    place = {
        "lon0": camera.longitude,
        "lat0": camera.latitude,
        "m_per_deg_lon": 111_320 * np.cos(np.radians(camera.latitude)),
        "m_per_deg_lat": 111_132.0,
        "z0": 500.0,
    }
    match kind:
        case "flat":
            return ground_of({"type": "flat", "elevation": 500.0})
        case "plane":
            return ground_of({"type": "plane", **place, "slope_x": 0.0, "slope_y": 0.0, **more})
        case "ridge":
            said = {"across_azimuth_deg": camera.yaw, "along0": 0.0, "along_sigma": None, **more}
            return ground_of({"type": "ridge", **place, **said})
    return ground_of(hills(camera, more["seed"], more["relief"], more["extent"]))


def hills(camera: CameraPose, seed: int, relief: float, extent: float) -> Mapping[str, Any]:
    """Random posts, smoothed, none of them above the ground below the camera."""
    generator = np.random.default_rng(seed)
    posts = generator.normal(size=(25, 25))
    for _ in range(2):
        rolled = [np.roll(posts, step, axis) for step in (1, -1) for axis in (0, 1)]
        posts = (posts + np.sum(rolled, axis=0)) / 5
    posts *= relief / posts.std()
    posts -= posts[11:14, 11:14].max()
    step = 2 * extent / 24
    dlon, dlat = step / (111_320 * np.cos(np.radians(camera.latitude))), step / 111_132
    return {
        "type": "grid",
        "lon0": camera.longitude - 12 * dlon,
        "lat0": camera.latitude - 12 * dlat,
        "dlon": dlon,
        "dlat": dlat,
        "values": 500 + posts,
    }


def seen_area(found: Coverage, camera: CameraPose) -> Any:
    at = camera.longitude, camera.latitude
    outer = shapely.Polygon(in_plane(*at, listed(found.outer)))
    return outer.difference(shapely.unary_union([shapely.Polygon(in_plane(*at, listed(hole))) for hole in found.holes]))


def judge(
    camera: CameraPose, ground: Ground, options: CoverageOptions, *, share: float = 0.003, rays: int = 80
) -> Coverage:
    """Assert that random rays land in the area, and that random points of the area are seen, but for its very edge."""
    found = coverage_of(camera, ground, options)
    check_form(found, camera.longitude)
    generator = np.random.default_rng(7)
    truth = Truth(camera, ground, options)
    lens = camera.lens
    is_hit, landed = truth.hits(generator.uniform(0, lens.width, rays), generator.uniform(0, lens.height, rays))
    if not found.outer:
        assert not is_hit.any()
        return found
    area = seen_area(found, camera)
    assert area.is_valid
    farthest = np.hypot(*np.array(shapely.get_coordinates(area)).T).max()
    reached = landed[is_hit]
    away = shapely.distance(area, shapely.points(reached))
    edge = 0.1 + share * np.hypot(*reached.T) + 0.0005 * farthest
    assert (away <= edge).all(), f"rays land {away.max():.2f} m outside"
    points = spread(area, generator, rays)
    is_wrong = ~truth.is_seen(points)
    edge = 0.1 + share * np.hypot(*points.T) + 0.0005 * farthest
    is_wrong &= shapely.distance(area.boundary, shapely.points(points)) > edge
    # shadows of less than a thousandth of the whole are left out of the holes
    assert is_wrong.mean() <= (0.02 if found.holes else 0), f"not seen: {points[is_wrong]}"
    grid = in_plane(camera.longitude, camera.latitude, listed(found.all))
    if len(grid):
        near = 0.1 + share * np.hypot(*grid.T) + 0.0005 * farthest
        assert (shapely.distance(area, shapely.points(grid)) <= near).all()
    return found


def spread(area: Any, generator: np.random.Generator, count: int) -> Any:
    """Points all over an area."""
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(area))
    sizes = shapely.area(triangles)
    chosen = generator.choice(len(triangles), count, p=sizes / sizes.sum())
    corners = np.array([shapely.get_coordinates(triangles[index])[:3] for index in chosen])
    s, t = generator.random((2, count, 1))
    s, t = np.where(s + t > 1, 1 - s, s), np.where(s + t > 1, 1 - t, t)
    return corners[:, 0] + s * (corners[:, 1] - corners[:, 0]) + t * (corners[:, 2] - corners[:, 0])


NEAR, FAR = CoverageOptions(max_range_m=1_500), CoverageOptions(max_range_m=30_000)
CASES: dict[str, tuple[CameraPose, tuple[str, dict[str, Any]], CoverageOptions]] = {
    "straight down": (pose(WIDE, 30, -90), ("flat", {}), NEAR),
    "straight down, roll 180": (pose(WIDE, 30, -90, 180), ("flat", {}), NEAR),
    "straight down, roll 90": (pose(UPRIGHT, 30, -90, 90), ("flat", {}), NEAR),
    "the foot point at the border": (pose(WIDE, 30, BORDER), ("flat", {}), NEAR),
    "past straight down, horizon behind": (pose(WIDE, -160, -170, 0), ("flat", {}), NEAR),
    "upside down": (pose(WIDE, 20, -30, 180), ("flat", {}), NEAR),
    "horizon across, rolled": (pose(WIDE, -170, -12, 25), ("flat", {}), NEAR),
    "standing on its side": (pose(WIDE, 75, -20, 90), ("flat", {}), NEAR),
    "level": (pose(WIDE, 0, 0), ("flat", {}), NEAR),
    "distorted, cut by the range": (pose(DISTORTED, 0, -15, 7), ("flat", {}), NEAR),
    "the horizon nearer than the range": (pose(WIDE, 60, -2, height=1.2), ("flat", {}), CoverageOptions()),
    "refraction": (pose(LONG, 45, -1.3, height=100), ("flat", {}), CoverageOptions(refraction=0.25)),
    "far": (pose(WIDE, 45, -4, height=450), ("flat", {}), FAR),
    "beside a pole": (pose(WIDE, 10, -6, latitude=89.88, height=300), ("flat", {}), CoverageOptions()),
    "over the antimeridian": (pose(WIDE, -80, -25, longitude=-179.9995), ("flat", {}), NEAR),
    "up a slope": (pose(WIDE, 0, 5), ("plane", {"slope_y": 0.5}), NEAR),
    "up a slope, distorted, all of it ground": (pose(DISTORTED, 0, 0), ("plane", {"slope_y": 0.9}), NEAR),
    "down a slope": (pose(WIDE, 180, -60, 20), ("plane", {"slope_y": 0.4, "slope_x": -0.2}), NEAR),
    "a ridge across": (pose(WIDE, 20, -15), ("ridge", {"height": 60, "across0": 300, "across_sigma": 40}), NEAR),
    "a ridge that hides all behind it": (
        pose(WIDE, 20, -5), ("ridge", {"height": 140, "across0": 400, "across_sigma": 60}), NEAR
    ),
    "a hill and its shadow": (
        pose(WIDE, 20, -15, 4),
        ("ridge", {"height": 60, "across0": 300, "across_sigma": 30, "along_sigma": 50, "along0": 30}),
        NEAR,
    ),
    "a crest along the view": (
        pose(WIDE, 20, -15),
        ("ridge", {"height": 80, "across0": 120, "across_sigma": 40, "across_azimuth_deg": 110}),
        NEAR,
    ),
    "a long lens on a far ridge": (
        pose(LONG, 20, -3), ("ridge", {"height": 60, "across0": 900, "across_sigma": 80}), NEAR
    ),
    "hills": (pose(WIDE, -40, -12, 3), ("hills", {"seed": 1, "relief": 25, "extent": 1_600}), NEAR),
    "hills straight down": (pose(WIDE, -40, -88, 3), ("hills", {"seed": 2, "relief": 25, "extent": 300}), NEAR),
    "hills, distorted": (pose(DISTORTED, 80, -25), ("hills", {"seed": 3, "relief": 30, "extent": 1_600}), NEAR),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_all_that_is_seen_and_nothing_else(name: str) -> None:
    camera, (kind, more), options = CASES[name]
    judge(camera, terrain(kind, camera, **more), options)


angles = st.floats(-180, 180)
poses = st.builds(
    pose,
    st.sampled_from([WIDE, DISTORTED, LONG, UPRIGHT]),
    angles,
    st.one_of(st.floats(-130, 30), st.just(-90.0), st.floats(-95, -85)),
    st.one_of(st.just(0.0), st.just(180.0), st.floats(-10, 10), angles),
    height=st.floats(2, 300),
    latitude=st.floats(-80, 80),
    longitude=st.one_of(angles, st.floats(179.99, 180)),
)
grounds = st.one_of(
    st.just(("flat", {})),
    st.fixed_dictionaries({"slope_x": st.floats(-0.4, 0.4), "slope_y": st.floats(-0.4, 0.4)}).map(
        lambda m: ("plane", m)
    ),
    st.fixed_dictionaries(
        {
            "height": st.floats(5, 150),
            "across0": st.floats(150, 900),
            "across_sigma": st.floats(30, 120),
            "along_sigma": st.one_of(st.none(), st.floats(40, 200)),
        }
    ).map(lambda m: ("ridge", m)),
)


@settings(derandomize=True, max_examples=16, deadline=None)
@given(poses, grounds, st.sampled_from([0.0, 0.13]))
def test_any_pose_over_any_ground(camera: CameraPose, said: tuple[str, dict[str, Any]], refraction: float) -> None:
    ground = terrain(said[0], camera, **said[1])
    below = float(ground.elevations(np.array([camera.longitude]), np.array([camera.latitude]))[0])
    camera = replace(camera, absolute_altitude=below + (camera.relative_altitude or 0))
    judge(camera, ground, CoverageOptions(max_range_m=1_200, refraction=refraction), share=0.006, rays=40)


# What holds of all coverages over flat ground


@settings(derandomize=True, max_examples=10, deadline=None)
@given(angles, st.floats(-89, -5), angles, angles)
@example(0.0, -50.0, 0.0, 90.0)
def test_turning_the_camera_turns_the_outline(yaw: float, pitch: float, roll: float, by: float) -> None:
    one, other = pose(WIDE, yaw, pitch, roll, latitude=0), pose(WIDE, yaw + by, pitch, roll, latitude=0)
    area, turned = (seen_or_empty(camera) for camera in (one, other))
    expected = shapely.transform(area, lambda points: rotated(points, by))
    assert shapely.hausdorff_distance(turned, expected) < 0.5 + 0.002 * reach(area)


@settings(derandomize=True, max_examples=10, deadline=None)
@given(angles, angles)
def test_straight_down_roll_is_a_yaw(yaw: float, roll: float) -> None:
    assert_alike(pose(DISTORTED, yaw, -90, roll), pose(DISTORTED, yaw + roll, -90, 0))


@settings(derandomize=True, max_examples=10, deadline=None)
@given(angles, st.floats(-170, -10), angles)
def test_past_straight_down_is_the_same_turn_said_otherwise(yaw: float, pitch: float, roll: float) -> None:
    assert_alike(pose(WIDE, yaw, pitch, roll), pose(WIDE, yaw + 180, -180 - pitch, roll + 180))


def test_twice_as_high_is_four_times_the_ground() -> None:
    low, high = (seen_or_empty(pose(WIDE, 10, -60, 5, height=height)).area for height in (50, 100))
    assert high / low == pytest.approx(4, rel=1e-3)


def test_a_range_beyond_the_farthest_changes_nothing() -> None:
    camera = pose(WIDE, 10, -60, 5)
    assert coverage_of(camera) == coverage_of(camera, options=CoverageOptions(max_range_m=20_000))


def seen_or_empty(camera: CameraPose) -> Any:
    found = coverage_of(camera, options=NEAR)
    return seen_area(found, camera) if found.outer else shapely.Polygon()


def assert_alike(one: CameraPose, other: CameraPose) -> None:
    area, same = seen_or_empty(one), seen_or_empty(other)
    if area.is_empty or same.is_empty:
        assert area.is_empty == same.is_empty
        return
    assert area.symmetric_difference(same).area < 2e-3 * area.area + 0.01


def rotated(points: Any, by: float) -> Any:
    """Turned clockwise, as bearings are."""
    angle = np.radians(by)
    x, y = points.T
    return np.stack([x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)], axis=-1)


def reach(area: Any) -> float:
    return 0.0 if area.is_empty else float(np.abs(np.array(area.bounds)).max())
