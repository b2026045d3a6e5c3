"""The ground that many photos show together: a union that grows by tiles.

A photo's coverage becomes a *shape*: its outer ring less its holes, in degrees, longitude first, with sides that are
straight on a map which shows degrees as they are (RFC 7946). The globe is cut into tiles whose edges are exact binary
fractions of a degree; a shape belongs to the tiles that its box touches. Photos are united tile by tile, so one more
photo is united with its own few tiles and no others, and what has been united stays as it is. A survey's photos lie in
tiles of some 600 m; one that looks far lies in larger tiles of its own, so that none touches many. `dissolve` makes one
area of the tiles: whatever their size and order, it is the union of the shapes.

The antimeridian is an edge of tiles, so nothing that is made here crosses it. Near the poles tiles are wider in
longitude, so that they are about as wide as high everywhere.

Shapely and numpy are heavy: import this module where it is used, and call it off the event loop.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, log2, radians
from typing import Any, NamedTuple

import numpy as np
import shapely  # type: ignore[import-untyped]
from numpy.typing import NDArray

from .areas import Area
from .geodesy import FLATTENING, SEMI_MAJOR_AXIS_M

FINEST = 16
"""The level of the smallest tiles: 360 degrees halved so often, 0.0055 degrees of latitude or 611 m."""
COARSEST = 5
MOST_ACROSS = 6
"""Tiles that a shape may span in either direction; if it were more, it lies in larger ones."""
DECIMALS = 7
"""Of degrees in what goes out: 11 mm."""
LEAST_M2 = 1.0
"""Smaller holes and smaller parts are left out."""

Ring = Sequence[tuple[float, float]]
"""Longitude and latitude in degrees; closed or not."""
Shape = Any
"""A polygon or several of shapely's."""
Shapes = NDArray[Any]
"""An array of them."""

_ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)
_ECCENTRICITY = _ECCENTRICITY_SQUARED**0.5


class Tile(NamedTuple):
    """A piece of the globe between two parallels and two meridians."""

    level: int
    """Its height is 360 degrees halved so often."""
    row: int
    """Counted northwards from the south pole."""
    column: int
    """Counted eastwards from the antimeridian."""


class Box(NamedTuple):
    """The box around a shape, degrees. West is from -180 to 180, exclusive; east may lie beyond 180."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """An area, as it goes out."""

    geojson: dict[str, Any]
    """A `MultiPolygon` of RFC 7946: cut at the antimeridian, outer rings counter-clockwise, holes clockwise."""
    area_m2: float
    """On the ellipsoid."""


# Shapes


def shape_of(outer: Ring, holes: Sequence[Ring] = ()) -> tuple[bytes, Box] | None:
    """A coverage as it is kept, as WKB, with the box around it; None where it shows no ground.

    Args:
        outer: longitudes continue through the antimeridian, as do those of the holes.
    """
    if len(outer) < 4:
        return None
    shape = shapely.Polygon(outer, [hole for hole in holes if len(hole) >= 4])
    if not shape.is_valid:
        shape = _polygons(shapely.make_valid(shape))
    if shape.is_empty:
        return None
    turn = 360.0 * floor((shape.bounds[0] + 180) / 360)
    if turn:
        shape = _moved(shape, -turn)
    return shapely.to_wkb(shape), Box(*shape.bounds)


def read_shapes(kept: Sequence[bytes]) -> Shapes:
    """Shapes of their WKB."""
    found: Shapes = shapely.from_wkb(np.array(kept, dtype=object))
    return found


def meet(shapes: Shapes, area: Area) -> list[bool]:
    """Which of the shapes have a point in common with an area."""
    west, east = area.west_deg, area.east_deg
    if west > east:
        east += 360
    found = np.zeros(len(shapes), dtype=bool)
    for turn in (-360, 0, 360):
        box = shapely.box(west + turn, area.south_deg, east + turn, area.north_deg)
        shapely.prepare(box)
        found |= shapely.intersects(box, shapes)
    return [bool(is_met) for is_met in found]


# Tiles


def tiles_of(box: Box) -> Iterator[Tile]:
    """The tiles that a box touches: at most `MOST_ACROSS` + 1 each way."""
    level = FINEST
    while level > COARSEST and not _fits(box, level):
        level -= 1
    height = _height(level)
    for row in range(floor((box.south + 90) / height), _last((box.north + 90) / height) + 1):
        if not 0 <= row < 2 ** (level - 1):
            continue
        columns = _columns(level, row)
        width = 360 / columns
        first, last = floor((box.west + 180) / width), _last((box.east + 180) / width)
        for column in range(first, min(last, first + columns - 1) + 1):
            yield Tile(level, row, column % columns)


def grow(tile: Tile, shapes: Shapes, onto: Shape | None = None) -> Shape:
    """What a tile shows with these shapes, beside what it shows already.

    Args:
        shapes: those that have the tile among their tiles.
        onto: what it shows; None: nothing.
    """
    west, south, east, north = _edges(tile)
    pieces = _clipped(shapes, west, south, east, north)
    beyond = shapes[shapely.bounds(shapes)[:, 2] > 180]
    if len(beyond):
        pieces = np.append(pieces, _moved(_clipped(beyond, west + 360, south, east + 360, north), -360))
    pieces = pieces[~shapely.is_empty(pieces)]
    if onto is None:
        return _polygons(shapely.union_all(pieces))
    shapely.prepare(onto)
    pieces = pieces[~shapely.covers(onto, pieces)]
    if not len(pieces):
        return onto
    return _polygons(shapely.union_all(np.append(pieces, onto)))


def dissolve(tiles: Sequence[Shape]) -> Covered:
    """One area of what tiles show."""
    whole = shapely.set_precision(shapely.union_all(np.array(tiles, dtype=object)), 10.0**-DECIMALS)
    parts = [part for part in map(_without_specks, shapely.get_parts(whole)) if part is not None]
    made = shapely.orient_polygons(shapely.MultiPolygon(parts))
    return Covered(
        geojson={"type": "MultiPolygon", "coordinates": [_rings(part) for part in shapely.get_parts(made)]},
        area_m2=round(area_m2(made), 1),
    )


def area_m2(shape: Shape) -> float:
    """Its area on the ellipsoid: that of the cylindrical equal-area projection (Snyder 1987, chapter 10).

    A side between two points is straight there as it is in degrees; the difference is below a millionth for sides of
    some kilometres.
    """
    return float(shapely.area(shapely.transform(shape, _equal_area)))


def _height(level: int) -> float:
    return 360 / (1 << level)


def _columns(level: int, row: int) -> int:
    """How many tiles a row has: fewer where the meridians draw together."""
    height = _height(level)
    south = row * height - 90
    nearest = max(south, -(south + height), 0.0)
    """The latitude of the edge towards the equator."""
    return int(2 ** max(level - floor(log2(1 / cos(radians(nearest)))), 0))


def _fits(box: Box, level: int) -> bool:
    height = _height(level)
    nearest = max(box.south, -box.north, 0.0)
    row = min(max(floor((nearest + 90) / height), 0), 2 ** (level - 1) - 1)
    width = 360 / _columns(level, row)
    return box.north - box.south <= MOST_ACROSS * height and box.east - box.west <= MOST_ACROSS * width


def _last(position: float) -> int:
    """The last tile that reaches up to a position: on an edge it is the one before."""
    return ceil(position) - 1


def _edges(tile: Tile) -> tuple[float, float, float, float]:
    height, width = _height(tile.level), 360 / _columns(tile.level, tile.row)
    west, south = tile.column * width - 180, tile.row * height - 90
    return west, south, west + width, south + height


def _clipped(shapes: Shapes, west: float, south: float, east: float, north: float) -> Shapes:
    """The shapes within a box; quickly, and where that goes wrong properly."""
    pieces: Shapes = shapely.clip_by_rect(shapes, west, south, east, north)
    wrong = ~shapely.is_valid(pieces)
    if wrong.any():
        pieces[wrong] = shapely.intersection(shapes[wrong], shapely.box(west, south, east, north))
    return pieces


def _moved(shapes: Any, by_deg: float) -> Any:
    return shapely.transform(shapes, lambda points: points + np.array([by_deg, 0.0]))


def _polygons(shape: Shape) -> Shape:
    """Its areas, without the lines and points where others touch."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


def _without_specks(part: Shape) -> Shape | None:
    if part.geom_type != "Polygon" or area_m2(part) < LEAST_M2:
        return None
    holes = [hole for hole in part.interiors if area_m2(shapely.Polygon(hole)) >= LEAST_M2]
    return part if len(holes) == len(part.interiors) else shapely.Polygon(part.exterior, holes)


def _rings(part: Shape) -> list[list[list[float]]]:
    rings: Iterable[Any] = (part.exterior, *part.interiors)
    return [np.round(shapely.get_coordinates(ring), DECIMALS).tolist() for ring in rings]


def _equal_area(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees to metres in which areas are right."""
    sine = np.sin(np.radians(points[:, 1]))
    across = _ECCENTRICITY * sine
    authalic = sine / (1 - across * across) + np.arctanh(across) / _ECCENTRICITY
    up = SEMI_MAJOR_AXIS_M * (1 - _ECCENTRICITY_SQUARED) / 2 * authalic
    return np.column_stack([SEMI_MAJOR_AXIS_M * np.radians(points[:, 0]), up])
