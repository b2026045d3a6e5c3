"""Rasters in GeoTIFF files, of which no more is read than asked for.

For elevation models and geoids: one band of numbers in blocks (tiles or strips), plain or deflated, with the predictors
of TIFF 6.0 and of Adobe's technical note 3, TIFF and BigTIFF, in a geographic grid by `ModelPixelScale` and
`ModelTiepoint` (OGC 19-008r4). A file is believed nothing: sizes are bounded before memory is taken, and what is
inflated stops at what a block may hold. Whatever is wrong with a file is a `RasterError`.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

MOST_SIDE = 50_000
"""Columns or rows of a raster."""
MOST_BLOCK_BYTES = 16 * 1024 * 1024
"""Of one block, inflated. A tile of 1024 by 1024 has 4 MiB."""
MOST_BLOCKS = 100_000
MOST_ENTRIES = 500
MOST_VALUES_BYTES = 2 * 1024 * 1024

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 12: 8, 16: 8}
"""Bytes of TIFF's types of values."""
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}
_KINDS = {(1, 8): "u1", (1, 16): "u2", (1, 32): "u4", (2, 16): "i2", (2, 32): "i4", (3, 32): "f4", (3, 64): "f8"}
"""numpy's names by sample format and bits."""
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _PREDICTOR, _FORMAT = 256, 257, 258, 259, 277, 317, 339
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_PIXEL_SCALE, _TIEPOINT, _GEO_KEYS, _NO_DATA = 33550, 33922, 34735, 42113
_RASTER_TYPE_KEY, _POINT = 1025, 2
_PLAIN, _DEFLATED = 1, {8, 32946}


class RasterError(Exception):
    """A file that cannot be read as a raster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Where the posts of a raster are: on a grid of longitudes and latitudes, the first row in the north."""

    west: float
    """Longitude of the first column's posts, degrees."""
    north: float
    """Latitude of the first row's posts."""
    step_x: float
    """Degrees eastwards from post to post."""
    step_y: float
    """Degrees southwards."""
    columns: int
    rows: int


class GeoTiff:
    """An open file. Not for several threads at a time."""

    def __init__(self, path: Path) -> None:
        """Read what the file says of itself.

        Raises:
            RasterError: it is no GeoTIFF that is read here.
            OSError: it cannot be opened.
        """
        self._file: BinaryIO = path.open("rb")
        try:
            self._tags = _Tags(self._file)
            self._read_layout()
            self.lattice = self._read_lattice()
        except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
            self._file.close()
            raise RasterError("the file's tags make no sense") from error
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of a block."""
        return self._block_rows, self._block_columns

    def block(self, row: int, column: int) -> "Block":
        """One block as numbers, NaN where the file has no data; the part of it that is within the raster.

        Args:
            row: counted in blocks from the north.
            column: counted in blocks from the west.

        Raises:
            RasterError: it is damaged, or not what the tags say.
        """
        import numpy as np

        index = row * self._across + column
        offset, length = self._offsets[index], self._lengths[index]
        height = min(self._block_rows, self.lattice.rows - row * self._block_rows)
        width = min(self._block_columns, self.lattice.columns - column * self._block_columns)
        stored_rows = self._block_rows if self._is_tiled else height
        if offset == 0 or length == 0:  # sparse: a block without data
            return np.full((height, width), np.nan, np.float32)
        expected = stored_rows * self._block_columns * self._item
        data = self._inflated(offset, length, expected)
        if len(data) != expected:
            raise RasterError("a block is shorter than its size says")
        numbers = self._predicted(data, stored_rows)[:height, :width].astype(np.float32)
        if self._no_data is not None:
            numbers[numbers == np.float32(self._no_data)] = np.nan
        return numbers

    def _read_layout(self) -> None:
        tags = self._tags
        self._columns, self._rows = tags.whole(_WIDTH), tags.whole(_HEIGHT)
        if not (0 < self._columns <= MOST_SIDE and 0 < self._rows <= MOST_SIDE):
            raise RasterError("the raster is too large")
        if tags.whole(_SAMPLES, 1) != 1:
            raise RasterError("the raster has several bands")
        kind = _KINDS.get((tags.whole(_FORMAT, 1), tags.whole(_BITS, 1)))
        if kind is None:
            raise RasterError("the raster's numbers are of an unknown kind")
        self._kind, self._item = tags.order + kind, int(kind[1])
        self._compression, self._predictor = tags.whole(_COMPRESSION, _PLAIN), tags.whole(_PREDICTOR, 1)
        if self._compression != _PLAIN and self._compression not in _DEFLATED:
            raise RasterError("the raster is compressed in an unknown way")
        if self._predictor not in {1, 3 if kind[0] == "f" else 2}:
            raise RasterError("the raster has an unknown predictor")
        self._is_tiled = _TILE_OFFSETS in tags
        if self._is_tiled:
            self._block_columns, self._block_rows = tags.whole(_TILE_WIDTH), tags.whole(_TILE_HEIGHT)
            places = _TILE_OFFSETS, _TILE_BYTES
        else:
            self._block_columns = self._columns
            self._block_rows = min(tags.whole(_ROWS_PER_STRIP, self._rows), self._rows)
            places = _STRIP_OFFSETS, _STRIP_BYTES
        if not (0 < self._block_columns <= MOST_SIDE and 0 < self._block_rows <= MOST_SIDE):
            raise RasterError("the raster's blocks are too large")
        if self._block_columns * self._block_rows * self._item > MOST_BLOCK_BYTES:
            raise RasterError("the raster's blocks are too large")
        self._across = -(-self._columns // self._block_columns)
        count = self._across * -(-self._rows // self._block_rows)
        if count > MOST_BLOCKS:
            raise RasterError("the raster has too many blocks")
        self._offsets, self._lengths = (tuple(int(value) for value in tags.values(place)) for place in places)
        if len(self._offsets) != count or len(self._lengths) != count:
            raise RasterError("the raster does not have all of its blocks")
        said = tags.text(_NO_DATA)
        try:
            self._no_data = float(said) if said else None
        except ValueError:
            self._no_data = None

    def _read_lattice(self) -> Lattice:
        scale, tie = self._tags.values(_PIXEL_SCALE), self._tags.values(_TIEPOINT)
        if len(scale) < 2 or len(tie) != 6 or not all(map(isfinite, (*scale, *tie))):
            raise RasterError("the raster does not say where it is")
        if not (0 < scale[0] <= 10 and 0 < scale[1] <= 10):
            raise RasterError("the raster is not in degrees")
        keys = self._tags.values(_GEO_KEYS) if _GEO_KEYS in self._tags else ()
        types = [keys[place + 3] for place in range(4, len(keys) - 3, 4) if keys[place] == _RASTER_TYPE_KEY]
        # of an area the tie is a corner, and the number stands in the middle
        aside = 0.0 if types[:1] == [_POINT] else 0.5
        west, north = tie[3] + (aside - tie[0]) * scale[0], tie[4] - (aside - tie[1]) * scale[1]
        if not (abs(west) <= 361 and abs(north) <= 91):
            raise RasterError("the raster is not in degrees")
        return Lattice(west=west, north=north, step_x=scale[0], step_y=scale[1], columns=self._columns, rows=self._rows)

    def _inflated(self, offset: int, length: int, expected: int) -> bytes:
        """The bytes of a block; never more than it may have."""
        if self._compression == _PLAIN:
            length = min(length, expected)
        if length > 2 * MOST_BLOCK_BYTES:
            raise RasterError("a block is too large")
        self._file.seek(offset)
        data = self._file.read(length)
        if self._compression == _PLAIN:
            return data
        try:
            return zlib.decompressobj().decompress(data, expected)
        except zlib.error as error:
            raise RasterError("a block is damaged") from error

    def _predicted(self, data: bytes, rows: int) -> "NDArray[Any]":
        """The numbers, after the predictor is undone."""
        import numpy as np

        columns = self._block_columns
        if self._predictor == 3:
            # each row: the bytes of one rank of all numbers after another, most significant first, as differences
            mixed = np.frombuffer(data, np.uint8).reshape(rows, columns * self._item)
            summed = np.cumsum(mixed, axis=1, dtype=np.uint8).reshape(rows, self._item, columns)
            ordered = np.ascontiguousarray(summed.transpose(0, 2, 1))
            return ordered.view(f">f{self._item}").reshape(rows, columns)
        numbers = np.frombuffer(data, self._kind).reshape(rows, columns)
        if self._predictor == 2:
            numbers = np.cumsum(numbers, axis=1, dtype=numbers.dtype.newbyteorder("="))
        return numbers


class _Tags:
    """The entries of a file's first directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(16)
        orders = {b"II": "<", b"MM": ">"}
        if head[:2] not in orders:
            raise RasterError("the file is no TIFF")
        self.order = orders[head[:2]]
        version = self._numbers("H", head[2:4])[0]
        if version == 42:
            self._is_big, start = False, self._numbers("I", head[4:8])[0]
        elif version == 43:
            self._is_big, start = True, self._numbers("Q", head[8:16])[0]
        else:
            raise RasterError("the file is no TIFF")
        self._entries = self._read(start)

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def values(self, tag: int) -> tuple[Any, ...]:
        """All numbers of an entry.

        Raises:
            RasterError: there is none, or it is too long.
        """
        if tag not in self._entries:
            raise RasterError("the file lacks an entry")
        kind, count, field = self._entries[tag]
        code = _CODES.get(kind)
        if code is None:
            raise RasterError("an entry is of an unknown kind")
        return self._numbers(f"{count}{code}", self._bytes(kind, count, field))

    def whole(self, tag: int, default: int | None = None) -> int:
        """The first number of an entry."""
        if default is not None and tag not in self._entries:
            return default
        return int(self.values(tag)[0])

    def text(self, tag: int) -> str:
        """An entry of text; empty where there is none."""
        if tag not in self._entries:
            return ""
        kind, count, field = self._entries[tag]
        if kind != 2:
            return ""
        return self._bytes(kind, count, field).partition(b"\0")[0].decode("ascii", "replace").strip()

    def _read(self, start: int) -> Mapping[int, tuple[int, int, bytes]]:
        self._file.seek(start)
        count = self._numbers("Q" if self._is_big else "H", self._file.read(8 if self._is_big else 2))[0]
        if count > MOST_ENTRIES:
            raise RasterError("the file has too many entries")
        size = 20 if self._is_big else 12
        data = self._file.read(size * count)
        found = {}
        for place in range(0, size * count, size):
            entry = data[place : place + size]
            tag, kind = self._numbers("HH", entry[:4])
            number = self._numbers("Q" if self._is_big else "I", entry[4 : 12 if self._is_big else 8])[0]
            found[tag] = (kind, number, entry[12 if self._is_big else 8 :])
        return found

    def _bytes(self, kind: int, count: int, field: bytes) -> bytes:
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= MOST_VALUES_BYTES:
            raise RasterError("an entry is too long")
        if size <= len(field):
            return field[:size]
        self._file.seek(self._numbers("Q" if self._is_big else "I", field)[0])
        return self._file.read(size)

    def _numbers(self, code: str, data: bytes) -> tuple[Any, ...]:
        return struct.unpack(self.order + code, data)
