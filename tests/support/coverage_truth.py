"""What a camera sees, found the slow way: rays marched through space, one sample after another.

Nothing of the hub's geometry is used: points are earth-centred, heights are found by iteration, distances are
Vincenty's. The lens' distortion is the formula of its definition.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from ofh.domain.coverage.coverage import CoverageOptions
from ofh.domain.coverage.ground import Ground
from ofh.domain.coverage.pose import CameraPose

from .coverage import A, B, F, Floats, direct, inverse

_E2 = F * (2 - F)
_EARTH_M = 6_371_000.0


@dataclass(frozen=True)
class Truth:
    """One camera over one ground."""

    pose: CameraPose
    ground: Ground
    options: CoverageOptions
    samples: int = 900

    def hits(self, u: Floats, v: Floats) -> tuple[np.ndarray, Floats]:
        """Which of these positions of the picture see ground in range, and where it is in the plane; (n, 2)."""
        x, y = self._directions(u, v)
        rays = np.stack([np.ones_like(x), x, y], axis=-1) @ self._axes().T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        farthest, up = self.options.max_range_m, self._up()
        level = np.sqrt(np.maximum(1 - (rays @ up) ** 2, 0))
        height = self.pose.absolute_altitude - self._below()
        reach = np.minimum(farthest * 1.02 / np.maximum(level, 1e-3), farthest * 40 + 2 * height)
        along = reach[:, None] * self._fractions()
        is_under = self._clearance(self._camera() + along[..., None] * rays[:, None, :]) <= 0
        first = is_under.argmax(axis=1)
        everyone = np.arange(len(x))
        is_hit = is_under[everyone, first]
        near = np.where(first > 0, along[everyone, np.maximum(first - 1, 0)], 0)
        far = along[everyone, first]
        for _ in range(40):
            middle = (near + far) / 2
            under = self._clearance(self._camera() + middle[:, None] * rays) <= 0
            near, far = np.where(under, near, middle), np.where(under, middle, far)
        longitudes, latitudes, _ = _geodetic(self._camera() + ((near + far) / 2)[:, None] * rays)
        distances, bearings = inverse(self.pose.longitude, self.pose.latitude, longitudes, latitudes)
        is_hit &= distances <= farthest
        return is_hit, np.stack([distances * np.sin(bearings), distances * np.cos(bearings)], axis=-1)

    def is_seen(self, points: Floats) -> np.ndarray:
        """Whether the ground at these points of the plane is in frame, in sight and in range."""
        distances, bearings = np.hypot(*points.T), np.arctan2(points[:, 0], points[:, 1])
        longitudes, latitudes = direct(self.pose.longitude, self.pose.latitude, bearings, distances)
        elevations = self.ground.elevations(longitudes, latitudes) + self._lift(distances)
        lines = _ecef(longitudes, latitudes, elevations) - self._camera()
        forward, right, down = (lines @ self._axes()).T
        lens = self.pose.lens
        x, y = right / forward, down / forward
        is_in_frame = forward > 0
        if lens.distortion is not None:
            d, q = lens.distortion, x * x + y * y
            radial = 1 + d.k1 * q + d.k2 * q**2 + d.k3 * q**3
            # beyond the fold of the formula it says nothing
            is_in_frame &= 1 + 3 * d.k1 * q + 5 * d.k2 * q**2 + 7 * d.k3 * q**3 > 0.02
            is_in_frame &= q < 4
            x, y = (
                x * radial + 2 * d.p1 * x * y + d.p2 * (q + 2 * x * x),
                y * radial + d.p1 * (q + 2 * y * y) + 2 * d.p2 * x * y,
            )
        u, v = x * lens.fx + lens.cx, y * lens.fy + lens.cy
        is_in_frame &= (u >= 0) & (u <= lens.width) & (v >= 0) & (v <= lens.height)
        between = self._camera() + self._fractions()[None, :-1, None] * lines[:, None, :]
        is_clear = (self._clearance(between) > -1e-6).all(axis=1)
        seen: np.ndarray = is_in_frame & is_clear & (distances <= self.options.max_range_m)
        return seen

    def _fractions(self) -> Floats:
        """Of a line's length: close together near the camera."""
        near = np.geomspace(1e-5, 0.02, self.samples // 4, endpoint=False)
        return np.concatenate([near, np.linspace(0.02, 1, self.samples)])

    def _directions(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """By fixed point, as the distortion's definition suggests."""
        lens = self.pose.lens
        xd, yd = (u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy
        if lens.distortion is None:
            return xd, yd
        d, x, y = lens.distortion, xd, yd
        for _ in range(400):
            q = x * x + y * y
            radial = 1 + d.k1 * q + d.k2 * q**2 + d.k3 * q**3
            x, y = (
                (xd - 2 * d.p1 * x * y - d.p2 * (q + 2 * x * x)) / radial,
                (yd - d.p1 * (q + 2 * y * y) - 2 * d.p2 * x * y) / radial,
            )
        return x, y

    def _camera(self) -> Floats:
        return _ecef(self.pose.longitude, self.pose.latitude, self.pose.absolute_altitude)

    def _below(self) -> float:
        at = np.array([self.pose.longitude]), np.array([self.pose.latitude])
        return float(self.ground.elevations(*at)[0])

    def _up(self) -> Floats:
        lon, lat = radians(self.pose.longitude), radians(self.pose.latitude)
        return np.array([cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)])

    def _axes(self) -> Floats:
        """The camera's axes as columns: forward, right, down."""
        lon, lat = radians(self.pose.longitude), radians(self.pose.latitude)
        north = [-sin(lat) * cos(lon), -sin(lat) * sin(lon), cos(lat)]
        east = [-sin(lon), cos(lon), 0.0]
        ned = np.stack([north, east, -self._up()], axis=1)
        y, p, r = radians(self.pose.yaw), radians(self.pose.pitch), radians(self.pose.roll)
        yaw = np.array([[cos(y), -sin(y), 0], [sin(y), cos(y), 0], [0, 0, 1]])
        pitch = np.array([[cos(p), 0, sin(p)], [0, 1, 0], [-sin(p), 0, cos(p)]])
        roll = np.array([[1, 0, 0], [0, cos(r), -sin(r)], [0, sin(r), cos(r)]])
        return np.asarray(ned @ yaw @ pitch @ roll)

    def _clearance(self, points: Floats) -> Floats:
        """Metres above the ground, which refraction lifts."""
        longitudes, latitudes, heights = _geodetic(points)
        lines = points - self._camera()
        level = (lines * lines).sum(axis=-1) - (lines @ self._up()) ** 2
        lift = self._lift(np.sqrt(np.maximum(level, 0)))
        return np.asarray(heights - self.ground.elevations(longitudes, latitudes) - lift)

    def _lift(self, distances: Floats) -> Floats:
        return np.asarray(self.options.refraction * distances**2 / (2 * _EARTH_M))


def _ecef(longitude: Floats | float, latitude: Floats | float, height: Floats | float) -> Floats:
    lon, lat = np.radians(longitude), np.radians(latitude)
    normal = A / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    level = (normal + height) * np.cos(lat)
    return np.stack([level * np.cos(lon), level * np.sin(lon), (normal * (1 - _E2) + height) * np.sin(lat)], axis=-1)


def _geodetic(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Longitude, latitude and height, by three rounds of Bowring's formula."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    from_axis = np.hypot(x, y)
    reduced = np.arctan2(z * A, from_axis * B)
    for _ in range(3):
        latitude = np.arctan2(
            z + (A * A - B * B) / B * np.sin(reduced) ** 3, from_axis - _E2 * A * np.cos(reduced) ** 3
        )
        reduced = np.arctan2(B * np.sin(latitude), A * np.cos(latitude))
    normal = A / np.sqrt(1 - _E2 * np.sin(latitude) ** 2)
    height = from_axis * np.cos(latitude) + z * np.sin(latitude) - A * A / normal
    return np.degrees(np.arctan2(y, x)), np.degrees(latitude), height
