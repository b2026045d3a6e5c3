"""The union by tiles is the union: whatever the order, the place on the globe, and the size of what is united."""

import json
from math import cos, radians, sin
from random import Random
from typing import Any

import numpy as np
import pytest
import shapely

from ofh.domain.areas import Area
from ofh.domain.covered_ground import (
    MOST_ACROSS,
    Box,
    Covered,
    Tile,
    area_m2,
    dissolve,
    grow,
    meet,
    read_shapes,
    shape_of,
    tiles_of,
)
from ofh.domain.geodesy import offset

PLACES = [(9.93, 50.0), (179.9995, -16.5), (-179.9999, 64.0), (0.0, 0.0), (24.0, 83.6)]


def sheared(ring: list[tuple[float, float]], longitude: float) -> list[tuple[float, float]]:
    """Longitudes that continue through the antimeridian, as those of a coverage do."""
    return [(longitude + (x - longitude + 540) % 360 - 180, y) for x, y in ring]


def rectangle(
    place: tuple[float, float], east_m: float, north_m: float, width_m: float, height_m: float, turn_deg: float = 0
) -> list[tuple[float, float]]:
    """A closed ring around a point that lies so far from a place."""
    c, s = cos(radians(turn_deg)), sin(radians(turn_deg))
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = []
    for x, y in corners:
        x, y = x * width_m / 2, y * height_m / 2
        ring.append(offset(*place, east_m=east_m + c * x - s * y, north_m=north_m + s * x + c * y))
    return sheared(ring, place[0])


def kept(outer: list[tuple[float, float]], *holes: list[tuple[float, float]]) -> tuple[Any, Box]:
    found = shape_of(outer, holes)
    assert found is not None
    return read_shapes([found[0]])[0], found[1]


def photos(place: tuple[float, float], number: int, seed: int = 1) -> list[tuple[Any, Box]]:
    """Survey photos and a few that look far, some with a shadow."""
    random = Random(seed)
    made = []
    for n in range(number):
        east, north, turn = random.uniform(-600, 600), random.uniform(-500, 500), random.uniform(0, 90)
        size = 4_000 if n % 17 == 5 else 140
        outer = rectangle(place, east, north, size, size * 0.75, turn)
        holes = [rectangle(place, east, north, size / 3, size / 5, turn)] if n % 5 == 0 else []
        made.append(kept(outer, *holes))
    return made


def united(shapes: list[tuple[Any, Box]], *, batch: int = 10_000) -> tuple[Covered, dict[Tile, Any]]:
    """By tiles, so many shapes at a time."""
    tiles: dict[Tile, Any] = {}
    for first in range(0, len(shapes), batch):
        members: dict[Tile, list[Any]] = {}
        for shape, box in shapes[first : first + batch]:
            for tile in tiles_of(box):
                members.setdefault(tile, []).append(shape)
        for tile, found in members.items():
            tiles[tile] = grow(tile, np.array(found, dtype=object), tiles.get(tile))
    return dissolve(list(tiles.values())), tiles


def plain(shapes: list[tuple[Any, Box]]) -> Any:
    """One big union, on a map from -180 to 180."""
    whole = shapely.union_all(np.array([shape for shape, _ in shapes], dtype=object))
    world = [shapely.box(-180 + turn, -90, 180 + turn, 90) for turn in (0, 360)]
    east = shapely.transform(shapely.intersection(whole, world[1]), lambda points: points - (360, 0))
    return shapely.union_all([shapely.intersection(whole, world[0]), east])


def geometry(covered: Covered) -> Any:
    return shapely.from_geojson(json.dumps(covered.geojson))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("batch", [10_000, 7, 1])
def test_tiles_are_the_one_big_union(place: tuple[float, float], batch: int) -> None:
    shapes = photos(place, 60)
    covered, _ = united(shapes, batch=batch)
    found, wanted = geometry(covered), plain(shapes)
    assert found.is_valid
    assert area_m2(shapely.symmetric_difference(found, wanted)) < 3e-5 * area_m2(wanted)  # rounded to 11 mm
    assert covered.area_m2 == pytest.approx(area_m2(wanted), rel=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_what_goes_out_is_as_rfc_7946_has_it(place: tuple[float, float]) -> None:
    covered, _ = united(photos(place, 40))
    assert covered.geojson["type"] == "MultiPolygon"
    for polygon in covered.geojson["coordinates"]:
        for number, ring in enumerate(polygon):
            assert ring[0] == ring[-1]
            assert bool(shapely.is_ccw(shapely.LinearRing(ring))) == (number == 0)
            longitudes = [point[0] for point in ring]
            assert min(longitudes) >= -180
            assert max(longitudes) <= 180
            assert max(longitudes) - min(longitudes) < 180
    halves = {polygon[0][0][0] > 0 for polygon in covered.geojson["coordinates"]}
    assert len(halves) == (2 if abs(place[0]) > 179 else 1 if place[0] else len(halves))


def test_a_shadow_stays_a_hole_until_another_photo_shows_it() -> None:
    place = PLACES[0]
    first = kept(rectangle(place, 0, 0, 200, 150), rectangle(place, 10, 0, 40, 30))
    covered, _ = united([first])
    (polygon,) = covered.geojson["coordinates"]
    assert len(polygon) == 2
    assert covered.area_m2 == pytest.approx(200 * 150 - 40 * 30, rel=1e-4)
    again, _ = united([first, kept(rectangle(place, 12, 3, 60, 50))], batch=1)
    assert [len(polygon) for polygon in again.geojson["coordinates"]] == [1]
    assert again.area_m2 == pytest.approx(200 * 150, rel=1e-4)


def test_what_adds_nothing_leaves_a_tile_as_it_is() -> None:
    place = PLACES[0]
    large, small = kept(rectangle(place, 0, 0, 300, 300)), kept(rectangle(place, 5, 5, 20, 20))
    for tile in tiles_of(small[1]):
        before = grow(tile, np.array([large[0]], dtype=object))
        assert grow(tile, np.array([small[0]], dtype=object), before) is before


@pytest.mark.parametrize("size_m", [20, 140, 2_000, 10_000, 100_000])
@pytest.mark.parametrize("latitude", [0.0, 50.0, -70.0, 88.5])
def test_a_photo_lies_in_few_tiles_however_far_it_looks(size_m: float, latitude: float) -> None:
    _, box = kept(rectangle((10.0, latitude), 0, 0, size_m, size_m))
    tiles = list(tiles_of(box))
    assert len(tiles) == len(set(tiles)) <= (MOST_ACROSS + 1) ** 2 * 2


def test_specks_between_photos_are_no_holes() -> None:
    place = PLACES[0]
    ring = rectangle(place, 0, 0, 100, 100)
    covered, _ = united([kept(ring, rectangle(place, 20, 20, 0.5, 0.5)), kept(rectangle(place, 300, 0, 0.4, 0.4))])
    assert [len(polygon) for polygon in covered.geojson["coordinates"]] == [1]


def test_nothing_is_an_area_without_parts() -> None:
    assert shape_of([]) is None
    covered = dissolve([])
    assert covered.geojson == {"type": "MultiPolygon", "coordinates": []}
    assert covered.area_m2 == 0


def test_a_ring_that_touches_itself_is_an_area_all_the_same() -> None:
    bow = [(9.0, 50.0), (9.001, 50.001), (9.001, 50.0), (9.0, 50.001), (9.0, 50.0)]
    shape, _ = kept(bow)
    assert shape.is_valid
    assert area_m2(shape) > 0


def test_areas_across_the_antimeridian_meet_what_lies_there() -> None:
    shape, box = kept(rectangle((179.9999, 10.0), 0, 0, 200, 200))
    assert box.west < 180 < box.east
    shapes = np.array([shape], dtype=object)

    def area(west: float, east: float) -> Area:
        return Area(west_deg=west, south_deg=9, east_deg=east, north_deg=11)

    assert meet(shapes, area(179, -179)) == [True]
    assert meet(shapes, area(-180, -179)) == [True]
    assert meet(shapes, area(170, 180)) == [True]
    assert meet(shapes, area(-179, 179)) == [False]


def test_a_box_that_a_shape_does_not_fill_is_not_the_shape() -> None:
    shape, _ = kept(rectangle((9.0, 50.0), 0, 0, 1_000, 20, turn_deg=45))
    corner = Area(west_deg=8.99, south_deg=50.003, east_deg=8.9999, north_deg=50.01)
    assert meet(np.array([shape], dtype=object), corner) == [False]
    assert meet(np.array([shape], dtype=object), Area(west_deg=9, south_deg=50, east_deg=9.1, north_deg=51)) == [True]


def test_areas_are_those_of_the_ellipsoid() -> None:
    """The whole of it, 510,065,621.724 km2."""
    assert area_m2(shapely.box(-180, -90, 180, 90)) == pytest.approx(510_065_621_724_088, rel=1e-9)
