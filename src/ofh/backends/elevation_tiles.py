"""The tiles of an elevation model: a degree square each, as SRTM and Copernicus give them out."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .geotiff import GeoTiff, Lattice, RasterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

VOID = -32_768
IMPOSSIBLE_M = 12_000
"""Whatever is farther from the geoid is no ground."""

Square = tuple[int, int]
"""A degree square by its south-west corner: latitude, longitude."""


class Tile(Protocol):
    lattice: Lattice

    def window(self, rows: range, columns: range) -> "Block":
        """Posts; NaN where they are void."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TileFile:
    path: Path
    size: int
    changed_ns: int


class HgtTile:
    """A tile of SRTM: whole metres, most significant byte first, posts on the degrees themselves."""

    def __init__(self, file: TileFile, square: Square) -> None:
        import numpy as np

        side = {1_201 * 1_201 * 2: 1_201, 3_601 * 3_601 * 2: 3_601}.get(file.size)
        if side is None:
            raise RasterError("the file has not the size of an SRTM tile")
        self._posts = np.memmap(file.path, ">i2", mode="r", shape=(side, side))
        step = 1 / (side - 1)
        self.lattice = Lattice(west=square[1], north=square[0] + 1, step_x=step, step_y=step, columns=side, rows=side)

    def window(self, rows: range, columns: range) -> "Block":
        import numpy as np

        posts = np.asarray(self._posts[_slice(rows), _slice(columns)])
        found = posts.astype(np.float32)
        found[posts == VOID] = np.nan
        return found

    def close(self) -> None:
        del self._posts


class TiffTile:
    """A tile as GeoTIFF, of which single blocks are read."""

    def __init__(self, file: TileFile, square: Square, blocks: "Blocks") -> None:
        self._tiff, self._blocks, self._square = GeoTiff(file.path), blocks, square
        self.lattice = found = self._tiff.lattice
        middle_x = found.west + found.step_x * (found.columns - 1) / 2
        middle_y = found.north - found.step_y * (found.rows - 1) / 2
        if abs(middle_x - square[1] - 0.5) > 0.1 or abs(middle_y - square[0] - 0.5) > 0.1:
            self._tiff.close()
            raise RasterError("the file is not where its name says")

    def window(self, rows: range, columns: range) -> "Block":
        import numpy as np

        high, wide = self._tiff.block_shape
        found = np.empty((len(rows), len(columns)), np.float32)
        for down in range(rows[0] // high, rows[-1] // high + 1):
            for along in range(columns[0] // wide, columns[-1] // wide + 1):
                block = self._block(down, along)
                picked_rows = np.array([row for row in rows if row // high == down])
                picked_columns = np.array([column for column in columns if column // wide == along])
                if not len(picked_rows) or not len(picked_columns):
                    continue
                top, left = rows.index(int(picked_rows[0])), columns.index(int(picked_columns[0]))
                found[top : top + len(picked_rows), left : left + len(picked_columns)] = block[
                    np.ix_(picked_rows - down * high, picked_columns - along * wide)
                ]
        return found

    def close(self) -> None:
        self._tiff.close()

    def _block(self, down: int, along: int) -> "Block":
        import numpy as np

        key = (self._square, down, along)
        block = self._blocks.get(key)
        if block is None:
            block = self._tiff.block(down, along)
            with np.errstate(invalid="ignore"):
                block[~(np.abs(block) < IMPOSSIBLE_M)] = np.nan
            self._blocks.put(key, block)
        return block


class Blocks:
    """Inflated blocks, those used last."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[tuple[Square, int, int], Block] = OrderedDict()

    def get(self, key: tuple[Square, int, int]) -> "Block | None":
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: tuple[Square, int, int], block: "Block") -> None:
        self._kept[key] = block
        self._bytes += block.nbytes
        while self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop, numbers.step)
