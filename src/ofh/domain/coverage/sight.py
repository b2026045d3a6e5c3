"""What a camera sees along a bearing: ground at a distance, how steeply one looks at it, and where it is.

A vertical plane through the camera holds all rays of one bearing. In it the ellipsoid is the circle of its curvature in
that direction (Euler's formula), which is exact to 0.02 mm at 5 km and 0.2 m at 100 km. Distances are along the
ellipsoid between foot points, bearings clockwise from true north, both as a geodesic has them. A slope is the height of
a point over its horizontal distance, both as the camera sees them: the tangent of its elevation angle.

Refraction makes the circle's curvature 1/R at the camera's height (1 - k)/R and leaves distances as they are.
"""

from math import cos, pi, radians, sin
from typing import TYPE_CHECKING

import numpy as np

from ofh.domain.geodesy import FLATTENING, SEMI_MAJOR_AXIS_M

from .earth import ECCENTRICITY_SQUARED, radii_of_curvature

if TYPE_CHECKING:
    from .ground import Floats

_SEMI_MINOR_AXIS_M = SEMI_MAJOR_AXIS_M * (1 - FLATTENING)
_DEGREE = 180 / pi
_POLAR_DEG = 88.0
"""No range reaches a pole from below that latitude."""
_SECOND_ECCENTRICITY_SQUARED = ECCENTRICITY_SQUARED / (1 - ECCENTRICITY_SQUARED)


class Sight:
    """A camera's place on the earth. Bearings are radians, everything else metres, arrays that broadcast."""

    def __init__(self, longitude: float, latitude: float, altitude: float, refraction: float = 0.0) -> None:
        self.longitude, self.latitude, self.altitude = longitude, latitude, altitude
        self.straightness = 1 - refraction
        self._meridian, self._parallel = radii_of_curvature(latitude)
        self._sin, self._cos = sin(radians(latitude)), cos(radians(latitude))
        self._axis_distance = self._parallel * self._cos
        self._axis_height = self._parallel * (1 - ECCENTRICITY_SQUARED) * self._sin

    def radius(self, bearing: "Floats") -> "Floats":
        """The ellipsoid's radius of curvature at the foot point in a direction."""
        east = np.sin(bearing)
        return 1 / (1 / self._meridian + (east * east) * (1 / self._parallel - 1 / self._meridian))

    def place(self, bearing: "Floats", distance: "Floats", elevation: "Floats") -> "tuple[Floats, Floats]":
        """How far away and how high above the camera a point of the ground is seen."""
        radius = self.radius(bearing)
        level = (radius + self.altitude) / self.straightness
        angle = distance * (self.straightness / radius)
        above = elevation - self.altitude
        half = np.sin(angle / 2)
        return (level + above) * np.sin(angle), above - (2 * (level + above)) * (half * half)

    def slope(self, bearing: "Floats", distance: "Floats", elevation: "Floats") -> "Floats":
        """How steeply one looks up at a point of the ground; the distance must not be 0."""
        along, up = self.place(bearing, distance, elevation)
        return up / along

    def distance(self, bearing: "Floats", slope: "Floats", elevation: "Floats") -> "Floats":
        """Where a ray meets a surface parallel to the ellipsoid, below the camera; inf where it does not.

        A slope of -inf is straight down.
        """
        radius = self.radius(bearing)
        level = (radius + self.altitude) / self.straightness
        height = self.altitude - elevation
        with np.errstate(invalid="ignore", over="ignore"):
            cosine = 1 / np.hypot(1, slope)
            sine = np.where(np.isinf(slope), np.sign(slope), slope * cosine)
            span = height * (2 * level - height)
            root = np.sqrt((level * sine) ** 2 - span)
            length = span / (root - level * sine)
            angle = np.arctan2(length * cosine, level + length * sine)
        found = angle * (radius / self.straightness)
        return np.where((sine < 0) & np.isfinite(found), found, np.inf)

    def horizon(self, bearing: "Floats", elevation: float) -> "Floats":
        """How far one sees over a surface parallel to the ellipsoid."""
        radius = self.radius(bearing)
        level = (radius + self.altitude) / self.straightness
        ratio = np.clip((self.altitude - elevation) / (2 * level), 0, 1)
        return 2 * np.arcsin(np.sqrt(ratio)) * (radius / self.straightness)

    def position(self, bearing: "Floats", distance: "Floats") -> "tuple[Floats, Floats]":
        """Longitude and latitude, degrees, of a foot point. Longitudes are within 180° of the camera's."""
        radius = self.radius(bearing)
        angle = distance / radius
        square = angle * angle
        # sine and versed sine of less than a degree by their series, which is exact to the last digit there
        along = distance * (1 - square * (1 / 6) * (1 - square * (1 / 20)))
        up = (distance * angle) * (-0.5 + square * (1 / 24) * (1 - square * (1 / 30)))
        east, north = along * np.sin(bearing), along * np.cos(bearing)
        outward = self._axis_distance - self._sin * north + self._cos * up
        axial = self._axis_height + self._cos * north + self._sin * up
        from_axis = np.sqrt(outward * outward + east * east)
        # Bowring's formula, exact for a point on the ellipsoid; the reduced latitude by its sine and cosine
        sine, cosine = axial * SEMI_MAJOR_AXIS_M, from_axis * _SEMI_MINOR_AXIS_M
        scale = 1 / np.sqrt(sine * sine + cosine * cosine)
        sine, cosine = sine * scale, cosine * scale
        latitude = np.arctan(
            (axial + (_SECOND_ECCENTRICITY_SQUARED * _SEMI_MINOR_AXIS_M) * (sine * sine * sine))
            / (from_axis - (ECCENTRICITY_SQUARED * SEMI_MAJOR_AXIS_M) * (cosine * cosine * cosine))
        )
        # across a pole alone is the axis passed
        turn = np.arctan(east / outward) if abs(self.latitude) < _POLAR_DEG else np.arctan2(east, outward)
        return self.longitude + _DEGREE * turn, _DEGREE * latitude
