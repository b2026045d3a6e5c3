"""Draws what a running hub says that photos of the simulator show, over the marks that lie on the simulated ground.

    ofh demo --photos                                    # and when some photos are there:
    python scripts/coverage_picture.py URL TOKEN WORKSPACE --seed SEED --place LONGITUDE LATITUDE --out docs/images

Writes `coverage-marks.png`, every photo's outline, the ground that they show together, and the marks, filled where some
photo has them whole in its picture and hollow where none has; and `coverage-photo.jpg`, one photo beside its outline.
A mark that is filled outside of all outlines, or hollow inside of one, would be an error; the program counts them.
"""

import argparse
import asyncio
import io
import sys
from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import httpx2
import shapely  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

from ofh.domain.geodesy import distance_m, local_offset, offset
from ofh.domain.pictures.metadata import read_metadata
from ofh.simulator.camera import Pose
from ofh.simulator.ground import MARK_RADIUS_M, Mark, marks

PHOTOS = """query($w: ID!) { workspace(id: $w) { coverage { geoJson area mediaCount } media(first: 200) { edges { node {
    id fileName cameraModel groundCoverage { geoJson } file { url }
} } } } }"""
SIZE = 1_600
MARGIN = 40
_INK, _PAPER, _TOGETHER = (40, 44, 52), (252, 252, 250), (222, 232, 214)
_OUTLINES = ((180, 60, 40), (30, 100, 170), (120, 60, 150), (20, 130, 100), (170, 110, 0))

Point = tuple[float, float]
Rings = list[list[Point]]


@dataclass
class Shown:
    """A photo, its outline as the hub has it, and the pose that its file tells."""

    name: str
    rings: Rings
    """Longitude and latitude; the outline, then its holes."""
    content: bytes
    pose: Pose


def pose_of(content: bytes) -> Pose:
    """What the file says, by its XMP."""
    found = read_metadata(lambda at, length: content[at : at + length], len(content), "image/jpeg")
    xmp = found.xmp

    def number(name: str) -> float:
        return float(xmp[name])

    assert found.width
    assert found.height
    return Pose(
        longitude_deg=number("GpsLongitude"),
        latitude_deg=number("GpsLatitude"),
        elevation_m=number("RelativeAltitude"),
        yaw_deg=number("GimbalYawDegree"),
        pitch_deg=number("GimbalPitchDegree"),
        roll_deg=number("GimbalRollDegree"),
        width=found.width,
        height=found.height,
        focal_px=number("CalibratedFocalLength"),
    )


async def fetch(url: str, token: str, workspace: str) -> tuple[list[Shown], dict[str, Any]]:
    """All photos with a coverage, and what they show together."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=120) as client:
        asked = {"query": PHOTOS, "variables": {"w": workspace}}
        answer = (await client.post(f"{url}/graphql", json=asked)).raise_for_status().json()
        found = answer["data"]["workspace"]
        shown = []
        for edge in found["media"]["edges"]:
            node = edge["node"]
            if node["groundCoverage"] is None or node["groundCoverage"]["geoJson"] is None:
                continue
            content = (await client.get(f"{url}/api/file/data/{node['file']['url'].rpartition('/')[2]}")).content
            rings = [[(x, y) for x, y in ring] for ring in node["groundCoverage"]["geoJson"]["coordinates"]]
            shown.append(Shown(node["fileName"], rings, content, pose_of(content)))
    return shown, found["coverage"]


def whole_in(pose: Pose, mark: Mark, range_m: float) -> bool:
    """Whether a picture shows a mark from rim to rim, within the range that counts as shown."""
    if away_from(pose, mark) > range_m:
        return False
    rim = (
        offset(
            mark.longitude_deg,
            mark.latitude_deg,
            east_m=MARK_RADIUS_M * cos(step * pi / 6),
            north_m=MARK_RADIUS_M * sin(step * pi / 6),
        )
        for step in range(12)
    )
    return all(pose.locate(*point) is not None for point in rim)


def away_from(pose: Pose, mark: Mark) -> float:
    """Metres from below the camera."""
    return distance_m(pose.longitude_deg, pose.latitude_deg, mark.longitude_deg, mark.latitude_deg)


class Map:
    """A plan, north up, in metres around a place."""

    def __init__(self, place: Point, west: float, south: float, east: float, north: float, size: int = SIZE) -> None:
        self._place = place
        self._west, self._north = west, north
        self.per_px = max(east - west, north - south) / (size - 2 * MARGIN)
        width, height = ((east - west) / self.per_px, (north - south) / self.per_px)
        self.image = Image.new("RGB", (round(width) + 2 * MARGIN, round(height) + 2 * MARGIN), _PAPER)

    def at(self, longitude: float, latitude: float) -> Point:
        """Where a place is in the picture."""
        east, north = local_offset(*self._place, longitude, latitude)
        return (east - self._west) / self.per_px + MARGIN, (self._north - north) / self.per_px + MARGIN

    def area(self, rings: Rings, fill: tuple[int, int, int]) -> None:
        """An area with its holes."""
        mask = Image.new("L", self.image.size, 0)
        pen = ImageDraw.Draw(mask)
        for number, ring in enumerate(rings):
            pen.polygon([self.at(*point) for point in ring], fill=0 if number else 255)
        self.image.paste(fill, (0, 0), mask)

    def line(self, rings: Rings, colour: tuple[int, int, int], width: int = 2) -> None:
        """The outline of an area and of its holes."""
        pen = ImageDraw.Draw(self.image)
        for ring in rings:
            pen.line([self.at(*point) for point in ring], fill=colour, width=width, joint="curve")

    def mark(self, mark: Mark, *, is_filled: bool) -> None:
        """A mark in its colour, or an empty ring."""
        x, y = self.at(mark.longitude_deg, mark.latitude_deg)
        radius = max(MARK_RADIUS_M / self.per_px, 2.5)
        box = (x - radius, y - radius, x + radius, y + radius)
        pen = ImageDraw.Draw(self.image)
        if is_filled:
            pen.ellipse(box, fill=mark.colour, outline=_INK)
        else:
            pen.ellipse(box, outline=(150, 154, 160))

    def scale(self, metres: int) -> None:
        """A bar of so many metres."""
        pen = ImageDraw.Draw(self.image)
        x, y = MARGIN, self.image.height - MARGIN / 2
        pen.line([(x, y), (x + metres / self.per_px, y)], fill=_INK, width=4)
        pen.text((x + metres / self.per_px + 8, y - 12), f"{metres} m, north up", fill=_INK, font_size=20)


def bounds(rings: Rings, place: Point) -> tuple[float, float, float, float]:
    """West, south, east and north of rings, in metres from a place."""
    points = [local_offset(*place, *point) for ring in rings for point in ring]
    easts, norths = [point[0] for point in points], [point[1] for point in points]
    return min(easts), min(norths), max(easts), max(norths)


def draw_all(
    shown: list[Shown], together: dict[str, Any], place: Point, seed: int, reach_m: float, range_m: float
) -> Image.Image:
    """Every outline over the marks, as far from the place as is asked for."""
    west, south, east, north = bounds([ring for one in shown for ring in one.rings], place)
    around = Map(place, max(west, -reach_m), max(south, -reach_m), min(east, reach_m), min(north, reach_m))
    for polygon in together["geoJson"]["coordinates"]:
        around.area([[(x, y) for x, y in ring] for ring in polygon], _TOGETHER)
    polygons = [(one, shapely.Polygon(one.rings[0], one.rings[1:])) for one in shown]
    wrong = 0
    for mark in marks(place, seed):
        point = shapely.Point(mark.longitude_deg, mark.latitude_deg)
        is_seen = any(whole_in(one.pose, mark, range_m) for one, _ in polygons)
        is_inside = any(polygon.contains(point) for _, polygon in polygons)
        is_cut = any(
            one.pose.locate(mark.longitude_deg, mark.latitude_deg)
            and away_from(one.pose, mark) < range_m + 2 * MARK_RADIUS_M
            for one, _ in polygons
        )
        wrong += is_inside != is_seen and (is_seen or not is_cut)
        around.mark(mark, is_filled=is_seen)
    for number, one in enumerate(shown):
        around.line(one.rings, _OUTLINES[number % len(_OUTLINES)])
    for polygon in together["geoJson"]["coordinates"]:
        around.line([[(x, y) for x, y in ring] for ring in polygon], _INK, 4)
    around.scale(100)
    print(
        f"{len(shown)} photos, {together['area'] / 1e6:.3f} km2 together, {wrong} marks on the wrong side of an outline"
    )
    return around.image


def draw_one(one: Shown, place: Point, seed: int, range_m: float) -> Image.Image:
    """A photo, and beside it its outline over the marks."""
    with Image.open(io.BytesIO(one.content)) as picture:
        photo = picture.convert("RGB")
    west, south, east, north = bounds(one.rings, place)
    plan = Map(place, west - 15, south - 15, east + 15, north + 15, photo.height)
    plan.area(one.rings, _TOGETHER)
    for mark in marks(place, seed):
        x, y = plan.at(mark.longitude_deg, mark.latitude_deg)
        if 0 <= x < plan.image.width and 0 <= y < plan.image.height:
            plan.mark(mark, is_filled=whole_in(one.pose, mark, range_m))
            ImageDraw.Draw(plan.image).text((x, y + 8), mark.number, fill=_INK, font_size=15, anchor="mt")
    plan.line(one.rings, _OUTLINES[0], 3)
    plan.scale(50)
    whole = Image.new("RGB", (photo.width + plan.image.width + 20, max(photo.height, plan.image.height)), _PAPER)
    whole.paste(photo, (0, 0))
    whole.paste(plan.image, (photo.width + 20, 0))
    return whole


def main() -> int:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("token", help="a personal access token")
    parser.add_argument("workspace", help="its id")
    parser.add_argument("--seed", type=int, required=True, help="of the simulated fleet")
    parser.add_argument("--place", type=float, nargs=2, required=True, metavar=("LONGITUDE", "LATITUDE"))
    parser.add_argument("--range", type=float, default=5_000, help="the hub's OFH_COVERAGE_RANGE_M")
    parser.add_argument("--reach", type=float, default=500, help="metres from the place that are drawn")
    parser.add_argument("--most", type=int, default=30, help="photos that are drawn")
    parser.add_argument("--photo", help="the name of the one that is drawn by itself; a slanting one if left out")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    place = (given.place[0], given.place[1])
    shown, together = asyncio.run(fetch(given.url, given.token, given.workspace))
    if not shown:
        print("The hub has no photo whose ground it knows.", file=sys.stderr)
        return 1
    draw_all(shown[-given.most :], together, place, given.seed, given.reach, given.range).save(
        given.out / "coverage-marks.png"
    )
    named = [one for one in shown if one.name == given.photo]
    slanting = sorted(shown, key=lambda one: abs(one.pose.pitch_deg + 45))
    draw_one((named or slanting)[0], place, given.seed, given.range).save(given.out / "coverage-photo.jpg", quality=85)
    return 0


if __name__ == "__main__":
    sys.exit(main())
