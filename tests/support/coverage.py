"""Vectors of ground coverage: their grounds, their photos, and the plane in which outlines are compared.

Geodesics are Vincenty's here, so that nothing is checked against the formulas of the hub.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ofh.domain.coverage.coverage import Coverage, CoveragePoint
from ofh.domain.coverage.ground import FlatGround, Ground
from ofh.domain.coverage.inputs import PhotoFacts, TakeOff, Telemetry
from ofh.domain.coverage.lens import Distortion, Intrinsics
from ofh.domain.coverage.pose import CameraPose

Floats = NDArray[np.float64]
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "coverage-vectors.json"
CAMERAS = VECTORS.with_name("coverage-cameras.json")

A, F = 6_378_137.0, 1 / 298.257223563
B = A * (1 - F)


def read_vectors(path: Path = VECTORS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


# Grounds


@dataclass(frozen=True)
class Formula:
    """A plane or a ridge, known everywhere."""

    said: Mapping[str, Any]
    post_m: float | None = None

    def elevations(self, longitudes: Floats, latitudes: Floats) -> Floats:
        said = self.said
        x = _wrapped(np.asarray(longitudes) - said["lon0"]) * said["m_per_deg_lon"]
        y = (np.asarray(latitudes) - said["lat0"]) * said["m_per_deg_lat"]
        if said["type"] == "plane":
            return np.asarray(said["z0"] + said["slope_x"] * x + said["slope_y"] * y)
        angle = np.radians(said["across_azimuth_deg"])
        across, along = x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle)
        power = -(((across - said["across0"]) / said["across_sigma"]) ** 2) / 2
        if said["along_sigma"] is not None:
            power = power - ((along - said["along0"]) / said["along_sigma"]) ** 2 / 2
        return np.asarray(said["z0"] + said["height"] * np.exp(power))


class Grid:
    """Posts with bilinear interpolation between them, the nearest edge's value outside."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said, self.values = said, np.array(said["values"], float)
        north = abs(said["dlat"]) * 111_000
        east = abs(said["dlon"]) * 111_000 * np.cos(np.radians(said["lat0"]))
        self.post_m: float | None = float(min(north, east))

    def elevations(self, longitudes: Floats, latitudes: Floats) -> Floats:
        rows, columns = self.values.shape
        i = np.clip(_wrapped(np.asarray(longitudes) - self.said["lon0"]) / self.said["dlon"], 0, columns - 1)
        j = np.clip((np.asarray(latitudes) - self.said["lat0"]) / self.said["dlat"], 0, rows - 1)
        west = np.clip(i.astype(int), 0, max(columns - 2, 0))
        south = np.clip(j.astype(int), 0, max(rows - 2, 0))
        east, north = np.minimum(west + 1, columns - 1), np.minimum(south + 1, rows - 1)
        f, g, values = i - west, j - south, self.values
        below = values[south, west] * (1 - f) + values[south, east] * f
        above = values[north, west] * (1 - f) + values[north, east] * f
        return np.asarray(below * (1 - g) + above * g)


def ground_of(said: Mapping[str, Any]) -> Ground:
    """The ground of a vector.

    Raises:
        ValueError: a type that is not known.
    """
    match said["type"]:
        case "flat":
            return FlatGround(said["elevation"])
        case "grid":
            return Grid(said)
        case "plane" | "ridge":
            return Formula(said)
    raise ValueError(f"unknown ground: {said['type']}")


# Photos


def facts_of(metadata: Mapping[str, Any]) -> PhotoFacts:
    """A photo as a vector's `metadata` tells it."""
    telemetry, take_off = metadata.get("telemetry"), metadata.get("take_off")
    return PhotoFacts(
        exif=metadata.get("exif") or {},
        xmp={name: str(value) for name, value in (metadata.get("xmp") or {}).items()},
        callback=metadata.get("callback"),
        file_name=metadata.get("file_name"),
        telemetry=Telemetry(**telemetry) if telemetry else None,
        take_off=TakeOff(**take_off) if take_off else None,
    )


def pose_by(camera: Mapping[str, Any], intrinsics: Mapping[str, Any]) -> CameraPose:
    """The camera as a vector's `camera` and `intrinsics` tell it."""
    distortion = intrinsics.get("distortion")
    return CameraPose(
        latitude=camera["latitude"],
        longitude=camera["longitude"],
        absolute_altitude=camera["absolute_altitude_m"],
        relative_altitude=camera.get("relative_altitude_m"),
        yaw=camera["yaw_deg"],
        pitch=camera["pitch_deg"],
        roll=camera["roll_deg"],
        lens=Intrinsics(
            **{name: intrinsics[name] for name in ("width", "height", "fx", "fy", "cx", "cy")},
            distortion=Distortion(**distortion) if distortion else None,
        ),
    )


# The plane: azimuthal equidistant about the camera, metres east and north


def in_plane(longitude: float, latitude: float, points: Sequence[Sequence[float]]) -> Floats:
    """Points, longitude first, in the plane about a camera; shape (n, 2)."""
    found = np.array([point[:2] for point in points], float).reshape(-1, 2)
    distances, bearings = inverse(longitude, latitude, found[:, 0], found[:, 1])
    return np.stack([distances * np.sin(bearings), distances * np.cos(bearings)], axis=-1)


def listed(points: Sequence[CoveragePoint]) -> list[list[float]]:
    """Points as the vectors have them."""
    return [[point.longitude, point.latitude, point.elevation] for point in points]


def check_form(found: Coverage, longitude: float) -> None:
    """Assert what holds of every answer: rings closed, simple, oriented and short enough, around the camera."""
    assert len(found.outer) <= 256
    assert len(found.all) <= 221
    for ring, is_outer in [(found.outer, True), *((hole, False) for hole in found.holes)]:
        if not ring:
            continue
        assert (ring[0].longitude, ring[0].latitude) == (ring[-1].longitude, ring[-1].latitude)
        places = [(point.longitude, point.latitude) for point in ring[:-1]]
        assert len(set(places)) == len(places) >= 3
        line = shapely.LinearRing(places)
        assert line.is_simple
        assert line.is_ccw is is_outer
        assert all(abs(point.longitude - longitude) <= 180 for point in ring)
        assert [point.debug for point in ring[1:] if point.debug] == []
    assert all(len(hole) <= 128 for hole in found.holes)
    for point in found.all:
        assert point.debug is None
        assert point.ray is None or 0 <= point.ray.bearing < 360
        assert point.direct_distance is None or point.direct_distance >= 0


def inverse(longitude: float, latitude: float, longitudes: Floats, latitudes: Floats) -> tuple[Floats, Floats]:
    """Vincenty's inverse formula: distances in metres and bearings in radians from one point to others."""
    turn = np.radians(_wrapped(np.asarray(longitudes, float) - longitude))
    u1, u2 = np.arctan((1 - F) * np.tan(np.radians(latitude))), np.arctan((1 - F) * np.tan(np.radians(latitudes)))
    s1, c1, s2, c2 = np.sin(u1), np.cos(u1), np.sin(u2), np.cos(u2)
    lam = turn.copy()
    for _ in range(30):
        sine = np.hypot(c2 * np.sin(lam), c1 * s2 - s1 * c2 * np.cos(lam))
        cosine = s1 * s2 + c1 * c2 * np.cos(lam)
        angle = np.arctan2(sine, cosine)
        alpha = np.where(sine == 0, 0, c1 * c2 * np.sin(lam) / np.where(sine == 0, 1, sine))
        squared = 1 - alpha**2
        middle = np.where(squared == 0, 0, cosine - 2 * s1 * s2 / np.where(squared == 0, 1, squared))
        c = F / 16 * squared * (4 + F * (4 - 3 * squared))
        lam = turn + (1 - c) * F * alpha * (angle + c * sine * (middle + c * cosine * (-1 + 2 * middle**2)))
    big, small = _series(squared)
    distance = B * big * (angle - _correction(small, sine, cosine, middle))
    return distance, np.arctan2(c2 * np.sin(lam), c1 * s2 - s1 * c2 * np.cos(lam))


def direct(longitude: float, latitude: float, bearings: Floats, distances: Floats) -> tuple[Floats, Floats]:
    """Vincenty's direct formula: longitudes and latitudes; longitudes may exceed ±180."""
    u1 = np.arctan((1 - F) * np.tan(np.radians(latitude)))
    start = np.arctan2(np.tan(u1), np.cos(bearings))
    alpha = np.cos(u1) * np.sin(bearings)
    squared = 1 - alpha**2
    big, small = _series(squared)
    angle = distances / (B * big)
    for _ in range(20):
        middle = np.cos(2 * start + angle)
        angle = distances / (B * big) + _correction(small, np.sin(angle), np.cos(angle), middle)
    middle, sine, cosine = np.cos(2 * start + angle), np.sin(angle), np.cos(angle)
    s1, c1 = np.sin(u1), np.cos(u1)
    found = np.arctan2(
        s1 * cosine + c1 * sine * np.cos(bearings),
        (1 - F) * np.hypot(alpha, s1 * sine - c1 * cosine * np.cos(bearings)),
    )
    lam = np.arctan2(sine * np.sin(bearings), c1 * cosine - s1 * sine * np.cos(bearings))
    c = F / 16 * squared * (4 + F * (4 - 3 * squared))
    turn = lam - (1 - c) * F * alpha * (angle + c * sine * (middle + c * cosine * (-1 + 2 * middle**2)))
    return longitude + np.degrees(turn), np.degrees(found)


def _series(squared: Floats) -> tuple[Floats, Floats]:
    u = squared * (A * A - B * B) / (B * B)
    big = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    return big, u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))


def _correction(small: Floats, sine: Floats, cosine: Floats, middle: Floats) -> Floats:
    inner = cosine * (-1 + 2 * middle**2) - small / 6 * middle * (-3 + 4 * sine**2) * (-3 + 4 * middle**2)
    return np.asarray(small * sine * (middle + small / 4 * inner))


def _wrapped(degrees: Floats) -> Floats:
    return np.asarray((degrees + 180) % 360 - 180)
