"""The public vectors, each by the whole chain from the photo's metadata."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely

from ofh.domain.coverage.cameras import Kind, _cameras, model_key
from ofh.domain.coverage.coverage import Coverage, CoverageOptions, coverage_of
from ofh.domain.coverage.lens import lens_of
from ofh.domain.coverage.pose import pose_of
from tests.support.coverage import CAMERAS, check_form, facts_of, ground_of, in_plane, listed, pose_by, read_vectors

DATA = read_vectors()
CASES = {case["id"]: case for case in DATA["lens_cases"]}
VECTORS = {vector["id"]: vector for vector in DATA["vectors"]}
CORNERS = ("top_left", "top_right", "bottom_right", "bottom_left")


@pytest.mark.parametrize("name", CASES)
def test_the_lens_is_known_by_the_photo(name: str) -> None:
    case = CASES[name]
    found, expected = lens_of(facts_of(case["metadata"])), case["expected"]
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.width, found.height) == (expected["width"], expected["height"])
    assert (found.fx, found.fy) == pytest.approx((expected["fx"], expected["fy"]), rel=case["tolerance"]["rel"])
    centre = case["tolerance"]["principal_point_px"]
    assert (found.cx, found.cy) == pytest.approx((expected["cx"], expected["cy"]), abs=centre)
    distortion = found.distortion and {key: getattr(found.distortion, key) for key in ("k1", "k2", "p1", "p2", "k3")}
    assert distortion == expected["distortion"]


@pytest.mark.parametrize("name", VECTORS)
def test_the_pose_is_what_the_photo_says(name: str) -> None:
    vector = VECTORS[name]
    found = pose_of(facts_of(vector["metadata"]), ground_of(vector["ground"]))
    expected = pose_by(vector["camera"], vector["intrinsics"])
    for key in ("longitude", "latitude", "absolute_altitude", "relative_altitude", "roll"):
        assert getattr(found, key) == getattr(expected, key)
    assert (found.yaw, found.pitch) == pytest.approx((expected.yaw, expected.pitch), abs=1e-6)


@pytest.mark.parametrize("name", VECTORS)
def test_the_ground_is_what_the_reference_has(name: str) -> None:
    vector = VECTORS[name]
    found = computed(name)
    expected, tolerance, camera = vector["expected"], vector["tolerance"], vector["camera"]
    at = camera["longitude"], camera["latitude"]
    for corner in (*CORNERS, "center"):
        wanted = expected["center"] if corner == "center" else expected["corners"][corner]
        point = getattr(found.corners, corner)
        assert (point is None) == (wanted is None), corner
        if wanted is not None:
            one, other = in_plane(*at, [wanted, *listed([point])])
            assert np.hypot(*(one - other)) <= tolerance["corner_m"], corner
            assert point.elevation == pytest.approx(wanted[2], abs=max(0.02, tolerance["corner_m"]))
    if not expected["outer"]:
        assert (found.all, found.outer, found.holes) == ([], [], [])
        return
    outer, holes = polygon(at, listed(found.outer)), [polygon(at, listed(hole)) for hole in found.holes]
    wanted_outer, wanted_holes = polygon(at, expected["outer"]), [polygon(at, hole) for hole in expected["holes"]]
    seen = outer.difference(shapely.unary_union(holes))
    wanted_seen = wanted_outer.difference(shapely.unary_union(wanted_holes))
    assert seen.area == pytest.approx(expected["visible_area_m2"], rel=tolerance["area_rel"])
    assert seen.intersection(wanted_seen).area / seen.union(wanted_seen).area >= tolerance["iou_min"]
    lines = [shapely.segmentize(shape.exterior, 10) for shape in (outer, wanted_outer)]
    assert shapely.hausdorff_distance(*lines) <= tolerance["hausdorff_m"]
    centroid = in_plane(*at, [expected["centroid"]])[0]
    assert np.hypot(seen.centroid.x - centroid[0], seen.centroid.y - centroid[1]) <= tolerance["centroid_m"]
    if "holes_area_rel" in tolerance and expected["holes_area_m2"] > 0.01 * expected["outer_area_m2"]:
        area = sum(hole.area for hole in holes)
        assert area == pytest.approx(expected["holes_area_m2"], rel=tolerance["holes_area_rel"])


@pytest.mark.parametrize("name", VECTORS)
def test_rings_and_points_are_of_the_promised_form(name: str) -> None:
    vector = VECTORS[name]
    check_form(computed(name), vector["camera"]["longitude"])


@cache
def computed(name: str) -> Coverage:
    vector: Mapping[str, Any] = VECTORS[name]
    ground = ground_of(vector["ground"])
    return coverage_of(pose_of(facts_of(vector["metadata"]), ground), ground, CoverageOptions(**vector["options"]))


def polygon(at: tuple[float, float], ring: list[list[float]]) -> Any:
    return shapely.Polygon(in_plane(*at, ring))


def test_the_table_of_cameras_has_what_it_was_made_from() -> None:
    rows = json.loads(CAMERAS.read_bytes())
    for row, camera in zip(rows, _cameras(), strict=True):
        assert camera.name == row["name"]
        assert camera.models == {model_key(model) for model in row["exif_models"]}
        assert camera.payload_types == set(row["payload_types"])
        assert camera.kind is Kind(row["lens"])
        assert (camera.width, camera.height, camera.focal_px) == (row["width"], row["height"], row["f_px"])
        assert (camera.is_calibrated, camera.focal_mm) == (row["f_px_calibrated"], row["focal_mm"])
        assert camera.longest_mm == (row["zoom_to"] or {}).get("focal_mm")
