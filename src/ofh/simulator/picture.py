"""The picture that a camera takes of the ground: drawn with Pillow, the same for the same pose, place and seed.

What is drawn is `ground.py`; how it comes into the picture is `camera.py`. The countryside is drawn as polygons at
twice the size and then halved, the marks are laid over it one by one, each turned into the picture as a small image.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import hypot
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from ofh.domain.geodesy import local_offset

from .camera import Pose, Vector, ground_reach
from .ground import MARK_RADIUS_M, Colour, Mark, Point, Shape, circle, fields, foot_point, visible_marks

FARTHEST_M = 1_500.0
"""Beyond this the ground is lost in haze."""
DETAILED_M = 450.0
"""Furrows, trees and barns are drawn up to here."""
NEAREST_M = 0.5
"""What is closer to the camera's own plane is cut off."""
_TWICE = 2
_SKY = ((64, 118, 186), (150, 188, 222), (204, 219, 228))
"""High up, halfway, at the horizon."""
_STRIP = 2048
"""Steps from straight up to straight down in what depends on the elevation angle alone."""
_SPRITE = 256
"""Pixels of a mark's image."""
_READABLE_PX = 22
"""A mark that is smaller shows its colour alone."""
_WHITE = (245, 245, 240)
_GRAIN = 512
"""Pixels of the repeating grain of the soil."""

Placed = tuple[Mark, Point]
"""A mark, and where it lies from the foot point, in metres east and north."""


def draw(pose: Pose, place: Point, seed: int, *, is_thermal: bool = False) -> Image.Image:
    """The picture, `pose.width` by `pose.height`."""
    foot = foot_point(pose, place)
    near, far = _marks(pose, place, seed)
    picture = _countryside(pose, foot, seed, far)
    picture = ImageChops.add(picture, _grain(pose, foot), 1, -128)
    for mark, where in near:
        _lay(picture, pose, mark, where)
    picture = _with_air(picture, pose)
    if is_thermal:
        return _warmth(picture)
    return ImageChops.multiply(picture, _vignette(pose.width, pose.height))


def _countryside(pose: Pose, foot: Point, seed: int, far: list[Placed]) -> Image.Image:
    canvas = Image.new("RGB", (pose.width * _TWICE, pose.height * _TWICE), (128, 140, 90))
    pen = ImageDraw.Draw(canvas)
    west, south, east, north = ground_reach(pose, FARTHEST_M)
    seen = list(fields(foot[0] + west, foot[1] + south, foot[0] + east, foot[1] + north, seed))
    near = [field for field in seen if _away(field.middle, foot) < DETAILED_M]
    for shapes in (
        [field.soil for field in seen],
        [shape for field in near for shape in field.furrows],
        [shape for field in seen for shape in field.tracks],
        [shape for field in near for shape in field.ruts],
        [shape for field in near for shape in field.things],
        [shape for mark, where in far for shape in _discs(mark, (where[0] + foot[0], where[1] + foot[1]))],
    ):
        for shape in shapes:
            corners = list(_projected(pose, foot, shape.points))
            if len(corners) >= 3 and _is_inside(corners, canvas.size):
                pen.polygon(corners, fill=shape.colour)
    return canvas.reduce(_TWICE)


def _projected(pose: Pose, foot: Point, points: Sequence[Point]) -> Iterator[Point]:
    """The corners of a polygon on the canvas; what reaches behind the camera is cut off."""
    local = [(east - foot[0], north - foot[1]) for east, north in points]
    depths = [pose.depth_m(*point) for point in local]
    for index, (point, depth) in enumerate(zip(local, depths, strict=True)):
        before, depth_before = local[index - 1], depths[index - 1]
        if (depth >= NEAREST_M) != (depth_before >= NEAREST_M):
            share = (NEAREST_M - depth_before) / (depth - depth_before)
            cut = (before[0] + (point[0] - before[0]) * share, before[1] + (point[1] - before[1]) * share)
            if (found := pose.project(*cut)) is not None:
                yield found[0] * _TWICE, found[1] * _TWICE
        if depth >= NEAREST_M and (found := pose.project(*point)) is not None:
            yield found[0] * _TWICE, found[1] * _TWICE


def _is_inside(corners: Sequence[Point], size: tuple[int, int]) -> bool:
    """Whether some of it may be on the canvas."""
    us, vs = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return max(us) >= 0 and max(vs) >= 0 and min(us) <= size[0] and min(vs) <= size[1]


def _away(a: Point, b: Point) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])


# The way from the picture back to the ground


def _to_plane(
    pose: Pose, origin: Point, per_m: float, middle: float, corner: tuple[int, int] = (0, 0)
) -> tuple[float, ...]:
    """Coefficients for Pillow: from a pixel of the picture to one of an image that lies on the ground, north up.

    Args:
        pose: the camera.
        origin: metres east and north of the foot point, where the image's middle lies.
        per_m: pixels of the image in a metre.
        middle: the middle of the image, in pixels.
        corner: what is taken as pixel (0, 0) of the picture.
    """
    first = pose.direction(*corner)
    per_u = _minus(pose.direction(corner[0] + 1, corner[1]), first)
    per_v = _minus(pose.direction(corner[0], corner[1] + 1), first)
    easts, norths, downs = ([part[axis] for part in (per_u, per_v, first)] for axis in range(3))
    height = pose.elevation_m * per_m
    x = [e * height + d * (middle - origin[0] * per_m) for e, d in zip(easts, downs, strict=True)]
    y = [-n * height + d * (middle + origin[1] * per_m) for n, d in zip(norths, downs, strict=True)]
    whole = downs[2] if abs(downs[2]) > 1e-9 else 1e-9
    return tuple(part / whole for part in (*x, *y, downs[0], downs[1]))


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


# The marks


def _marks(pose: Pose, place: Point, seed: int) -> tuple[list[Placed], list[Placed]]:
    """The marks with numbers to read, and those too far away for it."""
    near: list[Placed] = []
    far: list[Placed] = []
    for mark in visible_marks(pose, place, seed):
        where = local_offset(pose.longitude_deg, pose.latitude_deg, mark.longitude_deg, mark.latitude_deg)
        pixels = 2 * MARK_RADIUS_M * pose.focal_px / max(pose.depth_m(*where), NEAREST_M)
        (near if pixels >= _READABLE_PX else far).append((mark, where))
    return near, far


def _discs(mark: Mark, where: Point) -> tuple[Shape, Shape]:
    rim, disc = circle(where, MARK_RADIUS_M), circle(where, MARK_RADIUS_M * 0.8)
    return Shape(points=rim, colour=_WHITE), Shape(points=disc, colour=mark.colour)


def _lay(picture: Image.Image, pose: Pose, mark: Mark, where: Point) -> None:
    """Lay a mark over the picture."""
    east, north = where
    around = [(east + x * MARK_RADIUS_M, north + y * MARK_RADIUS_M) for x in (-1, 1) for y in (-1, 1)]
    corners = [found for point in around if (found := pose.project(*point)) is not None]
    if len(corners) < len(around):
        return
    us, vs = [corner[0] for corner in corners], [corner[1] for corner in corners]
    left, top = max(int(min(us)) - 1, 0), max(int(min(vs)) - 1, 0)
    right, bottom = min(int(max(us)) + 2, picture.width), min(int(max(vs)) + 2, picture.height)
    sprite = _fitting(mark.number, mark.colour, max(max(us) - min(us), max(vs) - min(vs)))
    turned = sprite.transform(
        (right - left, bottom - top),
        Image.Transform.PERSPECTIVE,
        _to_plane(pose, (east, north), sprite.width / (2 * MARK_RADIUS_M), sprite.width / 2, (left, top)),
        Image.Resampling.BICUBIC,
    )
    picture.paste(turned, (left, top), turned)


def _fitting(number: str, colour: Colour, pixels: float) -> Image.Image:
    """A mark's image, not much larger than it is needed, or turning it would pick single pixels."""
    halvings = 0
    while halvings < 4 and _SPRITE / 2 ** (halvings + 1) >= pixels:
        halvings += 1
    return _sprite(number, colour, halvings)


@lru_cache(maxsize=128)  # a quarter of a megabyte each
def _sprite(number: str, colour: Colour, halvings: int) -> Image.Image:
    if halvings:
        return _sprite(number, colour, 0).reduce(int(2**halvings))
    sprite = Image.new("RGBA", (_SPRITE, _SPRITE), (*colour, 0))
    pen = ImageDraw.Draw(sprite)
    pen.ellipse((2, 2, _SPRITE - 3, _SPRITE - 3), fill=(*_WHITE, 255))
    pen.ellipse((20, 20, _SPRITE - 21, _SPRITE - 21), fill=(*colour, 255))
    pen.polygon(((128, 24), (112, 54), (144, 54)), fill=(*_WHITE, 255))  # points north
    pen.rounded_rectangle((28, 88, _SPRITE - 29, 176), radius=18, fill=(*_WHITE, 255))
    font = ImageFont.load_default(88)
    pen.text((_SPRITE / 2, 132), number, fill=(24, 24, 24, 255), font=font, anchor="mm")
    return sprite


# Soil, air and glass


def _grain(pose: Pose, foot: Point) -> Image.Image:
    """Unevenness of the soil, grey 128 where there is none; it stays where it is from photo to photo."""
    fine = _soil(pose, foot, metres=0.25, tiles=4, contrast=44)
    coarse = _soil(pose, foot, metres=4.0, tiles=2, contrast=60)
    return ImageChops.add(fine, coarse, 1, -128).convert("RGB")


def _soil(pose: Pose, foot: Point, *, metres: float, tiles: int, contrast: int) -> Image.Image:
    tile_m = _GRAIN * metres
    tile, whole = _noise(contrast), Image.new("L", (_GRAIN * tiles, _GRAIN * tiles))
    for column in range(tiles):
        for row in range(tiles):
            whole.paste(tile, (column * _GRAIN, row * _GRAIN))
    west, south, east, north = ground_reach(pose, tile_m * tiles / 2)
    middle = [
        round((here + (low + high) / 2) / tile_m) * tile_m
        for here, low, high in zip(foot, (west, south), (east, north), strict=True)
    ]
    return whole.transform(
        (pose.width, pose.height),
        Image.Transform.PERSPECTIVE,
        _to_plane(pose, (middle[0] - foot[0], middle[1] - foot[1]), 1 / metres, whole.width / 2),
        Image.Resampling.BILINEAR,
        fillcolor=128,
    )


@lru_cache(maxsize=4)
def _noise(contrast: int) -> Image.Image:
    """A square of noise whose opposite edges fit."""
    random = Random("soil")  # noqa: S311 - nothing here is a secret
    layers = []
    for blur in (0.8, 2.5, 9.0):
        raw = Image.frombytes("L", (_GRAIN, _GRAIN), random.randbytes(_GRAIN * _GRAIN))
        around = Image.new("L", (_GRAIN * 3, _GRAIN * 3))
        for column in range(3):
            for row in range(3):
                around.paste(raw, (column * _GRAIN, row * _GRAIN))
        smooth = around.filter(ImageFilter.GaussianBlur(blur)).crop((_GRAIN, _GRAIN, 2 * _GRAIN, 2 * _GRAIN))
        layers.append(ImageOps.autocontrast(smooth, cutoff=0.5))
    mixed = Image.blend(Image.blend(layers[0], layers[1], 0.5), layers[2], 0.4)
    return mixed.point([round(128 + (value - 128) * contrast / 128) for value in range(256)])


def _with_air(picture: Image.Image, pose: Pose) -> Image.Image:
    """The sky, and haze towards the horizon."""
    if all(pose.direction(u, v)[2] > _HAZE_BELOW for u in (0, pose.width) for v in (0, pose.height)):
        return picture
    sky, haze = _air()
    first = pose.direction(0, 0)[2]
    per_u, per_v = pose.direction(1, 0)[2] - first, pose.direction(0, 1)[2] - first
    scale = _STRIP / (2 * _STEEPEST)
    way = (0.0, 0.0, 0.5, per_u * scale, per_v * scale, (first + _STEEPEST) * scale)
    size = (pose.width, pose.height)
    above, mask = (
        strip.transform(size, Image.Transform.AFFINE, way, Image.Resampling.NEAREST) for strip in (sky, haze)
    )
    return Image.composite(above, picture, mask)


_HAZE_BELOW = 0.55
"""Where a line of sight falls by more than this, of one ahead, the air is clear."""
_STEEPEST = 3.0
"""No line of sight rises or falls by more than this, of one ahead."""


@lru_cache(maxsize=1)
def _air() -> tuple[Image.Image, Image.Image]:
    """Colour of the air and how much of it there is, from straight up to straight down."""
    sky, haze = Image.new("RGB", (1, _STRIP)), Image.new("L", (1, _STRIP))
    for step in range(_STRIP):
        fall = (step + 0.5) / _STRIP * 2 * _STEEPEST - _STEEPEST
        rise = min(max(-fall / 0.6, 0.0), 1.0)
        low, high, share = (_SKY[2], _SKY[1], rise * 2) if rise < 0.5 else (_SKY[1], _SKY[0], rise * 2 - 1)
        sky.putpixel((0, step), tuple(round(a + (b - a) * share) for a, b in zip(low, high, strict=True)))
        clear = min(max(fall / _HAZE_BELOW, 0.0), 1.0)
        haze.putpixel((0, step), round(255 * (1 - clear) ** 5))
    return sky, haze


@lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> Image.Image:
    """A lens lets less light into the corners."""
    bright = Image.radial_gradient("L").point([255 - round(34 * (value / 255) ** 2) for value in range(256)])
    return bright.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")


def _warmth(picture: Image.Image) -> Image.Image:
    """As a thermal camera shows it, white hot: bare and bright ground is warm, trees are cool."""
    grey = ImageOps.autocontrast(picture.getchannel("R"), cutoff=1)
    return grey.filter(ImageFilter.GaussianBlur(0.7)).convert("RGB")
