"""What lies on the ground around a fleet: marks that can be recognised in every photo, and a countryside about them.

Pure, and the same for the same place and seed. Points are metres east and north of the place; the ground is flat. The
marks are what photos are checked by, so their longitude and latitude are exact; fields, tracks, trees and barns are
there to look at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin
from random import Random

from ofh.domain.geodesy import local_offset, offset

from .camera import Pose

SPACING_M = 25.0
"""Between neighbouring marks."""
EACH_WAY = 40
"""So many rows and columns of marks lie on either side of the place."""
MARK_RADIUS_M = 2.6
COLOURS = ((214, 40, 57), (255, 140, 0), (250, 204, 21), (37, 99, 235), (147, 51, 234), (236, 72, 153), (6, 182, 212))

FIELD_M = 64.0
"""A field is about so long and so wide."""
_CROPS = (
    (104, 128, 62), (122, 143, 70), (88, 116, 58), (146, 152, 84), (178, 164, 98), (196, 178, 112), (134, 112, 78),
    (150, 126, 90), (96, 122, 72), (160, 160, 76),
)  # fmt: skip
_SHADOW = (58, 66, 46)

Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A numbered disc of `MARK_RADIUS_M`, its number upright when north is up."""

    number: str
    """Two digits of the column, counted eastwards, two of the row, counted northwards; 4040 is at the place."""
    longitude_deg: float
    latitude_deg: float
    colour: Colour


@lru_cache(maxsize=4)
def marks(place: Point, seed: int) -> tuple[Mark, ...]:
    """All marks around a place.

    Args:
        place: its longitude and latitude.
        seed: of the colours.
    """
    random = Random(f"{seed}:marks")  # noqa: S311 - nothing here is a secret
    made = []
    for column in range(-EACH_WAY, EACH_WAY + 1):
        for row in range(-EACH_WAY, EACH_WAY + 1):
            longitude_deg, latitude_deg = offset(*place, east_m=column * SPACING_M, north_m=row * SPACING_M)
            made.append(
                Mark(
                    number=f"{column + EACH_WAY:02}{row + EACH_WAY:02}",
                    longitude_deg=longitude_deg,
                    latitude_deg=latitude_deg,
                    colour=random.choice(COLOURS),
                )
            )
    return tuple(made)


def visible_marks(pose: Pose, place: Point, seed: int) -> dict[Mark, Point]:
    """The marks whose middle a photo shows, and where in the picture: u and v in pixels."""
    found = {}
    for mark in marks(place, seed):
        if (where := pose.locate(mark.longitude_deg, mark.latitude_deg)) is not None:
            found[mark] = where
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A coloured polygon."""

    points: tuple[Point, ...]
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A piece of the countryside; its parts in the order in which they are drawn."""

    soil: Shape
    furrows: tuple[Shape, ...]
    tracks: tuple[Shape, ...]
    ruts: tuple[Shape, ...]
    """In the tracks."""
    things: tuple[Shape, ...]
    """Trees and barns, their shadows first."""

    @property
    def middle(self) -> Point:
        """Of its corners."""
        corners = self.soil.points
        return sum(p[0] for p in corners) / len(corners), sum(p[1] for p in corners) / len(corners)


def fields(west_m: float, south_m: float, east_m: float, north_m: float, seed: int) -> Iterator[Field]:
    """The fields that may reach into a rectangle."""
    for column in range(int(west_m // FIELD_M) - 1, int(east_m // FIELD_M) + 2):
        for row in range(int(south_m // FIELD_M) - 1, int(north_m // FIELD_M) + 2):
            yield _field(column, row, seed)


def foot_point(pose: Pose, place: Point) -> Point:
    """Where on this ground the camera stands above."""
    return local_offset(*place, pose.longitude_deg, pose.latitude_deg)


@lru_cache(maxsize=512)
def _field(column: int, row: int, seed: int) -> Field:
    random = Random(f"{seed}:field:{column}:{row}")  # noqa: S311 - nothing here is a secret
    corners = tuple(_corner(column + x, row + y, seed) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
    # some fields are one with their neighbour to the east
    owner = column - column % 2 if Random(f"{seed}:{column // 2}:{row}").random() < 0.4 else column  # noqa: S311
    crop = Random(f"{seed}:crop:{owner}:{row}")  # noqa: S311
    soil, along_east = crop.choice(_CROPS), crop.random() < 0.5
    borders = []
    if column % 4 == 0:
        borders.append((corners[0], corners[3]))
    if row % 3 == 0:
        borders.append((corners[0], corners[1]))
    return Field(
        soil=Shape(points=corners, colour=soil),
        furrows=tuple(_furrows(corners, soil, along_east)),
        tracks=tuple(_tracks(borders)),
        ruts=tuple(_ruts(borders)),
        things=tuple(sorted(_things(random, corners), key=lambda shape: shape.colour != _SHADOW)),
    )


@lru_cache(maxsize=8192)
def _corner(column: int, row: int, seed: int) -> Point:
    random = Random(f"{seed}:corner:{column}:{row}")  # noqa: S311 - nothing here is a secret
    return column * FIELD_M + random.uniform(-15, 15), row * FIELD_M + random.uniform(-15, 15)


def _furrows(corners: tuple[Point, ...], soil: Colour, along_east: bool) -> Iterator[Shape]:
    """Stripes of a slightly other colour, about two metres wide."""
    a, b, c, d = corners if along_east else (corners[1], corners[2], corners[3], corners[0])
    stripes = 30
    for number in range(0, stripes, 2):
        low, high = number / stripes, (number + 1) / stripes
        shade = 7 if number % 4 else -7
        yield Shape(
            points=(_between(a, d, low), _between(b, c, low), _between(b, c, high), _between(a, d, high)),
            colour=_shaded(soil, shade),
        )


def _tracks(borders: list[tuple[Point, Point]]) -> Iterator[Shape]:
    """Farm tracks of pale ground, rounded where they bend."""
    for begin, end in borders:
        yield Shape(points=_strip(begin, end, 0.0, 2.3), colour=(188, 172, 138))
        for corner in (begin, end):
            yield Shape(points=circle(corner, 2.3), colour=(188, 172, 138))


def _ruts(borders: list[tuple[Point, Point]]) -> Iterator[Shape]:
    for begin, end in borders:
        for side_m in (-0.85, 0.85):
            yield Shape(points=_strip(begin, end, side_m, 0.35), colour=(160, 140, 108))


def _things(random: Random, corners: tuple[Point, ...]) -> Iterator[Shape]:
    kind = random.random()
    if kind < 0.30:  # a hedge along the border
        begin, end = corners[2], corners[3]
        for number in range(random.randint(6, 16)):
            at = _between(begin, end, (number + random.uniform(0.2, 0.8)) / 16)
            yield from _tree(random, (at[0] + random.uniform(-1.5, 1.5), at[1] - 4 + random.uniform(-1.5, 1.5)))
    elif kind < 0.40:  # a copse
        middle = _between(corners[0], corners[2], random.uniform(0.35, 0.65))
        for _ in range(random.randint(14, 30)):
            yield from _tree(random, (middle[0] + random.gauss(0, 8), middle[1] + random.gauss(0, 6)))
    elif kind < 0.52:  # single trees
        for _ in range(random.randint(1, 4)):
            yield from _tree(random, _between(corners[0], corners[2], random.uniform(0.15, 0.85)))
    elif kind < 0.58:
        yield from _barn(random, _between(corners[1], corners[3], random.uniform(0.3, 0.7)))


def _tree(random: Random, at: Point) -> Iterator[Shape]:
    radius = random.uniform(1.4, 3.6)
    green = random.randint(-12, 12)
    yield Shape(points=_round(random, (at[0] + 0.9 * radius, at[1] + 0.7 * radius), radius), colour=_SHADOW)
    yield Shape(points=_round(random, at, radius), colour=(52, 84 + green, 44))
    yield Shape(
        points=_round(random, (at[0] - 0.25 * radius, at[1] - 0.2 * radius), 0.6 * radius),
        colour=(74, 108 + green, 56),
    )


def _barn(random: Random, at: Point) -> Iterator[Shape]:
    turn, length, width = radians(random.uniform(0, 180)), random.uniform(7, 12), random.uniform(3.5, 5)
    roof = random.choice(((158, 74, 58), (120, 122, 128), (142, 92, 70)))

    def corner(along: float, across: float, shift: float = 0.0) -> Point:
        return (
            at[0] + along * cos(turn) - across * sin(turn) + shift,
            at[1] + along * sin(turn) + across * cos(turn) + 0.8 * shift,
        )

    outline = ((-length, -width), (length, -width), (length, width), (-length, width))
    yield Shape(points=tuple(corner(x, y, 2.2) for x, y in outline), colour=_SHADOW)
    yield Shape(points=tuple(corner(x, y) for x, y in outline), colour=roof)
    yield Shape(points=tuple(corner(x, max(y, 0)) for x, y in outline), colour=_shaded(roof, 22))


def _round(random: Random, at: Point, radius: float) -> tuple[Point, ...]:
    return tuple(
        (
            at[0] + radius * random.uniform(0.85, 1.1) * cos(radians(angle)),
            at[1] + radius * random.uniform(0.85, 1.1) * sin(radians(angle)),
        )
        for angle in range(0, 360, 36)
    )


def circle(at: Point, radius: float) -> tuple[Point, ...]:
    """Its corners, twelve of them."""
    return tuple((at[0] + radius * cos(radians(a)), at[1] + radius * sin(radians(a))) for a in range(0, 360, 30))


def _strip(begin: Point, end: Point, side_m: float, half_m: float) -> tuple[Point, ...]:
    """A band between two points, so far to the right of the line between them."""
    along = (end[0] - begin[0], end[1] - begin[1])
    length = (along[0] ** 2 + along[1] ** 2) ** 0.5
    right = (along[1] / length, -along[0] / length)
    near, far = side_m - half_m, side_m + half_m
    ends = ((begin, near), (begin, far), (end, far), (end, near))
    return tuple((point[0] + right[0] * by, point[1] + right[1] * by) for point, by in ends)


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _shaded(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(max(part + by, 0), 255) for part in colour)
    return red, green, blue
