"""How high the geoid is above the ellipsoid, by a grid in a file: what ties a model's elevations to a camera's height.

Three forms that geoids are given out in: GeographicLib's `.pgm` (16 bits with offset and scale) and NOAA's `.gtx`
are mapped into memory; GeoTIFF, as PROJ distributes it, is read as a whole.
"""

import re
import struct
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .geotiff import GeoTiff, Lattice, RasterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_POSTS = 300_000_000
"""Of a grid that is mapped into memory: a minute of arc has 233 million."""
MOST_READ = 10_000_000
"""Of one that is read; five minutes of arc have 9 million."""
HIGHEST_M = 150.0
"""Geoids are within 110 m of the ellipsoid."""

_PGM = re.compile(rb"P5\s+(?P<comments>(?:#[^\n]*\n\s*)*)(?P<columns>\d{1,6})\s+(?P<rows>\d{1,6})\s+65535\s", re.ASCII)
_COMMENT = re.compile(rb"#\s*(Offset|Scale)\s+(-?[\d.]{1,20}(?:[eE]-?\d{1,2})?)\s*\n", re.ASCII)
_LOOKED_AT = 1_000_000
"""So many posts tell whether a grid is a geoid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    lattice: Lattice
    posts: "NDArray[Any]"
    scale: float = 1.0
    offset: float = 0.0


class GeoidGrid:
    """A geoid. For any number of threads. A `Geoid` of the domain."""

    def __init__(self, path: Path) -> None:
        """Open a grid.

        Raises:
            RasterError: it is in none of the forms, or no geoid.
            OSError: the file cannot be read.
        """
        import numpy as np

        readers = {".pgm": _read_pgm, ".gtx": _read_gtx, ".tif": _read_tiff, ".tiff": _read_tiff}
        reader = readers.get(path.suffix.lower())
        if reader is None:
            raise RasterError("a geoid is a file with the ending .pgm, .gtx or .tif")
        self._grid = grid = reader(path)
        lattice = grid.lattice
        if min(grid.posts.shape) < 2:
            raise RasterError("the grid is too small")
        every = int((grid.posts.size / _LOOKED_AT) ** 0.5) + 1
        some = grid.posts[::every, ::every].astype(np.float64) * grid.scale + grid.offset
        if not np.abs(some).max() < HIGHEST_M:
            raise RasterError("the numbers are those of no geoid")
        self._goes_round = lattice.columns * lattice.step_x > 360 - lattice.step_x / 2

    def undulation(self, longitude: float, latitude: float) -> float:
        """Metres of the geoid above the ellipsoid; NaN outside of the grid."""
        lattice, posts = self._grid.lattice, self._grid.posts
        y = (lattice.north - latitude) / lattice.step_y
        x = ((longitude - lattice.west) % 360) / lattice.step_x
        if not -0.5 <= y <= lattice.rows - 0.5 or (not self._goes_round and x > lattice.columns - 1):
            return float("nan")
        y = min(max(y, 0.0), lattice.rows - 1.0)
        row, column = min(floor(y), lattice.rows - 2), min(floor(x), lattice.columns - 1)
        beside = (column + 1) % lattice.columns if self._goes_round else min(column + 1, lattice.columns - 1)
        f, g = x - column, y - row
        upper = float(posts[row, column]) * (1 - f) + float(posts[row, beside]) * f
        lower = float(posts[row + 1, column]) * (1 - f) + float(posts[row + 1, beside]) * f
        return (upper * (1 - g) + lower * g) * self._grid.scale + self._grid.offset


def _read_pgm(path: Path) -> _Grid:
    """GeographicLib: from 90 N and 0 E, the rows to both poles, the columns all the way round."""
    import numpy as np

    with path.open("rb") as file:
        head = _PGM.match(file.read(4096))
    if head is None:
        raise RasterError("the file is no geoid of GeographicLib")
    columns, rows = int(head["columns"]), int(head["rows"])
    said = {name: float(value) for name, value in _COMMENT.findall(head["comments"])}
    if b"Offset" not in said or b"Scale" not in said or rows < 2 or not 4 <= rows * columns <= MOST_POSTS:
        raise RasterError("the file is no geoid of GeographicLib")
    if path.stat().st_size - head.end() < 2 * rows * columns:
        raise RasterError("the file is shorter than it says")
    posts = np.memmap(path, ">u2", mode="r", offset=head.end(), shape=(rows, columns))
    step_x, step_y = 360 / columns, 180 / (rows - 1)
    lattice = Lattice(west=0.0, north=90.0, step_x=step_x, step_y=step_y, columns=columns, rows=rows)
    return _Grid(lattice=lattice, posts=posts, scale=said[b"Scale"], offset=said[b"Offset"])


def _read_gtx(path: Path) -> _Grid:
    """NOAA: a head of four doubles and two counts, then rows from the south."""
    import numpy as np

    with path.open("rb") as file:
        head = file.read(40)
    if len(head) < 40:
        raise RasterError("the file is shorter than it says")
    south, west, step_y, step_x, rows, columns = struct.unpack(">4d2i", head)
    if not (rows > 1 and columns > 1 and rows * columns <= MOST_POSTS):
        raise RasterError("the grid is too large")
    if not (0 < step_y <= 10 and 0 < step_x <= 10 and abs(south) <= 90 and abs(west) <= 360):
        raise RasterError("the grid is nowhere on earth")
    if path.stat().st_size < 40 + 4 * rows * columns:
        raise RasterError("the file is shorter than it says")
    posts = np.memmap(path, ">f4", mode="r", offset=40, shape=(rows, columns))[::-1]
    north = south + (rows - 1) * step_y
    lattice = Lattice(west=west, north=north, step_x=step_x, step_y=step_y, columns=columns, rows=rows)
    return _Grid(lattice=lattice, posts=posts)


def _read_tiff(path: Path) -> _Grid:
    import numpy as np

    tiff = GeoTiff(path)
    try:
        lattice = tiff.lattice
        if lattice.rows * lattice.columns > MOST_READ:
            raise RasterError("the grid is too large")
        high, wide = tiff.block_shape
        posts = np.empty((lattice.rows, lattice.columns), np.float32)
        for down in range(-(-lattice.rows // high)):
            for along in range(-(-lattice.columns // wide)):
                block = tiff.block(down, along)
                top, left = down * high, along * wide
                posts[top : top + block.shape[0], left : left + block.shape[1]] = block
        return _Grid(lattice=lattice, posts=posts)
    finally:
        tiff.close()
