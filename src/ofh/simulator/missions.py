"""What a simulated aircraft flies: waypoints in metres around its take-off point, drawn from a random generator.

The same generator state gives the same mission. The ground is taken as flat; elevations stay below 120 m.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin
from random import Random

MANUAL, WAYLINE = 3, 5
"""DJI's mode codes for flying by hand and along a wayline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A place to fly to, and how."""

    east_m: float
    north_m: float
    """From the take-off point."""
    elevation_m: float
    """Above the take-off point."""
    speed_mps: float
    """Over ground, at most."""
    gimbal_pitch_deg: float
    stops: bool = False
    """The aircraft brakes here; otherwise it flies through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """One flight's task."""

    kind: str
    mode_code: int
    waypoints: tuple[Waypoint, ...]
    takes_photos: bool
    look_at: tuple[float, float] | None = None
    """East and north of the point that the nose keeps pointing at; None: the nose follows the course."""


def survey(random: Random) -> Mission:
    """Parallel lines over a rectangle, the camera straight down."""
    direction, bearing = random.uniform(0, 360), random.uniform(0, 360)
    start_m = random.uniform(60, 140)
    lines, length_m, spacing_m = random.randint(6, 9), random.uniform(120, 240), random.uniform(20, 32)
    elevation_m, speed_mps = random.uniform(60, 105), random.uniform(6, 9)
    origin = _polar(direction, start_m)
    waypoints = []
    for line in range(lines):
        ends = (0.0, length_m) if line % 2 == 0 else (length_m, 0.0)
        for along_m in ends:
            east_m, north_m = _turned(line * spacing_m, along_m, bearing)
            waypoints.append(
                Waypoint(
                    east_m=origin[0] + east_m,
                    north_m=origin[1] + north_m,
                    elevation_m=elevation_m,
                    speed_mps=speed_mps,
                    gimbal_pitch_deg=-90,
                    stops=True,
                )
            )
    return Mission(kind="survey", mode_code=WAYLINE, waypoints=tuple(waypoints), takes_photos=True)


def orbit(random: Random) -> Mission:
    """Circles around a point, flown by hand with the nose towards it."""
    centre = _polar(random.uniform(0, 360), random.uniform(90, 200))
    radius_m, elevation_m = random.uniform(40, 75), random.uniform(30, 60)
    rounds, speed_mps = random.randint(2, 3), random.uniform(4, 6.5)
    clockwise, points = random.choice((1, -1)), 24
    begin = degrees(atan2(-centre[0], -centre[1]))
    gimbal_pitch_deg = -degrees(atan2(elevation_m, radius_m))
    waypoints = []
    for index in range(points * rounds + 1):
        east_m, north_m = _polar(begin + clockwise * index * 360 / points, radius_m)
        waypoints.append(
            Waypoint(
                east_m=centre[0] + east_m,
                north_m=centre[1] + north_m,
                elevation_m=elevation_m,
                speed_mps=speed_mps,
                gimbal_pitch_deg=gimbal_pitch_deg,
                stops=index in {0, points * rounds},
            )
        )
    return Mission(kind="orbit", mode_code=MANUAL, waypoints=tuple(waypoints), takes_photos=False, look_at=centre)


def perimeter(random: Random) -> Mission:
    """Rounds along an irregular fence, the camera slightly down."""
    corners, rounds = random.randint(6, 9), random.randint(2, 6)
    elevation_m, speed_mps = random.uniform(40, 80), random.uniform(8, 12)
    centre = _polar(random.uniform(0, 360), random.uniform(40, 120))
    turn = random.uniform(0, 360)
    fence = [_polar(turn + index * 360 / corners, random.uniform(130, 300)) for index in range(corners)]
    waypoints = [
        Waypoint(
            east_m=centre[0] + east_m,
            north_m=centre[1] + north_m,
            elevation_m=elevation_m,
            speed_mps=speed_mps,
            gimbal_pitch_deg=-25,
        )
        for _ in range(rounds)
        for east_m, north_m in fence
    ]
    return Mission(kind="perimeter", mode_code=WAYLINE, waypoints=tuple(waypoints), takes_photos=False)


def corridor(random: Random) -> Mission:
    """Along a line with bends, and back on its other side."""
    bearing, legs = random.uniform(0, 360), random.randint(4, 6)
    elevation_m, speed_mps = random.uniform(50, 90), random.uniform(8, 11)
    bends = [(random.uniform(-40, 40), 60 + index * random.uniform(90, 120)) for index in range(legs)]
    out = [_turned(across_m - 12, along_m, bearing) for across_m, along_m in bends]
    back = [_turned(across_m + 12, along_m, bearing) for across_m, along_m in reversed(bends)]
    waypoints = [
        Waypoint(
            east_m=east_m,
            north_m=north_m,
            elevation_m=elevation_m,
            speed_mps=speed_mps,
            gimbal_pitch_deg=-60,
        )
        for east_m, north_m in (*out, *back)
    ]
    return Mission(kind="corridor", mode_code=WAYLINE, waypoints=tuple(waypoints), takes_photos=True)


KINDS: tuple[Callable[[Random], Mission], ...] = (survey, orbit, perimeter, corridor)
"""Every kind of mission; an aircraft has a favourite one and sometimes flies another."""


def distance_m(waypoint: Waypoint, east_m: float, north_m: float) -> float:
    """Along the ground plan."""
    return hypot(waypoint.east_m - east_m, waypoint.north_m - north_m)


def _polar(bearing_deg: float, radius_m: float) -> tuple[float, float]:
    angle = radians(bearing_deg)
    return radius_m * sin(angle), radius_m * cos(angle)


def _turned(right_m: float, ahead_m: float, bearing_deg: float) -> tuple[float, float]:
    """East and north of what lies so far ahead and to the right, looking along the bearing."""
    ahead, right = _polar(bearing_deg, ahead_m), _polar(bearing_deg + 90, right_m)
    return ahead[0] + right[0], ahead[1] + right[1]
