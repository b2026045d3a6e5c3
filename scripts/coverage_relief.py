"""Draw what one photo shows of hilly ground: docs/images/coverage-relief.png.

    python scripts/coverage_relief.py docs/images/coverage-relief.png

The hills are made up. Yellow ground is what the photo shows, by the hub's own computation; the holes in it are hidden
behind crests; dots are the points of `all`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ofh.domain.coverage.coverage import CoverageOptions, CoveragePoint, coverage_of
from ofh.domain.coverage.lens import Intrinsics
from ofh.domain.coverage.pose import CameraPose

SIZE = 900
METRES_PER_PIXEL = 2.2
LONGITUDE, LATITUDE = 12.9, 47.6
METRES_EAST, METRES_NORTH = 75_150.0, 111_190.0
"""Of a degree there."""
FOOT = (SIZE * 0.3, SIZE * 0.88)
"""Where the camera is in the drawing."""

Floats = NDArray[np.float64]


class Hills:
    """Waves across each other, with a ridge; metres."""

    post_m: float | None = None

    def elevations(self, longitudes: Floats, latitudes: Floats) -> Floats:
        x, y = (longitudes - LONGITUDE) * METRES_EAST, (latitudes - LATITUDE) * METRES_NORTH
        found = (
            600 + 14 * np.sin(x / 97 + y / 240) + 18 * np.cos(y / 131 - x / 310) + 9 * np.sin(x / 41) * np.cos(y / 53)
        )
        return np.asarray(found + 75 * np.exp(-(((y - 0.35 * x - 620) / 70) ** 2)) * np.exp(-(((x - 260) / 240) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    ground = Hills()
    below = float(ground.elevations(np.array([LONGITUDE]), np.array([LATITUDE]))[0])
    camera = CameraPose(
        longitude=LONGITUDE,
        latitude=LATITUDE,
        absolute_altitude=below + 110,
        relative_altitude=110,
        yaw=24,
        pitch=-16,
        roll=3,
        lens=Intrinsics(width=4000, height=3000, fx=2773.5, fy=2773.5, cx=2000, cy=1500),
    )
    found = coverage_of(camera, ground, CoverageOptions(max_range_m=1_450))
    relief = shaded(ground)
    mask = Image.new("L", (SIZE, SIZE), 0)
    draw = ImageDraw.Draw(mask)
    draw.polygon(drawn(found.outer), fill=150)
    for hole in found.holes:
        draw.polygon(drawn(hole), fill=0)
    picture = Image.composite(Image.new("RGB", (SIZE, SIZE), (255, 214, 92)), relief, mask)
    draw = ImageDraw.Draw(picture)
    draw.line(drawn(found.outer), fill=(176, 32, 32), width=4, joint="curve")
    for hole in found.holes:
        draw.line(drawn(hole), fill=(40, 40, 130), width=3, joint="curve")
    for x, y in drawn(found.all):
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=(20, 20, 20))
    x, y = FOOT
    draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=(176, 32, 32), outline=(255, 255, 255), width=2)
    picture.save(arguments.picture, optimize=True)
    print(f"{len(found.outer)} points, {len(found.holes)} holes, {len(found.all)} of the grid")


def drawn(points: Sequence[CoveragePoint]) -> list[tuple[float, float]]:
    """Points in the drawing, north up."""
    return [
        (
            FOOT[0] + (point.longitude - LONGITUDE) * METRES_EAST / METRES_PER_PIXEL,
            FOOT[1] - (point.latitude - LATITUDE) * METRES_NORTH / METRES_PER_PIXEL,
        )
        for point in points
    ]


def shaded(ground: Hills) -> Image.Image:
    """The relief with light from the north-west."""
    x, y = np.meshgrid(np.arange(SIZE) - FOOT[0], FOOT[1] - np.arange(SIZE))
    longitudes = LONGITUDE + x * METRES_PER_PIXEL / METRES_EAST
    posts = ground.elevations(longitudes, LATITUDE + y * METRES_PER_PIXEL / METRES_NORTH)
    south, east = np.gradient(posts, METRES_PER_PIXEL)
    light = (east * 0.5 + south * 0.5 + 0.9) / np.sqrt(1 + east**2 + south**2)
    grey = np.clip(60 + 160 * light, 0, 255)
    return Image.fromarray(np.stack([grey * 0.93, grey, grey * 0.88], axis=-1).astype(np.uint8))


if __name__ == "__main__":
    main()
