"""Rasters for tests, written by the book: SRTM's `.hgt` and tiled or striped GeoTIFF."""

import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


def write_hgt(path: Path, posts: NDArray[Any]) -> Path:
    """Rows from the north, whole metres."""
    path.write_bytes(np.asarray(posts).astype(">i2").tobytes())
    return path


def write_geotiff(
    path: Path,
    posts: NDArray[Any],
    *,
    west: float,
    north: float,
    step_x: float,
    step_y: float,
    tile: int | None = 256,
    is_point: bool = False,
    predictor: int = 3,
    is_deflated: bool = True,
    order: Literal["<", ">"] = "<",
    no_data: str | None = None,
) -> Path:
    """A raster whose north-western corner, or with `is_point` whose first post, is at (west, north)."""
    posts = np.asarray(posts)
    is_float = posts.dtype.kind == "f"
    item = posts.dtype.itemsize
    rows, columns = posts.shape
    high, wide = (tile, tile) if tile else (64, columns)
    blocks = []
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            part = posts[top : top + high, left : left + wide]
            if tile:
                part = np.pad(part, ((0, high - part.shape[0]), (0, wide - part.shape[1])), mode="edge")
            if predictor == 3:
                planes = part.astype(f">f{item}").view(np.uint8).reshape(*part.shape, item).transpose(0, 2, 1)
                flat = np.ascontiguousarray(planes).reshape(part.shape[0], -1)
                data = np.diff(flat, axis=1, prepend=np.uint8(0)).astype(np.uint8).tobytes()
            elif predictor == 2:
                data = (
                    np.diff(part, axis=1, prepend=part.dtype.type(0)).astype(part.dtype.newbyteorder(order)).tobytes()
                )
            else:
                data = part.astype(part.dtype.newbyteorder(order)).tobytes()
            blocks.append(zlib.compress(data, 1) if is_deflated else data)
    keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 2 if is_point else 1, 2048, 0, 1, 4326)
    entries: list[tuple[int, str, tuple[Any, ...]]] = [
        (256, "I", (columns,)),
        (257, "I", (rows,)),
        (258, "H", (8 * item,)),
        (259, "H", (8 if is_deflated else 1,)),
        (262, "H", (1,)),
        (277, "H", (1,)),
        (317, "H", (predictor,)),
        (339, "H", (3 if is_float else 2,)),
        (33550, "d", (step_x, step_y, 0.0)),
        (33922, "d", (0.0, 0.0, 0.0, west, north, 0.0)),
        (34735, "H", keys),
    ]
    lengths = tuple(map(len, blocks))
    if no_data is not None:
        entries.append((42113, "s", (no_data.encode() + b"\0",)))
    if tile:
        entries += [(322, "I", (wide,)), (323, "I", (high,)), (324, "I", ()), (325, "I", lengths)]
    else:
        entries += [(278, "I", (high,)), (273, "I", ()), (279, "I", lengths)]
    entries.sort()
    head = 8 + 2 + 12 * len(entries) + 4
    sizes = [len(blocks) * 4 if tag in (324, 273) else _size(code, values) for tag, code, values in entries]
    offsets, at = [], head + sum(size for size in sizes if size > 4)
    for length in lengths:
        offsets.append(at)
        at += length
    directory, beside, place = b"", b"", head
    for (tag, code, values), size in zip(entries, sizes, strict=True):
        values = tuple(offsets) if tag in (324, 273) else values
        count = len(values[0]) if code == "s" else len(values)
        data = values[0] if code == "s" else struct.pack(f"{order}{count}{code}", *values)
        kind = {"H": 3, "I": 4, "d": 12, "s": 2}[code]
        directory += struct.pack(f"{order}HHI", tag, kind, count)
        if size <= 4:
            directory += data.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}I", place)
            beside += data
            place += size
    magic = b"II" if order == "<" else b"MM"
    head_bytes = magic + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(entries))
    path.write_bytes(head_bytes + directory + b"\0\0\0\0" + beside + b"".join(blocks))
    return path


def _size(code: str, values: tuple[Any, ...]) -> int:
    return len(values[0]) if code == "s" else struct.calcsize(code) * len(values)
