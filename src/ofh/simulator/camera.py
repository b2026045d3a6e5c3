"""How a simulated camera sees flat ground: its place, its turn and its lens. Pure.

Frames and angles are DJI's: yaw clockwise from true north, pitch 0 level and -90 straight down, roll positive clockwise
about the line of sight; the rotation is yaw, then pitch, then roll, in north-east-down. In the picture u goes right and
v down, in pixels from the outer corner of the top left one. The lens is a pinhole in the middle of the picture.

Sizes and focal lengths of the cameras are those that DJI publishes, the calibrated ones from calibrations.
"""

from dataclasses import dataclass
from functools import cached_property
from math import cos, hypot, radians, sin

from ofh.domain.geodesy import SEMI_MAJOR_AXIS_M, local_offset

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """One lens of a payload, and the size of the pictures that the simulator makes of it."""

    suffix: str
    """The letter in the file's name."""
    source: str
    """`ImageSource` in DJI's metadata."""
    camera: str
    """EXIF `Model`."""
    focal_mm: float
    equivalent_mm: int
    """To 35 mm film, by the diagonal."""
    full_width: int
    full_focal_px: float
    """The focal length in pixels of a picture `full_width` wide."""
    width: int = 1280
    height: int = 960
    is_thermal: bool = False

    @property
    def focal_px(self) -> float:
        """In pixels of the picture that is made."""
        return self.full_focal_px * self.width / self.full_width


def _wide(suffix: str, camera: str, focal_mm: float, full_width: int, full_focal_px: float) -> Lens:
    return Lens(
        suffix=suffix,
        source="WideCamera",
        camera=camera,
        focal_mm=focal_mm,
        equivalent_mm=24,
        full_width=full_width,
        full_focal_px=full_focal_px,
    )


def _thermal(camera: str, focal_mm: float, equivalent_mm: int, width: int, height: int, focal_px: float) -> Lens:
    return Lens(
        suffix="T",
        source="InfraredCamera",
        camera=camera,
        focal_mm=focal_mm,
        equivalent_mm=equivalent_mm,
        full_width=width,
        full_focal_px=focal_px,
        width=width,
        height=height,
        is_thermal=True,
    )


LENSES: dict[int, tuple[Lens, ...]] = {
    52: (_wide("W", "M30", 4.5, 4000, 2773.5),),
    53: (_wide("W", "M30T", 4.5, 4000, 2773.5), _thermal("M30T", 9.1, 40, 640, 512, 758.3)),
    82: (_wide("W", "ZenmuseH30", 6.72, 8064, 5591.4),),
    83: (_wide("W", "ZenmuseH30T", 6.72, 8064, 5591.4), _thermal("ZenmuseH30T", 24.0, 52, 1280, 1024, 2000.0)),
    66: (_wide("V", "M3E", 12.29, 5280, 3713.3),),
    67: (_wide("V", "M3T", 4.4, 4000, 2737.0), _thermal("M3T", 9.1, 40, 640, 512, 758.3)),
    68: (_wide("D", "M3M", 12.29, 5280, 3659.7),),
    88: (_wide("V", "M4E", 12.29, 5280, 3713.8),),
    89: (_wide("V", "M4T", 6.72, 8064, 5591.4), _thermal("M4T", 12.0, 53, 640, 512, 1000.0)),
}
"""By the payload's type; what takes a picture at every shot."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A camera at the moment of a shot."""

    longitude_deg: float
    latitude_deg: float
    elevation_m: float
    """Above the ground, which is flat and follows the ellipsoid."""
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    width: int
    height: int
    focal_px: float

    @cached_property
    def axes(self) -> tuple[Vector, Vector, Vector]:
        """The camera's forward, right and down, each as east, north, down."""
        yaw, pitch, roll = radians(self.yaw_deg), radians(self.pitch_deg), radians(self.roll_deg)
        ahead = (cos(pitch) * sin(yaw), cos(pitch) * cos(yaw), -sin(pitch))
        right = (cos(yaw), -sin(yaw), 0.0)
        below = (sin(pitch) * sin(yaw), sin(pitch) * cos(yaw), cos(pitch))
        turned_right = _sum(_scaled(right, cos(roll)), _scaled(below, sin(roll)))
        turned_below = _sum(_scaled(below, cos(roll)), _scaled(right, -sin(roll)))
        return ahead, turned_right, turned_below

    def depth_m(self, east_m: float, north_m: float) -> float:
        """How far ahead of the camera, along its line of sight, a point of the ground lies; negative behind it.

        Args:
            east_m: from the camera's foot point; likewise `north_m`.
        """
        return _product(self.axes[0], (east_m, north_m, self._down_m(east_m, north_m)))

    def project(self, east_m: float, north_m: float) -> tuple[float, float] | None:
        """Where a point of the ground is in the picture, or beside it; None behind the camera."""
        point = (east_m, north_m, self._down_m(east_m, north_m))
        ahead, right, below = self.axes
        depth = _product(ahead, point)
        if depth <= 0:
            return None
        scale = self.focal_px / depth
        return self.width / 2 + _product(right, point) * scale, self.height / 2 + _product(below, point) * scale

    def locate(self, longitude_deg: float, latitude_deg: float) -> tuple[float, float] | None:
        """Where a place on the ground is in the picture; None where the picture does not show it."""
        found = self.project(*local_offset(self.longitude_deg, self.latitude_deg, longitude_deg, latitude_deg))
        if found is None or not (0 <= found[0] <= self.width and 0 <= found[1] <= self.height):
            return None
        return found

    def direction(self, u: float, v: float) -> Vector:
        """Where a pixel looks: east, north, down, of any length. Linear in u and v."""
        ahead, right, below = self.axes
        x, y = (u - self.width / 2) / self.focal_px, (v - self.height / 2) / self.focal_px
        return _sum(ahead, _sum(_scaled(right, x), _scaled(below, y)))

    def _down_m(self, east_m: float, north_m: float) -> float:
        """The ground's depth below the camera's horizontal plane: the earth falls away from it."""
        return self.elevation_m + (east_m * east_m + north_m * north_m) / (2 * SEMI_MAJOR_AXIS_M)


def ground_reach(pose: Pose, farthest_m: float) -> tuple[float, float, float, float]:
    """West, south, east and north ends of the ground in the picture, from the foot point, as far as it is asked for."""
    easts, norths = [], []
    for step in range(25):
        share = step / 24
        for u, v in (
            (share * pose.width, 0.0),
            (share * pose.width, float(pose.height)),
            (0.0, share * pose.height),
            (float(pose.width), share * pose.height),
        ):
            east, north, down = pose.direction(u, v)
            along = hypot(east, north)
            reach_m = farthest_m if down <= 0 else min(pose.elevation_m * along / down, farthest_m)
            if along > 0:
                easts.append(east / along * reach_m)
                norths.append(north / along * reach_m)
    return min(easts), min(norths), max(easts), max(norths)


def _product(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _sum(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _scaled(a: Vector, factor: float) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor
