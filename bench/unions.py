"""The ground that thousands of photos show together: by tiles, beside one big union.

    python bench/unions.py [--photos 1000 5000] [--added 50]

Nothing is stored and nothing is asserted. See `bench/README.md`.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import shapely  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ofh.domain.coverage.coverage import coverage_of  # noqa: E402
from ofh.domain.coverage.lens import Intrinsics  # noqa: E402
from ofh.domain.coverage.pose import CameraPose  # noqa: E402
from ofh.domain.covered_ground import Box, Tile, area_m2, dissolve, grow, read_shapes, shape_of, tiles_of  # noqa: E402
from ofh.domain.geodesy import offset  # noqa: E402

PLACE = (9.9539, 50.498)
SPACING_M = 30.0
"""Between two photos of a line, and between two lines."""

Photo = tuple[Any, Box]
Tiles = dict[Tile, Any]


def photos(number: int) -> list[Photo]:
    """A survey from 80 m in lines, straight down; every twentieth photo looks across the land at 25 degrees."""
    random = Random(1)
    lens = Intrinsics(width=4000, height=3000, fx=2773.5, fy=2773.5, cx=2000, cy=1500)
    side = int(number**0.5)
    made: list[Photo] = []
    for n in range(number):
        longitude, latitude = offset(*PLACE, east_m=n % side * SPACING_M, north_m=n // side * SPACING_M)
        pose = CameraPose(
            latitude=latitude,
            longitude=longitude,
            absolute_altitude=480 + random.gauss(0, 1),
            relative_altitude=80 + random.gauss(0, 1),
            yaw=random.gauss(20, 3),
            pitch=-25 if n % 20 == 7 else -90 + random.gauss(0, 1),
            roll=0,
            lens=lens,
        )
        found = coverage_of(pose)
        kept = shape_of([(point.longitude, point.latitude) for point in found.outer])
        assert kept is not None
        made.append((read_shapes([kept[0]])[0], kept[1]))
    return made


def put(tiles: Tiles, added: Sequence[Photo]) -> None:
    """Unite photos with their tiles."""
    members: dict[Tile, list[Any]] = {}
    for shape, box in added:
        for tile in tiles_of(box):
            members.setdefault(tile, []).append(shape)
    for tile, shapes in members.items():
        tiles[tile] = grow(tile, np.array(shapes, dtype=object), tiles.get(tile))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU milliseconds, and what came of it."""
    begun = time.process_time()
    found = work()
    return (time.process_time() - begun) * 1_000, found


def row(name: str, ms: float, per: str, beside: float | None = None) -> None:
    """A line of the table."""
    print(f"    {name:<58}{ms:>10.1f} {per:<12}{'' if beside is None else f'{ms / beside:>8.3f}×'}")


def measure(number: int, added: int) -> None:
    """All rows for so many photos."""
    taken = photos(number + added)
    first, later = taken[:number], taken[number:]
    print(f"\n{number} photos, then {added} more one by one")
    shapes = np.array([shape for shape, _ in first], dtype=object)

    whole_ms, whole = timed(lambda: shapely.union_all(shapes))
    row("one big union", whole_ms, "ms CPU", whole_ms)
    tiles: Tiles = {}
    ms, _ = timed(lambda: put(tiles, first))
    row(f"tiles, all at once ({len(tiles)} of them)", ms, "ms CPU", whole_ms)
    dissolve_ms, covered = timed(lambda: dissolve(list(tiles.values())))
    row("tiles made one area, checked, rounded, as GeoJSON", dissolve_ms, "ms CPU", whole_ms)
    one_by_one: Tiles = {}
    ms, _ = timed(lambda: [put(one_by_one, [photo]) for photo in first])
    row("tiles, one photo at a time", ms / number, "ms a photo")

    again, onto, single = [], [], []
    union = whole
    for count, photo in enumerate(later, 1):
        so_far = np.array([shape for shape, _ in taken[: number + count]], dtype=object)
        if count <= 5:  # each takes as long
            again.append(timed(lambda so_far=so_far: shapely.union_all(so_far))[0])
        ms, union = timed(lambda union=union, photo=photo: shapely.union(union, photo[0]))
        onto.append(ms)
        single.append(timed(lambda photo=photo: put(tiles, [photo]))[0])
    beside = statistics.median(again)
    row("one more photo: the big union anew", beside, "ms a photo", beside)
    row("one more photo: onto the big union that is held", statistics.median(onto), "ms a photo", beside)
    row("one more photo: its tiles", statistics.median(single), "ms a photo", beside)
    ms, covered = timed(lambda: dissolve(list(tiles.values())))
    row("one more photo: its tiles, and one area of all tiles", statistics.median(single) + ms, "ms a photo", beside)

    everything = np.array([shape for shape, _ in taken], dtype=object)
    wanted = area_m2(shapely.union_all(everything))
    print(
        f"    {covered.area_m2 / 1e6:.3f} km2, {sum(len(p) for p in covered.geojson['coordinates'])} rings;"
        f" the big union has {(wanted - covered.area_m2) / wanted:+.1e} of it more"
    )
    row("a photo removed: its tiles from their other photos", _remove(tiles, taken), "ms a photo", beside)


def _remove(tiles: Tiles, taken: Sequence[Photo]) -> float:
    """A photo from the middle goes: the tiles that it touched are made anew."""
    gone = taken[len(taken) // 2]
    touched = set(tiles_of(gone[1]))
    members: dict[Tile, list[Any]] = {tile: [] for tile in touched}
    for photo in taken:
        if photo is not gone:
            for tile in touched & set(tiles_of(photo[1])):
                members[tile].append(photo[0])
    left = {tile: np.array(shapes, dtype=object) for tile, shapes in members.items() if shapes}
    return timed(lambda: [grow(tile, shapes) for tile, shapes in left.items()])[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--added", type=int, default=50)
    given = parser.parse_args()
    print(f"shapely {shapely.__version__}, GEOS {shapely.geos_version_string}, {datetime.now(UTC):%Y-%m-%d}")
    for number in given.photos:
        measure(number, given.added)


if __name__ == "__main__":
    main()
