"""Which drones may be close to each other: found by boxes and cells of the map, so that thousands cost thousands.

What is found is measured afterwards: some of it is not close, but nothing that is close is left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import cos, degrees, floor, radians
from typing import Generic, TypeVar

from .areas import Area
from .devices import Fix
from .geodesy import SEMI_MAJOR_AXIS_M

T = TypeVar("T")

_LEAST_RADIUS_M = SEMI_MAJOR_AXIS_M * 0.993
"""Less than every radius of curvature of the ellipsoid (6,335,439 m at the least): no box is ever too small."""


def boxes_around(fix: Fix, distance: float) -> Sequence[Area]:
    """Boxes with every place that is so close over ground, and few others; none crosses the antimeridian.

    Args:
        distance: metres, more than 0, up to some ten kilometres.
    """
    up = degrees(distance / _LEAST_RADIUS_M)
    south, north = max(fix.latitude_deg - up, -90.0), min(fix.latitude_deg + up, 90.0)
    shrink = cos(radians(max(abs(south), abs(north))))
    if south == -90 or north == 90 or up >= 180 * shrink:  # a pole is near: every longitude is
        return [Area(west_deg=-180.0, south_deg=south, east_deg=180.0, north_deg=north)]
    across = up / shrink
    west, east = fix.longitude_deg - across, fix.longitude_deg + across
    spans = [(max(west, -180.0), min(east, 180.0))]
    if west < -180:
        spans.append((west + 360, 180.0))
    if east > 180:
        spans.append((-180.0, east - 360))
    return [Area(west_deg=left, south_deg=south, east_deg=right, north_deg=north) for left, right in spans]


class Grid(Generic[T]):
    """Things at places, sorted into cells that are about as large as the boxes in which others are looked for.

    Args:
        distance: that of the boxes, metres.
    """

    def __init__(self, distance: float) -> None:
        self._height = degrees(distance / _LEAST_RADIUS_M)
        """Of a band of cells, degrees."""
        self._cells: dict[tuple[int, int], list[tuple[Fix, T]]] = defaultdict(list)
        self._widths: dict[int, float] = {}
        """Of the cells of a band, degrees; wider towards the poles."""

    def add(self, fix: Fix, item: T) -> None:
        """Put something at its place."""
        band = floor(fix.latitude_deg / self._height)
        self._cells[band, self._column(band, fix.longitude_deg)].append((fix, item))

    def inside(self, boxes: Sequence[Area]) -> Iterator[T]:
        """What lies in one of the boxes, as `boxes_around` gives them. Each once, where no place is in two boxes."""
        for box in boxes:
            for band in range(floor(box.south_deg / self._height), floor(box.north_deg / self._height) + 1):
                for column in range(self._column(band, box.west_deg), self._column(band, box.east_deg) + 1):
                    for fix, item in self._cells.get((band, column), ()):
                        if box.contains(fix):
                            yield item

    def _column(self, band: int, longitude: float) -> int:
        width = self._widths.get(band)
        if width is None:
            shrink = cos(radians(min(max(abs(band), abs(band + 1)) * self._height, 90.0)))
            width = self._widths[band] = min(self._height / max(shrink, 1e-9), 360.0)
        return floor((longitude + 180) / width)
