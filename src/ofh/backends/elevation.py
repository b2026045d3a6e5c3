"""Elevation models in a folder: SRTM's `.hgt` files and the GeoTIFFs of Copernicus GLO-30, a degree square each.

A tile is named by its south-west corner (`N47E012.hgt`, `Copernicus_DSM_COG_10_N47_00_E012_00_DEM.tif`), wherever in
the folder it lies. Elevations are above the geoid: EGM96 of SRTM, EGM2008 of Copernicus, whose surface is that of tree
tops and roofs. Of a photo only the window around its camera is read, with bilinear interpolation between the posts;
`.hgt` files are mapped into memory, and inflated blocks of GeoTIFFs are kept, all in all within 64 MiB.

A missing tile is sea, 0 m, where a neighbouring one is there, and so is a void in a tile with neighbours; without
neighbours there is no model at that place. A file that cannot be read is one where the model is not known, never sea.
"""

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, floor, isnan, radians
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from ofh.domain.coverage.ground import Ground

from .elevation_tiles import Blocks, HgtTile, Square, TiffTile, Tile, TileFile
from .geotiff import Lattice, RasterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Block = NDArray[np.float32]

log = structlog.get_logger(__name__)

MOST_FILES = 100_000
MOST_KEPT_BYTES = 24 * 1024 * 1024
"""Of inflated blocks, over all files."""
MOST_POSTS = 4_000_000
"""Of a window, 16 MiB; where the range holds more there are two windows, the outer one with fewer posts."""
MOST_OPEN = 16
"""Files at a time."""
NEAREST_POLE_DEG = 89.5

_NAME = re.compile(r"([NS])(\d\d)(?:_00_|_?)([EW])(\d{3})(?!\d)", re.ASCII | re.IGNORECASE)
_ENDINGS = {".hgt", ".tif", ".tiff"}
_METRES_PER_DEGREE = 110_500.0
"""Of latitude, at least."""
_SEAM = 1e6
"""Stands in a window for a post between two tiles, until it is interpolated."""
_DEEPEST = 4
"""Folders below the folder."""


class ElevationIdentity(NamedTuple):
    """Which model it is: what was computed by one is out of date when this differs."""

    files: int
    total_bytes: int
    digest: str
    """Of all tiles' names, sizes and times of change."""


class ElevationFolder:
    """The elevation model in a folder. For any number of threads. An `ElevationModel` of the domain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._open: OrderedDict[Square, Tile | None] = OrderedDict()
        self._blocks = Blocks(MOST_KEPT_BYTES)
        self._files: dict[Square, TileFile] = {}
        self.identity()

    def identity(self) -> ElevationIdentity:
        """Look through the folder anew: which files it has now. Reads names, no contents."""
        files = _found(self._folder)
        digest = hashlib.sha256()
        for square, file in sorted(files.items()):
            digest.update(f"{square} {file.path.name} {file.size} {file.changed_ns}\n".encode())
        with self._lock:
            if files != self._files:
                self._forget()
                self._files = files
        return ElevationIdentity(len(files), sum(file.size for file in files.values()), digest.hexdigest()[:32])

    def close(self) -> None:
        with self._lock:
            self._forget()

    def elevation(self, longitude: float, latitude: float) -> float | None:
        """Metres above the geoid; None where the model has nothing to say. Over sea it says 0."""
        import numpy as np

        with self._lock:
            window = self._window(longitude, latitude, 200.0, stride=1, keep_voids=True)
        if window is None:
            return None
        found = float(window.elevations(np.array([longitude]), np.array([latitude]))[0])
        return None if isnan(found) else found

    def around(self, longitude: float, latitude: float, radius_m: float) -> Ground | None:
        """The surface around a position; None where too little of it is known."""
        with self._lock:
            lattice = self._lattice(_square(longitude, latitude))
            step = min(lattice.step_x * cos(radians(latitude)), lattice.step_y) * _METRES_PER_DEGREE
            step_x = lattice.step_x * cos(radians(latitude)) * _METRES_PER_DEGREE
            full = (2 * radius_m / step_x + 8) * (2 * radius_m / (lattice.step_y * _METRES_PER_DEGREE) + 8)
            if full <= MOST_POSTS:
                window = self._window(longitude, latitude, radius_m, stride=1)
                return None if window is None else Surface([window], step)
            stride = int((full / MOST_POSTS) ** 0.5) + 1
            near = self._window(longitude, latitude, radius_m / stride, stride=1)
            far = self._window(longitude, latitude, radius_m, stride=stride)
            return None if near is None or far is None else Surface([near, far], step)

    def _lattice(self, square: Square) -> Lattice:
        """How the posts lie at a square: as its own tile's, or those of a tile beside it, or as SRTM's."""
        for beside in (square, *_neighbours(square)):
            tile = self._tile(beside)
            if tile is not None:
                return tile.lattice
        step = 1 / 1_200
        return Lattice(west=square[1], north=square[0] + 1, step_x=step, step_y=step, columns=1_201, rows=1_201)

    def _window(
        self, longitude: float, latitude: float, radius_m: float, *, stride: int, keep_voids: bool = False
    ) -> "_Window | None":
        """The posts around a position on the lattice of the tile there, or every so manieth of them."""
        import numpy as np

        lattice = self._lattice(_square(longitude, latitude))
        step_x, step_y = lattice.step_x * stride, lattice.step_y * stride
        high = radius_m / _METRES_PER_DEGREE
        if abs(latitude) + high >= NEAREST_POLE_DEG:
            return None
        wide = high / cos(radians(abs(latitude) + high))
        # counted from a post of the lattice; the window is in the turn of the longitude that was asked for
        first_x, last_x = (
            floor((longitude - wide - lattice.west) / step_x) - 1,
            floor((longitude + wide - lattice.west) / step_x) + 2,
        )
        first_y, last_y = (
            floor((lattice.north - latitude - high) / step_y) - 1,
            floor((lattice.north - latitude + high) / step_y) + 2,
        )
        longitudes: Floats = lattice.west + np.arange(first_x, last_x + 1, dtype=np.float64) * step_x
        latitudes: Floats = lattice.north - np.arange(first_y, last_y + 1, dtype=np.float64) * step_y
        posts = np.full((len(latitudes), len(longitudes)), np.nan, np.float32)
        is_sea = np.zeros(posts.shape, bool)
        for square, rows, columns in _squares(longitudes, latitudes):
            if not self._fill(square, posts, longitudes, latitudes, rows, columns, is_sea):
                return None
        _close_seams(posts)
        is_void = np.isnan(posts) & ~is_sea
        if is_void.any() and not keep_voids:
            if not self._may_fill(is_void, longitudes, latitudes):
                return None
            posts[is_void] = 0
        posts[is_sea & np.isnan(posts)] = 0
        return _Window(posts, float(longitudes[0]), float(latitudes[0]), step_x, step_y)

    def _fill(
        self,
        square: Square,
        posts: "Block",
        longitudes: "Floats",
        latitudes: "Floats",
        rows: slice,
        columns: slice,
        is_sea: "NDArray[np.bool_]",
    ) -> bool:
        """Put a tile's posts into a window; False where there is no telling what is there."""
        if square not in self._files:
            is_sea[rows, columns] = True
            return any(beside in self._files for beside in _neighbours(square))
        tile = self._tile(square)
        if tile is None:
            return False
        turn = round((float(longitudes[columns][0]) - square[1]) / 360) * 360
        try:
            _copy(tile, posts, longitudes - turn, latitudes, rows, columns)
        except (RasterError, OSError, ValueError) as error:
            self._refuse(square, error)
            return False
        return True

    def _may_fill(self, is_void: "NDArray[np.bool_]", longitudes: "Floats", latitudes: "Floats") -> bool:
        """Whether all voids are in tiles that have neighbours."""
        for square, rows, columns in _squares(longitudes, latitudes):
            if is_void[rows, columns].any() and not any(beside in self._files for beside in _neighbours(square)):
                return False
        return True

    def _tile(self, square: Square) -> Tile | None:
        """An open tile; None where there is none, or none that can be read."""
        if square not in self._files:
            return None
        if square in self._open:
            self._open.move_to_end(square)
            return self._open[square]
        file = self._files[square]
        try:
            tile: Tile | None = (
                HgtTile(file, square) if file.path.suffix.lower() == ".hgt" else TiffTile(file, square, self._blocks)
            )
        except (RasterError, OSError, ValueError) as error:
            self._refuse(square, error)
            return None
        self._keep(square, tile)
        return tile

    def _refuse(self, square: Square, error: Exception) -> None:
        """Leave a tile alone from now on, and say so once."""
        log.warning("elevation tile cannot be read", tile=self._files[square].path.name, reason=str(error))
        self._keep(square, None)

    def _keep(self, square: Square, tile: Tile | None) -> None:
        before = self._open.pop(square, None)
        if before is not None and before is not tile:
            before.close()
        self._open[square] = tile
        while sum(kept is not None for kept in self._open.values()) > MOST_OPEN:
            oldest = next(key for key, kept in self._open.items() if kept is not None)
            kept = self._open.pop(oldest)
            if kept is not None:
                kept.close()

    def _forget(self) -> None:
        for tile in self._open.values():
            if tile is not None:
                tile.close()
        self._open.clear()
        self._blocks.clear()


class Surface:
    """Terrain around one position: one window of posts, or a close one and a coarser wide one."""

    def __init__(self, windows: "list[_Window]", post_m: float) -> None:
        self._windows = windows
        self.post_m: float | None = post_m

    def elevations(self, longitudes: "Floats", latitudes: "Floats") -> "Floats":
        import numpy as np

        near = self._windows[0]
        if len(self._windows) == 1:
            return near.elevations(longitudes, latitudes)
        longitudes, latitudes = np.broadcast_arrays(longitudes, latitudes)
        found = self._windows[1].elevations(longitudes, latitudes)
        is_near = near.has(longitudes, latitudes)
        found[is_near] = near.elevations(longitudes[is_near], latitudes[is_near])
        return found


@dataclass(frozen=True, slots=True)
class _Window:
    """Posts on a grid of longitudes and latitudes."""

    posts: "Block"
    west: float
    north: float
    step_x: float
    step_y: float

    def has(self, longitudes: "Floats", latitudes: "Floats") -> "NDArray[np.bool_]":
        rows, columns = self.posts.shape
        x, y = (longitudes - self.west) / self.step_x, (self.north - latitudes) / self.step_y
        found: NDArray[Any] = (x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)
        return found

    def elevations(self, longitudes: "Floats", latitudes: "Floats") -> "Floats":
        """Bilinear between the posts; beyond them what the nearest say."""
        import numpy as np

        rows, columns = self.posts.shape
        x = np.clip((longitudes - self.west) * (1 / self.step_x), 0, columns - 1.001)
        y = np.clip((self.north - latitudes) * (1 / self.step_y), 0, rows - 1.001)
        column, row = x.astype(np.int32), y.astype(np.int32)
        x -= column
        y -= row
        corner = row * columns + column
        flat = self.posts.reshape(-1)
        upper = flat[corner] * (1 - x) + flat[corner + 1] * x
        lower = flat[corner + columns] * (1 - x) + flat[corner + (columns + 1)] * x
        found: Floats = upper * (1 - y) + lower * y
        return found


def _found(folder: Path) -> dict[Square, TileFile]:
    """The tiles in a folder and below it; of two of one place the GeoTIFF, then the first by name."""
    found: dict[Square, TileFile] = {}
    depth = len(folder.parts)
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        if len(Path(root).parts) - depth >= _DEEPEST:
            folders.clear()
        for name in sorted(names, key=lambda name: (name.lower().endswith(".hgt"), name)):
            said = _NAME.search(name)
            path = Path(root, name)
            if said is None or path.suffix.lower() not in _ENDINGS:
                continue
            count += 1
            if count > MOST_FILES:
                return found
            latitude = int(said[2]) * (1 if said[1] in "Nn" else -1)
            longitude = int(said[4]) * (1 if said[3] in "Ee" else -1)
            if not (-90 <= latitude < 90 and -180 <= longitude < 180):
                continue
            try:
                status = path.stat()
            except OSError:
                continue
            file = TileFile(path, status.st_size, status.st_mtime_ns)
            known = found.get((latitude, longitude))
            if known is None or (known.path.suffix.lower() == ".hgt") > (path.suffix.lower() == ".hgt"):
                found[latitude, longitude] = file
    return found


def _square(longitude: float, latitude: float) -> Square:
    return floor(latitude), (floor(longitude) + 180) % 360 - 180


def _neighbours(square: Square) -> Iterator[Square]:
    """The eight squares around one."""
    latitude, longitude = square
    for north in (0, 1, -1):
        for east in (0, 1, -1):
            if (north, east) != (0, 0):
                yield latitude + north, (longitude + east + 180) % 360 - 180


def _squares(longitudes: "Floats", latitudes: "Floats") -> Iterator[tuple[Square, slice, slice]]:
    """The degree squares of a window's posts, and which of its rows and columns are in each."""
    import numpy as np

    # a post on a degree is of both squares; it is counted to the one in whose lattice it would be first
    souths = np.floor(latitudes - 1e-9).astype(int)
    wests = np.floor(longitudes + 1e-9).astype(int)
    for south in np.unique(souths):
        rows = np.nonzero(souths == south)[0]
        for west in np.unique(wests):
            columns = np.nonzero(wests == west)[0]
            square = (int(south), (int(west) + 180) % 360 - 180)
            yield square, slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _copy(tile: Tile, posts: "Block", longitudes: "Floats", latitudes: "Floats", rows: slice, columns: slice) -> None:
    """A tile's posts into a window: as they are where the two lattices agree, else interpolated.

    Args:
        tile: the tile.
        posts: the window, which keeps what it has where the tile has a void.
        longitudes: of the window's columns.
        latitudes: of its rows.
        rows: those in the tile's square. What lies beside it on posts that the tile has too is copied as well.
        columns: likewise.
    """
    import numpy as np

    lattice = tile.lattice
    every_x, every_y = (longitudes - lattice.west) / lattice.step_x, (lattice.north - latitudes) / lattice.step_y
    rows, columns = _with_shared(rows, every_y, lattice.rows), _with_shared(columns, every_x, lattice.columns)
    x, y = every_x[columns], every_y[rows]
    at_x, at_y = np.rint(x).astype(int), np.rint(y).astype(int)
    if np.abs(x - at_x).max() < 1e-3 and np.abs(y - at_y).max() < 1e-3:
        # a post of the neighbour's, by a rounding, is as good as the tile's own last
        at_x, at_y = np.clip(at_x, 0, lattice.columns - 1), np.clip(at_y, 0, lattice.rows - 1)
        step_x, step_y = _step(at_x), _step(at_y)
        if step_x and step_y:
            found = tile.window(
                range(int(at_y[0]), int(at_y[-1]) + 1, step_y), range(int(at_x[0]), int(at_x[-1]) + 1, step_x)
            )
            posts[rows, columns] = np.where(np.isnan(found), posts[rows, columns], found)
            return
    is_beyond = x > lattice.columns - 1
    x, y = np.clip(x, 0, lattice.columns - 1), np.clip(y, 0, lattice.rows - 1)
    left, top = int(x[0]), int(y[0])
    right, bottom = min(int(x[-1]) + 1, lattice.columns - 1), min(int(y[-1]) + 1, lattice.rows - 1)
    window = _Window(tile.window(range(top, bottom + 1), range(left, right + 1)), left, -top, 1.0, 1.0)
    if min(window.posts.shape) < 2:
        posts[rows, columns] = window.posts[0, 0]
        return
    found = window.elevations(*np.meshgrid(x, -y)).astype(np.float32)
    found[:, is_beyond] = _SEAM
    posts[rows, columns] = found


def _close_seams(posts: "Block") -> None:
    """Join tiles of other spacing to their eastern neighbours: straight lines along the rows."""
    import numpy as np

    is_seam = posts == _SEAM
    along = np.arange(posts.shape[1])
    for row in np.nonzero(is_seam.any(axis=1))[0]:
        seam = is_seam[row]
        posts[row, seam] = np.interp(along[seam], along[~seam], posts[row, ~seam])


def _with_shared(part: slice, every: "Floats", count: int) -> slice:
    """Of a window's rows or columns those in a square, and those beside it that the square's tile has as well."""
    import numpy as np

    own = np.nonzero((every > -1e-3) & (every < count - 1 + 1e-3))[0]
    return part if not len(own) else slice(min(part.start, int(own[0])), max(part.stop, int(own[-1]) + 1))


def _step(at: "NDArray[np.int_]") -> int:
    """The distance between indices that are all as far apart; 0 where they are not."""
    if len(at) == 1:
        return 1
    step = int(at[1] - at[0])
    return step if step > 0 and bool((at[1:] - at[:-1] == step).all()) else 0
